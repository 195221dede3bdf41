/* rg_k_ising_tpl.h: heat-bath update of one group of sites, 512 replicas at once.
 *
 * Z uniform makes U = t xor Z uniform for any threshold t, so U and t first differ at the first
 * set bit of Z, and U < t iff t has a 1 there: the position does not depend on the class. Each
 * site takes 7 planes without a branch; the few replicas still undecided in any site of the
 * group then share further planes, every bit position serving one site per round. */

typedef struct {
    vu64 undecided[RG_GROUP_SITES][RG_K_PARTS];
    vu64 bit0[RG_GROUP_SITES][RG_K_PARTS]; /* number of up neighbours, in binary */
    vu64 bit1[RG_GROUP_SITES][RG_K_PARTS];
    vu64 bit2[RG_GROUP_SITES][RG_K_PARTS];
} group_work_t;

typedef struct {
    vu64 bit0, bit1, bit2;
} count_t;

INLINE vu64 load_word(const rg_ising_group_t *g, uint32_t site, size_t part)
{
    return *(const vu64 *)&g->spins[(size_t)site * RG_LANES + part * PART_LANES];
}

/* Add the bits of one axis' two neighbours to a count of at most 4. */
INLINE void add_pair(const rg_ising_group_t *g, const uint32_t *pair, size_t part, count_t *n)
{
    vu64 a = load_word(g, pair[0], part);
    vu64 b = load_word(g, pair[1], part);
    vu64 sum = a ^ b;
    vu64 carry0 = n->bit0 & sum;
    vu64 carry1 = a & b;
    vu64 old = n->bit1;
    n->bit0 ^= sum;
    n->bit1 = old ^ carry1 ^ carry0;
    n->bit2 ^= (old & carry1) | (old & carry0) | (carry1 & carry0);
}

/* Number of up neighbours, 0 .. 2 ndim, in binary. */
INLINE count_t count_up(const rg_ising_group_t *g, uint32_t site, size_t part, size_t ndim)
{
    const uint32_t *neighbours = &g->neighbours[2 * ndim * site];
    count_t n = {{0}, {0}, {0}};
    for (size_t axis = 0; axis < ndim; axis++) {
        add_pair(g, &neighbours[2 * axis], part, &n);
    }
    return n;
}

INLINE vu64 select(vu64 mask, vu64 if_set, vu64 if_clear)
{
    return if_clear ^ (mask & (if_set ^ if_clear));
}

#define TOGGLE(k, j) v##j ^= undecided & heatbath->toggle[k][j];
#define PLANE(k)                     \
    undecided &= ~next_part(stream); \
    TOGGLE(k, 0)                     \
    TOGGLE(k, 1)                     \
    TOGGLE(k, 2)                     \
    if (ndim >= 2) {                 \
        TOGGLE(k, 3)                 \
        TOGGLE(k, 4)                 \
    }                                \
    if (ndim >= 3) {                 \
        TOGGLE(k, 5)                 \
        TOGGLE(k, 6)                 \
    }
#define START(j) vu64 v##j = (vu64){0} | heatbath->start[j];

_Static_assert(RG_GROUP_PLANES == 7, "first_planes below spells the planes out");

/* The first 7 planes of one site: the new spins, right where nothing is undecided. */
INLINE vu64 first_planes(const rg_heatbath_t *heatbath, part_stream_t *stream, count_t n,
                         size_t ndim, vu64 *left)
{
    vu64 undecided = ~(vu64){0};
    /* clang-format off */
    START(0) START(1) START(2) START(3) START(4) START(5) START(6)
    PLANE(0) PLANE(1) PLANE(2) PLANE(3) PLANE(4) PLANE(5) PLANE(6)
            /* clang-format on */
            *left = undecided;
    vu64 low = select(n.bit1, select(n.bit0, v3, v2), select(n.bit0, v1, v0));
    if (ndim == 1) {
        return select(n.bit1, v2, select(n.bit0, v1, v0));
    }
    vu64 high = ndim == 2 ? v4 : select(n.bit1, v6, select(n.bit0, v5, v4));
    return select(n.bit2, high, low);
}

#undef TOGGLE
#undef PLANE
#undef START

INLINE bool any_bit(const vu64 *words)
{
    uint64_t any = 0;
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        for (size_t lane = 0; lane < PART_LANES; lane++) {
            any |= words[part][lane];
        }
    }
    return any != 0;
}

