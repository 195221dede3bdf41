"""One dimension: rings decimated by exact Boltzmann machines."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

import rgdl

__all__ = ["block_mapping", "ring_flow"]

Floats = npt.NDArray[np.float64]


def ring_flow(n_sites: int, K: float) -> dict[str, Any]:
    """Decimate a ring with exact bond machines until four spins are left.

    A Boltzmann machine with one hidden unit per bond carries the ring's distribution
    exactly. The units on every other bond are the coarse spins: each shares its weight
    between the two spins of a block. Their distribution, by summation over all the
    other units, is again a ring, with K' = 1/2 ln cosh 2K, whose couplings are read off
    and handed to the next machine.

    Parameters
    ----------
    n_sites : int
        Sites of the first ring: a power of two from 8 to 16.
    K : float
        Its coupling, above 0.

    Returns
    -------
    dict
        ``sites`` and ``K`` per ring measured, ``closed_form`` from
        `rgdl.rg.decimate_chain`, ``deviation``, ``other_couplings`` (the largest of
        any other kind) and ``log_z_deviation`` per step.

    Examples
    --------
    >>> from rgdl.experiments.mehta_schwab._ring import ring_flow
    >>> flow = ring_flow(8, 1.0)
    >>> [round(K, 6) for K in flow["K"]]
    [1.0, 0.662501]
    >>> max(flow["deviation"]) < 1e-12
    True
    """
    sites, couplings = [n_sites], [float(K)]
    other, log_z = [], []
    while sites[-1] > 4:
        n, here = sites[-1], couplings[-1]
        log_weight = _coarse_log_weights(n, here)
        read = rgdl.Couplings.from_table(log_weight, shape=(n // 2,))
        values = dict(zip(read.labels, np.asarray(read.values).tolist(), strict=True))
        rest = [abs(value) for label, value in values.items() if label != "nn"]
        other.append(max(rest, default=0.0))
        shift = n * (here + math.log(2.0))
        log_z.append(abs(float(_log_sum(log_weight)) - shift - _ring_log_z(n, here)))
        sites.append(n // 2)
        couplings.append(float(read["nn"]))
    flow = rgdl.rg.decimate_chain(K, len(sites) - 1)
    exact = np.asarray(flow.couplings)[:, 0].tolist()
    return {
        "sites": sites,
        "K": couplings,
        "closed_form": exact,
        "deviation": [abs(a - b) for a, b in zip(couplings, exact, strict=True)],
        "other_couplings": other,
        "log_z_deviation": log_z,
    }


def block_mapping(n_sites: int, K: float, strengths: tuple[float | None, ...]) -> Any:
    """Judge rings whose first hidden units are blocks of two, state by state.

    Returns one entry per strength of the block units: trace residual, KL and the
    largest violation of an identity (`rgdl.mapping.verify`). None is lambda*, where the
    coarse spins are a ring again.
    """
    result = []
    for strength in strengths:
        machine = rgdl.mapping.block_machine(n_sites, K, strength)
        found = rgdl.mapping.verify(rgdl.Ising(n_sites, K=K), machine)
        known = [value for value in found.identities.values() if value is not None]
        result.append(
            {
                "strength": float(abs(machine.W_[0, 0])),
                "star": strength is None,
                "trace_residual": float(found.trace_residual),
                "kl": float(found.kl or 0.0),
                "identities": max(known, default=math.nan),
            }
        )
    return result


def _coarse_log_weights(n_sites: int, K: float) -> Floats:
    """-H of the coarse spins of a ring's bond machine, one entry per state of them."""
    machine = rgdl.RBM.from_ising(rgdl.Ising(n_sites, K=K))
    weights = np.asarray(machine.W_, dtype=float)
    coarse, inner = weights[:, 0::2], weights[:, 1::2]
    units = _states(coarse.shape[1])
    total = np.full(len(units), -np.inf)
    visible = _states(n_sites)
    for start in range(0, len(visible), 4096):
        v = visible[start : start + 4096]
        field = v @ inner
        summed = np.logaddexp(field, -field).sum(axis=1)
        exponent = v @ coarse @ units.T + summed[:, None]
        total = np.logaddexp(total, _log_sum(exponent, axis=0))
    return total


def _states(n: int) -> Floats:
    """All states of n spins, bit i of the row number being spin i."""
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return np.where(bits == 1, 1.0, -1.0)


def _log_sum(x: Floats, axis: int | None = None) -> Any:
    top = x.max(axis=axis, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=axis)) + np.squeeze(top, axis=axis)


def _ring_log_z(n: int, K: float) -> float:
    return n * math.log(2.0 * math.cosh(K)) + math.log1p(math.tanh(K) ** n)
