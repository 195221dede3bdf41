#include "rg_ais.h"

#include <string.h>

#include "rg_bits.h"
#include "rg_dispatch.h"
#include "rg_math.h"
#include "rg_thread.h"

enum { GROUP = 4 };

/* Groups of 4 inputs that weigh in a panel, panel after panel, and their weights side by side:
 * a machine of few connections is annealed at the price of its connections. */
typedef struct {
    size_t *starts; /* n_panels + 1 */
    uint32_t *groups;
    void *weights; /* groups x 4 x 16 */
} used_t;

typedef struct {
    used_t down; /* of rbm */
    used_t up;   /* of transposed */
    double *difference;
    char *scratch; /* per worker */
    size_t scratch_bytes;
} work_t;

/* One step of one block. */
typedef struct {
    const rg_ais_t *job;
    size_t block;
    size_t step;
    size_t n_rows;
    double from;
    double to;
    bool last;
    uint64_t *visible;
    uint64_t *hidden;   /* the rest is scratch */
    uint64_t *index;    /* of the layer that is given */
    uint64_t *gathered; /* indices of the groups that a panel uses */
    void *input;
    double *field; /* n_rows x 16 */
    double *sums;  /* linear, ratio, slope: n_rows each */
} part_t;

static size_t n_panels(size_t n_units)
{
    return (n_units + RG_PANEL - 1) / RG_PANEL;
}

static size_t panel_units(size_t n_units, size_t panel)
{
    size_t left = n_units - panel * RG_PANEL;
    return left < RG_PANEL ? left : RG_PANEL;
}

static size_t n_blocks(const rg_ais_t *job)
{
    return (job->n_rows + RG_AIS_BLOCK - 1) / RG_AIS_BLOCK;
}

static void part_stream(const part_t *part, size_t half, size_t panel, rg_stream_t *stream)
{
    rg_stream_init(stream, part->job->key, RG_PURPOSE_RBM_AIS,
                   (uint64_t)part->block << 44 | (uint64_t)(2 * part->step + half) << 20 | panel);
}

#define REAL float
#define R_(name) name##_f32
#include "rg_ais_tpl.h"
#undef REAL
#undef R_

#define REAL double
#define R_(name) name##_f64
#include "rg_ais_tpl.h"
#undef REAL
#undef R_

/* ---- workspace ---- */

static bool take_group(const rg_rbm_t *machine, size_t panel, size_t group, void *weights,
                       size_t at)
{
    at *= GROUP * RG_PANEL;
    if (machine->single) {
        return take_group_f32(machine, panel, GROUP * group,
                              weights != NULL ? &((float *)weights)[at] : NULL);
    }
    return take_group_f64(machine, panel, GROUP * group,
                          weights != NULL ? &((double *)weights)[at] : NULL);
}

static int find_used(const rg_rbm_t *machine, used_t *used)
{
    size_t panels = n_panels(machine->n_hidden);
    size_t n_groups = (machine->n_visible + GROUP - 1) / GROUP;
    size_t real = machine->single ? sizeof(float) : sizeof(double);
    used->starts = rg_alloc(panels + 1, sizeof *used->starts);
    if (used->starts == NULL) {
        return RG_ERR_MEMORY;
    }
    size_t count = 0;
    for (size_t panel = 0; panel < panels; panel++) {
        for (size_t group = 0; group < n_groups; group++) {
            count += take_group(machine, panel, group, NULL, 0);
        }
        used->starts[panel + 1] = count;
    }
    used->groups = rg_alloc(count + 1, sizeof *used->groups);
    used->weights = rg_alloc(count + 1, GROUP * RG_PANEL * real);
    if (used->groups == NULL || used->weights == NULL) {
        return RG_ERR_MEMORY;
    }
    count = 0;
    for (size_t panel = 0; panel < panels; panel++) {
        for (size_t group = 0; group < n_groups; group++) {
            if (take_group(machine, panel, group, used->weights, count)) {
                used->groups[count++] = (uint32_t)group;
            }
        }
    }
    return RG_OK;
}

