/* rg_math.h: elementary functions that decide bits: fixed order of operations, no libm. */
#ifndef RG_MATH_H
#define RG_MATH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ln 2 in two parts; n * RG_LN2_HI is exact for |n| < 2^11. */
#define RG_LN2_HI 0x1.62e42feep-1
#define RG_LN2_LO 0x1.a39ef35793c76p-33
#define RG_LOG2_E 0x1.71547652b82fep+0
#define RG_ROUND_MAGIC 0x1.8p52 /* adding it leaves the nearest integer in the low bits */

/* 1/k!, k = 13 .. 2: Horner coefficients of exp on |r| <= ln(2)/2, truncation 4e-18. */
#define RG_EXP_COEFFICIENTS                                                                       \
    {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, \
     1.0 / 5040,       1.0 / 720,       1.0 / 120,      1.0 / 24,      1.0 / 6,      0.5}

/* exp(x) to 1 unit in the last place for -708 <= x <= 709; x is clamped to that range, NaN stays.
 * The kernels' vector forms do the same operations in the same order. */
static inline double rg_exp(double x)
{
    static const double coefficient[] = RG_EXP_COEFFICIENTS;
    x = x > 709.0 ? 709.0 : x < -708.0 ? -708.0 : x;
    double shifted = x * RG_LOG2_E + RG_ROUND_MAGIC;
    double n = shifted - RG_ROUND_MAGIC;
    double r = (x - n * RG_LN2_HI) - n * RG_LN2_LO;
    double p = coefficient[0];
    for (size_t i = 1; i < sizeof coefficient / sizeof coefficient[0]; i++) {
        p = p * r + coefficient[i];
    }
    p = p * r + 1.0;
    p = p * r + 1.0;
    uint64_t bits = 0;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52; /* the low bits of `shifted` hold n */
    double scale = 0.0;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* ln(x) for normal x > 0, to about 1e-16 relative to max(1, |ln x|): x = 2^n m with m in
 * [sqrt(1/2), sqrt 2), ln m = 2 artanh((m - 1) / (m + 1)) by its series. */
static inline double rg_log(double x)
{
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    bits = (bits & UINT64_C(0x000fffffffffffff)) | UINT64_C(0x3ff0000000000000);
    double m = 0.0;
    memcpy(&m, &bits, sizeof m);
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        exponent++;
    }
    double f = (m - 1.0) / (m + 1.0);
    double f2 = f * f;
    double sum = 0.0;
    for (int k = 23; k >= 1; k -= 2) {
        sum = sum * f2 + 1.0 / k;
    }
    double n = (double)exponent;
    return n * RG_LN2_HI + (2.0 * f * sum + n * RG_LN2_LO);
}

#endif
