/* test_block.c: decimation and majority rule, the tie bits and what they depend on. */
#include "harness.h"

#include "rg_bits.h"
#include "rg_block.h"
#include "rg_rng.h"

static const uint64_t KEY[4] = {5, 6, 7, 8};

static void decimation_keeps_the_first_site(void)
{
    const size_t extents[2] = {4, 6};
    int8_t fine[48];
    int8_t coarse[12];
    for (size_t i = 0; i < 48; i++) {
        fine[i] = (int8_t)i;
    }
    rg_blocking_t blocking;
    CHECK(rg_blocking_init(&blocking, extents, 2, 2) == RG_OK);
    CHECK(blocking.n_sites == 24 && blocking.n_blocks == 6);
    rg_decimate(&blocking, fine, 2, coarse);
    const int8_t expected[12] = {0, 2, 4, 12, 14, 16, 24, 26, 28, 36, 38, 40};
    CHECK(memcmp(coarse, expected, sizeof expected) == 0);
}

static void sizes_are_checked(void)
{
    rg_blocking_t blocking;
    const size_t extents[3] = {4, 6, 9};
    const size_t huge[2] = {SIZE_MAX / 2 + 1, 4};
    const size_t empty[1] = {0};
    CHECK(rg_blocking_init(&blocking, extents, 3, 2) == RG_ERR_ARGUMENT);
    CHECK(rg_blocking_init(&blocking, extents, 3, 0) == RG_ERR_ARGUMENT);
    CHECK(rg_blocking_init(&blocking, extents, 0, 2) == RG_ERR_ARGUMENT);
    CHECK(rg_blocking_init(&blocking, empty, 1, 2) == RG_ERR_ARGUMENT);
    CHECK(rg_blocking_init(&blocking, huge, 2, 2) == RG_ERR_OVERFLOW);
    CHECK(rg_blocking_init(&blocking, extents, 3, 1) == RG_OK);
}

static void majority_counts_blocks_of_any_length(void)
{
    const size_t extents[2] = {6, 6};
    rg_block_stream_t random = {.next = 0};
    for (size_t b = 2; b <= 3; b++) {
        rg_blocking_t blocking;
        CHECK(rg_blocking_init(&blocking, extents, 2, b) == RG_OK);
        int8_t fine[36];
        int8_t coarse[9];
        for (size_t i = 0; i < 36; i++) {
            fine[i] = (i * i * 7 + i / 5) % 3 == 0 ? 1 : -1;
        }
        CHECK(rg_majority(&blocking, RG_TIES_RANDOM, KEY, &random, 0, fine, 1, coarse) == RG_OK);
        for (size_t t = 0; t < blocking.n_blocks; t++) {
            size_t x = t / (6 / b) * b;
            size_t y = t % (6 / b) * b;
            int sum = 0;
            for (size_t k = 0; k < b * b; k++) {
                sum += fine[(x + k / b) * 6 + y + k % b];
            }
            CHECK(coarse[t] == 1 || coarse[t] == -1);
            CHECK(sum * coarse[t] >= 0);
        }
    }
}

static void ties_follow_the_stream(void)
{
    enum { N = 1030 };
    static int8_t fine[N * 4];
    static int8_t coarse[N * 2];
    static int8_t later[(N - 512) * 2];
    for (size_t i = 0; i < N * 4; i++) {
        fine[i] = i % 2 ? 1 : -1;
    }
    const size_t extents[1] = {4};
    rg_blocking_t blocking;
    rg_block_stream_t random = {.next = 0};
    CHECK(rg_blocking_init(&blocking, extents, 1, 2) == RG_OK);
    CHECK(rg_majority(&blocking, RG_TIES_RANDOM, KEY, &random, 0, fine, N, coarse) == RG_OK);
    for (size_t group = 0; group < 3; group++) {
        rg_stream_t stream;
        rg_stream_init(&stream, KEY, RG_PURPOSE_TIES, group);
        for (size_t c = 0; c < 512 && group * 512 + c < N; c++) {
            uint64_t plane[RG_LANES];
            rg_stream_plane(&stream, plane);
            for (size_t t = 0; t < 2; t++) {
                bool up = (plane[0] >> t) & 1;
                CHECK(coarse[(group * 512 + c) * 2 + t] == (up ? 1 : -1));
            }
        }
    }
    CHECK(rg_majority(&blocking, RG_TIES_RANDOM, KEY, &random, 512, fine, N - 512, later) == RG_OK);
    CHECK(memcmp(later, coarse + 2 * 512, sizeof later) == 0);
    CHECK(rg_majority(&blocking, RG_TIES_RANDOM, KEY, &random, 100, fine, 1, later) ==
          RG_ERR_ARGUMENT);
}

