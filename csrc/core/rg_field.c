#include "rg_field.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rg_dispatch.h"
#include "rg_math.h"
#include "rg_thread.h"

enum {
    FIXED_BITS = 29,    /* a site's sizes add up to at most 2^29 units */
    MAX_COUNTED = 15,   /* links of a site in planes */
    RECENT_TABLES = 64, /* tables a new site is compared with */
    MAX_TABLES = 1 << 16
};

static const double LARGEST_SUM = 1e30;
static const float LEAST_MARGIN = 0x1p-19F; /* of a probability in float32: 2^-20 and less */

static uint64_t ones_if(bool condition)
{
    return condition ? UINT64_MAX : 0;
}

/* ---- the links of every site ---- */

/* Terms that count as couplings; one spin alone is a field, and 0 is nothing. */
static bool couples(const rg_terms_t *terms, size_t t)
{
    return terms->starts[t + 1] - terms->starts[t] >= 2 && terms->values[t] != 0.0;
}

/* Sizes of the arrays: links and others. */
static int count_links(const rg_terms_t *terms, size_t *n_links, size_t *n_others)
{
    *n_links = terms->n_sites; /* room for the field as a link of Metropolis */
    *n_others = 0;
    for (size_t t = 0; t < terms->n_terms; t++) {
        size_t order = terms->starts[t + 1] - terms->starts[t];
        size_t others = 0;
        if (!couples(terms, t)) {
            continue;
        }
        if (rg_multiply(order, order - 1, &others) != RG_OK) {
            return RG_ERR_OVERFLOW;
        }
        *n_links += order;
        *n_others += others;
        if (*n_others > UINT32_MAX) {
            return RG_ERR_OVERFLOW;
        }
    }
    return RG_OK;
}

/* Links in the order of the terms; the last one of each site is left free for its field. */
static void fill_links(rg_field_t *self, const rg_terms_t *terms)
{
    rg_field_site_t *sites = self->sites;
    for (size_t i = 0; i < self->n_sites; i++) {
        sites[i].h = terms->fields[i];
    }
    for (size_t t = 0; t < terms->n_terms; t++) {
        bool link = couples(terms, t);
        for (uint64_t k = terms->starts[t]; k < terms->starts[t + 1]; k++) {
            rg_field_site_t *site = &sites[terms->sites[k]];
            site->n_links += link;
            site->h += terms->starts[t + 1] - terms->starts[t] == 1 ? terms->values[t] : 0.0;
        }
    }
    size_t first = 0;
    for (size_t i = 0; i < self->n_sites; i++) {
        sites[i].first = first;
        first += sites[i].n_links + 1;
        self->max_links =
            sites[i].n_links + 1 > self->max_links ? sites[i].n_links + 1 : self->max_links;
        sites[i].n_links = 0;
    }
    size_t n_others = 0;
    for (size_t t = 0; t < terms->n_terms; t++) {
        if (!couples(terms, t)) {
            continue;
        }
        for (uint64_t k = terms->starts[t]; k < terms->starts[t + 1]; k++) {
            rg_field_site_t *site = &sites[terms->sites[k]];
            rg_field_link_t *link = &self->links[site->first + site->n_links++];
            link->first = (uint32_t)n_others;
            for (uint64_t j = terms->starts[t]; j < terms->starts[t + 1]; j++) {
                if (j != k) {
                    self->others[n_others++] = terms->sites[j];
                }
            }
            link->n_others = (uint32_t)(n_others - link->first);
            link->size = fabs(terms->values[t]);
            link->flip = ones_if(link->n_others % 2 == 0) ^ ones_if(terms->values[t] < 0.0);
        }
    }
}

/* ---- a site in planes ---- */

/* Largest first; equal ones keep their order. */
static void sort_links(rg_field_link_t *links, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        rg_field_link_t link = links[i];
        size_t j = i;
        for (; j > 0 && links[j - 1].size < link.size; j--) {
            links[j] = links[j - 1];
        }
        links[j] = link;
    }
}

/* Sizes of the links around a site, each with its number, and where the slot counts it. */
typedef struct {
    size_t n;
    double size[RG_FIELD_SLOT_BITS];
    size_t count[RG_FIELD_SLOT_BITS];
    size_t at[RG_FIELD_SLOT_BITS];
    size_t n_slots;
} sizes_t;

