/* py_temper.c: binding of rg_temper.h. */
#include "rgb_common.h"

#include "rg_temper.h"

/* A model at every K of the ladder, and the copies of the state that the kernels need aligned. */
typedef struct {
    rg_lattice_t lattice;
    rg_ising_rule_t *rules;
    rg_field_t *fields;
    rg_field_sums_t sums;
    double *reduced;
    rg_temper_t job;
} ladder_t;

static int prepare(ladder_t *self, const rg_terms_t *terms, const rg_torus_t *torus, double h)
{
    rg_temper_t *job = &self->job;
    size_t n_words = 0;
    int ret = rg_field_sums_init(&self->sums, terms);
    if (ret != RG_OK || rg_multiply(job->n_blocks * job->n_K, terms->n_sites, &n_words) != RG_OK) {
        return ret != RG_OK ? ret : RG_ERR_OVERFLOW;
    }
    self->reduced = rg_alloc(terms->n_terms + 1, sizeof *self->reduced);
    self->rules = rg_alloc(job->n_K, sizeof *self->rules);
    self->fields = rg_alloc(job->n_K, sizeof *self->fields);
    job->words = rg_alloc(n_words, RG_LANES * sizeof *job->words);
    job->streams = rg_alloc(2 * job->n_blocks * job->n_K, sizeof *job->streams);
    if (self->reduced == NULL || self->rules == NULL || self->fields == NULL ||
        job->words == NULL || job->streams == NULL) {
        return RG_ERR_MEMORY;
    }
    if (torus != NULL) {
        ret = rg_lattice_init(&self->lattice, torus);
        job->lattice = &self->lattice;
    }
    for (size_t k = 0; k < job->n_K && ret == RG_OK; k++) {
        if (torus != NULL) {
            ret =
                rg_ising_rule_init(&self->rules[k], torus->ndim, job->K[k], h, RG_METHOD_HEATBATH);
            continue;
        }
        for (size_t t = 0; t < terms->n_terms; t++) {
            self->reduced[t] = job->K[k] * terms->values[t];
        }
        rg_terms_t reduced = *terms;
        reduced.values = self->reduced;
        ret = rg_field_init(&self->fields[k], &reduced, false);
    }
    job->rules = self->rules;
    job->fields = self->fields;
    job->sums = &self->sums;
    return ret == RG_OK ? rg_temper_init(job) : ret;
}

static void release(ladder_t *self)
{
    for (size_t k = 0; self->fields != NULL && k < self->job.n_K; k++) {
        rg_field_free(&self->fields[k]);
    }
    rg_temper_free(&self->job);
    rg_lattice_free(&self->lattice);
    rg_field_sums_free(&self->sums);
    rg_free(self->fields);
    rg_free(self->rules);
    rg_free(self->reduced);
    rg_free(self->job.words);
    rg_free(self->job.streams);
}

