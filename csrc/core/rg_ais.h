/* rg_ais.h: annealing of many Boltzmann machines' chains at once, with importance weights.
 *
 * The machine at inverse temperature t, hidden units summed out, between a base of independent
 * visible units with bias b0 (t = 0) and the machine itself (t = 1):
 *   ln f_t(v) = (t b + (1 - t) b0).v + sum_j s(t (c_j + (v W)_j)),  s as in rg_anneal.h
 * (Salakhutdinov and Murray 2008, ICML, eq. 16-18). */
#ifndef RG_AIS_H
#define RG_AIS_H

#include "rg_rbm.h"

enum { RG_AIS_BLOCK = 64 /* chains that share a stream */ };

/* For k = 0 .. n_betas - 1, with v_k the state before: slope[k][chain] = d ln f_t(v_k) / dt at
 * betas[k]; then, but for the last k, log_weight += ln f_{betas[k+1]}(v_k) - ln f_{betas[k]}(v_k)
 * and a Gibbs step v -> h -> v of the machine at betas[k + 1]. That step is reversible, so betas
 * rising from 0 with v_0 from the base give exp(log_weight) the mean Z_1 / Z_0, and betas falling
 * from 1 with v_0 from the machine Z_0 / Z_1. Half-step 2k (hidden), 2k + 1 (visible) of block b
 * of 64 chains and panel p draw from the stream (key, RG_PURPOSE_RBM_AIS,
 * b << 44 | half-step << 20 | p). Groups of 4 inputs without weights in a panel are
 * passed over. */
typedef struct {
    const rg_rbm_t *rbm;
    const rg_rbm_t *transposed; /* the same machine with the layers exchanged */
    const void *base_bias;      /* b0, padded like rbm->visible_bias */
    const double *betas;
    size_t n_betas; /* 1 .. 2^23 - 1 */
    uint64_t key[4];
    size_t n_rows;      /* fewer than 2^20 blocks */
    uint64_t *visible;  /* in: v_0, out: the last state; n_rows x words(n_visible) */
    double *log_weight; /* n_rows, added to */
    double *slope;      /* n_betas x n_rows, or NULL */
    size_t workers;
    size_t next_block; /* cursor, start at 0 */
    size_t step;       /* values of k that the running wave of `workers` blocks has done */
    void *workspace;   /* owned by the job */
} rg_ais_t;

/* Allocate the workspace. RG_OK, RG_ERR_ARGUMENT, RG_ERR_OVERFLOW, RG_ERR_MEMORY; free in every
 * case. */
int RG_WARN_UNUSED rg_ais_init(rg_ais_t *self);

/* Do up to max_steps values of k for the running wave. RG_OK (all done) or RG_MORE. */
int RG_WARN_UNUSED rg_ais_run(rg_ais_t *self, size_t max_steps);
void rg_ais_free(rg_ais_t *self);

/* Fraction of all steps done. */
double rg_ais_done(const rg_ais_t *self);

#endif
