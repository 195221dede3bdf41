/* test_base.c: checked sizes, checked allocation, the message table. */
#include "harness.h"

#include "rg_base.h"

static void product_that_fits_is_returned(void)
{
    size_t product = 0;
    CHECK(rg_multiply(6, 7, &product) == RG_OK);
    CHECK(product == 42);
    CHECK(rg_multiply(SIZE_MAX, 1, &product) == RG_OK);
    CHECK(product == SIZE_MAX);
    CHECK(rg_multiply(SIZE_MAX, 0, &product) == RG_OK);
    CHECK(product == 0);
}

static void product_that_overflows_is_an_error(void)
{
    size_t product = 0;
    size_t half = SIZE_MAX / 2 + 1;
    CHECK(rg_multiply(half, 2, &product) == RG_ERR_OVERFLOW);
    CHECK(rg_multiply(2, half, &product) == RG_ERR_OVERFLOW);
    CHECK(rg_multiply(half - 1, 2, &product) == RG_OK);
    CHECK(rg_multiply(SIZE_MAX, SIZE_MAX, &product) == RG_ERR_OVERFLOW);
}

static void memory_is_zeroed_and_aligned(void)
{
    for (size_t n = 0; n < 200; n += 7) {
        unsigned char *memory = rg_alloc(n, 3);
        CHECK(memory != NULL);
        CHECK((uintptr_t)memory % RG_ALIGN == 0);
        for (size_t i = 0; i < 3 * n; i++) {
            CHECK(memory[i] == 0);
            memory[i] = 1;
        }
        rg_free(memory);
    }
    rg_free(NULL);
}

static void allocation_that_overflows_gives_null(void)
{
    CHECK(rg_alloc(SIZE_MAX / 2, 3) == NULL);
    CHECK(rg_alloc(SIZE_MAX, 1) == NULL);
    CHECK(rg_alloc(SIZE_MAX - RG_ALIGN + 1, 1) == NULL);
}

static void allocation_fails_on_request(void)
{
    rg_test_fail_allocation_after(1);
    void *first = rg_alloc(4, 4);
    void *second = rg_alloc(4, 4);
    void *third = rg_alloc(4, 4);
    rg_test_fail_allocation_after(-1);
    CHECK(first != NULL);
    CHECK(second == NULL);
    CHECK(third != NULL);
    rg_free(first);
    rg_free(third);
}

/* A text ends with its symbol: "... (RG_ERR_NAME)". */
static bool ends_with_symbol(const char *text)
{
    const char *open = strrchr(text, '(');
    size_t prefix = strlen("(RG_ERR_");
    return open != NULL && strncmp(open, "(RG_ERR_", prefix) == 0 && strlen(open) > prefix + 1 &&
           text[strlen(text) - 1] == ')';
}

static void every_error_has_its_own_message(void)
{
    const char *unknown = rg_strerror(RG_ERR_LAST - 1);
    CHECK(!ends_with_symbol(unknown));
    for (int code = RG_ERR_LAST; code < 0; code++) {
        CHECK(ends_with_symbol(rg_strerror(code)));
        CHECK(strcmp(rg_strerror(code), unknown) != 0);
        for (int other = code + 1; other < 0; other++) {
            CHECK(strcmp(strrchr(rg_strerror(code), '('), strrchr(rg_strerror(other), '(')) != 0);
        }
    }
}

static void results_that_are_no_errors_have_a_message(void)
{
    CHECK(strcmp(rg_strerror(RG_OK), rg_strerror(RG_MORE)) != 0);
    CHECK(!ends_with_symbol(rg_strerror(RG_OK)));
    CHECK(!ends_with_symbol(rg_strerror(RG_MORE)));
}

static const harness_test_t TESTS[] = {
    TEST(product_that_fits_is_returned),
    TEST(product_that_overflows_is_an_error),
    TEST(memory_is_zeroed_and_aligned),
    TEST(allocation_that_overflows_gives_null),
    TEST(allocation_fails_on_request),
    TEST(every_error_has_its_own_message),
    TEST(results_that_are_no_errors_have_a_message),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
