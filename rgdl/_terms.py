"""The one definition of energy: every model as a list of products of spins."""

import functools
import itertools
import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl.couplings._base import BaseCouplings
from rgdl.couplings._orbits import pair_label

__all__ = [
    "CouplingKey",
    "Terms",
    "canonical_couplings",
    "pairs_of_matrix",
    "terms_of_couplings",
    "terms_of_lattice",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Offset: TypeAlias = tuple[int, ...]
CouplingKey: TypeAlias = str | int | Offset | tuple[Offset, ...]

LOW_BITS = 6  # spins that are the lanes of a vector when states are enumerated
_LEVELS = 1 << 20  # most entries of the histogram of an integer walk
_REACH = 4  # of the pairs that names by distance know


@dataclass(frozen=True, eq=False, kw_only=True)
class Terms:
    r"""A model as plain arrays.

    .. math:: -H(s) = c + K \sum_t J_t \prod_{i \in t} s_i + \sum_i h_i s_i

    Parameters
    ----------
    n_sites : int
        Number of sites; they are numbered in C order.
    sites : ndarray of uint32
        Sites of all terms, one after the other.
    starts : ndarray of uint64, shape (n_terms + 1,)
        Term t holds ``sites[starts[t]:starts[t + 1]]``, distinct sites.
    relative : ndarray of float64, shape (n_terms,)
        :math:`J_t`.
    scale : float
        K, or 1 for reduced couplings.
    constant : float
        c.
    h : ndarray of float64, shape (n_sites,)
        The external field, reduced.
    """

    n_sites: int
    sites: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.uint64]
    relative: Floats
    scale: float
    constant: float
    h: Floats

    @classmethod
    def of_groups(
        cls,
        n_sites: int,
        groups: Iterable[tuple[npt.NDArray[np.integer[Any]], npt.ArrayLike]],
        *,
        scale: float,
        h: npt.ArrayLike,
        constant: float = 0.0,
    ) -> Self:
        """Terms from pairs of site lists (n, order) and their values."""
        lists = [
            (np.ascontiguousarray(sites, dtype=np.uint32), np.asarray(values))
            for sites, values in groups
        ]
        orders = [np.full(len(sites), sites.shape[1]) for sites, _ in lists]
        values = [
            np.broadcast_to(np.asarray(value, dtype=np.float64), len(sites))
            for sites, value in lists
        ]
        starts = np.zeros(sum(map(len, orders)) + 1, dtype=np.uint64)
        starts[1:] = np.cumsum(np.concatenate([[], *orders]))
        empty = np.zeros(0)
        return cls(
            n_sites=n_sites,
            sites=np.concatenate(
                [empty.astype(np.uint32), *(sites.ravel() for sites, _ in lists)]
            ),
            starts=starts,
            relative=np.concatenate([empty, *values]),
            scale=scale,
            constant=constant,
            h=np.ascontiguousarray(np.broadcast_to(h, n_sites), dtype=np.float64),
        )

    @property
    def values(self) -> Floats:
        """Reduced couplings K J of all terms, what -H adds up."""
        return self.scale * self.relative

    @functools.cached_property
    def orders(self) -> npt.NDArray[np.int64]:
        """Number of spins in every term."""
        starts = self.starts.astype(np.int64)
        return starts[1:] - starts[:-1]

    @property
    def max_order(self) -> int:
        """Most spins in a term; 0 without terms."""
        return int(self.orders.max(initial=0))

    @property
    def pairs(self) -> tuple[npt.NDArray[np.int64], Floats]:
        """Site pairs (n_pairs, 2) and their reduced couplings; a pair may repeat."""
        chosen = self.orders == 2
        first = self.starts[:-1][chosen].astype(np.int64)
        sites = self.sites[first[:, None] + np.arange(2)].astype(np.int64)
        return sites, self.values[chosen]

    @property
    def fields(self) -> Floats:
        """Reduced site fields: `h` and the one-spin terms."""
        chosen = self.orders == 1
        site = self.sites[self.starts[:-1][chosen].astype(np.int64)]
        weights = self.values[chosen]
        return np.asarray(self.h + np.bincount(site, weights, minlength=self.n_sites))

    @property
    def is_even(self) -> bool:
        """Whether -H stays when every spin is turned."""
        return not self.h.any() and not (self.orders % 2).any()

    @property
    def uniform_h(self) -> float | None:
        """The external field where it is the same on every site, else None."""
        return float(self.h[0]) if (self.h == self.h[0]).all() else None

    def integers(
        self, rows: int | None = None
    ) -> tuple[float, npt.NDArray[np.int64]] | None:
        """(u, j) with relative = u j up to rounding and j small integers, or None.

        `rows` histograms of all energies must fit: by default one for each
        magnetisation.
        """
        rows = self.n_sites + 1 if rows is None else rows
        size = np.abs(self.relative[self.relative != 0])
        if not len(size):
            return 1.0, np.zeros(len(self.relative), dtype=np.int64)
        for divisor in (1, 2, 3, 4, 5, 6, 8, 10):
            unit = float(size.min()) / divisor
            if size.max() > unit * _LEVELS:
                return None
            whole = np.rint(self.relative / unit)
            levels = 2 * float(np.abs(whole).sum()) + 1
            if levels * rows > _LEVELS:
                return None
            error = np.abs(self.relative - unit * whole)
            if (error <= 2 * np.spacing(np.abs(self.relative))).all():
                return unit, whole.astype(np.int64)
        return None

    def lanes(
        self, relative: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[Any]]:
        """Terms for a walk over states: masks (n,) of high spins, values (n, 64).

        A state is 64 times the state of spins 6, 7, ... plus a lane, the state of spins
        0..5. All terms with the same spins above the lanes are one vector over lanes.
        """
        masks = np.zeros(len(relative), dtype=np.uint64)
        if len(relative):
            bits = np.uint64(1) << self.sites.astype(np.uint64)
            masks = np.bitwise_or.reduceat(bits, self.starts[:-1].astype(np.int64))
        n_lanes = 1 << LOW_BITS
        low = (masks & np.uint64(n_lanes - 1)).astype(np.int64)
        high, inverse = np.unique(masks >> np.uint64(LOW_BITS), return_inverse=True)
        weights = np.bincount(
            inverse * n_lanes + low, relative, minlength=len(high) * n_lanes
        )
        lane = np.arange(n_lanes)
        downs = np.bitwise_count(lane[:, None] & ~lane).astype(np.int64)
        values = weights.reshape(-1, n_lanes) @ (1.0 - 2.0 * (downs % 2))
        return high.astype(np.uint64), values

    def table(self, *, workers: int = 1) -> Floats:
        """H of all states; bit i of the index is set when spin i is +1."""
        masks, values = self.lanes(self.relative)
        return _core.states_table(
            masks, values, self.scale, self.constant, self.h, workers
        )


