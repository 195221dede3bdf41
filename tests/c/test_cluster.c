/* Cluster updates: strips, variants, workers, budgets, refusals, failed allocations. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "rg_bits.h"
#include "rg_cluster.h"
#include "rg_dispatch.h"

static const char *const VARIANTS[] = {"portable", "avx2", "avx512"};
static const uint64_t KEY[4] = {1, 2, 3, 4};

static const bool PERIODIC[RG_MAX_DIM] = {false, false, false};

enum { CHAINS = 3, DRAWS = 4 };

typedef struct {
    int64_t bonds[DRAWS * CHAINS];
    int64_t magnetization[DRAWS * CHAINS];
    double m2[DRAWS * CHAINS];
    double m4[DRAWS * CHAINS];
    uint64_t visited[DRAWS * CHAINS];
    uint64_t words[CHAINS * 64];
    uint64_t streams[CHAINS * 4 * RG_LANES];
} output_t;

static rg_cluster_t job_of(const rg_torus_t *torus, int method, output_t *out)
{
    memset(out, 0, sizeof *out);
    for (size_t chain = 0; chain < CHAINS; chain++) {
        rg_stream_t stream;
        rg_stream_init(&stream, KEY, RG_PURPOSE_CLUSTER, chain);
        memcpy(&out->streams[chain * 4 * RG_LANES], &stream, sizeof stream);
    }
    return (rg_cluster_t){.torus = *torus,
                          .K = 0.4,
                          .h = 0.01,
                          .method = method,
                          .improved = true,
                          .chains = CHAINS,
                          .draws = DRAWS,
                          .thin = 2,
                          .clusters_per_sweep = method == RG_CLUSTER_SW ? 1 : 3,
                          .workers = 1,
                          .words = out->words,
                          .streams = out->streams,
                          .bonds = out->bonds,
                          .magnetization = out->magnetization,
                          .m2 = out->m2,
                          .m4 = out->m4,
                          .visited = out->visited};
}

static void simulate(const char *variant, const rg_torus_t *torus, int method, size_t workers,
                     size_t budget, output_t *out)
{
    CHECK(rg_dispatch_init(variant) == RG_OK);
    rg_cluster_t job = job_of(torus, method, out);
    job.workers = workers;
    CHECK(rg_cluster_init(&job) == RG_OK);
    int ret = RG_MORE;
    while (ret == RG_MORE) {
        ret = rg_cluster_run(&job, budget);
    }
    CHECK(ret == RG_OK);
    CHECK(rg_cluster_done(&job) == 1.0);
    rg_cluster_free(&job);
}

static void variants_workers_and_budgets_agree(void)
{
    static const rg_torus_t shapes[] = {{1, {7}},       {1, {200}},     {2, {2, 2}},
                                        {2, {19, 64}},  {2, {11, 65}},  {2, {5, 140}},
                                        {3, {5, 4, 6}}, {3, {2, 3, 70}}};
    static output_t golden;
    static output_t other;
    for (size_t i = 0; i < 2 * sizeof shapes / sizeof shapes[0]; i++) {
        const rg_torus_t *torus = &shapes[i / 2];
        simulate("portable", torus, (int)(i % 2), 1, 1000, &golden);
        for (size_t v = 0; v < 3; v++) {
            if (rg_kernels_named(VARIANTS[v]) != NULL) {
                simulate(VARIANTS[v], torus, (int)(i % 2), 1 + v, 1 + 2 * v, &other);
                CHECK(memcmp(&golden, &other, sizeof golden) == 0);
            }
        }
    }
    CHECK(rg_dispatch_init(NULL) == RG_OK);
}

static rg_cluster_t open_job(const rg_torus_t *torus, unsigned mask, output_t *out)
{
    rg_cluster_t job = job_of(torus, (int)(mask & 1), out);
    for (size_t axis = 0; axis < torus->ndim; axis++) {
        job.open[axis] = (mask >> (axis + 1)) & 1;
    }
    return job;
}

static void run_open_job(rg_cluster_t job)
{
    CHECK(rg_cluster_init(&job) == RG_OK);
    CHECK(rg_cluster_run(&job, 1000) == RG_OK);
    rg_cluster_free(&job);
}

/* At K = 100 all spins stay one cluster, whatever is open, and every bond counts. */
static void one_cluster_has_the_bonds_of_open_axes(const rg_torus_t *torus, unsigned mask)
{
    static output_t out;
    rg_cluster_t job = open_job(torus, mask, &out);
    job.K = 100.0;
    job.h = 0.0;
    run_open_job(job);
    size_t n_sites = 0;
    size_t n_bonds = 0;
    CHECK(rg_torus_sites(torus, &n_sites) == RG_OK);
    for (size_t axis = 0; axis < torus->ndim; axis++) {
        n_bonds += n_sites - (job.open[axis] ? n_sites / torus->extents[axis] : 0);
    }
    for (size_t k = 0; k < (size_t)DRAWS * CHAINS; k++) {
        CHECK(out.bonds[k] == (int64_t)n_bonds);
        CHECK(llabs(out.magnetization[k]) == (long long)n_sites);
        CHECK(out.m2[k] == 1.0);
    }
}

