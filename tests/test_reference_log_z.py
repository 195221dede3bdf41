"""The exact partition function against enumeration, its symmetries and golden bits."""

import math

import numpy as np
import pytest

from rgdl import _core

GOLDEN = ["0x1.3e99596490272p+5", "0x1.d780d8b8caa3dp+6"]


def machine(n_first, n_other, scale, seed):
    rng = np.random.default_rng(seed)
    shapes = ((n_first, n_other), n_first, n_other)
    return tuple(scale * rng.standard_normal(shape) for shape in shapes)


@pytest.mark.parametrize("spin", [True, False])
@pytest.mark.parametrize("scale", [0.1, 1.0, 12.0])
@pytest.mark.parametrize(
    ("n_first", "n_other"), [(1, 1), (3, 5), (5, 8), (9, 17), (12, 3), (7, 1100)]
)
def test_log_z_equals_enumeration(simd, n_first, n_other, scale, spin):
    """Scale 12 leaves no room for low units in double; 1100 units take three calls."""
    W, b, c = machine(n_first, n_other, scale, 1)
    free = _core.rbm_free_energies(W, b, c, spin, 0, 1 << n_first, 1)
    top = float((-free).max())
    expected = top + math.log(math.fsum(np.exp(-free - top)))
    got = _core.rbm_log_z(W, b, c, spin, 1, None)
    assert got == pytest.approx(expected, rel=2e-14, abs=1e-12)
    broken = _core.rbm_log_z(W, b, c + 0.001, spin, 1, None)
    assert abs(broken - expected) > 1e-8 * abs(expected)


@pytest.mark.parametrize("spin", [True, False])
def test_log_z_does_not_depend_on_workers_or_variant(spin):
    W, b, c = machine(17, 21, 0.3, 2)
    one = _core.rbm_log_z(W, b, c, spin, 1, None)
    calls = []
    assert _core.rbm_log_z(W, b, c, spin, 3, calls.append) == one
    assert calls[-1] == 1.0
    other = _core.rbm_log_z(np.ascontiguousarray(W.T), c, b, spin, 2, None)
    assert other == pytest.approx(one, abs=1e-11)


def test_log_z_bits_in_every_variant(simd):
    """No libm on the way, so the bits are the same everywhere."""
    W, b, c = (np.sin(np.arange(n, dtype=float)) for n in (252, 12, 21))
    values = [
        _core.rbm_log_z(W.reshape(12, 21), b, c, spin, 1, None) for spin in (0, 1)
    ]
    assert [value.hex() for value in values] == GOLDEN


def test_too_large_parameters_are_not_finite():
    W, b, c = machine(3, 2, 1e308, 4)
    assert not math.isfinite(_core.rbm_log_z(W, b, c, True, 1, None))


def test_log_z_errors():
    W, b, c = machine(3, 2, 0.3, 3)
    with pytest.raises(ValueError, match="RG_ERR_ARGUMENT"):
        _core.rbm_log_z(np.zeros((0, 2)), b[:0], c, True, 1, None)
    with pytest.raises(ValueError, match="must have shape"):
        _core.rbm_log_z(W, b[:2].copy(), c, True, 1, None)
    with pytest.raises(TypeError, match="float64"):
        _core.rbm_log_z(W.astype(np.float32), b, c, True, 1, None)
