#include "rg_exact.h"

#include <math.h>
#include <string.h>

#include "rg_thread.h"

enum { VECTOR = 16, UNROLL = 4, STRIDE = VECTOR * UNROLL, MAX_STEPS = 63 };

typedef int8_t bytes_t __attribute__((vector_size(VECTOR)));
typedef uint8_t ubytes_t __attribute__((vector_size(VECTOR)));
typedef uint16_t pairs_t __attribute__((vector_size(VECTOR)));

/* Sum of bytes that are 0 or -2, halved and negated: bytes hold at most MAX_STEPS of them. */
static int64_t count_minus_twos(const bytes_t sums[UNROLL])
{
    int64_t count = 0;
    for (size_t u = 0; u < UNROLL; u++) {
        pairs_t pairs;
        bytes_t positive = -sums[u];
        memcpy(&pairs, &positive, sizeof pairs);
        pairs = (pairs & 0xff) + (pairs >> 8);
        for (size_t i = 0; i < VECTOR / 2; i++) {
            count += pairs[i];
        }
    }
    return count / 2;
}

/* Number of positions where the spins a and b differ: 1 ^ -1 = -2 as int8. */
static int64_t count_different(const int8_t *a, const int8_t *b, size_t n)
{
    int64_t count = 0;
    size_t i = 0;
    while (n - i >= STRIDE) {
        bytes_t sums[UNROLL] = {{0}};
        for (size_t step = 0; step < MAX_STEPS && n - i >= STRIDE; step++, i += STRIDE) {
            for (size_t u = 0; u < UNROLL; u++) {
                bytes_t left;
                bytes_t right;
                memcpy(&left, a + i + u * VECTOR, VECTOR);
                memcpy(&right, b + i + u * VECTOR, VECTOR);
                sums[u] += left ^ right;
            }
        }
        count += count_minus_twos(sums);
    }
    for (; i < n; i++) {
        count += a[i] != b[i];
    }
    return count;
}

/* Number of -1 among n spins; *valid is cleared when a value is neither -1 nor +1. */
static int64_t count_down(const int8_t *spins, size_t n, bool *valid)
{
    int64_t count = 0;
    size_t i = 0;
    ubytes_t bad = {0};
    while (n - i >= STRIDE) {
        bytes_t sums[UNROLL] = {{0}};
        for (size_t step = 0; step < MAX_STEPS && n - i >= STRIDE; step++, i += STRIDE) {
            for (size_t u = 0; u < UNROLL; u++) {
                bytes_t values;
                memcpy(&values, spins + i + u * VECTOR, VECTOR);
                sums[u] += values ^ 1;
                bad |= ((ubytes_t)values + 1) & 0xfd; /* s + 1 is 0 or 2 */
            }
        }
        count += count_minus_twos(sums);
    }
    int wrong = 0;
    for (; i < n; i++) {
        count += spins[i] < 0;
        wrong |= (spins[i] + 1) & ~2;
    }
    for (size_t k = 0; k < VECTOR; k++) {
        wrong |= bad[k];
    }
    *valid = *valid && wrong == 0;
    return count;
}

/* Unequal neighbours along the last axis: one run over all sites, then put right the pairs that
 * join the end of a row to the start of the next instead of to its own. */
static int64_t count_last_axis(const int8_t *spins, size_t n_sites, size_t extent)
{
    int64_t count = count_different(spins, spins + 1, n_sites - 1);
    for (size_t end = extent - 1; end < n_sites; end += extent) {
        count += spins[end] != spins[end + 1 - extent];
        if (end + 1 < n_sites) {
            count -= spins[end] != spins[end + 1];
        }
    }
    return count;
}

static int64_t count_unequal_bonds(const rg_torus_t *torus, const int8_t *spins, size_t n_sites)
{
    int64_t count = count_last_axis(spins, n_sites, torus->extents[torus->ndim - 1]);
    size_t inner = torus->extents[torus->ndim - 1];
    for (size_t axis = torus->ndim - 1; axis-- > 0;) {
        size_t block = inner * torus->extents[axis];
        for (size_t first = 0; first < n_sites; first += block) {
            const int8_t *slab = spins + first;
            count += count_different(slab, slab + inner, block - inner);
            count += count_different(slab + (block - inner), slab, inner);
        }
        inner = block;
    }
    return count;
}

int rg_ising_sums(const rg_torus_t *torus, const int8_t *restrict spins, size_t n,
                  int64_t *restrict sums)
{
    size_t n_sites = 0;
    int ret = rg_torus_sites(torus, &n_sites);
    if (ret != RG_OK) {
        return ret;
    }
    bool valid = true;
    for (size_t c = 0; c < n && valid; c++) {
        const int8_t *configuration = spins + c * n_sites;
        int64_t unequal = count_unequal_bonds(torus, configuration, n_sites);
        sums[2 * c] = (int64_t)(torus->ndim * n_sites) - 2 * unequal;
        sums[2 * c + 1] = (int64_t)n_sites - 2 * count_down(configuration, n_sites, &valid);
    }
    return valid ? RG_OK : RG_ERR_VALUES;
}