/* Give each size bits of the slot that hold its count. Returns false when they do not fit. */
static bool find_sizes(const rg_field_link_t *links, size_t n, sizes_t *sizes)
{
    size_t bits = 0;
    size_t last = 0; /* largest slot */
    *sizes = (sizes_t){.n = 0};
    for (size_t i = 0; i < n;) {
        size_t stop = i;
        while (stop < n && links[stop].size == links[i].size) {
            stop++;
        }
        if (bits >= RG_FIELD_SLOT_BITS) {
            return false;
        }
        size_t g = sizes->n++;
        sizes->size[g] = links[i].size;
        sizes->count[g] = stop - i;
        sizes->at[g] = bits;
        last += (stop - i) << bits;
        while ((stop - i) >> (bits - sizes->at[g]) != 0) {
            bits++;
        }
        i = stop;
    }
    sizes->n_slots = last < 4 ? 4 : last == 4 ? 5 : last < 8 ? 8 : RG_FIELD_SLOTS;
    return bits <= RG_FIELD_SLOT_BITS;
}

/* Probability of slot j: that the spin goes up (heat bath) or is turned (Metropolis). */
static double slot_probability(const sizes_t *sizes, size_t j, double h, bool metropolis)
{
    double field = metropolis ? 0.0 : h;
    for (size_t g = 0; g < sizes->n; g++) {
        size_t width = g + 1 < sizes->n ? sizes->at[g + 1] - sizes->at[g] : 8;
        size_t with = (j >> sizes->at[g]) & ((UINT64_C(1) << width) - 1);
        field += sizes->size[g] * (2.0 * (double)with - (double)sizes->count[g]);
    }
    if (metropolis) {
        return field > 0.0 ? rg_exp(-2.0 * field) : 1.0;
    }
    return 1.0 / (1.0 + rg_exp(-2.0 * field));
}

static void fill_table(rg_field_table_t *table, const sizes_t *sizes, double h, bool metropolis)
{
    for (size_t j = 0; j < RG_FIELD_SLOTS; j++) {
        bool certain = false;
        uint64_t t = 0;
        t = rg_threshold64(slot_probability(sizes, j, h, metropolis), &certain);
        table->threshold[j] = t;
        table->certain[j] = ones_if(certain);
        table->start[j] = ones_if(t >> 63);
        for (size_t k = 0; k < RG_FIELD_PLANES; k++) {
            table->toggle[k][j] = ones_if(((t >> (63 - k)) ^ (t >> (62 - k))) & 1);
        }
    }
}

/* Room for one more table. */
static int grow_tables(rg_field_t *self)
{
    if (self->n_tables < self->room) {
        return RG_OK;
    }
    size_t room = 2 * self->room + 8;
    rg_field_table_t *tables = rg_alloc(room, sizeof *tables);
    if (tables == NULL) {
        return RG_ERR_MEMORY;
    }
    if (self->n_tables > 0) {
        memcpy(tables, self->tables, self->n_tables * sizeof *tables);
    }
    rg_free(self->tables);
    self->tables = tables;
    self->room = room;
    return RG_OK;
}

/* Take the site's probabilities from a table that a site before it made, or make it. */
static int choose_table(rg_field_t *self, rg_field_site_t *site, const sizes_t *sizes)
{
    int ret = grow_tables(self);
    if (ret != RG_OK) {
        return ret;
    }
    rg_field_table_t *table = &self->tables[self->n_tables];
    fill_table(table, sizes, site->h, self->metropolis);
    size_t known = self->n_tables;
    size_t oldest = known < RECENT_TABLES ? 0 : known - RECENT_TABLES;
    while (known > oldest && memcmp(&self->tables[known - 1], table, sizeof *table) != 0) {
        known--;
    }
    site->table = (uint32_t)(known > oldest ? known - 1 : self->n_tables);
    self->n_tables += known == oldest;
    return RG_OK;
}

