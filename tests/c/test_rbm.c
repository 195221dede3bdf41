/* Boltzmann machines: products against plain loops, variants, workers, budgets, failures. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "rg_bits.h"
#include "rg_dispatch.h"
#include "rg_draw.h"
#include "rg_math.h"
#include "rg_rbm.h"

static const char *const VARIANTS[] = {"portable", "avx2", "avx512"};
static const uint64_t KEY[4] = {9, 8, 7, 6};

enum { N_VISIBLE = 70, N_HIDDEN = 21, N_ROWS = 45, WORDS = 2 };

static void products_equal_plain_sums(void)
{
    _Alignas(64) double weights[(N_VISIBLE + 2) * RG_PANEL] = {0}; /* rows to a multiple of 4 */
    _Alignas(64) double out[N_ROWS * RG_PANEL];
    uint64_t bits[N_ROWS * WORDS];
    rg_stream_t stream;
    rg_stream_init(&stream, KEY, 2, 0);
    rg_draw_normals(&stream, N_VISIBLE * RG_PANEL, weights);
    for (size_t i = 0; i + RG_LANES <= N_ROWS * WORDS; i += RG_LANES) {
        rg_stream_plane(&stream, &bits[i]);
    }
    bits[N_ROWS * WORDS - 2] = bits[N_ROWS * WORDS - 1] = 12345;
    uint64_t index[N_ROWS * 3];
    CHECK(rg_lookup_words(N_ROWS, N_VISIBLE) == N_ROWS * 3);
    rg_lookup_spread(bits, WORDS, N_ROWS, N_VISIBLE, index);
    for (int spin = 0; spin < 2; spin++) {
        memset(out, 0, sizeof out);
        rg_lookup_t job = {
            .index = index, .n_rows = N_ROWS, .n_inputs = N_VISIBLE, .spin = spin, .n_panels = 1};
        rg_kernels()->lookup_f64(&job, weights, out);
        for (size_t r = 0; r < N_ROWS; r++) {
            for (size_t j = 0; j < RG_PANEL; j++) {
                double sum = 0.0;
                for (size_t i = 0; i < N_VISIBLE; i++) {
                    bool on = (bits[r * WORDS + i / 64] >> (i % 64)) & 1;
                    sum += weights[i * RG_PANEL + j] * (on ? 1.0 : spin ? -1.0 : 0.0);
                }
                CHECK(fabs(sum - out[r * RG_PANEL + j]) < 1e-12);
            }
        }
    }
}

static void means_are_sigmoid_and_tanh(void)
{
    _Alignas(64) double x[RG_PANEL];
    _Alignas(64) double mean[RG_PANEL];
    for (size_t j = 0; j < RG_PANEL; j++) {
        x[j] = 60.0 * ((double)j - 7.5) / 7.5;
    }
    rg_unit_t job = {.n_rows = 1, .n_units = RG_PANEL, .spin = false};
    rg_kernels()->unit_f64(&job, NULL, x, mean);
    for (size_t j = 0; j < RG_PANEL; j++) {
        double exact = 1.0 / (1.0 + exp(-x[j]));
        CHECK(fabs(mean[j] - exact) < 1e-15 * (exact > 1e-9 ? 1.0 : exact * 1e3));
    }
    job.spin = true;
    rg_kernels()->unit_f64(&job, NULL, x, mean);
    for (size_t j = 0; j < RG_PANEL; j++) {
        CHECK(fabs(mean[j] - tanh(x[j])) < 1e-15);
    }
}

static void exp_and_log_are_accurate(void)
{
    for (int i = -7000; i <= 7000; i++) {
        double x = 0.1 * i;
        CHECK(fabs(rg_exp(x) / exp(x) - 1.0) < 4e-16);
        double y = exp(x);
        CHECK(fabs(rg_log(y) - log(y)) <= 4e-16 * fmax(1.0, fabs(log(y))));
    }
    CHECK(rg_exp(0.0) == 1.0 && rg_log(1.0) == 0.0);
}

static void fill(rg_rbm_t *rbm)
{
    double matrix[N_VISIBLE * N_HIDDEN];
    float narrow[N_VISIBLE * N_HIDDEN];
    rg_stream_t stream;
    rg_stream_init(&stream, KEY, 3, 0);
    rg_draw_normals(&stream, N_VISIBLE * N_HIDDEN, matrix);
    for (size_t i = 0; i < N_VISIBLE * N_HIDDEN; i++) {
        matrix[i] *= 0.1;
        narrow[i] = (float)matrix[i];
    }
    const void *from = rbm->single ? (const void *)narrow : (const void *)matrix;
    rg_rbm_pack(N_VISIBLE, N_HIDDEN, rbm->single, from, rbm->weights);
}

