"""The package as a module: its import, its names, its configuration."""

import importlib
import importlib.metadata
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import rgdl
from rgdl import _core

ROOT = Path(__file__).parents[1]
VARIANTS = ("portable", "avx2", "avx512")
MOST_SECONDS = 0.1
IMPORT_TIMER = """
import time, numpy
start = time.perf_counter()
import rgdl
print(time.perf_counter() - start)
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter, with RGDL_SIMD only if given."""
    inherited = {key: value for key, value in os.environ.items() if key != "RGDL_SIMD"}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=inherited | environment,
    )


def test_import_is_quick():
    # The minimum of a few runs: a busy machine makes single runs slow, never fast.
    seconds = [float(run(IMPORT_TIMER).stdout) for _ in range(5)]
    assert min(seconds) < MOST_SECONDS, seconds


def test_version_is_that_of_the_metadata():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert rgdl.__version__ == pyproject["project"]["version"]
    assert rgdl.__version__ == importlib.metadata.version("rgdl")
    assert rgdl.__version__ == rgdl.show_config()["version"]


def test_show_config_says_what_runs():
    config = rgdl.show_config()
    assert config["numpy"] == np.__version__
    assert set(config) >= {"version", "numpy", "python", "machine", "compiler"}
    assert config["simd"] in config["simd_available"]
    assert config["simd_available"][0] == "portable"
    assert set(config["simd_available"]) <= set(VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_environment_chooses_the_kernels(name, simd_variants):
    done = run("import rgdl; print(rgdl.show_config()['simd'])", RGDL_SIMD=name)
    if name in simd_variants:
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == name
    else:
        assert done.returncode != 0
        assert "ImportError" in done.stderr
        assert f"RGDL_SIMD={name}" in done.stderr


def test_without_the_environment_the_best_kernels_run(simd_variants):
    for value in ({}, {"RGDL_SIMD": ""}):
        done = run("import rgdl; print(rgdl.show_config()['simd'])", **value)
        assert done.stdout.strip() == simd_variants[-1], done.stderr


@pytest.mark.parametrize("name", ["nonsense", "AVX2", "portable "])
def test_unknown_kernels_are_an_import_error(name):
    done = run("import rgdl; rgdl.show_config()", RGDL_SIMD=name)
    assert done.returncode != 0
    assert "ImportError" in done.stderr
    assert f"RGDL_SIMD={name}" in done.stderr
    assert "RG_ERR_KERNEL_NAME" in done.stderr


def test_set_simd_refuses_unknown_kernels():
    before = rgdl.show_config()["simd"]
    with pytest.raises(ValueError, match="RG_ERR_KERNEL_NAME"):
        _core.set_simd("nonsense")
    assert rgdl.show_config()["simd"] == before


def test_simd_fixture_switches(simd):
    assert rgdl.show_config()["simd"] == simd


def test_star_import_gives_the_public_names():
    namespace: dict[str, object] = {}
    exec("from rgdl import *", namespace)
    del namespace["__builtins__"]
    assert sorted(namespace) == sorted(rgdl.__all__)


def test_dir_lists_the_public_names():
    assert set(dir(rgdl)) == {*rgdl.__all__, "__version__"}
    assert not [name for name in rgdl.__all__ if name.startswith("_")]


def test_every_public_name_resolves_and_stays():
    for name in rgdl.__all__:
        assert getattr(rgdl, name) is getattr(rgdl, name)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'rgdl' has no attribute 'Isinng'"):
        _ = rgdl.Isinng


def test_extension_can_be_imported_twice():
    done = run(
        "import sys, rgdl\n"
        "from rgdl import _core as first\n"
        "for name in [n for n in sys.modules if n.split('.')[0] == 'rgdl']:\n"
        "    del sys.modules[name]\n"
        "import rgdl\n"
        "from rgdl import _core as second\n"
        "assert second is not first\n"
        "assert set(vars(first)) == set(vars(second))\n"
        "assert first.build_info() == second.build_info()\n"
        "print('twice')\n"
    )
    assert done.stdout == "twice\n", done.stderr


def test_reload_keeps_the_public_names():
    names = set(rgdl.__all__)
    assert set(importlib.reload(rgdl).__all__) == names


def test_errors_are_one_family():
    assert issubclass(rgdl.RgdlError, RuntimeError)
    assert issubclass(rgdl.ConvergenceError, rgdl.RgdlError)
    assert issubclass(rgdl.FileFormatError, rgdl.RgdlError)
    assert issubclass(rgdl.EquilibrationWarning, UserWarning)
    assert issubclass(rgdl.DataWarning, UserWarning)


def test_no_python_file_runs_work_without_main():
    done = run("import rgdl.__main__")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
