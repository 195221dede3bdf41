/* rg_rbm.h: Bernoulli restricted Boltzmann machines on packed bits: Gibbs steps and training.
 *
 * E(v, h) = -b.v - c.h - v.W h with units -1/+1 (spin) or 0/1. Weights live in panels of 16
 * hidden units: weights[panel][visible][16], with zeros for hidden units beyond n_hidden and for
 * visible rows up to a multiple of 16. float32
 * (`single`) or float64; the bits drawn do not depend on the instruction set or on workers.
 * States are row-packed bits (rg_bits.h). */
#ifndef RG_RBM_H
#define RG_RBM_H

#include "rg_base.h"
#include "rg_rng.h"

enum { RG_RBM_BLOCK = 512 /* rows that share a stream in Gibbs sampling */ };

typedef struct {
    size_t n_visible;
    size_t n_hidden;
    bool spin;
    bool single;
    void *weights;      /* panels of n_hidden, x n_visible padded to 16, x 16 */
    void *visible_bias; /* padded to a multiple of 16 */
    void *hidden_bias;  /* likewise */
} rg_rbm_t;

/* Rows of a panel of weights: n_visible up to a multiple of 16. */
static inline size_t rg_rbm_panel_rows(size_t n_visible)
{
    return (n_visible + 15) / 16 * 16;
}

/* Allocate the arrays (zeros). RG_OK, RG_ERR_ARGUMENT (no units, or above 2^20 panels),
 * RG_ERR_OVERFLOW, RG_ERR_MEMORY; free in every case. */
int RG_WARN_UNUSED rg_rbm_init(rg_rbm_t *self, size_t n_visible, size_t n_hidden, bool spin,
                               bool single);
void rg_rbm_free(rg_rbm_t *self);

/* Row-major matrix (n_visible x n_hidden, of the machine's type) into panels, and back. */
void rg_rbm_pack(size_t n_visible, size_t n_hidden, bool single, const void *matrix, void *panels);
void rg_rbm_unpack(size_t n_visible, size_t n_hidden, bool single, const void *panels,
                   void *matrix);

/* n_rows independent Gibbs chains. Half-step t = 0 .. n_half_steps - 1 draws the other layer,
 * starting from `visible` (from_visible) or `hidden`; block b of 512 rows and panel p of 16
 * units draw from the stream (key, purpose, b << 44 | (first_step + t) << 20 | p). Both arrays
 * hold the current states; on RG_MORE every block has whole half-steps. Visible units whose bit
 * is set in `clamped` keep their values. Record i = 0 .. n_records - 1 of a row is its visible
 * state with (n_records - 1 - i) * record_every half-steps to go. */
typedef struct {
    const rg_rbm_t *rbm;
    uint64_t key[4];
    uint64_t purpose;
    size_t first_step;
    size_t n_half_steps; /* first_step + n_half_steps < 2^24 */
    bool from_visible;
    size_t n_rows;           /* fewer than 2^20 blocks */
    uint64_t *visible;       /* n_rows x words(n_visible) */
    uint64_t *hidden;        /* n_rows x words(n_hidden) */
    const uint64_t *clamped; /* words(n_visible), or NULL */
    uint64_t *records;       /* n_rows x n_records x words(n_visible) */
    size_t n_records;        /* n_records * record_every <= n_half_steps */
    size_t record_every;
    size_t workers;
    size_t next_block; /* cursor, start at 0 */
    size_t step;       /* half-steps that the running wave of `workers` blocks has done */
} rg_rbm_gibbs_t;

/* Do up to max_half_steps for the running wave. RG_OK, RG_MORE, RG_ERR_MEMORY. */
int RG_WARN_UNUSED rg_rbm_gibbs_run(rg_rbm_gibbs_t *self, size_t max_half_steps);

/* Fraction of all half-steps done. */
double rg_rbm_gibbs_done(const rg_rbm_gibbs_t *self);

/* Conditional means of one layer given bits of the other: mean is n_rows x n_out, row-major, of
 * the machine's type. to_hidden: n_out = n_hidden, given = visible bits. RG_OK, RG_ERR_MEMORY. */
int RG_WARN_UNUSED rg_rbm_mean(const rg_rbm_t *rbm, bool to_hidden, const uint64_t *given,
                               size_t n_rows, size_t workers, void *mean);

