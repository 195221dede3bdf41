"""Observables against K, one curve for each size."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl.stats import MultiHistogram
from rgdl.stats._jackknife import jackknife_error
from rgdl.trace import Trace

__all__ = ["LEAST_ESS", "Curve", "Floats", "binder", "by_size", "curves", "curves_of"]

Floats = npt.NDArray[np.float64]

#: Effective draws that a coupling within reach must have.
LEAST_ESS = 50.0


@dataclass(frozen=True)
class Curve:
    """One observable of one lattice size against K.

    Parameters
    ----------
    L : int
        Extent.
    K : ndarray of float64, shape (n,)
        Reduced couplings, ascending.
    values, errors : ndarray of float64, shape (n,)
        The observable and its standard deviations.
    modes : ndarray of float64, shape (blocks, n), optional
        Jackknife deviations, ``modes.T @ modes`` the covariance of the values; points
        without it are independent.

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl import fss
    >>> fss.Curve(8, np.array([0.4, 0.5]), np.array([1.0, 2.0]), np.array([0.1, 0.1])).L
    8
    """

    L: int
    K: Floats
    values: Floats
    errors: Floats
    modes: Floats | None = None


def curves(
    traces: Sequence[Trace], quantity: str, K: npt.ArrayLike | None = None
) -> list[Curve]:
    """Curves of one observable against K, one for each size.

    Parameters
    ----------
    traces : sequence of Trace
        With energy and magnetisation; those of one size are joined.
    quantity : str
        "binder", "chi", "cv" (at h = 0) or ``"|magnetization|"``, as of `rgdl.Trace`.
    K : array_like, optional
        Couplings, reached by reweighting; points out of reach are left out. By default
        those that were simulated.

    Returns
    -------
    list of Curve
        By ascending size.

    Raises
    ------
    ValueError
        For an unknown quantity or traces that lack observables.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((16, 16), K=0.43)
    >>> trace = rgdl.Trace.of(model, rgdl.sample(model, 4096, rng=0))
    >>> rgdl.fss.curves([trace], "chi", [0.42, 0.43, 0.44, 0.9])[0].K
    array([0.42, 0.43, 0.44])
    """
    _validate.one_of(quantity, "quantity", tuple(_QUANTITIES))
    names = _QUANTITIES[quantity](1)(1.0)[1]
    ndim = traces[0].model.ndim if traces else 0
    return curves_of(by_size(traces, names), quantity, ndim, K)


_Quantity = tuple[Callable[..., float] | None, tuple[str, ...]]


def binder(m2: float, m4: float) -> float:
    return 1.0 - m4 / (3.0 * m2 * m2)


_QUANTITIES: dict[str, Callable[[int], Callable[[float], _Quantity]]] = {
    "binder": lambda n: lambda K: (binder, ("m^2", "m^4")),
    "|magnetization|": lambda n: lambda K: (None, ("|magnetization|",)),
    "chi": lambda n: (
        lambda K: (
            lambda a, mm: n * K * (mm - a * a),
            ("|magnetization|", "m^2"),
        )
    ),
    "cv": lambda n: (
        lambda K: (
            lambda e, ee: K * K * n * (ee - e * e),
            ("energy", "e^2"),
        )
    ),
}


def by_size(traces: Sequence[Trace], names: Sequence[str]) -> dict[int, MultiHistogram]:
    """All couplings of each size, joined, with the observables of these names."""
    groups: dict[int, list[Trace]] = {}
    for trace in traces:
        if not isinstance(trace, Trace):
            raise TypeError(f"traces must hold rgdl.Trace, got {type(trace).__name__}")
        if len(set(trace.lattice)) > 1 or trace.model.ndim != traces[0].model.ndim:
            raise ValueError(
                f"traces must be of equal extents and dimension, got {trace.lattice}"
            )
        if not {"energy", "magnetization"} <= set(trace) or trace.model.K is None:
            raise ValueError(
                "traces must have energy and magnetization and a K, "
                f"got {list(trace)} of {trace.model!r}"
            )
        groups.setdefault(trace.lattice[0], []).extend(trace.rungs())
    return {L: _join(group, names) for L, group in groups.items()}


#: Observables from the energy and the magnetisation per site.
_MOMENTS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "energy": lambda e, m: e,
    "e^2": lambda e, m: e**2,
    "|magnetization|": lambda e, m: np.abs(m),
    "m^2": lambda e, m: m**2,
    "m^4": lambda e, m: m**4,
}


def _join(group: Sequence[Trace], names: Sequence[str]) -> MultiHistogram:
    pairs = [(trace["energy"], trace["magnetization"]) for trace in group]
    n = group[0].model.n_sites
    return MultiHistogram(
        [np.round(n * e, 6) for e, _ in pairs],
        [float(trace.model.K) for trace in group],  # type: ignore[arg-type]
        {name: [_MOMENTS[name](e, m) for e, m in pairs] for name in names},
    )


def curves_of(
    histograms: Mapping[int, MultiHistogram],
    quantity: str,
    ndim: int,
    K: npt.ArrayLike | None,
) -> list[Curve]:
    """Curves from histograms that are joined already."""
    result = []
    for L, histogram in sorted(histograms.items()):
        wanted = histogram.K if K is None else np.asarray(K, dtype=np.float64).ravel()
        function = _QUANTITIES[quantity](L**ndim)
        result.append(_curve(L, histogram, function, np.sort(wanted)))
    return result


def _curve(
    L: int,
    histogram: MultiHistogram,
    function: Callable[[float], _Quantity],
    grid: Floats,
) -> Curve:
    """Points within reach, with their jackknife deviations."""
    within = [K for K in grid if histogram.effective_draws(K) >= LEAST_ESS]
    rows = []
    for K in within:
        f, names = function(float(K))
        whole, parts = histogram.replicas(f, *names, K=float(K))
        value, error = jackknife_error(whole, parts)
        n = len(parts)
        rows.append((value, error, (parts - parts.mean()) * math.sqrt((n - 1) / n)))
    values, errors = (np.array([row[i] for row in rows]) for i in (0, 1))
    modes = np.array([row[2] for row in rows]).T if rows else None
    return Curve(L, np.array(within), values, errors, modes)
