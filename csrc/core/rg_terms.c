#include "rg_terms.h"

#include <string.h>

/* Configurations are taken 64 at a time, turned so that a site's spins lie side by side. */
enum { LANES = 64, TILE = 8, STRIP = 256, MAX_STEPS = 127 };

typedef int8_t row_t[LANES];

bool rg_terms_valid(const rg_terms_t *terms, size_t n_listed)
{
    bool valid = terms->starts[0] == 0 && terms->starts[terms->n_terms] == n_listed;
    for (size_t t = 0; t < terms->n_terms; t++) {
        valid = valid && terms->starts[t] <= terms->starts[t + 1];
    }
    for (size_t k = 0; k < n_listed; k++) {
        valid = valid && terms->sites[k] < terms->n_sites;
    }
    return valid;
}

/* Turn a tile of 8 x 8 bytes: byte j of word i goes to byte i of word j. */
static void turn_tile(uint64_t tile[TILE])
{
    static const uint64_t keep[] = {UINT64_C(0x00000000ffffffff), UINT64_C(0x0000ffff0000ffff),
                                    UINT64_C(0x00ff00ff00ff00ff)};
    for (size_t level = 0; level < 3; level++) {
        size_t step = (size_t)TILE >> (level + 1);
        unsigned shift = (unsigned)(8 * step);
        for (size_t i = 0; i < TILE; i++) {
            if ((i & step) == 0) {
                uint64_t swap = ((tile[i] >> shift) ^ tile[i + step]) & keep[level];
                tile[i + step] ^= swap;
                tile[i] ^= swap << shift;
            }
        }
    }
}

/* signs[i] = 0 for spin +1, -1 for spin -1; bits of *wrong are set for any other value. */
static void take_signs(const int8_t *restrict spins, size_t n, int8_t *restrict signs,
                       uint8_t *wrong)
{
    uint8_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        signs[i] = (int8_t)-(spins[i] < 0);
        bad |= (uint8_t)((uint8_t)(spins[i] + 1) & 0xfd); /* s + 1 is 0 or 2 */
    }
    *wrong |= bad;
}

/* down[64 site + c] = 0 for spin +1, -1 for spin -1 of configuration c; 0 where c >= n. Returns
 * false when a value is neither. */
static bool turn(const int8_t *spins, size_t n_sites, size_t n, int8_t *down)
{
    uint8_t wrong = 0;
    int8_t signs[TILE][STRIP];
    memset(signs, 0, sizeof signs);
    for (size_t start = 0; start < n_sites; start += STRIP) {
        size_t width = n_sites - start < STRIP ? n_sites - start : STRIP;
        for (size_t first = 0; first < LANES; first += TILE) {
            for (size_t c = 0; c < TILE; c++) {
                if (first + c < n) {
                    const int8_t *row = spins + (first + c) * n_sites + start;
                    take_signs(row, width, signs[c], &wrong);
                } else {
                    memset(signs[c], 0, STRIP);
                }
            }
            for (size_t site = 0; site < width; site += TILE) {
                uint64_t tile[TILE];
                for (size_t c = 0; c < TILE; c++) {
                    memcpy(&tile[c], &signs[c][site], TILE);
                }
                turn_tile(tile);
                for (size_t i = 0; i < TILE && site + i < width; i++) {
                    memcpy(down + (start + site + i) * LANES + first, &tile[i], TILE);
                }
            }
        }
    }
    return wrong == 0;
}

/* Add -1 to each lane where the term's product is -1. */
static void count_term(const rg_terms_t *terms, size_t term, const int8_t *restrict down,
                       int8_t *restrict counts)
{
    const uint32_t *sites = terms->sites + terms->starts[term];
    size_t order = terms->starts[term + 1] - terms->starts[term];
    if (order == 2) {
        const int8_t *a = down + (size_t)sites[0] * LANES;
        const int8_t *b = down + (size_t)sites[1] * LANES;
        for (size_t c = 0; c < LANES; c++) {
            counts[c] = (int8_t)(counts[c] + (a[c] ^ b[c]));
        }
        return;
    }
    row_t product = {0};
    for (size_t k = 0; k < order; k++) {
        const int8_t *a = down + (size_t)sites[k] * LANES;
        for (size_t c = 0; c < LANES; c++) {
            product[c] = (int8_t)(product[c] ^ a[c]);
        }
    }
    for (size_t c = 0; c < LANES; c++) {
        counts[c] = (int8_t)(counts[c] + product[c]);
    }
}

