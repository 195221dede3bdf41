#include "rg_ising.h"

#include <math.h>
#include <string.h>

#include "rg_bits.h"
#include "rg_dispatch.h"
#include "rg_math.h"
#include "rg_thread.h"

static uint64_t ones_if(bool condition)
{
    return condition ? UINT64_MAX : 0;
}

/* Bits 0 .. 64 of class j; see rg_ising_table_t. */
static void table_init(rg_ising_table_t *self, size_t ndim, double K, double h, bool metropolis)
{
    size_t z = 2 * ndim;
    memset(self, 0, sizeof *self);
    self->metropolis = metropolis;
    self->symmetric = h == 0.0;
    self->negative = ones_if(K < 0.0);
    for (size_t j = 0; j <= z; j++) {
        double field = K * (2.0 * (double)j - (double)z) + h;
        bool up = field == 0.0 ? (2 * j > z) != (K < 0.0) : field > 0.0;
        double weight = rg_exp(-2.0 * fabs(field));
        double p = metropolis ? weight : 1.0 / (1.0 + weight);
        bool certain = false;
        uint64_t t = rg_threshold64(p, &certain);
        /* heat-bath: p is that of the favoured spin; Metropolis: of leaving it */
        uint64_t inverted = ones_if(up == metropolis);
        self->leans_up[j] = ones_if(up);
        self->start[j] = ones_if(t >> 63) ^ inverted;
        for (int k = 0; k < 64; k++) {
            bool bit = (t >> (63 - k)) & 1;
            bool next = k < 63 ? (t >> (62 - k)) & 1 : certain;
            self->toggle[k][j] = ones_if(bit != next);
            for (size_t lane = 0; k < RG_GROUP_PLANES && lane < RG_LANES; lane++) {
                self->first[k][j][lane] = self->toggle[k][j];
            }
        }
    }
}

int rg_ising_rule_init(rg_ising_rule_t *self, size_t ndim, double K, double h, int method)
{
    if (!isfinite(K) || !isfinite(h) || method < RG_METHOD_HEATBATH || method > RG_METHOD_LOCAL) {
        return RG_ERR_ARGUMENT;
    }
    self->method = method;
    table_init(&self->heatbath, ndim, K, h, false);
    table_init(&self->metropolis, ndim, K, h, true);
    return RG_OK;
}

/* Proper colouring of a cycle: parity, and a third colour for the last site of an odd one. */
static size_t cycle_colour(size_t x, size_t extent)
{
    return extent % 2 == 1 && x == extent - 1 ? 2 : x % 2;
}

static void coordinates(size_t site, size_t ndim, const size_t *shape, size_t *x)
{
    for (size_t axis = ndim; axis-- > 0;) {
        x[axis] = site % shape[axis];
        site /= shape[axis];
    }
}

/* Go to the next site in C order; divisions would take longer than all the rest. */
static void next_site(size_t ndim, const size_t *shape, size_t *x)
{
    for (size_t axis = ndim; axis-- > 0 && ++x[axis] == shape[axis];) {
        x[axis] = 0;
    }
}

/* Colours of a product of cycles: the sum of the axes' colours, mod 2 or mod 3. */
static size_t site_colour(const size_t *x, size_t ndim, const size_t *shape, size_t n_colours)
{
    size_t sum = 0;
    for (size_t axis = 0; axis < ndim; axis++) {
        sum += cycle_colour(x[axis], shape[axis]);
        sum -= sum >= n_colours ? n_colours : 0;
    }
    return sum;
}