void rg_walsh_hadamard_level(double *values, size_t n, size_t level)
{
    size_t half = (size_t)1 << level;
    for (size_t first = 0; first < n; first += 2 * half) {
        double *restrict down = values + first;
        double *restrict up = values + first + half;
        for (size_t i = 0; i < half; i++) {
            double sum = 0.5 * (up[i] + down[i]);
            up[i] = 0.5 * (up[i] - down[i]);
            down[i] = sum;
        }
    }
}

typedef struct {
    const rg_rbm_side_t *rbm;
    uint64_t start;
    uint64_t stop;
    double *activations; /* n_other for each worker */
    double *energies;
} free_energy_job_t;

/* Activations and bias term of one state from scratch; returns b.v. */
static double activate(const rg_rbm_side_t *rbm, uint64_t state, double *activations)
{
    double bias = 0.0;
    for (size_t j = 0; j < rbm->n_other; j++) {
        activations[j] = rbm->other_bias[j];
    }
    for (size_t i = 0; i < rbm->n_first; i++) {
        bool up = (state >> i) & 1;
        double unit = up ? 1.0 : (rbm->spin_units ? -1.0 : 0.0);
        bias += unit * rbm->first_bias[i];
        for (size_t j = 0; j < rbm->n_other; j++) {
            activations[j] += unit * rbm->weights[i * rbm->n_other + j];
        }
    }
    return bias;
}

/* ln 2cosh x = |x| + ln(1 + e^{-2|x|}); ln(1 + e^x) = max(x, 0) + ln(1 + e^{-|x|}). */
static double soft_terms(const rg_rbm_side_t *rbm, const double *activations)
{
    double sum = 0.0;
    for (size_t j = 0; j < rbm->n_other; j++) {
        double x = activations[j];
        sum += rbm->spin_units ? fabs(x) + log1p(exp(-2.0 * fabs(x)))
                               : fmax(x, 0.0) + log1p(exp(-fabs(x)));
    }
    return sum;
}

static void free_energy_block(const free_energy_job_t *job, uint64_t block, double *activations)
{
    const rg_rbm_side_t *rbm = job->rbm;
    uint64_t first = block * RG_ENERGY_BLOCK;
    double step = rbm->spin_units ? 2.0 : 1.0;
    uint64_t state = first;
    double bias = activate(rbm, state, activations);
    uint64_t n_states = rbm->n_first < 10 ? UINT64_C(1) << rbm->n_first : RG_ENERGY_BLOCK;
    for (uint64_t k = 0; k < n_states; k++) {
        if (k > 0) {
            size_t unit = (size_t)__builtin_ctzll(k);
            state ^= UINT64_C(1) << unit;
            double change = (state >> unit) & 1 ? step : -step;
            const double *row = rbm->weights + unit * rbm->n_other;
            bias += change * rbm->first_bias[unit];
            for (size_t j = 0; j < rbm->n_other; j++) {
                activations[j] += change * row[j];
            }
        }
        if (state >= job->start && state < job->stop) {
            job->energies[state - job->start] = -bias - soft_terms(rbm, activations);
        }
    }
}

static void free_energy_worker(void *context, rg_team_t *team, size_t worker)
{
    const free_energy_job_t *job = context;
    double *activations = job->activations + worker * job->rbm->n_other;
    uint64_t first = job->start / RG_ENERGY_BLOCK;
    uint64_t last = (job->stop - 1) / RG_ENERGY_BLOCK;
    for (uint64_t block = first + worker; block <= last; block += rg_team_size(team)) {
        free_energy_block(job, block, activations);
    }
}

int rg_rbm_free_energies(const rg_rbm_side_t *rbm, uint64_t start, uint64_t stop, size_t n_workers,
                         double *energies)
{
    if (rbm->n_first > RG_MAX_UNITS || start > stop || stop > UINT64_C(1) << rbm->n_first ||
        n_workers == 0) {
        return RG_ERR_ARGUMENT;
    }
    if (start == stop) {
        return RG_OK;
    }
    size_t n_activations = 0;
    if (rg_multiply(n_workers, rbm->n_other, &n_activations) != RG_OK) {
        return RG_ERR_MEMORY;
    }
    double *activations = rg_alloc(n_activations, sizeof *activations);
    if (activations == NULL) {
        return RG_ERR_MEMORY;
    }
    free_energy_job_t job = {rbm, start, stop, activations, energies};
    rg_team_run(n_workers, free_energy_worker, &job);
    rg_free(activations);
    return RG_OK;
}
