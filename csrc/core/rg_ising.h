/* rg_ising.h: local updates of nearest-neighbour Ising models on a torus, replica-packed.
 *
 * 512 replicas share a site word (8 x uint64; bit = replica, 1 = spin +1). Every replica draws
 * its own uniform number for every update, exact to 64 bits. Site (x_0, .., x_{d-1}) has index
 * in C order. An extent of 2 has both neighbours of an axis on the same site. */
#ifndef RG_ISING_H
#define RG_ISING_H

#include "rg_method.h"
#include "rg_rng.h"
#include "rg_torus.h"

enum {
    RG_MAX_CLASSES = 2 * RG_MAX_DIM + 1, /* number of up neighbours: 0 .. 2d */
    RG_GROUP_SITES = 64, /* sites decided together; part of the stream's definition */
    RG_GROUP_PLANES = 7, /* planes per site before the shared tail; likewise */
    RG_SITES_AHEAD = 12  /* how far kernels look ahead to have words in the cache */
};

/* One update's probabilities as bits. A replica with j neighbours up takes bit k of class j, k the
 * place of the first 1 among its random bits Z_0, Z_1, .. (bit 64 when all 64 are 0): the bit is 1
 * with probability sum_k 2^-(k+1) bit_k. Heat-bath: the bit is the new spin. Metropolis: the new
 * spin is the majority of (not old, bit, leans_up). leans_up is f > 0 (on f = 0: (2j > z) xor
 * K < 0), and the bits are those of the class with -f inverted: at h = 0 class z - j is class j
 * inverted, which halves the classes a kernel needs. */
typedef struct {
    bool metropolis;
    bool symmetric;                      /* h = 0 */
    uint64_t negative;                   /* all ones when K < 0 */
    uint64_t leans_up[RG_MAX_CLASSES];   /* all ones or all zeros, as are the next two */
    uint64_t start[RG_MAX_CLASSES];      /* bit 0 */
    uint64_t toggle[64][RG_MAX_CLASSES]; /* bit k differs from bit k + 1 */
    _Alignas(
        RG_ALIGN) uint64_t first[RG_GROUP_PLANES][RG_MAX_CLASSES][RG_LANES]; /* its planes 0-6 */
} rg_ising_table_t;

/* A method with its tables. */
typedef struct {
    int method;
    rg_ising_table_t heatbath;
    rg_ising_table_t metropolis;
} rg_ising_rule_t;

/* Make the tables. Returns RG_OK, or RG_ERR_ARGUMENT for an unknown method or K, h not finite. */
int RG_WARN_UNUSED rg_ising_rule_init(rg_ising_rule_t *self, size_t ndim, double K, double h,
                                      int method);

/* Sites in update order and their neighbours. Groups hold up to 64 sites of one colour, so no
 * two of a group are neighbours: two colours when all extents are even, else three. */
typedef struct {
    size_t ndim;
    size_t n_sites;
    size_t n_groups;
    size_t n_colours;
    uint32_t *sites;      /* n_sites, by colour, then C order; RG_SITES_AHEAD zeros */
    uint32_t *neighbours; /* n_sites x 2 ndim, by site: +1, -1 along axis 0, then axis 1, .. */
    size_t *group_start;  /* n_groups + 1, into sites */
} rg_lattice_t;

/* Build the tables; fewer than 2^32 sites. Returns RG_OK, RG_ERR_ARGUMENT, RG_ERR_OVERFLOW,
 * RG_ERR_MEMORY; free in every case. */
int RG_WARN_UNUSED rg_lattice_init(rg_lattice_t *self, const rg_torus_t *torus);

/* Release the tables. */
void rg_lattice_free(rg_lattice_t *self);

/* Where each colour's groups start, and their end: n_colours + 1 entries. */
void rg_lattice_colours(const rg_lattice_t *self, const rg_torus_t *torus, size_t *colour_start);

/* The table of sweep 0, 1, .. of a chain. */
const rg_ising_table_t *rg_ising_rule_table(const rg_ising_rule_t *self, uint64_t sweep);

/* Updates of a block of 512 replicas, as the kernels see them. */
typedef struct {
    uint64_t *spins; /* n_sites x 8, 64-byte aligned */
    const rg_lattice_t *lattice;
    const rg_ising_table_t *table;
    size_t first_group;
    size_t n_groups; /* first_group + n_groups <= lattice->n_groups */
} rg_ising_pass_t;

/* Where a chain stands: sweeps done since it began, groups done of the next one. */
typedef struct {
    uint64_t sweep;
    size_t group;
} rg_ising_clock_t;

/* How the configurations of a block start. */
enum {
    RG_START_RANDOM = 0,   /* independent fair spins */
    RG_START_ORDERED = 1,  /* each replica all up with probability p_up, else all down */
    RG_START_STAGGERED = 2 /* as ordered, times the parity of the site's coordinates */
};

/* First configurations of a block, n_sites x 8 words, from the stream (key, RG_PURPOSE_START,
 * block). Returns RG_OK, or RG_ERR_ARGUMENT for an unknown start, p_up outside [0, 1], or a
 * staggered start where an extent is odd. */
int RG_WARN_UNUSED rg_ising_start(const rg_lattice_t *lattice, const uint64_t key[4], int start,
                                  double p_up, size_t block, uint64_t *words);

/* Advance a block (n_sites x 8 words, 64-byte aligned) by n_groups group updates and its clock
 * with it; any split of the same total gives the same bits. */
void rg_ising_advance(const rg_lattice_t *lattice, const rg_ising_rule_t *rule, uint64_t *words,
                      rg_stream_t *stream, rg_ising_clock_t *clock, size_t n_groups);

/* Sum of s s' over bonds and of s over sites for each of the 512 replicas of a block. Every site
 * has ndim bonds, so an extent of 2 counts its wrapped bond twice. Needs ndim n_sites < 2^31. */
void rg_ising_measure(const rg_lattice_t *lattice, const uint64_t *words, int32_t *bonds,
                      int32_t *magnetization);

/* n independent configurations: replica r of block b is row 512 b + r. Block b draws from the
 * streams (key, purpose, b) alone and always runs whole, so neither n nor the number of workers
 * changes a row. Fill the upper part, call rg_ising_sample_init, then _run until RG_OK. */
typedef struct {
    const rg_lattice_t *lattice;
    double K;
    double h;
    int method;
    uint64_t key[4];
    size_t n;
    size_t sweeps;
    int start;
    double p_up;
    size_t workers;
    int8_t *spins; /* n x n_sites, written as blocks finish */
    /* owned by the job */
    rg_ising_rule_t rule;
    uint64_t *words; /* workers x n_sites x 8 */
    rg_stream_t *streams;
    size_t wave_start;      /* first block of the running wave of `workers` blocks */
    rg_ising_clock_t clock; /* of the wave */
    bool started;
} rg_ising_sample_t;

/* Check the arguments, make the tables. RG_OK, RG_ERR_ARGUMENT, RG_ERR_OVERFLOW, RG_ERR_MEMORY;
 * free in every case. */
int RG_WARN_UNUSED rg_ising_sample_init(rg_ising_sample_t *self);

/* Do about max_groups group updates per block of the running wave. RG_MORE: call again. */
int RG_WARN_UNUSED rg_ising_sample_run(rg_ising_sample_t *self, size_t max_groups);

/* Fraction of all updates done. */
double rg_ising_sample_done(const rg_ising_sample_t *self);

/* Release what the job owns. */
void rg_ising_sample_free(rg_ising_sample_t *self);

#endif
