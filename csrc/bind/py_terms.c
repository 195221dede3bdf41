/* py_terms.c: binding of rg_terms.h and rg_enumerate.h: energies and states of any model. */
#include "rgb_common.h"

#include "rg_enumerate.h"
#include "rg_terms.h"

enum { PRODUCTS_PER_SLICE = 1 << 26 }; /* about 20 ms of rg_terms_sums */

int rgb_take_terms(rg_terms_t *terms, PyObject *sites_object, PyObject *starts_object,
                   PyObject *values_object, PyObject *fields_object)
{
    PyArrayObject *sites = rgb_array(sites_object, "sites", NPY_UINT32, 1, false);
    PyArrayObject *starts = sites ? rgb_array(starts_object, "starts", NPY_UINT64, 1, false) : NULL;
    PyArrayObject *values =
        starts ? rgb_array(values_object, "values", NPY_FLOAT64, 1, false) : NULL;
    PyArrayObject *fields =
        values ? rgb_array(fields_object, "fields", NPY_FLOAT64, 1, false) : NULL;
    if (fields == NULL) {
        return -1;
    }
    terms->n_sites = (size_t)PyArray_SIZE(fields);
    terms->n_terms = (size_t)PyArray_SIZE(values);
    terms->sites = PyArray_DATA(sites);
    terms->starts = PyArray_DATA(starts);
    terms->values = PyArray_DATA(values);
    terms->fields = PyArray_DATA(fields);
    if (terms->n_sites == 0 || (size_t)PyArray_SIZE(starts) != terms->n_terms + 1 ||
        !rg_terms_valid(terms, (size_t)PyArray_SIZE(sites))) {
        PyErr_SetString(PyExc_ValueError, "starts must ascend from 0 to len(sites), one more than "
                                          "values, and sites be below len(fields)");
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(terms_sums_doc,
             "terms_sums($module, /, spins, sites, starts, values, fields)\n--\n\n"
             "(n, 3) float64: sum of values times products of spins, of spins, of fields times\n"
             "spins.");

static PyObject *terms_sums(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"spins", "sites", "starts", "values", "fields", NULL};
    PyObject *object = NULL, *sites = NULL, *starts = NULL, *values = NULL, *fields = NULL;
    rg_terms_t terms = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOOO:terms_sums", names, &object, &sites,
                                     &starts, &values, &fields) ||
        rgb_take_terms(&terms, sites, starts, values, fields) < 0) {
        return NULL;
    }
    PyArrayObject *spins = rgb_array(object, "spins", NPY_INT8, -1, false);
    if (spins == NULL) {
        return NULL;
    }
    size_t size = (size_t)PyArray_SIZE(spins);
    if (size % terms.n_sites != 0) {
        PyErr_Format(PyExc_ValueError, "spins must hold whole configurations of %zu sites, got %zu",
                     terms.n_sites, size);
        return NULL;
    }
    size_t n = size / terms.n_sites;
    npy_intp dims[2] = {(npy_intp)n, RG_TERM_SUMS};
    PyObject *sums = PyArray_SimpleNew(2, dims, NPY_FLOAT64);
    if (sums == NULL) {
        return NULL;
    }
    const int8_t *data = PyArray_DATA(spins);
    double *out = PyArray_DATA((PyArrayObject *)sums);
    size_t step = 256 * (PRODUCTS_PER_SLICE / 256 / (terms.n_sites + 4 * terms.n_terms) + 1);
    for (size_t done = 0; done < n; done += step) {
        size_t count = n - done < step ? n - done : step;
        int ret = RG_OK;
        Py_BEGIN_ALLOW_THREADS
            ret = rg_terms_sums(&terms, data + done * terms.n_sites, count,
                                out + RG_TERM_SUMS * done);
        Py_END_ALLOW_THREADS
        if (ret != RG_OK || rgb_between_slices(NULL, 0.0) < 0) {
            Py_DECREF(sums);
            return ret != RG_OK ? rgb_raise(ret) : NULL;
        }
    }
    return sums;
}

