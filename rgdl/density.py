"""Densities of states by random walks in energy: Wang-Landau and multicanonical."""

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import Key, RngLike, draw_key
from rgdl.errors import ConvergenceError, EquilibrationWarning
from rgdl.ising import Ising
from rgdl.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DensityOfStates", "WalkThermodynamics", "wang_landau"]

_PLANE = 8  # attempts that the walk draws at a time
_PATIENCE = 20  # times the attempts that the 1/t law needs, then it has failed
_LEAST_WALKERS = 4
_LEAST_TRIPS = 2.0  # per walker, on average
_FLATNESS = 0.2  # of the rarest level's visits by the mean

Floats = npt.NDArray[np.float64]


class WalkThermodynamics(NamedTuple):
    """Canonical averages from a density of states, each with its error.

    Parameters
    ----------
    K : float
        Reduced coupling.
    log_z : Estimate
        ln Z of the whole lattice; the free energy is -log_z, in units of k T.
    energy : Estimate
        Bond energy per site in units of J.
    specific_heat : Estimate
        var(H) / N.
    entropy : Estimate
        (ln Z + <H>) / N.

    Examples
    --------
    >>> import rgdl
    >>> g = rgdl.wang_landau(rgdl.Ising((4, 4), K=1), rng=0)
    >>> at = g.at(0.4)
    >>> exact = rgdl.exact.kaufman((4, 4), 0.4)
    >>> abs(at.energy.value - exact.energy) < 4 * at.energy.error
    True
    """

    K: float
    log_z: Estimate
    energy: Estimate
    specific_heat: Estimate
    entropy: Estimate


