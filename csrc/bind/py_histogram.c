/* py_histogram.c: binding of rg_histogram.h. */
#include "rgb_common.h"

#include "rg_histogram.h"

/* A model, its walkers, and copies of the streams that are aligned. */
typedef struct {
    rg_walk_model_t model;
    rg_histogram_t job;
    PyArrayObject *streams;
} walk_t;

/* Check and borrow what both calls share. Returns -1 with an exception set. */
static int take_walk(walk_t *self, PyObject *sites, PyObject *starts, PyObject *values,
                     PyObject *spins, PyObject *streams, PyObject *log_g)
{
    rg_walk_model_t *model = &self->model;
    rg_histogram_t *job = &self->job;
    PyArrayObject *s = rgb_array(sites, "sites", NPY_UINT32, 1, false);
    PyArrayObject *a = s ? rgb_array(starts, "starts", NPY_UINT64, 1, false) : NULL;
    PyArrayObject *v = a ? rgb_array(values, "values", NPY_INT32, 1, false) : NULL;
    PyArrayObject *x = v ? rgb_array(spins, "spins", NPY_INT8, 2, true) : NULL;
    self->streams = x ? rgb_array(streams, "streams", NPY_UINT64, 3, true) : NULL;
    PyArrayObject *g = self->streams ? rgb_array(log_g, "log_g", NPY_FLOAT64, -1, true) : NULL;
    if (g == NULL) {
        return -1;
    }
    job->n_walkers = (size_t)PyArray_DIM(x, 0);
    job->spins = PyArray_DATA(x);
    job->log_g = PyArray_DATA(g);
    job->model = model;
    model->n_sites = (size_t)PyArray_DIM(x, 1);
    model->n_terms = (size_t)PyArray_SIZE(v);
    model->sites = PyArray_DATA(s);
    model->starts = PyArray_DATA(a);
    model->values = PyArray_DATA(v);
    rg_terms_t terms = {.n_sites = model->n_sites,
                        .n_terms = model->n_terms,
                        .sites = model->sites,
                        .starts = model->starts};
    if ((size_t)PyArray_SIZE(a) != model->n_terms + 1 ||
        !rg_terms_valid(&terms, (size_t)PyArray_SIZE(s)) ||
        (size_t)PyArray_DIM(self->streams, 0) != job->n_walkers ||
        PyArray_DIM(self->streams, 1) != 4 || PyArray_DIM(self->streams, 2) != RG_LANES) {
        PyErr_SetString(PyExc_ValueError, "starts, sites, values and spins must make terms, and "
                                          "streams must have shape (walkers, 4, 8)");
        return -1;
    }
    const int8_t *spin = job->spins;
    for (size_t i = 0; i < job->n_walkers * model->n_sites; i++) {
        if (spin[i] != 1 && spin[i] != -1) {
            PyErr_SetString(PyExc_ValueError, "spins must be -1 or +1");
            return -1;
        }
    }
    int ret = rg_walk_model_init(model);
    if (ret != RG_OK) {
        rgb_raise(ret);
        return -1;
    }
    size_t rows = job->learn ? job->n_walkers : 1;
    if ((size_t)PyArray_SIZE(g) != rows * model->n_levels) {
        PyErr_SetString(PyExc_ValueError, "log_g must have a value for every level");
        return -1;
    }
    return 0;
}

/* Run the job in slices of about 30 ms. Returns 0, or -1 with an exception set. */
static int run_to_end(walk_t *self, PyObject *progress)
{
    rg_histogram_t *job = &self->job;
    job->streams = rg_alloc(job->n_walkers + 1, sizeof *job->streams);
    int ret = job->streams != NULL ? rg_histogram_init(job) : RG_ERR_MEMORY;
    if (ret != RG_OK) {
        rgb_raise(ret);
        return -1;
    }
    memcpy(job->streams, PyArray_DATA(self->streams), (size_t)PyArray_NBYTES(self->streams));
    int failed = 0;
    ret = RG_MORE;
    for (size_t budget = RG_LANES; ret == RG_MORE && failed == 0;) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_histogram_run(job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        failed = rgb_between_slices(progress, rg_histogram_done(job));
    }
    memcpy(PyArray_DATA(self->streams), job->streams, (size_t)PyArray_NBYTES(self->streams));
    return failed;
}

static void release(walk_t *self)
{
    rg_histogram_free(&self->job);
    rg_walk_model_free(&self->model);
    rg_free(self->job.streams);
}

