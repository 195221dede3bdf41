/* rg_transfer.h: sparse transfer matrices of Ising strips and tori, one spin at a time.
 *
 * A column holds `width` spins; bit j of a state index is set when spin j is up. The matrix from a
 * column to the next is V W: W is diagonal (bonds and fields inside the column), V a product of
 * one 2 x 2 matrix per site. Applying it costs O(width 2^width). Nothing depends on the number of
 * workers: each output entry is computed by one of them in one order of operations. */
#ifndef RG_TRANSFER_H
#define RG_TRANSFER_H

#include "rg_base.h"

enum { RG_MAX_WIDTH = 20, RG_MAX_TORUS_WIDTH = 12 };

/* weights[s] = exp(fraction E(s) - *peak) for the 2^width states s of a column,
 *   E(s) = sum_j across[j] s_j s_{j+1} + sum_j field[j] s_j,  *peak = fraction max_s E(s).
 * across, field: width values; across[width - 1] joins the last spin to the first (0: open).
 * No aliasing. Returns RG_OK, or RG_ERR_ARGUMENT (width outside 1 .. RG_MAX_WIDTH, no workers). */
int RG_WARN_UNUSED rg_column_weights(size_t width, const double *across, const double *field,
                                     double fraction, size_t n_workers, double *weights,
                                     double *peak);

/* A step from one column to the next. Borrowed arrays. */
typedef struct {
    size_t width;
    int parity;           /* 0: every state; +1 or -1: the states with the last spin down, of
                             vectors with psi(-s) = parity psi(s) (no fields, then) */
    const double *along;  /* width: couplings to the next column */
    const double *before; /* diagonal factors, one per state kept, or NULL */
    const double *after;
} rg_step_t;

/* Replace n_vectors vectors (each one value per state kept) by after * V * before * vector, where
 * V = prod_j exp(along[j] s_j s'_j - |along[j]|): no entry of V is above 1.
 * Returns RG_OK or RG_ERR_ARGUMENT (width, parity, no workers). */
int RG_WARN_UNUSED rg_transfer_apply(const rg_step_t *step, size_t n_vectors, size_t n_workers,
                                     double *vectors);

/* Weighted counts on a length x width torus by number of up spins and of unequal bonds. */
typedef struct {
    size_t length;
    size_t width;  /* 2 .. RG_MAX_TORUS_WIDTH */
    double same;   /* factor for each bond between equal spins */
    double other;  /* factor for each bond between unequal ones */
    size_t stride; /* places by which each unequal bond moves a count; 0: only factors */
} rg_torus_sum_t;

/* Number of places: 1 + sites + stride * bonds. Returns RG_OK, RG_ERR_ARGUMENT (extents below 2,
 * a width above RG_MAX_TORUS_WIDTH), RG_ERR_OVERFLOW. */
int RG_WARN_UNUSED rg_torus_sum_places(const rg_torus_sum_t *torus, size_t *n_places);

/* counts[up + stride * unequal] += same^{equal} other^{unequal}, over all configurations whose
 * first column is one of the states start .. stop-1 or a rotation of one; only the least state of
 * each class of rotations counts. Calls that cover 0 .. 2^width in order sum over every
 * configuration. With same = other = 1 the counts are exact up to 2^53.
 * Returns RG_OK, RG_ERR_ARGUMENT (range, no workers), RG_ERR_MEMORY, or those of
 * rg_torus_sum_places. */
int RG_WARN_UNUSED rg_torus_sum(const rg_torus_sum_t *torus, uint64_t start, uint64_t stop,
                                size_t n_workers, double *counts);

#endif
