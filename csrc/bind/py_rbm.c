/* py_rbm.c: Gibbs steps, conditional means and training of Boltzmann machines. */
#include "rgb_common.h"

#include "rg_bits.h"
#include "rg_lookup.h"
#include "rg_rbm.h"
#include "rg_rng.h"

/* The three parameter arrays of a machine, checked: W (n_visible, n_hidden), b, c of one real
 * dtype. Fills *rbm (packed). Returns 0, or -1 with an exception set; free in every case. */
static int take_rbm(PyObject *weights, PyObject *visible_bias, PyObject *hidden_bias, bool spin,
                    bool writeable, rg_rbm_t *rbm)
{
    int type = PyArray_Check(weights) ? PyArray_TYPE((PyArrayObject *)weights) : NPY_FLOAT32;
    if (type != NPY_FLOAT32 && type != NPY_FLOAT64) {
        PyErr_SetString(PyExc_TypeError, "weights must have dtype float32 or float64");
        return -1;
    }
    PyArrayObject *w = rgb_array(weights, "weights", type, 2, writeable);
    PyArrayObject *b = w ? rgb_array(visible_bias, "visible_bias", type, 1, writeable) : NULL;
    PyArrayObject *c = b ? rgb_array(hidden_bias, "hidden_bias", type, 1, writeable) : NULL;
    if (c == NULL) {
        return -1;
    }
    if (PyArray_DIM(b, 0) != PyArray_DIM(w, 0) || PyArray_DIM(c, 0) != PyArray_DIM(w, 1)) {
        PyErr_Format(PyExc_ValueError,
                     "biases must have lengths (%zd, %zd) as weights have, got (%zd, %zd)",
                     (Py_ssize_t)PyArray_DIM(w, 0), (Py_ssize_t)PyArray_DIM(w, 1),
                     (Py_ssize_t)PyArray_DIM(b, 0), (Py_ssize_t)PyArray_DIM(c, 0));
        return -1;
    }
    size_t n_visible = (size_t)PyArray_DIM(w, 0);
    size_t n_hidden = (size_t)PyArray_DIM(w, 1);
    size_t real = type == NPY_FLOAT32 ? sizeof(float) : sizeof(double);
    int ret = rg_rbm_init(rbm, n_visible, n_hidden, spin, type == NPY_FLOAT32);
    if (ret != RG_OK) {
        rgb_raise(ret);
        return -1;
    }
    rg_rbm_pack(n_visible, n_hidden, rbm->single, PyArray_DATA(w), rbm->weights);
    memcpy(rbm->visible_bias, PyArray_DATA(b), n_visible * real);
    memcpy(rbm->hidden_bias, PyArray_DATA(c), n_hidden * real);
    return 0;
}

/* Packed rows of n units. */
static PyArrayObject *take_bits(PyObject *object, const char *name, size_t n, bool writeable)
{
    PyArrayObject *bits = rgb_array(object, name, NPY_UINT64, 2, writeable);
    if (bits != NULL && (size_t)PyArray_DIM(bits, 1) != rg_bits_words(n)) {
        PyErr_Format(PyExc_ValueError, "%s must have %zu words per row, got %zd", name,
                     rg_bits_words(n), (Py_ssize_t)PyArray_DIM(bits, 1));
        return NULL;
    }
    return bits;
}

PyDoc_STRVAR(rbm_gibbs_doc,
             "rbm_gibbs($module, /, weights, visible_bias, hidden_bias, spin, visible, hidden,\n"
             "          from_visible, half_steps, key, purpose, first_step, workers, progress,\n"
             "          *, clamped=None, records=None, record_every=1, mean=None)\n"
             "--\n\n"
             "Advance both layers' packed states in place; whole half-steps on interrupt. Of\n"
             "records (rows, n, words) the last is the end state. mean (rows, n_hidden) gets\n"
             "E[h | v] of the last visible states.");

