"""Couplings of a Hamiltonian among all sets of spins, by Walsh-Hadamard transform."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._states import BoltzmannLayer, as_spins, layer_parameters
from rgdl.couplings._base import BaseCouplings, Floats, Sites
from rgdl.couplings._estimate import estimate
from rgdl.couplings._lattice import LatticeCouplings
from rgdl.couplings._naming import NamedOrbits
from rgdl.couplings._orbits import canonical_masks, checked_shape

__all__ = ["Couplings"]

_MAX_SPINS = 24
_ROWS_SHOWN = 20
_ROUNDING = 1e-12  # of the largest coupling: no orbit of a lattice form
_NOISE = 2.0**-50  # of the sum of all sizes: couplings below are rounding
_MAX_VISIBLE = 20


class Couplings(NamedOrbits):
    r"""Reduced couplings of a function of spins, grouped by the lattice's symmetry.

    .. math:: -H(s) = K_0 + \sum_o K_o \sum_{S \in o} \prod_{a \in S} s_a

    where o runs over orbits of site sets (distinct sets, each counted once) and
    :math:`K_0` is `constant`. `from_table` makes one from the values of -H.

    Parameters
    ----------
    coefficients : array_like of float, shape (2**N,)
        Coefficient of every site set: bit i of the index is set when the set has
        spin i. At most N = 24.
    shape : int or tuple of int, optional
        Periodic lattice with N sites, as in `from_table`.

    Raises
    ------
    ValueError
        As `from_table`.

    Attributes
    ----------
    constant : float
    labels : tuple of str
        Name of every orbit: ``field``; ``nn``, ``nnn``, ``3rd``, ... for pairs by
        distance; ``plaquette``; else the sites of one member. Without a lattice the
        sites of the set.
    values : ndarray of float64, shape (n_orbits,)
        Mean coupling of each orbit.
    multiplicities : ndarray of int64, shape (n_orbits,)
        Number of site sets in each orbit.
    order : ndarray of int64, shape (n_orbits,)
        Number of spins in each set.
    spread : ndarray of float64, shape (n_orbits,)
        Largest deviation of a member from the orbit's mean: zero up to rounding when
        the function has the lattice's symmetry.
    shape : tuple of int or None
    n_spins : int

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> states = 2 * (np.arange(512)[:, None] >> np.arange(9) & 1) - 1
    >>> model = rgdl.Ising((3, 3), K=0.4, h=0.1)
    >>> minus_h = -model.hamiltonian(states.reshape(-1, 3, 3))
    >>> couplings = rgdl.Couplings.from_table(minus_h, shape=(3, 3))
    >>> round(couplings["nn"], 12), round(couplings["field"], 12)
    (0.4, 0.1)
    """

    def __init__(
        self,
        coefficients: npt.ArrayLike,
        shape: tuple[int, ...] | int | None = None,
    ) -> None:
        coefficients = _table(coefficients, "coefficients")
        n_states = len(coefficients)
        self.n_spins = n_states.bit_length() - 1
        shape = None if shape is None else checked_shape(shape, self.n_spins)
        self.shape = shape
        masks = np.arange(n_states, dtype=np.uint32)
        canonical = masks if shape is None else canonical_masks(shape)
        order = np.bitwise_count(masks).astype(np.int64)
        keys, inverse = np.unique(canonical, return_inverse=True)
        rank = np.lexsort((keys, self._distances(keys), order[keys]))
        position = np.empty_like(rank)
        position[rank] = np.arange(len(rank))
        self._orbit = position[inverse]  # of every site set; orbit 0 is the empty set
        self._representatives = keys[rank]
        counts = np.bincount(self._orbit)
        means = np.bincount(self._orbit, weights=coefficients) / counts
        spread = np.zeros(len(counts))
        np.maximum.at(spread, self._orbit, np.abs(coefficients - means[self._orbit]))
        self.constant = float(means[0])
        self.values = means[1:]
        self.multiplicities = counts[1:].astype(np.int64)
        self.order = order[self._representatives[1:]]
        self.spread = spread[1:]
        self._repeats = np.ones(len(self.values), dtype=np.int64)

    @classmethod
    def from_table(
        cls, minus_h: npt.ArrayLike, shape: tuple[int, ...] | int | None = None
    ) -> Self:
        r"""Couplings of a tabulated function -H of N spins.

        Parameters
        ----------
        minus_h : array_like of float, shape (2**N,)
            Values of -H, dimensionless; bit i of the index is set when spin i (C order)
            is +1. At most N = 24.
        shape : int or tuple of int, optional
            Periodic lattice with N sites (1 to 3 extents). Site sets are then
            grouped into orbits under translations, reflections and swaps of equal axes.

        Returns
        -------
        Couplings

        Raises
        ------
        ValueError
            When the length is not a power of two up to 2**24, a value is not finite, or
            the shape has another number of sites.

        Notes
        -----
        :math:`K_S = 2^{-N} \sum_s (-H(s)) \prod_{a \in S} s_a`.

        Examples
        --------
        >>> import rgdl
        >>> print(rgdl.Couplings.from_table([0.5, -0.5, -0.5, 0.5]))
        Couplings of 2 spins, constant 0
           label   order  sets  value     spread
           (0)(1)      2     1  0.5            0
           and 2 more, none above 0 in size
        """
        table = _table(minus_h, "minus_h")
        _core.walsh_hadamard(table)
        return cls(table, shape)

    @classmethod
    def from_rbm(
        cls, rbm: BoltzmannLayer, shape: tuple[int, ...] | int | None = None
    ) -> Self:
        r"""Couplings a machine makes among its visible units, exact up to 20 of them.

        Parameters
        ----------
        rbm : rgdl.RBM
            Fitted. Binary units stand for spins as v = (s + 1)/2.
        shape : int or tuple of int, optional
            Periodic lattice of the visible units, as in `from_table`.

        Returns
        -------
        Couplings
            Of -F(v), the logarithm of the unnormalised visible marginal.

        Raises
        ------
        ValueError
            For more than 20 visible units; see `rgdl.RBM.effective_couplings`.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising((3, 3), K=0.3))
        >>> round(rgdl.Couplings.from_rbm(rbm, shape=(3, 3))["nn"], 12)
        0.3
        """
        weights, visible_bias, hidden_bias = layer_parameters(rbm)
        n = len(weights)
        if n > _MAX_VISIBLE:
            raise ValueError(
                f"rbm must have at most {_MAX_VISIBLE} visible units to be "
                f"enumerated, got {n}"
            )
        spin_units = rbm.units == "spin"
        table = -_core.rbm_free_energies(
            weights, visible_bias, hidden_bias, spin_units, 0, 1 << n, 1
        )
        return cls.from_table(table, shape)

    @staticmethod
    def from_samples(
        s: npt.ArrayLike,
        operators: str | Mapping[str, Any] = "standard",
        method: str = "callen",
    ) -> LatticeCouplings:
        r"""Estimate translation-invariant couplings from configurations.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice)
            Spins -1/+1 on a periodic lattice with 1 to 3 axes, at least 8 rows.
        operators : "standard" or mapping of str to offsets, default "standard"
            One product per coupling as a list of offsets (one integer per axis); its
            images under reflections and swaps of equal axes are added.
        method : {"callen", "pseudo-likelihood"}, default "callen"
            How the errors are made, see Notes.

        Returns
        -------
        LatticeCouplings
            With errors; the constant is not known.

        Raises
        ------
        ValueError, TypeError
            For data that are not spins, operators that coincide on the lattice, or
            couplings the samples do not determine.
        ConvergenceError
            When Newton's method fails, as for configurations that are all alike.

        Notes
        -----
        With :math:`s_x A_{ax}` the part of :math:`S_a` that holds spin x, Callen's
        identities :math:`\sum_x \langle A_{ax} s_x \rangle = \sum_x \langle A_{ax}
        \tanh \sum_b K_b A_{bx} \rangle` (R. H. Swendsen, Phys. Rev. Lett. 52, 2321
        (1984)) are solved by Newton's method. They are also the stationarity of the
        (concave) pseudo-likelihood :math:`\sum_x \langle \ln p(s_x|\text{rest})
        \rangle`, so that both methods give the same couplings. "callen" gives
        jackknife errors over 32 blocks of consecutive rows, which survive correlated
        rows; "pseudo-likelihood" the errors of Godambe's information for independent
        rows. Couplings that are left out bias the others.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((16, 16), K=0.3), 2000, rng=0)
        >>> found = rgdl.Couplings.from_samples(s)
        >>> bool(abs(found["nn"] - 0.3) < 4 * found.error("nn"))
        True
        """
        return estimate(s, operators, method)

    def __getitem__(self, label: str) -> float:
        try:
            if self.shape is None:  # without building 2**N labels
                mask = sum({1 << int(site) for site in re.findall(r"\d+", label)})
                k = int(self._orbit[mask]) - 1
                if k < 0 or self._label(k) != label:
                    raise ValueError(label)
            else:
                k = self.labels.index(label)
        except (ValueError, IndexError):
            known = ", ".join(
                self._label(k) for k in range(min(len(self), _ROWS_SHOWN))
            )
            raise KeyError(f"no coupling {label!r}; there are {known}") from None
        return float(self.values[k])

    def per_bond(self) -> Self:
        """Couplings per bond instead of per pair where an extent of 2 doubles bonds.

        On a periodic axis of extent 2 two neighbours share two bonds but are one pair,
        so `values` holds twice the K of `rgdl.Ising`. Returns a copy with those
        couplings halved and their multiplicities doubled: the same Hamiltonian.

        Returns
        -------
        Couplings

        Raises
        ------
        ValueError
            Without a lattice shape.

        Examples
        --------
        >>> import numpy as np
        >>> import rgdl
        >>> states = 2 * (np.arange(16)[:, None] >> np.arange(4) & 1) - 1
        >>> minus_h = -rgdl.Ising((2, 2), K=0.5).hamiltonian(states.reshape(-1, 2, 2))
        >>> couplings = rgdl.Couplings.from_table(minus_h, shape=(2, 2))
        >>> couplings["nn"], couplings.per_bond()["nn"]
        (1.0, 0.5)
        """
        if self.shape is None:
            raise ValueError("per_bond needs couplings with a lattice shape")
        pairs = self.order == 2
        doubled = np.array(
            [
                bool(pair) and self._is_double_bond(int(mask))
                for pair, mask in zip(pairs, self._representatives[1:], strict=True)
            ]
        )
        fresh = doubled & (self._repeats == 1)
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.values = np.where(fresh, self.values / 2, self.values)
        copy.spread = np.where(fresh, self.spread / 2, self.spread)
        copy.multiplicities = np.where(
            fresh, self.multiplicities * 2, self.multiplicities
        )
        copy._repeats = np.where(fresh, 2, self._repeats)
        return copy

    def hamiltonian(self, s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        r"""H of configurations, total, dimensionless, from the orbit means.

        Parameters
        ----------
        s : array_like, shape (n, \*shape) or (n, n_spins)
            Spins -1/+1. Any number of leading axes is accepted, also none.

        Returns
        -------
        ndarray of float64, shape (n,)

        Raises
        ------
        ValueError
            For another shape or a value that is not -1 or +1.

        Examples
        --------
        >>> import rgdl
        >>> pair = rgdl.Couplings.from_table([0.5, -0.5, -0.5, 0.5])
        >>> pair.hamiltonian([[1, 1], [1, -1]])
        array([-0.5,  0.5])
        """
        spins = as_spins(s, "s")
        sites = self.shape or (self.n_spins,)
        if spins.shape[-len(sites) :] != sites:
            sites = (self.n_spins,)
        lead = spins.shape[: max(spins.ndim - len(sites), 0)]
        if spins.shape[len(lead) :] != sites:
            raise ValueError(
                f"s must have shape (n, {', '.join(map(str, self.shape or sites))}), "
                f"got {spins.shape}"
            )
        bits = spins.reshape(*lead, self.n_spins) > 0
        index = bits @ (1 << np.arange(self.n_spins))
        return np.asarray(-self._minus_h[index])

    def coefficients(self) -> npt.NDArray[np.float64]:
        """Coefficient of every site set, from the orbit means.

        Returns
        -------
        ndarray of float64, shape (2**n_spins,)
            Bit i of the index is set when the set has spin i; entry 0 is `constant`.

        Examples
        --------
        >>> import rgdl
        >>> rgdl.Couplings.from_table([0.5, -0.5, -0.5, 0.5]).coefficients()
        array([0. , 0. , 0. , 0.5])
        """
        values = np.concatenate([[self.constant], self.values * self._repeats])
        return np.asarray(values[self._orbit])

    @functools.cached_property
    def _minus_h(self) -> npt.NDArray[np.float64]:
        """-H of every state: the inverse is the forward transform, both ends turned."""
        table = self.coefficients()[::-1].copy()
        _core.walsh_hadamard(table)
        return np.asarray(np.ldexp(table[::-1], self.n_spins))

    def site_groups(self) -> Iterator[tuple[Sites, Floats]]:
        """Yield site sets (n, order) and their coefficients, without rounding noise.

        Yields
        ------
        sites : ndarray of int64, shape (n, order)
        values : ndarray of float64, shape (n,)

        Examples
        --------
        >>> import rgdl
        >>> pair = rgdl.Couplings.from_table([0.5, -0.5, -0.5, 0.5])
        >>> list(pair.site_groups())
        [(array([[0, 1]]), array([0.5]))]
        """
        coefficients = self.coefficients()
        size = np.abs(coefficients)
        size[0] = 0.0
        masks = np.flatnonzero(size > _NOISE * size.sum())
        order = np.bitwise_count(masks.astype(np.uint64))
        for count in np.unique(order).tolist():
            chosen = masks[order == count]
            bits = chosen[:, None] >> np.arange(self.n_spins) & 1
            sites = np.nonzero(bits)[1].reshape(-1, count)
            rank = np.argsort(coefficients[chosen], kind="stable")
            yield sites[rank], coefficients[chosen][rank]

    def as_lattice(self) -> LatticeCouplings:
        """Give the couplings as orbits of offsets, without what is only rounding.

        Returns
        -------
        LatticeCouplings
            Comparable with couplings measured on samples and with other sizes.

        Raises
        ------
        ValueError
            Without a lattice shape.

        Examples
        --------
        >>> import numpy as np
        >>> import rgdl
        >>> states = 2 * (np.arange(512)[:, None] >> np.arange(9) & 1) - 1
        >>> minus_h = -rgdl.Ising((3, 3), K=0.5).hamiltonian(states.reshape(-1, 3, 3))
        >>> rgdl.Couplings.from_table(minus_h, shape=(3, 3)).as_lattice().labels
        ('nn',)
        """
        if self.shape is None:
            raise ValueError("as_lattice needs couplings with a lattice shape")
        values = self.values * self._repeats
        size = np.abs(values)
        kept = np.flatnonzero(size > _ROUNDING * size.max(initial=0.0))
        products = {}
        for k in kept.tolist():
            masks = np.flatnonzero(self._orbit == k + 1)
            products[self._label(k)] = [
                self._sites(int(mask)) for mask in masks[masks & 1 == 1]
            ]
        return LatticeCouplings(
            self.shape,
            products,
            values[kept],
            constant=self.constant,
            images=False,
        )

    def _aligned(self, other: BaseCouplings) -> tuple[Any, Any]:
        if not isinstance(other, Couplings):
            return self.as_lattice()._aligned(other)
        if (self.n_spins, self.shape) != (other.n_spins, other.shape):
            raise ValueError(
                f"couplings must be on the same lattice, got {self.n_spins} spins on "
                f"{self.shape} and {other.n_spins} on {other.shape}"
            )
        return self._per_pair(), other._per_pair()

    def _per_pair(self) -> Self:
        """Undo `per_bond`."""
        result = self._with(self.values * self._repeats)
        result.spread = self.spread * self._repeats
        result.multiplicities = self.multiplicities // self._repeats
        result._repeats = np.ones_like(self._repeats)
        return result

    def _scatter(self) -> tuple[str, Floats | None]:
        return "spread", self.spread


def _table(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    """Copy and check 2**N values."""
    table = np.array(values, dtype=np.float64)
    size = table.size
    if table.ndim != 1 or size < 2 or size & (size - 1) or size > 1 << _MAX_SPINS:
        raise ValueError(
            f"{name} must have shape (2**N,) with N in 1..{_MAX_SPINS}, "
            f"got {table.shape}"
        )
    if not np.isfinite(table).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return table