/* Run the job in slices of about 30 ms. Returns 0, or -1 with an exception set. */
static int run_to_end(rg_temper_t *job, PyObject *progress)
{
    int ret = RG_MORE;
    for (size_t budget = 1; ret == RG_MORE;) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_temper_run(job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        if (rgb_between_slices(progress, rg_temper_done(job)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Check the arrays of the state against the model and the ladder. */
static int take_state(rg_temper_t *job, PyArrayObject *words, PyArrayObject *streams,
                      size_t n_sites)
{
    job->n_blocks = (size_t)PyArray_DIM(words, 0);
    if ((size_t)PyArray_DIM(words, 1) != job->n_K || (size_t)PyArray_DIM(words, 2) != n_sites ||
        PyArray_DIM(words, 3) != RG_LANES || (size_t)PyArray_DIM(streams, 0) != job->n_blocks ||
        (size_t)PyArray_DIM(streams, 1) != 2 * job->n_K || PyArray_DIM(streams, 2) != 4 ||
        PyArray_DIM(streams, 3) != RG_LANES) {
        PyErr_SetString(PyExc_ValueError, "words must have shape (blocks, n_K, sites, 8) and "
                                          "streams (blocks, 2 n_K, 4, 8)");
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(temper_doc,
             "temper($module, /, sites, starts, values, fields, K, shape, h, words, streams,\n"
             "first_step, draws, thin, workers, progress)\n--\n\n"
             "(bonds, up, accepted, round_trips): float64 (n_K, 512 blocks, draws) twice, uint64\n"
             "(blocks, n_K - 1) and (512 blocks, n_K). shape: of a torus in the field h, or None.\n"
             "words (blocks, n_K, sites, 8), streams (blocks, 2 n_K, 4, 8): changed in place.");

/* The arrays that a job fills. Returns a tuple that owns them, or NULL. */
static PyObject *make_results(rg_temper_t *job)
{
    npy_intp chains = (npy_intp)(job->n_blocks * RG_PLANE_BITS);
    npy_intp draws[] = {(npy_intp)job->n_K, chains, (npy_intp)job->n_draws};
    npy_intp pairs[] = {(npy_intp)job->n_blocks, (npy_intp)job->n_K - 1};
    npy_intp walkers[] = {chains, (npy_intp)job->n_K};
    PyObject *bonds = PyArray_SimpleNew(3, draws, NPY_FLOAT64);
    PyObject *up = PyArray_SimpleNew(3, draws, NPY_FLOAT64);
    PyObject *accepted = PyArray_ZEROS(2, pairs, NPY_UINT64, 0);
    PyObject *trips = PyArray_ZEROS(2, walkers, NPY_UINT64, 0);
    PyObject *results = NULL;
    if (bonds != NULL && up != NULL && accepted != NULL && trips != NULL) {
        job->bonds = PyArray_DATA((PyArrayObject *)bonds);
        job->up = PyArray_DATA((PyArrayObject *)up);
        job->accepted = PyArray_DATA((PyArrayObject *)accepted);
        job->round_trips = PyArray_DATA((PyArrayObject *)trips);
        results = PyTuple_Pack(4, bonds, up, accepted, trips);
    }
    Py_XDECREF(bonds);
    Py_XDECREF(up);
    Py_XDECREF(accepted);
    Py_XDECREF(trips);
    return results;
}

static PyObject *temper(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"sites", "starts", "values",  "fields",   "K",
                            "shape", "h",      "words",   "streams",  "first_step",
                            "draws", "thin",   "workers", "progress", NULL};
    PyObject *sites = NULL, *starts = NULL, *values = NULL, *fields = NULL, *progress = NULL;
    PyObject *K_object = NULL, *shape = NULL, *words_object = NULL, *streams_object = NULL;
    ladder_t ladder = {.reduced = NULL};
    rg_temper_t *job = &ladder.job;
    rg_terms_t terms = {0};
    rg_torus_t torus;
    double h = 0.0;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OOOOOOdOOO&O&O&O&O:temper", names, &sites, &starts, &values, &fields,
            &K_object, &shape, &h, &words_object, &streams_object, rgb_convert_size,
            &job->first_step, rgb_convert_size, &job->n_draws, rgb_convert_count, &job->thin,
            rgb_convert_count, &job->workers, &progress) ||
        rgb_take_terms(&terms, sites, starts, values, fields) < 0 ||
        (shape != Py_None && !rgb_convert_torus(shape, &torus))) {
        return NULL;
    }
    PyArrayObject *K = rgb_array(K_object, "K", NPY_FLOAT64, 1, false);
    PyArrayObject *words = K ? rgb_array(words_object, "words", NPY_UINT64, 4, true) : NULL;
    PyArrayObject *streams =
        words ? rgb_array(streams_object, "streams", NPY_UINT64, 4, true) : NULL;
    if (streams == NULL) {
        return NULL;
    }
    job->n_K = (size_t)PyArray_SIZE(K);
    job->K = PyArray_DATA(K);
    size_t torus_sites = terms.n_sites;
    if (shape != Py_None && rg_torus_sites(&torus, &torus_sites) != RG_OK) {
        torus_sites = 0;
    }
    if (job->n_K < 1 || torus_sites != terms.n_sites) {
        PyErr_SetString(PyExc_ValueError, "K must not be empty, and shape must fit fields");
        return NULL;
    }
    if (take_state(job, words, streams, terms.n_sites) < 0) {
        return NULL;
    }
    PyObject *results = make_results(job);
    if (results == NULL) {
        return NULL;
    }
    int ret = prepare(&ladder, &terms, shape != Py_None ? &torus : NULL, h);
    bool done = false;
    if (ret == RG_OK) {
        memcpy(job->words, PyArray_DATA(words), (size_t)PyArray_NBYTES(words));
        memcpy(job->streams, PyArray_DATA(streams), (size_t)PyArray_NBYTES(streams));
        done = run_to_end(job, progress) == 0;
        memcpy(PyArray_DATA(words), job->words, (size_t)PyArray_NBYTES(words));
        memcpy(PyArray_DATA(streams), job->streams, (size_t)PyArray_NBYTES(streams));
    } else {
        rgb_raise(ret);
    }
    release(&ladder);
    if (!done) {
        Py_CLEAR(results);
    }
    return results;
}

PyMethodDef rgb_temper_methods[] = {
    RGB_METHOD("temper", temper, temper_doc),
    {NULL, NULL, 0, NULL},
};
