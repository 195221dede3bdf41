/* py_exact.c: binding of rg_exact.h: sums and tables for exact references. */
#include "rgb_common.h"

#include "rg_exact.h"
#include "rg_log_z.h"

enum {
    SITES_PER_SLICE = 1 << 23, /* a few ms of rg_ising_sums */
    TERMS_PER_SLICE = 1 << 18  /* about 10 ms of soft terms, per worker */
};

PyDoc_STRVAR(ising_sums_doc, "ising_sums($module, /, spins, shape)\n--\n\n"
                             "Bond sum and magnetisation of n configurations, (n, 2) int64.");

static PyObject *ising_sums(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"spins", "shape", NULL};
    PyObject *object = NULL;
    rg_torus_t torus;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&:ising_sums", names, &object,
                                     rgb_convert_torus, &torus)) {
        return NULL;
    }
    PyArrayObject *spins = rgb_array(object, "spins", NPY_INT8, -1, false);
    size_t n_sites = 0;
    if (spins == NULL) {
        return NULL;
    }
    int ret = rg_torus_sites(&torus, &n_sites);
    if (ret != RG_OK) {
        return rgb_raise(ret);
    }
    size_t size = (size_t)PyArray_SIZE(spins);
    if (size % n_sites != 0) {
        PyErr_Format(PyExc_ValueError, "spins must hold whole configurations of %zu sites, got %zu",
                     n_sites, size);
        return NULL;
    }
    size_t n = size / n_sites;
    npy_intp dims[2] = {(npy_intp)n, 2};
    PyObject *sums = PyArray_SimpleNew(2, dims, NPY_INT64);
    if (sums == NULL) {
        return NULL;
    }
    const int8_t *data = PyArray_DATA(spins);
    int64_t *out = PyArray_DATA((PyArrayObject *)sums);
    size_t step = SITES_PER_SLICE / n_sites + 1;
    for (size_t done = 0; done < n; done += step) {
        size_t count = n - done < step ? n - done : step;
        Py_BEGIN_ALLOW_THREADS
            ret = rg_ising_sums(&torus, data + done * n_sites, count, out + 2 * done);
        Py_END_ALLOW_THREADS
        if (ret != RG_OK || rgb_between_slices(NULL, 0.0) < 0) {
            Py_DECREF(sums);
            return ret != RG_OK ? rgb_raise(ret) : NULL;
        }
    }
    return sums;
}

PyDoc_STRVAR(walsh_hadamard_doc,
             "walsh_hadamard($module, /, values)\n--\n\n"
             "In place: values[S] becomes 2^-N sum_s f(s) prod_{a in S} s_a (bit 1 = spin +1).\n"
             "An interrupt leaves values partly transformed: hand over a copy.");

