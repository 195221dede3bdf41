/* test_perfect.c: coupling from the past: variants, teams and slices; its ends. */
#include "harness.h"

#include <stdlib.h>

#include "rg_dispatch.h"
#include "rg_perfect.h"

enum { ROWS = 1100, BLOCKS = 3 };

static const char *const VARIANTS[] = {"portable", "avx2", "avx512"};

static int8_t *sample(const char *variant, const rg_torus_t *torus, double K, size_t workers,
                      size_t budget)
{
    rg_lattice_t lattice;
    CHECK(rg_dispatch_init(variant) == RG_OK);
    CHECK(rg_lattice_init(&lattice, torus) == RG_OK);
    int8_t *spins = calloc(ROWS * lattice.n_sites, 1);
    uint64_t needed[BLOCKS] = {0};
    rg_perfect_t job = {.lattice = &lattice,
                        .K = K,
                        .h = 0.05,
                        .key = {1, 2, 3, 4},
                        .n = ROWS,
                        .max_sweeps = 4096,
                        .workers = workers,
                        .spins = spins,
                        .needed = needed};
    CHECK(rg_perfect_init(&job) == RG_OK);
    int ret = RG_MORE;
    while (ret == RG_MORE) {
        ret = rg_perfect_run(&job, budget);
    }
    CHECK(ret == RG_OK);
    CHECK(!job.out_of_sweeps);
    CHECK(needed[0] > 0 && needed[1] > 0 && needed[2] > 0);
    CHECK(rg_perfect_done(&job) == 1.0);
    rg_perfect_free(&job);
    rg_lattice_free(&lattice);
    return spins;
}

static void variants_workers_and_budgets_agree(void)
{
    static const rg_torus_t shapes[] = {{1, {7}}, {1, {12}}, {2, {4, 18}}, {3, {2, 4, 6}}};
    static const double couplings[] = {0.5, -0.5, -0.2, 0.1};
    for (size_t i = 0; i < 4; i++) {
        size_t n_sites = 0;
        CHECK(rg_torus_sites(&shapes[i], &n_sites) == RG_OK);
        int8_t *golden = sample("portable", &shapes[i], couplings[i], 1, 1000);
        for (size_t v = 0; v < 3; v++) {
            if (rg_kernels_named(VARIANTS[v]) == NULL) {
                continue;
            }
            int8_t *other = sample(VARIANTS[v], &shapes[i], couplings[i], 1 + v, 7 + 30 * v);
            CHECK(memcmp(golden, other, ROWS * n_sites) == 0);
            free(other);
        }
        free(golden);
    }
    CHECK(rg_dispatch_init(NULL) == RG_OK);
}

static void limits_and_bad_jobs(void)
{
    static const rg_torus_t torus = {2, {6, 6}};
    static const rg_torus_t odd = {2, {5, 6}};
    rg_lattice_t lattice;
    int8_t spins[36];
    uint64_t needed[1] = {0};
    CHECK(rg_lattice_init(&lattice, &torus) == RG_OK);
    rg_perfect_t job = {.lattice = &lattice,
                        .K = 1.5,
                        .n = 1,
                        .max_sweeps = 50,
                        .workers = 2,
                        .spins = spins,
                        .needed = needed};
    CHECK(rg_perfect_init(&job) == RG_OK);
    while (rg_perfect_run(&job, 1) == RG_MORE) {
    }
    CHECK(job.out_of_sweeps);
    CHECK(needed[0] == 0);
    rg_perfect_free(&job);
    for (long n = 0; n < 2; n++) {
        rg_test_fail_allocation_after(n);
        CHECK(rg_perfect_init(&job) == RG_ERR_MEMORY);
        rg_perfect_free(&job);
    }
    rg_test_fail_allocation_after(-1);
    rg_lattice_free(&lattice);
    CHECK(rg_lattice_init(&lattice, &odd) == RG_OK);
    job.K = -0.1;
    CHECK(rg_perfect_init(&job) == RG_ERR_ARGUMENT);
    rg_perfect_free(&job);
    rg_lattice_free(&lattice);
}

static const harness_test_t TESTS[] = {
    TEST(variants_workers_and_budgets_agree),
    TEST(limits_and_bad_jobs),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
