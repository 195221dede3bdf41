"""Block spins (rg_block.c, rg_filter.c) and sums of spin products (rg_operators.c)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rgdl._reference._streams import (
    PURPOSE_TIES,
    Spins,
    Stream,
    Words,
    exp,
    log,
)

PURPOSE_COARSEN = 10


def decimate(spins: Spins, b: int) -> Spins:
    """First site of every block of b per axis; spins is (n, *shape)."""
    keep = (slice(None), *(slice(None, None, b) for _ in spins.shape[1:]))
    return np.ascontiguousarray(spins[keep])


def _block_sums(spins: Spins, b: int) -> npt.NDArray[np.int64]:
    """Sum every block: (n, n_blocks)."""
    coarse = [extent // b for extent in spins.shape[1:]]
    blocks = list(np.ndindex(*coarse))
    sums = np.zeros((len(spins), len(blocks)), dtype=int)
    axes = tuple(range(1, spins.ndim))
    for t, block in enumerate(blocks):
        within = (slice(None), *(slice(b * x, b * x + b) for x in block))
        sums[:, t] = spins[within].sum(axis=axes, dtype=int)
    return sums


def majority(spins: Spins, b: int, ties: int, key: Words) -> Spins:
    """Sign of every block sum; a tie goes by a coin (ties 0) or the first site (1).

    Configuration c draws ceil(n_blocks / 512) planes of the stream (key, ties, c //
    512), after those of its group's earlier ones; the coin of block t is bit t % 512 of
    plane t // 512.
    """
    sums, coarse = _block_sums(spins, b), decimate(spins, b)
    flat = coarse.reshape(sums.shape)
    n_blocks = sums.shape[1]
    for c in range(len(spins)):
        if c % 512 == 0:
            stream = Stream(key, PURPOSE_TIES, c // 512)
        if ties == 0:
            n_planes = -(-n_blocks // 512)
            planes = np.concatenate([stream.plane() for _ in range(n_planes)])
        for t in range(n_blocks):
            if sums[c, t] != 0:
                flat[c, t] = 1 if sums[c, t] > 0 else -1
            elif ties == 0:
                flat[c, t] = 1 if int(planes[t // 64]) >> (t % 64) & 1 else -1
    return coarse


def kadanoff(spins: Spins, b: int, strength: float, key: Words) -> Spins:
    """Block spins, up with probability 1 / (1 + exp(-2 strength sum)).

    Configuration c draws ceil(n_blocks / 8) planes of the stream (key, coarsen, c //
    512); block t is up when word t % 8 of plane t // 8 is below probability x 2^64.
    """
    sums, coarse = _block_sums(spins, b), decimate(spins, b)
    flat = coarse.reshape(sums.shape)
    n_blocks = sums.shape[1]
    for c in range(len(spins)):
        if c % 512 == 0:
            stream = Stream(key, PURPOSE_COARSEN, c // 512)
        words = [w for _ in range(-(-n_blocks // 8)) for w in stream.plane()]
        for t in range(n_blocks):
            p = 1.0 / (1.0 + exp(-2.0 * (strength * float(sums[c, t]))))
            threshold = min(round(p * 2**64), 2**64 - 1)
            flat[c, t] = 1 if int(words[t]) < threshold else -1
    return coarse


def filter_blocks(
    spins: Spins, b: int, weights: npt.NDArray[np.float64], bias: float, key: Words
) -> Spins:
    """Block spins that follow a filter (rg_filter.c); spins is (n, rows, columns).

    Block t of configuration c takes word c n_blocks + t of stream (key, coarsen, 0).
    """
    n, rows, columns = spins.shape
    first = [-((extent - b) // 2) for extent in weights.shape]
    coarse = np.empty((n, rows // b, columns // b), dtype=np.int8)
    stream = Stream(key, PURPOSE_COARSEN, 0)
    words: list[int] = []
    for c, i, j in np.ndindex(*coarse.shape):
        field = bias
        for (d, e), weight in np.ndenumerate(weights):
            x, y = b * i + first[0] + d, b * j + first[1] + e
            field += weight * float(spins[c, x % rows, y % columns])
        words = words or [int(word) for word in stream.plane()]
        u = ((words.pop(0) >> 12) + 0.5) * 2.0**-52
        up = field > 0.5 * (log(u) - log(1.0 - u))
        coarse[c, i, j] = 1 if up else -1
    return coarse


def operator_sums(
    spins: Spins, operators: Sequence[Sequence[Sequence[tuple[int, int]]]]
) -> npt.NDArray[np.int64]:
    """Sum over all sites of every operator's products, (n, n_operators).

    An operator is a list of products, a product a list of offsets (rows, columns).
    """
    sums = np.zeros((len(spins), len(operators)), dtype=np.int64)
    for a, products in enumerate(operators):
        for offsets in products:
            product = np.ones_like(spins)
            for down, right in offsets:
                product = product * np.roll(spins, (-down, -right), axis=(1, 2))
            sums[:, a] += product.sum(axis=(1, 2), dtype=np.int64)
    return sums
