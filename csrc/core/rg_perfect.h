/* rg_perfect.h: exact samples of ferromagnets by monotone coupling from the past.
 *
 * Propp and Wilson (Random Struct. Alg. 9, 223 (1996)): heat bath with one uniform for both of a
 * pair of chains keeps upper >= lower. Pairs start all up and all down at time -T and run to time
 * 0; where they meet, every start would have ended there, and that state has the Boltzmann
 * distribution exactly. Where they do not, T doubles and *the same* random numbers are used again
 * for the last T sweeps. 512 replicas share a site word (rg_ising.h), each with its own uniform.
 * A block ends when all of its 512 pairs have met, so no row is preferred for meeting early. */
#ifndef RG_PERFECT_H
#define RG_PERFECT_H

#include "rg_ising.h"

enum {
    RG_PERFECT_PLANES = 12, /* planes per site; what they leave takes a hashed word */
    RG_PERFECT_FIRST = 16   /* sweeps of the first attempt */
};

/* Thresholds of one sublattice, by number of up neighbours; certain: probability 1. */
typedef struct {
    uint64_t threshold[RG_MAX_CLASSES];
    uint64_t certain[RG_MAX_CLASSES]; /* all ones or 0 */
    /* bit k from the top of every threshold, as masks */
    uint64_t bit[RG_PERFECT_PLANES][RG_MAX_CLASSES];
} rg_perfect_table_t;

/* One group's update, as the kernels see it: both chains with the same uniforms. */
typedef struct {
    uint64_t *upper; /* n_sites x 8 */
    uint64_t *lower; /* NULL: the pairs have met, only `upper` is moved */
    const uint32_t *sites;
    const uint32_t *neighbours;
    const rg_perfect_table_t *table;
    const rg_stream_t *words; /* what is left over takes words hashed from these */
    size_t n;
    size_t ndim;
} rg_perfect_group_t;

/* Where one worker stands in its block. */
typedef struct {
    size_t block;
    rg_stream_t stream; /* planes of the running sweep */
    rg_stream_t words;
    size_t attempt; /* sweeps of the running attempt; 0: no block is left, or none may go on */
    size_t left;    /* sweeps of it that are left, the running one included */
    size_t group;   /* groups done of the running sweep */
    bool met;
} rg_perfect_slot_t;

/* n exact samples, rows as in rg_ising_sample_t. Sweep t before the end of block b draws from the
 * streams (key, RG_PURPOSE_PERFECT, 2^33 b + 2 t) and (.., + 1). For K < 0 on even extents
 * every second spin is turned, which makes a ferromagnet in a staggered field. Fill the upper
 * part, init, run until RG_OK. */
typedef struct {
    const rg_lattice_t *lattice;
    double K;
    double h;
    uint64_t key[4];
    size_t n;
    size_t max_sweeps; /* longest attempt; at most 2^31 */
    size_t workers;
    int8_t *spins;    /* n x n_sites */
    uint64_t *needed; /* ceil(n / 512): sweeps of the attempt that ended each block */
    /* owned by the job */
    rg_perfect_table_t tables[2]; /* of even and odd sites */
    uint64_t *words;              /* workers x 2 x n_sites x 8 */
    rg_perfect_slot_t *slots;     /* workers */
    size_t next;                  /* first block that nobody has taken */
    size_t n_done;                /* blocks finished */
    bool out_of_sweeps;
} rg_perfect_t;

/* Check the arguments, make the tables. RG_OK, RG_ERR_ARGUMENT (also for an antiferromagnet with
 * an odd extent: its couplings are frustrated, no order is kept), RG_ERR_OVERFLOW, RG_ERR_MEMORY;
 * free in every case. */
int RG_WARN_UNUSED rg_perfect_init(rg_perfect_t *self);

/* Do about max_groups group updates per worker. RG_MORE: call again. RG_OK with out_of_sweeps set:
 * some pair had not met after the longest attempt, and no row may be used. */
int RG_WARN_UNUSED rg_perfect_run(rg_perfect_t *self, size_t max_groups);

/* Fraction of the blocks done. */
double rg_perfect_done(const rg_perfect_t *self);

/* Release what the job owns. */
void rg_perfect_free(rg_perfect_t *self);

/* The word that decides what the planes of a site left over in a replica: a hash of site, replica
 * and one state word of `words`, the same whatever the chains did before. */
uint64_t rg_perfect_word(const rg_stream_t *words, uint32_t site, size_t replica);

#endif