static void fill_neighbours(rg_lattice_t *self, const size_t *shape)
{
    size_t ndim = self->ndim;
    size_t stride[RG_MAX_DIM + 1];
    stride[ndim] = 1;
    for (size_t axis = ndim; axis-- > 0;) {
        stride[axis] = stride[axis + 1] * shape[axis];
    }
    size_t x[RG_MAX_DIM] = {0};
    for (size_t site = 0; site < self->n_sites; site++) {
        for (size_t axis = 0; axis < ndim; axis++) {
            size_t step = stride[axis + 1];
            size_t around = stride[axis] - step;
            uint32_t *pair = &self->neighbours[2 * (site * ndim + axis)];
            pair[0] = (uint32_t)(x[axis] + 1 < shape[axis] ? site + step : site - around);
            pair[1] = (uint32_t)(x[axis] > 0 ? site - step : site + around);
        }
        next_site(ndim, shape, x);
    }
}

static void fill_groups(rg_lattice_t *self, const size_t *shape, size_t n_colours)
{
    size_t placed = 0;
    self->n_groups = 0;
    for (size_t colour = 0; colour < n_colours; colour++) {
        size_t first = placed;
        size_t x[RG_MAX_DIM] = {0};
        for (size_t site = 0; site < self->n_sites; site++) {
            bool here = site_colour(x, self->ndim, shape, n_colours) == colour;
            next_site(self->ndim, shape, x);
            if (!here) {
                continue;
            }
            if ((placed - first) % RG_GROUP_SITES == 0) {
                self->group_start[self->n_groups++] = placed;
            }
            self->sites[placed++] = (uint32_t)site;
        }
    }
    self->group_start[self->n_groups] = placed;
}

int rg_lattice_init(rg_lattice_t *self, const rg_torus_t *torus)
{
    memset(self, 0, sizeof *self);
    size_t n_sites = 0;
    int ret = rg_torus_sites(torus, &n_sites);
    if (ret != RG_OK || n_sites > UINT32_MAX) {
        return ret != RG_OK ? ret : RG_ERR_OVERFLOW;
    }
    size_t ndim = torus->ndim;
    const size_t *shape = torus->extents;
    size_t n_colours = 2;
    for (size_t axis = 0; axis < ndim; axis++) {
        n_colours = shape[axis] % 2 == 1 ? 3 : n_colours;
    }
    self->ndim = ndim;
    self->n_colours = n_colours;
    self->n_sites = n_sites;
    self->sites = rg_alloc(n_sites + RG_SITES_AHEAD, sizeof *self->sites);
    self->neighbours = rg_alloc(n_sites, 2 * ndim * sizeof *self->neighbours);
    self->group_start =
        rg_alloc(n_sites / RG_GROUP_SITES + n_colours + 1, sizeof *self->group_start);
    if (self->sites == NULL || self->neighbours == NULL || self->group_start == NULL) {
        return RG_ERR_MEMORY;
    }
    fill_neighbours(self, shape);
    fill_groups(self, shape, n_colours);
    return RG_OK;
}

void rg_lattice_colours(const rg_lattice_t *self, const rg_torus_t *torus, size_t *colour_start)
{
    size_t colour = 0;
    for (size_t group = 0; group < self->n_groups; group++) {
        size_t site = self->sites[self->group_start[group]];
        size_t x[RG_MAX_DIM];
        coordinates(site, torus->ndim, torus->extents, x);
        size_t of_group = site_colour(x, torus->ndim, torus->extents, self->n_colours);
        while (colour <= of_group) {
            colour_start[colour++] = group;
        }
    }
    while (colour <= self->n_colours) {
        colour_start[colour++] = self->n_groups;
    }
}

void rg_lattice_free(rg_lattice_t *self)
{
    rg_free(self->sites);
    rg_free(self->neighbours);
    rg_free(self->group_start);
    memset(self, 0, sizeof *self);
}

/* Parity of a site's coordinates is its place in the two-colour order: sites of colour 1 come in
 * the second half. Only meaningful when all extents are even. */
