/* rg_k_field_tpl.h: local updates and sums of any list of terms, 512 replicas at once
 * (rg_field.h). */

/* Set where the term wants the site up, of one part of a site word. */
INLINE vu64 link_part(const rg_field_t *f, const uint64_t *spins, const rg_field_link_t *link,
                      size_t part)
{
    vu64 word = (vu64){0} | link->flip;
    const uint32_t *others = &f->others[link->first];
    for (uint32_t i = 0; i < link->n_others; i++) {
        word ^= *(const vu64 *)&spins[(size_t)others[i] * RG_LANES + part * PART_LANES];
    }
    return word;
}

typedef struct {
    vu64 b0, b1, b2, b3;
} slot_t;

/* Add a bit to the slot number, from bit `at` on. */
INLINE void slot_add(slot_t *slot, vu64 carry, size_t at)
{
    if (at <= 0) {
        vu64 next = slot->b0 & carry;
        slot->b0 ^= carry;
        carry = next;
    }
    if (at <= 1) {
        vu64 next = slot->b1 & carry;
        slot->b1 ^= carry;
        carry = next;
    }
    if (at <= 2) {
        vu64 next = slot->b2 & carry;
        slot->b2 ^= carry;
        carry = next;
    }
    slot->b3 ^= carry;
}

INLINE slot_t slot_of(const rg_field_t *f, const uint64_t *spins, const rg_field_site_t *site,
                      vu64 mirror, size_t part)
{
    const rg_field_link_t *link = &f->links[site->first];
    slot_t slot = {{0}, {0}, {0}, {0}};
    for (uint8_t i = 0; i < site->n_at[0]; i++) {
        slot_add(&slot, link_part(f, spins, link++, part) ^ mirror, 0);
    }
    for (uint8_t i = 0; i < site->n_at[1]; i++) {
        slot_add(&slot, link_part(f, spins, link++, part) ^ mirror, 1);
    }
    for (uint8_t i = 0; i < site->n_at[2]; i++) {
        slot_add(&slot, link_part(f, spins, link++, part) ^ mirror, 2);
    }
    for (uint8_t i = 0; i < site->n_at[3]; i++) {
        slot_add(&slot, link_part(f, spins, link++, part) ^ mirror, 3);
    }
    return slot;
}

#define EACH_SLOT(do_)                                                                            \
    do_(0) do_(1) do_(2) do_(3) do_(4) do_(5) do_(6) do_(7) do_(8) do_(9) do_(10) do_(11) do_(12) \
        do_(13) do_(14) do_(15)
#define START(j) vu64 v##j = (vu64){0} | (j < n ? table->start[j] : 0);
#define TOGGLE(j)                                \
    if (j < n) {                                 \
        v##j ^= undecided & table->toggle[k][j]; \
    }
#define PLANE(number)                    \
    {                                    \
        enum { k = number };             \
        undecided &= ~next_part(stream); \
        EACH_SLOT(TOGGLE)                \
    }
#define FOUR(a, b, c, d) choose(slot.b1, choose(slot.b0, d, c), choose(slot.b0, b, a))

_Static_assert(RG_FIELD_PLANES == 10 && RG_FIELD_SLOTS == 16, "slot_planes spells them out");

/* U < threshold by the first 10 planes of one part, n slots; right where nothing is left. */
INLINE vu64 slot_planes(const rg_field_table_t *table, part_stream_t *stream, slot_t slot, size_t n,
                        vu64 *left)
{
    vu64 undecided = ~(vu64){0};
    /* clang-format off */
    EACH_SLOT(START)
    PLANE(0) PLANE(1) PLANE(2) PLANE(3) PLANE(4)
    PLANE(5) PLANE(6) PLANE(7) PLANE(8) PLANE(9)
        /* clang-format on */
        *left = undecided;
    vu64 low = FOUR(v0, v1, v2, v3);
    if (n == 4) {
        return low;
    }
    if (n == 5) {
        return choose(slot.b2, v4, low);
    }
    low = choose(slot.b2, FOUR(v4, v5, v6, v7), low);
    if (n == 8) {
        return low;
    }
    vu64 high = choose(slot.b2, FOUR(v12, v13, v14, v15), FOUR(v8, v9, v10, v11));
    return choose(slot.b3, high, low);
}

