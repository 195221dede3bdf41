/* rg_k_cluster_tpl.h: one Swendsen-Wang sweep, one Wolff cluster, bond sums, on strips.
 *
 * A run is a maximal set of columns of one word joined by bonds along the word; `ends` has its
 * last column. Additions carry from any column of a run to its end: with P the columns that are
 * not ends, P + seeds sets exactly the ends above the seeds. */

enum { FLAG_FLIP = 1, FLAG_FROZEN = 2, FLAG_UP = 4 };

/* ---- random words ---- */

/* A plane of biased bits, as rg_stream_biased_plane. */
INLINE void biased_plane(part_stream_t *s, const rg_coin_t *coin, uint64_t *plane)
{
    vu64 undecided[RG_K_PARTS];
    vu64 result[RG_K_PARTS];
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        undecided[part] = ~(vu64){0};
        result[part] = (vu64){0};
    }
    uint64_t threshold = coin->threshold;
    for (int bit = 0; bit < 64; bit++) {
        vu64 one = (vu64){0} | (threshold >> 63 ? UINT64_MAX : 0);
        threshold <<= 1;
        for (size_t part = 0; part < RG_K_PARTS; part++) {
            vu64 z = next_part(&s[part]);
            result[part] |= undecided[part] & z & one;
            undecided[part] &= ~z;
        }
        if (!any_bit(undecided)) {
            break;
        }
    }
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        result[part] |= undecided[part] & coin->certain;
        memcpy(&plane[part * PART_LANES], &result[part], sizeof(vu64));
    }
}

FN void biased_planes(rg_stream_t *stream, const rg_coin_t *coin, size_t n_words, uint64_t *words)
{
    part_stream_t s[RG_K_PARTS];
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        s[part] = load_stream(stream, part);
    }
    for (size_t i = 0; i < n_words; i += RG_LANES) {
        biased_plane(s, coin, &words[i]);
    }
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        store_stream(stream, part, &s[part]);
    }
}

/* ---- bits of one word ---- */

INLINE int first_bit(uint64_t word)
{
    return __builtin_ctzll(word);
}

INLINE uint64_t count_bits(uint64_t x)
{
#if RG_K_BYTES > 16
    return (uint64_t)__builtin_popcountll(x);
#else
    x -= (x >> 1) & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + ((x >> 2) & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (x * UINT64_C(0x0101010101010101)) >> 56;
#endif
}

/* Ends of the runs that hold a seed. Seeds that are ends already stay out of the sum. */
INLINE uint64_t selected_ends(uint64_t ends, uint64_t seeds)
{
    return (((~ends + (seeds & ~ends)) | seeds) & ends);
}

/* All columns of the runs whose end is in `x`; joined: bit i says that i and i + 1 are one run. */
INLINE uint64_t fill_down(uint64_t x, uint64_t joined)
{
    for (int step = 1; step < 64; step *= 2) {
        x |= (x >> step) & joined;
        joined &= joined >> step;
    }
    return x;
}

/* ---- Swendsen-Wang ---- */

/* Column masks of the words of a strip. */
typedef struct {
    uint64_t valid;
    uint64_t last; /* the last valid column */
    int last_column;
} columns_t;

INLINE columns_t columns_of(const rg_strips_t *strips, size_t strip)
{
    uint64_t valid = strip + 1 == strips->n_strips ? strips->last : UINT64_MAX;
    return (columns_t){valid, valid ^ (valid >> 1), 63 - __builtin_clzll(valid)};
}

/* A row and its coordinates, counted up without divisions. */
typedef struct {
    size_t row, y, plane;
} place_t;

INLINE void next_place(const rg_strips_t *strips, place_t *at)
{
    at->row++;
    at->y++;
    if (at->y == strips->plane_rows) {
        at->y = 0;
        at->plane++;
    }
}

/* Row after this one along an axis (1: rows, 2: planes); itself at the end of an open axis. */
INLINE size_t row_after(const rg_strips_t *strips, place_t at, size_t axis)
{
    size_t step = axis == 1 ? 1 : strips->plane_rows;
    size_t period = axis == 1 ? strips->plane_rows : strips->n_rows;
    if (axis == 1 ? at.y + 1 < period : at.row + step < period) {
        return at.row + step;
    }
    return strips->open[axis] ? at.row : at.row + step - period;
}

/* Columns with a bond to the next one: all valid ones, but for the last at an open end. */
INLINE uint64_t columns_tied(const rg_strips_t *strips, size_t strip, columns_t columns)
{
    bool seam = strips->open[0] && strip + 1 == strips->n_strips;
    return columns.valid & ~(seam ? columns.last : 0);
}

/* bonds of n words &= "both spins are the same". */
INLINE void keep_alike(const uint64_t *restrict here, const uint64_t *restrict there, size_t n,
                       uint64_t valid, uint64_t *restrict bonds)
{
    for (size_t i = 0; i < n; i++) {
        bonds[i] &= ~(here[i] ^ there[i]) & valid;
    }
}

/* The same for bonds along the columns; `next` is the strip after this one. */
INLINE void keep_alike_along(const uint64_t *restrict here, const uint64_t *restrict next, size_t n,
                             int last_column, uint64_t tied, uint64_t *restrict bonds)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t right = (here[i] >> 1) | (next[i] << last_column);
        bonds[i] &= ~(here[i] ^ right) & tied;
    }
}

