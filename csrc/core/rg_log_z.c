#include "rg_log_z.h"

#include <math.h>
#include <string.h>

#include "rg_dispatch.h"
#include "rg_math.h"
#include "rg_thread.h"

enum { LANES = 8, MOST_LOW = 5, WALK_BITS = 10, WALK = 1 << WALK_BITS };

_Static_assert(1 << MOST_LOW == RG_SOFT_STATES, "one call takes all states of the low units");

/* Products of factors stay below e^RANGE and above e^-RANGE. */
static const double RANGE = 600.0;

static double *omega_of(const rg_log_z_t *self, size_t unit)
{
    return &self->omega[unit * self->n_units];
}

/* Whether no activation can leave the range of double. */
static bool moderate(const rg_log_z_t *self)
{
    double sum = 0.0;
    for (size_t j = 0; j < self->n_units; j++) {
        sum += fabs(self->gamma[j]);
    }
    for (size_t i = 0; i < self->rbm->n_first; i++) {
        sum += fabs(self->beta[i]);
        for (size_t j = 0; j < self->n_units; j++) {
            sum += fabs(omega_of(self, i)[j]);
        }
    }
    return sum < 1e300; /* false for NaN */
}

/* The machine in 0/1 units with softplus terms. */
static void to_softplus(rg_log_z_t *self)
{
    const rg_rbm_side_t *rbm = self->rbm;
    double step = rbm->spin_units ? 4.0 : 1.0;
    for (size_t j = 0; j < self->n_units; j++) {
        double c = j < rbm->n_other ? rbm->other_bias[j] : 0.0;
        self->gamma[j] = j >= rbm->n_other ? -708.0 : rbm->spin_units ? 2.0 * c : c;
        self->constant -= rbm->spin_units ? c : 0.0;
    }
    for (size_t i = 0; i < rbm->n_first; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < rbm->n_other; j++) {
            double w = rbm->weights[i * rbm->n_other + j];
            omega_of(self, i)[j] = step * w;
            sum += w;
            self->gamma[j] -= rbm->spin_units ? 2.0 * w : 0.0;
        }
        double b = rbm->first_bias[i];
        self->beta[i] = rbm->spin_units ? 2.0 * (b - sum) : b;
        self->constant -= rbm->spin_units ? b - sum : 0.0;
    }
}

/* How many low units the range of double allows. */
static size_t count_low(const rg_log_z_t *self)
{
    double at_once = (double)(self->n_units < RG_SOFT_UNITS ? self->n_units : RG_SOFT_UNITS);
    double reach = 0.69315 * at_once;
    for (size_t i = 0; i < MOST_LOW && i < self->rbm->n_first; i++) {
        reach += fabs(self->beta[i]);
        for (size_t j = 0; j < self->n_units; j++) {
            reach += fabs(omega_of(self, i)[j]);
        }
        if (!(reach < RANGE)) {
            return i;
        }
    }
    return self->rbm->n_first < MOST_LOW ? self->rbm->n_first : MOST_LOW;
}

static void fill_factors(rg_log_z_t *self)
{
    for (size_t s = 0; s < (size_t)1 << self->n_low; s++) {
        double gain = 0.0;
        for (size_t i = 0; i < self->n_low; i++) {
            gain += (s >> i) & 1 ? self->beta[i] : 0.0;
        }
        self->gains[s] = rg_exp(gain);
        for (size_t j = 0; j < self->n_units; j++) {
            double change = 0.0;
            for (size_t i = 0; i < self->n_low; i++) {
                change += (s >> i) & 1 ? omega_of(self, i)[j] : 0.0;
            }
            self->factors[s * self->n_units + j] = rg_exp(change);
        }
    }
}

int rg_log_z_init(rg_log_z_t *self)
{
    const rg_rbm_side_t *rbm = self->rbm;
    *self = (rg_log_z_t){.rbm = rbm, .workers = self->workers};
    if (rbm->n_first == 0 || rbm->n_first > RG_MAX_UNITS || rbm->n_other == 0 ||
        self->workers == 0) {
        return RG_ERR_ARGUMENT;
    }
    self->n_units = (rbm->n_other + LANES - 1) / LANES * LANES;
    size_t most_walks = (size_t)1 << (rbm->n_first > WALK_BITS ? rbm->n_first - WALK_BITS : 0);
    self->workers = self->workers < most_walks ? self->workers : most_walks;
    size_t n_weights = 0;
    size_t n_scratch = 0;
    if (rg_multiply(rbm->n_first, self->n_units, &n_weights) != RG_OK ||
        rg_multiply(self->workers, self->n_units, &n_scratch) != RG_OK) {
        return RG_ERR_OVERFLOW;
    }
    self->beta = rg_alloc(rbm->n_first, sizeof(double));
    self->gamma = rg_alloc(self->n_units, sizeof(double));
    self->omega = rg_alloc(n_weights, sizeof(double));
    self->factors = rg_alloc(self->n_units, RG_SOFT_STATES * sizeof(double));
    self->gains = rg_alloc(RG_SOFT_STATES, sizeof(double));
    self->scratch = rg_alloc(n_scratch, sizeof(double));
    if (self->beta == NULL || self->gamma == NULL || self->omega == NULL || self->factors == NULL ||
        self->gains == NULL || self->scratch == NULL) {
        return RG_ERR_MEMORY;
    }
    to_softplus(self);
    self->constant = moderate(self) ? self->constant : INFINITY;
    self->n_low = count_low(self);
    size_t high = rbm->n_first - self->n_low;
    self->n_walks = (size_t)1 << (high > WALK_BITS ? high - WALK_BITS : 0);
    self->logs = rg_alloc(self->n_walks, sizeof(double));
    if (self->logs == NULL) {
        return RG_ERR_MEMORY;
    }
    fill_factors(self);
    return RG_OK;
}

