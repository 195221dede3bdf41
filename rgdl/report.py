"""Reports: what was claimed, what was measured, and how to measure it again.

A `Report` collects text, tables, figures and verdicts, and writes them as one HTML page
that needs nothing but a browser, and as JSON for programs.
"""

import base64
import html
import io
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rgdl._validate import one_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Missing", "Report", "Section", "Verdict"]

KINDS = ("identity", "claim")
OUTCOMES = ("holds", "fails", "reproduced", "not reproduced", "fast: not converged")


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
        "holds" or "fails" for an identity; "reproduced", "not reproduced" or "not
        converged" for a claim.
    numbers : mapping
        What the outcome rests on.
    rule : str
        The rule that turned the numbers into the outcome, fixed beforehand.

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

    def __post_init__(self) -> None:
        one_of(self.kind, "kind", KINDS)
        one_of(self.outcome, "outcome", OUTCOMES)
        if (self.kind == "identity") != (self.outcome in ("holds", "fails")):
            raise ValueError(
                "an identity holds or fails, a claim is reproduced, not reproduced or "
                f"fast: not converged; got kind={self.kind!r}, outcome={self.outcome!r}"
            )


@dataclass(frozen=True)
class _Paragraph:
    text: str


@dataclass(frozen=True)
class _Table:
    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    caption: str


@dataclass(frozen=True)
class _Picture:
    figure: "Figure"
    caption: str
    alt: str


_Block: TypeAlias = _Paragraph | _Table | _Picture | Verdict


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
    blocks: list[_Block] = field(default_factory=list)

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
        self.blocks.append(_Paragraph(text))
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
            Text, numbers (shown to six digits) or `Missing`.
        caption : str
            Shown below.

        Returns
        -------
        Section
        """
        table = _Table(tuple(header), tuple(tuple(row) for row in rows), caption)
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
        self.blocks.append(_Picture(figure, caption, alt or caption))
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
        return [block.figure for block in self._blocks() if isinstance(block, _Picture)]

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts, in order."""
        return [block for block in self._blocks() if isinstance(block, Verdict)]

    def _blocks(self) -> list[_Block]:
        return [block for section in self.sections for block in section.blocks]

    def _repr_html_(self) -> str:
        return f"<style>{_STYLE}</style>{self._body()}"

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
            f"<title>{_text(self.title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
            f'<body class="rgdl-page">\n{self._body()}\n</body>\n</html>\n'
        )
        return _write_atomic(Path(path), page)

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write verdicts, numbers, tables and provenance as JSON.

        What is not a finite number is written as null, with the reason under "missing",
        by its place in the file.

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
                if isinstance(block, _Table)
            ],
            "provenance": self.provenance,
        }
        plain = {key: _jsonable(value, key, missing) for key, value in content.items()}
        return {**plain, "missing": missing}

    def _body(self) -> str:
        parts = [
            '<article class="rgdl-report">',
            f"<header><h1>{_text(self.title)}</h1>",
            f'<p class="lead">{_text(self.subtitle)}</p>' if self.subtitle else "",
            "</header>",
            self._summary(),
        ]
        for number, section in enumerate(self.sections, start=1):
            parts.append(f'<section id="part-{number}"><h2>{_text(section.title)}</h2>')
            parts += [_render(block) for block in section.blocks]
            parts.append("</section>")
        parts.append(self._appendix())
        parts.append("</article>")
        return "\n".join(part for part in parts if part)

    def _summary(self) -> str:
        if not self.verdicts:
            return ""
        items = [
            f'<li><a href="#part-{number}">{_badge(block)}'
            f"<span>{_text(block.claim)}</span></a></li>"
            for number, section in enumerate(self.sections, start=1)
            for block in section.blocks
            if isinstance(block, Verdict)
        ]
        return (
            '<nav class="verdicts" aria-label="Verdicts"><h2>Verdicts</h2><ul>'
            + "\n".join(items)
            + "</ul></nav>"
        )

    def _appendix(self) -> str:
        if not (self.provenance or self.numbers):
            return ""
        plain = self._plain()
        parts = ["<footer><h2>How to check this</h2>"]
        simple = {
            key: value
            for key, value in self.provenance.items()
            if not isinstance(value, Mapping)
        }
        if simple:
            parts.append(_definitions(simple))
        seconds = self.provenance.get("seconds")
        if isinstance(seconds, Mapping) and seconds:
            parts.append(_time_bars(seconds))
        for key, value in self.provenance.items():
            if isinstance(value, Mapping) and key != "seconds":
                parts.append(
                    f"<details><summary>{_text(_title(key))}</summary>"
                    f"{_definitions(value)}</details>"
                )
        if self.numbers:
            numbers = json.dumps(plain["numbers"], indent=1, ensure_ascii=False)
            parts.append(
                "<details><summary>All numbers (JSON)</summary>"
                f"<pre>{_text(numbers)}</pre></details>"
            )
        parts.append("</footer>")
        return "\n".join(parts)


