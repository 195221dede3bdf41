#include "rg_bits.h"

#include "rg_dispatch.h"

enum { LANES = 8 };

size_t rg_bits_words(size_t n)
{
    return n / 64 + (n % 64 != 0);
}

int rg_bits_pack(const int8_t *values, size_t n_rows, size_t n, int8_t low, int8_t high,
                 uint64_t *bits)
{
    size_t words = rg_bits_words(n);
    bool good = true;
    for (size_t row = 0; row < n_rows; row++) {
        good = rg_kernels()->pack_units(values + row * n, n, low, high, bits + row * words) && good;
    }
    return good ? RG_OK : RG_ERR_VALUES;
}

static void expand(uint64_t word, size_t m, int8_t low, int8_t high, int8_t *out)
{
    int8_t step = (int8_t)(high - low);
    for (size_t i = 0; i < m; i++) {
        out[i] = (int8_t)(low + step * (int8_t)((word >> i) & 1));
    }
}

void rg_bits_unpack(const uint64_t *bits, size_t n_rows, size_t n, int8_t low, int8_t high,
                    int8_t *values)
{
    size_t words = rg_bits_words(n);
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t w = 0; w < words; w++) {
            size_t m = n - 64 * w < 64 ? n - 64 * w : 64;
            expand(bits[row * words + w], m, low, high, &values[row * n + 64 * w]);
        }
    }
}

void rg_bits_transpose64(uint64_t a[64])
{
    /* swap off-diagonal blocks of 32, 16, .. 1 (Hacker's Delight, 7-3) */
    uint64_t mask = UINT64_C(0x00000000ffffffff);
    for (size_t width = 32; width != 0; width >>= 1, mask ^= mask << width) {
        for (size_t k = 0; k < 64; k = ((k | width) + 1) & ~width) {
            uint64_t t = ((a[k] >> width) ^ a[k | width]) & mask;
            a[k] ^= t << width;
            a[k | width] ^= t;
        }
    }
}

void rg_replicas_to_spins(const uint64_t *words, size_t n_sites, size_t n_rows, int8_t *spins)
{
    for (size_t lane = 0; lane < LANES && 64 * lane < n_rows; lane++) {
        size_t rows = n_rows - 64 * lane < 64 ? n_rows - 64 * lane : 64;
        for (size_t first = 0; first < n_sites; first += 64) {
            size_t m = n_sites - first < 64 ? n_sites - first : 64;
            uint64_t tile[64] = {0};
            for (size_t i = 0; i < m; i++) {
                tile[i] = words[(first + i) * LANES + lane];
            }
            rg_bits_transpose64(tile);
            for (size_t r = 0; r < rows; r++) {
                expand(tile[r], m, -1, 1, &spins[(64 * lane + r) * n_sites + first]);
            }
        }
    }
}

int rg_spins_to_replicas(const int8_t *spins, size_t n_sites, size_t n_rows, uint64_t *words)
{
    int ret = RG_OK;
    for (size_t lane = 0; lane < LANES; lane++) {
        for (size_t first = 0; first < n_sites; first += 64) {
            size_t m = n_sites - first < 64 ? n_sites - first : 64;
            uint64_t tile[64] = {0};
            for (size_t r = 0; r < 64; r++) {
                const int8_t *row = &spins[(64 * lane + r) % n_rows * n_sites + first];
                ret = rg_bits_pack(row, 1, m, -1, 1, &tile[r]) == RG_OK ? ret : RG_ERR_VALUES;
            }
            rg_bits_transpose64(tile);
            for (size_t i = 0; i < m; i++) {
                words[(first + i) * LANES + lane] = tile[i];
            }
        }
    }
    return ret;
}
