/* test_enumerate.c: walks over all states against loops over states. */
#include "harness.h"

#include <math.h>

#include "rg_enumerate.h"

/* 18 spins make four blocks. */
enum { SITES = 18, GROUPS = 30, BINS = 4096, OFFSET = 2000, SUMS = RG_STATE_SUMS + SITES + 1 };

static uint64_t masks[GROUPS];
static int32_t integers[GROUPS * RG_STATE_LANES];
static double values[GROUPS * RG_STATE_LANES];
static double fields[RG_MAX_WALK];

/* Any values will do; every third group is the same in all lanes. */
static void make_groups(void)
{
    for (size_t g = 0; g < GROUPS; g++) {
        masks[g] = (g * 0x9e5) & ((1 << (SITES - RG_LANE_BITS)) - 1);
        for (size_t lane = 0; lane < RG_STATE_LANES; lane++) {
            size_t mix = g % 3 == 0 ? g : g + lane * (g + 1);
            integers[g * RG_STATE_LANES + lane] = (int32_t)(19 * (mix % 5)) - 38;
            values[g * RG_STATE_LANES + lane] = 0.1 * (double)(mix % 7) - 0.3;
        }
    }
    for (size_t i = 0; i < SITES; i++) {
        fields[i] = 0.05 * (double)i - 0.4;
    }
}

static rg_enumeration_t job_of(int kind, size_t n_workers)
{
    return (rg_enumeration_t){.kind = kind,
                              .n_sites = SITES,
                              .n_groups = GROUPS,
                              .masks = masks,
                              .integers = integers,
                              .values = values,
                              .scale = 0.7,
                              .constant = 0.25,
                              .fields = fields,
                              .n_workers = n_workers,
                              .n_bins = BINS,
                              .offset = OFFSET};
}

static int to_end(rg_enumeration_t *job, size_t budget)
{
    int ret = rg_enumerate_init(job);
    size_t slices = 0;
    while (ret == RG_OK || ret == RG_MORE) {
        ret = rg_enumerate_run(job, budget);
        slices++;
        if (ret == RG_OK) {
            break;
        }
    }
    CHECK(ret < 0 || job->next_block == rg_enumerate_blocks(job->n_sites));
    CHECK(ret < 0 || slices >= 1);
    rg_enumerate_free(job);
    return ret;
}

static int sign_in(uint64_t mask, uint64_t state)
{
    return __builtin_popcountll(mask & ~(state >> RG_LANE_BITS)) % 2 == 0 ? 1 : -1;
}

static double minus_h_of(uint64_t state)
{
    double bonds = 0.0;
    double field = 0.25;
    for (size_t g = 0; g < GROUPS; g++) {
        bonds += sign_in(masks[g], state) * values[g * RG_STATE_LANES + state % RG_STATE_LANES];
    }
    for (size_t i = 0; i < SITES; i++) {
        field += (state >> i) & 1 ? fields[i] : -fields[i];
    }
    return 0.7 * bonds + field;
}

static void counts_are_exact_in_any_split(void)
{
    static uint32_t expected[BINS];
    make_groups();
    memset(expected, 0, sizeof expected);
    for (uint64_t state = 0; state < 1 << SITES; state++) {
        int64_t bin = OFFSET + __builtin_popcountll(state);
        for (size_t g = 0; g < GROUPS; g++) {
            bin += sign_in(masks[g], state) * integers[g * RG_STATE_LANES + state % RG_STATE_LANES];
        }
        expected[bin]++;
    }
    for (size_t n_workers = 1; n_workers <= 5; n_workers += 2) {
        static uint32_t counts[BINS];
        rg_enumeration_t job = job_of(RG_STATES_COUNT, n_workers);
        job.counts = counts;
        memset(counts, 0xff, sizeof counts);
        CHECK(to_end(&job, n_workers) == RG_OK);
        CHECK(memcmp(counts, expected, sizeof counts) == 0);
    }
    static uint32_t few[BINS];
    rg_enumeration_t job = job_of(RG_STATES_COUNT, 2);
    job.counts = few;
    job.n_bins = OFFSET + 1;
    CHECK(to_end(&job, 1) == RG_ERR_VALUES);
    job = job_of(RG_STATES_COUNT, 1);
    job.counts = few;
    job.offset = 0;
    CHECK(to_end(&job, 1) == RG_ERR_VALUES);
}

