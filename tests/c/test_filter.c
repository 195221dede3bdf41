/* test_filter.c: filters and the turned lattice on rows of bits. */
#include "harness.h"

#include "rg_bits.h"
#include "rg_filter.h"
#include "rg_math.h"

static const uint64_t KEY[4] = {5, 6, 7, 8};

enum { ROWS = 4, COLUMNS = 70, WORDS = 2, N = 13, BLOCKS = ROWS / 2 * (COLUMNS / 2) };

static double spin_at(const uint64_t *bits, size_t c, size_t x, size_t y)
{
    const uint64_t *row = bits + (c * ROWS + x % ROWS) * WORDS;
    return (row[y % COLUMNS / 64] >> (y % COLUMNS % 64)) & 1 ? 1.0 : -1.0;
}

/* Looked up (3 x 5) and summed (5 x 4) fields against the rule, in one call and in two. */
static void filters_follow_their_rule_at(size_t height, size_t width)
{
    uint64_t bits[N * ROWS * WORDS];
    uint64_t whole[N * ROWS / 2];
    uint64_t parts[N * ROWS / 2];
    uint64_t planes[(N * BLOCKS / RG_LANES + 1) * RG_LANES];
    double weights[20];
    rg_stream_t stream;
    rg_stream_init(&stream, KEY, RG_PURPOSE_COARSEN, 0);
    for (size_t i = 0; i <= N * BLOCKS / RG_LANES; i++) {
        rg_stream_plane(&stream, planes + i * RG_LANES);
    }
    for (size_t i = 0; i < N * ROWS; i++) {
        bits[2 * i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        bits[2 * i + 1] = i * 37 & 63;
    }
    for (size_t k = 0; k < height * width; k++) {
        weights[k] = 0.1 * (double)(k % 7) - 0.25;
    }
    static rg_filter_t filter;
    CHECK(rg_filter_init(&filter, ROWS, COLUMNS, 2, weights, height, width, 3, 69, 0.1, KEY) ==
          RG_OK);
    rg_filter_rows(&filter, bits, N, whole);
    rg_filter_free(&filter);
    CHECK(rg_filter_init(&filter, ROWS, COLUMNS, 2, weights, height, width, 3, 69, 0.1, KEY) ==
          RG_OK);
    rg_filter_rows(&filter, bits, 5, parts);
    rg_filter_rows(&filter, bits + 5 * ROWS * WORDS, N - 5, parts + 5 * (ROWS / 2));
    rg_filter_free(&filter);
    CHECK(memcmp(whole, parts, sizeof whole) == 0);
    for (size_t t = 0; t < N * BLOCKS; t++) {
        size_t c = t / BLOCKS;
        size_t i = t % BLOCKS / (COLUMNS / 2);
        size_t j = t % (COLUMNS / 2);
        double field = 0.1;
        for (size_t k = 0; k < height * width; k++) {
            field += weights[k] * spin_at(bits, c, 3 + 2 * i + k / width, 69 + 2 * j + k % width);
        }
        double u = ((double)(planes[t] >> 12) + 0.5) * 0x1p-52;
        bool up = field > 0.5 * (rg_log(u) - rg_log(1.0 - u));
        CHECK(((whole[c * (ROWS / 2) + i] >> j) & 1) == up);
    }
}

static void sizes_are_checked(void)
{
    static rg_filter_t filter;
    const double weight = 1.0;
    CHECK(rg_filter_init(&filter, 4, 5, 2, &weight, 1, 1, 0, 0, 0.0, KEY) == RG_ERR_ARGUMENT);
    rg_filter_free(&filter);
    CHECK(rg_filter_init(&filter, 4, 4, 2, &weight, 1, 1, 4, 0, 0.0, KEY) == RG_ERR_ARGUMENT);
    rg_filter_free(&filter);
    CHECK(rg_filter_init(&filter, 4, 4, 2, &weight, SIZE_MAX, 2, 0, 0, 0.0, KEY) ==
          RG_ERR_OVERFLOW);
    rg_filter_free(&filter);
}

static void turned_rows_alternate(void)
{
    const uint64_t bits[4] = {UINT64_C(0x5555555555555555), 1, UINT64_C(0x5555555555555555), 1};
    uint64_t coarse[2];
    rg_turn_rows(2, 66, bits, 1, coarse);
    CHECK(coarse[0] == UINT64_C(0x1ffffffff) && coarse[1] == 0);
    rg_turn_rows(1, 66, bits, 2, coarse); /* every lattice begins with an even row */
    CHECK(coarse[0] == coarse[1]);
}

static void filters_follow_their_rule(void)
{
    filters_follow_their_rule_at(3, 5);
    filters_follow_their_rule_at(5, 4);
}

static const harness_test_t TESTS[] = {
    TEST(filters_follow_their_rule),
    TEST(sizes_are_checked),
    TEST(turned_rows_alternate),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