/* Check masks and rows of 64 values of the given type. Returns the rows, or NULL. */
static PyArrayObject *take_states(rg_enumeration_t *job, PyObject *masks_object,
                                  PyObject *values_object, int type)
{
    PyArrayObject *masks = rgb_array(masks_object, "masks", NPY_UINT64, 1, false);
    PyArrayObject *values = masks ? rgb_array(values_object, "values", type, 2, false) : NULL;
    if (values == NULL) {
        return NULL;
    }
    if (PyArray_DIM(values, 0) != PyArray_DIM(masks, 0) ||
        PyArray_DIM(values, 1) != RG_STATE_LANES) {
        PyErr_Format(PyExc_ValueError, "values must have shape (%zd, %d) to fit masks",
                     (Py_ssize_t)PyArray_DIM(masks, 0), RG_STATE_LANES);
        return NULL;
    }
    job->n_groups = (size_t)PyArray_DIM(masks, 0);
    job->masks = PyArray_DATA(masks);
    return values;
}

/* Run the job to its end in slices of about 30 ms; `from` is the fraction done before it and
 * `share` its own. Returns -1 with an exception set. */
static int walk_to_end(rg_enumeration_t *job, PyObject *progress, double from, double share)
{
    int ret = rg_enumerate_init(job);
    size_t budget = 1;
    while (ret == RG_OK || ret == RG_MORE) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_enumerate_run(job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        double done = (double)job->next_block / (double)rg_enumerate_blocks(job->n_sites);
        if (ret >= 0 && rgb_between_slices(progress, from + share * done) < 0) {
            rg_enumerate_free(job);
            return -1;
        }
        if (ret == RG_OK) {
            break;
        }
    }
    rg_enumerate_free(job);
    if (ret < 0) {
        rgb_raise(ret);
    }
    return ret;
}

PyDoc_STRVAR(states_count_doc,
             "states_count($module, /, n_sites, masks, values, offset, n_bins, workers, progress)\n"
             "--\n\n"
             "Number of states by offset + sum of values times products + spins up, uint32.");

static PyObject *states_count(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"n_sites", "masks",   "values",   "offset",
                            "n_bins",  "workers", "progress", NULL};
    PyObject *masks = NULL, *values = NULL, *progress = NULL;
    rg_enumeration_t job = {.kind = RG_STATES_COUNT};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&OOO&O&O&O:states_count", names,
                                     rgb_convert_count, &job.n_sites, &masks, &values,
                                     rgb_convert_size, &job.offset, rgb_convert_count, &job.n_bins,
                                     rgb_convert_count, &job.n_workers, &progress)) {
        return NULL;
    }
    PyArrayObject *rows = take_states(&job, masks, values, NPY_INT32);
    if (rows == NULL) {
        return NULL;
    }
    if (job.n_bins > INT32_MAX / 4 || job.offset >= job.n_bins) {
        PyErr_SetString(PyExc_ValueError, "offset must be below n_bins, and n_bins below 2^29");
        return NULL;
    }
    npy_intp n_bins = (npy_intp)job.n_bins;
    PyObject *counts = PyArray_SimpleNew(1, &n_bins, NPY_UINT32);
    if (counts == NULL) {
        return NULL;
    }
    job.integers = PyArray_DATA(rows);
    job.counts = PyArray_DATA((PyArrayObject *)counts);
    if (walk_to_end(&job, progress, 0.0, 1.0) < 0) {
        Py_CLEAR(counts);
    }
    return counts;
}

