#include <string.h>

#include "rg_bits.h"
#include "rg_cluster.h"

int rg_strips_init(rg_strips_t *self, const rg_torus_t *torus, const bool open[RG_MAX_DIM],
                   double K)
{
    memset(self, 0, sizeof *self);
    int ret = rg_torus_sites(torus, &self->n_sites);
    if (ret != RG_OK || self->n_sites > UINT32_MAX - 1) {
        return ret != RG_OK ? ret : RG_ERR_OVERFLOW;
    }
    self->ndim = torus->ndim;
    self->width = torus->extents[torus->ndim - 1];
    self->n_strips = (self->width + 63) / 64;
    self->n_rows = self->n_sites / self->width;
    self->plane_rows = torus->ndim > 1 ? torus->extents[torus->ndim - 2] : 1;
    self->n_words = self->n_strips * self->n_rows;
    self->n_padded = (self->n_words + RG_LANES - 1) / RG_LANES * RG_LANES;
    self->last = UINT64_MAX >> (64 * self->n_strips - self->width);
    for (size_t axis = 0; axis < torus->ndim; axis++) {
        size_t extent = torus->extents[axis];
        if (K < 0.0 && !open[axis] && extent % 2 == 1) {
            return RG_ERR_ARGUMENT;
        }
        self->open[torus->ndim - 1 - axis] = open[axis];
        self->n_bonds += self->n_sites - (open[axis] ? self->n_sites / extent : 0);
    }
    if (K < 0.0) {
        self->sublattice[0] = UINT64_C(0xaaaaaaaaaaaaaaaa);
        self->sublattice[1] = UINT64_C(0x5555555555555555);
    }
    return RG_OK;
}

uint64_t rg_strips_valid(const rg_strips_t *self, size_t strip)
{
    return strip + 1 == self->n_strips ? self->last : UINT64_MAX;
}

size_t rg_strips_parity(const rg_strips_t *self, size_t row)
{
    return (row / self->plane_rows + row % self->plane_rows) % 2;
}

size_t rg_strips_beyond(const rg_strips_t *self, size_t i, size_t axis, int step)
{
    const size_t unit[3] = {self->n_rows, 1, self->plane_rows};
    const size_t period[3] = {self->n_words, self->plane_rows, self->n_rows};
    size_t block = i - i % period[axis];
    size_t back = period[axis] - unit[axis]; /* one step before, on the circle */
    return block + (i % period[axis] + (step > 0 ? unit[axis] : back)) % period[axis];
}

static size_t blocks_per_plane(const rg_strips_t *self)
{
    return (self->plane_rows + RG_LANES - 1) / RG_LANES;
}

size_t rg_strips_n_blocks(const rg_strips_t *self)
{
    return self->n_words / self->plane_rows * blocks_per_plane(self);
}

size_t rg_strips_block(const rg_strips_t *self, size_t i)
{
    return i / self->plane_rows * blocks_per_plane(self) + i % self->plane_rows / RG_LANES;
}

void rg_strips_load(const rg_strips_t *self, const uint64_t *packed, uint64_t *strips)
{
    size_t n_packed = rg_bits_words(self->n_sites);
    bool staggered = self->sublattice[0] != 0;
    for (size_t strip = 0; strip < self->n_strips; strip++) {
        for (size_t row = 0; row < self->n_rows; row++) {
            size_t bit = row * self->width + 64 * strip;
            size_t shift = bit % 64;
            uint64_t word = packed[bit / 64] >> shift;
            if (shift > 0 && bit / 64 + 1 < n_packed) {
                word |= packed[bit / 64 + 1] << (64 - shift);
            }
            word ^= staggered ? self->sublattice[rg_strips_parity(self, row)] : 0;
            strips[strip * self->n_rows + row] = word & rg_strips_valid(self, strip);
        }
    }
}

void rg_strips_store(const rg_strips_t *self, const uint64_t *strips, uint64_t *packed)
{
    size_t n_packed = rg_bits_words(self->n_sites);
    bool staggered = self->sublattice[0] != 0;
    memset(packed, 0, n_packed * sizeof *packed);
    for (size_t strip = 0; strip < self->n_strips; strip++) {
        for (size_t row = 0; row < self->n_rows; row++) {
            size_t bit = row * self->width + 64 * strip;
            size_t shift = bit % 64;
            uint64_t word = strips[strip * self->n_rows + row];
            word ^= staggered ? self->sublattice[rg_strips_parity(self, row)] : 0;
            word &= rg_strips_valid(self, strip);
            packed[bit / 64] |= word << shift;
            if (shift > 0 && bit / 64 + 1 < n_packed) {
                packed[bit / 64 + 1] |= word >> (64 - shift);
            }
        }
    }
}