static void open_axes(void)
{
    static const rg_torus_t shapes[] = {
        {1, {2}}, {1, {200}}, {2, {17, 65}}, {2, {8, 64}}, {3, {3, 8, 70}}};
    static output_t golden;
    static output_t other;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (unsigned mask = 0; mask < 2U << shapes[i].ndim; mask++) {
            one_cluster_has_the_bonds_of_open_axes(&shapes[i], mask);
            CHECK(rg_dispatch_init("portable") == RG_OK);
            run_open_job(open_job(&shapes[i], mask, &golden));
            for (size_t v = 1; v < 3; v++) {
                if (rg_kernels_named(VARIANTS[v]) != NULL) {
                    CHECK(rg_dispatch_init(VARIANTS[v]) == RG_OK);
                    run_open_job(open_job(&shapes[i], mask, &other));
                    CHECK(memcmp(&golden, &other, sizeof golden) == 0);
                }
            }
            CHECK(rg_dispatch_init(NULL) == RG_OK);
        }
    }
    static const rg_torus_t odd = {2, {3, 4}};
    rg_cluster_t job = open_job(&odd, 2, &other); /* open along the odd extent */
    job.K = -0.1;
    run_open_job(job);
}

static void strips_keep_every_bit(void)
{
    static const rg_torus_t shapes[] = {
        {1, {2}},     {1, {64}},     {1, {130}},    {2, {3, 5}},    {2, {7, 64}},
        {2, {5, 65}}, {2, {4, 128}}, {2, {6, 132}}, {3, {2, 3, 4}}, {3, {2, 4, 66}}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        rg_strips_t strips;
        bool even = true;
        for (size_t axis = 0; axis < shapes[i].ndim; axis++) {
            even = even && shapes[i].extents[axis] % 2 == 0;
        }
        CHECK(rg_strips_init(&strips, &shapes[i], PERIODIC, -1.0) ==
              (even ? RG_OK : RG_ERR_ARGUMENT));
        CHECK(even || rg_strips_init(&strips, &shapes[i], PERIODIC, 1.0) == RG_OK);
        size_t n_packed = rg_bits_words(strips.n_sites);
        uint64_t *packed = calloc(3 * n_packed, sizeof *packed);
        uint64_t *words = calloc(strips.n_words, sizeof *words);
        rg_stream_t stream;
        rg_stream_init(&stream, KEY, 1, i);
        for (size_t k = 0; k < n_packed; k++) {
            uint64_t plane[RG_LANES];
            rg_stream_plane(&stream, plane);
            packed[k] = plane[0];
        }
        packed[n_packed - 1] &= UINT64_MAX >> (64 * n_packed - strips.n_sites);
        rg_strips_load(&strips, packed, words);
        rg_strips_store(&strips, words, &packed[n_packed]);
        CHECK(memcmp(packed, &packed[n_packed], n_packed * sizeof *packed) == 0);
        free(packed);
        free(words);
    }
}

static void beyond_goes_there_and_back(void)
{
    static const rg_torus_t torus = {3, {3, 4, 150}};
    rg_strips_t strips;
    CHECK(rg_strips_init(&strips, &torus, PERIODIC, 1.0) == RG_OK);
    static const size_t turns[3] = {3, 4, 3};
    for (size_t i = 0; i < strips.n_words; i++) {
        for (size_t axis = 0; axis < 3; axis++) {
            size_t there = rg_strips_beyond(&strips, i, axis, 1);
            CHECK(there < strips.n_words && there != i);
            CHECK(rg_strips_beyond(&strips, there, axis, -1) == i);
            for (size_t turn = 1; turn < turns[axis]; turn++) {
                there = rg_strips_beyond(&strips, there, axis, 1);
            }
            CHECK(there == i);
        }
    }
}