PyDoc_STRVAR(learn_doc,
             "histogram_learn($module, /, sites, starts, values, spins, streams, log_g, log_f,\n"
             "attempts, workers, progress)\n--\n\n"
             "(attempts, learned): uint64 (walkers,) made, and whether all came to log_f. values\n"
             "int32; spins (walkers, sites), streams (walkers, 4, 8): changed in place; log_g\n"
             "(walkers, levels): filled, -inf where unknown.");

static PyObject *histogram_learn(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"sites", "starts",   "values",  "spins",    "streams", "log_g",
                            "log_f", "attempts", "workers", "progress", NULL};
    PyObject *sites, *starts, *values, *spins, *streams, *log_g, *progress;
    PyObject *done = NULL, *visits = NULL, *result = NULL;
    walk_t walk = {.job = {.learn = true}};
    size_t attempts = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOOOOdO&O&O:histogram_learn", names, &sites,
                                     &starts, &values, &spins, &streams, &log_g, &walk.job.log_f,
                                     rgb_convert_size, &attempts, rgb_convert_count,
                                     &walk.job.workers, &progress)) {
        return NULL;
    }
    if (take_walk(&walk, sites, starts, values, spins, streams, log_g) < 0) {
        goto out;
    }
    npy_intp shape[] = {(npy_intp)walk.job.n_walkers, (npy_intp)walk.model.n_levels};
    done = PyArray_ZEROS(1, shape, NPY_UINT64, 0);
    visits = PyArray_ZEROS(2, shape, NPY_UINT64, 0);
    if (done == NULL || visits == NULL) {
        goto out;
    }
    walk.job.attempts = attempts;
    walk.job.done = PyArray_DATA((PyArrayObject *)done);
    walk.job.visits = PyArray_DATA((PyArrayObject *)visits);
    if (run_to_end(&walk, progress) == 0) {
        result = Py_BuildValue("ON", done, PyBool_FromLong(rg_histogram_learned(&walk.job)));
    }
out:
    release(&walk);
    Py_XDECREF(done);
    Py_XDECREF(visits);
    return result;
}

PyDoc_STRVAR(produce_doc,
             "histogram_produce($module, /, sites, starts, values, spins, streams, log_g, first,\n"
             "last, attempts, workers, progress)\n--\n\n"
             "(visits, trips): uint64 (walkers, levels) and (walkers,): round trips between the\n"
             "levels first and last, with weights 1 / g. log_g (levels,) is read.");

static PyObject *histogram_produce(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"sites", "starts", "values",   "spins",   "streams",  "log_g",
                            "first", "last",   "attempts", "workers", "progress", NULL};
    PyObject *sites, *starts, *values, *spins, *streams, *log_g, *progress;
    PyObject *done = NULL, *visits = NULL, *trips = NULL, *result = NULL;
    walk_t walk = {.job = {.learn = false}};
    size_t attempts = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOOOOO&O&O&O&O:histogram_produce", names,
                                     &sites, &starts, &values, &spins, &streams, &log_g,
                                     rgb_convert_size, &walk.job.ends[0], rgb_convert_size,
                                     &walk.job.ends[1], rgb_convert_size, &attempts,
                                     rgb_convert_count, &walk.job.workers, &progress)) {
        return NULL;
    }
    if (take_walk(&walk, sites, starts, values, spins, streams, log_g) < 0) {
        goto out;
    }
    npy_intp shape[] = {(npy_intp)walk.job.n_walkers, (npy_intp)walk.model.n_levels};
    done = PyArray_ZEROS(1, shape, NPY_UINT64, 0);
    trips = PyArray_ZEROS(1, shape, NPY_UINT64, 0);
    visits = PyArray_ZEROS(2, shape, NPY_UINT64, 0);
    if (done == NULL || trips == NULL || visits == NULL) {
        goto out;
    }
    walk.job.attempts = attempts;
    walk.job.done = PyArray_DATA((PyArrayObject *)done);
    walk.job.trips = PyArray_DATA((PyArrayObject *)trips);
    walk.job.visits = PyArray_DATA((PyArrayObject *)visits);
    if (run_to_end(&walk, progress) == 0) {
        result = PyTuple_Pack(2, visits, trips);
    }
out:
    release(&walk);
    Py_XDECREF(done);
    Py_XDECREF(trips);
    Py_XDECREF(visits);
    return result;
}

PyMethodDef rgb_histogram_methods[] = {
    RGB_METHOD("histogram_learn", histogram_learn, learn_doc),
    RGB_METHOD("histogram_produce", histogram_produce, produce_doc),
    {NULL, NULL, 0, NULL},
};
