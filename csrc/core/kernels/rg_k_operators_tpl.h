/* rg_k_operators_tpl.h: population counts of xors of shifted rows, see rg_operators.h. Every lane
 * is a lattice of its own: loads are aligned, and a sum over rows needs no sum over lanes. */

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

/* A running count of set bits per lane: bits of weight 1, 2, 4, 8, and finished counts per byte
 * and lane. (Harley and Seal; Mula, Kurz and Lemire, Computer J. 61, 111 (2018).) */
typedef struct {
    vu64 ones, twos, fours, eights;
    vu64 bytes; /* of weight 16, at most 31 additions old */
    vu64 lanes; /* of weight 1 */
    size_t additions;
} bit_count_t;

/* carry, *sum = a + b + *sum, bit by bit */
INLINE vu64 add_bits(vu64 *sum, vu64 a, vu64 b)
{
    vu64 carry = majority(a, b, *sum);
    *sum = xor3(a, b, *sum);
    return carry;
}

/* The product of one row, n_factors lines; n_factors is a constant where it matters. */
INLINE vu64 xor_of_rows(const vu64 *const *lines, size_t n_factors, size_t r)
{
    vu64 v = lines[0][r];
    size_t f = 1;
    for (; f + 2 <= n_factors; f += 2) {
        v = xor3(v, lines[f][r], lines[f + 1][r]);
    }
    if (f < n_factors) {
        v ^= lines[f][r];
    }
    return v;
}

/* Add the set bits of eight rows from r on to weights 1, 2, 4; returns the carry. */
INLINE vu64 add_eight(bit_count_t *count, const vu64 *const *lines, size_t n_factors, size_t r)
{
#define X(k) xor_of_rows(lines, n_factors, r + (k))
    vu64 two_a = add_bits(&count->ones, X(0), X(1));
    vu64 two_b = add_bits(&count->ones, X(2), X(3));
    vu64 four_a = add_bits(&count->twos, two_a, two_b);
    two_a = add_bits(&count->ones, X(4), X(5));
    two_b = add_bits(&count->ones, X(6), X(7));
    vu64 four_b = add_bits(&count->twos, two_a, two_b);
#undef X
    return add_bits(&count->fours, four_a, four_b);
}

/* Add the set bits of the xor of n_factors lines over n_rows rows. */
INLINE void count_xor(bit_count_t *count, const vu64 *const *lines, size_t n_factors, size_t n_rows)
{
    size_t r = 0;
    for (; r + 16 <= n_rows; r += 16) {
        vu64 eight_a = add_eight(count, lines, n_factors, r);
        vu64 eight_b = add_eight(count, lines, n_factors, r + 8);
        count->bytes += byte_counts(add_bits(&count->eights, eight_a, eight_b));
        if (++count->additions == 31) {
            count->lanes += 16 * lane_counts(count->bytes);
            count->bytes ^= count->bytes;
            count->additions = 0;
        }
    }
    vu64 rest = {0};
    if (r + 8 <= n_rows) {
        rest = 8 * byte_counts(add_eight(count, lines, n_factors, r));
        r += 8;
    }
    for (; r < n_rows; r++) {
        rest += byte_counts(xor_of_rows(lines, n_factors, r));
    }
    count->lanes += lane_counts(rest); /* bytes up to 64 + 7 x 8 */
}

/* All bits counted so far, per lane. */
INLINE vu64 counted(const bit_count_t *count)
{
    return count->lanes + 16 * lane_counts(count->bytes) +
           lane_counts(8 * byte_counts(count->eights) + 4 * byte_counts(count->fours) +
                       2 * byte_counts(count->twos) + byte_counts(count->ones));
}

/* Add the set bits of one product over the whole lattice. */
INLINE void count_product(bit_count_t *count, const rg_operators_t *set,
                          const rg_product_t *product, const vu64 *table)
{
    for (size_t w = 0; w < set->words; w++) {
        const vu64 *lines[RG_MAX_FACTORS];
        for (size_t f = 0; f < product->n_factors; f++) {
            lines[f] =
                table + (product->shift[f] * set->words + w) * set->stride + product->down[f];
        }
        switch (product->n_factors) {
        case 0:
            break;
        case 1:
            count_xor(count, lines, 1, set->n_rows);
            break;
        case 2:
            count_xor(count, lines, 2, set->n_rows);
            break;
        case 3:
            count_xor(count, lines, 3, set->n_rows);
            break;
        case 4:
            count_xor(count, lines, 4, set->n_rows);
            break;
        default:
            count_xor(count, lines, product->n_factors, set->n_rows);
        }
    }
}

