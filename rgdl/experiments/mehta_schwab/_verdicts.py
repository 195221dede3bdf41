"""Verdicts on the network: numbers in, outcome out, by rules fixed beforehand."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import rgdl
from rgdl.experiments.mehta_schwab._fields import is_local
from rgdl.experiments.mehta_schwab._moments import SHOWN, difference
from rgdl.experiments.mehta_schwab._rules import (
    KEPT,
    MODEL_K,
    NLL_EXCESS,
    RECONSTRUCTED,
    SIGMAS,
    WIDER,
    Y_H,
    Y_T,
)
from rgdl.report import Missing, Verdict
from rgdl.stats import Estimate

__all__ = [
    "judge_coarse",
    "judge_couplings",
    "judge_data",
    "judge_exponents",
    "judge_growth",
    "judge_l1",
    "judge_likelihood",
    "judge_locality",
    "judge_reconstruction",
    "judge_samples",
]

Numbers = Mapping[str, Any]


def outcome(good: bool | None, converged: bool) -> str:
    """Outcome of a claim; None where the rule's numbers could not be had."""
    if not converged:
        return "fast: not converged"
    if good is None:
        return "undecided"
    return "reproduced" if good else "not reproduced"


def judge_data(data: Numbers, check: str = "") -> Verdict:
    """Judge energy and specific heat of the training data against Kaufman's."""
    gaps = {
        name: difference(data["training"][name], data["exact"][name])
        for name in ("energy", "specific heat")
    }
    numbers: dict[str, Any] = {}
    for name in gaps:
        numbers[name] = data["training"][name]
        numbers[f"{name}, exact"] = data["exact"][name]
        numbers[f"{name}, standard errors apart"] = round(gaps[name], 2)
    return Verdict(
        "The training data follow the Boltzmann distribution: energy and specific heat "
        "agree with Kaufman's exact solution of this lattice",
        "claim",
        outcome(all(abs(gap) < SIGMAS for gap in gaps.values()), True),
        numbers,
        f"Reproduced if both are within {SIGMAS:g} standard errors.",
        check,
    )


def judge_locality(
    layer: Numbers,
    depth: int,
    even: float,
    weights: str = "all weights",
    *,
    converged: bool = True,
    check: str = "",
) -> Verdict:
    """Judge whether a layer's fields are local (`is_local`)."""
    own, control = layer["paper"][weights], layer["shuffled"][weights]
    numbers: dict[str, Any] = {}
    for name in _SIZES:
        numbers[name] = own[name]
        numbers[f"{name}, 5% quantile shuffled"] = control[f"{name} 5 %"]
    numbers["half the radius of an even field"] = round(even / 2, 4)
    which = "" if weights == "all weights" else ", above half of each field's maximum"
    return Verdict(
        f"Receptive fields of layer {depth} are local{which}",
        "claim",
        outcome(is_local(own, control, even), converged),
        numbers,
        "Reproduced if the median participation ratio and the median radius both lie "
        "below the 5% quantile over the units of the shuffled network (of layer 1 the "
        "radius only: shuffling leaves its participation ratio), and the radius below "
        "half that of an even field.",
        check,
    )


_SIZES = ("participation", "radius")


def judge_growth(
    layers: Sequence[Numbers], *, converged: bool = True, check: str = ""
) -> Verdict:
    """Judge whether the last layer's fields are wider than those below."""
    below, above = (layer["paper"]["all weights"] for layer in layers[-2:])
    numbers: dict[str, Any] = {}
    gaps = {}
    for name in _SIZES:
        for i, each in enumerate((below, above)):
            numbers[f"{name}, layer {len(layers) - 1 + i}"] = each[name]
        gaps[name] = _gap(above[name], below[name])
        numbers[f"{name}, standard errors apart"] = round(gaps[name], 1)
    good = all(gap > WIDER for gap in gaps.values())
    return Verdict(
        f"Receptive fields grow with depth, as block spins do: layer {len(layers)} is "
        f"wider than layer {len(layers) - 1}",
        "claim",
        outcome(good, converged),
        numbers,
        "Reproduced if both medians of the upper layer exceed those of the lower by "
        f"more than {WIDER:g} joint standard errors.",
        check,
    )


def _gap(a: Any, b: Any) -> float:
    if isinstance(a, Missing) or isinstance(b, Missing):
        return math.nan
    return difference(a, b)


def judge_l1(
    layers: Sequence[Numbers], *, converged: bool = True, check: str = ""
) -> Verdict:
    """Judge whether the L1 penalty narrows the fields of every layer."""
    numbers: dict[str, Any] = {}
    good = True
    for depth, layer in enumerate(layers, start=1):
        own, control = layer["paper"]["all weights"], layer["without L1"]["all weights"]
        for name in _SIZES:
            numbers[f"{name}, layer {depth}"] = own[name]
            numbers[f"{name}, layer {depth}, without L1"] = control[name]
            good = good and _gap(control[name], own[name]) > WIDER
    return Verdict(
        "The L1 penalty makes the fields more local",
        "claim",
        outcome(good, converged),
        numbers,
        "Reproduced if in every layer both medians are smaller with the penalty than "
        f"in a run without it, by more than {WIDER:g} joint standard errors.",
        check,
    )


