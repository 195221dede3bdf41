"""Free energies and partition functions of a Boltzmann machine."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from rgdl import _core, _validate
from rgdl._blas import blas_threads
from rgdl._states import log_sum_exp
from rgdl.rbm._layer import Layer
from rgdl.rbm._moments import Parameters, free_energy

__all__ = ["Evaluated", "LogZ"]

_EXACT_UNITS = 24
_CHUNK = 2048


@dataclass(frozen=True)
class LogZ:
    """Logarithm of a partition function, with what is known about its error.

    Attributes
    ----------
    value : float
        ln Z in nats.
    error : float
        Standard error; 0 where the value is exact to rounding.
    lower, upper : float
        Bounds (equal to the value where it is exact).
    reliable : bool
    method : str
        "exact".

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> rbm = rgdl.RBM.from_weights(np.zeros((3, 2)), np.zeros(3), np.zeros(2))
    >>> round(rbm.log_partition().value, 12) == round(5 * float(np.log(2)), 12)
    True
    """

    value: float
    error: float
    lower: float
    upper: float
    reliable: bool
    method: str


class Evaluated(Layer):
    """A layer with its free energies and its partition function."""

    def free_energy(self, v: npt.ArrayLike) -> npt.NDArray[np.float64]:
        r"""Free energy F(v) = -ln sum_h exp(-E(v, h)), in float64.

        Parameters
        ----------
        v : array_like, shape (n, features) or (n, \*lattice)
            Two-valued rows.

        Returns
        -------
        ndarray of float64, shape (n,)
            :math:`-b \cdot v - \sum_j \ln 2\cosh(c_j + (vW)_j)` (spin) or
            :math:`-b \cdot v - \sum_j \ln(1 + e^{c_j + (vW)_j})` (binary), in nats.

        Raises
        ------
        ValueError, TypeError
            When v is not two-valued or has the wrong width.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_weights([[0.0], [0.0]], [0, 0], [0])
        >>> rbm.free_energy([[1, 1]])
        array([-0.69314718])
        """
        check_is_fitted(self, "W_")
        data = self._packed(v, "v", self.n_features_in_)
        parameters = Parameters(self.W_, self.b_, self.c_).as_float64()
        chunks = range(0, data.bits.shape[0], _CHUNK)
        rows = (self._unpack(data.bits[first : first + _CHUNK]) for first in chunks)
        with blas_threads(_validate.worker_count(self.workers)):
            return np.concatenate(
                [free_energy(v, parameters, self.units == "spin") for v in rows]
            )

    def log_partition(self, method: str = "auto") -> LogZ:
        """Logarithm of the partition function.

        Parameters
        ----------
        method : {"auto", "exact"}
            "exact" enumerates the smaller layer by Gray code, up to 24 units.

        Returns
        -------
        LogZ

        Raises
        ------
        ValueError
            When both layers have more than 24 units.

        Examples
        --------
        >>> import rgdl
        >>> ring = rgdl.Ising(8, K=1.0)
        >>> z = rgdl.RBM.from_ising(ring).log_partition().value
        >>> bool(abs(z - (9.122649352006 + 8 * (0.6931471805599453 + 1.0))) < 1e-11)
        True
        """
        check_is_fitted(self, "W_")
        _validate.one_of(method, "method", ("auto", "exact"))
        if min(self.W_.shape) > _EXACT_UNITS:
            raise ValueError(
                f"an exact log Z needs a layer of at most {_EXACT_UNITS} units, got "
                f"{self.W_.shape[0]} visible and {self.W_.shape[1]} hidden"
            )
        W, b, c = (np.asarray(a, dtype=np.float64) for a in (self.W_, self.b_, self.c_))
        if W.shape[0] > W.shape[1]:
            W, b, c = np.ascontiguousarray(W.T), c, b
        workers = _validate.worker_count(self.workers)
        states = 1 << W.shape[0]
        block = min(states, 1 << 18)
        partial = [
            log_sum_exp(
                -_core.rbm_free_energies(
                    W, b, c, self.units == "spin", start, start + block, workers
                )
            )
            for start in range(0, states, block)
        ]
        value = log_sum_exp(np.array(partial))
        if not math.isfinite(value):
            raise ValueError("log Z is not finite: W, b or c are too large")
        return LogZ(value, 0.0, value, value, True, "exact")
