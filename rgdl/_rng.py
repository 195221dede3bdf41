"""From the user's generator to the 256-bit key that the C core expands."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Key", "RngLike", "draw_key"]

RngLike: TypeAlias = (
    int | np.random.SeedSequence | np.random.BitGenerator | np.random.Generator | None
)
Key: TypeAlias = npt.NDArray[np.uint64]


def draw_key(rng: RngLike) -> Key:
    """Four words from `rng`; a Generator is advanced, so the next call differs."""
    if isinstance(rng, bool | float):
        raise TypeError(
            "rng must be None, an int, a SeedSequence, a BitGenerator or a Generator, "
            f"got {rng!r}"
        )
    generator = np.random.default_rng(rng)
    return generator.integers(0, 2**64, size=4, dtype=np.uint64)