static void start_block(const rg_lattice_t *lattice, const uint64_t key[4], int start, double p_up,
                        size_t block, uint64_t *words)
{
    rg_stream_t stream;
    rg_stream_init(&stream, key, RG_PURPOSE_START, block);
    if (start == RG_START_RANDOM) {
        for (size_t site = 0; site < lattice->n_sites; site++) {
            rg_stream_plane(&stream, &words[site * RG_LANES]);
        }
        return;
    }
    uint64_t coin[RG_LANES];
    rg_stream_biased_plane(&stream, p_up, coin);
    for (size_t i = 0; i < lattice->n_sites; i++) {
        bool odd = start == RG_START_STAGGERED && i >= lattice->n_sites / 2;
        uint64_t *word = &words[(size_t)lattice->sites[i] * RG_LANES];
        for (size_t lane = 0; lane < RG_LANES; lane++) {
            word[lane] = odd ? ~coin[lane] : coin[lane];
        }
    }
}

static bool good_start(const rg_lattice_t *lattice, int start, double p_up)
{
    return p_up >= 0.0 && p_up <= 1.0 && start >= RG_START_RANDOM && start <= RG_START_STAGGERED &&
           (start != RG_START_STAGGERED || lattice->n_colours == 2);
}

int rg_ising_start(const rg_lattice_t *lattice, const uint64_t key[4], int start, double p_up,
                   size_t block, uint64_t *words)
{
    if (!good_start(lattice, start, p_up)) {
        return RG_ERR_ARGUMENT;
    }
    start_block(lattice, key, start, p_up, block, words);
    return RG_OK;
}

const rg_ising_table_t *rg_ising_rule_table(const rg_ising_rule_t *self, uint64_t sweep)
{
    bool heatbath = self->method == RG_METHOD_HEATBATH ||
                    (self->method == RG_METHOD_LOCAL && sweep % RG_LOCAL_PERIOD == 7);
    return heatbath ? &self->heatbath : &self->metropolis;
}

void rg_ising_advance(const rg_lattice_t *lattice, const rg_ising_rule_t *rule, uint64_t *words,
                      rg_stream_t *stream, rg_ising_clock_t *clock, size_t n_groups)
{
    rg_ising_pass_t pass = {.spins = words, .lattice = lattice};
    while (n_groups > 0) {
        size_t left = lattice->n_groups - clock->group;
        pass.table = rg_ising_rule_table(rule, clock->sweep);
        pass.first_group = clock->group;
        pass.n_groups = left < n_groups ? left : n_groups;
        rg_kernels()->ising_groups(&pass, stream);
        n_groups -= pass.n_groups;
        clock->group += pass.n_groups;
        if (clock->group == lattice->n_groups) {
            clock->group = 0;
            clock->sweep++;
        }
    }
}

void rg_ising_measure(const rg_lattice_t *lattice, const uint64_t *words, int32_t *bonds,
                      int32_t *magnetization)
{
    uint64_t counts[RG_PLANE_BITS];
    rg_kernels()->ising_counts(lattice, words, counts);
    int32_t all_bonds = (int32_t)(lattice->ndim * lattice->n_sites);
    int32_t all_sites = (int32_t)lattice->n_sites;
    for (size_t replica = 0; replica < RG_PLANE_BITS; replica++) {
        /* low half: unlike bonds; high half: spins up; each at most 2^31 */
        bonds[replica] = (int32_t)(all_bonds - 2 * (int64_t)(counts[replica] & UINT32_MAX));
        magnetization[replica] = (int32_t)(2 * (int64_t)(counts[replica] >> 32) - all_sites);
    }
}

static size_t n_blocks(const rg_ising_sample_t *self)
{
    return (self->n + RG_PLANE_BITS - 1) / RG_PLANE_BITS;
}

