"""Reports: nothing hostile gets through, nothing is fetched or half written."""

import json
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

from rgdl import Report
from rgdl.report import Missing, Verdict

HOSTILE = "<script>alert('x')</script>\"&</style><img src=x onerror=y>"


def figure():
    picture = Figure(figsize=(2, 1))
    picture.add_subplot().plot([1, 2])
    return picture


def report(text="plain"):
    page = Report(text, text)
    section = page.section(text).paragraph(text)
    section.table((text, "n"), [(text, 1.5), (text, Missing(text))], text)
    section.figure(figure(), text, text)
    section.verdict(Verdict(text, "identity", "holds", {text: text, "n": 1e-12}, text))
    page.numbers = {text: text, "a": np.float32(0.5), "b": np.arange(3)}
    page.provenance = {text: text, "seconds": {text: 1.0}, "machine": {text: text}}
    return page


class Page(HTMLParser):
    """Collects tags and checks that they close in order."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path):
    return report().to_html(tmp_path / "report.html").read_text(encoding="utf-8")


def test_hostile_text_is_shown_not_obeyed(tmp_path):
    path = report(HOSTILE).to_html(tmp_path / "report.html")
    tags = Page(path.read_text(encoding="utf-8")).tags
    assert {tag for tag, _ in tags} & {"script", "iframe", "object", "link"} == set()
    assert [dict(attrs) for tag, attrs in tags if "onerror" in attrs] == []
    images = [attrs["src"] for tag, attrs in tags if tag == "img"]
    assert len(images) == 1
    assert images[0].startswith("data:image/png;base64,")


def test_hostile_text_changes_no_tag():
    plain, hostile = report("plain"), report(HOSTILE)
    tags = [[tag for tag, _ in Page(r._repr_html_()).tags] for r in (plain, hostile)]
    assert tags[0] == tags[1]


def test_tags_close_in_order(page):
    assert Page(page).open == []


def test_page_fetches_nothing(page):
    assert not re.search(r"https?://|@import|url\(", page)
    for tag, attrs in Page(page).tags:
        assert "srcset" not in attrs
        if tag == "a":
            assert attrs["href"].startswith("#")
    assert "default-src 'none'" in page


def test_every_link_has_its_target(page):
    tags = Page(page).tags
    targets = {attrs["id"] for _, attrs in tags if "id" in attrs}
    assert {attrs["href"][1:] for tag, attrs in tags if tag == "a"} <= targets


def test_page_is_ready_for_dark_print_and_phone(page):
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    assert "max-width:36rem" in page
    assert '<meta name="viewport"' in page
    assert re.search(r"figure img\{[^}]*background:#fff", page)


def test_every_picture_has_a_description(page):
    images = [attrs for tag, attrs in Page(page).tags if tag == "img"]
    assert all(attrs["alt"] for attrs in images)


def test_picture_is_the_same_twice():
    assert report()._repr_html_() == report()._repr_html_()


def test_json_round_trip(tmp_path):
    path = report().to_json(tmp_path / "report.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["numbers"] == {"plain": "plain", "a": 0.5, "b": [0, 1, 2]}
    assert content["verdicts"][0]["outcome"] == "holds"
    assert content["tables"][0]["rows"][0] == ["plain", 1.5]
    assert content["missing"] == {"tables[0].rows[1][1]": "plain"}


def test_json_has_no_nan(tmp_path):
    page = Report("numbers")
    page.numbers = {
        "nan": float("nan"),
        "list": [1.0, np.float64("inf")],
        "gone": Missing("too many units"),
        "flag": np.bool_(True),
    }
    text = page.to_json(tmp_path / "report.json").read_text(encoding="utf-8")
    content = json.loads(text, parse_constant=pytest.fail)
    assert content["numbers"] == {
        "nan": None,
        "list": [1.0, None],
        "gone": None,
        "flag": True,
    }
    assert content["missing"] == {
        "numbers.nan": "not a number",
        "numbers.list[1]": "inf (infinite)",
        "numbers.gone": "too many units",
    }


@pytest.mark.parametrize("write", [Report.to_html, Report.to_json])
def test_failed_write_leaves_the_old_file(write, tmp_path, monkeypatch):
    path = tmp_path / "report"
    path.write_text("old")

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write(report(), path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report"]


def test_file_permissions_follow_the_umask(tmp_path):
    mask = os.umask(0o022)
    try:
        path = Report("page").to_html(tmp_path / "report.html")
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("kind", "outcome", "message"),
    [
        ("guess", "holds", "kind must be one of"),
        ("claim", "maybe", "outcome must be one of"),
        ("claim", "holds", "an identity holds or fails"),
        ("identity", "reproduced", "an identity holds or fails"),
    ],
)
def test_verdict_outside_its_kind_is_refused(kind, outcome, message):
    with pytest.raises(ValueError, match=message):
        Verdict("claim", kind, outcome, {})


def test_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="every row must have 2 cells"):
        Report("r").section("s").table(("a", "b"), [(1, 2), (1,)])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.2345678, "1.23457"),
        (-0.5, "−0.5"),
        (1.234e-13, "1.23×10⁻¹³"),
        (20_000, "20000"),
        (float("nan"), "–"),
        (True, "True"),
    ],
)
def test_numbers_in_tables_read_well(value, shown):
    page = Report("r")
    page.section("s").table(("a",), [(value,)])
    assert re.search(rf"<td[^>]*>{re.escape(shown)}</td>", page._repr_html_())


def test_empty_report_is_a_page(tmp_path):
    text = Report("Nothing").to_html(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<h1>Nothing</h1>" in text
    assert Page(text).open == []
