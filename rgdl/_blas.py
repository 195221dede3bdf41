"""Dense products by SciPy's BLAS, in as many threads as `workers` says.

Their last bits depend on the library: nothing that must repeat on every machine may
rest on them. They do not depend on the threads: those of the core share the work in
pieces, and the library itself uses one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cython_blas
from threadpoolctl import ThreadpoolController

from rgdl import _core

__all__ = ["blas_threads", "matmul"]

_ROUTINES = {
    np.dtype(np.float32): cython_blas.__pyx_capi__["sgemm"],
    np.dtype(np.float64): cython_blas.__pyx_capi__["dgemm"],
}

_WORKERS: ContextVar[int] = ContextVar("workers", default=1)


@cache
def _controller() -> ThreadpoolController:
    """Find the thread pools of this process; once, as that takes milliseconds."""
    return ThreadpoolController()


@contextmanager
def blas_threads(workers: int) -> Iterator[None]:
    """Let `matmul` use so many threads in this block, and BLAS elsewhere only one."""
    token = _WORKERS.set(workers)
    try:
        with _controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        _WORKERS.reset(token)


def matmul(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    scale: float = 1.0,
    out: npt.NDArray[Any] | None = None,
    add: bool = False,
) -> npt.NDArray[Any]:
    """``scale op(a) op(b)``, written to `out` or added to it."""
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    if out is None:
        shape = (a.shape[transpose_a], b.shape[1 - transpose_b])
        out = np.empty(shape, dtype=a.dtype)
    _core.gemm(
        _ROUTINES[a.dtype],
        a,
        b,
        out,
        transpose_a,
        transpose_b,
        scale,
        1.0 if add else 0.0,
        _WORKERS.get(),
    )
    return out
