/* rg_fold.h: time series of one large lattice, folded 512-fold onto the packed kernels.
 *
 * The lanes of a word cut one axis into 8 pieces, its bits another one into 64 (in one dimension
 * both cut the same axis, into 512): bit b of lane l of word (y, .., x) is site (l h + y, .., b w +
 * x) of a lattice of 8 h by .. by 64 w sites. Neighbours are then whole words, as for replicas, but
 * for those beyond a cut: there a ghost word holds the far side's word, moved on by one lane or
 * bit. The words of one colour are updated in groups as a block of replicas is; RG_FOLD_BANDS bands
 * of groups, each with a stream of its own, are shared among the workers. */
#ifndef RG_FOLD_H
#define RG_FOLD_H

#include "rg_ising.h"

enum { RG_FOLD_BANDS = 16 }; /* part of the stream's definition */

/* A word that stands for `source` seen across a cut: every spin comes from the next piece (step 1)
 * or the one before (step -1) of lanes, bits or both as one sequence of 512. */
typedef struct {
    uint32_t source;
    int8_t step;
    bool lanes;
    bool bits;
} rg_ghost_t;

typedef struct {
    rg_torus_t torus;     /* the whole lattice */
    rg_lattice_t lattice; /* words as sites; neighbours from n_sites on are ghosts */
    size_t lane_axis;
    size_t bit_axis;
    size_t *colour_start; /* n_colours + 1, into groups */
    rg_ghost_t *ghosts;
    size_t n_ghosts;
} rg_fold_t;

/* Fold a torus: bits along the last axis whose extent is at least 128 and a multiple of 64, lanes
 * along the first other one with at least 16, a multiple of 8; in one dimension at least 1024, a
 * multiple of 512. Returns RG_OK, RG_ERR_ARGUMENT when it does not fold so, RG_ERR_OVERFLOW,
 * RG_ERR_MEMORY; free in every case. */
int RG_WARN_UNUSED rg_fold_init(rg_fold_t *self, const rg_torus_t *torus);

/* Release the tables. */
void rg_fold_free(rg_fold_t *self);

/* One configuration, -1/+1 in C order, to n_sites x 8 words. RG_ERR_VALUES for another value. */
int RG_WARN_UNUSED rg_fold_load(const rg_fold_t *self, const int8_t *spins, uint64_t *words);

/* The inverse of rg_fold_load. */
void rg_fold_unload(const rg_fold_t *self, const uint64_t *words, int8_t *spins);

/* `draws` draws of one chain, `thin` sweeps apart. The state (words, streams, cursor) is the
 * caller's and changes at whole draws only, as in rg_simulate.h. Fill the upper part, call _init,
 * then _run until RG_OK. */
typedef struct {
    const rg_fold_t *fold;
    double K;
    double h;
    int method;
    size_t draws;
    size_t thin;
    size_t workers;
    uint64_t *words;        /* lattice.n_sites x 8 */
    uint64_t *streams;      /* RG_FOLD_BANDS x 4 x 8 */
    uint64_t *cursor;       /* sweeps since the chain began, draws written */
    int64_t *bonds;         /* draws */
    int64_t *magnetization; /* draws */
    /* owned by the job */
    rg_ising_rule_t rule;
    uint64_t *scratch; /* (n_sites + n_ghosts) x 8 */
    rg_stream_t *bands;
    uint64_t sweep; /* sweeps since the chain began, in the scratch */
    size_t done;    /* of those since the last draw */
} rg_fold_job_t;

/* Check the arguments, make the tables. RG_OK, RG_ERR_ARGUMENT (unknown method, K or h not finite,
 * no workers or sweeps, a cursor beyond draws), RG_ERR_OVERFLOW, RG_ERR_MEMORY; free in every
 * case. */
int RG_WARN_UNUSED rg_fold_job_init(rg_fold_job_t *self);

/* Do up to max_sweeps sweeps, at least one, up to the next draw. RG_MORE: call again. */
int RG_WARN_UNUSED rg_fold_job_run(rg_fold_job_t *self, size_t max_sweeps);

/* Fraction of all sweeps done. */
double rg_fold_job_done(const rg_fold_job_t *self);

/* Release what the job owns. */
void rg_fold_job_free(rg_fold_job_t *self);

#endif