#undef EACH_SLOT
#undef START
#undef TOGGLE
#undef PLANE
#undef FOUR

/* Words of further planes of a stream; what is left of the last plane is dropped. */
typedef struct {
    rg_stream_t *stream;
    size_t used;
    _Alignas(64) uint64_t plane[RG_LANES];
} spare_t;

FN uint64_t spare_word(spare_t *spare)
{
    if (spare->used == RG_LANES) {
        stream_planes(spare->stream, 1, spare->plane);
        spare->used = 0;
    }
    return spare->plane[spare->used++];
}

typedef struct {
    _Alignas(64) uint64_t below[RG_LANES]; /* U < threshold */
    _Alignas(64) uint64_t left[RG_LANES];  /* not decided */
    _Alignas(64) uint64_t bit[RG_FIELD_SLOT_BITS][RG_LANES];
} slot_work_t;

/* Decide what is left: one word for each replica, in order. The first set bit of Z = U xor t says
 * which bit of t decides; its first 10 bits are known to be clear. */
FN __attribute__((noinline)) void slot_rest(const rg_field_table_t *table, slot_work_t *work,
                                            rg_stream_t *stream)
{
    spare_t spare = {.stream = stream, .used = RG_LANES};
    for (size_t lane = 0; lane < RG_LANES; lane++) {
        for (uint64_t left = work->left[lane]; left != 0; left &= left - 1) {
            int r = __builtin_ctzll(left);
            size_t j = 0;
            for (size_t b = 0; b < RG_FIELD_SLOT_BITS; b++) {
                j |= (size_t)((work->bit[b][lane] >> r) & 1) << b;
            }
            uint64_t z = spare_word(&spare) >> RG_FIELD_PLANES;
            uint64_t below = table->certain[j] & 1;
            if (z != 0) {
                below = (table->threshold[j] >> (63 - __builtin_clzll(z))) & 1;
            }
            work->below[lane] = (work->below[lane] & ~(UINT64_C(1) << r)) | below << r;
        }
    }
}

INLINE void slot_site(const rg_field_run_t *run, const rg_field_site_t *site, uint64_t *own,
                      rg_stream_t *stream, size_t n)
{
    slot_work_t work;
    vu64 any = {0};
    bool metropolis = run->field->metropolis;
    const rg_field_table_t *table = &run->field->tables[site->table];
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        size_t lane = part * PART_LANES;
        part_stream_t s = load_stream(stream, part);
        vu64 mirror = {0};
        if (metropolis) {
            mirror = ~*(const vu64 *)&own[lane];
        }
        slot_t slot = slot_of(run->field, run->spins, site, mirror, part);
        vu64 left;
        *(vu64 *)&work.below[lane] = slot_planes(table, &s, slot, n, &left);
        *(vu64 *)&work.left[lane] = left;
        *(vu64 *)&work.bit[0][lane] = slot.b0;
        *(vu64 *)&work.bit[1][lane] = slot.b1;
        *(vu64 *)&work.bit[2][lane] = slot.b2;
        *(vu64 *)&work.bit[3][lane] = slot.b3;
        any |= left;
        store_stream(stream, part, &s);
    }
    uint64_t open = 0;
    for (size_t lane = 0; lane < PART_LANES; lane++) {
        open |= any[lane];
    }
    if (open != 0) {
        slot_rest(table, &work, stream);
    }
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        vu64 *word = (vu64 *)&own[part * PART_LANES];
        vu64 below = *(const vu64 *)&work.below[part * PART_LANES];
        if (metropolis) {
            *word ^= below;
        } else {
            *word = below;
        }
    }
}

