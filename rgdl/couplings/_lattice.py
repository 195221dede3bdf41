"""Translation-invariant couplings on lattices of any size."""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._states import as_spins
from rgdl.couplings._base import BaseCouplings, Floats, Sites
from rgdl.couplings._orbits import (
    Product,
    checked_products,
    images,
    site_sets,
    translation_classes,
)

__all__ = ["LatticeCouplings", "orbits_of"]


class LatticeCouplings(BaseCouplings):
    r"""Reduced couplings that are the same everywhere on a periodic lattice.

    .. math:: -H(s) = K_0 + \sum_o K_o \sum_{S \in o} \prod_{a \in S} s_a

    Parameters
    ----------
    shape : int or tuple of int
        1 to 3 extents, periodic.
    orbits : mapping of str to products
        Products of every orbit as lists of offsets (one integer per axis): a list of
        such lists, or with `images` also a single one.
    values : array_like of float, shape (n_orbits,)
    errors : array_like of float, shape (n_orbits,), optional
        Standard errors.
    constant : float, optional
        K_0; None where it is not known.
    images : bool, default True
        Add the images of the products under reflections and swaps of equal axes.

    Attributes
    ----------
    shape : tuple of int
    n_spins : int
    orbits : dict of str to tuple of products
        One product per class under translations.
    values : ndarray of float64
    errors : ndarray of float64 or None
    constant : float or None
    multiplicities : ndarray of int64
        Number of distinct site sets in each orbit.
    order : ndarray of int64
        Number of spins in each set.

    Raises
    ------
    ValueError, TypeError
        For products that repeat a site on this lattice, orbits that coincide, or
        numbers that do not fit or are not finite.

    Examples
    --------
    >>> import rgdl
    >>> found = rgdl.LatticeCouplings((8, 8), {"nn": [(0, 0), (0, 1)]}, [0.4])
    >>> found
    Couplings of 64 spins on 8x8, constant unknown
       label  order  sets  value     error
       nn         2   128  0.4
    >>> bool(rgdl.Ising((8, 8), couplings=found).energy([[[1] * 8] * 8])[0] == -0.8)
    True
    """

    shape: tuple[int, ...]

    def __init__(
        self,
        shape: tuple[int, ...] | int,
        orbits: Mapping[str, Any],
        values: npt.ArrayLike,
        *,
        errors: npt.ArrayLike | None = None,
        constant: float | None = None,
        images: bool = True,
    ) -> None:
        given = shape if isinstance(shape, tuple | list) else (shape,)
        self.shape = tuple(_validate.count(n, "every extent of shape") for n in given)
        if not 1 <= len(self.shape) <= 3:
            raise ValueError(f"shape must have 1 to 3 extents, got {shape!r}")
        self.n_spins = math.prod(self.shape)
        self.orbits = orbits_of(orbits, self.shape, images=images)
        self.values = _numbers(values, "values", len(self.orbits))
        if errors is not None:
            self.errors = _numbers(errors, "errors", len(self.orbits))
        self.constant = (
            None if constant is None else _validate.finite(constant, "constant")
        )
        classes = self.orbits.values()
        self.order = np.array([len(each[0]) for each in classes], dtype=np.int64)
        self._repeats = np.ones(len(self.values), dtype=np.int64)

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of every orbit."""
        return tuple(self.orbits)

    @functools.cached_property
    def _sets(self) -> list[Sites]:
        return [site_sets(each, self.shape) for each in self.orbits.values()]

    @functools.cached_property
    def multiplicities(self) -> npt.NDArray[np.int64]:  # type: ignore[override]
        """Number of distinct site sets in each orbit."""
        counts = np.array([len(each) for each in self._sets], dtype=np.int64)
        return counts * self._repeats

    def __getitem__(self, label: str) -> float:
        try:
            return float(self.values[self.labels.index(label)])
        except ValueError:
            known = ", ".join(self.labels)
            raise KeyError(f"no coupling {label!r}; there are {known}") from None

    def error(self, label: str) -> float:
        """Give the standard error of one coupling.

        Parameters
        ----------
        label : str

        Returns
        -------
        float
            0 for couplings that are no estimate.

        Raises
        ------
        KeyError
            For an unknown label.

        Examples
        --------
        >>> import rgdl
        >>> orbits = {"nn": [(0,), (1,)]}
        >>> rgdl.LatticeCouplings(8, orbits, [0.4], errors=[0.01]).error("nn")
        0.01
        """
        self[label]
        if self.errors is None:
            return 0.0
        return float(self.errors[self.labels.index(label)])

    def per_bond(self) -> Self:
        """Couplings per bond instead of per pair where an extent of 2 doubles bonds.

        Returns
        -------
        LatticeCouplings
            Neighbours along axes of extent 2 have half the value, twice the sets.

        Raises
        ------
        ValueError
            When an orbit mixes single and double bonds.

        Examples
        --------
        >>> import rgdl
        >>> found = rgdl.LatticeCouplings((2, 2), {"nn": [(0, 0), (0, 1)]}, [1.0])
        >>> found.per_bond()["nn"]
        0.5
        """
        doubled = np.array([self._doubled(each) for each in self.orbits.values()])
        repeats = np.where(doubled, 2, 1)
        result = self._with(self.values * self._repeats / repeats)
        if self.errors is not None:
            result.errors = self.errors * self._repeats / repeats
        result._repeats = repeats
        result.__dict__.pop("multiplicities", None)
        return result

    def _doubled(self, classes: Sequence[Product]) -> bool:
        if len(classes[0]) != 2:
            return False
        extents = np.array(self.shape)
        steps = np.array([np.abs(np.subtract(b, a)) % extents for a, b in classes])
        bonds = (steps == 1) & (extents == 2)
        found = (steps.sum(axis=1) == 1) & bonds.any(axis=1)
        if found.any() and not found.all():
            raise ValueError("an orbit mixes single and double bonds: give them apart")
        return bool(found.all())

    def site_groups(self) -> Iterator[tuple[Sites, Floats]]:
        """Yield site sets (n, order) and their coefficients, orbit by orbit.

        Yields
        ------
        sites : ndarray of int64, shape (n, order)
        values : ndarray of float64, shape (n,)

        Examples
        --------
        >>> import rgdl
        >>> ring = rgdl.LatticeCouplings(3, {"nn": [(0,), (1,)]}, [0.4])
        >>> next(ring.site_groups())[0].tolist()
        [[0, 1], [0, 2], [1, 2]]
        """
        for sites, value in zip(self._sets, self.values * self._repeats, strict=True):
            yield sites, np.full(len(sites), value)

    def hamiltonian(self, s: npt.ArrayLike) -> Floats:
        r"""H of configurations, total, dimensionless; an unknown constant counts 0.

        Parameters
        ----------
        s : array_like, shape (n, \*shape)
            Spins -1/+1.

        Returns
        -------
        ndarray of float64, shape (n,)

        Raises
        ------
        ValueError
            For another shape or a value that is not -1 or +1.

        Examples
        --------
        >>> import numpy as np
        >>> import rgdl
        >>> ring = rgdl.LatticeCouplings(4, {"nn": [(0,), (1,)]}, [0.5])
        >>> ring.hamiltonian(np.ones((1, 4)))
        array([-2.])
        """
        spins = as_spins(s, "s")
        if spins.ndim != len(self.shape) + 1 or spins.shape[1:] != self.shape:
            raise ValueError(
                f"s must have shape (n, {', '.join(map(str, self.shape))}), "
                f"got {spins.shape}"
            )
        groups = list(self.site_groups())
        orders = np.concatenate([np.full(len(x), x.shape[1]) for x, _ in groups])
        sums = _core.terms_sums(
            spins,
            np.concatenate([x.ravel() for x, _ in groups]).astype(np.uint32),
            np.concatenate([[0], np.cumsum(orders)]).astype(np.uint64),
            np.concatenate([values for _, values in groups]),
            np.zeros(self.n_spins),
        )
        return np.asarray(-sums[:, 0] - (self.constant or 0.0))

    def as_lattice(self) -> "LatticeCouplings":
        """Give the couplings themselves, as `Couplings.as_lattice` does for a table.

        Returns
        -------
        LatticeCouplings

        Examples
        --------
        >>> import rgdl
        >>> ring = rgdl.LatticeCouplings(3, {"nn": [(0,), (1,)]}, [0.4])
        >>> ring.as_lattice() is ring
        True
        """
        return self

    def _aligned(self, other: BaseCouplings) -> tuple[Any, Any]:
        second = other.as_lattice()
        if len(self.shape) != len(second.shape):
            raise ValueError(
                "couplings must be on lattices with as many axes, got shapes "
                f"{self.shape} and {second.shape}"
            )
        same = self.shape == second.shape
        own, others = self._keys(same), second._keys(same)
        keys = list(dict.fromkeys([*own, *others]))
        orbits = {}
        for key in keys:
            where = self if key in own else second
            label = where.labels[(own if key in own else others)[key]]
            fresh = label if label not in orbits else f"{label} (2)"
            orbits[fresh] = where.orbits[label]
        return self._over(orbits, keys, own), second._over(orbits, keys, others)

    def _keys(self, by_sets: bool) -> dict[Any, int]:
        """Index of every orbit by its sets, or by label where lattices differ."""
        keys = self.orbits.values() if by_sets else self.orbits
        return {key: k for k, key in enumerate(keys)}

    def _over(
        self, orbits: Mapping[str, Any], keys: list[Any], own: Mapping[Any, int]
    ) -> "LatticeCouplings":
        """Spread over more orbits, 0 on those there were none of."""
        index = np.array([own.get(key, -1) for key in keys])

        def spread(values: Floats) -> Floats:
            return np.asarray(np.append(values * self._repeats, 0.0)[index])

        return LatticeCouplings(
            self.shape,
            orbits,
            spread(self.values),
            errors=None if self.errors is None else spread(self.errors),
            constant=self.constant,
            images=False,
        )

    def _scatter(self) -> tuple[str, Floats | None]:
        return "error", self.errors


def orbits_of(
    orbits: Mapping[str, Any], shape: tuple[int, ...], *, images: bool = True
) -> dict[str, tuple[Product, ...]]:
    """Products of every orbit, one per class under translations, checked."""
    if not isinstance(orbits, Mapping) or not orbits:
        raise TypeError(
            f"orbits must map labels to lists of offsets, got {type(orbits).__name__}"
        )
    result: dict[str, tuple[Product, ...]] = {}
    for label, given in orbits.items():
        products = _products(label, given, len(shape))
        for product in products:
            if len({tuple(np.mod(site, shape).tolist()) for site in product}) < len(
                product
            ):
                raise ValueError(
                    f"operator {label!r} meets the same site twice on shape {shape}"
                )
        if images:
            products = [image for each in products for image in _images(each, shape)]
        classes = translation_classes(products, shape)
        for name, known in result.items():
            if set(known) & set(classes):
                raise ValueError(
                    f"operators {name!r} and {label!r} coincide on shape {shape}"
                )
        result[label] = classes
    return result


_images = images


def _products(label: str, given: Any, ndim: int) -> list[Product]:
    """One product, or several: told apart by how deep the lists are."""
    try:
        first = given[0][0]
    except (TypeError, IndexError, KeyError):
        first = 0
    nested = np.ndim(first) > 0
    return [
        checked_products(label, each, ndim) for each in (given if nested else [given])
    ]


def _numbers(values: npt.ArrayLike, name: str, n: int) -> Floats:
    result = np.array(values, dtype=np.float64)
    if result.shape != (n,) or not np.isfinite(result).all():
        raise ValueError(
            f"{name} must hold {n} finite numbers, one per orbit, got {values!r}"
        )
    return result
