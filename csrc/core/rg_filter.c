#include "rg_filter.h"

#include <string.h>

#include "rg_bits.h"
#include "rg_dispatch.h"
#include "rg_math.h"

#define UNKNOWN UINT64_MAX           /* a cut not made yet */
#define DOUBTFUL (UINT64_C(1) << 23) /* 2^-29 of the 2^52 uniforms: far more than rounding */
#define ALL (UINT64_C(1) << 52)

int rg_filter_init(rg_filter_t *self, size_t n_rows, size_t n_columns, size_t b,
                   const double *weights, size_t height, size_t width, size_t row_first,
                   size_t col_first, double bias, const uint64_t key[4])
{
    *self = (rg_filter_t){.n_rows = n_rows,
                          .n_columns = n_columns,
                          .b = b,
                          .height = height,
                          .width = width,
                          .row_first = row_first,
                          .col_first = col_first,
                          .weights = weights,
                          .bias = bias,
                          .used = (size_t)RG_FILTER_BUFFER * RG_LANES};
    if (b == 0 || n_rows == 0 || n_columns == 0 || n_rows % b != 0 || n_columns % b != 0 ||
        height == 0 || width == 0 || row_first >= n_rows || col_first >= n_columns) {
        return RG_ERR_ARGUMENT;
    }
    size_t n_words = 0;
    if (rg_multiply(height, width, &self->n_sites) != RG_OK || width > SIZE_MAX / 2 - n_columns) {
        return RG_ERR_OVERFLOW;
    }
    self->line_words = rg_bits_words(n_columns + width) + 1; /* reads take two words */
    if (rg_multiply(n_rows, self->line_words, &n_words) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    rg_stream_init(&self->stream, key, RG_PURPOSE_COARSEN, 0);
    self->lines = rg_alloc(n_words, sizeof *self->lines);
    if (self->lines == NULL) {
        return RG_ERR_MEMORY;
    }
    if (self->n_sites > RG_FILTER_LOOKUP) {
        return RG_OK;
    }
    size_t n_patches = (size_t)1 << self->n_sites;
    self->fields = rg_alloc(n_patches, sizeof *self->fields);
    self->cuts = rg_alloc(n_patches, sizeof *self->cuts);
    if (self->fields == NULL || self->cuts == NULL) {
        return RG_ERR_MEMORY;
    }
    memset(self->cuts, 0xff, n_patches * sizeof *self->cuts);
    self->fields[0] = bias;
    for (size_t k = 0; k < self->n_sites; k++) { /* one more site: half the patches have it up */
        size_t half = (size_t)1 << k;
        for (size_t patch = 0; patch < half; patch++) {
            self->fields[half + patch] = self->fields[patch] + weights[k];
            self->fields[patch] -= weights[k];
        }
    }
    return RG_OK;
}

void rg_filter_free(rg_filter_t *self)
{
    rg_free(self->fields);
    rg_free(self->cuts);
    rg_free(self->lines);
}

/* The rule itself. */
static bool goes_up(double field, uint64_t uniform)
{
    double u = ((double)uniform + 0.5) * 0x1p-52;
    return field > 0.5 * (rg_log(u) - rg_log(1.0 - u));
}

/* Uniforms below the cut go up, those from the cut plus 2 DOUBTFUL on do not, and those between are
 * left to the rule itself. */
static uint64_t cut_of(double field)
{
    if (!(field > -20.0)) { /* thresholds lie within 18.4; NaN never goes up */
        return 0;
    }
    if (field > 20.0) {
        return ALL;
    }
    double middle = 0x1p52 / (1.0 + rg_exp(-2.0 * field));
    uint64_t cut = (uint64_t)middle;
    return cut > DOUBTFUL ? cut - DOUBTFUL : 0;
}

/* Bits `at` .. `at` + n - 1 of a row, n <= 64; reads the word after the one it begins in. */
static inline uint64_t bits_at(const uint64_t *row, size_t at, size_t n)
{
    size_t shift = at % 64;
    uint64_t field = row[at / 64] >> shift;
    field |= shift > 0 ? row[at / 64 + 1] << (64 - shift) : 0;
    return n < 64 ? field & ((UINT64_C(1) << n) - 1) : field;
}

/* Fill one line: the row from col_first on around the torus, to the end of the last filter. */
static void turn_line(const rg_filter_t *self, const uint64_t *row, uint64_t *line)
{
    size_t end = self->n_columns + self->width;
    size_t from = self->col_first;
    memset(line, 0, self->line_words * sizeof *line);
    for (size_t at = 0; at < end;) {
        size_t n = 64 - at % 64; /* to the end of a word, there or here, of the row or of all */
        n = n < 64 - from % 64 ? n : 64 - from % 64;
        n = n < self->n_columns - from ? n : self->n_columns - from;
        n = n < end - at ? n : end - at;
        uint64_t field = row[from / 64] >> (from % 64);
        field = n < 64 ? field & ((UINT64_C(1) << n) - 1) : field;
        line[at / 64] |= field << (at % 64);
        at += n;
        from = from + n == self->n_columns ? 0 : from + n;
    }
}

/* The line of row `row_first` + b i + d. */
static const uint64_t *line_of(const rg_filter_t *self, size_t i, size_t d)
{
    size_t row = (self->row_first + self->b * i + d % self->n_rows) % self->n_rows;
    return self->lines + row * self->line_words;
}

/* `lines` are those of the filter's rows. */
static inline bool from_lookup(rg_filter_t *self, const uint64_t *const *lines, size_t at,
                               uint64_t uniform)
{
    size_t patch = 0;
    for (size_t d = 0; d < self->height; d++) {
        patch |= bits_at(lines[d], at, self->width) << (d * self->width);
    }
    uint64_t cut = self->cuts[patch];
    if (cut == UNKNOWN) {
        cut = self->cuts[patch] = cut_of(self->fields[patch]);
    }
    if (uniform - cut < 2 * DOUBTFUL) { /* also false below the cut, where it wraps */
        return goes_up(self->fields[patch], uniform);
    }
    return uniform < cut;
}

static bool from_sums(const rg_filter_t *self, size_t i, size_t j, uint64_t uniform)
{
    double field = self->bias;
    const double *weight = self->weights;
    for (size_t d = 0; d < self->height; d++) {
        const uint64_t *line = line_of(self, i, d);
        for (size_t k = self->b * j; k < self->b * j + self->width; k++) {
            bool up = (line[k / 64] >> (k % 64)) & 1;
            field += up ? *weight : -*weight;
            weight++;
        }
    }
    return goes_up(field, uniform);
}

/* The upper 52 bits of the next word of the stream. */
static inline uint64_t next_uniform(rg_filter_t *self)
{
    if (self->used == (size_t)RG_FILTER_BUFFER * RG_LANES) {
        rg_kernels()->stream_planes(&self->stream, RG_FILTER_BUFFER, self->planes);
        self->used = 0;
    }
    return self->planes[self->used++] >> 12;
}

void rg_filter_rows(rg_filter_t *self, const uint64_t *bits, size_t n, uint64_t *coarse)
{
    size_t words = rg_bits_words(self->n_columns);
    size_t n_blocks = self->n_columns / self->b;
    size_t out_words = rg_bits_words(n_blocks);
    for (size_t c = 0; c < n; c++) {
        for (size_t x = 0; x < self->n_rows; x++) {
            turn_line(self, bits, self->lines + x * self->line_words);
            bits += words;
        }
        for (size_t i = 0; i < self->n_rows / self->b; i++) {
            const uint64_t *lines[RG_FILTER_LOOKUP] = {NULL};
            for (size_t d = 0; self->fields != NULL && d < self->height; d++) {
                lines[d] = line_of(self, i, d);
            }
            memset(coarse, 0, out_words * sizeof *coarse);
            for (size_t j = 0; j < n_blocks; j++) {
                uint64_t uniform = next_uniform(self);
                bool up = self->fields != NULL ? from_lookup(self, lines, self->b * j, uniform)
                                               : from_sums(self, i, j, uniform);
                coarse[j / 64] |= (uint64_t)up << (j % 64);
            }
            coarse += out_words;
        }
    }
}

/* The 32 bits of even number, next to each other. */
static uint64_t even_bits(uint64_t x)
{
    x &= UINT64_C(0x5555555555555555);
    x = (x | x >> 1) & UINT64_C(0x3333333333333333);
    x = (x | x >> 2) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x = (x | x >> 4) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x >> 8) & UINT64_C(0x0000ffff0000ffff);
    return (x | x >> 16) & UINT64_C(0x00000000ffffffff);
}

void rg_turn_rows(size_t n_rows, size_t n_columns, const uint64_t *bits, size_t n, uint64_t *coarse)
{
    size_t words = rg_bits_words(n_columns);
    size_t out_words = rg_bits_words(n_columns / 2);
    for (size_t row = 0; row < n * n_rows; row++) {
        size_t odd = row % n_rows % 2;
        memset(coarse, 0, out_words * sizeof *coarse);
        for (size_t w = 0; w < words; w++) {
            coarse[w / 2] |= even_bits(bits[w] >> odd) << (w % 2 * 32);
        }
        bits += words;
        coarse += out_words;
    }
}
