/* rg_k_perfect_tpl.h: heat bath of a pair of chains with one uniform (rg_perfect.h).
 *
 * U is compared with each chain's own threshold, so U itself, not U xor t, comes from the planes,
 * and a site always takes 12 of them: whatever the chains did before, the next site finds the
 * stream at the same place. */

typedef struct {
    slot_t n; /* number of up neighbours */
    vu64 below;
    vu64 left;
} bounded_t;

typedef struct {
    _Alignas(64) uint64_t below[PART_LANES];
    _Alignas(64) uint64_t left[PART_LANES];
    _Alignas(64) uint64_t bit[3][PART_LANES];
} bounded_work_t;

INLINE slot_t count_neighbours(const uint64_t *spins, const uint32_t *neighbours, size_t part,
                               size_t ndim)
{
    slot_t n = {{0}, {0}, {0}, {0}};
    for (size_t i = 0; i < 2 * ndim; i++) {
        size_t at = (size_t)neighbours[i] * RG_LANES + part * PART_LANES;
        slot_add(&n, *(const vu64 *)&spins[at], 0);
    }
    return n;
}

/* Bit of the threshold of each replica's class. */
INLINE vu64 threshold_bit(const uint64_t *bit, slot_t n, size_t ndim)
{
    vu64 zero = {0};
    vu64 low = choose(n.b0, zero | bit[1], zero | bit[0]);
    if (ndim == 1) {
        return choose(n.b1, zero | bit[2], low);
    }
    low = choose(n.b1, choose(n.b0, zero | bit[3], zero | bit[2]), low);
    vu64 high = zero | bit[4];
    if (ndim == 3) {
        high = choose(n.b1, zero | bit[6], choose(n.b0, zero | bit[5], high));
    }
    return choose(n.b2, high, low);
}

INLINE void compare_plane(bounded_t *chain, const uint64_t *bit, vu64 plane, size_t ndim)
{
    vu64 t = threshold_bit(bit, chain->n, ndim);
    vu64 differ = t ^ plane;
    chain->below |= chain->left & differ & t;
    chain->left &= ~differ;
}

/* Decide what the planes left over with words hashed from site and replica. */
FN __attribute__((noinline)) void bounded_rest(const rg_perfect_group_t *g, uint32_t site,
                                               size_t part, bounded_work_t *work)
{
    for (size_t lane = 0; lane < PART_LANES; lane++) {
        for (uint64_t left = work->left[lane]; left != 0; left &= left - 1) {
            int r = __builtin_ctzll(left);
            size_t j = 0;
            for (size_t b = 0; b < 3; b++) {
                j |= (size_t)((work->bit[b][lane] >> r) & 1) << b;
            }
            size_t replica = 64 * (part * PART_LANES + lane) + (size_t)r;
            uint64_t u = rg_perfect_word(g->words, site, replica) >> RG_PERFECT_PLANES;
            uint64_t t = g->table->threshold[j] & (UINT64_MAX >> RG_PERFECT_PLANES);
            uint64_t below = (u < t) | (g->table->certain[j] & 1);
            work->below[lane] |= below << r;
        }
    }
}

INLINE void bounded_store(const rg_perfect_group_t *g, uint64_t *spins, uint32_t site, size_t part,
                          const bounded_t *chain)
{
    vu64 *word = (vu64 *)&spins[(size_t)site * RG_LANES + part * PART_LANES];
    vu64 below = chain->below;
    uint64_t open = 0;
    for (size_t lane = 0; lane < PART_LANES; lane++) {
        open |= chain->left[lane];
    }
    if (open != 0) {
        bounded_work_t work;
        *(vu64 *)work.below = below;
        *(vu64 *)work.left = chain->left;
        *(vu64 *)work.bit[0] = chain->n.b0;
        *(vu64 *)work.bit[1] = chain->n.b1;
        *(vu64 *)work.bit[2] = chain->n.b2;
        bounded_rest(g, site, part, &work);
        below = *(const vu64 *)work.below;
    }
    *word = below;
}

INLINE void perfect_of_dim(const rg_perfect_group_t *g, rg_stream_t *stream, size_t ndim)
{
    const rg_perfect_table_t *table = g->table;
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        part_stream_t s = load_stream(stream, part);
        for (size_t i = 0; i < g->n; i++) {
            uint32_t site = g->sites[i];
            const uint32_t *neighbours = &g->neighbours[2 * ndim * site];
            bounded_t upper = {.left = ~(vu64){0}};
            bounded_t lower = {.left = ~(vu64){0}};
            upper.n = count_neighbours(g->upper, neighbours, part, ndim);
            if (g->lower != NULL) {
                lower.n = count_neighbours(g->lower, neighbours, part, ndim);
                for (size_t k = 0; k < RG_PERFECT_PLANES; k++) {
                    vu64 plane = next_part(&s);
                    compare_plane(&upper, table->bit[k], plane, ndim);
                    compare_plane(&lower, table->bit[k], plane, ndim);
                }
                bounded_store(g, g->lower, site, part, &lower);
            } else {
                for (size_t k = 0; k < RG_PERFECT_PLANES; k++) {
                    compare_plane(&upper, table->bit[k], next_part(&s), ndim);
                }
            }
            bounded_store(g, g->upper, site, part, &upper);
        }
        store_stream(stream, part, &s);
    }
}

FN void perfect_group(const rg_perfect_group_t *g, rg_stream_t *stream)
{
    if (g->ndim == 1) {
        perfect_of_dim(g, stream, 1);
    } else if (g->ndim == 2) {
        perfect_of_dim(g, stream, 2);
    } else {
        perfect_of_dim(g, stream, 3);
    }
}