/* Records of rbm_gibbs: (rows, n, words), n * every at most the half-steps. */
static int take_records(PyObject *object, rg_rbm_gibbs_t *job)
{
    if (object == Py_None) {
        return 0;
    }
    PyArrayObject *array = rgb_array(object, "records", NPY_UINT64, 3, true);
    if (array == NULL) {
        return -1;
    }
    size_t n_records = (size_t)PyArray_DIM(array, 1);
    if ((size_t)PyArray_DIM(array, 0) != job->n_rows ||
        (size_t)PyArray_DIM(array, 2) != rg_bits_words(job->rbm->n_visible) ||
        job->record_every < 1 || n_records > job->n_half_steps / job->record_every) {
        PyErr_SetString(PyExc_ValueError,
                        "records must be (rows, n, words), with n * record_every half-steps");
        return -1;
    }
    job->n_records = n_records;
    job->records = PyArray_DATA(array);
    return 0;
}

/* Conditional means of the hidden units given the job's visible states, into an array or None. */
static int give_mean(PyObject *object, const rg_rbm_gibbs_t *job)
{
    const rg_rbm_t *rbm = job->rbm;
    if (object == Py_None) {
        return 0;
    }
    PyArrayObject *mean =
        rgb_array(object, "mean", rbm->single ? NPY_FLOAT32 : NPY_FLOAT64, 2, true);
    if (mean == NULL) {
        return -1;
    }
    if ((size_t)PyArray_DIM(mean, 0) != job->n_rows ||
        (size_t)PyArray_DIM(mean, 1) != rbm->n_hidden) {
        PyErr_SetString(PyExc_ValueError, "mean must have shape (rows, n_hidden)");
        return -1;
    }
    int ret = RG_OK;
    Py_BEGIN_ALLOW_THREADS
        ret = rg_rbm_mean(rbm, true, job->visible, job->n_rows, job->workers, PyArray_DATA(mean));
    Py_END_ALLOW_THREADS
    if (ret != RG_OK) {
        rgb_raise(ret);
    }
    return ret == RG_OK ? 0 : -1;
}

static PyObject *rbm_gibbs(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"weights",      "visible_bias", "hidden_bias", "spin",    "visible",
                               "hidden",       "from_visible", "half_steps",  "key",     "purpose",
                               "first_step",   "workers",      "progress",    "clamped", "records",
                               "record_every", "mean",         NULL};
    PyObject *weights = NULL, *visible_bias = NULL, *hidden_bias = NULL;
    PyObject *visible_object = NULL, *hidden_object = NULL, *progress = NULL, *result = NULL;
    PyObject *clamped = Py_None, *records = Py_None, *mean = Py_None;
    int spin = 0;
    int from_visible = 0;
    unsigned long long purpose = 0;
    rg_rbm_t rbm = {0};
    rg_rbm_gibbs_t job = {.rbm = &rbm, .record_every = 1};
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OOOpOOpO&O&KO&O&O|$OOO&O:rbm_gibbs", keywords, &weights, &visible_bias,
            &hidden_bias, &spin, &visible_object, &hidden_object, &from_visible, rgb_convert_size,
            &job.n_half_steps, rgb_convert_key, job.key, &purpose, rgb_convert_size,
            &job.first_step, rgb_convert_count, &job.workers, &progress, &clamped, &records,
            rgb_convert_size, &job.record_every, &mean)) {
        return NULL;
    }
    if (take_rbm(weights, visible_bias, hidden_bias, spin, false, &rbm) < 0) {
        goto out;
    }
    if (clamped != Py_None) {
        PyArrayObject *mask = take_bits(clamped, "clamped", rbm.n_visible, false);
        if (mask == NULL) {
            goto out;
        }
        if (PyArray_DIM(mask, 0) != 1) {
            PyErr_SetString(PyExc_ValueError, "clamped must have one row");
            goto out;
        }
        job.clamped = PyArray_DATA(mask);
    }
    PyArrayObject *visible = take_bits(visible_object, "visible", rbm.n_visible, true);
    PyArrayObject *hidden = visible ? take_bits(hidden_object, "hidden", rbm.n_hidden, true) : NULL;
    if (hidden == NULL) {
        goto out;
    }
    job.n_rows = (size_t)PyArray_DIM(visible, 0);
    if (PyArray_DIM(hidden, 0) != PyArray_DIM(visible, 0) ||
        job.n_rows >= (size_t)RG_RBM_BLOCK << 20 ||
        job.first_step + job.n_half_steps >= (size_t)1 << 24) {
        PyErr_SetString(PyExc_ValueError, "visible and hidden must have the same number of rows "
                                          "(below 2^29), and half-steps stay below 2^24");
        goto out;
    }
    if (take_records(records, &job) < 0) {
        goto out;
    }
    /* a slice of few small half-steps would cost more than they do */
    size_t budget =
        1 + ((size_t)1 << 20) / (rbm.n_visible * rbm.n_hidden / 8 + 1) / (job.n_rows + 1);
    job.purpose = purpose;
    job.from_visible = from_visible;
    job.visible = PyArray_DATA(visible);
    job.hidden = PyArray_DATA(hidden);
    for (int ret = RG_MORE; ret == RG_MORE;) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_rbm_gibbs_run(&job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        if (rgb_between_slices(progress, rg_rbm_gibbs_done(&job)) < 0) {
            goto out;
        }
        if (ret < 0) {
            rgb_raise(ret);
            goto out;
        }
    }
    if (give_mean(mean, &job) == 0) {
        result = Py_NewRef(Py_None);
    }
