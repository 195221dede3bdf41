/* rg_log_z.h: the exact partition function of a Boltzmann machine, by enumerating one layer. */
#ifndef RG_LOG_Z_H
#define RG_LOG_Z_H

#include "rg_exact.h"

/* ln Z = ln sum_v exp(-F(v)) over all states v of the first layer (rg_exact.h). In 0/1 units u
 * and with softplus terms, spins being v = 2 u - 1 and ln 2 cosh x = ln(1 + e^{2x}) - x,
 *   -F = constant + beta.u + sum_j ln(1 + exp(gamma_j + (u omega)_j)).
 * The lowest units (at most 5, as many as the range of double allows) run through a table of
 * factors, so a state costs three operations per unit of the other layer and no logarithm; the
 * units above them follow a Gray walk, fresh every 2^10 steps. Log-sum-exp in blocks, pairwise
 * over blocks: the same bits for every number of workers and every slice. */
typedef struct {
    const rg_rbm_side_t *rbm;
    size_t workers;
    size_t next; /* cursor: walks done, start at 0 */
    /* owned by the job */
    size_t n_low;
    size_t n_units; /* of the other layer, to whole lanes */
    size_t n_walks;
    double constant;
    double *beta;    /* n_first */
    double *gamma;   /* n_units, with the low units at 0 */
    double *omega;   /* n_first x n_units */
    double *factors; /* 2^n_low x n_units */
    double *gains;   /* 2^n_low: exp(beta.u) of the low units */
    double *logs;    /* n_walks */
    double *scratch; /* per worker: n_units */
} rg_log_z_t;

/* Prepare the tables. RG_OK, RG_ERR_ARGUMENT (no units, above RG_MAX_UNITS, no workers),
 * RG_ERR_OVERFLOW, RG_ERR_MEMORY; free in every case. */
int RG_WARN_UNUSED rg_log_z_init(rg_log_z_t *self);

/* Do up to max_walks walks (2^15 states or fewer each) per worker. RG_OK, RG_MORE. */
int RG_WARN_UNUSED rg_log_z_run(rg_log_z_t *self, size_t max_walks);

/* ln Z when rg_log_z_run has returned RG_OK; not finite when parameters are too large. */
double rg_log_z_value(const rg_log_z_t *self);
void rg_log_z_free(rg_log_z_t *self);

#endif
