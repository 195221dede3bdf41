/* rg_k_unit_tpl.h: means and samples of Bernoulli units (rg_unit.h), for one real type
 * (RG_K_REAL, its vectors RG_K_VECTOR and RG_K_INT, suffix RG_K_). */

/* "Goes up" as all ones, and the mean; u may be NULL. */
INLINE RG_K_INT RG_K_(unit_part)(RG_K_VECTOR x, bool spin, const RG_K_VECTOR *u, RG_K_VECTOR *mean)
{
    RG_K_INT sign = (RG_K_INT)x & (RG_K_INT)(-(RG_K_VECTOR){0});
    RG_K_INT down = (RG_K_INT)x < (RG_K_INT){0};
    RG_K_VECTOR a = (RG_K_VECTOR)((RG_K_INT)x ^ sign);
    if (spin) {
        a += a;
    }
    RG_K_VECTOR e = RG_K_(exp_minus)(a);
    RG_K_VECTOR one = (RG_K_VECTOR){0} + (RG_K_REAL)1;
    if (spin) {
        *mean = (RG_K_VECTOR)((RG_K_INT)((one - e) / (one + e)) ^ sign);
    } else {
        *mean = (RG_K_VECTOR)((down & (RG_K_INT)e) | (~down & (RG_K_INT)one)) / (one + e);
    }
    if (u == NULL) {
        return down;
    }
    return (RG_K_INT)(*u + *u * e < one) ^ down;
}

/* Rows of one panel, for constant spin, draws and means. */
INLINE void RG_K_(unit_rows)(const rg_unit_t *job, rg_stream_t *stream, const RG_K_REAL *input,
                             RG_K_REAL *mean, bool spin, bool draws, bool means)
{
    enum {
        WIDTH = RG_K_BYTES / sizeof(RG_K_REAL),
        PLANES = sizeof(RG_K_REAL) / 4, /* planes per row */
        PARTS = PLANES * RG_K_PARTS,
        UNIT_ROWS = 8 /* rows whose planes are drawn together */
    };
    uint32_t keep = (UINT32_C(1) << job->n_units) - 1;
    _Alignas(64) uint64_t planes[UNIT_ROWS * PLANES * RG_LANES];
    for (size_t row = 0; row < job->n_rows; row++) {
        size_t left = job->n_rows - row;
        if (draws && row % UNIT_ROWS == 0) {
            stream_planes(stream, (left < UNIT_ROWS ? left : UNIT_ROWS) * PLANES, planes);
        }
        const uint64_t *plane = &planes[row % UNIT_ROWS * PLANES * RG_LANES];
        uint32_t bits = 0;
        for (size_t part = 0; part < PARTS; part++) {
            RG_K_VECTOR x = *(const RG_K_VECTOR *)&input[row * RG_PANEL + part * WIDTH];
            RG_K_VECTOR m;
            RG_K_VECTOR u = {0};
            if (draws) {
                u = RG_K_(uniform)(&plane[part * PART_LANES]);
            }
            RG_K_INT up = RG_K_(unit_part)(x, spin, draws ? &u : NULL, &m);
            if (draws) {
                bits |= RG_K_(signs)(up) << (part * WIDTH);
            }
            if (means) {
                *(RG_K_VECTOR *)&mean[row * RG_PANEL + part * WIDTH] = m;
            }
        }
        if (draws) {
            job->bits[row * job->stride] = (uint16_t)(bits & keep);
        }
    }
}

FN void RG_K_(unit)(const rg_unit_t *job, rg_stream_t *stream, const RG_K_REAL *input,
                    RG_K_REAL *mean)
{
    bool draws = job->bits != NULL;
    if (job->spin && draws && mean == NULL) {
        RG_K_(unit_rows)(job, stream, input, mean, true, true, false);
    } else if (job->spin && draws) {
        RG_K_(unit_rows)(job, stream, input, mean, true, true, true);
    } else if (job->spin) {
        RG_K_(unit_rows)(job, stream, input, mean, true, false, true);
    } else if (draws && mean == NULL) {
        RG_K_(unit_rows)(job, stream, input, mean, false, true, false);
    } else if (draws) {
        RG_K_(unit_rows)(job, stream, input, mean, false, true, true);
    } else {
        RG_K_(unit_rows)(job, stream, input, mean, false, false, true);
    }
}
