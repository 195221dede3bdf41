r"""Observables of configurations: structure factor, correlations, order parameters.

Configurations have shape ``(n, *lattice)`` with 1 to 3 lattice axes, all taken as
periodic here, and results have one entry per configuration, so that errors can be made
from them. Fourier transforms run in single precision: relative errors of about 1e-6.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl._states import as_spins
from rgdl.ising import Ising
from rgdl.stats._estimate import Estimate
from rgdl.stats._jackknife import jackknife
from rgdl.stats._series import Floats

__all__ = [
    "correlation_function",
    "correlation_length",
    "lowest_modes",
    "measure",
    "radial_average",
    "second_moment_length",
    "staggered_magnetization",
    "structure_factor",
]

_CHUNK = 1 << 17  # spins per batch of transforms: half a megabyte of float32


def structure_factor(s: npt.ArrayLike) -> npt.NDArray[np.float32]:
    r"""Structure factor of each configuration.

    Parameters
    ----------
    s : array_like, shape (n, \*lattice)
        Spins -1/+1.

    Returns
    -------
    ndarray of float32, shape (n, \*lattice)
        :math:`S(k) = \frac1N |\sum_r s_r e^{-i k r}|^2` at :math:`k = 2\pi n / L`, in
        the order of `numpy.fft.fftfreq`; S(0) = N m^2, and the mean over k is 1.

    Raises
    ------
    ValueError
        For other shapes, or values that are not -1 or +1.

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl import observables
    >>> stripes = np.array([[[1, -1], [1, -1]]])
    >>> observables.structure_factor(stripes)[0]
    array([[0., 4.],
           [0., 0.]], dtype=float32)
    """
    spins = _configurations(s)
    half = np.concatenate(list(_power_spectra(spins)))
    lattice = spins.shape[1:]
    # S(-k) = S(k): the other half of the last axis mirrors along all axes
    rest = half[..., 1 : (lattice[-1] + 1) // 2][..., ::-1]
    for axis in range(1, spins.ndim - 1):
        rest = np.roll(np.flip(rest, axis), 1, axis)
    return np.concatenate([half, rest], axis=-1)


def correlation_function(s: npt.ArrayLike) -> npt.NDArray[np.float32]:
    r"""Spin-spin correlations of each configuration at every displacement.

    Parameters
    ----------
    s : array_like, shape (n, \*lattice)
        Spins -1/+1.

    Returns
    -------
    ndarray of float32, shape (n, \*lattice)
        :math:`C(r) = \frac1N \sum_x s_x s_{x+r}` around the torus, not connected;
        C(0) = 1.

    Raises
    ------
    ValueError
        For other shapes, or values that are not -1 or +1.

    Notes
    -----
    The Fourier transform of the structure factor (Wiener and Khinchin): O(N log N).

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((8, 8), K=0.4)
    >>> c = rgdl.observables.correlation_function(rgdl.sample(model, 4096, rng=0))
    >>> c[:, 0, 1].mean().round(2), rgdl.exact.correlations((8, 8), 0.4)[0, 1].round(2)
    (np.float32(0.61), np.float64(0.61))
    """
    from scipy import fft

    spins = _configurations(s)
    lattice = spins.shape[1:]
    axes = tuple(range(1, spins.ndim))
    result = np.empty(spins.shape, dtype=np.float32)
    first = 0
    for power in _power_spectra(spins):
        last = first + len(power)
        result[first:last] = fft.irfftn(power, lattice, axes, overwrite_x=True)
        first = last
    return result


def radial_average(values: npt.ArrayLike) -> tuple[Floats, Floats]:
    r"""Average over displacements of equal length around the torus.

    Parameters
    ----------
    values : array_like, shape (n, \*lattice)
        Functions of the displacement, as `correlation_function` gives them.

    Returns
    -------
    r : ndarray of float64, shape (n_distances,)
        Lengths of the shortest representatives, ascending from 0.
    averages : ndarray of float64, shape (n, n_distances)

    Raises
    ------
    ValueError
        Without a lattice axis behind the first one.

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl import observables
    >>> r, averages = observables.radial_average(np.ones((5, 3, 3)))
    >>> r.round(3), averages.shape
    (array([0.   , 1.   , 1.414]), (5, 3))
    """
    array = np.asarray(values, dtype=np.float64)
    if not 2 <= array.ndim <= 4 or array.size == 0:
        raise ValueError(f"values must have shape (n, *lattice), got {array.shape}")
    axes = [np.minimum(np.arange(L), L - np.arange(L)) ** 2 for L in array.shape[1:]]
    squares = np.asarray(sum(np.meshgrid(*axes, indexing="ij")))
    distances, place = np.unique(squares.ravel(), return_inverse=True)
    order = np.argsort(place, kind="stable")
    counts = np.bincount(place)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    flat = array.reshape(len(array), -1)[:, order]
    return np.sqrt(distances), np.add.reduceat(flat, starts, axis=1) / counts


def staggered_magnetization(s: npt.ArrayLike) -> Floats:
    r"""Magnetisation of each configuration with the sign of the sublattice.

    Parameters
    ----------
    s : array_like, shape (n, \*lattice)
        Spins -1/+1.

    Returns
    -------
    ndarray of float64, shape (n,)
        :math:`\frac1N \sum_x (-1)^{x_1 + x_2 + \cdots} s_x`.

    Raises
    ------
    ValueError
        For other shapes, or values that are not -1 or +1.

    Examples
    --------
    >>> from rgdl import observables
    >>> observables.staggered_magnetization([[1, -1, 1, -1], [1, 1, 1, 1]])
    array([1., 0.])
    """
    spins = _configurations(s)
    signs = 1 - 2 * (np.indices(spins.shape[1:]).sum(axis=0).ravel() % 2)
    flat = spins.reshape(len(spins), -1)
    return np.asarray(flat @ signs.astype(np.float64) / flat.shape[1])


def lowest_modes(s: npt.ArrayLike) -> Floats:
    r"""Structure factor of each configuration at the longest wave along each axis.

    Parameters
    ----------
    s : array_like, shape (n, \*lattice)
        Spins -1/+1.

    Returns
    -------
    ndarray of float64, shape (n, lattice axes)
        :math:`S(k)` at :math:`k = 2\pi / L_a` along axis a.

    Raises
    ------
    ValueError
        For other shapes, or values that are not -1 or +1.

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl import observables
    >>> s = np.array([[[1, 1, -1, -1]] * 4])
    >>> observables.lowest_modes(s)
    array([[0., 8.]])
    """
    spins = _configurations(s)
    axes = range(1, spins.ndim)
    columns = []
    for axis in axes:
        extent = spins.shape[axis]
        rest = tuple(other for other in axes if other != axis)
        profile = spins.sum(axis=rest, dtype=np.float64)
        wave = np.exp(2j * np.pi * np.arange(extent) / extent)
        columns.append(np.abs(profile @ wave) ** 2)
    return np.asarray(np.stack(columns, axis=1) / spins[0].size)


def correlation_length(s: npt.ArrayLike) -> Estimate:
    r"""Second-moment correlation length of independent configurations.

    Parameters
    ----------
    s : array_like, shape (n, \*lattice)
        Spins -1/+1, extents all equal.

    Returns
    -------
    Estimate
        :math:`\xi = \sqrt{S(0) / S(k_1) - 1} / (2 \sin(k_1 / 2))`, :math:`k_1 = 2\pi /
        L`, averaged over axes, with its jackknife error over configurations.

    Raises
    ------
    ValueError
        For other shapes, or values that are not -1 or +1.

    Notes
    -----
    F. Cooper, B. Freedman and D. Preston, Nucl. Phys. B 210, 210 (1982). Disconnected:
    for the symmetric phase and for finite-size scaling at T_c.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((16, 16), K=0.3)
    >>> xi = rgdl.observables.correlation_length(rgdl.sample(model, 4096, rng=0))
    >>> 1.5 < xi.value < 1.7 and xi.reliable
    True
    """
    spins = _configurations(s)
    extents = set(spins.shape[1:])
    if len(extents) > 1:
        raise ValueError(f"s must have equal extents, got {spins.shape[1:]}")
    zero = spins[0].size * spins.reshape(len(spins), -1).mean(axis=1) ** 2
    one = lowest_modes(spins).mean(axis=1)
    extent = extents.pop()
    return jackknife(lambda a, b: second_moment_length(a, b, extent), zero, one)


def second_moment_length(zero: float, one: float, extent: int) -> float:
    r"""Second-moment correlation length from two values of the structure factor.

    Parameters
    ----------
    zero, one : float
        Mean S(0) and mean S(k_1).
    extent : int
        L, of :math:`k_1 = 2\pi / L`.

    Returns
    -------
    float
        :math:`\sqrt{S(0) / S(k_1) - 1} / (2 \sin(k_1 / 2))`; nan where S(0) is the
        smaller one.

    Examples
    --------
    >>> from rgdl import observables
    >>> round(observables.second_moment_length(3.0, 1.0, 4), 6)
    1.0
    """
    if not zero >= one > 0:
        return math.nan
    return math.sqrt(zero / one - 1.0) / (2.0 * math.sin(math.pi / extent))


#: What `measure` knows, by name.
_NAMES = ("energy", "magnetization", "staggered_magnetization", "lowest_mode")


def measure(
    model: Ising,
    s: npt.ArrayLike,
    observables: Sequence[str] = ("energy", "magnetization"),
) -> dict[str, Floats]:
    r"""Observables of configurations by name.

    Parameters
    ----------
    model : Ising
        Whose energy.
    s : array_like, shape (..., \*model.shape)
        Spins -1/+1, with any leading axes, such as (chain, draw).
    observables : sequence of str
        Among "energy" and "magnetization" (per site, with its sign),
        "staggered_magnetization" and "lowest_mode" (S(k_1) averaged over axes, for
        second-moment correlation lengths).

    Returns
    -------
    dict of str to ndarray of float64
        Shaped like the leading axes.

    Raises
    ------
    ValueError
        For unknown names, other shapes, or values that are not -1 or +1.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> up = np.ones((2, 3, 4, 4), dtype=np.int8)  # 2 chains of 3 draws
    >>> rgdl.observables.measure(rgdl.Ising((4, 4), K=0.4), up)["energy"]
    array([[-2., -2., -2.],
           [-2., -2., -2.]])
    """
    spins = np.asarray(s)
    lead = spins.shape[: max(spins.ndim - model.ndim, 0)]
    if spins.shape[len(lead) :] != model.shape:
        raise ValueError(
            f"s must have shape (..., {', '.join(map(str, model.shape))}), "
            f"got {spins.shape}"
        )
    flat = spins.reshape(-1, *model.shape)
    result: dict[str, Floats] = {}
    for name in observables:
        _validate.one_of(name, "observables", _NAMES)
        if name == "energy":
            values = model.energy(flat)
        elif name == "magnetization":
            values = model.magnetization(flat)
        elif name == "staggered_magnetization":
            values = staggered_magnetization(flat)
        else:
            values = lowest_modes(flat).mean(axis=1)
        result[name] = values.reshape(lead)
    return result


def _configurations(s: npt.ArrayLike) -> npt.NDArray[np.int8]:
    spins = np.asarray(s)
    if not 2 <= spins.ndim <= 4 or spins.size == 0:
        raise ValueError(
            "s must have shape (n, *lattice) with 1 to 3 lattice axes, "
            f"got {spins.shape}"
        )
    return as_spins(spins, "s")


def _power_spectra(spins: npt.NDArray[np.int8]) -> Iterator[npt.NDArray[np.float32]]:
    """S(k) of batches of configurations, half of the last axis."""
    from scipy import fft

    n_sites = spins[0].size
    axes = tuple(range(1, spins.ndim))
    scale = np.float32(1.0 / n_sites)
    step = max(_CHUNK // n_sites, 1)
    for first in range(0, len(spins), step):
        f = fft.rfftn(spins[first : first + step].astype(np.float32), axes=axes)
        yield (f.real**2 + f.imag**2) * scale
