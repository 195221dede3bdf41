#include "rgb_common.h"

#include <time.h>

PyObject *rgb_raise(int code)
{
    if (code == RG_ERR_MEMORY) {
        PyErr_SetString(PyExc_MemoryError, rg_strerror(code));
        return NULL;
    }
    if (code == RG_ERR_NONFINITE) {
        PyObject *errors = PyImport_ImportModule("rgdl.errors");
        PyObject *type = errors ? PyObject_GetAttrString(errors, "ConvergenceError") : NULL;
        if (type != NULL) {
            PyErr_SetString(type, rg_strerror(code));
        }
        Py_XDECREF(type);
        Py_XDECREF(errors);
        return NULL;
    }
    PyErr_SetString(PyExc_ValueError, rg_strerror(code));
    return NULL;
}

PyArrayObject *rgb_array(PyObject *object, const char *name, int type, int ndim, bool writeable)
{
    if (!PyArray_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be a NumPy array, got %R", name, Py_TYPE(object));
        return NULL;
    }
    PyArrayObject *array = (PyArrayObject *)object;
    if (!PyArray_EquivTypenums(PyArray_TYPE(array), type) || !PyArray_ISNOTSWAPPED(array)) {
        PyArray_Descr *expected = PyArray_DescrFromType(type);
        PyErr_Format(PyExc_TypeError, "%s must have dtype %S, got %S", name, expected,
                     PyArray_DESCR(array));
        Py_XDECREF((PyObject *)expected);
        return NULL;
    }
    if (ndim >= 0 && PyArray_NDIM(array) != ndim) {
        PyErr_Format(PyExc_ValueError, "%s must have %d dimensions, got %d", name, ndim,
                     PyArray_NDIM(array));
        return NULL;
    }
    if (!PyArray_IS_C_CONTIGUOUS(array) || !PyArray_ISALIGNED(array)) {
        PyErr_Format(PyExc_ValueError, "%s must be C-contiguous and aligned", name);
        return NULL;
    }
    if (writeable && !PyArray_ISWRITEABLE(array)) {
        PyErr_Format(PyExc_ValueError, "%s must be writeable", name);
        return NULL;
    }
    return array;
}

int rgb_convert_key(PyObject *object, void *key)
{
    PyArrayObject *array = rgb_array(object, "key", NPY_UINT64, 1, false);
    if (array == NULL) {
        return 0;
    }
    if (PyArray_DIM(array, 0) != 4) {
        PyErr_Format(PyExc_ValueError, "key must hold 4 words, got %zd",
                     (Py_ssize_t)PyArray_DIM(array, 0));
        return 0;
    }
    memcpy(key, PyArray_DATA(array), 4 * sizeof(uint64_t));
    return 1;
}

static int convert_at_least(PyObject *object, Py_ssize_t least, size_t *value)
{
    Py_ssize_t number = PyNumber_AsSsize_t(object, PyExc_ValueError);
    if (number == -1 && PyErr_Occurred()) {
        return 0;
    }
    if (number < least) {
        PyErr_Format(PyExc_ValueError, "a count must be at least %zd, got %zd", least, number);
        return 0;
    }
    *value = (size_t)number;
    return 1;
}

int rgb_convert_count(PyObject *object, void *count)
{
    return convert_at_least(object, 1, count);
}

int rgb_convert_size(PyObject *object, void *size)
{
    return convert_at_least(object, 0, size);
}

int rgb_convert_torus(PyObject *object, void *address)
{
    rg_torus_t *torus = address;
    if (!PyTuple_Check(object)) {
        PyErr_Format(PyExc_TypeError, "shape must be a tuple, got %R", Py_TYPE(object));
        return 0;
    }
    Py_ssize_t ndim = PyTuple_Size(object);
    if (ndim < 1 || ndim > RG_MAX_DIM) {
        PyErr_Format(PyExc_ValueError, "shape must have 1 to %d extents, got %zd", RG_MAX_DIM,
                     ndim);
        return 0;
    }
    torus->ndim = (size_t)ndim;
    for (Py_ssize_t axis = 0; axis < ndim; axis++) {
        PyObject *extent = PyTuple_GetItem(object, axis); /* borrowed from the caller's tuple */
        if (extent == NULL || !rgb_convert_count(extent, &torus->extents[axis])) {
            return 0;
        }
    }
    return 1;
}

int rgb_between_slices(PyObject *progress, double fraction)
{
    if (PyErr_CheckSignals() < 0) {
        return -1;
    }
    if (progress == NULL || progress == Py_None) {
        return 0;
    }
    PyObject *result = PyObject_CallFunction(progress, "d", fraction);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

double rgb_seconds(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

size_t rgb_next_budget(size_t budget, double seconds)
{
    if (seconds < 0.015 && budget < SIZE_MAX / 4) {
        return 2 * budget;
    }
    return seconds > 0.045 && budget > 1 ? budget / 2 : budget;
}
