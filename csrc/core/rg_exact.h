/* rg_exact.h: sums and tables for exact references on small lattices.
 *
 * Configurations are int8 spins -1/+1 in C order. A state index has bit i set when unit i is up
 * (spin +1, binary unit 1). Lattices have 1 to RG_MAX_DIM extents, each at least 2, all periodic;
 * every site has one forward neighbour per axis, so an extent of 2 counts its bond twice. */
#ifndef RG_EXACT_H
#define RG_EXACT_H

#include "rg_torus.h"

enum { RG_MAX_UNITS = 40, RG_ENERGY_BLOCK = 1024 };

/* Bond sum and magnetisation of n configurations.
 * spins: n * sites values; sums: 2 n values, sums[2 c] = sum_<ij> s_i s_j, sums[2 c + 1] =
 * sum_i s_i. No aliasing. Returns RG_OK, or RG_ERR_VALUES when a value is not -1 or +1 (then
 * the sums are unspecified), or the codes of rg_torus_sites. */
int RG_WARN_UNUSED rg_ising_sums(const rg_torus_t *torus, const int8_t *restrict spins, size_t n,
                                 int64_t *restrict sums);

/* One level of the in-place Walsh-Hadamard transform of n = 2^N values. After levels 0 .. N-1 in
 * any order, values[S] = 2^-N sum_s f(s) prod_{a in S} s_a, where the index of s has bit a set
 * when s_a = +1 and S is a bit mask. Sums are pairwise. */
void rg_walsh_hadamard_level(double *values, size_t n, size_t level);

/* A restricted Boltzmann machine seen from one side, in float64. Borrowed arrays. */
typedef struct {
    size_t n_first;           /* units enumerated, at most RG_MAX_UNITS */
    size_t n_other;           /* units summed over */
    const double *weights;    /* (n_first, n_other), C order */
    const double *first_bias; /* n_first */
    const double *other_bias; /* n_other */
    bool spin_units;          /* -1/+1 units, else 0/1 */
} rg_rbm_side_t;

/* Free energies of states start .. stop-1 into energies[0 .. stop-start-1]:
 *   F(v) = -b.v - sum_j softterm(c_j + sum_i v_i W_ij),
 * softterm(x) = ln 2cosh x for spin units, ln(1 + e^x) for binary ones. Within each aligned block
 * of RG_ENERGY_BLOCK states activations follow a Gray walk from a fresh start, so the result
 * depends neither on the range nor on n_workers, and rounding does not build up.
 * Returns RG_OK, RG_ERR_ARGUMENT (range, n_first) or RG_ERR_MEMORY. */
int RG_WARN_UNUSED rg_rbm_free_energies(const rg_rbm_side_t *rbm, uint64_t start, uint64_t stop,
                                        size_t n_workers, double *energies);

#endif
