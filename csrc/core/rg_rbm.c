#include "rg_rbm.h"

#include <string.h>

#include "rg_bits.h"
#include "rg_dispatch.h"
#include "rg_thread.h"

static size_t n_panels(size_t n_units)
{
    return (n_units + RG_PANEL - 1) / RG_PANEL;
}

static size_t panel_units(size_t n_units, size_t panel)
{
    size_t left = n_units - panel * RG_PANEL;
    return left < RG_PANEL ? left : RG_PANEL;
}

/* Panels per packed row: words of 64 units hold four. */
static size_t panel_stride(size_t n_units)
{
    return 4 * rg_bits_words(n_units);
}

static size_t real_size(bool single)
{
    return single ? sizeof(float) : sizeof(double);
}

int rg_rbm_init(rg_rbm_t *self, size_t n_visible, size_t n_hidden, bool spin, bool single)
{
    *self =
        (rg_rbm_t){.n_visible = n_visible, .n_hidden = n_hidden, .spin = spin, .single = single};
    size_t most = (size_t)1 << 20;
    if (n_visible == 0 || n_hidden == 0 || n_panels(n_visible) > most ||
        n_panels(n_hidden) > most) {
        return RG_ERR_ARGUMENT;
    }
    size_t n_weights = 0;
    if (rg_multiply(n_panels(n_hidden) * RG_PANEL, rg_rbm_panel_rows(n_visible), &n_weights) !=
        RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    self->weights = rg_alloc(n_weights, real_size(single));
    self->visible_bias = rg_alloc(n_panels(n_visible) * RG_PANEL, real_size(single));
    self->hidden_bias = rg_alloc(n_panels(n_hidden) * RG_PANEL, real_size(single));
    return self->weights == NULL || self->visible_bias == NULL || self->hidden_bias == NULL
               ? RG_ERR_MEMORY
               : RG_OK;
}

void rg_rbm_free(rg_rbm_t *self)
{
    rg_free(self->weights);
    rg_free(self->visible_bias);
    rg_free(self->hidden_bias);
    self->weights = NULL;
    self->visible_bias = NULL;
    self->hidden_bias = NULL;
}

static void copy_panels(size_t n_visible, size_t n_hidden, bool single, char *matrix, char *panels,
                        bool to_panels)
{
    size_t real = real_size(single);
    for (size_t panel = 0; panel < n_panels(n_hidden); panel++) {
        size_t bytes = panel_units(n_hidden, panel) * real;
        for (size_t i = 0; i < n_visible; i++) {
            char *row = &matrix[(i * n_hidden + panel * RG_PANEL) * real];
            char *packed = &panels[(panel * rg_rbm_panel_rows(n_visible) + i) * RG_PANEL * real];
            memcpy(to_panels ? packed : row, to_panels ? row : packed, bytes);
        }
    }
}

void rg_rbm_pack(size_t n_visible, size_t n_hidden, bool single, const void *matrix, void *panels)
{
    /* only read through: the shared loop takes both directions */
    copy_panels(n_visible, n_hidden, single, (char *)(uintptr_t)matrix, panels, true);
}

void rg_rbm_unpack(size_t n_visible, size_t n_hidden, bool single, const void *panels, void *matrix)
{
    copy_panels(n_visible, n_hidden, single, matrix, (char *)(uintptr_t)panels, false);
}

enum { PAIR = 2 /* panels that share a product */ };

/* What a half-step of some rows needs, whatever the real type. */
typedef struct {
    const rg_rbm_t *rbm;
    bool to_hidden;
    size_t n_rows;
    size_t panel;    /* of the layer that is drawn: the first of a pair */
    size_t n_panels; /* 1 or 2 */
} layer_t;

/* A worker's own memory. */
typedef struct {
    void *input;     /* a pair of panels of inputs */
    uint64_t *index; /* of the rows of the layer that is given */
    uint64_t *units; /* training: of the transposed states */
} scratch_t;

/* Some of a layer's rows, to be drawn if there is a stream. */
typedef struct {
    size_t first;
    size_t n_rows;
    rg_stream_t *stream; /* or NULL: means only */
    uint64_t *bits;      /* of the first of these rows */
} rows_t;

/* Everything a batch of training needs beside the job; shared by the team. */
typedef struct {
    uint64_t *rows;       /* (batch + negative) x words(n_visible): v0, then the negative rows */
    uint64_t *hidden;     /* negative x words(n_hidden) */
    uint64_t *transposed; /* n_visible x words(batch + negative) */
    size_t mean_rows;     /* rows of a panel of means: batch + negative, then 3 for zeros */
    void *means;          /* panels of means, then factors */
    void *share;          /* batch + negative */
    void *scale;          /* likewise */
    double total;         /* weight of the batch */
    void *share_panel;    /* mean_rows x 16; with row weights only */
    void *visible_shift;  /* hidden panels x n_visible; centred only */
    char *scratch;        /* per worker: scratch_t */
    size_t scratch_bytes; /* of one worker */
} work_t;

static size_t to_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t input_bytes(const rg_rbm_t *rbm, size_t n_rows)
{
    return PAIR * n_rows * RG_PANEL * real_size(rbm->single);
}

/* Bytes of inputs and indices for half-steps of n_rows rows. */
static size_t layer_scratch_bytes(const rg_rbm_t *rbm, size_t n_rows)
{
    size_t most = larger(rbm->n_visible, rbm->n_hidden);
    return input_bytes(rbm, n_rows) + to_lines(8 * rg_lookup_words(n_rows, most));
}

static scratch_t open_scratch(const rg_rbm_t *rbm, size_t n_rows, char *memory)
{
    return (scratch_t){.input = memory,
                       .index = (uint64_t *)(void *)&memory[input_bytes(rbm, n_rows)],
                       .units = (uint64_t *)(void *)&memory[layer_scratch_bytes(rbm, n_rows)]};
}

/* The pair of panels from `panel` on. */
static layer_t pair_at(const rg_rbm_t *rbm, bool to_hidden, size_t n_rows, size_t panel)
{
    size_t left = n_panels(to_hidden ? rbm->n_hidden : rbm->n_visible) - panel;
    return (layer_t){.rbm = rbm,
                     .to_hidden = to_hidden,
                     .n_rows = n_rows,
                     .panel = panel,
                     .n_panels = left < PAIR ? left : PAIR};
}

/* Indices of the rows that half-steps to the other layer start from. */
static void spread(const rg_rbm_t *rbm, bool to_hidden, const uint64_t *given, size_t n_rows,
                   const scratch_t *scratch)
{
    size_t n_given = to_hidden ? rbm->n_visible : rbm->n_hidden;
    rg_lookup_spread(given, rg_bits_words(n_given), n_rows, n_given, scratch->index);
}

static size_t negative_rows(const rg_rbm_train_t *job, size_t batch)
{
    return job->persistent ? job->n_chains : batch;
}

/* Rows of the running batch. */
static size_t batch_rows(const rg_rbm_train_t *job)
{
    size_t left = job->n_rows - job->next_row;
    return left < job->batch_size ? left : job->batch_size;
}

#define REAL float
#define R_(name) name##_f32
#include "rg_rbm_tpl.h"
#undef REAL
#undef R_

#define REAL double
#define R_(name) name##_f64
#include "rg_rbm_tpl.h"
#undef REAL
#undef R_

/* ---- Gibbs sampling and conditional means ---- */

typedef struct {
    rg_rbm_gibbs_t *job;
    size_t n_half_steps;
    char *scratch;
    size_t scratch_bytes;
} gibbs_slice_t;

/* Draw panel q of a pair whose inputs are in the scratch. */
static void gibbs_panel(const rg_rbm_gibbs_t *job, const layer_t *layer, size_t q, uint64_t number,
                        uint64_t *drawn, const scratch_t *scratch)
{
    const rg_rbm_t *rbm = job->rbm;
    size_t panel = layer->panel + q;
    const rg_panel_bits_t *clamped = (const rg_panel_bits_t *)job->clamped;
    rg_panel_bits_t mask =
        clamped == NULL || layer->to_hidden ? (rg_panel_bits_t)0 : clamped[panel];
    size_t stride = panel_stride(layer->to_hidden ? rbm->n_hidden : rbm->n_visible);
    rg_panel_bits_t *bits = (rg_panel_bits_t *)drawn + panel;
    rg_panel_bits_t kept[RG_RBM_BLOCK];
    for (size_t row = 0; mask != 0 && row < layer->n_rows; row++) {
        kept[row] = bits[row * stride];
    }
    rg_stream_t stream;
    rg_stream_init(&stream, job->key, job->purpose, number | panel);
    rows_t rows = {.n_rows = layer->n_rows, .stream = &stream, .bits = drawn};
    if (rbm->single) {
        units_f32(layer, q, &rows, NULL, scratch);
    } else {
        units_f64(layer, q, &rows, NULL, scratch);
    }
    for (size_t row = 0; mask != 0 && row < layer->n_rows; row++) {
        rg_panel_bits_t fresh = bits[row * stride];
        bits[row * stride] = (rg_panel_bits_t)((fresh & ~mask) | (kept[row] & mask));
    }
}

/* Draw the pair of panels of a block of rows whose inputs start from scratch->index. */
static void gibbs_pair(const rg_rbm_gibbs_t *job, const layer_t *layer, uint64_t number,
                       uint64_t *drawn, const scratch_t *scratch)
{
    if (layer->rbm->single) {
        layer_inputs_f32(layer, scratch);
    } else {
        layer_inputs_f64(layer, scratch);
    }
    for (size_t q = 0; q < layer->n_panels; q++) {
        gibbs_panel(job, layer, q, number, drawn, scratch);
    }
}

/* Copy a block's visible states to their record, if one is due with `left` half-steps to go. */
static void gibbs_record(const rg_rbm_gibbs_t *job, size_t first, size_t n_rows, size_t left)
{
    if (job->n_records == 0 || left % job->record_every != 0 ||
        left / job->record_every >= job->n_records) {
        return;
    }
    size_t words = rg_bits_words(job->rbm->n_visible);
    size_t record = job->n_records - 1 - left / job->record_every;
    for (size_t row = first; row < first + n_rows; row++) {
        memcpy(&job->records[(row * job->n_records + record) * words], &job->visible[row * words],
               words * sizeof *job->records);
    }
}

static void gibbs_block(const gibbs_slice_t *slice, size_t block, char *memory)
{
    const rg_rbm_gibbs_t *job = slice->job;
    const rg_rbm_t *rbm = job->rbm;
    size_t first = block * RG_RBM_BLOCK;
    size_t n_rows = job->n_rows - first < RG_RBM_BLOCK ? job->n_rows - first : RG_RBM_BLOCK;
    uint64_t *visible = &job->visible[first * rg_bits_words(rbm->n_visible)];
    uint64_t *hidden = &job->hidden[first * rg_bits_words(rbm->n_hidden)];
    scratch_t scratch = open_scratch(rbm, RG_RBM_BLOCK, memory);
    for (size_t t = job->step; t < job->step + slice->n_half_steps; t++) {
        bool to_hidden = (t % 2 == 0) == job->from_visible;
        uint64_t *drawn = to_hidden ? hidden : visible;
        size_t panels = n_panels(to_hidden ? rbm->n_hidden : rbm->n_visible);
        uint64_t number = (uint64_t)block << 44 | (uint64_t)(job->first_step + t) << 20;
        spread(rbm, to_hidden, to_hidden ? visible : hidden, n_rows, &scratch);
        for (size_t panel = 0; panel < panels; panel += PAIR) {
            layer_t layer = pair_at(rbm, to_hidden, n_rows, panel);
            gibbs_pair(job, &layer, number, drawn, &scratch);
        }
        gibbs_record(job, first, n_rows, job->n_half_steps - 1 - t);
    }
}

static void gibbs_worker(void *context, rg_team_t *team, size_t worker)
{
    const gibbs_slice_t *slice = context;
    const rg_rbm_gibbs_t *job = slice->job;
    size_t n_blocks = (job->n_rows + RG_RBM_BLOCK - 1) / RG_RBM_BLOCK;
    for (size_t i = worker; i < job->workers; i += rg_team_size(team)) {
        if (job->next_block + i < n_blocks) {
            gibbs_block(slice, job->next_block + i, &slice->scratch[worker * slice->scratch_bytes]);
        }
    }
}

int rg_rbm_gibbs_run(rg_rbm_gibbs_t *self, size_t max_half_steps)
{
    size_t n_blocks = (self->n_rows + RG_RBM_BLOCK - 1) / RG_RBM_BLOCK;
    if (self->next_block >= n_blocks || self->n_half_steps == 0) {
        return RG_OK;
    }
    if (self->workers > n_blocks) {
        self->workers = n_blocks;
    }
    size_t left = self->n_half_steps - self->step;
    gibbs_slice_t slice = {.job = self,
                           .n_half_steps = left < max_half_steps ? left : max_half_steps,
                           .scratch_bytes = layer_scratch_bytes(self->rbm, RG_RBM_BLOCK)};
    slice.scratch = rg_alloc(self->workers, slice.scratch_bytes);
    if (slice.scratch == NULL) {
        return RG_ERR_MEMORY;
    }
    rg_team_run(self->workers, gibbs_worker, &slice);
    rg_free(slice.scratch);
    self->step += slice.n_half_steps;
    if (self->step == self->n_half_steps) {
        self->step = 0;
        self->next_block += self->workers;
    }
    return self->next_block < n_blocks ? RG_MORE : RG_OK;
}

double rg_rbm_gibbs_done(const rg_rbm_gibbs_t *self)
{
    double n_blocks = (double)((self->n_rows + RG_RBM_BLOCK - 1) / RG_RBM_BLOCK);
    double wave = n_blocks - (double)self->next_block;
    wave = wave < (double)self->workers ? wave : (double)self->workers;
    double half_steps = self->n_half_steps > 0 ? (double)self->n_half_steps : 1.0;
    double done = (double)self->next_block + wave * (double)self->step / half_steps;
    return done < n_blocks ? done / n_blocks : 1.0;
}

typedef struct {
    const rg_rbm_t *rbm;
    bool to_hidden;
    const uint64_t *given;
    size_t n_rows;
    char *mean;
    char *scratch;
    size_t scratch_bytes;
} mean_job_t;

/* Means of a pair of panels into their columns of the row-major rows from `mean` on. */
static void mean_pair(const layer_t *layer, char *mean, size_t n_out, const scratch_t *scratch)
{
    size_t real = real_size(layer->rbm->single);
    rows_t rows = {.n_rows = layer->n_rows};
    if (layer->rbm->single) {
        layer_inputs_f32(layer, scratch);
    } else {
        layer_inputs_f64(layer, scratch);
    }
    for (size_t q = 0; q < layer->n_panels; q++) {
        char *input = &((char *)scratch->input)[q * layer->n_rows * RG_PANEL * real];
        size_t panel = layer->panel + q;
        if (layer->rbm->single) {
            units_f32(layer, q, &rows, (float *)(void *)input, scratch);
        } else {
            units_f64(layer, q, &rows, (double *)(void *)input, scratch);
        }
        for (size_t row = 0; row < layer->n_rows; row++) {
            memcpy(&mean[(row * n_out + panel * RG_PANEL) * real], &input[row * RG_PANEL * real],
                   panel_units(n_out, panel) * real);
        }
    }
}

static void mean_worker(void *context, rg_team_t *team, size_t worker)
{
    const mean_job_t *job = context;
    const rg_rbm_t *rbm = job->rbm;
    size_t n_out = job->to_hidden ? rbm->n_hidden : rbm->n_visible;
    size_t words = rg_bits_words(job->to_hidden ? rbm->n_visible : rbm->n_hidden);
    size_t n_blocks = (job->n_rows + RG_RBM_BLOCK - 1) / RG_RBM_BLOCK;
    char *memory = &job->scratch[worker * job->scratch_bytes];
    for (size_t block = worker; block < n_blocks; block += rg_team_size(team)) {
        size_t first = block * RG_RBM_BLOCK;
        size_t n_rows = job->n_rows - first < RG_RBM_BLOCK ? job->n_rows - first : RG_RBM_BLOCK;
        scratch_t scratch = open_scratch(rbm, RG_RBM_BLOCK, memory);
        spread(rbm, job->to_hidden, &job->given[first * words], n_rows, &scratch);
        for (size_t panel = 0; panel < n_panels(n_out); panel += PAIR) {
            layer_t layer = pair_at(rbm, job->to_hidden, n_rows, panel);
            mean_pair(&layer, &job->mean[first * n_out * real_size(rbm->single)], n_out, &scratch);
        }
    }
}

int rg_rbm_mean(const rg_rbm_t *rbm, bool to_hidden, const uint64_t *given, size_t n_rows,
                size_t workers, void *mean)
{
    size_t n_blocks = (n_rows + RG_RBM_BLOCK - 1) / RG_RBM_BLOCK;
    workers = workers < n_blocks ? workers : n_blocks > 0 ? n_blocks : 1;
    mean_job_t job = {.rbm = rbm,
                      .to_hidden = to_hidden,
                      .given = given,
                      .n_rows = n_rows,
                      .mean = mean,
                      .scratch_bytes = layer_scratch_bytes(rbm, RG_RBM_BLOCK)};
    job.scratch = rg_alloc(workers, job.scratch_bytes);
    if (job.scratch == NULL) {
        return RG_ERR_MEMORY;
    }
    rg_team_run(workers, mean_worker, &job);
    rg_free(job.scratch);
    return RG_OK;
}

/* ---- training ---- */

static bool train_arguments(const rg_rbm_train_t *job)
{
    bool chains =
        job->persistent ? job->n_chains > 0 && (job->k == 0 || job->hidden != NULL) : job->k > 0;
    return job->batch_size > 0 && job->k <= 2047 && job->workers > 0 && chains &&
           (job->visible_offset == NULL) == (job->hidden_offset == NULL) &&
           job->next_row <= job->n_rows && job->step + job->n_rows < (uint64_t)1 << 32;
}

int rg_rbm_train_init(rg_rbm_train_t *self)
{
    const rg_rbm_t *rbm = self->rbm;
    self->stage = 0;
    self->workspace = NULL;
    if (!train_arguments(self)) {
        return RG_ERR_ARGUMENT;
    }
    size_t widest = rbm->n_visible > rbm->n_hidden ? rbm->n_visible : rbm->n_hidden;
    if (self->workers > n_panels(widest)) {
        self->workers = n_panels(widest);
    }
    size_t negative = negative_rows(self, self->batch_size);
    size_t n_rows = self->batch_size + negative;
    size_t panels = self->persistent ? PAIR * self->workers : n_panels(rbm->n_hidden);
    size_t real = real_size(rbm->single);
    work_t *work = rg_alloc(1, sizeof *work);
    self->workspace = work;
    if (work == NULL) {
        return RG_ERR_MEMORY;
    }
    work->mean_rows = n_rows + 3;
    work->scratch_bytes =
        layer_scratch_bytes(rbm, n_rows) + to_lines(8 * rg_lookup_words(rbm->n_visible, n_rows));
    size_t means = 0;
    if (rg_multiply(panels * RG_PANEL, work->mean_rows, &means) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    bool weighted = self->row_weights != NULL;
    bool centred = self->visible_offset != NULL;
    work->rows = rg_alloc(n_rows, 8 * rg_bits_words(rbm->n_visible));
    work->hidden = rg_alloc(negative, 8 * rg_bits_words(rbm->n_hidden));
    work->transposed = rg_alloc(rbm->n_visible, 8 * rg_bits_words(n_rows));
    work->means = rg_alloc(means, real);
    work->share = rg_alloc(n_rows, real);
    work->scale = rg_alloc(n_rows, real);
    work->share_panel = rg_alloc(weighted ? work->mean_rows * RG_PANEL : 1, real);
    work->visible_shift = rg_alloc(centred ? n_panels(rbm->n_hidden) * rbm->n_visible : 1, real);
    work->scratch = rg_alloc(self->workers, work->scratch_bytes);
    return work->rows == NULL || work->hidden == NULL || work->transposed == NULL ||
                   work->means == NULL || work->share == NULL || work->scale == NULL ||
                   work->share_panel == NULL || work->visible_shift == NULL || work->scratch == NULL
               ? RG_ERR_MEMORY
               : RG_OK;
}

void rg_rbm_train_free(rg_rbm_train_t *self)
{
    work_t *work = self->workspace;
    if (work != NULL) {
        rg_free(work->rows);
        rg_free(work->hidden);
        rg_free(work->transposed);
        rg_free(work->means);
        rg_free(work->share);
        rg_free(work->scale);
        rg_free(work->share_panel);
        rg_free(work->visible_shift);
        rg_free(work->scratch);
        rg_free(work);
    }
    self->workspace = NULL;
}

/* After the update: hand the negative rows out and move the cursor. */
static void finish_batch(rg_rbm_train_t *job)
{
    const work_t *work = job->workspace;
    size_t words = rg_bits_words(job->rbm->n_visible);
    size_t batch = batch_rows(job);
    size_t negative = negative_rows(job, batch);
    const uint64_t *rows = &work->rows[batch * words];
    if (!job->persistent) {
        for (size_t i = 0; i < batch * words; i++) {
            job->n_different += (uint64_t)__builtin_popcountll(work->rows[i] ^ rows[i]);
        }
    }
    memcpy(job->negative, rows, 8 * words * negative);
    if (job->persistent && job->k > 0) {
        memcpy(job->hidden, work->hidden, 8 * rg_bits_words(job->rbm->n_hidden) * negative);
    }
    job->n_negative = negative;
    job->next_row += batch;
    job->step++;
}

typedef struct {
    rg_rbm_train_t *job;
    size_t n_stages;
} train_slice_t;

/* All read the shared cursor during a stage; worker 0 alone moves it, between two barriers. */
static void train_worker(void *context, rg_team_t *team, size_t worker)
{
    const train_slice_t *slice = context;
    rg_rbm_train_t *job = slice->job;
    for (size_t i = 0; i < slice->n_stages; i++) {
        if (job->rbm->single) {
            train_stage_f32(job, team, worker);
        } else {
            train_stage_f64(job, team, worker);
        }
        rg_team_barrier(team);
        if (worker == 0) {
            if (job->stage == 2 * job->k) {
                finish_batch(job);
            }
            job->stage = job->stage == 2 * job->k ? 0 : job->stage + 1;
        }
        rg_team_barrier(team);
    }
}

int rg_rbm_train_run(rg_rbm_train_t *self, size_t max_stages)
{
    size_t batches = (self->n_rows - self->next_row + self->batch_size - 1) / self->batch_size;
    size_t per_batch = 2 * self->k + 1;
    if (batches == 0) {
        return RG_OK;
    }
    /* the slice may end inside a batch, never behind the last one */
    size_t left = batches < SIZE_MAX / per_batch ? batches * per_batch - self->stage : SIZE_MAX;
    train_slice_t slice = {.job = self, .n_stages = left < max_stages ? left : max_stages};
    rg_team_run(self->workers, train_worker, &slice);
    bool finite = self->rbm->single ? all_finite_f32(self->rbm) : all_finite_f64(self->rbm);
    if (!finite) {
        return RG_ERR_NONFINITE;
    }
    return self->next_row < self->n_rows ? RG_MORE : RG_OK;
}
