/* rg_k_soft_tpl.h: rg_soft.h. */

FN void soft_products(const rg_soft_t *job)
{
    _Alignas(64) double still[RG_SOFT_UNITS];
    _Alignas(64) double moved[RG_SOFT_UNITS];
    vf64 one = (vf64){0} + 1.0;
    for (size_t j = 0; j < job->n_units; j += PART_LANES) {
        vf64 x = *(const vf64 *)&job->x[j];
        vi64 negative = (vi64)(x < (vf64){0});
        vf64 e = exp_minus_f64((vf64)((vi64)x & INT64_MAX));
        *(vf64 *)&still[j] = (vf64)((negative & (vi64)one) | (~negative & (vi64)e));
        *(vf64 *)&moved[j] = (vf64)((negative & (vi64)e) | (~negative & (vi64)one));
    }
    for (size_t s = 0; s < job->n_states; s++) {
        const double *factors = &job->factors[s * job->stride];
        _Alignas(64) double x[RG_LANES];
        for (size_t part = 0; part < RG_LANES; part += PART_LANES) {
            vf64 product = one;
            for (size_t j = part; j < job->n_units; j += RG_LANES) {
                product *= *(vf64 *)&still[j] + *(vf64 *)&moved[j] * *(const vf64 *)&factors[j];
            }
            *(vf64 *)&x[part] = product;
        }
        job->products[s] = ((x[0] * x[4]) * (x[2] * x[6])) * ((x[1] * x[5]) * (x[3] * x[7]));
    }
}
