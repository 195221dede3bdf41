/* test_field.c: packed chains of any terms: every variant, cut and team size against portable. */
#include "harness.h"

#include <stdlib.h>

#include "rg_dispatch.h"
#include "rg_field.h"

enum { SITES = 22, BLOCKS = 3, DRAWS = 5, REPLICAS = BLOCKS * RG_PLANE_BITS };

static const char *const VARIANTS[] = {"portable", "avx2", "avx512"};

/* A ring of one size (planes, 3 slots), a hub with 20 couplings (lanes), triples, one zero term,
 * one-spin terms. */
typedef struct {
    uint32_t sites[200];
    uint64_t starts[100];
    double values[100];
    double fields[SITES];
    rg_terms_t terms;
} model_t;

static void add(model_t *m, double value, size_t order, uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t sites[3] = {a, b, c};
    uint64_t at = m->starts[m->terms.n_terms];
    for (size_t k = 0; k < order; k++) {
        m->sites[at + k] = sites[k];
    }
    m->values[m->terms.n_terms++] = value;
    m->starts[m->terms.n_terms] = at + order;
}

static void make_model(model_t *m)
{
    memset(m, 0, sizeof *m);
    for (uint32_t i = 1; i < SITES; i++) {
        add(m, i % 3 == 0 ? -0.5 : 0.5, 2, i, i % (SITES - 1) + 1, 0);
        add(m, 0.01 * i, 2, 0, i, 0);
    }
    add(m, 0.7, 3, 3, 9, 15);
    add(m, 0.0, 2, 1, 2, 0);
    add(m, -0.2, 1, 4, 0, 0);
    m->fields[7] = 0.3;
    m->terms.n_sites = SITES;
    m->terms.sites = m->sites;
    m->terms.starts = m->starts;
    m->terms.values = m->values;
    m->terms.fields = m->fields;
}

typedef struct {
    _Alignas(RG_ALIGN) uint64_t words[BLOCKS * SITES * RG_LANES];
    rg_stream_t streams[BLOCKS];
    double bonds[REPLICAS * DRAWS];
    double up[REPLICAS * DRAWS];
} state_t;

static state_t *run(const char *variant, int method, size_t workers, size_t budget)
{
    static const uint64_t key[4] = {3, 1, 4, 1};
    model_t model;
    make_model(&model);
    rg_field_t heatbath;
    rg_field_t metropolis;
    rg_field_sums_t sums;
    CHECK(rg_dispatch_init(variant) == RG_OK);
    CHECK(rg_field_init(&heatbath, &model.terms, false) == RG_OK);
    CHECK(rg_field_init(&metropolis, &model.terms, true) == RG_OK);
    CHECK(rg_field_sums_init(&sums, &model.terms) == RG_OK);
    CHECK(heatbath.sites[0].n_slots == 0);
    CHECK(heatbath.sites[1].n_slots == 8);
    state_t *state = rg_alloc(1, sizeof *state);
    rg_field_job_t job = {.heatbath = &heatbath,
                          .metropolis = &metropolis,
                          .sums = &sums,
                          .method = method,
                          .n_blocks = BLOCKS,
                          .words = state->words,
                          .streams = state->streams,
                          .first_sweep = 3,
                          .n_draws = DRAWS,
                          .thin = 2,
                          .workers = workers,
                          .bonds = state->bonds,
                          .up = state->up};
    for (size_t block = 0; block < BLOCKS; block++) {
        rg_stream_init(&state->streams[block], key, RG_PURPOSE_SIMULATE, block);
    }
    CHECK(rg_field_job_init(&job) == RG_OK);
    int ret = RG_MORE;
    while (ret == RG_MORE) {
        ret = rg_field_job_run(&job, budget);
    }
    CHECK(ret == RG_OK);
    CHECK(rg_field_job_done(&job) == 1.0);
    rg_field_job_free(&job);
    rg_field_sums_free(&sums);
    rg_field_free(&heatbath);
    rg_field_free(&metropolis);
    return state;
}

static void variants_workers_and_budgets_agree(void)
{
    for (int method = RG_METHOD_HEATBATH; method <= RG_METHOD_LOCAL; method++) {
        state_t *golden = run("portable", method, 1, 1000);
        for (size_t v = 0; v < 3; v++) {
            if (rg_kernels_named(VARIANTS[v]) == NULL) {
                continue;
            }
            state_t *other = run(VARIANTS[v], method, 1 + v, 1 + 5 * v);
            CHECK(memcmp(golden, other, sizeof *golden) == 0);
            rg_free(other);
        }
        rg_free(golden);
    }
    CHECK(rg_dispatch_init(NULL) == RG_OK);
}

static void memory_may_be_short(void)
{
    model_t model;
    make_model(&model);
    for (long n = 0; n < 4; n++) {
        rg_field_t field;
        rg_test_fail_allocation_after(n);
        CHECK(rg_field_init(&field, &model.terms, false) == RG_ERR_MEMORY);
        rg_field_free(&field);
    }
    for (long n = 0; n < 8; n++) {
        rg_field_sums_t sums;
        rg_test_fail_allocation_after(n);
        CHECK(rg_field_sums_init(&sums, &model.terms) == RG_ERR_MEMORY);
        rg_field_sums_free(&sums);
    }
    rg_test_fail_allocation_after(-1);
}

static void wrong_jobs_are_refused(void)
{
    model_t model;
    make_model(&model);
    rg_field_sums_t sums;
    rg_field_t field;
    CHECK(rg_field_sums_init(&sums, &model.terms) == RG_OK);
    rg_field_job_t job = {.sums = &sums, .method = RG_METHOD_LOCAL, .thin = 1, .workers = 1};
    CHECK(rg_field_job_init(&job) == RG_ERR_ARGUMENT);
    rg_field_job_free(&job);
    model.values[0] = 1e31;
    CHECK(rg_field_init(&field, &model.terms, true) == RG_ERR_ARGUMENT);
    rg_field_free(&field);
    rg_field_sums_free(&sums);
}

static const harness_test_t TESTS[] = {
    TEST(variants_workers_and_budgets_agree),
    TEST(memory_may_be_short),
    TEST(wrong_jobs_are_refused),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
