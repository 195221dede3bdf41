/* rg_dispatch.h: the kernel table: one function pointer per hot operation, filled once at import
 * with the best form this processor runs, or with the one RGDL_SIMD names.
 *
 * Every form of a kernel gives the same bits. A kernel without a form for the chosen instruction
 * set takes the next lower one. */
#ifndef RG_DISPATCH_H
#define RG_DISPATCH_H

#include "rg_base.h"
#include "rg_rng.h"
#include "rg_ising.h"
#include "rg_lookup.h"
#include "rg_soft.h"
#include "rg_unit.h"

typedef struct {
    const char *name; /* "portable", "avx2", "avx512" */
    void (*stream_planes)(rg_stream_t *stream, size_t n_planes, uint64_t *planes);
    void (*ising_group)(const rg_ising_group_t *group, rg_stream_t *stream);
    void (*lookup_f32)(const rg_lookup_t *job, const float *weights, float *out);
    void (*lookup_f64)(const rg_lookup_t *job, const double *weights, double *out);
    void (*unit_f32)(const rg_unit_t *job, rg_stream_t *stream, const float *input, float *mean);
    void (*unit_f64)(const rg_unit_t *job, rg_stream_t *stream, const double *input, double *mean);
    void (*soft_f32)(const rg_soft_t *job, const float *input);
    void (*soft_f64)(const rg_soft_t *job, const double *input);
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
