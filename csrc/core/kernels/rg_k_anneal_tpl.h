/* rg_k_anneal_tpl.h: summed-out units at two temperatures (rg_anneal.h). */

enum { ANNEAL_LANES = 8 };

/* What a vector of inputs adds: 1 + e^{-to a}, 1 + e^{-from a}, p and x s'(from x). */
typedef struct {
    vf64 to, from, positive, slope;
} anneal_part_t;

INLINE anneal_part_t anneal_part(vf64 x, bool spin, double from, double to)
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
    anneal_part_t part = {.to = one + exp_minus_f64(a * to), .from = one + e};
    if (spin) {
        part.positive = size;
        part.slope = size * ((one - e) / part.from);
    } else {
        part.positive = (vf64)(~down & (vi64)x);
        part.slope = x * ((vf64)((down & (vi64)e) | (~down & (vi64)one)) / part.from);
    }
    return part;
}

INLINE double anneal_sum(const double x[ANNEAL_LANES])
{
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

INLINE double anneal_product(const double x[ANNEAL_LANES])
{
    return ((x[0] * x[4]) * (x[2] * x[6])) * ((x[1] * x[5]) * (x[3] * x[7]));
}

INLINE void anneal_row(const rg_anneal_t *job, size_t row, const double *input)
{
    _Alignas(64) double to[ANNEAL_LANES];
    _Alignas(64) double from[ANNEAL_LANES];
    _Alignas(64) double positive[ANNEAL_LANES];
    _Alignas(64) double slope[ANNEAL_LANES];
    for (size_t at = 0; at < ANNEAL_LANES; at += PART_LANES) {
        anneal_part_t low = anneal_part(*(const vf64 *)&input[at], job->spin, job->from, job->to);
        anneal_part_t high =
            anneal_part(*(const vf64 *)&input[ANNEAL_LANES + at], job->spin, job->from, job->to);
        *(vf64 *)&to[at] = low.to * high.to;
        *(vf64 *)&from[at] = low.from * high.from;
        *(vf64 *)&positive[at] = low.positive + high.positive;
        *(vf64 *)&slope[at] = low.slope + high.slope;
    }
    job->linear[row] += (job->to - job->from) * anneal_sum(positive);
    job->ratio[row] *= anneal_product(to) / anneal_product(from);
    job->slope[row] += anneal_sum(slope);
}

FN void anneal_f64(const rg_anneal_t *job, const double *input)
{
    for (size_t row = 0; row < job->n_rows; row++) {
        anneal_row(job, row, &input[row * RG_PANEL]);
    }
}

FN void anneal_f32(const rg_anneal_t *job, const float *input)
{
    _Alignas(64) double wide[RG_PANEL];
    for (size_t row = 0; row < job->n_rows; row++) {
        for (size_t j = 0; j < RG_PANEL; j++) {
            wide[j] = (double)input[row * RG_PANEL + j];
        }
        anneal_row(job, row, wide);
    }
}