/* ---- a site in lanes ----
 *
 * Lane e of vector c of word w (16 lanes, 4 vectors) is replica 64 w + 32 (e % 2) + 8 c + e / 2:
 * one 64-bit word, repeated, then holds the bit of every lane at a fixed place. */

typedef struct {
    _Alignas(64) uint64_t planes[RG_FIELD_UNIFORM_PLANES * RG_LANES];
    uint64_t up[RG_LANES];   /* the new spin, or "flip" of Metropolis */
    uint64_t near[RG_LANES]; /* too near to call */
    uint64_t down[RG_LANES]; /* the field points down */
} lane_work_t;

INLINE vi32 lane_bits(size_t part)
{
    enum { WIDTH = RG_K_BYTES / 4 };
    vi32 bits;
    for (size_t i = 0; i < WIDTH; i++) {
        bits[i] = 1 << ((part * WIDTH + i) / 2);
    }
    return bits;
}

INLINE vi32 repeat(uint64_t word)
{
    return (vi32)((vu64){0} + word);
}

/* One vector of replicas: whether U is below the probability, whether that is near, whether the
 * field points down; own: all ones where the spin is up (Metropolis). */
INLINE vi32 lane_decide(const rg_field_site_t *site, bool metropolis, vi32 sum, vi32 own,
                        const uint64_t *plane, vi32 *near, vi32 *down)
{
    const vi32 top = (vi32)(-(vf32){0});
    vf32 u = uniform_f32(plane);
    vf32 x = __builtin_convertvector(sum, vf32) * site->unit;
    vf32 one = (vf32){0} + 1.0f;
    vf32 distance;
    if (metropolis) {
        vf32 against = (vf32)((vi32)x ^ (~own & top)); /* s f: the cost of a flip, halved */
        vi32 costs = against > 0.0f;
        vf32 cost = (vf32)((vi32)against & costs);
        distance = u - exp_minus_f32(cost + cost);
        *down = x < 0.0f;
    } else {
        vf32 size = (vf32)((vi32)x & ~top);
        distance = (u + u * exp_minus_f32(size + size)) - one;
        *down = x < 0.0f;
    }
    *near = (vf32)((vi32)distance & ~top) < (vf32){0} + site->margin;
    vi32 below = distance < 0.0f;
    if (!metropolis) {
        below ^= *down;
    }
    return below;
}

INLINE uint64_t join_lanes(vi32 bits)
{
    vu64 pairs = (vu64)bits;
    uint64_t word = 0;
    for (size_t lane = 0; lane < PART_LANES; lane++) {
        word |= pairs[lane];
    }
    return word;
}

#define SUM(c) vi32 sum##c = (vi32){0} + site->base, bit##c = lane_bits(part) << (8 * c);
#define ADD(c) sum##c += ((q & bit##c) != 0) & step;
#define DECIDE(c)                                                                                  \
    {                                                                                              \
        const uint64_t *plane = &work->planes[(4 * w + c) * RG_LANES + part * PART_LANES];         \
        vi32 near, down;                                                                           \
        vi32 up = lane_decide(site, metropolis, sum##c, (own & bit##c) != 0, plane, &near, &down); \
        ups |= up & bit##c;                                                                        \
        nears |= near & bit##c;                                                                    \
        downs |= down & bit##c;                                                                    \
    }

/* The 64 replicas of word w: bits of the float32 decision. */
INLINE void lane_word(const rg_field_run_t *run, const rg_field_site_t *site, uint64_t spin,
                      lane_work_t *work, size_t w, bool metropolis)
{
    const rg_field_link_t *links = &run->field->links[site->first];
    vi32 own = repeat(spin);
    vi32 ups = {0}, nears = {0}, downs = {0};
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        /* clang-format off */
        SUM(0) SUM(1) SUM(2) SUM(3)
        for (uint32_t i = 0; i < site->n_links; i++) {
            vi32 q = repeat(run->scratch[i * RG_LANES + w]);
            vi32 step = (vi32){0} + links[i].step;
            ADD(0) ADD(1) ADD(2) ADD(3)
        }
        DECIDE(0) DECIDE(1) DECIDE(2) DECIDE(3)
        /* clang-format on */
    }
    work->up[w] = join_lanes(ups);
    work->near[w] = join_lanes(nears);
    work->down[w] = join_lanes(downs);
}

