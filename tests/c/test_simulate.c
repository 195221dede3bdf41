/* Time series of packed chains and of one folded lattice: slices, workers, dropped jobs. */
#include "harness.h"

#include <stdlib.h>

#include "rg_dispatch.h"
#include "rg_fold.h"
#include "rg_simulate.h"

enum { N_BLOCKS = 2, DRAWS = 5, MAX_SITES = 2048 };

typedef struct {
    uint64_t words[N_BLOCKS * 12 * RG_LANES];
    uint64_t streams[N_BLOCKS * 4 * RG_LANES];
    uint64_t cursor[N_BLOCKS * 2];
    int32_t bonds[DRAWS * N_BLOCKS * RG_PLANE_BITS];
    int32_t magnetization[DRAWS * N_BLOCKS * RG_PLANE_BITS];
} chains_t;

static const uint64_t KEY[4] = {1, 2, 3, 4};

static rg_simulate_t job_of(chains_t *chains, const rg_lattice_t *lattice)
{
    return (rg_simulate_t){.lattice = lattice,
                           .K = 0.4,
                           .method = RG_METHOD_LOCAL,
                           .n_blocks = N_BLOCKS,
                           .draws = DRAWS,
                           .thin = 3,
                           .workers = 1,
                           .words = chains->words,
                           .streams = chains->streams,
                           .cursor = chains->cursor,
                           .bonds = chains->bonds,
                           .magnetization = chains->magnetization};
}

static void start(chains_t *chains, const rg_lattice_t *lattice)
{
    memset(chains, 0, sizeof *chains);
    for (size_t block = 0; block < N_BLOCKS; block++) {
        rg_stream_t stream;
        rg_stream_init(&stream, KEY, RG_PURPOSE_SIMULATE, block);
        memcpy(&chains->streams[block * 4 * RG_LANES], stream.s, sizeof stream.s);
        uint64_t *words = &chains->words[block * lattice->n_sites * RG_LANES];
        CHECK(rg_ising_start(lattice, KEY, RG_START_RANDOM, 0.5, block, words) == RG_OK);
    }
}

static void slices_workers_and_dropped_jobs_agree(void)
{
    static chains_t golden;
    static chains_t other;
    static const rg_torus_t torus = {2, {3, 4}};
    rg_lattice_t lattice;
    CHECK(rg_lattice_init(&lattice, &torus) == RG_OK);
    start(&golden, &lattice);
    rg_simulate_t job = job_of(&golden, &lattice);
    CHECK(rg_simulate_init(&job) == RG_OK);
    while (rg_simulate_run(&job, 1000) == RG_MORE) {
    }
    CHECK(rg_simulate_done(&job) == 1.0);
    rg_simulate_free(&job);
    for (size_t budget = 1; budget < 40; budget += 6) {
        start(&other, &lattice);
        int ret = RG_MORE;
        while (ret == RG_MORE) { /* every job is dropped after a few slices */
            job = job_of(&other, &lattice);
            job.workers = 1 + budget % 3;
            CHECK(rg_simulate_init(&job) == RG_OK);
            for (size_t i = 0; i < 12 && (ret = rg_simulate_run(&job, budget)) == RG_MORE; i++) {
            }
            rg_simulate_free(&job);
        }
        CHECK(memcmp(&golden, &other, sizeof golden) == 0);
    }
    rg_lattice_free(&lattice);
}

static void bad_simulations_are_refused(void)
{
    static chains_t chains;
    static const rg_torus_t torus = {2, {3, 4}};
    rg_lattice_t lattice;
    CHECK(rg_lattice_init(&lattice, &torus) == RG_OK);
    start(&chains, &lattice);
    for (int i = 0; i < 5; i++) {
        rg_simulate_t job = job_of(&chains, &lattice);
        job.method = i == 0 ? 3 : job.method;
        job.thin = i == 1 ? 0 : i == 2 ? SIZE_MAX : job.thin;
        job.draws = i == 3 ? 0 : DRAWS;
        chains.cursor[1] = i == 3 ? 1 : 0;
        memset(chains.streams, i == 4 ? 0 : 1, sizeof chains.streams);
        CHECK(rg_simulate_init(&job) == (i == 2 ? RG_ERR_OVERFLOW : RG_ERR_ARGUMENT));
        rg_simulate_free(&job);
    }
    rg_lattice_free(&lattice);
}

