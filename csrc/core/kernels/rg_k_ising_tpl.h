/* rg_k_ising_tpl.h: local updates of groups of sites, 512 replicas at once, and their sums.
 *
 * Z uniform makes U = t xor Z uniform for any threshold t, so U and t first differ at the first
 * set bit of Z, and U < t iff t has a 1 there: the position does not depend on the class. Each
 * site takes 7 planes without a branch. What is still undecided then shares planes: in round r
 * the r-th undecided site of each replica, in the order of the group, takes the replica's bits, and
 * a round draws planes until all its replicas have met a 1. */

typedef struct {
    vu64 lo, mid, hi; /* number of up neighbours, in binary */
} count_t;

/* A round of the tail: which replicas have an undecided site in it, and that site's class. */
typedef struct {
    vu64 left[RG_K_PARTS];
    vu64 lo[RG_K_PARTS];
    vu64 mid[RG_K_PARTS];
    vu64 hi[RG_K_PARTS];
} round_t;

typedef struct {
    vu64 take[RG_GROUP_SITES][RG_K_PARTS]; /* undecided, served in this round */
    vu64 rest[RG_GROUP_SITES][RG_K_PARTS]; /* undecided, served later */
    vu64 lo[RG_GROUP_SITES][RG_K_PARTS];
    vu64 mid[RG_GROUP_SITES][RG_K_PARTS];
    vu64 hi[RG_GROUP_SITES][RG_K_PARTS];
} group_work_t;

typedef void (*update_fn)(const rg_ising_pass_t *, rg_stream_t *);

/* What is fixed at compile time. */
typedef struct {
    size_t ndim;
    bool symmetric;
    bool metropolis;
} form_t;

INLINE vu64 *site_part(const uint64_t *spins, uint32_t site, size_t part)
{
    return (vu64 *)(uintptr_t)&spins[(size_t)site * RG_LANES + part * PART_LANES];
}

INLINE vu64 constant(const uint64_t *word)
{
    return (vu64){0} | *word;
}

/* Number of up neighbours, 0 .. 2 ndim. */
INLINE count_t count_up(const uint64_t *spins, const uint32_t *n, size_t part, size_t ndim)
{
    vu64 a = *site_part(spins, n[0], part);
    vu64 b = *site_part(spins, n[1], part);
    if (ndim == 1) {
        return (count_t){a ^ b, a & b, (vu64){0}};
    }
    vu64 c = *site_part(spins, n[2], part);
    vu64 d = *site_part(spins, n[3], part);
    vu64 sum = xor3(a, b, c);
    vu64 carry = majority(a, b, c);
    if (ndim == 2) {
        vu64 over = sum & d;
        return (count_t){sum ^ d, carry ^ over, carry & over};
    }
    vu64 e = *site_part(spins, n[4], part);
    vu64 f = *site_part(spins, n[5], part);
    vu64 sum2 = xor3(d, e, f);
    vu64 carry2 = majority(d, e, f);
    vu64 over = sum & sum2;
    return (count_t){sum ^ sum2, xor3(carry, carry2, over), majority(carry, carry2, over)};
}

/* One of seven values by the count. */
INLINE vu64 by_count(count_t n, size_t ndim, vu64 v0, vu64 v1, vu64 v2, vu64 v3, vu64 v4, vu64 v5,
                     vu64 v6)
{
    if (ndim == 1) {
        return choose(n.mid, v2, choose(n.lo, v1, v0));
    }
    vu64 low = choose(n.mid, choose(n.lo, v3, v2), choose(n.lo, v1, v0));
    vu64 high = ndim == 2 ? v4 : choose(n.mid, v6, choose(n.lo, v5, v4));
    return choose(n.hi, high, low);
}

/* The same where class 2 ndim - j equals class j: `equal` for j = ndim, then one, two, three more.
 */
