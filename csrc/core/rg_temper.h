/* rg_temper.h: parallel tempering of packed replicas over a ladder of couplings.
 *
 * A block is 512 independent copies of the whole ladder: 512 replicas at each K, exchanged
 * between neighbouring K replica by replica under a 512-bit mask (Hukushima and Nemoto, J. Phys.
 * Soc. Jpn. 65, 1604 (1996)). With -H = K B + F and F the same at all K, the exchange of k and
 * k + 1 is accepted with min(1, exp((K_k - K_k+1) (B_k+1 - B_k))). One step is a heat-bath sweep
 * at every K, then the pairs that begin at even k (odd k in odd steps).
 *
 * B is counted afresh after each sweep and goes along with an exchange. Of a sweep's time (AVX-512)
 * the count takes 13 % on a torus, 6 % and 30 % of a J1-J2 model and a +-J glass, 60 % of 64 spins
 * with real couplings between all. To follow B through the updates would take more: each would add
 * its flip times its local field, three planes or more of every site, where the count adds one for
 * each term; and sums of real couplings would depend on the path. */
#ifndef RG_TEMPER_H
#define RG_TEMPER_H

#include "rg_field.h"
#include "rg_ising.h"

enum { RG_TEMPER_PENDING = 8 }; /* draws of a replica that are written together */

/* Where the copies of a ladder stand; all arrays are changed in place. Fill the upper part, init,
 * then run until RG_OK. Streams of block b: 2 n_K b + k sweeps at K_k, 2 n_K b + n_K + k exchanges
 * k with k + 1. */
typedef struct {
    size_t n_K;
    const double *K;
    const rg_lattice_t *lattice;  /* a torus in a uniform field whose B counts its bonds, or
                                   * NULL: then `fields` */
    const rg_ising_rule_t *rules; /* n_K */
    const rg_field_t *fields;     /* n_K, heat bath */
    const rg_field_sums_t *sums;
    size_t n_blocks;
    uint64_t *words;      /* n_blocks x n_K x n_sites x 8 */
    rg_stream_t *streams; /* n_blocks x 2 n_K */
    size_t first_step;    /* steps done before this call: which pairs come next */
    size_t n_draws;
    size_t thin; /* steps per draw */
    size_t workers;
    double *bonds;         /* n_K x 512 n_blocks x n_draws: B after the exchange */
    double *up;            /* likewise: sum of spins */
    uint64_t *accepted;    /* n_blocks x (n_K - 1) exchanges, added to */
    uint64_t *round_trips; /* 512 n_blocks x n_K: of the walker that began at K_k, added to */
    /* owned by the job */
    uint64_t *scratch;
    size_t max_links;
    double *now;      /* n_blocks x n_K x 512: B of the running step */
    double *now_up;   /* likewise: sum of spins */
    double *pending;  /* n_blocks x n_K x 2 x 512 x RG_TEMPER_PENDING: draws on their way out */
    uint32_t *walker; /* n_blocks x n_K x 512: who is here */
    uint8_t *leg;     /* n_blocks x 512 x n_K: 0 new, 1 seen at K_0, 2 then at the last K */
    size_t step;      /* whole steps done */
    size_t copy;      /* sweeps done of the running one */
} rg_temper_t;

/* Check the arguments. RG_OK, RG_ERR_ARGUMENT, RG_ERR_OVERFLOW, RG_ERR_MEMORY; free always. */
int RG_WARN_UNUSED rg_temper_init(rg_temper_t *self);

/* Do at most max_sweeps sweeps (at least 1), each of one block at one K. RG_MORE: call again. */
int RG_WARN_UNUSED rg_temper_run(rg_temper_t *self, size_t max_sweeps);

/* Fraction of the steps done. */
double rg_temper_done(const rg_temper_t *self);

/* Release what the job owns. */
void rg_temper_free(rg_temper_t *self);

/* Which of 512 replicas exchange: bit r of mask for sums of bonds a[r] at K_a and b[r] at K_b.
 * Takes 64 planes of the stream, one word for each replica. */
void rg_temper_mask(double K_a, double K_b, const double a[RG_PLANE_BITS],
                    const double b[RG_PLANE_BITS], rg_stream_t *stream, uint64_t mask[RG_LANES]);

#endif
