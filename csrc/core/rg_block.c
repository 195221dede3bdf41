#include "rg_block.h"

#include <string.h>

#include "rg_bits.h"
#include "rg_dispatch.h"
#include "rg_math.h"

enum { MAX_BLOCK_SITES = 1 << 24 };

int rg_blocking_init(rg_blocking_t *self, const size_t *extents, size_t ndim, size_t b)
{
    if (ndim < 1 || ndim > RG_BLOCK_NDIM || b == 0) {
        return RG_ERR_ARGUMENT;
    }
    *self = (rg_blocking_t){.n_sites = 1, .n_blocks = 1};
    size_t block_sites = 1;
    for (size_t axis = 0; axis < RG_BLOCK_NDIM; axis++) {
        bool used = axis + ndim >= RG_BLOCK_NDIM;
        size_t extent = used ? extents[axis + ndim - RG_BLOCK_NDIM] : 1;
        size_t length = used ? b : 1;
        if (extent == 0 || extent % length != 0) {
            return RG_ERR_ARGUMENT;
        }
        self->extents[axis] = extent;
        self->lengths[axis] = length;
        self->coarse[axis] = extent / length;
        if (rg_multiply(self->n_sites, extent, &self->n_sites) != RG_OK) {
            return RG_ERR_OVERFLOW;
        }
        self->n_blocks *= self->coarse[axis];
        block_sites *= length; /* at most n_sites: no overflow */
    }
    return block_sites > MAX_BLOCK_SITES ? RG_ERR_ARGUMENT : RG_OK;
}

void rg_decimate(const rg_blocking_t *self, const int8_t *restrict spins, size_t n,
                 int8_t *restrict coarse)
{
    const size_t *extents = self->extents;
    const size_t *lengths = self->lengths;
    for (size_t c = 0; c < n; c++) {
        const int8_t *fine = spins + c * self->n_sites;
        for (size_t x = 0; x < extents[0]; x += lengths[0]) {
            for (size_t y = 0; y < extents[1]; y += lengths[1]) {
                const int8_t *row = fine + (x * extents[1] + y) * extents[2];
                for (size_t z = 0; z < extents[2]; z += lengths[2]) {
                    *coarse++ = row[z];
                }
            }
        }
    }
}

/* Add the block sums of one fine row to sums; returns nonzero when a value is no spin. */
static int add_row(const int8_t *row, size_t n_blocks, size_t length, int32_t *sums)
{
    int wrong = 0;
    if (length == 2) { /* the usual case, in a form that compilers vectorise */
        for (size_t t = 0; t < n_blocks; t++) {
            wrong |= ((row[2 * t] + 1) | (row[2 * t + 1] + 1)) & ~2;
            sums[t] += row[2 * t] + row[2 * t + 1];
        }
        return wrong;
    }
    for (size_t t = 0; t < n_blocks; t++) {
        for (size_t k = 0; k < length; k++) {
            int spin = row[t * length + k];
            wrong |= (spin + 1) & ~2; /* s + 1 is 0 or 2 */
            sums[t] += spin;
        }
    }
    return wrong;
}

/* Block sums of one configuration. Returns RG_OK or RG_ERR_VALUES. */
static int block_sums(const rg_blocking_t *self, const int8_t *fine, int32_t *sums)
{
    int wrong = 0;
    memset(sums, 0, self->n_blocks * sizeof *sums);
    for (size_t x = 0; x < self->extents[0]; x++) {
        for (size_t y = 0; y < self->extents[1]; y++) {
            size_t line = x / self->lengths[0] * self->coarse[1] + y / self->lengths[1];
            wrong |= add_row(fine + (x * self->extents[1] + y) * self->extents[2], self->coarse[2],
                             self->lengths[2], sums + line * self->coarse[2]);
        }
    }
    return wrong == 0 ? RG_OK : RG_ERR_VALUES;
}

