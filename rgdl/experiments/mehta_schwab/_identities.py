"""Verdicts on statements that hold by algebra, and on the small twin."""

from collections.abc import Mapping, Sequence
from typing import Any

from rgdl.experiments.mehta_schwab._rules import EXACT
from rgdl.experiments.mehta_schwab._verdicts import outcome
from rgdl.report import Missing, Verdict
from rgdl.stats import Estimate

__all__ = [
    "judge_blocks",
    "judge_decimation",
    "judge_delta_f",
    "judge_exact_machine",
    "judge_hidden_side",
    "judge_kl_identity",
    "judge_training",
]

Numbers = Mapping[str, Any]
_BOUND = "10⁻⁹"


def _identity(
    claim: str, numbers: Numbers, rule: str, check: str, more: bool = True
) -> Verdict:
    good = more and all(
        isinstance(value, float | int) and abs(value) < EXACT
        for name, value in numbers.items()
        if not name.startswith("(")
    )
    shown = {name.strip("()"): value for name, value in numbers.items()}
    return Verdict(claim, "identity", "holds" if good else "fails", shown, rule, check)


def judge_decimation(flow: Numbers, check: str = "") -> Verdict:
    """Judge whether coarse units of bond machines are decimated spins."""
    return _identity(
        "A ring's exact bond RBM decimates it: the units on every other bond form a "
        "ring with K′ = ½ ln cosh 2K and no other coupling",
        {
            "largest deviation of K": max(flow["deviation"]),
            "largest other coupling": max(flow["other_couplings"]),
            "largest deviation of ln Z": max(flow["log_z_deviation"]),
        },
        f"Holds if all three stay below {_BOUND}.",
        check,
    )


def judge_blocks(machines: Sequence[Numbers], check: str = "") -> Verdict:
    """Judge block machines of any strength, state by state."""
    return _identity(
        "A ring's block RBM with any weight on its blocks satisfies the trace "
        "condition, and the identities of the mapping",
        {
            name: max(abs(each[key]) for each in machines)
            for name, key in (
                ("largest trace residual", "trace_residual"),
                ("largest KL divergence", "kl"),
                ("largest violation of an identity", "identities"),
            )
        },
        f"Holds if all three stay below {_BOUND}.",
        check,
    )


def judge_exact_machine(machine: Numbers, check: str = "") -> Verdict:
    """Judge the trace condition of the exact bond machine."""
    return _identity(
        "The bond RBM, one hidden unit per bond, is an exact renormalization group "
        "step: it satisfies the trace condition in every state",
        {
            "largest trace residual": machine["trace_residual"],
            "KL divergence": machine["kl"],
        },
        f"Holds if both stay below {_BOUND}.",
        check,
    )


def judge_hidden_side(machine: Numbers, check: str = "") -> Verdict:
    """Judge whether the coarse Hamiltonians of RG and RBM agree."""
    return _identity(
        "The coarse Hamiltonian of T = −E + H equals that of the machine, here for "
        "random weights",
        {"largest difference": machine["identities"]["h_rg"]},
        f"Holds if the largest difference over all h stays below {_BOUND}. It tests "
        "the code only.",
        check,
    )


def judge_kl_identity(machines: Mapping[str, Numbers], check: str = "") -> Verdict:
    """Judge KL + <r> + Delta F = 0 for every machine."""
    return _identity(
        "KL(data ‖ machine) = −⟨r⟩ − ΔF for any weights, trained or not",
        {name: each["balance"] for name, each in machines.items()},
        f"Holds if the two sides agree to {_BOUND}. It tests the code only.",
        check,
    )


def judge_delta_f(machine: Numbers, check: str = "") -> Verdict:
    """Judge whether Delta F = 0 is compatible with a wrong machine."""
    shift = -machine["delta_f"]
    wrong = machine["kl"] > 1e-3 and machine["trace_residual"] > 1e-3
    return _identity(
        "ΔF = 0 alone decides nothing: adding a constant to E makes it vanish for "
        "random weights, and the distribution is as wrong as before",
        {
            "(constant added to E)": shift,
            "ΔF afterwards": machine["delta_f"] + shift,
            "(trace residual, which a constant leaves)": machine["trace_residual"],
            "(KL, which a constant leaves)": machine["kl"],
        },
        "Holds if ΔF vanishes after the shift while KL and residual exceed 0.001.",
        check,
        wrong,
    )


def judge_training(
    machines: Mapping[str, Numbers], name: str, *, converged: bool, check: str = ""
) -> Verdict:
    """Judge whether a trained machine comes near the trace condition."""
    start, end = machines["no weights"], machines[name]
    numbers: dict[str, Any] = {}
    good = True
    for key, words in (("kl", "KL"), ("trace_rms", "trace rms")):
        value = end[key]
        numbers[f"{words}, no weights"] = start[key]
        numbers[f"{words}, trained"] = value
        known = value.value if isinstance(value, Estimate) else float("nan")
        good = good and not isinstance(value, Missing) and 0 < known < 0.5 * start[key]
    return Verdict(
        f"Training moves a machine towards the trace condition ({name}), without "
        "reaching it",
        "claim",
        outcome(good, converged),
        numbers,
        "Reproduced if training at least halves both and leaves them above 0.",
        check,
    )
