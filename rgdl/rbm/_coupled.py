"""Couplings that a machine's hidden layer stands for."""

import math
import sys

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl.couplings import Couplings
from rgdl.rbm._effective import (
    EXACT_VISIBLE,
    LOW_DEGREE,
    CouplingAt,
    PairCouplings,
    exact_couplings,
    gaussian_error,
    gaussian_pairs,
    low_degree_pairs,
    spin_parameters,
)
from rgdl.rbm._evaluation import Evaluated

__all__ = ["Coupled"]


class Coupled(Evaluated):
    """A layer whose visible spins have effective couplings."""

    def effective_couplings(
        self, method: str = "auto", *, n_exact: int = 4, averaged: bool = True
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
        averaged : bool, default True
            "exact": where the data had two or three axes, averages over the symmetries
            of their torus. False gives every set of sites its own coupling.

        Returns
        -------
        Couplings or PairCouplings
            `Couplings` for "exact", averaged over the torus as above; `spread` tells
            how far the machine is from that symmetry, and only where it is 0 are these
            the machine's own couplings. Binary units count as spins 2 v - 1.

        Raises
        ------
        ValueError, TypeError
            When the method cannot do this machine, or an argument is out of range.

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
        if not isinstance(averaged, bool | np.bool_):
            raise TypeError(f"averaged must be a bool, got {averaged!r}")
        shape = self.lattice_shape_
        if method == "auto":
            degree = int((self.W_ != 0).sum(axis=0).max())
            small = self.W_.shape[0] <= EXACT_VISIBLE
            low = "low-degree" if degree <= LOW_DEGREE else "gaussian"
            method = "exact" if small else low
        if method == "exact":
            is_torus = len(shape) in (2, 3) and min(shape) >= 2
            torus = shape if averaged and is_torus else None
            workers = _validate.worker_count(self.workers)
            return exact_couplings(parameters, self._spin, torus, workers)
        if method == "low-degree":
            field, pairs = low_degree_pairs(parameters, self._spin)
            return PairCouplings(field, pairs, shape, method, np.zeros_like(pairs))
        n = self.W_.shape[0]
        n_exact = _validate.count(n_exact, "n_exact", least=0)
        upper = np.triu_indices(n, 1)
        sites = np.transpose(upper)
        pairs, errors = np.zeros((n, n)), np.zeros((n, n))
        values = gaussian_pairs(parameters, self._spin, sites, n_exact=n_exact)
        pairs[upper] = values
        errors[upper] = np.abs(
            gaussian_error(parameters, self._spin, sites, values, n_exact=n_exact)
        )
        return PairCouplings(
            np.full(n, np.nan), pairs + pairs.T, shape, method, errors + errors.T
        )

    def couplings_at(
        self, displacement: tuple[int, ...], *, n_exact: int = 4
    ) -> CouplingAt:
        """Pair coupling at one displacement on the torus, for units with many weights.

        Parameters
        ----------
        displacement : tuple of int
            One step per axis of `lattice_shape_`, not all 0.
        n_exact : int, default 4
            Largest weights of a unit that are summed exactly.

        Returns
        -------
        CouplingAt
            Mean over all translations, their spread, and the error of the mean.

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
        if not isinstance(displacement, tuple | list):
            raise TypeError(
                f"displacement must be a tuple of integers, got {displacement!r}"
            )
        steps = tuple(
            _validate.count(step, "every step of displacement", least=-sys.maxsize)
            for step in displacement
        )
        n_exact = _validate.count(n_exact, "n_exact", least=0)
        if len(steps) != len(shape) or not any(
            step % extent for step, extent in zip(steps, shape, strict=True)
        ):
            raise ValueError(
                f"displacement must have {len(shape)} steps, not all 0, got {steps}"
            )
        sites = np.arange(math.prod(shape)).reshape(shape)
        other = np.roll(sites, [-step for step in steps], tuple(range(len(shape))))
        pairs = np.stack([sites.ravel(), other.ravel()], axis=1)
        values = gaussian_pairs(parameters, self._spin, pairs, n_exact=n_exact)
        change = gaussian_error(parameters, self._spin, pairs, values, n_exact=n_exact)
        error = abs(float(change.mean()))
        size = math.sqrt(float(np.square(values).mean()))
        return CouplingAt(
            float(values.mean()), float(values.std()), error, error <= 0.1 * size
        )

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
        return tuple(spin_parameters(self._parameters, self._spin))
