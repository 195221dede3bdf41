"""Time series of a simulation, and what follows from them with error bars."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rgdl import _validate, stats
from rgdl._files import read_npz, write_npz
from rgdl._model_files import model_from_file, model_to_file
from rgdl._summary import Summary
from rgdl._trace_estimates import Series, TraceEstimates
from rgdl.ising import Ising
from rgdl.observables import measure
from rgdl.stats import Estimate

__all__ = ["Summary", "Trace"]

_KIND = "trace"
_PREFIX = "series_"


class Trace(TraceEstimates):
    r"""Observables of Markov chains: a mapping from names to (chain, draw) arrays.

    Parameters
    ----------
    series : mapping of str to array_like
        Arrays of one shape (chain, draw), or (K, chain, draw) with a ladder of
        couplings. "energy" and "magnetization" are per site, as `Ising.energy` and
        `Ising.magnetization` give them.
    model : Ising
        What was simulated.
    K : sequence of float, optional
        The ladder, where the arrays have a leading axis for it.
    method : str
        Algorithm.
    thin : int
        Sweeps from one draw to the next.
    burn_in : int
        Sweeps before the first draw.
    key : tuple of int
        The key of the random numbers; ``rng=trace.key`` repeats the run.
    info : mapping, optional
        More about the run, such as rates of replica exchange; JSON.

    Attributes
    ----------
    model, method, thin, burn_in, key, info
        As given.
    K : float, None or ndarray of float64
        The coupling of the model, or the ladder.
    lattice : tuple of int
    chains, draws : int

    Raises
    ------
    ValueError, TypeError
        For arrays of different or wrong shapes, or values that are not finite.

    Notes
    -----
    Read-only. ``dict(trace)`` is what `arviz.from_dict` takes as posterior, and
    ``trace["energy"].T`` what `emcee.autocorr.integrated_time` takes (its tau is twice
    `tau_int`).

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((8, 8), K=0.4)
    >>> trace = rgdl.Trace.of(model, rgdl.sample(model, 4096, rng=0))
    >>> trace
    Trace of Ising((8, 8), K=0.4), 1 chain x 4096 draws: energy, magnetization
    >>> trace["energy"].shape
    (1, 4096)
    >>> exact = rgdl.exact.kaufman((8, 8), 0.4)
    >>> cv = trace.cv()
    >>> abs(cv.value - exact.specific_heat) < 4 * cv.error
    True
    >>> cv = trace.cv(K=0.42)  # reweighted
    >>> abs(cv.value - rgdl.exact.kaufman((8, 8), 0.42).specific_heat) < 4 * cv.error
    True
    """

    def __init__(
        self,
        series: Mapping[str, npt.ArrayLike],
        *,
        model: Ising,
        K: npt.ArrayLike | None = None,
        method: str = "",
        thin: int = 1,
        burn_in: int = 0,
        key: tuple[int, ...] = (),
        info: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(model, Ising):
            raise TypeError(f"model must be a rgdl.Ising, got {type(model).__name__}")
        ladder = None if K is None else np.array(K, dtype=np.float64)
        if ladder is not None and (ladder.ndim != 1 or not np.isfinite(ladder).all()):
            raise ValueError(f"K must be a ladder of finite couplings, got {K!r}")
        lead = () if ladder is None else ladder.shape
        arrays = {
            name: np.array(values, dtype=np.float64) for name, values in series.items()
        }
        shapes = {array.shape for array in arrays.values()}
        if len(shapes) != 1 or not _fits(next(iter(shapes)), lead):
            raise ValueError(
                "series must all have one shape "
                f"{'(chain, draw)' if ladder is None else '(K, chain, draw)'} with at "
                f"least 2 draws, got {sorted(shapes)}"
            )
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite, got nan or infinity")
            array.flags.writeable = False
        self._series = arrays
        self._ladder = ladder
        self.model = model
        self.method = str(method)
        self.thin = _validate.count(thin, "thin")
        self.burn_in = _validate.count(burn_in, "burn_in", least=0)
        self.key = tuple(int(word) for word in key)
        self.info = dict(info or {})
        self._joined: dict[tuple[str, ...], stats.MultiHistogram] = {}

    @classmethod
    def of(cls, model: Ising, s: npt.ArrayLike, **parameters: Any) -> Self:
        r"""Trace of configurations that are there already.

        Parameters
        ----------
        model : Ising
            What they were drawn from.
        s : array_like, shape (draw, \*model.shape) or (chain, draw, \*model.shape)
            Configurations. Independent ones, as from `rgdl.sample`, are one chain.
        **parameters
            Those of `Trace`.

        Returns
        -------
        Trace
            With the energy and the magnetisation.

        Raises
        ------
        ValueError
            When the lattice axes differ or a value is not -1 or +1.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising(16, K=0.5)
        >>> rgdl.Trace.of(model, rgdl.sample(model, 100, rng=0))["energy"].shape
        (1, 100)
        """
        series = measure(model, s)
        return cls(
            {name: np.atleast_2d(values) for name, values in series.items()},
            model=model,
            **parameters,
        )

    def __getitem__(self, name: str) -> Series:
        return self._series[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._series)

    def __len__(self) -> int:
        return len(self._series)

    @property
    def K(self) -> float | Series | None:
        """Coupling of the model, or the ladder."""
        return self.model.K if self._ladder is None else self._ladder.copy()

    @property
    def lattice(self) -> tuple[int, ...]:
        """Extents of the lattice."""
        return self.model.shape

    @property
    def chains(self) -> int:
        """Number of chains (at each K)."""
        return int(self._any().shape[-2])

    @property
    def draws(self) -> int:
        """Number of draws of each chain."""
        return int(self._any().shape[-1])

    def _any(self) -> Series:
        return next(iter(self._series.values()))

    def at(self, i: int) -> "Trace":
        """Trace of one coupling of the ladder.

        Parameters
        ----------
        i : int
            Index into `K`.

        Returns
        -------
        Trace

        Raises
        ------
        ValueError
            When there is no ladder.
        IndexError
            When it is shorter.

        Examples
        --------
        >>> import numpy as np
        >>> import rgdl
        >>> series = {"energy": np.zeros((3, 2, 50))}
        >>> ladder = rgdl.Trace(series, model=rgdl.Ising(8, K=0.1), K=[0.1, 0.2, 0.3])
        >>> ladder.at(1).K
        0.2
        """
        if self._ladder is None:
            raise ValueError("this trace has one K, not a ladder")
        old = self.model
        model = Ising(
            old.shape,
            K=float(self._ladder[i]),
            h=old.h,
            periodic=old.periodic,
            couplings=old.couplings,
        )
        return Trace(
            {name: array[i] for name, array in self._series.items()},
            model=model,
            method=self.method,
            thin=self.thin,
            burn_in=self.burn_in,
            key=self.key,
            info=self.info,
        )

    def rungs(self) -> list["Trace"]:
        """Traces of every coupling of the ladder; the trace itself without one.

        Returns
        -------
        list of Trace

        Examples
        --------
        >>> import numpy as np
        >>> import rgdl
        >>> series = {"energy": np.zeros((3, 2, 50))}
        >>> ladder = rgdl.Trace(series, model=rgdl.Ising(8, K=0.1), K=[0.1, 0.2, 0.3])
        >>> [trace.K for trace in ladder.rungs()]
        [0.1, 0.2, 0.3]
        """
        if self._ladder is None:
            return [self]
        return [self.at(i) for i in range(len(self._ladder))]

    def summary(self) -> Summary:
        """Mean, error, tau_int, effective draws and R-hat of every observable.

        Returns
        -------
        Summary
            With a row for the absolute value of the magnetisation too; with a ladder
            one row for each K.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising((8, 8), K=0.3)
        >>> rgdl.Trace.of(model, rgdl.sample(model, 2048, rng=0)).summary()
        ... # doctest: +ELLIPSIS
        Trace of Ising((8, 8), K=0.3), 1 chain x 2048 draws
                           mean  tau_int  ess  r_hat
        energy           -...
        """
        rows: dict[str, Estimate] = {}
        r_hat: dict[str, float] = {}
        for rung in self.rungs():
            series = dict(rung)
            if "magnetization" in series:
                series["|magnetization|"] = np.abs(series["magnetization"])
            for name, x in series.items():
                label = name if self._ladder is None else f"{name} at K={rung.K:.6g}"
                rows[label] = stats.mean(x)
                r_hat[label] = stats.r_hat(x) if self.draws >= 4 else np.nan
        return Summary(self._title(), rows, r_hat)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trace to an .npz file.

        Parameters
        ----------
        path : path-like
            Replaced if it exists, once the new file is whole.

        Raises
        ------
        ValueError
            For a model with a `rgdl.Couplings`.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising(8, K=0.3)
        >>> trace = rgdl.Trace.of(model, rgdl.sample(model, 100, rng=0))
        >>> trace.save("trace.npz")
        >>> rgdl.Trace.load("trace.npz").model == model
        True
        """
        model, arrays = model_to_file(self.model)
        meta = {
            "model": model,
            "method": self.method,
            "thin": self.thin,
            "burn_in": self.burn_in,
            "key": list(self.key),
            "info": self.info,
            "names": list(self),
        }
        for name, series in self._series.items():
            arrays[_PREFIX + name] = series
        if self._ladder is not None:
            arrays["ladder"] = self._ladder
        write_npz(path, _KIND, meta, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a trace that `save` wrote.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        Trace

        Raises
        ------
        FileFormatError
            For files of another kind, damaged ones, and those of newer versions.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising(8, K=0.3)
        >>> rgdl.Trace.of(model, rgdl.sample(model, 9, rng=0)).save("trace.npz")
        >>> rgdl.Trace.load("trace.npz").draws
        9
        """
        meta, arrays = read_npz(path, _KIND)
        return cls(
            {name: arrays[_PREFIX + name] for name in meta["names"]},
            model=model_from_file(meta["model"], arrays),
            K=arrays.get("ladder"),
            method=meta["method"],
            thin=meta["thin"],
            burn_in=meta["burn_in"],
            key=tuple(meta["key"]),
            info=meta["info"],
        )

    def _title(self) -> str:
        ladder = "" if self._ladder is None else f"{len(self._ladder)} couplings x "
        s = "" if self.chains == 1 else "s"
        by = f" by {self.method}" if self.method else ""
        every = f", every {self.thin} sweeps" if self.thin > 1 else ""
        return (
            f"Trace of {self.model!r}{by}, {ladder}{self.chains} chain{s} x "
            f"{self.draws} draws{every}"
        )

    def __repr__(self) -> str:
        return f"{self._title()}: {', '.join(self)}"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def _fits(shape: tuple[int, ...], lead: tuple[int, ...]) -> bool:
    return (
        len(shape) == len(lead) + 2
        and shape[: len(lead)] == lead
        and shape[-2] >= 1
        and shape[-1] >= 2
    )
