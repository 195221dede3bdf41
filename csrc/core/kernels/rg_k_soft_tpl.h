/* rg_k_soft_tpl.h: summed-out units at two temperatures (rg_soft.h). */

enum { SOFT_LANES = 8 };

/* What a vector of inputs adds: 1 + e^{-to a}, 1 + e^{-from a}, p and x s'(from x). */
typedef struct {
    vf64 to, from, positive, slope;
} soft_part_t;

INLINE soft_part_t soft_part(vf64 x, bool spin, double from, double to)
{
    vi64 sign = (vi64)x & (vi64)(-(vf64){0});
    vf64 size = (vf64)((vi64)x ^ sign);
    vi64 down = (vi64)x < (vi64){0};
    vf64 a = size;
    if (spin) {
        a += size;
    }
    vf64 one = (vf64){0} + 1.0;
    vf64 e = exp_minus_f64(a * from);
    soft_part_t part = {.to = one + exp_minus_f64(a * to), .from = one + e};
    if (spin) {
        part.positive = size;
        part.slope = size * ((one - e) / part.from);
    } else {
        part.positive = (vf64)(~down & (vi64)x);
        part.slope = x * ((vf64)((down & (vi64)e) | (~down & (vi64)one)) / part.from);
    }
    return part;
}

INLINE double soft_sum(const double x[SOFT_LANES])
{
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

INLINE double soft_product(const double x[SOFT_LANES])
{
    return ((x[0] * x[4]) * (x[2] * x[6])) * ((x[1] * x[5]) * (x[3] * x[7]));
}

INLINE void soft_row(const rg_soft_t *job, size_t row, const double *input)
{
    _Alignas(64) double to[SOFT_LANES];
    _Alignas(64) double from[SOFT_LANES];
    _Alignas(64) double positive[SOFT_LANES];
    _Alignas(64) double slope[SOFT_LANES];
    for (size_t at = 0; at < SOFT_LANES; at += PART_LANES) {
        soft_part_t low = soft_part(*(const vf64 *)&input[at], job->spin, job->from, job->to);
        soft_part_t high =
            soft_part(*(const vf64 *)&input[SOFT_LANES + at], job->spin, job->from, job->to);
        *(vf64 *)&to[at] = low.to * high.to;
        *(vf64 *)&from[at] = low.from * high.from;
        *(vf64 *)&positive[at] = low.positive + high.positive;
        *(vf64 *)&slope[at] = low.slope + high.slope;
    }
    job->linear[row] += (job->to - job->from) * soft_sum(positive);
    job->ratio[row] *= soft_product(to) / soft_product(from);
    job->slope[row] += soft_sum(slope);
}

FN void soft_f64(const rg_soft_t *job, const double *input)
{
    for (size_t row = 0; row < job->n_rows; row++) {
        soft_row(job, row, &input[row * RG_PANEL]);
    }
}

FN void soft_f32(const rg_soft_t *job, const float *input)
{
    _Alignas(64) double wide[RG_PANEL];
    for (size_t row = 0; row < job->n_rows; row++) {
        for (size_t j = 0; j < RG_PANEL; j++) {
            wide[j] = (double)input[row * RG_PANEL + j];
        }
        soft_row(job, row, wide);
    }
}
