"""The law of the coarse variables, by enumeration."""

import numpy as np

from rgdl._states import Floats

__all__ = ["push_forward"]

_CHUNK = 1 << 20  # entries of a work array


def push_forward(log_p: Floats, up: Floats, down: Floats) -> Floats:
    """Ln sum_v P(v) p(h|v) for every h; -inf where it is 0 in float64.

    p(h|v) factors over h, so with the hidden units cut into two halves the sum over v
    is a product of two matrices.
    """
    n_hidden = up.shape[1]
    low = n_hidden // 2
    total = np.zeros((1 << (n_hidden - low), 1 << low))
    step = max(_CHUNK >> (n_hidden - low), 1)
    for start in range(0, len(log_p), step):
        rows = slice(start, start + step)
        weights = np.exp(log_p[rows])[:, None]
        lower = weights * _joint(np.exp(up[rows, :low]), np.exp(down[rows, :low]))
        upper = _joint(np.exp(up[rows, low:]), np.exp(down[rows, low:]))
        total += upper.T @ lower
    with np.errstate(divide="ignore"):
        return np.log(total.ravel())


def _joint(up: Floats, down: Floats) -> Floats:
    """Product of independent two-state probabilities, (n, 2**n_units); bit 1 = up."""
    result = np.ones((len(up), 1))
    for j in range(up.shape[1]):
        result = np.concatenate(
            [result * down[:, j, None], result * up[:, j, None]], axis=1
        )
    return result
