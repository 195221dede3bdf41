#include "rg_block.h"

#include <string.h>

#include "rg_bits.h"
#include "rg_dispatch.h"
#include "rg_math.h"
#include "rg_rng.h"

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

/* What the configurations of a group share: their stream, sums and random words. */
typedef struct {
    rg_stream_t stream;
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

/* The planes of configuration c; each group starts its stream anew. */
static void group_draw(group_t *self, const uint64_t key[4], uint64_t purpose, size_t c)
{
    if (c % RG_BLOCK_GROUP == 0) {
        rg_stream_init(&self->stream, key, purpose, c / RG_BLOCK_GROUP);
    }
    rg_kernels()->stream_planes(&self->stream, self->n_planes, self->planes);
}

int rg_majority(const rg_blocking_t *self, int ties, const uint64_t key[4], size_t first,
                const int8_t *restrict spins, size_t n, int8_t *restrict coarse)
{
    if (first % RG_BLOCK_GROUP != 0 || (ties != RG_TIES_RANDOM && ties != RG_TIES_CORNER)) {
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
            group_draw(&group, key, RG_PURPOSE_TIES, first + c);
        }
        for (size_t t = 0; t < self->n_blocks && ret == RG_OK; t++) {
            bool coin = (group.planes[t / 64] >> (t % 64)) & 1;
            int8_t tie = ties == RG_TIES_CORNER ? out[t] : (int8_t)(coin ? 1 : -1);
            out[t] = group.sums[t] > 0 ? 1 : group.sums[t] < 0 ? -1 : tie;
        }
    }
    group_free(&group);
    return ret;
}

int rg_kadanoff(const rg_blocking_t *self, double strength, const uint64_t key[4], size_t first,
                const int8_t *restrict spins, size_t n, int8_t *restrict coarse)
{
    if (first % RG_BLOCK_GROUP != 0) {
        return RG_ERR_ARGUMENT;
    }
    size_t size = self->n_sites / self->n_blocks;
    group_t group;
    int ret = group_init(&group, self->n_blocks, RG_LANES, true);
    /* by the number of up spins; a threshold of all ones is certain to 2^-64 */
    uint64_t *thresholds = rg_alloc(size + 1, sizeof *thresholds);
    if (thresholds == NULL) {
        ret = RG_ERR_MEMORY;
    }
    for (size_t up = 0; up <= size && ret == RG_OK; up++) {
        bool certain = false;
        double m = 2.0 * (double)up - (double)size;
        thresholds[up] = rg_threshold64(1.0 / (1.0 + rg_exp(-2.0 * strength * m)), &certain);
    }
    for (size_t c = 0; c < n && ret == RG_OK; c++) {
        ret = block_sums(self, spins + c * self->n_sites, group.sums);
        group_draw(&group, key, RG_PURPOSE_COARSEN, first + c);
        for (size_t t = 0; t < self->n_blocks && ret == RG_OK; t++) {
            size_t up = (size_t)(group.sums[t] + (int32_t)size) / 2;
            coarse[c * self->n_blocks + t] = group.planes[t] < thresholds[up] ? 1 : -1;
        }
    }
    rg_free(thresholds);
    group_free(&group);
    return ret;
}

/* Bits 0, 2, 4, .. of x, moved together into the low half. */
static inline uint64_t even_bits(uint64_t x)
{
    x &= UINT64_C(0x5555555555555555);
    x = (x | (x >> 1)) & UINT64_C(0x3333333333333333);
    x = (x | (x >> 2)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x = (x | (x >> 4)) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | (x >> 8)) & UINT64_C(0x0000ffff0000ffff);
    return (x | (x >> 16)) & UINT64_C(0x00000000ffffffff);
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

/* One coarse row: blocks of the fine rows `upper` and `lower`. `at` numbers its first coin. */
static void majority_row(const uint64_t *upper, const uint64_t *lower, size_t n_blocks,
                         const group_t *group, bool corner, size_t at, uint64_t *coarse)
{
    size_t words = rg_bits_words(2 * n_blocks);
    memset(coarse, 0, rg_bits_words(n_blocks) * sizeof *coarse);
    for (size_t w = 0; w < words; w++) {
        uint64_t a = upper[w];
        uint64_t b = a >> 1;
        uint64_t c = lower[w];
        uint64_t d = c >> 1;
        uint64_t both = (a & b) | (c & d);  /* two up in one row */
        uint64_t cross = (a | b) & (c | d); /* one up in each */
        uint64_t three = (a & b & (c | d)) | (c & d & (a | b));
        uint64_t tie = (both | cross) & ~three;
        uint64_t up = even_bits(three);
        uint64_t coin = corner ? even_bits(a)
                               : coins_at(group->planes, group->n_planes * RG_LANES, at + 32 * w);
        size_t left = n_blocks - 32 * w;
        uint64_t mask = left < 32 ? (UINT64_C(1) << left) - 1 : UINT64_C(0xffffffff);
        coarse[w / 2] |= ((up | (even_bits(tie) & coin)) & mask) << (32 * (w % 2));
    }
}

int rg_majority_rows(size_t n_rows, size_t n_columns, int ties, const uint64_t key[4], size_t first,
                     const uint64_t *bits, size_t n, uint64_t *coarse)
{
    size_t n_blocks = 0;
    if (first % RG_BLOCK_GROUP != 0 || n_rows == 0 || n_columns == 0 || n_rows % 2 != 0 ||
        n_columns % 2 != 0 || (ties != RG_TIES_RANDOM && ties != RG_TIES_CORNER) ||
        rg_multiply(n_rows / 2, n_columns / 2, &n_blocks) != RG_OK) {
        return RG_ERR_ARGUMENT;
    }
    size_t fine_words = rg_bits_words(n_columns);
    size_t coarse_words = rg_bits_words(n_columns / 2);
    group_t group;
    int ret = group_init(&group, n_blocks, RG_PLANE_BITS, false);
    for (size_t c = 0; c < n && ret == RG_OK; c++) {
        if (ties == RG_TIES_RANDOM) {
            group_draw(&group, key, RG_PURPOSE_TIES, first + c);
        }
        for (size_t i = 0; i < n_rows / 2; i++) {
            const uint64_t *upper = bits + (c * n_rows + 2 * i) * fine_words;
            majority_row(upper, upper + fine_words, n_columns / 2, &group, ties == RG_TIES_CORNER,
                         i * (n_columns / 2), coarse + (c * (n_rows / 2) + i) * coarse_words);
        }
    }
    group_free(&group);
    return ret;
}
