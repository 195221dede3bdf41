/* Annealed chains: slices, workers, variants and dense panels agree; failures are clean. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "rg_ais.h"
#include "rg_bits.h"
#include "rg_dispatch.h"

enum { N_VISIBLE = 70, N_HIDDEN = 21, N_ROWS = 150, WORDS = 2, N_BETAS = 7 };

static const uint64_t KEY[4] = {1, 2, 3, 4};
static const double BETAS[N_BETAS] = {0.0, 0.1, 0.3, 0.5, 0.5, 0.8, 1.0};

typedef struct {
    uint64_t visible[N_ROWS * WORDS];
    double log_weight[N_ROWS];
    double slope[N_BETAS * N_ROWS];
} result_t;

static double weight(size_t i, size_t j)
{
    return i % 9 == j % 9 ? 0.3 * sin((double)(i * 31 + j)) : 0.0;
}

/* Machines with few weights per unit, so that panels leave groups out. */
static void fill(rg_rbm_t *rbm, rg_rbm_t *transposed, bool spin)
{
    double w[N_VISIBLE * N_HIDDEN];
    double wt[N_VISIBLE * N_HIDDEN];
    CHECK(rg_rbm_init(rbm, N_VISIBLE, N_HIDDEN, spin, false) == RG_OK);
    CHECK(rg_rbm_init(transposed, N_HIDDEN, N_VISIBLE, spin, false) == RG_OK);
    for (size_t i = 0; i < N_VISIBLE; i++) {
        ((double *)rbm->visible_bias)[i] = 0.1 * sin((double)i);
        for (size_t j = 0; j < N_HIDDEN; j++) {
            w[i * N_HIDDEN + j] = wt[j * N_VISIBLE + i] = weight(i, j);
        }
    }
    for (size_t j = 0; j < N_HIDDEN; j++) {
        ((double *)rbm->hidden_bias)[j] = 0.1 * cos((double)j);
    }
    rg_rbm_pack(N_VISIBLE, N_HIDDEN, false, w, rbm->weights);
    rg_rbm_pack(N_HIDDEN, N_VISIBLE, false, wt, transposed->weights);
}

static void run(bool spin, size_t workers, size_t slice, result_t *result)
{
    rg_rbm_t rbm;
    rg_rbm_t transposed;
    _Alignas(64) double base[80] = {0.05, -0.2};
    fill(&rbm, &transposed, spin);
    memset(result, 0, sizeof *result);
    for (size_t row = 0; row < N_ROWS; row++) {
        result->visible[row * WORDS] = 0x9e3779b97f4a7c15u * (row + 1);
    }
    rg_ais_t job = {.rbm = &rbm,
                    .transposed = &transposed,
                    .base_bias = base,
                    .betas = BETAS,
                    .n_betas = N_BETAS,
                    .n_rows = N_ROWS,
                    .visible = result->visible,
                    .log_weight = result->log_weight,
                    .slope = result->slope,
                    .workers = workers};
    memcpy(job.key, KEY, sizeof KEY);
    CHECK(rg_ais_init(&job) == RG_OK);
    double before = rg_ais_done(&job);
    while (rg_ais_run(&job, slice) == RG_MORE) {
        CHECK(rg_ais_done(&job) >= before);
        before = rg_ais_done(&job);
    }
    CHECK(rg_ais_done(&job) == 1.0);
    rg_ais_free(&job);
    rg_rbm_free(&rbm);
    rg_rbm_free(&transposed);
}

static void slices_workers_and_variants_agree(void)
{
    static const char *const variants[] = {"portable", "avx2", "avx512"};
    static result_t first;
    static result_t other;
    for (int spin = 0; spin < 2; spin++) {
        CHECK(rg_dispatch_init("portable") == RG_OK);
        run(spin, 1, 100, &first);
        for (size_t v = 0; v < 3; v++) {
            if (rg_dispatch_init(variants[v]) != RG_OK) {
                continue;
            }
            run(spin, 1 + v, 1 + v, &other);
            CHECK(memcmp(&first, &other, sizeof first) == 0);
        }
    }
    CHECK(rg_dispatch_init(NULL) == RG_OK);
}

/* The first weight change, from hand: betas 0 -> 0.1 of a known state. */
static void weights_are_differences_of_log_f(void)
{
    static const double betas[2] = {0.25, 1.0};
    for (int spin = 0; spin < 2; spin++) {
        rg_rbm_t rbm;
        rg_rbm_t transposed;
        _Alignas(64) double base[80] = {0};
        uint64_t visible[WORDS] = {0x123456789abcdefu, 0x2a};
        uint64_t bits[WORDS] = {visible[0], visible[1]};
        double log_weight = 0.0;
        fill(&rbm, &transposed, spin);
        rg_ais_t job = {.rbm = &rbm,
                        .transposed = &transposed,
                        .base_bias = base,
                        .betas = betas,
                        .n_betas = 2,
                        .n_rows = 1,
                        .visible = visible,
                        .log_weight = &log_weight,
                        .workers = 3};
        CHECK(rg_ais_init(&job) == RG_OK);
        CHECK(rg_ais_run(&job, 5) == RG_OK);
        double expected = 0.0;
        for (size_t j = 0; j < N_HIDDEN; j++) {
            double x = ((double *)rbm.hidden_bias)[j];
            for (size_t i = 0; i < N_VISIBLE; i++) {
                bool on = (bits[i / 64] >> (i % 64)) & 1;
                double v = on ? 1.0 : spin ? -1.0 : 0.0;
                x += v * weight(i, j);
                expected += j == 0 ? 0.75 * v * ((double *)rbm.visible_bias)[i] : 0.0;
            }
            expected += spin ? log(cosh(x) / cosh(0.25 * x)) : log1p(exp(x)) - log1p(exp(0.25 * x));
        }
        CHECK(fabs(log_weight - expected) < 1e-12);
        rg_ais_free(&job);
        rg_rbm_free(&rbm);
        rg_rbm_free(&transposed);
    }
}

static void failures_are_clean(void)
{
    rg_rbm_t rbm;
    rg_rbm_t transposed;
    _Alignas(64) double base[80] = {0};
    uint64_t visible[WORDS] = {0};
    double log_weight = 0.0;
    fill(&rbm, &transposed, true);
    rg_ais_t job = {.rbm = &rbm,
                    .transposed = &transposed,
                    .base_bias = base,
                    .betas = BETAS,
                    .n_betas = 0,
                    .n_rows = 1,
                    .visible = visible,
                    .log_weight = &log_weight,
                    .workers = 1};
    CHECK(rg_ais_init(&job) == RG_ERR_ARGUMENT);
    rg_ais_free(&job);
    job.n_betas = N_BETAS;
    job.transposed = &rbm;
    CHECK(rg_ais_init(&job) == RG_ERR_ARGUMENT);
    rg_ais_free(&job);
    job.transposed = &transposed;
    for (long n = 0; n < 9; n++) {
        rg_test_fail_allocation_after(n);
        CHECK(rg_ais_init(&job) == RG_ERR_MEMORY);
        rg_test_fail_allocation_after(-1);
        rg_ais_free(&job);
    }
    rg_rbm_free(&rbm);
    rg_rbm_free(&transposed);
}

static const harness_test_t TESTS[] = {
    TEST(slices_workers_and_variants_agree),
    TEST(weights_are_differences_of_log_f),
    TEST(failures_are_clean),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