/* Put a site in planes if it has few slots. */
static int try_planes(rg_field_t *self, rg_field_site_t *site)
{
    rg_field_link_t *links = &self->links[site->first];
    size_t n_couplings = site->n_links;
    sizes_t sizes = {.n = 0};
    if (self->metropolis && site->h != 0.0) { /* the field is one more link */
        links[site->n_links++] =
            (rg_field_link_t){.size = fabs(site->h), .flip = ones_if(site->h > 0.0)};
    }
    bool fits = site->n_links <= MAX_COUNTED && self->n_tables < MAX_TABLES;
    if (fits) {
        sort_links(links, site->n_links);
        fits = find_sizes(links, site->n_links, &sizes);
    }
    if (!fits) { /* without that link again, wherever it was sorted to */
        size_t n_kept = 0;
        for (size_t i = 0; i < site->n_links; i++) {
            links[n_kept] = links[i];
            n_kept += links[i].n_others > 0;
        }
        site->n_links = (uint32_t)n_couplings;
        return RG_OK;
    }
    for (size_t g = 0; g < sizes.n; g++) {
        site->n_at[sizes.at[g]] = (uint8_t)sizes.count[g];
    }
    site->n_slots = (uint8_t)sizes.n_slots;
    return choose_table(self, site, &sizes);
}

/* ---- a site in lanes ---- */

static int prepare_lanes(rg_field_t *self, rg_field_site_t *site)
{
    rg_field_link_t *links = &self->links[site->first];
    double total = fabs(site->h);
    for (size_t i = 0; i < site->n_links; i++) {
        total += links[i].size;
    }
    if (!(total <= LARGEST_SUM)) {
        return RG_ERR_ARGUMENT;
    }
    int exponent = -80;
    if (total > 0x1p-80) {
        (void)frexp(total, &exponent);
    }
    double unit = ldexp(1.0, exponent - FIXED_BITS);
    int64_t base = (int64_t)rint(site->h / unit);
    for (size_t i = 0; i < site->n_links; i++) {
        int64_t size = (int64_t)rint(links[i].size / unit);
        links[i].step = (int32_t)(2 * size);
        base -= size;
    }
    site->base = (int32_t)base;
    site->unit = (float)unit;
    site->margin = LEAST_MARGIN + (float)((double)(site->n_links + 1) * unit);
    return RG_OK;
}

int rg_field_init(rg_field_t *self, const rg_terms_t *terms, bool metropolis)
{
    memset(self, 0, sizeof *self);
    self->n_sites = terms->n_sites;
    self->metropolis = metropolis;
    size_t n_links = 0;
    size_t n_others = 0;
    int ret = count_links(terms, &n_links, &n_others);
    if (ret != RG_OK) {
        return ret;
    }
    self->sites = rg_alloc(terms->n_sites, sizeof *self->sites);
    self->links = rg_alloc(n_links, sizeof *self->links);
    self->others = rg_alloc(n_others + 1, sizeof *self->others);
    if (self->sites == NULL || self->links == NULL || self->others == NULL) {
        return RG_ERR_MEMORY;
    }
    fill_links(self, terms);
    for (size_t i = 0; i < self->n_sites && ret == RG_OK; i++) {
        ret = prepare_lanes(self, &self->sites[i]);
        ret = ret == RG_OK ? try_planes(self, &self->sites[i]) : ret;
    }
    return ret;
}

void rg_field_free(rg_field_t *self)
{
    rg_free(self->sites);
    rg_free(self->links);
    rg_free(self->others);
    rg_free(self->tables);
    memset(self, 0, sizeof *self);
}

/* ---- sums ---- */

typedef struct {
    double size;
    size_t term;
} ranked_t;

static int by_size(const void *a, const void *b)
{
    const ranked_t *x = a;
    const ranked_t *y = b;
    if (x->size != y->size) {
        return x->size < y->size ? -1 : 1;
    }
    return x->term < y->term ? -1 : 1;
}

static void fill_sums(rg_field_sums_t *self, const rg_terms_t *terms, ranked_t *ranked)
{
    for (size_t t = 0; t < terms->n_terms; t++) {
        ranked[t] = (ranked_t){fabs(terms->values[t]), t};
    }
    qsort(ranked, terms->n_terms, sizeof *ranked, by_size);
    size_t n_listed = 0;
    for (size_t place = 0; place < terms->n_terms; place++) {
        size_t t = ranked[place].term;
        size_t order = terms->starts[t + 1] - terms->starts[t];
        self->starts[place] = n_listed;
        self->sizes[place] = ranked[place].size;
        self->flips[place] = ones_if(order % 2 == 0) ^ ones_if(terms->values[t] < 0.0);
        for (uint64_t k = terms->starts[t]; k < terms->starts[t + 1]; k++) {
            self->sites[n_listed++] = terms->sites[k];
        }
    }
    self->starts[terms->n_terms] = n_listed;
    for (size_t i = 0; i < terms->n_sites; i++) {
        self->own[i] = (uint32_t)i;
        self->own_starts[i] = i;
    }
    self->own_starts[terms->n_sites] = terms->n_sites;
}

