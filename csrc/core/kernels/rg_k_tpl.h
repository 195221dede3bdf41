/* rg_k_tpl.h: the body of every kernel, compiled once per instruction set.
 *
 * The including file defines RG_K_NAME, RG_K_TABLE, RG_K_TARGET (a function attribute) and
 * RG_K_BYTES (bytes of a native vector: 16, 32 or 64). A plane of 64 bytes is RG_K_PARTS vectors.
 * The code is gcc/clang vector extensions only: the same operations on the same lanes in every
 * form, hence the same bits. Accumulators are named, not arrays: gcc 12 spills arrays. */
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "rg_dispatch.h"
#include "rg_math.h"

#define RG_K_PARTS (64 / RG_K_BYTES)
#define FN static RG_K_TARGET
#define INLINE static inline RG_K_TARGET __attribute__((always_inline))

typedef uint64_t vu64 __attribute__((vector_size(RG_K_BYTES), may_alias));
typedef int64_t vi64 __attribute__((vector_size(RG_K_BYTES), may_alias));
typedef int32_t vi32 __attribute__((vector_size(RG_K_BYTES), may_alias));
typedef uint32_t vu32 __attribute__((vector_size(RG_K_BYTES), may_alias));
typedef float vf32 __attribute__((vector_size(RG_K_BYTES), may_alias));
typedef double vf64 __attribute__((vector_size(RG_K_BYTES), may_alias));

enum { PART_LANES = RG_K_BYTES / 8 };

/* ---- logic of three operands: one instruction where there is AVX-512 ---- */

#if RG_K_BYTES == 64
#define LOGIC3(name, table, expression)                                                    \
    INLINE vu64 name(vu64 a, vu64 b, vu64 c)                                               \
    {                                                                                      \
        return (vu64)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, table); \
    }
#else
#define LOGIC3(name, table, expression)      \
    INLINE vu64 name(vu64 a, vu64 b, vu64 c) \
    {                                        \
        return expression;                   \
    }
#endif

LOGIC3(xor3, 0x96, a ^ b ^ c)
LOGIC3(majority, 0xe8, (a & b) | (c & (a ^ b)))
LOGIC3(choose, 0xca, c ^ (a & (b ^ c))) /* a ? b : c */
LOGIC3(xor_and, 0x78, a ^ (b & c))
LOGIC3(or_and, 0xf8, a | (b & c))

/* Is any bit of the 512 set? */
INLINE bool any_bit(const vu64 *words)
{
#if RG_K_BYTES == 64
    return _mm512_test_epi64_mask((__m512i)words[0], (__m512i)words[0]) != 0;
#elif RG_K_BYTES == 32
    __m256i both = (__m256i)(words[0] | words[1]);
    return !_mm256_testz_si256(both, both);
#else
    vu64 any = (words[0] | words[1]) | (words[2] | words[3]);
    return (any[0] | any[1]) != 0;
#endif
}

/* ---- random planes ---- */

typedef struct {
    vu64 s0, s1, s2, s3;
} part_stream_t;

INLINE vu64 rotate_left(vu64 x, int k)
{
    return (x << k) | (x >> (64 - k));
}

INLINE vu64 next_part(part_stream_t *s)
{
    vu64 plane = rotate_left(s->s0 + s->s3, 23) + s->s0;
    vu64 t = s->s1 << 17;
    vu64 s3 = s->s3 ^ s->s1;
    s->s1 = xor3(s->s0, s->s2, s->s1);
    s->s2 = xor3(s->s0, s->s2, t);
    s->s0 ^= s3;
    s->s3 = rotate_left(s3, 45);
    return plane;
}

INLINE part_stream_t load_stream(const rg_stream_t *stream, size_t part)
{
    size_t lane = part * PART_LANES;
    return (part_stream_t){*(const vu64 *)&stream->s[0][lane], *(const vu64 *)&stream->s[1][lane],
                           *(const vu64 *)&stream->s[2][lane], *(const vu64 *)&stream->s[3][lane]};
}

INLINE void store_stream(rg_stream_t *stream, size_t part, const part_stream_t *s)
{
    size_t lane = part * PART_LANES;
    *(vu64 *)&stream->s[0][lane] = s->s0;
    *(vu64 *)&stream->s[1][lane] = s->s1;
    *(vu64 *)&stream->s[2][lane] = s->s2;
    *(vu64 *)&stream->s[3][lane] = s->s3;
}

FN void stream_planes(rg_stream_t *stream, size_t n_planes, uint64_t *planes)
{
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        part_stream_t s = load_stream(stream, part);
        for (size_t i = 0; i < n_planes; i++) {
            vu64 plane = next_part(&s);
            memcpy(&planes[i * RG_LANES + part * PART_LANES], &plane, sizeof plane);
        }
        store_stream(stream, part, &s);
    }
}

#include "rg_k_block_tpl.h"
#include "rg_k_ising_tpl.h"
#include "rg_k_operators_tpl.h"
#include "rg_k_pack_tpl.h"
#include "rg_k_terms_tpl.h"

#include "rg_k_cluster_tpl.h"

#include "rg_k_exp_tpl.h"
#include "rg_k_soft_tpl.h"
#include "rg_k_transpose_tpl.h"

#include "rg_k_exchange_tpl.h"

#include "rg_k_field_tpl.h"

#include "rg_k_perfect_tpl.h"

#define RG_K_REAL float
#define RG_K_VECTOR vf32
#define RG_K_INT vi32
#define RG_K_WORD int32_t
#define RG_K_(name) name##_f32
#include "rg_k_lookup_tpl.h"
#include "rg_k_unit_tpl.h"
#include "rg_k_update_tpl.h"
#undef RG_K_REAL
#undef RG_K_VECTOR
#undef RG_K_INT
#undef RG_K_WORD
#undef RG_K_

#define RG_K_REAL double
#define RG_K_VECTOR vf64
#define RG_K_INT vi64
#define RG_K_WORD int64_t
#define RG_K_(name) name##_f64
#include "rg_k_lookup_tpl.h"
#include "rg_k_unit_tpl.h"
#include "rg_k_update_tpl.h"

#include "rg_k_anneal_tpl.h"

const rg_kernels_t RG_K_TABLE = {
    .name = RG_K_NAME,
    .stream_planes = stream_planes,
    .ising_groups = ising_groups,
    .ising_counts = ising_counts,
    .field_run = field_run,
    .field_count = field_count,
    .field_add = field_add,
    .exchange_mask = exchange_mask,
    .perfect_group = perfect_group,
    .lookup_f32 = lookup_f32,
    .lookup_f64 = lookup_f64,
    .unit_f32 = unit_f32,
    .unit_f64 = unit_f64,
    .operator_sums = operator_sums,
    .majority_words = majority_words,
    .sw_sweep = sw_sweep,
    .wolff_cluster = wolff_cluster,
    .strips_measure = strips_measure,
    .row_means_f32 = row_means_f32,
    .row_means_f64 = row_means_f64,
    .factors_f32 = factors_f32,
    .factors_f64 = factors_f64,
    .update_start_f32 = update_start_f32,
    .update_start_f64 = update_start_f64,
    .update_finish_f32 = update_finish_f32,
    .update_finish_f64 = update_finish_f64,
    .soft_products = soft_products,
    .unit_sums = unit_sums,
    .transpose64 = transpose64,
    .tile_counts = tile_counts,
    .pack_units = pack_units,
    .planes_turn = planes_turn,
    .terms_count = terms_count,
    .spins_count = spins_count,
    .anneal_f32 = anneal_f32,
    .anneal_f64 = anneal_f64,
};
