/* test_transfer.c: steps and sums against sums over all states of small columns. */
#include "harness.h"

#include <math.h>

#include "rg_transfer.h"

enum { WIDTH = 5, STATES = 1 << WIDTH, WIDE = 14 };

static const double ALONG[WIDTH] = {0.3, -0.7, 0.0, 1.1, -0.2};
static const double ACROSS[WIDTH] = {0.5, -0.4, 0.2, 0.9, -0.6};
static const double FIELD[WIDTH] = {0.1, 0.0, -0.3, 0.2, 0.7};

static double spin_of(size_t state, size_t site)
{
    return (state >> site) & 1 ? 1.0 : -1.0;
}

static bool is_close(double a, double b)
{
    return fabs(a - b) <= 1e-13 * (fabs(a) + fabs(b));
}

static double pseudo_value(size_t i)
{
    uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return 0.5 + (double)(x >> 40) / (double)(1 << 24);
}

static void weights_follow_the_definition(void)
{
    double weights[STATES];
    double peak = 0.0;
    CHECK(rg_column_weights(WIDTH, ACROSS, FIELD, 0.5, 2, weights, &peak) == RG_OK);
    for (size_t s = 0; s < STATES; s++) {
        double exponent = 0.0;
        for (size_t j = 0; j < WIDTH; j++) {
            exponent += ACROSS[j] * spin_of(s, j) * spin_of(s, (j + 1) % WIDTH);
            exponent += FIELD[j] * spin_of(s, j);
        }
        CHECK(is_close(weights[s], exp(0.5 * exponent - peak)));
        CHECK(weights[s] <= 1.0);
    }
}

static void narrow_columns_have_the_right_bonds(void)
{
    const double across[2] = {0.3, 0.4};
    const double field[2] = {0.1, 0.2};
    double weights[4];
    double peak = 0.0;
    CHECK(rg_column_weights(1, across, field, 1.0, 1, weights, &peak) == RG_OK);
    CHECK(is_close(peak, 0.1) && is_close(weights[0], exp(-0.2)) && weights[1] == 1.0);
    CHECK(rg_column_weights(2, across, field, 1.0, 1, weights, &peak) == RG_OK);
    CHECK(is_close(peak, 1.0)); /* both bonds join the same two spins */
    CHECK(is_close(weights[0], exp(-0.6)) && is_close(weights[1], exp(-0.7 - 0.1 - 1.0)));
}

static void step_follows_the_definition(void)
{
    for (int parity = -1; parity <= 1; parity++) {
        size_t n = parity == 0 ? STATES : STATES / 2;
        double vectors[2 * STATES];
        double before[STATES];
        double after[STATES];
        double expected[2 * STATES];
        for (size_t i = 0; i < n; i++) {
            before[i] = pseudo_value(3 * i);
            after[i] = pseudo_value(5 * i + 1);
        }
        for (size_t i = 0; i < 2 * n; i++) {
            vectors[i] = pseudo_value(7 * i + 2);
            expected[i] = 0.0;
        }
        for (size_t from = 0; from < STATES; from++) {
            size_t kept = from < n ? from : STATES - 1 - from;
            double sign = from < n ? 1.0 : parity;
            for (size_t to = 0; to < n; to++) {
                double exponent = 0.0;
                for (size_t j = 0; j < WIDTH; j++) {
                    exponent += ALONG[j] * spin_of(from, j) * spin_of(to, j) - fabs(ALONG[j]);
                }
                for (size_t v = 0; v < 2; v++) {
                    expected[v * n + to] +=
                        after[to] * exp(exponent) * sign * before[kept] * vectors[v * n + kept];
                }
            }
        }
        rg_step_t step = {WIDTH, parity, ALONG, before, after};
        CHECK(rg_transfer_apply(&step, 2, 3, vectors) == RG_OK);
        for (size_t i = 0; i < 2 * n; i++) {
            CHECK(fabs(vectors[i] - expected[i]) < 1e-12);
        }
    }
}

static void one_site_has_two_by_two_matrix(void)
{
    double coupling = 0.8;
    double vector[2] = {2.0, 3.0};
    rg_step_t step = {.width = 1, .parity = 0, .along = &coupling};
    CHECK(rg_transfer_apply(&step, 1, 2, vector) == RG_OK);
    CHECK(is_close(vector[0], 2.0 + 3.0 * exp(-1.6)));
    CHECK(is_close(vector[1], 3.0 + 2.0 * exp(-1.6)));
    for (int parity = -1; parity <= 1; parity += 2) {
        double values[3] = {1.0, 2.0, 3.0};
        step.parity = parity;
        CHECK(rg_transfer_apply(&step, 3, 2, values) == RG_OK);
        CHECK(is_close(values[2], 3.0 * (1.0 + parity * exp(-1.6))));
    }
}

static void wide_steps_do_not_depend_on_workers(void)
{
    static double vectors[3][1 << WIDE];
    double along[WIDE];
    for (size_t j = 0; j < WIDE; j++) {
        along[j] = pseudo_value(j) - 1.0;
    }
    for (int parity = -1; parity <= 1; parity++) {
        rg_step_t step = {WIDE, parity, along, NULL, NULL};
        size_t n = (size_t)1 << (WIDE - (parity != 0));
        for (size_t k = 0; k < 3; k++) {
            for (size_t i = 0; i < n; i++) {
                vectors[k][i] = pseudo_value(i);
            }
            CHECK(rg_transfer_apply(&step, 1, 2 * k + 1, vectors[k]) == RG_OK);
        }
        CHECK(memcmp(vectors[0], vectors[1], n * sizeof(double)) == 0);
        CHECK(memcmp(vectors[0], vectors[2], n * sizeof(double)) == 0);
    }
}

