"""Two-valued data on their way into the core."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate

__all__ = ["UNITS", "Packed", "pack_units", "rows_of"]

UNITS = ("spin", "binary")


class Packed(NamedTuple):
    """Packed rows and the shape that each row had."""

    bits: npt.NDArray[np.uint64]
    row_shape: tuple[int, ...]


def rows_of(X: npt.ArrayLike, name: str) -> npt.NDArray[np.generic]:
    """`X` as an array of at least one row axis and one more."""
    array = np.asarray(X)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim < 2 or array.shape[0] == 0 or 0 in array.shape[1:]:
        raise ValueError(
            f"{name} must have shape (n, features) or (n, *lattice) with n >= 1, "
            f"got {array.shape}"
        )
    return array


def pack_units(X: npt.ArrayLike, units: str, name: str) -> Packed:
    """Pack rows that hold just the two values of `units`; anything else is an error."""
    _validate.one_of(units, "units", UNITS)
    array = rows_of(X, name)
    low = -1 if units == "spin" else 0
    flat = np.ascontiguousarray(array.reshape(array.shape[0], -1))
    if flat.dtype.kind == "f" and not np.isin(flat, (low, 1)).all():
        raise ValueError(_wrong_values(array, units, name))
    if flat.dtype.kind == "u" and flat.max() > 1:
        raise ValueError(_wrong_values(array, units, name))
    narrow = flat.view(np.int8) if flat.dtype.itemsize == 1 else flat.astype(np.int8)
    if flat.dtype.itemsize > 1 and not np.array_equal(narrow, flat):
        raise ValueError(_wrong_values(array, units, name))
    try:
        bits = _core.pack(narrow, low)
    except ValueError:
        raise ValueError(_wrong_values(array, units, name)) from None
    return Packed(bits, array.shape[1:])


def _wrong_values(array: npt.NDArray[np.generic], units: str, name: str) -> str:
    expected = "-1 and +1" if units == "spin" else "0 and 1"
    values = np.unique(array)
    cure = ""
    if units == "spin" and np.isin(values, (0, 1)).all():
        cure = f'; use units="binary", or 2 * {name} - 1'
    elif units == "binary" and np.isin(values, (-1, 1)).all():
        cure = f'; use units="spin", or ({name} + 1) // 2'
    shown = ", ".join(str(value) for value in values[:4])
    more = ", ..." if values.size > 4 else ""
    return f'{name} must hold {expected} for units="{units}", got {shown}{more}{cure}'
