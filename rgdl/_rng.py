"""From the user's generator to the 256-bit key that the C core expands."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Key", "RngLike", "draw_key"]

RngLike: TypeAlias = (
    int
    | tuple[int, ...]
    | np.random.SeedSequence
    | np.random.BitGenerator
    | np.random.Generator
    | None
)
Key: TypeAlias = npt.NDArray[np.uint64]


def draw_key(rng: RngLike) -> Key:
    """Four words from `rng`; a Generator is advanced, so the next call differs.

    A tuple of four words is a key itself: the one that an earlier result recorded.
    """
    if isinstance(rng, tuple):
        if len(rng) != 4 or not all(
            isinstance(word, int) and 0 <= word < 2**64 for word in rng
        ):
            raise ValueError(
                f"a tuple given as rng must be a key of 4 words, got {rng}"
            )
        return np.array(rng, dtype=np.uint64)
    if isinstance(rng, bool | float):
        raise TypeError(
            "rng must be None, an int, a key, a SeedSequence, a BitGenerator or a "
            f"Generator, got {rng!r}"
        )
    try:
        generator = np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rng cannot be used: {error}; got {rng!r}") from None
    return generator.integers(0, 2**64, size=4, dtype=np.uint64)
