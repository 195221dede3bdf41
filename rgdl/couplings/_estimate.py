"""Couplings from samples by Callen's identities, equal to pseudo-likelihood."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl._states import as_spins
from rgdl.couplings._base import Floats
from rgdl.couplings._lattice import LatticeCouplings, orbits_of
from rgdl.couplings._orbits import STANDARD, Product, others_of_origin
from rgdl.errors import ConvergenceError

__all__ = ["estimate"]

_BLOCKS = 32
_LEAST = 8  # rows: the spread of fewer says little about errors
_CHUNK = 1 << 24  # site entries at work at a time
_STEPS = 50
_CODES = 1 << 62
_LARGEST = 20.0  # a coupling beyond has run away


def estimate(
    s: npt.ArrayLike, operators: str | Mapping[str, Any], method: str
) -> LatticeCouplings:
    """See `Couplings.from_samples`."""
    _validate.one_of(method, "method", ("callen", "pseudo-likelihood"))
    spins = as_spins(s, "s")
    if not 2 <= spins.ndim <= 4 or len(spins) < _LEAST:
        raise ValueError(
            f"s must have shape (n, *lattice) with n >= {_LEAST} rows (fewer give no "
            f"errors to trust) and 1 to 3 lattice axes, got {spins.shape}"
        )
    shape = _validate.shape_of(spins.shape[1:], "the lattice of s", max_ndim=3)
    orbits = _orbits(operators, shape)
    blocks = min(_BLOCKS, len(spins))
    owner = np.arange(len(spins)) * blocks // len(spins)
    groups = method == "pseudo-likelihood"
    patterns, row, tables = _Patterns.of(spins, orbits, owner, keep=groups)
    total = tables.sum(axis=1)
    values = _newton(patterns, total)
    if method == "callen":
        errors = _jackknife(patterns, tables, values)
    else:
        errors = _godambe(patterns, total, row, spins, values)
    return LatticeCouplings(shape, orbits, values, errors=errors, images=False)


def _orbits(
    operators: str | Mapping[str, Any], shape: tuple[int, ...]
) -> dict[str, tuple[Product, ...]]:
    if not isinstance(operators, str):
        return orbits_of(operators, shape)
    if operators != "standard":
        raise ValueError(
            f'operators must be "standard" or a mapping, got {operators!r}'
        )
    chosen: dict[str, Any] = {}
    for label, product in STANDARD[len(shape)].items():
        try:  # small lattices have fewer
            orbits_of({**chosen, label: product}, shape)
        except ValueError:
            continue
        chosen[label] = product
    return orbits_of(chosen, shape)


class _Patterns:
    """Distinct surroundings A_x of a site, each once: all that the equations need."""

    @staticmethod
    def of(
        spins: npt.NDArray[np.int8],
        orbits: Mapping[str, tuple[Product, ...]],
        owner: npt.NDArray[np.int64],
        *,
        keep: bool,
    ) -> tuple[Floats, npt.NDArray[np.int64], Floats]:
        """Patterns (n, k), pattern of every site of every row, and tables.

        tables[0] counts the sites with pattern p in block b, tables[1] adds up their
        spins: shape (2, blocks, n).
        """
        shape = spins.shape[1:]
        lists = [others_of_origin(each, shape) for each in orbits.values()]
        radix = [2 * len(each) + 1 for each in lists]
        if np.prod([float(r) for r in radix]) > _CODES:
            raise ValueError("too many operators: their patterns exceed 62 bits")
        code = np.zeros(spins.shape, dtype=np.int64)
        for others, base in zip(lists, radix, strict=True):
            code *= base
            code += _local_field(spins, others) + len(others)
        codes, row = np.unique(code.reshape(len(spins), -1), return_inverse=True)
        row = row.reshape(len(spins), -1)
        patterns = np.empty((len(codes), len(radix)))
        for k in range(len(radix) - 1, -1, -1):
            codes, digit = np.divmod(codes, radix[k])
            patterns[:, k] = digit - len(lists[k])
        n = len(patterns)
        index = (owner[:, None] * n + row).ravel()
        blocks = int(owner[-1]) + 1
        counts = np.bincount(index, minlength=blocks * n)
        up = np.bincount(index, spins.ravel(), minlength=blocks * n)
        tables = np.array([counts.reshape(blocks, n), up.reshape(blocks, n)])
        return patterns, row if keep else row[:0], tables


def _local_field(
    spins: npt.NDArray[np.int8], others: list[tuple[tuple[int, ...], ...]]
) -> npt.NDArray[np.int64]:
    """A_x = sum over sets that hold x of the product of the set's other spins."""
    total = np.zeros(spins.shape, dtype=np.int64)
    axes = tuple(range(1, spins.ndim))
    for product in others:
        term = np.ones_like(spins)
        for offset in product:
            term = term * np.roll(spins, tuple(-x for x in offset), axes)
        total += term
    return total


