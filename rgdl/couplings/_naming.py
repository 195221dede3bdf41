"""Names of orbits of site sets: field, nn, nnn, 3rd, plaquette, ..."""

import collections
import functools
import itertools

import numpy as np
import numpy.typing as npt

from rgdl.couplings._base import BaseCouplings
from rgdl.couplings._orbits import pair_label

__all__ = ["NamedOrbits"]


class NamedOrbits(BaseCouplings):
    """Orbits of bit masks with names after their geometry.

    `_orbit` is the orbit of every mask, `_representatives` the first mask of each.
    """

    _orbit: npt.NDArray[np.int64]
    _representatives: npt.NDArray[np.uint32]

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """Name of every orbit, each unique."""
        return tuple(self._label(k) for k in range(len(self)))

    def _distances(self, masks: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        """Squared distance of each pair, 0 for other sets: the order of the table."""
        result = np.zeros(len(masks), dtype=np.int64)
        if self.shape is not None:
            for k in np.flatnonzero(np.bitwise_count(masks) == 2):
                result[k] = sum(step**2 for step in self._steps(int(masks[k])))
        return result

    def _sites(self, mask: int) -> list[tuple[int, ...]]:
        flat = [i for i in range(self.n_spins) if mask >> i & 1]
        if self.shape is None:
            return [(i,) for i in flat]
        return [tuple(int(x) for x in np.unravel_index(i, self.shape)) for i in flat]

    def _sites_text(self, mask: int) -> str:
        sites = self._sites(mask)
        return "".join(f"({','.join(map(str, site))})" for site in sites)

    def _steps(self, mask: int) -> tuple[int, ...]:
        """Extent of a set along each axis, around the torus for a pair."""
        assert self.shape is not None
        first, second = self._sites(mask)
        return tuple(
            min((a - b) % extent, (b - a) % extent)
            for a, b, extent in zip(first, second, self.shape, strict=True)
        )

    def _is_double_bond(self, mask: int) -> bool:
        assert self.shape is not None
        steps = self._steps(mask)
        axes = [axis for axis, step in enumerate(steps) if step]
        return sum(steps) == 1 and self.shape[axes[0]] == 2

    def _label(self, k: int) -> str:
        mask = int(self._representatives[k + 1])
        if self.shape is None:
            return self._sites_text(mask)
        name = self._name(mask)
        return name if self._names[name] == 1 else f"{name} {self._sites_text(mask)}"

    @functools.cached_property
    def _names(self) -> collections.Counter[str]:
        return collections.Counter(
            self._name(int(mask)) for mask in self._representatives[1:]
        )

    def _name(self, mask: int) -> str:
        assert self.shape is not None
        order = mask.bit_count()
        if order == 1:
            return "field"
        if order == 2:
            rank = self._pair_distances.index(sum(x**2 for x in self._steps(mask)))
            return pair_label(rank)
        if mask in self._plaquettes:
            return "plaquette"
        return f"{order}-spin {self._sites_text(mask)}"

    @functools.cached_property
    def _pair_distances(self) -> list[int]:
        representatives = self._representatives
        pairs = representatives[np.bitwise_count(representatives) == 2]
        return sorted(set(self._distances(pairs).tolist()))

    @functools.cached_property
    def _plaquettes(self) -> set[int]:
        """Elementary squares, those of them that represent an orbit."""
        assert self.shape is not None
        masks = set()
        for plane in itertools.combinations(range(len(self.shape)), 2):
            corners = itertools.product(
                *(
                    range(min(n, 2)) if i in plane else (0,)
                    for i, n in enumerate(self.shape)
                )
            )
            flat = {int(np.ravel_multi_index(corner, self.shape)) for corner in corners}
            if len(flat) == 4:
                masks.add(sum(1 << i for i in flat))
        return {int(self._representatives[self._orbit[mask]]) for mask in masks}
