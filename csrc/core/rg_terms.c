#include "rg_terms.h"

#include <string.h>

#include "rg_bits.h"
#include "rg_dispatch.h"

/* Configurations are taken 256 at a time and turned: a plane holds one bit of each, set for a spin
 * or product of spins that is -1. Configuration 4 i + part is bit i of word `part`. */
enum {
    WORDS = RG_TERM_WORDS,
    LANES = 64 * WORDS,
    NIBBLE = 4,
    NIBBLES = 16,
    STRIP = 16 /* words of a row packed at a time: their planes stay in the first cache */
};

typedef struct {
    size_t n_sites;
    size_t n_words;          /* of a row; planes come in groups of 64 */
    rg_term_plane_t *planes; /* one per site; before the turn, word w of a row is in group w */
    double *nibbles; /* sums of fields over 4 sites with these bits, 16 per nibble; NULL without */
} work_t;

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

/* Word w of configuration c before the turn. */
static uint64_t *word_of(const work_t *work, size_t w, size_t c)
{
    return (uint64_t *)work->planes + 64 * WORDS * w + c;
}

/* Pack rows into planes; configurations from n on are all up. Returns false when a value is not -1
 * or +1. */
static bool take_rows(const work_t *work, const int8_t *spins, size_t n)
{
    bool good = true;
    for (size_t start = 0; start < work->n_words; start += STRIP) {
        size_t left = work->n_sites - 64 * start;
        size_t size = left < 64 * STRIP ? left : 64 * STRIP;
        for (size_t c = 0; c < n; c++) {
            uint64_t words[STRIP];
            const int8_t *row = spins + c * work->n_sites + 64 * start;
            good = rg_kernels()->pack_units(row, size, 1, -1, words) && good;
            for (size_t w = 0; w < rg_bits_words(size); w++) {
                *word_of(work, start + w, c) = words[w];
            }
        }
    }
    for (size_t w = 0; w < work->n_words && n < LANES; w++) {
        memset(word_of(work, w, n), 0, (LANES - n) * sizeof(uint64_t));
    }
    return good;
}

/* totals[c] = n - 2 (number counted in lane c), n being how many were counted. */
static void totals_of(const rg_term_plane_t *counts, size_t n, int64_t totals[LANES])
{
    for (size_t c = 0; c < LANES; c++) {
        totals[c] = (int64_t)n;
    }
    for (size_t level = 0; n >> level != 0; level++) {
        for (size_t part = 0; part < WORDS; part++) {
            uint64_t word = counts[level][part];
            for (size_t c = 0; c < 64; c++) {
                totals[WORDS * c + part] -= (int64_t)(((word >> c) & 1) << (level + 1));
            }
        }
    }
}

static void take_product(const rg_terms_t *terms, size_t term, const rg_term_plane_t *planes,
                         rg_term_plane_t *product)
{
    const uint32_t *sites = terms->sites + terms->starts[term];
    size_t order = terms->starts[term + 1] - terms->starts[term];
    if (order == 2) {
        *product = planes[sites[0]] ^ planes[sites[1]];
        return;
    }
    rg_term_plane_t whole = {0};
    for (size_t k = 0; k < order; k++) {
        whole ^= planes[sites[k]];
    }
    *product = whole;
}

/* Sum of products of terms first .. stop-1 in every lane, whatever their values. */
static void sum_products(const rg_terms_t *terms, size_t first, size_t stop,
                         const rg_term_plane_t *planes, int64_t totals[LANES])
{
    rg_term_plane_t counts[RG_TERM_LEVELS];
    memset(counts, 0, sizeof counts);
    rg_kernels()->terms_count(terms, first, stop, planes, counts);
    totals_of(counts, stop - first, totals);
}

static void sum_spins(size_t n_sites, const rg_term_plane_t *planes, int64_t totals[LANES])
{
    rg_term_plane_t counts[RG_TERM_LEVELS];
    memset(counts, 0, sizeof counts);
    rg_kernels()->spins_count(planes, n_sites, counts);
    totals_of(counts, n_sites, totals);
}

/* ---- real weights ---- */

/* sums[c] += value * (+1 or -1 by bit c), four lanes at a time. */
static void add_signed(double value, const rg_term_plane_t *product, double sums[LANES])
{
    double signs[NIBBLES][NIBBLE];
    for (size_t bits = 0; bits < NIBBLES; bits++) {
        for (size_t k = 0; k < NIBBLE; k++) {
            signs[bits][k] = (bits >> k) & 1 ? -value : value;
        }
    }
    for (size_t part = 0; part < WORDS; part++) {
        uint64_t word = (*product)[part];
        for (size_t c = 0; c < 64; c += NIBBLE) {
            const double *sign = signs[(word >> c) % NIBBLES];
            for (size_t k = 0; k < NIBBLE; k++) {
                sums[WORDS * (c + k) + part] += sign[k];
            }
        }
    }
}

