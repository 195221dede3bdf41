/* rg_k_exchange_tpl.h: which replicas exchange (rg_temper.h): U < exp(slope (b - a)), U a word. */

/* rg_threshold64 of p in [0, 1); what it gives for 1 is not used. */
INLINE vu64 threshold_of(vf64 p)
{
    const double whole = 0x1p52; /* from here on doubles are integers */
    vf64 x = p * 0x1p64;
    vf64 rounded = (x + whole) - whole;
    vi64 small = x < whole;
    x = (vf64)((small & (vi64)rounded) | (~small & (vi64)x));
    return __builtin_convertvector(x, vu64);
}

FN void exchange_mask(double slope, const double *a, const double *b, const uint64_t *uniforms,
                      uint64_t mask[RG_LANES])
{
    for (size_t lane = 0; lane < RG_LANES; lane++) {
        mask[lane] = 0;
        for (size_t r = 0; r < 64; r += PART_LANES) {
            vf64 x, y;
            memcpy(&x, &a[64 * lane + r], sizeof x);
            memcpy(&y, &b[64 * lane + r], sizeof y);
            vf64 gain = slope * (y - x);
            vi64 loss = gain < (vf64){0};
            vf64 p =
                exp_minus_f64((vf64)(loss & (vi64)-gain)); /* exactly 1 where nothing is lost */
            vi64 certain = p >= (vf64){0} + 1.0;
            vu64 u = *(const vu64 *)&uniforms[64 * lane + r];
            vf64 below = (vf64)(~certain & (vi64)p);
            vi64 accepted = certain | (vi64)(u < threshold_of(below));
            mask[lane] |= (uint64_t)signs_f64(accepted) << r;
        }
    }
}
