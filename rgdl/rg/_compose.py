"""One coarse-graining after the other."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl._rng import RngLike, draw_key
from rgdl._states import Floats, log_sum_exp
from rgdl.rg._transform import Transform

__all__ = ["Compose"]

_MAX_MIDDLE = 20


class Compose(Transform):
    r"""Apply transforms one after the other: a stack of layers is one transform.

    Parameters
    ----------
    *transforms : Transform
        At least one; the first acts on the finest variables. A `Compose` among them
        counts as its own transforms.

    Raises
    ------
    TypeError, ValueError
        When there is none, or something is not a Transform.

    Notes
    -----
    :math:`p(h|v) = \sum_m p_2(h|m) p_1(m|v)`. The sum over the variables in between is
    exact; `log_prob` needs at most 20 of them per layer unless the layer in front is
    deterministic.

    Examples
    --------
    >>> import rgdl
    >>> twice = rgdl.rg.Compose(rgdl.rg.Decimation(), rgdl.rg.MajorityRule())
    >>> twice.b, twice.coarse_shape((8, 8))
    (4, (2, 2))
    """

    def __init__(self, *transforms: Transform) -> None:
        if not transforms:
            raise ValueError("Compose needs at least one transform")
        for each in transforms:
            if not isinstance(each, Transform):
                raise TypeError(f"transforms must be Transforms, got {each!r}")
        self.transforms: tuple[Transform, ...] = tuple(
            part
            for each in transforms
            for part in (each.transforms if isinstance(each, Compose) else (each,))
        )
        self._fine_low = self.transforms[0]._fine_low
        self._coarse_low = self.transforms[-1]._coarse_low
        factors = [each.b for each in self.transforms]
        self.b = (
            None
            if any(factor is None for factor in factors)
            else _product([factor for factor in factors if factor is not None])
        )

    def __repr__(self) -> str:
        return f"Compose({', '.join(repr(each) for each in self.transforms)})"

    def coarse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Shape after the last transform; None without a lattice.

        Parameters
        ----------
        shape : tuple of int
            Fine lattice.

        Returns
        -------
        tuple of int or None

        Examples
        --------
        >>> import rgdl
        >>> rgdl.rg.Compose(rgdl.rg.Decimation(b=3)).coarse_shape((9,))
        (3,)
        """
        coarse: tuple[int, ...] | None = shape
        for each in self.transforms:
            if coarse is None:
                return None
            coarse = each.coarse_shape(coarse)
        return coarse

    def _torus(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Coarse shape where its axes are those of a plain lattice."""
        fine: tuple[int, ...] | None = shape
        for each in self.transforms[:-1]:
            fine = each.coarse_shape(fine) if fine is not None else None
        return None if fine is None else self.transforms[-1]._torus(fine)

    def coarsen(self, s: npt.ArrayLike, *, rng: RngLike = None) -> npt.NDArray[Any]:
        r"""Draw the coarsest variables.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice)
        rng : None, int, SeedSequence, BitGenerator or Generator
            Keys the random streams; transform i of the stack has its own.

        Returns
        -------
        ndarray, shape (n, \*coarse)

        Examples
        --------
        >>> import numpy as np
        >>> import rgdl
        >>> stack = rgdl.rg.Compose(rgdl.rg.MajorityRule(), rgdl.rg.Decimation())
        >>> stack.coarsen(np.ones((3, 8, 8)), rng=0).shape
        (3, 2, 2)
        """
        key = draw_key(rng)
        result: npt.NDArray[Any] = np.asarray(s)
        for i, each in enumerate(self.transforms):
            result = each.coarsen(result, rng=_derived(key, i))
        return result

    def log_prob(self, v: npt.ArrayLike, h: npt.ArrayLike) -> Floats:
        r"""Ln p(h|v) row by row, summed over everything in between.

        Parameters
        ----------
        v : array_like, shape (n, \*lattice)
        h : array_like, shape (n, \*coarse)

        Returns
        -------
        ndarray of float64, shape (n,)
            In nats; -inf for a pair that cannot occur.

        Raises
        ------
        ValueError
            When a layer in between has more than 20 variables, or the shapes of v and
            h do not fit.

        Examples
        --------
        >>> import numpy as np
        >>> import rgdl
        >>> soft = rgdl.rg.Kadanoff(strength=0.5)
        >>> stack = rgdl.rg.Compose(soft, soft)
        >>> v = np.ones((1, 4, 4), dtype=np.int8)
        >>> total = np.exp(stack.log_prob(v, [[[1]]])) + np.exp(
        ...     stack.log_prob(v, [[[-1]]]))
        >>> float(total[0].round(12))
        1.0
        """
        fine, coarse = np.asarray(v), np.asarray(h)
        if fine.ndim < 2 or coarse.ndim < 2 or len(fine) != len(coarse):
            raise ValueError(
                "v and h must have as many rows, got shapes "
                f"{fine.shape} and {coarse.shape}"
            )
        lattice = self.coarse_shape(fine.shape[1:])
        if lattice is not None and coarse.shape[1:] != lattice:
            raise ValueError(
                f"h must have shape {(len(fine), *lattice)} to fit v, "
                f"got {coarse.shape}"
            )
        if not len(fine):
            return np.empty(0)
        return self._log_prob(self.transforms, fine, coarse)

    def _log_prob(
        self,
        transforms: tuple[Transform, ...],
        v: npt.NDArray[Any],
        h: npt.NDArray[Any],
    ) -> Floats:
        first, *rest = transforms
        if not rest:
            return first.log_prob(v, h)
        up, down = first.log_probabilities(v)
        n_middle = up.shape[1]
        if np.isneginf(np.minimum(up, down)).all():  # nothing to sum over
            return self._log_prob(tuple(rest), first.coarsen(v, rng=0), h)
        if n_middle > _MAX_MIDDLE:
            raise ValueError(
                f"log_prob sums over at most {_MAX_MIDDLE} variables between two "
                f"transforms, {first!r} gives {n_middle}"
            )
        middle = self._middle(first, v)
        raised = first._is_up(middle).reshape(len(middle), -1)
        result = np.empty(len(v))
        for row in range(len(v)):
            weights = np.where(raised, up[row], down[row]).sum(axis=1)
            possible = np.flatnonzero(weights > -np.inf)
            tail = np.broadcast_to(h[row], (len(possible), *h.shape[1:]))
            given = self._log_prob(tuple(rest), middle[possible], tail)
            result[row] = log_sum_exp(weights[possible] + given)
        return result

    @staticmethod
    def _middle(first: Transform, v: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """All states of the variables between two transforms."""
        like = first.coarsen(v[:1], rng=0)
        n = like[0].size
        up = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1
        values = np.where(up == 1, 1, first._coarse_low).astype(like.dtype)
        return values.reshape(-1, *like.shape[1:])

    def log_probabilities(self, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Not available: the coarsest variables are not independent given v.

        Raises
        ------
        TypeError
            Always, unless there is only one transform.
        """
        if len(self.transforms) == 1:
            return self.transforms[0].log_probabilities(v)
        fine = np.asarray(v)
        for each in self.transforms[:-1]:
            up, down = each.log_probabilities(fine)
            if not np.isneginf(np.minimum(up, down)).all():
                raise TypeError(
                    "after a random transform the coarse variables depend on each "
                    "other; use log_prob(v, h)"
                )
            fine = each.coarsen(fine, rng=0)
        return self.transforms[-1].log_probabilities(fine)

    def _is_up(self, h: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        return self.transforms[-1]._is_up(h)


def _product(factors: list[Any]) -> Any:
    """Scale factor of a stack; two steps of "sqrt2" make 2."""
    halves = factors.count("sqrt2")
    whole = int(np.prod([f for f in factors if f != "sqrt2"], dtype=int)) << halves // 2
    if halves % 2 == 0:
        return whole
    return "sqrt2" if whole == 1 else f"{whole} sqrt2"


def _derived(key: npt.NDArray[np.uint64], i: int) -> tuple[int, ...]:
    """Give a key per transform; the first keeps the one it was given."""
    if i == 0:
        return tuple(int(word) for word in key)
    return tuple(
        int(word)
        for word in np.random.SeedSequence(
            [int(word) for word in key], spawn_key=(i,)
        ).generate_state(4, np.uint64)
    )
