#include "rg_enumerate.h"

#include <math.h>
#include <string.h>

#include "rg_math.h"
#include "rg_thread.h"

enum { MAX_HIGH = RG_MAX_WALK - RG_LANE_BITS };

static const double LEAST_EXPONENT = -708.0; /* smaller weights count as this one */

typedef double reals_t __attribute__((vector_size(64)));
typedef uint64_t words_t __attribute__((vector_size(64)));

/* A group as one of its spins sees it. */
typedef struct {
    uint64_t mask;
    size_t group;
    bool level; /* the same value in every lane */
} member_t;

struct rg_walk {
    const rg_enumeration_t *states;
    size_t n_high;               /* spins above the lanes */
    size_t n_lanes;              /* fewer than 64 on fewer than 6 sites */
    size_t starts[MAX_HIGH + 1]; /* into members, by spin above the lanes; level ones first */
    member_t *members;
    int32_t lane_up[RG_STATE_LANES];   /* spins up */
    double lane_field[RG_STATE_LANES]; /* field term */
    uint32_t *bins;                    /* workers x n_bins */
};

typedef rg_walk_t walk_t;

static int sign_of(uint64_t mask, uint64_t high)
{
    return 1 - 2 * __builtin_parityll(mask & ~high);
}

#define WALK_NAME(x) integer_##x
#define WALK_TYPE int32_t
#include "rg_walk_tpl.h"
#undef WALK_NAME
#undef WALK_TYPE

#define WALK_NAME(x) real_##x
#define WALK_TYPE double
#include "rg_walk_tpl.h"
#undef WALK_NAME
#undef WALK_TYPE

static size_t n_high_of(size_t n_sites)
{
    return n_sites > RG_LANE_BITS ? n_sites - RG_LANE_BITS : 0;
}

static size_t block_bits(size_t n_high)
{
    return n_high < RG_BLOCK_BITS ? n_high : RG_BLOCK_BITS;
}

size_t rg_enumerate_blocks(size_t n_sites)
{
    size_t n_high = n_high_of(n_sites);
    return (size_t)1 << (n_high - block_bits(n_high));
}

static bool is_level(const rg_enumeration_t *states, size_t group)
{
    bool level = true;
    for (size_t lane = 1; lane < RG_STATE_LANES; lane++) {
        size_t k = group * RG_STATE_LANES;
        level = level &&
                (states->kind == RG_STATES_COUNT ? states->integers[k] == states->integers[k + lane]
                                                 : states->values[k] == states->values[k + lane]);
    }
    return level;
}

/* List the groups of every spin above the lanes, those that are level first. */
static void fill_members(walk_t *walk)
{
    const rg_enumeration_t *states = walk->states;
    size_t placed = 0;
    for (size_t site = 0; site < walk->n_high; site++) {
        walk->starts[site] = placed;
        for (int level = 1; level >= 0; level--) {
            for (size_t group = 0; group < states->n_groups; group++) {
                uint64_t mask = states->masks[group];
                if ((mask >> site) & 1 && is_level(states, group) == level) {
                    walk->members[placed++] = (member_t){mask, group, level};
                }
            }
        }
    }
    walk->starts[walk->n_high] = placed;
}

static void fill_lanes(walk_t *walk)
{
    for (size_t lane = 0; lane < RG_STATE_LANES; lane++) {
        walk->lane_up[lane] = __builtin_popcountll(lane);
        walk->lane_field[lane] = 0.0;
        for (size_t i = 0; i < RG_LANE_BITS && i < walk->states->n_sites; i++) {
            if (walk->states->kind != RG_STATES_COUNT) {
                double field = walk->states->fields[i];
                walk->lane_field[lane] += (lane >> i) & 1 ? field : -field;
            }
        }
    }
}

