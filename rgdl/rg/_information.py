"""Mutual information of a block spin with the spins far from its block, exactly."""

import math
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl._states import Floats, log_sum_exp
from rgdl.ising import Ising
from rgdl.rg._transform import Transform

__all__ = ["mutual_information"]

_MAX_SITES = 20


def mutual_information(
    model: Ising,
    transform: Transform,
    *,
    unit: SupportsIndex | None = None,
    buffer: SupportsIndex = 1,
) -> tuple[float, float]:
    r"""Information that one coarse spin keeps about far spins, by enumeration.

    Parameters
    ----------
    model : Ising
        At most 20 sites.
    transform : Transform
        Any whose coarse variables are independent given v.
    unit : int, optional
        Coarse variable h, in C order; by default the middle one. V is its
        block and all other sites on which p(h|v) depends.
    buffer : int, default 1
        Sites within this distance of V (the largest over axes) belong to neither side;
        all beyond are the environment E.

    Returns
    -------
    kept : float
        I(h : E) in nats; nan where no site is far enough.
    available : float
        I(V : E), which no rule exceeds.

    Raises
    ------
    ValueError, TypeError
        For more than 20 sites, arguments outside their range, or coarse variables that
        are not independent given v.

    Notes
    -----
    M. Koch-Janusz and Z. Ringel, Nature Phys. 14, 578 (2018). On an open chain without
    field all marginals are those of the infinite chain.

    Examples
    --------
    >>> import rgdl
    >>> chain = rgdl.Ising(6, K=0.5, periodic=False)
    >>> kept, available = rgdl.rg.mutual_information(chain, rgdl.rg.Decimation())
    >>> round(kept, 8), round(available, 8)
    (0.02763417, 0.0457356)
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be an rgdl.Ising, got {model!r}")
    if not isinstance(transform, Transform):
        raise TypeError(f"transform must be a Transform, got {transform!r}")
    n = model.n_sites
    if n > _MAX_SITES:
        raise ValueError(f"model must have at most {_MAX_SITES} sites, got {n}")
    buffer = _validate.count(buffer, "buffer", least=0)
    bits = np.arange(1 << n)[:, None] >> np.arange(n) & 1
    up, _ = transform.log_probabilities(
        (bits if transform._fine_low == 0 else 2 * bits - 1)
        .astype(np.int8)
        .reshape(-1, *model.shape)
    )
    n_coarse = up.shape[1]
    middle = n_coarse // 2
    unit = middle if unit is None else _validate.count(unit, "unit", least=0)
    if unit >= n_coarse:
        raise ValueError(f"unit must be below {n_coarse}, got {unit}")
    p_up = np.exp(up[:, unit])
    block = np.array([_depends(p_up, site) for site in range(n)])
    block |= _block(model, transform, unit)
    far = _distance(block, model) > buffer
    if not far.any():
        return math.nan, math.nan
    minus_h = -model._terms().table()
    law = np.exp(minus_h - log_sum_exp(minus_h))
    place = np.where(far, 1 << (np.cumsum(far) - 1), 0)
    environment = bits @ place
    inside = bits @ np.where(block, 1 << (np.cumsum(block) - 1), 0)
    n_far = 1 << int(far.sum())
    spin = np.stack(
        [
            np.bincount(environment, law * weight, n_far).astype(np.float64)
            for weight in (p_up, 1.0 - p_up)
        ]
    )
    n_block = 1 << int(block.sum())
    index = inside * n_far + environment
    pairs = np.bincount(index, law, n_block * n_far).astype(np.float64)
    return _information(spin), _information(pairs.reshape(n_block, n_far))


def _block(model: Ising, transform: Transform, unit: int) -> npt.NDArray[np.bool_]:
    """Sites of the b x b block of a coarse spin; none without blocks."""
    coarse, b = transform._torus(model.shape), transform.b
    if coarse is None or not isinstance(b, int):
        return np.zeros(model.n_sites, dtype=bool)
    index = tuple(i // b for i in np.indices(model.shape))
    return np.asarray(np.ravel_multi_index(index, coarse).ravel() == unit)


def _depends(p_up: Floats, site: int) -> bool:
    """Whether the probability changes anywhere when one spin is turned."""
    pairs = p_up.reshape(-1, 2, 1 << site)
    return bool(np.abs(pairs[:, 0] - pairs[:, 1]).max() > 1e-14)


def _distance(block: npt.NDArray[np.bool_], model: Ising) -> npt.NDArray[np.int64]:
    """Distance of every site from the block, the largest over axes."""
    here = np.indices(model.shape).reshape(model.ndim, -1).T
    gap = np.abs(here[:, None] - here[block][None])
    for axis, (extent, closed) in enumerate(
        zip(model.shape, model.periodic, strict=True)
    ):
        if closed:
            gap[..., axis] = np.minimum(gap[..., axis], extent - gap[..., axis])
    if not block.any():
        return np.full(len(here), max(model.shape))
    return np.asarray(gap.max(axis=-1).min(axis=1))


def _information(joint: Floats) -> float:
    """Sum p ln(p / p p) of a table."""
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    kept = joint > 0
    return max(float(np.sum(joint[kept] * np.log(joint[kept] / product[kept]))), 0.0)
