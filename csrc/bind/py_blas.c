/* py_blas.c: dense matrix products by SciPy's BLAS, called through its Cython capsules. */
#include "rgb_common.h"

#include "rg_dispatch.h"

#include <limits.h>

/* xgemm of Fortran BLAS with 32-bit integers (LP64); reals are float or double. */
typedef void (*gemm_t)(char *, char *, int *, int *, int *, void *, void *, int *, void *, int *,
                       void *, void *, int *);

/* What Cython writes as the name of the capsule of sgemm or dgemm in an LP64 build, up to the
 * name of the real type: a build with 64-bit integers has another one. */
static const char lp64_start[] = "void (char *, char *, int *, int *, int *, ";
static const char lp64_end[] = ", int *)";

/* The routine in a capsule of scipy.linalg.cython_blas; NULL with an exception set if the capsule
 * is none of LP64. */
static gemm_t take_routine(PyObject *capsule)
{
    const char *name = PyCapsule_CheckExact(capsule) ? PyCapsule_GetName(capsule) : NULL;
    size_t length = name ? strlen(name) : 0;
    size_t ending = sizeof lp64_end - 1;
    if (length < sizeof lp64_start + ending ||
        strncmp(name, lp64_start, sizeof lp64_start - 1) != 0 ||
        strcmp(name + length - ending, lp64_end) != 0) {
        PyErr_Format(PyExc_TypeError, "routine must be a gemm of 32-bit integers, got %s",
                     name ? name : "no capsule");
        return NULL;
    }
    void *address = PyCapsule_GetPointer(capsule, name);
    gemm_t routine = NULL;
    memcpy(&routine, &address, sizeof routine); /* ISO C has no cast from object to function */
    return routine;
}

PyDoc_STRVAR(gemm_doc,
             "gemm($module, /, routine, a, b, out, transpose_a, transpose_b, alpha, beta)\n--\n\n"
             "out = alpha op(a) op(b) + beta out in place, by the capsule of sgemm or dgemm that\n"
             "fits the arrays' dtype.");

static PyObject *gemm(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"routine",     "a",     "b",    "out", "transpose_a",
                               "transpose_b", "alpha", "beta", NULL};
    PyObject *capsule = NULL, *a_object = NULL, *b_object = NULL, *out_object = NULL;
    int transpose_a = 0, transpose_b = 0;
    double alpha = 1.0, beta = 0.0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOOppdd:gemm", keywords, &capsule, &a_object,
                                     &b_object, &out_object, &transpose_a, &transpose_b, &alpha,
                                     &beta)) {
        return NULL;
    }
    gemm_t routine = take_routine(capsule);
    if (routine == NULL) {
        return NULL;
    }
    bool single =
        PyArray_Check(out_object) && PyArray_TYPE((PyArrayObject *)out_object) == NPY_FLOAT32;
    int type = single ? NPY_FLOAT32 : NPY_FLOAT64;
    PyArrayObject *a = rgb_array(a_object, "a", type, 2, false);
    PyArrayObject *b = a ? rgb_array(b_object, "b", type, 2, false) : NULL;
    PyArrayObject *out = b ? rgb_array(out_object, "out", type, 2, true) : NULL;
    if (out == NULL) {
        return NULL;
    }
    if ((strstr(PyCapsule_GetName(capsule), "cython_blas_s *") != NULL) != single) {
        PyErr_SetString(PyExc_TypeError, "routine and arrays must have the same precision");
        return NULL;
    }
    npy_intp m = PyArray_DIM(a, transpose_a ? 1 : 0), k = PyArray_DIM(a, transpose_a ? 0 : 1);
    npy_intp n = PyArray_DIM(b, transpose_b ? 0 : 1);
    if (PyArray_DIM(b, transpose_b ? 1 : 0) != k || PyArray_DIM(out, 0) != m ||
        PyArray_DIM(out, 1) != n) {
        PyErr_SetString(PyExc_ValueError, "a, b and out must have shapes that fit");
        return NULL;
    }
    if (m == 0 || n == 0 || k == 0 || m > INT_MAX || n > INT_MAX || k > INT_MAX) {
        PyErr_SetString(PyExc_ValueError, "extents must be in [1, 2^31)");
        return NULL;
    }
    /* rows of C are columns of Fortran, so out' = op(b)' op(a)' */
    char first = transpose_b ? 'T' : 'N', second = transpose_a ? 'T' : 'N';
    int columns = (int)n, rows = (int)m, inner = (int)k;
    int ldb = (int)PyArray_DIM(b, 1), lda = (int)PyArray_DIM(a, 1);
    float alpha_single = (float)alpha, beta_single = (float)beta;
    void *factor = single ? (void *)&alpha_single : (void *)&alpha;
    void *keep = single ? (void *)&beta_single : (void *)&beta;
    Py_BEGIN_ALLOW_THREADS
        routine(&first, &second, &columns, &rows, &inner, factor, PyArray_DATA(b), &ldb,
                PyArray_DATA(a), &lda, keep, PyArray_DATA(out), &columns);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyDoc_STRVAR(unit_sums_doc, "unit_sums($module, /, x, bias, spin)\n--\n\n"
                            "Sums over units (rows of x, float64) of ln sum_h exp((x + bias) h),\n"
                            "per column; x becomes the means of the units.");

static PyObject *unit_sums(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"x", "bias", "spin", NULL};
    PyObject *x_object = NULL, *bias_object = NULL;
    int spin = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOp:unit_sums", keywords, &x_object,
                                     &bias_object, &spin)) {
        return NULL;
    }
    PyArrayObject *x = rgb_array(x_object, "x", NPY_FLOAT64, 2, true);
    PyArrayObject *bias = x ? rgb_array(bias_object, "bias", NPY_FLOAT64, 1, false) : NULL;
    if (bias == NULL) {
        return NULL;
    }
    if (PyArray_DIM(bias, 0) != PyArray_DIM(x, 0)) {
        PyErr_SetString(PyExc_ValueError, "bias must have one value per row of x");
        return NULL;
    }
    npy_intp n_states = PyArray_DIM(x, 1);
    PyObject *sums = PyArray_SimpleNew(1, &n_states, NPY_FLOAT64);
    if (sums == NULL) {
        return NULL;
    }
    rg_unit_sums_t job = {.n_units = (size_t)PyArray_DIM(x, 0),
                          .n_states = (size_t)n_states,
                          .spin = spin,
                          .bias = PyArray_DATA(bias),
                          .x = PyArray_DATA(x),
                          .sums = PyArray_DATA((PyArrayObject *)sums)};
    Py_BEGIN_ALLOW_THREADS
        rg_kernels()->unit_sums(&job);
    Py_END_ALLOW_THREADS
    return sums;
}

PyMethodDef rgb_blas_methods[] = {
    RGB_METHOD("unit_sums", unit_sums, unit_sums_doc),
    RGB_METHOD("gemm", gemm, gemm_doc),
    {NULL, NULL, 0, NULL},
};
