"""The law of the coarse variables and its couplings, by enumeration."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rgdl._states import Floats
from rgdl.couplings import Couplings
from rgdl.rg._compose import Compose
from rgdl.rg._transform import Transform

__all__ = [
    "MAX_UNITS",
    "CoarseLaw",
    "Layer",
    "all_couplings",
    "coarse_law",
    "enumerated",
    "parts_of",
    "push_forward",
]

MAX_UNITS = 20
_CHUNK = 1 << 20  # entries of a work array
_ROWS = 1 << 14  # fine states at a time
_ASYMMETRY = 1e-9  # relative spread of orbits that have the torus' symmetry
_ROUNDING = 1e-12  # spread of couplings that are all 0

Layer = Callable[[int, int], tuple[Floats, Floats]]


class CoarseLaw(NamedTuple):
    """Ln of the law of the coarse variables, or why there is none."""

    log_p: Floats | None  # -inf where it is 0 in float64
    n_units: int  # of the last layer reached
    normalised: float  # at least max abs(ln Tr_h p(h|v)) over all v
    reason: str


def parts_of(transform: Transform) -> tuple[Transform, ...]:
    """List the layers of a stack; each is independent given the one below."""
    return transform.transforms if isinstance(transform, Compose) else (transform,)


def enumerated(n: int, start: int, stop: int, low: int = -1) -> npt.NDArray[np.int8]:
    """States start .. stop-1 as rows of n units, `low` or 1; bit i = unit i."""
    bits = (np.arange(start, stop)[:, None] >> np.arange(n) & 1).astype(np.int8)
    return bits if low == 0 else np.asarray(2 * bits - 1, dtype=np.int8)


def coarse_law(
    transform: Transform, log_p: Floats, shape: tuple[int, ...]
) -> CoarseLaw:
    """Push the law of all states of a lattice forward, one layer after the other.

    The law of every layer's variables is exact, so those behind a random transform
    need not be independent given v.
    """
    normalised, low = 0.0, transform._fine_low
    n_units, reason = 0, ""
    for part in parts_of(transform):
        n_fine = len(log_p).bit_length() - 1
        layer = _layer_of(part, n_fine, low, shape)
        n_units = layer(0, 1)[0].shape[1]
        normalised += _normalisation(layer, len(log_p))
        if n_units > MAX_UNITS:
            reason = f"{n_units} hidden units, at most {MAX_UNITS} are enumerated"
            return CoarseLaw(None, n_units, normalised, reason)
        log_p = push_forward(log_p, layer, n_units)
        shape, low = part.coarse_shape(shape) or (n_units,), part._coarse_low
    return CoarseLaw(log_p, n_units, normalised, reason)


def _layer_of(part: Transform, n: int, low: int, shape: tuple[int, ...]) -> Layer:
    return lambda start, stop: part.log_probabilities(
        enumerated(n, start, stop, low).reshape(-1, *shape)
    )


def _normalisation(layer: Layer, n_states: int) -> float:
    """Largest abs(ln Tr_h p(h|v)): a layer's sum is a product over its variables."""
    worst = 0.0
    for start in range(0, n_states, _ROWS):
        up, down = layer(start, min(start + _ROWS, n_states))
        sums = np.logaddexp(up, down).sum(axis=1)
        worst = max(worst, float(np.abs(sums).max()))
    return worst


def push_forward(log_p: Floats, layer: Layer, n_hidden: int) -> Floats:
    """Ln sum_v P(v) p(h|v) for every h; -inf where it is 0 in float64.

    p(h|v) factors over h, so with the hidden units cut into two halves the sum over v
    is a product of two matrices. `layer` gives ln p(h_j up|v) and ln p(h_j down|v) of
    rows start .. stop-1.
    """
    low = n_hidden // 2
    total = np.zeros((1 << (n_hidden - low), 1 << low))
    step = min(max(_CHUNK >> (n_hidden - low), 1), _ROWS)
    for start in range(0, len(log_p), step):
        weights = np.exp(log_p[start : start + step])[:, None]
        up, down = layer(start, start + len(weights))
        lower = weights * _joint(np.exp(up[:, :low]), np.exp(down[:, :low]))
        upper = _joint(np.exp(up[:, low:]), np.exp(down[:, low:]))
        total += upper.T @ lower
    with np.errstate(divide="ignore"):
        return np.log(total.ravel())


def _joint(up: Floats, down: Floats) -> Floats:
    """Product of independent two-state probabilities, (n, 2**n_units); bit 1 = up."""
    result = np.ones((len(up), 1))
    for j in range(up.shape[1]):
        result = np.concatenate(
            [result * down[:, j, None], result * up[:, j, None]], axis=1
        )
    return result


def all_couplings(minus_h: Floats, shape: tuple[int, ...] | None) -> Couplings:
    """Couplings of a table of -H, by orbits of the torus only where it has them.

    Without the torus' symmetry (uneven bonds or fields, a lopsided rule) an orbit's
    mean is no coupling of the function: then every set of spins stands for itself.
    """
    if shape is not None:
        found = Couplings.from_table(minus_h, shape)
        largest = float(np.abs(found.values).max())
        if found.spread.max() <= max(_ASYMMETRY * largest, _ROUNDING):
            return found
    return Couplings.from_table(minus_h)
