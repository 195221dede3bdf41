#include "rg_operators.h"

#include <string.h>

#include "rg_bits.h"
#include "rg_dispatch.h"

enum { LANES = 8 /* words of the table's entries: lattices side by side */ };

/* Offset modulo the extent, in 0 .. extent - 1. */
static uint32_t wrapped(int64_t offset, size_t extent)
{
    int64_t n = (int64_t)extent;
    return (uint32_t)(((offset % n) + n) % n);
}

/* Index of a column shift in the table, added when new. */
static uint32_t shift_index(rg_operators_t *self, uint32_t shift)
{
    for (size_t i = 0; i < self->n_shifts; i++) {
        if (self->shifts[i] == shift) {
            return (uint32_t)i;
        }
    }
    self->shifts[self->n_shifts] = shift;
    return (uint32_t)self->n_shifts++;
}

/* Add a factor to a product, or take away the one on the same site: s s = 1. */
static void add_factor(rg_product_t *product, uint32_t shift, uint32_t down)
{
    for (size_t i = 0; i < product->n_factors; i++) {
        if (product->shift[i] == shift && product->down[i] == down) {
            size_t last = --product->n_factors;
            product->shift[i] = product->shift[last];
            product->down[i] = product->down[last];
            return;
        }
    }
    product->shift[product->n_factors] = shift;
    product->down[product->n_factors++] = down;
}

/* Every second of 2 n offsets, modulo the extent, begins behind its widest gap: that offset. A
 * product summed over the torus may be moved, to fewer distinct shifts and repeated rows. */
static uint32_t first_offset(const int64_t *offsets, size_t n, size_t extent)
{
    uint32_t best = 0;
    uint32_t widest = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t here = wrapped(offsets[2 * i], extent);
        uint32_t gap = (uint32_t)extent; /* down to the next offset before this one */
        for (size_t j = 0; j < n; j++) {
            uint32_t back = wrapped((int64_t)here - wrapped(offsets[2 * j], extent), extent);
            gap = back != 0 && back < gap ? back : gap;
        }
        if (gap > widest) {
            widest = gap;
            best = here;
        }
    }
    return best;
}

/* Factors of the product given by n offsets (rows, columns). */
static void add_factors(rg_operators_t *self, rg_product_t *product, const int64_t *offsets,
                        size_t n)
{
    int64_t top = first_offset(offsets, n, self->n_rows);
    int64_t left = first_offset(offsets + 1, n, self->n_columns);
    for (size_t f = 0; f < n; f++) {
        int64_t row = wrapped(offsets[2 * f], self->n_rows);
        int64_t column = wrapped(offsets[2 * f + 1], self->n_columns);
        uint32_t shift = shift_index(self, wrapped(column - left, self->n_columns));
        add_factor(product, shift, wrapped(row - top, self->n_rows));
    }
}

/* Most products that one operator has. */
static size_t most_products(size_t n_products, const size_t *owners)
{
    size_t most = 0;
    for (size_t p = 0; p < n_products; p++) {
        size_t count = 0;
        for (size_t q = 0; q < n_products; q++) {
            count += owners[q] == owners[p];
        }
        most = count > most ? count : most;
    }
    return most;
}

int rg_operators_init(rg_operators_t *self, size_t n_rows, size_t n_columns, size_t n_products,
                      const size_t *starts, const int64_t *offsets, const size_t *owners,
                      size_t n_operators)
{
    *self = (rg_operators_t){.n_rows = n_rows,
                             .n_columns = n_columns,
                             .words = rg_bits_words(n_columns),
                             .n_products = n_products,
                             .n_operators = n_operators};
    size_t n_sites = 0;
    if (n_rows == 0 || n_columns == 0 || n_products == 0 || n_products > RG_MAX_PRODUCTS ||
        starts[0] != 0) {
        return RG_ERR_ARGUMENT;
    }
    if (rg_multiply(n_rows, n_columns, &n_sites) != RG_OK ||
        n_sites > INT32_MAX / most_products(n_products, owners)) {
        return RG_ERR_OVERFLOW;
    }
    for (size_t p = 0; p < n_products; p++) {
        if (starts[p + 1] <= starts[p] || starts[p + 1] - starts[p] > RG_MAX_FACTORS ||
            owners[p] >= n_operators) {
            return RG_ERR_ARGUMENT;
        }
    }
    self->products = rg_alloc(n_products, sizeof *self->products);
    self->shifts = rg_alloc(starts[n_products] + 1, sizeof *self->shifts);
    self->doubled = rg_alloc(2 * self->words + 2, LANES * sizeof(uint64_t));
    if (self->products == NULL || self->shifts == NULL || self->doubled == NULL) {
        return RG_ERR_MEMORY;
    }
    size_t most_down = 0;
    for (size_t p = 0; p < n_products; p++) {
        rg_product_t *product = &self->products[p];
        product->owner = owners[p];
        add_factors(self, product, offsets + 2 * starts[p], starts[p + 1] - starts[p]);
        for (size_t f = 0; f < product->n_factors; f++) {
            most_down = product->down[f] > most_down ? product->down[f] : most_down;
        }
    }
    self->stride = n_rows + most_down;
    size_t lines = 0;
    if (rg_multiply(self->n_shifts, self->words, &lines) != RG_OK ||
        rg_multiply(lines, self->stride, &lines) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    self->table = rg_alloc(lines, LANES * sizeof(uint64_t));
    return self->table == NULL ? RG_ERR_MEMORY : RG_OK;
}

void rg_operators_free(rg_operators_t *self)
{
    rg_free(self->products);
    rg_free(self->shifts);
    rg_free(self->doubled);
    rg_free(self->table);
    *self = (rg_operators_t){0};
}

void rg_operators_sums(rg_operators_t *self, const uint64_t *bits, size_t n, int32_t *sums)
{
    memset(sums, 0, n * self->n_operators * sizeof *sums);
    rg_kernels()->operator_sums(self, bits, n, sums);
}
