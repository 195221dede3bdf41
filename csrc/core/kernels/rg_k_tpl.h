/* rg_k_tpl.h: the body of every kernel, compiled once per instruction set.
 *
 * The including file defines RG_K_NAME, RG_K_TABLE, RG_K_TARGET (a function attribute) and
 * RG_K_BYTES (bytes of a native vector: 16, 32 or 64). A plane of 64 bytes is RG_K_PARTS vectors.
 * The code is gcc/clang vector extensions only: the same operations on the same lanes in every
 * form, hence the same bits. Accumulators are named, not arrays: gcc 12 spills arrays. */
#include <string.h>

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
    s->s2 ^= s->s0;
    s->s3 ^= s->s1;
    s->s1 ^= s->s2;
    s->s0 ^= s->s3;
    s->s2 ^= t;
    s->s3 = rotate_left(s->s3, 45);
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

#include "rg_k_ising_tpl.h"

#include "rg_k_exp_tpl.h"

#define RG_K_REAL float
#define RG_K_VECTOR vf32
#define RG_K_INT vi32
#define RG_K_WORD int32_t
#define RG_K_(name) name##_f32
#include "rg_k_lookup_tpl.h"
#include "rg_k_unit_tpl.h"
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

#include "rg_k_soft_tpl.h"

const rg_kernels_t RG_K_TABLE = {
    .name = RG_K_NAME,
    .stream_planes = stream_planes,
    .ising_group = ising_group,
    .lookup_f32 = lookup_f32,
    .lookup_f64 = lookup_f64,
    .unit_f32 = unit_f32,
    .unit_f64 = unit_f64,
    .soft_f32 = soft_f32,
    .soft_f64 = soft_f64,
};