INLINE vu64 by_distance(count_t n, size_t ndim, vu64 equal, vu64 one, vu64 two, vu64 three)
{
    if (ndim == 1) {
        return choose(n.lo, equal, one);
    }
    if (ndim == 2) {
        return choose(n.lo, one, choose(n.mid, equal, two));
    }
    return choose(n.lo, choose(n.mid, equal, two), choose(n.mid ^ n.hi, one, three));
}

/* Are more than half of the neighbours up? */
INLINE vu64 most_up(count_t n, size_t ndim)
{
    return ndim == 1 ? n.mid : ndim == 2 ? or_and(n.hi, n.mid, n.lo) : n.hi;
}

/* At h = 0 classes 0 .. ndim follow from those above. */
INLINE bool is_drawn(form_t form, size_t j)
{
    return j <= 2 * form.ndim && (!form.symmetric || j > form.ndim);
}

#define START(j) vu64 v##j = is_drawn(form, j) ? constant(&table->start[j]) : (vu64){0};
#define TOGGLE(k, j)                                                            \
    if (is_drawn(form, j)) {                                                    \
        v##j = xor_and(v##j, undecided, *(const vu64 *)&table->first[k][j][0]); \
    }
#define TOGGLES(k) \
    TOGGLE(k, 0) TOGGLE(k, 1) TOGGLE(k, 2) TOGGLE(k, 3) TOGGLE(k, 4) TOGGLE(k, 5) TOGGLE(k, 6)
#define PLANE(k)                     \
    undecided &= ~next_part(stream); \
    TOGGLES(k)

_Static_assert(RG_GROUP_PLANES == 7, "first_planes below spells the planes out");

/* The first 7 planes of one site: the new spins, right where nothing is left undecided. */
INLINE vu64 first_planes(const rg_ising_table_t *table, part_stream_t *stream, count_t n, vu64 old,
                         form_t form, vu64 *left)
{
    START(0) START(1) START(2) START(3) START(4) START(5) START(6) vu64 first = next_part(stream);
    vu64 undecided = ~first;
    TOGGLES(0)
    PLANE(1) PLANE(2) PLANE(3) PLANE(4) PLANE(5) PLANE(6) vu64 bit, up;
    if (form.symmetric) {
        vu64 above = most_up(n, form.ndim);
        vu64 negative = constant(&table->negative);
        vu64 equal = negative;
        if (!form.metropolis) {
            equal = first ^ negative;
        }
        vu64 one = form.ndim == 1 ? v2 : form.ndim == 2 ? v3 : v4;
        vu64 two = form.ndim == 2 ? v4 : v5;
        bit = ~(by_distance(n, form.ndim, equal, one, two, v6) ^ above);
        up = above ^ negative;
    } else {
        const uint64_t *t = table->leans_up;
        bit = by_count(n, form.ndim, v0, v1, v2, v3, v4, v5, v6);
        up = by_count(n, form.ndim, constant(&t[0]), constant(&t[1]), constant(&t[2]),
                      constant(&t[3]), constant(&t[4]), constant(&t[5]), constant(&t[6]));
    }
    if (!form.metropolis) {
        *left = undecided;
        return bit;
    }
    *left = undecided & ~(old ^ up); /* a spin against the field turns whatever the bit */
    return majority(~old, bit, up);
}

#undef START
#undef TOGGLE
#undef TOGGLES
#undef PLANE

