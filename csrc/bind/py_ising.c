/* py_ising.c: independent Ising configurations by replica-packed heat-bath. */
#include "rgb_common.h"

#include "rg_ising.h"

PyDoc_STRVAR(
    ising_sample_doc,
    "ising_sample($module, /, shape, K, h, n, sweeps, start, p_up, key, workers, progress)\n--\n\n"
    "n independent configurations, int8 (n, sites). start: 0 random, 1 ordered, 2 staggered.");

/* Run the job to its end in slices of about 30 ms. Returns 0, or -1 with an exception set. */
static int run_to_end(rg_ising_sample_t *job, PyObject *progress)
{
    int ret = rg_ising_sample_init(job);
    size_t budget = 1;
    while (ret == RG_OK || ret == RG_MORE) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_ising_sample_run(job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        if (rgb_between_slices(progress, rg_ising_sample_done(job)) < 0) {
            return -1;
        }
        if (ret == RG_OK) {
            return 0;
        }
    }
    if (ret == RG_ERR_MEMORY) {
        PyErr_Format(PyExc_MemoryError, "cannot allocate %zu bytes for 512 replicas of %zu sites",
                     64 * job->lattice->n_sites * job->workers, job->lattice->n_sites);
    } else {
        rgb_raise(ret);
    }
    return -1;
}

static PyObject *ising_sample(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"shape", "K",   "h",       "n",        "sweeps", "start",
                               "p_up",  "key", "workers", "progress", NULL};
    rg_torus_t torus;
    PyObject *progress = NULL;
    PyObject *spins = NULL;
    rg_lattice_t lattice = {0};
    rg_ising_sample_t job = {0};
    bool done = false;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O&ddO&O&idO&O&O:ising_sample", keywords, rgb_convert_torus, &torus,
            &job.K, &job.h, rgb_convert_size, &job.n, rgb_convert_size, &job.sweeps, &job.start,
            &job.p_up, rgb_convert_key, job.key, rgb_convert_count, &job.workers, &progress)) {
        return NULL;
    }
    int ret = RG_OK;
    Py_BEGIN_ALLOW_THREADS
        ret = rg_lattice_init(&lattice, &torus);
    Py_END_ALLOW_THREADS
    if (ret != RG_OK) {
        rgb_raise(ret);
        goto out;
    }
    npy_intp spins_shape[] = {(npy_intp)job.n, (npy_intp)lattice.n_sites};
    spins = PyArray_SimpleNew(2, spins_shape, NPY_INT8);
    if (spins == NULL) {
        goto out;
    }
    job.lattice = &lattice;
    job.spins = PyArray_DATA((PyArrayObject *)spins);
    done = run_to_end(&job, progress) == 0;
out:
    rg_ising_sample_free(&job);
    rg_lattice_free(&lattice);
    if (!done) {
        Py_CLEAR(spins);
    }
    return spins;
}

PyMethodDef rgb_ising_methods[] = {
    RGB_METHOD("ising_sample", ising_sample, ising_sample_doc),
    {NULL, NULL, 0, NULL},
};
