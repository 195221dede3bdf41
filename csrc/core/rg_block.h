/* rg_block.h: block-spin transformations of lattices of 1 to 3 extents: decimation, the majority
 * rule and Kadanoff's blocks.
 *
 * A block is a cube of b sites per axis; block coordinates are site coordinates divided by b.
 * Fine and coarse configurations are int8 in C order. */
#ifndef RG_BLOCK_H
#define RG_BLOCK_H

#include "rg_base.h"
#include "rg_rng.h"

enum {
    RG_BLOCK_NDIM = 3,
    RG_BLOCK_GROUP = 512, /* configurations that share a stream */
    RG_TIES_RANDOM = 0,
    RG_TIES_CORNER = 1
};

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

/* Random numbers of consecutive configurations: where the last call stopped. Start with {0}. */
typedef struct {
    rg_stream_t stream; /* of the group of RG_BLOCK_GROUP configurations that holds `next` */
    size_t next;        /* configuration that it continues with; a new group may begin anywhere */
} rg_block_stream_t;

/* Keep the first site of every block. spins: n * n_sites; coarse: n * n_blocks. No aliasing. */
void rg_decimate(const rg_blocking_t *self, const int8_t *restrict spins, size_t n,
                 int8_t *restrict coarse);

/* Sign of the block sum of configurations first .. first + n - 1 (spins and coarse point at
 * configuration `first`: a multiple of RG_BLOCK_GROUP, or the one after those of the last call
 * with the same random numbers). A tie goes by the block's first site
 * (RG_TIES_CORNER), or by a coin: configuration c draws ceil(n_blocks / 512) planes of the stream
 * (key, RG_PURPOSE_TIES, c / 512) after those of the configurations before it in its group; block
 * t takes bit t % 512 of plane t / 512, set means +1. Every block owns a coin whether tied or not,
 * so a result depends on key, c and t alone. No aliasing. Returns RG_OK, RG_ERR_VALUES when a
 * value is not -1 or +1, RG_ERR_ARGUMENT or RG_ERR_MEMORY. */
int RG_WARN_UNUSED rg_majority(const rg_blocking_t *self, int ties, const uint64_t key[4],
                               rg_block_stream_t *random, size_t first,
                               const int8_t *restrict spins, size_t n, int8_t *restrict coarse);

/* Block spins drawn with p(up | sum m) = 1 / (1 + exp(-2 strength m)): Kadanoff's operator
 * T = strength mu m - ln 2 cosh(strength m). As rg_majority, but configuration c draws
 * ceil(n_blocks / 8) planes of the stream (key, RG_PURPOSE_COARSEN, c / 512) and block t compares
 * word t % 8 of plane t / 8, a uniform of 64 bits, with its probability. */
int RG_WARN_UNUSED rg_kadanoff(const rg_blocking_t *self, double strength, const uint64_t key[4],
                               rg_block_stream_t *random, size_t first,
                               const int8_t *restrict spins, size_t n, int8_t *restrict coarse);

/* The same three on row-packed square lattices: each lattice row of n_columns sites has its own
 * words (rg_bits.h). bits: n x n_rows x words(n_columns); coarse: n x n_rows / b x words(n_columns
 * / b). Same key, same block spins as above. Return RG_OK, RG_ERR_ARGUMENT (also when b does not
 * divide an extent) or RG_ERR_MEMORY. */
int RG_WARN_UNUSED rg_decimate_rows(size_t n_rows, size_t n_columns, size_t b, const uint64_t *bits,
                                    size_t n, uint64_t *coarse);
/* See rg_decimate_rows and rg_majority; fastest with b = 2. */
int RG_WARN_UNUSED rg_majority_rows(size_t n_rows, size_t n_columns, size_t b, int ties,
                                    const uint64_t key[4], rg_block_stream_t *random, size_t first,
                                    const uint64_t *bits, size_t n, uint64_t *coarse);
/* See rg_decimate_rows and rg_kadanoff. */
int RG_WARN_UNUSED rg_kadanoff_rows(size_t n_rows, size_t n_columns, size_t b, double strength,
                                    const uint64_t key[4], rg_block_stream_t *random, size_t first,
                                    const uint64_t *bits, size_t n, uint64_t *coarse);

#endif
