"""What a trained machine is asked: the methods of `RBM` that judge it."""

import math

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from rgdl import _validate
from rgdl._rng import RngLike, draw_key
from rgdl.couplings import Couplings
from rgdl.ising import Ising
from rgdl.rbm._annealing import annealed_log_z, integrated_log_z
from rgdl.rbm._effective import (
    EXACT_VISIBLE,
    LOW_DEGREE,
    PairCouplings,
    exact_couplings,
    gaussian_pairs,
    low_degree_pairs,
    spin_parameters,
)
from rgdl.rbm._evaluate import Measured, kl_from, pseudo_likelihood
from rgdl.rbm._log_z import EXACT_UNITS, LogZ, exact_log_z
from rgdl.rbm._recording import Chains

__all__ = ["Evaluation"]

_AUTO_TERMS = 1 << 28  # states times units that "auto" enumerates: some seconds
_CHUNK = 2048


class Evaluation(Chains):
    """Evaluation of a machine with W_, b_, c_ and units."""

    def free_energy(self, v: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Free energy of every row."""
        raise NotImplementedError

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
            return exact_log_z(*parameters, self.units, workers=workers)
        if method == "ti":
            return integrated_log_z(
                parameters,
                self.units,
                n_chains=n_chains,
                steps=max(2, n_betas // (2 * 33)),
                rng=rng,
                workers=workers,
                progress=self.progress,
            )
        rows = None
        if samples is not None:
            rows = self._values(self._rows(samples, "samples"))
            if len(rows) < 2:
                raise ValueError("samples must have at least 2 rows, got 1")
        return annealed_log_z(
            parameters,
            self.units,
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
            takes one random unit.

        Raises
        ------
        ValueError, TypeError
            When X is not two-valued or has the wrong width.

        Examples
        --------
        >>> import rgdl
        >>> machine = rgdl.RBM.from_weights([[0.0], [0.0]], [0, 0], [0])
        >>> machine.score_samples([[1, 1]])
        array([-1.38629436])
        """
        W, b, c = self._parameters
        bits = self._rows(X, "X")
        parts = [
            pseudo_likelihood(
                self._values(bits[first : first + _CHUNK]), W, b, c, self.units
            )
            for first in range(0, len(bits), _CHUNK)
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
            (Hinton, UTML TR 2010-003, section 6).

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
        variance = seen.var() / len(seen) + unseen.var() / len(unseen)
        return Measured(
            float(unseen.mean() - seen.mean()), math.sqrt(float(variance)), True
        )

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
            When the model has another number of sites, or no exact ln Z.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising(8, K=0.5)
        >>> rgdl.RBM.from_ising(model).kl(model).value < 1e-12
        True
        """
        if not isinstance(model, Ising):
            raise TypeError(f"model must be a rgdl.Ising, got {type(model).__name__}")
        generator = np.random.default_rng(draw_key(rng).tolist())
        parameters = self._parameters
        if log_z is None:
            log_z = self.log_partition(rng=generator)
        return kl_from(
            model,
            parameters,
            self.units,
            log_z,
            n_samples=_validate.count(n_samples, "n_samples", least=2),
            rng=generator,
            workers=self.workers,
            progress=self.progress,
        )

    def effective_couplings(
        self, method: str = "auto", *, n_exact: int = 4
    ) -> Couplings | PairCouplings:
        """Couplings that the hidden units make among the visible spins.

        Parameters
        ----------
        method : {"auto", "exact", "low-degree", "gaussian"}
            "exact": all orders by Walsh-Hadamard transform, to 20 visible units.
            "low-degree": pairs and fields, exact where every hidden unit has at most
            12 weights. "gaussian": pairs for units with many weights. "auto" takes the
            first that can be done.
        n_exact : int, default 4
            "gaussian": largest weights of a unit that are summed exactly.

        Returns
        -------
        Couplings or PairCouplings
            `Couplings` for "exact", grouped by the symmetry of a torus where the data
            had two or three axes. Binary units count as spins 2 v - 1.

        Raises
        ------
        ValueError
            When the method cannot do this machine.

        Notes
        -----
        The Gaussian input is that of Decelle et al., SciPost Phys. 16, 095 (2024);
        its fields are not computed and are nan.

        Examples
        --------
        >>> import rgdl
        >>> machine = rgdl.RBM.from_ising(rgdl.Ising((3, 3), K=0.4))
        >>> round(machine.effective_couplings()["nn"], 12)
        0.4
        """
        parameters = self._parameters
        choices = ("auto", "exact", "low-degree", "gaussian")
        _validate.one_of(method, "method", choices)
        shape = self.lattice_shape_
        if method == "auto":
            degree = int((self.W_ != 0).sum(axis=0).max())
            small = self.W_.shape[0] <= EXACT_VISIBLE
            low = "low-degree" if degree <= LOW_DEGREE else "gaussian"
            method = "exact" if small else low
        if method == "exact":
            torus = shape if len(shape) in (2, 3) and min(shape) >= 2 else None
            workers = _validate.worker_count(self.workers)
            return exact_couplings(parameters, self.units, torus, workers)
        if method == "low-degree":
            field, pairs = low_degree_pairs(parameters, self.units)
            return PairCouplings(field, pairs, shape, method)
        n = self.W_.shape[0]
        n_exact = _validate.count(n_exact, "n_exact", least=0)
        upper = np.triu_indices(n, 1)
        pairs = np.zeros((n, n))
        pairs[upper] = gaussian_pairs(
            parameters, self.units, np.transpose(upper), n_exact=n_exact
        )
        return PairCouplings(np.full(n, np.nan), pairs + pairs.T, shape, method)

    def couplings_at(
        self, displacement: tuple[int, ...], *, n_exact: int = 4
    ) -> Measured:
        """Pair coupling at one displacement on the torus, for units with many weights.

        Parameters
        ----------
        displacement : tuple of int
            One step per axis of `lattice_shape_`, not all 0.
        n_exact : int, default 4
            Largest weights of a unit that are summed exactly.

        Returns
        -------
        Measured
            Mean over all translations; the error is their standard error.

        Raises
        ------
        ValueError, TypeError
            When the displacement does not fit the lattice.

        Examples
        --------
        >>> import rgdl
        >>> machine = rgdl.RBM.from_ising(rgdl.Ising((6, 6), K=0.3))
        >>> round(machine.couplings_at((0, 1)).value, 12)
        0.3
        """
        parameters = self._parameters
        shape = self.lattice_shape_
        steps = tuple(displacement)
        if len(steps) != len(shape) or not any(
            step % extent for step, extent in zip(steps, shape, strict=True)
        ):
            raise ValueError(
                f"displacement must have {len(shape)} steps, not all 0, got {steps}"
            )
        sites = np.arange(math.prod(shape)).reshape(shape)
        other = np.roll(sites, [-step for step in steps], tuple(range(len(shape))))
        pairs = np.stack([sites.ravel(), other.ravel()], axis=1)
        values = gaussian_pairs(parameters, self.units, pairs, n_exact=n_exact)
        error = float(values.std()) / math.sqrt(len(values))
        return Measured(float(values.mean()), error, True)

    def spin_weights(self) -> tuple[npt.NDArray[np.float64], ...]:
        """W, b, c in spin units with the same law.

        Returns
        -------
        tuple of ndarray of float64
            The parameters themselves for spin units; for binary ones W / 4,
            b / 2 + sum_j W_ij / 4 and c / 2 + sum_i W_ij / 4.

        Examples
        --------
        >>> import rgdl
        >>> machine = rgdl.RBM.from_weights([[4.0]], [0], [0], units="binary")
        >>> machine.spin_weights()
        (array([[1.]]), array([1.]), array([1.]))
        """
        return spin_parameters(*self._parameters, self.units)
