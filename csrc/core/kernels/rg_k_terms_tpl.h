/* rg_k_terms_tpl.h: products of spins counted in bit-sliced numbers, see rg_terms.h. */

typedef rg_term_plane_t plane256_t;

/* Transpose each group of 64 planes as 64 x 64 bits, four at once (see rg_bits_transpose64). */
FN void planes_turn(plane256_t *planes, size_t n_words)
{
    for (size_t w = 0; w < n_words; w++) {
        plane256_t *a = planes + 64 * w;
        uint64_t mask = UINT64_C(0x00000000ffffffff);
        for (size_t width = 32; width != 0; width >>= 1, mask ^= mask << width) {
            for (size_t first = 0; first < 64; first += 2 * width) {
                for (size_t k = first; k < first + width; k++) {
                    plane256_t swap = ((a[k] >> width) ^ a[k + width]) & mask;
                    a[k] ^= swap << width;
                    a[k + width] ^= swap;
                }
            }
        }
    }
}

/* carry, *low = the two bits of a + b + *low. */
INLINE plane256_t add_planes(plane256_t *low, plane256_t a, plane256_t b)
{
    plane256_t odd = *low ^ a;
    plane256_t carry = (*low & a) | (odd & b);
    *low = odd ^ b;
    return carry;
}

FN void carry_on(plane256_t *counts, plane256_t carry, size_t level)
{
    uint64_t any = 1;
    while (any != 0) {
        plane256_t both = counts[level] & carry;
        counts[level++] ^= carry;
        carry = both;
        any = both[0] | both[1] | both[2] | both[3];
    }
}

/* Add the bits of next(0) .. next(7) to the levels ones, twos, fours and counts[3], ..: a tree of
 * adders, five operations per bit and one carry in eight. */
#define COUNT_EIGHT(next)                                        \
    {                                                            \
        plane256_t two_a = add_planes(&ones, next(0), next(1));  \
        plane256_t two_b = add_planes(&ones, next(2), next(3));  \
        plane256_t four_a = add_planes(&twos, two_a, two_b);     \
        two_a = add_planes(&ones, next(4), next(5));             \
        two_b = add_planes(&ones, next(6), next(7));             \
        plane256_t four_b = add_planes(&twos, two_a, two_b);     \
        carry_on(counts, add_planes(&fours, four_a, four_b), 3); \
    }

INLINE plane256_t product_of(const rg_terms_t *terms, size_t term, const plane256_t *planes)
{
    const uint32_t *sites = terms->sites + terms->starts[term];
    size_t order = terms->starts[term + 1] - terms->starts[term];
    if (order == 2) {
        return planes[sites[0]] ^ planes[sites[1]];
    }
    if (order == 4) {
        return planes[sites[0]] ^ planes[sites[1]] ^ planes[sites[2]] ^ planes[sites[3]];
    }
    plane256_t whole = {0};
    for (size_t k = 0; k < order; k++) {
        whole ^= planes[sites[k]];
    }
    return whole;
}

FN void terms_count(const rg_terms_t *terms, size_t first, size_t stop, const plane256_t *planes,
                    plane256_t *counts)
{
    plane256_t ones = {0};
    plane256_t twos = {0};
    plane256_t fours = {0};
    size_t t = first;
    for (; stop - t >= 8; t += 8) {
#define NEXT(k) product_of(terms, t + (k), planes)
        COUNT_EIGHT(NEXT)
#undef NEXT
    }
    carry_on(counts, ones, 0);
    carry_on(counts, twos, 1);
    carry_on(counts, fours, 2);
    for (; t < stop; t++) {
        carry_on(counts, product_of(terms, t, planes), 0);
    }
}

FN void spins_count(const plane256_t *planes, size_t n_sites, plane256_t *counts)
{
    plane256_t ones = {0};
    plane256_t twos = {0};
    plane256_t fours = {0};
    size_t i = 0;
    for (; n_sites - i >= 8; i += 8) {
#define NEXT(k) planes[i + (k)]
        COUNT_EIGHT(NEXT)
#undef NEXT
    }
    carry_on(counts, ones, 0);
    carry_on(counts, twos, 1);
    carry_on(counts, fours, 2);
    for (; i < n_sites; i++) {
        carry_on(counts, planes[i], 0);
    }
}
#undef COUNT_EIGHT
