"""The table of means with errors that a trace prints."""

import html
from collections.abc import Iterator, Mapping

from rgdl.stats import Estimate

__all__ = ["Summary"]


class Summary(Mapping[str, Estimate]):
    """Means with errors of every observable of a trace, and whether chains agree.

    Parameters
    ----------
    title : str
    rows : mapping of str to Estimate
    r_hat : mapping of str to float

    Attributes
    ----------
    r_hat : dict of str to float
        Rank-normalised split R-hat of each row.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((8, 8), K=0.3)
    >>> trace = rgdl.Trace.of(model, rgdl.sample(model, 2048, rng=0))
    >>> summary = trace.summary()
    >>> list(summary), summary["energy"].reliable
    (['energy', 'magnetization', '|magnetization|'], True)
    """

    def __init__(
        self, title: str, rows: Mapping[str, Estimate], r_hat: Mapping[str, float]
    ) -> None:
        self._title = title
        self._rows = dict(rows)
        self.r_hat = dict(r_hat)

    def __getitem__(self, name: str) -> Estimate:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def _cells(self) -> list[tuple[str, ...]]:
        head = ("", "mean", "tau_int", "ess", "r_hat", "")
        body = [
            (
                name,
                str(row),
                f"{row.tau_int:.3g}",
                f"{row.ess:.0f}",
                f"{self.r_hat[name]:.4f}",
                row.reason,
            )
            for name, row in self._rows.items()
        ]
        return [head, *body]

    def __repr__(self) -> str:
        cells = self._cells()
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        lines = [
            "  ".join(
                cell.ljust(width) if i in (0, 5) else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in cells
        ]
        return "\n".join([self._title, *lines])

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        rows = "".join(
            "<tr><th>"
            + "</td><td>".join(html.escape(cell) for cell in row).replace(
                "</td>", "</th>", 1
            )
            + "</td></tr>"
            for row in body
        )
        top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        title = html.escape(self._title)
        return f"<table><caption>{title}</caption><tr>{top}</tr>{rows}</table>"
