r"""From moments to new parameters: centring, sparsity, decay, momentum.

With offsets mu, lambda (zero without centring) the energy is written

.. math:: E = -(v - \mu)^T W (h - \lambda) - b' \cdot v - c' \cdot h,

so that :math:`b' = b + W \lambda` and :math:`c' = c + W^T \mu`. Velocities belong to
(W, b', c'); flipping units of a centred machine changes nothing (Melchior, Fischer and
Wiskott, JMLR 17(99), 2016).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rgdl.rbm._moments import Moments, Parameters

__all__ = ["Offsets", "centred", "decayed", "moved", "pulled"]

Floats = npt.NDArray[np.float64]


class Offsets(NamedTuple):
    """Offsets mu of the visible and lambda of the hidden units."""

    visible: Floats
    hidden: Floats


def centred(gradient: Moments, offsets: Offsets | None) -> Moments:
    """Gradient with respect to (W, b', c') from the one with respect to (W, b, c).

    <(v - mu)(h - lambda)> differs between data and model by
    d<v h> - mu d<h> - d<v> lambda; the biases keep theirs.
    """
    if offsets is None:
        return gradient
    mu, lam = offsets
    vh = gradient.vh - np.outer(mu, gradient.h) - np.outer(gradient.v, lam)
    return gradient._replace(vh=vh)


def pulled(
    gradient: Moments, activity: Floats, sparsity: tuple[float, float]
) -> Moments:
    """Add cost (target - q) to the slope of c, q the units' running mean activity.

    Hinton's guide, section 11, with the hidden biases alone.
    """
    target, cost = sparsity
    return gradient._replace(h=gradient.h + cost * (target - activity))


def decayed(gradient: Moments, W: npt.NDArray[Any], l1: float, l2: float) -> Moments:
    """Take the slopes of l1 |W|_1 and l2 |W|^2 / 2 off the gradient."""
    if l1 == 0.0 and l2 == 0.0:
        return gradient
    return gradient._replace(vh=gradient.vh - l1 * np.sign(W) - l2 * W)


def moved(
    parameters: Parameters,
    velocity: Parameters,
    gradient: Moments,
    offsets: Offsets | None,
    rate: float,
    momentum: float,
) -> tuple[Parameters, Parameters]:
    """Parameters and velocity after one step; new arrays, in the machine's dtype.

    The gradient is used up.
    """
    real = parameters.W.dtype

    def stepped(old: npt.NDArray[Any], slope: npt.NDArray[Any]) -> npt.NDArray[Any]:
        slope *= rate
        if momentum > 0.0:
            slope += momentum * old
        return slope.astype(real)

    new_velocity = Parameters(*map(stepped, velocity, gradient))
    vW, vb, vc = new_velocity
    if offsets is not None:
        vb = vb - vW @ offsets.hidden
        vc = vc - offsets.visible @ vW
    W, b, c = parameters
    return (
        Parameters(W + vW, (b + vb).astype(real), (c + vc).astype(real)),
        new_velocity,
    )
