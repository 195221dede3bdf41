"""What a comparison of coarse-grainings found, and how it prints."""

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from rgdl._states import Floats
from rgdl.couplings import Couplings, LatticeCouplings
from rgdl.rg._mcrg import _with_error

__all__ = ["Comparison", "ComparisonRow", "Measured"]

Measured: TypeAlias = tuple[float, float]

_COLUMNS = {
    "kl_push": "KL_push",
    "nn": "nn",
    "reach": "reach",
    "many_body": "many-body",
    "y_t": "y_t",
    "y_h": "y_h",
    "magnetization": "<|m|>",
    "energy": "energy",
    "k_eff": "K_eff",
    "information": "I(h:E)",
    "available": "I(V:E)",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparisonRow:
    """What one transform does; pairs are (value, standard error), nan if there is none.

    Attributes
    ----------
    name : str
    coarse_shape : tuple of int or None
    exact : bool
        By enumeration; else from samples.
    kl_push : pair of float
        KL(P_push || p_h) of a joint machine's hidden units.
    couplings : Couplings, LatticeCouplings or None
        Of H_push.
    nn : pair of float
        Nearest-neighbour coupling of H_push.
    reach : pair of float
        How far two-spin couplings reach: root of the mean squared distance in coarse
        lattice constants, weighted with K^2. 1 for nearest neighbours only.
    many_body : pair of float
        Share of products of three spins and more in the sum of K^2 (fields excluded).
    y_t, y_h : pair of float
        Exponents of one Monte Carlo RG step, with all couplings.
    magnetization, energy : pair of float
        ``<|m|>`` and bond energy per site of the coarse spins.
    k_eff : pair of float
        Coupling at which the nearest-neighbour model has this energy.
    correlator : ndarray of float64, shape (n_distances,)
        <h_x v_{bx + r}> with r along the last axis, averaged over x.
    correlator_error : ndarray of float64
    information, available : pair of float
        I(h : E) and I(V : E), see `mutual_information`.
    notes : mapping of str to str
        Why something is missing or in doubt.

    Examples
    --------
    >>> import rgdl
    >>> table = rgdl.rg.compare(rgdl.Ising(8, K=0.5), [rgdl.rg.Decimation()])
    >>> row = table.rows[0]
    >>> row.exact, round(row.nn[0], 6), row.reach[0]
    (True, 0.21689, 1.0)
    """

    name: str
    coarse_shape: tuple[int, ...] | None
    exact: bool
    kl_push: Measured
    couplings: Couplings | LatticeCouplings | None
    nn: Measured
    reach: Measured
    many_body: Measured
    y_t: Measured
    y_h: Measured
    magnetization: Measured
    energy: Measured
    k_eff: Measured
    correlator: Floats
    correlator_error: Floats
    information: Measured
    available: Measured
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """Transforms side by side on the same model.

    Attributes
    ----------
    model : str
    rows : tuple of ComparisonRow
    n : int
        Configurations; 0 where all states were enumerated.
    key : tuple of int
        ``rng=key`` repeats the run.

    Examples
    --------
    >>> import rgdl
    >>> rules = [rgdl.rg.Decimation(), rgdl.rg.MajorityRule()]
    >>> table = rgdl.rg.compare(rgdl.Ising((4, 4), K=0.4), rules)
    >>> [round(row.nn[0], 4) for row in table.rows]
    [0.4708, 0.587]
    """

    model: str
    rows: tuple[ComparisonRow, ...]
    n: int
    key: tuple[int, ...]

    def __getitem__(self, name: str) -> ComparisonRow:
        for row in self.rows:
            if row.name == name:
                return row
        known = ", ".join(row.name for row in self.rows)
        raise KeyError(f"no transform {name!r}; there are {known}")

    def _cells(self) -> list[list[str]]:
        columns = [
            column
            for column in _COLUMNS
            if any(math.isfinite(getattr(row, column)[0]) for row in self.rows)
        ]
        cells = [["transform", "coarse", *(_COLUMNS[column] for column in columns)]]
        for row in self.rows:
            coarse = row.coarse_shape
            cells.append(
                [
                    row.name,
                    "-" if coarse is None else "x".join(map(str, coarse)),
                    *(_text(*getattr(row, column)) for column in columns),
                ]
            )
        return cells

    def _title(self) -> str:
        how = f"{self.n} configurations" if self.n else "exact"
        return f"Coarse-grainings of {self.model}, {how}"

    def _notes(self) -> list[str]:
        return [
            f"{row.name}: {text}" for row in self.rows for text in row.notes.values()
        ]

    def __repr__(self) -> str:
        cells = self._cells()
        width = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
        lines = [
            "  ".join(cell.ljust(width[i]) for i, cell in enumerate(line)).rstrip()
            for line in cells
        ]
        return "\n".join([self._title(), *lines, *self._notes()])

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>"
            for line in body
        )
        titles = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self._notes())
        return (
            f"<table><caption>{html.escape(self._title())}</caption>"
            f"<thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>{notes}"
        )


def _text(value: float, error: float) -> str:
    return "-" if not math.isfinite(value) else _with_error(value, error)
