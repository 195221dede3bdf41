/* rg_filter.h: block spins that follow a filter, and decimation to the turned lattice, on
 * row-packed square lattices (rg_bits.h): n_rows rows of words(n_columns) each. */
#ifndef RG_FILTER_H
#define RG_FILTER_H

#include "rg_base.h"
#include "rg_rng.h"

enum {
    RG_FILTER_LOOKUP = 16, /* sites of a filter up to which fields are looked up */
    RG_FILTER_BUFFER = 32  /* planes drawn at a time */
};

/* A filter at work. Between calls of rg_filter_rows its stream waits where it stopped. */
typedef struct {
    size_t n_rows, n_columns, b;
    size_t height, width;        /* of the filter */
    size_t row_first, col_first; /* site of the first weight of block 0, on the torus */
    size_t n_sites;              /* height * width */
    const double *weights;       /* borrowed, C order */
    double bias;
    double *fields;    /* by the bits of the patch, or NULL for more than RG_FILTER_LOOKUP */
    uint64_t *cuts;    /* by the bits of the patch, made when first needed, or NULL */
    size_t line_words; /* of a row of `lines` */
    uint64_t *lines;   /* fine rows, turned so that block j begins at bit b j, and continued */
    size_t used;       /* words of `planes` */
    rg_stream_t stream;
    uint64_t planes[RG_FILTER_BUFFER * RG_LANES];
} rg_filter_t;

/* Set up `self` for a filter of height x width weights with block length b; weight (0, 0) of block
 * (0, 0) lies at (row_first, col_first), both on the lattice. Words come from the stream (key,
 * RG_PURPOSE_COARSEN, 0). Returns RG_OK, RG_ERR_ARGUMENT (a size is 0, b does not divide, the first
 * site is no site), RG_ERR_OVERFLOW or RG_ERR_MEMORY; free it in any case. */
int RG_WARN_UNUSED rg_filter_init(rg_filter_t *self, size_t n_rows, size_t n_columns, size_t b,
                                  const double *weights, size_t height, size_t width,
                                  size_t row_first, size_t col_first, double bias,
                                  const uint64_t key[4]);

/* Release what rg_filter_init allocated. */
void rg_filter_free(rg_filter_t *self);

/* Block spins of the next n lattices. The field a of a block is the bias plus weights times spins,
 * added in C order; block t of lattice c of all since rg_filter_init takes word c n_blocks + t of
 * the stream: with u = (word >> 12 + 1/2) / 2^52 it is up where a > (ln u - ln(1 - u)) / 2. bits: n
 * x n_rows x words(n_columns); coarse: n x n_rows / b x words(n_columns / b). */
void rg_filter_rows(rg_filter_t *self, const uint64_t *bits, size_t n, uint64_t *coarse);

/* Keep the sites whose coordinates have an even sum: row x holds columns x % 2, x % 2 + 2, ... of a
 * row with n_columns sites, even. bits: n x n_rows x words(n_columns); coarse: n x n_rows x
 * words(n_columns / 2). Rows alternate from an even one on in every lattice. */
void rg_turn_rows(size_t n_rows, size_t n_columns, const uint64_t *bits, size_t n,
                  uint64_t *coarse);

#endif
