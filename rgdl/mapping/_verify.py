"""Judge a machine or a coarse-graining by enumeration."""

import math

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._states import BoltzmannLayer, Floats, layer_parameters, log_sum_exp
from rgdl.couplings import Couplings
from rgdl.ising import Ising
from rgdl.mapping._report import MappingReport
from rgdl.rg import Transform
from rgdl.rg._push import push_forward

__all__ = ["verify"]

_MAX_VISIBLE = 16
_MAX_HIDDEN = 20
_MAX_DIRECT = 1 << 22  # (v, h) pairs summed one by one for the identities


def verify(model: Ising, machine: Transform | BoltzmannLayer) -> MappingReport:
    r"""Judge a machine or a coarse-graining against a model, by enumeration.

    Parameters
    ----------
    model : Ising
        At most 16 sites (see `estimate` for more); its law is
        :math:`P(v) = e^{-H[v]}/Z`.
    machine : rgdl.RBM or Transform
        An RBM is judged as the joint machine :math:`e^{-E(v,h)}` with
        :math:`T = -E + H`. Any `rgdl.rg.Transform`, `RBMTransform` included, is judged
        as the conditional p(h|v) with :math:`T = \ln p(h|v)`. Binary visible units
        stand for spins as :math:`v = (s + 1)/2`.

    Returns
    -------
    MappingReport
        Fields on the hidden side need at most 20 hidden units, else they are None and
        ``reasons`` says why.

    Raises
    ------
    TypeError
        When `model` is no `Ising` or `machine` neither a Transform nor an RBM.
    ValueError
        For more than 16 sites, another number of visible units, or weights that are not
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


def _states(n: int, start: int, stop: int) -> npt.NDArray[np.int8]:
    """Spins of states start .. stop-1, shape (stop - start, n); bit i = spin i."""
    bits = np.arange(start, stop)[:, None] >> np.arange(n) & 1
    return (2 * bits - 1).astype(np.int8)


def _verify_conditional(
    model: Ising, transform: Transform, energies: Floats
) -> MappingReport:
    n = model.n_sites
    log_z_v = log_sum_exp(-energies)
    log_p = -energies - log_z_v
    up, down = _layer(model, transform)
    n_hidden = up.shape[1]
    reasons = dict.fromkeys(
        ("kl", "delta_f", "h_model", "kl_push"), "a conditional has no law of its own"
    )
    normalised = float(np.abs(np.logaddexp(up, down).sum(axis=1)).max())
    push, why = _push_forward(log_p, up, down)
    h_push = None
    log_z_h = None
    if push is None:
        reasons.update(h_push=why, log_z_h=why, log_z=why)
    else:
        log_z_h = log_sum_exp(push + log_z_v)
        closed = all(model.periodic)
        coarse = transform._torus(model.shape) if closed else None
        h_push, why = _couplings(push + log_z_v, coarse)
        if h_push is None:
            reasons["h_push"] = why
    return MappingReport(
        kind="conditional",
        model=repr(model),
        machine=f"{transform!r}, {n} -> {n_hidden}",
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
            "normalised": normalised,
            "log_z": None if log_z_h is None else abs(log_z_h - log_z_v),
        },
        reasons=reasons,
    )


def _layer(model: Ising, transform: Transform) -> tuple[Floats, Floats]:
    """Log probabilities of every coarse variable for all states, (2**n, n_hidden)."""
    spins = _states(model.n_sites, 0, 1 << model.n_sites)
    fine = spins.reshape(-1, *model.shape)
    rbm = getattr(transform, "rbm", None)
    if rbm is not None:
        _visible_parameters(model, rbm)
        if rbm.units == "binary":
            fine = (fine + 1) // 2
    return transform.log_probabilities(fine)


def _visible_parameters(
    model: Ising, rbm: BoltzmannLayer
) -> tuple[Floats, Floats, Floats]:
    weights, visible_bias, hidden_bias = layer_parameters(rbm)
    if len(weights) != model.n_sites:
        raise ValueError(
            f"the machine must have {model.n_sites} visible units to fit the model, "
            f"got {len(weights)}"
        )
    return weights, visible_bias, hidden_bias


def _push_forward(log_p: Floats, up: Floats, down: Floats) -> tuple[Floats | None, str]:
    """Ln sum_v P(v) p(h|v) for every h, or None and the reason."""
    n_hidden = up.shape[1]
    if n_hidden > _MAX_HIDDEN:
        return None, f"{n_hidden} hidden units, at most {_MAX_HIDDEN} are enumerated"
    push = push_forward(log_p, up, down)
    if not np.isfinite(push).all():
        return None, "some hidden state has probability 0 in float64"
    return push, ""


def _couplings(
    minus_h: Floats, shape: tuple[int, ...] | None
) -> tuple[Couplings | None, str]:
    if len(minus_h) < 2:
        return None, "no hidden units"
    return Couplings.from_table(minus_h, shape=shape), ""


def _verify_joint(model: Ising, rbm: BoltzmannLayer, energies: Floats) -> MappingReport:
    weights, visible_bias, hidden_bias = _visible_parameters(model, rbm)
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
    if n_hidden > _MAX_HIDDEN:
        why = f"{n_hidden} hidden units, at most {_MAX_HIDDEN} are enumerated"
        side.reasons.update(dict.fromkeys(_HIDDEN_FIELDS, why))
        side.reasons["trace"] = why
    else:
        side = _hidden_side(
            energies, log_p, (weights, visible_bias, hidden_bias), spin_units
        )
        direct_z = log_sum_exp(-side.h_rg)
        side.identities["delta_f"] = abs(log_z_v - direct_z - delta_f)
        if side.kl_push is not None:
            side.identities["push_bound"] = max(side.kl_push - kl, 0.0)
        if side.direct_trace is not None:
            side.identities["trace"] = float(np.abs(side.direct_trace - trace).max())
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
            ("h_rg", "trace", "delta_f", "push_bound")
        )
        self.reasons: dict[str, str] = {}


def _hidden_side(
    energies: Floats,
    log_p: Floats,
    parameters: tuple[Floats, Floats, Floats],
    spin_units: bool,
) -> _HiddenSide:
    weights, visible_bias, hidden_bias = parameters
    n_visible, n_hidden = weights.shape
    side = _HiddenSide()
    transposed = np.ascontiguousarray(weights.T)
    closed = _core.rbm_free_energies(
        transposed, hidden_bias, visible_bias, spin_units, 0, 1 << n_hidden, 1
    )
    side.h_rg = closed
    if n_visible + n_hidden <= _MAX_DIRECT.bit_length() - 1:
        side.h_rg, side.direct_trace = _direct_sums(energies, parameters, spin_units)
        side.identities["h_rg"] = float(np.abs(side.h_rg - closed).max())
    else:
        why = f"2^{n_visible + n_hidden} pairs (v, h) are too many to sum one by one"
        side.reasons.update(h_rg=why, trace=why)
    side.h_model, why = _couplings(-closed, None)
    if side.h_model is None:
        side.reasons["h_model"] = why
    up, down = _hidden_log_probabilities(parameters, spin_units)
    push, why = _push_forward(log_p, up, down)
    if push is None:
        side.reasons.update(h_push=why, kl_push=why, push_bound=why)
        return side
    side.h_push, why = _couplings(push + log_sum_exp(-energies), None)
    if side.h_push is None:
        side.reasons["h_push"] = why
    gap = -closed - push  # ln(p_h / P_push) up to a constant
    side.kl_push = _kl(push, gap - float(np.sum(np.exp(push) * gap)))
    return side


def _hidden_log_probabilities(
    parameters: tuple[Floats, Floats, Floats], spin_units: bool
) -> tuple[Floats, Floats]:
    weights, _, hidden_bias = parameters
    units = _unit_values(len(weights), spin_units)
    gap = (hidden_bias + units @ weights) * (2 if spin_units else 1)
    return -np.logaddexp(0.0, -gap), -np.logaddexp(0.0, gap)


def _unit_values(n: int, spin_units: bool) -> Floats:
    spins = _states(n, 0, 1 << n).astype(np.float64)
    return spins if spin_units else (spins + 1) / 2


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
