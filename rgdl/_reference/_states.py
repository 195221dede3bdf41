"""Any model: terms and states (rg_terms.c, rg_enumerate.c)."""

import math

import numpy as np
import numpy.typing as npt

from rgdl._reference._exact import _spins_of
from rgdl._reference._streams import Floats, Spins, Words


def terms_sums(
    spins: Spins,
    sites: npt.NDArray[np.uint32],
    starts: Words,
    values: Floats,
    fields: Floats,
) -> Floats:
    """Add values times products of spins, spins, and fields times spins."""
    rows = []
    for s in spins.reshape(-1, len(fields)).astype(int):
        bonds = 0.0
        for t, value in enumerate(values):
            members = sites[int(starts[t]) : int(starts[t + 1])]
            bonds += float(value) * math.prod(int(s[i]) for i in members)
        rows.append((bonds, float(s.sum()), float(fields @ s)))
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _lane_energies(
    n_sites: int, masks: Words, values: npt.NDArray[np.generic]
) -> list[float]:
    """Sum of couplings times products for all states: 64 lanes below high spins."""
    result = []
    for state in range(1 << n_sites):
        high, lane = divmod(state, 64)
        downs = [(int(mask) & ~high).bit_count() for mask in masks]
        row = values[:, lane].tolist()
        result.append(sum((-1) ** d * v for d, v in zip(downs, row, strict=True)))
    return result


def states_count(
    n_sites: int,
    masks: Words,
    values: npt.NDArray[np.int32],
    offset: int,
    n_bins: int,
) -> npt.NDArray[np.uint32]:
    """Count states by offset + sum of values times products + spins up."""
    counts = np.zeros(n_bins, dtype=np.uint32)
    for state, bonds in enumerate(_lane_energies(n_sites, masks, values)):
        counts[offset + int(bonds) + state.bit_count()] += 1
    return counts


def states_table(
    masks: Words, values: Floats, scale: float, constant: float, fields: Floats
) -> Floats:
    """H of all states; bit i of the index = spin i is up."""
    n = len(fields)
    bonds = np.array(_lane_energies(n, masks, values))
    field = np.array([fields @ _spins_of(state, n) for state in range(1 << n)])
    return np.asarray(-(scale * bonds + field + constant))


def states_sums(
    masks: Words, values: Floats, scale: float, constant: float, fields: Floats
) -> tuple[float, Floats]:
    """Give the largest -H, and sums over all states as one block."""
    n = len(fields)
    minus_h = -states_table(masks, values, scale, constant, fields)
    bonds = np.array(_lane_energies(n, masks, values))
    top = float(minus_h.max())
    x = minus_h - top
    weights = np.exp(x)
    up = np.array([state.bit_count() for state in range(1 << n)])
    by_up = [float(weights[up == count].sum()) for count in range(n + 1)]
    factor = np.expm1(x) if top - constant < 0.25 else weights
    means = [float(np.sum(f)) for f in (weights * x, weights * x * x, factor * bonds)]
    return top, np.array([[*means, *by_up]])
