/* rg_rng.h: keyed random streams, xoshiro256++ in 8 logical 64-bit lanes.
 *
 * A stream is fixed by (256-bit key, purpose, index); lane l of it is one xoshiro256++
 * (Blackman & Vigna 2021, ACM TOMS 47, 36) whose state is a hash of those and l. One step of
 * all lanes is a plane: 512 random bits, as 8 little-endian words. The lanes are part of the
 * definition, so every instruction set draws the same planes. */
#ifndef RG_RNG_H
#define RG_RNG_H

#include "rg_base.h"

enum { RG_LANES = 8, RG_PLANE_BITS = 512 };

/* What a stream is for. Streams of different purposes never coincide. */
enum {
    RG_PURPOSE_SAMPLE = 1,
    RG_PURPOSE_START = 2,
    RG_PURPOSE_TIES = 3,
    RG_PURPOSE_SIMULATE = 4,  /* chains of local updates */
    RG_PURPOSE_CLUSTER = 5,   /* Wolff and Swendsen-Wang */
    RG_PURPOSE_PERFECT = 6,   /* coupling from the past */
    RG_PURPOSE_TEMPER = 7,    /* exchange of replicas */
    RG_PURPOSE_HISTOGRAM = 8, /* Wang-Landau and multicanonical walks */
    RG_PURPOSE_PILOT = 9,     /* pilots: never those of the work itself */
    RG_PURPOSE_COARSEN = 10,  /* Kadanoff's blocks and other random coarse-grainings */
    RG_PURPOSE_RESAMPLE = 11, /* bootstrap and other draws of statistics */
    RG_PURPOSE_RBM_TRAIN = 16,
    RG_PURPOSE_RBM_GIBBS = 17,
    RG_PURPOSE_RBM_CHAINS = 18,
    RG_PURPOSE_RBM_WEIGHTS = 19,
    RG_PURPOSE_RBM_SHUFFLE = 20,
    RG_PURPOSE_RBM_AIS = 21,
    RG_PURPOSE_RBM_TEMPER = 22,
    RG_PURPOSE_RBM_SAMPLE = 23
};

typedef struct {
    _Alignas(RG_ALIGN) uint64_t s[4][RG_LANES];
} rg_stream_t;

/* Key the stream. Each state word is a separate fold of a 64-bit mixer over key, purpose, index
 * and lane, so two streams agree in a lane with probability 2^-256. */
void rg_stream_init(rg_stream_t *self, const uint64_t key[4], uint64_t purpose, uint64_t index);

/* A mixer of 64 bits: variant 13 of Stafford's, as in SplitMix64. */
uint64_t rg_mix64(uint64_t x);

/* Is a lane of this state (4 x 8 words, as in rg_stream_t) all zero? It would stay so for ever. */
bool rg_stream_dead(const uint64_t *words);

/* The next plane. Scalar twin of the vector step in kernels/. */
void rg_stream_plane(rg_stream_t *self, uint64_t plane[RG_LANES]);

/* 64-bit threshold t with P(U < t) = p for uniform U: round(p 2^64). For p = 1 (or so near that
 * it rounds there) *certain is set and t is 2^64 - 1. p must be in [0, 1]. */
uint64_t rg_threshold64(double p, bool *certain);

/* A plane whose bits are independent and 1 with probability p, exact to 2^-64 (p = 0, 1 exact).
 * Bit by bit: U = t xor Z is uniform when the plane Z is, so U and t first differ at the first
 * set bit of Z and U < t iff t has a 1 there; stops when every bit has met its set bit. */
void rg_stream_biased_plane(rg_stream_t *self, double p, uint64_t plane[RG_LANES]);

#endif
