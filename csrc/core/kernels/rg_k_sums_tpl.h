/* rg_k_sums_tpl.h: sums of table entries for STRIPS (1 or 2) strips of 64 bytes at once, for
 * rg_k_lookup_tpl.h, which also defines SUMS_. An index that serves two strips halves its cost;
 * four accumulators or more, and the rows that follow, hide the latency of an addition. */

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
#if RG_K_PARTS * STRIPS <= 4
#define SUM_ROWS 2
#define EACH(op) PART_EACH(op, 0) PART_EACH(op, 1)
#define EACH_ROW(op) op(0) op(1)
#else
#define SUM_ROWS 1
#define EACH(op) PART_EACH(op, 0)
#define EACH_ROW(op) op(0)
#endif

/* Keeps a value in a register of its own: left alone, gcc folds the base into every address (two
 * micro-operations instead of one) and clang splits the words by vector instructions. */
#define KEEP(x) __asm__("" : "+r"(x))

#define WORD(r) uint64_t x##r = index[r];
#define LOAD(r, s, p) \
    RG_K_VECTOR a##r##s##p = *(RG_K_VECTOR *)&out[(s) * step + (r) * RG_PANEL + (p) * WIDTH];
/* entries of the next two groups */
#define ENTRIES(r)                                                   \
    const char *even##r = entries + 8 * (size_t)(uint8_t)x##r;       \
    const char *odd##r = entries + 8 * (size_t)(uint8_t)(x##r >> 8); \
    x##r >>= 16;                                                     \
    KEEP(x##r);                                                      \
    KEEP(even##r);                                                   \
    KEEP(odd##r);
#define ADD_AT(r, s, p, entry, group)                                                     \
    a##r##s##p += *(const RG_K_VECTOR *)(const void *)(entry##r + (group) * ENTRY_BYTES + \
                                                       (s) * STRIP_BYTES + (p) * RG_K_BYTES);
#define ADD_EVEN(r, s, p) ADD_AT(r, s, p, even, g)
#define ADD_ODD(r, s, p) ADD_AT(r, s, p, odd, g + 1)
#define STORE(r, s, p) *(RG_K_VECTOR *)&out[(s) * step + (r) * RG_PANEL + (p) * WIDTH] = a##r##s##p;
#define GROUPS(number)               \
    if (number < n_groups) {         \
        enum { g = number };         \
        EACH_ROW(ENTRIES)            \
        EACH(ADD_EVEN)               \
        if (number + 1 < n_groups) { \
            EACH(ADD_ODD)            \
        }                            \
    }

/* Add the first n_groups (a constant, so that the tests fall away) tables to n_rows rows, a
 * multiple of SUM_ROWS; the second strip stands `step` numbers behind the first. Meanwhile what is
 * needed next comes from the outer caches, a line of both for every four rows. */
INLINE void SUMS_(add_whole)(const uint64_t *index, size_t n_rows, size_t n_groups,
                             const RG_K_REAL *table, RG_K_REAL *out, size_t step,
                             const uintptr_t *ahead)
{
    enum { WIDTH = RG_K_BYTES / sizeof(RG_K_REAL) };
    enum { ENTRY_BYTES = 1024, STRIP_BYTES = RG_TABLE_GROUPS * ENTRY_BYTES };
    const char *entries = (const char *)table;
    for (size_t row = 0; row < n_rows; row += SUM_ROWS) {
#if RG_K_BYTES == 64
        if (row % 4 == 0) {
            __builtin_prefetch((const void *)(ahead[0] + row / 4 * 64), 0, 2);
            __builtin_prefetch((const void *)(ahead[1] + row / 4 * 64), 0, 2);
        }
#else
        (void)ahead;
#endif
        /* clang-format off */
        EACH_ROW(WORD)
        EACH(LOAD)
        GROUPS(0) GROUPS(2) GROUPS(4) GROUPS(6)
        EACH(STORE)
            /* clang-format on */
            index += SUM_ROWS;
        out += SUM_ROWS * RG_PANEL;
    }
}

/* The same for any number of rows: the last few go through a buffer. */
INLINE void SUMS_(add_rows)(const uint64_t *index, size_t n_rows, size_t n_groups,
                            const RG_K_REAL *table, RG_K_REAL *out, size_t step,
                            const uintptr_t *ahead)
{
    size_t whole = n_rows / SUM_ROWS * SUM_ROWS;
    SUMS_(add_whole)(index, whole, n_groups, table, out, step, ahead);
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
    SUMS_(add_whole)(few_index, SUM_ROWS, n_groups, table, few, sizeof few / sizeof *few / STRIPS,
                     ahead);
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
#undef GROUPS
#undef STORE
#undef ADD_ODD
#undef ADD_EVEN
#undef ADD_AT
#undef ENTRIES
#undef LOAD
#undef WORD
#undef KEEP
#undef EACH_ROW
#undef EACH
#undef SUM_ROWS
#undef PART_EACH
#undef STRIP_EACH
#undef SUMS_
#undef STRIPS
