/* py_block.c: binding of rg_block.h: decimation, majority rule, Kadanoff's blocks. */
#include "rgb_common.h"

#include "rg_bits.h"
#include "rg_block.h"

enum { SITES_PER_SLICE = 1 << 22 };

/* Check spins (n, *extents) against b and allocate the coarse array. Returns a new reference, or
 * NULL with an exception set. */
static PyObject *blocked_array(PyArrayObject *spins, size_t b, rg_blocking_t *blocking)
{
    int ndim = PyArray_NDIM(spins) - 1;
    if (ndim < 1 || ndim > RG_BLOCK_NDIM) {
        PyErr_Format(PyExc_ValueError, "spins must have 2 to %d dimensions, got %d",
                     RG_BLOCK_NDIM + 1, ndim + 1);
        return NULL;
    }
    size_t extents[RG_BLOCK_NDIM] = {0};
    npy_intp dims[RG_BLOCK_NDIM + 1] = {PyArray_DIM(spins, 0)};
    for (int axis = 0; axis < ndim; axis++) {
        extents[axis] = (size_t)PyArray_DIM(spins, axis + 1);
        if (extents[axis] == 0 || extents[axis] % b != 0) {
            PyErr_Format(PyExc_ValueError, "b must divide every extent of spins, got b=%zu and %zu",
                         b, extents[axis]);
            return NULL;
        }
        dims[axis + 1] = (npy_intp)(extents[axis] / b);
    }
    int ret = rg_blocking_init(blocking, extents, (size_t)ndim, b);
    if (ret != RG_OK) {
        return rgb_raise(ret);
    }
    return PyArray_SimpleNew(ndim + 1, dims, NPY_INT8);
}

/* One of the transformations; `draw` does configurations first .. first + n - 1. */
typedef struct {
    const rg_blocking_t *blocking;
    int (*draw)(const void *self, size_t first, const int8_t *fine, size_t n, int8_t *coarse);
    int ties;
    double strength;
    uint64_t key[4];
} blocks_t;

static int draw_decimated(const void *self, size_t first, const int8_t *fine, size_t n,
                          int8_t *coarse)
{
    (void)first;
    rg_decimate(((const blocks_t *)self)->blocking, fine, n, coarse);
    return RG_OK;
}

static int draw_majority(const void *self, size_t first, const int8_t *fine, size_t n,
                         int8_t *coarse)
{
    const blocks_t *job = self;
    return rg_majority(job->blocking, job->ties, job->key, first, fine, n, coarse);
}

static int draw_kadanoff(const void *self, size_t first, const int8_t *fine, size_t n,
                         int8_t *coarse)
{
    const blocks_t *job = self;
    return rg_kadanoff(job->blocking, job->strength, job->key, first, fine, n, coarse);
}

/* Run in slices of whole groups. Returns coarse, or NULL with an exception set. */
static PyObject *run_blocks(blocks_t *job, PyObject *object, size_t b)
{
    rg_blocking_t blocking;
    PyArrayObject *spins = rgb_array(object, "spins", NPY_INT8, -1, false);
    PyObject *coarse = spins ? blocked_array(spins, b, &blocking) : NULL;
    if (coarse == NULL) {
        return NULL;
    }
    job->blocking = &blocking;
    const int8_t *data = PyArray_DATA(spins);
    int8_t *out = PyArray_DATA((PyArrayObject *)coarse);
    size_t n = (size_t)PyArray_DIM(spins, 0);
    size_t step = (SITES_PER_SLICE / blocking.n_sites / RG_BLOCK_GROUP + 1) * RG_BLOCK_GROUP;
    for (size_t first = 0; first < n; first += step) {
        size_t count = n - first < step ? n - first : step;
        int ret = RG_OK;
        Py_BEGIN_ALLOW_THREADS
            ret = job->draw(job, first, data + first * blocking.n_sites, count,
                            out + first * blocking.n_blocks);
        Py_END_ALLOW_THREADS
        if (ret != RG_OK || rgb_between_slices(NULL, 0.0) < 0) {
            Py_DECREF(coarse);
            return ret != RG_OK ? rgb_raise(ret) : NULL;
        }
    }
    return coarse;
}

PyDoc_STRVAR(decimate_doc, "decimate($module, /, spins, b)\n--\n\n"
                           "First site of every block of b per axis; spins is (n, *shape).");

