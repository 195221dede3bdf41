/* rg_k_block_tpl.h: the majority rule on rows of bits, see rg_block.h. */

/* Bits 0, 2, 4, .. of every lane, moved together into its low half. */
INLINE vu64 even_bits(vu64 x)
{
    x &= UINT64_C(0x5555555555555555);
    x = (x | (x >> 1)) & UINT64_C(0x3333333333333333);
    x = (x | (x >> 2)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x = (x | (x >> 4)) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | (x >> 8)) & UINT64_C(0x0000ffff0000ffff);
    return (x | (x >> 16)) & UINT64_C(0x00000000ffffffff);
}

FN void majority_words(const uint64_t *upper, const uint64_t *lower, const uint64_t *coins,
                       size_t n, uint64_t *coarse)
{
    for (size_t i = 0; i < n; i += PART_LANES) {
        vu64 a = *(const vu64 *)&upper[i];
        vu64 b = a >> 1;
        vu64 c = *(const vu64 *)&lower[i];
        vu64 d = c >> 1;
        /* of a + b + c + d: at least one pair up, and at least three up */
        vu64 pairs = (a & b) | (c & d);
        vu64 some_pair = pairs | ((a | b) & (c | d));
        vu64 three = ((a & b) & (c | d)) | ((c & d) & (a | b));
        vu64 tie = even_bits(some_pair & ~three);
        vu64 coin = coins != NULL ? *(const vu64 *)&coins[i] : even_bits(a);
        *(vu64 *)&coarse[i] = even_bits(three) | (tie & coin);
    }
}
