/* rg_k_transpose_tpl.h: transposes of small tiles: 16 x 16 reals, 64 x 64 bits. */

typedef float v4f32 __attribute__((vector_size(16), may_alias));
typedef double v2f64 __attribute__((vector_size(16), may_alias));

/* A vector whose lane l is the 16 bytes at from + 4 l rows. */
#define LANE4(from, l) (*(const v4f32 *)&(from)[(l) * 4 * RG_PANEL])
#if RG_K_PARTS == 1
typedef float v8f32 __attribute__((vector_size(32), may_alias));
#define JOIN(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7)
INLINE vf32 lanes_f32(const float *from)
{
    v8f32 low = JOIN(LANE4(from, 0), LANE4(from, 1));
    v8f32 high = JOIN(LANE4(from, 2), LANE4(from, 3));
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
#undef JOIN
#define IN_LANES(a, b, i, j, k, l)                                                                \
    __builtin_shufflevector(a, b, i, j, (k) + 12, (l) + 12, (i) + 4, (j) + 4, (k) + 16, (l) + 16, \
                            (i) + 8, (j) + 8, (k) + 20, (l) + 20, (i) + 12, (j) + 12, (k) + 24,   \
                            (l) + 24)
#elif RG_K_PARTS == 2
INLINE vf32 lanes_f32(const float *from)
{
    return __builtin_shufflevector(LANE4(from, 0), LANE4(from, 1), 0, 1, 2, 3, 4, 5, 6, 7);
}
#define IN_LANES(a, b, i, j, k, l) \
    __builtin_shufflevector(a, b, i, j, (k) + 4, (l) + 4, (i) + 4, (j) + 4, (k) + 8, (l) + 8)
#else
INLINE vf32 lanes_f32(const float *from)
{
    return LANE4(from, 0);
}
#define IN_LANES(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#endif

/* to[j][i] = from[i][j]: 4 x 4 blocks are gathered into lanes and turned there. */
INLINE void turn_tile_f32(const float *from, float *to)
{
    enum { WIDTH = RG_K_BYTES / sizeof(float) };
    for (size_t column = 0; column < RG_PANEL; column += 4) {
        for (size_t part = 0; part < RG_K_PARTS; part++) {
            const float *block = &from[part * WIDTH * RG_PANEL + column];
            vf32 r0 = lanes_f32(block);
            vf32 r1 = lanes_f32(block + RG_PANEL);
            vf32 r2 = lanes_f32(block + 2 * RG_PANEL);
            vf32 r3 = lanes_f32(block + 3 * RG_PANEL);
            vf32 a = IN_LANES(r0, r1, 0, 1, 4, 5);
            vf32 b = IN_LANES(r0, r1, 2, 3, 6, 7);
            vf32 c = IN_LANES(r2, r3, 0, 1, 4, 5);
            vf32 d = IN_LANES(r2, r3, 2, 3, 6, 7);
            float *out = &to[column * RG_PANEL + part * WIDTH];
            /* a = (r0: 0 1, r1: 0 1), c = (r2: 0 1, r3: 0 1): columns 0 and 1 */
            *(vf32 *)&out[0] = IN_LANES(a, c, 0, 2, 4, 6);
            *(vf32 *)&out[RG_PANEL] = IN_LANES(a, c, 1, 3, 5, 7);
            *(vf32 *)&out[2 * RG_PANEL] = IN_LANES(b, d, 0, 2, 4, 6);
            *(vf32 *)&out[3 * RG_PANEL] = IN_LANES(b, d, 1, 3, 5, 7);
        }
    }
}

#undef IN_LANES
#undef LANE4

INLINE void turn_tile_f64(const double *from, double *to)
{
    for (size_t j = 0; j < RG_PANEL; j += 2) {
        for (size_t i = 0; i < RG_PANEL; i += 2) {
            v2f64 a = *(const v2f64 *)&from[i * RG_PANEL + j];
            v2f64 b = *(const v2f64 *)&from[(i + 1) * RG_PANEL + j];
            *(v2f64 *)&to[j * RG_PANEL + i] = __builtin_shufflevector(a, b, 0, 2);
            *(v2f64 *)&to[(j + 1) * RG_PANEL + i] = __builtin_shufflevector(a, b, 1, 3);
        }
    }
}

/* Swap off-diagonal blocks of 32, 16, .. 1 (Hacker's Delight, 7-3). */
#define SWAP_BLOCKS(width, mask)                                        \
    for (size_t first = 0; first < 64; first += 2 * (width)) {          \
        for (size_t k = first; k < first + (width); k++) {              \
            uint64_t t = ((a[k] >> (width)) ^ a[k + (width)]) & (mask); \
            a[k] ^= t << (width);                                       \
            a[k + (width)] ^= t;                                        \
        }                                                               \
    }

FN void transpose64(uint64_t a[64]){
    SWAP_BLOCKS(32, UINT64_C(0x00000000ffffffff)) SWAP_BLOCKS(16, UINT64_C(0x0000ffff0000ffff))
        SWAP_BLOCKS(8, UINT64_C(0x00ff00ff00ff00ff)) SWAP_BLOCKS(4, UINT64_C(0x0f0f0f0f0f0f0f0f))
            SWAP_BLOCKS(2, UINT64_C(0x3333333333333333))
                SWAP_BLOCKS(1, UINT64_C(0x5555555555555555))}

/* The bits of each word (Hacker's Delight, 5-1). */
INLINE vu64 word_bits(vu64 x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x += x >> 8;
    x += x >> 16;
    x += x >> 32;
    return x & 127;
}

FN void tile_counts(const uint64_t tile[64], uint64_t mask, uint64_t count[128])
{
    for (size_t i = 0; i < 64; i += PART_LANES) {
        vu64 word = *(const vu64 *)&tile[i];
        *(vu64 *)&count[i] += word_bits(word & mask);
        *(vu64 *)&count[64 + i] += word_bits(word);
    }
}

#undef SWAP_BLOCKS
