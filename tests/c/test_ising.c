/* Sampler: lattice tables, thresholds, every kernel variant against the portable one. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "rg_bits.h"
#include "rg_dispatch.h"
#include "rg_ising.h"

static const char *const VARIANTS[] = {"portable", "avx2", "avx512"};

static int8_t *sample(const char *variant, const rg_torus_t *torus, int method, size_t n,
                      size_t workers, size_t budget)
{
    rg_lattice_t lattice;
    CHECK(rg_dispatch_init(variant) == RG_OK);
    CHECK(rg_lattice_init(&lattice, torus) == RG_OK);
    int8_t *spins = calloc(n * lattice.n_sites, 1);
    rg_ising_sample_t job = {.lattice = &lattice,
                             .K = 0.43,
                             .h = 0.02,
                             .method = method,
                             .key = {1, 2, 3, 4},
                             .n = n,
                             .sweeps = 9,
                             .start = RG_START_RANDOM,
                             .p_up = 0.5,
                             .workers = workers,
                             .spins = spins};
    CHECK(rg_ising_sample_init(&job) == RG_OK);
    int ret = RG_MORE;
    while (ret == RG_MORE) {
        ret = rg_ising_sample_run(&job, budget);
    }
    CHECK(ret == RG_OK);
    CHECK(rg_ising_sample_done(&job) == 1.0);
    rg_ising_sample_free(&job);
    rg_lattice_free(&lattice);
    return spins;
}

static void variants_workers_and_budgets_agree(void)
{
    static const rg_torus_t shapes[] = {{1, {7}}, {1, {12}}, {2, {9, 16}}, {3, {5, 4, 6}}};
    for (size_t i = 0; i < 4; i++) {
        size_t n_sites = 0;
        CHECK(rg_torus_sites(&shapes[i], &n_sites) == RG_OK);
        size_t n = 700;
        int8_t *golden = sample("portable", &shapes[i], (int)i % 3, n, 1, 1000);
        for (size_t v = 0; v < 3; v++) {
            if (rg_kernels_named(VARIANTS[v]) == NULL) {
                continue;
            }
            int8_t *other = sample(VARIANTS[v], &shapes[i], (int)i % 3, n, 1 + v, 1 + 3 * v);
            CHECK(memcmp(golden, other, n * n_sites) == 0);
            free(other);
        }
        free(golden);
    }
    CHECK(rg_dispatch_init(NULL) == RG_OK);
}

static double probability(const rg_ising_table_t *t, size_t j)
{
    double p = 0.0; /* sum over k of 2^-(k+1) bit k */
    uint64_t bit = t->start[j];
    for (int k = 0; k < 64; k++) {
        p += bit ? ldexp(1.0, -(k + 1)) : 0.0;
        CHECK(k >= RG_GROUP_PLANES || t->first[k][j][3] == t->toggle[k][j]);
        bit ^= t->toggle[k][j];
    }
    return bit ? p + ldexp(1.0, -64) : p;
}

static void tables_hold_the_probabilities(void)
{
    static rg_ising_rule_t rule;
    CHECK(rg_ising_rule_init(&rule, 2, 0.4, 0.1, RG_METHOD_LOCAL) == RG_OK);
    for (size_t j = 0; j <= 4; j++) {
        double field = 0.4 * (2.0 * (double)j - 4.0) + 0.1;
        CHECK(fabs(probability(&rule.heatbath, j) - 1.0 / (1.0 + exp(-2.0 * field))) < 1e-15);
        double leave = exp(-2.0 * fabs(field));
        double expected = field > 0.0 ? 1.0 - leave : leave;
        CHECK(fabs(probability(&rule.metropolis, j) - expected) < 1e-15);
        CHECK((rule.metropolis.leans_up[j] != 0) == (field > 0.0));
    }
    CHECK(rg_ising_rule_table(&rule, 6) == &rule.metropolis);
    CHECK(rg_ising_rule_table(&rule, 7) == &rule.heatbath);
    CHECK(rg_ising_rule_table(&rule, 8) == &rule.metropolis);
    CHECK(rg_ising_rule_init(&rule, 2, 0.0, 300.0, RG_METHOD_HEATBATH) == RG_OK);
    CHECK(probability(&rule.heatbath, 0) == 1.0); /* the 65th bit */
    CHECK(rg_ising_rule_init(&rule, 2, 0.0, 0.0, 3) == RG_ERR_ARGUMENT);
    CHECK(rg_ising_rule_init(&rule, 2, (double)INFINITY, 0.0, 0) == RG_ERR_ARGUMENT);
}

static void groups_hold_every_site_once_and_no_neighbours(void)
{
    static const rg_torus_t torus = {2, {9, 14}};
    rg_lattice_t lattice;
    CHECK(rg_lattice_init(&lattice, &torus) == RG_OK);
    size_t seen[9 * 14] = {0};
    for (size_t g = 0; g < lattice.n_groups; g++) {
        size_t first = lattice.group_start[g];
        size_t end = lattice.group_start[g + 1];
        CHECK(end - first <= RG_GROUP_SITES && end > first);
        for (size_t i = first; i < end; i++) {
            seen[lattice.sites[i]]++;
            for (size_t j = first; j < end; j++) {
                for (size_t k = 0; k < 4; k++) {
                    CHECK(lattice.neighbours[4 * lattice.sites[i] + k] != lattice.sites[j]);
                }
            }
        }
    }
    for (size_t site = 0; site < 9 * 14; site++) {
        CHECK(seen[site] == 1);
    }
    rg_lattice_free(&lattice);
}

