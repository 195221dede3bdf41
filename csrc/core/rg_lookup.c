#include "rg_lookup.h"

void rg_lookup_spread(const uint64_t *bits, size_t stride, size_t n_rows, size_t n_inputs,
                      uint64_t *index)
{
    const uint64_t mask = UINT64_C(0x78787878);
    for (size_t first = 0; first < n_inputs; first += RG_CHUNK_INPUTS) {
        const uint64_t *column = &bits[first / 64];
        for (size_t row = 0; row < n_rows; row++) {
            uint64_t x = column[row * stride] >> (first % 64);
            *index++ = ((x << 3) & mask) | (((x >> 1) & mask) << 32);
        }
    }
}