/* Indices of the wider layer. */
static size_t index_words(const rg_rbm_t *rbm)
{
    size_t most = rbm->n_hidden > rbm->n_visible ? rbm->n_hidden : rbm->n_visible;
    return rg_lookup_words(RG_AIS_BLOCK, most);
}

/* Bytes of a worker's scratch: hidden bits, indices, gathered indices, inputs, fields, sums, each
 * a multiple of 64. */
static size_t scratch_bytes(const rg_ais_t *job)
{
    size_t row = 8 * rg_bits_words(job->rbm->n_hidden) + RG_PANEL * (sizeof(double) * 2) +
                 3 * sizeof(double);
    return RG_AIS_BLOCK * row + 2 * 8 * index_words(job->rbm);
}

int rg_ais_init(rg_ais_t *self)
{
    const rg_rbm_t *rbm = self->rbm;
    const rg_rbm_t *other = self->transposed;
    self->workspace = NULL;
    if (self->n_rows == 0 || n_blocks(self) >= (size_t)1 << 20 || self->n_betas < 1 ||
        self->n_betas >= (size_t)1 << 23 || self->workers < 1 ||
        other->n_visible != rbm->n_hidden || other->n_hidden != rbm->n_visible ||
        other->spin != rbm->spin || other->single != rbm->single) {
        return RG_ERR_ARGUMENT;
    }
    if (self->workers > n_blocks(self)) {
        self->workers = n_blocks(self);
    }
    work_t *work = rg_alloc(1, sizeof *work);
    self->workspace = work;
    if (work == NULL) {
        return RG_ERR_MEMORY;
    }
    int ret = find_used(rbm, &work->down);
    if (ret == RG_OK) {
        ret = find_used(other, &work->up);
    }
    if (ret != RG_OK) {
        return ret;
    }
    work->scratch_bytes = scratch_bytes(self);
    work->scratch = rg_alloc(self->workers, work->scratch_bytes);
    work->difference = rg_alloc(rg_rbm_panel_rows(rbm->n_visible), RG_PANEL * sizeof(double));
    if (work->scratch == NULL || work->difference == NULL) {
        return RG_ERR_MEMORY;
    }
    if (rbm->single) {
        bias_difference_f32(self, work->difference);
    } else {
        bias_difference_f64(self, work->difference);
    }
    return RG_OK;
}

void rg_ais_free(rg_ais_t *self)
{
    work_t *work = self->workspace;
    if (work != NULL) {
        rg_free(work->down.starts);
        rg_free(work->down.groups);
        rg_free(work->down.weights);
        rg_free(work->up.starts);
        rg_free(work->up.groups);
        rg_free(work->up.weights);
        rg_free(work->difference);
        rg_free(work->scratch);
        rg_free(work);
    }
    self->workspace = NULL;
}

/* ---- one step ---- */

/* (b - b0).v of every row into column 0 of `field`. */
static void add_fields(const part_t *part)
{
    const rg_rbm_t *rbm = part->job->rbm;
    const work_t *work = part->job->workspace;
    memset(part->field, 0, part->n_rows * RG_PANEL * sizeof(double));
    rg_lookup_t product = {.index = part->index,
                           .n_rows = part->n_rows,
                           .n_inputs = rbm->n_visible,
                           .spin = rbm->spin,
                           .n_panels = 1};
    rg_kernels()->lookup_f64(&product, work->difference, part->field);
}

/* Logarithms of the products so far go over to the linear part. */
static void take_logarithms(const part_t *part)
{
    double *linear = part->sums;
    double *ratio = &part->sums[part->n_rows];
    for (size_t row = 0; row < part->n_rows; row++) {
        linear[row] += rg_log(ratio[row]);
        ratio[row] = 1.0;
    }
}

