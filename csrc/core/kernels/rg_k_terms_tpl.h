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

/* *carry, *low = the two bits of a + b + *low. By pointers: without AVX a plane is no register. */
INLINE void add_planes(plane256_t *carry, plane256_t *low, const plane256_t *a, const plane256_t *b)
{
    plane256_t odd = *low ^ *a;
    plane256_t both = (*low & *a) | (odd & *b);
    *low = odd ^ *b;
    *carry = both;
}

FN void carry_on(plane256_t *counts, const plane256_t *bits, size_t level)
{
    plane256_t carry = *bits;
    uint64_t any = 1;
    while (any != 0) {
        plane256_t both = counts[level] & carry;
        counts[level++] ^= carry;
        carry = both;
        any = both[0] | both[1] | both[2] | both[3];
    }
}

/* Bits waiting to be counted, of weight 1, 2 and 4. */
typedef struct {
    plane256_t ones, twos, fours;
} waiting_t;

/* A tree of adders: five operations per bit and one carry in eight. */
INLINE void count_eight(plane256_t *counts, waiting_t *sum, const plane256_t p[8])
{
    plane256_t a;
    plane256_t b;
    plane256_t four;
    plane256_t eight;
    add_planes(&a, &sum->ones, &p[0], &p[1]);
    add_planes(&b, &sum->ones, &p[2], &p[3]);
    add_planes(&four, &sum->twos, &a, &b);
    add_planes(&a, &sum->ones, &p[4], &p[5]);
    add_planes(&b, &sum->ones, &p[6], &p[7]);
    add_planes(&a, &sum->twos, &a, &b);
    add_planes(&eight, &sum->fours, &four, &a);
    carry_on(counts, &eight, 3);
}

INLINE void count_waiting(plane256_t *counts, const waiting_t *sum)
{
    carry_on(counts, &sum->ones, 0);
    carry_on(counts, &sum->twos, 1);
    carry_on(counts, &sum->fours, 2);
}

INLINE void take_product(const rg_terms_t *terms, size_t term, const plane256_t *planes,
                         plane256_t *product)
{
    const uint32_t *sites = terms->sites + terms->starts[term];
    size_t order = terms->starts[term + 1] - terms->starts[term];
    if (order == 2) {
        *product = planes[sites[0]] ^ planes[sites[1]];
        return;
    }
    if (order == 4) {
        *product = planes[sites[0]] ^ planes[sites[1]] ^ planes[sites[2]] ^ planes[sites[3]];
        return;
    }
    plane256_t whole = {0};
    for (size_t k = 0; k < order; k++) {
        whole ^= planes[sites[k]];
    }
    *product = whole;
}

FN void terms_count(const rg_terms_t *terms, size_t first, size_t stop, const plane256_t *planes,
                    plane256_t *counts)
{
    waiting_t sum = {0};
    plane256_t p[8];
    size_t t = first;
    for (; stop - t >= 8; t += 8) {
        for (size_t k = 0; k < 8; k++) {
            take_product(terms, t + k, planes, &p[k]);
        }
        count_eight(counts, &sum, p);
    }
    count_waiting(counts, &sum);
    for (; t < stop; t++) {
        take_product(terms, t, planes, &p[0]);
        carry_on(counts, &p[0], 0);
    }
}

FN void spins_count(const plane256_t *planes, size_t n_sites, plane256_t *counts)
{
    waiting_t sum = {0};
    size_t i = 0;
    for (; n_sites - i >= 8; i += 8) {
        count_eight(counts, &sum, planes + i);
    }
    count_waiting(counts, &sum);
    for (; i < n_sites; i++) {
        carry_on(counts, &planes[i], 0);
    }
}
