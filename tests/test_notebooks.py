"""Every notebook runs from top to bottom and ends in asserted numbers."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECONDS = 120

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def private_names(source: str) -> list[str]:
    """Attributes and imports that begin with one underscore."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
        elif isinstance(node, ast.ImportFrom):
            names += [*(node.module or "").split("."), *(a.name for a in node.names)]
        elif isinstance(node, ast.Import):
            names += [part for a in node.names for part in a.name.split(".")]
    return [n for n in names if n.startswith("_") and not n.startswith("__")]


# jupyter_client and tornado warn about their own futures; that is not ours to mend
@pytest.mark.filterwarnings("default")
def test_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()


def test_notebook_is_valid_and_stripped(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in code_cells(path):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_notebook_uses_public_names(path):
    assert private_names("import rgdl\nrgdl._core.x()") == ["_core"]
    for cell in code_cells(path):
        assert private_names(cell.source) == []


def test_notebook_begins_with_a_title_and_ends_in_asserts(path):
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    last = ast.parse(code_cells(path)[-1].source)
    assert any(isinstance(node, ast.Assert) for node in ast.walk(last))