/* Word w of row r of n <= PART_LANES lattices. */
INLINE vu64 gathered(const rg_operators_t *set, const uint64_t *bits, size_t n, size_t place)
{
    size_t step = set->n_rows * set->words;
    vu64 v = {0};
    if (n == PART_LANES) {
        for (size_t lane = 0; lane < PART_LANES; lane++) {
            v[lane] = bits[lane * step + place];
        }
        return v;
    }
    for (size_t lane = 0; lane < n; lane++) {
        v[lane] = bits[lane * step + place];
    }
    return v;
}

/* Rows of one word into the table: rotations inside n_columns bits. */
INLINE void shift_short_rows(const rg_operators_t *set, const uint64_t *bits, size_t n, vu64 *table)
{
    size_t width = set->n_columns;
    uint64_t mask = width < 64 ? (UINT64_C(1) << width) - 1 : UINT64_MAX;
    for (size_t r = 0; r < set->n_rows; r++) {
        vu64 row = gathered(set, bits, n, r);
        for (size_t i = 0; i < set->n_shifts; i++) {
            uint32_t shift = set->shifts[i];
            vu64 turned = row;
            if (shift != 0) {
                turned = ((row >> shift) | (row << (width - shift))) & mask;
            }
            table[i * set->stride + r] = turned;
        }
    }
}

/* Rows of more than one word into the table, by way of the row twice over, without a gap: bit j
 * is column j % n_columns. */
INLINE void shift_long_rows(const rg_operators_t *set, const uint64_t *bits, size_t n, vu64 *table)
{
    size_t words = set->words;
    size_t tail = set->n_columns % 64;
    uint64_t last = tail != 0 ? (UINT64_C(1) << tail) - 1 : UINT64_MAX;
    vu64 *doubled = set->doubled;
    for (size_t r = 0; r < set->n_rows; r++) {
        memset(doubled, 0, (2 * words + 2) * sizeof *doubled);
        for (size_t w = 0; w < words; w++) {
            doubled[w] |= gathered(set, bits, n, r * words + w);
            size_t at = set->n_columns / 64 + w;
            doubled[at] |= doubled[w] << tail;
            if (tail != 0) {
                doubled[at + 1] |= doubled[w] >> (64 - tail);
            }
        }
        for (size_t i = 0; i < set->n_shifts; i++) {
            const vu64 *from = doubled + set->shifts[i] / 64;
            uint32_t bit = set->shifts[i] % 64;
            for (size_t w = 0; w < words; w++) {
                vu64 v = from[w];
                if (bit != 0) {
                    v = (v >> bit) | (from[w + 1] << (64 - bit));
                }
                if (w + 1 == words) {
                    v &= last;
                }
                table[(i * words + w) * set->stride + r] = v;
            }
        }
    }
}

/* Sums of n <= PART_LANES lattices: n x n_operators, added. */
INLINE void add_sums(const rg_operators_t *set, const uint64_t *bits, size_t n, int32_t *sums)
{
    vu64 *table = set->table;
    if (set->words == 1) {
        shift_short_rows(set, bits, n, table);
    } else {
        shift_long_rows(set, bits, n, table);
    }
    for (size_t line = 0; line < set->n_shifts * set->words; line++) {
        vu64 *rows = table + line * set->stride;
        for (size_t r = set->n_rows; r < set->stride; r++) {
            rows[r] = rows[r - set->n_rows];
        }
    }
    int64_t n_sites = (int64_t)(set->n_rows * set->n_columns);
    for (size_t p = 0; p < set->n_products;) {
        /* products of one operator with as many factors share their last additions */
        size_t owner = set->products[p].owner;
        size_t n_factors = set->products[p].n_factors;
        int64_t n_spins = 0;
        bit_count_t count = {0};
        for (; p < set->n_products && set->products[p].owner == owner &&
               set->products[p].n_factors == n_factors;
             p++) {
            count_product(&count, set, &set->products[p], table);
            n_spins += n_sites;
        }
        vi64 ones = (vi64)counted(&count);
        /* an xor of m bits is set where an odd number of spins is up: their product is -1 for
         * even m, +1 for odd m */
        vi64 sum = n_factors % 2 == 0 ? n_spins - 2 * ones : 2 * ones - n_spins;
        for (size_t lane = 0; lane < n; lane++) {
            sums[lane * set->n_operators + owner] += (int32_t)sum[lane];
        }
    }
}

FN void operator_sums(const rg_operators_t *set, const uint64_t *bits, size_t n, int32_t *sums)
{
    size_t lattice = set->n_rows * set->words;
    for (size_t c = 0; c < n; c += PART_LANES) {
        size_t here = n - c < PART_LANES ? n - c : PART_LANES;
        add_sums(set, bits + c * lattice, here, sums + c * set->n_operators);
    }
}
