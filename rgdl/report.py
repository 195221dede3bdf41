"""Reports: what was claimed, what was measured, and how to measure it again.

A `Report` collects text, tables, figures and verdicts, and writes them as one HTML page
that needs nothing but a browser, and as JSON for programs.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rgdl._report_html import body, escaped
from rgdl._report_json import jsonable
from rgdl._report_parts import Block, Missing, Picture, Section, Table, Verdict
from rgdl._report_style import STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Missing", "Report", "Section", "Verdict"]


class Report:
    """Text, tables, figures and verdicts of one experiment.

    Parameters
    ----------
    title : str
        The heading.
    subtitle : str
        One or two sentences below it.

    Attributes
    ----------
    sections : list of Section
        The parts, in order.
    numbers : dict
        Every number of the experiment, nested by stage.
    provenance : dict
        What it takes to run it again: version, key, parameters, machine, seconds.

    Examples
    --------
    >>> from rgdl import Report
    >>> from rgdl.report import Verdict
    >>> report = Report("Two plus two")
    >>> section = report.section("Addition")
    >>> verdict = Verdict("2 + 2 = 4", "identity", "holds", {"sum": 4})
    >>> report.verdicts
    []
    >>> _ = section.paragraph("We add.").verdict(verdict)
    >>> report.verdicts[0].outcome
    'holds'
    >>> report
    <Report 'Two plus two': 1 section, 0 figures, 1 verdict>
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title = title
        self.subtitle = subtitle
        self.sections: list[Section] = []
        self.numbers: dict[str, Any] = {}
        self.provenance: dict[str, Any] = {}

    def __repr__(self) -> str:
        counts = (
            _plural(len(self.sections), "section"),
            _plural(len(self.figures), "figure"),
            _plural(len(self.verdicts), "verdict"),
        )
        return f"<Report {self.title!r}: {', '.join(counts)}>"

    def section(self, title: str) -> Section:
        """Begin a new section.

        Parameters
        ----------
        title : str
            Its heading.

        Returns
        -------
        Section
            To which text, tables, figures and verdicts are added.
        """
        self.sections.append(Section(title))
        return self.sections[-1]

    @property
    def figures(self) -> list["Figure"]:
        """The figures, in order."""
        return [block.figure for block in self._blocks() if isinstance(block, Picture)]

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts, in order."""
        return [block for block in self._blocks() if isinstance(block, Verdict)]

    def _blocks(self) -> list[Block]:
        return [block for section in self.sections for block in section.blocks]

    def _repr_html_(self) -> str:
        return f"<style>{STYLE}</style>{self._body()}"

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as one self-contained page.

        Parameters
        ----------
        path : path-like
            The file; an existing one is replaced in one step, or left alone if writing
            fails.

        Returns
        -------
        pathlib.Path
            The file written.
        """
        page = (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            '<meta http-equiv="Content-Security-Policy" content="default-src '
            "'none'; img-src data:; style-src 'unsafe-inline'\">\n"
            f"<title>{escaped(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n"
            f'<body class="rgdl-page">\n{self._body()}\n</body>\n</html>\n'
        )
        return _write_atomic(Path(path), page)

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write verdicts, numbers, tables and provenance as JSON.

        The members are "title", "subtitle"; "verdicts", each with "claim", "kind",
        "outcome", "rule", "check" and "numbers"; "numbers", nested by stage; "tables",
        each with "section", "caption", "header" and "rows"; "provenance"; "missing".
        An estimate is {"value": .., "error": ..}, with "unreliable" and the reason if
        it cannot be trusted. What is not a finite number is written as null, with the
        reason under "missing", by its place in the file.

        Parameters
        ----------
        path : path-like
            The file; replaced in one step, as in `to_html`.

        Returns
        -------
        pathlib.Path
            The file written.
        """
        content = json.dumps(
            self._plain(), indent=1, allow_nan=False, ensure_ascii=False
        )
        return _write_atomic(Path(path), content + "\n")

    def _plain(self) -> dict[str, Any]:
        missing: dict[str, str] = {}
        content = {
            "title": self.title,
            "subtitle": self.subtitle,
            "verdicts": [
                {
                    "claim": verdict.claim,
                    "kind": verdict.kind,
                    "outcome": verdict.outcome,
                    "rule": verdict.rule,
                    "check": verdict.check,
                    "numbers": verdict.numbers,
                }
                for verdict in self.verdicts
            ],
            "numbers": self.numbers,
            "tables": [
                {
                    "section": section.title,
                    "caption": block.caption,
                    "header": block.header,
                    "rows": block.rows,
                }
                for section in self.sections
                for block in section.blocks
                if isinstance(block, Table)
            ],
            "provenance": self.provenance,
        }
        plain = {key: jsonable(value, key, missing) for key, value in content.items()}
        return {**plain, "missing": missing}

    def _body(self) -> str:
        numbers = jsonable(self.numbers, "numbers", {})
        return body(self.title, self.subtitle, self.sections, self.provenance, numbers)


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _write_atomic(path: Path, text: str) -> Path:
    """Write beside `path`, force to disk, then rename over it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
