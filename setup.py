"""List the one C extension; everything else is in pyproject.toml."""

import sys
import sysconfig
from pathlib import Path

import numpy as np
from setuptools import Extension, setup

if sys.platform == "win32":
    sys.exit(
        "rgdl needs gcc or clang (vector extensions); build it under WSL on Windows."
    )

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
LIMITED_API = [] if FREE_THREADED else [("Py_LIMITED_API", "0x030B0000")]


def files(pattern: str) -> list[str]:
    return sorted(str(path) for path in Path("csrc").rglob(pattern))


core = Extension(
    "rgdl._core",
    sources=files("*.c"),
    depends=files("*.h"),
    include_dirs=["csrc/core"],
    define_macros=[
        ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
        ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
        *LIMITED_API,
    ],
    # No -march: instruction sets are chosen at run time, function by function.
    # No contraction: a fused multiply-add would give each compiler its own bits.
    extra_compile_args=[
        *["-std=c11", "-O3", "-ffp-contract=off", "-pthread", "-fvisibility=hidden"],
        *[
            "-Wall",
            "-Wextra",
            "-Wshadow",
            "-Wstrict-prototypes",
            "-Wmissing-prototypes",
        ],
        *["-Wcast-qual", "-Wvla", "-isystem", np.get_include()],
    ],
    extra_link_args=["-pthread"],
    py_limited_api=not FREE_THREADED,
)

setup(
    ext_modules=[core],
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
