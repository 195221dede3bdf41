/* rg_bits.h: packed bits and their transposes; the one place that knows both formats.
 *
 * Row-packed: one row of n units is ceil(n / 64) little-endian uint64, unit i is bit i % 64 of
 * word i / 64, 1 = spin +1 or unit on, padding 0 (equal to numpy.packbits(bitorder="little")).
 * Replica-packed: one site is 8 words, bit = replica (rg_ising.h). */
#ifndef RG_BITS_H
#define RG_BITS_H

#include "rg_base.h"

/* Words of a packed row of n units. */
size_t rg_bits_words(size_t n);

/* Pack n_rows x n values that are `low` or `high` (bit 1 = high). bits: n_rows x words.
 * Returns RG_ERR_VALUES when another value occurs. */
int RG_WARN_UNUSED rg_bits_pack(const int8_t *values, size_t n_rows, size_t n, int8_t low,
                                int8_t high, uint64_t *bits);

/* The inverse of rg_bits_pack. */
void rg_bits_unpack(const uint64_t *bits, size_t n_rows, size_t n, int8_t low, int8_t high,
                    int8_t *values);

/* Transpose a 64 x 64 bit matrix in place: bit j of a[i] <-> bit i of a[j]. */
void rg_bits_transpose64(uint64_t a[64]);

/* Replica-packed words (n_sites x 8) to the first n_rows <= 512 configurations, -1/+1, each
 * n_sites long. */
void rg_replicas_to_spins(const uint64_t *words, size_t n_sites, size_t n_rows, int8_t *spins);

/* The inverse: 1 <= n_rows <= 512 configurations, -1/+1, to replica-packed words; replica r holds
 * row r mod n_rows. Returns RG_ERR_VALUES when another value occurs. */
int RG_WARN_UNUSED rg_spins_to_replicas(const int8_t *spins, size_t n_sites, size_t n_rows,
                                        uint64_t *words);

#endif
