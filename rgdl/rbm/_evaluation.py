"""What a machine is asked: free energies, ln Z, likelihoods, distances."""

import math

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from rgdl import _validate
from rgdl._blas import blas_threads
from rgdl._progress import ProgressLike
from rgdl._rng import RngLike, draw_key
from rgdl.ising import Ising
from rgdl.rbm._annealing import annealed_log_z, integrated_log_z
from rgdl.rbm._data import read_rows
from rgdl.rbm._evaluate import (
    Measured,
    dense_pseudo_likelihood,
    kl_from,
    pseudo_likelihood,
)
from rgdl.rbm._layer import Layer
from rgdl.rbm._log_z import EXACT_UNITS, LogZ, exact_log_z
from rgdl.rbm._moments import Parameters, free_energy

__all__ = ["Evaluated", "check_log_z"]

_AUTO_TERMS = 1 << 31  # states times units that "auto" enumerates: some seconds
_CHUNK = 2048


def check_log_z(log_z: LogZ | None) -> None:
    """Refuse a number where an estimate with its error is needed."""
    if log_z is not None and not isinstance(log_z, LogZ):
        raise TypeError(f"log_z must be a rgdl.rbm.LogZ, got {type(log_z).__name__}")


class Evaluated(Layer):
    """A layer that is judged: by free energies, partition function, likelihoods."""

    progress: ProgressLike

    @property
    def _parameters(self) -> Parameters:
        self._check_finite()
        return Parameters(self.W_, self.b_, self.c_)

    @property
    def _spin(self) -> bool:
        return self.units == "spin"

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
        parameters = self._parameters.as_float64()
        data = self._packed(v, "v", self.n_features_in_)
        chunks = range(0, data.bits.shape[0], _CHUNK)
        rows = (self._unpack(data.bits[first : first + _CHUNK]) for first in chunks)
        with blas_threads(_validate.worker_count(self.workers)):
            return np.concatenate(
                [free_energy(v, parameters, self._spin) for v in rows]
            )

    def log_partition(
        self,
        method: str = "auto",
        *,
        samples: npt.ArrayLike | None = None,
        n_chains: int = 512,
        n_betas: int = 1000,
        rng: RngLike = None,
    ) -> LogZ:
        r"""Logarithm of the partition function, with its error.

        Parameters
        ----------
        method : {"auto", "exact", "ais", "ti"}
            "exact" enumerates the smaller layer by Gray code, up to 26 units. "ais" is
            annealed importance sampling [1]_. "ti" integrates the mean of
            :math:`d \ln f_t / dt` over the same temperatures. "auto" is exact where
            that takes seconds, else "ais".
        samples : array_like, shape (n, features) or (n, \*lattice), optional
            Independent samples of the machine itself. Annealing then also runs from
            the first `n_chains` of them to the base, and Bennett's acceptance ratio
            [2]_ joins both directions; `upper` becomes finite.
        n_chains : int, default 512
        n_betas : int, default 1000
            Temperatures of "ais", each with one Gibbs step; "ti" spends about as many
            steps on 33 temperatures, up and down again.
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        LogZ

        Raises
        ------
        ValueError, TypeError
            When "exact" is asked of layers above 26 units, or an argument is out of
            range.

        References
        ----------
        .. [1] R. Salakhutdinov, I. Murray, ICML 2008, 872.
        .. [2] C. H. Bennett, J. Comput. Phys. 22, 245 (1976).

        Examples
        --------
        >>> import rgdl
        >>> ring = rgdl.RBM.from_ising(rgdl.Ising(8, K=1.0))
        >>> exact = ring.log_partition()
        >>> bool(abs(exact.value - (9.122649352006 + 8 * (0.69314718056 + 1))) < 1e-9)
        True
        >>> estimate = ring.log_partition("ais", n_betas=200, rng=0)
        >>> bool(abs(estimate.value - exact.value) < 4 * estimate.error)
        True
        """
        parameters = self._parameters
        _validate.one_of(method, "method", ("auto", "exact", "ais", "ti"))
        n_chains = _validate.count(n_chains, "n_chains", least=2)
        n_betas = _validate.count(n_betas, "n_betas", least=2)
        workers = _validate.worker_count(self.workers)
        small, large = sorted(self.W_.shape)
        cheap = small <= EXACT_UNITS and (large << small) <= _AUTO_TERMS
        if method == "exact" or (method == "auto" and cheap):
            return exact_log_z(
                parameters, self._spin, workers=workers, progress=self.progress
            )
        if method == "ti":
            return integrated_log_z(
                parameters,
                self._spin,
                n_chains=n_chains,
                steps=max(2, n_betas // (2 * 33)),
                rng=rng,
                workers=workers,
                progress=self.progress,
            )
        rows = None
        if samples is not None:
            rows = self._unpack(self._packed(samples, "samples", self.W_.shape[0]).bits)
            if len(rows) < 2:
                raise ValueError("samples must have at least 2 rows, got 1")
        return annealed_log_z(
            parameters,
            self._spin,
            samples=rows,
            n_chains=n_chains,
            n_betas=n_betas,
            rng=rng,
            workers=workers,
            progress=self.progress,
        )

    def log_likelihood(
        self, X: npt.ArrayLike, *, log_z: LogZ | None = None, rng: RngLike = None
    ) -> Measured:
        r"""Mean log-likelihood of the rows, :math:`-\langle F(v) \rangle - \ln Z`.

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)
        log_z : LogZ, optional
            Of this machine; by default ``log_partition(rng=rng)``.
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        Measured
            In nats per row; the error is that of ln Z (the rows are taken as given).

        Raises
        ------
        ValueError, TypeError
            When X is not two-valued or has the wrong width.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising((4, 4), K=0.4406867935097715)
        >>> machine = rgdl.RBM.from_ising(model)
        >>> s = rgdl.sample(model, 4000, rng=0)
        >>> log_z = machine.log_partition("exact")
        >>> bool(abs(machine.log_likelihood(s, log_z=log_z).value + 4.4827) < 0.1)
        True
        """
        check_is_fitted(self, "W_")
        check_log_z(log_z)
        mean = float(self.free_energy(X).mean())
        if log_z is None:
            log_z = self.log_partition(rng=rng)
        return Measured(-mean - log_z.value, log_z.error, log_z.reliable)

    def score_samples(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        r"""Pseudo-log-likelihood of each row, over all visible units.

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)

        Returns
        -------
        ndarray of float64, shape (n,)
            :math:`\sum_i \ln p(v_i \mid v_{\setminus i})`, exact, where scikit-learn
            takes one random unit. Real values count as means: each unit's term is
            averaged, and acts on the others' terms by its mean.

        Raises
        ------
        ValueError, TypeError
            When X is not finite, holds the other units' values or has the wrong width.

        Warns
        -----
        DataWarning
            When real-valued data leave the units' range.

        Examples
        --------
        >>> import rgdl
        >>> machine = rgdl.RBM.from_weights([[0.0], [0.0]], [0, 0], [0])
        >>> machine.score_samples([[1, 1]])
        array([-1.38629436])
        """
        parameters = self._parameters
        rows = read_rows(self, X, self.units, reset=False)
        with blas_threads(_validate.worker_count(self.workers)):
            if rows.bits is None:
                assert rows.values is not None
                return dense_pseudo_likelihood(rows.values, parameters, self._spin)
            parts = [
                pseudo_likelihood(
                    self._unpack(rows.bits[first : first + _CHUNK]),
                    parameters,
                    self._spin,
                )
                for first in range(0, len(rows), _CHUNK)
            ]
        return np.concatenate(parts)

    def free_energy_gap(self, X: npt.ArrayLike, validation: npt.ArrayLike) -> Measured:
        r"""Mean free energy of validation data less that of training data.

        Parameters
        ----------
        X, validation : array_like, shape (n, features) or (n, \*lattice)

        Returns
        -------
        Measured
            A gap that grows while training goes on means over-fitting; ln Z drops out
            (Hinton, UTML TR 2010-003, section 6). A single row on either side has no
            error: nan, not reliable.

        Raises
        ------
        ValueError, TypeError
            When rows are not two-valued or have the wrong width.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising((4, 4), K=0.4)
        >>> s = rgdl.sample(model, 1000, rng=0)
        >>> gap = rgdl.RBM.from_ising(model).free_energy_gap(s[:500], s[500:])
        >>> bool(abs(gap.value) < 4 * gap.error)
        True
        """
        seen, unseen = self.free_energy(X), self.free_energy(validation)
        gap = float(unseen.mean() - seen.mean())
        if min(len(seen), len(unseen)) < 2:
            return Measured(gap, math.nan, False)
        variance = seen.var(ddof=1) / len(seen) + unseen.var(ddof=1) / len(unseen)
        return Measured(gap, math.sqrt(float(variance)), True)

    def kl(
        self,
        model: Ising,
        *,
        log_z: LogZ | None = None,
        n_samples: int = 2000,
        rng: RngLike = None,
    ) -> Measured:
        r"""Distance KL(P || p) of the visible law p from an Ising model's P.

        Parameters
        ----------
        model : Ising
            Enumerated up to 20 sites. A larger one must have an exact ln Z (Kaufman's,
            or a transfer matrix) and is sampled.
        log_z : LogZ, optional
            Of this machine; by default ``log_partition(rng=rng)``.
        n_samples : int, default 2000
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        Measured
            In nats; may be slightly negative when sampled.

        Raises
        ------
        ValueError, TypeError
            When the model has another number of sites or, where the machine knows its
            lattice, another shape; or no exact ln Z.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising(8, K=0.5)
        >>> rgdl.RBM.from_ising(model).kl(model).value < 1e-12
        True
        """
        if not isinstance(model, Ising):
            raise TypeError(f"model must be a rgdl.Ising, got {type(model).__name__}")
        check_log_z(log_z)
        shape = self.lattice_shape_
        if len(shape) > 1 and model.shape != shape:
            raise ValueError(f"model must have shape {shape}, got {model.shape}")
        generator = np.random.default_rng(draw_key(rng).tolist())
        parameters = self._parameters
        if log_z is None:
            log_z = self.log_partition(rng=generator)
        return kl_from(
            model,
            parameters,
            self._spin,
            log_z,
            n_samples=_validate.count(n_samples, "n_samples", least=2),
            rng=generator,
            workers=self.workers,
            progress=self.progress,
        )
