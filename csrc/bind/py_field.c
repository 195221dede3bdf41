/* py_field.c: binding of rg_field.h: packed chains of any model. */
#include "rgb_common.h"

#include "rg_bits.h"
#include "rg_field.h"

PyDoc_STRVAR(replicas_to_spins_doc,
             "replicas_to_spins($module, /, words, n)\n--\n\n"
             "First n configurations of words (blocks, sites, 8), int8 (n, sites).");

static PyObject *replicas_to_spins(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"words", "n", NULL};
    PyObject *object = NULL;
    size_t n = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&:replicas_to_spins", names, &object,
                                     rgb_convert_size, &n)) {
        return NULL;
    }
    PyArrayObject *words = rgb_array(object, "words", NPY_UINT64, 3, false);
    if (words == NULL) {
        return NULL;
    }
    size_t n_blocks = (size_t)PyArray_DIM(words, 0);
    size_t n_sites = (size_t)PyArray_DIM(words, 1);
    if (PyArray_DIM(words, 2) != RG_LANES || n > n_blocks * RG_PLANE_BITS) {
        PyErr_SetString(PyExc_ValueError, "words must have shape (blocks, sites, 8) and hold n");
        return NULL;
    }
    npy_intp shape[] = {(npy_intp)n, (npy_intp)n_sites};
    PyObject *spins = PyArray_SimpleNew(2, shape, NPY_INT8);
    if (spins == NULL) {
        return NULL;
    }
    const uint64_t *data = PyArray_DATA(words);
    int8_t *out = PyArray_DATA((PyArrayObject *)spins);
    Py_BEGIN_ALLOW_THREADS
        for (size_t row = 0; row < n; row += RG_PLANE_BITS) {
            size_t rows = n - row < RG_PLANE_BITS ? n - row : RG_PLANE_BITS;
            rg_replicas_to_spins(&data[row / RG_PLANE_BITS * n_sites * RG_LANES], n_sites, rows,
                                 &out[row * n_sites]);
        }
    Py_END_ALLOW_THREADS
    return spins;
}

/* A model ready for its updates, and the copy of the state that the kernels need aligned. */
typedef struct {
    rg_field_t heatbath;
    rg_field_t metropolis;
    rg_field_sums_t sums;
    rg_field_job_t job;
    double *reduced;
} chains_t;

static int prepare(chains_t *self, const rg_terms_t *terms, double K)
{
    self->reduced = rg_alloc(terms->n_terms + 1, sizeof *self->reduced);
    if (self->reduced == NULL) {
        return RG_ERR_MEMORY;
    }
    for (size_t t = 0; t < terms->n_terms; t++) {
        self->reduced[t] = K * terms->values[t];
    }
    rg_terms_t reduced = *terms;
    reduced.values = self->reduced;
    int ret = rg_field_sums_init(&self->sums, terms);
    if (ret == RG_OK && self->job.method != RG_METHOD_METROPOLIS) {
        ret = rg_field_init(&self->heatbath, &reduced, false);
    }
    if (ret == RG_OK && self->job.method != RG_METHOD_HEATBATH) {
        ret = rg_field_init(&self->metropolis, &reduced, true);
    }
    self->job.sums = &self->sums;
    self->job.heatbath = self->heatbath.sites != NULL ? &self->heatbath : NULL;
    self->job.metropolis = self->metropolis.sites != NULL ? &self->metropolis : NULL;
    self->job.words = rg_alloc(self->job.n_blocks * terms->n_sites, RG_LANES * sizeof(uint64_t));
    self->job.streams = rg_alloc(self->job.n_blocks, sizeof(rg_stream_t));
    if (self->job.words == NULL || self->job.streams == NULL) {
        return RG_ERR_MEMORY;
    }
    return ret == RG_OK ? rg_field_job_init(&self->job) : ret;
}

static void release(chains_t *self)
{
    rg_field_job_free(&self->job);
    rg_field_sums_free(&self->sums);
    rg_field_free(&self->heatbath);
    rg_field_free(&self->metropolis);
    rg_free(self->job.words);
    rg_free(self->job.streams);
    rg_free(self->reduced);
}

