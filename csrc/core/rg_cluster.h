/* rg_cluster.h: Swendsen-Wang and Wolff updates of nearest-neighbour Ising models.
 *
 * The lattice is stored in strips of 64 columns (columns run along the last axis): word
 * (strip, row) holds 64 neighbouring columns of one row, at index strip * n_rows + row; rows are
 * the other axes in C order. A bond of axis a belongs to the site it leaves in the direction of
 * growing coordinate and has that site's bit, so a periodic extent of 2 has two bonds per pair.
 * An open axis is one whose bonds across the seam, from its last sites to its first, are never
 * there: their coins are drawn like all others and cleared.
 *
 * For K < 0 the spins are held times the parity of their coordinates (periodic extents even),
 * which makes every bond ferromagnetic. A field is a ghost spin: a site along its field is tied to
 * the ghost with probability 1 - exp(-2 |h|), and clusters tied to it do not flip. */
#ifndef RG_CLUSTER_H
#define RG_CLUSTER_H

#include "rg_rng.h"
#include "rg_torus.h"

/* Shape of the strips. */
typedef struct {
    size_t ndim;
    size_t n_sites;
    size_t width; /* last extent */
    size_t n_strips;
    size_t n_rows;     /* product of the other extents */
    size_t plane_rows; /* rows of a plane: the last but one extent, 1 in one dimension */
    size_t n_words;    /* n_strips * n_rows */
    size_t n_padded;   /* n_words up to whole planes of 8 */
    uint64_t last;     /* valid columns of the last strip */
    bool open[3];      /* no bonds across the seam of the columns, rows, planes */
    size_t n_bonds;
    /* XOR with the rows of even and odd parity gives the physical spins; 0 for K >= 0 */
    uint64_t sublattice[2];
} rg_strips_t;

/* Shape for couplings of the sign of K; open: by axis, in the order of the extents. RG_OK,
 * RG_ERR_ARGUMENT (also for K < 0 on an odd periodic extent), RG_ERR_OVERFLOW (2^32 sites and
 * more). */
int RG_WARN_UNUSED rg_strips_init(rg_strips_t *self, const rg_torus_t *torus,
                                  const bool open[RG_MAX_DIM], double K);

/* Copy from and to one packed configuration (rg_bits.h, n_sites bits in C order). */
void rg_strips_load(const rg_strips_t *self, const uint64_t *packed, uint64_t *strips);
void rg_strips_store(const rg_strips_t *self, const uint64_t *strips, uint64_t *packed);

/* Valid columns of a strip. */
uint64_t rg_strips_valid(const rg_strips_t *self, size_t strip);

/* Word `step` (+1 or -1) beyond word i along an axis: 0 columns (the next strip), 1 rows, 2
 * planes. */
size_t rg_strips_beyond(const rg_strips_t *self, size_t i, size_t axis, int step);

/* Blocks of up to 8 rows of a strip's plane, counted along the words: how many, and word i's. */
size_t rg_strips_n_blocks(const rg_strips_t *self);
size_t rg_strips_block(const rg_strips_t *self, size_t i);

/* Parity of a row's coordinates. */
size_t rg_strips_parity(const rg_strips_t *self, size_t row);

/* A coin: true with probability threshold / 2^64, or always. */
typedef struct {
    uint64_t threshold;
    uint64_t certain; /* all ones for probability 1, else 0 */
} rg_coin_t;

/* The coin of probability 1 - exp(-2 x), x >= 0. */
rg_coin_t rg_coin_of_bond(double x);

/* Sums over the clusters of one sweep: <m^2 | clusters> and <m^4 | clusters>, m the (for K < 0
 * staggered) magnetization per site. */
typedef struct {
    double m2;
    double m4;
} rg_moments_t;

/* A Swendsen-Wang sweep's work space. Labels are numbered along the words; a cluster's root is
 * its smallest label, which stands on the cluster's first site. */
typedef struct {
    const rg_strips_t *strips;
    rg_coin_t bond;
    rg_coin_t ghost;
    bool has_field;
    bool field_up;
    uint64_t *spins;    /* n_words */
    uint64_t *bonds[3]; /* n_padded each: along columns, rows, planes */
    uint64_t *ghosts;   /* n_padded, with a field */
    uint64_t *flips;    /* n_padded: fair coins */
    uint64_t *linked;   /* n_words: the first link of each run to the row before */
    uint64_t *fresh;    /* n_words: last column of each run without such a link */
    uint32_t *rows;     /* labels, 64 by row */
    uint32_t *edges[2]; /* n_words: labels of the first and last column */
    uint32_t *parent;   /* n_sites + 64 */
    uint8_t *flags;     /* n_sites + 64 */
    uint32_t *sizes;    /* n_sites + 64 */
} rg_sw_t;

