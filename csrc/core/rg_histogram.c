#include "rg_histogram.h"

#include <math.h>
#include <string.h>

#include "rg_math.h"
#include "rg_thread.h"

static const int64_t LARGEST_SUM = (int64_t)1 << 30;

/* ---- the model ---- */

static void list_terms(rg_walk_model_t *self)
{
    for (size_t k = 0; k < self->starts[self->n_terms]; k++) {
        self->first[self->sites[k] + 1]++;
    }
    for (size_t i = 0; i < self->n_sites; i++) {
        self->first[i + 1] += self->first[i];
    }
    for (size_t t = 0; t < self->n_terms; t++) {
        for (uint64_t k = self->starts[t]; k < self->starts[t + 1]; k++) {
            uint64_t partner = self->starts[t] + self->starts[t + 1] - 1 - k;
            size_t at = self->first[self->sites[k]]++;
            self->other[at] = self->pairs ? self->sites[partner] : (uint32_t)t;
            self->value[at] = self->values[t];
        }
    }
    memmove(&self->first[1], &self->first[0], self->n_sites * sizeof *self->first);
    self->first[0] = 0;
}

int rg_walk_model_init(rg_walk_model_t *self)
{
    self->first = NULL;
    self->other = NULL;
    self->value = NULL;
    self->sum = 0;
    self->pairs = true;
    if (self->n_sites < 1) {
        return RG_ERR_ARGUMENT;
    }
    if (self->n_terms > UINT32_MAX || self->n_sites > UINT32_MAX) {
        return RG_ERR_OVERFLOW;
    }
    for (size_t t = 0; t < self->n_terms; t++) {
        int64_t value = self->values[t];
        self->sum += value < 0 ? -value : value;
        self->pairs = self->pairs && self->starts[t + 1] - self->starts[t] == 2;
        if (self->sum >= LARGEST_SUM) {
            return RG_ERR_OVERFLOW;
        }
    }
    self->n_levels = (size_t)self->sum + 1;
    size_t n_listed = self->starts[self->n_terms];
    self->first = rg_alloc(self->n_sites + 1, sizeof *self->first);
    self->other = rg_alloc(n_listed + 1, sizeof *self->other);
    self->value = rg_alloc(n_listed + 1, sizeof *self->value);
    if (self->first == NULL || self->other == NULL || self->value == NULL) {
        return RG_ERR_MEMORY;
    }
    list_terms(self);
    return RG_OK;
}

void rg_walk_model_free(rg_walk_model_t *self)
{
    rg_free(self->first);
    rg_free(self->other);
    rg_free(self->value);
    self->first = NULL;
    self->other = NULL;
    self->value = NULL;
}

static int32_t product(const rg_walk_model_t *self, size_t term, const int8_t *spins)
{
    int32_t sign = 1;
    for (uint64_t k = self->starts[term]; k < self->starts[term + 1]; k++) {
        sign *= spins[self->sites[k]];
    }
    return sign;
}

size_t rg_walk_level(const rg_walk_model_t *self, const int8_t *spins)
{
    int64_t bonds = self->sum;
    for (size_t t = 0; t < self->n_terms; t++) {
        bonds += (int64_t)self->values[t] * product(self, t, spins);
    }
    return (size_t)(bonds / 2);
}

/* By how many levels B falls when spin i turns: the terms with i, as they stand. */
static inline int64_t fall(const rg_walk_model_t *self, const int8_t *spins, size_t i)
{
    int32_t sum = 0;
    if (self->pairs) {
        for (size_t k = self->first[i]; k < self->first[i + 1]; k++) {
            sum += self->value[k] * spins[self->other[k]];
        }
        return sum * spins[i];
    }
    for (size_t k = self->first[i]; k < self->first[i + 1]; k++) {
        sum += self->value[k] * product(self, self->other[k], spins);
    }
    return sum;
}

/* ---- the walk ---- */