void rg_log_z_free(rg_log_z_t *self)
{
    double *const owned[] = {self->beta,  self->gamma, self->omega,  self->factors,
                             self->gains, self->logs,  self->scratch};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) {
        rg_free(owned[i]);
    }
    *self = (rg_log_z_t){.rbm = self->rbm};
}

/* ln sum e^x: pairwise, as bisection; x is overwritten. */
static double log_sum_exp(double *x, size_t n)
{
    double top = x[0];
    for (size_t i = 1; i < n; i++) {
        top = x[i] > top || isnan(x[i]) ? x[i] : top;
    }
    if (!isfinite(top)) {
        return top;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = x[i] - top < -700.0 ? 0.0 : rg_exp(x[i] - top);
    }
    for (; n > 1; n = (n + 1) / 2) {
        for (size_t i = 0; i < n / 2; i++) {
            x[i] = x[2 * i] + x[2 * i + 1];
        }
        if (n % 2 == 1) {
            x[n / 2] = x[n - 1];
        }
    }
    return top + rg_log(x[0]);
}

/* ln of the sum over the low units at activations x and bias term `bias`. The products are scaled
 * by that of state 0 after every RG_SOFT_UNITS units. */
static double low_sum(const rg_log_z_t *self, const double *x, double bias)
{
    double value[RG_SOFT_STATES];
    double products[RG_SOFT_STATES];
    _Alignas(64) double shift[LANES] = {0};
    size_t n_states = (size_t)1 << self->n_low;
    memcpy(value, self->gains, n_states * sizeof *value);
    for (size_t first = 0; first < self->n_units; first += RG_SOFT_UNITS) {
        size_t left = self->n_units - first;
        rg_soft_t job = {.n_units = left < RG_SOFT_UNITS ? left : RG_SOFT_UNITS,
                         .n_states = n_states,
                         .x = &x[first],
                         .factors = &self->factors[first],
                         .stride = self->n_units,
                         .products = products,
                         .shift = shift};
        rg_kernels()->soft_products(&job);
        bias += rg_log(products[0]);
        for (size_t s = 0; s < n_states; s++) {
            value[s] *= products[s] / products[0];
        }
    }
    double sum = 0.0;
    for (size_t s = 0; s < n_states; s++) {
        sum += value[s];
    }
    for (size_t l = 0; l < LANES; l++) {
        bias += shift[l];
    }
    return bias + rg_log(sum);
}

/* The states of the units above the low ones, one walk of at most WALK Gray steps. */
static double walk_sum(const rg_log_z_t *self, size_t walk, double *x)
{
    double logs[WALK];
    size_t high = self->rbm->n_first - self->n_low;
    size_t n_steps = high < WALK_BITS ? (size_t)1 << high : WALK;
    uint64_t state = (uint64_t)walk << WALK_BITS;
    double bias = 0.0;
    memcpy(x, self->gamma, self->n_units * sizeof *x);
    for (size_t i = 0; i < high; i++) {
        if ((state >> i) & 1) {
            const double *row = omega_of(self, self->n_low + i);
            bias += self->beta[self->n_low + i];
            for (size_t j = 0; j < self->n_units; j++) {
                x[j] += row[j];
            }
        }
    }
    for (size_t k = 0; k < n_steps; k++) {
        if (k > 0) {
            size_t unit = (size_t)__builtin_ctzll(k);
            state ^= UINT64_C(1) << unit;
            double sign = (state >> unit) & 1 ? 1.0 : -1.0;
            const double *row = omega_of(self, self->n_low + unit);
            bias += sign * self->beta[self->n_low + unit];
            for (size_t j = 0; j < self->n_units; j++) {
                x[j] += sign * row[j];
            }
        }
        logs[k] = low_sum(self, x, bias);
    }
    return log_sum_exp(logs, n_steps);
}

typedef struct {
    rg_log_z_t *job;
    size_t stop;
} walk_slice_t;

static void walk_worker(void *context, rg_team_t *team, size_t worker)
{
    const walk_slice_t *slice = context;
    rg_log_z_t *job = slice->job;
    double *x = &job->scratch[worker * job->n_units];
    for (size_t walk = job->next + worker; walk < slice->stop; walk += rg_team_size(team)) {
        job->logs[walk] = walk_sum(job, walk, x);
    }
}

int rg_log_z_run(rg_log_z_t *self, size_t max_walks)
{
    size_t left = self->n_walks - self->next;
    size_t n = max_walks < left / self->workers ? max_walks * self->workers : left;
    walk_slice_t slice = {.job = self, .stop = self->next + n};
    rg_team_run(self->workers, walk_worker, &slice);
    self->next = slice.stop;
    return self->next < self->n_walks ? RG_MORE : RG_OK;
}

double rg_log_z_value(const rg_log_z_t *self)
{
    double *logs = rg_alloc(self->n_walks, sizeof *logs);
    if (logs == NULL) {
        return NAN;
    }
    memcpy(logs, self->logs, self->n_walks * sizeof *logs);
    double value = self->constant + log_sum_exp(logs, self->n_walks);
    rg_free(logs);
    return value;
}
