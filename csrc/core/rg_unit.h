/* rg_unit.h: from inputs of Bernoulli units to their means and to sampled bits.
 *
 * A unit with input x is on with probability sigmoid(x) (binary) or up with probability
 * sigmoid(2 x) (spin, mean tanh x). exp is our own: a fixed order of operations and no libm,
 * because a bit hangs on it. */
#ifndef RG_UNIT_H
#define RG_UNIT_H

#include "rg_base.h"

/* row-packed bits seen as 16-bit panels; may alias the 64-bit words they are part of */
typedef uint16_t __attribute__((may_alias)) rg_panel_bits_t;

/* One panel of 16 units for n_rows rows, input n_rows x 16 on a 64-byte boundary.
 * With a = |x| (binary) or 2 |x| (spin) and e = exp(-a):
 * mean (n_rows x 16, or NULL; may be the input): 1 / (1 + e) or e / (1 + e) by the sign of x
 * (binary), +-(1 - e) / (1 + e) (spin): tanh, odd to the last bit.
 * bits (or NULL): row r's 16 bits go to bits[r * stride]; bits from n_units on are 0.
 * Sampling takes one plane of the stream per row (two in float64: units 0-7, then 8-15): unit j
 * uses the j-th 32-bit (64-bit) field, u = (2 (field >> 9) + 1) 2^-24, or
 * (2 (field >> 12) + 1) 2^-53, and goes where x points (down for x = -0) when u + u e < 1, else
 * the other way. With bits == NULL no plane is drawn. Flipping the sign of all inputs flips all
 * bits (for x != 0), so spin machines without biases keep their symmetry exactly. */
typedef struct {
    size_t n_rows;
    size_t n_units; /* <= 16 */
    bool spin;
    rg_panel_bits_t *bits;
    size_t stride; /* in uint16 */
} rg_unit_t;

/* Row-major inputs without their biases, n_rows x n_units of float (`single`) or double, become
 * means of units, to the bits that the kernel gives. */
void rg_unit_means(bool single, bool spin, size_t n_rows, size_t n_units, const void *bias,
                   void *x);

#endif
