/* rg_dispatch.h: the kernel table: one function pointer per hot operation, filled once at import
 * with the best form this processor runs, or with the one RGDL_SIMD names.
 *
 * Every form of a kernel gives the same bits. A kernel without a form for the chosen instruction
 * set takes the next lower one. */
#ifndef RG_DISPATCH_H
#define RG_DISPATCH_H

#include "rg_anneal.h"
#include "rg_base.h"
#include "rg_cluster.h"
#include "rg_rng.h"
#include "rg_field.h"
#include "rg_ising.h"
#include "rg_lookup.h"
#include "rg_perfect.h"
#include "rg_soft.h"
#include "rg_operators.h"
#include "rg_terms.h"
#include "rg_unit.h"
#include "rg_update.h"

typedef struct {
    const char *name; /* "portable", "avx2", "avx512" */
    void (*stream_planes)(rg_stream_t *stream, size_t n_planes, uint64_t *planes);
    void (*ising_groups)(const rg_ising_pass_t *pass, rg_stream_t *stream);
    /* per replica: unlike bonds + 2^32 x spins up */
    void (*ising_counts)(const rg_lattice_t *lattice, const uint64_t *words,
                         uint64_t counts[RG_PLANE_BITS]);
    void (*field_run)(const rg_field_run_t *run, rg_stream_t *stream);
    void (*field_count)(const rg_field_count_t *job, uint64_t counts[RG_PLANE_BITS]);
    void (*field_add)(const rg_field_count_t *job, const double *sizes, double *sums);
    /* rg_temper_mask with its uniforms */
    void (*exchange_mask)(double slope, const double *a, const double *b, const uint64_t *uniforms,
                          uint64_t mask[RG_LANES]);
    void (*perfect_group)(const rg_perfect_group_t *group, rg_stream_t *stream);
    void (*lookup_f32)(const rg_lookup_t *job, const float *weights, float *out);
    void (*lookup_f64)(const rg_lookup_t *job, const double *weights, double *out);
    void (*unit_f32)(const rg_unit_t *job, rg_stream_t *stream, const float *input, float *mean);
    void (*unit_f64)(const rg_unit_t *job, rg_stream_t *stream, const double *input, double *mean);
    /* rg_operators_sums, added */
    void (*operator_sums)(const rg_operators_t *set, const uint64_t *bits, size_t n, int32_t *sums);
    /* n (up to a multiple of 8 are touched) blocks of 32: pairs of bits of two fine words each;
     * coins NULL: a tie goes by the upper word's even bit */
    void (*majority_words)(const uint64_t *upper, const uint64_t *lower, const uint64_t *coins,
                           size_t n, uint64_t *coarse);
    /* moments may be NULL */
    void (*sw_sweep)(const rg_sw_t *sw, rg_stream_t *stream, rg_moments_t *moments);
    /* returns the cluster's size, whether it flipped or not */
    size_t (*wolff_cluster)(rg_wolff_t *wolff, rg_stream_t *stream);
    void (*strips_measure)(const rg_strips_t *strips, const uint64_t *spins, int64_t *bonds,
                           int64_t *magnetization);
    /* mean[16] = sum_r share_r p_r, row by row */
    void (*row_means_f32)(const rg_factors_t *job, const float *p, float *mean);
    void (*row_means_f64)(const rg_factors_t *job, const double *p, double *mean);
    /* p_r becomes scale_r (p_r - offset) */
    void (*factors_f32)(const rg_factors_t *job, float *p);
    void (*factors_f64)(const rg_factors_t *job, double *p);
    void (*update_start_f32)(const rg_update_t *job, float *velocity, const float *weights);
    void (*update_start_f64)(const rg_update_t *job, double *velocity, const double *weights);
    void (*update_finish_f32)(const rg_update_t *job, const float *velocity, float *weights);
    void (*update_finish_f64)(const rg_update_t *job, const double *velocity, double *weights);
    void (*soft_products)(const rg_soft_t *job);
    void (*unit_sums)(const rg_unit_sums_t *job);
    /* 64 x 64 bits, in place: bit j of word i and bit i of word j change places */
    void (*transpose64)(uint64_t tile[64]);
    /* count[i] += bits of word i under the mask, count[64 + i] += all its bits; 64-byte aligned */
    void (*tile_counts)(const uint64_t tile[64], uint64_t mask, uint64_t count[128]);
    /* one row of rg_bits_pack; false when a value is neither */
    bool (*pack_units)(const int8_t *values, size_t n, int8_t low, int8_t high, uint64_t *bits);
    /* 64 n_words planes of 256 rows, bits and planes of each group of 64 exchanged */
    void (*planes_turn)(rg_term_plane_t *planes, size_t n_words);
    /* add to counts the products of terms first .. stop - 1, or the spins, that are -1 */
    void (*terms_count)(const rg_terms_t *terms, size_t first, size_t stop,
                        const rg_term_plane_t *planes, rg_term_plane_t *counts);
    void (*spins_count)(const rg_term_plane_t *planes, size_t n_sites, rg_term_plane_t *counts);
    void (*anneal_f32)(const rg_anneal_t *job, const float *input);
    void (*anneal_f64)(const rg_anneal_t *job, const double *input);
} rg_kernels_t;

/* Choose the table. name: NULL or "" for the best, else "portable", "avx2" or "avx512".
 * Returns RG_OK, RG_ERR_KERNEL_NAME or RG_ERR_KERNEL_CPU (then the table stays as it was).
 * Not thread-safe: call it at start, or in tests. */
int RG_WARN_UNUSED rg_dispatch_init(const char *name);

/* The chosen table; portable before rg_dispatch_init. */
const rg_kernels_t *rg_kernels(void);

/* The table of one instruction set, or NULL when it is not compiled in or the processor lacks it.
 */
const rg_kernels_t *rg_kernels_named(const char *name);

#endif