typedef struct {
    uint64_t words[MAX_SITES / 64];
    uint64_t streams[RG_FOLD_BANDS * 4 * RG_LANES];
    uint64_t cursor[2];
    int64_t bonds[DRAWS];
    int64_t magnetization[DRAWS];
} lattice_state_t;

static void run_fold(lattice_state_t *state, const rg_fold_t *fold, size_t workers, size_t slices)
{
    int8_t spins[MAX_SITES];
    memset(state, 0, sizeof *state);
    memset(spins, 1, sizeof spins);
    CHECK(rg_fold_load(fold, spins, state->words) == RG_OK);
    for (size_t band = 0; band < RG_FOLD_BANDS; band++) {
        rg_stream_t stream;
        rg_stream_init(&stream, KEY, RG_PURPOSE_SIMULATE, band);
        memcpy(&state->streams[band * 4 * RG_LANES], stream.s, sizeof stream.s);
    }
    int ret = RG_MORE;
    while (ret == RG_MORE) {
        rg_fold_job_t job = {.fold = fold,
                             .K = 0.4,
                             .h = 0.1,
                             .draws = DRAWS,
                             .thin = 3,
                             .workers = workers,
                             .words = state->words,
                             .streams = state->streams,
                             .cursor = state->cursor,
                             .bonds = state->bonds,
                             .magnetization = state->magnetization};
        CHECK(rg_fold_job_init(&job) == RG_OK);
        for (size_t i = 0; i < slices && (ret = rg_fold_job_run(&job, workers)) == RG_MORE; i++) {
        }
        CHECK(ret == RG_MORE || rg_fold_job_done(&job) == 1.0);
        rg_fold_job_free(&job);
    }
}

static void folded_lattices_agree(void)
{
    static lattice_state_t golden;
    static lattice_state_t other;
    static const rg_torus_t shapes[] = {{1, {1024}}, {2, {16, 128}}, {2, {128, 16}}};
    for (size_t i = 0; i < 3; i++) {
        rg_fold_t fold;
        CHECK(rg_fold_init(&fold, &shapes[i]) == RG_OK);
        run_fold(&golden, &fold, 1, 1000);
        for (size_t workers = 1; workers < 4; workers++) {
            run_fold(&other, &fold, workers, 4);
            CHECK(memcmp(&golden, &other, sizeof golden) == 0);
        }
        rg_fold_free(&fold);
    }
    static const rg_torus_t bad[] = {{1, {512}}, {2, {16, 64}}, {2, {12, 128}}, {2, {1, 128}}};
    for (size_t i = 0; i < 4; i++) {
        rg_fold_t fold;
        CHECK(rg_fold_init(&fold, &bad[i]) == RG_ERR_ARGUMENT);
        rg_fold_free(&fold);
    }
}

static void failed_allocations_are_reported(void)
{
    static const rg_torus_t torus = {2, {16, 128}};
    rg_fold_t fold;
    for (long n = 0; n < 5; n++) {
        rg_test_fail_allocation_after(n);
        CHECK(rg_fold_init(&fold, &torus) == RG_ERR_MEMORY);
        rg_fold_free(&fold);
    }
    rg_test_fail_allocation_after(-1);
    static chains_t chains;
    static const rg_torus_t small = {2, {3, 4}};
    rg_lattice_t lattice;
    CHECK(rg_lattice_init(&lattice, &small) == RG_OK);
    start(&chains, &lattice);
    for (long n = 0; n < 2; n++) {
        rg_simulate_t job = job_of(&chains, &lattice);
        rg_test_fail_allocation_after(n);
        CHECK(rg_simulate_init(&job) == RG_ERR_MEMORY);
        rg_simulate_free(&job);
    }
    rg_test_fail_allocation_after(-1);
    rg_lattice_free(&lattice);
}

static const harness_test_t TESTS[] = {
    TEST(slices_workers_and_dropped_jobs_agree),
    TEST(bad_simulations_are_refused),
    TEST(folded_lattices_agree),
    TEST(failed_allocations_are_reported),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
