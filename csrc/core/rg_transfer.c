#include "rg_transfer.h"

#include <math.h>
#include <string.h>

#include "rg_thread.h"

enum { BLOCK_BITS = 12, CHUNK = 1024 };

static double spin_of(uint64_t state, size_t site)
{
    return (state >> site) & 1 ? 1.0 : -1.0;
}

/* ---- diagonal factors ---- */

typedef struct {
    double peak;
    size_t n_states;
    double *weights;
} exponential_job_t;

static void exponential_worker(void *context, rg_team_t *team, size_t worker)
{
    const exponential_job_t *job = context;
    size_t size = rg_team_size(team);
    size_t first = job->n_states * worker / size;
    size_t last = job->n_states * (worker + 1) / size;
    for (size_t s = first; s < last; s++) {
        job->weights[s] = exp(job->weights[s] - job->peak);
    }
}

/* Exponents of all states, spin by spin: the table doubles with each. */
static void column_exponents(size_t width, const double *across, const double *field,
                             double fraction, double *exponents)
{
    exponents[0] = 0.0;
    for (size_t j = 0; j < width; j++) {
        size_t half = (size_t)1 << j;
        double h = fraction * field[j];
        double before = j > 0 ? fraction * across[j - 1] : 0.0;
        double closing = j > 0 && j + 1 == width ? fraction * across[j] : 0.0;
        for (size_t s = 0; s < half; s++) {
            double change = h + closing * spin_of(s, 0);
            if (j > 0) {
                change += before * spin_of(s, j - 1);
            }
            exponents[s + half] = exponents[s] + change;
            exponents[s] -= change;
        }
    }
}

int rg_column_weights(size_t width, const double *across, const double *field, double fraction,
                      size_t n_workers, double *weights, double *peak)
{
    if (width < 1 || width > RG_MAX_WIDTH || n_workers == 0) {
        return RG_ERR_ARGUMENT;
    }
    size_t n_states = (size_t)1 << width;
    column_exponents(width, across, field, fraction, weights);
    double most = weights[0];
    for (size_t s = 1; s < n_states; s++) {
        most = weights[s] > most ? weights[s] : most;
    }
    *peak = most;
    exponential_job_t job = {most, n_states, weights};
    rg_team_run(n_workers, exponential_worker, &job);
    return RG_OK;
}

/* ---- one step of the transfer matrix ---- */

typedef struct {
    const rg_step_t *step;
    size_t n_states; /* kept, per vector */
    size_t n_vectors;
    double *vectors;
    double same[RG_MAX_WIDTH];
    double other[RG_MAX_WIDTH];
} apply_job_t;

static void butterfly(double *restrict a, double *restrict b, size_t n, double same, double other)
{
    for (size_t i = 0; i < n; i++) {
        double down = same * a[i] + other * b[i];
        b[i] = other * a[i] + same * b[i];
        a[i] = down;
    }
}

/* Sites 0 .. n_sites-1 of n consecutive states that start at a multiple of n. */
static void low_sites(const apply_job_t *job, double *values, size_t n, size_t n_sites)
{
    for (size_t site = 0; site < n_sites; site++) {
        size_t half = (size_t)1 << site;
        double same = job->same[site];
        double other = job->other[site];
        if (half == 1) { /* too short a run for the loop above to be worth it */
            for (size_t s = 0; s < n; s += 2) {
                double down = same * values[s] + other * values[s + 1];
                values[s + 1] = other * values[s] + same * values[s + 1];
                values[s] = down;
            }
            continue;
        }
        for (size_t s = 0; s < n; s += 2 * half) {
            butterfly(values + s, values + s + half, half, same, other);
        }
    }
}

static void multiply(double *restrict values, const double *restrict factors, size_t n)
{
    for (size_t i = 0; factors != NULL && i < n; i++) {
        values[i] *= factors[i];
    }
}

/* The last site in a sector: the state with that spin flipped is the mirror image's partner. */
static void mirror_site(const apply_job_t *job, double *vector, size_t first, size_t last)
{
    size_t site = job->step->width - 1;
    double same = job->same[site];
    double other = job->step->parity * job->other[site];
    for (size_t s = first; s < last; s++) {
        double *left = vector + s;
        double *right = vector + (job->n_states - 1 - s);
        double value = same * *left + other * *right;
        *right = other * *left + same * *right;
        *left = value;
    }
}

/* The part of worker in 0 .. n: *first .. *last. */
static void share(size_t n, const rg_team_t *team, size_t worker, size_t *first, size_t *last)
{
    *first = n * worker / rg_team_size(team);
    *last = n * (worker + 1) / rg_team_size(team);
}

/* A site above the block: runs of CHUNK pairs, each its own piece of work. */
static void high_site(const apply_job_t *job, rg_team_t *team, size_t worker, size_t site)
{
    size_t half = (size_t)1 << site;
    size_t first = 0;
    size_t last = 0;
    share(job->n_vectors * (job->n_states / 2 / CHUNK), team, worker, &first, &last);
    for (size_t piece = first; piece < last; piece++) {
        size_t pair = piece * CHUNK;
        size_t index = (pair & ~(half - 1)) * 2 + (pair & (half - 1));
        double *values = job->vectors + index;
        butterfly(values, values + half, CHUNK, job->same[site], job->other[site]);
    }
}

