/* rg_k_lookup_tpl.h: rg_lookup_t for one real type (RG_K_REAL, RG_K_VECTOR, suffix RG_K_).
 *
 * Columns go in strips of 64 bytes (all 16 floats, or 8 doubles), so that the tables of 64
 * inputs take 16 KiB and stay in L1. Several rows run together to hide the latency of the
 * additions; a remainder repeats the last row, which writes the same value again. */

#if RG_K_PARTS == 1
#define EACH(op) op(0, 0) op(1, 0) op(2, 0) op(3, 0)
#define EACH_ROW(op) op(0) op(1) op(2) op(3)
#define ROWS 4
#elif RG_K_PARTS == 2
#define EACH(op) op(0, 0) op(0, 1) op(1, 0) op(1, 1)
#define EACH_ROW(op) op(0) op(1)
#define ROWS 2
#else
#define EACH(op) op(0, 0) op(0, 1) op(0, 2) op(0, 3)
#define EACH_ROW(op) op(0)
#define ROWS 1
#endif

/* 16 sums of 4 rows of a strip; w: 4 x 16 columns apart, table: 16 x 64 bytes. */
INLINE void RG_K_(table_entry)(const RG_K_REAL *w, bool spin, RG_K_REAL *table)
{
    enum { STEP = 64 / sizeof(RG_K_REAL) }; /* columns of a strip */
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        size_t at = part * (RG_K_BYTES / sizeof(RG_K_REAL));
        RG_K_VECTOR w0 = *(const RG_K_VECTOR *)&w[at];
        RG_K_VECTOR w1 = *(const RG_K_VECTOR *)&w[RG_PANEL + at];
        RG_K_VECTOR w2 = *(const RG_K_VECTOR *)&w[2 * RG_PANEL + at];
        RG_K_VECTOR w3 = *(const RG_K_VECTOR *)&w[3 * RG_PANEL + at];
        /* what a clear bit adds: 0, or -w for spins */
        RG_K_VECTOR n0 = {0}, n1 = {0}, n2 = {0}, n3 = {0};
        if (spin) {
            n0 = -w0;
            n1 = -w1;
            n2 = -w2;
            n3 = -w3;
        }
        RG_K_VECTOR pair[4] = {n0 + n1, w0 + n1, n0 + w1, w0 + w1};
        for (size_t n = 0; n < 4; n++) {
            RG_K_VECTOR off = pair[n] + n2;
            RG_K_VECTOR on = pair[n] + w2;
            RG_K_REAL *row = &table[n * STEP + at];
            *(RG_K_VECTOR *)&row[0] = off + n3;
            *(RG_K_VECTOR *)&row[4 * STEP] = on + n3;
            *(RG_K_VECTOR *)&row[8 * STEP] = off + w3;
            *(RG_K_VECTOR *)&row[12 * STEP] = on + w3;
        }
    }
}

#ifndef INDEX_ROWS
enum { INDEX_ROWS = 32 /* rows whose nibbles are spread together */ };
#define INDEX_ROWS INDEX_ROWS

/* Nibble g of row r's word, times 8, as byte 8 (g % 2) + g / 2 of its 16: a byte load is then
 * all that an index costs, scaled by 8 in the address. */
INLINE void spread_nibbles(const uint64_t *bits, size_t stride, size_t n, uint64_t *index)
{
    for (size_t row = 0; row < n; row++) {
        uint64_t x = bits[row * stride];
        index[2 * row] = (x << 3) & UINT64_C(0x7878787878787878);
        index[2 * row + 1] = (x >> 1) & UINT64_C(0x7878787878787878);
    }
}
#endif

#define ROW(r)                                       \
    size_t row##r = row + r < last ? row + r : last; \
    const uint8_t *x##r = &index[16 * row##r];       \
    RG_K_REAL *out##r = &out[row##r * RG_PANEL];
#define LOAD(r, p) RG_K_VECTOR a##r##p = *(RG_K_VECTOR *)&out##r[p * WIDTH];
#define ENTRY(r) const char *t##r = entries + 8 * (size_t)x##r[8 * (g % 2) + g / 2];
#define ADD(r, p) a##r##p += *(const RG_K_VECTOR *)(const void *)(t##r + p * RG_K_BYTES);
#define STORE(r, p) *(RG_K_VECTOR *)&out##r[p * WIDTH] = a##r##p;
#define GROUP(number)                                         \
    if (number < n_groups) {                                  \
        enum { g = number };                                  \
        const char *entries = (const char *)table + g * 1024; \
        EACH_ROW(ENTRY)                                       \
        EACH(ADD)                                             \
    }

