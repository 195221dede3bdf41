/* rg_soft.h: sums over the units of a layer, for many states of the other layer. */
#ifndef RG_SOFT_H
#define RG_SOFT_H

#include "rg_base.h"

enum { RG_SOFT_STATES = 32, RG_SOFT_UNITS = 512 };

/* With a = max(x, 0) per unit, products[s] = prod_j (e^{-a_j} + e^{x_j - a_j} factors[s][j]), the
 * units in 8 lanes (j mod 8), lanes joined as l + 4, l + 2, l + 1; shift[l] += sum of a over lane
 * l. The factors' products must stay within the range of double. */
typedef struct {
    size_t n_units;        /* a multiple of 8, <= RG_SOFT_UNITS; x = -708: the unit's factor is 1 */
    size_t n_states;       /* <= RG_SOFT_STATES */
    const double *x;       /* n_units, 64-byte aligned like factors */
    const double *factors; /* n_states x n_units, rows `stride` apart */
    size_t stride;
    double *products; /* n_states */
    double *shift;    /* 8, 64-byte aligned */
} rg_soft_t;

/* With y = x[j][s] + bias[j]: sums[s] = sum_j ln sum_h e^{y h}, and x[j][s] becomes the mean of h,
 * over h = -1, +1 (spin) or 0, 1. States are independent; units are taken in order. */
typedef struct {
    size_t n_units;
    size_t n_states;
    bool spin;
    const double *bias; /* n_units */
    double *x;          /* n_units x n_states */
    double *sums;       /* n_states */
} rg_unit_sums_t;

#endif