/* Only sites along the field are tied to the ghost. */
FN void sw_draw_ghosts(const rg_sw_t *sw, rg_stream_t *stream)
{
    const rg_strips_t *strips = sw->strips;
    biased_planes(stream, &sw->ghost, strips->n_padded, sw->ghosts);
    for (size_t strip = 0; strip < strips->n_strips; strip++) {
        columns_t columns = columns_of(strips, strip);
        for (place_t at = {0, 0, 0}; at.row < strips->n_rows; next_place(strips, &at)) {
            size_t i = strip * strips->n_rows + at.row;
            uint64_t up = sw->spins[i] ^ strips->sublattice[(at.y + at.plane) % 2];
            sw->ghosts[i] &= (sw->field_up ? up : ~up) & columns.valid;
        }
    }
}

/* Draw all bonds of the sweep and its flips: coins and-ed with "both spins are the same". */
FN void sw_draw(const rg_sw_t *sw, rg_stream_t *stream)
{
    const rg_strips_t *strips = sw->strips;
    for (size_t axis = 0; axis < strips->ndim; axis++) {
        biased_planes(stream, &sw->bond, strips->n_padded, sw->bonds[axis]);
    }
    if (sw->has_field) {
        sw_draw_ghosts(sw, stream);
    }
    stream_planes(stream, strips->n_padded / RG_LANES, sw->flips);
    size_t n = strips->n_rows;
    size_t plane = strips->plane_rows;
    for (size_t strip = 0; strip < strips->n_strips; strip++) {
        columns_t columns = columns_of(strips, strip);
        size_t base = strip * n;
        const uint64_t *spins = &sw->spins[base];
        const uint64_t *next = &sw->spins[(strip + 1) % strips->n_strips * n];
        uint64_t tied = columns_tied(strips, strip, columns);
        keep_alike_along(spins, next, n, columns.last_column, tied, &sw->bonds[0][base]);
        for (size_t row = 0; strips->ndim > 1 && row < n; row += plane) {
            size_t end = row + plane - 1;
            uint64_t *bonds = &sw->bonds[1][base];
            keep_alike(&spins[row], &spins[row + 1], plane - 1, columns.valid, &bonds[row]);
            keep_alike(&spins[end], &spins[row], 1, strips->open[1] ? 0 : columns.valid,
                       &bonds[end]);
        }
        if (strips->ndim > 2) {
            uint64_t *bonds = &sw->bonds[2][base];
            keep_alike(spins, &spins[plane], n - plane, columns.valid, bonds);
            uint64_t wraps = strips->open[2] ? 0 : columns.valid;
            keep_alike(&spins[n - plane], spins, plane, wraps, &bonds[n - plane]);
        }
    }
}

INLINE uint32_t find_root(const uint32_t *parent, uint32_t label)
{
    for (;;) {
        uint32_t above = parent[label];
        label = parent[above];
        if (above == label) {
            return label;
        }
    }
}

INLINE void unite(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = find_root(parent, a);
    b = find_root(parent, b);
    uint32_t swap = (a ^ b) & (0 - (uint32_t)(a < b)); /* min and max would go by way of xmm */
    parent[a ^ swap] = b ^ swap;
}

/* Where a row keeps the label of the run that holds `bit`: in the order of the runs where labels
 * move as vectors, else at the column of the run's end. */
INLINE size_t place_of(uint64_t ends, uint64_t bit)
{
#if RG_K_BYTES == 64
    return count_bits(ends & (bit - 1));
#else
    return (size_t)first_bit(ends & (0 - bit));
#endif
}

/* The labels of a row. */
INLINE uint32_t *labels_of(const rg_sw_t *sw, size_t row)
{
    size_t place = sw->strips->ndim == 3 ? row : row > 0 ? 1 + row % 2 : 0;
    return &sw->rows[64 * place];
}

/* First link of each run of the row with these ends; `landed` (if wanted) also has the ends of
 * runs without a link. */
INLINE uint64_t first_links(uint64_t links, uint64_t ends, uint64_t *landed)
{
    uint64_t starts = (ends << 1) | 1;
    uint64_t pass = ~links & ~ends;
    uint64_t stop = (pass + starts) & ~pass;
    if (landed != NULL) {
        *landed = stop & ~links & ends;
    }
    return stop & links;
}

/* Unite what links join: runs of rows a and b. */
INLINE void unite_links(const rg_sw_t *sw, uint64_t links, uint64_t ends_a, const uint32_t *a,
                        uint64_t ends_b, const uint32_t *b)
{
    for (; links != 0; links &= links - 1) {
        uint64_t bit = links & (0 - links);
        unite(sw->parent, a[place_of(ends_a, bit)], b[place_of(ends_b, bit)]);
    }
}

INLINE vu32 iota32(void)
{
    const uint32_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    vu32 result;
    memcpy(&result, numbers, sizeof result);
    return result;
}

