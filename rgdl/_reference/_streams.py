"""Random streams, elementary functions and draws (rg_rng.c, rg_math.h, rg_draw.c)."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Spins = npt.NDArray[np.int8]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
Reals = npt.NDArray[np.floating]
PURPOSE_TIES = 3

_MASK = (1 << 64) - 1
_FOLD = (0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1)


def _mix64(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _MASK
    return x ^ (x >> 31)


def _rotate_left(x: int, k: int) -> int:
    return (x << k | x >> (64 - k)) & _MASK


class Stream:
    """Keyed xoshiro256++ in 8 lanes; a plane is the next 512 bits as 8 words."""

    def __init__(self, key: Words, purpose: int, index: int) -> None:
        self.lanes: list[list[int]] = [[] for _ in range(8)]
        for fold in _FOLD:
            common = fold
            for word in (*key.tolist(), purpose, index):
                common = _mix64((common ^ word) + fold & _MASK)
            for number, lane in enumerate(self.lanes):
                lane.append(_mix64((common ^ number) + fold & _MASK))

    def plane(self) -> Words:
        """One step of every lane."""
        return np.array([self._step(lane) for lane in self.lanes], dtype=np.uint64)

    @staticmethod
    def _step(s: list[int]) -> int:
        result = _rotate_left(s[0] + s[3] & _MASK, 23) + s[0] & _MASK
        t = s[1] << 17 & _MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = _rotate_left(s[3], 45)
        return result


# ---- elementary functions and draws that decide bits (rg_math.h, rg_draw.c) ----

_LN2_HI, _LN2_LO = (
    float.fromhex("0x1.62e42feep-1"),
    float.fromhex("0x1.a39ef35793c76p-33"),
)
_LOG2_E = float.fromhex("0x1.71547652b82fep+0")


def exp(x: float) -> float:
    """exp(x): x = n ln 2 + r, Taylor's series in r, scaled by 2^n."""
    x = min(max(x, -708.0), 709.0)
    n = round(x * _LOG2_E)  # half to even, as adding 1.5 * 2^52 does
    r = (x - n * _LN2_HI) - n * _LN2_LO
    p = 1.0 / math.factorial(13)
    for k in range(12, -1, -1):
        p = p * r + 1.0 / math.factorial(k)
    return math.ldexp(p, n)


def log(x: float) -> float:
    """Ln x: x = 2^n m, ln m = 2 artanh((m - 1) / (m + 1))."""
    m, n = math.frexp(x)
    m, n = 2.0 * m, n - 1
    if m > float.fromhex("0x1.6a09e667f3bcdp+0"):
        m, n = m * 0.5, n + 1
    f = (m - 1.0) / (m + 1.0)
    total = 0.0
    for k in range(23, 0, -2):
        total = total * (f * f) + 1.0 / k
    return n * _LN2_HI + (2.0 * f * total + n * _LN2_LO)


def _words(stream: Stream) -> Iterator[int]:
    while True:
        yield from stream.plane().tolist()


def normals(stream: Stream, n: int) -> Floats:
    """Draw standard normal deviates by the polar method."""
    words = _words(stream)
    out: list[float] = []
    while len(out) < n:
        x, y = (((next(words) >> 11) + 0.5) * 2.0**-52 - 1.0 for _ in range(2))
        s = x * x + y * y
        if 0 < s < 1:
            scale = math.sqrt(-2.0 * log(s) / s)
            out += [x * scale, y * scale]
    return np.array(out[:n])


def permutation(stream: Stream, n: int) -> npt.NDArray[np.uint32]:
    """Fisher-Yates, bounds by Lemire's method."""
    words = _words(stream)
    out: list[int] = []
    for i in range(n):
        bound = i + 1
        product = (next(words) >> 32) * bound
        while product % 2**32 < (2**32 - bound) % bound:
            product = (next(words) >> 32) * bound
        j = product >> 32
        out.append(i)
        out[i], out[j] = out[j], i
    return np.array(out, dtype=np.uint32)
