"""Orbits of site sets under the symmetries of a torus."""

import functools
import itertools
import math
from collections.abc import Iterable, Mapping
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl import _validate

__all__ = [
    "STANDARD",
    "Product",
    "canonical_masks",
    "checked_products",
    "checked_shape",
    "others_of_origin",
    "pair_label",
    "site_sets",
    "translation_classes",
]

Offset = tuple[int, ...]
Product = tuple[Offset, ...]

#: Products measured unless others are asked for, by number of axes: the field, the
#: shortest pairs and the usual four-spin products (Swendsen's set on the square).
STANDARD: Mapping[int, Mapping[str, Product]] = {
    1: {
        "field": ((0,),),
        "nn": ((0,), (1,)),
        "nnn": ((0,), (2,)),
        "3rd": ((0,), (3,)),
        "4 in line": ((0,), (1,), (2,), (3,)),
    },
    2: {
        "field": ((0, 0),),
        "nn": ((0, 0), (0, 1)),
        "nnn": ((0, 0), (1, 1)),
        "3rd": ((0, 0), (0, 2)),
        "4th": ((0, 0), (1, 2)),
        "5th": ((0, 0), (2, 2)),
        "plaquette": ((0, 0), (0, 1), (1, 0), (1, 1)),
        "diamond": ((0, 1), (1, 0), (1, 2), (2, 1)),
    },
    3: {
        "field": ((0, 0, 0),),
        "nn": ((0, 0, 0), (0, 0, 1)),
        "nnn": ((0, 0, 0), (0, 1, 1)),
        "3rd": ((0, 0, 0), (1, 1, 1)),
        "4th": ((0, 0, 0), (0, 0, 2)),
        "plaquette": ((0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)),
    },
}


def checked_products(name: str, offsets: Any, ndim: int) -> Product:
    """One product as a tuple of offsets."""
    try:
        sites = tuple(
            tuple(index(x) for x in ((site,) if np.ndim(site) == 0 else site))
            for site in offsets
        )
    except (TypeError, ValueError):
        raise TypeError(
            f"operator {name!r} must be a list of offsets with {ndim} integers each, "
            f"got {offsets!r}"
        ) from None
    if not sites or any(len(site) != ndim for site in sites):
        raise ValueError(
            f"operator {name!r} must have offsets with {ndim} integers each, "
            f"got {offsets!r}"
        )
    return sites


def images(product: Product, shape: tuple[int, ...]) -> list[Product]:
    """Images of a product under reflections and swaps of equal axes."""
    sites = np.array(product)
    axes = range(len(shape))
    return [
        tuple(tuple(int(x) for x in site) for site in sites[:, order] * signs)
        for order in itertools.permutations(axes)
        if tuple(shape[axis] for axis in order) == shape
        for signs in itertools.product((1, -1), repeat=len(shape))
    ]


def translation_classes(
    products: Iterable[Product], shape: tuple[int, ...]
) -> tuple[Product, ...]:
    """One product of every class under translations around the torus, sorted."""
    found = set()
    for product in products:
        sites = np.array(product)
        turned = (sites[None, :, :] - sites[:, None, :]) % np.array(shape)
        found.add(min(tuple(sorted(map(tuple, each.tolist()))) for each in turned))
    return tuple(sorted(found))


def others_of_origin(
    classes: Iterable[Product], shape: tuple[int, ...]
) -> list[tuple[Offset, ...]]:
    """Other sites of every distinct set that holds the origin."""
    found = set()
    for product in classes:
        sites = np.array(product)
        for each in (sites[None, :, :] - sites[:, None, :]) % np.array(shape):
            found.add(tuple(sorted(map(tuple, each.tolist())))[1:])
    return sorted(found)


def site_sets(
    classes: Iterable[Product], shape: tuple[int, ...]
) -> npt.NDArray[np.int64]:
    """All distinct site sets of one orbit, (n_sets, order), sites in C order."""
    here = np.indices(shape).reshape(len(shape), -1).T
    sets = [
        np.ravel_multi_index(
            tuple(np.moveaxis((here[:, None] + np.array(each)) % shape, -1, 0)), shape
        )
        for each in classes
    ]
    return np.unique(np.sort(np.concatenate(sets), axis=1), axis=0)


def pair_label(rank: int) -> str:
    """Name of pairs by distance, 0 the shortest: nn, nnn, 3rd, 4th, ..."""
    return ("nn", "nnn")[rank] if rank < 2 else _ordinal(rank + 1)


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}" + {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def checked_shape(shape: tuple[int, ...] | int, n_spins: int) -> tuple[int, ...]:
    given = shape if isinstance(shape, tuple | list) else (shape,)
    extents = tuple(_validate.count(n, "every extent of shape") for n in given)
    if not 1 <= len(extents) <= 3 or math.prod(extents) != n_spins:
        raise ValueError(
            f"shape must have 1 to 3 extents and {n_spins} sites, got {shape!r}"
        )
    return extents


def _site_permutations(shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Images of all sites under the torus' symmetries, one row per symmetry."""
    sites = np.arange(math.prod(shape)).reshape(shape)
    axes = range(len(shape))
    images = [
        np.roll(np.flip(turned, flips), steps, axis=tuple(axes)).ravel()
        for turned in (
            sites.transpose(order)
            for order in itertools.permutations(axes)
            if tuple(shape[axis] for axis in order) == shape
        )
        for n_flips in range(len(shape) + 1)
        for flips in itertools.combinations(axes, n_flips)
        for steps in itertools.product(*map(range, shape))
    ]
    return np.unique(np.array(images), axis=0)


@functools.lru_cache(maxsize=4)
def canonical_masks(shape: tuple[int, ...]) -> npt.NDArray[np.uint32]:
    """One image of every site set under the lattice's symmetries, the same in an orbit.

    It is the one whose list of sites comes first in the order of words: with site 0 as
    the highest bit the largest number. A permuted mask is the union of the images of
    its bytes, looked up one by one.
    """
    n_sites = math.prod(shape)
    masks = np.arange(1 << n_sites, dtype=np.uint32)
    largest = np.zeros_like(masks)
    for image in _site_permutations(shape):
        np.maximum(largest, _permuted(masks, n_sites - 1 - image), out=largest)
    result = _permuted(largest, np.arange(n_sites)[::-1])
    result.flags.writeable = False
    return result


def _permuted(
    masks: npt.NDArray[np.uint32], image: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint32]:
    """Masks with bit i moved to bit image[i]."""
    n_bytes = -(-len(image) // 8)
    weights = np.zeros(8 * n_bytes, dtype=np.int64)
    weights[: len(image)] = 1 << image
    bits = np.arange(256)[:, None] >> np.arange(8) & 1
    tables = (bits @ weights.reshape(n_bytes, 8).T).astype(np.uint32)
    result = tables[masks & 0xFF, 0]
    for k in range(1, n_bytes):
        result |= tables[masks >> (8 * k) & 0xFF, k]
    return np.asarray(result)
