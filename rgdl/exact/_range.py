"""The couplings that exact references take: beyond these, sums lose their meaning."""

import math
from typing import TYPE_CHECKING

import numpy as np

from rgdl import _validate

if TYPE_CHECKING:
    from rgdl.ising import Ising

__all__ = ["check_model", "coupling"]

_MOST = 1e6


def coupling(value: float, name: str) -> float:
    """Return a reduced coupling or field in [-1e6, 1e6]: no physics lies beyond."""
    return _validate.finite(value, name, least=-_MOST, most=_MOST)


def check_model(model: "Ising") -> None:
    """Refuse a model with a coupling or field above 1e6."""
    terms = model._terms()
    largest = max(
        (
            float(np.abs(part).max())
            for part in (terms.values, terms.fields)
            if part.size
        ),
        default=0.0,
    )
    if not math.isfinite(largest) or largest > _MOST:
        raise ValueError(
            f"model must have couplings and fields of at most {_MOST:g}, "
            f"got {largest:g}"
        )