/* Flags of the runs that end at `fresh`: what their coins say and, if asked for, their spins. */
INLINE void sw_new_flags(const rg_sw_t *sw, size_t i, uint64_t fresh, bool up, uint8_t *flags)
{
    uint64_t flips = sw->flips[i];
    uint64_t spins = up ? sw->spins[i] : 0;
#if RG_K_BYTES == 64
    __m512i all = _mm512_maskz_set1_epi8(_pext_u64(flips, fresh), FLAG_FLIP);
    __mmask64 are_up = _pext_u64(spins, fresh);
    _mm512_storeu_si512(flags, _mm512_mask_add_epi8(all, are_up, all, _mm512_set1_epi8(FLAG_UP)));
#elif RG_K_BYTES == 32
    const uint64_t bytes = UINT64_C(0x0101010101010101);
    flips = _pext_u64(flips, fresh);
    spins = _pext_u64(spins, fresh);
    for (uint64_t k = 0; k < count_bits(fresh); k += 8) {
        uint64_t eight = _pdep_u64(flips >> k, bytes) | _pdep_u64(spins >> k, bytes) << 2;
        memcpy(&flags[k], &eight, sizeof eight);
    }
#else
    for (; fresh != 0; fresh &= fresh - 1) {
        int column = first_bit(fresh);
        *flags++ = (uint8_t)(((flips >> column) & 1) | ((spins >> column) & 1) << 2);
    }
#endif
}

/* Labels next, next + 1 ... of the runs that end at `fresh`: roots with a coin each. Writes up to
 * 64 labels beyond the last. */
INLINE void sw_new_labels(const rg_sw_t *sw, size_t i, uint64_t fresh, uint32_t next, bool tally)
{
    const vu32 step = (vu32){0} + (uint32_t)(RG_K_BYTES / 4);
    vu32 labels = iota32() + next;
    uint64_t n_fresh = count_bits(fresh);
    for (uint64_t k = 0; k < n_fresh; k += RG_K_BYTES / 4, labels += step) {
        memcpy(&sw->parent[next + k], &labels, sizeof labels);
    }
    sw_new_flags(sw, i, fresh, tally, &sw->flags[next]);
    if (tally) {
        memset(&sw->sizes[next], 0, n_fresh * sizeof *sw->sizes);
    }
}

#if RG_K_BYTES == 64
/* For all 64 columns: the number of bits of `ends` before the column. */
INLINE __m512i ranks_of(uint64_t ends)
{
    const __m512i spread = _mm512_set_epi64(
        0x0707070707070707, 0x0606060606060606, 0x0505050505050505, 0x0404040404040404,
        0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
    const __m512i before = _mm512_set1_epi64(0x7f3f1f0f07030100);
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i counts =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    __m512i bits =
        _mm512_and_si512(_mm512_shuffle_epi8(_mm512_set1_epi64((long long)ends), spread), before);
    __m512i low = _mm512_shuffle_epi8(counts, _mm512_and_si512(bits, nibble));
    __m512i high =
        _mm512_shuffle_epi8(counts, _mm512_and_si512(_mm512_srli_epi16(bits, 4), nibble));
    uint64_t sums = ends - ((ends >> 1) & UINT64_C(0x5555555555555555)); /* bits of each byte */
    sums = (sums & UINT64_C(0x3333333333333333)) + ((sums >> 2) & UINT64_C(0x3333333333333333));
    sums = (sums + (sums >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    sums = (sums * UINT64_C(0x0101010101010101)) << 8; /* of the bytes before */
    __m512i bytes = _mm512_shuffle_epi8(_mm512_set1_epi64((long long)sums), spread);
    return _mm512_add_epi8(_mm512_add_epi8(low, high), bytes);
}

/* 16 columns from `base`: runs whose first link is here take that column's label, those of
 * `fresh` new ones from `next`; stored in the order of the runs. */
INLINE void move_labels16(__m512i label, uint64_t first, uint64_t fresh, int base, uint32_t next,
                          uint32_t *labels)
{
    const __m512i iota = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    uint64_t below = (UINT64_C(1) << base) - 1;
    uint32_t number = next + (uint32_t)count_bits(fresh & below);
    __m512i numbers = _mm512_add_epi32(iota, _mm512_set1_epi32((int)number));
    label = _mm512_mask_expand_epi32(label, (__mmask16)(fresh >> base), numbers);
    label = _mm512_maskz_compress_epi32((__mmask16)((first | fresh) >> base), label);
    _mm512_storeu_si512(&labels[count_bits((first | fresh) & below)], label);
}

/* Give the runs of a row the labels of their first links, or new ones. */
INLINE void sw_move_labels(uint64_t first, uint64_t fresh, uint64_t ends, uint64_t ends_before,
                           const uint32_t *before, uint32_t *labels, uint32_t next)
{
    __m512i ranks = ranks_of(ends_before);
    __m512i t0 = _mm512_loadu_si512(&before[0]);
    __m512i t1 = _mm512_loadu_si512(&before[16]);
    __m512i rank = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(ranks));
    move_labels16(_mm512_permutexvar_epi32(rank, t0), first, fresh, 0, next, labels);
    rank = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(ranks, 1));
    move_labels16(_mm512_permutex2var_epi32(t0, rank, t1), first, fresh, 16, next, labels);
    if (ends >> 32 == 0) { /* a narrow strip */
        return;
    }
    const __m512i half = _mm512_set1_epi32(32);
    __m512i t2 = _mm512_loadu_si512(&before[32]);
    __m512i t3 = _mm512_loadu_si512(&before[48]);
    rank = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(ranks, 2));
    __m512i label = _mm512_permutex2var_epi32(t0, rank, t1);
    label = _mm512_mask_permutexvar_epi32(label, _mm512_test_epi32_mask(rank, half), rank, t2);
    move_labels16(label, first, fresh, 32, next, labels);
    rank = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(ranks, 3));
    label = _mm512_permutex2var_epi32(t0, rank, t1);
    label = _mm512_mask_mov_epi32(label, _mm512_test_epi32_mask(rank, half),
                                  _mm512_permutex2var_epi32(t2, rank, t3));
    move_labels16(label, first, fresh, 48, next, labels);
}
#else
INLINE void sw_move_labels(uint64_t first, uint64_t fresh, uint64_t ends, uint64_t ends_before,
                           const uint32_t *before, uint32_t *labels, uint32_t next)
{
    for (; first != 0; first &= first - 1) {
        uint64_t bit = first & (0 - first);
        labels[place_of(ends, bit)] = before[place_of(ends_before, bit)];
    }
    for (; fresh != 0; fresh &= fresh - 1) {
        labels[first_bit(fresh)] = next++;
    }
}
#endif

