/* rg_thread.h: a team of threads that lives inside one call.
 *
 * No pool outlives the call (so fork afterwards is safe), workers block every signal, and a
 * thread that cannot be made only makes the team smaller: work must be split by (worker,
 * team size) such that the result does not depend on either. */
#ifndef RG_THREAD_H
#define RG_THREAD_H

#include "rg_base.h"

typedef struct rg_team rg_team_t;
typedef void (*rg_team_fn)(void *context, rg_team_t *team, size_t worker);

/* Run fn(context, team, worker) for worker = 0 .. size-1 with at most n_workers threads, the
 * calling one included as worker 0, and wait for all. */
void rg_team_run(size_t n_workers, rg_team_fn fn, void *context);

/* Number of workers in the team. */
size_t rg_team_size(const rg_team_t *team);

/* Wait until every worker of the team is here; writes before it are seen by all after it. */
void rg_team_barrier(rg_team_t *team);

#endif
