/* rg_lookup.h: products with one binary operand, by tables of partial sums.
 *
 * All five products of contrastive divergence have a matrix of bits on one side. Weights come in
 * panels of 16 columns; 4 bits of a row index a table of the 16 possible sums of 4 weight rows
 * ("four Russians"), so a multiply-add per weight becomes a quarter of an addition. */
#ifndef RG_LOOKUP_H
#define RG_LOOKUP_H

#include "rg_base.h"

enum {
    RG_PANEL = 16,                        /* columns of a panel */
    RG_TABLE_GROUPS = 8,                  /* groups of 4 inputs whose tables are in use together */
    RG_CHUNK_INPUTS = 4 * RG_TABLE_GROUPS /* their inputs: one word of indices */
};

/* Words of indices for n_rows rows of n_inputs bits. */
static inline size_t rg_lookup_words(size_t n_rows, size_t n_inputs)
{
    return (n_inputs + RG_CHUNK_INPUTS - 1) / RG_CHUNK_INPUTS * n_rows;
}

/* Spread rows of bits into indices, once for all panels: bits 32 c .. 32 c + 31 of row r become
 * word index[c * n_rows + r], whose byte g holds 8 times nibble g (table entries are 64 bytes,
 * addresses scale by 8). Row r starts at bits + r * stride words. */
void rg_lookup_spread(const uint64_t *bits, size_t stride, size_t n_rows, size_t n_inputs,
                      uint64_t *index);

/* The same of n_groups chosen groups of 4 bits of every row, side by side. */
void rg_lookup_gather(const uint64_t *bits, size_t stride, size_t n_rows, const uint32_t *groups,
                      size_t n_groups, uint64_t *index);

/* out[r][j] += sum_i x(r, i) weights[i][j] for r < n_rows, j < 16, i < n_inputs, where x is bit i
 * of row r as 0/1, or as -1/+1 when `spin`; bits from n_inputs on may be anything. out is n_rows x
 * 16, 64-byte aligned as weights are. The same for n_panels panels: the next one's weights stand
 * weight_step numbers further on, its sums out_step (multiples of 16). Pairs of panels share the
 * work of reading the indices.
 *
 * tile_rows = 0: weights is n_inputs x 16, with zero rows up to a multiple of 4. Else weights
 * points to a 16 x 16 tile whose rows are the 16 outputs and whose columns the first 16 inputs;
 * the tile of the next 16 inputs starts tile_rows rows further on (inputs beyond n_inputs have
 * weight 0): the product with the transposed matrix, which is never formed.
 *
 * Order of summation, the same in every kernel: a table entry is ((x0 w0 + x1 w1) + x2 w2) +
 * x3 w3, entries are added to out from the lowest group of 4 to the highest; inputs beyond
 * n_inputs count as weight 0. */
typedef struct {
    const uint64_t *index; /* of rg_lookup_spread */
    size_t n_rows;
    size_t n_inputs;
    bool spin;
    size_t n_panels;
    size_t weight_step;
    size_t out_step;
    size_t tile_rows;
    const void *ahead[2]; /* what the caller reads next, to be fetched meanwhile; or NULL */
} rg_lookup_t;

#endif
