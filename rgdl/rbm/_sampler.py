"""Draws from a Boltzmann machine: layers, Gibbs chains, samples."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from rgdl import _core, _validate
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import Key, RngLike, draw_key
from rgdl.rbm._annealing import annealed_states
from rgdl.rbm._chains import Tempered, clamp_mask, temper_chains
from rgdl.rbm._coupled import Coupled
from rgdl.rbm._start import random_bits

__all__ = ["Sampler"]


class Sampler(Coupled):
    """A layer from which states are drawn."""

    def _draw(
        self,
        bits: npt.NDArray[np.uint64],
        half_steps: int,
        key: Key,
        *,
        from_visible: bool = True,
        clamped: npt.NDArray[np.uint64] | None = None,
        records: npt.NDArray[np.uint64] | None = None,
        record_every: int = 1,
        purpose: int = _core.PURPOSE_RBM_GIBBS,
        progress: ProgressLike = False,
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Packed states of both layers after the half-steps; `bits` is not touched."""
        self._check_finite()
        n_visible, n_hidden = self.W_.shape
        empty = n_hidden if from_visible else n_visible
        other = np.zeros((bits.shape[0], -(-empty // 64)), dtype=np.uint64)
        visible, hidden = (bits.copy(), other) if from_visible else (other, bits.copy())
        with Progress("Gibbs sampling", progress) as update:
            _core.rbm_gibbs(
                self.W_,
                self.b_,
                self.c_,
                self.units == "spin",
                visible,
                hidden,
                from_visible,
                half_steps,
                key,
                purpose,
                0,
                _validate.worker_count(self.workers),
                update,
                clamped=clamped,
                records=records,
                record_every=record_every,
            )
        return visible, hidden

    def sample_hidden(self, v: npt.ArrayLike, *, rng: RngLike = None) -> Any:
        r"""Draw the hidden layer given the visible one.

        Parameters
        ----------
        v : array_like, shape (n, features) or (n, \*lattice)
            Two-valued rows.
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, n_hidden)
            Row i does not depend on how many rows follow it.

        Raises
        ------
        ValueError, TypeError
            When v is not two-valued or has the wrong width.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(4, K=3.0))
        >>> rbm.sample_hidden([[1, 1, 1, 1]], rng=0)
        array([[1, 1, 1, 1]], dtype=int8)
        """
        check_is_fitted(self, "W_")
        data = self._packed(v, "v", self.n_features_in_)
        _, hidden = self._draw(data.bits, 1, draw_key(rng))
        return self._unpack(hidden, self.W_.shape[1])

    def sample_visible(self, h: npt.ArrayLike, *, rng: RngLike = None) -> Any:
        r"""Draw the visible layer given the hidden one.

        Parameters
        ----------
        h : array_like, shape (n, n_hidden)
            Two-valued rows.
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, \*lattice_shape_)

        Raises
        ------
        ValueError, TypeError
            When h is not two-valued or has the wrong width.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(4, K=3.0))
        >>> rbm.sample_visible([[-1, -1, -1, -1]], rng=0)
        array([[-1, -1, -1, -1]], dtype=int8)
        """
        check_is_fitted(self, "W_")
        data = self._packed(h, "h", self.W_.shape[1])
        visible, _ = self._draw(data.bits, 1, draw_key(rng), from_visible=False)
        return self._unpack(visible).reshape(-1, *self.lattice_shape_)

    def gibbs(
        self,
        v: npt.ArrayLike,
        k: int = 1,
        *,
        clamp: npt.ArrayLike | None = None,
        rng: RngLike = None,
    ) -> Any:
        r"""Advance one Gibbs chain per row by k steps v -> h -> v.

        Parameters
        ----------
        v : array_like, shape (n, features) or (n, \*lattice)
            Two-valued rows; not modified.
        k : int, default 1
        clamp : array_like of bool, shape (features,) or (\*lattice,), optional
            Visible units that keep the values they have in v.
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, \*lattice_shape_)

        Raises
        ------
        ValueError, TypeError
            When v is not two-valued or has the wrong width, or k is not positive.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(4, K=3.0))
        >>> rbm.gibbs([[1, 1, 1, 1]], k=2, rng=0).shape
        (1, 4)
        """
        check_is_fitted(self, "W_")
        data = self._packed(v, "v", self.n_features_in_)
        half_steps = 2 * _validate.count(k, "k")
        clamped = None
        if clamp is not None:
            values = self._unpack(data.bits)
            mask, _ = clamp_mask(
                (clamp, values), len(values), self.lattice_shape_, self._spin
            )
            clamped = _core.pack(mask[None].astype(np.int8), 0)
        visible, _ = self._draw(
            data.bits,
            half_steps,
            draw_key(rng),
            clamped=clamped,
            progress=self.progress,
        )
        return self._unpack(visible).reshape(-1, *self.lattice_shape_)

    def sample(
        self,
        n: int,
        *,
        steps: int = 1000,
        clamp: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        rng: RngLike = None,
    ) -> Any:
        r"""Draw n configurations from the machine, one Gibbs chain each.

        Parameters
        ----------
        n : int
        steps : int, default 1000
            Gibbs steps from independent fair units. A machine with large weights may
            need more: compare two values.
        clamp : tuple (mask, values), optional
            Visible units that stand still, bool of shape ``lattice_shape_``, and their
            values, of that shape or one set per row.
        rng : None, int, SeedSequence, BitGenerator or Generator
            ``sample(n)[:m]`` equals ``sample(m)`` for the same key.

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, \*lattice_shape_)

        Raises
        ------
        ValueError, TypeError
            When n or steps is not positive.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising((4, 4), K=0.2))
        >>> rbm.sample(3, steps=50, rng=0).shape
        (3, 4, 4)
        """
        check_is_fitted(self, "W_")
        n = _validate.count(n, "n")
        half_steps = 2 * _validate.count(steps, "steps")
        key = draw_key(rng)
        start = random_bits(key, n, self.n_features_in_)
        clamped = None
        if clamp is not None:
            mask, values = clamp_mask(clamp, n, self.lattice_shape_, self._spin)
            clamped = _core.pack(mask[None].astype(np.int8), 0)
            start = (start & ~clamped) | (_core.pack(values, self._low) & clamped)
        visible, _ = self._draw(
            start, half_steps, key, clamped=clamped, progress=self.progress
        )
        return self._unpack(visible).reshape(-1, *self.lattice_shape_)

    def anneal(self, n: int, *, n_betas: int = 1000, rng: RngLike = None) -> Any:
        r"""Draw n configurations by annealing, where Gibbs chains take too long.

        Chains start at independent units and take one Gibbs step at each of `n_betas`
        temperatures, spread as `log_partition` spreads them. They are the ends of its
        forward run, without the weights: nearly at equilibrium where the steps are
        slow enough. Whether they are shows in `gibbs` chains that start at them, which
        must not drift, and in ``log_partition("ais", samples=...)``, whose two
        directions must agree.

        Parameters
        ----------
        n : int
        n_betas : int, default 1000
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, \*lattice_shape_)

        Raises
        ------
        ValueError, TypeError
            When n is not positive or `n_betas` below 2.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising((4, 4), K=0.2))
        >>> rbm.anneal(3, n_betas=50, rng=0).shape
        (3, 4, 4)
        """
        check_is_fitted(self, "W_")
        states = annealed_states(
            self._parameters,
            self._spin,
            _validate.count(n, "n"),
            _validate.count(n_betas, "n_betas", least=2),
            rng=rng,
            workers=_validate.worker_count(self.workers),
            progress=self.progress,
        )
        return self._unpack(states).reshape(-1, *self.lattice_shape_)

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
        check_is_fitted(self, "W_")
        chains = _validate.count(chains, "chains")
        draws = _validate.count(draws, "draws")
        thin = _validate.count(thin, "thin")
        steps = _validate.count(burn_in, "burn_in", least=0) + draws * thin
        key = draw_key(rng)
        if start is None:
            bits = random_bits(key, chains, self.n_features_in_)
        else:
            bits = self._packed(start, "start", self.n_features_in_).bits
            if len(bits) != chains:
                raise ValueError(
                    f"start must have {chains} rows, one per chain, got {len(bits)}"
                )
        records = np.empty((chains, draws, bits.shape[1]), dtype=np.uint64)
        self._draw(
            bits,
            2 * steps,
            key,
            records=records,
            record_every=2 * thin,
            purpose=_core.PURPOSE_RBM_SAMPLE,
            progress=self.progress,
        )
        values: npt.NDArray[Any] = self._unpack(records.reshape(chains * draws, -1))
        return values.reshape(chains, draws, *self.lattice_shape_)

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
        result = temper_chains(
            self._parameters,
            self._spin,
            chains=_validate.count(chains, "chains"),
            draws=_validate.count(draws, "draws"),
            n_betas=_validate.count(n_betas, "n_betas", least=2),
            thin=_validate.count(thin, "thin"),
            burn_in=_validate.count(burn_in, "burn_in", least=0),
            rng=rng,
            workers=_validate.worker_count(self.workers),
            progress=self.progress,
        )
        samples = result.samples if self._spin else result.samples.view(np.uint8)
        shape = (*samples.shape[:2], *self.lattice_shape_)
        return replace(result, samples=samples.reshape(shape))
