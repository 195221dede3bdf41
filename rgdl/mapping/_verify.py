"""Judge a machine or a coarse-graining by enumeration."""

import math

import numpy as np

from rgdl import _core
from rgdl._states import BoltzmannLayer, Floats, layer_parameters, log_sum_exp
from rgdl.couplings import Couplings
from rgdl.ising import Ising
from rgdl.mapping._hidden import machine_law
from rgdl.mapping._report import MappingReport
from rgdl.rg import Transform
from rgdl.rg._push import (
    MAX_UNITS,
    Layer,
    all_couplings,
    coarse_law,
    enumerated,
    parts_of,
    push_forward,
)

__all__ = ["verify", "visible_parameters"]

_MAX_VISIBLE = 20
_ROWS = 1 << 16  # states at a time
_MAX_DIRECT = 1 << 22  # (v, h) pairs summed one by one for the identities


def verify(model: Ising, machine: Transform | BoltzmannLayer) -> MappingReport:
    r"""Judge a machine or a coarse-graining against a model, by enumeration.

    Parameters
    ----------
    model : Ising
        At most 20 sites (see `estimate` for more); its law is
        :math:`P(v) = e^{-H[v]}/Z`. Time and work grow as the product of the numbers
        of states of both sides: 16 sites and 20 hidden units take seconds, 20 and 20
        minutes.
    machine : rgdl.RBM or Transform
        An RBM is judged as the joint machine :math:`e^{-E(v,h)}` with
        :math:`T = -E + H`. Any `rgdl.rg.Transform`, `RBMTransform` included, is judged
        as the conditional p(h|v) with :math:`T = \ln p(h|v)`; the law goes through a
        `Compose` layer by layer. Binary visible units stand for spins as
        :math:`v = (s + 1)/2`.

    Returns
    -------
    MappingReport
        Fields on the hidden side need at most 20 hidden units (in every layer of a
        `Compose`), else they are None and ``reasons`` says why. `h_push` is grouped
        into orbits of the coarse torus where the law pushed forward has its symmetry.

    Raises
    ------
    TypeError
        When `model` is no `Ising` or `machine` neither a Transform nor an RBM.
    ValueError
        For more than 20 sites, another number of visible units, or weights that are not
        finite.

    Notes
    -----
    P. Mehta and D. J. Schwab, arXiv:1410.3831, eqs. 6-9 and 18-22. Everything is
    computed in float64 whatever the dtype of the weights.

    Examples
    --------
    A machine with one hidden unit per bond is the ring exactly, and its hidden units
    form the same ring:

    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> import rgdl
    >>> bonds = np.eye(4) + np.roll(np.eye(4), 1, axis=0)
    >>> rbm = SimpleNamespace(W_=np.arccosh(np.exp(2.0)) / 2 * bonds, b_=np.zeros(4),
    ...                       c_=np.zeros(4), units="spin")
    >>> report = rgdl.mapping.verify(rgdl.Ising(4, K=1.0), rbm)
    >>> report.kind, report.holds(1e-12), round(report.h_model["(0)(1)"], 9)
    ('joint', True, 1.0)
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be an rgdl.Ising, got {model!r}")
    if model.n_sites > _MAX_VISIBLE:
        raise ValueError(
            f"model must have at most {_MAX_VISIBLE} sites to be enumerated, "
            f"got {model.n_sites}; use mapping.estimate to sample it"
        )
    energies = model._terms().table()
    if isinstance(machine, Transform):
        return _verify_conditional(model, machine, energies)
    return _verify_joint(model, machine, energies)


def _verify_conditional(
    model: Ising, transform: Transform, energies: Floats
) -> MappingReport:
    n = model.n_sites
    front = getattr(parts_of(transform)[0], "rbm", None)
    if front is not None:
        visible_parameters(model, front)
    log_z_v = log_sum_exp(-energies)
    law = coarse_law(transform, -energies - log_z_v, model.shape)
    reasons = dict.fromkeys(
        ("kl", "delta_f", "h_model", "kl_push"), "a conditional has no law of its own"
    )
    push, why = _finite(law.log_p, law.reason)
    h_push = None
    log_z_h = None
    if push is None:
        reasons.update(h_push=why, log_z_h=why, log_z=why)
    else:
        closed = all(model.periodic)
        coarse = transform._torus(model.shape) if closed else None
        h_push, why = _couplings(push + log_z_v, coarse)
        if h_push is None:
            reasons.update(h_push=why, log_z_h=why, log_z=why)
        else:
            log_z_h = _log_z(h_push)
    return MappingReport(
        kind="conditional",
        model=repr(model),
        machine=f"{transform!r}, {n} -> {law.n_units}",
        trace_constant=0.0,
        trace_residual=0.0,
        trace_rms=0.0,
        kl=None,
        delta_f=None,
        log_z_v=log_z_v,
        log_z_h=log_z_h,
        h_model=None,
        h_push=h_push,
        kl_push=None,
        identities={
            "normalised": law.normalised,
            "log_z": None if log_z_h is None else abs(log_z_h - log_z_v),
        },
        reasons=reasons,
    )


def _log_z(couplings: Couplings) -> float:
    """Ln Tr e^{-H} from the couplings themselves, so that wrong ones are seen."""
    n = couplings.n_spins
    minus_h = [
        -couplings.hamiltonian(enumerated(n, start, min(start + _ROWS, 1 << n)))
        for start in range(0, 1 << n, _ROWS)
    ]
    return log_sum_exp(np.concatenate(minus_h))


def visible_parameters(
    model: Ising, rbm: BoltzmannLayer
) -> tuple[Floats, Floats, Floats]:
    """Weights and biases in float64 of a machine that fits the model's lattice."""
    weights, visible_bias, hidden_bias = layer_parameters(rbm)
    if len(weights) != model.n_sites:
        raise ValueError(
            f"the machine must have {model.n_sites} visible units to fit the model, "
            f"got {len(weights)}"
        )
    return weights, visible_bias, hidden_bias


