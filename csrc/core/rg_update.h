/* rg_update.h: what one panel of 16 hidden units adds to a training batch: means, gradient, step.
 *
 * Rows are the batch's data, then its negative rows; all panels are n x 16 on 64-byte boundaries.
 */
#ifndef RG_UPDATE_H
#define RG_UPDATE_H

#include "rg_lookup.h"

/* Step of one panel of W, in three parts: update_start, a product of rg_lookup.h (transposed
 * states: a row per visible unit) added to the velocities, update_finish. With f the factors of
 * the rows (n_inputs rounded up to 4 rows, the extra ones 0), x the states and s = `difference`
 * (16 values), per weight
 *   start = ((momentum velocity - l1 sign(W)) - l2 W) [- offset_i s_j if visible_offset]
 *   velocity = start + sum_r x_ri f_rj (in the order of rg_lookup.h);  W += velocity.
 * With visible_offset also, from the new velocity,
 *   hidden_shift[j] = sum_i offset_i velocity_ij, from i = 0 on, and
 *   visible_shift[i] = sum_j velocity_ij hidden_offset_j, adding halves: j + 8, j + 4, j + 2,
 *   j + 1. Arrays are of the kernel's real type. */
typedef struct {
    size_t n_rows; /* visible units */
    double momentum;
    double l1; /* times the learning rate */
    double l2; /* likewise */
    const void *difference;
    const void *visible_offset; /* or NULL */
    const void *hidden_offset;
    void *visible_shift;
    void *hidden_shift;
} rg_update_t;

/* Rows of means p (n x 16) of one side of a batch, with a share for each row. */
typedef struct {
    size_t n_rows;
    size_t n_units;     /* <= 16: columns from here on give factor 0 */
    const void *share;  /* n_rows */
    const void *scale;  /* n_rows */
    const void *offset; /* 16 */
} rg_factors_t;

#endif