/* Toggle mask of the undecided bits at plane k, given their classes. */
INLINE vu64 toggle_of(const uint64_t *toggle, vu64 bit0, vu64 bit1, vu64 bit2, size_t ndim)
{
    vu64 zero = (vu64){0};
    vu64 two = zero | toggle[2];
    vu64 three = zero | toggle[3]; /* never selected in one dimension */
    vu64 low =
        select(bit1, select(bit0, three, two), select(bit0, zero | toggle[1], zero | toggle[0]));
    if (ndim == 1) {
        return low;
    }
    vu64 high = zero | toggle[4];
    if (ndim == 3) {
        high = select(bit1, zero | toggle[6], select(bit0, zero | toggle[5], high));
    }
    return select(bit2, high, low);
}

/* One round of the shared tail over the `n_open` listed sites; returns how many stay open. */
INLINE size_t tail_round(const rg_ising_group_t *g, rg_stream_t *stream, group_work_t *work,
                         uint8_t *open, size_t n_open, size_t ndim)
{
    vu64 used[RG_K_PARTS];
    vu64 flip[RG_K_PARTS];
    vu64 bit0[RG_K_PARTS];
    vu64 bit1[RG_K_PARTS];
    vu64 bit2[RG_K_PARTS];
    vu64 left[RG_K_PARTS];
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        vu64 u = {0}, b0 = {0}, b1 = {0}, b2 = {0};
        for (size_t i = 0; i < n_open; i++) {
            vu64 take = work->undecided[open[i]][part] & ~u;
            u |= take;
            b0 |= take & work->bit0[open[i]][part];
            b1 |= take & work->bit1[open[i]][part];
            b2 |= take & work->bit2[open[i]][part];
        }
        used[part] = left[part] = u;
        bit0[part] = b0;
        bit1[part] = b1;
        bit2[part] = b2;
        flip[part] = (vu64){0};
    }
    for (size_t k = RG_GROUP_PLANES; k < 64 && any_bit(left); k++) {
        for (size_t part = 0; part < RG_K_PARTS; part++) {
            part_stream_t s = load_stream(stream, part);
            left[part] &= ~next_part(&s);
            store_stream(stream, part, &s);
            flip[part] ^= left[part] & toggle_of(g->heatbath->toggle[k], bit0[part], bit1[part],
                                                 bit2[part], ndim);
        }
    }
    size_t still = 0;
    for (size_t i = 0; i < n_open; i++) {
        size_t slot = open[i];
        vu64 *spin = (vu64 *)&g->spins[(size_t)g->sites[slot] * RG_LANES];
        for (size_t part = 0; part < RG_K_PARTS; part++) {
            vu64 take = work->undecided[slot][part] & used[part];
            used[part] ^= take;
            spin[part] ^= take & flip[part];
            work->undecided[slot][part] ^= take;
        }
        if (any_bit(work->undecided[slot])) {
            open[still++] = (uint8_t)slot;
        }
    }
    return still;
}

INLINE void group_of_dim(const rg_ising_group_t *g, rg_stream_t *stream, size_t ndim)
{
    group_work_t work;
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        part_stream_t s = load_stream(stream, part);
        for (size_t i = 0; i < g->n; i++) {
            count_t n = count_up(g, g->sites[i], part, ndim);
            vu64 spin = first_planes(g->heatbath, &s, n, ndim, &work.undecided[i][part]);
            *(vu64 *)&g->spins[(size_t)g->sites[i] * RG_LANES + part * PART_LANES] = spin;
            work.bit0[i][part] = n.bit0;
            work.bit1[i][part] = n.bit1;
            work.bit2[i][part] = n.bit2;
        }
        store_stream(stream, part, &s);
    }
    uint8_t open[RG_GROUP_SITES];
    size_t n_open = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (any_bit(work.undecided[i])) {
            open[n_open++] = (uint8_t)i;
        }
    }
    while (n_open > 0) {
        n_open = tail_round(g, stream, &work, open, n_open, ndim);
    }
}

FN void ising_group_1d(const rg_ising_group_t *g, rg_stream_t *stream)
{
    group_of_dim(g, stream, 1);
}

FN void ising_group_2d(const rg_ising_group_t *g, rg_stream_t *stream)
{
    group_of_dim(g, stream, 2);
}

FN void ising_group_3d(const rg_ising_group_t *g, rg_stream_t *stream)
{
    group_of_dim(g, stream, 3);
}

FN void ising_group(const rg_ising_group_t *g, rg_stream_t *stream)
{
    if (g->ndim == 1) {
        ising_group_1d(g, stream);
    } else if (g->ndim == 2) {
        ising_group_2d(g, stream);
    } else {
        ising_group_3d(g, stream);
    }
}