/* slices that end inside a group of 512 configurations must not show */
static void slices_do_not_show(void)
{
    enum { N = 1030, SITES = 4 * 4 };
    static int8_t fine[N * SITES];
    static uint64_t bits[N * 4];
    static int8_t whole[2][N * 4];
    static int8_t sliced[2][N * 4];
    static uint64_t whole_rows[N * 2];
    static uint64_t sliced_rows[N * 2];
    for (size_t i = 0; i < (size_t)N * SITES; i++) {
        fine[i] = (i * 2654435761u >> 7) % 2 ? 1 : -1;
    }
    const size_t extents[2] = {4, 4};
    rg_blocking_t blocking;
    CHECK(rg_blocking_init(&blocking, extents, 2, 2) == RG_OK);
    CHECK(rg_bits_pack(fine, (size_t)N * 4, 4, -1, 1, bits) == RG_OK);
    rg_block_stream_t random[3] = {{.next = 0}};
    CHECK(rg_majority(&blocking, 0, KEY, &random[0], 0, fine, N, whole[0]) == RG_OK);
    CHECK(rg_kadanoff(&blocking, 0.3, KEY, &random[0], 0, fine, N, whole[1]) == RG_OK);
    CHECK(rg_majority_rows(4, 4, 2, 0, KEY, &random[0], 0, bits, N, whole_rows) == RG_OK);
    for (size_t c = 0; c < N; c += 103) {
        const int8_t *from = fine + c * SITES;
        CHECK(rg_majority(&blocking, 0, KEY, &random[0], c, from, 103, sliced[0] + 4 * c) == RG_OK);
        CHECK(rg_kadanoff(&blocking, 0.3, KEY, &random[1], c, from, 103, sliced[1] + 4 * c) ==
              RG_OK);
        CHECK(rg_majority_rows(4, 4, 2, 0, KEY, &random[2], c, bits + 4 * c, 103,
                               sliced_rows + 2 * c) == RG_OK);
    }
    CHECK(memcmp(sliced, whole, sizeof whole) == 0);
    CHECK(memcmp(sliced_rows, whole_rows, sizeof whole_rows) == 0);
}

/* int8 and bit rows must agree, random numbers included, for rows of one and of several words */
static void rows_of_bits_give_the_same_blocks(void)
{
    enum { N = 3, MOST_ROWS = 6, MOST = 201, SIZE = N * MOST_ROWS * MOST };
    static int8_t fine[SIZE];
    static int8_t coarse[SIZE];
    static uint64_t bits[N * MOST_ROWS * 4];
    static uint64_t blocks[N * MOST_ROWS * 4];
    static uint64_t expected[N * MOST_ROWS * 4];
    static const size_t sizes[][3] = {
        {2, 6, 2},   {2, 6, 6},   {2, 6, 62},  {2, 6, 64}, {2, 6, 66},  {2, 6, 128}, {2, 6, 130},
        {2, 6, 192}, {2, 2, 192}, {2, 6, 200}, {3, 6, 63}, {3, 3, 201}, {4, 4, 68},  {5, 5, 130}};
    rg_block_stream_t random = {.next = 0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t b = sizes[i][0];
        const size_t *extents = sizes[i] + 1;
        size_t rows = extents[0];
        size_t width = extents[1];
        for (size_t s = 0; s < N * rows * width; s++) {
            fine[s] = (s * 2654435761u >> 7) % 2 ? 1 : -1;
        }
        rg_blocking_t blocking;
        CHECK(rg_blocking_init(&blocking, extents, 2, b) == RG_OK);
        CHECK(rg_bits_pack(fine, N * rows, width, -1, 1, bits) == RG_OK);
        size_t words = rg_bits_words(width / b) * N * rows / b;
        for (int rule = 0; rule < 4; rule++) { /* ties 0, ties 1, Kadanoff, decimation */
            if (rule < 2) {
                CHECK(rg_majority(&blocking, rule, KEY, &random, 0, fine, N, coarse) == RG_OK);
                CHECK(rg_majority_rows(rows, width, b, rule, KEY, &random, 0, bits, N, blocks) ==
                      RG_OK);
            } else if (rule == 2) {
                CHECK(rg_kadanoff(&blocking, 0.3, KEY, &random, 0, fine, N, coarse) == RG_OK);
                CHECK(rg_kadanoff_rows(rows, width, b, 0.3, KEY, &random, 0, bits, N, blocks) ==
                      RG_OK);
            } else {
                rg_decimate(&blocking, fine, N, coarse);
                CHECK(rg_decimate_rows(rows, width, b, bits, N, blocks) == RG_OK);
            }
            CHECK(rg_bits_pack(coarse, N * rows / b, width / b, -1, 1, expected) == RG_OK);
            CHECK(memcmp(blocks, expected, words * sizeof *blocks) == 0);
        }
    }
    CHECK(rg_decimate_rows(4, 4, 3, bits, 1, blocks) == RG_ERR_ARGUMENT);
    CHECK(rg_kadanoff_rows(3, 4, 2, 0.3, KEY, &random, 0, bits, 1, blocks) == RG_ERR_ARGUMENT);
    CHECK(rg_majority_rows(3, 4, 2, 0, KEY, &random, 0, bits, 1, blocks) == RG_ERR_ARGUMENT);
    CHECK(rg_majority_rows(4, 5, 2, 0, KEY, &random, 0, bits, 1, blocks) == RG_ERR_ARGUMENT);
    CHECK(rg_majority_rows(4, 4, 2, 2, KEY, &random, 0, bits, 1, blocks) == RG_ERR_ARGUMENT);
}

