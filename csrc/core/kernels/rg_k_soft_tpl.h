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

enum { SOFT_FACTORS = 1000 /* factors in [1, 2] whose product stays finite */ };

/* Columns `first` to first + n - 1, n <= PART_LANES; the other lanes are idle. */
INLINE void unit_sums_part(const rg_unit_sums_t *job, size_t first, size_t n)
{
    vf64 one = (vf64){0} + 1.0;
    vf64 top = (vf64){0};
    vf64 product = one;
    double logs[PART_LANES] = {0};
    for (size_t j = 0; j < job->n_units; j++) {
        double *at = &job->x[j * job->n_states + first];
        vf64 x = (vf64){0};
        memcpy(&x, at, n * sizeof *at);
        x += job->bias[j];
        vi64 sign = (vi64)x & (vi64)(-(vf64){0});
        vi64 down = (vi64)x < (vi64){0};
        vf64 size = (vf64)((vi64)x ^ sign);
        vf64 mean;
        vf64 e;
        if (job->spin) {
            e = exp_minus_f64(size + size);
            top += size;
            mean = (vf64)((vi64)((one - e) / (one + e)) | sign);
        } else {
            e = exp_minus_f64(size);
            top += (vf64)(~down & (vi64)x);
            mean = (vf64)((down & (vi64)e) | (~down & (vi64)one)) / (one + e);
        }
        product *= one + e;
        memcpy(at, &mean, n * sizeof *at);
        if (j % SOFT_FACTORS == SOFT_FACTORS - 1 || j + 1 == job->n_units) {
            for (size_t lane = 0; lane < n; lane++) {
                logs[lane] += rg_log(product[lane]);
            }
            product = one;
        }
    }
    for (size_t lane = 0; lane < n; lane++) {
        job->sums[first + lane] = top[lane] + logs[lane];
    }
}

FN void unit_sums(const rg_unit_sums_t *job)
{
    size_t whole = job->n_states - job->n_states % PART_LANES;
    for (size_t first = 0; first < whole; first += PART_LANES) {
        unit_sums_part(job, first, PART_LANES);
    }
    if (whole < job->n_states) {
        unit_sums_part(job, whole, job->n_states - whole);
    }
}
