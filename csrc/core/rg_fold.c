#include "rg_fold.h"

#include <string.h>

#include "rg_dispatch.h"
#include "rg_thread.h"

/* Choose the axes to cut. */
static bool choose_axes(rg_fold_t *self)
{
    const rg_torus_t *torus = &self->torus;
    if (torus->ndim == 1) {
        return torus->extents[0] % RG_PLANE_BITS == 0 && torus->extents[0] >= 2 * RG_PLANE_BITS;
    }
    self->bit_axis = torus->ndim;
    self->lane_axis = torus->ndim;
    for (size_t axis = 0; axis < torus->ndim; axis++) {
        if (torus->extents[axis] % 64 == 0 && torus->extents[axis] >= 128) {
            self->bit_axis = axis;
        }
    }
    for (size_t axis = torus->ndim; axis-- > 0;) {
        if (axis != self->bit_axis && torus->extents[axis] % RG_LANES == 0 &&
            torus->extents[axis] >= 2 * RG_LANES) {
            self->lane_axis = axis;
        }
    }
    return self->bit_axis < torus->ndim && self->lane_axis < torus->ndim;
}

/* Extents of the lattice of words, or of the pieces. */
static rg_torus_t folded(const rg_fold_t *self)
{
    rg_torus_t words = self->torus;
    words.extents[self->bit_axis] /= 64;
    words.extents[self->lane_axis] /= RG_LANES;
    return words;
}

/* Let the neighbours beyond a cut of `axis` be ghosts. */
static void add_ghosts(rg_fold_t *self, const rg_torus_t *words, size_t axis)
{
    rg_lattice_t *lattice = &self->lattice;
    size_t stride = 1;
    for (size_t a = axis + 1; a < words->ndim; a++) {
        stride *= words->extents[a];
    }
    for (size_t site = 0; site < lattice->n_sites; site++) {
        size_t x = site / stride % words->extents[axis];
        uint32_t *pair = &lattice->neighbours[2 * (site * lattice->ndim + axis)];
        for (size_t back = 0; back < 2; back++) {
            if (x != (back ? 0 : words->extents[axis] - 1)) {
                continue;
            }
            self->ghosts[self->n_ghosts] = (rg_ghost_t){.source = pair[back],
                                                        .step = back ? -1 : 1,
                                                        .lanes = axis == self->lane_axis,
                                                        .bits = axis == self->bit_axis};
            pair[back] = (uint32_t)(lattice->n_sites + self->n_ghosts++);
        }
    }
}

int rg_fold_init(rg_fold_t *self, const rg_torus_t *torus)
{
    memset(self, 0, sizeof *self);
    self->torus = *torus;
    size_t n_sites = 0;
    int ret = rg_torus_sites(torus, &n_sites);
    if (ret != RG_OK || !choose_axes(self)) {
        return ret != RG_OK ? ret : RG_ERR_ARGUMENT;
    }
    rg_torus_t words = folded(self);
    ret = rg_lattice_init(&self->lattice, &words);
    if (ret != RG_OK) {
        return ret;
    }
    rg_lattice_t *lattice = &self->lattice;
    size_t per_axis = 2 * lattice->n_sites;
    size_t n_ghosts = per_axis / words.extents[self->bit_axis];
    if (self->lane_axis != self->bit_axis) {
        n_ghosts += per_axis / words.extents[self->lane_axis];
    }
    if (lattice->n_sites > INT32_MAX / torus->ndim || lattice->n_sites + n_ghosts > UINT32_MAX) {
        return RG_ERR_OVERFLOW;
    }
    self->ghosts = rg_alloc(n_ghosts, sizeof *self->ghosts);
    self->colour_start = rg_alloc(lattice->n_colours + 1, sizeof *self->colour_start);
    if (self->ghosts == NULL || self->colour_start == NULL) {
        return RG_ERR_MEMORY;
    }
    add_ghosts(self, &words, self->bit_axis);
    if (self->lane_axis != self->bit_axis) {
        add_ghosts(self, &words, self->lane_axis);
    }
    rg_lattice_colours(lattice, &words, self->colour_start);
    return RG_OK;
}

void rg_fold_free(rg_fold_t *self)
{
    rg_lattice_free(&self->lattice);
    rg_free(self->ghosts);
    rg_free(self->colour_start);
    memset(self, 0, sizeof *self);
}

