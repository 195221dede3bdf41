"""Operators of Monte Carlo RG: sums of spin products over a lattice."""

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._states import as_spins
from rgdl.rg._rows import pack_rows

__all__ = ["STANDARD_OPERATORS", "OperatorSet", "operator_sums"]

Offset = tuple[int, int]
Product = tuple[Offset, ...]

_MAX_PRODUCTS = 1024  # RG_MAX_PRODUCTS of the core

#: Swendsen's usual seven even and four odd operators of the square lattice, one product
#: of each as offsets (rows, columns); the others follow by symmetry. Pairs are named by
#: distance, as `rgdl.Couplings` names them.
STANDARD_OPERATORS: Mapping[str, Product] = {
    "nn": ((0, 0), (0, 1)),
    "nnn": ((0, 0), (1, 1)),
    "plaquette": ((0, 0), (0, 1), (1, 0), (1, 1)),
    "3rd": ((0, 0), (0, 2)),
    "4th": ((0, 0), (1, 2)),
    "5th": ((0, 0), (2, 2)),
    "diamond": ((0, 1), (1, 0), (1, 2), (2, 1)),
    "m": ((0, 0),),
    "corner": ((0, 0), (0, 1), (1, 0)),
    "line": ((0, 0), (0, 1), (0, 2)),
    "3 of diamond": ((0, 1), (1, 0), (1, 2)),
}


def _images(product: Product) -> tuple[Product, ...]:
    """All images of a product under the square's symmetries, up to translation."""
    found = set()
    sites = np.array(product, dtype=int)
    for turn in range(4):
        for flip in (1, -1):
            image = sites * [1, flip]
            for _ in range(turn):
                image = image[:, ::-1] * [1, -1]
            image = image - image.min(axis=0)
            found.add(tuple(sorted((int(r), int(c)) for r, c in image)))
    return tuple(sorted(found))


class OperatorSet:
    """Operators with their symmetric images, ready for the C core.

    Parameters
    ----------
    operators : mapping of str to sequence of offsets, or "standard"
        One product per operator, as offsets (rows, columns); its images under the
        symmetries of the square are added.

    Attributes
    ----------
    labels : tuple of str
        Even operators first, in the order given.
    n_even, n_odd : int
        Operators of an even and of an odd number of spins.

    Raises
    ------
    ValueError, TypeError
        When an operator is empty, repeats a site or is not a list of integer pairs.

    Examples
    --------
    >>> from rgdl.rg import OperatorSet
    >>> found = OperatorSet({"m": [(0, 0)], "nn": [(0, 0), (0, 1)]})
    >>> found.labels, found.n_even
    (('nn', 'm'), 1)
    """

    labels: tuple[str, ...]
    n_even: int
    n_odd: int

    def __init__(
        self, operators: Mapping[str, Sequence[Sequence[int]]] | str = "standard"
    ) -> None:
        if isinstance(operators, str):
            if operators != "standard":
                raise ValueError(
                    f'operators must be "standard" or a mapping, got {operators!r}'
                )
            operators = STANDARD_OPERATORS
        if not isinstance(operators, Mapping) or not operators:
            raise TypeError(
                "operators must map labels to lists of offsets, got "
                f"{type(operators).__name__}"
            )
        products = {name: _product(name, each) for name, each in operators.items()}
        even = [name for name, each in products.items() if len(each) % 2 == 0]
        odd = [name for name, each in products.items() if len(each) % 2 == 1]
        self.labels = (*even, *odd)
        self.n_even, self.n_odd = len(even), len(odd)
        self.products = tuple(_images(products[name]) for name in self.labels)
        flat = [p for group in self.products for p in group]
        if len(flat) > _MAX_PRODUCTS:
            raise ValueError(
                f"operators must have at most {_MAX_PRODUCTS} products with all their "
                f"images, got {len(flat)}"
            )
        self._offsets = np.array([o for p in flat for o in p], dtype=np.int64)
        self._starts = np.cumsum([0, *(len(p) for p in flat)]).astype(np.uint64)
        self._owners = np.repeat(
            np.arange(len(self.labels), dtype=np.uint64),
            [len(group) for group in self.products],
        )

    def __repr__(self) -> str:
        return f"OperatorSet({', '.join(self.labels)})"

    def _check(self, shape: tuple[int, ...]) -> None:
        """Raise what summing over lattices of `shape` would raise, at no cost."""
        self._sums(pack_rows(np.empty((0, *shape), dtype=np.int8)), shape[1])

    def _sums(self, bits: npt.NDArray[np.uint64], width: int) -> npt.NDArray[np.int32]:
        """Sum over lattices of bits (n, n_rows, words): (n, n_operators)."""
        most = max(map(len, self.products))
        if bits.shape[1] * width * most > np.iinfo(np.int32).max:
            raise ValueError(
                f"lattices of {bits.shape[1]} x {width} sites must be smaller for "
                f"operators of {most} products: sums have 32 bits"
            )
        return _core.operator_sums(
            bits, width, self._offsets, self._starts, self._owners, len(self.labels)
        )


def _product(name: str, offsets: Sequence[Sequence[int]]) -> Product:
    try:
        sites = tuple((index(row), index(column)) for row, column in offsets)
    except (TypeError, ValueError):
        raise TypeError(
            f"operator {name!r} must be a list of offsets (rows, columns), integers, "
            f"got {offsets!r}"
        ) from None
    if not 1 <= len(sites) <= 8 or len(set(sites)) != len(sites):
        raise ValueError(
            f"operator {name!r} must have 1 to 8 distinct sites, got {offsets!r}"
        )
    return sites


def operator_sums(
    s: npt.ArrayLike, operators: Any = "standard"
) -> npt.NDArray[np.int32]:
    r"""Sum spin products over square lattices.

    Parameters
    ----------
    s : array_like, shape (n, rows, columns)
        Spins -1/+1, periodic.
    operators : OperatorSet, mapping, or "standard"
        See `OperatorSet`.

    Returns
    -------
    ndarray of int32, shape (n, n_operators)
        :math:`S_a = \sum_x \sum_{images} \prod_{i \in a} s_{x + i}`.

    Raises
    ------
    ValueError, TypeError
        For data that are not spins on two-dimensional lattices.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> rgdl.rg.operator_sums(np.ones((1, 4, 4)))[0]
    array([32, 32, 16, 32, 64, 32, 16, 16, 64, 32, 64], dtype=int32)
    """
    spins = as_spins(s, "s")
    if spins.ndim != 3:
        raise ValueError(f"s must have shape (n, rows, columns), got {spins.shape}")
    chosen = operators if isinstance(operators, OperatorSet) else OperatorSet(operators)
    return chosen._sums(pack_rows(spins), spins.shape[2])
