/* py_fold.c: binding of rg_fold.h: time series of one large lattice. */
#include "rgb_common.h"

#include "rg_fold.h"

/* Fold a torus without the GIL. Returns RG_OK, or a code with the Python exception set. */
static int make_fold(rg_fold_t *fold, const rg_torus_t *torus)
{
    int ret = RG_OK;
    Py_BEGIN_ALLOW_THREADS
        ret = rg_fold_init(fold, torus);
    Py_END_ALLOW_THREADS
    if (ret == RG_ERR_ARGUMENT) {
        PyErr_SetString(PyExc_ValueError,
                        "shape does not fold: one extent must be 64 k, k >= 2, and another one 8 k "
                        "(in one dimension 512 k)");
    } else if (ret != RG_OK) {
        rgb_raise(ret);
    }
    return ret;
}

PyDoc_STRVAR(fold_load_doc, "fold_load($module, /, shape, spins)\n--\n\n"
                            "One configuration, int8 (sites,), to folded words (words, 8).");

static PyObject *fold_load(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"shape", "spins", NULL};
    rg_torus_t torus;
    PyObject *object = NULL;
    PyObject *words = NULL;
    rg_fold_t fold = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&O:fold_load", keywords, rgb_convert_torus,
                                     &torus, &object)) {
        return NULL;
    }
    PyArrayObject *spins = rgb_array(object, "spins", NPY_INT8, 1, false);
    if (spins == NULL || make_fold(&fold, &torus) != RG_OK) {
        goto out;
    }
    npy_intp dims[] = {(npy_intp)fold.lattice.n_sites, RG_LANES};
    if (PyArray_DIM(spins, 0) != dims[0] * RG_PLANE_BITS) {
        PyErr_Format(PyExc_ValueError, "spins must hold %zd sites, got %zd",
                     (Py_ssize_t)(dims[0] * RG_PLANE_BITS), (Py_ssize_t)PyArray_DIM(spins, 0));
        goto out;
    }
    words = PyArray_SimpleNew(2, dims, NPY_UINT64);
    if (words != NULL) {
        int ret = RG_OK;
        const int8_t *from = PyArray_DATA(spins);
        uint64_t *to = PyArray_DATA((PyArrayObject *)words);
        Py_BEGIN_ALLOW_THREADS
            ret = rg_fold_load(&fold, from, to);
        Py_END_ALLOW_THREADS
        if (ret != RG_OK) {
            Py_CLEAR(words);
            rgb_raise(ret);
        }
    }
out:
    rg_fold_free(&fold);
    return words;
}

/* Words of the right shape, or NULL with an exception set. */
static PyArrayObject *words_of(const rg_fold_t *fold, PyObject *object, bool writeable)
{
    PyArrayObject *words = rgb_array(object, "words", NPY_UINT64, 2, writeable);
    if (words == NULL) {
        return NULL;
    }
    if ((size_t)PyArray_DIM(words, 0) != fold->lattice.n_sites ||
        PyArray_DIM(words, 1) != RG_LANES) {
        PyErr_Format(PyExc_ValueError, "words must be (%zu, 8)", fold->lattice.n_sites);
        return NULL;
    }
    return words;
}

PyDoc_STRVAR(fold_unload_doc, "fold_unload($module, /, shape, words)\n--\n\n"
                              "The inverse of fold_load: int8 (sites,).");

static PyObject *fold_unload(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"shape", "words", NULL};
    rg_torus_t torus;
    PyObject *object = NULL;
    PyObject *spins = NULL;
    rg_fold_t fold = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&O:fold_unload", keywords, rgb_convert_torus,
                                     &torus, &object)) {
        return NULL;
    }
    PyArrayObject *words = NULL;
    if (make_fold(&fold, &torus) == RG_OK && (words = words_of(&fold, object, false)) != NULL) {
        npy_intp dims[] = {(npy_intp)fold.lattice.n_sites * RG_PLANE_BITS};
        spins = PyArray_SimpleNew(1, dims, NPY_INT8);
        if (spins != NULL) {
            const uint64_t *from = PyArray_DATA(words);
            int8_t *to = PyArray_DATA((PyArrayObject *)spins);
            Py_BEGIN_ALLOW_THREADS
                rg_fold_unload(&fold, from, to);
            Py_END_ALLOW_THREADS
        }
    }
    rg_fold_free(&fold);
    return spins;
}

