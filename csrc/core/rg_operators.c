#include "rg_operators.h"

#include <string.h>

#include "rg_bits.h"
#include "rg_dispatch.h"

enum { PAD = 8 /* rows past the end that a 64-byte load may touch */ };

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
        rg_multiply(n_rows, n_columns, &n_sites) != RG_OK || n_sites > INT32_MAX / 1024) {
        return n_sites > INT32_MAX / 1024 ? RG_ERR_OVERFLOW : RG_ERR_ARGUMENT;
    }
    for (size_t p = 0; p < n_products; p++) {
        if (starts[p + 1] <= starts[p] || starts[p + 1] - starts[p] > RG_MAX_FACTORS ||
            owners[p] >= n_operators) {
            return RG_ERR_ARGUMENT;
        }
    }
    self->stride = (2 * n_rows + PAD + 7) / 8 * 8;
    self->products = rg_alloc(n_products, sizeof *self->products);
    self->shifts = rg_alloc(starts[n_products] + 1, sizeof *self->shifts);
    self->doubled = rg_alloc(2 * self->words + 2, sizeof *self->doubled);
    if (self->products == NULL || self->shifts == NULL || self->doubled == NULL) {
        return RG_ERR_MEMORY;
    }
    for (size_t p = 0; p < n_products; p++) {
        rg_product_t *product = &self->products[p];
        product->owner = owners[p];
        for (size_t f = starts[p]; f < starts[p + 1]; f++) {
            uint32_t shift = shift_index(self, wrapped(offsets[2 * f + 1], n_columns));
            add_factor(product, shift, wrapped(offsets[2 * f], n_rows));
        }
    }
    size_t lines = 0;
    if (rg_multiply(self->n_shifts, self->words, &lines) != RG_OK ||
        rg_multiply(lines, self->stride, &lines) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    self->table = rg_alloc(lines, sizeof *self->table);
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

/* A row twice over, without a gap: bit j is column j % n_columns. */
static void double_row(rg_operators_t *self, const uint64_t *row)
{
    size_t n = self->n_columns;
    memcpy(self->doubled, row, self->words * sizeof *row);
    memset(self->doubled + self->words, 0, (self->words + 2) * sizeof *row);
    for (size_t w = 0; w < self->words; w++) {
        size_t at = n + 64 * w;
        self->doubled[at / 64] |= row[w] << (at % 64);
        if (at % 64 != 0) {
            self->doubled[at / 64 + 1] |= row[w] >> (64 - at % 64);
        }
    }
}

/* Rows of more than one word into the table, for every shift. */
static void shift_long_row(rg_operators_t *self, const uint64_t *row, size_t r)
{
    size_t tail = self->n_columns % 64;
    uint64_t last = tail != 0 ? (UINT64_C(1) << tail) - 1 : UINT64_MAX;
    double_row(self, row);
    for (size_t i = 0; i < self->n_shifts; i++) {
        size_t word = self->shifts[i] / 64;
        size_t bit = self->shifts[i] % 64;
        for (size_t w = 0; w < self->words; w++) {
            uint64_t low = self->doubled[word + w] >> bit;
            uint64_t high = bit != 0 ? self->doubled[word + w + 1] << (64 - bit) : 0;
            uint64_t mask = w + 1 == self->words ? last : UINT64_MAX;
            self->table[(i * self->words + w) * self->stride + r] = (low | high) & mask;
        }
    }
}

/* Rows of one word: a rotation inside n_columns bits. */
static void shift_short_rows(rg_operators_t *self, const uint64_t *bits)
{
    size_t n = self->n_columns;
    uint64_t mask = n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
    for (size_t i = 0; i < self->n_shifts; i++) {
        uint64_t *out = self->table + i * self->stride;
        uint32_t shift = self->shifts[i];
        if (shift == 0) {
            memcpy(out, bits, self->n_rows * sizeof *bits);
            continue;
        }
        for (size_t r = 0; r < self->n_rows; r++) {
            out[r] = ((bits[r] >> shift) | (bits[r] << (n - shift))) & mask;
        }
    }
}

void rg_operators_sums(rg_operators_t *self, const uint64_t *bits, size_t n, int32_t *sums)
{
    size_t lines = self->n_shifts * self->words;
    memset(sums, 0, n * self->n_operators * sizeof *sums);
    for (size_t c = 0; c < n; c++) {
        const uint64_t *lattice = bits + c * self->n_rows * self->words;
        if (self->words == 1) {
            shift_short_rows(self, lattice);
        } else {
            for (size_t r = 0; r < self->n_rows; r++) {
                shift_long_row(self, lattice + r * self->words, r);
            }
        }
        for (size_t line = 0; line < lines; line++) {
            uint64_t *rows = self->table + line * self->stride;
            memcpy(rows + self->n_rows, rows, self->n_rows * sizeof *rows);
        }
        rg_kernels()->operator_sums(self, sums + c * self->n_operators);
    }
}
