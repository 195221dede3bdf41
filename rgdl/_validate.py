"""Checks of arguments, with messages that name the argument, the need and the value."""

import math
import numbers
import operator
import os
import sys
from typing import SupportsIndex

__all__ = ["count", "finite", "one_of", "shape_of", "worker_count"]


def count(value: SupportsIndex, name: str, *, least: int = 1) -> int:
    """`value` as an int of at least `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if not least <= number <= sys.maxsize:
        bound = f"at least {least}" if number < least else f"at most {sys.maxsize}"
        raise ValueError(f"{name} must be {bound}, got {number}")
    return number


def finite(
    value: float, name: str, *, least: float = -math.inf, most: float = math.inf
) -> float:
    """`value` as a finite float in [least, most]."""
    is_complex = isinstance(value, numbers.Complex)
    if isinstance(value, str | bytes | bool) or (
        is_complex and not isinstance(value, numbers.Real)
    ):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a real number, got {value!r}") from None
    except OverflowError:
        raise ValueError(f"{name} must be finite, got a number beyond 1e308") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    if not least <= number <= most:
        raise ValueError(f"{name} must be in [{least:g}, {most:g}], got {number:g}")
    return number


def one_of(value: str, name: str, allowed: tuple[str, ...]) -> str:
    """`value` if it is one of the allowed words."""
    if value not in allowed:
        words = ", ".join(repr(word) for word in allowed)
        raise ValueError(f"{name} must be one of {words}, got {value!r}")
    return value


def shape_of(
    value: SupportsIndex | tuple[int, ...], name: str, *, max_ndim: int
) -> tuple[int, ...]:
    """Lattice extents as a tuple; each at least 2."""
    extents = value if isinstance(value, tuple | list) else (value,)
    shape = tuple(
        count(extent, f"every extent of {name}", least=2) for extent in extents
    )
    if not 1 <= len(shape) <= max_ndim:
        raise ValueError(
            f"{name} must have 1 to {max_ndim} extents, got {len(shape)}: {value!r}"
        )
    if math.prod(shape) > sys.maxsize:
        raise ValueError(f"{name} must have at most {sys.maxsize} sites, got {value!r}")
    return shape


def worker_count(workers: int) -> int:
    """Return the number of threads; all that this process may use for -1."""
    number = count(workers, "workers", least=-1)
    if number == 0:
        raise ValueError("workers must be positive, or -1 for all processors; got 0")
    if number > 0:
        return number
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
