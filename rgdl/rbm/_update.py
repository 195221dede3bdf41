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
from rgdl.rbm._settings import Settings

__all__ = ["ACTIVITY_RATE", "OFFSET_RATE", "Offsets", "moved", "step"]

Floats = npt.NDArray[np.float64]

# Of running means, per batch: hidden offsets (Melchior et al., JMLR 17(99), 2016) and
# activities for the sparsity target (Hinton's guide, section 11).
OFFSET_RATE = 0.01
ACTIVITY_RATE = 0.05


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

    new_velocity = Parameters(
        *(
            _stepped(old, slope, rate, momentum).astype(real, copy=False)
            for old, slope in zip(velocity, gradient, strict=True)
        )
    )
    vW, vb, vc = new_velocity
    if offsets is not None:
        vb = vb - vW @ offsets.hidden
        vc = vc - offsets.visible @ vW
    W, b, c = parameters
    return (
        Parameters(W + vW, (b + vb).astype(real), (c + vc).astype(real)),
        new_velocity,
    )


def _stepped(
    old: npt.NDArray[Any], slope: Floats, rate: float, momentum: float
) -> Floats:
    """Return the new velocity, in the place of the slope."""
    slope *= rate
    if momentum > 0.0:
        slope += momentum * old
    return slope


def _running(mean: Floats, batch: Floats, rate: float) -> Floats:
    return np.asarray(mean + rate * (batch - mean), dtype=mean.dtype)


def step(
    rbm: Any,
    settings: Settings,
    gradient: Moments,
    data: tuple[Floats, Floats],
    epoch: int,
) -> dict[str, Any]:
    """Attributes of the machine after one step along the gradient, which is used up.

    `gradient` is that of W, b and c, without decay and the like; `data` has <v> and
    <h> of the rows.
    """
    # with the exact gradient the running means are those of all the data
    whole = settings.solver == "exact"
    offsets: Offsets | None = rbm._offsets
    activity: Floats | None = rbm._activity
    if offsets is not None:
        rate = 1.0 if whole else OFFSET_RATE
        offsets = Offsets(
            *(_running(*pair, rate) for pair in zip(offsets, data, strict=True))
        )
    gradient = centred(gradient, offsets)
    if activity is not None and settings.sparsity is not None:
        activity = _running(activity, data[1], 1.0 if whole else ACTIVITY_RATE)
        gradient = pulled(gradient, activity, settings.sparsity)
    parameters, velocity = moved(
        Parameters(rbm.W_, rbm.b_, rbm.c_),
        Parameters(*rbm._velocity),
        decayed(gradient, rbm.W_, settings.l1, settings.l2),
        offsets,
        settings.learning_rate(epoch),
        settings.momentum(epoch),
    )
    return {
        "W_": parameters.W,
        "b_": parameters.b,
        "c_": parameters.c,
        "_velocity": tuple(velocity),
        "_offsets": offsets,
        "_activity": activity,
    }