int rg_field_sums_init(rg_field_sums_t *self, const rg_terms_t *terms)
{
    memset(self, 0, sizeof *self);
    self->n_sites = terms->n_sites;
    self->n_terms = terms->n_terms;
    ranked_t *ranked = rg_alloc(terms->n_terms + 1, sizeof *ranked);
    self->sites = rg_alloc(terms->starts[terms->n_terms] + 1, sizeof *self->sites);
    self->starts = rg_alloc(terms->n_terms + 1, sizeof *self->starts);
    self->flips = rg_alloc(terms->n_terms + 1, sizeof *self->flips);
    self->sizes = rg_alloc(terms->n_terms + 1, sizeof *self->sizes);
    self->own = rg_alloc(terms->n_sites, sizeof *self->own);
    self->own_starts = rg_alloc(terms->n_sites + 1, sizeof *self->own_starts);
    self->own_flips = rg_alloc(terms->n_sites, sizeof *self->own_flips);
    bool short_of_memory = ranked == NULL || self->sites == NULL || self->starts == NULL ||
                           self->flips == NULL || self->sizes == NULL || self->own == NULL ||
                           self->own_starts == NULL || self->own_flips == NULL;
    if (!short_of_memory) {
        fill_sums(self, terms, ranked);
    }
    rg_free(ranked);
    return short_of_memory ? RG_ERR_MEMORY : RG_OK;
}

void rg_field_sums_free(rg_field_sums_t *self)
{
    rg_free(self->sites);
    rg_free(self->starts);
    rg_free(self->flips);
    rg_free(self->sizes);
    rg_free(self->own);
    rg_free(self->own_starts);
    rg_free(self->own_flips);
    memset(self, 0, sizeof *self);
}

/* sums[r] += size (2 set - n), with n terms of which `set` are set in replica r. */
static void add_counts(const rg_field_count_t *job, double size, double sums[RG_PLANE_BITS])
{
    uint64_t counts[RG_PLANE_BITS];
    rg_kernels()->field_count(job, counts);
    double n = (double)(job->stop - job->first);
    for (size_t r = 0; r < RG_PLANE_BITS; r++) {
        sums[r] += size * (2.0 * (double)(int64_t)counts[r] - n);
    }
}

/* The end of the terms from `first` on that have its size, as far as they can be counted. */
static size_t end_of_equal(const rg_field_sums_t *self, size_t first)
{
    size_t left = self->n_terms - first;
    size_t most = first + (left < UINT32_MAX ? left : UINT32_MAX);
    size_t end = first + 1;
    while (end < most && self->sizes[end] == self->sizes[first]) {
        end++;
    }
    return end;
}

void rg_field_bonds(const rg_field_sums_t *self, const uint64_t *words, double bonds[RG_PLANE_BITS])
{
    rg_field_count_t job = {
        .spins = words, .sites = self->sites, .starts = self->starts, .flips = self->flips};
    _Alignas(RG_ALIGN) double sums[RG_PLANE_BITS] = {0.0};
    while (job.stop < self->n_terms) {
        job.first = job.stop;
        job.stop = end_of_equal(self, job.first);
        if (job.stop - job.first > 1) {
            add_counts(&job, self->sizes[job.first], sums);
            continue;
        }
        while (job.stop < self->n_terms && end_of_equal(self, job.stop) == job.stop + 1) {
            job.stop++;
        }
        rg_kernels()->field_add(&job, self->sizes, sums);
    }
    memcpy(bonds, sums, sizeof sums);
}

void rg_field_ups(const rg_field_sums_t *self, const uint64_t *words, double up[RG_PLANE_BITS])
{
    rg_field_count_t job = {.spins = words,
                            .sites = self->own,
                            .starts = self->own_starts,
                            .flips = self->own_flips,
                            .stop = self->n_sites};
    memset(up, 0, RG_PLANE_BITS * sizeof *up);
    add_counts(&job, 1.0, up);
}

/* ---- the job ---- */