def _finite(push: Floats | None, why: str) -> tuple[Floats | None, str]:
    """Pass on a law whose couplings exist, else None and the reason."""
    if push is None:
        return None, why
    if not np.isfinite(push).all():
        return None, "some hidden state has probability 0 in float64"
    return push, ""


def _couplings(
    minus_h: Floats, shape: tuple[int, ...] | None
) -> tuple[Couplings | None, str]:
    if len(minus_h) < 2:
        return None, "no hidden units"
    return all_couplings(minus_h, shape), ""


def _verify_joint(model: Ising, rbm: BoltzmannLayer, energies: Floats) -> MappingReport:
    weights, visible_bias, hidden_bias = visible_parameters(model, rbm)
    n_visible, n_hidden = weights.shape
    spin_units = rbm.units == "spin"
    h_rbm_v = _core.rbm_free_energies(
        weights, visible_bias, hidden_bias, spin_units, 0, 1 << n_visible, 1
    )
    trace = energies - h_rbm_v  # r(v) = ln Tr_h e^T
    log_z_v, log_z_h = log_sum_exp(-energies), log_sum_exp(-h_rbm_v)
    log_p = -energies - log_z_v
    law = np.exp(log_p)
    constant = float(np.sum(law * trace))
    deviation = trace - constant
    kl = _kl(log_p, deviation)
    delta_f = log_z_v - log_z_h
    side = _HiddenSide()
    if n_hidden > MAX_UNITS:
        why = f"{n_hidden} hidden units, at most {MAX_UNITS} are enumerated"
        side.reasons.update(dict.fromkeys(_HIDDEN_FIELDS, why))
        side.reasons["trace"] = side.reasons["mean_trace"] = why
    else:
        side = _hidden_side(
            energies, log_p, (weights, visible_bias, hidden_bias), spin_units
        )
        direct_z = log_sum_exp(-side.h_rg)
        side.identities["delta_f"] = abs(log_z_v - direct_z - delta_f)
        if side.kl_push is not None:
            side.identities["push_bound"] = max(side.kl_push - kl, 0.0)
        if side.direct_trace is not None:
            direct = side.direct_trace
            side.identities["trace"] = float(np.abs(direct - trace).max())
            side.identities["mean_trace"] = abs(log_sum_exp(log_p + direct) + delta_f)
    return MappingReport(
        kind="joint",
        model=repr(model),
        machine=f"RBM, {n_visible} -> {n_hidden} {rbm.units} units",
        trace_constant=constant,
        trace_residual=float(np.abs(deviation).max()),
        trace_rms=math.sqrt(float(np.sum(law * deviation**2))),
        kl=kl,
        delta_f=delta_f,
        log_z_v=log_z_v,
        log_z_h=log_z_h,
        h_model=side.h_model,
        h_push=side.h_push,
        kl_push=side.kl_push,
        identities=side.identities,
        reasons=side.reasons,
    )