int rg_histogram_init(rg_histogram_t *self)
{
    self->walkers = NULL;
    if (self->workers < 1 || self->attempts % RG_LANES != 0 ||
        (self->learn && !(self->log_f > 0.0))) {
        return RG_ERR_ARGUMENT;
    }
    if (self->workers > self->n_walkers) {
        self->workers = self->n_walkers > 0 ? self->n_walkers : 1;
    }
    self->walkers = rg_alloc(self->n_walkers + 1, sizeof *self->walkers);
    if (self->walkers == NULL) {
        return RG_ERR_MEMORY;
    }
    for (size_t w = 0; w < self->n_walkers; w++) {
        rg_walker_t *walker = &self->walkers[w];
        walker->level = rg_walk_level(self->model, &self->spins[w * self->model->n_sites]);
        if (self->learn) {
            double *log_g = &self->log_g[w * self->model->n_levels];
            for (size_t level = 0; level < self->model->n_levels; level++) {
                log_g[level] = -INFINITY;
            }
            log_g[walker->level] = 0.0;
            walker->n_known = 1;
            walker->log_f = 1.0;
        }
    }
    return RG_OK;
}

void rg_histogram_free(rg_histogram_t *self)
{
    rg_free(self->walkers);
    self->walkers = NULL;
}

/* What eight words decide, whatever the walk does. */
typedef struct {
    size_t site[RG_LANES];
    double bound[RG_LANES]; /* -ln u */
} attempts_t;

static void draw_attempts(rg_stream_t *stream, size_t n_sites, attempts_t *out)
{
    uint64_t words[RG_LANES];
    double u[RG_LANES];
    rg_stream_plane(stream, words);
    for (size_t i = 0; i < RG_LANES; i++) {
        uint64_t low = words[i] & UINT32_MAX; /* words[i] n_sites in two words, n_sites < 2^32 */
        uint64_t middle = (words[i] >> 32) * n_sites + ((low * n_sites) >> 32);
        out->site[i] = (size_t)(middle >> 32);
        u[i] = ((double)((int64_t)(words[i] * n_sites >> 11)) + 0.5) * 0x1p-53;
    }
    for (size_t i = 0; i < RG_LANES; i++) {
        out->bound[i] = -rg_log(u[i]);
    }
}

static void begin_stage(rg_walker_t *walker, double log_f, uint64_t *visits, size_t n_levels)
{
    walker->log_f = log_f;
    walker->stage = walker->attempts;
    walker->n_seen = 0;
    walker->on_line = false;
    memset(visits, 0, n_levels * sizeof *visits);
}

/* After eight attempts: the schedule of ln f. */
static void end_attempts(rg_walker_t *walker, uint64_t *visits, size_t n_levels)
{
    double line = (double)walker->n_known / (double)walker->attempts;
    if (!walker->on_line && walker->n_seen == walker->n_known &&
        walker->attempts - walker->stage >= RG_HISTOGRAM_STAGE * n_levels) {
        begin_stage(walker, 0.5 * walker->log_f, visits, n_levels);
        walker->on_line = walker->log_f <= line;
    }
    if (walker->on_line) {
        walker->log_f = line;
    }
}

static void learn(const rg_histogram_t *job, size_t w, uint64_t stop)
{
    const rg_walk_model_t *model = job->model;
    rg_walker_t walker = job->walkers[w];
    int8_t *spins = &job->spins[w * model->n_sites];
    double *log_g = &job->log_g[w * model->n_levels];
    uint64_t *visits = &job->visits[w * model->n_levels];
    attempts_t attempts;
    while (walker.attempts < stop && walker.log_f > job->log_f) {
        draw_attempts(&job->streams[w], model->n_sites, &attempts);
        for (size_t i = 0; i < RG_LANES; i++) {
            size_t site = attempts.site[i];
            size_t level = (size_t)((int64_t)walker.level - fall(model, spins, site));
            if (log_g[level] - log_g[walker.level] < attempts.bound[i]) {
                spins[site] = (int8_t)-spins[site];
                if (isinf(log_g[level])) {
                    log_g[level] = log_g[walker.level];
                    walker.n_known++;
                    begin_stage(&walker, 1.0, visits, model->n_levels);
                }
                walker.level = level;
            }
            log_g[walker.level] += walker.log_f;
            walker.n_seen += visits[walker.level]++ == 0;
        }
        walker.attempts += RG_LANES;
        end_attempts(&walker, visits, model->n_levels);
    }
    job->walkers[w] = walker;
}

