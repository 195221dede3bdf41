"""Receptive fields of hidden units on a torus: how many sites, how far, together."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rgdl import _validate

__all__ = ["FieldSizes", "field_sizes", "half_maximum"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FieldSizes:
    """Sizes of receptive fields.

    Attributes
    ----------
    participation : ndarray of float64, shape (n_units,)
        (sum r^2)^2 / sum r^4: 1 for a single site, N for an even field, N / 3 for
        Gaussian noise on N sites; nan for a field that is zero.
    radius : ndarray of float64, shape (n_units,)
        Root mean square distance from the circular mean, weighted with r^2.
    coverage : ndarray of float64, shape of a field
        sum over units of r^2 / max r^2: how strongly each site is seen.
    covered : float
        Share of the sites that some unit sees with at least half its largest weight.
    centre : ndarray of float64, shape (n_units, axes)
        Circular mean of the sites, weighted with r^2; nan for a field that is zero.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> float(rgdl.receptive.field_sizes(np.eye(4).reshape(4, 2, 2)).covered)
    1.0
    """

    participation: Floats
    radius: Floats
    coverage: Floats
    covered: float
    centre: Floats


def _maps(fields: npt.ArrayLike) -> Floats:
    maps = np.asarray(fields, dtype=np.float64)
    if maps.ndim < 2 or 0 in maps.shape:
        raise ValueError(
            f"fields must have shape (n_units, *lattice), got {maps.shape}"
        )
    if not np.isfinite(maps).all():
        raise ValueError("fields must be finite, got NaN or infinity")
    return maps


def half_maximum(fields: npt.ArrayLike, *, fraction: float = 0.5) -> Floats:
    r"""Keep only what reaches a fraction of each field's largest size.

    Parameters
    ----------
    fields : array_like, shape (n_units, \*lattice)
    fraction : float, default 0.5
        In [0, 1].

    Returns
    -------
    ndarray of float64, shape of fields
        Smaller entries are 0.

    Raises
    ------
    ValueError
        For a wrong shape or a value that is not finite.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.receptive.half_maximum([[1.0, -0.6, 0.4]])
    array([[ 1. , -0.6,  0. ]])
    """
    maps = _maps(fields)
    fraction = _validate.finite(fraction, "fraction", least=0.0, most=1.0)
    axes = tuple(range(1, maps.ndim))
    size = np.abs(maps)
    keep = size >= fraction * size.max(axis=axes, keepdims=True)
    return np.asarray(np.where(keep, maps, 0.0))


def field_sizes(fields: npt.ArrayLike) -> FieldSizes:
    r"""How many sites each receptive field covers, and how far it reaches.

    Parameters
    ----------
    fields : array_like, shape (n_units, \*lattice)
        One map per hidden unit, on a periodic lattice.

    Returns
    -------
    FieldSizes

    Raises
    ------
    ValueError
        For a wrong shape or a value that is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> fields = np.zeros((1, 8, 8))
    >>> fields[0, 0, [0, 7]] = 1.0
    >>> sizes = rgdl.receptive.field_sizes(fields)
    >>> float(sizes.participation[0]), round(float(sizes.radius[0]), 12)
    (2.0, 0.5)
    """
    maps = _maps(fields)
    axes = tuple(range(1, maps.ndim))
    peak = np.abs(maps).max(axis=axes, keepdims=True)
    alive = peak.reshape(len(maps)) > 0
    power = np.square(maps / np.where(peak > 0, peak, 1.0))
    total = power.sum(axis=axes)
    fourth = np.square(power).sum(axis=axes)
    safe = np.where(alive, total, 1.0)
    participation = np.where(alive, total**2 / np.where(alive, fourth, 1.0), np.nan)
    square = np.zeros(len(maps))
    centres = np.empty((len(maps), len(axes)))
    for axis in axes:
        extent = maps.shape[axis]
        others = tuple(other for other in axes if other != axis)
        density = power.sum(axis=others) / safe[:, None]
        place = np.arange(extent)
        turn = density @ np.exp(2j * np.pi * place / extent)
        centre = np.angle(turn) * extent / (2.0 * np.pi)
        centres[:, axis - 1] = np.where(alive, centre % extent, np.nan)
        away = place - centre[:, None]
        away -= extent * np.round(away / extent)
        square += (density * away**2).sum(axis=1)
    seen = (power >= 0.25) & (peak > 0)
    return FieldSizes(
        participation,
        np.where(alive, np.sqrt(square), np.nan),
        power.sum(axis=0),
        float(seen.any(axis=0).mean()),
        centres,
    )
