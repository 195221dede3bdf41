"""Kadanoff's block spins: a Boltzmann layer with equal weights on every block."""

from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._rng import Key, RngLike, draw_key
from rgdl._states import Floats
from rgdl.rg._blocking import Blocking, as_rows

if TYPE_CHECKING:
    from rgdl.rbm import RBM

__all__ = ["Kadanoff"]


class Kadanoff(Blocking):
    r"""Block spins that follow the block sum softly.

    .. math::
        T(v, \mu) = \sum_j \left[ p \mu_j m_j - \ln 2\cosh(p m_j) \right],
        \quad m_j = \sum_{i \in j} v_i

    Parameters
    ----------
    b : int, default 2
        Length scale factor.
    strength : float, default 0.765983...
        Coupling p of a block spin to the sites of its block; the default is the one
        Kadanoff's variational principle chooses at its fixed point (b = 2, square
        lattice), see `kadanoff_variational`. The majority rule with random ties is the
        limit of large p.

    Raises
    ------
    ValueError, TypeError
        For b below 2 or a strength that is not finite.

    Notes
    -----
    L. P. Kadanoff, Phys. Rev. Lett. 34, 1005 (1975). :math:`p(h|v) = e^T` is the
    conditional of a Boltzmann machine with weights p on the blocks and no biases: Mehta
    and Schwab's dictionary in its simplest form.

    Examples
    --------
    >>> import rgdl
    >>> rule = rgdl.rg.Kadanoff(strength=0.5)
    >>> rule.coarsen(rgdl.sample(rgdl.Ising((8, 8), K=0.4), 10, rng=0), rng=1).shape
    (10, 4, 4)
    >>> import numpy as np
    >>> float(np.exp(rule.log_prob([[[1, 1], [1, -1]]], [[[1]]])[0]).round(6))
    0.880797
    """

    def __init__(
        self, b: SupportsIndex = 2, strength: float = 0.7659830352147464
    ) -> None:
        self.b = _validate.count(b, "b", least=2)
        self.strength = _validate.finite(strength, "strength")

    def __repr__(self) -> str:
        return f"Kadanoff(b={self.b}, strength={self.strength:.10g})"

    def coarsen(self, s: npt.ArrayLike, *, rng: RngLike = None) -> npt.NDArray[np.int8]:
        r"""Draw block spins for every configuration.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice)
            Spins -1/+1, one to three lattice axes.
        rng : None, int, SeedSequence, BitGenerator or Generator
            Keys the random stream; the first m of n configurations do not depend on n.

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
        >>> coarse = rgdl.rg.Kadanoff(strength=20.0).coarsen(np.ones((2, 4, 4)), rng=0)
        >>> bool((coarse == 1).all())
        True
        """
        return _core.kadanoff(self._fine(s, "s"), self.b, self.strength, draw_key(rng))

    def _coarsen_rows(
        self, bits: npt.NDArray[np.uint64], width: int, key: Key
    ) -> npt.NDArray[np.uint64]:
        return _core.kadanoff_rows(bits, width, self.b, self.strength, key)

    def log_probabilities(self, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Logarithms of p(h_j up|v) and p(h_j down|v), see `Transform`."""
        spins = self._fine(v, "v")
        sums = as_rows(self._block_sums(spins))
        with np.errstate(over="ignore"):  # to infinity, but a tie stays 0
            gap = 2.0 * (self.strength * sums)
        return -np.logaddexp(0.0, -gap), -np.logaddexp(0.0, gap)

    def layer(self, shape: tuple[int, ...]) -> Any:
        r"""Give the weights of the same conditional as a Boltzmann layer.

        Parameters
        ----------
        shape : tuple of int
            Fine lattice.

        Returns
        -------
        ndarray of float64, shape (n_sites, n_blocks)
            W with p on the sites of each block; biases are zero.

        Raises
        ------
        ValueError
            When b does not divide every extent.

        Examples
        --------
        >>> import rgdl
        >>> rgdl.rg.Kadanoff(strength=0.5).layer((4,))
        array([[0.5, 0. ],
               [0.5, 0. ],
               [0. , 0.5],
               [0. , 0.5]])
        """
        coarse = self.coarse_shape(shape)
        block = np.ravel_multi_index(
            tuple(index // self.b for index in np.indices(shape)), coarse
        ).ravel()
        weights = np.zeros((block.size, int(np.prod(coarse))))
        weights[np.arange(block.size), block] = self.strength
        return weights

    def as_rbm(self, shape: tuple[int, ...]) -> "RBM":
        r"""Give the same conditional p(h|v) as a machine, in float64.

        Parameters
        ----------
        shape : tuple of int
            Fine lattice.

        Returns
        -------
        rgdl.RBM
            Spin units, weights as in `layer`, no biases. As a joint machine it has
            independent blocks: only its conditional is Kadanoff's rule.

        Raises
        ------
        ValueError
            When b does not divide every extent.

        Examples
        --------
        >>> import rgdl
        >>> rule = rgdl.rg.Kadanoff(strength=0.5)
        >>> up = [[1, 1, 1, -1]]
        >>> layer = rule.as_rbm((4,)).as_transform()
        >>> bool(layer.log_prob(up, [[1, 1]]) == rule.log_prob(up, [[1, 1]]))
        True
        """
        from rgdl.rbm import RBM  # which knows about transforms

        weights = self.layer(shape)
        return RBM.from_weights(weights, *(np.zeros(n) for n in weights.shape))
