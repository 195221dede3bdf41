/* test_histogram.c: walks in energy: levels, teams and slices, memory, bad arguments. */
#include "harness.h"

#include "rg_histogram.h"

enum { SITES = 5, TERMS = 6, WALKERS = 3, MOST_LEVELS = 16 };

/* A ring of five in one coupling, and a term of three spins. */
static const uint32_t sites[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 0, 2, 4};
static const uint64_t starts[] = {0, 2, 4, 6, 8, 10, 13};
static const int32_t values[] = {1, -1, 1, 1, 1, -2};

typedef struct {
    int8_t spins[WALKERS * SITES];
    rg_stream_t streams[WALKERS];
    double log_g[WALKERS * MOST_LEVELS];
    uint64_t visits[WALKERS * MOST_LEVELS];
    uint64_t trips[WALKERS];
    uint64_t done[WALKERS];
} state_t;

static rg_walk_model_t make_model(size_t n_terms)
{
    rg_walk_model_t model = {
        .n_sites = SITES, .n_terms = n_terms, .sites = sites, .starts = starts, .values = values};
    CHECK(rg_walk_model_init(&model) == RG_OK);
    return model;
}

static rg_histogram_t make_job(const rg_walk_model_t *model, state_t *state, bool learn)
{
    return (rg_histogram_t){.model = model,
                            .n_walkers = WALKERS,
                            .spins = state->spins,
                            .streams = state->streams,
                            .learn = learn,
                            .log_g = state->log_g,
                            .visits = state->visits,
                            .attempts = 80000,
                            .log_f = 0.003,
                            .ends = {0, model->n_levels - 1},
                            .trips = state->trips,
                            .done = state->done,
                            .workers = 1};
}

static void finish(rg_histogram_t *job, size_t workers, size_t budget)
{
    job->workers = workers;
    CHECK(rg_histogram_init(job) == RG_OK);
    int ret = RG_MORE;
    while (ret == RG_MORE) {
        ret = rg_histogram_run(job, budget);
    }
    CHECK(ret == RG_OK);
    CHECK(rg_histogram_done(job) >= 1.0);
    rg_histogram_free(job);
}

static state_t *run(size_t n_terms, size_t workers, size_t budget)
{
    static const uint64_t key[4] = {1, 1, 2, 3};
    rg_walk_model_t model = make_model(n_terms);
    state_t *state = rg_alloc(1, sizeof *state);
    for (size_t w = 0; w < WALKERS; w++) {
        rg_stream_init(&state->streams[w], key, RG_PURPOSE_HISTOGRAM, w);
    }
    memset(state->spins, 1, sizeof state->spins);
    rg_histogram_t job = make_job(&model, state, true);
    finish(&job, workers, budget);
    memset(state->visits, 0, sizeof state->visits);
    job = make_job(&model, state, false);
    finish(&job, workers, budget);
    rg_walk_model_free(&model);
    return state;
}

static void levels_are_those_of_the_terms(void)
{
    rg_walk_model_t model = make_model(TERMS);
    CHECK(model.n_levels == 8 && !model.pairs);
    int8_t spins[SITES] = {1, 1, 1, 1, 1};
    CHECK(rg_walk_level(&model, spins) == (1 - 1 + 1 + 1 + 1 - 2 + 7) / 2);
    spins[4] = -1;
    CHECK(rg_walk_level(&model, spins) == (1 - 1 + 1 - 1 - 1 + 2 + 7) / 2);
    rg_walk_model_free(&model);
    model = make_model(TERMS - 1);
    CHECK(model.n_levels == 6 && model.pairs);
    rg_walk_model_free(&model);
}

static void teams_and_slices_give_the_same_bits(void)
{
    for (size_t n_terms = TERMS - 1; n_terms <= TERMS; n_terms++) {
        state_t *whole = run(n_terms, 1, 1 << 20);
        state_t *cut = run(n_terms, 2, 72);
        CHECK(memcmp(whole, cut, sizeof *whole) == 0);
        uint64_t visits = 0;
        for (size_t i = 0; i < sizeof whole->visits / sizeof *whole->visits; i++) {
            visits += whole->visits[i];
        }
        CHECK(visits == WALKERS * 80000);
        CHECK(whole->done[0] == 80000);
        rg_free(whole);
        rg_free(cut);
    }
}

static void bad_arguments_and_memory(void)
{
    rg_walk_model_t model = {
        .n_sites = SITES, .n_terms = TERMS, .sites = sites, .starts = starts, .values = values};
    for (long n = 0; n < 3; n++) {
        rg_test_fail_allocation_after(n);
        CHECK(rg_walk_model_init(&model) == RG_ERR_MEMORY);
        rg_test_fail_allocation_after(-1);
        rg_walk_model_free(&model);
    }
    static const int32_t large[] = {1, -1, 1 << 29, 1 << 29, 1, -2};
    model.values = large;
    CHECK(rg_walk_model_init(&model) == RG_ERR_OVERFLOW);
    rg_walk_model_free(&model);
    model.n_sites = 0;
    CHECK(rg_walk_model_init(&model) == RG_ERR_ARGUMENT);
    model = make_model(TERMS);
    state_t *state = rg_alloc(1, sizeof *state);
    memset(state->spins, 1, sizeof state->spins);
    rg_histogram_t job = make_job(&model, state, true);
    rg_test_fail_allocation_after(0);
    CHECK(rg_histogram_init(&job) == RG_ERR_MEMORY);
    rg_test_fail_allocation_after(-1);
    job.attempts = 12;
    CHECK(rg_histogram_init(&job) == RG_ERR_ARGUMENT);
    job.attempts = 16;
    job.log_f = 0.0;
    CHECK(rg_histogram_init(&job) == RG_ERR_ARGUMENT);
    job.log_f = 0.1;
    job.workers = 0;
    CHECK(rg_histogram_init(&job) == RG_ERR_ARGUMENT);
    rg_histogram_free(&job);
    rg_walk_model_free(&model);
    rg_free(state);
}

static const harness_test_t TESTS[] = {
    TEST(levels_are_those_of_the_terms),
    TEST(teams_and_slices_give_the_same_bits),
    TEST(bad_arguments_and_memory),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
