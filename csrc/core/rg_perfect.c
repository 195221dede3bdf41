#include "rg_perfect.h"

#include <math.h>
#include <string.h>

#include "rg_bits.h"
#include "rg_dispatch.h"
#include "rg_math.h"
#include "rg_thread.h"

enum { MOST_BLOCKS_LOG2 = 31 };

static const size_t MOST_SWEEPS = (size_t)1 << 31;

static uint64_t ones_if(bool condition)
{
    return condition ? UINT64_MAX : 0;
}

uint64_t rg_perfect_word(const rg_stream_t *words, uint32_t site, size_t replica)
{
    size_t lane = replica / 64;
    uint64_t of_site = rg_mix64(words->s[0][lane] ^ rg_mix64(words->s[1][lane] + site));
    return rg_mix64(of_site ^ rg_mix64(words->s[2][lane] + replica));
}

static void fill_table(rg_perfect_table_t *self, size_t ndim, double K, double h)
{
    size_t z = 2 * ndim;
    memset(self, 0, sizeof *self);
    for (size_t j = 0; j <= z; j++) {
        double field = K * (2.0 * (double)j - (double)z) + h;
        bool certain = false;
        uint64_t t = rg_threshold64(1.0 / (1.0 + rg_exp(-2.0 * field)), &certain);
        self->threshold[j] = t;
        self->certain[j] = ones_if(certain);
        for (size_t k = 0; k < RG_PERFECT_PLANES; k++) {
            self->bit[k][j] = ones_if((t >> (63 - k)) & 1);
        }
    }
}

static size_t n_blocks(const rg_perfect_t *self)
{
    return (self->n + RG_PLANE_BITS - 1) / RG_PLANE_BITS;
}

/* Take the next block, if there is one. Which worker takes which changes nothing. */
static void take_block(rg_perfect_t *self, rg_perfect_slot_t *slot)
{
    size_t first = self->max_sweeps < RG_PERFECT_FIRST ? self->max_sweeps : RG_PERFECT_FIRST;
    size_t block = __atomic_fetch_add(&self->next, 1, __ATOMIC_RELAXED);
    bool any = block < n_blocks(self);
    *slot = (rg_perfect_slot_t){.block = block, .attempt = any ? first : 0, .left = first};
}

