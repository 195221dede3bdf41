"""Rows on their way into a machine: packed bits if two-valued, real values if not."""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import _check_sample_weight, validate_data

from rgdl._units import Packed, pack_units
from rgdl.errors import DataWarning

__all__ = ["Rows", "read_rows", "read_weights"]


_CHUNK = 2048


@dataclass(frozen=True)
class Rows:
    """Rows of data in one of two forms, with the shape that each row had.

    Attributes
    ----------
    bits : ndarray of uint64, or None
        Packed rows of two-valued data.
    values : ndarray of float, or None
        Rows of real-valued data: means of units, for the dense path.
    row_shape : tuple of int
    weights : ndarray of float64, or None
        Positive weights; None stands for equal ones.
    """

    bits: npt.NDArray[np.uint64] | None
    values: npt.NDArray[Any] | None
    row_shape: tuple[int, ...]
    weights: npt.NDArray[np.float64] | None = None

    @classmethod
    def packed(cls, data: Packed) -> "Rows":
        """Two-valued rows that are packed already."""
        return cls(data.bits, None, data.row_shape)

    def __len__(self) -> int:
        rows = self.values if self.bits is None else self.bits
        assert rows is not None
        return int(rows.shape[0])


def read_rows(
    estimator: Any, X: Any, units: str, *, reset: bool, stacklevel: int = 3
) -> Rows:
    """Check `X` as scikit-learn does, rows of any shape allowed, and choose the path.

    Two-valued rows are packed; those of the other units raise, naming the cure; all
    else is real-valued, with a DataWarning outside the units' range.
    """
    row_shape: tuple[int, ...] | None = None
    if not hasattr(X, "ndim"):  # neither an array nor a table nor a sparse matrix
        X = np.asarray(X)
    if X.ndim > 2:
        array = np.asarray(X)
        row_shape = array.shape[1:]
        X = array.reshape(array.shape[0], math.prod(row_shape))
    rows = validate_data(
        estimator, X, reset=reset, dtype="numeric", ensure_all_finite=True
    )
    row_shape = row_shape or rows.shape[1:]
    if _holds_units(rows, units):
        return Rows(pack_units(rows, units, "X").bits, None, row_shape)
    low = -1 if units == "spin" else 0
    if rows.dtype.kind != "f":
        rows = rows.astype(np.float64)
    if rows.min() < low or rows.max() > 1:
        warnings.warn(
            f"X leaves [{low}, 1], the range of units={units!r}; real values are taken "
            "as means of units",
            DataWarning,
            stacklevel=stacklevel,
        )
    return Rows(None, rows, row_shape)


def _holds_units(rows: npt.NDArray[Any], units: str) -> bool:
    """Whether all is two-valued in these units; raises if it is so in the others."""
    low, other = (-1, 0) if units == "spin" else (0, -1)
    first = rows[:1]
    if ((first == low) | (first == 1)).all() and _only(rows, low):
        return rows.dtype.kind != "b" or units == "binary" or _refuse(rows, units)
    if ((first == other) | (first == 1)).all():
        both = (rows == other).any() and (rows == 1).any()
        if rows.dtype.kind == "b" or (both and _only(rows, other)):
            return _refuse(rows, units)
    return False


def _only(rows: npt.NDArray[Any], low: int) -> bool:
    """Whether all values are `low` or 1; in parts, as each comparison is a copy."""
    parts = (rows[first : first + _CHUNK] for first in range(0, len(rows), _CHUNK))
    return all(((part == low) | (part == 1)).all() for part in parts)


def _refuse(rows: npt.NDArray[Any], units: str) -> bool:
    pack_units(rows.astype(np.int8), units, "X")  # raises, naming the cure
    raise ValueError(f'X must not be bool for units="{units}"; use 2 * X - 1 as int8')


def read_weights(rows: Rows, sample_weight: npt.ArrayLike | None) -> Rows:
    """`rows` with their weights; rows of weight 0 are left out, as if never given."""
    if sample_weight is None:
        return rows
    like = np.empty((len(rows), 1))
    weights = _check_sample_weight(
        sample_weight, like, dtype=np.float64, ensure_non_negative=True
    )
    kept = weights > 0
    if not kept.any():
        raise ValueError("sample_weight must have at least one positive weight")
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not math.isfinite(total):
        raise ValueError("sample_weight must have a finite sum, got inf")
    if kept.all():
        kept = slice(None)
    return Rows(
        None if rows.bits is None else np.ascontiguousarray(rows.bits[kept]),
        None if rows.values is None else rows.values[kept],
        rows.row_shape,
        np.ascontiguousarray(weights[kept]),
    )