/* Label the runs of one row: by their first link to the row before, or afresh. */
INLINE uint32_t sw_label_row(const rg_sw_t *sw, size_t i, uint64_t links, uint64_t ends,
                             uint64_t ends_before, const uint32_t *before, uint32_t *labels,
                             uint32_t next, bool tally)
{
    uint64_t fresh = 0;
    uint64_t first = first_links(links, ends, &fresh);
    sw->linked[i] = first;
    sw->fresh[i] = fresh;
    sw_new_labels(sw, i, fresh, next, tally);
    sw_move_labels(first, fresh, ends, ends_before, before, labels, next);
    uint64_t further = first_links(links, ends | ends_before, NULL) & ~first;
    unite_links(sw, further, ends, labels, ends_before, before);
    return next + (uint32_t)count_bits(fresh);
}

/* Add the runs of a row to their labels: sizes, and whether the ghost holds them. */
INLINE void sw_tally_row(const rg_sw_t *sw, size_t i, uint64_t ends, const uint32_t *labels)
{
    uint64_t row_ends = ends;
    uint64_t below = 0; /* columns before this run */
    uint64_t ghosts = sw->has_field ? sw->ghosts[i] : 0;
    for (; ends != 0; ends &= ends - 1) {
        uint64_t upto = ends ^ (ends - 1);
        uint32_t label = labels[place_of(row_ends, ends & (0 - ends))];
        sw->sizes[label] += (uint32_t)count_bits(upto & ~below);
        sw->flags[label] |= (ghosts & upto & ~below) != 0 ? FLAG_FROZEN : 0;
        below = upto;
    }
}

/* Label a strip, unite within it; returns the next free label. */
FN uint32_t sw_label_strip(const rg_sw_t *sw, size_t strip, uint32_t next, bool tally)
{
    const rg_strips_t *strips = sw->strips;
    columns_t columns = columns_of(strips, strip);
    size_t base = strip * strips->n_rows;
    const uint64_t *along = &sw->bonds[0][base];
#define ENDS(row) (columns.valid & (~along[row] | columns.last))
    for (place_t at = {0, 0, 0}; at.row < strips->n_rows; next_place(strips, &at)) {
        size_t row = at.row;
        size_t y = at.y;
        uint64_t ends = ENDS(row);
        uint32_t *labels = labels_of(sw, row);
        uint64_t links = y > 0 ? sw->bonds[1][base + row - 1] : 0;
        uint64_t ends_before = y > 0 ? ENDS(row - 1) : columns.last;
        const uint32_t *before = y > 0 ? labels_of(sw, row - 1) : labels;
        next = sw_label_row(sw, base + row, links, ends, ends_before, before, labels, next, tally);
        sw->edges[0][base + row] = labels[place_of(ends, 1)];
        sw->edges[1][base + row] = labels[place_of(ends, columns.last)];
        if (tally) {
            sw_tally_row(sw, base + row, ends, labels);
        }
        size_t plane = strips->plane_rows;
        if (y + 1 == plane && plane > 1) { /* bonds that wrap */
            size_t after = row + 1 - plane;
            links = first_links(sw->bonds[1][base + row], ends | ENDS(after), NULL);
            unite_links(sw, links, ends, labels, ENDS(after), labels_of(sw, after));
        }
        if (row >= plane) {
            size_t below = row - plane;
            links = first_links(sw->bonds[2][base + below], ends | ENDS(below), NULL);
            unite_links(sw, links, ends, labels, ENDS(below), labels_of(sw, below));
        }
        if (strips->ndim > 2 && row + plane >= strips->n_rows) {
            size_t after = row + plane - strips->n_rows;
            links = first_links(sw->bonds[2][base + row], ends | ENDS(after), NULL);
            unite_links(sw, links, ends, labels, ENDS(after), labels_of(sw, after));
        }
    }
#undef ENDS
    return next;
}

/* Unite across the strips' borders. Listing the bonds first costs less than a branch on each. */
FN void sw_join_strips(const rg_sw_t *sw)
{
    const rg_strips_t *strips = sw->strips;
    uint32_t list[256];
    for (size_t strip = 0; strip < strips->n_strips; strip++) {
        const uint64_t *bonds = &sw->bonds[0][strip * strips->n_rows];
        const uint32_t *last = &sw->edges[1][strip * strips->n_rows];
        const uint32_t *first = &sw->edges[0][(strip + 1) % strips->n_strips * strips->n_rows];
        int last_column = columns_of(strips, strip).last_column;
        for (size_t row = 0; row < strips->n_rows;) {
            size_t n = 0;
            for (size_t k = 0; k < 256 && row < strips->n_rows; k++, row++) {
                list[n] = (uint32_t)row;
                n += (bonds[row] >> last_column) & 1;
            }
            for (size_t k = 0; k < n; k++) {
                unite(sw->parent, last[list[k]], first[list[k]]);
            }
        }
    }
}

