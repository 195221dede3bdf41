/* rg_histogram.h: random walks in energy: Wang-Landau and multicanonical.
 *
 * -E(s) = B(s) = sum_t values[t] prod_{i in t} s_i with integer values; configurations with
 * B = 2 level - S, S = sum |values|, are one level, and g is how many there are. A walk turns one
 * spin at a time and accepts with min(1, g(old) / g(new)), so that it visits all levels alike.
 *
 * Learning (Wang and Landau, Phys. Rev. Lett. 86, 2050 (2001)): the walk adds ln f to ln g of the
 * level where it stands. ln f starts at 1 and is halved when every known level has been visited
 * since the last halving and 64 levels() attempts have passed; once it is at or below
 * 1/t = known levels / attempts it follows 1/t (Belardinelli and Pereyra, Phys. Rev. E 75, 046701
 * (2007)). A level never met before takes ln g of the level it was reached from and sends ln f
 * back to 1. Production (Berg and Neuhaus, Phys. Lett. B 267, 249 (1991)): ln g is fixed, and the
 * visits, times g, are an unbiased estimate of the true number of configurations.
 *
 * A word w of the stream serves one attempt: with w n_sites = 2^64 i + r, i is the spin and the
 * flip is accepted when ln g(new) - ln g(old) < -ln u, u = (floor(r / 2^11) + 1/2) 2^-53. */
#ifndef RG_HISTOGRAM_H
#define RG_HISTOGRAM_H

#include "rg_rng.h"

enum { RG_HISTOGRAM_STAGE = 64 }; /* attempts per level between two halvings, at least */

/* The terms around each site. */
typedef struct {
    size_t n_sites;
    size_t n_levels; /* S + 1 */
    int64_t sum;     /* S */
    bool pairs;      /* every term has two spins */
    size_t n_terms;
    const uint32_t *sites;  /* borrowed: term t holds sites[starts[t] .. starts[t + 1] - 1] */
    const uint64_t *starts; /* borrowed */
    const int32_t *values;  /* borrowed */
    size_t *first;          /* n_sites + 1, into the next two */
    uint32_t *other;        /* pairs: the other site; else the term */
    int32_t *value;
} rg_walk_model_t;

/* Make the lists; the terms' sites must exist. RG_OK, RG_ERR_ARGUMENT without
 * sites, RG_ERR_OVERFLOW when S >= 2^30 or counts reach 2^32,
 * RG_ERR_MEMORY; free in every case. */
int RG_WARN_UNUSED rg_walk_model_init(rg_walk_model_t *self);
void rg_walk_model_free(rg_walk_model_t *self);

/* Level of a configuration. */
size_t rg_walk_level(const rg_walk_model_t *self, const int8_t *spins);

/* Where one walker stands. */
typedef struct {
    size_t level;
    uint64_t attempts;
    uint64_t stage; /* attempts when ln f was last changed by 2 or set to 1 */
    double log_f;   /* learning; 0 in production */
    bool on_line;   /* ln f follows 1/t */
    size_t n_known; /* levels with a finite ln g */
    size_t n_seen;  /* of them, visited in this stage */
    int leg;        /* 0 new, 1 seen at the first end, 2 then at the last one */
} rg_walker_t;

/* Independent walkers; spins and streams are changed in place, so a run may go on from another.
 * Fill the upper part, init, then run until RG_OK. */
typedef struct {
    const rg_walk_model_t *model;
    size_t n_walkers;
    int8_t *spins;        /* n_walkers x n_sites */
    rg_stream_t *streams; /* n_walkers */
    bool learn;
    double *log_g;     /* learn: n_walkers x n_levels, -inf where unknown; else n_levels, read */
    uint64_t *visits;  /* n_walkers x n_levels; learning: of the running stage */
    uint64_t attempts; /* of each walker; learning: at most. Multiples of 8. */
    double log_f;      /* learn: where ln f ends */
    size_t ends[2];    /* production: levels between which trips are counted */
    uint64_t *trips;   /* n_walkers: there and back, added to; learning: unused */
    uint64_t *done;    /* n_walkers: attempts made */
    size_t workers;
    rg_walker_t *walkers; /* owned by the job */
} rg_histogram_t;

/* Check the arguments, place the walkers. RG_OK, RG_ERR_ARGUMENT, RG_ERR_MEMORY; free always. */
int RG_WARN_UNUSED rg_histogram_init(rg_histogram_t *self);

/* Do about max_attempts attempts of every walker. RG_MORE: call again. Learning may end by
 * `attempts`: then rg_histogram_learned is false. */
int RG_WARN_UNUSED rg_histogram_run(rg_histogram_t *self, size_t max_attempts);

/* Whether ln f of every walker has come down to log_f. */
bool rg_histogram_learned(const rg_histogram_t *self);

/* Fraction of the work done, of the slowest walker. */
double rg_histogram_done(const rg_histogram_t *self);

/* Release what the job owns. */
void rg_histogram_free(rg_histogram_t *self);

#endif