int rg_enumerate_init(rg_enumeration_t *self)
{
    self->walk = NULL;
    self->next_block = 0;
    if (self->n_sites < 1 || self->n_sites > RG_MAX_WALK || self->n_workers < 1) {
        return RG_ERR_ARGUMENT;
    }
    size_t n_high = n_high_of(self->n_sites);
    size_t n_members = 0;
    for (size_t group = 0; group < self->n_groups; group++) {
        if (self->masks[group] >> n_high != 0) {
            return RG_ERR_ARGUMENT;
        }
        n_members += (size_t)__builtin_popcountll(self->masks[group]);
    }
    size_t n_blocks = rg_enumerate_blocks(self->n_sites);
    self->n_workers = self->n_workers < n_blocks ? self->n_workers : n_blocks;
    walk_t *walk = rg_alloc(1, sizeof *walk);
    self->walk = walk;
    if (walk == NULL) {
        return RG_ERR_MEMORY;
    }
    walk->states = self;
    walk->n_high = n_high;
    walk->n_lanes = (size_t)1 << (self->n_sites - n_high);
    walk->members = rg_alloc(n_members + 1, sizeof *walk->members);
    size_t n_bins = 0;
    if (self->kind == RG_STATES_COUNT) {
        if (rg_multiply(self->n_bins, self->n_workers, &n_bins) != RG_OK) {
            return RG_ERR_MEMORY;
        }
        walk->bins = rg_alloc(n_bins, sizeof *walk->bins);
    }
    if (walk->members == NULL || (self->kind == RG_STATES_COUNT && walk->bins == NULL)) {
        return RG_ERR_MEMORY;
    }
    fill_members(walk);
    fill_lanes(walk);
    return RG_OK;
}

void rg_enumerate_free(rg_enumeration_t *self)
{
    if (self->walk != NULL) {
        rg_free(self->walk->members);
        rg_free(self->walk->bins);
    }
    rg_free(self->walk);
    self->walk = NULL;
}

/* Returns false when a state has no bin. */
static bool count_block(const walk_t *walk, size_t block, uint32_t *restrict bins)
{
    const rg_enumeration_t *states = walk->states;
    size_t n_steps = (size_t)1 << block_bits(walk->n_high);
    uint64_t high = (uint64_t)block * n_steps;
    int32_t lanes[RG_STATE_LANES];
    integer_begin(walk, states->integers, high, lanes);
    for (size_t lane = 0; lane < RG_STATE_LANES; lane++) {
        lanes[lane] += walk->lane_up[lane];
    }
    bool inside = true;
    for (size_t step = 0; step < n_steps && inside; step++) {
        if (step > 0) {
            size_t site = (size_t)__builtin_ctzll(step);
            high ^= UINT64_C(1) << site;
            integer_turn(walk, states->integers, site, high, lanes);
        }
        int32_t shift = (int32_t)states->offset + __builtin_popcountll(high);
        int32_t least = lanes[0];
        int32_t most = lanes[0];
        for (size_t lane = 1; lane < walk->n_lanes; lane++) {
            least = lanes[lane] < least ? lanes[lane] : least;
            most = lanes[lane] > most ? lanes[lane] : most;
        }
        inside = least + shift >= 0 && most + shift < (int32_t)states->n_bins;
        for (size_t lane = 0; lane < walk->n_lanes && inside; lane++) {
            bins[lanes[lane] + shift]++;
        }
    }
    return inside;
}

/* Field term of the spins above the lanes, and the constant. */
static double high_field(const walk_t *walk, uint64_t high)
{
    double sum = walk->states->constant;
    for (size_t i = 0; i < walk->n_high; i++) {
        double field = walk->states->fields[RG_LANE_BITS + i];
        sum += (high >> i) & 1 ? field : -field;
    }
    return sum;
}

typedef struct {
    double squares[RG_STATE_SUMS][RG_STATE_LANES];
    double by_up[MAX_HIGH + 1][RG_STATE_LANES];
} lane_sums_t;