/* What Wolff's flood fill knows of a block: up to 8 rows of one strip and plane, a row to a lane.
 * One plane of random bits is the bonds of a block along one axis. */
typedef struct {
    _Alignas(RG_ALIGN) uint64_t grown[RG_LANES]; /* in the cluster */
    uint64_t pending[RG_LANES];                  /* reached, not yet grown from */
    uint64_t open[RG_LANES];                     /* sites like the seed, once drawn */
    uint64_t bonds[3][RG_LANES];                 /* this cluster's, once drawn */
    uint64_t drawn;
    uint64_t queued;
} rg_wolff_block_t;

/* Where a block is, and its neighbours. */
typedef struct {
    uint32_t word; /* of its first row */
    uint32_t after[3];
    uint32_t before[3];
    uint8_t n_rows;
    uint8_t n_rows_before;      /* of before[1] */
    uint8_t last_column;        /* of this block */
    uint8_t last_column_before; /* of before[0] */
    uint8_t parity;             /* of the first row */
    bool seam[3];               /* is at the end of an open axis */
} rg_around_t;

/* Random words handed out one by one. */
typedef struct {
    uint64_t words[RG_LANES];
    size_t used;
} rg_pool_t;

/* Wolff's work space. */
typedef struct {
    const rg_strips_t *strips;
    rg_coin_t bond;
    rg_coin_t ghost;
    bool has_field;
    bool field_up;
    uint64_t *spins;          /* n_words, and RG_LANES more */
    rg_wolff_block_t *blocks; /* clear between clusters */
    rg_around_t *around;      /* by block */
    uint32_t *queue;          /* a ring of n_blocks: blocks with pending bits */
    uint32_t *touched;        /* blocks with drawn bonds */
    rg_pool_t seeds;
} rg_wolff_t;

enum { RG_CLUSTER_WOLFF = 0, RG_CLUSTER_SW = 1 };

typedef struct rg_cluster_slot rg_cluster_slot_t;

/* Traces of `chains` independent chains. Chain c draws from streams[c] alone; a draw is `thin`
 * sweeps, a Wolff sweep is `clusters_per_sweep` clusters. words and streams hold whole draws at
 * every return, so a call can be continued by another. Outputs are (draws, chains):
 * bonds = sum_<ij> s_i s_j and magnetization = sum s after the draw; m2 and m4 the improved
 * estimators: of Swendsen-Wang's last sweep (NaN unless `improved`), for Wolff m2 the mean of
 * |C| / N over the draw's clusters (NaN with a field) and m4 NaN. */
typedef struct {
    rg_torus_t torus;
    bool open[RG_MAX_DIM]; /* axes that do not close on themselves */
    double K;
    double h;
    int method;
    bool improved;
    size_t chains;
    size_t draws;
    size_t thin;
    size_t clusters_per_sweep;
    size_t workers;
    uint64_t *words;   /* chains x ceil(n_sites / 64) */
    uint64_t *streams; /* chains x 32, rg_stream_t each */
    int64_t *bonds;
    int64_t *magnetization;
    double *m2;
    double *m4;
    uint64_t *visited; /* (draws, chains): spins of the draw's clusters */
    /* owned by the job */
    rg_strips_t strips;
    rg_cluster_slot_t *slots;
} rg_cluster_t;

/* Check the arguments, allocate. RG_OK, RG_ERR_ARGUMENT, RG_ERR_OVERFLOW, RG_ERR_MEMORY; free in
 * every case. */
int RG_WARN_UNUSED rg_cluster_init(rg_cluster_t *self);

/* Every worker does about max_units sweeps (Swendsen-Wang) or clusters. RG_MORE: call again. */
int RG_WARN_UNUSED rg_cluster_run(rg_cluster_t *self, size_t max_units);

/* Fraction of all work done. */
double rg_cluster_done(const rg_cluster_t *self);

/* Release what the job owns. */
void rg_cluster_free(rg_cluster_t *self);

#endif