/* Add the first n_groups (a constant, so that the tests fall away) tables of one word of inputs
 * to at most INDEX_ROWS rows of the strip. */
INLINE void RG_K_(add_rows)(const uint8_t *index, size_t n_rows, size_t n_groups,
                            const RG_K_REAL *table, RG_K_REAL *out)
{
    enum { WIDTH = RG_K_BYTES / sizeof(RG_K_REAL) };
    size_t last = n_rows - 1;
    for (size_t row = 0; row < n_rows; row += ROWS) {
        /* clang-format off */
        EACH_ROW(ROW)
        EACH(LOAD)
        GROUP(0) GROUP(1) GROUP(2) GROUP(3) GROUP(4) GROUP(5) GROUP(6) GROUP(7)
        GROUP(8) GROUP(9) GROUP(10) GROUP(11) GROUP(12) GROUP(13) GROUP(14) GROUP(15)
        EACH(STORE)
        /* clang-format on */
    }
}

INLINE void RG_K_(add_word)(const rg_lookup_t *job, size_t word, size_t n_groups,
                            const RG_K_REAL *table, RG_K_REAL *out)
{
    uint64_t index[2 * INDEX_ROWS];
    for (size_t row = 0; row < job->n_rows; row += INDEX_ROWS) {
        size_t n = job->n_rows - row < INDEX_ROWS ? job->n_rows - row : INDEX_ROWS;
        spread_nibbles(&job->bits[row * job->stride + word], job->stride, n, index);
        RG_K_(add_rows)((const uint8_t *)index, n, n_groups, table, &out[row * RG_PANEL]);
    }
}

#undef ROW
#undef LOAD
#undef ENTRY
#undef ADD
#undef STORE
#undef GROUP

#define LEFT_OVER(n)                               \
    case n:                                        \
        RG_K_(add_word)(job, word, n, table, out); \
        break;

/* Tables of one word of inputs (w: 4 n_groups x 16) and their sums, strip by strip. */
INLINE void RG_K_(lookup_word)(const rg_lookup_t *job, size_t word, size_t n_groups,
                               const RG_K_REAL *w, RG_K_REAL *all)
{
    enum { STEP = 64 / sizeof(RG_K_REAL) };
    _Alignas(64) RG_K_REAL table[RG_TABLE_GROUPS * 16 * STEP];
    for (size_t column = 0; column < RG_PANEL; column += STEP) {
        for (size_t g = 0; g < n_groups; g++) {
            RG_K_REAL *entry = &table[g * 16 * STEP];
            if (job->spin) {
                RG_K_(table_entry)(&w[4 * g * RG_PANEL + column], true, entry);
            } else {
                RG_K_(table_entry)(&w[4 * g * RG_PANEL + column], false, entry);
            }
        }
        RG_K_REAL *out = &all[column];
        /* clang-format off */
        switch (n_groups) {
            LEFT_OVER(1) LEFT_OVER(2) LEFT_OVER(3) LEFT_OVER(4) LEFT_OVER(5) LEFT_OVER(6)
            LEFT_OVER(7) LEFT_OVER(8) LEFT_OVER(9) LEFT_OVER(10) LEFT_OVER(11) LEFT_OVER(12)
            LEFT_OVER(13) LEFT_OVER(14) LEFT_OVER(15)
        default:
            RG_K_(add_word)(job, word, RG_TABLE_GROUPS, table, out);
        }
        /* clang-format on */
    }
}

#undef LEFT_OVER

FN void RG_K_(lookup)(const rg_lookup_t *job, const RG_K_REAL *weights, RG_K_REAL *out)
{
    _Alignas(64) RG_K_REAL turned[64 * RG_PANEL];
    if (job->n_rows == 0) {
        return;
    }
    for (size_t first = 0; first < job->n_inputs; first += 64) {
        size_t n = job->n_inputs - first < 64 ? job->n_inputs - first : 64;
        const RG_K_REAL *w = &weights[first * RG_PANEL];
        if (job->tile_rows > 0) {
            for (size_t i = 0; i < n; i += RG_PANEL) {
                RG_K_(turn_tile)(&weights[(first + i) * job->tile_rows], &turned[i * RG_PANEL]);
            }
            w = turned;
        }
        RG_K_(lookup_word)(job, first / 64, (n + 3) / 4, w, out);
    }
}

#undef EACH
#undef EACH_ROW
#undef ROWS
