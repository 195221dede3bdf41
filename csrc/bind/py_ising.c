/* py_ising.c: replica-packed local updates: independent configurations, time series. */
#include "rgb_common.h"

#include "rg_bits.h"
#include "rg_simulate.h"

PyDoc_STRVAR(ising_sample_doc, "ising_sample($module, /, shape, K, h, method, n, sweeps, start, "
                               "p_up, key, workers, progress)\n"
                               "--\n\nn independent configurations, int8 (n, sites). method: 0 "
                               "heat-bath, 1 Metropolis, 2 local; "
                               "start: 0 random, 1 ordered, 2 staggered.");

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
    static char *keywords[] = {"shape", "K",    "h",   "method",  "n",        "sweeps",
                               "start", "p_up", "key", "workers", "progress", NULL};
    rg_torus_t torus;
    PyObject *progress = NULL;
    PyObject *spins = NULL;
    rg_lattice_t lattice = {0};
    rg_ising_sample_t job = {0};
    bool done = false;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&ddiO&O&idO&O&O:ising_sample", keywords,
                                     rgb_convert_torus, &torus, &job.K, &job.h, &job.method,
                                     rgb_convert_size, &job.n, rgb_convert_size, &job.sweeps,
                                     &job.start, &job.p_up, rgb_convert_key, job.key,
                                     rgb_convert_count, &job.workers, &progress)) {
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

/* Tables of a torus. Returns RG_OK, or a code with the Python exception set. */
static int make_lattice(rg_lattice_t *lattice, const rg_torus_t *torus)
{
    int ret = RG_OK;
    Py_BEGIN_ALLOW_THREADS
        ret = rg_lattice_init(lattice, torus);
    Py_END_ALLOW_THREADS
    if (ret != RG_OK) {
        rgb_raise(ret);
    }
    return ret;
}

PyDoc_STRVAR(ising_start_doc,
             "ising_start($module, /, shape, start, p_up, key, first, n_blocks)\n--\n\n"
             "First words of blocks first .. first + n_blocks - 1: uint64 (n_blocks, sites, 8).");

static PyObject *ising_start(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"shape", "start", "p_up", "key", "first", "n_blocks", NULL};
    rg_torus_t torus;
    int start = 0;
    double p_up = 0.0;
    uint64_t key[4];
    size_t first = 0;
    size_t n_blocks = 0;
    rg_lattice_t lattice = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&idO&O&O&:ising_start", keywords,
                                     rgb_convert_torus, &torus, &start, &p_up, rgb_convert_key, key,
                                     rgb_convert_size, &first, rgb_convert_size, &n_blocks)) {
        return NULL;
    }
    PyObject *words = NULL;
    int ret = make_lattice(&lattice, &torus);
    if (ret == RG_OK) {
        npy_intp dims[] = {(npy_intp)n_blocks, (npy_intp)lattice.n_sites, RG_LANES};
        words = PyArray_SimpleNew(3, dims, NPY_UINT64);
    }
    for (size_t block = 0; words != NULL && block < n_blocks; block++) {
        uint64_t *data = PyArray_DATA((PyArrayObject *)words);
        ret = rg_ising_start(&lattice, key, start, p_up, first + block,
                             &data[block * lattice.n_sites * RG_LANES]);
        if (ret != RG_OK) {
            rgb_raise(ret);
        }
        if (ret != RG_OK || rgb_between_slices(NULL, 0.0) < 0) {
            Py_CLEAR(words);
        }
    }
    rg_lattice_free(&lattice);
    return words;
}

PyDoc_STRVAR(ising_load_doc,
             "ising_load($module, /, spins)\n--\n\n"
             "int8 (n, sites) to words (ceil(n / 512), sites, 8); a last block that "
             "is not full repeats its rows.");

