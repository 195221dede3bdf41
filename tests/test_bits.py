"""rgdl.pack and rgdl.unpack."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rgdl

TWO_VALUED = hnp.array_shapes(min_dims=2, max_dims=3, max_side=70).flatmap(
    lambda shape: hnp.arrays(np.int8, shape, elements=st.sampled_from([0, 1]))
)


@given(TWO_VALUED, st.sampled_from([np.int8, np.uint8, bool, np.int64, np.float32]))
def test_binary_round_trip(x, dtype):
    flat = x.reshape(len(x), -1)
    bits = rgdl.pack(x.astype(dtype), units="binary")
    expected = np.packbits(flat, axis=1, bitorder="little")
    assert np.array_equal(bits.view(np.uint8)[:, : expected.shape[1]], expected)
    back = rgdl.unpack(bits, flat.shape[1], units="binary")
    assert back.dtype == np.uint8
    assert np.array_equal(back, flat)


@given(TWO_VALUED)
def test_spin_round_trip_of_strided_and_swapped_input(x):
    s = 2 * x.astype(">i4") - 1
    flat = s.reshape(len(s), -1)
    assert np.array_equal(rgdl.unpack(rgdl.pack(s), flat.shape[1]), flat)
    wide = np.repeat(s, 2, axis=-1)[..., ::2]
    assert np.array_equal(rgdl.pack(wide), rgdl.pack(s))


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: rgdl.pack([[0, 1]]), ValueError, 'use units="binary"'),
        (lambda: rgdl.pack([[-1, 1]], units="binary"), ValueError, 'use units="spin"'),
        (lambda: rgdl.pack([[2, 1]]), ValueError, "s must hold -1 and"),
        (
            lambda: rgdl.pack(np.array([[255, 1]], np.uint8)),
            ValueError,
            "got 1, 255",
        ),
        (lambda: rgdl.pack([1, -1]), ValueError, "s must have shape"),
        (lambda: rgdl.pack([[1]], units="up"), ValueError, "units must be one of"),
        (lambda: rgdl.unpack([[1]], 3), TypeError, "bits must have dtype uint64"),
        (lambda: rgdl.unpack(rgdl.pack([[1]]), 65), ValueError, "2 words per row"),
        (lambda: rgdl.unpack(rgdl.pack([[1]]), 0), ValueError, "n_units"),
    ],
)
def test_bad_arguments(call, error, match):
    with pytest.raises(error, match=match):
        call()
