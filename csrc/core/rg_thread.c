#define _POSIX_C_SOURCE 200809L

#include "rg_thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

enum { SPINS_BEFORE_YIELD = 2000 };

struct rg_team {
    rg_team_fn fn;
    void *context;
    size_t size;
    atomic_bool open; /* set when `size` is final */
    atomic_size_t arrived;
    atomic_size_t round;
};

typedef struct {
    rg_team_t *team;
    size_t worker;
    pthread_t thread;
} member_t;

static void wait_until_changed(atomic_size_t *word, size_t old)
{
    for (size_t spins = 0; atomic_load_explicit(word, memory_order_acquire) == old; spins++) {
        if (spins > SPINS_BEFORE_YIELD) {
            sched_yield();
        }
    }
}

static void *member_main(void *argument)
{
    member_t *self = argument;
    while (!atomic_load_explicit(&self->team->open, memory_order_acquire)) {
        sched_yield();
    }
    self->team->fn(self->team->context, self->team, self->worker);
    return NULL;
}

void rg_team_run(size_t n_workers, rg_team_fn fn, void *context)
{
    rg_team_t team = {.fn = fn, .context = context, .size = 1};
    atomic_init(&team.open, false);
    atomic_init(&team.arrived, 0);
    atomic_init(&team.round, 0);
    member_t *members = n_workers > 1 ? rg_alloc(n_workers - 1, sizeof *members) : NULL;
    size_t made = 0;
    if (members != NULL) {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        for (; made < n_workers - 1; made++) {
            members[made] = (member_t){.team = &team, .worker = made + 1};
            if (pthread_create(&members[made].thread, NULL, member_main, &members[made]) != 0) {
                break;
            }
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    team.size = made + 1;
    atomic_store_explicit(&team.open, true, memory_order_release);
    fn(context, &team, 0);
    for (size_t i = 0; i < made; i++) {
        pthread_join(members[i].thread, NULL);
    }
    rg_free(members);
}

size_t rg_team_size(const rg_team_t *team)
{
    return team->size;
}

void rg_team_barrier(rg_team_t *team)
{
    size_t round = atomic_load_explicit(&team->round, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 == team->size) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&team->round, round + 1, memory_order_release);
    } else {
        wait_until_changed(&team->round, round);
    }
}
