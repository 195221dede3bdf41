"""Verdicts on Mehta and Schwab's experiment: numbers in, outcome out.

Every rule was fixed before the run it judges, and is printed with the outcome.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rgdl.report import Verdict

__all__ = [
    "judge_decimation",
    "judge_delta_f",
    "judge_energy",
    "judge_exact_machine",
    "judge_growth",
    "judge_hidden_side",
    "judge_kl_identity",
    "judge_locality",
    "judge_reconstruction",
    "judge_training",
]

_ENERGY_SIGMAS = 4.0
_EXACT = 1e-9


def judge_decimation(flow: Mapping[str, Any]) -> Verdict:
    """Judge whether coarse units of bond machines are decimated spins.

    Parameters
    ----------
    flow : mapping
        What `ring_flow` returns.

    Returns
    -------
    rgdl.report.Verdict

    Examples
    --------
    >>> from rgdl.experiments._verdicts import judge_decimation
    >>> flow = {"deviation": [0, 0.1], "other_couplings": [0], "log_z_deviation": [0]}
    >>> judge_decimation(flow).outcome
    'fails'
    """
    numbers = {
        "largest deviation of K": max(flow["deviation"]),
        "largest other coupling": max(flow["other_couplings"]),
        "largest deviation of ln Z": max(flow["log_z_deviation"]),
    }
    return Verdict(
        "A ring's exact bond RBM decimates it: the units on every other bond form a "
        "ring with K′ = ½ ln cosh 2K and no other coupling",
        "identity",
        "holds" if max(numbers.values()) < _EXACT else "fails",
        numbers,
        f"Holds if all three stay below {_text(_EXACT)}.",
    )


def judge_energy(statistics: Mapping[str, Any]) -> Verdict:
    """Judge sampled energies against the exact value.

    Parameters
    ----------
    statistics : mapping
        What `sample_statistics` returns, with ``exact_energy`` and
        ``exact_specific_heat``.

    Returns
    -------
    rgdl.report.Verdict

    Examples
    --------
    >>> from rgdl.experiments._verdicts import judge_energy
    >>> numbers = {"energy": -1.0, "energy_error": 0.001, "exact_energy": -1.1,
    ...            "specific_heat": 1.0, "specific_heat_error": 0.01,
    ...            "exact_specific_heat": 1.0}
    >>> judge_energy(numbers).outcome
    'not reproduced'
    """
    sigmas = {
        "energy": (statistics["energy"] - statistics["exact_energy"])
        / statistics["energy_error"],
        "specific heat": (
            statistics["specific_heat"] - statistics["exact_specific_heat"]
        )
        / statistics["specific_heat_error"],
    }
    good = all(abs(each) < _ENERGY_SIGMAS for each in sigmas.values())
    return Verdict(
        "The training data follow the Boltzmann distribution: energy and specific heat "
        "agree with Kaufman's exact solution of this lattice",
        "claim",
        "reproduced" if good else "not reproduced",
        {f"{name}, in standard errors": value for name, value in sigmas.items()},
        f"Reproduced if both are within {_ENERGY_SIGMAS:g} standard errors.",
    )


def judge_locality(
    widths: Mapping[str, Any], layer: int, *, converged: bool = True
) -> Verdict:
    """Judge whether a layer's receptive fields are local.

    Parameters
    ----------
    widths : mapping
        One entry of the report's ``numbers["fields"]``.
    layer : int
        Number of the layer, counted from 1 at the lattice.
    converged : bool
        Whether training was long enough to judge.

    Returns
    -------
    rgdl.report.Verdict

    Examples
    --------
    >>> from rgdl.experiments._verdicts import judge_locality
    >>> widths = {"participation": 90.0, "participation_shuffled": 800.0,
    ...           "participation_shuffled_5": 700.0, "radius": 5.0,
    ...           "radius_shuffled": 16.0, "radius_shuffled_5": 15.0}
    >>> judge_locality(widths, 2).outcome
    'reproduced'
    """
    good = (
        widths["participation"] < widths["participation_shuffled_5"]
        and widths["radius"] < widths["radius_shuffled_5"]
    )
    keys = ("participation", "participation_shuffled_5", "radius", "radius_shuffled_5")
    return Verdict(
        f"Receptive fields of layer {layer} are local",
        "claim",
        _outcome(good, converged),
        {key.replace("_5", ", 5 % quantile"): widths[key] for key in keys},
        "Reproduced if the median participation ratio and the median radius both lie "
        "below the 5 % quantile over the units of the shuffled network.",
    )


def judge_growth(
    widths: Sequence[Mapping[str, Any]], *, converged: bool = True
) -> Verdict:
    """Judge whether fields grow from the second layer to the third.

    Parameters
    ----------
    widths : sequence of mapping
        The report's ``numbers["fields"]``.
    converged : bool
        Whether training was long enough to judge.

    Returns
    -------
    rgdl.report.Verdict

    Examples
    --------
    >>> from rgdl.experiments._verdicts import judge_growth
    >>> layers = [{"radius": r, "participation": 9 * r} for r in (2.0, 3.0, 5.0)]
    >>> judge_growth(layers).outcome
    'reproduced'
    """
    below, above = widths[-2], widths[-1]
    good = (
        above["radius"] > below["radius"]
        and above["participation"] > below["participation"]
    )
    numbers = {
        f"{key}, layer {len(widths) - 1 + i}": layer[key]
        for key in ("radius", "participation")
        for i, layer in enumerate((below, above))
    }
    return Verdict(
        "Receptive fields grow with depth, as block spins do",
        "claim",
        _outcome(good, converged),
        numbers,
        "Reproduced if both medians of the last layer exceed those of the one below.",
    )


def judge_reconstruction(
    numbers: Mapping[str, Any], *, converged: bool = True
) -> Verdict:
    """Judge whether reconstructions keep the large domains.

    Parameters
    ----------
    numbers : mapping
        The report's ``numbers["reconstruction"]``.
    converged : bool
        Whether training was long enough to judge.

    Returns
    -------
    rgdl.report.Verdict

    Examples
    --------
    >>> from rgdl.experiments._verdicts import judge_reconstruction
    >>> made_up = {"network": {"overlap": 0.1, "overlap_error": 0.01},
    ...            "block_majority": {"overlap": 0.6},
    ...            "other_configuration": {"overlap": 0.0}}
    >>> judge_reconstruction(made_up).outcome
    'not reproduced'
    """
    network, blocks = numbers["network"], numbers["block_majority"]
    other = numbers["other_configuration"]
    clear = network["overlap"] - other["overlap"] > 10.0 * network["overlap_error"]
    good = clear and network["overlap"] >= 0.5 * blocks["overlap"]
    return Verdict(
        "Reconstructions from the top layer keep the macroscopic domains",
        "claim",
        _outcome(good, converged),
        {
            "overlap with the original": network["overlap"],
            "standard error": network["overlap_error"],
            "with another configuration": other["overlap"],
            "of the block majority": blocks["overlap"],
        },
        "Reproduced if the overlap of held-out configurations is at least half that of "
        "the block majority and 10 standard errors above that of wrong pairs.",
    )


def judge_exact_machine(machine: Mapping[str, Any]) -> Verdict:
    """Judge the trace condition of the exact bond machine.

    Parameters
    ----------
    machine : mapping
        Its entry in the report's ``numbers["mapping"]``.

    Returns
    -------
    rgdl.report.Verdict

    Examples
    --------
    >>> from rgdl.experiments._verdicts import judge_exact_machine
    >>> judge_exact_machine({"trace_residual": 1e-13, "kl": 0.0}).outcome
    'holds'
    """
    numbers = {
        "largest trace residual": machine["trace_residual"],
        "KL divergence": machine["kl"],
    }
    good = all(abs(value) < _EXACT for value in numbers.values())
    return Verdict(
        "The bond RBM, one hidden unit per bond, is an exact renormalization group "
        "step: it satisfies the trace condition in every state",
        "identity",
        "holds" if good else "fails",
        numbers,
        f"Holds if both stay below {_text(_EXACT)}.",
    )


def judge_hidden_side(machine: Mapping[str, Any]) -> Verdict:
    """Judge whether the coarse Hamiltonians of RG and RBM agree.

    Parameters
    ----------
    machine : mapping
        The random machine's entry in the report's ``numbers["mapping"]``.

    Returns
    -------
    rgdl.report.Verdict

    Examples
    --------
    >>> from rgdl.experiments._verdicts import judge_hidden_side
    >>> judge_hidden_side({"identities": {"h_rg": 1e-14}}).outcome
    'holds'
    """
    residual = machine["identities"]["h_rg"]
    return Verdict(
        "The coarse Hamiltonian of T = −E + H equals that of the machine, here for "
        "random weights",
        "identity",
        "holds" if residual < _EXACT else "fails",
        {"largest difference": residual},
        f"Holds if the largest difference over all h stays below {_text(_EXACT)}. It "
        "tests the code only.",
    )


def judge_kl_identity(machines: Mapping[str, Mapping[str, Any]]) -> Verdict:
    """Judge KL + <r> + Delta F = 0 for every machine.

    Parameters
    ----------
    machines : mapping
        The report's ``numbers["mapping"]``.

    Returns
    -------
    rgdl.report.Verdict

    Examples
    --------
    >>> from rgdl.experiments._verdicts import judge_kl_identity
    >>> machine = {"kl": 2.0, "trace_constant": -1.5, "delta_f": -0.5}
    >>> judge_kl_identity({"random": machine}).outcome
    'holds'
    """
    residuals = {
        name: abs(each["kl"] + each["trace_constant"] + each["delta_f"])
        for name, each in machines.items()
    }
    return Verdict(
        "KL(data ‖ machine) = −⟨r⟩ − ΔF for any weights, trained or not",
        "identity",
        "holds" if max(residuals.values()) < _EXACT else "fails",
        residuals,
        f"Holds if the two sides agree to {_text(_EXACT)}. It tests the code only.",
    )


def judge_delta_f(machine: Mapping[str, Any]) -> Verdict:
    """Judge whether Delta F = 0 is compatible with a wrong machine.

    Parameters
    ----------
    machine : mapping
        The random machine's entry in the report's ``numbers["mapping"]``.

    Returns
    -------
    rgdl.report.Verdict

    Examples
    --------
    >>> from rgdl.experiments._verdicts import judge_delta_f
    >>> judge_delta_f({"delta_f": 3.0, "trace_residual": 8.0, "kl": 2.0}).outcome
    'holds'
    """
    shift = -machine["delta_f"]
    numbers = {
        "constant added to E": shift,
        "ΔF afterwards": machine["delta_f"] + shift,
        "trace residual, which a constant leaves": machine["trace_residual"],
        "KL, which a constant leaves": machine["kl"],
    }
    wrong = machine["kl"] > 1e-3 and machine["trace_residual"] > 1e-3
    return Verdict(
        "ΔF = 0 alone decides nothing: adding a constant to E makes it vanish for "
        "random weights, and the distribution is as wrong as before",
        "identity",
        "holds" if wrong and abs(numbers["ΔF afterwards"]) < _EXACT else "fails",
        numbers,
        "Holds if ΔF vanishes after the shift while KL and residual exceed 0.001.",
    )


def judge_training(
    machines: Mapping[str, Mapping[str, Any]], *, converged: bool
) -> Verdict:
    """Judge whether training moves a machine towards the trace condition.

    Parameters
    ----------
    machines : mapping
        The report's ``numbers["mapping"]``.
    converged : bool
        False in a fast run.

    Returns
    -------
    rgdl.report.Verdict

    Examples
    --------
    >>> from rgdl.experiments._verdicts import judge_training
    >>> start, end = {"kl": 4.0, "trace_rms": 3.0}, {"kl": 0.2, "trace_rms": 0.5}
    >>> machines = {"no weights": start, "trained RBM": end}
    >>> judge_training(machines, converged=True).outcome
    'reproduced'
    """
    start, end = machines["no weights"], machines["trained RBM"]
    good = all(0 < end[key] < 0.5 * start[key] for key in ("kl", "trace_rms"))
    return Verdict(
        "Training moves a machine towards the trace condition, without reaching it",
        "claim",
        _outcome(good, converged),
        {
            "KL, no weights": start["kl"],
            "KL, trained": end["kl"],
            "trace rms, no weights": start["trace_rms"],
            "trace rms, trained": end["trace_rms"],
        },
        "Reproduced if training at least halves both and leaves them above 0.",
    )


def _outcome(good: bool, converged: bool) -> str:
    if not converged:
        return "fast: not converged"
    return "reproduced" if good else "not reproduced"


def _text(bound: float) -> str:
    mantissa, _, exponent = f"{bound:.0e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if mantissa == "1" else f"{mantissa}×10{raised}"