@dataclass(frozen=True, eq=False, repr=False)
class DensityOfStates:
    """What `wang_landau` measured.

    Attributes
    ----------
    n_sites : int
        Number of spins N.
    energies : ndarray of float64, shape (n_energies,)
        Total bond energies in units of J that were met, ascending.
    log_g : ndarray of float64, shape (n_energies,)
        ln of the number of configurations with each; they add up to 2^N.
    errors : ndarray of float64, shape (n_energies,)
        One standard deviation of `log_g`, by leaving out each walker in turn.
    visits : ndarray of int64, shape (walkers, n_energies)
        How often each walker was at each energy in the production run.
    weights : ndarray of float64, shape (n_energies,)
        ln g that the walkers had learned: production visits E with probability
        proportional to ``g(E) exp(-weights)``.
    round_trips : ndarray of int64, shape (walkers,)
        From the lowest energy to the highest and back, in production.
    learning, production : int
        Attempts of all walkers together in either part.
    key : tuple of int
        The 256-bit key that was drawn; ``rng=result.key`` gives the same bits.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.wang_landau(rgdl.Ising((4, 4), K=1), rng=0)
    DensityOfStates(16 sites, 15 energies from -32 to 32, 8 walkers, reliable)
    """

    n_sites: int
    energies: Floats
    log_g: Floats
    errors: Floats
    visits: npt.NDArray[np.int64]
    weights: Floats
    round_trips: npt.NDArray[np.int64]
    learning: int
    production: int
    key: tuple[int, ...]

    @property
    def reliable(self) -> bool:
        """Whether walkers crossed the band and visited all of it."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why the result is not reliable; empty where it is."""
        walkers = len(self.visits)
        if walkers < _LEAST_WALKERS:
            return f"only {walkers} walkers, errors need {_LEAST_WALKERS}"
        if not np.isfinite(self.errors).all():
            return "an energy was visited by one walker or none"
        trips = float(self.round_trips.mean())
        if trips < _LEAST_TRIPS:
            return (
                f"walkers made {trips:.2g} round trips between the lowest and the "
                f"highest energy on average, {_LEAST_TRIPS:g} are needed"
            )
        visits = self.visits.sum(axis=0)
        if (flatness := float(visits.min() / visits.mean())) < _FLATNESS:
            return (
                f"the histogram is not flat: its least entry is {flatness:.2g} of "
                "the mean"
            )
        return ""

    def at(self, K: float) -> WalkThermodynamics:
        r"""Average over the canonical distribution at K.

        .. math:: Z(K) = \sum_E g(E) e^{-K E}

        Parameters
        ----------
        K : float
            Reduced coupling, of either sign, at h = 0.

        Returns
        -------
        WalkThermodynamics
            ln Z, energy, specific heat and entropy with jackknife errors over the
            walkers.

        Raises
        ------
        ValueError, TypeError
            For a K that is not a finite number.

        Examples
        --------
        >>> import rgdl
        >>> g = rgdl.wang_landau(rgdl.Ising((4, 4), K=1), rng=0)
        >>> abs(g.at(0.0).log_z.value - 16 * 0.6931471805599453) < 1e-9
        True
        """
        coupling = _validate.finite(K, "K")
        whole = self._averages(self.log_g, coupling)
        parts = np.array(
            [self._averages(log_g, coupling) for log_g in self._without_each()]
        )
        n = len(parts)
        spread = ((parts - parts.mean(axis=0)) ** 2).sum(axis=0)
        errors = np.sqrt((n - 1) / n * spread) if n > 1 else np.full(4, np.nan)
        log_z, energy, heat, entropy = (
            Estimate(float(v), float(e), reliable=self.reliable, reason=self.reason)
            for v, e in zip(whole, errors, strict=True)
        )
        return WalkThermodynamics(coupling, log_z, energy, heat, entropy)

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the entropy per site, ln g / N, over the energy per site.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        Axes

        Examples
        --------
        >>> import rgdl
        >>> g = rgdl.wang_landau(rgdl.Ising((4, 4), K=1), rng=0)
        >>> g.plot().get_ylabel()
        'ln g / N'
        """
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(layout="constrained")
        n = self.n_sites
        ax.errorbar(self.energies / n, self.log_g / n, self.errors / n, fmt=".-")
        ax.set(xlabel="E / N", ylabel="ln g / N")
        return ax

    def __repr__(self) -> str:
        ends = f"{self.energies[0]:g} to {self.energies[-1]:g}"
        verdict = f"unreliable: {self.reason}" if self.reason else "reliable"
        return (
            f"DensityOfStates({self.n_sites} sites, {len(self.energies)} energies "
            f"from {ends}, {len(self.visits)} walkers, {verdict})"
        )

    def _averages(self, log_g: Floats, K: float) -> Floats:
        log_p = log_g - K * self.energies
        top = log_p.max()
        p = np.exp(log_p - top)
        z = p.sum()
        mean = float(p @ self.energies / z)
        variance = float(p @ (self.energies - mean) ** 2 / z)
        log_z = float(top + math.log(z))
        n = self.n_sites
        return np.array([log_z, mean / n, K * K * variance / n, (log_z + K * mean) / n])

    def _without_each(self) -> list[Floats]:
        return _leave_one_out(self.visits, self.weights, self.n_sites)


def _normalised(log_g: Floats, n_sites: int) -> Floats:
    """Shift so that the numbers add up to 2^N."""
    top = float(log_g.max(initial=-math.inf))
    if not math.isfinite(top):
        return log_g
    total = top + math.log(float(np.exp(log_g - top).sum()))
    return log_g - total + n_sites * math.log(2.0)


def _estimate(visits: npt.NDArray[np.int64], weights: Floats, n_sites: int) -> Floats:
    with np.errstate(divide="ignore"):
        return _normalised(weights + np.log(visits), n_sites)


def _leave_one_out(
    visits: npt.NDArray[np.int64], weights: Floats, n_sites: int
) -> list[Floats]:
    total = visits.sum(axis=0)
    return [_estimate(total - row, weights, n_sites) for row in visits]


def _jackknife(parts: list[Floats]) -> Floats:
    """Take standard errors of leave-one-out values; nan where one is not finite."""
    table = np.array(parts)
    n = len(table)
    if n < 2:
        return np.full(table.shape[1], np.nan)
    known = np.isfinite(table).all(axis=0)
    finite = np.where(known, table, 0.0)
    spread = ((finite - finite.mean(axis=0)) ** 2).sum(axis=0)
    return np.where(known, np.sqrt((n - 1) / n * spread), np.nan)


def _merge(log_g: Floats, n_sites: int) -> Floats:
    """One set of weights from all walkers' ln g; finite on every level."""
    rows = np.array([_normalised(row, n_sites) for row in log_g])
    known = np.isfinite(rows)
    levels = np.flatnonzero(known.any(axis=0))
    sums = np.where(known, rows, 0.0).sum(axis=0)[levels]
    means = sums / known.sum(axis=0)[levels]
    return np.asarray(np.interp(np.arange(log_g.shape[1]), levels, means))