/* Arguments that the real walks share. Returns -1 with an exception set. */
static int take_real(rg_enumeration_t *job, PyObject *masks, PyObject *values, PyObject *fields)
{
    PyArrayObject *rows = take_states(job, masks, values, NPY_FLOAT64);
    PyArrayObject *h = rows ? rgb_array(fields, "fields", NPY_FLOAT64, 1, false) : NULL;
    if (h == NULL) {
        return -1;
    }
    job->values = PyArray_DATA(rows);
    job->fields = PyArray_DATA(h);
    job->n_sites = (size_t)PyArray_SIZE(h);
    if (job->n_sites < 1 || job->n_sites > RG_MAX_WALK) {
        PyErr_Format(PyExc_ValueError, "fields must have 1 to %d entries, got %zu", RG_MAX_WALK,
                     job->n_sites);
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(states_sums_doc,
             "states_sums($module, /, masks, values, scale, constant, fields, workers, progress)\n"
             "--\n\n"
             "(top, sums): the largest -H, and for each block of states the sums of\n"
             "w (-H - top), w (-H - top)^2, w B and of w by spins up, with w = e^{-H - top}.");

static PyObject *states_sums(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"masks",  "values",  "scale",    "constant",
                            "fields", "workers", "progress", NULL};
    PyObject *masks = NULL, *values = NULL, *fields = NULL, *progress = NULL;
    PyObject *tops = NULL, *sums = NULL, *result = NULL;
    rg_enumeration_t job = {.kind = RG_STATES_TOP};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOddOO&O:states_sums", names, &masks, &values,
                                     &job.scale, &job.constant, &fields, rgb_convert_count,
                                     &job.n_workers, &progress) ||
        take_real(&job, masks, values, fields) < 0) {
        return NULL;
    }
    npy_intp n_blocks = (npy_intp)rg_enumerate_blocks(job.n_sites);
    npy_intp shape[2] = {n_blocks, (npy_intp)(RG_STATE_SUMS + job.n_sites + 1)};
    tops = PyArray_SimpleNew(1, &n_blocks, NPY_FLOAT64);
    sums = PyArray_SimpleNew(2, shape, NPY_FLOAT64);
    if (tops == NULL || sums == NULL) {
        goto out;
    }
    job.tops = PyArray_DATA((PyArrayObject *)tops);
    if (walk_to_end(&job, progress, 0.0, 0.2) < 0) {
        goto out;
    }
    job.top = job.tops[0];
    for (npy_intp block = 1; block < n_blocks; block++) {
        job.top = job.tops[block] > job.top ? job.tops[block] : job.top;
    }
    job.kind = RG_STATES_SUMS;
    job.sums = PyArray_DATA((PyArrayObject *)sums);
    if (walk_to_end(&job, progress, 0.2, 0.8) < 0) {
        goto out;
    }
    result = Py_BuildValue("dO", job.top, sums);
out:
    Py_XDECREF(tops);
    Py_XDECREF(sums);
    return result;
}

PyDoc_STRVAR(states_table_doc,
             "states_table($module, /, masks, values, scale, constant, fields, workers)\n--\n\n"
             "H of all states; bit i of the index = spin i is up.");

static PyObject *states_table(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"masks", "values", "scale", "constant", "fields", "workers", NULL};
    PyObject *masks = NULL, *values = NULL, *fields = NULL;
    rg_enumeration_t job = {.kind = RG_STATES_TABLE};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOddOO&:states_table", names, &masks, &values,
                                     &job.scale, &job.constant, &fields, rgb_convert_count,
                                     &job.n_workers) ||
        take_real(&job, masks, values, fields) < 0) {
        return NULL;
    }
    npy_intp n_states = (npy_intp)1 << job.n_sites;
    PyObject *table = PyArray_SimpleNew(1, &n_states, NPY_FLOAT64);
    if (table == NULL) {
        return NULL;
    }
    job.table = PyArray_DATA((PyArrayObject *)table);
    if (walk_to_end(&job, NULL, 0.0, 1.0) < 0) {
        Py_CLEAR(table);
    }
    return table;
}

PyMethodDef rgb_terms_methods[] = {
    RGB_METHOD("terms_sums", terms_sums, terms_sums_doc),
    RGB_METHOD("states_count", states_count, states_count_doc),
    RGB_METHOD("states_sums", states_sums, states_sums_doc),
    RGB_METHOD("states_table", states_table, states_table_doc),
    {NULL, NULL, 0, NULL},
};
