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

/* Column of the end of the run that holds `bit`. */
INLINE int end_of(uint64_t ends, uint64_t bit)
{
    return first_bit(ends & (0 - bit));
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

/* Row after this one along an axis (1: rows, 2: planes). */
INLINE size_t row_after(const rg_strips_t *strips, place_t at, size_t axis)
{
    if (axis == 1) {
        return at.y + 1 < strips->plane_rows ? at.row + 1 : at.row + 1 - strips->plane_rows;
    }
    size_t row = at.row + strips->plane_rows;
    return row < strips->n_rows ? row : row - strips->n_rows;
}

/* Draw all bonds of the sweep and its flips: coins and-ed with "both spins are the same". */
FN void sw_draw(const rg_sw_t *sw, rg_stream_t *stream)
{
    const rg_strips_t *strips = sw->strips;
    for (size_t axis = 0; axis < strips->ndim; axis++) {
        biased_planes(stream, &sw->bond, strips->n_padded, sw->bonds[axis]);
    }
    if (sw->has_field) {
        biased_planes(stream, &sw->ghost, strips->n_padded, sw->ghosts);
    }
    stream_planes(stream, strips->n_padded / RG_LANES, sw->flips);
    for (size_t strip = 0; strip < strips->n_strips; strip++) {
        columns_t columns = columns_of(strips, strip);
        const uint64_t *spins = &sw->spins[strip * strips->n_rows];
        const uint64_t *next = &sw->spins[(strip + 1) % strips->n_strips * strips->n_rows];
        for (place_t at = {0, 0, 0}; at.row < strips->n_rows; next_place(strips, &at)) {
            size_t row = at.row;
            size_t i = strip * strips->n_rows + row;
            uint64_t right = (spins[row] >> 1) | (next[row] << columns.last_column);
            sw->bonds[0][i] &= ~(spins[row] ^ right) & columns.valid;
            for (size_t axis = 1; axis < strips->ndim; axis++) {
                uint64_t after = spins[row_after(strips, at, axis)];
                sw->bonds[axis][i] &= ~(spins[row] ^ after) & columns.valid;
            }
            if (sw->has_field) {
                uint64_t up = spins[row] ^ strips->sublattice[(at.y + at.plane) % 2];
                sw->ghosts[i] &= (sw->field_up ? up : ~up) & columns.valid;
            }
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

/* The labels of a row, by column of the run's end. */
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

/* Unite what links join: runs of rows a and b, whose labels stand at their ends. */
INLINE void unite_links(const rg_sw_t *sw, uint64_t links, uint64_t ends_a, const uint32_t *a,
                        uint64_t ends_b, const uint32_t *b)
{
    for (; links != 0; links &= links - 1) {
        uint64_t bit = links & (0 - links);
        unite(sw->parent, a[end_of(ends_a, bit)], b[end_of(ends_b, bit)]);
    }
}

/* Label the runs of one row: by their first link to the row before, or afresh. */
INLINE uint32_t sw_label_row(const rg_sw_t *sw, size_t i, uint64_t links, uint64_t ends,
                             uint64_t ends_before, const uint32_t *before, uint32_t *labels,
                             uint32_t next)
{
    uint64_t fresh = 0;
    uint64_t first = first_links(links, ends, &fresh);
    uint64_t flips = sw->flips[i];
    uint64_t up = sw->spins[i];
    sw->linked[i] = first;
    sw->fresh[i] = fresh;
    for (uint64_t left = first; left != 0; left &= left - 1) {
        uint64_t bit = left & (0 - left);
        labels[end_of(ends, bit)] = before[end_of(ends_before, bit)];
    }
    for (uint64_t left = fresh; left != 0; left &= left - 1) {
        int column = first_bit(left);
        labels[column] = next;
        sw->parent[next] = next;
        sw->flags[next] = (uint8_t)(((flips >> column) & 1) | (((up >> column) & 1) << 2));
        sw->sizes[next] = 0;
        next++;
    }
    uint64_t further = first_links(links, ends | ends_before, NULL) & ~first;
    unite_links(sw, further, ends, labels, ends_before, before);
    return next;
}

/* Add the runs of a row to their labels: sizes, and whether the ghost holds them. */
INLINE void sw_tally_row(const rg_sw_t *sw, size_t i, uint64_t ends, const uint32_t *labels)
{
    uint64_t below = 0; /* columns before this run */
    uint64_t ghosts = sw->has_field ? sw->ghosts[i] : 0;
    for (; ends != 0; ends &= ends - 1) {
        uint64_t upto = ends ^ (ends - 1);
        uint32_t label = labels[first_bit(ends)];
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
        next = sw_label_row(sw, base + row, links, ends, ends_before, before, labels, next);
        sw->edges[0][base + row] = labels[first_bit(ends)];
        sw->edges[1][base + row] = labels[columns.last_column];
        if (tally) {
            sw_tally_row(sw, base + row, ends, labels);
        }
        for (size_t axis = 1; axis < strips->ndim; axis++) { /* bonds that wrap, and planes */
            size_t after = row_after(strips, at, axis);
            if (after < row) {
                links = first_links(sw->bonds[axis][base + row], ends | ENDS(after), NULL);
                unite_links(sw, links, ends, labels, ENDS(after), labels_of(sw, after));
            }
        }
        if (row >= strips->plane_rows) {
            size_t below = row - strips->plane_rows;
            links = first_links(sw->bonds[2][base + below], ends | ENDS(below), NULL);
            unite_links(sw, links, ends, labels, ENDS(below), labels_of(sw, below));
        }
    }
#undef ENDS
    return next;
}

/* Unite across the strips' borders. */
FN void sw_join_strips(const rg_sw_t *sw)
{
    const rg_strips_t *strips = sw->strips;
    for (size_t strip = 0; strip < strips->n_strips; strip++) {
        size_t base = strip * strips->n_rows;
        size_t next = (strip + 1) % strips->n_strips * strips->n_rows;
        uint64_t last = columns_of(strips, strip).last;
        for (size_t row = 0; row < strips->n_rows; row++) {
            if (sw->bonds[0][base + row] & last) {
                unite(sw->parent, sw->edges[1][base + row], sw->edges[0][next + row]);
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
    for (uint32_t label = 0; label < n_labels; label++) {
        uint8_t flag = flags[sw->parent[label]];
        flags[label] = flag & FLAG_FROZEN ? FLAG_FROZEN : flag & FLAG_FLIP;
    }
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
            uint64_t seeds = flips & sw->linked[i];
            for (uint64_t left = sw->fresh[i]; left != 0; left &= left - 1) {
                seeds |= (uint64_t)(*flag++ & FLAG_FLIP) << first_bit(left);
            }
            flips = fill_down(selected_ends(ends, seeds), columns.valid & ~ends);
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

INLINE uint64_t pool_coin_word(rg_pool_t *pool, rg_stream_t *stream, const rg_coin_t *coin)
{
    if (pool->used == RG_LANES) {
        biased_planes(stream, coin, RG_LANES, pool->words);
        pool->used = 0;
    }
    return pool->words[pool->used++];
}

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

/* The flood fill in progress. */
typedef struct {
    rg_wolff_t *wolff;
    rg_stream_t *stream;
    uint64_t opposite; /* all ones when the cluster is down */
    size_t n_stack;
    size_t n_touched;
} flood_t;

INLINE uint64_t alike(const flood_t *flood, size_t i)
{
    return flood->wolff->spins[i] ^ flood->opposite;
}

/* The word with this cluster's bonds drawn. */
INLINE rg_wolff_word_t *touch(flood_t *flood, size_t i)
{
    rg_wolff_t *wolff = flood->wolff;
    rg_wolff_word_t *word = &wolff->words[i];
    if (!word->drawn) {
        word->drawn = 1;
        wolff->touched[flood->n_touched++] = (uint32_t)i;
        for (size_t axis = 0; axis < wolff->strips->ndim; axis++) {
            word->bonds[axis] = pool_coin_word(&wolff->bond_words, flood->stream, &wolff->bond);
        }
    }
    return word;
}

/* Sites reached in word i; those already in the cluster are left out. */
INLINE void reach(flood_t *flood, size_t i, uint64_t sites)
{
    rg_wolff_word_t *word = &flood->wolff->words[i];
    sites &= alike(flood, i) & ~word->grown;
    if (sites != 0) {
        if (word->pending == 0) {
            flood->wolff->stack[flood->n_stack++] = (uint32_t)i;
        }
        word->pending |= sites;
    }
}

/* Over the bonds of `axis` to the word before: `open` sites there have theirs to this word. */
INLINE void reach_back(flood_t *flood, size_t before, size_t axis, uint64_t open)
{
    if (open & alike(flood, before) & ~flood->wolff->words[before].grown) {
        reach(flood, before, open & touch(flood, before)->bonds[axis]);
    }
}

/* Grow from the pending sites of one word; returns the number of new sites. */
INLINE uint64_t grow(flood_t *flood, size_t i)
{
    const rg_wolff_t *wolff = flood->wolff;
    const rg_around_t *around = &wolff->around[i];
    rg_wolff_word_t *word = touch(flood, i);
    uint64_t last = UINT64_C(1) << around->last_column;
    uint64_t same = alike(flood, i) & (last | (last - 1));
    uint64_t joined = word->bonds[0] & same & (same >> 1) & ~last;
    uint64_t grown = fill_down(selected_ends(~joined, word->pending), joined) & ~word->grown;
    word->grown |= grown;
    word->pending = 0;
    if (grown & word->bonds[0] & last) {
        reach(flood, around->after[0], 1);
    }
    if (grown & 1) {
        reach_back(flood, around->before[0], 0, UINT64_C(1) << around->last_column_before);
    }
    for (size_t axis = 1; axis < wolff->strips->ndim; axis++) {
        reach(flood, around->after[axis], grown & word->bonds[axis]);
        reach_back(flood, around->before[axis], axis, grown);
    }
    return count_bits(grown);
}

/* Whether the ghost holds a site of the cluster. */
INLINE bool is_held(flood_t *flood)
{
    rg_wolff_t *wolff = flood->wolff;
    uint64_t held = 0;
    for (size_t k = 0; wolff->has_field && k < flood->n_touched; k++) {
        size_t i = wolff->touched[k];
        uint64_t grown = wolff->words[i].grown;
        if (grown != 0) {
            uint64_t up = wolff->spins[i] ^ wolff->strips->sublattice[wolff->around[i].parity];
            held |= pool_coin_word(&wolff->ghost_words, flood->stream, &wolff->ghost) & grown &
                    (wolff->field_up ? up : ~up);
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
    flood_t flood = {wolff, stream, wolff->spins[i] & bit ? 0 : UINT64_MAX, 0, 0};
    size_t size = 0;
    for (reach(&flood, i, bit); flood.n_stack > 0;) {
        size += grow(&flood, wolff->stack[--flood.n_stack]);
    }
    uint64_t flip = is_held(&flood) ? 0 : UINT64_MAX;
    for (size_t k = 0; k < flood.n_touched; k++) {
        rg_wolff_word_t *word = &wolff->words[wolff->touched[k]];
        wolff->spins[wolff->touched[k]] ^= word->grown & flip;
        word->grown = 0;
        word->drawn = 0;
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
        for (place_t at = {0, 0, 0}; at.row < strips->n_rows; next_place(strips, &at)) {
            size_t row = at.row;
            uint64_t right = (here[row] >> 1) | (next[row] << columns.last_column);
            differ += count_bits((here[row] ^ right) & columns.valid);
            for (size_t axis = 1; axis < strips->ndim; axis++) {
                differ += count_bits(here[row] ^ here[row_after(strips, at, axis)]);
            }
            size_t parity = (at.y + at.plane) % 2;
            up += count_bits((here[row] ^ strips->sublattice[parity]) & columns.valid);
        }
    }
    int64_t n_bonds = (int64_t)(strips->n_sites * strips->ndim);
    int64_t sum = n_bonds - 2 * (int64_t)differ;
    *bonds = strips->sublattice[0] != 0 ? -sum : sum;
    *magnetization = 2 * (int64_t)up - (int64_t)strips->n_sites;
}