static void blocks_cover_the_words(void)
{
    static const rg_torus_t shapes[] = {{1, {70}}, {2, {17, 65}}, {3, {3, 11, 64}}};
    static const size_t n_blocks[] = {2, 6, 6};
    static const size_t firsts[][4] = {{0, 1, 2, 2}, {0, 8, 16, 17}, {0, 8, 11, 19}};
    for (size_t i = 0; i < 3; i++) {
        rg_strips_t strips;
        CHECK(rg_strips_init(&strips, &shapes[i], PERIODIC, 1.0) == RG_OK);
        CHECK(rg_strips_n_blocks(&strips) == n_blocks[i]);
        CHECK(rg_strips_block(&strips, strips.n_words - 1) == n_blocks[i] - 1);
        for (size_t block = 0; block + 1 < 4 && block < n_blocks[i]; block++) {
            CHECK(rg_strips_block(&strips, firsts[i][block]) == block);
            CHECK(rg_strips_block(&strips, firsts[i][block + 1] - 1) == block);
        }
    }
}

static void coins_have_their_probability(void)
{
    rg_coin_t half = rg_coin_of_bond(0.5 * log(2.0));
    CHECK(fabs(ldexp((double)half.threshold, -64) - 0.5) < 1e-15 && half.certain == 0);
    CHECK(rg_coin_of_bond(0.0).threshold == 0);
    CHECK(rg_coin_of_bond(100.0).certain == UINT64_MAX);
}

static void bad_jobs_are_refused(void)
{
    static const rg_torus_t odd = {2, {3, 4}};
    static const rg_torus_t thin = {2, {4, 1}};
    static const rg_torus_t huge = {2, {(size_t)1 << 20, (size_t)1 << 20}};
    static output_t out;
    const rg_cluster_t good = job_of(&odd, RG_CLUSTER_SW, &out);
    rg_cluster_t bad[8];
    for (size_t i = 0; i < 8; i++) {
        bad[i] = good;
    }
    bad[0].K = (double)NAN;
    bad[1].h = (double)INFINITY;
    bad[2].method = 2;
    bad[3].thin = 0;
    bad[4].clusters_per_sweep = 0;
    bad[5].workers = 0;
    bad[6].K = -0.1; /* frustrated */
    bad[7].torus = thin;
    for (size_t i = 0; i < 8; i++) {
        CHECK(rg_cluster_init(&bad[i]) == RG_ERR_ARGUMENT);
        rg_cluster_free(&bad[i]);
    }
    rg_cluster_t job = good;
    job.draws = SIZE_MAX;
    CHECK(rg_cluster_init(&job) == RG_ERR_OVERFLOW);
    rg_cluster_free(&job);
    job = good;
    job.torus = huge;
    CHECK(rg_cluster_init(&job) == RG_ERR_OVERFLOW);
    rg_cluster_free(&job);
}

static void failed_allocations_leave_nothing_behind(void)
{
    static const rg_torus_t torus = {2, {4, 4}};
    static output_t out;
    for (int method = RG_CLUSTER_WOLFF; method <= RG_CLUSTER_SW; method++) {
        for (long n = 0; n < 6; n++) {
            rg_cluster_t job = job_of(&torus, method, &out);
            rg_test_fail_allocation_after(n);
            CHECK(rg_cluster_init(&job) == (n < 5 ? RG_ERR_MEMORY : RG_OK));
            rg_test_fail_allocation_after(-1);
            rg_cluster_free(&job);
        }
    }
}

static const harness_test_t TESTS[] = {
    TEST(variants_workers_and_budgets_agree),
    TEST(open_axes),
    TEST(strips_keep_every_bit),
    TEST(beyond_goes_there_and_back),
    TEST(blocks_cover_the_words),
    TEST(coins_have_their_probability),
    TEST(bad_jobs_are_refused),
    TEST(failed_allocations_leave_nothing_behind),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