static void apply_worker(void *context, rg_team_t *team, size_t worker)
{
    const apply_job_t *job = context;
    const rg_step_t *step = job->step;
    size_t n_sites = step->width - (step->parity != 0);
    size_t low = n_sites < BLOCK_BITS ? n_sites : BLOCK_BITS;
    size_t block = (size_t)1 << low;
    size_t first = 0;
    size_t last = 0;
    share(job->n_vectors * (job->n_states / block), team, worker, &first, &last);
    for (size_t i = first; i < last; i++) {
        double *values = job->vectors + i * block;
        size_t offset = i * block % job->n_states;
        multiply(values, step->before != NULL ? step->before + offset : NULL, block);
        low_sites(job, values, block, low);
    }
    for (size_t site = low; site < n_sites; site++) {
        rg_team_barrier(team);
        high_site(job, team, worker, site);
    }
    if (step->parity != 0) {
        size_t pairs = job->n_states / 2;
        if (job->n_states == 1) { /* one site: its own mirror image */
            share(job->n_vectors, team, worker, &first, &last);
            for (size_t v = first; v < last; v++) {
                job->vectors[v] *= job->same[0] + step->parity * job->other[0];
            }
        }
        rg_team_barrier(team);
        share(job->n_vectors * pairs, team, worker, &first, &last);
        for (size_t i = first; i < last;) {
            size_t v = i / pairs;
            size_t stop = (v + 1) * pairs < last ? pairs : last - v * pairs;
            mirror_site(job, job->vectors + v * job->n_states, i - v * pairs, stop);
            i = v * pairs + stop;
        }
    }
    if (step->after != NULL) {
        rg_team_barrier(team);
        share(job->n_vectors * (job->n_states / block), team, worker, &first, &last);
        for (size_t i = first; i < last; i++) {
            multiply(job->vectors + i * block, step->after + i * block % job->n_states, block);
        }
    }
}

int rg_transfer_apply(const rg_step_t *step, size_t n_vectors, size_t n_workers, double *vectors)
{
    if (step->width < 1 || step->width > RG_MAX_WIDTH || step->parity < -1 || step->parity > 1 ||
        n_workers == 0) {
        return RG_ERR_ARGUMENT;
    }
    apply_job_t job = {.step = step, .n_vectors = n_vectors, .vectors = vectors};
    job.n_states = (size_t)1 << (step->width - (step->parity != 0));
    for (size_t j = 0; j < step->width; j++) {
        double rare = exp(-2.0 * fabs(step->along[j]));
        job.same[j] = step->along[j] < 0.0 ? rare : 1.0;
        job.other[j] = step->along[j] < 0.0 ? 1.0 : rare;
    }
    rg_team_run(n_workers, apply_worker, &job);
    return RG_OK;
}

/* ---- counts on a torus ---- */

typedef struct {
    const rg_torus_sum_t *torus;
    size_t n_places;
    uint64_t start;
    uint64_t stop;
    double *tables;                         /* two of 2^width rows of n_places, per worker */
    double *counts;                         /* n_places per start */
    double factors[RG_MAX_TORUS_WIDTH + 1]; /* of a column with k unequal bonds */
} torus_job_t;

int rg_torus_sum_places(const rg_torus_sum_t *torus, size_t *n_places)
{
    size_t sites = 0;
    size_t moved = 0;
    if (torus->length < 2 || torus->width < 2 || torus->width > RG_MAX_TORUS_WIDTH) {
        return RG_ERR_ARGUMENT;
    }
    if (rg_multiply(torus->length, torus->width, &sites) != RG_OK || sites > SIZE_MAX / 4 ||
        rg_multiply(2 * sites, torus->stride, &moved) != RG_OK || moved > SIZE_MAX / 2) {
        return RG_ERR_OVERFLOW;
    }
    *n_places = 1 + sites + moved;
    return RG_OK;
}

static uint64_t rotated(uint64_t state, size_t by, size_t width)
{
    uint64_t mask = (UINT64_C(1) << width) - 1;
    return ((state << by) | (state >> (width - by))) & mask;
}

/* Size of the class of rotations of a state, 0 unless the state is the least of its class. */
static size_t class_size(uint64_t state, size_t width)
{
    for (size_t by = 1; by < width; by++) {
        uint64_t other = rotated(state, by, width);
        if (other < state) {
            return 0;
        }
        if (other == state) {
            return by;
        }
    }
    return width;
}

static size_t unequal_across(uint64_t state, size_t width)
{
    return (size_t)__builtin_popcountll(state ^ rotated(state, 1, width));
}

/* sums[c] = a[c] + other * b[c - shift], where a, b end at n; sums gets n + shift values. */
static void shifted_sum(double *restrict sums, const double *restrict a, const double *restrict b,
                        size_t n, size_t shift, double same, double other)
{
    for (size_t c = 0; c < shift; c++) {
        sums[c] = same * a[c];
    }
    for (size_t c = shift; c < n + shift; c++) {
        sums[c] = same * a[c] + other * b[c - shift];
    }
}

