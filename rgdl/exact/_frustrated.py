"""Tori with an odd extent and K < 0: Kaufman's four products nearly cancel.

Every closed row of odd length is frustrated, so Z is smaller than each product by the
weight of the domain walls that this forces, e^{-2|K|} per bond of their length. Decimal
arithmetic with as many digits more than wanted makes that harmless.
"""

import decimal
import math
from decimal import Decimal

__all__ = ["MOST_DIGITS", "digits_needed", "torus_sum"]

MOST_DIGITS = 2000
_WANTED = 40


def digits_needed(m: int, n: int, x: float) -> int:
    """Decimal digits that the sum cancels or amplifies, and some to be left."""
    walls = 2 * x * (m + n) + 8 * x
    small = 4 * max(0.0, -math.log(x))
    return math.ceil((walls + small) / math.log(10)) + _WANTED


def torus_sum(
    m: int, n: int, x: float, *, antiferromagnet: bool
) -> tuple[float, float, float, float]:
    """Ln Z, two derivatives in x = abs(K) > 0, and entropy; for K < 0, n is odd.

    The sign of K moves both momenta by pi. Along an odd extent that exchanges periodic
    and antiperiodic fermions, so that the four products (first letter along m) change
    places in Z = (AA + PA + AP + PP) / 2, where PP carries the sign of K - K_c:
    m even: Z = (AP + AA - PP - PA) / 2; m odd: Z = (PA + AP - AA - PP) / 2.
    """
    with decimal.localcontext() as context:
        context.prec = digits_needed(*((m, n) if antiferromagnet else (2, 2)), x)
        context.Emax, context.Emin = decimal.MAX_EMAX, decimal.MIN_EMIN
        aa, pa = _products(m, n, Decimal(x), 1)
        ap, pp = _products(m, n, Decimal(x), 0)
        sign = -1 if m % 2 else 1
        signed = [(sign, aa), (-sign, pa), (1, ap), (-1, pp)]
        if not antiferromagnet:
            signed = [(1, aa), (1, pa), (1, ap), (1, pp)]
        z = sum((s * value for s, (value, _, _) in signed), Decimal(0))
        z1 = sum((s * v * d for s, (v, d, _) in signed), Decimal(0)) / z
        z2 = sum((s * v * (c + d * d) for s, (v, d, c) in signed), Decimal(0)) / z
        log_z = (z / 2).ln()
        entropy = log_z - Decimal(x) * z1
        return float(log_z), float(z1), float(z2 - z1 * z1), float(entropy)


def _products(
    m: int, n: int, x: Decimal, first: int
) -> list[tuple[Decimal, Decimal, Decimal]]:
    """(2 sinh 2x)^{mn/2} prod 2cosh, and with 2sinh(m gamma_r / 2), every second r.

    Each comes with the first two derivatives of its logarithm.
    """
    grow, shrink = (2 * x).exp(), (-2 * x).exp()
    c, s = (grow + shrink) / 2, (grow - shrink) / 2
    cosines = _cosines(n)
    sites = Decimal(m * n)
    value = [(2 * s).sqrt() ** (m * n)] * 2
    slope, bend = [sites * c / s] * 2, [-2 * sites / (s * s)] * 2
    # cosh gamma = y - cos theta with y = c^2 / s
    y = c * c / s
    y1 = 2 * c * (s * s - 1) / (s * s)
    y2 = 4 * (s - 1 / s) + 8 * c * c / s**3
    for r in range(first, n + 1, 2):  # r and 2n - r are alike
        times = 1 if r in (0, n) else 2
        if r == 0:
            half_wave = (c - 1) / s * grow  # e^gamma = tanh x e^{2x}
            g1, g2 = 2 + 2 / s, -4 * c / (s * s)
        else:
            cosh = y - cosines[r]
            sinh = (cosh * cosh - 1).sqrt()
            half_wave = cosh + sinh
            g1 = y1 / sinh
            g2 = (y2 - g1 * g1 * cosh) / sinh
        up = half_wave.sqrt() ** m
        down = 1 / up
        for k, wave, other in ((0, up + down, up - down), (1, up - down, up + down)):
            ratio = other / wave
            value[k] *= wave**times
            slope[k] += times * m * g1 / 2 * ratio
            change = m * g2 / 2 * ratio + (m * g1 / 2) ** 2 * (1 - ratio * ratio)
            bend[k] += times * change
    return list(zip(value, slope, bend, strict=True))


def _cosines(n: int) -> list[Decimal]:
    """cos(pi r / n) for r = 0 ... n, by Chebyshev's recurrence from a Newton step."""
    context = decimal.getcontext()
    with decimal.localcontext() as wider:
        wider.prec = context.prec + 2 * len(str(n)) + 5
        angle = _pi() / n
        term, total, k = Decimal(1), Decimal(1), 0
        while abs(term) > Decimal(10) ** -wider.prec:
            k += 2
            term *= -angle * angle / (k * (k - 1))
            total += term
        cosines = [Decimal(1), total]
        for _ in range(n - 1):
            cosines.append(2 * total * cosines[-1] - cosines[-2])
    return cosines


def _pi() -> Decimal:
    """By the arithmetic-geometric mean (Gauss, Brent, Salamin)."""
    a, b, t, p = Decimal(1), Decimal("0.5").sqrt(), Decimal("0.25"), 1
    while abs(a - b) > Decimal(10) ** (2 - decimal.getcontext().prec):
        a, b, previous = (a + b) / 2, (a * b).sqrt(), a
        t -= p * (a - previous) ** 2
        p *= 2
    return (a + b) ** 2 / (4 * t)