/* -H above `base` of every lane. */
static void minus_h(const walk_t *walk, const double *restrict bonds, double base,
                    double *restrict x)
{
    double scale = walk->states->scale;
    const double *field = walk->lane_field;
    for (size_t lane = 0; lane < RG_STATE_LANES; lane++) {
        x[lane] = (scale * bonds[lane] + field[lane]) + base;
    }
}

/* rg_exp of 8 lanes at once, from -708 to 709: the same operations in the same order; and e^x - 1,
 * of full relative precision where e^x needs no power of two. */
static void exp_reals(const double *restrict from, double *restrict to, double *restrict less_one)
{
    reals_t x;
    memcpy(&x, from, sizeof x);
    static const double coefficient[] = RG_EXP_COEFFICIENTS;
    reals_t shifted = x * RG_LOG2_E + RG_ROUND_MAGIC;
    reals_t n = shifted - RG_ROUND_MAGIC;
    reals_t r = (x - n * RG_LN2_HI) - n * RG_LN2_LO;
    reals_t p = r * coefficient[0] + coefficient[1];
    for (size_t i = 2; i < sizeof coefficient / sizeof coefficient[0]; i++) {
        p = p * r + coefficient[i];
    }
    p = p * r + 1.0;
    reals_t small = p * r;
    p = p * r + 1.0;
    words_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    reals_t scale;
    memcpy(&scale, &bits, sizeof scale);
    p *= scale;
    memcpy(to, &p, sizeof p);
    p -= 1.0;
    for (size_t i = 0; i < sizeof p / sizeof *to; i++) {
        less_one[i] = n[i] == 0.0 ? small[i] : p[i];
    }
}

/* Whether all weights are so close that the mean of B is a small difference. */
static bool is_hot(const rg_enumeration_t *states)
{
    return states->top - states->constant < RG_STATES_HOT;
}

static void add_weights(const walk_t *walk, const double *restrict bonds, double shift,
                        size_t high_up, lane_sums_t *restrict sums)
{
    double x[RG_STATE_LANES];
    double weight[RG_STATE_LANES];
    double less_one[RG_STATE_LANES];
    minus_h(walk, bonds, shift, x);
    for (size_t lane = 0; lane < RG_STATE_LANES; lane++) {
        x[lane] = x[lane] > LEAST_EXPONENT ? x[lane] : LEAST_EXPONENT;
    }
    for (size_t lane = 0; lane < RG_STATE_LANES; lane += sizeof(reals_t) / sizeof *x) {
        exp_reals(x + lane, weight + lane, less_one + lane);
    }
    double *restrict by_up = sums->by_up[high_up];
    const double *factor = is_hot(walk->states) ? less_one : weight;
    for (size_t lane = 0; lane < RG_STATE_LANES; lane++) {
        double first = weight[lane] * x[lane];
        by_up[lane] += weight[lane];
        sums->squares[0][lane] += first;
        sums->squares[1][lane] += first * x[lane];
        sums->squares[2][lane] += factor[lane] * bonds[lane];
    }
}

static void gather_sums(const walk_t *walk, const lane_sums_t *sums, double *out)
{
    size_t n_out = RG_STATE_SUMS + walk->states->n_sites + 1;
    memset(out, 0, n_out * sizeof *out);
    for (size_t lane = 0; lane < walk->n_lanes; lane++) {
        for (size_t k = 0; k < RG_STATE_SUMS; k++) {
            out[k] += sums->squares[k][lane];
        }
        for (size_t up = 0; up <= walk->n_high; up++) {
            out[RG_STATE_SUMS + up + (size_t)walk->lane_up[lane]] += sums->by_up[up][lane];
        }
    }
}

static void write_table(const walk_t *walk, const double *bonds, double shift, double *table)
{
    double x[RG_STATE_LANES];
    minus_h(walk, bonds, shift, x);
    for (size_t lane = 0; lane < walk->n_lanes; lane++) {
        table[lane] = -x[lane];
    }
}

