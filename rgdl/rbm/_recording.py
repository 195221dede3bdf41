"""Long chains of a machine: the methods of `RBM` that record and temper them."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from rgdl import _core, _validate
from rgdl._progress import ProgressLike
from rgdl._rng import RngLike, draw_key
from rgdl._units import pack_units
from rgdl.rbm._chains import Tempered, record_chains, temper

__all__ = ["Chains"]


class Chains:
    """Recorded and tempered chains of a machine with W_, b_, c_ and units."""

    W_: npt.NDArray[Any]
    b_: npt.NDArray[Any]
    c_: npt.NDArray[Any]
    units: str
    workers: int
    progress: ProgressLike
    lattice_shape_: tuple[int, ...]

    @property
    def _parameters(
        self,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        check_is_fitted(self, "W_")
        return self.W_, self.b_, self.c_

    def _rows(self, X: npt.ArrayLike, name: str) -> npt.NDArray[np.uint64]:
        """Packed rows of the right width."""
        data = pack_units(X, self.units, name)
        width = math.prod(data.row_shape)
        if width != self.W_.shape[0]:
            raise ValueError(
                f"{name} has {width} features, but {type(self).__name__} is expecting "
                f"{self.W_.shape[0]} features as input"
            )
        return data.bits

    def _values(self, bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.int8]:
        low = -1 if self.units == "spin" else 0
        return _core.unpack(np.ascontiguousarray(bits), self.W_.shape[0], low)

    def _fair_start(self, key: Any, chains: int) -> npt.NDArray[np.uint64]:
        fair = np.random.default_rng(key.tolist())
        start = fair.integers(0, 2, (chains, self.W_.shape[0]), dtype=np.int8)
        return _core.pack(start, 0)

    def chains(
        self,
        chains: int,
        draws: int,
        *,
        thin: int = 1,
        burn_in: int = 1000,
        start: npt.ArrayLike | None = None,
        rng: RngLike = None,
    ) -> npt.NDArray[Any]:
        r"""Gibbs chains, recorded.

        Parameters
        ----------
        chains, draws : int
        thin : int, default 1
            Gibbs steps between two draws.
        burn_in : int, default 1000
            Gibbs steps before the first.
        start : array_like, shape (chains, features) or (chains, \*lattice), optional
            By default fair units.
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (chain, draw, \*lattice_shape_)

        Raises
        ------
        ValueError, TypeError
            When an argument is out of range.

        Examples
        --------
        >>> import rgdl
        >>> machine = rgdl.RBM.from_ising(rgdl.Ising((4, 4), K=0.2))
        >>> machine.chains(3, 5, burn_in=10, rng=0).shape
        (3, 5, 4, 4)
        """
        parameters = self._parameters
        chains = _validate.count(chains, "chains")
        draws = _validate.count(draws, "draws")
        key = draw_key(rng)
        if start is None:
            bits = self._fair_start(key, chains)
        else:
            bits = self._rows(start, "start")
            if len(bits) != chains:
                raise ValueError(
                    f"start must have {chains} rows, one per chain, got {len(bits)}"
                )
        values = record_chains(
            parameters,
            self.units,
            bits,
            draws,
            _validate.count(thin, "thin"),
            _validate.count(burn_in, "burn_in", least=0),
            key,
            workers=_validate.worker_count(self.workers),
            progress=self.progress,
        )
        return self._shaped(values)

    def _shaped(self, values: npt.NDArray[np.int8]) -> npt.NDArray[Any]:
        typed = values if self.units == "spin" else values.view(np.uint8)
        return typed.reshape(*values.shape[:-1], *self.lattice_shape_)

    def temper(
        self,
        *,
        chains: int,
        draws: int,
        n_betas: int = 10,
        thin: int = 1,
        burn_in: int = 100,
        rng: RngLike = None,
    ) -> Tempered:
        """Parallel tempering: samples of a machine whose own chains are slow.

        Parameters
        ----------
        chains, draws : int
        n_betas : int, default 10
            Inverse temperatures from 0 (independent units) to 1, evenly spaced.
        thin : int, default 1
            Rounds between draws: a Gibbs step of every replica, then exchanges.
        burn_in : int, default 100
            Rounds before the first draw.
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        Tempered
            Samples (chain, draw, ...), swap rates and round trips.

        Raises
        ------
        ValueError, TypeError
            When an argument is out of range.

        Examples
        --------
        >>> import rgdl
        >>> machine = rgdl.RBM.from_ising(rgdl.Ising((4, 4), K=0.3))
        >>> machine.temper(chains=8, draws=20, rng=0).reliable
        True
        """
        result = temper(
            self._parameters,
            self.units,
            chains=_validate.count(chains, "chains"),
            draws=_validate.count(draws, "draws"),
            n_betas=_validate.count(n_betas, "n_betas", least=2),
            thin=_validate.count(thin, "thin"),
            burn_in=_validate.count(burn_in, "burn_in", least=0),
            rng=rng,
            workers=_validate.worker_count(self.workers),
            progress=self.progress,
        )
        return Tempered(
            self._shaped(result.samples),
            result.betas,
            result.swap_rates,
            result.round_trips,
            result.reliable,
        )