/* Draw a round's planes; its `left` becomes the spins to turn. */
INLINE void draw_round(const rg_ising_table_t *table, part_stream_t *streams, round_t *round,
                       form_t form)
{
    vu64 turn[RG_K_PARTS];
    memset(turn, 0, sizeof turn);
    for (size_t k = RG_GROUP_PLANES; k < 64 && any_bit(round->left); k++) {
        const uint64_t *t = table->toggle[k];
        for (size_t part = 0; part < RG_K_PARTS; part++) {
            count_t n = {round->lo[part], round->mid[part], round->hi[part]};
            vu64 toggle;
            if (form.symmetric) {
                size_t j = form.ndim;
                toggle = by_distance(n, j, constant(&t[j]), constant(&t[j + 1]),
                                     constant(&t[j + 2 <= 2 * j ? j + 2 : j]), constant(&t[2 * j]));
            } else {
                toggle =
                    by_count(n, form.ndim, constant(&t[0]), constant(&t[1]), constant(&t[2]),
                             constant(&t[3]), constant(&t[4]), constant(&t[5]), constant(&t[6]));
            }
            round->left[part] &= ~next_part(&streams[part]);
            turn[part] = xor_and(turn[part], round->left[part], toggle);
        }
    }
    memcpy(round->left, turn, sizeof turn);
}

/* Serve the first undecided site of each replica among the open ones: to `round`. */
INLINE void gather_round(group_work_t *work, const uint8_t *open, size_t n_open, round_t *round)
{
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        vu64 used = {0}, lo = {0}, mid = {0}, hi = {0};
        for (size_t i = 0; i < n_open; i++) {
            size_t slot = open[i];
            vu64 rest = work->rest[slot][part];
            vu64 take = rest & ~used;
            work->take[slot][part] = take;
            work->rest[slot][part] = rest & used;
            used |= rest;
            lo = or_and(lo, take, work->lo[slot][part]);
            mid = or_and(mid, take, work->mid[slot][part]);
            hi = or_and(hi, take, work->hi[slot][part]);
        }
        round->left[part] = used;
        round->lo[part] = lo;
        round->mid[part] = mid;
        round->hi[part] = hi;
    }
}

/* Turn the spins of a round; returns how many of the listed sites stay open. */
INLINE size_t finish_round(uint64_t *spins, const uint32_t *sites, const group_work_t *work,
                           const round_t *round, uint8_t *open, size_t n_open)
{
    size_t still = 0;
    for (size_t i = 0; i < n_open; i++) {
        uint8_t slot = open[i];
        for (size_t part = 0; part < RG_K_PARTS; part++) {
            vu64 *spin = site_part(spins, sites[slot], part);
            *spin = xor_and(*spin, work->take[slot][part], round->left[part]);
        }
        open[still] = slot;
        still += any_bit(work->rest[slot]);
    }
    return still;
}

/* Fetch the words of a site that comes up soon: its own and the one ahead along axis 0, the only
 * neighbour that the row (the plane) before did not use. */
INLINE void fetch_ahead(const rg_ising_pass_t *pass, uint32_t site, size_t ndim)
{
    uint32_t ahead = pass->lattice->neighbours[2 * ndim * site];
    __builtin_prefetch(&pass->spins[(size_t)site * RG_LANES]);
    __builtin_prefetch(&pass->spins[(size_t)ahead * RG_LANES]);
}

INLINE void update_group(const rg_ising_pass_t *pass, part_stream_t *streams, size_t group,
                         form_t form)
{
    const rg_lattice_t *lattice = pass->lattice;
    const uint32_t *sites = &lattice->sites[lattice->group_start[group]];
    size_t n_sites = lattice->group_start[group + 1] - lattice->group_start[group];
    group_work_t work;
    round_t round;
    uint8_t open[RG_GROUP_SITES];
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        part_stream_t stream = streams[part];
        vu64 used = {0}, lo = {0}, mid = {0}, hi = {0};
        for (size_t i = 0; i < n_sites; i++) {
            const uint32_t *neighbours = &lattice->neighbours[2 * form.ndim * sites[i]];
            if (part == 0) {
                fetch_ahead(pass, sites[i + RG_SITES_AHEAD], form.ndim);
            }
            count_t n = count_up(pass->spins, neighbours, part, form.ndim);
            vu64 *spin = site_part(pass->spins, sites[i], part);
            vu64 left;
            *spin = first_planes(pass->table, &stream, n, *spin, form, &left);
            vu64 take = left & ~used;
            work.take[i][part] = take;
            work.rest[i][part] = left & used;
            work.lo[i][part] = n.lo;
            work.mid[i][part] = n.mid;
            work.hi[i][part] = n.hi;
            used |= left;
            lo = or_and(lo, take, n.lo);
            mid = or_and(mid, take, n.mid);
            hi = or_and(hi, take, n.hi);
        }
        streams[part] = stream;
        round.left[part] = used;
        round.lo[part] = lo;
        round.mid[part] = mid;
        round.hi[part] = hi;
    }
    for (size_t i = 0; i < n_sites; i++) {
        open[i] = (uint8_t)i;
    }
    size_t n_open = n_sites;
    draw_round(pass->table, streams, &round, form);
    n_open = finish_round(pass->spins, sites, &work, &round, open, n_open);
    while (n_open > 0) {
        gather_round(&work, open, n_open, &round);
        draw_round(pass->table, streams, &round, form);
        n_open = finish_round(pass->spins, sites, &work, &round, open, n_open);
    }
}