#undef SUM
#undef ADD
#undef DECIDE

/* Decide a near replica again: its field in float64, its uniform to 64 bits. */
FN bool lane_again(const rg_field_run_t *run, const rg_field_site_t *site, const lane_work_t *work,
                   size_t w, size_t r, bool own_up, uint64_t word)
{
    const rg_field_link_t *links = &run->field->links[site->first];
    double field = site->h;
    for (uint32_t i = 0; i < site->n_links; i++) {
        bool with = (run->scratch[i * RG_LANES + w] >> r) & 1;
        field += with ? links[i].size : -links[i].size;
    }
    size_t plane = 4 * w + (r % 32) / 8;
    size_t lane = 2 * (r % 8) + r / 32;
    uint64_t pair = work->planes[plane * RG_LANES + lane / 2];
    uint64_t head = (uint32_t)(lane % 2 == 1 ? pair >> 32 : pair) >> 9;
    uint64_t u = head << 41 | word >> 23;
    bool down = (work->down[w] >> r) & 1;
    double p = 1.0;
    if (run->field->metropolis) {
        double cost = own_up ? field : -field;
        p = cost > 0.0 ? rg_exp(-2.0 * cost) : 1.0;
    } else {
        p = 1.0 / (1.0 + rg_exp(-2.0 * (down ? -field : field)));
    }
    bool certain = false;
    bool below = u < rg_threshold64(p, &certain) || certain;
    return run->field->metropolis ? below : below != down;
}

FN void lane_site(const rg_field_run_t *run, const rg_field_site_t *site, uint64_t *own,
                  rg_stream_t *stream)
{
    lane_work_t work;
    const rg_field_link_t *links = &run->field->links[site->first];
    for (uint32_t i = 0; i < site->n_links; i++) {
        for (size_t part = 0; part < RG_K_PARTS; part++) {
            *(vu64 *)&run->scratch[i * RG_LANES + part * PART_LANES] =
                link_part(run->field, run->spins, &links[i], part);
        }
    }
    stream_planes(stream, RG_FIELD_UNIFORM_PLANES, work.planes);
    for (size_t w = 0; w < RG_LANES; w++) {
        if (run->field->metropolis) {
            lane_word(run, site, own[w], &work, w, true);
        } else {
            lane_word(run, site, own[w], &work, w, false);
        }
    }
    spare_t spare = {.stream = stream, .used = RG_LANES};
    for (size_t w = 0; w < RG_LANES; w++) {
        for (uint64_t near = work.near[w]; near != 0; near &= near - 1) {
            size_t r = (size_t)__builtin_ctzll(near);
            uint64_t up = lane_again(run, site, &work, w, r, (own[w] >> r) & 1, spare_word(&spare));
            work.up[w] = (work.up[w] & ~(UINT64_C(1) << r)) | up << r;
        }
        own[w] = run->field->metropolis ? own[w] ^ work.up[w] : work.up[w];
    }
}

FN void field_run(const rg_field_run_t *run, rg_stream_t *stream)
{
    for (size_t i = run->first; i < run->stop; i++) {
        const rg_field_site_t *site = &run->field->sites[i];
        uint64_t *own = &run->spins[i * RG_LANES];
        if (site->n_slots == 0) {
            lane_site(run, site, own, stream);
        } else if (site->n_slots == 4) {
            slot_site(run, site, own, stream, 4);
        } else if (site->n_slots == 5) {
            slot_site(run, site, own, stream, 5);
        } else if (site->n_slots == 8) {
            slot_site(run, site, own, stream, 8);
        } else {
            slot_site(run, site, own, stream, 16);
        }
    }
}

