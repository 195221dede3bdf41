"""Coupling from the past: C against the twin, bit for bit."""

import numpy as np
import pytest

from rgdl import _core
from rgdl import _reference as ref

KEY = np.array([8, 6, 7, 5], dtype=np.uint64)


@pytest.mark.parametrize(
    ("shape", "K", "h"),
    [((4,), 0.6, 0.1), ((2, 3), 0.3, -0.2), ((2, 4), -0.3, 0.4), ((2, 2, 2), 0.1, 0)],
)
def test_block_equals_the_twin(simd, shape, K, h):
    expected, attempt = ref.perfect_block(shape, K, h, 256, KEY)
    spins, needed = _core.ising_perfect(shape, K, h, 512, 256, KEY, 1, None)
    assert needed.tolist() == [attempt]
    assert np.array_equal(spins.reshape(-1, *shape), expected)


def test_workers_slices_and_n_do_not_change_the_rows():
    arguments = ((8, 8), 0.38, 0.01)
    one, needed = _core.ising_perfect(*arguments, 1500, 4096, KEY, 1, None)
    two, _ = _core.ising_perfect(*arguments, 1300, 4096, KEY, 3, lambda _: None)
    assert np.array_equal(one[:1300], two)
    assert len(needed) == 3
    tight, _ = _core.ising_perfect(*arguments, 512, int(needed[0]), KEY, 1, None)
    assert np.array_equal(one[:512], tight)


def test_too_few_sweeps_are_told():
    _, needed = _core.ising_perfect((8, 8), 0.6, 0.0, 600, 20, KEY, 2, None)
    assert not needed.all()


def test_frustration_is_refused():
    with pytest.raises(ValueError, match="RG_ERR_ARGUMENT"):
        _core.ising_perfect((3, 4), -0.2, 0.0, 1, 64, KEY, 1, None)


@pytest.mark.stat
def test_bits_beyond_the_planes():
    """A field for P(up) = 1.5 x 2^-12 is decided by the hashed words half of the time:
    frequency within 4 sigma (0.6 %); cutting after the planes is off by 33 %."""
    p = 1.5 * 2.0**-12
    h = float(np.log(p / (1 - p)) / 2)
    spins, _ = _core.ising_perfect((64, 64), 0.0, h, 512 * 8, 64, KEY, 1, None)
    n = spins.size
    count = (spins > 0).sum()
    assert abs(count - n * p) < 4 * np.sqrt(n * p)
    assert abs(count - n * 2.0**-12) > 4 * np.sqrt(n * p)