/* Roots keep their coin unless the ghost holds them; then every label has its root's. */
FN void sw_settle(const rg_sw_t *sw, uint32_t n_labels, rg_moments_t *moments)
{
    uint8_t *flags = sw->flags;
    if (sw->has_field || moments != NULL) {
        for (uint32_t label = n_labels; label-- > 0;) {
            uint32_t parent = sw->parent[label];
            if (parent != label) {
                sw->sizes[parent] += sw->sizes[label];
                flags[parent] |= flags[label] & FLAG_FROZEN;
            }
        }
    }
    double frozen = 0.0, m2 = 0.0, m4 = 0.0;
    for (uint32_t label = 0; moments != NULL && label < n_labels; label++) {
        if (sw->parent[label] == label) {
            double c = (double)sw->sizes[label] / (double)sw->strips->n_sites;
            if (flags[label] & FLAG_FROZEN) {
                frozen += flags[label] & FLAG_UP ? c : -c;
            } else {
                m2 += c * c;
                m4 += (c * c) * (c * c);
            }
        }
    }
    if (moments != NULL) { /* m = frozen + sum of +-c with fair signs */
        double f2 = frozen * frozen;
        moments->m2 = f2 + m2;
        moments->m4 = f2 * f2 + 6.0 * (f2 * m2) + (3.0 * (m2 * m2) - 2.0 * m4);
    }
    for (uint32_t label = 0; sw->has_field && label < n_labels; label++) {
        flags[label] &= flags[label] & FLAG_FROZEN ? (uint8_t)~FLAG_FLIP : UINT8_MAX;
    }
    for (uint32_t label = 0; label < n_labels; label++) {
        flags[label] = flags[sw->parent[label]];
    }
}

/* The flips of consecutive labels, at the bits of `columns`. */
INLINE uint64_t deposit_flips(const uint8_t *flag, uint64_t columns)
{
#if RG_K_BYTES == 64
    __m512i flags = _mm512_loadu_si512(flag);
    return _pdep_u64(_mm512_test_epi8_mask(flags, _mm512_set1_epi8(FLAG_FLIP)), columns);
#else
    uint64_t flips = 0;
    for (uint64_t left = columns; left != 0; left &= left - 1) {
        flips |= (uint64_t)(*flag++ & FLAG_FLIP) << first_bit(left);
    }
    return flips;
#endif
}

/* All columns of the runs that hold a seed; `marks` has one column of each run, seeds among them.
 */
INLINE uint64_t fill_runs_of(uint64_t seeds, uint64_t marks, uint64_t ends, uint64_t valid)
{
#if RG_K_BYTES > 16
    (void)valid;
    uint64_t runs = _pext_u64(seeds, marks); /* a bit for each run */
    return (_pdep_u64(runs, ends) << 1) - _pdep_u64(runs, (ends << 1) | 1);
#else
    (void)marks;
    return fill_down(selected_ends(ends, seeds), valid & ~ends);
#endif
}

/* Flip: a run takes the flip of its first link, or its own label's. */
FN void sw_flip(const rg_sw_t *sw)
{
    const rg_strips_t *strips = sw->strips;
    const uint8_t *flag = sw->flags;
    for (size_t strip = 0; strip < strips->n_strips; strip++) {
        columns_t columns = columns_of(strips, strip);
        uint64_t flips = 0;
        for (size_t row = 0; row < strips->n_rows; row++) {
            size_t i = strip * strips->n_rows + row;
            uint64_t ends = columns.valid & (~sw->bonds[0][i] | columns.last);
            uint64_t linked = sw->linked[i];
            uint64_t fresh = sw->fresh[i];
            uint64_t seeds = (flips & linked) | deposit_flips(flag, fresh);
            flag += count_bits(fresh);
            flips = fill_runs_of(seeds, linked | fresh, ends, columns.valid);
            sw->spins[i] ^= flips;
        }
    }
}

FN void sw_sweep(const rg_sw_t *sw, rg_stream_t *stream, rg_moments_t *moments)
{
    uint32_t n_labels = 0;
    sw_draw(sw, stream);
    for (size_t strip = 0; strip < sw->strips->n_strips; strip++) {
        n_labels = sw_label_strip(sw, strip, n_labels, sw->has_field || moments != NULL);
    }
    sw_join_strips(sw);
    sw_settle(sw, n_labels, moments);
    sw_flip(sw);
}

/* ---- Wolff ---- */

/* Uniform below n < 2^32 (Lemire 2019). */
INLINE uint32_t pool_below(rg_pool_t *pool, rg_stream_t *stream, uint64_t n)
{
    uint64_t least = (UINT64_C(0x100000000) - n) % n;
    for (;;) {
        if (pool->used == RG_LANES) {
            stream_planes(stream, 1, pool->words);
            pool->used = 0;
        }
        uint64_t product = (pool->words[pool->used++] >> 32) * n;
        if ((product & UINT64_C(0xffffffff)) >= least) {
            return (uint32_t)(product >> 32);
        }
    }
}

