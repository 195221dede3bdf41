/* py_cluster.c: chains of Swendsen-Wang and Wolff updates. */
#include "rgb_common.h"

#include "rg_bits.h"
#include "rg_cluster.h"

PyDoc_STRVAR(
    cluster_simulate_doc,
    "cluster_simulate($module, /, shape, K, h, method, words, streams, clusters_per_sweep,\n"
    "                 draws, thin, improved, workers, progress, periodic=None)\n--\n\n"
    "Traces of chains of cluster updates; advances words (chains, ceil(N / 64)) and streams\n"
    "(chains, 4, 8) in place, whole draws on interrupt. method: 0 Wolff, 1 Swendsen-Wang.\n"
    "periodic: whether each axis closes on itself, a tuple; None for all.\n"
    "Returns (bonds, magnetization, m2, m4, visited), each (draws, chains).");

/* A tuple of one truth value per axis, or None. Returns 0, or -1 with an exception set. */
static int take_boundaries(PyObject *periodic, rg_cluster_t *job)
{
    if (periodic == NULL || periodic == Py_None) {
        return 0;
    }
    if (!PyTuple_Check(periodic) || (size_t)PyTuple_Size(periodic) != job->torus.ndim) {
        PyErr_Format(PyExc_ValueError, "periodic must be a tuple of %zu bools, got %R",
                     job->torus.ndim, periodic);
        return -1;
    }
    for (size_t axis = 0; axis < job->torus.ndim; axis++) {
        int closed = PyObject_IsTrue(PyTuple_GetItem(periodic, (Py_ssize_t)axis));
        if (closed < 0) {
            return -1;
        }
        job->open[axis] = closed == 0;
    }
    return 0;
}

/* Refuse frustrated lattices in words that help. Returns 0, or -1 with an exception set. */
static int check_frustration(const rg_torus_t *torus, const bool *open, double K)
{
    for (size_t axis = 0; K < 0.0 && axis < torus->ndim; axis++) {
        if (torus->extents[axis] % 2 == 1 && !open[axis]) {
            PyErr_Format(PyExc_ValueError,
                         "cluster updates need even extents for K < 0, got the odd periodic "
                         "extent %zu: the lattice is frustrated; use method=\"local\" or an "
                         "even extent",
                         torus->extents[axis]);
            return -1;
        }
    }
    return 0;
}

/* Check words and streams against the lattice. Returns 0, or -1 with an exception set. */
static int take_state(PyObject *words_object, PyObject *streams_object, rg_cluster_t *job)
{
    PyArrayObject *words = rgb_array(words_object, "words", NPY_UINT64, 2, true);
    PyArrayObject *streams =
        words ? rgb_array(streams_object, "streams", NPY_UINT64, 3, true) : NULL;
    size_t n_sites = 0;
    int ret = rg_torus_sites(&job->torus, &n_sites);
    if (streams == NULL || ret != RG_OK) {
        if (streams != NULL) {
            rgb_raise(ret);
        }
        return -1;
    }
    job->chains = (size_t)PyArray_DIM(words, 0);
    if ((size_t)PyArray_DIM(words, 1) != rg_bits_words(n_sites)) {
        PyErr_Format(PyExc_ValueError, "words must have %zu words per chain, got %zd",
                     rg_bits_words(n_sites), (Py_ssize_t)PyArray_DIM(words, 1));
        return -1;
    }
    if (PyArray_DIM(streams, 0) != PyArray_DIM(words, 0) || PyArray_DIM(streams, 1) != 4 ||
        PyArray_DIM(streams, 2) != RG_LANES) {
        PyErr_Format(PyExc_ValueError, "streams must have shape (%zu, 4, 8), got (%zd, %zd, %zd)",
                     job->chains, (Py_ssize_t)PyArray_DIM(streams, 0),
                     (Py_ssize_t)PyArray_DIM(streams, 1), (Py_ssize_t)PyArray_DIM(streams, 2));
        return -1;
    }
    job->words = PyArray_DATA(words);
    job->streams = PyArray_DATA(streams);
    return 0;
}

/* Run the job to its end in slices of about 30 ms. Returns 0, or -1 with an exception set. */
static int run_to_end(rg_cluster_t *job, PyObject *progress)
{
    int ret = RG_OK;
    Py_BEGIN_ALLOW_THREADS
        ret = rg_cluster_init(job);
    Py_END_ALLOW_THREADS
    size_t budget = 1;
    for (ret = ret == RG_OK ? RG_MORE : ret; ret == RG_MORE;) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_cluster_run(job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        if (rgb_between_slices(progress, rg_cluster_done(job)) < 0) {
            return -1;
        }
    }
    if (ret != RG_OK) {
        rgb_raise(ret);
    }
    return ret == RG_OK ? 0 : -1;
}

static PyObject *cluster_simulate(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {
        "shape", "K",    "h",        "method",  "words",    "streams",  "clusters_per_sweep",
        "draws", "thin", "improved", "workers", "progress", "periodic", NULL};
    rg_cluster_t job = {0};
    PyObject *words = NULL, *streams = NULL, *progress = NULL, *periodic = NULL, *result = NULL;
    PyObject *outputs[5] = {NULL};
    static const int types[5] = {NPY_INT64, NPY_INT64, NPY_FLOAT64, NPY_FLOAT64, NPY_UINT64};
    int improved = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O&ddiOOO&O&O&pO&O|O:cluster_simulate", keywords, rgb_convert_torus,
            &job.torus, &job.K, &job.h, &job.method, &words, &streams, rgb_convert_count,
            &job.clusters_per_sweep, rgb_convert_size, &job.draws, rgb_convert_count, &job.thin,
            &improved, rgb_convert_count, &job.workers, &progress, &periodic) ||
        take_boundaries(periodic, &job) < 0 || check_frustration(&job.torus, job.open, job.K) < 0 ||
        take_state(words, streams, &job) < 0) {
        return NULL;
    }
    job.improved = improved != 0;
    npy_intp shape[] = {(npy_intp)job.draws, (npy_intp)job.chains};
    for (size_t i = 0; i < 5; i++) {
        outputs[i] = PyArray_SimpleNew(2, shape, types[i]);
        if (outputs[i] == NULL) {
            goto out;
        }
    }
    job.bonds = PyArray_DATA((PyArrayObject *)outputs[0]);
    job.magnetization = PyArray_DATA((PyArrayObject *)outputs[1]);
    job.m2 = PyArray_DATA((PyArrayObject *)outputs[2]);
    job.m4 = PyArray_DATA((PyArrayObject *)outputs[3]);
    job.visited = PyArray_DATA((PyArrayObject *)outputs[4]);
    if (run_to_end(&job, progress) == 0) {
        result = PyTuple_Pack(5, outputs[0], outputs[1], outputs[2], outputs[3], outputs[4]);
    }
out:
    rg_cluster_free(&job);
    for (size_t i = 0; i < 5; i++) {
        Py_XDECREF(outputs[i]);
    }
    return result;
}

PyMethodDef rgb_cluster_methods[] = {
    RGB_METHOD("cluster_simulate", cluster_simulate, cluster_simulate_doc),
    {NULL, NULL, 0, NULL},
};
