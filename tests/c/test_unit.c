/* test_unit.c: means of row-major units, with rows and units that fill no block. */
#include "harness.h"

#include "rg_unit.h"

#include <math.h>

static void means_are_those_of_their_inputs(void)
{
    enum { ROWS = 45, UNITS = 21 };
    double wide[ROWS * UNITS];
    float narrow[ROWS * UNITS];
    double bias[UNITS];
    float narrow_bias[UNITS];
    for (int spin = 0; spin < 2; spin++) {
        for (size_t j = 0; j < UNITS; j++) {
            bias[j] = 0.25 * (double)j - 2.0;
            narrow_bias[j] = (float)bias[j];
        }
        for (size_t i = 0; i < ROWS * UNITS; i++) {
            wide[i] = (double)(i % 37) / 8 - 2.0;
            narrow[i] = (float)wide[i];
        }
        rg_unit_means(false, spin, ROWS, UNITS, bias, wide);
        rg_unit_means(true, spin, ROWS, UNITS, narrow_bias, narrow);
        for (size_t i = 0; i < ROWS * UNITS; i++) {
            double x = (double)(i % 37) / 8 - 2.0 + bias[i % UNITS];
            double mean = spin ? tanh(x) : 1 / (1 + exp(-x));
            CHECK(fabs(wide[i] - mean) < 1e-15);
            CHECK(fabs((double)narrow[i] - mean) < 3e-7);
        }
    }
    rg_unit_means(false, false, 0, UNITS, bias, wide);
}

static const harness_test_t TESTS[] = {
    TEST(means_are_those_of_their_inputs),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