int rg_perfect_init(rg_perfect_t *self)
{
    self->words = NULL;
    self->slots = NULL;
    self->next = 0;
    self->n_done = 0;
    self->out_of_sweeps = false;
    if (self->workers < 1 || self->max_sweeps < 1 || self->max_sweeps > MOST_SWEEPS ||
        !isfinite(self->K) || !isfinite(self->h) ||
        (self->K < 0.0 && self->lattice->n_colours != 2)) {
        return RG_ERR_ARGUMENT;
    }
    if (n_blocks(self) >> MOST_BLOCKS_LOG2 != 0) {
        return RG_ERR_OVERFLOW;
    }
    if (self->workers > n_blocks(self)) {
        self->workers = n_blocks(self) > 0 ? n_blocks(self) : 1;
    }
    fill_table(&self->tables[0], self->lattice->ndim, fabs(self->K), self->h);
    fill_table(&self->tables[1], self->lattice->ndim, fabs(self->K),
               self->K < 0.0 ? -self->h : self->h);
    size_t words = 0;
    if (rg_multiply(self->lattice->n_sites, 2 * RG_LANES * self->workers, &words) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    self->words = rg_alloc(words, sizeof *self->words);
    self->slots = rg_alloc(self->workers, sizeof *self->slots);
    if (self->words == NULL || self->slots == NULL) {
        return RG_ERR_MEMORY;
    }
    for (size_t i = 0; i < self->workers; i++) {
        take_block(self, &self->slots[i]);
    }
    return RG_OK;
}

void rg_perfect_free(rg_perfect_t *self)
{
    rg_free(self->words);
    rg_free(self->slots);
    self->words = NULL;
    self->slots = NULL;
}

typedef struct {
    rg_perfect_t *job;
    size_t max_groups;
} slice_t;

/* Rows of a finished block; an antiferromagnet's odd sites are turned back. */
static void write_rows(const rg_perfect_t *job, size_t block, uint64_t *upper)
{
    const rg_lattice_t *lattice = job->lattice;
    for (size_t i = lattice->n_sites / 2; job->K < 0.0 && i < lattice->n_sites; i++) {
        uint64_t *word = &upper[(size_t)lattice->sites[i] * RG_LANES];
        for (size_t lane = 0; lane < RG_LANES; lane++) {
            word[lane] = ~word[lane];
        }
    }
    size_t row = block * RG_PLANE_BITS;
    size_t rows = job->n - row < RG_PLANE_BITS ? job->n - row : RG_PLANE_BITS;
    rg_replicas_to_spins(upper, lattice->n_sites, rows, &job->spins[row * lattice->n_sites]);
}

/* After a sweep: look whether the pairs have met, and end the attempt when it was the last. */
static void end_sweep(rg_perfect_t *job, rg_perfect_slot_t *slot, uint64_t *upper,
                      const uint64_t *lower)
{
    size_t size = job->lattice->n_sites * RG_LANES * sizeof *upper;
    slot->met = slot->met || memcmp(upper, lower, size) == 0;
    slot->group = 0;
    slot->left--;
    if (slot->left > 0) {
        return;
    }
    if (slot->met) {
        write_rows(job, slot->block, upper);
        job->needed[slot->block] = slot->attempt;
        __atomic_fetch_add(&job->n_done, 1, __ATOMIC_RELAXED);
        take_block(job, slot);
    } else if (slot->attempt > job->max_sweeps / 2) {
        slot->attempt = 0; /* needed[..] stays 0 */
        __atomic_store_n(&job->out_of_sweeps, true, __ATOMIC_RELAXED);
    } else {
        slot->attempt *= 2;
        slot->left = slot->attempt;
        slot->met = false;
    }
}

static void run_slot(rg_perfect_t *job, rg_perfect_slot_t *slot, uint64_t *words, size_t max_groups)
{
    const rg_lattice_t *lattice = job->lattice;
    size_t size = lattice->n_sites * RG_LANES;
    uint64_t *upper = words;
    uint64_t *lower = words + size;
    rg_perfect_group_t group = {.upper = upper,
                                .neighbours = lattice->neighbours,
                                .words = &slot->words,
                                .ndim = lattice->ndim};
    for (size_t i = 0; i < max_groups && slot->attempt > 0; i++) {
        if (slot->group == 0) {
            uint64_t index = (uint64_t)slot->block << 33 | 2 * (uint64_t)slot->left;
            rg_stream_init(&slot->stream, job->key, RG_PURPOSE_PERFECT, index);
            rg_stream_init(&slot->words, job->key, RG_PURPOSE_PERFECT, index + 1);
            if (slot->left == slot->attempt) {
                memset(upper, 0xff, size * sizeof *upper);
                memset(lower, 0, size * sizeof *lower);
            }
        }
        size_t first = lattice->group_start[slot->group];
        group.lower = slot->met ? NULL : lower;
        group.sites = &lattice->sites[first];
        group.n = lattice->group_start[slot->group + 1] - first;
        group.table = &job->tables[job->K < 0.0 && first >= lattice->n_sites / 2];
        rg_kernels()->perfect_group(&group, &slot->stream);
        slot->group++;
        if (slot->group == lattice->n_groups) {
            end_sweep(job, slot, upper, lower);
        }
    }
}

static void slice_worker(void *context, rg_team_t *team, size_t worker)
{
    const slice_t *slice = context;
    rg_perfect_t *job = slice->job;
    size_t size = 2 * job->lattice->n_sites * RG_LANES;
    for (size_t i = worker; i < job->workers; i += rg_team_size(team)) {
        run_slot(job, &job->slots[i], &job->words[i * size], slice->max_groups);
    }
}

int rg_perfect_run(rg_perfect_t *self, size_t max_groups)
{
    if (self->n_done == n_blocks(self) || self->out_of_sweeps) {
        return RG_OK;
    }
    slice_t slice = {.job = self, .max_groups = max_groups};
    rg_team_run(self->workers, slice_worker, &slice);
    return self->n_done < n_blocks(self) && !self->out_of_sweeps ? RG_MORE : RG_OK;
}

double rg_perfect_done(const rg_perfect_t *self)
{
    size_t blocks = n_blocks(self);
    return blocks > 0 ? (double)self->n_done / (double)blocks : 1.0;
}
