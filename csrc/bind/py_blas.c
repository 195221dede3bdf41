/* py_blas.c: dense matrix products by SciPy's BLAS, called through its Cython capsules. */
#include "rgb_common.h"

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

PyMethodDef rgb_blas_methods[] = {
    RGB_METHOD("gemm", gemm, gemm_doc),
    {NULL, NULL, 0, NULL},
};