static PyObject *ising_load(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"spins", NULL};
    PyObject *object = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:ising_load", keywords, &object)) {
        return NULL;
    }
    PyArrayObject *spins = rgb_array(object, "spins", NPY_INT8, 2, false);
    if (spins == NULL) {
        return NULL;
    }
    size_t n = (size_t)PyArray_DIM(spins, 0);
    size_t n_sites = (size_t)PyArray_DIM(spins, 1);
    npy_intp dims[] = {(npy_intp)((n + RG_PLANE_BITS - 1) / RG_PLANE_BITS), (npy_intp)n_sites,
                       RG_LANES};
    PyObject *words = PyArray_SimpleNew(3, dims, NPY_UINT64);
    for (size_t row = 0; words != NULL && row < n; row += RG_PLANE_BITS) {
        const int8_t *rows = (const int8_t *)PyArray_DATA(spins) + row * n_sites;
        uint64_t *data = PyArray_DATA((PyArrayObject *)words);
        size_t n_rows = n - row < RG_PLANE_BITS ? n - row : RG_PLANE_BITS;
        int ret = RG_OK;
        Py_BEGIN_ALLOW_THREADS
            ret = rg_spins_to_replicas(rows, n_sites, n_rows,
                                       &data[row / RG_PLANE_BITS * n_sites * RG_LANES]);
        Py_END_ALLOW_THREADS
        if (ret != RG_OK) {
            rgb_raise(ret);
        }
        if (ret != RG_OK || rgb_between_slices(NULL, 0.0) < 0) {
            Py_CLEAR(words);
        }
    }
    return words;
}

PyDoc_STRVAR(ising_unload_doc, "ising_unload($module, /, words, n)\n--\n\n"
                               "The first n configurations of words (blocks, sites, 8): int8.");

static PyObject *ising_unload(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"words", "n", NULL};
    PyObject *object = NULL;
    size_t n = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&:ising_unload", keywords, &object,
                                     rgb_convert_size, &n)) {
        return NULL;
    }
    PyArrayObject *words = rgb_array(object, "words", NPY_UINT64, 3, false);
    if (words == NULL) {
        return NULL;
    }
    size_t n_sites = (size_t)PyArray_DIM(words, 1);
    if (PyArray_DIM(words, 2) != RG_LANES || n > RG_PLANE_BITS * (size_t)PyArray_DIM(words, 0)) {
        return PyErr_Format(PyExc_ValueError, "words must be (blocks, sites, 8), with %zu rows", n);
    }
    npy_intp dims[] = {(npy_intp)n, (npy_intp)n_sites};
    PyObject *spins = PyArray_SimpleNew(2, dims, NPY_INT8);
    for (size_t row = 0; spins != NULL && row < n; row += RG_PLANE_BITS) {
        int8_t *rows = (int8_t *)PyArray_DATA((PyArrayObject *)spins) + row * n_sites;
        const uint64_t *data = PyArray_DATA(words);
        size_t n_rows = n - row < RG_PLANE_BITS ? n - row : RG_PLANE_BITS;
        Py_BEGIN_ALLOW_THREADS
            rg_replicas_to_spins(&data[row / RG_PLANE_BITS * n_sites * RG_LANES], n_sites, n_rows,
                                 rows);
        Py_END_ALLOW_THREADS
        if (rgb_between_slices(NULL, 0.0) < 0) {
            Py_CLEAR(spins);
        }
    }
    return spins;
}

PyDoc_STRVAR(
    ising_simulate_doc,
    "ising_simulate($module, /, shape, K, h, method, words, streams, cursor, thin, bonds, "
    "magnetization, workers, progress)\n--\n\n"
    "Chains of local updates, in place. words (B, sites, 8), streams (B, 4, 8) and cursor (B, 2) "
    "hold each block's state: spins, generator, [sweeps since the chain began, draws written]. "
    "Fills "
    "bonds and magnetization, int32 (draws, 512 B), from each block's draw cursor[:, 1] on, one "
    "draw after every `thin` sweeps. After an exception (an interrupt, say) each block stands at "
    "the end of a whole draw, as its cursor tells: the same call goes on from there with the same "
    "bits.");

