/* test_terms.c: sums over terms against loops that follow the definition. */
#include "harness.h"

#include <math.h>

#include "rg_terms.h"

enum { SITES = 13, ROWS = 131, TERMS = 300 };

static int8_t pseudo_spin(size_t i)
{
    uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (x >> 37) & 1 ? 1 : -1;
}

/* Terms of 1 to 5 sites; values in runs of 140 (a run longer than a byte can count), then all
 * different. */
static size_t make_terms(uint32_t *sites, uint64_t *starts, double *values, double *fields)
{
    size_t n_listed = 0;
    for (size_t t = 0; t < TERMS; t++) {
        starts[t] = n_listed;
        for (size_t k = 0; k < 1 + t % 5; k++) {
            sites[n_listed++] = (uint32_t)((t + 3 * k) % SITES);
        }
        values[t] = t < 140 ? 0.5 : t < 280 ? -1.0 : 0.01 * (double)t;
    }
    starts[TERMS] = n_listed;
    for (size_t i = 0; i < SITES; i++) {
        fields[i] = i % 3 == 0 ? 0.0 : 0.1 * (double)i;
    }
    return n_listed;
}

static void sums_follow_the_definition(void)
{
    static uint32_t sites[5 * TERMS];
    static uint64_t starts[TERMS + 1];
    static double values[TERMS];
    static double fields[SITES];
    static int8_t spins[ROWS * SITES];
    static double sums[ROWS * RG_TERM_SUMS];
    size_t n_listed = make_terms(sites, starts, values, fields);
    const rg_terms_t terms = {SITES, TERMS, sites, starts, values, fields};
    CHECK(rg_terms_valid(&terms, n_listed));
    for (size_t i = 0; i < ROWS * SITES; i++) {
        spins[i] = i < SITES ? 1 : pseudo_spin(i); /* the first row counts without a sign */
    }
    CHECK(rg_terms_sums(&terms, spins, ROWS, sums) == RG_OK);
    for (size_t row = 0; row < ROWS; row++) {
        const int8_t *s = spins + row * SITES;
        double bonds = 0.0;
        double up = 0.0;
        double field = 0.0;
        for (size_t t = 0; t < TERMS; t++) {
            int product = 1;
            for (uint64_t k = starts[t]; k < starts[t + 1]; k++) {
                product *= s[sites[k]];
            }
            bonds += values[t] * product;
        }
        for (size_t i = 0; i < SITES; i++) {
            up += s[i];
            field += fields[i] * s[i];
        }
        CHECK(fabs(sums[3 * row] - bonds) < 1e-12);
        CHECK(sums[3 * row + 1] == up);
        CHECK(fabs(sums[3 * row + 2] - field) < 1e-13);
    }
}

static void values_that_are_no_spins_are_found(void)
{
    const double fields[SITES] = {0};
    const uint64_t starts[] = {0};
    const rg_terms_t terms = {SITES, 0, NULL, starts, NULL, fields};
    double sums[RG_TERM_SUMS];
    for (int value = -128; value < 128; value++) {
        for (size_t place = 0; place < SITES; place += 3) {
            int8_t spins[SITES];
            memset(spins, 1, sizeof spins);
            spins[place] = (int8_t)value;
            bool good = value == 1 || value == -1;
            CHECK(rg_terms_sums(&terms, spins, 1, sums) == (good ? RG_OK : RG_ERR_VALUES));
        }
    }
}

static void wrong_lists_are_refused(void)
{
    const double fields[4] = {0};
    const double values[2] = {1, 1};
    const uint32_t good[] = {0, 1, 3};
    const uint32_t outside[] = {0, 1, 4};
    const uint64_t starts[] = {0, 2, 3};
    const uint64_t falling[] = {0, 4, 3};
    const uint64_t late[] = {1, 2, 3};
    const rg_terms_t fine = {4, 2, good, starts, values, fields};
    const rg_terms_t beyond = {4, 2, outside, starts, values, fields};
    const rg_terms_t back = {4, 2, good, falling, values, fields};
    const rg_terms_t after = {4, 2, good, late, values, fields};
    CHECK(rg_terms_valid(&fine, 3));
    CHECK(!rg_terms_valid(&fine, 2));
    CHECK(!rg_terms_valid(&beyond, 3));
    CHECK(!rg_terms_valid(&back, 3));
    CHECK(!rg_terms_valid(&after, 3));
}

static void memory_may_be_short(void)
{
    const double fields[SITES] = {0};
    const uint64_t starts[] = {0};
    const rg_terms_t terms = {SITES, 0, NULL, starts, NULL, fields};
    int8_t spins[SITES];
    double sums[RG_TERM_SUMS];
    memset(spins, 1, sizeof spins);
    rg_test_fail_allocation_after(0);
    CHECK(rg_terms_sums(&terms, spins, 1, sums) == RG_ERR_MEMORY);
    rg_test_fail_allocation_after(-1);
    CHECK(rg_terms_sums(&terms, spins, 1, sums) == RG_OK);
}

static const harness_test_t TESTS[] = {
    TEST(sums_follow_the_definition),
    TEST(values_that_are_no_spins_are_found),
    TEST(wrong_lists_are_refused),
    TEST(memory_may_be_short),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
