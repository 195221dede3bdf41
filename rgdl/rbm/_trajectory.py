"""Ln Z carried along training, by chains that follow the machine."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from rgdl import _core, _validate
from rgdl._blas import blas_threads
from rgdl._rng import Key, RngLike, draw_key
from rgdl.rbm._annealing import anneal, base_bias, base_states, bennett
from rgdl.rbm._log_z import Floats, LogZ, effective_number, mean_of_exponentials
from rgdl.rbm._moments import Parameters, bits_values, free_energy
from rgdl.rbm._tempered import temper

__all__ = ["LogZTrajectory"]

Bits = npt.NDArray[np.uint64]

_STAGE = 0.5  # spread of ln weights that a stage may have
_MOST_MEMORY = 0.95  # correlation of two looks above which chains count as frozen
_COLUMNS = ("log_z", "log_z_error", "log_likelihood")


class _Bridge(NamedTuple):
    """What one stage from a machine to the next says, and how far to believe it."""

    step: float  # ln(Z_new / Z_old)
    influence: Floats  # of every chain on the step
    drift: Floats  # of every chain's ln weight while the machine stands still
    moments: Floats  # variances of both looks and their covariance
    gap: float  # forward estimate less reverse one
    gap_error: float
    ess: float


def _bridge(w: Floats, middle: Floats, end: Floats) -> _Bridge:
    """Join log weights of the old machine's chains with those at the new machine.

    `w` are ln(f_new / f_old) of the chains as the old machine left them, `middle` and
    `end` the same after one and two times as many Gibbs steps of the new one.
    """
    step, _, ess = bennett(w, -end)
    forward, reverse = expit(w - step), expit(step - end)
    slope = forward @ (1 - forward) + reverse @ (1 - reverse)
    up, up_error, _ = mean_of_exponentials(w)
    down, down_error, _ = mean_of_exponentials(-end)
    return _Bridge(
        step,
        (forward - reverse) * len(w) / max(float(slope), np.finfo(float).tiny),
        end - middle,
        np.cov(middle, end)[[0, 1, 0], [0, 1, 1]],
        up + down,
        math.hypot(up_error, down_error),
        ess,
    )


class LogZTrajectory:
    r"""Callback that follows ln Z through a training, and knows when it is lost.

    Tempered chains of its own follow the machine (as `RBM.temper` moves them);
    ln(Z_new / Z_old) comes from their weights on both sides by Bennett's acceptance
    ratio, in stages along the straight line between the parameters [1]_. Every start is
    `RBM.log_partition`: exact for a small layer, else annealed from both sides.

    Parameters
    ----------
    n_chains : int, default 256
    steps : int, default 10
        Rounds after which the chains are looked at, two times per stage.
    n_temperatures : int, default 8
        Replicas of every chain.
    n_betas : int, default 1000
        Temperatures of a start.
    most_error : float, default 0.5
        Error in nats above which it starts anew.
    check_every : int, default 10
        Updates after which it starts anew in any case.
    rng : None, int, SeedSequence, BitGenerator or Generator
        Keys the chains.

    Attributes
    ----------
    log_z : LogZ
        Of the latest machine; method "trajectory", or that of a start.
    history : list of LogZ
        One for each update. A carried value is ``reliable=False`` until the next start
        has confirmed it.

    Notes
    -----
    Chains that lag behind the machine bias every step, and agree with each other while
    they do, so no carried value is believed for its own error. It starts anew, with
    `check_every` or earlier: when that costs less than the stages of a long step, when
    the weights drift between two looks at the chains of one machine, when forward and
    reverse estimates disagree (both by more than four errors), when fewer than 10
    chains carry the weight, when replicas do not change places (which they must to keep
    to all modes of the machine), or when the error is too large. What was carried since
    the last start is then compared with the new one: within four errors, and with the
    mean of every unit the same in the chains that were carried and in fresh ones, it
    becomes reliable, with the difference taken into its error. Else it never does. The
    error joins that of the start, the spread over chains of their influence on all
    steps so far (a chain's draws are correlated), and what the drift, at the rate at
    which the chains forget, leads to in the end.

    As a callback of `RBM.fit` it writes to `history_`, NaN where not (yet) reliable:
    "log_z", "log_z_error" and "log_likelihood", the mean over the fixed rows that
    "free_energy_data" is taken from. `confirm` judges the last ones.

    References
    ----------
    .. [1] G. Desjardins, A. Courville, Y. Bengio, NIPS 2011, 2501.

    Examples
    --------
    >>> import rgdl
    >>> s = rgdl.sample(rgdl.Ising((6, 6), K=0.3), 500, rng=0)
    >>> path = rgdl.rbm.LogZTrajectory(rng=1)
    >>> rbm = rgdl.RBM(8, learning_rate=0.02, n_epochs=5, rng=0)
    >>> rbm = rbm.fit(s, callbacks=[path])
    >>> path.confirm(rbm).method
    'exact'
    >>> [log_z.method for log_z in path.history]
    ['exact', 'trajectory', 'trajectory', 'trajectory', 'exact']
    """

    log_z: LogZ

    def __init__(
        self,
        *,
        n_chains: int = 256,
        steps: int = 10,
        n_temperatures: int = 8,
        n_betas: int = 1000,
        most_error: float = 0.5,
        check_every: int = 10,
        rng: RngLike = None,
    ) -> None:
        self._n_chains = _validate.count(n_chains, "n_chains", least=20)
        self._steps = _validate.count(steps, "steps")
        self._n_temperatures = _validate.count(
            n_temperatures, "n_temperatures", least=2
        )
        self._n_betas = _validate.count(n_betas, "n_betas", least=2)
        self._most_error = _validate.finite(most_error, "most_error", least=0.0)
        self._check_every = _validate.count(check_every, "check_every")
        self._generator = np.random.default_rng(draw_key(rng).tolist())
        self._forget()

    def _forget(self) -> None:
        self.history: list[LogZ] = []
        self._epochs: list[int] = []
        self._parameters: Parameters | None = None
        self._states: Bits
        self._on_track, self._since = False, 0

    def __call__(self, rbm: Any) -> bool:
        """Follow the machine to the end of an epoch; never stops the training."""
        epoch = len(rbm.history_["epoch"])
        if self._epochs and epoch <= self._epochs[-1]:
            self._forget()  # another training
        self.update(rbm)
        self._epochs.append(epoch)
        self._write(rbm)
        return False

    def _write(self, rbm: Any) -> None:
        """Put what is known into the columns of the machine's history."""
        nothing = [math.nan] * len(rbm.history_["epoch"])
        for name in _COLUMNS:
            rbm.history_.setdefault(name, list(nothing))
        for at, log_z in zip(
            self._epochs[-len(self.history) :], self.history, strict=True
        ):
            energy = rbm.history_["free_energy_data"][at - 1]
            values = (log_z.value, log_z.error, -energy - log_z.value)
            for name, value in zip(_COLUMNS, values, strict=True):
                rbm.history_[name][at - 1] = value if log_z.reliable else math.nan

    def update(self, rbm: Any) -> LogZ:
        """Ln Z of the machine as it is now.

        Parameters
        ----------
        rbm : RBM
            The same machine as before after some training, or the first one.

        Returns
        -------
        LogZ

        Examples
        --------
        >>> import rgdl
        >>> path = rgdl.rbm.LogZTrajectory(rng=0)
        >>> for K in (0.50, 0.48, 0.46):
        ...     machine = rgdl.RBM.from_ising(rgdl.Ising(8, K=K))
        ...     log_z = path.update(machine)
        >>> log_z.method
        'trajectory'
        >>> bool(abs(log_z.value - machine.log_partition().value) < 4 * log_z.error)
        True
        """
        new = Parameters(rbm.W_.copy(), rbm.b_.copy(), rbm.c_.copy())
        carried = None
        if self._parameters is not None:
            if new.W.shape != self._parameters.W.shape:
                raise ValueError(
                    f"rbm must keep its shape {self._parameters.W.shape}, got "
                    f"{new.W.shape}"
                )
            carried = self._follow(new, rbm._spin, rbm.workers)
        self._parameters = new
        if carried is None or not self._on_track or self._due():
            self.log_z = self._start(rbm, new, carried)
        else:
            self.log_z = carried
        self.history.append(self.log_z)
        return self.log_z

    def _due(self) -> bool:
        return len(self.history) - self._since >= self._check_every

    def confirm(self, rbm: Any) -> LogZ:
        """Start anew at the machine as it was last seen, and judge what was carried.

        Parameters
        ----------
        rbm : RBM
            As in the last `update`; its `history_` is brought up to date.

        Returns
        -------
        LogZ
            In the place of the last one.

        Raises
        ------
        ValueError
            When there was no update, or the machine has changed since.

        Examples
        --------
        >>> import rgdl
        >>> path = rgdl.rbm.LogZTrajectory(rng=0)
        >>> for K in (0.50, 0.48, 0.46):
        ...     machine = rgdl.RBM.from_ising(rgdl.Ising(8, K=K))
        ...     log_z = path.update(machine)
        >>> log_z.method, path.confirm(machine).method
        ('trajectory', 'exact')
        >>> [log_z.reliable for log_z in path.history]
        [True, True, True]
        """
        machine = self._parameters
        if machine is None or not np.array_equal(machine.W, rbm.W_):
            raise ValueError("rbm must be the machine of the last update")
        if self.log_z.method == "trajectory":
            carried = self.history.pop()
            self.log_z = self._start(rbm, machine, carried)
            self.history.append(self.log_z)
        if self._epochs and len(rbm.history_["epoch"]) == self._epochs[-1]:
            self._write(rbm)
        return self.log_z

    def _start(self, rbm: Any, machine: Parameters, carried: LogZ | None) -> LogZ:
        """Measure ln Z without the past, and judge the past by it."""
        spin, n_visible = rbm._spin, len(machine.b)
        before = (
            None if carried is None else bits_values(self._states[0], n_visible, spin)
        )
        self._swaps = np.zeros((self._n_temperatures - 1, 2))
        self._states, ess = self._first_chains(machine, spin, rbm.workers)
        self._sound, self._independent = ess >= self._n_chains / 4, ess
        chains = bits_values(self._states[0], n_visible, spin)
        log_z: LogZ = rbm.log_partition(
            samples=chains,
            n_chains=self._n_chains,
            n_betas=self._n_betas,
            rng=self._generator,
        )
        if carried is not None and before is not None and log_z.reliable:
            apart = carried.value - log_z.value
            error = math.hypot(carried.error, log_z.error)
            agree = self._on_track and abs(apart) <= 4 * error
            if agree and self._sound and _same_law(before, chains, ess):
                past = self.history[self._since + 1 :]
                self.history[self._since + 1 :] = [_confirmed(e, apart) for e in past]
        self._since = len(self.history)
        self._carried, self._anchor, self._ess = log_z.value, log_z, math.inf
        self._influence = np.zeros(self._n_chains)
        self._drift = np.zeros(self._n_chains)
        self._moments = np.zeros(3)
        self._gap = self._gap_variance = 0.0
        return log_z

    def _first_chains(
        self, machine: Parameters, spin: bool, workers: int
    ) -> tuple[Bits, float]:
        """Chains led to a machine through temperatures, and how many of them count.

        They are drawn by their weights, which puts every mode of the machine in its
        right.
        """
        key = self._key()
        base = base_bias(machine, spin).astype(machine.W.dtype).astype(np.float64)
        replicas = base_states(base, spin, self._n_temperatures * self._n_chains, key)
        states = replicas.reshape(self._n_temperatures, self._n_chains, -1)
        betas = np.linspace(0.0, 1.0, self._n_betas)
        log_weights, ends, _ = anneal(
            machine, spin, base, betas, states[0], key, workers=workers
        )
        weights = np.exp(log_weights - log_weights.max())
        marks = (np.arange(self._n_chains) + 0.5) / self._n_chains
        states[0] = ends[np.searchsorted(np.cumsum(weights) / weights.sum(), marks)]
        for _ in range(3):
            states = self._moved(states, machine, spin, workers)
        return states, effective_number(weights)

    def _follow(self, new: Parameters, spin: bool, workers: int) -> LogZ | None:
        """Carry ln Z to a machine; None where it is too far away."""
        old = self._parameters
        assert old is not None
        spread = float(self._gain(self._states[0], old, new, spin).std())
        # chain steps of a start over those of a stage
        most = max(1.0, self._n_betas / (self._steps * self._n_temperatures))
        if not spread <= most * _STAGE:
            return None
        stages = max(1, math.ceil(spread / _STAGE))
        for stage in range(1, stages + 1):
            there = _between(old, new, stage / stages)
            # where machines do not overlap, sums of weights are 0: infinite error
            with np.errstate(all="ignore"):
                self._bridge_to(there, spin, workers)
            self._parameters = there
        if not np.isfinite(self._influence).all():
            return None
        n = self._n_chains
        # some of the first chains were copies of each other
        statistical = float(self._influence.std(ddof=1)) / math.sqrt(self._independent)
        drift = float(self._drift.mean())
        drift_error = float(self._drift.std(ddof=1)) / math.sqrt(n)
        # what is left of a geometric decay after the looks that showed this drift
        one, other, both = self._moments
        memory = min(max(both / math.sqrt(one * other or 1.0), 0.0), _MOST_MEMORY)
        lag = max(abs(drift), drift_error) * memory / (1 - memory)
        error = math.hypot(self._anchor.error, statistical, lag)
        self._on_track = (
            self._anchor.reliable
            and self._sound
            and self._swap_rate() >= 0.05
            and self._ess >= 10
            and abs(drift) <= 4 * drift_error
            and abs(self._gap) <= 4 * math.sqrt(self._gap_variance)
            and error <= self._most_error
        )
        ess = min(self._ess, self._anchor.ess)
        return _carried(self._carried, error, ess, reliable=False)

    def _bridge_to(self, new: Parameters, spin: bool, workers: int) -> None:
        old = self._parameters
        assert old is not None
        w = self._gain(self._states[0], old, new, spin)
        middle = self._moved(self._states, new, spin, workers)
        self._states = self._moved(middle, new, spin, workers)
        bridge = _bridge(
            w,
            self._gain(middle[0], old, new, spin),
            self._gain(self._states[0], old, new, spin),
        )
        self._carried += bridge.step
        self._influence += bridge.influence
        self._drift += bridge.drift
        self._moments += bridge.moments
        self._gap += bridge.gap
        self._gap_variance += bridge.gap_error**2
        self._ess = min(self._ess, bridge.ess)

    def _gain(self, bits: Bits, old: Parameters, new: Parameters, spin: bool) -> Floats:
        """Ln of the new machine's weight over the old one's, F_old - F_new."""
        v = bits_values(bits, len(new.b), spin)
        before = free_energy(v, old.as_float64(), spin)
        return np.asarray(before - free_energy(v, new.as_float64(), spin))

    def _moved(
        self, states: Bits, machine: Parameters, spin: bool, workers: int
    ) -> Bits:
        """States after the rounds; `states` is not modified."""
        base = base_bias(machine, spin)
        real = machine.W.dtype
        ladder = [
            Parameters(
                np.asarray(t * machine.W, real),
                np.asarray(t * machine.b + (1 - t) * base, real),
                np.asarray(t * machine.c, real),
            )
            for t in np.linspace(1.0, 0.0, len(states))
        ]
        purpose, key = _core.PURPOSE_RBM_GIBBS, self._key()
        workers = _validate.worker_count(workers)
        here = np.arange(len(states))[:, None]
        with blas_threads(workers):
            for step in range(self._steps):
                states, source = temper(
                    states, ladder, spin, 1, key, purpose, step, workers
                )
                pairs = np.arange(step % 2, len(states) - 1, 2)
                self._swaps[pairs, 0] += 1
                self._swaps[pairs, 1] += (source[pairs] > here[pairs]).mean(axis=1)
        return states

    def _swap_rate(self) -> float:
        """Smallest share of exchanges made between neighbours since the last start."""
        tried, made = self._swaps.T
        return float((made / np.maximum(tried, 1)).min())

    def _key(self) -> Key:
        return draw_key(self._generator)


def _same_law(before: npt.NDArray[Any], fresh: npt.NDArray[Any], ess: float) -> bool:
    """Whether no unit's mean tells chains that were carried from fresh ones.

    Chains that stay in some of the machine's modes are found out by this alone: they
    have no drift, and their estimates agree with each other. Limit 5 errors.
    """
    n = len(before)
    variance = (before.var(axis=0) + 1 / n) / n + (fresh.var(axis=0) + 1 / n) / ess
    apart = np.abs(before.mean(axis=0) - fresh.mean(axis=0))
    return bool((apart <= 5 * np.sqrt(variance)).all())


def _carried(value: float, error: float, ess: float, *, reliable: bool) -> LogZ:
    low, high = value - 2 * error, value + 2 * error
    return LogZ(value, error, low, high, reliable, "trajectory", ess=ess)


def _confirmed(log_z: LogZ, apart: float) -> LogZ:
    """Return a carried value that a start confirmed up to this difference."""
    error = math.hypot(log_z.error, apart)
    return _carried(log_z.value, error, log_z.ess, reliable=True)


def _between(old: Parameters, new: Parameters, t: float) -> Parameters:
    """Machine on the straight line from the old (0) to the new (1)."""
    if t == 1.0:
        return new
    parts = (a + t * (b - a) for a, b in zip(old, new, strict=True))
    return Parameters(*(np.asarray(part, old.W.dtype) for part in parts))