/* Eight words, one row of a block each. */
typedef struct {
    vu64 part[RG_K_PARTS];
} rows_t;

INLINE rows_t load_rows(const uint64_t *words)
{
    rows_t rows;
    memcpy(&rows, words, sizeof rows);
    return rows;
}

INLINE void store_rows(uint64_t *words, rows_t rows)
{
    memcpy(words, &rows, sizeof rows);
}

/* Every row's word to the next row, or to the row before; zeros come in. */
#if RG_K_BYTES == 64
INLINE rows_t up_rows(rows_t x)
{
    __m512i zero = _mm512_setzero_si512();
    return (rows_t){{(vu64)_mm512_alignr_epi64((__m512i)x.part[0], zero, 7)}};
}

INLINE rows_t down_rows(rows_t x)
{
    __m512i zero = _mm512_setzero_si512();
    return (rows_t){{(vu64)_mm512_alignr_epi64(zero, (__m512i)x.part[0], 1)}};
}
#else
#if RG_K_BYTES == 32
#define LAST_OF(a, b) __builtin_shufflevector(a, b, 3, 4, 5, 6)  /* a's last lane, then b's */
#define FIRST_OF(a, b) __builtin_shufflevector(a, b, 1, 2, 3, 4) /* all but a's first, then b's */
#else
#define LAST_OF(a, b) __builtin_shufflevector(a, b, 1, 2)
#define FIRST_OF(a, b) __builtin_shufflevector(a, b, 1, 2)
#endif
INLINE rows_t up_rows(rows_t x)
{
    for (size_t part = RG_K_PARTS - 1; part > 0; part--) {
        x.part[part] = LAST_OF(x.part[part - 1], x.part[part]);
    }
    x.part[0] = LAST_OF((vu64){0}, x.part[0]);
    return x;
}

INLINE rows_t down_rows(rows_t x)
{
    for (size_t part = 0; part + 1 < RG_K_PARTS; part++) {
        x.part[part] = FIRST_OF(x.part[part], x.part[part + 1]);
    }
    x.part[RG_K_PARTS - 1] = FIRST_OF(x.part[RG_K_PARTS - 1], (vu64){0});
    return x;
}
#undef LAST_OF
#undef FIRST_OF
#endif

INLINE rows_t rows_both(rows_t a, rows_t b)
{
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        a.part[part] &= b.part[part];
    }
    return a;
}

INLINE rows_t rows_either(rows_t a, rows_t b)
{
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        a.part[part] |= b.part[part];
    }
    return a;
}

/* a without b. */
INLINE rows_t rows_less(rows_t a, rows_t b)
{
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        a.part[part] &= ~b.part[part];
    }
    return a;
}

/* All columns of the runs that hold a bit of x; joined: bit i says that i and i + 1 are one run. */
INLINE vu64 fill_runs(vu64 x, vu64 joined)
{
    x |= joined ^ (joined + (x & joined)); /* up to the end of the run */
    for (int step = 1; step < 64; step *= 2) {
        x = or_and(x, x >> step, joined);
        joined &= joined >> step;
    }
    return x;
}

/* The flood fill in progress. */
typedef struct {
    rg_wolff_t *wolff;
    rg_stream_t *stream;
    uint64_t opposite; /* all ones when the cluster is down */
    size_t n_blocks;
    size_t head; /* of the ring */
    size_t n_queue;
    size_t n_touched;
} flood_t;

/* Sites of block b that may still join, where its rows and columns are. */
INLINE rows_t free_sites(const flood_t *flood, size_t b)
{
    const rg_wolff_t *wolff = flood->wolff;
    rows_t spins = load_rows(&wolff->spins[wolff->around[b].word]);
    rows_t grown = load_rows(wolff->blocks[b].grown);
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        spins.part[part] = (spins.part[part] ^ flood->opposite) & ~grown.part[part];
    }
    return spins;
}

/* No bonds from the last column, row or plane along open axes. */
INLINE void cut_seam(rg_wolff_block_t *block, const rg_around_t *around)
{
    for (size_t row = 0; around->seam[0] && row < RG_LANES; row++) {
        block->bonds[0][row] &= ~(UINT64_C(1) << around->last_column);
    }
    if (around->seam[1]) {
        block->bonds[1][around->n_rows - 1U] = 0;
    }
    if (around->seam[2]) {
        memset(block->bonds[2], 0, sizeof block->bonds[2]);
    }
}

/* The block with this cluster's bonds drawn. */
INLINE rg_wolff_block_t *touch(flood_t *flood, size_t b)
{
    rg_wolff_t *wolff = flood->wolff;
    rg_wolff_block_t *block = &wolff->blocks[b];
    const rg_around_t *around = &wolff->around[b];
    if (!block->drawn) {
        block->drawn = 1;
        wolff->touched[flood->n_touched++] = (uint32_t)b;
        for (size_t axis = 0; axis < wolff->strips->ndim; axis++) {
            biased_planes(flood->stream, &wolff->bond, RG_LANES, block->bonds[axis]);
        }
        cut_seam(block, around);
        uint64_t valid = UINT64_MAX >> (63 - around->last_column);
        for (size_t row = 0; row < RG_LANES; row++) {
            uint64_t alike = wolff->spins[around->word + row] ^ flood->opposite;
            block->open[row] = row < around->n_rows ? alike & valid : 0;
        }
    }
    return block;
}

