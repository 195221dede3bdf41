#include "rg_temper.h"

#include <math.h>
#include <string.h>

#include "rg_dispatch.h"
#include "rg_thread.h"

void rg_temper_mask(double K_a, double K_b, const double a[RG_PLANE_BITS],
                    const double b[RG_PLANE_BITS], rg_stream_t *stream, uint64_t mask[RG_LANES])
{
    enum { PLANES = RG_PLANE_BITS / RG_LANES };
    _Alignas(RG_ALIGN) uint64_t uniforms[RG_PLANE_BITS];
    rg_kernels()->stream_planes(stream, PLANES, uniforms);
    rg_kernels()->exchange_mask(K_a - K_b, a, b, uniforms, mask);
}

int rg_temper_init(rg_temper_t *self)
{
    self->scratch = NULL;
    self->now = NULL;
    self->now_up = NULL;
    self->pending = NULL;
    self->walker = NULL;
    self->leg = NULL;
    self->max_links = 0;
    self->step = 0;
    self->copy = 0;
    if (self->workers < 1 || self->thin < 1 || self->n_K < 1 || self->n_K > UINT32_MAX / 2) {
        return RG_ERR_ARGUMENT;
    }
    if (self->lattice != NULL && self->lattice->ndim * self->lattice->n_sites >= (size_t)1 << 31) {
        return RG_ERR_OVERFLOW; /* of ising_counts */
    }
    for (size_t k = 0; k < self->n_K; k++) {
        if (!isfinite(self->K[k])) {
            return RG_ERR_ARGUMENT;
        }
        if (self->lattice == NULL && self->fields[k].max_links > self->max_links) {
            self->max_links = self->fields[k].max_links;
        }
    }
    size_t copies = 0;
    size_t replicas = 0;
    size_t steps = 0;
    size_t scratch = 0;
    if (rg_multiply(self->n_blocks, self->n_K, &copies) != RG_OK ||
        rg_multiply(copies, RG_PLANE_BITS, &replicas) != RG_OK ||
        rg_multiply(self->n_draws, self->thin, &steps) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    self->workers = self->workers < copies ? self->workers : copies;
    self->workers = self->workers > 0 ? self->workers : 1;
    if (rg_multiply(self->workers, self->max_links * RG_LANES, &scratch) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    self->scratch = rg_alloc(scratch + RG_LANES, sizeof *self->scratch);
    self->now = rg_alloc(replicas + 1, sizeof *self->now);
    self->now_up = rg_alloc(replicas + 1, sizeof *self->now_up);
    self->pending = rg_alloc(replicas + 1, 2 * RG_TEMPER_PENDING * sizeof *self->pending);
    self->walker = rg_alloc(replicas + 1, sizeof *self->walker);
    self->leg = rg_alloc(replicas + 1, sizeof *self->leg);
    if (self->scratch == NULL || self->now == NULL || self->now_up == NULL ||
        self->pending == NULL || self->walker == NULL || self->leg == NULL) {
        return RG_ERR_MEMORY;
    }
    for (size_t i = 0; i < replicas; i++) {
        self->walker[i] = (uint32_t)(i / RG_PLANE_BITS % self->n_K);
    }
    return RG_OK;
}

void rg_temper_free(rg_temper_t *self)
{
    rg_free(self->scratch);
    rg_free(self->now);
    rg_free(self->now_up);
    rg_free(self->pending);
    rg_free(self->walker);
    rg_free(self->leg);
    self->scratch = NULL;
    self->now = NULL;
    self->now_up = NULL;
    self->pending = NULL;
    self->walker = NULL;
    self->leg = NULL;
}

static uint64_t *words_of(const rg_temper_t *self, size_t block, size_t k)
{
    return &self->words[(block * self->n_K + k) * self->sums->n_sites * RG_LANES];
}

/* One sweep at one K: the seam to whichever kernel updates the model. */
static void sweep(const rg_temper_t *self, size_t block, size_t k, uint64_t *scratch)
{
    rg_stream_t *stream = &self->streams[2 * self->n_K * block + k];
    uint64_t *words = words_of(self, block, k);
    if (self->lattice == NULL) {
        rg_field_run_t run = {.field = &self->fields[k],
                              .spins = words,
                              .scratch = scratch,
                              .stop = self->sums->n_sites};
        rg_kernels()->field_run(&run, stream);
        return;
    }
    rg_ising_pass_t pass = {.spins = words,
                            .lattice = self->lattice,
                            .table = &self->rules[k].heatbath,
                            .n_groups = self->lattice->n_groups};
    rg_kernels()->ising_groups(&pass, stream);
}

/* Bonds and spins of one copy after its sweep. */
static void count(const rg_temper_t *self, size_t copy)
{
    const uint64_t *words = &self->words[copy * self->sums->n_sites * RG_LANES];
    double *bonds = &self->now[copy * RG_PLANE_BITS];
    double *up = &self->now_up[copy * RG_PLANE_BITS];
    if (self->lattice == NULL) {
        rg_field_bonds(self->sums, words, bonds);
        rg_field_ups(self->sums, words, up);
        return;
    }
    uint64_t counts[RG_PLANE_BITS];
    rg_kernels()->ising_counts(self->lattice, words, counts);
    double all_bonds = (double)(self->lattice->ndim * self->lattice->n_sites);
    double all_sites = (double)self->lattice->n_sites;
    for (size_t r = 0; r < RG_PLANE_BITS; r++) {
        bonds[r] = all_bonds - 2.0 * (double)(int64_t)(counts[r] & UINT32_MAX);
        up[r] = 2.0 * (double)(int64_t)(counts[r] >> 32) - all_sites;
    }
}

static void swap_doubles(double *a, double *b)
{
    double kept = *a;
    *a = *b;
    *b = kept;
}

/* Exchange k and k + 1 of a block: spins, bonds and walkers. */
static void exchange(const rg_temper_t *self, size_t block, size_t k)
{
    size_t at = (block * self->n_K + k) * RG_PLANE_BITS;
    double *bonds = &self->now[at];
    uint32_t *walker = &self->walker[at];
    uint64_t mask[RG_LANES];
    rg_temper_mask(self->K[k], self->K[k + 1], bonds, bonds + RG_PLANE_BITS,
                   &self->streams[2 * self->n_K * block + self->n_K + k], mask);
    uint64_t *a = words_of(self, block, k);
    uint64_t *b = words_of(self, block, k + 1);
    for (size_t i = 0; i < self->sums->n_sites * RG_LANES; i += RG_LANES) {
        for (size_t lane = 0; lane < RG_LANES; lane++) {
            uint64_t differ = (a[i + lane] ^ b[i + lane]) & mask[lane];
            a[i + lane] ^= differ;
            b[i + lane] ^= differ;
        }
    }
    double *up = &self->now_up[at];
    uint64_t accepted = 0;
    for (size_t lane = 0; lane < RG_LANES; lane++) {
        for (uint64_t left = mask[lane]; left != 0; left &= left - 1) {
            size_t r = 64 * lane + (size_t)__builtin_ctzll(left);
            swap_doubles(&bonds[r], &bonds[r + RG_PLANE_BITS]);
            swap_doubles(&up[r], &up[r + RG_PLANE_BITS]);
            uint32_t who = walker[r];
            walker[r] = walker[r + RG_PLANE_BITS];
            walker[r + RG_PLANE_BITS] = who;
            accepted++;
        }
    }
    self->accepted[block * (self->n_K - 1) + k] += accepted;
}

/* Round trips: from the first K to the last and back. */
static void follow_walkers(const rg_temper_t *self, size_t block)
{
    const uint32_t *first = &self->walker[block * self->n_K * RG_PLANE_BITS];
    const uint32_t *last = first + (self->n_K - 1) * RG_PLANE_BITS;
    for (size_t r = 0; r < RG_PLANE_BITS && self->n_K > 1; r++) {
        size_t row = (block * RG_PLANE_BITS + r) * self->n_K;
        uint8_t *leg = &self->leg[row];
        self->round_trips[row + first[r]] += leg[first[r]] == 2;
        leg[first[r]] = 1;
        leg[last[r]] = leg[last[r]] == 0 ? 0 : 2;
    }
}

/* Keep a draw; every RG_TEMPER_PENDING of them go out together, a line of memory per replica. */
static void draw(const rg_temper_t *self, size_t copy, size_t number)
{
    size_t n_now = RG_PLANE_BITS * RG_TEMPER_PENDING;
    size_t chain = (copy % self->n_K * self->n_blocks + copy / self->n_K) * RG_PLANE_BITS;
    size_t slot = number % RG_TEMPER_PENDING;
    const double *now[] = {&self->now[copy * RG_PLANE_BITS], &self->now_up[copy * RG_PLANE_BITS]};
    double *out[] = {self->bonds, self->up};
    bool full = slot == RG_TEMPER_PENDING - 1 || number == self->n_draws - 1;
    for (size_t which = 0; which < 2; which++) {
        double *pending = &self->pending[(2 * copy + which) * n_now];
        for (size_t r = 0; r < RG_PLANE_BITS; r++) {
            pending[r * RG_TEMPER_PENDING + slot] = now[which][r];
        }
        for (size_t r = 0; full && r < RG_PLANE_BITS; r++) {
            memcpy(&out[which][(chain + r) * self->n_draws + number - slot],
                   &pending[r * RG_TEMPER_PENDING], (slot + 1) * sizeof *pending);
        }
    }
}

/* What one slice does: some sweeps of one step, or whole steps. */
typedef struct {
    rg_temper_t *job;
    size_t first; /* copies first .. stop - 1 are swept */
    size_t stop;
    size_t n_steps;
} slice_t;

/* Sweep and count one copy. */
static void advance(const rg_temper_t *job, size_t copy, uint64_t *scratch)
{
    sweep(job, copy / job->n_K, copy % job->n_K, scratch);
    count(job, copy);
}

/* After all copies have been swept: exchange copy with the next one where it begins a pair of this
 * step, then draw both; draw a copy that is in no pair. */
static void end_copy(const rg_temper_t *job, size_t copy, size_t step)
{
    size_t parity = (job->first_step + step) % 2;
    size_t k = copy % job->n_K;
    bool first = k % 2 == parity && k + 1 < job->n_K;
    bool second = k % 2 != parity && k > 0;
    if (first) {
        exchange(job, copy / job->n_K, k);
    }
    if (second || (step + 1) % job->thin != 0) {
        return;
    }
    size_t number = (step + 1) / job->thin - 1;
    draw(job, copy, number);
    if (first) {
        draw(job, copy + 1, number);
    }
}

/* Whole steps of one block: needs nothing of the others. */
static void run_block(const slice_t *slice, size_t block, uint64_t *scratch)
{
    const rg_temper_t *job = slice->job;
    size_t stop = (block + 1) * job->n_K;
    for (size_t step = job->step; step < job->step + slice->n_steps; step++) {
        for (size_t copy = block * job->n_K; copy < stop; copy++) {
            advance(job, copy, scratch);
        }
        for (size_t copy = block * job->n_K; copy < stop; copy++) {
            end_copy(job, copy, step);
        }
        follow_walkers(job, block);
    }
}

/* Steps whose copies are shared out among the team. */
static void run_shared(const slice_t *slice, rg_team_t *team, size_t worker, uint64_t *scratch)
{
    const rg_temper_t *job = slice->job;
    size_t size = rg_team_size(team);
    size_t n_copies = job->n_blocks * job->n_K;
    for (size_t step = job->step; step < job->step + slice->n_steps; step++) {
        for (size_t copy = slice->first + worker; copy < slice->stop; copy += size) {
            advance(job, copy, scratch);
        }
        if (slice->stop < n_copies) {
            return;
        }
        rg_team_barrier(team);
        for (size_t copy = worker; copy < n_copies; copy += size) {
            end_copy(job, copy, step);
        }
        rg_team_barrier(team);
        for (size_t block = worker; block < job->n_blocks; block += size) {
            follow_walkers(job, block); /* the next exchange is behind a barrier */
        }
    }
}

static void slice_worker(void *context, rg_team_t *team, size_t worker)
{
    const slice_t *slice = context;
    const rg_temper_t *job = slice->job;
    uint64_t *scratch = &job->scratch[worker * job->max_links * RG_LANES];
    size_t size = rg_team_size(team);
    bool whole = slice->stop - slice->first == job->n_blocks * job->n_K;
    if (!whole || job->n_blocks % size != 0) {
        run_shared(slice, team, worker, scratch);
        return;
    }
    for (size_t block = worker; block < job->n_blocks; block += size) {
        run_block(slice, block, scratch);
    }
}

int rg_temper_run(rg_temper_t *self, size_t max_sweeps)
{
    size_t n_copies = self->n_blocks * self->n_K;
    size_t left = self->n_draws * self->thin - self->step;
    if (left == 0 || n_copies == 0) {
        return RG_OK;
    }
    size_t n = n_copies - self->copy < max_sweeps ? n_copies - self->copy : max_sweeps;
    slice_t slice = {.job = self, .first = self->copy, .stop = self->copy + n, .n_steps = 1};
    if (n == n_copies) {
        slice.n_steps = max_sweeps / n_copies < left ? max_sweeps / n_copies : left;
    }
    rg_team_run(self->workers, slice_worker, &slice);
    self->copy = slice.stop % n_copies;
    self->step += slice.stop == n_copies ? slice.n_steps : 0;
    return self->step < self->n_draws * self->thin ? RG_MORE : RG_OK;
}

double rg_temper_done(const rg_temper_t *self)
{
    double steps = (double)self->n_draws * (double)self->thin;
    return steps > 0.0 ? (double)self->step / steps : 1.0;
}