out:
    rg_rbm_free(&rbm);
    return result;
}

PyDoc_STRVAR(rbm_mean_doc,
             "rbm_mean($module, /, weights, visible_bias, hidden_bias, spin, given, to_hidden,\n"
             "         workers)\n--\n\n"
             "Conditional means of one layer given packed states of the other.");

static PyObject *rbm_mean(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"weights", "visible_bias", "hidden_bias", "spin",
                               "given",   "to_hidden",    "workers",     NULL};
    PyObject *weights = NULL, *visible_bias = NULL, *hidden_bias = NULL, *given_object = NULL;
    PyObject *mean = NULL;
    int spin = 0;
    int to_hidden = 0;
    size_t workers = 1;
    rg_rbm_t rbm = {0};
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOpOpO&:rbm_mean", keywords, &weights,
                                     &visible_bias, &hidden_bias, &spin, &given_object, &to_hidden,
                                     rgb_convert_count, &workers)) {
        return NULL;
    }
    if (take_rbm(weights, visible_bias, hidden_bias, spin, false, &rbm) < 0) {
        goto out;
    }
    PyArrayObject *given =
        take_bits(given_object, "given", to_hidden ? rbm.n_visible : rbm.n_hidden, false);
    if (given == NULL) {
        goto out;
    }
    size_t n_out = to_hidden ? rbm.n_hidden : rbm.n_visible;
    size_t n_rows = (size_t)PyArray_DIM(given, 0);
    npy_intp shape[] = {(npy_intp)n_rows, (npy_intp)n_out};
    mean = PyArray_SimpleNew(2, shape, rbm.single ? NPY_FLOAT32 : NPY_FLOAT64);
    if (mean == NULL) {
        goto out;
    }
    /* slices are whole blocks, so that Ctrl-C is quick; rows do not depend on each other */
    size_t words = (size_t)PyArray_DIM(given, 1);
    size_t real = rbm.single ? sizeof(float) : sizeof(double);
    size_t most_workers = n_rows / RG_RBM_BLOCK + 1;
    workers = workers < most_workers ? workers : most_workers;
    size_t budget = 1;
    size_t rows = 0;
    for (size_t first = 0; first < n_rows; first += rows) {
        rows = budget * workers * RG_RBM_BLOCK;
        rows = rows < n_rows - first ? rows : n_rows - first;
        const uint64_t *from = (const uint64_t *)PyArray_DATA(given) + first * words;
        char *to = (char *)PyArray_DATA((PyArrayObject *)mean) + first * n_out * real;
        int ret = RG_OK;
        Py_BEGIN_ALLOW_THREADS
            ret = rg_rbm_mean(&rbm, to_hidden, from, rows, workers, to);
        Py_END_ALLOW_THREADS
        if (ret != RG_OK) {
            rgb_raise(ret);
        }
        if (ret != RG_OK || rgb_between_slices(NULL, 0.0) < 0) {
            Py_CLEAR(mean);
            goto out;
        }
    }