def _equations(
    patterns: Floats, counts: Floats, up: Floats, values: Floats
) -> tuple[Floats, Floats]:
    """Sum of A_a (s - tanh) and its negative derivative; leading axes are blocks."""
    tanh = np.tanh(patterns @ values)
    gradient = (up - counts * tanh) @ patterns
    weights = counts * (1 - tanh**2)
    curvature = np.einsum("...p,pa,pb->...ab", weights, patterns, patterns)
    return gradient, curvature


def _newton(patterns: Floats, total: Floats) -> Floats:
    """Solve the equations: the maximum of a concave function, by damped steps."""
    counts, up = total
    values = np.zeros(patterns.shape[1])

    def objective(at: Floats) -> float:
        field = patterns @ at
        return float(up @ field - counts @ np.logaddexp(field, -field))

    best = objective(values)
    for _ in range(_STEPS):
        gradient, curvature = _equations(patterns, counts, up, values)
        if np.linalg.cond(curvature) > 1e12:
            raise ConvergenceError(
                "the samples do not determine these couplings: some operators vary "
                "together or not at all"
            )
        step = np.linalg.solve(curvature, gradient)
        if np.abs(step).max() < 1e-12:
            return values + step
        while objective(values + step) < best - 1e-9 * abs(best):
            step = step / 2
        values = values + step
        best = objective(values)
        if np.abs(values).max() > _LARGEST:
            break
    raise ConvergenceError(
        f"couplings from samples did not converge: the largest is "
        f"{np.abs(values).max():.3g}; more samples or fewer operators are needed"
    )


def _jackknife(patterns: Floats, tables: Floats, values: Floats) -> Floats:
    """Delete-one errors over blocks, one Newton step from the solution each."""
    gradient, curvature = _equations(patterns, tables[0], tables[1], values)
    left = curvature.sum(axis=0) - curvature
    shift = np.linalg.solve(left, -gradient[:, :, None])[:, :, 0]
    blocks = len(shift)
    return np.asarray(np.sqrt((blocks - 1) * shift.var(axis=0)))


def _godambe(
    patterns: Floats,
    total: Floats,
    row: npt.NDArray[np.int64],
    spins: npt.NDArray[np.int8],
    values: Floats,
) -> Floats:
    """Sandwich errors from the gradients of single configurations."""
    _, curvature = _equations(patterns, total[0], total[1], values)
    tanh = np.tanh(patterns @ values)
    flat = spins.reshape(len(spins), -1)
    gradients = np.empty((len(spins), len(values)))
    step = max(1, _CHUNK // row.shape[1])
    for start in range(0, len(spins), step):
        part = slice(start, start + step)
        rest = flat[part] - tanh[row[part]]
        for a in range(len(values)):
            gradients[part, a] = (rest * patterns[row[part], a]).sum(axis=1)
    inverse = np.linalg.inv(curvature)
    n = len(spins)
    covariance = inverse @ (gradients.T @ gradients) @ inverse * n / (n - 1)
    return np.asarray(np.sqrt(np.diag(covariance)))