def pairs_by_distance(ndim: int) -> list[list[Offset]]:
    """Displacements grouped by length, one of d and -d, shortest first."""
    span = range(-_REACH, _REACH + 1)
    shells: dict[int, list[Offset]] = {}
    for offset in itertools.product(span, repeat=ndim):
        length = sum(x * x for x in offset)
        if 0 < length <= _REACH**2 and offset > (0,) * ndim:
            shells.setdefault(length, []).append(offset)
    return [sorted(shells[length], reverse=True) for length in sorted(shells)]


def _ordinals() -> list[str]:
    return [pair_label(rank) for rank in range(19)]


def _named(name: str, ndim: int) -> list[tuple[Offset, ...]]:
    """Operators of a name, each the offsets of its other sites from the first."""
    shells = pairs_by_distance(ndim)
    known = [*_ordinals()[: len(shells)], *(["plaquette"] if ndim > 1 else [])]
    if name not in known:
        raise ValueError(
            f"couplings may name {', '.join(known)} in {ndim} dimensions, got {name!r}"
        )
    if name != "plaquette":
        return [(offset,) for offset in shells[known.index(name)]]
    unit = [tuple(int(i == axis) for i in range(ndim)) for axis in range(ndim)]
    return [
        (b, a, tuple(map(operator.add, a, b)))
        for a, b in itertools.combinations(unit, 2)
    ]


def _is_offset(key: object, ndim: int) -> bool:
    return (
        isinstance(key, tuple)
        and len(key) == ndim
        and all(isinstance(x, int | np.integer) for x in key)
    )


def _canonical_key(key: object, ndim: int) -> CouplingKey:
    if isinstance(key, str):
        _named(key, ndim)
        return key
    if ndim == 1 and isinstance(key, int | np.integer):
        key = (key,)
    if _is_offset(key, ndim):
        assert isinstance(key, tuple)
        return tuple(int(x) for x in key)
    if isinstance(key, tuple) and key and all(_is_offset(x, ndim) for x in key):
        return tuple(tuple(int(x) for x in offset) for offset in key)
    raise ValueError(
        f"couplings must be keyed by a name, an offset of {ndim} integers or a tuple "
        f"of such offsets, got {key!r}"
    )


