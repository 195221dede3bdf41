/* rg_k_lookup_tpl.h: rg_lookup_t for one real type (RG_K_REAL, RG_K_VECTOR, suffix RG_K_).
 *
 * Columns go in strips of 64 bytes (all 16 floats of a panel, or 8 doubles), two at a time, so
 * that the tables of 32 inputs take 16 KiB and stay in L1. */

/* 16 sums of 4 rows of a strip; w: 4 x 16 columns apart, table: 16 x 64 bytes. */
INLINE void RG_K_(table_entry)(const RG_K_REAL *w, bool spin, RG_K_REAL *table)
{
    enum { STEP = 64 / sizeof(RG_K_REAL) }; /* columns of a strip */
    for (size_t part = 0; part < RG_K_PARTS; part++) {
        size_t at = part * (RG_K_BYTES / sizeof(RG_K_REAL));
        RG_K_VECTOR w0 = *(const RG_K_VECTOR *)&w[at];
        RG_K_VECTOR w1 = *(const RG_K_VECTOR *)&w[RG_PANEL + at];
        RG_K_VECTOR w2 = *(const RG_K_VECTOR *)&w[2 * RG_PANEL + at];
        RG_K_VECTOR w3 = *(const RG_K_VECTOR *)&w[3 * RG_PANEL + at];
        /* what a clear bit adds: 0, or -w for spins */
        RG_K_VECTOR n0 = {0}, n1 = {0}, n2 = {0}, n3 = {0};
        if (spin) {
            n0 = -w0;
            n1 = -w1;
            n2 = -w2;
            n3 = -w3;
        }
        RG_K_VECTOR pair[4] = {n0 + n1, w0 + n1, n0 + w1, w0 + w1};
        for (size_t n = 0; n < 4; n++) {
            RG_K_VECTOR off = pair[n] + n2;
            RG_K_VECTOR on = pair[n] + w2;
            RG_K_REAL *row = &table[n * STEP + at];
            *(RG_K_VECTOR *)&row[0] = off + n3;
            *(RG_K_VECTOR *)&row[4 * STEP] = on + n3;
            *(RG_K_VECTOR *)&row[8 * STEP] = off + w3;
            *(RG_K_VECTOR *)&row[12 * STEP] = on + w3;
        }
    }
}

#define STRIPS 1
#define SUMS_(name) RG_K_(name##_1)
#include "rg_k_sums_tpl.h"
#define STRIPS 2
#define SUMS_(name) RG_K_(name##_2)
#include "rg_k_sums_tpl.h"

/* Tables of up to 32 inputs for one strip; w: 4 n_groups x 16. */
FN void RG_K_(fill_tables)(const RG_K_REAL *w, size_t n_groups, bool spin, RG_K_REAL *table)
{
    enum { STEP = 64 / sizeof(RG_K_REAL) };
    for (size_t g = 0; g < n_groups; g++) {
        if (spin) {
            RG_K_(table_entry)(&w[4 * g * RG_PANEL], true, &table[g * 16 * STEP]);
        } else {
            RG_K_(table_entry)(&w[4 * g * RG_PANEL], false, &table[g * 16 * STEP]);
        }
    }
}

/* Where the memory starts that is needed after the inputs from `first` on: what the caller
 * names, or the next weights of a pair of panels. */
INLINE void RG_K_(look_ahead)(const rg_lookup_t *job, const RG_K_REAL *w, size_t first,
                              uintptr_t *ahead)
{
    enum { CHUNK = RG_CHUNK_INPUTS };
    size_t next = first + CHUNK;
    size_t rows = job->tile_rows > 0 ? job->tile_rows : RG_PANEL;
    ahead[0] = (uintptr_t)w + next * rows * sizeof *w;
    ahead[1] = ahead[0] + (job->tile_rows > 0 ? RG_PANEL * rows : job->weight_step) * sizeof *w;
    for (size_t i = 0; i < 2 && job->ahead[i] != NULL; i++) {
        ahead[i] = (uintptr_t)job->ahead[i] + first / CHUNK * job->n_rows / 4 * 64;
    }
}

FN void RG_K_(lookup)(const rg_lookup_t *job, const RG_K_REAL *weights, RG_K_REAL *out)
{
    enum { CHUNK = RG_CHUNK_INPUTS, STEP = 64 / sizeof(RG_K_REAL), PER = RG_PANEL / STEP };
    _Alignas(64) RG_K_REAL table[2][RG_TABLE_GROUPS * 16 * STEP];
    _Alignas(64) RG_K_REAL turned[CHUNK * RG_PANEL];
    size_t n_strips = job->n_panels * PER;
    size_t row = job->tile_rows > 0 ? job->tile_rows : RG_PANEL; /* from one input to the next */
    for (size_t strip = 0; strip < n_strips && job->n_rows > 0; strip += 2) {
        size_t n_here = n_strips - strip < 2 ? 1 : 2;
        size_t step = PER == 1 ? job->out_step : STEP;
        RG_K_REAL *sums = &out[strip / PER * job->out_step];
        for (size_t first = 0; first < job->n_inputs; first += CHUNK) {
            size_t n = job->n_inputs - first < CHUNK ? job->n_inputs - first : CHUNK;
            size_t n_groups = (n + 3) / 4;
            for (size_t s = 0; s < n_here; s++) {
                const RG_K_REAL *w = &weights[(strip + s) / PER * job->weight_step + first * row];
                for (size_t i = 0; i < n && job->tile_rows > 0; i += RG_PANEL) {
                    RG_K_(turn_tile)(&w[i * row], &turned[i * RG_PANEL]);
                }
                w = job->tile_rows > 0 ? turned : w;
                RG_K_(fill_tables)(&w[(strip + s) % PER * STEP], n_groups, job->spin, table[s]);
            }
            uintptr_t ahead[2];
            RG_K_(look_ahead)(job, &weights[strip / PER * job->weight_step], first, ahead);
            const uint64_t *index = &job->index[first / CHUNK * job->n_rows];
            if (n_here == 2) {
                RG_K_(add_tables_2)(index, job->n_rows, n_groups, table[0], sums, step, ahead);
            } else {
                RG_K_(add_tables_1)(index, job->n_rows, n_groups, table[0], sums, step, ahead);
            }
        }
    }
}
