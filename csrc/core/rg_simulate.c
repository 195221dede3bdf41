#include "rg_simulate.h"

#include <string.h>

#include "rg_thread.h"

static size_t block_words(const rg_simulate_t *self)
{
    return self->lattice->n_sites * RG_LANES;
}

static size_t per_draw(const rg_simulate_t *self)
{
    return self->thin * self->lattice->n_groups;
}

static int check(const rg_simulate_t *self)
{
    const rg_lattice_t *lattice = self->lattice;
    size_t size = 0;
    if (self->workers < 1 || self->thin < 1) {
        return RG_ERR_ARGUMENT;
    }
    for (size_t block = 0; block < self->n_blocks; block++) {
        if (self->cursor[2 * block + 1] > self->draws ||
            rg_stream_dead(&self->streams[block * 4 * RG_LANES])) {
            return RG_ERR_ARGUMENT;
        }
    }
    if (lattice->n_sites > INT32_MAX / lattice->ndim ||
        rg_multiply(self->thin, lattice->n_groups, &size) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    return RG_OK;
}

int rg_simulate_init(rg_simulate_t *self)
{
    self->scratch = NULL;
    self->slots = NULL;
    self->next_block = 0;
    int ret = check(self);
    if (ret == RG_OK) {
        ret = rg_ising_rule_init(&self->rule, self->lattice->ndim, self->K, self->h, self->method);
    }
    if (ret != RG_OK) {
        return ret;
    }
    if (self->workers > self->n_blocks) {
        self->workers = self->n_blocks > 0 ? self->n_blocks : 1;
    }
    size_t words = 0;
    if (rg_multiply(block_words(self), self->workers, &words) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    self->scratch = rg_alloc(words, sizeof *self->scratch);
    self->slots = rg_alloc(self->workers, sizeof *self->slots);
    if (self->scratch == NULL || self->slots == NULL) {
        return RG_ERR_MEMORY;
    }
    for (size_t slot = 0; slot < self->workers; slot++) {
        self->slots[slot].block = self->n_blocks;
    }
    return RG_OK;
}

void rg_simulate_free(rg_simulate_t *self)
{
    rg_free(self->scratch);
    rg_free(self->slots);
    self->scratch = NULL;
    self->slots = NULL;
}

/* Give every idle slot the next block that has draws left. */
static bool assign(rg_simulate_t *self)
{
    bool busy = false;
    for (size_t i = 0; i < self->workers; i++) {
        rg_simulate_slot_t *slot = &self->slots[i];
        while (slot->block == self->n_blocks && self->next_block < self->n_blocks) {
            size_t block = self->next_block++;
            if (self->cursor[2 * block + 1] >= self->draws) {
                continue;
            }
            slot->block = block;
            slot->draw = self->cursor[2 * block + 1];
            slot->groups = per_draw(self);
            slot->clock = (rg_ising_clock_t){self->cursor[2 * block], 0};
            memcpy(slot->stream.s, &self->streams[block * 4 * RG_LANES], sizeof slot->stream.s);
            memcpy(&self->scratch[i * block_words(self)], &self->words[block * block_words(self)],
                   block_words(self) * sizeof *self->words);
        }
        busy |= slot->block < self->n_blocks;
    }
    return busy;
}

static void commit(const rg_simulate_t *self, rg_simulate_slot_t *slot, const uint64_t *scratch)
{
    memcpy(&self->words[slot->block * block_words(self)], scratch,
           block_words(self) * sizeof *self->words);
    memcpy(&self->streams[slot->block * 4 * RG_LANES], slot->stream.s, sizeof slot->stream.s);
    self->cursor[2 * slot->block] = slot->clock.sweep;
    self->cursor[2 * slot->block + 1] = slot->draw;
    if (slot->draw == self->draws) {
        slot->block = self->n_blocks;
    }
}

/* Whole draws while they fit the budget, then write the state back; or a part of a long draw. */
static void run_slot(const rg_simulate_t *self, size_t number, size_t budget)
{
    rg_simulate_slot_t *slot = &self->slots[number];
    uint64_t *words = &self->scratch[number * block_words(self)];
    size_t row = RG_PLANE_BITS * self->n_blocks;
    bool drew = false;
    while (slot->draw < self->draws && slot->groups <= budget) {
        rg_ising_advance(self->lattice, &self->rule, words, &slot->stream, &slot->clock,
                         slot->groups);
        budget -= slot->groups;
        slot->groups = per_draw(self);
        size_t place = slot->draw * row + slot->block * RG_PLANE_BITS;
        rg_ising_measure(self->lattice, words, &self->bonds[place], &self->magnetization[place]);
        slot->draw++;
        drew = true;
    }
    if (drew) {
        commit(self, slot, words);
        return;
    }
    rg_ising_advance(self->lattice, &self->rule, words, &slot->stream, &slot->clock, budget);
    slot->groups -= budget;
}

typedef struct {
    const rg_simulate_t *job;
    size_t budget;
} slice_t;

static void slice_worker(void *context, rg_team_t *team, size_t worker)
{
    const slice_t *slice = context;
    for (size_t slot = worker; slot < slice->job->workers; slot += rg_team_size(team)) {
        if (slice->job->slots[slot].block < slice->job->n_blocks) {
            run_slot(slice->job, slot, slice->budget);
        }
    }
}

int rg_simulate_run(rg_simulate_t *self, size_t max_groups)
{
    if (!assign(self)) {
        return RG_OK;
    }
    slice_t slice = {.job = self, .budget = max_groups};
    rg_team_run(self->workers, slice_worker, &slice);
    return assign(self) ? RG_MORE : RG_OK;
}

double rg_simulate_done(const rg_simulate_t *self)
{
    double done = 0.0;
    for (size_t block = 0; block < self->n_blocks; block++) {
        done += (double)self->cursor[2 * block + 1];
    }
    double all = (double)self->n_blocks * (double)self->draws;
    return done < all ? done / all : 1.0;
}
