"""What a report is made of: text, tables, pictures and verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from rgdl._validate import one_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Block", "Missing", "Paragraph", "Picture", "Section", "Table", "Verdict"]

KINDS = ("identity", "claim")
OUTCOMES = (
    "holds",
    "fails",
    "reproduced",
    "not reproduced",
    "undecided",
    "fast: not converged",
)


@dataclass(frozen=True)
class Missing:
    """A number that is not there, with the reason; null in JSON, a dash in tables.

    Parameters
    ----------
    reason : str
        Why there is no number.

    Examples
    --------
    >>> from rgdl.report import Missing
    >>> Missing("more than 20 hidden units").reason
    'more than 20 hidden units'
    """

    reason: str


@dataclass(frozen=True)
class Verdict:
    """One judged statement.

    Parameters
    ----------
    claim : str
        The statement.
    kind : {"identity", "claim"}
        An identity holds by algebra, whatever was learned: it tests the code. A claim
        could have come out either way.
    outcome : str
        "holds" or "fails" for an identity; "reproduced", "not reproduced", "undecided"
        (what the rule needs could not be measured) or "fast: not converged" for a
        claim.
    numbers : mapping
        What the outcome rests on.
    rule : str
        The rule that turned the numbers into the outcome, fixed beforehand.
    check : str
        Code or command with which a reader gets the same numbers.

    Examples
    --------
    >>> from rgdl.report import Verdict
    >>> Verdict("2 + 2 = 4", "identity", "holds", {"sum": 4}).outcome
    'holds'
    """

    claim: str
    kind: str
    outcome: str
    numbers: Mapping[str, Any]
    rule: str = ""
    check: str = ""

    def __post_init__(self) -> None:
        one_of(self.kind, "kind", KINDS)
        one_of(self.outcome, "outcome", OUTCOMES)
        if (self.kind == "identity") != (self.outcome in ("holds", "fails")):
            raise ValueError(
                "an identity holds or fails, a claim is reproduced, not reproduced, "
                "undecided or fast: not converged; got "
                f"kind={self.kind!r}, outcome={self.outcome!r}"
            )


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Table:
    """Cells: text, numbers, `rgdl.stats.Estimate` or `Missing`."""

    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    caption: str


@dataclass
class Picture:
    """A figure with its caption; `source` is its data URI once it is drawn."""

    figure: "Figure"
    caption: str
    alt: str
    source: str = ""


Block: TypeAlias = Paragraph | Table | Picture | Verdict


@dataclass
class Section:
    """A titled part of a report; made by `Report.section`.

    Parameters
    ----------
    title : str
        Its heading.

    Examples
    --------
    >>> from rgdl import Report
    >>> section = Report("Two numbers").section("Sums")
    >>> section.paragraph("Adding up.").table(("a", "b"), [(1, 2)]).title
    'Sums'
    """

    title: str
    blocks: list[Block] = field(default_factory=list)

    def paragraph(self, text: str) -> "Section":
        """Add a paragraph of plain text; returns the section.

        Parameters
        ----------
        text : str
            Shown as it is; markup in it is shown, not obeyed.

        Returns
        -------
        Section
        """
        self.blocks.append(Paragraph(text))
        return self

    def table(
        self, header: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = ""
    ) -> "Section":
        """Add a table; returns the section.

        Parameters
        ----------
        header : sequence of str
            Names of the columns.
        rows : sequence of sequences
            Text, numbers (six digits), `rgdl.stats.Estimate` or `Missing`.
        caption : str
            Shown below.

        Returns
        -------
        Section
        """
        table = Table(tuple(header), tuple(tuple(row) for row in rows), caption)
        for row in table.rows:
            if len(row) != len(table.header):
                raise ValueError(
                    f"every row must have {len(table.header)} cells, got {row!r}"
                )
        self.blocks.append(table)
        return self

    def figure(self, figure: "Figure", caption: str, alt: str = "") -> "Section":
        """Add a picture; returns the section.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
            The picture.
        caption : str
            Shown below.
        alt : str
            Description for those who cannot see it; the caption if empty.

        Returns
        -------
        Section
        """
        self.blocks.append(Picture(figure, caption, alt or caption))
        return self

    def verdict(self, verdict: Verdict) -> "Section":
        """Add a verdict, also shown at the head of the report; returns the section.

        Parameters
        ----------
        verdict : Verdict
            The judged statement.

        Returns
        -------
        Section
        """
        self.blocks.append(verdict)
        return self
