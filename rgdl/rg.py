"""Coarse-graining as conditional distributions, and flows of couplings.

A `Transform` is a distribution p(h|v) of coarse variables given fine ones. Decimation,
the majority rule and a layer of a Boltzmann machine are the same kind of object here.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._rng import RngLike, draw_key
from rgdl._states import (
    BoltzmannLayer,
    Floats,
    as_binary,
    as_spins,
    layer_parameters,
)

__all__ = [
    "Decimation",
    "Flow",
    "MajorityRule",
    "RBMTransform",
    "Transform",
    "decimate_chain",
]


class Transform(ABC):
    """A conditional distribution p(h|v), independent over the coarse variables.

    Subclasses: `Decimation`, `MajorityRule`, `RBMTransform`. Examples are there.

    Attributes
    ----------
    b : int or None
        Length scale factor; None where it has no meaning.
    """

    b: int | None = None

    @abstractmethod
    def coarsen(
        self, s: npt.ArrayLike, *, rng: RngLike = None
    ) -> npt.NDArray[np.int8] | npt.NDArray[Any]:
        r"""Draw coarse configurations given fine ones.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice)
        rng : None, int, SeedSequence, BitGenerator or Generator
            Keys the random stream; the first m rows of n are those of m.

        Returns
        -------
        ndarray, shape (n, \*coarse)
        """

    @abstractmethod
    def coarse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Shape of the coarse lattice over one of `shape`; None without a lattice.

        Parameters
        ----------
        shape : tuple of int
            Fine lattice.

        Returns
        -------
        tuple of int or None
        """

    @abstractmethod
    def log_probabilities(self, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        r"""Logarithms of p(h_j up|v) and p(h_j down|v) for every coarse variable.

        Parameters
        ----------
        v : array_like, shape (n, \*lattice)

        Returns
        -------
        up, down : ndarray of float64, shape (n, n_coarse)
            In nats; -inf for what cannot happen.
        """

    def log_prob(self, v: npt.ArrayLike, h: npt.ArrayLike) -> Floats:
        r"""Ln p(h|v) row by row.

        Parameters
        ----------
        v : array_like, shape (n, \*lattice)
            Fine configurations.
        h : array_like, shape (n, \*coarse)
            Coarse configurations.

        Returns
        -------
        ndarray of float64, shape (n,)
            In nats; -inf for a pair that cannot occur, never nan.

        Raises
        ------
        ValueError
            When the rows do not correspond or a value is not allowed.
        """
        up, down = self.log_probabilities(v)
        coarse = np.asarray(h)
        if coarse.ndim < 1 or coarse.shape[0] != len(up) or coarse.size != up.size:
            raise ValueError(
                f"h must hold {len(up)} rows of {up.shape[1]} coarse variables "
                f"to fit v, got shape {coarse.shape}"
            )
        raised = self._is_up(coarse).reshape(up.shape)
        return np.asarray(np.where(raised, up, down).sum(axis=1))

    def operator(self, v: npt.ArrayLike, h: npt.ArrayLike) -> Floats:
        r"""Kadanoff's T(v, h) = ln p(h|v), with Tr_h e^T = 1 for every v.

        Parameters
        ----------
        v, h : array_like
            As in `log_prob`.

        Returns
        -------
        ndarray of float64, shape (n,)

        Raises
        ------
        ValueError
            As `log_prob`.
        """
        return self.log_prob(v, h)

    def _is_up(self, h: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        return as_spins(h, "h") > 0


class _Blocking(Transform):
    """Blocks of b sites along every axis."""

    b: int

    def coarse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the lattice of blocks.

        Parameters
        ----------
        shape : tuple of int
            One to three extents.

        Returns
        -------
        tuple of int

        Raises
        ------
        ValueError
            When b does not divide every extent.

        Examples
        --------
        >>> import rgdl
        >>> rgdl.rg.Decimation(b=2).coarse_shape((8, 6))
        (4, 3)
        """
        if not 1 <= len(shape) <= 3:
            raise ValueError(f"shape must have 1 to 3 extents, got {shape!r}")
        if any(extent < 1 or extent % self.b for extent in shape):
            raise ValueError(
                f"b must divide every extent of the lattice, got b={self.b} "
                f"and extents {tuple(shape)}"
            )
        return tuple(extent // self.b for extent in shape)

    def _fine(self, s: npt.ArrayLike, name: str) -> npt.NDArray[np.int8]:
        spins = as_spins(s, name)
        if not 2 <= spins.ndim <= 4:
            raise ValueError(
                f"{name} must have shape (n, *lattice) with 1 to 3 lattice axes, "
                f"got {spins.shape}"
            )
        self.coarse_shape(spins.shape[1:])
        return spins


class Decimation(_Blocking):
    r"""Keep the sites whose coordinates are all divisible by b.

    Parameters
    ----------
    b : int, default 2
        Length scale factor.

    Raises
    ------
    ValueError, TypeError
        For b below 2.

    Notes
    -----
    :math:`p(h|v) = \prod_j \delta(h_j, v_{bj})`. On a chain the flow of the coupling is
    exact, see `decimate_chain`.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> s = np.array([[1, -1, -1, 1, -1, -1]], dtype=np.int8)
    >>> rgdl.rg.Decimation(b=2).coarsen(s)
    array([[ 1, -1, -1]], dtype=int8)
    """

    def __init__(self, b: SupportsIndex = 2) -> None:
        self.b = _validate.count(b, "b", least=2)

    def __repr__(self) -> str:
        return f"Decimation(b={self.b})"

    def coarsen(self, s: npt.ArrayLike, *, rng: RngLike = None) -> npt.NDArray[np.int8]:
        r"""Kept spins of every configuration.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice)
            Spins -1/+1, one to three lattice axes.
        rng : ignored
            Nothing is random here.

        Returns
        -------
        ndarray of int8, shape (n, \*lattice / b)

        Raises
        ------
        ValueError
            For values other than -1 and +1, or extents that b does not divide.

        Examples
        --------
        >>> import numpy as np
        >>> import rgdl
        >>> rgdl.rg.Decimation(b=2).coarsen(np.ones((5, 8, 8))).shape
        (5, 4, 4)
        """
        return _core.decimate(self._fine(s, "s"), self.b)

    def log_probabilities(self, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Logarithms of p(h_j up|v) and p(h_j down|v): 0 and -inf, see `Transform`."""
        kept = _core.decimate(self._fine(v, "v"), self.b)
        up = np.where(kept.reshape(len(kept), -1) > 0, 0.0, -np.inf)
        return up, np.where(up == 0, -np.inf, 0.0)


class MajorityRule(_Blocking):
    r"""Sign of the sum over each block of b sites per axis.

    Parameters
    ----------
    b : int, default 2
        Length scale factor.
    ties : {"random", "corner"}, default "random"
        What a block without majority becomes: a fair coin, or its first site (all
        coordinates divisible by b).

    Raises
    ------
    ValueError, TypeError
        For b below 2 or an unknown rule for ties.

    Notes
    -----
    :math:`p(h|v) = \prod_j \theta(h_j \sum_{i \in j} v_i)` with 1/2 each for a tie.
    The coin of block t in configuration c is bit c mod 512 of plane t of the keyed
    stream number c // 512, so the first m of n configurations do not depend on n.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> s = np.array([[1, 1, 1, -1, -1, -1, -1, 1, 1]], dtype=np.int8)
    >>> rgdl.rg.MajorityRule(b=3).coarsen(s)
    array([[ 1, -1,  1]], dtype=int8)
    """

    def __init__(self, b: SupportsIndex = 2, ties: str = "random") -> None:
        self.b = _validate.count(b, "b", least=2)
        self.ties = _validate.one_of(ties, "ties", ("random", "corner"))

    def __repr__(self) -> str:
        return f"MajorityRule(b={self.b}, ties={self.ties!r})"

    def coarsen(self, s: npt.ArrayLike, *, rng: RngLike = None) -> npt.NDArray[np.int8]:
        r"""Block spins of every configuration.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice)
            Spins -1/+1, one to three lattice axes.
        rng : None, int, SeedSequence, BitGenerator or Generator
            Keys the coins of random ties; unused otherwise.

        Returns
        -------
        ndarray of int8, shape (n, \*lattice / b)

        Raises
        ------
        ValueError
            For values other than -1 and +1, or extents that b does not divide.

        Examples
        --------
        >>> import numpy as np
        >>> import rgdl
        >>> s = np.tile(np.array([[1, -1], [-1, 1]], dtype=np.int8), (1000, 4, 4))
        >>> s = s.reshape(1000, 8, 8)
        >>> coarse = rgdl.rg.MajorityRule(b=2).coarsen(s, rng=0)
        >>> bool(abs(coarse.mean()) < 0.05)
        True
        """
        spins = self._fine(s, "s")
        if self.ties == "random":
            return _core.majority(spins, self.b, draw_key(rng))
        sums = self._block_sums(spins)
        signs = np.sign(sums).astype(np.int8)
        return np.where(sums == 0, _core.decimate(spins, self.b), signs)

    def log_probabilities(self, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Logarithms of p(h_j up|v) and p(h_j down|v), see `Transform`."""
        spins = self._fine(v, "v")
        sums = self._block_sums(spins)
        if self.ties == "corner":
            sums = 2 * sums + _core.decimate(spins, self.b)
        sums = sums.reshape(len(spins), -1)
        tie = -math.log(2.0)
        up = np.where(sums > 0, 0.0, np.where(sums < 0, -np.inf, tie))
        return up, np.where(sums < 0, 0.0, np.where(sums > 0, -np.inf, tie))

    def _block_sums(self, spins: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
        coarse = self.coarse_shape(spins.shape[1:])
        split = [length for extent in coarse for length in (extent, self.b)]
        blocks = spins.reshape(len(spins), *split)
        within = tuple(range(2, blocks.ndim, 2))
        return np.asarray(blocks.sum(axis=within, dtype=np.int64))


class RBMTransform(Transform):
    r"""The layer of a restricted Boltzmann machine as a coarse-graining.

    Parameters
    ----------
    rbm : rgdl.RBM
        Fitted machine.

    Raises
    ------
    TypeError
        When `rbm` has no weights.
    ValueError
        When its weights are not finite.

    Notes
    -----
    :math:`p(h|v) = \prod_j e^{h_j a_j}/\sum_{h'} e^{h' a_j}` with
    :math:`a_j = c_j + \sum_i v_i W_{ij}` (Mehta and Schwab, arXiv:1410.3831). This is
    the conditional alone; ``rgdl.mapping.verify(model, rbm)`` judges the joint machine.
    Only `coarsen` depends on the machine's dtype; probabilities are float64.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> import rgdl
    >>> rbm = SimpleNamespace(W_=np.full((2, 1), 0.5), b_=np.zeros(2), c_=np.zeros(1),
    ...                       units="spin")
    >>> layer = rgdl.rg.RBMTransform(rbm)
    >>> layer.log_prob([[1, -1], [1, 1]], [[1], [1]]).round(6)
    array([-0.693147, -0.126928])
    """

    def __init__(self, rbm: BoltzmannLayer) -> None:
        self.rbm = rbm
        layer_parameters(rbm)

    def __repr__(self) -> str:
        n_visible, n_hidden = self.rbm.W_.shape
        return f"RBMTransform({n_visible} -> {n_hidden} {self.rbm.units} units)"

    def coarse_shape(self, shape: tuple[int, ...]) -> None:
        """Nothing: hidden units have no lattice."""

    def coarsen(self, s: npt.ArrayLike, *, rng: RngLike = None) -> npt.NDArray[Any]:
        r"""Draw hidden units given visible ones.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice) or (n, n_visible)
            In the machine's units.
        rng : None, int, SeedSequence, BitGenerator or Generator
            Keys the random stream.

        Returns
        -------
        ndarray, shape (n, n_hidden)
            In the machine's units.

        Raises
        ------
        ValueError
            For values outside the units or another number of features.
        """
        visible = np.asarray(s)
        flat = visible.reshape(len(visible), -1) if visible.ndim > 1 else visible
        return np.asarray(self.rbm.sample_hidden(flat, rng=rng))

    def log_probabilities(self, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Logarithms of p(h_j up|v) and p(h_j down|v), see `Transform`."""
        weights, _, hidden_bias = layer_parameters(self.rbm)
        visible = np.asarray(v)
        n_visible = len(weights)
        if visible.ndim < 2 or visible.size != len(visible) * n_visible:
            raise ValueError(
                f"v must have shape (n, {n_visible}) or (n, *lattice) with as many "
                f"sites, got {visible.shape}"
            )
        spin_units = self.rbm.units == "spin"
        if spin_units:
            units = as_spins(visible, "v").reshape(-1, n_visible).astype(np.float64)
        else:
            units = as_binary(visible, "v").reshape(-1, n_visible).astype(np.float64)
        gap = (hidden_bias + units @ weights) * (2 if spin_units else 1)
        return -np.logaddexp(0.0, -gap), -np.logaddexp(0.0, gap)

    def _is_up(self, h: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        if self.rbm.units == "spin":
            return as_spins(h, "h") > 0
        return as_binary(h, "h")


@dataclass(frozen=True, eq=False)
class Flow:
    """Couplings along a sequence of renormalisation steps.

    Attributes
    ----------
    couplings : ndarray of float64, shape (n_steps + 1, n_couplings)
        Row 0 is the input; column 0 the nearest-neighbour coupling.
    constants : ndarray of float64, shape (n_steps + 1,)
        What each step adds to -H, see the function that made the flow; 0 in row 0.
    labels : tuple of str
        Names of the columns.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.rg.decimate_chain(1.0, 2).couplings[:, 0]
    array([1.        , 0.66250137, 0.35006114])
    """

    couplings: Floats
    constants: Floats
    labels: tuple[str, ...]

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return len(self.couplings) - 1

    def __repr__(self) -> str:
        head = "".join(f"{label:>18}" for label in (*self.labels, "constant"))
        rows = np.column_stack([self.couplings, self.constants])
        lines = [
            f"{step:4}" + "".join(f"{value:18.10g}" for value in row)
            for step, row in enumerate(rows)
        ]
        return "\n".join([f"Flow of {self.n_steps} steps", f"step{head}", *lines])


def decimate_chain(K: float, n_steps: SupportsIndex) -> Flow:
    r"""Flow of the Ising chain without field when every other spin is summed over.

    Parameters
    ----------
    K : float
        Reduced coupling, of either sign.
    n_steps : int
        Number of decimations by 2, at least 0.

    Returns
    -------
    Flow
        ``couplings[:, 0]`` is K; ``constants[i]`` is what step i adds to -H for each
        spin removed in it.

    Raises
    ------
    ValueError, TypeError
        For K that is not finite or n_steps below 0.

    Notes
    -----
    :math:`K' = \tfrac12 \ln\cosh 2K`, that is :math:`\tanh K' = \tanh^2 K`, and
    :math:`\ln 2 + K'` per removed spin (Mehta and Schwab, arXiv:1410.3831, eq. 24).
    Written so that neither large nor small K loses digits.

    Examples
    --------
    >>> import rgdl
    >>> flow = rgdl.rg.decimate_chain(1.0, 7)
    >>> [float(f"{K:.7g}") for K in flow.couplings[:5, 0]]
    [1.0, 0.6625014, 0.3500611, 0.1136721, 0.01281154]
    """
    steps = _validate.count(n_steps, "n_steps", least=0)
    values = [_validate.finite(K, "K")]
    for _ in range(steps):
        values.append(_decimated(abs(values[-1])))
    couplings = np.array(values)[:, None]
    constants = math.log(2.0) + couplings[:, 0]
    constants[0] = 0.0
    return Flow(couplings, constants, ("nn",))


def _decimated(K: float) -> float:
    """Half of ln cosh 2K for K >= 0."""
    if K < 0.5:
        return 0.5 * math.log1p(2 * math.sinh(K) ** 2)
    return K - 0.5 * math.log(2.0) + 0.5 * math.log1p(math.exp(-4 * K))
