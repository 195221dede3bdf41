#include "rg_lookup.h"

void rg_lookup_spread(const uint64_t *bits, size_t stride, size_t n_rows, size_t n_inputs,
                      uint64_t *index)
{
    for (size_t first = 0; first < n_inputs; first += RG_CHUNK_INPUTS) {
        const uint64_t *column = &bits[first / 64];
        for (size_t row = 0; row < n_rows; row++) {
            uint64_t x = (uint32_t)(column[row * stride] >> (first % 64));
            x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
            x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
            *index++ = (x << 3 | x << 7) & UINT64_C(0x7878787878787878);
        }
    }
}

void rg_lookup_gather(const uint64_t *bits, size_t stride, size_t n_rows, const uint32_t *groups,
                      size_t n_groups, uint64_t *index)
{
    enum { WORD_GROUPS = 64 / 4 };
    for (size_t first = 0; first < n_groups; first += RG_TABLE_GROUPS) {
        size_t n = n_groups - first < RG_TABLE_GROUPS ? n_groups - first : RG_TABLE_GROUPS;
        for (size_t row = 0; row < n_rows; row++) {
            uint64_t word = 0;
            for (size_t i = 0; i < n; i++) {
                size_t group = groups[first + i];
                uint64_t nibble =
                    bits[row * stride + group / WORD_GROUPS] >> (4 * (group % WORD_GROUPS)) & 15;
                word |= nibble << (8 * i + 3);
            }
            *index++ = word;
        }
    }
}
