#include "rg_temper.h"

#include <math.h>
#include <string.h>

#include "rg_dispatch.h"
#include "rg_math.h"
#include "rg_thread.h"

void rg_temper_mask(double K_a, double K_b, const double a[RG_PLANE_BITS],
                    const double b[RG_PLANE_BITS], rg_stream_t *stream, uint64_t mask[RG_LANES])
{
    enum { PLANES = RG_PLANE_BITS / RG_LANES };
    _Alignas(RG_ALIGN) uint64_t uniforms[RG_PLANE_BITS];
    rg_kernels()->stream_planes(stream, PLANES, uniforms);
    memset(mask, 0, RG_LANES * sizeof *mask);
    for (size_t r = 0; r < RG_PLANE_BITS; r++) {
        double gain = (K_a - K_b) * (b[r] - a[r]);
        bool accepted = gain >= 0.0;
        if (!accepted) {
            bool certain = false;
            accepted = uniforms[r] < rg_threshold64(rg_exp(gain), &certain) || certain;
        }
        mask[r / 64] |= (uint64_t)accepted << (r % 64);
    }
}

int rg_temper_init(rg_temper_t *self)
{
    self->scratch = NULL;
    self->now = NULL;
    self->walker = NULL;
    self->leg = NULL;
    self->max_links = 0;
    self->step = 0;
    self->copy = 0;
    if (self->workers < 1 || self->thin < 1 || self->n_K < 1 || self->n_K > UINT32_MAX / 2) {
        return RG_ERR_ARGUMENT;
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
    self->walker = rg_alloc(replicas + 1, sizeof *self->walker);
    self->leg = rg_alloc(replicas + 1, sizeof *self->leg);
    if (self->scratch == NULL || self->now == NULL || self->walker == NULL || self->leg == NULL) {
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
    rg_free(self->walker);
    rg_free(self->leg);
    self->scratch = NULL;
    self->now = NULL;
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
    for (size_t i = 0; i < self->sums->n_sites * RG_LANES; i++) {
        uint64_t differ = (a[i] ^ b[i]) & mask[i % RG_LANES];
        a[i] ^= differ;
        b[i] ^= differ;
    }
    uint64_t accepted = 0;
    for (size_t r = 0; r < RG_PLANE_BITS; r++) {
        if ((mask[r / 64] >> (r % 64)) & 1) {
            double sum = bonds[r];
            bonds[r] = bonds[r + RG_PLANE_BITS];
            bonds[r + RG_PLANE_BITS] = sum;
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

static void draw(const rg_temper_t *self, size_t block, size_t k, size_t number)
{
    double up[RG_PLANE_BITS];
    const double *bonds = &self->now[(block * self->n_K + k) * RG_PLANE_BITS];
    rg_field_ups(self->sums, words_of(self, block, k), up);
    for (size_t r = 0; r < RG_PLANE_BITS; r++) {
        size_t chain = (k * self->n_blocks + block) * RG_PLANE_BITS + r;
        self->bonds[chain * self->n_draws + number] = bonds[r];
        self->up[chain * self->n_draws + number] = up[r];
    }
}

/* What one slice does: some sweeps of one step, or whole steps. */
typedef struct {
    rg_temper_t *job;
    size_t first; /* copies first .. stop - 1 are swept */
    size_t stop;
    size_t n_steps;
} slice_t;

/* Exchange and measure after all copies have been swept. */
static void end_step(const rg_temper_t *job, rg_team_t *team, size_t worker, size_t step)
{
    size_t n_copies = job->n_blocks * job->n_K;
    size_t size = rg_team_size(team);
    size_t parity = (job->first_step + step) % 2;
    rg_team_barrier(team);
    for (size_t copy = worker; copy < n_copies; copy += size) {
        size_t k = copy % job->n_K;
        if (k % 2 == parity && k + 1 < job->n_K) {
            exchange(job, copy / job->n_K, k);
        }
    }
    rg_team_barrier(team);
    bool drawn = (step + 1) % job->thin == 0;
    for (size_t copy = worker; copy < n_copies; copy += size) {
        if (copy % job->n_K == 0) {
            follow_walkers(job, copy / job->n_K);
        }
        if (drawn) {
            draw(job, copy / job->n_K, copy % job->n_K, (step + 1) / job->thin - 1);
        }
    }
    rg_team_barrier(team);
}

static void slice_worker(void *context, rg_team_t *team, size_t worker)
{
    const slice_t *slice = context;
    rg_temper_t *job = slice->job;
    uint64_t *scratch = &job->scratch[worker * job->max_links * RG_LANES];
    for (size_t step = job->step; step < job->step + slice->n_steps; step++) {
        for (size_t copy = slice->first + worker; copy < slice->stop; copy += rg_team_size(team)) {
            size_t block = copy / job->n_K;
            size_t k = copy % job->n_K;
            sweep(job, block, k, scratch);
            rg_field_bonds(job->sums, words_of(job, block, k), &job->now[copy * RG_PLANE_BITS]);
        }
        if (slice->stop == job->n_blocks * job->n_K) {
            end_step(job, team, worker, step);
        }
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
