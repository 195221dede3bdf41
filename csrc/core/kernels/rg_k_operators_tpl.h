/* rg_k_operators_tpl.h: population counts of xors of shifted rows, see rg_operators.h. */

/* Bits of every byte of v, counted. */
INLINE vu64 byte_counts(vu64 v)
{
    v -= (v >> 1) & UINT64_C(0x5555555555555555);
    v = (v & UINT64_C(0x3333333333333333)) + ((v >> 2) & UINT64_C(0x3333333333333333));
    return (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

/* Sum of all bytes; each below 256. */
INLINE int64_t total_of_bytes(vu64 v)
{
    v = (v & UINT64_C(0x00ff00ff00ff00ff)) + ((v >> 8) & UINT64_C(0x00ff00ff00ff00ff));
    uint64_t sum = 0;
    for (size_t lane = 0; lane < PART_LANES; lane++) {
        sum += (v[lane] * UINT64_C(0x0001000100010001)) >> 48;
    }
    return (int64_t)sum;
}

INLINE vu64 rows_at(const uint64_t *rows)
{
    vu64 v;
    memcpy(&v, rows, sizeof v);
    return v;
}

/* Set bits of the xor of n_factors lines over n_rows rows; n_factors is a constant where it
 * matters. */
INLINE int64_t count_xor(const uint64_t *const *lines, size_t n_factors, size_t n_rows)
{
    int64_t total = 0;
    size_t r = 0;
    while (r < n_rows) {
        size_t stop = n_rows - r > 31 * PART_LANES ? r + 31 * PART_LANES : n_rows;
        vu64 counts = {0};
        for (; r + PART_LANES <= stop; r += PART_LANES) {
            vu64 v = rows_at(lines[0] + r);
            for (size_t f = 1; f < n_factors; f++) {
                v ^= rows_at(lines[f] + r);
            }
            counts += byte_counts(v);
        }
        total += total_of_bytes(counts);
        if (stop == n_rows) {
            break;
        }
    }
    for (; r < n_rows; r++) { /* fewer rows than a vector holds */
        uint64_t x = lines[0][r];
        for (size_t f = 1; f < n_factors; f++) {
            x ^= lines[f][r];
        }
        total += __builtin_popcountll(x);
    }
    return total;
}

FN void operator_sums(const rg_operators_t *set, int32_t *sums)
{
    int64_t n_sites = (int64_t)(set->n_rows * set->n_columns);
    for (size_t p = 0; p < set->n_products; p++) {
        const rg_product_t *product = &set->products[p];
        int64_t ones = 0;
        for (size_t w = 0; w < set->words; w++) {
            const uint64_t *lines[RG_MAX_FACTORS];
            for (size_t f = 0; f < product->n_factors; f++) {
                lines[f] = set->table + (product->shift[f] * set->words + w) * set->stride +
                           product->down[f];
            }
            switch (product->n_factors) {
            case 0:
                break;
            case 1:
                ones += count_xor(lines, 1, set->n_rows);
                break;
            case 2:
                ones += count_xor(lines, 2, set->n_rows);
                break;
            case 3:
                ones += count_xor(lines, 3, set->n_rows);
                break;
            case 4:
                ones += count_xor(lines, 4, set->n_rows);
                break;
            default:
                ones += count_xor(lines, product->n_factors, set->n_rows);
            }
        }
        /* an xor of m bits is set where an odd number of spins is up: their product is -1 for
         * even m, +1 for odd m */
        int64_t sum = product->n_factors % 2 == 0 ? n_sites - 2 * ones : 2 * ones - n_sites;
        sums[product->owner] += (int32_t)sum;
    }
}
