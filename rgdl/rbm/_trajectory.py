"""Ln Z carried along training by ratios between successive parameters."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl.rbm._annealing import bennett
from rgdl.rbm._log_z import Floats, LogZ, judge
from rgdl.rbm._moments import Parameters, free_energy

__all__ = ["LogZTrajectory", "log_z_step"]


def log_z_step(
    old: Parameters,
    new: Parameters,
    spin: bool,
    v_old: npt.NDArray[Any],
    v_new: npt.NDArray[Any],
) -> tuple[float, float, float]:
    r"""Ln(Z_new / Z_old), its error and the effective number of chains.

    The log weights :math:`F_{old}(v) - F_{new}(v)` of chains of the old machine and
    their negatives of chains of the new one, joined by Bennett's acceptance ratio
    (Desjardins, Courville and Bengio, NIPS 2011, carry ln Z along by such bridges).
    """
    before, after = old.as_float64(), new.as_float64()

    def gain(v: npt.NDArray[Any]) -> Floats:
        difference = free_energy(v, before, spin) - free_energy(v, after, spin)
        return np.asarray(difference)

    return bennett(gain(v_old), -gain(v_new))


class LogZTrajectory:
    """Follow ln Z of a machine through its training.

    Start it at a machine whose ln Z is known; then `update` with the machine and the
    chains of its persistent sampler after every epoch or batch. The error adds up the
    steps' errors as if they were independent; chains that lag behind the machine are
    not seen in it, so start afresh from `RBM.log_partition` now and then.

    Parameters
    ----------
    rbm : RBM
    v : array_like, shape (n_chains, ...)
        Samples of the machine.
    log_z : LogZ
        Of that machine.

    Attributes
    ----------
    log_z : LogZ
        Of the latest machine; method "trajectory".
    history : list of LogZ

    Examples
    --------
    >>> import rgdl
    >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(8, K=0.50))
    >>> warmer = rgdl.RBM.from_ising(rgdl.Ising(8, K=0.48))
    >>> v, v_warmer = rbm.sample(500, rng=0), warmer.sample(500, rng=1)
    >>> path = rgdl.rbm.LogZTrajectory(rbm, v, rbm.log_partition())
    >>> moved = path.update(warmer, v_warmer)
    >>> bool(abs(moved.value - warmer.log_partition().value) < 4 * moved.error)
    True
    """

    def __init__(self, rbm: Any, v: npt.ArrayLike, log_z: LogZ) -> None:
        self.log_z = log_z
        self.history = [log_z]
        self._variance = log_z.error**2
        self._remember(rbm, v)

    def _remember(self, rbm: Any, v: npt.ArrayLike) -> None:
        self._parameters = Parameters(rbm.W_.copy(), rbm.b_.copy(), rbm.c_.copy())
        self._v = np.array(v).reshape(len(np.asarray(v)), -1)

    def update(self, rbm: Any, v: npt.ArrayLike) -> LogZ:
        """Ln Z of the machine as it is now.

        Parameters
        ----------
        rbm : RBM
            The same machine after some training.
        v : array_like, shape (n_chains, ...)
            Its chains as they are now.

        Returns
        -------
        LogZ

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(8, K=0.5))
        >>> v = rbm.sample(100, rng=0)
        >>> path = rgdl.rbm.LogZTrajectory(rbm, v, rbm.log_partition())
        >>> path.update(rbm, v).value == rbm.log_partition().value
        True
        """
        rows = np.asarray(v).reshape(len(np.asarray(v)), -1)
        old, chains = self._parameters, self._v
        self._remember(rbm, rows)
        step, error, ess = log_z_step(old, self._parameters, rbm._spin, chains, self._v)
        self._variance += error**2
        value, error = self.log_z.value + step, math.sqrt(self._variance)
        self.log_z = LogZ(
            value,
            error,
            value - 2 * error,
            value + 2 * error,
            self.log_z.reliable and judge(ess),
            "trajectory",
            ess=min(ess, self.log_z.ess),
        )
        self.history.append(self.log_z)
        return self.log_z
