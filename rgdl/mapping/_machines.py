"""Machines that are exact coarse-grainings, in float64.

`rgdl.RBM.from_ising` makes one hidden unit per bond of any model, and
`rgdl.rg.Kadanoff.as_rbm` the machine whose p(h|v) is Kadanoff's rule.
"""

import math
from typing import SupportsIndex

import numpy as np

from rgdl import _validate
from rgdl.ising import Ising
from rgdl.rbm import RBM

__all__ = ["block_machine", "sublattice_machine"]


def sublattice_machine(model: Ising) -> RBM:
    r"""Machine of a bipartite model: one sublattice visible, the other hidden.

    Parameters
    ----------
    model : Ising
        Pairs only between sites of even and of odd coordinate sum (as on a chain or
        square lattice with even extents); any field.

    Returns
    -------
    RBM
        Spin units, W = K on the bonds. Visible units are the even sites in C order,
        hidden units the odd ones: e^{-E(v,h)} is the model itself, its visible marginal
        the decimated model (couplings by `rgdl.Couplings.from_rbm`), and one step of
        block Gibbs sampling one sweep of the checkerboard.

    Raises
    ------
    TypeError, ValueError
        When `model` is no Ising, has products of more than two spins or pairs within
        a sublattice.

    Notes
    -----
    Summing out a ring's odd sites leaves :math:`K' = \tfrac12 \ln\cosh 2K`; on the
    square lattice every star leaves pairs :math:`\tfrac18 \ln\cosh 4K` and four spins
    :math:`\tfrac18 \ln\cosh 4K - \tfrac12 \ln\cosh 2K`.

    Examples
    --------
    >>> import rgdl
    >>> machine = rgdl.mapping.sublattice_machine(rgdl.Ising(8, K=1.0))
    >>> decimated = rgdl.Couplings.from_rbm(machine, shape=4)
    >>> round(decimated["nn"], 10), decimated.as_lattice().labels
    (0.6625013737, ('nn',))
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be an rgdl.Ising, got {model!r}")
    terms = model._terms()
    if terms.max_order > 2:
        raise ValueError(f"model must have pairs and fields only, got {model!r}")
    parity = np.indices(model.shape).sum(axis=0).ravel() % 2
    sites, strengths = terms.pairs
    if (parity[sites[:, 0]] == parity[sites[:, 1]]).any():
        raise ValueError(
            "model must join sites of even with sites of odd coordinate sum only, "
            f"got {model!r}"
        )
    rank = np.where(parity == 0, np.cumsum(parity == 0), np.cumsum(parity == 1)) - 1
    first_even = parity[sites[:, 0]] == 0
    even = rank[np.where(first_even, sites[:, 0], sites[:, 1])]
    odd = rank[np.where(first_even, sites[:, 1], sites[:, 0])]
    weights = np.zeros((int((parity == 0).sum()), int((parity == 1).sum())))
    np.add.at(weights, (even, odd), strengths)
    fields = terms.fields
    return RBM.from_weights(weights, fields[parity == 0], fields[parity == 1])


def block_machine(n: SupportsIndex, K: float, strength: float | None = None) -> RBM:
    r"""Exact machine of a ring whose first hidden units are blocks of two spins.

    Parameters
    ----------
    n : int
        Sites of the ring, even, at least 4.
    K : float
        Reduced coupling, at least 0.
    strength : float, optional
        Weight of a block unit on its two spins; by default
        :math:`\lambda^* = \tfrac12\operatorname{arccosh} e^{2K}`, where the block unit
        is the unit of its bond and the blocks form a ring with
        :math:`K' = \tfrac12\ln\cosh 2K` and no other coupling.

    Returns
    -------
    RBM
        Spin units: n/2 block units; n/2 units for the bonds between blocks; and, with
        another strength, n/2 units for what :math:`\ln 2\cosh\lambda(v_1+v_2) =
        \text{const} + k v_1 v_2`, :math:`k = \tfrac12\ln\cosh 2\lambda`, leaves of the
        bond within each block, with weights (w, -w) where K - k is negative. The
        visible marginal is the ring of n sites.

    Raises
    ------
    ValueError, TypeError
        For an odd n or below 4, or numbers that are not finite or negative K.

    Examples
    --------
    >>> import rgdl
    >>> machine = rgdl.mapping.block_machine(8, 0.5, strength=0.3)
    >>> rgdl.mapping.verify(rgdl.Ising(8, K=0.5), machine).holds(1e-12)
    True
    """
    n = _validate.count(n, "n", least=4)
    if n % 2:
        raise ValueError(f"n must be even, got {n}")
    K = _validate.finite(K, "K")
    if K < 0:
        raise ValueError(f"K must be at least 0, got {K}")
    site, block = np.arange(n), np.arange(n // 2)
    exact = _bond_weight(K)
    strength = exact if strength is None else _validate.finite(strength, "strength")
    blocks = np.zeros((n, n // 2))
    blocks[site, site // 2] = strength
    between = np.zeros((n, n // 2))
    between[2 * block + 1, block] = exact
    between[(2 * block + 2) % n, block] = exact
    parts = [blocks, between]
    if strength != exact:
        size = abs(2 * strength)
        rest = K - 0.5 * (size + math.log1p(math.exp(-2 * size)) - math.log(2))
        within = np.zeros((n, n // 2))
        within[2 * block, block] = _bond_weight(abs(rest))
        within[2 * block + 1, block] = math.copysign(_bond_weight(abs(rest)), rest)
        parts.append(within)
    weights = np.concatenate(parts, axis=1)
    return RBM.from_weights(weights, np.zeros(n), np.zeros(weights.shape[1]))


def _bond_weight(K: float) -> float:
    """arccosh(e^2K) / 2 in a form that neither cancels nor overflows, K >= 0."""
    return K + 0.5 * math.log1p(math.sqrt(-math.expm1(-4 * K)))
