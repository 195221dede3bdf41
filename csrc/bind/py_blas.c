/* py_blas.c: dense matrix products by SciPy's BLAS, called through its Cython capsules. */
#include "rgb_common.h"

#include "rg_dispatch.h"
#include "rg_unit.h"

#include <limits.h>

#include "rg_thread.h"

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

/* A product out = alpha op(a) op(b) + beta out of row-major arrays, to be done in pieces: a
 * library's last bits depend on how many threads it uses, those of a piece do not. */
typedef struct {
    gemm_t routine;
    size_t real; /* bytes of a number */
    const char *a, *b;
    char *out;
    size_t m, n, k;
    bool transpose_a, transpose_b;
    void *factor, *keep;
} product_t;

enum {
    PIECE = 256,            /* rows or columns of out, whichever there are more of: at least */
    LEAST_PRODUCT = 1 << 20 /* multiplications: not cut below that */
};

static size_t n_pieces(const product_t *job)
{
    size_t longer = job->m > job->n ? job->m : job->n;
    bool small = longer < 2 * PIECE || job->m * job->n < LEAST_PRODUCT / job->k;
    return small ? 1 : longer / PIECE;
}

static void run_piece(const product_t *job, size_t piece)
{
    size_t pieces = n_pieces(job);
    bool by_rows = job->m > job->n;
    size_t longer = by_rows ? job->m : job->n;
    size_t from = piece * longer / pieces;
    size_t length = (piece + 1) * longer / pieces - from;
    size_t row = by_rows ? from : 0, column = by_rows ? 0 : from;
    size_t n_rows = by_rows ? length : job->m, n_columns = by_rows ? job->n : length;
    /* rows of C are columns of Fortran, so out' = op(b)' op(a)' */
    char first = job->transpose_b ? 'T' : 'N', second = job->transpose_a ? 'T' : 'N';
    int columns = (int)n_columns, rows = (int)n_rows, inner = (int)job->k, width = (int)job->n;
    int ldb = job->transpose_b ? inner : width, lda = job->transpose_a ? (int)job->m : inner;
    const char *a = &job->a[row * (job->transpose_a ? 1 : job->k) * job->real];
    const char *b = &job->b[column * (job->transpose_b ? job->k : 1) * job->real];
    job->routine(&first, &second, &columns, &rows, &inner, job->factor, (void *)(uintptr_t)b, &ldb,
                 (void *)(uintptr_t)a, &lda, job->keep,
                 &job->out[(row * job->n + column) * job->real], &width);
}

static void product_worker(void *context, rg_team_t *team, size_t worker)
{
    const product_t *job = context;
    for (size_t piece = worker; piece < n_pieces(job); piece += rg_team_size(team)) {
        run_piece(job, piece);
    }
}

PyDoc_STRVAR(gemm_doc,
             "gemm($module, /, routine, a, b, out, transpose_a, transpose_b, alpha, beta,\n"
             "     workers=1)\n--\n\n"
             "out = alpha op(a) op(b) + beta out in place, by the capsule of sgemm or dgemm that\n"
             "fits the arrays' dtype. If the library uses one thread, the bits do not depend on\n"
             "the workers.");

static PyObject *gemm(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"routine",     "a",     "b",    "out",     "transpose_a",
                               "transpose_b", "alpha", "beta", "workers", NULL};
    PyObject *capsule = NULL, *a_object = NULL, *b_object = NULL, *out_object = NULL;
    int transpose_a = 0, transpose_b = 0;
    double alpha = 1.0, beta = 0.0;
    size_t workers = 1;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOOppdd|O&:gemm", keywords, &capsule,
                                     &a_object, &b_object, &out_object, &transpose_a, &transpose_b,
                                     &alpha, &beta, rgb_convert_count, &workers)) {
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
    float alpha_single = (float)alpha, beta_single = (float)beta;
    product_t job = {.routine = routine,
                     .real = single ? sizeof(float) : sizeof(double),
                     .a = PyArray_DATA(a),
                     .b = PyArray_DATA(b),
                     .out = PyArray_DATA(out),
                     .m = (size_t)m,
                     .n = (size_t)n,
                     .k = (size_t)k,
                     .transpose_a = transpose_a,
                     .transpose_b = transpose_b,
                     .factor = single ? (void *)&alpha_single : (void *)&alpha,
                     .keep = single ? (void *)&beta_single : (void *)&beta};
    workers = workers < n_pieces(&job) ? workers : n_pieces(&job);
    Py_BEGIN_ALLOW_THREADS
        rg_team_run(workers, product_worker, &job);
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

PyDoc_STRVAR(unit_means_doc, "unit_means($module, /, x, bias, spin)\n--\n\n"
                             "Inputs of units without their biases, (rows, units) of float32 or\n"
                             "float64, become means of the units in place.");

static PyObject *unit_means(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"x", "bias", "spin", NULL};
    PyObject *x_object = NULL, *bias_object = NULL;
    int spin = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOp:unit_means", keywords, &x_object,
                                     &bias_object, &spin)) {
        return NULL;
    }
    bool single = PyArray_Check(x_object) && PyArray_TYPE((PyArrayObject *)x_object) == NPY_FLOAT32;
    int type = single ? NPY_FLOAT32 : NPY_FLOAT64;
    PyArrayObject *x = rgb_array(x_object, "x", type, 2, true);
    PyArrayObject *bias = x ? rgb_array(bias_object, "bias", type, 1, false) : NULL;
    if (bias == NULL) {
        return NULL;
    }
    if (PyArray_DIM(bias, 0) != PyArray_DIM(x, 1)) {
        PyErr_SetString(PyExc_ValueError, "bias must have one value per column of x");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
        rg_unit_means(single, spin, (size_t)PyArray_DIM(x, 0), (size_t)PyArray_DIM(x, 1),
                      PyArray_DATA(bias), PyArray_DATA(x));
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyMethodDef rgb_blas_methods[] = {
    RGB_METHOD("unit_means", unit_means, unit_means_doc),
    RGB_METHOD("unit_sums", unit_sums, unit_sums_doc),
    RGB_METHOD("gemm", gemm, gemm_doc),
    {NULL, NULL, 0, NULL},
};