/* Word and bit (64 lane + bit) of every site, in C order. */
static size_t place_of(const rg_fold_t *self, const rg_torus_t *words, size_t site, size_t *bit)
{
    size_t x[RG_MAX_DIM] = {0};
    for (size_t axis = words->ndim; axis-- > 0;) {
        x[axis] = site % self->torus.extents[axis];
        site /= self->torus.extents[axis];
    }
    *bit = x[self->bit_axis] / words->extents[self->bit_axis];
    if (self->lane_axis != self->bit_axis) {
        *bit += 64 * (x[self->lane_axis] / words->extents[self->lane_axis]);
    }
    size_t word = 0;
    for (size_t axis = 0; axis < words->ndim; axis++) {
        word = word * words->extents[axis] + x[axis] % words->extents[axis];
    }
    return word;
}

/* The places of a row along the last axis, one after the other. */
typedef struct {
    size_t word;
    size_t bit;
    size_t x;      /* inside a fold */
    size_t extent; /* of a fold */
    size_t weight; /* of the bit from one fold to the next */
} row_t;

static row_t row_at(const rg_fold_t *self, const rg_torus_t *words, size_t site)
{
    size_t last = words->ndim - 1;
    row_t row = {.extent = words->extents[last],
                 .weight = self->bit_axis == last    ? 1
                           : self->lane_axis == last ? 64
                                                     : 0};
    row.word = place_of(self, words, site, &row.bit);
    return row;
}

static void row_next(row_t *row)
{
    row->word++;
    if (++row->x == row->extent) {
        row->x = 0;
        row->word -= row->extent;
        row->bit += row->weight;
    }
}

int rg_fold_load(const rg_fold_t *self, const int8_t *spins, uint64_t *words)
{
    rg_torus_t extents = folded(self);
    size_t length = self->torus.extents[self->torus.ndim - 1];
    bool bad = false;
    memset(words, 0, self->lattice.n_sites * RG_LANES * sizeof *words);
    for (size_t site = 0; site < self->lattice.n_sites * RG_PLANE_BITS;) {
        row_t row = row_at(self, &extents, site);
        for (size_t end = site + length; site < end; site++, row_next(&row)) {
            bad |= spins[site] != 1 && spins[site] != -1;
            words[row.word * RG_LANES + row.bit / 64] |= (uint64_t)(spins[site] == 1)
                                                         << row.bit % 64;
        }
    }
    return bad ? RG_ERR_VALUES : RG_OK;
}

void rg_fold_unload(const rg_fold_t *self, const uint64_t *words, int8_t *spins)
{
    rg_torus_t extents = folded(self);
    size_t length = self->torus.extents[self->torus.ndim - 1];
    for (size_t site = 0; site < self->lattice.n_sites * RG_PLANE_BITS;) {
        row_t row = row_at(self, &extents, site);
        for (size_t end = site + length; site < end; site++, row_next(&row)) {
            uint64_t up = words[row.word * RG_LANES + row.bit / 64] >> row.bit % 64 & 1;
            spins[site] = (int8_t)(2 * (int8_t)up - 1);
        }
    }
}

/* ---- the job ---- */

int rg_fold_job_init(rg_fold_job_t *self)
{
    const rg_lattice_t *lattice = &self->fold->lattice;
    self->scratch = NULL;
    self->bands = NULL;
    self->sweep = self->cursor[0];
    self->done = 0;
    if (self->workers < 1 || self->thin < 1 || self->cursor[1] > self->draws) {
        return RG_ERR_ARGUMENT;
    }
    for (size_t band = 0; band < RG_FOLD_BANDS; band++) {
        if (rg_stream_dead(&self->streams[band * 4 * RG_LANES])) {
            return RG_ERR_ARGUMENT;
        }
    }
    if (self->workers > RG_FOLD_BANDS) {
        self->workers = RG_FOLD_BANDS;
    }
    int ret = rg_ising_rule_init(&self->rule, lattice->ndim, self->K, self->h, self->method);
    if (ret != RG_OK) {
        return ret;
    }
    self->scratch =
        rg_alloc(lattice->n_sites + self->fold->n_ghosts, RG_LANES * sizeof *self->scratch);
    self->bands = rg_alloc(RG_FOLD_BANDS, sizeof *self->bands);
    if (self->scratch == NULL || self->bands == NULL) {
        return RG_ERR_MEMORY;
    }
    memcpy(self->scratch, self->words, lattice->n_sites * RG_LANES * sizeof *self->words);
    for (size_t band = 0; band < RG_FOLD_BANDS; band++) {
        memcpy(self->bands[band].s, &self->streams[band * 4 * RG_LANES],
               sizeof self->bands[band].s);
    }
    return RG_OK;
}

void rg_fold_job_free(rg_fold_job_t *self)
{
    rg_free(self->scratch);
    rg_free(self->bands);
    self->scratch = NULL;
    self->bands = NULL;
}

