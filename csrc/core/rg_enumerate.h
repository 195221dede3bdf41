/* rg_enumerate.h: sums over all states of a small model.
 *
 * A state has bit i set when spin i is +1. Its lowest 6 bits are its lane; the spins above walk
 * along a Gray code, and the energies of all 64 lanes follow each turned spin together. The
 * walk is cut into blocks of 2^16 states that start afresh, so rounding does not build up and
 * nothing depends on the number of workers or the budget. */
#ifndef RG_ENUMERATE_H
#define RG_ENUMERATE_H

#include "rg_base.h"

enum {
    RG_LANE_BITS = 6,
    RG_STATE_LANES = 1 << RG_LANE_BITS,
    RG_BLOCK_BITS = 10, /* of the spins above the lanes */
    RG_MAX_WALK = 28,   /* sites in all */
    RG_STATE_SUMS = 3
};

#define RG_STATES_HOT 0.25

/* What is made of the states. With B the sum of couplings times products of spins:
 * COUNT  counts[offset + B + (spins up)] += 1, from integer values;
 * TOP    tops[block] = largest -H of the block;
 * SUMS   sums[block][..] = sums of w (-H - top), w (-H - top)^2, w B, then of w by the number
 *        of spins up (n_sites + 1 values), where w = e^{-H - top}; where top - constant <
 *        RG_STATES_HOT, of (w - 1) B: the same for a B that adds up to 0, without cancelling;
 * TABLE  table[state] = H. */
enum { RG_STATES_COUNT, RG_STATES_TOP, RG_STATES_SUMS, RG_STATES_TABLE };

typedef struct rg_walk rg_walk_t;

/* All products of spins with the same spins `masks[g]` above the lanes (bit 0 = spin 6) are one
 * row of 64 values, one per lane. -H = scale B + sum_i fields[i] s_i + constant. Fill in, then
 * rg_enumerate_init, then _run until RG_OK. Arrays are borrowed; those that the kind of result
 * does not use may be NULL. */
typedef struct {
    int kind;
    size_t n_sites;
    size_t n_groups;
    const uint64_t *masks;   /* n_groups */
    const int32_t *integers; /* n_groups x 64, COUNT only */
    const double *values;    /* n_groups x 64, others */
    double scale;
    double constant;
    const double *fields; /* n_sites */
    double top;
    size_t n_workers;
    size_t n_bins;
    size_t offset;    /* of B = 0 in counts */
    uint32_t *counts; /* n_bins, complete after the last slice */
    double *tops;     /* rg_enumerate_blocks(n_sites) */
    double *sums;     /* blocks x (RG_STATE_SUMS + n_sites + 1) */
    double *table;    /* 2^n_sites */
    /* owned by the job */
    rg_walk_t *walk;
    size_t next_block;
} rg_enumeration_t;

/* Number of blocks of a walk over n_sites <= RG_MAX_WALK spins. */
size_t rg_enumerate_blocks(size_t n_sites);

/* Check the sizes, make the tables. RG_OK, RG_ERR_ARGUMENT (sites, workers, masks) or
 * RG_ERR_MEMORY; free in every case. */
int RG_WARN_UNUSED rg_enumerate_init(rg_enumeration_t *self);

/* Do up to max_blocks blocks per worker. RG_MORE: call again. RG_ERR_VALUES when a state falls
 * outside the bins. */
int RG_WARN_UNUSED rg_enumerate_run(rg_enumeration_t *self, size_t max_blocks);

/* Release what the job owns. */
void rg_enumerate_free(rg_enumeration_t *self);

#endif