static void sum_terms(const rg_terms_t *terms, const rg_term_plane_t *planes, double bonds[LANES])
{
    int64_t totals[LANES];
    memset(bonds, 0, LANES * sizeof *bonds);
    for (size_t t = 0; t < terms->n_terms;) {
        double value = terms->values[t];
        size_t stop = t + 1;
        while (stop < terms->n_terms && terms->values[stop] == value) {
            stop++;
        }
        if (stop == t + 1) { /* a spin glass: no run to count */
            rg_term_plane_t product;
            take_product(terms, t, planes, &product);
            add_signed(value, &product, bonds);
        } else {
            sum_products(terms, t, stop, planes, totals);
            for (size_t c = 0; c < LANES; c++) {
                bonds[c] += value * (double)totals[c];
            }
        }
        t = stop;
    }
}

/* Sums of fields for the 16 settings of every 4 sites. */
static void tabulate_fields(const rg_terms_t *terms, work_t *work)
{
    for (size_t q = 0; q < work->n_words * NIBBLES; q++) {
        for (size_t bits = 0; bits < NIBBLES; bits++) {
            double sum = 0.0;
            for (size_t k = 0; k < NIBBLE && NIBBLE * q + k < terms->n_sites; k++) {
                double field = terms->fields[NIBBLE * q + k];
                sum += (bits >> k) & 1 ? -field : field;
            }
            work->nibbles[q * NIBBLES + bits] = sum;
        }
    }
}

/* Four partial sums, of every fourth nibble, before the turn. */
static double sum_fields(const work_t *work, size_t c)
{
    double a = 0.0;
    double b = 0.0;
    double d = 0.0;
    double e = 0.0;
    for (size_t w = 0; w < work->n_words; w++) {
        uint64_t word = *word_of(work, w, c);
        const double *table = work->nibbles + w * NIBBLES * NIBBLES;
        for (size_t q = 0; q < NIBBLES; q += 4) {
            const double *here = table + q * NIBBLES;
            a += here[word & 15];
            b += here[NIBBLES + ((word >> 4) & 15)];
            d += here[2 * NIBBLES + ((word >> 8) & 15)];
            e += here[3 * NIBBLES + ((word >> 12) & 15)];
            word >>= 16;
        }
    }
    return (a + b) + (d + e);
}

static void work_free(work_t *work)
{
    rg_free(work->planes);
    rg_free(work->nibbles);
}

static int work_init(const rg_terms_t *terms, work_t *work)
{
    size_t n_words = rg_bits_words(terms->n_sites);
    bool has_field = false;
    for (size_t i = 0; i < terms->n_sites; i++) {
        has_field = has_field || terms->fields[i] != 0.0;
    }
    *work = (work_t){.n_sites = terms->n_sites, .n_words = n_words};
    work->planes = rg_alloc(n_words, 64 * sizeof *work->planes);
    if (has_field) {
        work->nibbles = rg_alloc(n_words, NIBBLES * NIBBLES * sizeof *work->nibbles);
    }
    if (work->planes == NULL || (has_field && work->nibbles == NULL)) {
        work_free(work);
        return RG_ERR_MEMORY;
    }
    if (has_field) {
        tabulate_fields(terms, work);
    }
    return RG_OK;
}

int rg_terms_sums(const rg_terms_t *terms, const int8_t *restrict spins, size_t n,
                  double *restrict sums)
{
    work_t work;
    int ret = work_init(terms, &work);
    if (ret != RG_OK) {
        return ret;
    }
    bool valid = true;
    for (size_t first = 0; first < n && valid; first += LANES) {
        size_t count = n - first < LANES ? n - first : LANES;
        double bonds[LANES];
        int64_t up[LANES];
        valid = take_rows(&work, spins + first * terms->n_sites, count);
        for (size_t c = 0; c < count; c++) {
            sums[RG_TERM_SUMS * (first + c) + 2] = work.nibbles ? sum_fields(&work, c) : 0.0;
        }
        rg_kernels()->planes_turn(work.planes, work.n_words);
        sum_terms(terms, work.planes, bonds);
        sum_spins(terms->n_sites, work.planes, up);
        for (size_t c = 0; c < count; c++) {
            sums[RG_TERM_SUMS * (first + c)] = bonds[c];
            sums[RG_TERM_SUMS * (first + c) + 1] = (double)up[c];
        }
    }
    work_free(&work);
    return valid ? RG_OK : RG_ERR_VALUES;
}
