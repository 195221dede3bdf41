/* py_block.c: binding of rg_block.h and rg_filter.h: decimation, majority rule, Kadanoff's blocks,
 * filters. */
#include "rgb_common.h"

#include "rg_bits.h"
#include "rg_block.h"
#include "rg_filter.h"

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
    int (*draw)(void *self, size_t first, const int8_t *fine, size_t n, int8_t *coarse);
    int ties;
    double strength;
    uint64_t key[4];
    rg_block_stream_t random;
} blocks_t;

static int draw_decimated(void *self, size_t first, const int8_t *fine, size_t n, int8_t *coarse)
{
    (void)first;
    rg_decimate(((blocks_t *)self)->blocking, fine, n, coarse);
    return RG_OK;
}

static int draw_majority(void *self, size_t first, const int8_t *fine, size_t n, int8_t *coarse)
{
    blocks_t *job = self;
    return rg_majority(job->blocking, job->ties, job->key, &job->random, first, fine, n, coarse);
}

static int draw_kadanoff(void *self, size_t first, const int8_t *fine, size_t n, int8_t *coarse)
{
    blocks_t *job = self;
    return rg_kadanoff(job->blocking, job->strength, job->key, &job->random, first, fine, n,
                       coarse);
}

/* Run in slices of about SITES_PER_SLICE sites, at least one configuration. Returns coarse, or NULL
 * with an exception set. */
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
    size_t step = SITES_PER_SLICE / blocking.n_sites;
    step = step > 0 ? step : 1;
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

/* One of the transformations of rows of bits; see blocks_t. */
typedef struct {
    int (*draw)(void *self, size_t first, const uint64_t *bits, size_t n, uint64_t *coarse);
    size_t n_rows;
    size_t n_columns;
    size_t b;
    int ties;
    double strength;
    uint64_t key[4];
    rg_block_stream_t random;
    rg_filter_t *filter;
} rows_t;

static int draw_decimated_rows(void *self, size_t first, const uint64_t *bits, size_t n,
                               uint64_t *coarse)
{
    rows_t *job = self;
    (void)first;
    return rg_decimate_rows(job->n_rows, job->n_columns, job->b, bits, n, coarse);
}

static int draw_majority_rows(void *self, size_t first, const uint64_t *bits, size_t n,
                              uint64_t *coarse)
{
    rows_t *job = self;
    return rg_majority_rows(job->n_rows, job->n_columns, job->b, job->ties, job->key, &job->random,
                            first, bits, n, coarse);
}

static int draw_kadanoff_rows(void *self, size_t first, const uint64_t *bits, size_t n,
                              uint64_t *coarse)
{
    rows_t *job = self;
    return rg_kadanoff_rows(job->n_rows, job->n_columns, job->b, job->strength, job->key,
                            &job->random, first, bits, n, coarse);
}

static int draw_filter_rows(void *self, size_t first, const uint64_t *bits, size_t n,
                            uint64_t *coarse)
{
    (void)first;
    rg_filter_rows(((rows_t *)self)->filter, bits, n, coarse);
    return RG_OK;
}

/* As run_blocks, for bits (n, n_rows, words). */
static PyObject *run_rows(rows_t *job, PyObject *object)
{
    PyArrayObject *bits = rgb_array(object, "bits", NPY_UINT64, 3, false);
    if (bits == NULL) {
        return NULL;
    }
    size_t n = (size_t)PyArray_DIM(bits, 0);
    size_t words = (size_t)PyArray_DIM(bits, 2);
    size_t b = job->b;
    job->n_rows = (size_t)PyArray_DIM(bits, 1);
    if (words != rg_bits_words(job->n_columns) || job->n_rows % b != 0 || job->n_columns % b != 0 ||
        job->n_rows == 0) {
        PyErr_Format(PyExc_ValueError,
                     "bits must be (n, rows, words of columns), both divisible by b=%zu, got %zu "
                     "rows of %zu words for %zu columns",
                     b, job->n_rows, words, job->n_columns);
        return NULL;
    }
    npy_intp dims[] = {(npy_intp)n, (npy_intp)(job->n_rows / b),
                       (npy_intp)rg_bits_words(job->n_columns / b)};
    PyObject *coarse = PyArray_SimpleNew(3, dims, NPY_UINT64);
    const uint64_t *data = PyArray_DATA(bits);
    uint64_t *out = coarse ? PyArray_DATA((PyArrayObject *)coarse) : NULL;
    size_t out_size = (size_t)dims[1] * (size_t)dims[2];
    size_t step = SITES_PER_SLICE / (job->n_rows * job->n_columns);
    step = step > 0 ? step : 1;
    for (size_t first = 0; coarse != NULL && first < n; first += step) {
        size_t count = n - first < step ? n - first : step;
        int ret = RG_OK;
        Py_BEGIN_ALLOW_THREADS
            ret = job->draw(job, first, data + first * job->n_rows * words, count,
                            out + first * out_size);
        Py_END_ALLOW_THREADS
        if (ret != RG_OK || rgb_between_slices(NULL, 0.0) < 0) {
            Py_CLEAR(coarse);
            return ret != RG_OK ? rgb_raise(ret) : NULL;
        }
    }
    return coarse;
}

PyDoc_STRVAR(decimate_rows_doc, "decimate_rows($module, /, bits, n_columns, b)\n--\n\n"
                                "decimate on bits (n, n_rows, words).");

static PyObject *decimate_rows(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"bits", "n_columns", "b", NULL};
    PyObject *object = NULL;
    rows_t job = {.draw = draw_decimated_rows};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&O&:decimate_rows", names, &object,
                                     rgb_convert_count, &job.n_columns, rgb_convert_count,
                                     &job.b)) {
        return NULL;
    }
    return run_rows(&job, object);
}