INLINE void enqueue(flood_t *flood, size_t b)
{
    rg_wolff_block_t *block = &flood->wolff->blocks[b];
    if (!block->queued) {
        block->queued = 1;
        size_t tail = flood->head + flood->n_queue++;
        flood->wolff->queue[tail < flood->n_blocks ? tail : tail - flood->n_blocks] = (uint32_t)b;
    }
}

/* Sites reached in block b; those already in the cluster are left out. */
INLINE void reach(flood_t *flood, size_t b, rows_t sites)
{
    uint64_t *pending = flood->wolff->blocks[b].pending;
    sites = rows_both(sites, free_sites(flood, b));
    if (any_bit(sites.part)) {
        store_rows(pending, rows_either(sites, load_rows(pending)));
        enqueue(flood, b);
    }
}

/* Over the bonds of `axis` from block b: `sites` there have theirs to this block. */
INLINE void reach_back(flood_t *flood, size_t b, size_t axis, rows_t sites)
{
    sites = rows_both(sites, free_sites(flood, b));
    if (any_bit(sites.part)) {
        reach(flood, b, rows_both(sites, load_rows(touch(flood, b)->bonds[axis])));
    }
}

/* The same for one row. */
INLINE void reach_row(flood_t *flood, size_t b, size_t row, uint64_t sites)
{
    rg_wolff_block_t *block = &flood->wolff->blocks[b];
    uint64_t spins = flood->wolff->spins[flood->wolff->around[b].word + row];
    sites &= (spins ^ flood->opposite) & ~block->grown[row];
    if (sites != 0) {
        block->pending[row] |= sites;
        enqueue(flood, b);
    }
}

INLINE void reach_row_back(flood_t *flood, size_t b, size_t row, uint64_t sites)
{
    rg_wolff_block_t *block = &flood->wolff->blocks[b];
    uint64_t spins = flood->wolff->spins[flood->wolff->around[b].word + row];
    if (sites & (spins ^ flood->opposite) & ~block->grown[row]) {
        reach_row(flood, b, row, sites & touch(flood, b)->bonds[1][row]);
    }
}

/* Everything in the block that x leads to over bonds between its rows and along them. */
INLINE rows_t fill_block(const rg_wolff_block_t *block, uint64_t not_last, size_t ndim, rows_t x)
{
    rows_t open = load_rows(block->open);
    rows_t along = rows_both(open, load_rows(block->bonds[0]));
    rows_t down = {0};
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        along.part[part] &= (open.part[part] >> 1) & not_last;
    }
    if (ndim > 1) {
        down = rows_both(rows_both(open, down_rows(open)), load_rows(block->bonds[1]));
    }
    for (;;) {
        for (size_t part = 0; part < RG_K_PARTS; part++) {
            x.part[part] = fill_runs(x.part[part], along.part[part]);
        }
        rows_t below = rows_both(x, down);
        rows_t above = rows_both(down_rows(x), down);
        rows_t more = rows_less(rows_either(up_rows(below), above), x);
        if (!any_bit(more.part)) {
            return x;
        }
        x = rows_either(x, more);
    }
}

/* Add what x reaches in its own block over bonds that wrap; is anything new? */
INLINE bool wrap_block(const rg_wolff_block_t *block, const rg_around_t *around, bool columns,
                       bool rows, rows_t *x)
{
    uint64_t was[RG_LANES];
    uint64_t now[RG_LANES];
    int last = around->last_column;
    size_t end = around->n_rows - 1U;
    store_rows(was, *x);
    memcpy(now, was, sizeof now);
    for (size_t row = 0; columns && row < around->n_rows; row++) {
        uint64_t bond = (block->bonds[0][row] >> last) & 1;
        now[row] |= ((was[row] >> last) & bond) | ((was[row] & bond) << last);
    }
    if (rows) {
        now[0] |= was[end] & block->bonds[1][end];
        now[end] |= was[0] & block->bonds[1][end];
    }
    uint64_t changed = 0;
    for (size_t row = 0; row < RG_LANES; row++) {
        now[row] &= block->open[row];
        changed |= now[row] ^ was[row];
    }
    *x = load_rows(now);
    return changed != 0;
}

/* Reach the neighbours of block b from its new sites. */
INLINE void leave_block(flood_t *flood, size_t b, rows_t new_sites)
{
    const rg_around_t *around = &flood->wolff->around[b];
    const rg_wolff_block_t *block = &flood->wolff->blocks[b];
    if (around->after[0] != b) {
        rows_t bonds = load_rows(block->bonds[0]);
        rows_t first = new_sites;
        for (size_t part = 0; part < RG_K_PARTS; part++) {
            bonds.part[part] =
                ((bonds.part[part] & new_sites.part[part]) >> around->last_column) & 1;
            first.part[part] = (new_sites.part[part] & 1) << around->last_column_before;
        }
        reach(flood, around->after[0], bonds);
        reach_back(flood, around->before[0], 0, first);
    }
    if (flood->wolff->strips->ndim > 1 && around->after[1] != b) {
        uint64_t words[RG_LANES];
        store_rows(words, new_sites);
        size_t end = around->n_rows - 1U;
        reach_row(flood, around->after[1], 0, words[end] & block->bonds[1][end]);
        reach_row_back(flood, around->before[1], around->n_rows_before - 1U, words[0]);
    }
    if (flood->wolff->strips->ndim > 2) {
        rows_t bonds = load_rows(block->bonds[2]);
        reach(flood, around->after[2], rows_both(bonds, new_sites));
        reach_back(flood, around->before[2], 2, new_sites);
    }
}

