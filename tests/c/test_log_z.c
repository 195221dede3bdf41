/* Exact log Z: closed forms, slices and workers, failures. */
#include "harness.h"

#include <math.h>

#include "rg_dispatch.h"
#include "rg_log_z.h"

enum { N_FIRST = 17, N_OTHER = 5 };

static double log_z(const rg_rbm_side_t *rbm, size_t workers, size_t budget)
{
    rg_log_z_t job = {.rbm = rbm, .workers = workers};
    CHECK(rg_log_z_init(&job) == RG_OK);
    int ret = RG_MORE;
    while (ret == RG_MORE) {
        ret = rg_log_z_run(&job, budget);
    }
    CHECK(ret == RG_OK);
    double value = rg_log_z_value(&job);
    rg_log_z_free(&job);
    return value;
}

/* One hidden unit sees one visible unit, so Z is a product; weights up to 400 leave few low units.
 */
static void chains_factorise(void)
{
    for (int kind = 0; kind < 4; kind++) {
        bool spin = kind & 1;
        double scale = kind & 2 ? 400.0 : 1.0;
        double weights[N_FIRST * N_OTHER] = {0};
        double first[N_FIRST] = {0};
        double other[N_OTHER] = {0};
        double exact = (double)(N_FIRST - N_OTHER) * log(2.0);
        for (size_t i = 0; i < N_OTHER; i++) {
            double w = scale * (0.1 + 0.1 * (double)i);
            weights[i * N_OTHER + i] = w;
            /* sum over both units: 2 e^w + 2 e^-w, or 3 + e^w */
            exact += w + (spin ? log(2.0) + log1p(exp(-2.0 * w)) : log1p(3.0 * exp(-w)));
        }
        rg_rbm_side_t rbm = {N_FIRST, N_OTHER, weights, first, other, spin};
        double one = log_z(&rbm, 1, 100);
        CHECK(fabs(one - exact) < 1e-13 * fabs(exact));
        CHECK(log_z(&rbm, 3, 1) == one);
    }
}

static void failures_are_clean(void)
{
    double zeros[8] = {0};
    rg_rbm_side_t rbm = {2, 3, zeros, zeros, zeros, true};
    rg_rbm_side_t none = {0, 3, zeros, zeros, zeros, true};
    rg_log_z_t job = {.rbm = &none, .workers = 1};
    CHECK(rg_log_z_init(&job) == RG_ERR_ARGUMENT);
    rg_log_z_free(&job);
    for (long n = 0; n < 7; n++) {
        job = (rg_log_z_t){.rbm = &rbm, .workers = 1};
        rg_test_fail_allocation_after(n);
        CHECK(rg_log_z_init(&job) == RG_ERR_MEMORY);
        rg_test_fail_allocation_after(-1);
        rg_log_z_free(&job);
    }
}

static const harness_test_t TESTS[] = {
    TEST(chains_factorise),
    TEST(failures_are_clean),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