/* Train a fixed job; returns the weights, row-major, as bytes to compare. */
static unsigned char *train(const char *variant, bool single, bool spin, bool persistent,
                            size_t workers, size_t budget)
{
    rg_rbm_t rbm;
    rg_rbm_t velocity;
    uint64_t data[N_ROWS * WORDS];
    uint64_t negative[24 * WORDS] = {0};
    uint64_t hidden[24] = {0};
    uint32_t order[N_ROWS];
    rg_stream_t stream;
    CHECK(rg_dispatch_init(variant) == RG_OK);
    CHECK(rg_rbm_init(&rbm, N_VISIBLE, N_HIDDEN, spin, single) == RG_OK);
    CHECK(rg_rbm_init(&velocity, N_VISIBLE, N_HIDDEN, spin, single) == RG_OK);
    fill(&rbm);
    rg_stream_init(&stream, KEY, 4, 0);
    for (size_t i = 0; i < N_ROWS; i++) {
        uint64_t plane[RG_LANES];
        rg_stream_plane(&stream, plane);
        data[2 * i] = plane[0];
        data[2 * i + 1] = plane[1] & 63;
    }
    rg_draw_permutation(&stream, N_ROWS, order);
    rg_rbm_train_t job = {.rbm = &rbm,
                          .weight_velocity = velocity.weights,
                          .visible_velocity = velocity.visible_bias,
                          .hidden_velocity = velocity.hidden_bias,
                          .data = data,
                          .order = order,
                          .n_rows = N_ROWS,
                          .batch_size = 20,
                          .negative = negative,
                          .hidden = hidden,
                          .n_chains = 24,
                          .persistent = persistent,
                          .k = 2,
                          .learning_rate = 0.1,
                          .momentum = 0.5,
                          .l1 = 0.001,
                          .key = {1, 2, 3, 4},
                          .workers = workers};
    CHECK(rg_rbm_train_init(&job) == RG_OK);
    int ret = RG_MORE;
    while (ret == RG_MORE) {
        ret = rg_rbm_train_run(&job, budget);
    }
    CHECK(ret == RG_OK);
    CHECK(rg_rbm_train_run(&job, 10) == RG_OK); /* nothing left */
    CHECK(job.step == 3);
    CHECK(job.n_negative == (persistent ? 24 : 5));
    unsigned char *weights = calloc(N_VISIBLE * N_HIDDEN, sizeof(double));
    rg_rbm_unpack(N_VISIBLE, N_HIDDEN, single, rbm.weights, weights);
    rg_rbm_train_free(&job);
    rg_rbm_free(&rbm);
    rg_rbm_free(&velocity);
    return weights;
}

static void training_is_the_same_in_every_variant(void)
{
    for (int kind = 0; kind < 8; kind++) {
        bool single = kind & 1;
        bool spin = kind & 2;
        bool persistent = kind & 4;
        unsigned char *golden = train("portable", single, spin, persistent, 1, 100);
        for (size_t v = 0; v < 3; v++) {
            if (rg_kernels_named(VARIANTS[v]) == NULL) {
                continue;
            }
            unsigned char *other = train(VARIANTS[v], single, spin, persistent, 1 + v, 1 + 2 * v);
            CHECK(memcmp(golden, other, N_VISIBLE * N_HIDDEN * sizeof(double)) == 0);
            free(other);
        }
        free(golden);
    }
    CHECK(rg_dispatch_init(NULL) == RG_OK);
}

static void gibbs_slices_and_workers_agree(void)
{
    rg_rbm_t rbm;
    CHECK(rg_rbm_init(&rbm, N_VISIBLE, N_HIDDEN, true, true) == RG_OK);
    fill(&rbm);
    enum { ROWS = 1100 };
    uint64_t *visible[2];
    uint64_t *hidden[2];
    for (size_t i = 0; i < 2; i++) {
        visible[i] = calloc(ROWS * WORDS, sizeof(uint64_t));
        hidden[i] = calloc(ROWS, sizeof(uint64_t));
        rg_rbm_gibbs_t job = {.rbm = &rbm,
                              .key = {1, 1, 1, 1},
                              .purpose = RG_PURPOSE_RBM_GIBBS,
                              .n_half_steps = 5,
                              .from_visible = true,
                              .n_rows = ROWS,
                              .visible = visible[i],
                              .hidden = hidden[i],
                              .workers = 1 + 2 * i};
        int ret = RG_MORE;
        while (ret == RG_MORE) {
            ret = rg_rbm_gibbs_run(&job, 100 - 98 * i);
        }
        CHECK(ret == RG_OK);
    }
    CHECK(memcmp(visible[0], visible[1], ROWS * WORDS * sizeof(uint64_t)) == 0);
    CHECK(memcmp(hidden[0], hidden[1], ROWS * sizeof(uint64_t)) == 0);
    for (size_t i = 0; i < 2; i++) {
        free(visible[i]);
        free(hidden[i]);
    }
    rg_rbm_free(&rbm);
}

static void failures_are_clean(void)
{
    rg_rbm_t rbm;
    CHECK(rg_rbm_init(&rbm, 0, 3, true, true) == RG_ERR_ARGUMENT);
    rg_rbm_free(&rbm);
    for (long n = 0; n < 13; n++) {
        rg_test_fail_allocation_after(n);
        int ret = rg_rbm_init(&rbm, N_VISIBLE, N_HIDDEN, true, true);
        CHECK(ret == (n < 3 ? RG_ERR_MEMORY : RG_OK));
        if (ret == RG_OK) {
            uint64_t rows[20 * WORDS] = {0};
            uint32_t order[1] = {0};
            rg_rbm_train_t job = {.rbm = &rbm,
                                  .data = rows,
                                  .order = order,
                                  .n_rows = 1,
                                  .batch_size = 20,
                                  .negative = rows,
                                  .n_chains = 20,
                                  .k = 1,
                                  .workers = 1};
            CHECK(rg_rbm_train_init(&job) == RG_ERR_MEMORY);
            rg_rbm_train_free(&job);
        }
        rg_test_fail_allocation_after(-1);
        rg_rbm_free(&rbm);
    }
}

static const harness_test_t TESTS[] = {
    TEST(products_equal_plain_sums),      TEST(means_are_sigmoid_and_tanh),
    TEST(exp_and_log_are_accurate),       TEST(training_is_the_same_in_every_variant),
    TEST(gibbs_slices_and_workers_agree), TEST(failures_are_clean),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
