"""Judge a machine or a coarse-graining on lattices too large to enumerate."""

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, SupportsIndex

import numpy as np

from rgdl import _validate, exact
from rgdl._rng import Key, RngLike, draw_key
from rgdl._states import BoltzmannLayer, Floats, log_sum_exp
from rgdl.couplings import Couplings, LatticeCouplings
from rgdl.ising import Ising
from rgdl.mapping._hidden import HiddenLaw, hidden_law, machine_law
from rgdl.mapping._verify import visible_parameters
from rgdl.rg import RBMTransform, Transform
from rgdl.rg._push import MAX_UNITS, parts_of
from rgdl.rg._symmetry import asymmetry
from rgdl.sampling import sample

__all__ = ["MappingEstimate", "estimate"]

_MAX_ENUMERATED = 20
_BLOCKS = 32


@dataclass(frozen=True, eq=False, kw_only=True)
class MappingEstimate:
    """What `estimate` found on samples; errors are standard errors.

    Attributes
    ----------
    kind : {"joint", "conditional"}
    n : int
        Configurations.
    trace_constant, trace_constant_error : float
        <r>_P of r(v) = ln Tr_h e^{T(v,h)}.
    trace_rms, trace_rms_error : float
        Standard deviation of r under P: the claim is that this is 0.
    trace_residual : float
        Largest abs(r - <r>) among the samples, a lower bound of that over all v.
    log_z_v, log_z_h : float or None
        ln Z of the model (exact) and of the machine.
    log_z_h_error : float
        Standard error of an annealed estimate; 0 where it is exact.
    kl, kl_error : float or None
        KL(P || p_RBM) = ln Z_lambda - ln Z_data - <r>_P.
    delta_f : float or None
        log_z_v - log_z_h: alone it decides nothing.
    h_model : Couplings or None
        Couplings of H_RG[h] = -ln Tr_v e^{-E(v,h)} of a joint machine, exact.
    h_push : LatticeCouplings, Couplings or None
        Couplings of the model's law pushed forward. On a lattice of coarse variables
        by Callen's identities, truncated to the operators asked for; of up to 20 hidden
        units all of them, of -ln <p(h|v)>_P, with the constant of a law with Z = 1
        where `log_z_v` is None.
    kl_push, kl_push_error : float or None
        KL(P_push || p_h) of the hidden units.
    push_gap, push_gap_error : float or None
        kl - kl_push: never below 0 but for noise.
    reasons : mapping of str to str
        Why a field is None.
    key : tuple of int
        ``rng=key`` repeats the run.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((8, 8), K=0.3)
    >>> found = rgdl.mapping.estimate(model, rgdl.rg.MajorityRule(), n=2000, rng=0)
    >>> found.kind, found.h_push.shape
    ('conditional', (4, 4))
    """

    kind: str
    model: str
    machine: str
    n: int
    trace_constant: float
    trace_constant_error: float
    trace_rms: float
    trace_rms_error: float
    trace_residual: float
    log_z_v: float | None
    log_z_h: float | None
    log_z_h_error: float
    kl: float | None
    kl_error: float | None
    delta_f: float | None
    h_model: Couplings | None
    h_push: Couplings | LatticeCouplings | None
    kl_push: float | None
    kl_push_error: float | None
    push_gap: float | None
    push_gap_error: float | None
    key: Key | tuple[int, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def _rows(self) -> list[tuple[str, str]]:
        def text(name: str, error: float | None = None) -> str:
            value = getattr(self, name)
            if value is None:
                return f"not available: {self.reasons.get(name, 'not computed')}"
            if not error:
                return f"{value:.10g}"
            return f"{value:.6g} +- {error:.2g}"

        rows = [("configurations", str(self.n))]
        if self.kind == "joint":
            rows += [
                (
                    "rms of r under P (the claim: 0)",
                    text("trace_rms", self.trace_rms_error),
                ),
                ("max |r - <r>| among samples", text("trace_residual")),
                ("<r>_P", text("trace_constant", self.trace_constant_error)),
                ("KL(P || p_RBM)", text("kl", self.kl_error)),
                ("KL(P_push || p_h)", text("kl_push", self.kl_push_error)),
                ("their difference, >= 0", text("push_gap", self.push_gap_error)),
            ]
        else:
            rows.append(("trace condition", "holds by construction, tells nothing"))
        if self.kind == "joint" and self.h_model is None:
            rows.append(("couplings of H_RG[h]", text("h_model")))
        if self.h_push is None:
            rows.append(("couplings of H_push[h]", text("h_push")))
        return [
            *rows,
            ("ln Z_data", text("log_z_v")),
            ("ln Z_lambda", text("log_z_h", self.log_z_h_error)),
            ("Delta F = F_h - F_v", text("delta_f", self.log_z_h_error)),
        ]

    def __repr__(self) -> str:
        rows = self._rows()
        width = max(len(name) for name, _ in rows)
        lines = [f"Mapping of {self.model} by the {self.kind} {self.machine}, sampled"]
        lines += [f"   {name:{width}}  {text}" for name, text in rows]
        for title, couplings in self._couplings():
            lines += ["", title, repr(couplings)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        body = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{html.escape(text)}</td></tr>"
            for name, text in self._rows()
        )
        title = f"Mapping of {self.model} by the {self.kind} {self.machine}, sampled"
        more = "".join(
            f"<p>{html.escape(name)}</p>{couplings._repr_html_()}"
            for name, couplings in self._couplings()
        )
        return f"<table><caption>{html.escape(title)}</caption>{body}</table>{more}"

    def _couplings(self) -> list[tuple[str, Couplings | LatticeCouplings]]:
        both = (
            ("Couplings of H_RG[h], from the joint machine", self.h_model),
            ("Couplings of H_push[h], the model's law pushed forward", self.h_push),
        )
        return [(title, each) for title, each in both if each is not None]


def estimate(
    model: Ising,
    machine: Transform | BoltzmannLayer,
    *,
    n: SupportsIndex = 10_000,
    operators: str | Mapping[str, Any] = "standard",
    rng: RngLike = None,
    workers: int = 1,
) -> MappingEstimate:
    r"""Judge a machine or a coarse-graining on samples of a model of any size.

    Parameters
    ----------
    model : Ising
        Sampled by `rgdl.sample`.
    machine : rgdl.RBM or Transform
        As for `verify`: an RBM is judged as a joint machine, a Transform as p(h|v).
    n : int, default 10000
        Configurations.
    operators : "standard" or mapping
        Couplings of H_push, see `rgdl.Couplings.from_samples`; only where the coarse
        variables form a lattice and model and rule have the symmetry of its torus.
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
    workers : int, default 1

    Returns
    -------
    MappingEstimate

    Raises
    ------
    TypeError, ValueError
        As `verify`, but for any number of sites, and for fewer than 64 configurations.

    Notes
    -----
    :math:`\mathrm{KL}(P\|p) = \langle F(v) - H(v)\rangle_P + \ln Z_\lambda - \ln
    Z_{data}` needs both partition functions: that of the model by enumeration, transfer
    matrix of the ring or Kaufman's formula, that of the machine by its `log_partition`.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((8, 8), K=0.3)
    >>> found = rgdl.mapping.estimate(model, rgdl.RBM.from_ising(model), n=500, rng=0)
    >>> found.trace_residual < 1e-11
    True
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be an rgdl.Ising, got {model!r}")
    n = _validate.count(n, "n", least=2 * _BLOCKS)
    key = draw_key(rng)
    words = tuple(int(word) for word in key)
    _check_fits(model, machine)
    spins = sample(model, n, rng=words, workers=workers)
    reasons: dict[str, str] = {}
    log_z_v = _log_z(model, reasons)
    if isinstance(machine, Transform):
        push = _pushed(model, machine, spins, operators, words, log_z_v, reasons)
        zero = dict.fromkeys(_TRACE, 0.0)
        for name in ("kl", "delta_f", "h_model", "kl_push", "push_gap"):
            reasons[name] = "a conditional has no law of its own"
        reasons.setdefault("log_z_h", "that of H_push is ln Z_data")
        return MappingEstimate(
            kind="conditional",
            model=repr(model),
            machine=repr(machine),
            n=n,
            **zero,
            log_z_v=log_z_v,
            log_z_h=None,
            log_z_h_error=0.0,
            kl=None,
            kl_error=None,
            delta_f=None,
            h_model=None,
            h_push=push,
            kl_push=None,
            kl_push_error=None,
            push_gap=None,
            push_gap_error=None,
            key=words,
            reasons=reasons,
        )
    return _joint(model, machine, spins, words, log_z_v, reasons)


def _check_fits(model: Ising, machine: Transform | BoltzmannLayer) -> None:
    """Refuse what does not fit before anything is sampled."""
    if not isinstance(machine, Transform):
        visible_parameters(model, machine)
        return
    front = getattr(parts_of(machine)[0], "rbm", None)
    if front is not None:
        visible_parameters(model, front)
    if not isinstance(machine, RBMTransform):
        machine.coarsen(np.ones((1, *model.shape), dtype=np.int8), rng=0)


def _joint(
    model: Ising,
    machine: BoltzmannLayer,
    spins: Any,
    key: tuple[int, ...],
    log_z_v: float | None,
    reasons: dict[str, str],
) -> MappingEstimate:
    parameters = visible_parameters(model, machine)
    n_hidden = parameters[0].shape[1]
    units = _units(spins, machine)
    trace, text = _trace(model, machine, spins, units)
    minus_h = log_z_h = None
    error = 0.0
    if n_hidden <= MAX_UNITS:
        minus_h = machine_law(parameters, machine.units == "spin")
        log_z_h = log_sum_exp(minus_h)
    else:
        log_z_h, error = _machine_log_z(machine, reasons)
    kl = kl_error = delta_f = None
    without = None
    constant, rms = _mean_and_rms(trace)
    if log_z_v is None or log_z_h is None:
        missing = "log_z_v" if log_z_v is None else "log_z_h"
        reasons["kl"] = reasons["delta_f"] = reasons["push_gap"] = reasons[missing]
    else:
        delta_f = log_z_v - log_z_h
        kl, kl_error = -delta_f - constant[0], math.hypot(constant[1], error)
        without = -delta_f - _means_without(trace)
    if minus_h is None:
        why = f"{n_hidden} hidden units, at most {MAX_UNITS} are enumerated"
        reasons.update(dict.fromkeys(("h_model", "h_push", "kl_push", "push_gap"), why))
        law = HiddenLaw(None, why, None, None, None, None)
    else:
        law = hidden_law(
            RBMTransform(machine),
            units,
            log_z_v,
            blocks=_BLOCKS,
            minus_h_model=minus_h,
            kl_without=without,
        )
        if law.h_push is None:
            reasons["h_push"] = law.reason
    return MappingEstimate(
        kind="joint",
        model=repr(model),
        machine=text,
        n=len(spins),
        trace_constant=constant[0],
        trace_constant_error=constant[1],
        trace_rms=rms[0],
        trace_rms_error=rms[1],
        trace_residual=float(np.abs(trace - constant[0]).max()),
        log_z_v=log_z_v,
        log_z_h=log_z_h,
        log_z_h_error=error,
        kl=kl,
        kl_error=kl_error,
        delta_f=delta_f,
        h_model=None if minus_h is None else Couplings.from_table(minus_h),
        h_push=law.h_push,
        kl_push=law.kl_push,
        kl_push_error=law.kl_push_error,
        push_gap=law.gap,
        push_gap_error=law.gap_error,
        key=key,
        reasons=reasons,
    )


_TRACE = (
    "trace_constant",
    "trace_constant_error",
    "trace_rms",
    "trace_rms_error",
    "trace_residual",
)


def _units(spins: Any, machine: BoltzmannLayer) -> Floats:
    """Rows of the machine's visible units."""
    units = spins.reshape(len(spins), -1).astype(np.float64)
    return np.asarray(units if machine.units == "spin" else (units + 1) / 2)


def _trace(
    model: Ising, machine: BoltzmannLayer, spins: Any, units: Floats
) -> tuple[Floats, str]:
    """r(v) = H[v] - F(v) of every row."""
    weights, visible_bias, hidden_bias = visible_parameters(model, machine)
    field = hidden_bias + units @ weights
    if machine.units == "spin":
        hidden = np.logaddexp(field, -field)
    else:
        hidden = np.logaddexp(0.0, field)
    minus_f = units @ visible_bias + hidden.sum(axis=1)
    text = f"RBM, {weights.shape[0]} -> {weights.shape[1]} {machine.units} units"
    return model.hamiltonian(spins) + minus_f, text


def _means_without(values: Floats) -> Floats:
    """Mean without each block of rows."""
    blocks = np.array_split(values, _BLOCKS)
    return np.array(
        [(values.sum() - block.sum()) / (len(values) - len(block)) for block in blocks]
    )


def _mean_and_rms(
    values: Floats,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Mean and standard deviation with jackknife errors over blocks."""
    blocks = np.array_split(values - values.mean(), _BLOCKS)
    sums = np.array([[len(b), b.sum(), (b**2).sum()] for b in blocks])
    count, first, second = (sums.sum(axis=0) - sums).T
    means = first / count
    deviations = np.sqrt(np.maximum(second / count - means**2, 0.0))

    def error(left_out: Floats) -> float:
        return math.sqrt((_BLOCKS - 1) * float(left_out.var()))

    return (float(values.mean()), error(means)), (
        float(values.std()),
        error(deviations),
    )


def _pushed(
    model: Ising,
    transform: Transform,
    spins: Any,
    operators: str | Mapping[str, Any],
    key: tuple[int, ...],
    log_z_v: float | None,
    reasons: dict[str, str],
) -> Couplings | LatticeCouplings | None:
    only, *rest = parts_of(transform)
    if isinstance(only, RBMTransform) and not rest:
        n_hidden = only.rbm.W_.shape[1]
        if n_hidden > MAX_UNITS:
            why = f"{n_hidden} hidden units, at most {MAX_UNITS} are enumerated"
            reasons["h_push"] = why
            return None
        law = hidden_law(only, _units(spins, only.rbm), log_z_v, blocks=_BLOCKS)
        if law.h_push is None:
            reasons["h_push"] = law.reason
        return law.h_push
    coarse = transform._torus(model.shape)
    if coarse is None:
        reasons["h_push"] = (
            "the coarse variables form no chain, square or cubic lattice"
        )
        return None
    if min(coarse) < 2:
        reasons["h_push"] = f"the coarse lattice {coarse} is too small"
        return None
    if reason := asymmetry(model, transform):
        reasons["h_push"] = reason
        return None
    return Couplings.from_samples(transform.coarsen(spins, rng=key), operators)


def _log_z(model: Ising, reasons: dict[str, str]) -> float | None:
    if model.n_sites <= _MAX_ENUMERATED:
        return float(exact.enumerate_states(model, progress=False).log_z)
    if model._is_nearest_neighbour and model.K is not None:
        if model.ndim == 1:
            assert isinstance(model.h, float)
            return float(exact.chain(model.n_sites, model.K, model.h).log_z)
        if model.ndim == 2 and model.h == 0:
            rows, columns = model.shape
            return float(exact.kaufman((rows, columns), model.K).log_z)
    reasons["log_z_v"] = "no exact partition function of this model is at hand"
    return None


def _machine_log_z(
    machine: BoltzmannLayer, reasons: dict[str, str]
) -> tuple[float | None, float]:
    if not hasattr(machine, "log_partition"):
        reasons["log_z_h"] = "the machine has no log_partition"
        return None, 0.0
    try:
        found = machine.log_partition()
    except ValueError as problem:
        reasons["log_z_h"] = str(problem)
        return None, 0.0
    return float(found.value), float(getattr(found, "error", 0.0))
