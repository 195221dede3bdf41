#include "rg_draw.h"

#include <math.h>

#include "rg_math.h"

/* The words of a stream's planes, one after the other. */
typedef struct {
    rg_stream_t *stream;
    uint64_t plane[RG_LANES];
    size_t used;
} words_t;

static uint64_t next_word(words_t *self)
{
    if (self->used == RG_LANES) {
        rg_stream_plane(self->stream, self->plane);
        self->used = 0;
    }
    return self->plane[self->used++];
}

/* Uniform in (-1, 1). */
static double next_signed(words_t *self)
{
    return ((double)(next_word(self) >> 11) + 0.5) * 0x1p-52 - 1.0;
}

void rg_draw_normals(rg_stream_t *stream, size_t n, double *out)
{
    words_t words = {.stream = stream, .used = RG_LANES};
    for (size_t i = 0; i < n; i += 2) {
        double x = 0.0;
        double y = 0.0;
        double s = 0.0;
        do {
            x = next_signed(&words);
            y = next_signed(&words);
            s = x * x + y * y;
        } while (s >= 1.0 || s < 0x1p-1000);
        double scale = sqrt(-2.0 * rg_log(s) / s);
        out[i] = x * scale;
        if (i + 1 < n) {
            out[i + 1] = y * scale;
        }
    }
}

/* Uniform in 0 .. bound - 1, bound <= 2^32 (Lemire 2019, ACM TOMACS 29, 3). */
static uint32_t next_below(words_t *self, uint64_t bound)
{
    uint64_t product = (next_word(self) >> 32) * bound;
    uint64_t least = (UINT64_C(0x100000000) - bound) % bound;
    while ((product & UINT64_C(0xffffffff)) < least) {
        product = (next_word(self) >> 32) * bound;
    }
    return (uint32_t)(product >> 32);
}

void rg_draw_permutation(rg_stream_t *stream, size_t n, uint32_t *out)
{
    words_t words = {.stream = stream, .used = RG_LANES};
    for (size_t i = 0; i < n; i++) {
        uint32_t j = next_below(&words, (uint64_t)i + 1);
        out[i] = out[j];
        out[j] = (uint32_t)i;
    }
}