def _start(
    walkers: int, n_sites: int, key: Key
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.uint64]]:
    """Independent fair spins and the stream of every walker."""
    spins = np.empty((walkers, n_sites), dtype=np.int8)
    for w in range(walkers):
        planes = _core.stream_planes(key, _core.PURPOSE_START, w, -(-n_sites // 512))
        bits = np.unpackbits(planes.view(np.uint8).ravel(), bitorder="little")
        spins[w] = 2 * bits[:n_sites].astype(np.int8) - 1
    streams = _core.stream_states(key, _core.PURPOSE_HISTOGRAM, 0, walkers)
    return spins, streams.reshape(walkers, 4, 8)


def wang_landau(
    model: Ising,
    *,
    walkers: SupportsIndex = 8,
    log_f: float = 1e-4,
    production: SupportsIndex | None = None,
    rng: RngLike = None,
    workers: int = 1,
    progress: ProgressLike = "auto",
) -> DensityOfStates:
    r"""Estimate how many configurations a model has at each energy.

    Every walker turns single spins and accepts with :math:`\min(1, g(E) / g(E'))`,
    adding ln f to its ln g of the energy where it stands. ln f starts at 1, is halved
    when all known energies have been visited, and follows 1/t in the end, t being
    attempts by energies (F. Wang and D. P. Landau, Phys. Rev. Lett. 86, 2050 (2001);
    R. E. Belardinelli and V. D. Pereyra, Phys. Rev. E 75, 046701 (2007)). What
    was learned is only a set of weights: in a production run all walkers keep the
    average of them fixed, and visits times weights are the estimate (B. A. Berg and T.
    Neuhaus, Phys. Lett. B 267, 249 (1991)), free of the learning's bias. Given the
    weights the walkers are independent, and their spread gives the errors.

    Parameters
    ----------
    model : Ising
        Any model at h = 0 whose couplings are whole multiples of one number: tori,
        open lattices, +-J glasses, many-spin couplings. Its K takes no part.
    walkers : int, default 8
        Independent walks; errors come from their spread, so at least 4.
    log_f : float, default 1e-4
        ln f at which learning ends; the attempts of a walker are about the number
        of energies by this.
    production : int, optional
        Attempts of each walker with fixed weights; by default as many as the slowest
        needed to learn.
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
        Keys the random numbers; the same key gives the same bits for every number of
        workers and on every instruction set.
    workers : int, default 1
        Threads; -1 for all processors.
    progress : bool, "auto" or callable
        Show a progress bar; "auto" after two seconds; a callable is given the
        fraction done.

    Returns
    -------
    DensityOfStates
        Energies, ln g normalised to 2^N configurations, errors; thermodynamics at any
        K by its method `at`.

    Raises
    ------
    ValueError, TypeError
        For arguments outside their range, a field, and couplings that are not
        commensurate.
    ConvergenceError
        When walkers have not learned in 20 times the attempts that log_f asks for.
    MemoryError
        When the histograms do not fit.

    Warns
    -----
    EquilibrationWarning
        When the result is not `reliable`: few round trips, or a histogram that is not
        flat.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> g = rgdl.wang_landau(rgdl.Ising((4, 4), K=1), rng=0)
    >>> energies, counts = rgdl.exact.density_of_states(4)
    >>> bool((g.energies == energies).all())
    True
    >>> bool((abs(g.log_g - np.log(counts)) < 4 * g.errors).all())
    True
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be a rgdl.Ising, got {type(model).__name__}")
    walkers = _validate.count(walkers, "walkers")
    log_f = _validate.finite(log_f, "log_f", least=1e-12, most=1.0)
    if production is not None:
        production = _validate.count(production, "production")
    workers = _validate.worker_count(workers)
    terms = model._terms()
    if terms.h.any():
        raise ValueError(f"model must have h = 0 for a density of E, got h={model.h!r}")
    whole = terms.integers(rows=1)
    if whole is None:
        raise ValueError(
            "model must have couplings that are whole multiples of one number, with at "
            "most 2^20 energies"
        )
    unit, integers = whole
    divisor = max(int(np.gcd.reduce(integers)), 1)
    unit, values = unit * divisor, (integers // divisor).astype(np.int32)
    largest = int(np.abs(values.astype(np.int64)).sum())
    key = draw_key(rng)
    spins, streams = _start(walkers, terms.n_sites, key)
    arrays = (terms.sites, terms.starts, values, spins, streams)
    learned = np.empty((walkers, largest + 1))
    most = _planes(_PATIENCE * (largest + 1) * (1.0 / log_f + 64))
    with Progress("learning weights", progress) as update:
        attempts, done = _core.histogram_learn(
            *arrays, learned, log_f, most, workers, lambda part: update(part / 2)
        )
        if not done:
            raise ConvergenceError(
                f"a walker had not come to log_f={log_f:g} after {most} attempts: it "
                "keeps finding energies that it hardly ever reaches again"
            )
        weights = _merge(learned, terms.n_sites)
        levels = np.flatnonzero(np.isfinite(learned).any(axis=0))
        each = int(attempts.max()) if production is None else _planes(production)
        visits, trips = _core.histogram_produce(
            *arrays,
            weights,
            int(levels[0]),
            int(levels[-1]),
            each,
            workers,
            lambda part: update((1 + part) / 2),
        )
    met = np.union1d(levels, np.flatnonzero(visits.any(axis=0)))[::-1]
    kept = visits[:, met].astype(np.int64)
    energies = -(unit * (2.0 * met - largest) + terms.constant) + 0.0
    result = DensityOfStates(
        n_sites=terms.n_sites,
        energies=np.asarray(energies, dtype=np.float64),
        log_g=_estimate(kept.sum(axis=0), weights[met], terms.n_sites),
        errors=_jackknife(_leave_one_out(kept, weights[met], terms.n_sites)),
        visits=kept,
        weights=weights[met],
        round_trips=trips.astype(np.int64),
        learning=int(attempts.sum()),
        production=walkers * each,
        key=tuple(int(word) for word in key),
    )
    if result.reason:
        warnings.warn(result.reason, EquilibrationWarning, stacklevel=2)
    return result


def _planes(attempts: float) -> int:
    """Round up to whole planes."""
    return -(-math.ceil(attempts) // _PLANE) * _PLANE
