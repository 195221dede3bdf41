"""Series of free energies of infinite lattices, where integrals would lose digits.

Houtappel's integrals of ln(A - B phi), phi = cos a + cos b + cos(a + b), are
ln A - sum_p (B/A)^p <phi^p> / p, and 2^p <phi^p> counts closed walks of p steps on the
triangular lattice. One series of integers over k for each lattice serves at low
temperature and, by duality, the other lattice at high temperature.
"""

import math
from fractions import Fraction
from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = [
    "HIGH",
    "LOW",
    "honeycomb_series",
    "square_bulk",
    "square_series",
    "triangular_series",
]

Array = npt.NDArray[np.float64]

HIGH = 0.02  # below this abs(K), series in tanh K
LOW = 1.1  # above this K, series in e^{-4K} or e^{-2K}
_ORDERS = 48
_SQUARE_ORDERS = 24


def triangular_series(K: float) -> tuple[float, float, float]:
    """Ln Z / N less 3K (K > LOW) or ln 2 (abs(K) < HIGH), and two derivatives in K."""
    if K > LOW:
        return _falling(_low_triangular(), 4, K)
    return _rising(2 * np.array(_low_honeycomb()), 3.0, K)


def honeycomb_series(K: float) -> tuple[float, float, float]:
    """Ln Z / N less 3K/2 (K > LOW) or ln 2 (abs(K) < HIGH), and two derivatives."""
    if K > LOW:
        return _falling(_low_honeycomb(), 2, K)
    squares = np.zeros(2 * _ORDERS - 1)
    squares[::2] = np.array(_low_triangular()) / 2
    return _rising(squares, 1.5, K)


def square_bulk(K: float) -> tuple[float, float, float]:
    """Ln Z / N less ln 2 (K < HIGH) or 2K (K >= 1) of the square lattice, etc."""
    squares = np.zeros(2 * len(square_series()) + 4)
    squares[4::2] = square_series()
    return _rising(squares, 2.0, K) if K < HIGH else _falling(tuple(squares), 2, K)


def _falling(
    coefficients: tuple[float, ...], rate: int, K: float
) -> tuple[float, float, float]:
    """Sum of a_k e^{-rate k K} and two derivatives."""
    order = -rate * np.arange(len(coefficients))
    terms = np.array(coefficients) * np.exp(order * K)
    return (
        math.fsum(terms),
        math.fsum(terms * order),
        math.fsum(terms * order**2),
    )


def _rising(coefficients: Array, bonds: float, K: float) -> tuple[float, float, float]:
    """`bonds` ln cosh K + sum of a_k t^k, t = tanh K, and two derivatives in K."""
    t, sech2 = math.tanh(K), 1 / math.cosh(K) ** 2
    order = np.arange(len(coefficients))
    powers = t**order
    first = math.fsum(coefficients[1:] * order[1:] * powers[:-1])
    second = math.fsum(coefficients[2:] * (order * (order - 1))[2:] * powers[:-2])
    value = bonds * math.log1p(2 * math.sinh(K / 2) ** 2)
    return (
        value + math.fsum(coefficients * powers),
        bonds * t + first * sech2,
        bonds * sech2 + second * sech2**2 - 2 * t * sech2 * first,
    )


@cache
def square_series() -> tuple[float, ...]:
    """Coefficients of v^4, v^6 ... in ln Z/N - 2K of the square lattice, v = e^{-2K}.

    By duality they are those of ln Z/N - ln(2 cosh^2 K) in v = tanh K, which is
    ln(1 + u) - sum_p y^p binomial(2p, p)^2 / 4p with u = v^2, y = u(1-u)^2/(1+u)^4.
    """
    length = _SQUARE_ORDERS

    def times(a: list[Fraction], b: list[Fraction]) -> list[Fraction]:
        product = [Fraction(0)] * length
        for i, left in enumerate(a):
            for j, right in enumerate(b[: length - i]):
                product[i + j] += left * right
        return product

    def series(*start: int) -> list[Fraction]:
        return [Fraction(c) for c in (*start, *[0] * (length - len(start)))]

    inverse = [Fraction((-1) ** k * math.comb(k + 3, 3)) for k in range(length)]
    y = times(series(0, 1, -2, 1), inverse)
    total = [Fraction(0)] + [Fraction((-1) ** (k + 1), k) for k in range(1, length)]
    power = series(1)
    for p in range(1, length):
        power = times(power, y)
        factor = Fraction(math.comb(2 * p, p) ** 2, 4 * p)
        total = [t - factor * c for t, c in zip(total, power, strict=True)]
    return tuple(float(t) for t in total[2:])


@cache
def _low_triangular() -> tuple[float, ...]:
    """Coefficients of q^k, q = e^{-4K}, in ln Z / N - 3K."""
    whole = _polynomial(1, 0, 3)
    return _logarithms(whole, _times(_polynomial(0, 2, -2), _inverse(whole)), 2)


@cache
def _low_honeycomb() -> tuple[float, ...]:
    """Coefficients of z^k, z = e^{-2K}, in ln Z / N - 3K/2."""
    whole = _polynomial(1, 0, 3, 8, 3, 0, 1)
    return _logarithms(
        whole, _times(_polynomial(0, 2, 0, -4, 0, 2), _inverse(whole)), 4
    )


def _logarithms(whole: list[int], ratio: list[int], part: int) -> tuple[float, ...]:
    """(ln A - sum_p Y^p <phi^p> / p) / part, from the series of A and Y."""
    derivative = [*(k * a for k, a in enumerate(whole) if k), 0]
    slope = _times(derivative, _inverse(whole))
    common = math.lcm(*range(1, _ORDERS)) << _ORDERS
    total = [0] + [common // k * slope[k - 1] for k in range(1, _ORDERS)]
    power = _polynomial(1)
    for p in range(1, _ORDERS):
        power = _times(power, ratio)
        factor = (common >> p) // p * _closed_walks(p)
        total = [t - factor * y for t, y in zip(total, power, strict=True)]
    return tuple(t / (common * part) for t in total)


def _closed_walks(steps: int) -> int:
    """Count closed walks on the triangular lattice: 1, 0, 6, 12, 90, ..."""
    franel = [
        sum(math.comb(j, k) ** 2 * math.comb(2 * k, k) for k in range(j + 1))
        for j in range(steps + 1)
    ]
    return sum(
        math.comb(steps, j) * (-3) ** (steps - j) * f for j, f in enumerate(franel)
    )


def _polynomial(*start: int) -> list[int]:
    return [*start, *[0] * (_ORDERS - len(start))]


def _times(a: list[int], b: list[int]) -> list[int]:
    product = [0] * _ORDERS
    for i, left in enumerate(a):
        if left:
            for j, right in enumerate(b[: _ORDERS - i]):
                product[i + j] += left * right
    return product


def _inverse(a: list[int]) -> list[int]:
    """Of a series that begins with 1."""
    result = [1]
    for k in range(1, _ORDERS):
        result.append(-sum(a[i] * result[k - i] for i in range(1, k + 1)))
    return result
