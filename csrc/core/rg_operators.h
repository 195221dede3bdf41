/* rg_operators.h: sums of spin products over lattices of bits: the operators of Monte Carlo RG.
 *
 * A lattice is n_rows x n_columns spins, periodic; each row has its own words (rg_bits.h). A
 * product is the spins at some offsets from a site, an operator the sum over all sites of some
 * products. With bits, a product is an xor of shifted rows and its sum a population count. */
#ifndef RG_OPERATORS_H
#define RG_OPERATORS_H

#include "rg_base.h"

enum { RG_MAX_FACTORS = 8, RG_MAX_PRODUCTS = 1024 };

/* A product: where its factors start in the table of shifted rows. */
typedef struct {
    size_t n_factors;               /* 1 .. RG_MAX_FACTORS */
    uint32_t shift[RG_MAX_FACTORS]; /* which column shift */
    uint32_t down[RG_MAX_FACTORS];  /* row shift, at most stride - n_rows */
    size_t owner;                   /* operator it belongs to */
} rg_product_t;

/* A compiled set of operators for one size of lattice. */
typedef struct {
    size_t n_rows;
    size_t n_columns;
    size_t words; /* per row */
    size_t n_products;
    size_t n_operators;
    size_t n_shifts;
    size_t stride; /* rows from one (shift, word) to the next in the table */
    rg_product_t *products;
    uint32_t *shifts; /* column shifts in use, below n_columns */
    void *doubled;    /* one row twice over, for shifting rows of many words */
    void *table;      /* n_shifts x words x stride: shifted rows, repeated past the last one;
                       * 64 bytes each, as many lattices side by side as a vector has lanes */
} rg_operators_t;

/* Compile: product p has the factors starts[p] .. starts[p+1]-1, each an offset (rows, columns) of
 * any sign, and belongs to operator owners[p] < n_operators. A factor that meets another of its
 * product on the lattice cancels it. Returns RG_OK, RG_ERR_ARGUMENT (sizes 0, no products or more
 * than RG_MAX_PRODUCTS, no factors or more than RG_MAX_FACTORS), RG_ERR_OVERFLOW (sums of an
 * operator might not fit into 32 bits), RG_ERR_MEMORY;
 * free in every case. */
int RG_WARN_UNUSED rg_operators_init(rg_operators_t *self, size_t n_rows, size_t n_columns,
                                     size_t n_products, const size_t *starts,
                                     const int64_t *offsets, const size_t *owners,
                                     size_t n_operators);
void rg_operators_free(rg_operators_t *self);

/* sums: n x n_operators, for n lattices of n_rows x words. Uses the set's tables: one caller at a
 * time. */
void rg_operators_sums(rg_operators_t *self, const uint64_t *bits, size_t n, int32_t *sums);

#endif