def canonical_couplings(
    couplings: Mapping[Any, float], ndim: int
) -> dict[CouplingKey, float]:
    """Check couplings by name or offset and copy them."""
    result: dict[CouplingKey, float] = {}
    for given, strength in couplings.items():
        key = _canonical_key(given, ndim)
        if key in result:
            raise ValueError(f"couplings name {given!r} twice")
        try:
            result[key] = float(strength)
        except (TypeError, ValueError):
            raise TypeError(
                f"couplings[{given!r}] must be a real number, got {strength!r}"
            ) from None
        if not math.isfinite(result[key]):
            raise ValueError(f"couplings[{given!r}] must be finite, got {strength!r}")
    for key in result:
        if _is_offset(key, ndim):
            assert isinstance(key, tuple)
            negative = tuple(-x for x in key if isinstance(x, int))
            if negative in result and negative != key:
                raise ValueError(
                    f"couplings must hold one of an offset and its negative (they are "
                    f"the same pairs), got {key} and {negative}"
                )
    return result


def _operators(key: CouplingKey, ndim: int) -> list[tuple[Offset, ...]]:
    if isinstance(key, str):
        return _named(key, ndim)
    assert isinstance(key, tuple)
    if _is_offset(key, ndim):
        return [(key,)]  # type: ignore[list-item]
    return [key]  # type: ignore[list-item]


def _translates(
    offsets: tuple[Offset, ...],
    shape: tuple[int, ...],
    periodic: tuple[bool, ...],
    key: CouplingKey,
) -> npt.NDArray[np.int64]:
    """Site lists (n, order) of one operator from every origin where it fits."""
    here = np.indices(shape).reshape(len(shape), -1)
    columns = [np.arange(here.shape[1])]
    inside = np.ones(here.shape[1], dtype=bool)
    for offset in offsets:
        there = here + np.array(offset)[:, None]
        extents = np.array(shape)[:, None]
        wraps = np.array(periodic)[:, None]
        inside &= (wraps | ((there >= 0) & (there < extents))).all(axis=0)
        columns.append(np.ravel_multi_index(tuple(there % extents), shape))
    sites = np.stack(columns, axis=1)[inside]
    ordered = np.sort(sites, axis=1)
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        raise ValueError(
            f"couplings[{key!r}] meets the same site twice on shape {shape}: every "
            "operator needs distinct sites"
        )
    if not len(sites):
        raise ValueError(f"couplings[{key!r}] fits nowhere on open shape {shape}")
    return sites


def terms_of_lattice(
    shape: tuple[int, ...],
    periodic: tuple[bool, ...],
    couplings: Mapping[CouplingKey, float],
    *,
    scale: float,
    h: npt.ArrayLike,
) -> Terms:
    """Terms of couplings by name or offset."""
    groups = [
        (_translates(offsets, shape, periodic, key), strength)
        for key, strength in couplings.items()
        for offsets in _operators(key, len(shape))
    ]
    return Terms.of_groups(math.prod(shape), groups, scale=scale, h=h)


def pairs_of_matrix(matrix: Any, n_sites: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Pairs i < j (n, 2) and couplings of a symmetric (N, N) array, dense or sparse."""
    if hasattr(matrix, "tocoo"):
        sparse = matrix.tocoo(copy=True)
        sparse.sum_duplicates()
        shape, values = sparse.shape, np.asarray(sparse.data)
        row, column = (np.asarray(x, dtype=np.int64) for x in (sparse.row, sparse.col))
    else:
        dense = np.asarray(matrix)
        shape = dense.shape
        row, column = np.nonzero(dense) if dense.ndim == 2 else (np.zeros(0, int),) * 2
        values = dense[row, column] if dense.ndim == 2 else np.zeros(0)
    if shape != (n_sites, n_sites):
        raise ValueError(
            f"couplings must have shape ({n_sites}, {n_sites}), one value per pair of "
            f"sites, got {shape}"
        )
    if values.dtype.kind not in "biuf":
        raise TypeError(f"couplings must hold real numbers, got dtype {values.dtype}")
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("couplings must be finite, got NaN or infinity")
    keep = values != 0
    row, column, values = row[keep], column[keep], values[keep]
    if (row == column).any():
        raise ValueError("couplings must have a zero diagonal: s_i s_i is a constant")
    forward, backward = np.lexsort((column, row)), np.lexsort((row, column))
    if not (
        np.array_equal(row[forward], column[backward])
        and np.array_equal(column[forward], row[backward])
        and np.array_equal(values[forward], values[backward])
    ):
        raise ValueError("couplings must be symmetric: J[i, j] == J[j, i]")
    above = row < column
    row, column, values = row[above], column[above], values[above]
    rank = np.lexsort((column, row, values))  # equal values are summed as integers
    return np.stack([row[rank], column[rank]], axis=1), values[rank]


def terms_of_couplings(couplings: BaseCouplings, *, h: npt.ArrayLike) -> Terms:
    """Terms of reduced couplings; an unknown constant counts 0."""
    return Terms.of_groups(
        couplings.n_spins,
        couplings.site_groups(),
        scale=1.0,
        h=h,
        constant=couplings.constant or 0.0,
    )
