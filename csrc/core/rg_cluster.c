#include "rg_cluster.h"

#include <math.h>
#include <string.h>

#include "rg_bits.h"
#include "rg_dispatch.h"
#include "rg_math.h"
#include "rg_thread.h"

/* One worker's chain in progress and its work space. */
struct rg_cluster_slot {
    rg_stream_t stream;
    rg_sw_t sw;
    rg_wolff_t wolff;
    uint64_t *spins;
    uint64_t *bits;   /* every uint64 array of sw */
    uint32_t *labels; /* every uint32 array of sw or wolff */
    size_t chain;
    size_t draw;
    size_t unit;      /* of this draw */
    uint64_t visited; /* in this draw */
    size_t units;     /* in all */
    bool loaded;
};

rg_coin_t rg_coin_of_bond(double x)
{
    bool certain = false;
    uint64_t threshold = rg_threshold64(1.0 - rg_exp(-2.0 * x), &certain);
    return (rg_coin_t){threshold, certain ? UINT64_MAX : 0};
}

static size_t units_per_draw(const rg_cluster_t *self)
{
    return self->method == RG_CLUSTER_SW ? self->thin : self->thin * self->clusters_per_sweep;
}

static int init_sw(const rg_cluster_t *job, rg_cluster_slot_t *slot)
{
    const rg_strips_t *strips = &job->strips;
    rg_sw_t *sw = &slot->sw;
    size_t n = strips->n_padded;
    size_t n_labels = strips->n_sites + 64; /* a row's new labels are written 16 at a time */
    size_t label_rows = strips->ndim == 3 ? strips->n_rows : 3;
    slot->bits = rg_alloc(n, 7 * sizeof *slot->bits);
    slot->labels = rg_alloc(64 * label_rows + 2 * n + 2 * n_labels, sizeof *slot->labels);
    sw->flags = rg_alloc(n_labels, 1);
    if (slot->bits == NULL || slot->labels == NULL || sw->flags == NULL) {
        return RG_ERR_MEMORY;
    }
    for (size_t axis = 0; axis < 3; axis++) {
        sw->bonds[axis] = &slot->bits[axis * n];
    }
    sw->ghosts = &slot->bits[3 * n];
    sw->flips = &slot->bits[4 * n];
    sw->linked = &slot->bits[5 * n];
    sw->fresh = &slot->bits[6 * n];
    sw->rows = slot->labels;
    sw->edges[0] = &sw->rows[64 * label_rows];
    sw->edges[1] = &sw->edges[0][n];
    sw->parent = &sw->edges[1][n];
    sw->sizes = &sw->parent[n_labels];
    sw->strips = strips;
    sw->bond = rg_coin_of_bond(fabs(job->K));
    sw->ghost = rg_coin_of_bond(fabs(job->h));
    sw->has_field = job->h != 0.0;
    sw->field_up = job->h > 0.0;
    sw->spins = slot->spins;
    return RG_OK;
}

static uint8_t last_column(const rg_strips_t *strips, size_t i)
{
    return (uint8_t)(63 - __builtin_clzll(rg_strips_valid(strips, i / strips->n_rows)));
}

/* Place of the block whose first word is i; returns the word after its last. */
static size_t init_around(const rg_strips_t *strips, size_t i, rg_around_t *around)
{
    size_t y = i % strips->plane_rows;
    size_t left = strips->plane_rows - y;
    size_t n_rows = left < RG_LANES ? left : RG_LANES;
    for (size_t axis = 0; axis < strips->ndim; axis++) {
        size_t end = axis == 1 ? i + n_rows - 1 : i;
        size_t after = rg_strips_beyond(strips, end, axis, 1);
        size_t before = rg_strips_beyond(strips, i, axis, -1);
        around->seam[axis] = strips->open[axis] && after <= end;
        around->after[axis] = (uint32_t)rg_strips_block(strips, after);
        around->before[axis] = (uint32_t)rg_strips_block(strips, before);
        if (axis == 1) {
            around->n_rows_before = (uint8_t)(before % strips->plane_rows % RG_LANES + 1);
        }
        if (axis == 0) {
            around->last_column_before = last_column(strips, before);
        }
    }
    around->word = (uint32_t)i;
    around->n_rows = (uint8_t)n_rows;
    around->last_column = last_column(strips, i);
    around->parity = (uint8_t)rg_strips_parity(strips, i % strips->n_rows);
    return i + n_rows;
}

