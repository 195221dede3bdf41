/* rg_draw.h: normal deviates and permutations from a keyed stream, word by word. */
#ifndef RG_DRAW_H
#define RG_DRAW_H

#include "rg_base.h"
#include "rg_rng.h"

/* n standard normal deviates by Marsaglia's polar method (1964), with our own logarithm. */
void rg_draw_normals(rg_stream_t *stream, size_t n, double *out);

/* A uniform permutation of 0 .. n-1 (Fisher-Yates; bounds by Lemire's method without bias).
 * n <= 2^32. */
void rg_draw_permutation(rg_stream_t *stream, size_t n, uint32_t *out);

#endif
