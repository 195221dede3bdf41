"""Transfer matrices (rg_transfer.c)."""

import numpy as np

from rgdl._reference._streams import Floats


def _column_spins(width: int) -> Floats:
    """Spins of all states of a column, (2^width, width)."""
    states = np.arange(1 << width)
    up = states[:, None] >> np.arange(width) & 1
    return np.asarray(2 * up - 1, dtype=np.float64)


def column_weights(
    across: Floats, field: Floats, fraction: float
) -> tuple[Floats, float]:
    """exp(fraction E - peak) of all states of a column."""
    s = _column_spins(len(across))
    exponents = fraction * (s * np.roll(s, -1, axis=1) @ across + s @ field)
    if len(across) == 1:  # no bond from a site to itself
        exponents = fraction * (s @ field)
    peak = float(exponents.max())
    return np.asarray(np.exp(exponents - peak)), peak


def transfer_apply(
    vectors: Floats,
    along: Floats,
    parity: int,
    before: Floats | None,
    after: Floats | None,
) -> Floats:
    """After * V * before * vectors with the whole matrix V of two columns' states."""
    s = _column_spins(len(along))
    matrix = np.exp((s * along) @ s.T - np.abs(along).sum())
    if parity:  # the states with the last spin down, and their mirror images
        half = len(s) // 2
        matrix = matrix[:half, :half] + parity * matrix[:half, : half - 1 : -1]
    result = vectors * (1 if before is None else before) @ matrix
    return np.asarray(result * (1 if after is None else after))


def torus_sum(
    length: int, width: int, same: float, other: float, stride: int
) -> Floats:
    """Weights of all configurations by up spins + stride * unequal bonds."""
    n = length * width
    counts: Floats = np.zeros(1 + n + stride * 2 * n)
    for state in range(1 << n):
        s = (state >> np.arange(n) & 1).reshape(length, width)
        unequal = sum(int((s != np.roll(s, 1, axis)).sum()) for axis in (0, 1))
        place = int(s.sum()) + stride * unequal
        counts[place] += same ** (2 * n - unequal) * other**unequal
    return counts