static void strong_kadanoff_blocks_are_majorities(void)
{
    const size_t extents[1] = {9};
    const int8_t fine[9] = {1, 1, -1, -1, -1, 1, 1, 1, 1};
    int8_t coarse[3];
    rg_blocking_t blocking;
    rg_block_stream_t random = {.next = 0};
    CHECK(rg_blocking_init(&blocking, extents, 1, 3) == RG_OK);
    CHECK(rg_kadanoff(&blocking, 50.0, KEY, &random, 0, fine, 1, coarse) == RG_OK);
    CHECK(coarse[0] == 1 && coarse[1] == -1 && coarse[2] == 1);
    CHECK(rg_kadanoff(&blocking, -50.0, KEY, &random, 0, fine, 1, coarse) == RG_OK);
    CHECK(coarse[0] == -1 && coarse[1] == 1 && coarse[2] == -1);
    CHECK(rg_kadanoff(&blocking, 1.0, KEY, &random, 7, fine, 1, coarse) == RG_ERR_ARGUMENT);
#ifdef RG_TEST
    for (long n = 0; n < 3; n++) {
        rg_test_fail_allocation_after(n);
        CHECK(rg_kadanoff(&blocking, 1.0, KEY, &random, 0, fine, 1, coarse) == RG_ERR_MEMORY);
    }
    rg_test_fail_allocation_after(-1);
#endif
}

static void majority_reports_errors(void)
{
    int8_t fine[6] = {1, -1, 1, 1, 0, 1};
    int8_t coarse[3];
    const size_t extents[1] = {6};
    rg_block_stream_t random = {.next = 0};
    for (size_t b = 2; b <= 3; b++) {
        rg_blocking_t blocking;
        CHECK(rg_blocking_init(&blocking, extents, 1, b) == RG_OK);
        CHECK(rg_majority(&blocking, RG_TIES_RANDOM, KEY, &random, 0, fine, 1, coarse) ==
              RG_ERR_VALUES);
#ifdef RG_TEST
        for (long n = 0; n < 2; n++) {
            rg_test_fail_allocation_after(n);
            CHECK(rg_majority(&blocking, RG_TIES_RANDOM, KEY, &random, 0, fine, 1, coarse) ==
                  RG_ERR_MEMORY);
        }
        rg_test_fail_allocation_after(-1);
#endif
    }
}

static const harness_test_t TESTS[] = {
    TEST(decimation_keeps_the_first_site),
    TEST(sizes_are_checked),
    TEST(majority_counts_blocks_of_any_length),
    TEST(ties_follow_the_stream),
    TEST(slices_do_not_show),
    TEST(rows_of_bits_give_the_same_blocks),
    TEST(strong_kadanoff_blocks_are_majorities),
    TEST(majority_reports_errors),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