out:
    rg_rbm_free(&rbm);
    return mean;
}

PyDoc_STRVAR(
    rbm_train_doc,
    "rbm_train($module, /, weights, visible_bias, hidden_bias, spin, weight_velocity,\n"
    "          visible_velocity, hidden_velocity, data, order, negative, batch_size,\n"
    "          persistent, k, learning_rate, momentum, l1, key, cursor, workers, progress, *,\n"
    "          hidden=None, l2=0.0, sample_weight=None, visible_offset=None,\n"
    "          hidden_offset=None, offset_rate=0.0, hidden_average=None,\n"
    "          sparsity_target=0.0, sparsity_cost=0.0, sparsity_decay=0.0, hidden_sum=None)\n"
    "--\n\n"
    "One epoch of contrastive divergence in place (rg_rbm.h has the formulas). cursor,\n"
    "uint64 (4,), in and out: batches done in the training, next entry of order, units\n"
    "changed by reconstruction, negative rows filled. PCD keeps its chains in hidden, packed\n"
    "(n_chains, words), and leaves their last visible states in negative; with k = 0 it takes\n"
    "negative as it is. sample_weight: float64 per row of data, > 0. The offsets (both:\n"
    "centred) and hidden_average (sparsity) have the weights' dtype. hidden_sum, float64\n"
    "(n_hidden,), gets the weighted sum of E[h | v] over the rows. On Ctrl-C everything\n"
    "holds whole batches and the same call goes on from there.");

enum { CURSOR_STEP, CURSOR_ROW, CURSOR_DIFFERENT, CURSOR_NEGATIVE, CURSOR_WORDS };

/* Row numbers below n_rows, as a copy that nobody else can change; a new reference. */
static PyArrayObject *take_order(PyObject *object, size_t n_rows)
{
    PyArrayObject *given = rgb_array(object, "order", NPY_UINT32, 1, false);
    PyArrayObject *order = given ? (PyArrayObject *)PyArray_NewCopy(given, NPY_CORDER) : NULL;
    if (order == NULL) {
        return NULL;
    }
    const uint32_t *row = PyArray_DATA(order);
    for (npy_intp i = 0; i < PyArray_DIM(order, 0); i++) {
        if (row[i] >= n_rows) {
            PyErr_Format(PyExc_ValueError, "order must hold row numbers below %zu, got %u", n_rows,
                         (unsigned)row[i]);
            Py_DECREF(order);
            return NULL;
        }
    }
    return order;
}

/* A padded copy of a vector that training changes: *copy, NULL for None. 0, or -1 with an
 * exception set. */
static int take_vector(PyObject *object, const char *name, size_t n, bool single, void **copy)
{
    if (object == Py_None) {
        return 0;
    }
    PyArrayObject *array = rgb_array(object, name, single ? NPY_FLOAT32 : NPY_FLOAT64, 1, true);
    if (array == NULL) {
        return -1;
    }
    if ((size_t)PyArray_DIM(array, 0) != n) {
        PyErr_Format(PyExc_ValueError, "%s must have %zu entries, got %zd", name, n,
                     (Py_ssize_t)PyArray_DIM(array, 0));
        return -1;
    }
    *copy = rg_alloc(n + RG_PANEL, sizeof(double));
    if (*copy == NULL) {
        rgb_raise(RG_ERR_MEMORY);
        return -1;
    }
    memcpy(*copy, PyArray_DATA(array), n * (single ? sizeof(float) : sizeof(double)));
    return 0;
}

