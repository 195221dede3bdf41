"""Block spins (rg_block.c)."""

import numpy as np

from rgdl._reference._streams import PURPOSE_TIES, Spins, Stream, Words


def decimate(spins: Spins, b: int) -> Spins:
    """First site of every block of b per axis; spins is (n, *shape)."""
    keep = (slice(None), *(slice(None, None, b) for _ in spins.shape[1:]))
    return np.ascontiguousarray(spins[keep])


def majority(spins: Spins, b: int, key: Words) -> Spins:
    """Sign of every block sum.

    The tie of block t of configuration c goes by bit c % 512 of plane t of the stream
    (key, ties, c // 512): word c % 512 // 64, bit c % 64; set means up.
    """
    n, *shape = spins.shape
    coarse = np.zeros((n, *(extent // b for extent in shape)), dtype=np.int8)
    for group in range(0, n, 512):
        stream = Stream(key, PURPOSE_TIES, group // 512)
        for block in np.ndindex(*coarse.shape[1:]):
            plane = stream.plane().tolist()
            within = (slice(None), *(slice(b * x, b * x + b) for x in block))
            sums = spins[within].reshape(n, -1).sum(axis=1, dtype=int)
            for c in range(group, min(group + 512, n)):
                coin = plane[c % 512 // 64] >> (c % 64) & 1
                up = sums[c] > 0 or (sums[c] == 0 and coin == 1)
                coarse[(c, *block)] = 1 if up else -1
    return coarse