static int init_wolff(const rg_cluster_t *job, rg_cluster_slot_t *slot)
{
    const rg_strips_t *strips = &job->strips;
    rg_wolff_t *wolff = &slot->wolff;
    size_t n_blocks = rg_strips_n_blocks(strips);
    wolff->blocks = rg_alloc(n_blocks, sizeof *wolff->blocks);
    slot->labels = rg_alloc(n_blocks, 2 * sizeof *slot->labels);
    wolff->around = rg_alloc(n_blocks, sizeof *wolff->around);
    if (wolff->blocks == NULL || wolff->around == NULL || slot->labels == NULL) {
        return RG_ERR_MEMORY;
    }
    size_t word = 0;
    for (size_t block = 0; block < n_blocks; block++) {
        word = init_around(strips, word, &wolff->around[block]);
    }
    wolff->queue = slot->labels;
    wolff->touched = &slot->labels[n_blocks];
    wolff->strips = strips;
    wolff->bond = rg_coin_of_bond(fabs(job->K));
    wolff->ghost = rg_coin_of_bond(fabs(job->h));
    wolff->has_field = job->h != 0.0;
    wolff->field_up = job->h > 0.0;
    wolff->spins = slot->spins;
    return RG_OK;
}

int rg_cluster_init(rg_cluster_t *self)
{
    self->slots = NULL;
    int ret = rg_strips_init(&self->strips, &self->torus, self->open, self->K);
    if (ret != RG_OK) {
        return ret;
    }
    if (!isfinite(self->K) || !isfinite(self->h) || self->workers < 1 || self->thin < 1 ||
        self->clusters_per_sweep < 1 ||
        (self->method != RG_CLUSTER_SW && self->method != RG_CLUSTER_WOLFF)) {
        return RG_ERR_ARGUMENT;
    }
    size_t units = 0;
    if (rg_multiply(self->thin, self->clusters_per_sweep, &units) != RG_OK ||
        rg_multiply(units, self->draws, &units) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    if (self->workers > self->chains) {
        self->workers = self->chains > 0 ? self->chains : 1;
    }
    self->slots = rg_alloc(self->workers, sizeof *self->slots);
    if (self->slots == NULL) {
        self->workers = 0; /* nothing for rg_cluster_free */
        return RG_ERR_MEMORY;
    }
    for (size_t i = 0; i < self->workers && ret == RG_OK; i++) {
        rg_cluster_slot_t *slot = &self->slots[i];
        slot->chain = i;
        slot->spins = rg_alloc(self->strips.n_words + RG_LANES, sizeof *slot->spins);
        if (slot->spins == NULL) {
            return RG_ERR_MEMORY;
        }
        ret = self->method == RG_CLUSTER_SW ? init_sw(self, slot) : init_wolff(self, slot);
    }
    return ret;
}

void rg_cluster_free(rg_cluster_t *self)
{
    for (size_t i = 0; self->slots != NULL && i < self->workers; i++) {
        rg_free(self->slots[i].spins);
        rg_free(self->slots[i].bits);
        rg_free(self->slots[i].labels);
        rg_free(self->slots[i].sw.flags);
        rg_free(self->slots[i].wolff.blocks);
        rg_free(self->slots[i].wolff.around);
    }
    rg_free(self->slots);
    self->slots = NULL;
}

/* One sweep or cluster. */
static void do_unit(const rg_cluster_t *job, rg_cluster_slot_t *slot, bool last)
{
    if (job->method == RG_CLUSTER_WOLFF) {
        slot->visited += rg_kernels()->wolff_cluster(&slot->wolff, &slot->stream);
        return;
    }
    size_t out = slot->draw * job->chains + slot->chain;
    rg_moments_t moments = {(double)NAN, (double)NAN};
    rg_kernels()->sw_sweep(&slot->sw, &slot->stream, last && job->improved ? &moments : NULL);
    slot->visited += job->strips.n_sites;
    job->m2[out] = moments.m2;
    job->m4[out] = moments.m4;
}

static void begin_draw(const rg_cluster_t *job, rg_cluster_slot_t *slot)
{
    if (!slot->loaded) {
        size_t n_words = rg_bits_words(job->strips.n_sites);
        rg_strips_load(&job->strips, &job->words[slot->chain * n_words], slot->spins);
        memcpy(&slot->stream, &job->streams[slot->chain * 4 * RG_LANES], sizeof slot->stream);
        slot->loaded = true;
    }
    slot->visited = 0;
    slot->wolff.seeds.used = RG_LANES; /* the pool does not outlive a draw */
}

static void end_draw(const rg_cluster_t *job, rg_cluster_slot_t *slot)
{
    const rg_strips_t *strips = &job->strips;
    size_t out = slot->draw * job->chains + slot->chain;
    rg_kernels()->strips_measure(strips, slot->spins, &job->bonds[out], &job->magnetization[out]);
    job->visited[out] = slot->visited;
    if (job->method == RG_CLUSTER_WOLFF) {
        double clusters = (double)units_per_draw(job);
        job->m2[out] = job->h != 0.0 ? (double)NAN
                                     : (double)slot->visited / (clusters * (double)strips->n_sites);
        job->m4[out] = (double)NAN;
    }
    size_t n_words = rg_bits_words(strips->n_sites);
    rg_strips_store(strips, slot->spins, &job->words[slot->chain * n_words]);
    memcpy(&job->streams[slot->chain * 4 * RG_LANES], &slot->stream, sizeof slot->stream);
}

typedef struct {
    rg_cluster_t *job;
    size_t max_units;
} slice_t;

static void run_slot(const slice_t *slice, rg_cluster_slot_t *slot)
{
    const rg_cluster_t *job = slice->job;
    size_t per_draw = units_per_draw(job);
    for (size_t i = 0; i < slice->max_units && slot->chain < job->chains; i++) {
        if (slot->unit == 0) {
            begin_draw(job, slot);
        }
        do_unit(job, slot, slot->unit + 1 == per_draw);
        slot->units++;
        if (++slot->unit < per_draw) {
            continue;
        }
        end_draw(job, slot);
        slot->unit = 0;
        if (++slot->draw == job->draws) {
            slot->draw = 0;
            slot->chain += job->workers;
            slot->loaded = false;
        }
    }
}

static void slice_worker(void *context, rg_team_t *team, size_t worker)
{
    const slice_t *slice = context;
    for (size_t i = worker; i < slice->job->workers; i += rg_team_size(team)) {
        run_slot(slice, &slice->job->slots[i]);
    }
}

int rg_cluster_run(rg_cluster_t *self, size_t max_units)
{
    if (self->draws == 0) {
        return RG_OK;
    }
    slice_t slice = {self, max_units};
    rg_team_run(self->workers, slice_worker, &slice);
    for (size_t i = 0; i < self->workers; i++) {
        if (self->slots[i].chain < self->chains) {
            return RG_MORE;
        }
    }
    return RG_OK;
}

double rg_cluster_done(const rg_cluster_t *self)
{
    double total = (double)self->chains * (double)self->draws * (double)units_per_draw(self);
    double done = 0.0;
    for (size_t i = 0; i < self->workers; i++) {
        done += (double)self->slots[i].units;
    }
    return done < total ? done / total : 1.0;
}
