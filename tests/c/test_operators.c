/* test_operators.c: sums of spin products against plain loops over the sites. */
#include "harness.h"

#include "rg_bits.h"
#include "rg_operators.h"

/* nn: two products of two; a plaquette; an odd one with offsets of both signs, far out */
static const size_t STARTS[] = {0, 2, 4, 8, 11};
static const int64_t OFFSETS[] = {0, 0, 0, 1, 0, 0,  1,  0, 0, 0,   0,
                                  1, 1, 0, 1, 1, -1, -3, 2, 0, 100, 70};
static const size_t OWNERS[] = {0, 0, 1, 2};
enum { N_PRODUCTS = 4, N_OPERATORS = 3 };

static int init(rg_operators_t *set, size_t n_rows, size_t n_columns)
{
    return rg_operators_init(set, n_rows, n_columns, N_PRODUCTS, STARTS, OFFSETS, OWNERS,
                             N_OPERATORS);
}

static size_t wrap(size_t x, int64_t offset, size_t extent)
{
    int64_t n = (int64_t)extent;
    return (size_t)((((int64_t)x + offset) % n + n) % n);
}

static int32_t product_sum(const int8_t *spins, size_t n_rows, size_t n_columns, size_t p)
{
    int32_t sum = 0;
    for (size_t x = 0; x < n_rows; x++) {
        for (size_t y = 0; y < n_columns; y++) {
            int32_t product = 1;
            for (size_t f = STARTS[p]; f < STARTS[p + 1]; f++) {
                product *= spins[wrap(x, OFFSETS[2 * f], n_rows) * n_columns +
                                 wrap(y, OFFSETS[2 * f + 1], n_columns)];
            }
            sum += product;
        }
    }
    return sum;
}

static void sums_equal_loops_over_sites(void)
{
    enum { N = 11, MOST_ROWS = 17, MOST = 200 };
    static int8_t spins[N * MOST_ROWS * MOST];
    static uint64_t bits[N * MOST_ROWS * 4];
    const size_t rows[] = {1, 2, 3, 8, 17};
    const size_t widths[] = {1, 2, 5, 63, 64, 65, 128, 200};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 8; j++) {
            size_t n_sites = rows[i] * widths[j];
            for (size_t s = 0; s < N * n_sites; s++) {
                spins[s] = (s * 2654435761u >> 9) % 2 ? 1 : -1;
            }
            CHECK(rg_bits_pack(spins, N * rows[i], widths[j], -1, 1, bits) == RG_OK);
            rg_operators_t set;
            int32_t sums[N * N_OPERATORS];
            CHECK(init(&set, rows[i], widths[j]) == RG_OK);
            rg_operators_sums(&set, bits, N, sums);
            for (size_t c = 0; c < N; c++) {
                int32_t expected[N_OPERATORS] = {0};
                for (size_t p = 0; p < N_PRODUCTS; p++) {
                    expected[OWNERS[p]] += product_sum(spins + c * n_sites, rows[i], widths[j], p);
                }
                CHECK(memcmp(sums + c * N_OPERATORS, expected, sizeof expected) == 0);
            }
            rg_operators_sums(&set, bits, 0, sums); /* no lattices: nothing written */
            rg_operators_free(&set);
        }
    }
}

/* so many rows that counts per byte must be emptied in between */
static void sums_over_many_rows(void)
{
    enum { ROWS = 1040 };
    static uint64_t bits[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        bits[r] = r % 13 == 0 ? 0 : UINT64_MAX;
    }
    rg_operators_t set;
    int32_t sums[N_OPERATORS];
    const size_t starts[] = {0, 1};
    const int64_t offsets[] = {3, -5};
    const size_t owners[] = {0};
    CHECK(rg_operators_init(&set, ROWS, 64, 1, starts, offsets, owners, 1) == RG_OK);
    rg_operators_sums(&set, bits, 1, sums);
    CHECK(sums[0] == 64 * (ROWS - 2 * ROWS / 13));
    rg_operators_free(&set);
}

static int init_one(size_t n_rows, size_t n_columns, size_t n_products, const size_t *starts,
                    const size_t *owners)
{
    static const int64_t offsets[2 * RG_MAX_PRODUCTS] = {0};
    rg_operators_t set;
    int ret = rg_operators_init(&set, n_rows, n_columns, n_products, starts, offsets, owners, 1);
    rg_operators_free(&set);
    return ret;
}

static void sizes_are_checked(void)
{
    static size_t starts[RG_MAX_PRODUCTS + 2];
    static size_t owners[RG_MAX_PRODUCTS + 1];
    for (size_t p = 0; p < RG_MAX_PRODUCTS + 2; p++) {
        starts[p] = p;
    }
    const size_t many[] = {0, RG_MAX_FACTORS + 1};
    const size_t none[] = {0, 0};
    const size_t stranger[] = {1};
    CHECK(init_one(0, 4, 1, starts, owners) == RG_ERR_ARGUMENT);
    CHECK(init_one(4, 0, 1, starts, owners) == RG_ERR_ARGUMENT);
    CHECK(init_one(4, 4, 0, starts, owners) == RG_ERR_ARGUMENT);
    CHECK(init_one(4, 4, RG_MAX_PRODUCTS + 1, starts, owners) == RG_ERR_ARGUMENT);
    CHECK(init_one(4, 4, 1, many, owners) == RG_ERR_ARGUMENT);
    CHECK(init_one(4, 4, 1, none, owners) == RG_ERR_ARGUMENT);
    CHECK(init_one(4, 4, 1, starts, stranger) == RG_ERR_ARGUMENT);
    CHECK(init_one(4, 4, RG_MAX_PRODUCTS, starts, owners) == RG_OK);
    CHECK(init_one(SIZE_MAX / 2, 4, 1, starts, owners) == RG_ERR_OVERFLOW);
}

/* a sum is at most sites times products of one operator: that must fit into 32 bits */
static void sums_fit_their_type(void)
{
    static const size_t starts[] = {0, 1, 2};
    static const size_t owners[] = {0, 0};
    CHECK(init_one(1 << 12, 1 << 10, 1, starts, owners) == RG_OK); /* above 2^31 / 1024 */
    CHECK(init_one(1 << 16, 1 << 15, 1, starts, owners) == RG_ERR_OVERFLOW);
    CHECK(init_one(1 << 15, 1 << 15, 2, starts, owners) == RG_ERR_OVERFLOW);
}

static void allocation_failures_are_reported(void)
{
#ifdef RG_TEST
    for (long n = 0; n < 4; n++) {
        rg_operators_t set;
        rg_test_fail_allocation_after(n);
        CHECK(init(&set, 4, 70) == RG_ERR_MEMORY);
        rg_operators_free(&set);
    }
    rg_test_fail_allocation_after(-1);
#endif
}

static const harness_test_t TESTS[] = {
    TEST(sums_equal_loops_over_sites),
    TEST(sums_over_many_rows),
    TEST(sizes_are_checked),
    TEST(sums_fit_their_type),
    TEST(allocation_failures_are_reported),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
