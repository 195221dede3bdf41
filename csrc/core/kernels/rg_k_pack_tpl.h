/* rg_k_pack_tpl.h: two-valued bytes to bits. */

#if RG_K_BYTES >= 32
#define PACK_BYTES 32
#define MOVEMASK(x) (uint32_t)__builtin_ia32_pmovmskb256((pack_char_t)(x))
#elif defined(__SSE2__) /* every x86-64 has it */
#define PACK_BYTES 16
#define MOVEMASK(x) (uint32_t)__builtin_ia32_pmovmskb128((pack_char_t)(x))
#endif

#ifdef PACK_BYTES
typedef int8_t pack_byte_t __attribute__((vector_size(PACK_BYTES)));
typedef char pack_char_t __attribute__((vector_size(PACK_BYTES)));
#endif

/* Bits of 64 values, 1 for `high`; bits of *wrong are set for a value that is neither. */
INLINE uint64_t pack_word(const int8_t *values, int8_t low, int8_t high, uint64_t *wrong)
{
    uint64_t word = 0;
#ifdef PACK_BYTES
    uint64_t good = 0;
    for (size_t k = 0; k < 64; k += PACK_BYTES) {
        pack_byte_t x;
        memcpy(&x, values + k, sizeof x);
        pack_byte_t up = (pack_byte_t)(x == high);
        word |= (uint64_t)MOVEMASK(up) << k;
        good |= (uint64_t)MOVEMASK(up | (pack_byte_t)(x == low)) << k;
    }
    *wrong |= ~good;
#else
    const uint64_t ones = UINT64_C(0x0101010101010101);
    for (size_t k = 0; k < 64; k += 8) {
        uint64_t x;
        memcpy(&x, values + k, sizeof x);
        uint64_t from_high = x ^ (ones * (uint8_t)high); /* a zero byte where equal */
        uint64_t from_low = x ^ (ones * (uint8_t)low);
        uint64_t is_low = ~(((from_low & (ones * 0x7f)) + ones * 0x7f) | from_low) >> 7 & ones;
        uint64_t is_high = ~(((from_high & (ones * 0x7f)) + ones * 0x7f) | from_high) >> 7 & ones;
        *wrong |= (is_low | is_high) ^ ones;
        word |= (is_high * UINT64_C(0x0102040810204080)) >> 56 << k;
    }
#endif
    return word;
}

FN bool pack_units(const int8_t *values, size_t n, int8_t low, int8_t high, uint64_t *bits)
{
    uint64_t wrong = 0;
    size_t whole = n / 64;
    for (size_t w = 0; w < whole; w++) {
        bits[w] = pack_word(values + 64 * w, low, high, &wrong);
    }
    if (n % 64 != 0) {
        int8_t last[64];
        memset(last, low, sizeof last);
        memcpy(last, values + 64 * whole, n % 64);
        bits[whole] = pack_word(last, low, high, &wrong);
    }
    return wrong == 0;
}
#undef PACK_BYTES
#undef MOVEMASK
