/* test_temper.c: ladders of every kind: variants, teams and slices; memory. */
#include "harness.h"

#include "rg_dispatch.h"
#include "rg_temper.h"

enum { SITES = 6, LADDER = 3, BLOCKS = 2, DRAWS = 3, CHAINS = BLOCKS * RG_PLANE_BITS };

static const char *const VARIANTS[] = {"portable", "avx2", "avx512"};

typedef struct {
    _Alignas(RG_ALIGN) uint64_t words[BLOCKS * LADDER * SITES * RG_LANES];
    rg_stream_t streams[BLOCKS * 2 * LADDER];
    double bonds[LADDER * CHAINS * DRAWS];
    double up[LADDER * CHAINS * DRAWS];
    uint64_t accepted[BLOCKS * (LADDER - 1)];
    uint64_t round_trips[CHAINS * LADDER];
} state_t;

typedef struct {
    uint32_t sites[2 * SITES];
    uint64_t starts[SITES + 1];
    double values[SITES];
    double fields[SITES];
    rg_terms_t terms;
} ring_t;

static void make_ring(ring_t *ring, double K)
{
    memset(ring, 0, sizeof *ring);
    for (uint32_t i = 0; i < SITES; i++) {
        ring->sites[2 * i] = i;
        ring->sites[2 * i + 1] = (i + 1) % SITES;
        ring->starts[i + 1] = 2 * (uint64_t)(i + 1);
        ring->values[i] = K;
    }
    ring->terms = (rg_terms_t){SITES, SITES, ring->sites, ring->starts, ring->values, ring->fields};
}

static state_t *run(const char *variant, bool torus, size_t workers, size_t budget)
{
    static const uint64_t key[4] = {2, 7, 1, 8};
    static const double K[LADDER] = {0.3, 0.5, 0.8};
    static const rg_torus_t shape = {1, {SITES}};
    ring_t ring;
    rg_lattice_t lattice;
    rg_field_sums_t sums;
    rg_field_t fields[LADDER];
    rg_ising_rule_t rules[LADDER];
    CHECK(rg_dispatch_init(variant) == RG_OK);
    CHECK(rg_lattice_init(&lattice, &shape) == RG_OK);
    for (size_t k = 0; k < LADDER; k++) {
        make_ring(&ring, K[k]);
        CHECK(rg_ising_rule_init(&rules[k], 1, K[k], 0.0, RG_METHOD_HEATBATH) == RG_OK);
        CHECK(rg_field_init(&fields[k], &ring.terms, false) == RG_OK);
    }
    make_ring(&ring, 1.0);
    CHECK(rg_field_sums_init(&sums, &ring.terms) == RG_OK);
    state_t *state = rg_alloc(1, sizeof *state);
    for (size_t i = 0; i < BLOCKS * 2 * LADDER; i++) {
        rg_stream_init(&state->streams[i], key, RG_PURPOSE_TEMPER, i);
    }
    rg_temper_t job = {.n_K = LADDER,
                       .K = K,
                       .lattice = torus ? &lattice : NULL,
                       .rules = rules,
                       .fields = fields,
                       .sums = &sums,
                       .n_blocks = BLOCKS,
                       .words = state->words,
                       .streams = state->streams,
                       .first_step = 1,
                       .n_draws = DRAWS,
                       .thin = 5,
                       .workers = workers,
                       .bonds = state->bonds,
                       .up = state->up,
                       .accepted = state->accepted,
                       .round_trips = state->round_trips};
    for (long n = 0; n < 4; n++) {
        rg_test_fail_allocation_after(n);
        CHECK(rg_temper_init(&job) == RG_ERR_MEMORY);
        rg_temper_free(&job);
    }
    rg_test_fail_allocation_after(-1);
    CHECK(rg_temper_init(&job) == RG_OK);
    while (rg_temper_run(&job, budget) == RG_MORE) {
    }
    CHECK(rg_temper_done(&job) == 1.0);
    rg_temper_free(&job);
    for (size_t k = 0; k < LADDER; k++) {
        rg_field_free(&fields[k]);
    }
    rg_field_sums_free(&sums);
    rg_lattice_free(&lattice);
    return state;
}

static void variants_workers_and_budgets_agree(void)
{
    for (int torus = 0; torus < 2; torus++) {
        state_t *golden = run("portable", torus == 1, 1, 100);
        CHECK(golden->accepted[0] > 0 && golden->accepted[1] > 0);
        for (size_t v = 0; v < 3; v++) {
            if (rg_kernels_named(VARIANTS[v]) == NULL) {
                continue;
            }
            state_t *other = run(VARIANTS[v], torus == 1, 1 + 2 * v, 1 + v);
            CHECK(memcmp(golden, other, sizeof *golden) == 0);
            rg_free(other);
        }
        rg_free(golden);
    }
    CHECK(rg_dispatch_init(NULL) == RG_OK);
}

static void gains_are_always_taken(void)
{
    static const uint64_t key[4] = {0};
    rg_stream_t stream;
    double low[RG_PLANE_BITS];
    double high[RG_PLANE_BITS];
    uint64_t mask[RG_LANES];
    for (size_t r = 0; r < RG_PLANE_BITS; r++) {
        low[r] = 0.0;
        high[r] = 1e4;
    }
    rg_stream_init(&stream, key, RG_PURPOSE_TEMPER, 0);
    rg_temper_mask(0.2, 0.5, high, low, &stream, mask);
    CHECK(mask[0] == UINT64_MAX && mask[7] == UINT64_MAX);
    rg_temper_mask(0.2, 0.5, low, high, &stream, mask);
    CHECK(mask[0] == 0 && mask[7] == 0);
}

static const harness_test_t TESTS[] = {
    TEST(variants_workers_and_budgets_agree),
    TEST(gains_are_always_taken),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
