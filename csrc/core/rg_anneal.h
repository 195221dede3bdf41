/* rg_anneal.h: how the summed-out units of a Boltzmann machine weigh a state at two temperatures.
 *
 * A unit with input x adds s(t x) to ln f, with s(y) = ln 2cosh y (spin) or ln(1 + e^y)
 * (binary), at inverse temperature t. Written with one exponential and a product in place of
 * logarithms: s(t x) = t p(x) + ln(1 + e^{-t a}), p = |x|, a = 2 |x| (spin) or p = max(x, 0),
 * a = |x| (binary). */
#ifndef RG_ANNEAL_H
#define RG_ANNEAL_H

#include "rg_base.h"

enum { RG_ANNEAL_PANELS = 32 /* products of so many panels of 16 stay within [2^-512, 2^512] */ };

/* Row r of `input` (n_rows x 16, 64-byte aligned; float64, or float32 taken exactly) adds
 *   linear[r] += sum_j (to - from) p(x_j)
 *   ratio[r]  *= prod_j (1 + e^{-to a_j}) / (1 + e^{-from a_j})
 *   slope[r]  += sum_j x_j s'(from x_j)
 * so ln f changes by linear + ln ratio from temperature `from` to `to`, and slope is its
 * derivative at `from`. Terms j and j + 8 are joined first, then 8 terms in halves: the same
 * bits in every kernel. */
typedef struct {
    size_t n_rows;
    bool spin;
    double from;
    double to;
    double *linear;
    double *ratio;
    double *slope;
} rg_anneal_t;

#endif
