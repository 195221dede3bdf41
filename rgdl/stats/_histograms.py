"""Reweighting in K: one histogram, or many joined by their partition functions."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl.errors import ConvergenceError
from rgdl.stats._autocorrelation import autocorrelation_time
from rgdl.stats._estimate import Estimate
from rgdl.stats._jackknife import LEAST_BLOCKS, jackknife_error
from rgdl.stats._series import BLOCK_TAUS, Floats, as_series, block_sums

__all__ = ["MultiHistogram", "reweight"]

_MOST_BLOCKS = 128
_MOST_NUMBERS = 1 << 24  # in a table of blocks times energies
_LEAST_ESS = 50.0  # effective draws below which a result is not reliable
_NO_ESS = 10.0  # and below which there is none
_ALL, _WHOLE = slice(None), slice(1)  # rows of the tables
_LEAST_OVERLAP = 0.03  # of neighbouring histograms; Klimovich, Shirts and Mobley (2015)


class MultiHistogram:
    r"""Simulations at one or several couplings, joined for every coupling between.

    Parameters
    ----------
    energies : sequence of array_like, each of shape (chain, draw) or (draw,)
        Total energies E in units of J, :math:`-\sum_{\langle ij\rangle} s_i s_j`, one
        series for each coupling; the weight of a configuration is proportional to
        :math:`e^{-K E}`.
    K : sequence of float
        Reduced coupling of each simulation, all different.
    observables : mapping of str to sequence of array_like, optional
        Series measured together with the energies.

    Attributes
    ----------
    K : ndarray of float64
        As given.
    reliable : bool
        Whether every series is long enough and neighbouring histograms overlap.
    reason : str
        Why not.

    Raises
    ------
    ValueError, TypeError
        For shapes that do not match, couplings that are not finite or not different.
    ConvergenceError
        When the equations for the partition functions have no finite solution.

    Notes
    -----
    With N_k draws at K_k of statistical inefficiency g_k = 2 tau_int the weights are

    .. math::

       w(E) = \Bigl[\sum_k \frac{N_k}{g_k} \frac{e^{-K_k E}}{Z_k}\Bigr]^{-1}, \qquad
       Z_k = \sum_n \frac{1}{g_{k(n)}} e^{-K_k E_n} w(E_n)

    (A. M. Ferrenberg and R. H. Swendsen, Phys. Rev. Lett. 63, 1195 (1989); without
    bins: M. R. Shirts and J. D. Chodera, J. Chem. Phys. 129, 124105 (2008)), solved by
    Newton's method on a convex function of the ln Z_k. Errors are by jackknife: the
    same part of every series is left out together, so that simulations may have
    exchanged replicas, and the Z_k are solved for again.

    Examples
    --------
    ln Z of the 4 x 4 torus between two couplings, against Kaufman's:

    >>> import numpy as np
    >>> import rgdl
    >>> models = [rgdl.Ising((4, 4), K=K) for K in (0.3, 0.4)]
    >>> spins = [rgdl.sample(model, 4096, rng=0) for model in models]
    >>> energies = [16 * model.energy(s) for model, s in zip(models, spins)]
    >>> joined = rgdl.stats.MultiHistogram(energies, [0.3, 0.4])
    >>> exact = [rgdl.exact.kaufman((4, 4), K).log_z for K in (0.3, 0.4)]
    >>> log_z = joined.log_z(0.4)
    >>> abs(log_z.value - (exact[1] - exact[0])) < 4 * log_z.error < 0.2
    True
    """

    def __init__(
        self,
        energies: Sequence[npt.ArrayLike],
        K: Sequence[float] | npt.NDArray[np.float64],
        observables: Mapping[str, Sequence[npt.ArrayLike]] | None = None,
    ) -> None:
        self.K = np.array([_validate.finite(value, "K") for value in K])
        if len(energies) == 0 or len(energies) != len(self.K):
            raise ValueError(
                f"energies must hold one series for each K, got {len(energies)} for "
                f"{len(self.K)}"
            )
        if len(np.unique(self.K)) < len(self.K):
            raise ValueError(f"K must all be different, got {self.K.tolist()}")
        given = {"": energies, **(observables or {})}
        series = {
            name: [as_series(x, name or "energies") for x in many]
            for name, many in given.items()
        }
        for name, many in series.items():
            if [x.shape for x in many] != [x.shape for x in series[""]]:
                raise ValueError(f"{name} must have the shapes of energies")
        self.reason = ""
        g = np.array([self._inefficiency(i, series) for i in range(len(self.K))])
        self._tabulate(series, g)
        self._solve()
        self.reason = self.reason or self._missing_overlap()
        self.reliable = not self.reason

    def _inefficiency(self, i: int, series: Mapping[str, Sequence[Floats]]) -> float:
        """2 tau of the slowest series at K_i."""
        times = [autocorrelation_time(many[i]) for many in series.values()]
        for tau in times:
            if not tau.reliable and math.isfinite(tau.value) and not self.reason:
                self.reason = f"at K = {self.K[i]:.6g}: {tau.reason}"
        known = [tau.value for tau in times if math.isfinite(tau.value)]
        return 2.0 * max([0.5, *known])

    def _tabulate(self, series: Mapping[str, Sequence[Floats]], g: Floats) -> None:
        """Sum 1 and every observable, over g, by block and by energy."""
        flat = np.concatenate([x.ravel() for x in series[""]])
        self._levels, place = np.unique(flat, return_inverse=True)
        sizes = np.array([x.size for x in series[""]])
        most = min(_MOST_BLOCKS, max(_MOST_NUMBERS // len(self._levels), LEAST_BLOCKS))
        fitting = (sizes / (BLOCK_TAUS * 0.5 * g)).min()
        self._blocks = int(np.clip(fitting, 2, most))
        if self._blocks < LEAST_BLOCKS and not self.reason:
            self.reason = f"only {self._blocks} blocks, {LEAST_BLOCKS} are needed"
        block = np.concatenate(
            [np.arange(n) * self._blocks // n for n in sizes.tolist()]
        )
        cell = block * len(self._levels) + place
        weight = np.repeat(1.0 / g, sizes)
        self._counts = self._histogram(cell, weight)
        self._sums = {
            name: self._histogram(
                cell, weight * np.concatenate([x.ravel() for x in many])
            )
            for name, many in series.items()
            if name
        }
        ones = [np.ones(n) for n in sizes.tolist()]
        edges = [
            -(-np.arange(self._blocks + 1) * n // self._blocks) for n in sizes.tolist()
        ]
        self._draws = np.array(
            [
                block_sums(one, edge) / inefficiency
                for one, edge, inefficiency in zip(ones, edges, g, strict=True)
            ]
        ).T

    def _histogram(self, cell: npt.NDArray[np.int64], weight: Floats) -> Floats:
        """Row 0: everything; row b + 1: all but block b."""
        shape = self._blocks, len(self._levels)
        parts = np.bincount(cell, weight, minlength=shape[0] * shape[1]).reshape(shape)
        whole = parts.sum(axis=0)
        return np.concatenate([whole[None], whole - parts])

    def _solve(self) -> None:
        """Log of 1 / w(E) for the whole and without each block."""
        action = -self.K[:, None] * (self._levels - self._levels.mean())
        whole = self._draws.sum(axis=0)
        draws = np.concatenate([whole[None], whole - self._draws])
        free = np.zeros(len(self.K))
        self._log_density = np.empty_like(self._counts)
        for row, (counts, n) in enumerate(zip(self._counts, draws, strict=True)):
            free = _free_energies(counts, n, action, free)
            terms = (np.log(n) + free)[:, None] + action
            self._log_density[row] = _log_sum(terms)
            if row == 0:
                self._shares = np.exp(terms - self._log_density[0])

    def _missing_overlap(self) -> str:
        """Between neighbouring couplings: mean share of one in the draws of the other.

        The overlap matrix of P. V. Klimovich et al., J. Comput.-Aided Mol. Des. 29, 397
        (2015), whose rows add up to 1.
        """
        order = np.argsort(self.K)
        shares, counts = self._shares[order], self._counts[0]
        overlap = (shares[:-1] * shares[1:] * counts).sum(axis=1)
        overlap /= np.minimum(
            (shares[:-1] * counts).sum(axis=1), (shares[1:] * counts).sum(axis=1)
        )
        bad = np.flatnonzero(overlap < _LEAST_OVERLAP)
        if not bad.size:
            return ""
        low, high = self.K[order][bad[0]], self.K[order][bad[0] + 1]
        return f"the histograms at K = {low:.6g} and {high:.6g} do not overlap"

    def _log_weights(self, K: float, rows: slice = _ALL) -> Floats:
        K = _validate.finite(K, "K")
        action = K * (self._levels - self._levels.mean())
        return np.asarray(-action - self._log_density[rows])

    def _values(
        self,
        f: Callable[..., float] | None,
        names: Sequence[str],
        K: float,
        rows: slice,
    ) -> Floats:
        """F of the means of the chosen rows."""
        for name in names:
            _validate.one_of(name, "names", tuple(self._sums))
        logs = self._log_weights(K, rows)
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        total = (self._counts[rows] * weights).sum(axis=1)
        means = [
            (self._sums[name][rows] * weights).sum(axis=1) / total for name in names
        ]
        table = zip(*means, strict=True)
        return np.array([row[0] if f is None else float(f(*row)) for row in table])

    def effective_draws(self, K: float) -> float:
        r"""Effective number of independent draws at a coupling.

        Parameters
        ----------
        K : float
            Reduced coupling.

        Returns
        -------
        float
            :math:`(\sum_n w_n)^2 / \sum_n w_n^2` over decorrelated draws (L. Kish,
            1965).

        Examples
        --------
        >>> import numpy as np
        >>> from rgdl import stats
        >>> energies = np.random.default_rng(0).normal(-20.0, 4.0, size=10_000)
        >>> joined = stats.MultiHistogram([energies], [0.3])
        >>> joined.effective_draws(0.3) > 9000 > 100 > joined.effective_draws(1.3)
        True
        """
        logs, counts = self._log_weights(K, _WHOLE)[0], self._counts[0]
        weights = np.exp(logs - logs.max())
        return float((counts @ weights) ** 2 / (counts @ weights**2))

    def replicas(
        self, f: Callable[..., float] | None, *names: str, K: float
    ) -> tuple[float, Floats]:
        """Value of a function of means, from everything and with each block left out.

        Parameters
        ----------
        f : callable or None
            ``f(mean_1, mean_2, ...)``; None for the mean itself.
        *names : str
            Observables, in the order of the arguments of f.
        K : float
            Reduced coupling.

        Returns
        -------
        whole : float
        parts : ndarray of float64, shape (blocks,)

        Raises
        ------
        ValueError
            For names that are not among the observables.

        Examples
        --------
        >>> import numpy as np
        >>> from rgdl import stats
        >>> energies = np.random.default_rng(0).normal(-20.0, 4.0, size=1000)
        >>> joined = stats.MultiHistogram([energies], [0.3], {"e": [energies]})
        >>> joined.replicas(None, "e", K=0.3)[1].shape
        (95,)
        """
        values = self._values(f, names, K, _ALL)
        return float(values[0]), values[1:]

    def value(self, f: Callable[..., float] | None, *names: str, K: float) -> float:
        """Value of a function of means, without its error: for root finding.

        Parameters
        ----------
        f : callable or None
            ``f(mean_1, mean_2, ...)``; None for the mean itself.
        *names : str
            Observables, in the order of the arguments of f.
        K : float
            Reduced coupling.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            For names that are not among the observables.

        Examples
        --------
        >>> import numpy as np
        >>> from rgdl import stats
        >>> energies = np.random.default_rng(0).normal(-20.0, 4.0, size=1000)
        >>> joined = stats.MultiHistogram([energies], [0.3], {"e": [energies]})
        >>> joined.value(None, "e", K=0.3) == joined.replicas(None, "e", K=0.3)[0]
        True
        """
        return float(self._values(f, names, K, _WHOLE)[0])

    def estimate(
        self, f: Callable[..., float] | None, *names: str, K: float
    ) -> Estimate:
        """Estimate a function of means at any coupling within reach.

        Parameters
        ----------
        f : callable or None
            ``f(mean_1, mean_2, ...)``; None for the mean itself.
        *names : str
            Observables, in the order of the arguments of f.
        K : float
            Reduced coupling.

        Returns
        -------
        Estimate
            nan where fewer than 10 effective draws reach K, not `reliable` below 50.

        Raises
        ------
        ValueError
            For names that are not among the observables.

        Examples
        --------
        >>> import numpy as np
        >>> from rgdl import stats
        >>> energies = np.random.default_rng(0).normal(-20.0, 4.0, size=10_000)
        >>> joined = stats.MultiHistogram([energies], [0.3], {"e": [energies]})
        >>> joined.estimate(None, "e", K=0.25)  # -20 + 0.05 * 16
        -19.181(46), ess=9.45e+03
        >>> joined.estimate(None, "e", K=2.0).reliable
        False
        """
        return self._judged(*jackknife_error(*self.replicas(f, *names, K=K)), K)

    def log_z(self, K: float) -> Estimate:
        """Logarithm of Z(K) / Z(K[0]).

        Parameters
        ----------
        K : float
            Reduced coupling.

        Returns
        -------
        Estimate
            In nats; nan where fewer than 10 effective draws reach K.

        Examples
        --------
        >>> import numpy as np
        >>> from rgdl import stats
        >>> energies = np.random.default_rng(0).normal(-20.0, 4.0, size=10_000)
        >>> joined = stats.MultiHistogram([energies], [0.3])
        >>> joined.log_z(0.35)  # 0.05 * 20 + 0.05**2 * 16 / 2
        1.0187(23), ess=9.44e+03
        """
        logs = [
            _log_sum((np.log(np.maximum(self._counts, 1e-300)) + weights).T)
            for weights in (self._log_weights(K), self._log_weights(self.K[0]))
        ]
        shift = -(K - self.K[0]) * self._levels.mean()
        values = logs[0] - logs[1] + shift
        return self._judged(*jackknife_error(float(values[0]), values[1:]), K)

    def _judged(self, value: float, error: float, K: float) -> Estimate:
        effective = self.effective_draws(K)
        reason = self.reason
        if effective < _LEAST_ESS:
            reason = f"only {effective:.1f} effective draws reach K = {K:.6g}"
        if effective < _NO_ESS:
            value = error = math.nan
        return Estimate(value, error, math.nan, effective, not reason, reason)


def reweight(
    energy: npt.ArrayLike,
    observables: npt.ArrayLike | Sequence[npt.ArrayLike],
    K0: float,
    K: float,
    *,
    function: Callable[..., float] | None = None,
) -> Estimate:
    r"""Mean at K from a simulation at K0.

    Parameters
    ----------
    energy : array_like, shape (chain, draw) or (draw,)
        Total energies in units of J.
    observables : array_like of the same shape, or a tuple of them with `function`
        Series measured together with the energies.
    K0, K : float
        Reduced coupling of the simulation, and the one that is asked for.
    function : callable, optional
        ``function(mean_1, mean_2, ...)`` of the reweighted means.

    Returns
    -------
    Estimate
        :math:`\sum_n O_n e^{-(K - K_0) E_n} / \sum_n e^{-(K - K_0) E_n}` with its
        jackknife error; `ess` counts the draws that reach K. nan below 10 of them, not
        `reliable` below 50.

    Raises
    ------
    ValueError, TypeError
        For shapes that do not match, or numbers that are not finite.

    Notes
    -----
    A. M. Ferrenberg and R. H. Swendsen, Phys. Rev. Lett. 61, 2635 (1988).

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((8, 8), K=0.40)
    >>> energy = 64 * model.energy(rgdl.sample(model, 8192, rng=0))
    >>> e = rgdl.stats.reweight(energy, energy / 64, 0.40, 0.42)
    >>> abs(e.value - rgdl.exact.kaufman((8, 8), 0.42).energy) < 4 * e.error < 0.03
    True
    """
    many = (observables,) if function is None else tuple(np.asarray(observables))
    names = [str(i) for i in range(len(many))]
    table = {name: [np.asarray(x)] for name, x in zip(names, many, strict=True)}
    return MultiHistogram([energy], [K0], table).estimate(function, *names, K=K)


def _log_sum(terms: Floats) -> Floats:
    """Log of the sum of exponentials over axis 0."""
    top = terms.max(axis=0)
    return np.asarray(top + np.log(np.exp(terms - top).sum(axis=0)))


def _free_energies(counts: Floats, n: Floats, action: Floats, start: Floats) -> Floats:
    """f_k = -ln Z_k with f_0 = 0: the minimum of a convex function, by Newton's method.

    L(f) = sum_E c(E) ln sum_k n_k e^{f_k - K_k E} - sum_k n_k f_k (C. Bartels, Chem.
    Phys. Lett. 331, 446 (2000)); its gradient vanishes where the equations hold.
    """
    free = start.copy()
    if len(n) == 1:
        return free
    target = n * counts.sum() / n.sum()  # equal up to rounding

    def at(f: Floats) -> tuple[float, Floats]:
        terms = (np.log(n) + f)[:, None] + action
        density = _log_sum(terms)
        return float(counts @ density - target @ f), np.exp(terms - density)

    value, shares = at(free)
    for _ in range(200):
        weighted = shares * counts
        gradient = weighted.sum(axis=1) - target
        if np.abs(gradient).max() < 1e-9 * n.sum():
            return free
        hessian = np.diag(weighted.sum(axis=1)) - weighted @ shares.T
        step = np.zeros(len(n))
        step[1:] = np.linalg.lstsq(hessian[1:, 1:], -gradient[1:], rcond=1e-13)[0]
        size = min(1.0, 20.0 / max(float(np.abs(step).max()), 1e-300))
        while True:
            trial, trial_shares = at(free + size * step)
            if trial <= value + 1e-12 * abs(value) or size < 1e-6:
                break
            size /= 2.0
        free, value, shares = free + size * step, trial, trial_shares
    raise ConvergenceError(
        "the equations for the partition functions did not converge: the histograms "
        "do not overlap"
    )
