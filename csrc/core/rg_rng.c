#include "rg_rng.h"

#include <math.h>

uint64_t rg_mix64(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Fractional digits of sqrt 2, 3, 5, 7 (as SHA-512 takes them): one fold per state word. */
static const uint64_t FOLD[4] = {UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b),
                                 UINT64_C(0x3c6ef372fe94f82b), UINT64_C(0xa54ff53a5f1d36f1)};

void rg_stream_init(rg_stream_t *self, const uint64_t key[4], uint64_t purpose, uint64_t index)
{
    for (size_t word = 0; word < 4; word++) {
        uint64_t common = FOLD[word];
        for (size_t i = 0; i < 4; i++) {
            common = rg_mix64((common ^ key[i]) + FOLD[word]);
        }
        common = rg_mix64((common ^ purpose) + FOLD[word]);
        common = rg_mix64((common ^ index) + FOLD[word]);
        for (size_t lane = 0; lane < RG_LANES; lane++) {
            self->s[word][lane] = rg_mix64((common ^ lane) + FOLD[word]);
        }
    }
}

bool rg_stream_dead(const uint64_t *words)
{
    for (size_t lane = 0; lane < RG_LANES; lane++) {
        uint64_t any = 0;
        for (size_t word = 0; word < 4; word++) {
            any |= words[word * RG_LANES + lane];
        }
        if (any == 0) {
            return true;
        }
    }
    return false;
}

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void rg_stream_plane(rg_stream_t *self, uint64_t plane[RG_LANES])
{
    uint64_t (*s)[RG_LANES] = self->s;
    for (size_t lane = 0; lane < RG_LANES; lane++) {
        plane[lane] = rotate_left(s[0][lane] + s[3][lane], 23) + s[0][lane];
        uint64_t t = s[1][lane] << 17;
        s[2][lane] ^= s[0][lane];
        s[3][lane] ^= s[1][lane];
        s[1][lane] ^= s[2][lane];
        s[0][lane] ^= s[3][lane];
        s[2][lane] ^= t;
        s[3][lane] = rotate_left(s[3][lane], 45);
    }
}

uint64_t rg_threshold64(double p, bool *certain)
{
    double scaled = rint(ldexp(p, 64));
    *certain = scaled >= 0x1p64;
    return *certain ? UINT64_MAX : (uint64_t)scaled;
}

void rg_stream_biased_plane(rg_stream_t *self, double p, uint64_t plane[RG_LANES])
{
    bool certain = false;
    uint64_t threshold = rg_threshold64(p, &certain);
    uint64_t undecided[RG_LANES];
    for (size_t lane = 0; lane < RG_LANES; lane++) {
        plane[lane] = 0;
        undecided[lane] = UINT64_MAX;
    }
    uint64_t left = UINT64_MAX;
    for (int bit = 63; bit >= 0 && left != 0; bit--) {
        uint64_t z[RG_LANES];
        rg_stream_plane(self, z);
        uint64_t one = (threshold >> bit) & 1 ? UINT64_MAX : 0;
        left = 0;
        for (size_t lane = 0; lane < RG_LANES; lane++) {
            plane[lane] |= undecided[lane] & z[lane] & one;
            undecided[lane] &= ~z[lane];
            left |= undecided[lane];
        }
    }
    if (certain) { /* U = 2^64 - 1 is not below the threshold, but p = 1 means always */
        for (size_t lane = 0; lane < RG_LANES; lane++) {
            plane[lane] |= undecided[lane];
        }
    }
}