/* ---- sums ---- */

INLINE vu64 term_part(const rg_field_count_t *job, size_t term, size_t part)
{
    vu64 word = (vu64){0} | job->flips[term];
    for (size_t i = job->starts[term]; i < job->starts[term + 1]; i++) {
        word ^= *(const vu64 *)&job->spins[(size_t)job->sites[i] * RG_LANES + part * PART_LANES];
    }
    return word;
}

/* counts[r] = number of set terms of replica r; fewer than 2^32 terms. */
FN void field_count(const rg_field_count_t *job, uint64_t counts[RG_PLANE_BITS])
{
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        counter_t counter;
        memset(&counter, 0, sizeof counter);
        for (size_t first = job->first; first < job->stop; first += COUNTER_BATCH) {
            vu64 words[COUNTER_BATCH];
            for (size_t i = 0; i < COUNTER_BATCH; i++) {
                words[i] = (vu64){0};
                if (first + i < job->stop) {
                    words[i] = term_part(job, first + i, part);
                }
            }
            counter_add(&counter, words);
        }
        vu64 planes[64];
        memset(planes, 0, sizeof planes);
        counter_close(&counter, planes);
        transpose_lanes(planes);
        for (size_t r = 0; r < 64; r++) {
            for (size_t lane = 0; lane < PART_LANES; lane++) {
                counts[64 * (part * PART_LANES + lane) + r] = planes[r][lane];
            }
        }
    }
}

#define EACH(do_) do_(0) do_(1) do_(2) do_(3) do_(4) do_(5) do_(6) do_(7)
#define LOAD(c) vf64 sum##c = *(const vf64 *)&sums[c * PART_LANES];
#define ADD(c) sum##c += (vf64)(size ^ ((word << (63 - base - c * PART_LANES)) & sign));
#define STORE(c) *(vf64 *)&sums[c * PART_LANES] = sum##c;

/* All terms, for the 8 vectors of replicas from bit `base` of a lane on: their sums stay in
 * registers. A set bit adds. */
INLINE void add_vectors(const rg_field_count_t *job, const double *sizes, size_t lane, int base,
                        double *sums)
{
    const vu64 sign = (vu64){0} | UINT64_C(1) << 63;
    vu64 lanes;
    for (size_t i = 0; i < PART_LANES; i++) {
        lanes[i] = i;
    }
    EACH(LOAD)
    for (size_t term = job->first; term < job->stop; term++) {
        uint64_t bits = ~job->flips[term];
        for (size_t i = job->starts[term]; i < job->starts[term + 1]; i++) {
            bits ^= job->spins[(size_t)job->sites[i] * RG_LANES + lane];
        }
        vu64 word = ((vu64){0} | bits) >> lanes;
        vu64 size = (vu64)((vf64){0} + sizes[term]);
        EACH(ADD)
    }
    EACH(STORE)
}

#undef EACH
#undef LOAD
#undef ADD
#undef STORE

/* sums[r] += size or -= size of each term in turn. */
FN void field_add(const rg_field_count_t *job, const double *sizes, double *sums)
{
    for (size_t lane = 0; lane < RG_LANES; lane++) {
        double *of_lane = &sums[64 * lane];
        add_vectors(job, sizes, lane, 0, of_lane);
#if RG_K_BYTES < 64
        add_vectors(job, sizes, lane, RG_K_BYTES, of_lane + RG_K_BYTES);
#endif
#if RG_K_BYTES < 32
        add_vectors(job, sizes, lane, 32, of_lane + 32);
        add_vectors(job, sizes, lane, 48, of_lane + 48);
#endif
    }
}
