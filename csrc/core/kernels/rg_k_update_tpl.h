/* rg_k_update_tpl.h: rg_update.h for one real type (RG_K_REAL, RG_K_VECTOR, RG_K_INT, RG_K_). */

enum { RG_K_(WIDTH) = RG_K_BYTES / sizeof(RG_K_REAL) };
#define WIDTH RG_K_(WIDTH)
#define AT(array, index) (*(RG_K_VECTOR *)&(array)[index])
#define AT_CONST(array, index) (*(const RG_K_VECTOR *)&(array)[index])

FN void RG_K_(row_means)(const rg_factors_t *job, const RG_K_REAL *p, RG_K_REAL *mean)
{
    const RG_K_REAL *share = job->share;
    for (size_t j = 0; j < RG_PANEL; j += WIDTH) {
        RG_K_VECTOR sum = {0};
        for (size_t row = 0; row < job->n_rows; row++) {
            sum += share[row] * AT_CONST(p, row * RG_PANEL + j);
        }
        AT(mean, j) = sum;
    }
}

FN void RG_K_(factors)(const rg_factors_t *job, RG_K_REAL *p)
{
    const RG_K_REAL *scale = job->scale;
    const RG_K_REAL *offset = job->offset;
    for (size_t row = 0; row < job->n_rows; row++) {
        for (size_t j = 0; j < RG_PANEL; j += WIDTH) {
            RG_K_VECTOR centred = AT(p, row * RG_PANEL + j) - AT_CONST(offset, j);
            AT(p, row * RG_PANEL + j) = scale[row] * centred;
        }
        for (size_t j = job->n_units; j < RG_PANEL; j++) {
            p[row * RG_PANEL + j] = 0;
        }
    }
}

INLINE RG_K_VECTOR RG_K_(start)(const rg_update_t *job, RG_K_VECTOR v, RG_K_VECTOR w)
{
    RG_K_VECTOR zero = {0};
    RG_K_VECTOR sign =
        __builtin_convertvector((RG_K_INT)(w < zero) - (RG_K_INT)(w > zero), RG_K_VECTOR);
    return ((RG_K_REAL)job->momentum * v - (RG_K_REAL)job->l1 * sign) - (RG_K_REAL)job->l2 * w;
}

/* Velocities before the product; `centred` is a constant. */
INLINE void RG_K_(start_panel)(const rg_update_t *job, RG_K_REAL *velocity,
                               const RG_K_REAL *weights, bool centred)
{
    const RG_K_REAL *difference = job->difference;
    const RG_K_REAL *offset = job->visible_offset;
    for (size_t i = 0; i < job->n_rows; i++) {
        for (size_t j = 0; j < RG_PANEL; j += WIDTH) {
            size_t at = i * RG_PANEL + j;
            RG_K_VECTOR v = RG_K_(start)(job, AT(velocity, at), AT_CONST(weights, at));
            if (centred) {
                v -= offset[i] * AT_CONST(difference, j);
            }
            AT(velocity, at) = v;
        }
    }
}

/* What the new velocities add to the uncentred biases. */
FN void RG_K_(shifts)(const rg_update_t *job, const RG_K_REAL *velocity)
{
    const RG_K_REAL *offset = job->visible_offset;
    const RG_K_REAL *hidden_offset = job->hidden_offset;
    RG_K_REAL *visible_shift = job->visible_shift;
    RG_K_REAL *hidden_shift = job->hidden_shift;
    for (size_t j = 0; j < RG_PANEL; j += WIDTH) {
        RG_K_VECTOR sum = {0};
        for (size_t i = 0; i < job->n_rows; i++) {
            sum += offset[i] * AT_CONST(velocity, i * RG_PANEL + j);
        }
        AT(hidden_shift, j) = sum;
    }
    for (size_t i = 0; i < job->n_rows; i++) {
        RG_K_REAL x[RG_PANEL];
        for (size_t j = 0; j < RG_PANEL; j++) {
            x[j] = velocity[i * RG_PANEL + j] * hidden_offset[j];
        }
        for (size_t half = RG_PANEL / 2; half > 0; half /= 2) {
            for (size_t j = 0; j < half; j++) {
                x[j] += x[j + half];
            }
        }
        visible_shift[i] = x[0];
    }
}

FN void RG_K_(update_start)(const rg_update_t *job, RG_K_REAL *velocity, const RG_K_REAL *weights)
{
    if (job->visible_offset != NULL) {
        RG_K_(start_panel)(job, velocity, weights, true);
    } else if (job->l1 == 0 && job->l2 == 0) { /* no need to read W */
        for (size_t at = 0; at < job->n_rows * RG_PANEL; at += WIDTH) {
            AT(velocity, at) *= (RG_K_REAL)job->momentum;
        }
    } else {
        RG_K_(start_panel)(job, velocity, weights, false);
    }
}

FN void RG_K_(update_finish)(const rg_update_t *job, const RG_K_REAL *velocity, RG_K_REAL *weights)
{
    for (size_t at = 0; at < job->n_rows * RG_PANEL; at += WIDTH) {
        AT(weights, at) += AT_CONST(velocity, at);
    }
    if (job->visible_offset != NULL) {
        RG_K_(shifts)(job, velocity);
    }
}

#undef WIDTH
#undef AT
#undef AT_CONST