def judge_reconstruction(
    numbers: Numbers, *, converged: bool = True, check: str = ""
) -> Verdict:
    """Judge whether reconstructions keep the large domains."""
    network = numbers["network"]["overlap"]
    blocks = numbers["block majority"]["overlap"]
    other = numbers["another configuration"]["overlap"]
    clear = difference(network, other) > KEPT
    good = clear and network.value >= RECONSTRUCTED * blocks.value
    return Verdict(
        "Reconstructions from the top layer keep the macroscopic domains",
        "claim",
        outcome(good, converged),
        {
            "overlap with the original": network,
            "with another configuration": other,
            "of the block majority": blocks,
            "shuffled weights": numbers["shuffled weights"]["overlap"],
            "without L1": numbers["without L1"]["overlap"],
        },
        f"Reproduced if the overlap of held-out configurations is at least "
        f"{RECONSTRUCTED:.0%} of the block majority's, and {KEPT:g} joint standard "
        "errors above that of wrong pairs.",
        check,
    )


def judge_samples(
    machine: Numbers,
    data: Numbers,
    name: str,
    shape: tuple[int, int],
    K: float,
    *,
    converged: bool = True,
    check: str = "",
) -> Verdict:
    """Judge a machine's own samples against Kaufman and reference samples."""
    targets = {
        **{
            key: Estimate(data["exact"][key], 0.0)
            for key in ("energy", "specific heat")
        },
        **{key: data["reference"][key] for key in ("abs m", "m^2", "U4")},
    }
    bounds = tolerances(targets, shape, K)
    numbers: dict[str, Any] = {}
    good: bool | None = True
    for key, target in targets.items():
        numbers[SHOWN.get(key, key)] = {
            "is": machine["own"][key],
            "should be": target if target.error else target.value,
            "within": float(f"{bounds[key]:.3g}"),
        }
        good = _within(good, machine["own"][key], target, bounds[key])
    share = bounds["m^2"] / targets["m^2"].value
    for r, value, target in zip(
        data["distances"], machine["correlations"], data["correlations"], strict=True
    ):
        if r <= max(2, min(shape) // 5):
            bound = share * target.value
            numbers[f"C({r})"] = {
                "is": value,
                "should be": target,
                "within": float(f"{bound:.3g}"),
            }
            good = _within(good, value, target, bound)
    gap = machine["worst gap"]
    annealed = "drift of the annealed chains, standard errors"
    two = "chains from data and from coins, standard errors apart"
    numbers[annealed if "annealed" in machine["starts"] else two] = round(gap, 2)
    if not gap <= SIGMAS:  # not at equilibrium: it decides only if every start fails
        fits = []
        for each in machine["starts"].values():
            fit: bool | None = True
            for key, target in targets.items():
                fit = _within(fit, each[key], target, bounds[key])
            fits.append(fit)
        good = False if all(fit is False for fit in fits) else None
    return Verdict(
        f"Samples of {name} look like the data: energy, specific heat, magnetisation "
        "and correlations",
        "claim",
        outcome(good, converged),
        numbers,
        f"Reproduced if every deviation is within what a change of K by {MODEL_K:.0%} "
        f"does (U4: 0.1; correlations as m²), {WIDER:g} standard errors allowed for. "
        "Undecided if errors are larger than that, or if the samples are not at "
        f"equilibrium, by more than {SIGMAS:g} standard errors, and not every start "
        "fails.",
        check,
    )


def _within(
    good: bool | None, value: Estimate, target: Estimate, bound: float
) -> bool | None:
    """One more comparison: False once one fails, None if one cannot be made."""
    error = math.hypot(value.error, target.error)
    if good is False or not math.isfinite(value.value):
        return False if good is False else None
    if abs(value.value - target.value) > bound + WIDER * error:
        return False
    return None if not error <= bound else good


def tolerances(
    targets: Mapping[str, Estimate], shape: tuple[int, int], K: float
) -> dict[str, float]:
    """Return what a change of K by `MODEL_K` does; to m^2 by its exponent 7/4."""
    here, there = (rgdl.exact.kaufman(shape, x) for x in (K, K * (1.0 + MODEL_K)))
    magnetic = 1.75 * MODEL_K * K / abs(float(rgdl.exact.K_CRITICAL) - K)
    return {
        "energy": abs(float(there.energy - here.energy)),
        "specific heat": abs(float(there.specific_heat - here.specific_heat)),
        "abs m": magnetic / 2 * targets["abs m"].value,
        "m^2": magnetic * targets["m^2"].value,
        "U4": 0.1,
    }


def judge_likelihood(
    numbers: Numbers, *, converged: bool = True, check: str = ""
) -> Verdict:
    """Judge whether layer 1 carries the law of the data."""
    excess, bound = numbers["excess"], NLL_EXCESS * numbers["floor"]
    least = numbers["at least"] - numbers["exact on these rows"].value
    good: bool | None = excess.value <= bound
    if not excess.reliable:
        good = False if least > bound else None
    return Verdict(
        "The first layer's visible distribution is that of the data, as an exact "
        "mapping requires",
        "claim",
        outcome(good, converged),
        {
            "excess NLL of layer 1, nats": excess,
            "excess at least": least,
            "allowed": bound,
            "NLL of layer 1": numbers["layer 1"],
            "exact, the same rows": numbers["exact on these rows"],
            "exact floor": numbers["floor"],
        },
        f"Reproduced if the excess is at most {NLL_EXCESS:.0%} of the exact floor. "
        "Undecided if ln Z is not reliable and its lower bound does not decide.",
        check,
    )


def judge_couplings(
    numbers: Numbers, K: float, *, converged: bool = True, check: str = ""
) -> Verdict:
    """Judge the effective couplings of layer 1 against the exact Hamiltonian."""
    bound = abs(float(rgdl.exact.K_CRITICAL) - K)
    near = numbers["rows"][0]["coupling"]
    rest = [row["coupling"] for row in numbers["rows"][1:]]
    worst = max(rest, key=lambda each: abs(each.value))
    good = abs(near.value - K) <= bound and abs(worst.value) <= bound
    return Verdict(
        "Layer 1 has the data's Hamiltonian: its effective pair couplings are K for "
        "nearest neighbours and 0 beyond",
        "claim",
        outcome(good, converged),
        {
            "nearest neighbours": near,
            "should be": K,
            "largest of the others": worst,
            "allowed deviation": bound,
        },
        "Reproduced if no coupling is off by more than K_c − K.",
        check,
    )


def judge_coarse(
    numbers: Numbers, *, converged: bool = True, check: str = ""
) -> Verdict:
    """Judge K_eff of the hidden layers against the range of three rules."""
    shown: dict[str, Any] = {}
    verdicts: list[bool | None] = []
    for layer in numbers["layers"]:
        name = f"layer {layer['layer']}"
        own = layer["network"]["K_eff"]
        known = {
            rule: layer[rule]["K_eff"]
            for rule in ("decimation", "majority rule", "Kadanoff")
            if isinstance(layer[rule]["K_eff"], Estimate)
        }
        shown[f"{name}, hidden units"] = own
        if isinstance(own, Missing) or not known:
            verdicts.append(None)
            continue
        low = min(known, key=lambda rule: known[rule].value)
        high = max(known, key=lambda rule: known[rule].value)
        for words, rule in (("lowest", low), ("highest", high)):
            shown[f"{name}, {words} of the rules: {rule}"] = known[rule]
        outside = max(difference(own, known[high]), difference(known[low], own), 0.0)
        shown[f"{name}, standard errors outside"] = round(outside, 1)
        verdicts.append(outside <= SIGMAS)
    good = None if None in verdicts else all(verdicts)
    if False in verdicts:
        good = False
    return Verdict(
        "Hidden layers are block spins: their K_eff flows as that of block spins of "
        "the same scale",
        "claim",
        outcome(good, converged),
        shown,
        "Reproduced if K_eff of every layer lies in the range of decimation, majority "
        f"rule and Kadanoff, to {SIGMAS:g} standard errors. Undecided if units of some "
        "layer have no place on its lattice and no other layer decides.",
        check,
    )


def judge_exponents(
    numbers: Numbers, *, converged: bool = True, check: str = ""
) -> Verdict:
    """Judge the exponents of the trained filter at K_c."""
    last = numbers["trained filter"]["levels"][-1]
    bounds: dict[str, tuple[float, float]] = {"y_t": (1.0, Y_T), "y_h": (1.875, Y_H)}
    shown: dict[str, Any] = {}
    good: bool | None = True
    for name, (exact, bound) in bounds.items():
        value = last[name]
        shown[name] = value
        shown[f"{name}, exact"] = exact
        shown[f"{name}, majority rule"] = numbers["majority rule"]["levels"][-1][name]
        if isinstance(value, Missing):
            good = None if good else good
        else:
            good = _within(good, value, Estimate(exact, 0.0), bound)
    if good and not numbers["trained filter"]["reliable"]:
        good = None
        shown["doubt"] = numbers["trained filter"]["reason"]
    return Verdict(
        "A trained translation-invariant machine is a renormalization group: at K_c "
        "its exponents are those of the Ising model",
        "claim",
        outcome(good, converged),
        shown,
        f"Reproduced if at the last step y_t = 1 within {Y_T:g} and y_h = 15/8 within "
        f"{Y_H:g}, {WIDER:g} standard errors allowed for. Undecided if an error is "
        "larger than its bound, or if the exponents still change from step to step.",
        check,
    )