/* Contrastive divergence over batches of `order`. Per batch, with B data rows v0 and M negative
 * rows v1, p = E[h | v], and <>_d, <>_m the means over the rows of either side (row weights w:
 * <g>_d = sum w g / sum w, and with CD <>_m likewise), the gradients are
 *   g_W = <v0 p0'>_d - <v1 p1'>_m - l1 sign(W) - l2 W
 *   g_b = <v0>_d - <v1>_m
 *   g_c = <p0>_d - <p1>_m + sparsity_cost (sparsity_target - q)
 * velocity = momentum velocity + rate g, and the parameters move by their velocities.
 * CD (Hinton 2002, Neural Computation 14, 1771): M = B; k Gibbs steps from v0 give v1.
 * PCD (Tieleman 2008): M = n_chains; `hidden` holds the chains' h, k Gibbs steps v, h, .. v give
 * v1, and the next h is drawn from p1 of the weights before the update, so that one product
 * serves p0, p1 and the draw. k = 0: `negative` is taken as v1, the caller moves the chains.
 *
 * hidden_average q (Hinton's guide, section 11, with the hidden biases alone): a running mean of
 * <p0>_d, q += (1 - decay)(<p0>_d - q), before it is used.
 *
 * Offsets mu, lambda (Melchior, Fischer, Wiskott 2016, JMLR 17, 99; Montavon, Mueller 2012): after
 * mu += nu (<v0>_d - mu) and lambda += nu (<p0>_d - lambda) with nu = offset_rate, the gradient of
 * W is of the centred states, <(v - mu)(p - lambda)'>, and the machine moves as the centred one
 * E = -(v - mu).b' - (h - lambda).c' - (v - mu).W (h - lambda) does, whose biases have the
 * velocities: b += visible_velocity - V lambda, c += hidden_velocity - V' mu, V = the velocity of
 * W. Turning data units round (v -> -v or 1 - v) turns the whole training round.
 *
 * The half-step t of batch s draws from (key, RG_PURPOSE_RBM_TRAIN, s << 32 | t << 20 | panel):
 * CD h at t = 0, v at 1, .. v at 2k - 1; PCD v at 1, .. v at 2k - 1, h at 2k. Sums run in the order
 * of rg_lookup.h and rg_update.h. */
typedef struct {
    rg_rbm_t *rbm;
    void *weight_velocity; /* panels, like rbm->weights */
    void *visible_velocity;
    void *hidden_velocity;
    const uint64_t *data;      /* row-packed */
    const double *row_weights; /* by row of data, > 0; or NULL */
    const uint32_t *order;     /* n_rows row numbers: the epoch's shuffle */
    size_t n_rows;
    size_t batch_size;
    uint64_t *negative; /* CD: batch_size rows, PCD: n_chains; out: the last v1; k = 0: in */
    uint64_t *hidden;   /* PCD with k > 0: n_chains x words(n_hidden), in and out */
    size_t n_chains;
    bool persistent;
    size_t k; /* CD 1 .. 2047, PCD 0 .. 2047 */
    double learning_rate;
    double momentum;
    double l1;
    double l2;
    void *visible_offset; /* both or neither; of the machine's type, padded like the biases */
    void *hidden_offset;
    double offset_rate;
    void *hidden_average; /* NULL: no sparsity; else padded like the biases */
    double sparsity_target;
    double sparsity_cost;
    double sparsity_decay;
    double *hidden_sum; /* n_hidden, or NULL: gets sum_batches (sum w) <p0>_d */
    uint64_t key[4];
    size_t workers;
    /* cursor: zeros at the start of an epoch (step: of the training); kept up to whole batches */
    uint64_t step;        /* batches done so far in the whole training, below 2^32 */
    size_t next_row;      /* into order */
    uint64_t n_different; /* CD: visible units that v1 changed, summed over the epoch's batches */
    size_t n_negative;    /* rows of `negative` that are filled */
    /* owned by the job */
    size_t stage; /* of the running batch: 0 .. 2k */
    void *workspace;
} rg_rbm_train_t;

/* Allocate the workspace. RG_OK, RG_ERR_ARGUMENT, RG_ERR_OVERFLOW, RG_ERR_MEMORY; free in every
 * case. */
int RG_WARN_UNUSED rg_rbm_train_init(rg_rbm_train_t *self);

/* Do up to max_stages stages; a batch has 2k + 1 of them, and parameters, velocities, averages,
 * chains and cursor change only at its end: a job dropped in between goes on with that batch when a
 * new job starts from them. RG_OK (epoch done), RG_MORE, RG_ERR_NONFINITE. */
int RG_WARN_UNUSED rg_rbm_train_run(rg_rbm_train_t *self, size_t max_stages);
void rg_rbm_train_free(rg_rbm_train_t *self);

#endif