int rg_ising_sample_init(rg_ising_sample_t *self)
{
    self->words = NULL;
    self->streams = NULL;
    self->wave_start = 0;
    self->clock = (rg_ising_clock_t){0, 0};
    self->started = false;
    size_t n_updates = 0;
    if (rg_multiply(self->sweeps, self->lattice->n_groups, &n_updates) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    int ret = rg_ising_rule_init(&self->rule, self->lattice->ndim, self->K, self->h, self->method);
    if (ret != RG_OK || self->workers < 1 || !good_start(self->lattice, self->start, self->p_up)) {
        return RG_ERR_ARGUMENT;
    }
    if (self->workers > n_blocks(self)) {
        self->workers = n_blocks(self) > 0 ? n_blocks(self) : 1;
    }
    size_t words = 0;
    if (rg_multiply(self->lattice->n_sites, RG_LANES * self->workers, &words) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    self->words = rg_alloc(words, sizeof *self->words);
    self->streams = rg_alloc(self->workers, sizeof *self->streams);
    return self->words == NULL || self->streams == NULL ? RG_ERR_MEMORY : RG_OK;
}

void rg_ising_sample_free(rg_ising_sample_t *self)
{
    rg_free(self->words);
    rg_free(self->streams);
    self->words = NULL;
    self->streams = NULL;
}

typedef struct {
    rg_ising_sample_t *job;
    size_t n_updates; /* group updates per block in this slice */
    bool last;        /* the wave ends with this slice */
} slice_t;

static void slice_worker(void *context, rg_team_t *team, size_t worker)
{
    const slice_t *slice = context;
    rg_ising_sample_t *job = slice->job;
    size_t n_sites = job->lattice->n_sites;
    size_t in_wave = n_blocks(job) - job->wave_start;
    in_wave = in_wave < job->workers ? in_wave : job->workers;
    for (size_t slot = worker; slot < in_wave; slot += rg_team_size(team)) {
        size_t block = job->wave_start + slot;
        uint64_t *words = &job->words[slot * n_sites * RG_LANES];
        if (!job->started) {
            rg_stream_init(&job->streams[slot], job->key, RG_PURPOSE_SAMPLE, block);
            start_block(job->lattice, job->key, job->start, job->p_up, block, words);
        }
        rg_ising_clock_t clock = job->clock;
        rg_ising_advance(job->lattice, &job->rule, words, &job->streams[slot], &clock,
                         slice->n_updates);
        if (slice->last) {
            size_t row = block * RG_PLANE_BITS;
            size_t rows = job->n - row < RG_PLANE_BITS ? job->n - row : RG_PLANE_BITS;
            rg_replicas_to_spins(words, n_sites, rows, &job->spins[row * n_sites]);
        }
    }
}

int rg_ising_sample_run(rg_ising_sample_t *self, size_t max_groups)
{
    if (self->wave_start >= n_blocks(self)) {
        return RG_OK;
    }
    size_t per_sweep = self->lattice->n_groups;
    size_t left = (self->sweeps - (size_t)self->clock.sweep) * per_sweep - self->clock.group;
    slice_t slice = {.job = self, .n_updates = left < max_groups ? left : max_groups};
    slice.last = slice.n_updates == left;
    rg_team_run(self->workers, slice_worker, &slice);
    self->started = true;
    size_t groups = self->clock.group + slice.n_updates;
    self->clock.sweep += groups / per_sweep;
    self->clock.group = groups % per_sweep;
    if (slice.last) {
        self->wave_start += self->workers;
        self->clock = (rg_ising_clock_t){0, 0};
        self->started = false;
    }
    return self->wave_start < n_blocks(self) ? RG_MORE : RG_OK;
}

double rg_ising_sample_done(const rg_ising_sample_t *self)
{
    double blocks = (double)n_blocks(self);
    double sweeps = self->sweeps > 0 ? (double)self->sweeps : 1.0;
    double wave = (double)(n_blocks(self) - self->wave_start);
    wave = wave < (double)self->workers ? wave : (double)self->workers;
    double done = (double)self->wave_start + wave * (double)self->clock.sweep / sweeps;
    return blocks > 0.0 && done < blocks ? done / blocks : 1.0;
}