/* Work space of a configuration: its sums and random words. */
typedef struct {
    size_t n_planes; /* per configuration */
    uint64_t *planes;
    int32_t *sums;
} group_t;

static int group_init(group_t *self, size_t n_blocks, size_t per_plane, bool sums)
{
    *self = (group_t){.n_planes = n_blocks / per_plane + (n_blocks % per_plane != 0)};
    size_t n_words = 0;
    if (rg_multiply(self->n_planes, RG_LANES, &n_words) != RG_OK) {
        return RG_ERR_MEMORY;
    }
    self->planes = rg_alloc(n_words, sizeof *self->planes);
    self->sums = sums ? rg_alloc(n_blocks, sizeof *self->sums) : NULL;
    return self->planes == NULL || (sums && self->sums == NULL) ? RG_ERR_MEMORY : RG_OK;
}

static void group_free(group_t *self)
{
    rg_free(self->planes);
    rg_free(self->sums);
}

/* May configurations from `first` on be drawn: does a group begin, or the last call go on? */
static bool follows(const rg_block_stream_t *random, size_t first)
{
    return first % RG_BLOCK_GROUP == 0 || first == random->next;
}

/* The planes of configuration c; each group starts its stream anew. */
static void group_draw(group_t *self, rg_block_stream_t *random, const uint64_t key[4],
                       uint64_t purpose, size_t c)
{
    if (c % RG_BLOCK_GROUP == 0) {
        rg_stream_init(&random->stream, key, purpose, c / RG_BLOCK_GROUP);
    }
    rg_kernels()->stream_planes(&random->stream, self->n_planes, self->planes);
}

int rg_majority(const rg_blocking_t *self, int ties, const uint64_t key[4],
                rg_block_stream_t *random, size_t first, const int8_t *restrict spins, size_t n,
                int8_t *restrict coarse)
{
    if (!follows(random, first) || (ties != RG_TIES_RANDOM && ties != RG_TIES_CORNER)) {
        return RG_ERR_ARGUMENT;
    }
    group_t group;
    int ret = group_init(&group, self->n_blocks, RG_PLANE_BITS, true);
    for (size_t c = 0; c < n && ret == RG_OK; c++) {
        const int8_t *fine = spins + c * self->n_sites;
        int8_t *out = coarse + c * self->n_blocks;
        ret = block_sums(self, fine, group.sums);
        if (ties == RG_TIES_CORNER) {
            rg_decimate(self, fine, 1, out);
        } else {
            group_draw(&group, random, key, RG_PURPOSE_TIES, first + c);
        }
        for (size_t t = 0; t < self->n_blocks && ret == RG_OK; t++) {
            bool coin = (group.planes[t / 64] >> (t % 64)) & 1;
            int8_t tie = ties == RG_TIES_CORNER ? out[t] : (int8_t)(coin ? 1 : -1);
            out[t] = group.sums[t] > 0 ? 1 : group.sums[t] < 0 ? -1 : tie;
        }
    }
    random->next = first + n;
    group_free(&group);
    return ret;
}

/* Probabilities of a block spin to be up as thresholds of 64 bits, by the number of up spins of
 * `size`; one of all ones is certain to 2^-64. Returns NULL without memory. */
static uint64_t *kadanoff_thresholds(double strength, size_t size)
{
    uint64_t *thresholds = rg_alloc(size + 1, sizeof *thresholds);
    for (size_t up = 0; thresholds != NULL && up <= size; up++) {
        bool certain = false;
        double m = 2.0 * (double)up - (double)size;
        thresholds[up] = rg_threshold64(1.0 / (1.0 + rg_exp(-2.0 * (strength * m))), &certain);
    }
    return thresholds;
}

