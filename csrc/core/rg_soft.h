/* rg_soft.h: products of 1 + e^x over the units of a layer, for many states that differ by known
 * factors. */
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

#endif
