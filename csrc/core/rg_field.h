/* rg_field.h: replica-packed local updates of any model given as a list of terms (rg_terms.h):
 * glasses, open boundaries, many-spin couplings, a field per site.
 *
 * 512 replicas share a site word, as in rg_ising.h, and each has its own uniform for every update.
 * Sites are visited in C order. A site is updated in one of two forms, fixed by the model alone:
 *
 * - planes: where its local field takes few values (the terms around it have few sizes), the
 *   number of satisfied terms of each size is counted in bits and names one of up to 16 slots,
 *   each with its probability; the spin is decided by 10 planes without a branch, and the few
 *   replicas still open take a word each. Exact to 64 bits.
 * - lanes: the local field is summed in integers (fixed point, so the order is free) and the
 *   probability taken in float32 beside a 23-bit uniform; the few replicas too near to call are
 *   decided again with the field in float64 and 41 more bits. Exact to float64. */
#ifndef RG_FIELD_H
#define RG_FIELD_H

#include "rg_method.h"
#include "rg_rng.h"
#include "rg_terms.h"

enum {
    RG_FIELD_SLOTS = 16,
    RG_FIELD_SLOT_BITS = 4,
    RG_FIELD_PLANES = 10, /* planes per site before the words; part of the stream's definition */
    RG_FIELD_UNIFORM_PLANES = 32 /* planes of a site in lanes */
};

/* Probabilities of up to 16 slots as bits: slot j's threshold, whether it stands for 1 (all ones,
 * else 0), its top bit, and whether bit k differs from bit k + 1 (from the top) as masks. */
typedef struct {
    uint64_t threshold[RG_FIELD_SLOTS];
    uint64_t certain[RG_FIELD_SLOTS];
    uint64_t start[RG_FIELD_SLOTS];
    uint64_t toggle[RG_FIELD_PLANES][RG_FIELD_SLOTS];
} rg_field_table_t;

/* One term as a site sees it. */
typedef struct {
    double size;    /* of the term's value */
    uint64_t flip;  /* XOR of the others' bits and this: set where the term wants the site up */
    uint32_t first; /* others[first .. first + n_others - 1]: the term's other sites */
    uint32_t n_others;
    int32_t step; /* twice the size in the site's fixed point */
} rg_field_link_t;

/* How one site is updated. */
typedef struct {
    size_t first; /* links[first .. first + n_links - 1] */
    uint32_t n_links;
    uint32_t table;                   /* planes: tables[table] */
    uint8_t n_slots;                  /* 4, 5, 8 or 16; 0: in lanes */
    uint8_t n_at[RG_FIELD_SLOT_BITS]; /* links counted from bit 0, 1, 2, 3 of the slot, in order */
    int32_t base;                     /* lanes: the field with every link down, in fixed point */
    float unit;                       /* lanes: of the fixed point */
    float margin;                     /* lanes: what is nearer than this is decided again */
    double h;
} rg_field_site_t;

/* A model made ready for one kind of update. */
typedef struct {
    size_t n_sites;
    size_t max_links;
    bool metropolis; /* else heat bath */
    rg_field_site_t *sites;
    rg_field_link_t *links;
    uint32_t *others;
    rg_field_table_t *tables;
    size_t n_tables;
    size_t room; /* tables that fit */
} rg_field_t;

/* Make the plan of -H = sum values prod s + sum fields s (reduced). Returns RG_OK, RG_ERR_ARGUMENT
 * when the sizes around a site add up to more than 1e30, RG_ERR_OVERFLOW, RG_ERR_MEMORY; free in
 * every case. */
int RG_WARN_UNUSED rg_field_init(rg_field_t *self, const rg_terms_t *terms, bool metropolis);
void rg_field_free(rg_field_t *self);

/* Spins of the energy's terms, sorted so that terms of one size stand together: what the sums of
 * 512 packed replicas are made of. */
typedef struct {
    size_t n_sites;
    size_t n_terms;
    uint32_t *sites;
    size_t *starts;  /* n_terms + 1, into sites */
    uint64_t *flips; /* n_terms: XOR of the bits and this: set where the product has v's sign */
    double *sizes;   /* n_terms: |values| */
    uint32_t *own;   /* 0 .. n_sites - 1: the magnetisation as one-spin terms */
    size_t *own_starts;
    uint64_t *own_flips;
} rg_field_sums_t;

/* Sort the terms. RG_OK, RG_ERR_OVERFLOW, RG_ERR_MEMORY; free in every case. */
int RG_WARN_UNUSED rg_field_sums_init(rg_field_sums_t *self, const rg_terms_t *terms);
void rg_field_sums_free(rg_field_sums_t *self);

/* bonds[r] = sum_t values[t] prod s of replica r of words (n_sites x 8). Sizes that occur more
 * than once are counted in integers; sizes are added in ascending order. */
void rg_field_bonds(const rg_field_sums_t *self, const uint64_t *words,
                    double bonds[RG_PLANE_BITS]);

/* up[r] = sum_i s_i of replica r. */
void rg_field_ups(const rg_field_sums_t *self, const uint64_t *words, double up[RG_PLANE_BITS]);

/* Chains of 512 replicas per block: `words` and `streams` are the whole state and are changed in
 * place, so that a run cut into two calls gives the same bits. Draw d of chain c, taken after
 * every `thin` sweeps, goes to bonds[c n_draws + d] and up[..]. Fill the upper part, init, then
 * run until RG_OK. */
typedef struct {
    const rg_field_t *heatbath;   /* may be NULL where the method never uses it */
    const rg_field_t *metropolis; /* likewise */
    const rg_field_sums_t *sums;
    int method;
    size_t n_blocks;
    uint64_t *words;      /* n_blocks x n_sites x 8 */
    rg_stream_t *streams; /* n_blocks */
    size_t first_sweep;   /* sweeps done before this call: the place in the period of eight */
    size_t n_draws;
    size_t thin;
    size_t workers;
    double *bonds; /* 512 n_blocks x n_draws */
    double *up;
    /* owned by the job */
    uint64_t *scratch;
    size_t max_links;
    size_t sweep; /* sweeps done in this call */
    size_t site;  /* sites done of the current sweep */
} rg_field_job_t;

/* Check the arguments. RG_OK, RG_ERR_ARGUMENT, RG_ERR_OVERFLOW, RG_ERR_MEMORY; free always. */
int RG_WARN_UNUSED rg_field_job_init(rg_field_job_t *self);

/* Update about max_sites sites of every block. RG_MORE: call again. */
int RG_WARN_UNUSED rg_field_job_run(rg_field_job_t *self, size_t max_sites);

/* Fraction of the updates done. */
double rg_field_job_done(const rg_field_job_t *self);

/* Release what the job owns. */
void rg_field_job_free(rg_field_job_t *self);

/* One run of sites of one block, as the kernels see it. */
typedef struct {
    const rg_field_t *field;
    uint64_t *spins;   /* n_sites x 8 */
    uint64_t *scratch; /* max_links x 8 */
    size_t first;      /* sites first .. stop - 1 */
    size_t stop;
} rg_field_run_t;

/* A run of terms to count, as the kernels see it. */
typedef struct {
    const uint64_t *spins;
    const uint32_t *sites;
    const size_t *starts;
    const uint64_t *flips;
    size_t first; /* terms first .. stop - 1, at least one */
    size_t stop;
} rg_field_count_t;

#endif
