/* rg_ising.h: replica-packed heat-bath sampling of nearest-neighbour Ising models on a torus.
 *
 * 512 replicas share a site word (8 x uint64; bit = replica, 1 = spin +1). Every replica draws
 * its own uniform number for every update, exact to 64 bits. Site (x_0, .., x_{d-1}) has index
 * in C order. An extent of 2 has both neighbours of an axis on the same site. */
#ifndef RG_ISING_H
#define RG_ISING_H

#include "rg_rng.h"
#include "rg_torus.h"

enum {
    RG_MAX_CLASSES = 2 * RG_MAX_DIM + 1, /* number of up neighbours: 0 .. 2d */
    RG_GROUP_SITES = 64, /* sites decided together; part of the stream's definition */
    RG_GROUP_PLANES = 7  /* planes per site before the shared tail; likewise */
};

/* Heat-bath probabilities as bits. With t the threshold of class j (j neighbours up),
 * start[j] is its top bit and toggle[k][j] says whether bit k differs from bit k + 1 (counted
 * from the top; bit 64 is 1 only for probability 1). All ones or all zeros. */
typedef struct {
    uint64_t start[RG_MAX_CLASSES];
    uint64_t toggle[64][RG_MAX_CLASSES];
} rg_heatbath_t;

/* p(up | j of z neighbours up) = 1 / (1 + exp(-2 (K (2j - z) + h))), z = 2 * ndim. */
void rg_heatbath_init(rg_heatbath_t *self, size_t ndim, double K, double h);

/* Sites in update order and their neighbours. Groups hold up to 64 sites of one colour, so no
 * two of a group are neighbours: two colours when all extents are even, else three. */
typedef struct {
    size_t ndim;
    size_t n_sites;
    size_t n_groups;
    size_t n_colours;
    uint32_t *sites;      /* n_sites, by colour, then C order */
    uint32_t *neighbours; /* n_sites x 2 ndim, indexed by site */
    size_t *group_start;  /* n_groups + 1, into sites */
} rg_lattice_t;

/* Build the tables; fewer than 2^32 sites. Returns RG_OK, RG_ERR_ARGUMENT, RG_ERR_OVERFLOW,
 * RG_ERR_MEMORY; free in every case. */
int RG_WARN_UNUSED rg_lattice_init(rg_lattice_t *self, const rg_torus_t *torus);
void rg_lattice_free(rg_lattice_t *self);

/* One group's update, as the kernels see it. */
typedef struct {
    uint64_t *spins; /* n_sites x 8 */
    const uint32_t *sites;
    const uint32_t *neighbours;
    const rg_heatbath_t *heatbath;
    size_t n;    /* sites in this group, <= RG_GROUP_SITES */
    size_t ndim; /* 1, 2 or 3 */
} rg_ising_group_t;

/* How the configurations of a block start. */
enum {
    RG_START_RANDOM = 0,   /* independent fair spins */
    RG_START_ORDERED = 1,  /* each replica all up with probability p_up, else all down */
    RG_START_STAGGERED = 2 /* as ordered, times the parity of the site's coordinates */
};

/* n independent configurations: replica r of block b is row 512 b + r. Block b draws from the
 * streams (key, purpose, b) alone and always runs whole, so neither n nor the number of workers
 * changes a row. Fill the upper part, call rg_ising_sample_init, then _run until RG_OK. */
typedef struct {
    const rg_lattice_t *lattice;
    double K;
    double h;
    uint64_t key[4];
    size_t n;
    size_t sweeps;
    int start;
    double p_up;
    size_t workers;
    int8_t *spins; /* n x n_sites, written as blocks finish */
    /* owned by the job */
    rg_heatbath_t heatbath;
    uint64_t *words; /* workers x n_sites x 8 */
    rg_stream_t *streams;
    size_t wave_start; /* first block of the running wave of `workers` blocks */
    size_t sweep;      /* sweeps the wave has done */
    size_t group;      /* groups it has done of the current sweep */
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