int rg_field_job_init(rg_field_job_t *self)
{
    self->scratch = NULL;
    self->max_links = 0;
    self->sweep = 0;
    self->site = 0;
    const rg_field_t *fields[] = {self->heatbath, self->metropolis};
    for (size_t i = 0; i < 2; i++) {
        bool used = self->method == RG_METHOD_LOCAL || self->method == (int)i;
        if (self->method < RG_METHOD_HEATBATH || self->method > RG_METHOD_LOCAL ||
            (used && fields[i] == NULL)) {
            return RG_ERR_ARGUMENT;
        }
        if (used && fields[i]->max_links > self->max_links) {
            self->max_links = fields[i]->max_links;
        }
    }
    size_t sweeps = 0;
    size_t updates = 0;
    size_t scratch = 0;
    if (self->workers < 1 || self->thin < 1) {
        return RG_ERR_ARGUMENT;
    }
    self->workers = self->workers < self->n_blocks ? self->workers : self->n_blocks;
    self->workers = self->workers > 0 ? self->workers : 1;
    if (rg_multiply(self->n_draws, self->thin, &sweeps) != RG_OK ||
        rg_multiply(sweeps, self->sums->n_sites, &updates) != RG_OK ||
        rg_multiply(self->workers, self->max_links * RG_LANES, &scratch) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    self->scratch = rg_alloc(scratch + RG_LANES, sizeof *self->scratch);
    return self->scratch == NULL ? RG_ERR_MEMORY : RG_OK;
}

void rg_field_job_free(rg_field_job_t *self)
{
    rg_free(self->scratch);
    self->scratch = NULL;
}

static const rg_field_t *field_of_sweep(const rg_field_job_t *self, size_t sweep)
{
    bool heatbath = self->method == RG_METHOD_HEATBATH;
    if (self->method == RG_METHOD_LOCAL) {
        heatbath = (self->first_sweep + sweep) % RG_LOCAL_PERIOD == RG_LOCAL_PERIOD - 1;
    }
    return heatbath ? self->heatbath : self->metropolis;
}

static void measure(const rg_field_job_t *job, size_t block, size_t draw)
{
    double bonds[RG_PLANE_BITS];
    double up[RG_PLANE_BITS];
    size_t n_sites = job->sums->n_sites;
    rg_field_bonds(job->sums, &job->words[block * n_sites * RG_LANES], bonds);
    rg_field_ups(job->sums, &job->words[block * n_sites * RG_LANES], up);
    for (size_t r = 0; r < RG_PLANE_BITS; r++) {
        size_t at = (block * RG_PLANE_BITS + r) * job->n_draws + draw;
        job->bonds[at] = bonds[r];
        job->up[at] = up[r];
    }
}

typedef struct {
    rg_field_job_t *job;
    size_t n_updates; /* site updates per block in this slice */
} slice_t;

static void slice_worker(void *context, rg_team_t *team, size_t worker)
{
    const slice_t *slice = context;
    rg_field_job_t *job = slice->job;
    size_t n_sites = job->sums->n_sites;
    for (size_t block = worker; block < job->n_blocks; block += rg_team_size(team)) {
        rg_field_run_t run = {.spins = &job->words[block * n_sites * RG_LANES],
                              .scratch = &job->scratch[worker * job->max_links * RG_LANES],
                              .first = job->site};
        size_t sweep = job->sweep;
        for (size_t left = slice->n_updates; left > 0;) {
            size_t n = n_sites - run.first < left ? n_sites - run.first : left;
            run.field = field_of_sweep(job, sweep);
            run.stop = run.first + n;
            rg_kernels()->field_run(&run, &job->streams[block]);
            left -= n;
            run.first = run.stop;
            if (run.first == n_sites) {
                run.first = 0;
                sweep++;
                if (sweep % job->thin == 0) {
                    measure(job, block, sweep / job->thin - 1);
                }
            }
        }
    }
}

int rg_field_job_run(rg_field_job_t *self, size_t max_sites)
{
    size_t n_sites = self->sums->n_sites;
    size_t left = (self->n_draws * self->thin - self->sweep) * n_sites - self->site;
    slice_t slice = {.job = self, .n_updates = left < max_sites ? left : max_sites};
    rg_team_run(self->workers, slice_worker, &slice);
    self->site += slice.n_updates;
    self->sweep += self->site / n_sites;
    self->site %= n_sites;
    return slice.n_updates < left ? RG_MORE : RG_OK;
}

double rg_field_job_done(const rg_field_job_t *self)
{
    double sweeps = (double)self->n_draws * (double)self->thin;
    return sweeps > 0.0 ? (double)self->sweep / sweeps : 1.0;
}