/* Grow from the pending sites of one block. */
INLINE void grow(flood_t *flood, size_t b)
{
    const rg_wolff_t *wolff = flood->wolff;
    const rg_around_t *around = &wolff->around[b];
    rg_wolff_block_t *block = touch(flood, b);
    rows_t grown = load_rows(block->grown);
    rows_t x = rows_either(grown, load_rows(block->pending));
    uint64_t not_last = ~(UINT64_C(1) << around->last_column);
    bool wrap_columns = around->after[0] == b;
    bool wrap_rows = wolff->strips->ndim > 1 && around->after[1] == b;
    do {
        x = fill_block(block, not_last, wolff->strips->ndim, x);
    } while ((wrap_columns || wrap_rows) && wrap_block(block, around, wrap_columns, wrap_rows, &x));
    store_rows(block->grown, x);
    memset(block->pending, 0, sizeof block->pending);
    block->queued = 0;
    leave_block(flood, b, rows_less(x, grown));
}

/* Whether the ghost holds a site of the cluster. */
INLINE bool is_held(flood_t *flood)
{
    rg_wolff_t *wolff = flood->wolff;
    uint64_t ghosts[RG_LANES];
    uint64_t held = 0;
    for (size_t k = 0; wolff->has_field && k < flood->n_touched; k++) {
        const rg_wolff_block_t *block = &wolff->blocks[wolff->touched[k]];
        const rg_around_t *around = &wolff->around[wolff->touched[k]];
        biased_planes(flood->stream, &wolff->ghost, RG_LANES, ghosts);
        for (size_t row = 0; row < around->n_rows; row++) {
            uint64_t map = wolff->strips->sublattice[(around->parity + row) % 2];
            uint64_t up = wolff->spins[around->word + row] ^ map;
            held |= ghosts[row] & block->grown[row] & (wolff->field_up ? up : ~up);
        }
    }
    return held != 0;
}

FN size_t wolff_cluster(rg_wolff_t *wolff, rg_stream_t *stream)
{
    const rg_strips_t *strips = wolff->strips;
    size_t seed = pool_below(&wolff->seeds, stream, strips->n_sites);
    size_t column = seed % strips->width;
    size_t i = column / 64 * strips->n_rows + seed / strips->width;
    uint64_t bit = UINT64_C(1) << column % 64;
    uint64_t opposite = wolff->spins[i] & bit ? 0 : UINT64_MAX;
    flood_t flood = {wolff, stream, opposite, rg_strips_n_blocks(strips), 0, 0, 0};
    size_t b = rg_strips_block(strips, i);
    for (reach_row(&flood, b, i - wolff->around[b].word, bit); flood.n_queue > 0;) {
        b = wolff->queue[flood.head];
        flood.head = flood.head + 1 < flood.n_blocks ? flood.head + 1 : 0;
        flood.n_queue--;
        grow(&flood, b);
    }
    uint64_t flip = is_held(&flood) ? 0 : UINT64_MAX;
    size_t size = 0;
    for (size_t k = 0; k < flood.n_touched; k++) {
        rg_wolff_block_t *block = &wolff->blocks[wolff->touched[k]];
        uint64_t *spins = &wolff->spins[wolff->around[wolff->touched[k]].word];
        for (size_t row = 0; row < RG_LANES; row++) {
            size += count_bits(block->grown[row]);
            spins[row] ^= block->grown[row] & flip;
        }
        memset(block->grown, 0, sizeof block->grown);
        block->drawn = 0;
    }
    return size;
}

/* ---- measurement ---- */

/* sum over bonds of s_i s_j and sum of s, of the physical spins. */
FN void strips_measure(const rg_strips_t *strips, const uint64_t *spins, int64_t *bonds,
                       int64_t *magnetization)
{
    uint64_t differ = 0;
    uint64_t up = 0;
    for (size_t strip = 0; strip < strips->n_strips; strip++) {
        columns_t columns = columns_of(strips, strip);
        const uint64_t *here = &spins[strip * strips->n_rows];
        const uint64_t *next = &spins[(strip + 1) % strips->n_strips * strips->n_rows];
        uint64_t tied = columns_tied(strips, strip, columns);
        for (place_t at = {0, 0, 0}; at.row < strips->n_rows; next_place(strips, &at)) {
            size_t row = at.row;
            uint64_t right = (here[row] >> 1) | (next[row] << columns.last_column);
            differ += count_bits((here[row] ^ right) & tied);
            for (size_t axis = 1; axis < strips->ndim; axis++) {
                differ += count_bits(here[row] ^ here[row_after(strips, at, axis)]);
            }
            size_t parity = (at.y + at.plane) % 2;
            up += count_bits((here[row] ^ strips->sublattice[parity]) & columns.valid);
        }
    }
    int64_t sum = (int64_t)strips->n_bonds - 2 * (int64_t)differ;
    *bonds = strips->sublattice[0] != 0 ? -sum : sum;
    *magnetization = 2 * (int64_t)up - (int64_t)strips->n_sites;
}