static PyObject *decimate(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"spins", "b", NULL};
    PyObject *object = NULL;
    size_t b = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&:decimate", names, &object,
                                     rgb_convert_count, &b)) {
        return NULL;
    }
    blocks_t job = {.draw = draw_decimated};
    return run_blocks(&job, object, b);
}

PyDoc_STRVAR(majority_doc, "majority($module, /, spins, b, ties, key)\n--\n\n"
                           "Sign of every block sum; ties 0: keyed coins (rg_block.h), 1: corner.");

static PyObject *majority(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"spins", "b", "ties", "key", NULL};
    PyObject *object = NULL;
    size_t b = 0;
    blocks_t job = {.draw = draw_majority};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&iO&:majority", names, &object,
                                     rgb_convert_count, &b, &job.ties, rgb_convert_key, job.key)) {
        return NULL;
    }
    return run_blocks(&job, object, b);
}

PyDoc_STRVAR(kadanoff_doc, "kadanoff($module, /, spins, b, strength, key)\n--\n\n"
                           "Block spins up with probability 1 / (1 + exp(-2 strength sum)).");

static PyObject *kadanoff(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"spins", "b", "strength", "key", NULL};
    PyObject *object = NULL;
    size_t b = 0;
    blocks_t job = {.draw = draw_kadanoff};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&dO&:kadanoff", names, &object,
                                     rgb_convert_count, &b, &job.strength, rgb_convert_key,
                                     job.key)) {
        return NULL;
    }
    return run_blocks(&job, object, b);
}

PyDoc_STRVAR(majority_rows_doc, "majority_rows($module, /, bits, n_columns, ties, key)\n--\n\n"
                                "Majority rule, b = 2, on bits (n, n_rows, words).");

static PyObject *majority_rows(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"bits", "n_columns", "ties", "key", NULL};
    PyObject *object = NULL;
    size_t n_columns = 0;
    int ties = 0;
    uint64_t key[4];
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&iO&:majority_rows", names, &object,
                                     rgb_convert_count, &n_columns, &ties, rgb_convert_key, key)) {
        return NULL;
    }
    PyArrayObject *bits = rgb_array(object, "bits", NPY_UINT64, 3, false);
    if (bits == NULL) {
        return NULL;
    }
    size_t n = (size_t)PyArray_DIM(bits, 0);
    size_t n_rows = (size_t)PyArray_DIM(bits, 1);
    size_t words = (size_t)PyArray_DIM(bits, 2);
    if (words != rg_bits_words(n_columns) || n_rows % 2 != 0 || n_columns % 2 != 0 || n_rows == 0) {
        PyErr_Format(PyExc_ValueError,
                     "bits must be (n, even rows, words of an even number of columns), got %zu "
                     "rows of %zu words for %zu columns",
                     n_rows, words, n_columns);
        return NULL;
    }
    npy_intp dims[] = {(npy_intp)n, (npy_intp)(n_rows / 2), (npy_intp)rg_bits_words(n_columns / 2)};
    PyObject *coarse = PyArray_SimpleNew(3, dims, NPY_UINT64);
    const uint64_t *data = PyArray_DATA(bits);
    uint64_t *out = coarse ? PyArray_DATA((PyArrayObject *)coarse) : NULL;
    size_t out_size = (size_t)dims[1] * (size_t)dims[2];
    size_t step = (SITES_PER_SLICE / (n_rows * n_columns) / RG_BLOCK_GROUP + 1) * RG_BLOCK_GROUP;
    for (size_t first = 0; coarse != NULL && first < n; first += step) {
        size_t count = n - first < step ? n - first : step;
        int ret = RG_OK;
        Py_BEGIN_ALLOW_THREADS
            ret = rg_majority_rows(n_rows, n_columns, ties, key, first,
                                   data + first * n_rows * words, count, out + first * out_size);
        Py_END_ALLOW_THREADS
        if (ret != RG_OK || rgb_between_slices(NULL, 0.0) < 0) {
            Py_CLEAR(coarse);
            return ret != RG_OK ? rgb_raise(ret) : NULL;
        }
    }
    return coarse;
}

PyMethodDef rgb_block_methods[] = {
    RGB_METHOD("decimate", decimate, decimate_doc),
    RGB_METHOD("kadanoff", kadanoff, kadanoff_doc),
    RGB_METHOD("majority", majority, majority_doc),
    RGB_METHOD("majority_rows", majority_rows, majority_rows_doc),
    {NULL, NULL, 0, NULL},
};