/* Sum of products of terms first .. stop-1 in every lane, whatever their values. */
static void sum_products(const rg_terms_t *terms, size_t first, size_t stop, const int8_t *down,
                         int64_t totals[LANES])
{
    for (size_t c = 0; c < LANES; c++) {
        totals[c] = (int64_t)(stop - first);
    }
    while (first < stop) {
        size_t part = stop - first < MAX_STEPS ? stop : first + MAX_STEPS;
        row_t counts = {0};
        for (size_t t = first; t < part; t++) {
            count_term(terms, t, down, counts);
        }
        for (size_t c = 0; c < LANES; c++) {
            totals[c] += 2 * counts[c];
        }
        first = part;
    }
}

static void sum_terms(const rg_terms_t *terms, const int8_t *down, double bonds[LANES])
{
    for (size_t c = 0; c < LANES; c++) {
        bonds[c] = 0.0;
    }
    for (size_t t = 0; t < terms->n_terms;) {
        double value = terms->values[t];
        size_t stop = t + 1;
        while (stop < terms->n_terms && terms->values[stop] == value) {
            stop++;
        }
        if (stop == t + 1) { /* a spin glass: no run to count */
            row_t product = {0};
            count_term(terms, t, down, product);
            for (size_t c = 0; c < LANES; c++) {
                bonds[c] += value * (double)(1 + 2 * product[c]);
            }
        } else {
            int64_t totals[LANES];
            sum_products(terms, t, stop, down, totals);
            for (size_t c = 0; c < LANES; c++) {
                bonds[c] += value * (double)totals[c];
            }
        }
        t = stop;
    }
}

static void sum_spins(size_t n_sites, const int8_t *down, double up[LANES])
{
    int64_t totals[LANES];
    for (size_t c = 0; c < LANES; c++) {
        totals[c] = (int64_t)n_sites;
    }
    for (size_t first = 0; first < n_sites; first += MAX_STEPS) {
        size_t stop = n_sites - first < MAX_STEPS ? n_sites : first + MAX_STEPS;
        row_t counts = {0};
        for (size_t i = first; i < stop; i++) {
            for (size_t c = 0; c < LANES; c++) {
                counts[c] = (int8_t)(counts[c] + down[i * LANES + c]);
            }
        }
        for (size_t c = 0; c < LANES; c++) {
            totals[c] += 2 * counts[c];
        }
    }
    for (size_t c = 0; c < LANES; c++) {
        up[c] = (double)totals[c];
    }
}

static void sum_fields(const rg_terms_t *terms, const int8_t *down, double sums[LANES])
{
    for (size_t c = 0; c < LANES; c++) {
        sums[c] = 0.0;
    }
    for (size_t i = 0; i < terms->n_sites; i++) {
        double field = terms->fields[i];
        for (size_t c = 0; c < LANES && field != 0.0; c++) {
            sums[c] += field * (double)(1 + 2 * down[i * LANES + c]);
        }
    }
}

int rg_terms_sums(const rg_terms_t *terms, const int8_t *restrict spins, size_t n,
                  double *restrict sums)
{
    int8_t *down = rg_alloc(terms->n_sites, LANES);
    if (down == NULL) {
        return RG_ERR_MEMORY;
    }
    bool valid = true;
    for (size_t first = 0; first < n && valid; first += LANES) {
        size_t count = n - first < LANES ? n - first : LANES;
        double bonds[LANES];
        double up[LANES];
        double fields[LANES];
        valid = turn(spins + first * terms->n_sites, terms->n_sites, count, down);
        sum_terms(terms, down, bonds);
        sum_spins(terms->n_sites, down, up);
        sum_fields(terms, down, fields);
        for (size_t c = 0; c < count; c++) {
            double *row = sums + RG_TERM_SUMS * (first + c);
            row[0] = bonds[c];
            row[1] = up[c];
            row[2] = fields[c];
        }
    }
    rg_free(down);
    return valid ? RG_OK : RG_ERR_VALUES;
}