static void give_vector(PyObject *object, void *copy)
{
    if (copy != NULL) {
        PyArrayObject *array = (PyArrayObject *)object;
        memcpy(PyArray_DATA(array), copy, (size_t)PyArray_NBYTES(array));
        rg_free(copy);
    }
}

/* The optional arguments of rbm_train. */
typedef struct {
    PyObject *hidden;
    PyObject *sample_weight;
    PyObject *visible_offset;
    PyObject *hidden_offset;
    PyObject *hidden_average;
    PyObject *hidden_sum;
} train_options_t;

static int take_weights(PyObject *object, size_t n_rows, rg_rbm_train_t *job)
{
    if (object == Py_None) {
        return 0;
    }
    PyArrayObject *weights = rgb_array(object, "sample_weight", NPY_FLOAT64, 1, false);
    if (weights == NULL) {
        return -1;
    }
    const double *weight = PyArray_DATA(weights);
    bool right = (size_t)PyArray_DIM(weights, 0) == n_rows;
    for (size_t i = 0; right && i < n_rows; i++) {
        right = weight[i] > 0.0 && weight[i] <= 1e30;
    }
    if (!right) {
        PyErr_Format(PyExc_ValueError,
                     "sample_weight must hold one number in (0, 1e30] per row of data (%zu)",
                     n_rows);
        return -1;
    }
    job->row_weights = weight;
    return 0;
}

static int take_options(const train_options_t *options, size_t n_data, rg_rbm_train_t *job)
{
    const rg_rbm_t *rbm = job->rbm;
    if (take_weights(options->sample_weight, n_data, job) < 0) {
        return -1;
    }
    if (job->persistent && job->k > 0) {
        PyArrayObject *hidden = take_bits(options->hidden, "hidden", rbm->n_hidden, true);
        if (hidden == NULL) {
            return -1;
        }
        if ((size_t)PyArray_DIM(hidden, 0) != job->n_chains) {
            PyErr_Format(PyExc_ValueError,
                         "hidden must have as many rows as negative, %zu, got %zd", job->n_chains,
                         (Py_ssize_t)PyArray_DIM(hidden, 0));
            return -1;
        }
        job->hidden = PyArray_DATA(hidden);
    }
    if ((options->visible_offset == Py_None) != (options->hidden_offset == Py_None)) {
        PyErr_SetString(PyExc_ValueError, "visible_offset and hidden_offset go together");
        return -1;
    }
    if (options->hidden_sum != Py_None) {
        PyArrayObject *sum = rgb_array(options->hidden_sum, "hidden_sum", NPY_FLOAT64, 1, true);
        if (sum == NULL) {
            return -1;
        }
        if ((size_t)PyArray_DIM(sum, 0) != rbm->n_hidden) {
            PyErr_Format(PyExc_ValueError, "hidden_sum must have %zu entries, got %zd",
                         rbm->n_hidden, (Py_ssize_t)PyArray_DIM(sum, 0));
            return -1;
        }
        job->hidden_sum = PyArray_DATA(sum);
    }
    if (take_vector(options->visible_offset, "visible_offset", rbm->n_visible, rbm->single,
                    &job->visible_offset) < 0 ||
        take_vector(options->hidden_offset, "hidden_offset", rbm->n_hidden, rbm->single,
                    &job->hidden_offset) < 0 ||
        take_vector(options->hidden_average, "hidden_average", rbm->n_hidden, rbm->single,
                    &job->hidden_average) < 0) {
        return -1;
    }
    return 0;
}

