"""What this build of rgdl is and which kernels it runs."""

import platform
from typing import Any

import numpy as np

import rgdl
from rgdl import _core

__all__ = ["show_config"]


def show_config() -> dict[str, Any]:
    """Versions, instruction set and compiler, for bug reports and benchmarks.

    Returns
    -------
    dict
        ``version``, ``numpy``, ``python``, ``machine``; ``simd``, the instruction
        set in use; ``simd_available``, those this processor runs; ``compiler``.
        Set the environment variable ``RGDL_SIMD`` to ``portable``, ``avx2`` or
        ``avx512`` before importing rgdl to choose; every choice gives the same bits.

    Examples
    --------
    >>> import rgdl
    >>> "portable" in rgdl.show_config()["simd_available"]
    True
    """
    return {
        "version": rgdl.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        **_core.build_info(),
    }
