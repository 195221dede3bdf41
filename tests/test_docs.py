"""What the documentation shows runs: doctests, README, the pages in .docs."""

import doctest
import hashlib
import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rgdl import bench

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = [module_name(path) for path in sorted((ROOT / "rgdl").rglob("*.py"))]
PUBLIC = [name for name in MODULES if re.fullmatch(r"rgdl(\.[a-z]\w*)?", name)]
BUILDERS = ["sphinx", "numpydoc", "myst_parser", "furo", "sphinx-mathjax-offline"]


def python_blocks(path: Path) -> list[tuple[str, str | None]]:
    """Code and, where a text block follows at once, the output it promises."""
    pattern = r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```\n)?"
    matches = re.finditer(pattern, path.read_text(), re.M | re.S)
    return [(match.group(1), match.group(2)) for match in matches]


BLOCKS = [
    pytest.param(block, output, id=f"{path.relative_to(ROOT).as_posix()}-{number}")
    for path in [README, *sorted((ROOT / ".docs").glob("*.md"))]
    for number, (block, output) in enumerate(python_blocks(path), 1)
]


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Examples may write files and open figures."""
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


def failures_of(tests: list[doctest.DocTest]) -> tuple[int, str]:
    """How many examples ran, and the report of those that failed."""
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    for test in tests:
        runner.run(test, out=report.append)
    return runner.tries, "".join(report)


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    module = importlib.import_module(name)
    _, report = failures_of(doctest.DocTestFinder().find(module, name))
    assert report == ""


def test_wrong_doctest_is_reported():
    parser = doctest.DocTestParser()
    test = parser.get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    tries, report = failures_of([test])
    assert tries == 1
    assert "Expected:\n    3\nGot:\n    2" in report


@pytest.mark.parametrize(("block", "output"), BLOCKS)
def test_python_block_runs(block, output, capsys):
    exec(compile(block, "block", "exec"), {"__name__": "block"})
    if output is not None:
        assert capsys.readouterr().out == output


def test_readme_has_an_example_with_its_output():
    assert any(output for _, output in python_blocks(README))


def capabilities(readme: str) -> list[list[str]]:
    """Cells of the table that names a test for each thing the package does."""
    table = readme.split("| What | Call | Held to | NAME |\n")[1].split("\n\n")[0]
    rows = table.replace(r"\|", "").splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_capabilities_name_tests_and_calls_that_exist():
    rows = capabilities(README.read_text())
    assert len(rows) > 15
    for what, call, _, proofs in rows:
        names = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", proofs)
        assert names, what
        for file, function in names:
            source = (ROOT / "tests" / file).read_text()
            assert not function or f"def {function}(" in source, (what, function)
        for path in re.findall(r"`(rgdl(?:\.\w+)+)", call):
            module, *attributes = path.split(".")
            found = importlib.import_module(module)
            for attribute in attributes:
                found = getattr(found, attribute)


def test_lines_of_the_speed_table_are_benchmarks():
    names = {each.name for each in bench.benchmarks()}
    table = README.read_text().split("| benchmark | unit |")[1].split("\n\n")[0]
    lines = [line.strip("| ") for line in table.splitlines()[2:]]
    told = [re.split(r" (?<!\\)\| ", line)[0].replace(r"\|", "|") for line in lines]
    assert len(told) > 20
    assert set(told) <= names


def test_course_lists_every_notebook_in_order():
    on_disk = [path.name for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    for page in (README, ROOT / ".docs" / "index.md"):
        listed = re.findall(r"^\| \[\d\d .*notebooks/(.*?)\)", page.read_text(), re.M)
        assert listed == on_disk


def test_first_screen_has_exactly_two_commands():
    """The continuous integration takes the second one from here."""
    head = README.read_text().splitlines()[:60]
    commands = [line for line in head if "pip install" in line]
    assert len(commands) == 2
    assert all(line.startswith("python3 -m venv .venv && ") for line in commands)
    assert "rgdl reproduce mehta-schwab --fast --out report" in commands[0]
    assert commands[1].endswith("-m pytest")


def draw_readme_picture(path: Path | None = None) -> str:
    """Run README's example; a digest of what it draws, which the file carries too."""
    import matplotlib.pyplot as plt

    exec(compile(python_blocks(README)[0][0], "README", "exec"), {})
    figure = plt.gcf()
    drawn = [np.asarray(image.get_array()) for ax in figure.axes for image in ax.images]
    digest = hashlib.sha256(b"".join(array.tobytes() for array in drawn)).hexdigest()
    if path is not None:
        about = {"Description": digest}
        figure.savefig(path, dpi=100, bbox_inches="tight", metadata=about)
    return digest


def test_picture_of_readme_is_what_its_code_draws():
    with Image.open(ROOT / ".docs" / "blocking.png") as picture:
        assert picture.text["Description"] == draw_readme_picture(), (
            "draw it again: cd tests && python -c 'from test_docs import *; "
            'draw_readme_picture(ROOT / ".docs" / "blocking.png")\''
        )


def test_pictures_of_the_pages_are_small():
    pictures = list((ROOT / ".docs").glob("*.png"))
    assert pictures
    assert all(path.stat().st_size < 100_000 for path in pictures)


def test_links_of_the_pages_lead_somewhere():
    for page in [README, *(ROOT / ".docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if not target.startswith(("http", "mailto:")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def swallowed_tags(page: str) -> list[str]:
    """What a browser would take for an HTML tag, such as <h v>, and not show."""
    text = re.sub(r"^```.*?^```$|`[^`]*`|\$[^$]*\$", "", page, flags=re.M | re.S)
    return re.findall(r"</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>", text)


def test_no_mean_is_taken_for_a_tag():
    assert swallowed_tags("sum_<ij>, `<ij>`, $<H>$, <m^2>, <h v>") == ["<ij>", "<h v>"]
    for page in [README, *(ROOT / ".docs").glob("*.md")]:
        assert swallowed_tags(page.read_text()) == [], page.name


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The built pages; a warning of any kind fails here."""
    missing = [name for name in BUILDERS if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"the [docs] extra is not installed: no {', '.join(missing)}")
    out = tmp_path_factory.mktemp("pages")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-d", str(out / "trees")]
    done = subprocess.run(
        [*command, ".docs", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


def test_every_public_name_has_its_place_on_a_page(pages):
    from sphinx.util.inventory import InventoryFile

    content = (pages / "objects.inv").read_bytes()
    kinds = InventoryFile.loads(content, uri="").data
    shown = {name for kind in kinds if kind.startswith("py:") for name in kinds[kind]}
    missing = [
        f"{module}.{name}"
        for module in PUBLIC
        for name in importlib.import_module(module).__all__
        if not {f"{module}.{name}", f"rgdl.{name}"} & shown
    ]
    assert missing == [], "add them to a page in .docs/reference"
    assert "rgdl.no_such_name" not in shown


def test_formulas_need_no_network(pages):
    assert 'class="math' in (pages / "conventions.html").read_text()
    for page in [*pages.glob("*.html"), *pages.glob("reference/*.html")]:
        scripts = re.findall(r'<script[^>]* src="([^"]+)"', page.read_text())
        assert not [source for source in scripts if "//" in source]
        assert any("mathjax" in source for source in scripts) == (
            'class="math' in page.read_text()
        )