PyDoc_STRVAR(majority_rows_doc, "majority_rows($module, /, bits, n_columns, b, ties, key)\n--\n\n"
                                "majority on bits (n, n_rows, words).");

static PyObject *majority_rows(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"bits", "n_columns", "b", "ties", "key", NULL};
    PyObject *object = NULL;
    rows_t job = {.draw = draw_majority_rows};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&O&iO&:majority_rows", names, &object,
                                     rgb_convert_count, &job.n_columns, rgb_convert_count, &job.b,
                                     &job.ties, rgb_convert_key, job.key)) {
        return NULL;
    }
    return run_rows(&job, object);
}

PyDoc_STRVAR(kadanoff_rows_doc,
             "kadanoff_rows($module, /, bits, n_columns, b, strength, key)\n--\n\n"
             "kadanoff on bits (n, n_rows, words).");

static PyObject *kadanoff_rows(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"bits", "n_columns", "b", "strength", "key", NULL};
    PyObject *object = NULL;
    rows_t job = {.draw = draw_kadanoff_rows};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&O&dO&:kadanoff_rows", names, &object,
                                     rgb_convert_count, &job.n_columns, rgb_convert_count, &job.b,
                                     &job.strength, rgb_convert_key, job.key)) {
        return NULL;
    }
    return run_rows(&job, object);
}

PyDoc_STRVAR(filter_rows_doc,
             "filter_rows($module, /, bits, n_columns, b, weights, first, bias, key)\n--\n\n"
             "Block spins by a filter (height, width) whose first weight lies at site `first` for\n"
             "block 0; bits (n, n_rows, words). See rg_filter.h.");

static PyObject *filter_rows(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"bits", "n_columns", "b", "weights", "first", "bias", "key", NULL};
    PyObject *object = NULL;
    PyObject *filter = NULL;
    size_t row = 0;
    size_t column = 0;
    double bias = 0.0;
    rows_t job = {.draw = draw_filter_rows};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&O&O(O&O&)dO&:filter_rows", names, &object,
                                     rgb_convert_count, &job.n_columns, rgb_convert_count, &job.b,
                                     &filter, rgb_convert_size, &row, rgb_convert_size, &column,
                                     &bias, rgb_convert_key, job.key)) {
        return NULL;
    }
    PyArrayObject *bits = rgb_array(object, "bits", NPY_UINT64, 3, false);
    PyArrayObject *weights = bits ? rgb_array(filter, "weights", NPY_FLOAT64, 2, false) : NULL;
    rg_filter_t *self = weights ? rg_alloc(1, sizeof *self) : NULL;
    if (self == NULL) {
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    int ret = rg_filter_init(self, (size_t)PyArray_DIM(bits, 1), job.n_columns, job.b,
                             PyArray_DATA(weights), (size_t)PyArray_DIM(weights, 0),
                             (size_t)PyArray_DIM(weights, 1), row, column, bias, job.key);
    job.filter = self;
    PyObject *coarse = ret == RG_OK ? run_rows(&job, object) : rgb_raise(ret);
    rg_filter_free(self);
    rg_free(self);
    return coarse;
}

PyDoc_STRVAR(turn_rows_doc,
             "turn_rows($module, /, bits, n_columns)\n--\n\n"
             "Sites whose coordinates have an even sum, of bits (n, n_rows, words).");

static PyObject *turn_rows(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"bits", "n_columns", NULL};
    PyObject *object = NULL;
    size_t n_columns = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&:turn_rows", names, &object,
                                     rgb_convert_count, &n_columns)) {
        return NULL;
    }
    PyArrayObject *bits = rgb_array(object, "bits", NPY_UINT64, 3, false);
    if (bits == NULL) {
        return NULL;
    }
    if (n_columns % 2 != 0 || (size_t)PyArray_DIM(bits, 2) != rg_bits_words(n_columns)) {
        PyErr_Format(PyExc_ValueError,
                     "bits must hold rows of an even number of columns, got %zu in %zd words",
                     n_columns, (Py_ssize_t)PyArray_DIM(bits, 2));
        return NULL;
    }
    npy_intp dims[] = {PyArray_DIM(bits, 0), PyArray_DIM(bits, 1),
                       (npy_intp)rg_bits_words(n_columns / 2)};
    PyObject *coarse = PyArray_SimpleNew(3, dims, NPY_UINT64);
    if (coarse != NULL) { /* as fast as a copy: no slices */
        Py_BEGIN_ALLOW_THREADS
            rg_turn_rows((size_t)dims[1], n_columns, PyArray_DATA(bits), (size_t)dims[0],
                         PyArray_DATA((PyArrayObject *)coarse));
        Py_END_ALLOW_THREADS
    }
    return coarse;
}

PyMethodDef rgb_block_methods[] = {
    RGB_METHOD("decimate", decimate, decimate_doc),
    RGB_METHOD("decimate_rows", decimate_rows, decimate_rows_doc),
    RGB_METHOD("filter_rows", filter_rows, filter_rows_doc),
    RGB_METHOD("kadanoff", kadanoff, kadanoff_doc),
    RGB_METHOD("kadanoff_rows", kadanoff_rows, kadanoff_rows_doc),
    RGB_METHOD("majority", majority, majority_doc),
    RGB_METHOD("majority_rows", majority_rows, majority_rows_doc),
    RGB_METHOD("turn_rows", turn_rows, turn_rows_doc),
    {NULL, NULL, 0, NULL},
};