int rg_kadanoff(const rg_blocking_t *self, double strength, const uint64_t key[4],
                rg_block_stream_t *random, size_t first, const int8_t *restrict spins, size_t n,
                int8_t *restrict coarse)
{
    if (!follows(random, first)) {
        return RG_ERR_ARGUMENT;
    }
    size_t size = self->n_sites / self->n_blocks;
    group_t group;
    int ret = group_init(&group, self->n_blocks, RG_LANES, true);
    uint64_t *thresholds = kadanoff_thresholds(strength, size);
    if (thresholds == NULL) {
        ret = RG_ERR_MEMORY;
    }
    for (size_t c = 0; c < n && ret == RG_OK; c++) {
        ret = block_sums(self, spins + c * self->n_sites, group.sums);
        group_draw(&group, random, key, RG_PURPOSE_COARSEN, first + c);
        for (size_t t = 0; t < self->n_blocks && ret == RG_OK; t++) {
            size_t up = (size_t)(group.sums[t] + (int32_t)size) / 2;
            coarse[c * self->n_blocks + t] = group.planes[t] < thresholds[up] ? 1 : -1;
        }
    }
    random->next = first + n;
    rg_free(thresholds);
    group_free(&group);
    return ret;
}

/* 32 bits of a plane sequence from bit `at` on. */
static inline uint64_t coins_at(const uint64_t *planes, size_t n_words, size_t at)
{
    size_t word = at / 64;
    size_t shift = at % 64;
    uint64_t low = planes[word] >> shift;
    bool more = shift > 32 && word + 1 < n_words;
    return more ? low | (planes[word + 1] << (64 - shift)) : low;
}

/* Work space for the rows of one configuration: word w of coarse row i at i * words + w, `words`
 * those of a fine row; each holds up to 32 blocks. */
typedef struct {
    size_t n;
    uint64_t *upper; /* fine rows 2 i */
    uint64_t *lower; /* fine rows 2 i + 1 */
    uint64_t *coins;
    uint64_t *halves; /* of coarse words */
} rows_t;

static int rows_init(rows_t *self, size_t n)
{
    size_t padded = (n + RG_LANES - 1) / RG_LANES * RG_LANES;
    *self = (rows_t){.n = n};
    self->upper = rg_alloc(padded, 4 * sizeof *self->upper);
    if (self->upper == NULL) {
        return RG_ERR_MEMORY;
    }
    memset(self->upper, 0, 4 * padded * sizeof *self->upper);
    self->lower = self->upper + padded;
    self->coins = self->lower + padded;
    self->halves = self->coins + padded;
    return RG_OK;
}

/* Split a lattice into its upper and its lower rows. */
static void rows_split(rows_t *self, const uint64_t *bits, size_t words)
{
    for (size_t k = 0; words == 1 && k < self->n; k++) { /* in a form that compilers vectorise */
        self->upper[k] = bits[2 * k];
        self->lower[k] = bits[2 * k + 1];
    }
    for (size_t k = 0; words > 1 && k < self->n; k += words) {
        memcpy(self->upper + k, bits + 2 * k, words * sizeof *bits);
        memcpy(self->lower + k, bits + 2 * k + words, words * sizeof *bits);
    }
}

/* The coins of n_blocks blocks per row, for the blocks of each word. */
static void rows_coins(rows_t *self, const group_t *group, size_t words, size_t n_blocks)
{
    if (n_blocks % 32 == 0) { /* without gaps: halves of words, but for an odd last one */
        for (size_t k = 0; k < self->n / 2; k++) {
            self->coins[2 * k] = group->planes[k] & UINT32_MAX;
            self->coins[2 * k + 1] = group->planes[k] >> 32;
        }
        if (self->n % 2 != 0) {
            self->coins[self->n - 1] = group->planes[self->n / 2] & UINT32_MAX;
        }
        return;
    }
    for (size_t k = 0; k < self->n; k++) {
        size_t at = k / words * n_blocks + 32 * (k % words);
        uint64_t coins = coins_at(group->planes, group->n_planes * RG_LANES, at);
        self->coins[k] = coins & UINT32_MAX; /* those past the row's end belong to no tie */
    }
}