/* A second machine of the same shape that carries the velocities through the same packing. */
static int take_velocity(PyObject *weights, PyObject *visible, PyObject *hidden,
                         const rg_rbm_t *like, rg_rbm_t *velocity)
{
    if (take_rbm(weights, visible, hidden, like->spin, true, velocity) < 0) {
        return -1;
    }
    if (velocity->n_visible != like->n_visible || velocity->n_hidden != like->n_hidden ||
        velocity->single != like->single) {
        PyErr_SetString(PyExc_ValueError, "velocities must have the parameters' shapes and dtype");
        return -1;
    }
    return 0;
}

static void give_back(const rg_rbm_t *rbm, PyObject *weights, PyObject *visible, PyObject *hidden)
{
    size_t real = rbm->single ? sizeof(float) : sizeof(double);
    rg_rbm_unpack(rbm->n_visible, rbm->n_hidden, rbm->single, rbm->weights,
                  PyArray_DATA((PyArrayObject *)weights));
    memcpy(PyArray_DATA((PyArrayObject *)visible), rbm->visible_bias, rbm->n_visible * real);
    memcpy(PyArray_DATA((PyArrayObject *)hidden), rbm->hidden_bias, rbm->n_hidden * real);
}

static int train_to_end(rg_rbm_train_t *job, PyObject *progress)
{
    int ret = rg_rbm_train_init(job);
    size_t budget = 1;
    while (ret == RG_OK || ret == RG_MORE) {
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            ret = rg_rbm_train_run(job, budget);
        Py_END_ALLOW_THREADS
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        double done = job->n_rows > 0 ? (double)job->next_row / (double)job->n_rows : 1.0;
        if (ret >= 0 && rgb_between_slices(progress, done) < 0) {
            return -1;
        }
        if (ret == RG_OK) {
            return 0;
        }
    }
    rgb_raise(ret);
    return -1;
}

/* clang-format off */
static char *train_keywords[] = {
    "weights", "visible_bias", "hidden_bias", "spin", "weight_velocity", "visible_velocity",
    "hidden_velocity", "data", "order", "negative", "batch_size", "persistent", "k",
    "learning_rate", "momentum", "l1", "key", "cursor", "workers", "progress", "hidden", "l2",
    "sample_weight", "visible_offset", "hidden_offset", "offset_rate", "hidden_average",
    "sparsity_target", "sparsity_cost", "sparsity_decay", "hidden_sum", NULL};
/* clang-format on */

/* The arrays every training needs; `order` is a new reference. 0, or -1 with an exception set. */
static int take_rows(PyObject *data_object, PyObject *order_object, PyObject *negative_object,
                     rg_rbm_train_t *job, PyArrayObject **order, size_t *n_data)
{
    size_t n_visible = job->rbm->n_visible;
    PyArrayObject *data = take_bits(data_object, "data", n_visible, false);
    PyArrayObject *negative = data ? take_bits(negative_object, "negative", n_visible, true) : NULL;
    if (negative == NULL) {
        return -1;
    }
    *n_data = (size_t)PyArray_DIM(data, 0);
    *order = take_order(order_object, *n_data);
    if (*order == NULL) {
        return -1;
    }
    job->n_rows = (size_t)PyArray_DIM(*order, 0);
    if (job->batch_size > job->n_rows) {
        job->batch_size = job->n_rows > 0 ? job->n_rows : 1;
    }
    job->n_chains = (size_t)PyArray_DIM(negative, 0);
    size_t least = job->persistent ? 1 : job->batch_size;
    if (job->n_chains < least || (job->k == 0 && !job->persistent)) {
        PyErr_Format(PyExc_ValueError,
                     "negative must have at least %zu rows, got %zu, and k = 0 needs persistent",
                     least, job->n_chains);
        return -1;
    }
    job->data = PyArray_DATA(data);
    job->order = PyArray_DATA(*order);
    job->negative = PyArray_DATA(negative);
    return 0;
}

