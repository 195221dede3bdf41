/* harness.h: a small test harness for the C core.
 *
 *     static void adds(void) { CHECK(1 + 1 == 2); }
 *     static const harness_test_t TESTS[] = {TEST(adds)};
 *     int main(int argc, char **argv)
 *     {
 *         return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
 *     }
 *
 * `program --list` prints the names, `program NAME` runs one test (for a debugger or valgrind),
 * `program` runs all. CHECK belongs on the main thread: it counts without a lock. */
#ifndef HARNESS_H
#define HARNESS_H

#ifdef NDEBUG
#error "the C tests run with assert() on"
#endif

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *name;
    void (*fn)(void);
} harness_test_t;

#define TEST(fn) {#fn, fn}

/* Record a failure with its place when the condition is false, and go on. */
#define CHECK(condition) harness_check((condition), #condition, __FILE__, __LINE__)

static size_t harness_failed_checks = 0;

static inline void harness_check(bool holds, const char *text, const char *file, int line)
{
    if (!holds) {
        harness_failed_checks++;
        printf("%s:%d: CHECK(%s) failed\n", file, line, text);
    }
}

static inline int harness_main(int argc, char **argv, const harness_test_t *tests, size_t n)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    bool list = only != NULL && strcmp(only, "--list") == 0;
    size_t passed = 0;
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        if (list) {
            puts(tests[i].name);
        } else if (only == NULL || strcmp(only, tests[i].name) == 0) {
            size_t before = harness_failed_checks;
            tests[i].fn();
            bool good = harness_failed_checks == before;
            printf("%s %s\n", good ? "ok  " : "FAIL", tests[i].name);
            passed += good;
            failed += !good;
        }
    }
    if (list) {
        return 0;
    }
    if (passed + failed == 0) {
        printf("no test is called %s\n", only != NULL ? only : "(none)");
        failed = 1;
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

#endif