INLINE void update_groups(const rg_ising_pass_t *pass, rg_stream_t *stream, form_t form)
{
    part_stream_t streams[RG_K_PARTS];
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        streams[part] = load_stream(stream, part);
    }
    for (size_t i = 0; i < pass->n_groups; i++) {
        update_group(pass, streams, pass->first_group + i, form);
    }
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        store_stream(stream, part, &streams[part]);
    }
}

#define UPDATE(ndim, symmetric, metropolis)                                                        \
    FN void update_##ndim##symmetric##metropolis(const rg_ising_pass_t *pass, rg_stream_t *stream) \
    {                                                                                              \
        update_groups(pass, stream, (form_t){ndim, symmetric != 0, metropolis != 0});              \
    }

UPDATE(1, 0, 0)
UPDATE(1, 0, 1)
UPDATE(1, 1, 0)
UPDATE(1, 1, 1)
UPDATE(2, 0, 0)
UPDATE(2, 0, 1)
UPDATE(2, 1, 0)
UPDATE(2, 1, 1)
UPDATE(3, 0, 0)
UPDATE(3, 0, 1)
UPDATE(3, 1, 0)
UPDATE(3, 1, 1)

#undef UPDATE

FN void ising_groups(const rg_ising_pass_t *pass, rg_stream_t *stream)
{
    static const update_fn update[] = {update_100, update_101, update_110, update_111,
                                       update_200, update_201, update_210, update_211,
                                       update_300, update_301, update_310, update_311};
    size_t dimension = pass->lattice->ndim - 1;
    update[4 * dimension + 2 * pass->table->symmetric + pass->table->metropolis](pass, stream);
}

/* ---- sums: vertical counters ---- */

enum { COUNTER_PLANES = 32, COUNTER_BATCH = 8 };

/* 512 (here PART_LANES x 64) counters, bit plane by bit plane. Planes come in batches of 8; what a
 * batch leaves over, of weight 8, waits in pending[3] for the next one, and so on upwards: bit k -
 * 3 of n_batches tells whether pending[k] holds a plane. */
typedef struct {
    vu64 total[COUNTER_PLANES];
    vu64 pending[COUNTER_PLANES];
    uint32_t n_batches;
} counter_t;

/* Full adder: *total, a, b of one weight to *total and a carry of twice it. */
INLINE vu64 full_add(vu64 *total, vu64 a, vu64 b)
{
    vu64 carry = majority(*total, a, b);
    *total = xor3(*total, a, b);
    return carry;
}

INLINE void counter_add(counter_t *c, const vu64 *planes)
{
    vu64 ones = c->total[0], twos = c->total[1];
    vu64 two0 = full_add(&ones, planes[0], planes[1]);
    vu64 two1 = full_add(&ones, planes[2], planes[3]);
    vu64 four0 = full_add(&twos, two0, two1);
    vu64 two2 = full_add(&ones, planes[4], planes[5]);
    vu64 two3 = full_add(&ones, planes[6], planes[7]);
    vu64 four1 = full_add(&twos, two2, two3);
    vu64 plane = full_add(&c->total[2], four0, four1);
    c->total[0] = ones;
    c->total[1] = twos;
    size_t k = 3;
    for (uint32_t m = c->n_batches++; m & 1; m >>= 1, k++) {
        plane = full_add(&c->total[k], c->pending[k], plane);
    }
    c->pending[k] = plane;
}