static void table_top_and_sums_follow_the_definition(void)
{
    static double table[1 << SITES];
    static double tops[4];
    static double sums[2][4 * SUMS];
    make_groups();
    rg_enumeration_t job = job_of(RG_STATES_TABLE, 2);
    job.table = table;
    CHECK(to_end(&job, 1) == RG_OK);
    double top = -INFINITY;
    for (uint64_t state = 0; state < 1 << SITES; state += 3) { /* a third of them, for speed */
        CHECK(fabs(table[state] + minus_h_of(state)) < 1e-12);
    }
    for (uint64_t state = 0; state < 1 << SITES; state++) {
        top = fmax(top, -table[state]);
    }
    job = job_of(RG_STATES_TOP, 1);
    job.tops = tops;
    CHECK(to_end(&job, 3) == RG_OK);
    CHECK(fmax(fmax(tops[0], tops[1]), fmax(tops[2], tops[3])) == top);
    for (size_t k = 0; k < 2; k++) {
        job = job_of(RG_STATES_SUMS, 1 + 2 * k);
        job.top = top;
        job.sums = sums[k];
        CHECK(to_end(&job, 1) == RG_OK);
    }
    CHECK(memcmp(sums[0], sums[1], sizeof sums[0]) == 0);
    double expected[SUMS] = {0};
    for (uint64_t state = 0; state < 1 << SITES; state++) {
        double x = -table[state] - top;
        double weight = exp(x);
        expected[0] += weight * x;
        expected[1] += weight * x * x;
        expected[RG_STATE_SUMS + (size_t)__builtin_popcountll(state)] += weight;
    }
    for (size_t k = 0; k < SUMS; k++) {
        double sum = 0.0;
        for (size_t block = 0; block < 4; block++) {
            sum += sums[0][block * SUMS + k];
        }
        CHECK(k == 2 || fabs(sum - expected[k]) < 1e-11 * fabs(expected[k]) + 1e-300);
    }
}

static void few_spins_fill_part_of_the_lanes(void)
{
    static const double alone[RG_STATE_LANES] = {0.0, 1.0};
    static const uint64_t none[] = {0};
    double table[3] = {7.0, 7.0, 7.0};
    rg_enumeration_t job = {.kind = RG_STATES_TABLE,
                            .n_sites = 1,
                            .n_groups = 1,
                            .masks = none,
                            .values = alone,
                            .scale = 2.0,
                            .fields = fields,
                            .n_workers = 9,
                            .table = table};
    fields[0] = 0.5;
    CHECK(to_end(&job, 1) == RG_OK);
    CHECK(table[0] == 0.5 && table[1] == -2.5 && table[2] == 7.0);
}

static void tiny_weights_do_not_vanish_into_nan(void)
{
    static const double deep[RG_STATE_LANES] = {-1e6, 0.0};
    static const uint64_t none[] = {0};
    double sums[RG_STATE_SUMS + 2];
    rg_enumeration_t job = {.kind = RG_STATES_SUMS,
                            .n_sites = 1,
                            .n_groups = 1,
                            .masks = none,
                            .values = deep,
                            .scale = 1.0,
                            .fields = fields,
                            .n_workers = 1,
                            .sums = sums};
    fields[0] = 0.0;
    CHECK(to_end(&job, 1) == RG_OK);
    CHECK(sums[3] < 1e-300 && sums[4] == 1.0 && fabs(sums[0]) < 1e-290);
}

static void bad_sizes_and_short_memory_are_refused(void)
{
    static uint32_t counts[BINS];
    make_groups();
    rg_enumeration_t job = job_of(RG_STATES_COUNT, 1);
    job.n_sites = RG_MAX_WALK + 1;
    CHECK(to_end(&job, 1) == RG_ERR_ARGUMENT);
    job = job_of(RG_STATES_COUNT, 0);
    CHECK(to_end(&job, 1) == RG_ERR_ARGUMENT);
    job = job_of(RG_STATES_COUNT, 1);
    job.n_sites = RG_LANE_BITS; /* masks name spins that are not there */
    CHECK(to_end(&job, 1) == RG_ERR_ARGUMENT);
    for (long after = 0; after < 4; after++) {
        job = job_of(RG_STATES_COUNT, 1);
        job.counts = counts;
        rg_test_fail_allocation_after(after);
        CHECK(to_end(&job, 1) == RG_ERR_MEMORY);
        rg_test_fail_allocation_after(-1);
    }
    CHECK(rg_enumerate_blocks(3) == 1 && rg_enumerate_blocks(16) == 1);
    CHECK(rg_enumerate_blocks(28) == 4096);
}

static const harness_test_t TESTS[] = {
    TEST(counts_are_exact_in_any_split),          TEST(table_top_and_sums_follow_the_definition),
    TEST(few_spins_fill_part_of_the_lanes),       TEST(tiny_weights_do_not_vanish_into_nan),
    TEST(bad_sizes_and_short_memory_are_refused),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