/* Replace spin `site` of the column by that of the next one. Rows hold n counts, then zeros. */
static void exchange_spin(const torus_job_t *job, const double *restrict from, double *restrict to,
                          size_t site, size_t n)
{
    const rg_torus_sum_t *torus = job->torus;
    size_t n_states = (size_t)1 << torus->width;
    size_t half = (size_t)1 << site;
    for (size_t s = 0; s < n_states; s++) {
        if (s & half) {
            continue;
        }
        const double *down = from + s * job->n_places;
        const double *up = from + (s + half) * job->n_places;
        double *new_down = to + s * job->n_places;
        double *new_up = to + (s + half) * job->n_places;
        shifted_sum(new_down, down, up, n, torus->stride, torus->same, torus->other);
        shifted_sum(new_up + 1, up, down, n, torus->stride, torus->same, torus->other);
        new_up[0] = 0.0;
    }
}

/* The bonds inside the column: move and weigh each row of n counts. */
static void weigh_column(const torus_job_t *job, double *table, size_t n)
{
    size_t width = job->torus->width;
    for (size_t s = 0; s < (size_t)1 << width; s++) {
        size_t unequal = unequal_across(s, width);
        size_t shift = unequal * job->torus->stride;
        double *row = table + s * job->n_places;
        for (size_t c = n; c-- > 0;) {
            row[c + shift] = job->factors[unequal] * row[c];
        }
        memset(row, 0, shift * sizeof *row);
    }
}

/* All configurations that begin with column `first`, added to counts with their multiplicity. */
static void torus_from(const torus_job_t *job, uint64_t first, double *tables, double *counts)
{
    const rg_torus_sum_t *torus = job->torus;
    size_t width = torus->width;
    size_t n_states = (size_t)1 << width;
    size_t size = n_states * job->n_places;
    double *from = tables;
    double *to = tables + size;
    memset(tables, 0, 2 * size * sizeof *tables);
    size_t n = width + 1; /* counts in use */
    from[first * job->n_places + (size_t)__builtin_popcountll(first)] = 1.0;
    weigh_column(job, from, n);
    n += width * torus->stride;
    for (size_t column = 1; column < torus->length; column++) {
        for (size_t site = 0; site < width; site++) {
            exchange_spin(job, from, to, site, n);
            n += 1 + torus->stride;
            double *swap = from;
            from = to;
            to = swap;
        }
        weigh_column(job, from, n);
        n += width * torus->stride;
    }
    double multiplicity = (double)class_size(first, width);
    for (size_t s = 0; s < n_states; s++) {
        size_t unequal = (size_t)__builtin_popcountll(s ^ first);
        size_t shift = unequal * torus->stride;
        for (size_t c = 0; c + shift < job->n_places; c++) {
            counts[c + shift] += multiplicity * job->factors[unequal] * from[s * job->n_places + c];
        }
    }
}

static void torus_worker(void *context, rg_team_t *team, size_t worker)
{
    const torus_job_t *job = context;
    size_t size = ((size_t)2 << job->torus->width) * job->n_places;
    for (uint64_t s = job->start + worker; s < job->stop; s += rg_team_size(team)) {
        if (class_size(s, job->torus->width) > 0) {
            torus_from(job, s, job->tables + worker * size,
                       job->counts + (s - job->start) * job->n_places);
        }
    }
}

int rg_torus_sum(const rg_torus_sum_t *torus, uint64_t start, uint64_t stop, size_t n_workers,
                 double *counts)
{
    size_t n_places = 0;
    int ret = rg_torus_sum_places(torus, &n_places);
    if (ret != RG_OK) {
        return ret;
    }
    if (start > stop || stop > UINT64_C(1) << torus->width || n_workers == 0) {
        return RG_ERR_ARGUMENT;
    }
    size_t size = 0;
    double *tables = NULL;
    double *parts = NULL;
    if (rg_multiply((size_t)2 << torus->width, n_places, &size) == RG_OK &&
        rg_multiply(size, n_workers, &size) == RG_OK) {
        tables = rg_alloc(size, sizeof *tables);
    }
    if (rg_multiply((size_t)(stop - start) + 1, n_places, &size) == RG_OK) {
        parts = rg_alloc(size, sizeof *parts);
    }
    if (tables == NULL || parts == NULL) {
        ret = RG_ERR_MEMORY;
        goto out;
    }
    torus_job_t job = {torus, n_places, start, stop, tables, parts, {0.0}};
    for (size_t k = 0; k <= torus->width; k++) {
        job.factors[k] =
            pow(torus->same, (double)(torus->width - k)) * pow(torus->other, (double)k);
    }
    rg_team_run(n_workers, torus_worker, &job);
    for (size_t i = 0; i < (size_t)(stop - start); i++) { /* in the order of starts */
        for (size_t c = 0; c < n_places; c++) {
            counts[c] += parts[i * n_places + c];
        }
    }
out:
    rg_free(tables);
    rg_free(parts);
    return ret;
}
