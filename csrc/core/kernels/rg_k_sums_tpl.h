/* rg_k_sums_tpl.h: sums of table entries for STRIPS (1 or 2) strips of 64 bytes at once, for
 * rg_k_lookup_tpl.h, which also defines SUMS_. An index that serves two strips halves its cost.
 * Eight accumulators hide the latency of an addition. */

#if STRIPS == 2
#define STRIP_EACH(op, r, p) op(r, 0, p) op(r, 1, p)
#else
#define STRIP_EACH(op, r, p) op(r, 0, p)
#endif
#if RG_K_PARTS == 1
#define PART_EACH(op, r) STRIP_EACH(op, r, 0)
#elif RG_K_PARTS == 2
#define PART_EACH(op, r) STRIP_EACH(op, r, 0) STRIP_EACH(op, r, 1)
#else
#define PART_EACH(op, r) \
    STRIP_EACH(op, r, 0) STRIP_EACH(op, r, 1) STRIP_EACH(op, r, 2) STRIP_EACH(op, r, 3)
#endif
#if RG_K_PARTS * STRIPS <= 2
#define SUM_ROWS 4
#define EACH(op) PART_EACH(op, 0) PART_EACH(op, 1) PART_EACH(op, 2) PART_EACH(op, 3)
#define EACH_ROW(op) op(0) op(1) op(2) op(3)
#elif RG_K_PARTS * STRIPS == 4
#define SUM_ROWS 2
#define EACH(op) PART_EACH(op, 0) PART_EACH(op, 1)
#define EACH_ROW(op) op(0) op(1)
#else
#define SUM_ROWS 1
#define EACH(op) PART_EACH(op, 0)
#define EACH_ROW(op) op(0)
#endif

#define LOAD(r, s, p) \
    RG_K_VECTOR a##r##s##p = *(RG_K_VECTOR *)&out[(s) * step + (r) * RG_PANEL + (p) * WIDTH];
#define ENTRY(r) const char *t##r = entries + 8 * (size_t)index[8 * (r) + 4 * (g % 2) + g / 2];
#define ADD(r, s, p) \
    a##r##s##p += *(const RG_K_VECTOR *)(const void *)(t##r + (s) * STRIP_BYTES + (p) * RG_K_BYTES);
#define STORE(r, s, p) *(RG_K_VECTOR *)&out[(s) * step + (r) * RG_PANEL + (p) * WIDTH] = a##r##s##p;
#define GROUP(number)                                         \
    if (number < n_groups) {                                  \
        enum { g = number };                                  \
        const char *entries = (const char *)table + g * 1024; \
        EACH_ROW(ENTRY)                                       \
        EACH(ADD)                                             \
    }

/* Add the first n_groups (a constant, so that the tests fall away) tables to n_rows rows, a
 * multiple of SUM_ROWS; the second strip stands `step` numbers behind the first. Meanwhile what is
 * needed next comes from the outer caches, a line of both for every SUM_ROWS rows. */
INLINE void SUMS_(add_whole)(const uint8_t *index, size_t n_rows, size_t n_groups,
                             const RG_K_REAL *table, RG_K_REAL *out, size_t step,
                             const uintptr_t *ahead)
{
    enum { WIDTH = RG_K_BYTES / sizeof(RG_K_REAL), STRIP_BYTES = RG_TABLE_GROUPS * 1024 };
    for (size_t row = 0; row < n_rows; row += SUM_ROWS) {
#if RG_K_BYTES == 64
        __builtin_prefetch((const void *)(ahead[0] + row / SUM_ROWS * 64), 0, 2);
        __builtin_prefetch((const void *)(ahead[1] + row / SUM_ROWS * 64), 0, 2);
#else
        (void)ahead;
#endif
        /* clang-format off */
        EACH(LOAD)
        GROUP(0) GROUP(1) GROUP(2) GROUP(3) GROUP(4) GROUP(5) GROUP(6) GROUP(7)
        EACH(STORE)
            /* clang-format on */
            index += 8 * SUM_ROWS;
        out += SUM_ROWS * RG_PANEL;
    }
}

/* The same for any number of rows: the last few go through a buffer. */
INLINE void SUMS_(add_rows)(const uint64_t *index, size_t n_rows, size_t n_groups,
                            const RG_K_REAL *table, RG_K_REAL *out, size_t step,
                            const uintptr_t *ahead)
{
    size_t whole = n_rows / SUM_ROWS * SUM_ROWS;
    SUMS_(add_whole)((const uint8_t *)index, whole, n_groups, table, out, step, ahead);
    size_t rest = n_rows - whole;
    if (rest == 0) {
        return;
    }
    uint64_t few_index[SUM_ROWS] = {0};
    _Alignas(64) RG_K_REAL few[STRIPS * SUM_ROWS * RG_PANEL] = {0};
    out += whole * RG_PANEL;
    for (size_t r = 0; r < rest; r++) {
        few_index[r] = index[whole + r];
        for (size_t s = 0; s < STRIPS; s++) {
            memcpy(&few[(s * SUM_ROWS + r) * RG_PANEL], &out[s * step + r * RG_PANEL], 64);
        }
    }
    SUMS_(add_whole)((const uint8_t *)few_index, SUM_ROWS, n_groups, table, few,
                     sizeof few / sizeof *few / STRIPS, ahead);
    for (size_t r = 0; r < rest; r++) {
        for (size_t s = 0; s < STRIPS; s++) {
            memcpy(&out[s * step + r * RG_PANEL], &few[(s * SUM_ROWS + r) * RG_PANEL], 64);
        }
    }
}

#define LEFT_OVER(n)                                                \
    case n:                                                         \
        SUMS_(add_rows)(index, n_rows, n, table, out, step, ahead); \
        break;

/* Add n_groups tables to all rows. */
FN void SUMS_(add_tables)(const uint64_t *index, size_t n_rows, size_t n_groups,
                          const RG_K_REAL *table, RG_K_REAL *out, size_t step,
                          const uintptr_t *ahead)
{
    /* clang-format off */
    switch (n_groups) {
        LEFT_OVER(1) LEFT_OVER(2) LEFT_OVER(3) LEFT_OVER(4)
        LEFT_OVER(5) LEFT_OVER(6) LEFT_OVER(7)
    default:
        SUMS_(add_rows)(index, n_rows, RG_TABLE_GROUPS, table, out, step, ahead);
    }
    /* clang-format on */
}

#undef LEFT_OVER
#undef GROUP
#undef STORE
#undef ADD
#undef ENTRY
#undef LOAD
#undef EACH_ROW
#undef EACH
#undef SUM_ROWS
#undef PART_EACH
#undef STRIP_EACH
#undef SUMS_
#undef STRIPS
