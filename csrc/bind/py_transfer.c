/* py_transfer.c: binding of rg_transfer.h: transfer matrices of strips and tori. */
#include "rgb_common.h"

#include "rg_transfer.h"

enum { STATES_PER_SLICE = 1 << 20 /* about 20 ms of rg_transfer_apply at most */ };

/* Check that a column's array holds one value per site; returns its data or NULL. */
static const double *column_values(PyObject *object, const char *name, size_t width)
{
    PyArrayObject *array = rgb_array(object, name, NPY_FLOAT64, 1, false);
    if (array == NULL) {
        return NULL;
    }
    if ((size_t)PyArray_DIM(array, 0) != width) {
        PyErr_Format(PyExc_ValueError, "%s must have %zu values, got %zd", name, width,
                     (Py_ssize_t)PyArray_DIM(array, 0));
        return NULL;
    }
    return PyArray_DATA(array);
}

PyDoc_STRVAR(column_weights_doc,
             "column_weights($module, /, across, field, fraction, workers)\n--\n\n"
             "exp(fraction E - peak) of all states of a column, and peak.");

static PyObject *column_weights(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"across", "field", "fraction", "workers", NULL};
    PyObject *across = NULL;
    PyObject *field = NULL;
    double fraction = 0.0;
    size_t workers = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOdO&:column_weights", names, &across, &field,
                                     &fraction, rgb_convert_count, &workers)) {
        return NULL;
    }
    PyArrayObject *bonds = rgb_array(across, "across", NPY_FLOAT64, 1, false);
    if (bonds == NULL) {
        return NULL;
    }
    size_t width = (size_t)PyArray_DIM(bonds, 0);
    const double *fields = column_values(field, "field", width);
    if (fields == NULL) {
        return NULL;
    }
    if (width < 1 || width > RG_MAX_WIDTH) {
        PyErr_Format(PyExc_ValueError, "a column must have 1 to %d sites, got %zu", RG_MAX_WIDTH,
                     width);
        return NULL;
    }
    npy_intp n_states = (npy_intp)1 << width;
    PyObject *weights = PyArray_SimpleNew(1, &n_states, NPY_FLOAT64);
    if (weights == NULL) {
        return NULL;
    }
    double peak = 0.0;
    int ret = RG_OK;
    Py_BEGIN_ALLOW_THREADS
        ret = rg_column_weights(width, PyArray_DATA(bonds), fields, fraction, workers,
                                PyArray_DATA((PyArrayObject *)weights), &peak);
    Py_END_ALLOW_THREADS
    if (ret != RG_OK) {
        Py_DECREF(weights);
        return rgb_raise(ret);
    }
    return Py_BuildValue("Nd", weights, peak);
}

/* Diagonal factors, or None. Returns -1 with an exception set. */
static int diagonal(PyObject *object, const char *name, size_t n_states, const double **factors)
{
    *factors = NULL;
    if (object == Py_None) {
        return 0;
    }
    *factors = column_values(object, name, n_states);
    return *factors == NULL ? -1 : 0;
}

PyDoc_STRVAR(transfer_apply_doc,
             "transfer_apply($module, /, vectors, along, parity, before, after, workers)\n--\n\n"
             "In place: each row becomes after * V * before * row, V = prod exp(K s s' - |K|).\n"
             "An interrupt leaves only some rows changed: hand over a copy.");

