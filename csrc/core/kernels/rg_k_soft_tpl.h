/* rg_k_soft_tpl.h: rg_soft.h. */

#define EACH_STATE(op) op(0) op(1) op(2) op(3)
#define START(s) vf64 product##s = one;
#define TIMES(s) product##s *= a + b * *(const vf64 *)&factors[s * job->stride + j];
#define KEEP(s) *(vf64 *)&x[s][part] = product##s;

/* Products of up to 4 states, which share what the units add; factors: of the first one. */
INLINE void soft_states(const rg_soft_t *job, const double *still, const double *moved,
                        const double *factors, size_t n, double *products)
{
    _Alignas(64) double x[4][RG_LANES];
    vf64 one = (vf64){0} + 1.0;
    for (size_t part = 0; part < RG_LANES; part += PART_LANES) {
        EACH_STATE(START)
        for (size_t j = part; j < job->n_units; j += RG_LANES) {
            vf64 a = *(const vf64 *)&still[j];
            vf64 b = *(const vf64 *)&moved[j];
            TIMES(0)
            if (n > 1) {
                TIMES(1)
                TIMES(2)
                TIMES(3)
            }
        }
        EACH_STATE(KEEP)
    }
    for (size_t s = 0; s < n; s++) {
        products[s] = ((x[s][0] * x[s][4]) * (x[s][2] * x[s][6])) *
                      ((x[s][1] * x[s][5]) * (x[s][3] * x[s][7]));
    }
}

#undef EACH_STATE
#undef START
#undef TIMES
#undef KEEP

FN void soft_products(const rg_soft_t *job)
{
    _Alignas(64) double still[RG_SOFT_UNITS];
    _Alignas(64) double moved[RG_SOFT_UNITS];
    vf64 one = (vf64){0} + 1.0;
    for (size_t part = 0; part < RG_LANES; part += PART_LANES) {
        vf64 sum = *(vf64 *)&job->shift[part];
        for (size_t j = part; j < job->n_units; j += RG_LANES) {
            vf64 x = *(const vf64 *)&job->x[j];
            vi64 negative = (vi64)(x < (vf64){0});
            vf64 e = exp_minus_f64((vf64)((vi64)x & INT64_MAX));
            *(vf64 *)&still[j] = (vf64)((negative & (vi64)one) | (~negative & (vi64)e));
            *(vf64 *)&moved[j] = (vf64)((negative & (vi64)e) | (~negative & (vi64)one));
            sum += (vf64)(~negative & (vi64)x);
        }
        *(vf64 *)&job->shift[part] = sum;
    }
    size_t s = 0;
    for (; s + 4 <= job->n_states; s += 4) {
        soft_states(job, still, moved, &job->factors[s * job->stride], 4, &job->products[s]);
    }
    for (; s < job->n_states; s++) {
        soft_states(job, still, moved, &job->factors[s * job->stride], 1, &job->products[s]);
    }
}
