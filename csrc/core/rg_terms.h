/* rg_terms.h: energies of models given as a list of products of spins.
 *
 * -H(s) = constant + K sum_t values[t] prod_{i in t} s_i + sum_i fields[i] s_i. Whoever needs an
 * energy of a model that is not the plain torus goes through this list. */
#ifndef RG_TERMS_H
#define RG_TERMS_H

#include "rg_base.h"

/* Borrowed arrays. Term t holds sites[starts[t] .. starts[t + 1] - 1], which are distinct. */
typedef struct {
    size_t n_sites;
    size_t n_terms;
    const uint32_t *sites;
    const uint64_t *starts; /* n_terms + 1 */
    const double *values;   /* n_terms */
    const double *fields;   /* n_sites */
} rg_terms_t;

enum { RG_TERM_SUMS = 3 };

/* Whether starts ascend from 0 to n_listed and all listed sites exist. */
bool rg_terms_valid(const rg_terms_t *terms, size_t n_listed);

/* Sums of n configurations: sums[3 c] = sum_t values[t] prod_{i in t} s_i, sums[3 c + 1] =
 * sum_i s_i, sums[3 c + 2] = sum_i fields[i] s_i. spins: n * n_sites values. Runs of terms of the
 * same value are counted in integers; runs are added in order, so a row depends on nothing else.
 * No aliasing. Returns RG_OK, RG_ERR_VALUES when a value is not -1 or +1 (then the sums are
 * unspecified) or RG_ERR_MEMORY. */
int RG_WARN_UNUSED rg_terms_sums(const rg_terms_t *terms, const int8_t *restrict spins, size_t n,
                                 double *restrict sums);

/* Bits of 256 configurations: one of a spin, or of a count's level (weight 2^level). */
enum { RG_TERM_WORDS = 4, RG_TERM_LEVELS = 64 };
typedef uint64_t rg_term_plane_t __attribute__((vector_size(8 * RG_TERM_WORDS)));

#endif