/* Move what is pending to the totals, and those to `planes`. */
INLINE void counter_close(counter_t *c, vu64 *planes)
{
    for (size_t k = 3; k < COUNTER_PLANES; k++) {
        if (!((c->n_batches >> (k - 3)) & 1)) {
            continue;
        }
        vu64 carry = c->pending[k];
        for (size_t i = k; i < COUNTER_PLANES; i++) {
            vu64 next = c->total[i] & carry;
            c->total[i] ^= carry;
            carry = next;
        }
    }
    memcpy(planes, c->total, sizeof c->total);
}

/* rg_bits_transpose64 of every lane. */
INLINE void transpose_lanes(vu64 a[64])
{
    uint64_t mask = UINT64_C(0x00000000ffffffff);
    for (size_t width = 32; width != 0; width >>= 1, mask ^= mask << width) {
        for (size_t k = 0; k < 64; k = ((k | width) + 1) & ~width) {
            vu64 t = ((a[k] >> width) ^ a[k | width]) & mask;
            a[k] ^= t << width;
            a[k | width] ^= t;
        }
    }
}

/* Add the spins of n <= 8 sites and the bonds ahead of them. */
INLINE void count_batch(const rg_lattice_t *lattice, const uint64_t *words, size_t part,
                        size_t first, size_t n, counter_t *unlike, counter_t *up)
{
    size_t ndim = lattice->ndim;
    vu64 spins[COUNTER_BATCH];
    vu64 bonds[COUNTER_BATCH];
    for (size_t i = 0; i < COUNTER_BATCH; i++) {
        spins[i] = (vu64){0};
        if (i < n) {
            spins[i] = *site_part(words, (uint32_t)(first + i), part);
        }
    }
    counter_add(up, spins);
    for (size_t axis = 0; axis < ndim; axis++) {
        const uint32_t *next = &lattice->neighbours[2 * (first * ndim + axis)];
        for (size_t i = 0; i < COUNTER_BATCH; i++) {
            bonds[i] = (vu64){0};
            if (i < n) {
                bonds[i] = spins[i] ^ *site_part(words, next[2 * ndim * i], part);
            }
        }
        counter_add(unlike, bonds);
    }
}

INLINE void counts_of_part(const rg_lattice_t *lattice, const uint64_t *words, size_t part,
                           vu64 planes[64])
{
    counter_t unlike;
    counter_t up;
    memset(&unlike, 0, sizeof unlike);
    memset(&up, 0, sizeof up);
    size_t n = lattice->n_sites;
    size_t whole = n / COUNTER_BATCH * COUNTER_BATCH;
    for (size_t first = 0; first < whole; first += COUNTER_BATCH) {
        count_batch(lattice, words, part, first, COUNTER_BATCH, &unlike, &up);
    }
    if (whole < n) {
        count_batch(lattice, words, part, whole, n - whole, &unlike, &up);
    }
    counter_close(&unlike, planes);
    counter_close(&up, planes + COUNTER_PLANES);
}

FN void ising_counts(const rg_lattice_t *lattice, const uint64_t *words,
                     uint64_t counts[RG_PLANE_BITS])
{
    vu64 planes[64];
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        counts_of_part(lattice, words, part, planes);
        transpose_lanes(planes);
        for (size_t r = 0; r < 64; r++) {
            for (size_t lane = 0; lane < PART_LANES; lane++) {
                counts[64 * (part * PART_LANES + lane) + r] = planes[r][lane];
            }
        }
    }
}