/* rg_majority_rows with b = 2, the usual case: whole words at a time. */
static int majority_pairs(const rg_blocking_t *self, bool corner, const uint64_t key[4],
                          rg_block_stream_t *random, size_t first, const uint64_t *bits, size_t n,
                          uint64_t *coarse)
{
    size_t n_rows = self->extents[1];
    size_t words = rg_bits_words(self->extents[2]);
    group_t group;
    rows_t rows = {0};
    int ret = group_init(&group, self->n_blocks, RG_PLANE_BITS, false);
    ret = ret == RG_OK ? rows_init(&rows, n_rows / 2 * words) : ret;
    for (size_t c = 0; c < n && ret == RG_OK; c++) {
        if (!corner) {
            group_draw(&group, random, key, RG_PURPOSE_TIES, first + c);
            rows_coins(&rows, &group, words, self->coarse[2]);
        }
        rows_split(&rows, bits + c * n_rows * words, words);
        rg_kernels()->majority_words(rows.upper, rows.lower, corner ? NULL : rows.coins, rows.n,
                                     rows.halves);
        for (size_t k = 0; k < rows.n; k += words) {
            for (size_t w = 0; w < words; w += 2) {
                uint64_t high = w + 1 < words ? rows.halves[k + w + 1] << 32 : 0;
                *coarse++ = rows.halves[k + w] | high;
            }
        }
    }
    rg_free(rows.upper);
    group_free(&group);
    return ret;
}

static bool bit_at(const uint64_t *row, size_t i)
{
    return (row[i / 64] >> (i % 64)) & 1;
}

