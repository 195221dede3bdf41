"""Finite tori by transfer matrix: correlations and magnetisation."""

import math
from typing import SupportsIndex

import numpy as np

from rgdl import _core, _validate
from rgdl.exact import _range
from rgdl.exact._columns import Columns, Floats, one_blas_thread
from rgdl.exact._strip import MAX_SPAN

__all__ = ["correlations", "magnetization_distribution"]

_MAX_TORUS_WIDTH = 12
_MAX_CORRELATED_WIDTH = 9
_MAX_TORUS_SITES = 1000  # weights up to 2^N stay finite
_MAX_TORUS_WORK = 144**2 << 12  # N^2 2^width: of one first column, 0.1 s
_MAX_JOINT_SITES, _MAX_JOINT_WIDTH = 49, 7  # of counts by energy, too: a second


def correlations(
    shape: SupportsIndex | tuple[int, ...], K: float, h: float = 0.0
) -> Floats:
    r"""Spin-spin correlations of a torus or ring at every displacement.

    Parameters
    ----------
    shape : int or tuple of one or two int
        Extents, each at least 2, the smaller of two at most 9; the larger is not
        limited.
    K, h : float
        Reduced coupling and field.

    Returns
    -------
    ndarray of float64, shape `shape`
        :math:`\langle s_0 s_r\rangle`, not connected; entry [0, 0] is 1.

    Raises
    ------
    ValueError, TypeError
        For a wrong shape or couplings that are not finite.

    Notes
    -----
    With the symmetric transfer matrix :math:`T = U\Lambda U^T` between rows of the
    smaller extent and :math:`S_y` the spin at place y,

    .. math::

       \langle s_{0,0} s_{x,y}\rangle = \frac{\mathrm{Tr}\, S_0 T^x S_y T^{n-x}}
       {\mathrm{Tr}\, T^n}.

    For K >= 0 the absolute error is about 1e-14. K < 0 with an odd larger extent is
    frustrated: the trace cancels and loses as many digits as Z falls below
    :math:`\lambda_0^n`.

    Examples
    --------
    >>> import rgdl
    >>> pairs = rgdl.exact.correlations((8, 8), rgdl.exact.K_CRITICAL)
    >>> round(float(pairs[0, 1]), 10)  # minus half the energy of kaufman((8, 8), K_c)
    0.7457945537
    >>> round(float(pairs.mean()), 10)  # <m^2>
    0.646911575
    """
    extents = _validate.shape_of(shape, "shape", max_ndim=2)
    length, width = max(extents), min(extents) if len(extents) == 2 else 1
    if width > _MAX_CORRELATED_WIDTH:
        raise ValueError(
            f"the smaller extent of shape must be at most {_MAX_CORRELATED_WIDTH}, "
            f"got {shape!r}"
        )
    coupling, field = _range.coupling(K, "K"), _range.coupling(h, "h")
    bonds = np.full((1, width), coupling)
    column = Columns(bonds, bonds, np.full((1, width), field), 1)
    act, _ = column.operator(0)
    with one_blas_thread():
        values, vectors = np.linalg.eigh(act(np.eye(1 << width)))
        ratios = values / values[np.argmax(np.abs(values))]
        x = np.arange(length)
        rising, falling = ratios[:, None] ** x, ratios[:, None] ** (length - x)
        states = np.arange(1 << width)
        norm = float(falling[:, 0].sum())
        table = np.empty((length, width))
        spin_0 = vectors.T @ ((2.0 * (states & 1) - 1)[:, None] * vectors)
        for y in range(width // 2 + 1):
            spin_y = vectors.T @ ((2.0 * (states >> y & 1) - 1)[:, None] * vectors)
            table[:, y] = (falling * ((spin_0 * spin_y) @ rising)).sum(axis=0) / norm
            table[:, -y] = table[:, y]
    table[0, 0] = 1.0
    return np.ascontiguousarray(
        table.T if extents == (width, length) else table
    ).reshape(extents)


def magnetization_distribution(
    shape: tuple[int, int], K: float, h: float = 0.0, *, workers: int = 1
) -> tuple[Floats, Floats]:
    r"""Probability of every magnetisation of a torus.

    Parameters
    ----------
    shape : tuple of two int
        Extents, each at least 2, the smaller (the width) at most 12, at most 1000 sites
        and :math:`N^2 2^\text{width} \le 144^2\, 2^{12}`.
    K, h : float
        Reduced coupling and field.
    workers : int
        Threads; -1 for all. The result does not depend on it.

    Returns
    -------
    m : ndarray of float64, shape (N + 1,)
        Magnetisation per site, -1, -1 + 2/N, ..., 1.
    probabilities : ndarray of float64, shape (N + 1,)
        They add up to 1.

    Raises
    ------
    ValueError, TypeError
        For a wrong shape or couplings that are not finite.

    Notes
    -----
    A transfer matrix whose entries are polynomials in :math:`z`, one power for each up
    spin, spin by spin. It is the Fourier transform of the method of imaginary fields
    h = i theta, which adds complex numbers that nearly cancel where P(m) is small and
    has an absolute error there; here all terms are positive. First
    columns that are rotations of each other are done once.
    Every probability, however small, has a relative error of about 1e-13; below about
    1e-300 it is 0. The field enters at the end as :math:`e^{hM}`; on a cold
    antiferromagnet, where that would meet weights that underflowed, states are counted
    by energy too, up to 7 x 7 (a second). 8 x 8 takes about
    20 ms, 10 x 10 one second, 12 x 12 half a minute.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> m, p = rgdl.exact.magnetization_distribution((8, 8), rgdl.exact.K_CRITICAL)
    >>> round(float(np.sum(p * abs(m))), 12), round(float(np.sum(p * m**4)), 12)
    (0.777331092787, 0.485815234126)
    """
    extents = _validate.shape_of(shape, "shape", max_ndim=2)
    if len(extents) != 2 or min(extents) > _MAX_TORUS_WIDTH:
        raise ValueError(
            f"shape must have 2 extents, the smaller at most {_MAX_TORUS_WIDTH}, "
            f"got {shape!r}"
        )
    n = math.prod(extents)
    most = min(math.isqrt(_MAX_TORUS_WORK >> min(extents)), _MAX_TORUS_SITES)
    if n > most:
        raise ValueError(
            f"shape must have at most {most} sites at width {min(extents)}, got {n}"
        )
    coupling, field = _range.coupling(K, "K"), _range.coupling(h, "h")
    threads = _validate.worker_count(workers)
    total = 2 * np.arange(n + 1) - n
    if field != 0 and coupling < 0 and -4 * coupling * n > MAX_SPAN:
        return total / n, _cold_antiferromagnet(extents, coupling, field, threads)
    rare = math.exp(-2 * abs(coupling))
    same, other = (1.0, rare) if coupling >= 0 else (rare, 1.0)
    weights = _core.torus_sum(max(extents), min(extents), same, other, 0, threads)
    weights = 0.5 * (weights + weights[::-1])
    with np.errstate(divide="ignore"):
        logs = np.log(weights) + field * total
    tilted = np.exp(logs - logs.max()) if field else weights
    return total / n, tilted / tilted.sum()


def _cold_antiferromagnet(
    extents: tuple[int, ...], K: float, h: float, workers: int
) -> Floats:
    """Probabilities from numbers of states by energy and magnetisation, in logarithms.

    Weights of aligned states may underflow before the field makes up for it.
    """
    n = math.prod(extents)
    if n > _MAX_JOINT_SITES or min(extents) > _MAX_JOINT_WIDTH:
        raise ValueError(
            "a field on an antiferromagnet needs |K| of at most "
            f"{MAX_SPAN / (4 * n):.4g} at shape {extents}, beyond 7 x 7, got K = {K:g}"
        )
    counts = _core.torus_sum(max(extents), min(extents), 1.0, 1.0, n + 1, workers)
    table = counts.reshape(2 * n + 1, n + 1)
    bonds = 2.0 * n - 2.0 * np.arange(2 * n + 1)
    with np.errstate(divide="ignore"):
        logs = np.log(table) + K * bonds[:, None] + h * (2.0 * np.arange(n + 1) - n)
    by_up = np.exp(logs - logs.max()).sum(axis=0)
    return np.asarray(by_up / by_up.sum())