static void raise_tops(const walk_t *walk, const double *bonds, double shift, double *tops)
{
    double x[RG_STATE_LANES];
    minus_h(walk, bonds, shift, x);
    for (size_t lane = 0; lane < RG_STATE_LANES; lane++) {
        tops[lane] = x[lane] > tops[lane] ? x[lane] : tops[lane];
    }
}

static void real_block(const walk_t *walk, size_t block)
{
    const rg_enumeration_t *states = walk->states;
    size_t n_steps = (size_t)1 << block_bits(walk->n_high);
    uint64_t high = (uint64_t)block * n_steps;
    double bonds[RG_STATE_LANES];
    lane_sums_t sums = {0};
    double tops[RG_STATE_LANES];
    for (size_t lane = 0; lane < RG_STATE_LANES; lane++) {
        tops[lane] = -INFINITY;
    }
    real_begin(walk, states->values, high, bonds);
    for (size_t step = 0; step < n_steps; step++) {
        if (step > 0) {
            size_t site = (size_t)__builtin_ctzll(step);
            high ^= UINT64_C(1) << site;
            real_turn(walk, states->values, site, high, bonds);
        }
        double shift = high_field(walk, high);
        if (states->kind == RG_STATES_TOP) {
            raise_tops(walk, bonds, shift, tops);
        } else if (states->kind == RG_STATES_TABLE) {
            write_table(walk, bonds, shift, states->table + (high << RG_LANE_BITS));
        } else {
            add_weights(walk, bonds, shift - states->top, (size_t)__builtin_popcountll(high),
                        &sums);
        }
    }
    if (states->kind == RG_STATES_TOP) {
        states->tops[block] = tops[0];
        for (size_t lane = 1; lane < walk->n_lanes; lane++) {
            states->tops[block] = fmax(states->tops[block], tops[lane]);
        }
    } else if (states->kind == RG_STATES_SUMS) {
        size_t n_out = RG_STATE_SUMS + states->n_sites + 1;
        gather_sums(walk, &sums, states->sums + block * n_out);
    }
}

typedef struct {
    const walk_t *walk;
    size_t first;
    size_t stop;
    bool *outside; /* by worker */
} slice_t;

static void slice_worker(void *context, rg_team_t *team, size_t worker)
{
    const slice_t *slice = context;
    const rg_enumeration_t *states = slice->walk->states;
    for (size_t block = slice->first + worker; block < slice->stop; block += rg_team_size(team)) {
        if (states->kind != RG_STATES_COUNT) {
            real_block(slice->walk, block);
        } else if (!count_block(slice->walk, block, slice->walk->bins + worker * states->n_bins)) {
            slice->outside[worker] = true;
            return;
        }
    }
}

int rg_enumerate_run(rg_enumeration_t *self, size_t max_blocks)
{
    size_t n_blocks = rg_enumerate_blocks(self->n_sites);
    size_t left = (n_blocks - self->next_block + self->n_workers - 1) / self->n_workers;
    size_t blocks = (left < max_blocks ? left : max_blocks) * self->n_workers;
    size_t stop = n_blocks - self->next_block < blocks ? n_blocks : self->next_block + blocks;
    bool *outside = rg_alloc(self->n_workers, sizeof *outside);
    if (outside == NULL) {
        return RG_ERR_MEMORY;
    }
    slice_t slice = {self->walk, self->next_block, stop, outside};
    rg_team_run(self->n_workers, slice_worker, &slice);
    bool any = false;
    for (size_t worker = 0; worker < self->n_workers; worker++) {
        any = any || outside[worker];
    }
    rg_free(outside);
    self->next_block = stop;
    if (any) {
        return RG_ERR_VALUES;
    }
    if (stop < n_blocks) {
        return RG_MORE;
    }
    for (size_t bin = 0; self->kind == RG_STATES_COUNT && bin < self->n_bins; bin++) {
        self->counts[bin] = 0;
        for (size_t worker = 0; worker < self->n_workers; worker++) {
            self->counts[bin] += self->walk->bins[worker * self->n_bins + bin];
        }
    }
    return RG_OK;
}