/* Run the job, and put cursor, vectors and chains back where they came from. */
static int train_with_cursor(rg_rbm_train_t *job, uint64_t *at, PyObject *progress)
{
    job->step = at[CURSOR_STEP];
    job->next_row = (size_t)at[CURSOR_ROW];
    job->n_different = at[CURSOR_DIFFERENT];
    job->n_negative = (size_t)at[CURSOR_NEGATIVE];
    int failed = train_to_end(job, progress);
    rg_rbm_train_free(job);
    at[CURSOR_STEP] = job->step;
    at[CURSOR_ROW] = job->next_row;
    at[CURSOR_DIFFERENT] = job->n_different;
    at[CURSOR_NEGATIVE] = job->n_negative;
    return failed;
}

static PyObject *rbm_train(PyObject *module, PyObject *args, PyObject *kwargs)
{
    PyObject *w = NULL, *b = NULL, *c = NULL, *vw = NULL, *vb = NULL, *vc = NULL;
    PyObject *data = NULL, *order_object = NULL, *negative = NULL, *cursor_object = NULL;
    PyObject *progress = NULL, *result = NULL;
    train_options_t options = {Py_None, Py_None, Py_None, Py_None, Py_None, Py_None};
    int spin = 0;
    int persistent = 0;
    size_t n_data = 0;
    PyArrayObject *order = NULL;
    rg_rbm_t rbm = {0};
    rg_rbm_t velocity = {0};
    rg_rbm_train_t job = {.rbm = &rbm};
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OOOpOOOOOOO&pO&dddO&OO&O|$OdOOOdOdddO:rbm_train", train_keywords, &w, &b,
            &c, &spin, &vw, &vb, &vc, &data, &order_object, &negative, rgb_convert_count,
            &job.batch_size, &persistent, rgb_convert_size, &job.k, &job.learning_rate,
            &job.momentum, &job.l1, rgb_convert_key, job.key, &cursor_object, rgb_convert_count,
            &job.workers, &progress, &options.hidden, &job.l2, &options.sample_weight,
            &options.visible_offset, &options.hidden_offset, &job.offset_rate,
            &options.hidden_average, &job.sparsity_target, &job.sparsity_cost, &job.sparsity_decay,
            &options.hidden_sum)) {
        return NULL;
    }
    job.persistent = persistent;
    PyArrayObject *cursor = rgb_array(cursor_object, "cursor", NPY_UINT64, 1, true);
    if (cursor == NULL || take_rbm(w, b, c, spin, true, &rbm) < 0 ||
        take_velocity(vw, vb, vc, &rbm, &velocity) < 0 ||
        take_rows(data, order_object, negative, &job, &order, &n_data) < 0 ||
        take_options(&options, n_data, &job) < 0) {
        goto out;
    }
    if (PyArray_DIM(cursor, 0) != CURSOR_WORDS) {
        PyErr_Format(PyExc_ValueError, "cursor must have 4 words, got %zd",
                     (Py_ssize_t)PyArray_DIM(cursor, 0));
        goto out;
    }
    job.weight_velocity = velocity.weights;
    job.visible_velocity = velocity.visible_bias;
    job.hidden_velocity = velocity.hidden_bias;
    if (train_with_cursor(&job, PyArray_DATA(cursor), progress) == 0) {
        result = Py_NewRef(Py_None);
    }
    give_back(&rbm, w, b, c);
    give_back(&velocity, vw, vb, vc);
out:
    give_vector(options.visible_offset, job.visible_offset);
    give_vector(options.hidden_offset, job.hidden_offset);
    give_vector(options.hidden_average, job.hidden_average);
    Py_XDECREF((PyObject *)order);
    rg_rbm_free(&rbm);
    rg_rbm_free(&velocity);
    return result;
}

PyMethodDef rgb_rbm_methods[] = {
    RGB_METHOD("rbm_gibbs", rbm_gibbs, rbm_gibbs_doc),
    RGB_METHOD("rbm_mean", rbm_mean, rbm_mean_doc),
    RGB_METHOD("rbm_train", rbm_train, rbm_train_doc),
    {NULL, NULL, 0, NULL},
};