/* The state arrays of a job, checked against each other. Returns 0, or -1 with an exception set. */
static int state_arrays(rg_simulate_t *job, PyObject *const objects[5])
{
    PyArrayObject *words = rgb_array(objects[0], "words", NPY_UINT64, 3, true);
    PyArrayObject *streams = words ? rgb_array(objects[1], "streams", NPY_UINT64, 3, true) : NULL;
    PyArrayObject *cursor = streams ? rgb_array(objects[2], "cursor", NPY_UINT64, 2, true) : NULL;
    PyArrayObject *bonds = cursor ? rgb_array(objects[3], "bonds", NPY_INT32, 2, true) : NULL;
    PyArrayObject *magnetization =
        bonds ? rgb_array(objects[4], "magnetization", NPY_INT32, 2, true) : NULL;
    if (magnetization == NULL) {
        return -1;
    }
    npy_intp n = PyArray_DIM(words, 0);
    npy_intp draws = PyArray_DIM(bonds, 0);
    const char *wrong = NULL;
    if ((size_t)PyArray_DIM(words, 1) != job->lattice->n_sites ||
        PyArray_DIM(words, 2) != RG_LANES) {
        wrong = "words must be (blocks, sites, 8)";
    } else if (PyArray_DIM(streams, 0) != n || PyArray_DIM(streams, 1) != 4 ||
               PyArray_DIM(streams, 2) != RG_LANES) {
        wrong = "streams must be (blocks, 4, 8)";
    } else if (PyArray_DIM(cursor, 0) != n || PyArray_DIM(cursor, 1) != 2) {
        wrong = "cursor must be (blocks, 2)";
    } else if (PyArray_DIM(bonds, 1) != n * RG_PLANE_BITS ||
               PyArray_DIM(magnetization, 0) != draws ||
               PyArray_DIM(magnetization, 1) != n * RG_PLANE_BITS) {
        wrong = "bonds and magnetization must be (draws, 512 blocks)";
    }
    if (wrong != NULL) {
        PyErr_SetString(PyExc_ValueError, wrong);
        return -1;
    }
    job->n_blocks = (size_t)n;
    job->draws = (size_t)draws;
    job->words = PyArray_DATA(words);
    job->streams = PyArray_DATA(streams);
    job->cursor = PyArray_DATA(cursor);
    job->bonds = PyArray_DATA(bonds);
    job->magnetization = PyArray_DATA(magnetization);
    return 0;
}

static int simulate_to_end(rg_simulate_t *job, PyObject *progress)
{
    int ret = rg_simulate_init(job);
    size_t budget = 1;
    while (ret == RG_OK || ret == RG_MORE) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_simulate_run(job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        if (rgb_between_slices(progress, rg_simulate_done(job)) < 0) {
            return -1;
        }
        if (ret == RG_OK) {
            return 0;
        }
    }
    rgb_raise(ret);
    return -1;
}

static PyObject *ising_simulate(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"shape",   "K",        "h",    "method", "words",
                               "streams", "cursor",   "thin", "bonds",  "magnetization",
                               "workers", "progress", NULL};
    rg_torus_t torus;
    PyObject *objects[5];
    PyObject *progress = NULL;
    rg_lattice_t lattice = {0};
    rg_simulate_t job = {.lattice = &lattice};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O&ddiOOOO&OOO&O:ising_simulate", keywords, rgb_convert_torus, &torus,
            &job.K, &job.h, &job.method, &objects[0], &objects[1], &objects[2], rgb_convert_count,
            &job.thin, &objects[3], &objects[4], rgb_convert_count, &job.workers, &progress)) {
        return NULL;
    }
    bool done = make_lattice(&lattice, &torus) == RG_OK && state_arrays(&job, objects) == 0 &&
                simulate_to_end(&job, progress) == 0;
    rg_simulate_free(&job);
    rg_lattice_free(&lattice);
    return done ? Py_NewRef(Py_None) : NULL;
}

PyMethodDef rgb_ising_methods[] = {
    RGB_METHOD("ising_load", ising_load, ising_load_doc),
    RGB_METHOD("ising_sample", ising_sample, ising_sample_doc),
    RGB_METHOD("ising_simulate", ising_simulate, ising_simulate_doc),
    RGB_METHOD("ising_start", ising_start, ising_start_doc),
    RGB_METHOD("ising_unload", ising_unload, ising_unload_doc),
    {NULL, NULL, 0, NULL},
};