PyDoc_STRVAR(
    fold_simulate_doc,
    "fold_simulate($module, /, shape, K, h, method, words, streams, cursor, thin, bonds, "
    "magnetization, workers, progress)\n--\n\n"
    "One chain of local updates, in place. words (words, 8), streams (16, 4, 8) and cursor (2,) "
    "hold its state: spins, generators, [sweeps since the chain began, draws written]. Fills bonds "
    "and magnetization, int64 (draws,), from draw cursor[1] on, one draw after every `thin` "
    "sweeps. "
    "After an exception the state is that of the last whole draw; the same call goes on from there "
    "with the same bits.");

/* The state arrays of the job, checked. Returns 0, or -1 with an exception set. */
static int state_arrays(rg_fold_job_t *job, PyObject *const objects[5])
{
    PyArrayObject *words = words_of(job->fold, objects[0], true);
    PyArrayObject *streams = words ? rgb_array(objects[1], "streams", NPY_UINT64, 3, true) : NULL;
    PyArrayObject *cursor = streams ? rgb_array(objects[2], "cursor", NPY_UINT64, 1, true) : NULL;
    PyArrayObject *bonds = cursor ? rgb_array(objects[3], "bonds", NPY_INT64, 1, true) : NULL;
    PyArrayObject *magnetization =
        bonds ? rgb_array(objects[4], "magnetization", NPY_INT64, 1, true) : NULL;
    if (magnetization == NULL) {
        return -1;
    }
    if (PyArray_DIM(streams, 0) != RG_FOLD_BANDS || PyArray_DIM(streams, 1) != 4 ||
        PyArray_DIM(streams, 2) != RG_LANES || PyArray_DIM(cursor, 0) != 2 ||
        PyArray_DIM(bonds, 0) != PyArray_DIM(magnetization, 0)) {
        PyErr_SetString(PyExc_ValueError, "streams must be (16, 4, 8), cursor (2,), bonds and "
                                          "magnetization equally long");
        return -1;
    }
    job->draws = (size_t)PyArray_DIM(bonds, 0);
    job->words = PyArray_DATA(words);
    job->streams = PyArray_DATA(streams);
    job->cursor = PyArray_DATA(cursor);
    job->bonds = PyArray_DATA(bonds);
    job->magnetization = PyArray_DATA(magnetization);
    return 0;
}

static int run_to_end(rg_fold_job_t *job, PyObject *progress)
{
    int ret = rg_fold_job_init(job);
    size_t budget = 1;
    while (ret == RG_OK || ret == RG_MORE) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_fold_job_run(job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        if (rgb_between_slices(progress, rg_fold_job_done(job)) < 0) {
            return -1;
        }
        if (ret == RG_OK) {
            return 0;
        }
    }
    rgb_raise(ret);
    return -1;
}

static PyObject *fold_simulate(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"shape",   "K",        "h",    "method", "words",
                               "streams", "cursor",   "thin", "bonds",  "magnetization",
                               "workers", "progress", NULL};
    rg_torus_t torus;
    PyObject *objects[5];
    PyObject *progress = NULL;
    rg_fold_t fold = {0};
    rg_fold_job_t job = {.fold = &fold};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O&ddiOOOO&OOO&O:fold_simulate", keywords, rgb_convert_torus, &torus,
            &job.K, &job.h, &job.method, &objects[0], &objects[1], &objects[2], rgb_convert_count,
            &job.thin, &objects[3], &objects[4], rgb_convert_count, &job.workers, &progress)) {
        return NULL;
    }
    bool done = make_fold(&fold, &torus) == RG_OK && state_arrays(&job, objects) == 0 &&
                run_to_end(&job, progress) == 0;
    rg_fold_job_free(&job);
    rg_fold_free(&fold);
    return done ? Py_NewRef(Py_None) : NULL;
}

PyMethodDef rgb_fold_methods[] = {
    RGB_METHOD("fold_load", fold_load, fold_load_doc),
    RGB_METHOD("fold_simulate", fold_simulate, fold_simulate_doc),
    RGB_METHOD("fold_unload", fold_unload, fold_unload_doc),
    {NULL, NULL, 0, NULL},
};
