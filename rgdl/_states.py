"""What the exact modules share: checks of units and machines, log-sum-exp."""

import math
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl._rng import RngLike

__all__ = [
    "BoltzmannLayer",
    "Floats",
    "as_binary",
    "as_spins",
    "layer_parameters",
    "log_sum_exp",
]

Floats: TypeAlias = npt.NDArray[np.float64]


class BoltzmannLayer(Protocol):
    """What this module asks of a restricted Boltzmann machine."""

    W_: npt.NDArray[Any]
    b_: npt.NDArray[Any]
    c_: npt.NDArray[Any]
    units: str

    def sample_hidden(self, v: Any, *, rng: RngLike = None) -> npt.NDArray[Any]:
        """Draw hidden units given visible ones, shape (n, n_hidden)."""
        ...


def as_spins(s: npt.ArrayLike, name: str) -> npt.NDArray[np.int8]:
    """`s` as contiguous int8 after a strict check that every value is -1 or +1."""
    values = np.asarray(s)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold numbers -1 and +1, got dtype {values.dtype}")
    if values.dtype == np.int8:
        wrong = ((values + np.int8(1)) & np.int8(~2)) != 0
    elif values.dtype == np.bool_:
        wrong = np.ones_like(values)  # also where all are True: units, not spins
    else:
        wrong = (values != 1) & (values != -1)
    if wrong.any():
        if np.isin(values, (0, 1)).all():
            only = values.dtype != np.bool_ and (values == 0).all()
            got = "only 0" if only else "0 and 1"
            raise ValueError(
                f"{name} must hold spins -1 and +1, got {got}; "
                f"use 2 * {name} - 1 as int8 to turn binary units into spins"
            )
        raise ValueError(
            f"{name} must hold spins -1 and +1, got the value {values[wrong].flat[0]!r}"
        )
    return np.ascontiguousarray(values, dtype=np.int8).reshape(values.shape)


def as_binary(values: npt.ArrayLike, name: str) -> npt.NDArray[np.bool_]:
    """`values` as bool after a strict check that every value is 0 or 1."""
    units = np.asarray(values)
    wrong = (units != 0) & (units != 1)
    if wrong.any():
        cure = ""
        if np.isin(units, (-1, 1)).all():
            cure = f"; use ({name} + 1) // 2 to turn spins into binary units"
        raise ValueError(
            f"{name} must hold binary units 0 and 1, got the value "
            f"{units[wrong].flat[0]!r}{cure}"
        )
    return units.astype(np.bool_)


def layer_parameters(rbm: BoltzmannLayer) -> tuple[Floats, Floats, Floats]:
    """Weights (n_visible, n_hidden) and both biases in float64, checked."""
    missing = [name for name in ("W_", "b_", "c_", "units") if not hasattr(rbm, name)]
    if missing:
        raise TypeError(
            f"rbm must be a fitted rgdl.RBM, got {type(rbm).__name__} "
            f"without {', '.join(missing)}"
        )
    _validate.one_of(rbm.units, "rbm.units", ("spin", "binary"))
    weights = np.ascontiguousarray(rbm.W_, dtype=np.float64)
    visible_bias = np.ascontiguousarray(rbm.b_, dtype=np.float64)
    hidden_bias = np.ascontiguousarray(rbm.c_, dtype=np.float64)
    if weights.ndim != 2 or weights.shape != (len(visible_bias), len(hidden_bias)):
        raise ValueError(
            f"rbm.W_ must have shape ({len(visible_bias)}, {len(hidden_bias)}) to fit "
            f"its biases, got {weights.shape}"
        )
    for array in (weights, visible_bias, hidden_bias):
        if not np.isfinite(array).all():
            raise ValueError("rbm must have finite weights and biases")
    return weights, visible_bias, hidden_bias


def log_sum_exp(values: npt.NDArray[np.float64]) -> float:
    """Ln sum e^values with NumPy's pairwise sum; not finite if the largest is not."""
    top = float(values.max())
    if not math.isfinite(top):
        return top
    return top + math.log(float(np.sum(np.exp(values - top))))