/* Run the job in slices of about 30 ms. Returns 0, or -1 with an exception set. */
static int run_to_end(rg_field_job_t *job, PyObject *progress)
{
    int ret = RG_MORE;
    for (size_t budget = 1; ret == RG_MORE;) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_field_job_run(job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        if (rgb_between_slices(progress, rg_field_job_done(job)) < 0) {
            return -1;
        }
    }
    return 0;
}

PyDoc_STRVAR(
    terms_simulate_doc,
    "terms_simulate($module, /, sites, starts, values, fields, K, method, words, streams,\n"
    "first_sweep, draws, thin, workers, progress)\n--\n\n"
    "(bonds, up), each float64 (512 blocks, draws): sums of values times products and of\n"
    "spins. words (blocks, sites, 8) and streams (blocks, 4, 8) are the state, changed in\n"
    "place (after an interrupt too: then some sites are a sweep ahead of others). method:\n"
    "0 heat bath, 1 Metropolis, 2 local.");

static PyObject *terms_simulate(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"sites",  "starts",  "values",   "fields",      "K",
                            "method", "words",   "streams",  "first_sweep", "draws",
                            "thin",   "workers", "progress", NULL};
    PyObject *sites = NULL, *starts = NULL, *values = NULL, *fields = NULL, *progress = NULL;
    PyObject *words_object = NULL, *streams_object = NULL, *bonds = NULL, *up = NULL;
    double K = 0.0;
    chains_t chains = {.reduced = NULL};
    rg_field_job_t *job = &chains.job;
    rg_terms_t terms = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OOOOdiOOO&O&O&O&O:terms_simulate", names, &sites, &starts, &values,
            &fields, &K, &job->method, &words_object, &streams_object, rgb_convert_size,
            &job->first_sweep, rgb_convert_size, &job->n_draws, rgb_convert_count, &job->thin,
            rgb_convert_count, &job->workers, &progress) ||
        rgb_take_terms(&terms, sites, starts, values, fields) < 0) {
        return NULL;
    }
    PyArrayObject *words = rgb_array(words_object, "words", NPY_UINT64, 3, true);
    PyArrayObject *streams =
        words ? rgb_array(streams_object, "streams", NPY_UINT64, 3, true) : NULL;
    if (streams == NULL) {
        return NULL;
    }
    job->n_blocks = (size_t)PyArray_DIM(words, 0);
    if ((size_t)PyArray_DIM(words, 1) != terms.n_sites || PyArray_DIM(words, 2) != RG_LANES ||
        (size_t)PyArray_DIM(streams, 0) != job->n_blocks || PyArray_DIM(streams, 1) != 4 ||
        PyArray_DIM(streams, 2) != RG_LANES) {
        PyErr_SetString(PyExc_ValueError,
                        "words must have shape (blocks, sites, 8) and streams (blocks, 4, 8)");
        return NULL;
    }
    npy_intp shape[] = {(npy_intp)(job->n_blocks * RG_PLANE_BITS), (npy_intp)job->n_draws};
    bonds = PyArray_SimpleNew(2, shape, NPY_FLOAT64);
    up = PyArray_SimpleNew(2, shape, NPY_FLOAT64);
    bool done = false;
    if (bonds == NULL || up == NULL) {
        goto out;
    }
    job->bonds = PyArray_DATA((PyArrayObject *)bonds);
    job->up = PyArray_DATA((PyArrayObject *)up);
    int ret = prepare(&chains, &terms, K);
    if (ret != RG_OK) {
        rgb_raise(ret);
        goto out;
    }
    memcpy(job->words, PyArray_DATA(words), (size_t)PyArray_NBYTES(words));
    memcpy(job->streams, PyArray_DATA(streams), (size_t)PyArray_NBYTES(streams));
    done = run_to_end(job, progress) == 0;
    memcpy(PyArray_DATA(words), job->words, (size_t)PyArray_NBYTES(words));
    memcpy(PyArray_DATA(streams), job->streams, (size_t)PyArray_NBYTES(streams));
out:
    release(&chains);
    PyObject *result = done ? PyTuple_Pack(2, bonds, up) : NULL;
    Py_XDECREF(bonds);
    Py_XDECREF(up);
    return result;
}

PyMethodDef rgb_field_methods[] = {
    RGB_METHOD("replicas_to_spins", replicas_to_spins, replicas_to_spins_doc),
    RGB_METHOD("terms_simulate", terms_simulate, terms_simulate_doc),
    {NULL, NULL, 0, NULL},
};