static void bad_lattices_are_refused(void)
{
    rg_lattice_t lattice;
    static const rg_torus_t none = {0, {4}};
    static const rg_torus_t thin = {2, {4, 1}};
    static const rg_torus_t huge = {2, {(size_t)1 << 40, (size_t)1 << 40}};
    static const rg_torus_t wide = {2, {(size_t)1 << 20, (size_t)1 << 20}};
    CHECK(rg_lattice_init(&lattice, &none) == RG_ERR_ARGUMENT);
    rg_lattice_free(&lattice);
    CHECK(rg_lattice_init(&lattice, &thin) == RG_ERR_ARGUMENT);
    rg_lattice_free(&lattice);
    CHECK(rg_lattice_init(&lattice, &huge) == RG_ERR_OVERFLOW);
    rg_lattice_free(&lattice);
    CHECK(rg_lattice_init(&lattice, &wide) == RG_ERR_OVERFLOW);
    rg_lattice_free(&lattice);
}

static void bad_jobs_are_refused(void)
{
    static const rg_torus_t odd = {2, {3, 4}};
    rg_lattice_t lattice;
    CHECK(rg_lattice_init(&lattice, &odd) == RG_OK);
    const rg_ising_sample_t good = {.lattice = &lattice, .n = 1, .sweeps = 1, .workers = 1};
    rg_ising_sample_t job = good;
    CHECK(rg_ising_sample_init(&job) == RG_OK);
    rg_ising_sample_free(&job);
    rg_ising_sample_t bad[6] = {good, good, good, good, good, good};
    bad[0].K = (double)NAN;
    bad[1].h = (double)INFINITY;
    bad[2].p_up = 1.5;
    bad[3].start = RG_START_STAGGERED; /* odd extents have no sublattices */
    bad[4].start = 3;
    bad[5].workers = 0;
    for (size_t i = 0; i < 6; i++) {
        CHECK(rg_ising_sample_init(&bad[i]) == RG_ERR_ARGUMENT);
        rg_ising_sample_free(&bad[i]);
    }
    job = good;
    job.sweeps = SIZE_MAX / 2;
    CHECK(rg_ising_sample_init(&job) == RG_ERR_OVERFLOW);
    rg_ising_sample_free(&job);
    rg_lattice_free(&lattice);
}

static void failed_allocations_leave_nothing_behind(void)
{
    static const rg_torus_t torus = {2, {4, 4}};
    int8_t spins[2 * 16];
    for (long n = 0; n < 5; n++) {
        rg_lattice_t lattice;
        rg_test_fail_allocation_after(n);
        int ret = rg_lattice_init(&lattice, &torus);
        CHECK(ret == (n < 3 ? RG_ERR_MEMORY : RG_OK));
        if (ret == RG_OK) {
            rg_ising_sample_t job = {.lattice = &lattice, .n = 2, .workers = 1, .spins = spins};
            CHECK(rg_ising_sample_init(&job) == RG_ERR_MEMORY);
            rg_ising_sample_free(&job);
        }
        rg_test_fail_allocation_after(-1);
        rg_lattice_free(&lattice);
    }
}

static void transposes_are_exact(void)
{
    rg_stream_t stream;
    static const uint64_t key[4] = {5, 6, 7, 8};
    rg_stream_init(&stream, key, 1, 1);
    uint64_t a[64];
    uint64_t b[64];
    for (size_t i = 0; i < 64; i += RG_LANES) {
        rg_stream_plane(&stream, &a[i]);
    }
    memcpy(b, a, sizeof a);
    rg_bits_transpose64(b);
    for (size_t i = 0; i < 64; i++) {
        for (size_t j = 0; j < 64; j++) {
            CHECK(((a[i] >> j) & 1) == ((b[j] >> i) & 1));
        }
    }
    int8_t values[70 * 100] = {0};
    uint64_t bits[70 * 2];
    CHECK(rg_bits_pack(values, 70, 100, 0, 1, bits) == RG_OK);
    values[3] = 2;
    CHECK(rg_bits_pack(values, 70, 100, 0, 1, bits) == RG_ERR_VALUES);
}

static void dispatch_knows_its_names(void)
{
    CHECK(rg_dispatch_init("nonsense") == RG_ERR_KERNEL_NAME);
    CHECK(rg_dispatch_init("") == RG_OK);
    CHECK(rg_kernels_named("nonsense") == NULL);
    for (size_t v = 0; v < 3; v++) {
        const rg_kernels_t *kernels = rg_kernels_named(VARIANTS[v]);
        CHECK(rg_dispatch_init(VARIANTS[v]) == (kernels != NULL ? RG_OK : RG_ERR_KERNEL_CPU));
        CHECK(kernels == NULL || strcmp(rg_kernels()->name, VARIANTS[v]) == 0);
    }
    CHECK(rg_dispatch_init(NULL) == RG_OK);
}

static const harness_test_t TESTS[] = {
    TEST(variants_workers_and_budgets_agree),
    TEST(tables_hold_the_probabilities),
    TEST(groups_hold_every_site_once_and_no_neighbours),
    TEST(bad_lattices_are_refused),
    TEST(bad_jobs_are_refused),
    TEST(failed_allocations_leave_nothing_behind),
    TEST(transposes_are_exact),
    TEST(dispatch_knows_its_names),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
