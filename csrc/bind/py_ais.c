/* py_ais.c: annealing of Boltzmann machines' chains with importance weights. */
#include "rgb_common.h"

#include "rg_ais.h"
#include "rg_bits.h"

PyDoc_STRVAR(rbm_anneal_doc,
             "rbm_anneal($module, /, weights, transposed, visible_bias, hidden_bias, base_bias,\n"
             "           spin, betas, visible, log_weight, slope, key, workers, progress)\n"
             "--\n\n"
             "Take every chain through the temperatures betas, in place (rg_ais.h). slope may be\n"
             "None. On an interrupt chains have gone different lengths: hand over copies.");

/* The machine and the same with its layers exchanged, and the base's bias, all of one type. */
typedef struct {
    rg_rbm_t rbm;
    rg_rbm_t transposed;
    rg_rbm_t base; /* only its visible_bias is used */
} machines_t;

static void copy_bias(void *to, PyArrayObject *from)
{
    memcpy(to, PyArray_DATA(from), (size_t)PyArray_NBYTES(from));
}

static bool has_length(PyArrayObject *array, size_t length)
{
    return (size_t)PyArray_DIM(array, 0) == length;
}

static int take_machines(PyObject *const objects[5], bool spin, machines_t *machines)
{
    static const char *const names[] = {"weights", "transposed", "visible_bias", "hidden_bias",
                                        "base_bias"};
    PyArrayObject *arrays[5];
    int type = PyArray_Check(objects[0]) ? PyArray_TYPE((PyArrayObject *)objects[0]) : NPY_FLOAT32;
    if (type != NPY_FLOAT32 && type != NPY_FLOAT64) {
        PyErr_SetString(PyExc_TypeError, "weights must have dtype float32 or float64");
        return -1;
    }
    for (size_t i = 0; i < 5; i++) {
        arrays[i] = rgb_array(objects[i], names[i], type, i < 2 ? 2 : 1, false);
        if (arrays[i] == NULL) {
            return -1;
        }
    }
    size_t n_visible = (size_t)PyArray_DIM(arrays[0], 0);
    size_t n_hidden = (size_t)PyArray_DIM(arrays[0], 1);
    if (!has_length(arrays[1], n_hidden) || (size_t)PyArray_DIM(arrays[1], 1) != n_visible ||
        !has_length(arrays[2], n_visible) || !has_length(arrays[3], n_hidden) ||
        !has_length(arrays[4], n_visible)) {
        PyErr_Format(PyExc_ValueError, "transposed and biases must fit weights of shape (%zu, %zu)",
                     n_visible, n_hidden);
        return -1;
    }
    bool single = type == NPY_FLOAT32;
    int ret = rg_rbm_init(&machines->rbm, n_visible, n_hidden, spin, single);
    if (ret == RG_OK) {
        ret = rg_rbm_init(&machines->transposed, n_hidden, n_visible, spin, single);
    }
    if (ret == RG_OK) {
        ret = rg_rbm_init(&machines->base, n_visible, 1, spin, single);
    }
    if (ret != RG_OK) {
        rgb_raise(ret);
        return -1;
    }
    rg_rbm_pack(n_visible, n_hidden, single, PyArray_DATA(arrays[0]), machines->rbm.weights);
    rg_rbm_pack(n_hidden, n_visible, single, PyArray_DATA(arrays[1]), machines->transposed.weights);
    copy_bias(machines->rbm.visible_bias, arrays[2]);
    copy_bias(machines->rbm.hidden_bias, arrays[3]);
    copy_bias(machines->base.visible_bias, arrays[4]);
    return 0;
}

/* The chains and what is recorded of them, with sizes that fit each other. */
static int take_chains(PyObject *betas_object, PyObject *visible_object, PyObject *weight_object,
                       PyObject *slope_object, rg_ais_t *job)
{
    PyArrayObject *betas = rgb_array(betas_object, "betas", NPY_FLOAT64, 1, false);
    PyArrayObject *visible =
        betas ? rgb_array(visible_object, "visible", NPY_UINT64, 2, true) : NULL;
    PyArrayObject *weight =
        visible ? rgb_array(weight_object, "log_weight", NPY_FLOAT64, 1, true) : NULL;
    if (weight == NULL) {
        return -1;
    }
    PyArrayObject *slope = NULL;
    if (slope_object != Py_None) {
        slope = rgb_array(slope_object, "slope", NPY_FLOAT64, 2, true);
        if (slope == NULL) {
            return -1;
        }
    }
    job->n_betas = (size_t)PyArray_DIM(betas, 0);
    job->n_rows = (size_t)PyArray_DIM(visible, 0);
    bool fits = has_length(weight, job->n_rows) &&
                (size_t)PyArray_DIM(visible, 1) == rg_bits_words(job->rbm->n_visible);
    if (slope != NULL) {
        fits =
            fits && has_length(slope, job->n_betas) && (size_t)PyArray_DIM(slope, 1) == job->n_rows;
    }
    if (!fits) {
        PyErr_Format(PyExc_ValueError,
                     "visible must have %zu words per row, log_weight one entry per row, and "
                     "slope the shape (betas, rows)",
                     rg_bits_words(job->rbm->n_visible));
        return -1;
    }
    job->betas = PyArray_DATA(betas);
    job->visible = PyArray_DATA(visible);
    job->log_weight = PyArray_DATA(weight);
    job->slope = slope != NULL ? PyArray_DATA(slope) : NULL;
    return 0;
}

static int anneal_to_end(rg_ais_t *job, PyObject *progress)
{
    int ret = rg_ais_init(job);
    size_t budget = 1;
    if (ret == RG_OK) {
        ret = RG_MORE;
    }
    while (ret == RG_MORE) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_ais_run(job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        if (rgb_between_slices(progress, rg_ais_done(job)) < 0) {
            return -1;
        }
    }
    if (ret != RG_OK) {
        rgb_raise(ret);
        return -1;
    }
    return 0;
}

static PyObject *rbm_anneal(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"weights", "transposed", "visible_bias", "hidden_bias", "base_bias",
                               "spin",    "betas",      "visible",      "log_weight",  "slope",
                               "key",     "workers",    "progress",     NULL};
    PyObject *parameters[5];
    PyObject *betas = NULL, *visible = NULL, *log_weight = NULL, *slope = NULL, *progress = NULL;
    int spin = 0;
    machines_t machines = {0};
    rg_ais_t job = {.rbm = &machines.rbm, .transposed = &machines.transposed};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OOOOOpOOOOO&O&O:rbm_anneal", keywords, &parameters[0], &parameters[1],
            &parameters[2], &parameters[3], &parameters[4], &spin, &betas, &visible, &log_weight,
            &slope, rgb_convert_key, job.key, rgb_convert_count, &job.workers, &progress)) {
        return NULL;
    }
    PyObject *result = NULL;
    if (take_machines(parameters, spin, &machines) == 0 &&
        take_chains(betas, visible, log_weight, slope, &job) == 0) {
        job.base_bias = machines.base.visible_bias;
        if (anneal_to_end(&job, progress) == 0) {
            result = Py_NewRef(Py_None);
        }
    }
    rg_ais_free(&job);
    rg_rbm_free(&machines.rbm);
    rg_rbm_free(&machines.transposed);
    rg_rbm_free(&machines.base);
    return result;
}

PyMethodDef rgb_ais_methods[] = {
    RGB_METHOD("rbm_anneal", rbm_anneal, rbm_anneal_doc),
    {NULL, NULL, 0, NULL},
};
