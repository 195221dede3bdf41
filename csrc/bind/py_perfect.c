/* py_perfect.c: exact Ising configurations by coupling from the past. */
#include "rgb_common.h"

#include "rg_perfect.h"

PyDoc_STRVAR(ising_perfect_doc,
             "ising_perfect($module, /, shape, K, h, n, max_sweeps, key, workers, progress)\n--\n\n"
             "(spins, needed): n exact configurations, int8 (n, sites), and for each 512 of them\n"
             "the sweeps of the attempt in which all met, uint64. A 0 in needed: max_sweeps were\n"
             "not enough, and no row may be used.");

/* Run the job in slices of about 30 ms. Returns 0, or -1 with an exception set. */
static int run_to_end(rg_perfect_t *job, PyObject *progress)
{
    int ret = rg_perfect_init(job);
    for (size_t budget = 1; ret == RG_OK || ret == RG_MORE;) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_perfect_run(job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        if (rgb_between_slices(progress, rg_perfect_done(job)) < 0) {
            return -1;
        }
        if (ret == RG_OK) {
            return 0;
        }
    }
    rgb_raise(ret);
    return -1;
}

static PyObject *ising_perfect(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"shape", "K",       "h",        "n", "max_sweeps",
                            "key",   "workers", "progress", NULL};
    rg_torus_t torus;
    PyObject *progress = NULL, *spins = NULL, *needed = NULL, *result = NULL;
    rg_lattice_t lattice = {0};
    rg_perfect_t job = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&ddO&O&O&O&O:ising_perfect", names,
                                     rgb_convert_torus, &torus, &job.K, &job.h, rgb_convert_size,
                                     &job.n, rgb_convert_count, &job.max_sweeps, rgb_convert_key,
                                     job.key, rgb_convert_count, &job.workers, &progress)) {
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
    npy_intp shape[] = {(npy_intp)job.n, (npy_intp)lattice.n_sites};
    npy_intp n_blocks = (npy_intp)(job.n / RG_PLANE_BITS + (job.n % RG_PLANE_BITS != 0));
    spins = PyArray_SimpleNew(2, shape, NPY_INT8);
    needed = PyArray_ZEROS(1, &n_blocks, NPY_UINT64, 0);
    if (spins == NULL || needed == NULL) {
        goto out;
    }
    job.lattice = &lattice;
    job.spins = PyArray_DATA((PyArrayObject *)spins);
    job.needed = PyArray_DATA((PyArrayObject *)needed);
    if (run_to_end(&job, progress) == 0) {
        result = PyTuple_Pack(2, spins, needed);
    }
out:
    rg_perfect_free(&job);
    rg_lattice_free(&lattice);
    Py_XDECREF(spins);
    Py_XDECREF(needed);
    return result;
}

PyMethodDef rgb_perfect_methods[] = {
    RGB_METHOD("ising_perfect", ising_perfect, ising_perfect_doc),
    {NULL, NULL, 0, NULL},
};
