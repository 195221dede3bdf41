"""Packed bits: the row format that every part of rgdl shares."""

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._units import pack_units

__all__ = ["pack", "unpack"]


def pack(s: npt.ArrayLike, *, units: str = "spin") -> npt.NDArray[np.uint64]:
    """Pack two-valued rows into bits.

    Parameters
    ----------
    s : array_like, shape (n, ...)
        Spins -1/+1, or 0/1 (bool too) with ``units="binary"``; trailing axes are
        flattened in C order.
    units : {"spin", "binary"}
        Which two values occur.

    Returns
    -------
    ndarray of uint64, shape (n, ceil(features / 64))
        Bit 1 is spin +1 or unit on; unit i is bit i % 64 of word i // 64; padding is
        0. As bytes it equals ``np.packbits(s > 0, axis=1, bitorder="little")``.

    Raises
    ------
    ValueError, TypeError
        When another value occurs.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.pack([[1, -1, 1, 1]])
    array([[13]], dtype=uint64)
    """
    return pack_units(s, units, "s").bits


def unpack(
    bits: npt.ArrayLike, n_units: int, *, units: str = "spin"
) -> npt.NDArray[np.int8] | npt.NDArray[np.uint8]:
    """Inverse of `pack`.

    Parameters
    ----------
    bits : array_like of uint64, shape (n, ceil(n_units / 64))
        Packed rows.
    n_units : int
        Units per row.
    units : {"spin", "binary"}
        Values to give back: -1/+1 as int8 or 0/1 as uint8.

    Returns
    -------
    ndarray, shape (n, n_units)

    Raises
    ------
    ValueError, TypeError
        When the number of words does not fit n_units.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.unpack(rgdl.pack([[1, -1, 1, 1]]), 4)
    array([[ 1, -1,  1,  1]], dtype=int8)
    """
    _validate.one_of(units, "units", ("spin", "binary"))
    words = np.ascontiguousarray(bits)
    n_units = _validate.count(n_units, "n_units")
    values = _core.unpack(words, n_units, -1 if units == "spin" else 0)
    return values if units == "spin" else values.view(np.uint8)
