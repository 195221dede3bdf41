"""What both forms of couplings share: arithmetic, comparison and the printed table."""

import copy
import html
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from rgdl import _validate

if TYPE_CHECKING:
    from rgdl.couplings._lattice import LatticeCouplings

__all__ = ["BaseCouplings", "Floats", "Sites"]

Floats = npt.NDArray[np.float64]
Sites = npt.NDArray[np.int64]

_ROWS_SHOWN = 20
_ROUNDING = 1e-12  # of the largest coupling: not shown in the table


class BaseCouplings(ABC):
    r"""Reduced couplings by orbits of site sets.

    .. math:: -H(s) = K_0 + \sum_o K_o \sum_{S \in o} \prod_{a \in S} s_a

    Attributes
    ----------
    constant : float or None
        K_0; None where it is not known.
    values, multiplicities, order : ndarray, shape (n_orbits,)
    errors : ndarray of float64, shape (n_orbits,), or None
        Standard errors; None for couplings that are no estimate.
    labels : tuple of str
    shape : tuple of int or None
    n_spins : int
    """

    constant: float | None
    values: Floats
    errors: Floats | None = None
    multiplicities: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    shape: tuple[int, ...] | None
    n_spins: int

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """Name of every orbit, each unique."""

    @abstractmethod
    def site_groups(self) -> Iterator[tuple[Sites, Floats]]:
        """Yield site sets (n, order) and their coefficients, the constant left out."""

    @abstractmethod
    def as_lattice(self) -> "LatticeCouplings":
        """Give the couplings as orbits of offsets."""

    @abstractmethod
    def _aligned(self, other: "BaseCouplings") -> tuple[Any, Any]:
        """Both with the same orbits in the same order."""

    @abstractmethod
    def _scatter(self) -> tuple[str, Floats | None]:
        """Name and values of the last column of the table."""

    def __len__(self) -> int:
        return len(self.values)

    def __add__(self, other: object) -> Self:
        if not isinstance(other, BaseCouplings):
            return NotImplemented
        first, second = self._aligned(other)
        result: Self = first._with(first.values + second.values)
        known = first.constant is not None and second.constant is not None
        if known and first.shape != second.shape:
            raise ValueError(
                "couplings must be on the same lattice to be added: their constants "
                f"grow with the sites, got shapes {first.shape} and {second.shape}"
            )
        result.constant = (first.constant or 0.0) + (second.constant or 0.0)
        if not known:
            result.constant = None
        if first.errors is not None or second.errors is not None:
            result.errors = first._hypot(second)
        return result

    def __mul__(self, factor: object) -> Self:
        if not isinstance(factor, int | float | np.integer | np.floating):
            return NotImplemented
        scale = _validate.finite(float(factor), "factor")
        result = self._with(scale * self.values)
        if self.constant is not None:
            result.constant = scale * self.constant
        if self.errors is not None:
            result.errors = abs(scale) * self.errors
        return result

    __rmul__ = __mul__

    def __neg__(self) -> Self:
        return self * -1.0

    def __sub__(self, other: object) -> Self:
        if not isinstance(other, BaseCouplings):
            return NotImplemented
        return self + other * -1.0

    def distance(self, other: "BaseCouplings") -> float:
        r"""Relative distance between two sets of couplings, the constants left out.

        Parameters
        ----------
        other : Couplings or LatticeCouplings
            The reference, on the same lattice, or both translation invariant.

        Returns
        -------
        float
            :math:`\sqrt{\sum_S (K_S - K'_S)^2 / \sum_S K'^2_S}` over site sets
            (Decelle et al., SciPost Phys. 16, 095 (2024)); infinite where all K' are 0
            and some K is not.

        Raises
        ------
        ValueError
            When the lattices do not fit.

        Examples
        --------
        >>> import rgdl
        >>> pair = rgdl.Couplings.from_table([0.5, -0.5, -0.5, 0.5])
        >>> (1.1 * pair).distance(pair)
        0.10000000000000009
        """
        first, second = self._aligned(other)
        weights = first.multiplicities
        gap = float(weights @ (first.values - second.values) ** 2)
        size = float(weights @ second.values**2)
        if size == 0:
            return math.inf if gap else 0.0
        return math.sqrt(gap / size)

    def is_close(
        self, other: "BaseCouplings", *, atol: float = 1e-10, n_sigma: float = 4.0
    ) -> bool:
        """Whether all couplings agree, within their errors where they have some.

        Parameters
        ----------
        other : Couplings or LatticeCouplings
        atol : float, default 1e-10
            Allowed difference without errors.
        n_sigma : float, default 4
            Allowed difference in units of the combined standard error.

        Returns
        -------
        bool
            Constants count where both are known and the lattices are the same: they
            grow with the number of sites, so across sizes they are left out.

        Raises
        ------
        ValueError
            When the lattices do not fit.

        Examples
        --------
        >>> import rgdl
        >>> pair = rgdl.Couplings.from_table([0.5, -0.5, -0.5, 0.5])
        >>> pair.is_close(pair + 1e-12 * pair), pair.is_close(2 * pair)
        (True, False)
        """
        first, second = self._aligned(other)
        allowed = atol + n_sigma * first._hypot(second)
        near = bool((np.abs(first.values - second.values) <= allowed).all())
        if first.constant is None or second.constant is None:
            return near
        if first.shape != second.shape:
            return near
        return near and abs(first.constant - second.constant) <= atol

    def _with(self, values: Floats) -> Self:
        """Copy with other values, of the same orbits."""
        result = copy.copy(self)
        result.values = values
        result.__dict__.pop("_minus_h", None)
        return result

    def _hypot(self, other: "BaseCouplings") -> Floats:
        """Combine errors, 0 where there are none."""
        zero = np.zeros(len(self))
        first = zero if self.errors is None else self.errors
        second = zero if other.errors is None else other.errors
        return np.hypot(first, second)

    def _rows(self) -> tuple[list[tuple[str, str, str, str, str]], str]:
        """Cells of the orbits worth showing, and a line on the others."""
        size = np.abs(self.values)
        largest = np.argsort(-size, kind="stable")[:_ROWS_SHOWN]
        chosen = np.sort(largest[size[largest] > _ROUNDING * size.max(initial=0.0)])
        others = np.delete(size, chosen)
        rest = ""
        if len(others):
            rest = f"and {len(others)} more, none above {others.max():.1g} in size"
        _, scatter = self._scatter()
        rows = [
            (
                self._label(int(k)),
                str(self.order[k]),
                str(self.multiplicities[k]),
                f"{self.values[k]:.10g}",
                "" if scatter is None else f"{scatter[k]:.1g}",
            )
            for k in chosen
        ]
        return rows, rest

    def _label(self, k: int) -> str:
        return self.labels[k]

    def _title(self) -> str:
        lattice = "" if self.shape is None else f" on {'x'.join(map(str, self.shape))}"
        # two bonds join the same pair there: a reader compares nn with K at his peril
        doubled = self.shape is not None and 2 in self.shape
        per_pair = ", per pair (see per_bond)" if doubled else ""
        known = "unknown" if self.constant is None else f"{self.constant:.10g}"
        return f"Couplings of {self.n_spins} spins{lattice}{per_pair}, constant {known}"

    def __repr__(self) -> str:
        rows, rest = self._rows()
        last = self._scatter()[0]
        label = max([len("label"), *(len(row[0]) for row in rows)])
        value = max([len("value   "), *(len(row[3]) for row in rows)])
        lines = [f"   {'label':{label}}  order  sets  {'value':{value}}  {last}"]
        lines += [
            f"   {name:{label}}  {order:>5}  {sets:>4}  {number:{value}}  {spread:>6}"
            for name, order, sets, number, spread in rows
        ]
        return "\n".join([self._title(), *lines, *([f"   {rest}"] if rest else [])])

    def _repr_html_(self) -> str:
        rows, rest = self._rows()
        names = ("label", "order", "sets", "value", self._scatter()[0])
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        note = f"<p>{html.escape(rest)}</p>" if rest else ""
        return (
            f"<table><caption>{html.escape(self._title())}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"
        )
