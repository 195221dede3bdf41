/* rg_k_operators_tpl.h: population counts of xors of shifted rows, see rg_operators.h. */

/* Bits of every byte of v, counted. */
INLINE vu64 byte_counts(vu64 v)
{
    v -= (v >> 1) & UINT64_C(0x5555555555555555);
    v = (v & UINT64_C(0x3333333333333333)) + ((v >> 2) & UINT64_C(0x3333333333333333));
    return (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

/* Byte counts, each below 256, added up in every 64-bit lane. */
INLINE vu64 lane_counts(vu64 v)
{
    v = (v & UINT64_C(0x00ff00ff00ff00ff)) + ((v >> 8) & UINT64_C(0x00ff00ff00ff00ff));
    v += v >> 16; /* 16-bit sums stay below 2^16 */
    return (v + (v >> 32)) & UINT64_C(0xffff);
}

INLINE vu64 rows_at(const uint64_t *rows)
{
    vu64 v;
    memcpy(&v, rows, sizeof v);
    return v;
}

/* A running count of set bits: bits of weight 1, 2, 4, and finished counts per byte and lane.
 * (Harley and Seal; Mula, Kurz and Lemire, Computer J. 61, 111 (2018).) */
typedef struct {
    vu64 ones, twos, fours;
    vu64 bytes; /* of weight 8, at most 31 additions old */
    vu64 lanes; /* of weight 1 */
    size_t additions;
} bit_count_t;

/* carry, *sum = a + b + *sum, bit by bit */
INLINE vu64 add_bits(vu64 *sum, vu64 a, vu64 b)
{
    vu64 half = *sum ^ a;
    vu64 carry = (*sum & a) | (half & b);
    *sum = half ^ b;
    return carry;
}

INLINE vu64 xor_of_rows(const uint64_t *const *lines, size_t n_factors, size_t r)
{
    vu64 v = rows_at(lines[0] + r);
    for (size_t f = 1; f < n_factors; f++) {
        v ^= rows_at(lines[f] + r);
    }
    return v;
}

/* Add the set bits of the xor of n_factors lines over n_rows rows; n_factors is a constant where
 * it matters. Rows from n_rows up to a whole vector are masked by `last`. */
INLINE void count_xor(bit_count_t *count, const uint64_t *const *lines, size_t n_factors,
                      size_t n_rows, vu64 last)
{
    size_t r = 0;
    for (; r + 8 * PART_LANES <= n_rows; r += 8 * PART_LANES) {
#define X(k) xor_of_rows(lines, n_factors, r + (k) * PART_LANES)
        vu64 two_a = add_bits(&count->ones, X(0), X(1));
        vu64 two_b = add_bits(&count->ones, X(2), X(3));
        vu64 four_a = add_bits(&count->twos, two_a, two_b);
        two_a = add_bits(&count->ones, X(4), X(5));
        two_b = add_bits(&count->ones, X(6), X(7));
        vu64 four_b = add_bits(&count->twos, two_a, two_b);
#undef X
        count->bytes += byte_counts(add_bits(&count->fours, four_a, four_b));
        if (++count->additions == 31) {
            count->lanes += 8 * lane_counts(count->bytes);
            count->bytes ^= count->bytes;
            count->additions = 0;
        }
    }
    vu64 rest = {0};
    for (; r < n_rows; r += PART_LANES) {
        vu64 v = xor_of_rows(lines, n_factors, r);
        if (r + PART_LANES > n_rows) {
            v &= last;
        }
        rest += byte_counts(v);
    }
    count->lanes += lane_counts(rest);
}

/* All bits counted so far. */
INLINE int64_t counted(const bit_count_t *count)
{
    vu64 lanes = count->lanes + 8 * lane_counts(count->bytes) +
                 4 * lane_counts(byte_counts(count->fours)) +
                 2 * lane_counts(byte_counts(count->twos)) + lane_counts(byte_counts(count->ones));
    uint64_t total = 0;
    for (size_t lane = 0; lane < PART_LANES; lane++) {
        total += lanes[lane];
    }
    return (int64_t)total;
}

/* Add the set bits of one product over the whole lattice. */
INLINE void count_product(bit_count_t *count, const rg_operators_t *set,
                          const rg_product_t *product, vu64 last)
{
    for (size_t w = 0; w < set->words; w++) {
        const uint64_t *lines[RG_MAX_FACTORS];
        for (size_t f = 0; f < product->n_factors; f++) {
            lines[f] =
                set->table + (product->shift[f] * set->words + w) * set->stride + product->down[f];
        }
        switch (product->n_factors) {
        case 0:
            break;
        case 1:
            count_xor(count, lines, 1, set->n_rows, last);
            break;
        case 2:
            count_xor(count, lines, 2, set->n_rows, last);
            break;
        case 3:
            count_xor(count, lines, 3, set->n_rows, last);
            break;
        case 4:
            count_xor(count, lines, 4, set->n_rows, last);
            break;
        default:
            count_xor(count, lines, product->n_factors, set->n_rows, last);
        }
    }
}

FN void operator_sums(const rg_operators_t *set, int32_t *sums)
{
    int64_t n_sites = (int64_t)(set->n_rows * set->n_columns);
    vu64 last = {0};
    for (size_t lane = 0; lane < PART_LANES; lane++) {
        last[lane] = lane < set->n_rows % PART_LANES ? UINT64_MAX : 0;
    }
    for (size_t p = 0; p < set->n_products;) {
        /* products of one operator with as many factors share their last additions */
        size_t owner = set->products[p].owner;
        size_t n_factors = set->products[p].n_factors;
        int64_t n_spins = 0;
        bit_count_t count = {0};
        for (; p < set->n_products && set->products[p].owner == owner &&
               set->products[p].n_factors == n_factors;
             p++) {
            count_product(&count, set, &set->products[p], last);
            n_spins += n_sites;
        }
        int64_t ones = counted(&count);
        /* an xor of m bits is set where an odd number of spins is up: their product is -1 for
         * even m, +1 for odd m */
        sums[owner] += (int32_t)(n_factors % 2 == 0 ? n_spins - 2 * ones : 2 * ones - n_spins);
    }
}
