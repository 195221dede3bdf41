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