def _render(block: _Block) -> str:
    if isinstance(block, _Paragraph):
        return f"<p>{_text(block.text)}</p>"
    if isinstance(block, _Table):
        return _render_table(block)
    if isinstance(block, _Picture):
        return (
            f'<figure><img src="{_data_uri(block.figure)}" alt="{_text(block.alt)}">'
            f"<figcaption>{_text(block.caption)}</figcaption></figure>"
        )
    rule = f'<p class="rule">{_text(block.rule)}</p>' if block.rule else ""
    return (
        f'<aside class="verdict {_tone(block.outcome)}">'
        f'<p class="claim">{_badge(block)}<span>{_text(block.claim)}</span></p>{rule}'
        f"{_definitions(block.numbers)}</aside>"
    )


def _render_table(table: _Table) -> str:
    numeric = [
        all(_is_number(row[i]) or isinstance(row[i], Missing) for row in table.rows)
        for i in range(len(table.header))
    ]
    kind = [' class="n"' if each else "" for each in numeric]
    head = "".join(
        f'<th scope="col"{kind[i]}>{_text(name)}</th>'
        for i, name in enumerate(table.header)
    )
    body = "\n".join(
        "<tr>"
        + "".join(f"<td{kind[i]}>{_cell(value)}</td>" for i, value in enumerate(row))
        + "</tr>"
        for row in table.rows
    )
    caption = f'<p class="caption">{_text(table.caption)}</p>' if table.caption else ""
    return (
        '<div class="table"><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{_text(table.caption or "Table")}"><table><thead><tr>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>{caption}</div>"
    )


def _definitions(values: Mapping[str, Any]) -> str:
    items = "".join(
        f"<div><dt>{_text(_title(key))}</dt><dd>{_cell(value)}</dd></div>"
        for key, value in values.items()
    )
    return f"<dl>{items}</dl>" if items else ""


def _time_bars(seconds: Mapping[str, float]) -> str:
    total = math.fsum(seconds.values())
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td class="n">{value:.1f} s</td>'
        f'<td class="bar"><i style="width:{100.0 * value / (total or 1.0):.1f}%"></i>'
        "</td></tr>"
        for name, value in seconds.items()
    )
    return (
        '<div class="table"><table class="time"><tbody>'
        f'{rows}<tr class="total"><th scope="row">in all</th>'
        f'<td class="n">{total:.1f} s</td><td></td></tr></tbody></table>'
        '<p class="caption">Where the time went.</p></div>'
    )


def _badge(verdict: Verdict) -> str:
    mark = {"good": "●", "bad": "✕", "open": "○"}[_tone(verdict.outcome)]
    words = _text(f"{verdict.kind} – {verdict.outcome}")
    return f'<b class="badge {_tone(verdict.outcome)}">{mark} {words}</b>'


def _tone(outcome: str) -> str:
    if outcome in ("holds", "reproduced"):
        return "good"
    return "open" if outcome == "fast: not converged" else "bad"