static void torus_sum_follows_the_definition(void)
{
    enum { LENGTH = 4, ACROSS_SITES = 3, SITES = LENGTH * ACROSS_SITES };
    const rg_torus_sum_t torus = {LENGTH, ACROSS_SITES, 0.9, 0.4, SITES + 1};
    size_t n = 0;
    CHECK(rg_torus_sum_places(&torus, &n) == RG_OK);
    CHECK(n == (2 * SITES + 1) * (SITES + 1));
    double expected[(2 * SITES + 1) * (SITES + 1)] = {0.0};
    double counts[(2 * SITES + 1) * (SITES + 1)] = {0.0};
    double split[(2 * SITES + 1) * (SITES + 1)] = {0.0};
    for (size_t state = 0; state < (size_t)1 << SITES; state++) {
        size_t unequal = 0;
        size_t up = 0;
        for (size_t i = 0; i < SITES; i++) {
            size_t right = i - i % ACROSS_SITES + (i + 1) % ACROSS_SITES;
            size_t down = (i + ACROSS_SITES) % SITES;
            up += (state >> i) & 1;
            unequal += spin_of(state, i) != spin_of(state, right);
            unequal += spin_of(state, i) != spin_of(state, down);
        }
        expected[up + unequal * (SITES + 1)] +=
            pow(0.9, (double)(2 * SITES - unequal)) * pow(0.4, (double)unequal);
    }
    CHECK(rg_torus_sum(&torus, 0, 8, 3, counts) == RG_OK);
    for (uint64_t start = 0; start < 8; start++) {
        CHECK(rg_torus_sum(&torus, start, start + 1, 1, split) == RG_OK);
    }
    for (size_t i = 0; i < n; i++) {
        CHECK(fabs(counts[i] - expected[i]) <= 1e-12 * expected[i]);
        CHECK(counts[i] == split[i]);
    }
}

static void counts_are_whole_numbers(void)
{
    const rg_torus_sum_t torus = {6, 6, 1.0, 1.0, 0};
    double counts[37] = {0.0};
    CHECK(rg_torus_sum(&torus, 0, 64, 2, counts) == RG_OK);
    double binomial = 1.0;
    for (size_t up = 0; up <= 36; up++) {
        CHECK(counts[up] == binomial);
        binomial = round(binomial * (double)(36 - up) / (double)(up + 1));
    }
}

static void wrong_arguments_are_refused(void)
{
    double values[4] = {0.0};
    double peak = 0.0;
    rg_step_t step = {.width = 2, .parity = 0, .along = values};
    CHECK(rg_column_weights(0, values, values, 1.0, 1, values, &peak) == RG_ERR_ARGUMENT);
    CHECK(rg_column_weights(21, values, values, 1.0, 1, values, &peak) == RG_ERR_ARGUMENT);
    CHECK(rg_column_weights(2, values, values, 1.0, 0, values, &peak) == RG_ERR_ARGUMENT);
    CHECK(rg_transfer_apply(&step, 1, 0, values) == RG_ERR_ARGUMENT);
    step.parity = 2;
    CHECK(rg_transfer_apply(&step, 1, 1, values) == RG_ERR_ARGUMENT);
    step = (rg_step_t){.width = 21, .parity = 0, .along = values};
    CHECK(rg_transfer_apply(&step, 1, 1, values) == RG_ERR_ARGUMENT);
    rg_torus_sum_t torus = {3, 3, 1.0, 1.0, 0};
    CHECK(rg_torus_sum(&torus, 2, 1, 1, values) == RG_ERR_ARGUMENT);
    CHECK(rg_torus_sum(&torus, 0, 9, 1, values) == RG_ERR_ARGUMENT);
    CHECK(rg_torus_sum(&torus, 0, 8, 0, values) == RG_ERR_ARGUMENT);
    size_t n = 0;
    torus.length = 1;
    CHECK(rg_torus_sum_places(&torus, &n) == RG_ERR_ARGUMENT);
    torus = (rg_torus_sum_t){3, RG_MAX_TORUS_WIDTH + 1, 1.0, 1.0, 0};
    CHECK(rg_torus_sum_places(&torus, &n) == RG_ERR_ARGUMENT);
    torus = (rg_torus_sum_t){SIZE_MAX / 2, 3, 1.0, 1.0, 0};
    CHECK(rg_torus_sum_places(&torus, &n) == RG_ERR_OVERFLOW);
    torus = (rg_torus_sum_t){3, 3, 1.0, 1.0, SIZE_MAX / 3};
    CHECK(rg_torus_sum_places(&torus, &n) == RG_ERR_OVERFLOW);
}

static void short_memory_is_reported(void)
{
    const rg_torus_sum_t torus = {3, 3, 1.0, 1.0, 0};
    double counts[10] = {0.0};
    for (long n = 0; n < 2; n++) {
        rg_test_fail_allocation_after(n);
        CHECK(rg_torus_sum(&torus, 0, 8, 1, counts) == RG_ERR_MEMORY);
    }
    rg_test_fail_allocation_after(-1);
    CHECK(counts[0] == 0.0);
    CHECK(rg_torus_sum(&torus, 0, 8, 1, counts) == RG_OK && counts[0] == 1.0);
}

static const harness_test_t TESTS[] = {
    TEST(weights_follow_the_definition),
    TEST(narrow_columns_have_the_right_bonds),
    TEST(step_follows_the_definition),
    TEST(one_site_has_two_by_two_matrix),
    TEST(wide_steps_do_not_depend_on_workers),
    TEST(torus_sum_follows_the_definition),
    TEST(counts_are_whole_numbers),
    TEST(wrong_arguments_are_refused),
    TEST(short_memory_is_reported),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