def _kl(log_p: Floats, deviation: Floats) -> float:
    """KL(P || p) where ln(p / P) is `deviation` up to a constant and <deviation>_P = 0.

    It is ln <e^deviation>_P; near 0 as <e^d - 1 - d>, where rounding does no harm.
    """
    if np.abs(deviation).max() > 1:
        return max(log_sum_exp(log_p + deviation), 0.0)
    excess = np.sum(np.exp(log_p) * (np.expm1(deviation) - deviation))
    return math.log1p(max(float(excess), 0.0))


_HIDDEN_FIELDS = ("h_model", "h_push", "kl_push", "h_rg", "delta_f", "push_bound")


class _HiddenSide:
    """Results on the hidden side of a joint machine; empty when it is too large."""

    def __init__(self) -> None:
        self.h_model: Couplings | None = None
        self.h_push: Couplings | None = None
        self.kl_push: float | None = None
        self.h_rg: Floats = np.zeros(0)
        self.direct_trace: Floats | None = None
        self.identities: dict[str, float | None] = dict.fromkeys(
            ("h_rg", "trace", "delta_f", "mean_trace", "push_bound")
        )
        self.reasons: dict[str, str] = {}


def _hidden_side(
    energies: Floats,
    log_p: Floats,
    parameters: tuple[Floats, Floats, Floats],
    spin_units: bool,
) -> _HiddenSide:
    n_visible, n_hidden = parameters[0].shape
    side = _HiddenSide()
    closed = -machine_law(parameters, spin_units)
    side.h_rg = closed
    if n_visible + n_hidden <= _MAX_DIRECT.bit_length() - 1:
        side.h_rg, side.direct_trace = _direct_sums(energies, parameters, spin_units)
        side.identities["h_rg"] = float(np.abs(side.h_rg - closed).max())
    else:
        why = f"2^{n_visible + n_hidden} pairs (v, h) are too many to sum one by one"
        side.reasons.update(h_rg=why, trace=why, mean_trace=why)
    side.h_model, why = _couplings(-closed, None)
    if side.h_model is None:
        side.reasons["h_model"] = why
    layer = _layer(parameters, spin_units)
    push, why = _finite(push_forward(log_p, layer, n_hidden), "")
    if push is None:
        side.reasons.update(h_push=why, kl_push=why, push_bound=why)
        return side
    side.h_push, why = _couplings(push + log_sum_exp(-energies), None)
    if side.h_push is None:
        side.reasons["h_push"] = why
    gap = -closed - push  # ln(p_h / P_push) up to a constant
    side.kl_push = _kl(push, gap - float(np.sum(np.exp(push) * gap)))
    return side


def _layer(parameters: tuple[Floats, Floats, Floats], spin_units: bool) -> Layer:
    """Logarithms of p(h_j up|v) and p(h_j down|v) of states start .. stop-1."""
    weights, _, hidden_bias = parameters
    n, low = len(weights), -1 if spin_units else 0

    def log_probabilities(start: int, stop: int) -> tuple[Floats, Floats]:
        units = enumerated(n, start, stop, low).astype(np.float64)
        gap = (hidden_bias + units @ weights) * (2 if spin_units else 1)
        return -np.logaddexp(0.0, -gap), -np.logaddexp(0.0, gap)

    return log_probabilities


def _unit_values(n: int, spin_units: bool) -> Floats:
    return enumerated(n, 0, 1 << n, -1 if spin_units else 0).astype(np.float64)


def _direct_sums(
    energies: Floats, parameters: tuple[Floats, Floats, Floats], spin_units: bool
) -> tuple[Floats, Floats]:
    """H_RG[h] = -ln Tr_v e^{T - H} and ln Tr_h e^T, both from T(v,h) pair by pair."""
    weights, visible_bias, hidden_bias = parameters
    visible = _unit_values(len(visible_bias), spin_units)
    hidden = _unit_values(len(hidden_bias), spin_units)
    operator = visible @ weights @ hidden.T
    operator += (visible @ visible_bias + energies)[:, None]
    operator += hidden @ hidden_bias
    trace = np.logaddexp.reduce(operator, axis=1)
    h_rg = -np.logaddexp.reduce(operator - energies[:, None], axis=0)
    return h_rg, trace
