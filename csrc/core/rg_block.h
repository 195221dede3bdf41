/* rg_block.h: block-spin transformations of lattices of 1 to 3 extents: decimation and majority.
 *
 * A block is a cube of b sites per axis; block coordinates are site coordinates divided by b.
 * Fine and coarse configurations are int8 in C order. */
#ifndef RG_BLOCK_H
#define RG_BLOCK_H

#include "rg_base.h"

enum { RG_BLOCK_NDIM = 3, RG_TIE_GROUP = 512 };

/* Sizes of a blocking; unused leading axes have extent 1 and block length 1. */
typedef struct {
    size_t extents[RG_BLOCK_NDIM]; /* fine extents */
    size_t lengths[RG_BLOCK_NDIM]; /* block length per axis */
    size_t coarse[RG_BLOCK_NDIM];  /* extents / lengths */
    size_t n_sites;
    size_t n_blocks;
} rg_blocking_t;

/* Fill *self for the given extents and block length. Returns RG_OK, RG_ERR_ARGUMENT (ndim not in
 * 1..3, an extent or b is 0, an extent b does not divide, more than 2^24 sites in a block) or
 * RG_ERR_OVERFLOW. */
int RG_WARN_UNUSED rg_blocking_init(rg_blocking_t *self, const size_t *extents, size_t ndim,
                                    size_t b);

/* Keep the first site of every block. spins: n * n_sites; coarse: n * n_blocks. No aliasing. */
void rg_decimate(const rg_blocking_t *self, const int8_t *restrict spins, size_t n,
                 int8_t *restrict coarse);

/* Sign of the block sum of configurations first .. first+n-1 (spins and coarse point at
 * configuration `first`, a multiple of RG_TIE_GROUP). The tie of block t of configuration c is
 * decided by bit c % 512 (word c % 512 / 64, bit c % 64) of plane t of the stream (key,
 * RG_PURPOSE_TIES, c / 512); set means +1. Every block owns its plane whether tied or not, so a
 * result depends on key, c and t alone. No aliasing. Returns RG_OK, RG_ERR_VALUES when a value is
 * not -1 or +1, RG_ERR_ARGUMENT or RG_ERR_MEMORY. */
int RG_WARN_UNUSED rg_majority(const rg_blocking_t *self, const uint64_t key[4], size_t first,
                               const int8_t *restrict spins, size_t n, int8_t *restrict coarse);

#endif
