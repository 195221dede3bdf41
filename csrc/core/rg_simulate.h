/* rg_simulate.h: time series of replica-packed chains: bond sum and magnetisation per draw.
 *
 * A block's state is its words (rg_ising.h), its stream and its sweep count; it lives in the
 * caller's arrays and changes only at whole draws, so a job may be dropped between any two calls of
 * _run and the arrays are still a valid state from which a new job goes on with the same bits. */
#ifndef RG_SIMULATE_H
#define RG_SIMULATE_H

#include "rg_ising.h"

/* A worker's block. */
typedef struct {
    size_t block;  /* n_blocks: none */
    size_t draw;   /* draws done */
    size_t groups; /* group updates left until the next draw */
    rg_ising_clock_t clock;
    rg_stream_t stream;
} rg_simulate_slot_t;

/* `draws` draws, `thin` sweeps apart (the first after `thin` sweeps), of 512 n_blocks chains; chain
 * 512 b + r is replica r of block b. Fill the upper part, call _init, then _run until RG_OK. */
typedef struct {
    const rg_lattice_t *lattice;
    double K;
    double h;
    int method;
    size_t n_blocks;
    size_t draws;
    size_t thin;
    size_t workers;
    uint64_t *words;        /* n_blocks x n_sites x 8 */
    uint64_t *streams;      /* n_blocks x 4 x 8: the words of rg_stream_t */
    uint64_t *cursor;       /* n_blocks x 2: sweeps since the chain began, draws written */
    int32_t *bonds;         /* draws x 512 n_blocks */
    int32_t *magnetization; /* draws x 512 n_blocks */
    /* owned by the job */
    rg_ising_rule_t rule;
    uint64_t *scratch; /* workers x n_sites x 8 */
    rg_simulate_slot_t *slots;
    size_t next_block;
} rg_simulate_t;

/* Check the arguments, make the tables. Draws that the cursor says are done are not repeated.
 * RG_OK, RG_ERR_ARGUMENT (unknown method, K or h not finite, no workers or sweeps, a cursor beyond
 * draws, a dead stream), RG_ERR_OVERFLOW, RG_ERR_MEMORY; free in every case. */
int RG_WARN_UNUSED rg_simulate_init(rg_simulate_t *self);

/* Do about max_groups group updates in each worker's block. RG_MORE: call again. */
int RG_WARN_UNUSED rg_simulate_run(rg_simulate_t *self, size_t max_groups);

/* Fraction of all draws done. */
double rg_simulate_done(const rg_simulate_t *self);

/* Release what the job owns. */
void rg_simulate_free(rg_simulate_t *self);

#endif
