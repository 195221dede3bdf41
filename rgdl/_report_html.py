"""Reports as HTML: everything given is shown as text, pictures are inside."""

import base64
import html
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rgdl._report_parts import (
    Block,
    Missing,
    Paragraph,
    Picture,
    Section,
    Table,
    Verdict,
)
from rgdl.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["body", "draw", "escaped"]


def body(
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    provenance: Mapping[str, Any],
    numbers: Mapping[str, Any],
) -> str:
    """Return the article; `numbers` are JSON's types already."""
    parts = [
        '<article class="rgdl-report">',
        f"<header><h1>{escaped(title)}</h1>",
        f'<p class="lead">{escaped(subtitle)}</p>' if subtitle else "",
        "</header>",
        _summary(sections),
    ]
    for number, section in enumerate(sections, start=1):
        parts.append(f'<section id="part-{number}"><h2>{escaped(section.title)}</h2>')
        parts += [
            _render(block, f"verdict-{number}-{place}")
            for place, block in enumerate(section.blocks)
        ]
        parts.append("</section>")
    parts.append(_appendix(provenance, numbers))
    parts.append("</article>")
    return "\n".join(part for part in parts if part)


def draw(sections: Sequence[Section]) -> None:
    """Draw all pictures now, so that writing the page later takes no time."""
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Picture):
                block.source = _data_uri(block.figure)


def _summary(sections: Sequence[Section]) -> str:
    items = [
        f'<li><a href="#verdict-{number}-{place}">{_badge(block)}'
        f"<span>{escaped(block.claim)}</span></a></li>"
        for number, section in enumerate(sections, start=1)
        for place, block in enumerate(section.blocks)
        if isinstance(block, Verdict)
    ]
    if not items:
        return ""
    outcomes = Counter(
        f"{block.kind} {block.outcome}"
        for section in sections
        for block in section.blocks
        if isinstance(block, Verdict)
    )
    counts = ", ".join(f"{n} × {escaped(words)}" for words, n in outcomes.items())
    return (
        '<nav class="verdicts" aria-label="Verdicts"><h2>Verdicts</h2>'
        f'<p class="rule">{counts}</p><ul>' + "\n".join(items) + "</ul></nav>"
    )


def _appendix(provenance: Mapping[str, Any], numbers: Mapping[str, Any]) -> str:
    if not (provenance or numbers):
        return ""
    parts = ["<footer><h2>How to check this</h2>"]
    simple = {
        key: value
        for key, value in provenance.items()
        if not isinstance(value, Mapping)
    }
    if simple:
        parts.append(_definitions(simple))
    seconds = provenance.get("seconds")
    if isinstance(seconds, Mapping) and seconds:
        parts.append(_time_bars(seconds, provenance.get("processor_seconds", {})))
    for key, value in provenance.items():
        if isinstance(value, Mapping) and not key.endswith("seconds"):
            parts.append(
                f"<details><summary>{escaped(_title(key))}</summary>"
                f"{_definitions(value)}</details>"
            )
    if numbers:
        text = json.dumps(numbers, indent=1, ensure_ascii=False)
        parts.append(
            "<details><summary>All numbers (JSON)</summary>"
            f"<pre>{escaped(text)}</pre></details>"
        )
    parts.append("</footer>")
    return "\n".join(parts)


def _render(block: Block, place: str) -> str:
    if isinstance(block, Paragraph):
        return f"<p>{escaped(block.text)}</p>"
    if isinstance(block, Table):
        return _render_table(block)
    if isinstance(block, Picture):
        source = block.source or _data_uri(block.figure)
        return (
            f'<figure><img src="{source}" alt="{escaped(block.alt)}"{_size(block)}>'
            f"<figcaption>{escaped(block.caption)}</figcaption></figure>"
        )
    rule = f'<p class="rule">{escaped(block.rule)}</p>' if block.rule else ""
    check = ""
    if block.check:
        check = (
            '<details class="check"><summary>Check it</summary>'
            f"<pre>{escaped(block.check)}</pre></details>"
        )
    return (
        f'<aside class="verdict {_tone(block.outcome)}" id="{place}">'
        f'<p class="claim">{_badge(block)}<span>{escaped(block.claim)}</span></p>'
        f"{rule}{_definitions(block.numbers, escaped)}{check}</aside>"
    )


def _size(picture: Picture) -> str:
    """Width and height on a wide page: the same size of letters in every picture."""
    inches = picture.figure.get_size_inches()
    width, height = (round(_PIXELS_PER_INCH * float(x)) for x in inches)
    return f' width="{width}" height="{height}"'


_PIXELS_PER_INCH = 108