/* Set bits among n from bit `at` of a row on. */
static size_t ones_between(const uint64_t *row, size_t at, size_t n)
{
    static const uint8_t ones[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
    if (n <= 4 && at % 64 + n <= 64) { /* small blocks, without a branch on the spins */
        return ones[(row[at / 64] >> (at % 64)) & ((1U << n) - 1)];
    }
    size_t sum = 0;
    for (size_t i = at; i < at + n;) {
        size_t left = at + n - i;
        size_t here = 64 - i % 64 < left ? 64 - i % 64 : left;
        uint64_t field = row[i / 64] >> (i % 64);
        field = here < 64 ? field & ((UINT64_C(1) << here) - 1) : field;
        for (; field != 0; field >>= 4) {
            sum += ones[field & 15];
        }
        i += here;
    }
    return sum;
}

/* Which block spins go up. */
typedef struct {
    const rg_blocking_t *blocking;
    const uint64_t *thresholds; /* Kadanoff's, or NULL for the majority rule */
    bool corner;
} rule_t;

/* One coarse row, i, of a lattice of bits. */
static void block_row(const rule_t *rule, const group_t *group, const uint64_t *bits, size_t i,
                      uint64_t *coarse)
{
    size_t b = rule->blocking->lengths[2];
    size_t n_blocks = rule->blocking->coarse[2];
    size_t words = rg_bits_words(rule->blocking->extents[2]);
    const uint64_t *row = bits + i * b * words;
    memset(coarse, 0, rg_bits_words(n_blocks) * sizeof *coarse);
    for (size_t j = 0; j < n_blocks; j++) {
        size_t t = i * n_blocks + j;
        size_t up = 0;
        for (size_t k = 0; k < b; k++) {
            up += ones_between(row + k * words, j * b, b);
        }
        bool set = false;
        if (rule->thresholds != NULL) {
            set = group->planes[t] < rule->thresholds[up];
        } else {
            bool tie = rule->corner ? bit_at(row, j * b) : bit_at(group->planes, t);
            set = (2 * up > b * b) | ((2 * up == b * b) & tie);
        }
        coarse[j / 64] |= (uint64_t)set << (j % 64);
    }
}

/* The sizes of a lattice of bits. Returns RG_OK or RG_ERR_ARGUMENT. */
static int rows_blocking(rg_blocking_t *self, size_t n_rows, size_t n_columns, size_t b)
{
    const size_t extents[2] = {n_rows, n_columns};
    return rg_blocking_init(self, extents, 2, b) == RG_OK ? RG_OK : RG_ERR_ARGUMENT;
}

int rg_decimate_rows(size_t n_rows, size_t n_columns, size_t b, const uint64_t *bits, size_t n,
                     uint64_t *coarse)
{
    rg_blocking_t blocking;
    if (rows_blocking(&blocking, n_rows, n_columns, b) != RG_OK) {
        return RG_ERR_ARGUMENT;
    }
    size_t n_blocks = blocking.coarse[2];
    for (size_t i = 0; i < n * blocking.coarse[1]; i++) {
        const uint64_t *row = bits + i * b * rg_bits_words(n_columns);
        uint64_t *out = coarse + i * rg_bits_words(n_blocks);
        memset(out, 0, rg_bits_words(n_blocks) * sizeof *out);
        for (size_t j = 0; j < n_blocks; j++) {
            out[j / 64] |= (uint64_t)bit_at(row, j * b) << (j % 64);
        }
    }
    return RG_OK;
}

/* Rows of bits by any rule, with `per_plane` blocks to a plane of the stream `purpose`. */
static int blocks_of_rows(const rule_t *rule, size_t per_plane, uint64_t purpose,
                          const uint64_t key[4], rg_block_stream_t *random, size_t first,
                          const uint64_t *bits, size_t n, uint64_t *coarse)
{
    const rg_blocking_t *blocking = rule->blocking;
    size_t lattice = blocking->extents[1] * rg_bits_words(blocking->extents[2]);
    group_t group;
    int ret = group_init(&group, blocking->n_blocks, per_plane, false);
    for (size_t c = 0; c < n && ret == RG_OK; c++) {
        if (!rule->corner) {
            group_draw(&group, random, key, purpose, first + c);
        }
        for (size_t i = 0; i < blocking->coarse[1]; i++) {
            block_row(rule, &group, bits + c * lattice, i, coarse);
            coarse += rg_bits_words(blocking->coarse[2]);
        }
    }
    group_free(&group);
    return ret;
}

int rg_majority_rows(size_t n_rows, size_t n_columns, size_t b, int ties, const uint64_t key[4],
                     rg_block_stream_t *random, size_t first, const uint64_t *bits, size_t n,
                     uint64_t *coarse)
{
    rg_blocking_t blocking;
    if (!follows(random, first) || rows_blocking(&blocking, n_rows, n_columns, b) != RG_OK ||
        (ties != RG_TIES_RANDOM && ties != RG_TIES_CORNER)) {
        return RG_ERR_ARGUMENT;
    }
    bool corner = ties == RG_TIES_CORNER;
    int ret = RG_OK;
    if (b == 2) {
        ret = majority_pairs(&blocking, corner, key, random, first, bits, n, coarse);
    } else {
        const rule_t rule = {.blocking = &blocking, .corner = corner};
        ret = blocks_of_rows(&rule, RG_PLANE_BITS, RG_PURPOSE_TIES, key, random, first, bits, n,
                             coarse);
    }
    random->next = first + n;
    return ret;
}

int rg_kadanoff_rows(size_t n_rows, size_t n_columns, size_t b, double strength,
                     const uint64_t key[4], rg_block_stream_t *random, size_t first,
                     const uint64_t *bits, size_t n, uint64_t *coarse)
{
    rg_blocking_t blocking;
    if (!follows(random, first) || rows_blocking(&blocking, n_rows, n_columns, b) != RG_OK) {
        return RG_ERR_ARGUMENT;
    }
    uint64_t *thresholds = kadanoff_thresholds(strength, b * b);
    const rule_t rule = {.blocking = &blocking, .thresholds = thresholds};
    int ret = thresholds == NULL ? RG_ERR_MEMORY
                                 : blocks_of_rows(&rule, RG_LANES, RG_PURPOSE_COARSEN, key, random,
                                                  first, bits, n, coarse);
    random->next = first + n;
    rg_free(thresholds);
    return ret;
}
