/* test_thread.c: a team covers its work once, its barrier orders writes. */
#define _POSIX_C_SOURCE 200809L

#include "harness.h"

#include <pthread.h>
#include <signal.h>

#include "rg_thread.h"

enum { WORKERS = 4, ITEMS = 1003, ROUNDS = 2000 };

typedef struct {
    unsigned visits[ITEMS];
    size_t size[WORKERS];
    bool blocked[WORKERS];
} cover_t;

static void cover(void *context, rg_team_t *team, size_t worker)
{
    cover_t *self = context;
    size_t size = rg_team_size(team);
    self->size[worker] = size;
    for (size_t i = worker; i < ITEMS; i += size) {
        self->visits[i]++;
    }
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    self->blocked[worker] = sigismember(&mask, SIGINT) == 1;
}

static bool covered_once(const cover_t *self)
{
    for (size_t i = 0; i < ITEMS; i++) {
        if (self->visits[i] != 1) {
            return false;
        }
    }
    return true;
}

static void team_of_four_covers_all_work_once(void)
{
    cover_t work = {0};
    rg_team_run(WORKERS, cover, &work);
    CHECK(covered_once(&work));
    for (size_t worker = 0; worker < work.size[0]; worker++) {
        CHECK(work.size[worker] == work.size[0]);
    }
    CHECK(work.size[0] >= 1 && work.size[0] <= WORKERS);
}

static void team_of_one_runs_on_the_caller(void)
{
    for (size_t n = 0; n < 2; n++) {
        cover_t work = {0};
        rg_team_run(n, cover, &work);
        CHECK(covered_once(&work));
        CHECK(work.size[0] == 1 && work.size[1] == 0);
    }
}

static void workers_block_signals_and_the_caller_does_not(void)
{
    cover_t work = {0};
    rg_team_run(WORKERS, cover, &work);
    CHECK(!work.blocked[0]);
    for (size_t worker = 1; worker < work.size[0]; worker++) {
        CHECK(work.blocked[worker]);
    }
}

static void team_without_memory_is_smaller_and_still_covers(void)
{
    cover_t work = {0};
    rg_test_fail_allocation_after(0);
    rg_team_run(WORKERS, cover, &work);
    rg_test_fail_allocation_after(-1);
    CHECK(covered_once(&work));
    CHECK(work.size[0] == 1);
}

typedef struct {
    size_t cells[2][WORKERS]; /* plain memory: only the barrier orders it */
    size_t wrong[WORKERS];
} relay_t;

/* Each round every worker reads what all wrote in the round before. */
static void relay(void *context, rg_team_t *team, size_t worker)
{
    relay_t *self = context;
    for (size_t round = 1; round <= ROUNDS; round++) {
        self->cells[round % 2][worker] = round * (worker + 1);
        rg_team_barrier(team);
        for (size_t other = 0; other < rg_team_size(team); other++) {
            self->wrong[worker] += self->cells[round % 2][other] != round * (other + 1);
        }
    }
}

static void barrier_orders_writes_over_many_rounds(void)
{
    relay_t work = {0};
    rg_team_run(WORKERS, relay, &work);
    for (size_t worker = 0; worker < WORKERS; worker++) {
        CHECK(work.wrong[worker] == 0);
    }
    CHECK(work.cells[ROUNDS % 2][0] == ROUNDS);
}

static void barrier_of_a_team_of_one_returns(void)
{
    relay_t work = {0};
    rg_team_run(1, relay, &work);
    CHECK(work.wrong[0] == 0);
    CHECK(work.cells[ROUNDS % 2][0] == ROUNDS);
}

static const harness_test_t TESTS[] = {
    TEST(team_of_four_covers_all_work_once),
    TEST(team_of_one_runs_on_the_caller),
    TEST(workers_block_signals_and_the_caller_does_not),
    TEST(team_without_memory_is_smaller_and_still_covers),
    TEST(barrier_orders_writes_over_many_rounds),
    TEST(barrier_of_a_team_of_one_returns),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, TESTS, sizeof TESTS / sizeof TESTS[0]);
}