/* Bit q of `to` is bit q + step of `from`, within lanes, by lanes, or as one sequence. */
static void cross(const rg_ghost_t *ghost, const uint64_t *from, uint64_t *to)
{
    bool ahead = ghost->step > 0;
    for (size_t lane = 0; lane < RG_LANES; lane++) {
        size_t next = (lane + (ahead ? 1 : RG_LANES - 1)) % RG_LANES;
        uint64_t near = from[ghost->lanes && !ghost->bits ? next : lane];
        uint64_t far = from[ghost->lanes ? next : lane];
        if (ghost->bits) {
            near = ahead ? near >> 1 | far << 63 : near << 1 | far >> 63;
        }
        to[lane] = near;
    }
}

static void refresh(const rg_fold_job_t *job, size_t worker, size_t n_workers)
{
    const rg_fold_t *fold = job->fold;
    size_t first = fold->n_ghosts * worker / n_workers;
    size_t end = fold->n_ghosts * (worker + 1) / n_workers;
    for (size_t i = first; i < end; i++) {
        cross(&fold->ghosts[i], &job->scratch[(size_t)fold->ghosts[i].source * RG_LANES],
              &job->scratch[(fold->lattice.n_sites + i) * RG_LANES]);
    }
}

typedef struct {
    rg_fold_job_t *job;
    size_t n_sweeps;
} slice_t;

static void slice_worker(void *context, rg_team_t *team, size_t worker)
{
    const slice_t *slice = context;
    rg_fold_job_t *job = slice->job;
    const rg_fold_t *fold = job->fold;
    size_t n_workers = rg_team_size(team);
    refresh(job, worker, n_workers);
    rg_team_barrier(team);
    for (size_t sweep = 0; sweep < slice->n_sweeps; sweep++) {
        rg_ising_pass_t pass = {.spins = job->scratch, .lattice = &fold->lattice};
        pass.table = rg_ising_rule_table(&job->rule, job->sweep + sweep);
        for (size_t colour = 0; colour < fold->lattice.n_colours; colour++) {
            size_t start = fold->colour_start[colour];
            size_t n = fold->colour_start[colour + 1] - start;
            for (size_t band = worker; band < RG_FOLD_BANDS; band += n_workers) {
                pass.first_group = start + n * band / RG_FOLD_BANDS;
                pass.n_groups = start + n * (band + 1) / RG_FOLD_BANDS - pass.first_group;
                rg_kernels()->ising_groups(&pass, &job->bands[band]);
            }
            rg_team_barrier(team);
            refresh(job, worker, n_workers);
            rg_team_barrier(team);
        }
    }
}

static void draw(rg_fold_job_t *self)
{
    const rg_lattice_t *lattice = &self->fold->lattice;
    uint64_t counts[RG_PLANE_BITS];
    rg_kernels()->ising_counts(lattice, self->scratch, counts);
    uint64_t unlike = 0;
    uint64_t up = 0;
    for (size_t bit = 0; bit < RG_PLANE_BITS; bit++) {
        unlike += counts[bit] & UINT32_MAX;
        up += counts[bit] >> 32;
    }
    int64_t n_sites = (int64_t)(lattice->n_sites * RG_PLANE_BITS);
    size_t place = (size_t)self->cursor[1];
    self->bonds[place] = (int64_t)lattice->ndim * n_sites - 2 * (int64_t)unlike;
    self->magnetization[place] = 2 * (int64_t)up - n_sites;
    memcpy(self->words, self->scratch, lattice->n_sites * RG_LANES * sizeof *self->words);
    for (size_t band = 0; band < RG_FOLD_BANDS; band++) {
        memcpy(&self->streams[band * 4 * RG_LANES], self->bands[band].s,
               sizeof self->bands[band].s);
    }
    self->cursor[0] = self->sweep;
    self->cursor[1]++;
    self->done = 0;
}

int rg_fold_job_run(rg_fold_job_t *self, size_t max_sweeps)
{
    if (self->cursor[1] >= self->draws) {
        return RG_OK;
    }
    size_t left = self->thin - self->done;
    size_t n = max_sweeps < 1 ? 1 : max_sweeps;
    slice_t slice = {.job = self, .n_sweeps = left < n ? left : n};
    rg_team_run(self->workers, slice_worker, &slice);
    self->sweep += slice.n_sweeps;
    self->done += slice.n_sweeps;
    if (self->done == self->thin) {
        draw(self);
    }
    return self->cursor[1] < self->draws ? RG_MORE : RG_OK;
}

double rg_fold_job_done(const rg_fold_job_t *self)
{
    double draws = (double)self->draws;
    double done = (double)self->cursor[1] + (double)self->done / (double)self->thin;
    return done < draws ? done / draws : 1.0;
}