def _cell(value: Any) -> str:
    if isinstance(value, Missing):
        return f'– <small class="why">({_text(value.reason)})</small>'
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return ", ".join(_cell(each) for each in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{_text(_title(k))}: {_cell(v)}" for k, v in value.items())
    return _text(_number_text(value) if _is_number(value) else value)


def _number_text(value: Any) -> str:
    if isinstance(value, int | np.integer):
        return str(int(value)).replace("-", "−")
    number = float(value)
    if not math.isfinite(number):
        return "–"
    mantissa, _, exponent = f"{number:.6g}".partition("e")
    power = ""
    if exponent:
        power = "×10" + str(int(exponent)).translate(_SUPERSCRIPT)
        mantissa = f"{float(mantissa):.3g}"
    return mantissa.replace("-", "−") + power


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _title(key: Any) -> str:
    return str(key).replace("_", " ")


def _text(value: Any) -> str:
    return html.escape(str(value), quote=True)


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _data_uri(figure: "Figure") -> str:
    """Draw the figure as PNG, two pixels per point, in 256 colours to keep it small."""
    from PIL import Image

    drawn, buffer = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=144, facecolor="white")
    with Image.open(drawn) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(buffer, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(
        "ascii"
    )


def _jsonable(value: Any, place: str, missing: dict[str, str]) -> Any:
    """Convert to JSON's types; what is no finite number is None, noted by place."""
    if isinstance(value, Missing):
        missing[place] = value.reason
        return None
    if isinstance(value, Mapping):
        return {
            str(key): _jsonable(each, f"{place}.{key}", missing)
            for key, each in value.items()
        }
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [
            _jsonable(each, f"{place}[{i}]", missing) for i, each in enumerate(value)
        ]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        missing[place] = "not a number" if math.isnan(value) else f"{value} (infinite)"
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


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


_STYLE = """
.rgdl-report{--ink:#23282e;--soft:#5d6670;--line:#dedbd2;--paper:#fbfaf7;--card:#f4f2ec;
--good:#00644f;--bad:#a63a00;--open:#6b5200;--link:#1f5c99;
color:var(--ink);background:var(--paper);font:1.0625rem/1.6 Charter,"Bitstream Charter",
"Sitka Text",Cambria,Georgia,serif;max-width:48rem;margin:0 auto;
padding:1.5rem 1.25rem 4rem;box-sizing:border-box;overflow-wrap:break-word}
body.rgdl-page{margin:0;background:#fbfaf7}
.rgdl-report *{box-sizing:border-box}
.rgdl-report h1{font-size:2rem;line-height:1.2;font-weight:600;margin:1.5rem 0 .5rem;
letter-spacing:-.01em;color:inherit;text-wrap:balance}
.rgdl-report h2{font-size:1.35rem;line-height:1.3;font-weight:600;margin:3rem 0 .75rem;
color:inherit;text-wrap:balance}
.rgdl-report p{margin:.75rem 0}
.rgdl-report .lead{font-size:1.15rem;color:var(--soft)}
.rgdl-report figure{margin:1.5rem 0;padding:0;break-inside:avoid}
.rgdl-report figure img{display:block;width:100%;max-width:100%;height:auto;
background:#fff;border:1px solid var(--line);border-radius:6px;padding:.75rem}
.rgdl-report figcaption,.rgdl-report .caption,.rgdl-report .rule{font-size:.9rem;
line-height:1.5;color:var(--soft);margin:.5rem 0 0}
.rgdl-report table,.rgdl-report .badge,.rgdl-report dl,.rgdl-report summary{
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
.rgdl-report .table{margin:1.5rem 0;break-inside:avoid}
.rgdl-report .scroll{overflow-x:auto;border-bottom:1px solid var(--line)}
.rgdl-report table{border-collapse:collapse;width:100%;font-size:.875rem;
line-height:1.4;font-variant-numeric:tabular-nums;color:inherit}
.rgdl-report th,.rgdl-report td{padding:.45rem .75rem .45rem 0;text-align:left;
vertical-align:top;border-top:1px solid var(--line);background:none}
.rgdl-report thead th{font-weight:600;border-top:0;border-bottom:1px solid var(--soft);
vertical-align:bottom}
.rgdl-report .n{text-align:right;white-space:nowrap}
.rgdl-report thead .n{white-space:normal}
.rgdl-report .why{color:var(--soft);white-space:normal}
.rgdl-report .time th{font-weight:400}
.rgdl-report .time .bar{width:55%;vertical-align:middle;padding-right:0}
.rgdl-report .time i{display:block;height:.6rem;border-radius:2px;
background:var(--link);min-width:1px;-webkit-print-color-adjust:exact;print-color-adjust:exact}
.rgdl-report .total th,.rgdl-report .total td{font-weight:600}
.rgdl-report .verdicts{background:var(--card);border-radius:8px;padding:1rem 1.25rem;
margin:1.5rem 0}
.rgdl-report .verdicts h2{margin:0 0 .5rem;font-size:1.1rem}
.rgdl-report .verdicts ul{list-style:none;margin:0;padding:0}
.rgdl-report .verdicts li{margin:0;border-top:1px solid var(--line)}
.rgdl-report .verdicts a{display:grid;grid-template-columns:13rem 1fr;gap:.25rem 1rem;
padding:.5rem 0;color:inherit;text-decoration:none;line-height:1.4;font-size:.975rem}
.rgdl-report .verdicts a:hover span{text-decoration:underline}
.rgdl-report .badge{font-size:.8rem;font-weight:600;line-height:1.75;white-space:nowrap}
.rgdl-report .badge.good{color:var(--good)}
.rgdl-report .badge.bad{color:var(--bad)}
.rgdl-report .badge.open{color:var(--open)}
.rgdl-report .verdict{border-left:4px solid var(--soft);background:var(--card);
border-radius:0 8px 8px 0;margin:1.5rem 0;padding:.75rem 1.25rem;break-inside:avoid}
.rgdl-report .verdict.good{border-color:var(--good)}
.rgdl-report .verdict.bad{border-color:var(--bad)}
.rgdl-report .verdict.open{border-color:var(--open)}
.rgdl-report .verdict .claim{margin:0}
.rgdl-report .verdict .claim .badge{display:block}
.rgdl-report dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));
gap:.35rem 1.5rem;margin:.75rem 0 0;font-size:.85rem;line-height:1.4;
font-variant-numeric:tabular-nums}
.rgdl-report dl div{min-width:0}
.rgdl-report dt{color:var(--soft);margin:0;font-weight:400}
.rgdl-report dd{margin:0;overflow-wrap:anywhere}
.rgdl-report details{margin:1rem 0;border-top:1px solid var(--line);padding-top:.75rem}
.rgdl-report summary{cursor:pointer;font-size:.9rem;color:var(--link)}
.rgdl-report pre{font:.75rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
overflow-x:auto;max-height:30rem;background:var(--card);padding:1rem;border-radius:6px;
color:inherit}
.rgdl-report a:focus-visible,.rgdl-report summary:focus-visible,
.rgdl-report .scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}
@media (max-width:36rem){.rgdl-report{font-size:1rem;padding:1rem 1rem 3rem}
.rgdl-report h1{font-size:1.6rem;margin-top:.75rem}
.rgdl-report .verdicts a{grid-template-columns:1fr;gap:0}
.rgdl-report .verdicts,.rgdl-report .verdict{padding:.75rem 1rem}
.rgdl-report figure img{padding:.35rem}
.rgdl-report dl{grid-template-columns:repeat(auto-fill,minmax(9rem,1fr))}
.rgdl-report .time .bar{width:35%}}
@media (prefers-color-scheme:dark){.rgdl-report{--ink:#e4e1d9;--soft:#a3a8ad;
--line:#3a3f45;--paper:#17191c;--card:#202327;--good:#5fcfb0;--bad:#ff9a66;--open:#e3c46a;
--link:#8fbdf0}
body.rgdl-page{background:#17191c}}
@media print{.rgdl-report{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--card:#fff;
--good:#004d3d;--bad:#7a2b00;--open:#4d3b00;--link:#555;font-size:10.5pt;max-width:none;
padding:0}
body.rgdl-page{background:#fff}
.rgdl-report .scroll{overflow:visible}
.rgdl-report details{display:none}
.rgdl-report h2{break-after:avoid}
.rgdl-report .verdict,.rgdl-report .verdicts{border:1px solid #bbb;border-radius:0}
.rgdl-report .verdict{border-left-width:4px}}
""".strip()
