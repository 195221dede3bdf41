"""The report's later sections: what the trained machines are as models."""

import math
from collections.abc import Mapping
from typing import Any

from rgdl.experiments.mehta_schwab import _identities as identities
from rgdl.experiments.mehta_schwab import _verdicts as verdicts
from rgdl.experiments.mehta_schwab._moments import OBSERVABLES, SHOWN
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.report import Missing, Section
from rgdl.stats import Estimate

__all__ = ["SECTIONS", "rounded"]

Numbers = Mapping[str, Any]


def _samples(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    samples, data = numbers["samples"], numbers["data"]
    section.paragraph(
        "A machine that has learned the data draws configurations like them. Gibbs "
        "chains of layer 1 can take too long to forget their start; the table shows "
        f"those from data and those from fair coins after {settings.steps} steps. So "
        f"{settings.chains} more are annealed first, from independent units through "
        f"{settings.ais_betas} temperatures. They count as samples of layer 1 if their "
        f"{settings.steps} steps no longer change them: they drift by "
        f"{samples['layer 1']['worst gap']:.1f} standard errors."
    ).paragraph(
        f"The network is sampled by {settings.network_steps} steps of its top machine "
        "and one pass down, half of the chains from data and half from fair coins; "
        "they count together if they agree."
    )
    section.figure(
        pictures["samples"],
        "Data, samples of layer 1 (annealed), and samples of the whole network (from "
        "fair coins). Dark is spin up.",
        "Three rows of lattices.",
    )
    first, whole = samples["layer 1"], samples["network"]
    columns = {
        "data or exact": {**data["reference"], **_exact(data)},
        "layer 1": first["own"],
        "layer 1, from data": first["starts"]["data"],
        "layer 1, from coins": first["starts"]["coins"],
        "network": whole["own"],
    }
    section.table(
        ("quantity", *columns),
        [
            (SHOWN.get(name, name), *(column[name] for column in columns.values()))
            for name in OBSERVABLES
        ],
        "Per site; specific heat is K² N var(e), also of the machines, which have no "
        "other K. Energy and specific heat of the first column are Kaufman's, exact; "
        "the rest of it is from the reference samples. The data are even in the spins; "
        f"the machines' own ⟨m⟩ are {_text(first['m'])} (layer 1) and "
        f"{_text(whole['m'])} (network).",
    )
    section.table(
        ("r", "data", "layer 1", "network"),
        list(
            zip(
                data["distances"],
                data["correlations"],
                samples["layer 1"]["correlations"],
                samples["network"]["correlations"],
                strict=True,
            )
        ),
        "C(r) = ⟨s₀ s_r⟩ along the axes, mean over sites and both axes.",
    )
    section.figure(
        pictures["correlations"],
        "Correlations along the axes of data, layer 1 and network.",
        "Three falling curves against the distance.",
    )
    for machine, name in (("layer 1", "layer 1"), ("network", "the whole network")):
        section.verdict(
            verdicts.judge_samples(
                samples[machine],
                data,
                name,
                settings.shape,
                settings.K,
                converged=settings.converged,
                check=checks[f"{machine} samples"],
            )
        )


def _text(estimate: Estimate) -> str:
    return str(estimate).replace("-", "−")


def _exact(data: Numbers) -> dict[str, float]:
    return {name: data["exact"][name] for name in ("energy", "specific heat")}


def _likelihood(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    rows = numbers["likelihood"]
    section.paragraph(
        "Negative log-likelihoods (NLL) in nats per configuration. No model has a mean "
        "below the data's entropy, which Kaufman's partition function gives exactly. "
        f"ln Z of layer 1 is annealed by {settings.ais_chains} chains over "
        f"{settings.ais_betas} temperatures in both directions: up from independent "
        "units, and back down from the machine's own annealed samples of the section "
        "above. The forward run bounds ln Z from below, the reverse run from above as "
        "far as its samples are at equilibrium; Bennett's ratio joins both. Of the "
        "network's likelihood only a bound is known; ln Z of its top machine is exact."
    )
    section.table(
        ("model", "NLL", "above the exact value on the same rows"),
        [
            ("exact: entropy of the data", rounded(rows["floor"], 4), 0.0),
            (
                f"exact, on these {rows['rows']} configurations",
                rows["exact on these rows"],
                0.0,
            ),
            ("layer 1 (both ways)", rows["layer 1"], rows["excess"]),
            (
                "layer 1, at least (forward)",
                rounded(rows["at least"], 2),
                _above(rows, "at least"),
            ),
            ("layer 1, at most (reverse)", rows["at most"], _above(rows, "at most")),
            (
                "network, at most",
                rows["network at most"],
                rows["network at most, excess"],
            ),
            (
                "fair coins",
                rounded(rows["fair coins"], 2),
                _above(rows, "fair coins"),
            ),
        ],
        f"{rows['effective chains']:.0f} effective chains carry Bennett's ratio. "
        "Bounds include two standard errors. Differences on the same rows are free of "
        "most of the scatter of the data.",
    ).verdict(
        verdicts.judge_likelihood(
            rows, converged=settings.converged, check=checks["likelihood"]
        )
    )


def _above(rows: Numbers, name: str) -> float | Missing:
    if isinstance(rows[name], Missing):
        return Missing("no bound")
    return rounded(rows[name] - rows["exact on these rows"].value, 2)


def _couplings(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    rows = numbers["couplings"]
    section.paragraph(
        "Summed over its hidden units, layer 1 is a model of the spins alone, with "
        "couplings of every order. Its pair couplings follow from the weights: the "
        "input of the other spins to a hidden unit is taken as a few exact terms and a "
        "Gaussian. The data's own Hamiltonian has K for nearest neighbours and nothing "
        "else."
    )
    section.figure(
        pictures["couplings"],
        "Effective pair couplings of layer 1 against distance, and the exact ones.",
        "Dots against distance, and dashes at K and at zero.",
    )
    section.table(
        ("displacement", "coupling", "exact", "scatter over places"),
        [
            (
                "({}, {})".format(*row["step"]),
                row["coupling"],
                rows["K"] if row["distance"] == 1 else 0.0,
                float(f"{row['spread over places']:.2g}"),
            )
            for row in rows["rows"]
        ],
        f"Means over {rows['pairs']} random places and orientations each. Summing "
        "twice as many terms exactly moves a coupling by at most "
        f"{rows['approximation'] / rows['K']:.2%} of K.",
    ).verdict(
        verdicts.judge_couplings(
            rows, settings.K, converged=settings.converged, check=checks["couplings"]
        )
    )


def _coarse(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    rows = numbers["coarse"]
    section.paragraph(
        "If hidden layers are block spins, each unit has a place: it is put on the "
        "coarse lattice at the centre of its field, one unit per site, with the sign "
        "of its field. Then the layer's energy can be read as a coupling K_eff, that "
        "of a nearest-neighbour model of the same size, and its couplings can be "
        f"estimated. The same {rows['rows']:,} configurations are blocked by three "
        "rules. A layer has no place, and no number, if its fields are not local, if "
        "more than 5% of its units never change, or if centres and places are more "
        "than one coarse spacing apart."
    )
    section.figure(
        pictures["coarse"],
        "The coupling of a nearest-neighbour model of the same size and energy, by "
        "scale.",
        "K_eff against the layer for three rules, and for the hidden units placed.",
    )
    words = {
        "network": "hidden units",
        "decimation": "decimation",
        "majority rule": "majority rule",
        "Kadanoff": "Kadanoff",
    }
    section.table(
        ("layer", "spins", "K_eff", "energy", "nn", "nnn", "plaquette"),
        [
            (
                layer["layer"],
                label,
                *_coarse_row(layer[name]),
            )
            for layer in rows["layers"]
            for name, label in words.items()
        ],
        "Energy is −Σ s s′ over nearest neighbours, per site. nn, nnn, plaquette: "
        "couplings of the coarse spins, estimated from their samples.",
    )
    section.table(
        ("layer", "rms distance of centres from places", "units that never change"),
        [
            (
                layer["layer"],
                rounded(layer["placement"]["distance"], 3),
                rounded(layer["placement"].get("never change", math.nan), 3),
            )
            for layer in rows["layers"]
        ],
        "In coarse lattice constants; and as a share.",
    ).verdict(
        verdicts.judge_coarse(
            rows, converged=settings.converged, check=checks["coarse"]
        )
    )


def _coarse_row(values: Numbers) -> list[Any]:
    """K_eff and what goes with it; a reason that holds for all is given once."""
    first, *rest = (
        values[key] for key in ("K_eff", "energy", "nn", "nnn", "plaquette")
    )
    same = Missing("as K_eff")
    return [first, *(same if first == each else each for each in rest)]


def _exponents(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    rows = numbers["exponents"]
    size = rows["size"]
    section.paragraph(
        "The paper's network has no translation invariance and its data are not "
        "critical, so exponents need a run of their own: at K_c = 0.440687 a single "
        f"filter, shared over the {settings.filter_size} × {settings.filter_size} "
        "lattice, is trained as a Boltzmann machine with one hidden spin per 2 × 2 "
        "block, and its p(h|v) serves as the block-spin rule of Swendsen's Monte Carlo "
        f"renormalization group on {size} × {size}."
    )
    section.figure(
        pictures["exponents"],
        "Exponents with all seven even and four odd couplings, by step of b = 2.",
        "Two graphs of exponents against the step.",
    )
    section.figure(
        pictures["filter"],
        "The filter: weights of one hidden spin to the spins around its block, which "
        "is in the middle.",
        "A small map of weights.",
    )
    section.table(
        ("step", "y_t, filter", "y_t, majority", "y_h, filter", "y_h, majority"),
        [
            (own["step"], own["y_t"], rule["y_t"], own["y_h"], rule["y_h"])
            for own, rule in zip(
                rows["trained filter"]["levels"],
                rows["majority rule"]["levels"],
                strict=True,
            )
        ],
        f"{rows['rows']:,} configurations, jackknife errors. Exact: y_t = 1, "
        "y_h = 15/8.",
    )
    for name in ("trained filter", "majority rule"):
        if not rows[name]["reliable"]:
            section.paragraph(f"Noticed, {name}: {rows[name]['reason']}.")
    section.verdict(
        verdicts.judge_exponents(
            rows, converged=settings.converged, check=checks["exponents"]
        )
    )


def _twin(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    machines = numbers["twin"]
    height, width = settings.small_shape
    section.paragraph(
        f"On {height} × {width} spins every state can be counted. With T = −E + H, "
        "let r(v) = ln Σ exp T(v, h), summed over h. The paper's exactness condition, "
        "the trace condition, says r = 0 for every v. Adding a constant to E moves r "
        "by a constant, so the question is whether r is the same in every state. That "
        "is so exactly if the machine's distribution is that of the data: KL = 0."
    ).paragraph(
        "That the coarse Hamiltonian of T equals that of the machine is an identity; "
        "it holds for random weights. So does KL = −⟨r⟩ − ΔF. The claim is the trace "
        "condition. ΔF, the quantity the variational renormalization group minimises, "
        "cannot stand in for it: any machine reaches ΔF = 0 by a constant in E."
    )
    section.table(
        ("machine", "trace residual", "trace rms", "KL (nats)", "ΔF", "KL + ⟨r⟩ + ΔF"),
        [
            (
                name,
                each["trace_residual"],
                each["trace_rms"],
                each["kl"],
                each["delta_f"],
                each["balance"],
            )
            for name, each in machines.items()
        ],
        "Residual: largest |r − ⟨r⟩| over all states; rms: its spread under the data. "
        "Trained as the paper's: its ratio of units, binary, CD-1, L1. Trained for "
        f"likelihood: {settings.small_hidden} hidden spins, PCD-5. Both "
        f"{settings.small_epochs} epochs on {settings.small_rows:,} configurations; "
        f"errors from {settings.small_repeats} repeats with other data and keys. The "
        f"random machine has {settings.random_hidden} hidden units.",
    )
    random = machines["random RBM"]
    section.verdict(
        identities.judge_exact_machine(
            machines["exact bond RBM"], checks["exact machine"]
        )
    )
    section.verdict(identities.judge_hidden_side(random, checks["identities"]))
    section.verdict(identities.judge_kl_identity(machines, checks["identities"]))
    section.verdict(identities.judge_delta_f(random, checks["identities"]))
    for name, check in (
        ("trained as the paper's", "paper's twin"),
        ("trained for likelihood", "likelihood twin"),
    ):
        section.verdict(
            identities.judge_training(
                machines, name, converged=settings.converged, check=checks[check]
            )
        )


def rounded(value: Any, digits: int) -> float | Missing:
    """Round for a table, or say that there is no number."""
    if isinstance(value, Missing):
        return value
    if not math.isfinite(value):
        return Missing("no finite value")
    return float(round(value, digits))


SECTIONS = {
    "What the machines themselves look like": _samples,
    "Likelihood": _likelihood,
    "The Hamiltonian that layer 1 has learned": _couplings,
    "Hidden layers as block spins": _coarse,
    "Exponents": _exponents,
    "The mapping, state by state": _twin,
}