static PyObject *transfer_apply(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"vectors", "along", "parity", "before", "after", "workers", NULL};
    PyObject *vectors_object = NULL;
    PyObject *along_object = NULL;
    PyObject *before = NULL;
    PyObject *after = NULL;
    rg_step_t step = {0};
    size_t workers = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOiOOO&:transfer_apply", names, &vectors_object,
                                     &along_object, &step.parity, &before, &after,
                                     rgb_convert_count, &workers)) {
        return NULL;
    }
    PyArrayObject *vectors = rgb_array(vectors_object, "vectors", NPY_FLOAT64, 2, true);
    PyArrayObject *along =
        vectors != NULL ? rgb_array(along_object, "along", NPY_FLOAT64, 1, false) : NULL;
    if (along == NULL) {
        return NULL;
    }
    step.width = (size_t)PyArray_DIM(along, 0);
    step.along = PyArray_DATA(along);
    if (step.width < 1 || step.width > RG_MAX_WIDTH || step.parity < -1 || step.parity > 1) {
        PyErr_Format(PyExc_ValueError,
                     "along must have 1 to %d sites and parity be -1, 0 or 1, got %zu and %d",
                     RG_MAX_WIDTH, step.width, step.parity);
        return NULL;
    }
    size_t n_states = (size_t)1 << (step.width - (step.parity != 0));
    if ((size_t)PyArray_DIM(vectors, 1) != n_states) {
        PyErr_Format(PyExc_ValueError, "vectors must have %zu columns, got %zd", n_states,
                     (Py_ssize_t)PyArray_DIM(vectors, 1));
        return NULL;
    }
    if (diagonal(before, "before", n_states, &step.before) < 0 ||
        diagonal(after, "after", n_states, &step.after) < 0) {
        return NULL;
    }
    double *data = PyArray_DATA(vectors);
    size_t n = (size_t)PyArray_DIM(vectors, 0);
    size_t rows = STATES_PER_SLICE / n_states + 1;
    for (size_t done = 0; done < n; done += rows) {
        size_t count = n - done < rows ? n - done : rows;
        int ret = RG_OK;
        Py_BEGIN_ALLOW_THREADS
            ret = rg_transfer_apply(&step, count, workers, data + done * n_states);
        Py_END_ALLOW_THREADS
        if (ret != RG_OK || rgb_between_slices(NULL, 0.0) < 0) {
            return ret != RG_OK ? rgb_raise(ret) : NULL;
        }
    }
    Py_RETURN_NONE;
}

/* Sum over all first columns in slices of about 30 ms. Returns -1 with an exception set. */
static int torus_sum_in_slices(const rg_torus_sum_t *torus, size_t workers, double *counts)
{
    uint64_t n_states = UINT64_C(1) << torus->width;
    size_t budget = workers;
    for (uint64_t start = 0; start < n_states;) {
        uint64_t stop = n_states - start < budget ? n_states : start + budget;
        double before = rgb_seconds();
        int ret = RG_OK;
        Py_BEGIN_ALLOW_THREADS
            ret = rg_torus_sum(torus, start, stop, workers, counts);
        Py_END_ALLOW_THREADS
        if (ret != RG_OK) {
            rgb_raise(ret);
            return -1;
        }
        if (rgb_between_slices(NULL, 0.0) < 0) {
            return -1;
        }
        budget = rgb_next_budget(budget, rgb_seconds() - before);
        start = stop;
    }
    return 0;
}

PyDoc_STRVAR(torus_sum_doc,
             "torus_sum($module, /, length, width, same, other, stride, workers)\n--\n\n"
             "Weights of all configurations by up spins + stride * unequal bonds.");

static PyObject *torus_sum(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"length", "width", "same", "other", "stride", "workers", NULL};
    rg_torus_sum_t torus = {0};
    size_t workers = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&O&ddO&O&:torus_sum", names, rgb_convert_count,
                                     &torus.length, rgb_convert_count, &torus.width, &torus.same,
                                     &torus.other, rgb_convert_size, &torus.stride,
                                     rgb_convert_count, &workers)) {
        return NULL;
    }
    size_t n_places = 0;
    int ret = rg_torus_sum_places(&torus, &n_places);
    if (ret != RG_OK) {
        return rgb_raise(ret);
    }
    if (workers > (size_t)1 << torus.width) {
        workers = (size_t)1 << torus.width;
    }
    npy_intp n = (npy_intp)n_places;
    PyObject *counts = PyArray_ZEROS(1, &n, NPY_FLOAT64, 0);
    if (counts == NULL) {
        return NULL;
    }
    if (torus_sum_in_slices(&torus, workers, PyArray_DATA((PyArrayObject *)counts)) < 0) {
        Py_DECREF(counts);
        return NULL;
    }
    return counts;
}

PyMethodDef rgb_transfer_methods[] = {
    RGB_METHOD("column_weights", column_weights, column_weights_doc),
    RGB_METHOD("transfer_apply", transfer_apply, transfer_apply_doc),
    RGB_METHOD("torus_sum", torus_sum, torus_sum_doc),
    {NULL, NULL, 0, NULL},
};