static PyObject *walsh_hadamard(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"values", NULL};
    PyObject *object = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:walsh_hadamard", names, &object)) {
        return NULL;
    }
    PyArrayObject *values = rgb_array(object, "values", NPY_FLOAT64, 1, true);
    if (values == NULL) {
        return NULL;
    }
    size_t n = (size_t)PyArray_SIZE(values);
    if (n == 0 || (n & (n - 1)) != 0) {
        PyErr_Format(PyExc_ValueError, "values must have a power of two of entries, got %zu", n);
        return NULL;
    }
    double *data = PyArray_DATA(values);
    for (size_t level = 0; (size_t)1 << level < n; level++) {
        Py_BEGIN_ALLOW_THREADS
            rg_walsh_hadamard_level(data, n, level);
        Py_END_ALLOW_THREADS
        if (rgb_between_slices(NULL, 0.0) < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

/* Fill rbm from the three arrays. On failure sets an exception and returns -1. */
static int rbm_side(rg_rbm_side_t *rbm, PyObject *weights, PyObject *first, PyObject *other)
{
    PyArrayObject *w = rgb_array(weights, "weights", NPY_FLOAT64, 2, false);
    PyArrayObject *b = w ? rgb_array(first, "visible_bias", NPY_FLOAT64, 1, false) : NULL;
    PyArrayObject *c = b ? rgb_array(other, "hidden_bias", NPY_FLOAT64, 1, false) : NULL;
    if (c == NULL) {
        return -1;
    }
    if (PyArray_DIM(w, 0) != PyArray_DIM(b, 0) || PyArray_DIM(w, 1) != PyArray_DIM(c, 0)) {
        PyErr_Format(PyExc_ValueError,
                     "weights must have shape (%zd, %zd) to fit the biases, got (%zd, %zd)",
                     (Py_ssize_t)PyArray_DIM(b, 0), (Py_ssize_t)PyArray_DIM(c, 0),
                     (Py_ssize_t)PyArray_DIM(w, 0), (Py_ssize_t)PyArray_DIM(w, 1));
        return -1;
    }
    rbm->n_first = (size_t)PyArray_DIM(w, 0);
    rbm->n_other = (size_t)PyArray_DIM(w, 1);
    rbm->weights = PyArray_DATA(w);
    rbm->first_bias = PyArray_DATA(b);
    rbm->other_bias = PyArray_DATA(c);
    if (rbm->n_first > RG_MAX_UNITS) {
        PyErr_Format(PyExc_ValueError, "weights must have at most %d rows to enumerate, got %zu",
                     RG_MAX_UNITS, rbm->n_first);
        return -1;
    }
    return 0;
}

/* Fill energies in slices that end at block borders. Returns -1 with an exception set. */
static int free_energies_in_slices(const rg_rbm_side_t *rbm, uint64_t start, uint64_t stop,
                                   size_t workers, double *energies)
{
    uint64_t blocks = TERMS_PER_SLICE / RG_ENERGY_BLOCK / (rbm->n_other + 1) + 1;
    uint64_t step = blocks * workers * RG_ENERGY_BLOCK;
    uint64_t first = start;
    while (first < stop) {
        uint64_t border = first - first % RG_ENERGY_BLOCK;
        uint64_t last = stop - border < step ? stop : border + step;
        int ret = RG_OK;
        Py_BEGIN_ALLOW_THREADS
            ret = rg_rbm_free_energies(rbm, first, last, workers, energies + (first - start));
        Py_END_ALLOW_THREADS
        if (ret != RG_OK) {
            rgb_raise(ret);
            return -1;
        }
        if (rgb_between_slices(NULL, 0.0) < 0) {
            return -1;
        }
        first = last;
    }
    return 0;
}

PyDoc_STRVAR(rbm_free_energies_doc,
             "rbm_free_energies($module, /, weights, visible_bias, hidden_bias, spin_units, start, "
             "stop, workers)\n--\n\n"
             "F(v) of states start .. stop-1 of the units that index the rows of weights.");

static PyObject *rbm_free_energies(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"weights", "visible_bias", "hidden_bias", "spin_units",
                            "start",   "stop",         "workers",     NULL};
    PyObject *weights = NULL;
    PyObject *visible_bias = NULL;
    PyObject *hidden_bias = NULL;
    int spin_units = 0;
    size_t start = 0;
    size_t stop = 0;
    size_t workers = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOpO&O&O&:rbm_free_energies", names, &weights,
                                     &visible_bias, &hidden_bias, &spin_units, rgb_convert_size,
                                     &start, rgb_convert_size, &stop, rgb_convert_count,
                                     &workers)) {
        return NULL;
    }
    rg_rbm_side_t rbm = {.spin_units = spin_units != 0};
    if (rbm_side(&rbm, weights, visible_bias, hidden_bias) < 0) {
        return NULL;
    }
    if (start > stop || stop > (size_t)1 << rbm.n_first) {
        PyErr_Format(PyExc_ValueError,
                     "start and stop must satisfy 0 <= start <= stop <= 2^%zu, got %zu and %zu",
                     rbm.n_first, start, stop);
        return NULL;
    }
    if (workers > stop - start) { /* more would only wait; also bounds the slice */
        workers = stop > start ? stop - start : 1;
    }
    npy_intp n = (npy_intp)(stop - start);
    PyObject *energies = PyArray_SimpleNew(1, &n, NPY_FLOAT64);
    if (energies == NULL) {
        return NULL;
    }
    if (free_energies_in_slices(&rbm, start, stop, workers,
                                PyArray_DATA((PyArrayObject *)energies)) < 0) {
        Py_DECREF(energies);
        return NULL;
    }
    return energies;
}

PyDoc_STRVAR(rbm_log_z_doc,
             "rbm_log_z($module, /, weights, visible_bias, hidden_bias, spin_units, workers,\n"
             "          progress)\n--\n\n"
             "ln Z by enumerating the units that index the rows of weights.");

static PyObject *rbm_log_z(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"weights", "visible_bias", "hidden_bias", "spin_units",
                            "workers", "progress",     NULL};
    PyObject *weights = NULL, *visible_bias = NULL, *hidden_bias = NULL, *progress = NULL;
    int spin_units = 0;
    rg_rbm_side_t rbm = {0};
    rg_log_z_t job = {.rbm = &rbm};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOpO&O:rbm_log_z", names, &weights,
                                     &visible_bias, &hidden_bias, &spin_units, rgb_convert_count,
                                     &job.workers, &progress)) {
        return NULL;
    }
    rbm.spin_units = spin_units != 0;
    if (rbm_side(&rbm, weights, visible_bias, hidden_bias) < 0) {
        return NULL;
    }
    int ret = rg_log_z_init(&job);
    size_t budget = 1;
    PyObject *value = NULL;
    for (bool more = ret == RG_OK; more; more = ret == RG_MORE) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_log_z_run(&job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        if (rgb_between_slices(progress, (double)job.next / (double)job.n_walks) < 0) {
            goto out;
        }
    }
    value = ret == RG_OK ? PyFloat_FromDouble(rg_log_z_value(&job)) : rgb_raise(ret);
out:
    rg_log_z_free(&job);
    return value;
}

PyMethodDef rgb_exact_methods[] = {
    RGB_METHOD("ising_sums", ising_sums, ising_sums_doc),
    RGB_METHOD("walsh_hadamard", walsh_hadamard, walsh_hadamard_doc),
    RGB_METHOD("rbm_free_energies", rbm_free_energies, rbm_free_energies_doc),
    RGB_METHOD("rbm_log_z", rbm_log_z, rbm_log_z_doc),
    {NULL, NULL, 0, NULL},
};