static void produce(const rg_histogram_t *job, size_t w, uint64_t stop)
{
    const rg_walk_model_t *model = job->model;
    const double *log_g = job->log_g;
    rg_walker_t walker = job->walkers[w];
    int8_t *spins = &job->spins[w * model->n_sites];
    uint64_t *visits = &job->visits[w * model->n_levels];
    attempts_t attempts;
    for (; walker.attempts < stop; walker.attempts += RG_LANES) {
        draw_attempts(&job->streams[w], model->n_sites, &attempts);
        for (size_t i = 0; i < RG_LANES; i++) {
            size_t site = attempts.site[i];
            size_t level = (size_t)((int64_t)walker.level - fall(model, spins, site));
            if (log_g[level] - log_g[walker.level] < attempts.bound[i]) {
                spins[site] = (int8_t)-spins[site];
                walker.level = level;
            }
            visits[walker.level]++;
            if (walker.level == job->ends[0]) {
                job->trips[w] += walker.leg == 2;
                walker.leg = 1;
            } else if (walker.level == job->ends[1] && walker.leg == 1) {
                walker.leg = 2;
            }
        }
    }
    job->walkers[w] = walker;
}

typedef struct {
    const rg_histogram_t *job;
    size_t max_attempts;
} slice_t;

static void slice_worker(void *context, rg_team_t *team, size_t worker)
{
    const slice_t *slice = context;
    const rg_histogram_t *job = slice->job;
    for (size_t w = worker; w < job->n_walkers; w += rg_team_size(team)) {
        uint64_t left = job->attempts - job->walkers[w].attempts;
        uint64_t n = left < slice->max_attempts ? left : slice->max_attempts;
        uint64_t stop = job->walkers[w].attempts + n;
        if (job->learn) {
            learn(job, w, stop);
        } else {
            produce(job, w, stop);
        }
        job->done[w] = job->walkers[w].attempts;
    }
}

static bool ended(const rg_histogram_t *self, const rg_walker_t *walker)
{
    return walker->attempts >= self->attempts || (self->learn && walker->log_f <= self->log_f);
}

int rg_histogram_run(rg_histogram_t *self, size_t max_attempts)
{
    size_t planes = max_attempts / RG_LANES > 0 ? max_attempts / RG_LANES : 1;
    slice_t slice = {.job = self, .max_attempts = planes * RG_LANES};
    rg_team_run(self->workers, slice_worker, &slice);
    bool all = true;
    for (size_t w = 0; w < self->n_walkers; w++) {
        all = all && ended(self, &self->walkers[w]);
    }
    return all ? RG_OK : RG_MORE;
}

bool rg_histogram_learned(const rg_histogram_t *self)
{
    bool learned = true;
    for (size_t w = 0; w < self->n_walkers; w++) {
        learned = learned && self->walkers[w].log_f <= self->log_f;
    }
    return learned;
}

double rg_histogram_done(const rg_histogram_t *self)
{
    double least = 1.0;
    for (size_t w = 0; w < self->n_walkers && self->attempts > 0; w++) {
        const rg_walker_t *walker = &self->walkers[w];
        double part = (double)walker->attempts / (double)self->attempts;
        if (self->learn && walker->attempts > 0) {
            double needed = (double)walker->n_known / self->log_f;
            part = (double)walker->attempts / needed;
            part = part < 0.99 || walker->log_f <= self->log_f ? part : 0.99;
        }
        least = part < least ? part : least;
    }
    return least;
}
