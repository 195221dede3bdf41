/* rg_k_exp_tpl.h: vector exp and uniforms for rg_k_unit_tpl.h, float32 and float64. */

/* exp(-a) for a >= 0; the same series as rg_exp, to r^7 (truncation 5e-9). */
INLINE vf32 exp_minus_f32(vf32 a)
{
    const float magic = 0x1.8p23f;
    vi32 big = a > 87.0f;
    vf32 x = -(vf32)((big & (vi32)((vf32){0} + 87.0f)) | (~big & (vi32)a));
    vf32 shifted = x * 0x1.715476p+0f + magic;
    vf32 n = shifted - magic;
    vf32 r = (x - n * 0x1.63p-1f) - n * -0x1.bd0106p-13f;
    vf32 p = r * (1.0f / 5040) + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return p * (vf32)(((vu32)shifted + 127) << 23);
}

/* The operations of rg_exp in its order. */
INLINE vf64 exp_minus_f64(vf64 a)
{
    static const double coefficient[] = RG_EXP_COEFFICIENTS;
    vi64 big = a > 708.0;
    vf64 x = -(vf64)((big & (vi64)((vf64){0} + 708.0)) | (~big & (vi64)a));
    vf64 shifted = x * RG_LOG2_E + RG_ROUND_MAGIC;
    vf64 n = shifted - RG_ROUND_MAGIC;
    vf64 r = (x - n * RG_LN2_HI) - n * RG_LN2_LO;
    vf64 p = (vf64){0} + coefficient[0];
    for (size_t i = 1; i < sizeof coefficient / sizeof coefficient[0]; i++) {
        p = p * r + coefficient[i];
    }
    p = p * r + 1.0;
    p = p * r + 1.0;
    return p * (vf64)(((vu64)shifted + 1023) << 52);
}

/* Uniforms in (0, 1): odd multiples of half their spacing. */
INLINE vf32 uniform_f32(const uint64_t *plane)
{
    vi32 field = (vi32)(*(const vu32 *)plane >> 9);
    return __builtin_convertvector(field + field + 1, vf32) * 0x1p-24f;
}

INLINE vf64 uniform_f64(const uint64_t *plane)
{
    /* below the exponent of 2^52 the fraction is the integer itself */
    vu64 field = *(const vu64 *)plane >> 12;
    vf64 integer = (vf64)(field | (vu64)((vf64){0} + 0x1p52)) - 0x1p52;
    return (integer + integer + 1.0) * 0x1p-53;
}

/* The sign bits of a vector's elements as an integer. */
INLINE uint32_t signs_f32(vi32 x)
{
#if defined(__x86_64__) && RG_K_PARTS == 1
    return (uint32_t)_mm512_movepi32_mask((__m512i)x);
#elif defined(__x86_64__) && RG_K_PARTS == 2
    return (uint32_t)_mm256_movemask_ps((__m256)x);
#elif defined(__x86_64__)
    return (uint32_t)_mm_movemask_ps((__m128)x);
#else
    uint32_t bits = 0;
    for (size_t j = 0; j < RG_K_BYTES / sizeof(float); j++) {
        bits |= (uint32_t)(x[j] < 0) << j;
    }
    return bits;
#endif
}

INLINE uint32_t signs_f64(vi64 x)
{
#if defined(__x86_64__) && RG_K_PARTS == 1
    return (uint32_t)_mm512_movepi64_mask((__m512i)x);
#elif defined(__x86_64__) && RG_K_PARTS == 2
    return (uint32_t)_mm256_movemask_pd((__m256d)x);
#elif defined(__x86_64__)
    return (uint32_t)_mm_movemask_pd((__m128d)x);
#else
    uint32_t bits = 0;
    for (size_t j = 0; j < RG_K_BYTES / sizeof(double); j++) {
        bits |= (uint32_t)(x[j] < 0) << j;
    }
    return bits;
#endif
}