def _render_table(table: Table) -> str:
    numeric = [
        all(_is_number(row[i]) or isinstance(row[i], Missing) for row in table.rows)
        for i in range(len(table.header))
    ]
    kind = [' class="n"' if each else "" for each in numeric]
    head = "".join(
        f'<th scope="col"{kind[i]}>{escaped(name)}</th>'
        for i, name in enumerate(table.header)
    )
    body = "\n".join(
        "<tr>"
        + "".join(f"<td{kind[i]}>{_cell(value)}</td>" for i, value in enumerate(row))
        + "</tr>"
        for row in table.rows
    )
    caption = (
        f'<p class="caption">{escaped(table.caption)}</p>' if table.caption else ""
    )
    return (
        '<div class="table"><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escaped(table.caption or "Table")}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{caption}</div>"
    )


def _definitions(
    values: Mapping[str, Any], named: Callable[[Any], str] | None = None
) -> str:
    name = named or (lambda key: escaped(_title(key)))
    items = "".join(
        f"<div><dt>{name(key)}</dt><dd>{_cell(value)}</dd></div>"
        for key, value in values.items()
    )
    return f"<dl>{items}</dl>" if items else ""


def _time_bars(wall: Mapping[str, float], cpu: Mapping[str, float]) -> str:
    total = math.fsum(wall.values())

    def row(name: str, value: float, cpu_value: float | None, tag: str) -> str:
        width = 100.0 * value / (total or 1.0)
        bar = "" if tag else f'<i style="width:{width:.1f}%"></i>'
        used = "" if cpu_value is None else f"{cpu_value:.1f} s"
        return (
            f'<tr{tag}><th scope="row">{escaped(name)}</th>'
            f'<td class="n">{value:.1f} s</td><td class="n">{used}</td>'
            f'<td class="bar">{bar}</td></tr>'
        )

    rows = "".join(row(name, wall[name], cpu.get(name), "") for name in wall)
    whole = math.fsum(cpu.values()) if cpu else None
    last = row("in all", total, whole, ' class="total"')
    return (
        '<div class="table"><table class="time"><thead><tr><th scope="col">stage</th>'
        '<th scope="col" class="n">wall clock</th>'
        '<th scope="col" class="n">processor</th><th></th></tr></thead><tbody>'
        f"{rows}{last}</tbody></table>"
        '<p class="caption">Where the time went. Processor time adds up all threads; '
        "parts of the run that were broken off and resumed count as well.</p></div>"
    )


def _badge(verdict: Verdict) -> str:
    mark = {"good": "●", "bad": "✕", "open": "○"}[_tone(verdict.outcome)]
    words = escaped(f"{verdict.kind} – {verdict.outcome}")
    return f'<b class="badge {_tone(verdict.outcome)}">{mark} {words}</b>'


def _tone(outcome: str) -> str:
    if outcome in ("holds", "reproduced"):
        return "good"
    open_ends = ("fast: not converged", "undecided")
    return "open" if outcome in open_ends else "bad"


def _cell(value: Any) -> str:
    if isinstance(value, Missing):
        return f'– <small class="why">({escaped(value.reason)})</small>'
    if isinstance(value, Estimate):
        doubt = (
            ""
            if value.reliable
            else f' <small class="why">({escaped(value.reason)})</small>'
        )
        return escaped(_estimate_text(value)) + doubt
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return ", ".join(_cell(each) for each in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{escaped(_title(k))}: {_cell(v)}" for k, v in value.items())
    return escaped(_number_text(value) if _is_number(value) else value)


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
    numbers = int | float | np.number | Estimate
    return isinstance(value, numbers) and not isinstance(value, bool)


def _estimate_text(estimate: Estimate) -> str:
    if not math.isfinite(estimate.error) or estimate.error == 0:
        return _number_text(estimate.value)
    mantissa, _, exponent = str(estimate).partition("e")
    power = "×10" + str(int(exponent)).translate(_SUPERSCRIPT) if exponent else ""
    return mantissa.replace("-", "−") + power


def _title(key: Any) -> str:
    return str(key).replace("_", " ")


def escaped(value: Any) -> str:
    return html.escape(str(value), quote=True)


def _data_uri(figure: "Figure") -> str:
    """Draw the figure as PNG, two pixels per point, in 256 colours to keep it small."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas, dpi, face = figure.canvas, figure.dpi, figure.get_facecolor()
    try:
        agg = FigureCanvasAgg(figure)
        figure.set_dpi(144)
        figure.set_facecolor("white")
        agg.draw()  # type: ignore[no-untyped-call]
        pixels = agg.buffer_rgba()  # type: ignore[no-untyped-call]
        image = Image.fromarray(np.asarray(pixels)[..., :3].copy())
    finally:
        figure.set_canvas(canvas)
        figure.set_dpi(dpi)
        figure.set_facecolor(face)
    buffer = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(
        "ascii"
    )
