"""Formatters, linters and types: the pinned tools of the [test] extra, no network."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = ["rgdl", "tests", "setup.py", ".docs/conf.py"]
C_FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("csrc", "tests/c")
    for path in (ROOT / folder).rglob("*.[ch]")
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )


def tool(name: str) -> str:
    """The tool of this environment, which has the pinned version, not the system's."""
    path = shutil.which(name, path=sysconfig.get_path("scripts"))
    assert path is not None, f"{name} is not installed: pip install -e '.[test]'"
    return path


def check_python(*arguments: str) -> None:
    done = run(sys.executable, "-m", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_check():
    check_python("ruff", "check", *PYTHON)


def test_ruff_format():
    check_python("ruff", "format", "--check", "--diff", *PYTHON)


def test_mypy():
    check_python("mypy")


def test_clang_format():
    done = run(tool("clang-format"), "--dry-run", "-Werror", *C_FILES)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "name", "text"),
    [
        (["-m", "ruff", "check"], "bad.py", "import os\n"),
        (["-m", "ruff", "format", "--check"], "bad.py", "x=1\n"),
        (["-m", "mypy", "--strict"], "bad.py", "def f(x):\n    return x\n"),
    ],
    ids=["ruff-check", "ruff-format", "mypy"],
)
def test_tool_finds_an_offender(tmp_path, command, name, text):
    (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, *command, name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr


def test_clang_format_finds_an_offender(tmp_path):
    path = tmp_path / "bad.c"
    path.write_text("int f(void){return 1;}\n")
    style = f"--style=file:{ROOT / '.clang-format'}"
    done = run(tool("clang-format"), "--dry-run", "-Werror", style, str(path))
    assert done.returncode == 1
