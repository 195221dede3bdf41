#include "rg_block.h"

#include <string.h>

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

/* Majority of one group of up to RG_TIE_GROUP configurations, given its planes of tie bits. */
static int majority_group(const rg_blocking_t *self, const uint64_t *planes, const int8_t *spins,
                          size_t n, int32_t *sums, int8_t *coarse)
{
    for (size_t c = 0; c < n; c++) {
        int ret = block_sums(self, spins + c * self->n_sites, sums);
        if (ret != RG_OK) {
            return ret;
        }
        int8_t *out = coarse + c * self->n_blocks;
        for (size_t t = 0; t < self->n_blocks; t++) {
            bool coin = (planes[t * RG_LANES + c / 64] >> (c % 64)) & 1;
            bool up = sums[t] > 0 || (sums[t] == 0 && coin);
            out[t] = up ? 1 : -1;
        }
    }
    return RG_OK;
}

int rg_majority(const rg_blocking_t *self, const uint64_t key[4], size_t first,
                const int8_t *restrict spins, size_t n, int8_t *restrict coarse)
{
    if (first % RG_TIE_GROUP != 0) {
        return RG_ERR_ARGUMENT;
    }
    size_t n_words = 0;
    if (rg_multiply(self->n_blocks, RG_LANES, &n_words) != RG_OK) {
        return RG_ERR_MEMORY;
    }
    uint64_t *planes = rg_alloc(n_words, sizeof *planes);
    int32_t *sums = rg_alloc(self->n_blocks, sizeof *sums);
    int ret = planes == NULL || sums == NULL ? RG_ERR_MEMORY : RG_OK;
    for (size_t done = 0; done < n && ret == RG_OK; done += RG_TIE_GROUP) {
        rg_stream_t stream;
        rg_stream_init(&stream, key, RG_PURPOSE_TIES, (first + done) / RG_TIE_GROUP);
        for (size_t t = 0; t < self->n_blocks; t++) {
            rg_stream_plane(&stream, planes + t * RG_LANES);
        }
        size_t size = n - done < RG_TIE_GROUP ? n - done : RG_TIE_GROUP;
        ret = majority_group(self, planes, spins + done * self->n_sites, size, sums,
                             coarse + done * self->n_blocks);
    }
    rg_free(planes);
    rg_free(sums);
    return ret;
}
