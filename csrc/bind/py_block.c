/* py_block.c: binding of rg_block.h: decimation and majority rule. */
#include "rgb_common.h"

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

/* Both transformations, in slices of whole tie groups; key is NULL for decimation. Returns coarse,
 * or NULL with an exception set after releasing it. */
static PyObject *run_blocking(const rg_blocking_t *blocking, const uint64_t *key,
                              PyArrayObject *spins, PyObject *coarse)
{
    const int8_t *data = PyArray_DATA(spins);
    int8_t *out = PyArray_DATA((PyArrayObject *)coarse);
    size_t n = (size_t)PyArray_DIM(spins, 0);
    size_t step = (SITES_PER_SLICE / blocking->n_sites / RG_TIE_GROUP + 1) * RG_TIE_GROUP;
    for (size_t first = 0; first < n; first += step) {
        size_t count = n - first < step ? n - first : step;
        const int8_t *fine = data + first * blocking->n_sites;
        int8_t *blocks = out + first * blocking->n_blocks;
        int ret = RG_OK;
        Py_BEGIN_ALLOW_THREADS
            if (key == NULL) {
                rg_decimate(blocking, fine, count, blocks);
            } else {
                ret = rg_majority(blocking, key, first, fine, count, blocks);
            }
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
    PyArrayObject *spins = rgb_array(object, "spins", NPY_INT8, -1, false);
    rg_blocking_t blocking;
    PyObject *coarse = spins ? blocked_array(spins, b, &blocking) : NULL;
    return coarse ? run_blocking(&blocking, NULL, spins, coarse) : NULL;
}

PyDoc_STRVAR(majority_doc, "majority($module, /, spins, b, key)\n--\n\n"
                           "Sign of every block sum; ties by the keyed stream (see rg_block.h).");

static PyObject *majority(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"spins", "b", "key", NULL};
    PyObject *object = NULL;
    size_t b = 0;
    uint64_t key[4];
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&O&:majority", names, &object,
                                     rgb_convert_count, &b, rgb_convert_key, key)) {
        return NULL;
    }
    PyArrayObject *spins = rgb_array(object, "spins", NPY_INT8, -1, false);
    rg_blocking_t blocking;
    PyObject *coarse = spins ? blocked_array(spins, b, &blocking) : NULL;
    return coarse ? run_blocking(&blocking, key, spins, coarse) : NULL;
}

PyMethodDef rgb_block_methods[] = {
    RGB_METHOD("decimate", decimate, decimate_doc),
    RGB_METHOD("majority", majority, majority_doc),
    {NULL, NULL, 0, NULL},
};