static void block_step(const part_t *part)
{
    const rg_ais_t *job = part->job;
    const rg_rbm_t *rbm = job->rbm;
    double *linear = part->sums;
    double *slope = &part->sums[2 * part->n_rows];
    rg_anneal_t anneal = {.n_rows = part->n_rows,
                          .spin = rbm->spin,
                          .from = part->from,
                          .to = part->to,
                          .linear = linear,
                          .ratio = &part->sums[part->n_rows],
                          .slope = slope};
    for (size_t row = 0; row < part->n_rows; row++) {
        linear[row] = 0.0;
        anneal.ratio[row] = 1.0;
        slope[row] = 0.0;
    }
    rg_lookup_spread(part->visible, rg_bits_words(rbm->n_visible), part->n_rows, rbm->n_visible,
                     part->index);
    add_fields(part);
    size_t panels = n_panels(rbm->n_hidden);
    for (size_t panel = 0; panel < panels; panel++) {
        if (rbm->single) {
            hidden_panel_f32(part, panel, &anneal);
        } else {
            hidden_panel_f64(part, panel, &anneal);
        }
        if (panel % RG_ANNEAL_PANELS == RG_ANNEAL_PANELS - 1 || panel + 1 == panels) {
            take_logarithms(part);
        }
    }
    size_t first = part->block * RG_AIS_BLOCK;
    for (size_t row = 0; row < part->n_rows; row++) {
        double field = part->field[row * RG_PANEL];
        if (job->slope != NULL) {
            job->slope[part->step * job->n_rows + first + row] = slope[row] + field;
        }
        job->log_weight[first + row] += linear[row] + (part->to - part->from) * field;
    }
    if (part->last) {
        return;
    }
    rg_lookup_spread(part->hidden, rg_bits_words(rbm->n_hidden), part->n_rows, rbm->n_hidden,
                     part->index);
    for (size_t panel = 0; panel < n_panels(rbm->n_visible); panel++) {
        if (rbm->single) {
            visible_panel_f32(part, panel);
        } else {
            visible_panel_f64(part, panel);
        }
    }
}

typedef struct {
    const rg_ais_t *job;
    size_t n_steps;
} slice_t;

static void ais_worker(void *context, rg_team_t *team, size_t worker)
{
    const slice_t *slice = context;
    const rg_ais_t *job = slice->job;
    const work_t *work = job->workspace;
    char *scratch = &work->scratch[worker * work->scratch_bytes];
    for (size_t i = worker; i < job->workers; i += rg_team_size(team)) {
        part_t part = {.job = job, .block = job->next_block + i};
        if (part.block >= n_blocks(job)) {
            return;
        }
        size_t first = part.block * RG_AIS_BLOCK;
        part.n_rows = job->n_rows - first < RG_AIS_BLOCK ? job->n_rows - first : RG_AIS_BLOCK;
        part.visible = &job->visible[first * rg_bits_words(job->rbm->n_visible)];
        part.input = scratch;
        part.field = (double *)(void *)(scratch + RG_AIS_BLOCK * RG_PANEL * sizeof(double));
        part.sums = &part.field[RG_AIS_BLOCK * RG_PANEL];
        part.hidden = (uint64_t *)(void *)&part.sums[3 * RG_AIS_BLOCK];
        part.index = &part.hidden[RG_AIS_BLOCK * rg_bits_words(job->rbm->n_hidden)];
        part.gathered = &part.index[index_words(job->rbm)];
        for (size_t k = job->step; k < job->step + slice->n_steps; k++) {
            part.step = k;
            part.last = k + 1 == job->n_betas;
            part.from = job->betas[k];
            part.to = part.last ? part.from : job->betas[k + 1];
            block_step(&part);
        }
    }
}

int rg_ais_run(rg_ais_t *self, size_t max_steps)
{
    if (self->next_block >= n_blocks(self)) {
        return RG_OK;
    }
    size_t left = self->n_betas - self->step;
    slice_t slice = {.job = self, .n_steps = left < max_steps ? left : max_steps};
    rg_team_run(self->workers, ais_worker, &slice);
    self->step += slice.n_steps;
    if (self->step == self->n_betas) {
        self->step = 0;
        self->next_block += self->workers;
    }
    return self->next_block < n_blocks(self) ? RG_MORE : RG_OK;
}

double rg_ais_done(const rg_ais_t *self)
{
    double blocks = (double)n_blocks(self);
    double wave = blocks - (double)self->next_block;
    wave = wave < (double)self->workers ? wave : (double)self->workers;
    double done = (double)self->next_block + wave * (double)self->step / (double)self->n_betas;
    return done < blocks ? done / blocks : 1.0;
}
