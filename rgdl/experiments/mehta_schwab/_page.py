"""The report: sections, tables and captions."""

import math
from collections.abc import Mapping
from typing import Any

from rgdl.experiments.mehta_schwab import _identities as identities
from rgdl.experiments.mehta_schwab import _verdicts as verdicts
from rgdl.experiments.mehta_schwab._moments import OBSERVABLES, SHOWN
from rgdl.experiments.mehta_schwab._rules import REASONS
from rgdl.experiments.mehta_schwab._settings import FULL, Settings
from rgdl.report import Missing, Report, Section

__all__ = ["lay_out"]

Numbers = Mapping[str, Any]


def lay_out(
    settings: Settings, numbers: Numbers, pictures: Numbers, checks: Mapping[str, str]
) -> Report:
    """Put everything in order."""
    sizes = "–".join(str(n) for n in (math.prod(settings.shape), *settings.layers))
    state = "" if settings.converged else " Fast run: training has not converged."
    report = Report(
        "Is deep learning a renormalization group?",
        "The experiment of Mehta and Schwab (arXiv:1410.3831), run again and judged. "
        f"Network {sizes}, {settings.rows:,} configurations, {settings.epochs} epochs "
        f"per layer.{state}",
    )
    everything = (settings, numbers, pictures, checks)
    _claim(report.section("What is claimed"), settings)
    _ring(report.section("One dimension: decimation by machines"), *everything)
    _data(report.section("Two dimensions: the data"), *everything)
    _training(report.section("The network"), *everything)
    _fields(report.section("What the hidden units see"), *everything)
    _reconstruction(report.section("Reconstructions"), *everything)
    _samples(report.section("What the machines themselves look like"), *everything)
    _likelihood(report.section("Likelihood"), *everything)
    _couplings(report.section("The Hamiltonian that layer 1 has learned"), *everything)
    _coarse(report.section("Hidden layers as block spins"), *everything)
    _exponents(report.section("Exponents"), *everything)
    _twin(report.section("The mapping, state by state"), *everything)
    return report


def _claim(section: Section, settings: Settings) -> None:
    section.paragraph(
        "Kadanoff's variational renormalization group couples fine spins v to coarse "
        "spins h by an operator T(v, h). A restricted Boltzmann machine couples them "
        "by an energy E(v, h). Setting T = −E + H, with H the Hamiltonian of the data, "
        "turns one into the other."
    ).paragraph(
        "This report keeps two kinds of statement apart. An identity holds by algebra, "
        "whatever the machine has learned, and tests only the code. A claim could have "
        "come out either way; its rule was fixed before the run. Numbers in brackets "
        "are standard errors of the last digits."
    )
    if not settings.converged:
        section.paragraph(
            "This is the fast version: fewer configurations and far fewer epochs than "
            "the paper's. Training has not converged, so nothing that depends on it is "
            "judged. The numbers are shown all the same."
        )
    section.table(
        ("rule about", "bound, and why"),
        list(REASONS.items()),
        "Thresholds of the verdicts.",
    )


def _ring(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    flow = numbers["ring"]
    chain = " → ".join(str(n) for n in flow["sites"])
    section.paragraph(
        f"A ring of {flow['sites'][0]} spins at K = {flow['K'][0]:g} is written as a "
        "Boltzmann machine with one hidden unit per bond, which is exact. The units on "
        "every other bond serve as coarse spins. Everything else is summed over, state "
        f"by state, and the couplings of what is left are read off: {chain} spins. "
        "There is no sampling here, so no statistical error."
    )
    section.figure(
        pictures["flow"],
        "The coupling after each decimation: read off the machines (dots), and the "
        "closed form (line), which goes on to the fixed point K = 0.",
        "Line falling from the first coupling towards zero, with dots on it.",
    )
    rows = zip(
        flow["sites"],
        flow["K"],
        flow["closed_form"],
        flow["deviation"],
        [Missing("the starting point"), *flow["other_couplings"]],
        strict=True,
    )
    section.table(
        ("spins", "K read off", "closed form", "deviation", "largest other coupling"),
        list(rows),
        "Each row's machine is built with the K read off in the row above it.",
    ).verdict(identities.judge_decimation(flow, checks["decimation"]))
    section.table(
        ("weight of a block unit", "trace residual", "KL (nats)", "worst identity"),
        [
            (
                f"{each['strength']:.6f}" + (" = λ*" if each["star"] else ""),
                each["trace_residual"],
                each["kl"],
                each["identities"],
            )
            for each in flow["blocks"]
        ],
        "Rings of 8 spins at K = 0.7 whose first hidden units are blocks of two. With "
        "λ* = ½ arcosh e²ᴷ the blocks are a ring again; with any other weight the "
        "machine is still exact, and the blocks have more couplings.",
    ).verdict(identities.judge_blocks(flow["blocks"], checks["blocks"]))


def _data(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    data = numbers["data"]
    height, width = settings.shape
    section.paragraph(
        f"{settings.rows:,} independent configurations of the {height} × {width} Ising "
        f"model at K = {settings.K:g}, slightly on the disordered side. (The paper "
        "calls 0.4352 critical; the exact critical coupling is 0.44069.) "
        f"{settings.reference:,} more, from another key, serve as reference."
    )
    section.figure(
        pictures["lattices"],
        "Six of the training configurations. Dark is spin up.",
        "Six square lattices with ragged dark and light domains of all sizes.",
    )
    missing = Missing("no closed form for a finite lattice")
    section.table(
        ("quantity", "training data", "reference", "exact (Kaufman)"),
        [
            (
                SHOWN.get(name, name),
                data["training"][name],
                data["reference"][name],
                exact,
            )
            for name, exact in (
                ("energy", data["exact"]["energy"]),
                ("specific heat", data["exact"]["specific heat"]),
                ("abs m", missing),
                ("m^2", missing),
                ("U4", missing),
            )
        ],
        "Energy and specific heat are per site.",
    ).verdict(verdicts.judge_data(data, checks["data"]))
    section.figure(
        pictures["blocking"],
        "What a renormalization group does by hand: one configuration coarsened by the "
        "majority of 2 × 2 blocks, and by keeping one spin of each block.",
        "Two rows of lattices that get coarser from left to right.",
    )


def _training(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    def whose(name: str) -> str:
        same = getattr(settings, name) == getattr(FULL, name)
        return "the paper's" if same else "not the paper's"

    section.table(
        ("setting", "value", "whose"),
        [
            ("lattice", "{} × {}".format(*settings.shape), whose("shape")),
            ("coupling K", f"{settings.K:g}", whose("K")),
            ("hidden layers", "–".join(map(str, settings.layers)), whose("layers")),
            ("epochs per layer", f"{settings.epochs}", whose("epochs")),
            ("configurations", f"{settings.rows:,}", whose("rows")),
            ("L1 penalty", f"{settings.l1:g}", whose("l1")),
            ("method", "greedy contrastive divergence", "the paper's"),
            ("steps per gradient", "1 (CD-1), v sampled, p(h|v) in the end", "ours"),
            ("units", "binary (0 and 1)", "ours"),
            ("learning rate, mean gradient", f"{settings.learning_rate:g}", "ours"),
            ("L1 per update", "learning rate × penalty × sign(W)", "ours"),
            ("momentum", f"{settings.momentum:g}", "ours"),
            ("batch", f"{settings.batch_size}", "ours"),
            ("first weights", f"normal, width {settings.weight_scale:g}", "ours"),
            ("first biases", "0", "ours"),
            ("data of the next layer", "one sample of h per configuration", "ours"),
        ],
        "The paper is silent on the settings marked as ours. The control without L1 "
        "penalty has the same key, so the same first weights and the same batches.",
    )
    section.figure(
        pictures["training"],
        "Training, layer by layer. Free energies of the data and of the model's "
        "one-step images should stay together; the reconstruction error is no "
        "likelihood.",
        "Curves of free energy and reconstruction error against the epoch.",
    )
    for remark in numbers["training"]["paper"]["remarks"]:
        section.paragraph(f"Noticed in training: {remark.rstrip('.')}.")


def _fields(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    layers, converged = numbers["fields"]["layers"], settings.converged
    for i, figure in enumerate(pictures["fields"]):
        units = settings.layers[i]
        which = f"all {units}" if units <= 100 else f"the 100 strongest of {units}"
        section.figure(
            figure,
            f"Receptive fields of layer {i + 1}: {which} units, the product of "
            "the weight matrices up to that layer. Red positive, blue negative.",
            f"Grid of {min(units, 100)} maps of the lattice, one per hidden unit.",
        )
    section.figure(
        pictures["fields without L1"],
        "The same for layer 1 of the network trained without L1 penalty.",
        "Grid of maps of the lattice, one per hidden unit.",
    )
    section.paragraph(
        "Two numbers per field: the participation ratio, the number of sites it rests "
        "on, and the root mean square radius on the torus. One control keeps every "
        "unit's incoming weights but puts them in random places (in layer 1 this "
        "leaves the participation ratio as it is); the other is trained without L1. "
        "Coverage is the share of sites that some unit sees with at least half its "
        "largest weight; unevenness is the relative scatter of how strongly sites are "
        "seen."
    )
    section.figure(
        pictures["widths"],
        "Medians over the units of a layer, with bootstrap errors.",
        "Two graphs against the layer: participation ratio and radius, three curves.",
    )
    words = {"paper": "with L1", "without L1": "without L1", "shuffled": "shuffled"}
    section.table(
        (
            "layer",
            "network",
            "weights",
            "participation",
            "radius",
            "coverage",
            "unevenness",
            "silent",
        ),
        [
            (
                depth,
                words[name],
                which,
                each["participation"],
                each["radius"],
                _rounded(each["covered"], 3),
                _rounded(each["unevenness"], 3),
                each["silent"],
            )
            for depth, layer in enumerate(layers, start=1)
            for name in words
            for which, each in layer[name].items()
        ],
        "Medians over the units that are not silent (zero), with bootstrap errors. A "
        "field that is the same everywhere has radius "
        f"{numbers['fields']['even radius']:.1f}.",
    )
    even = numbers["fields"]["even radius"]
    for depth, which, check in (
        (1, "all weights", "radius"),
        (1, "half maximum", "half maximum"),
        *((i, "all weights", f"layer {i}") for i in range(2, len(layers) + 1)),
    ):
        section.verdict(
            verdicts.judge_locality(
                layers[depth - 1],
                depth,
                even,
                which,
                converged=converged,
                check=checks[check],
            )
        )
    if len(layers) > 1:
        section.verdict(
            verdicts.judge_growth(layers, converged=converged, check=checks["growth"])
        )
    section.verdict(verdicts.judge_l1(layers, converged=converged, check=checks["L1"]))


def _reconstruction(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    block = settings.block
    kept = math.prod(extent // block for extent in settings.shape)
    section.figure(
        pictures["reconstructions"],
        "Held-out configurations, their reconstructions from the "
        f"{settings.layers[-1]} top units (grey: undecided), and the majority of "
        f"{block} × {block} blocks, which keeps {kept} numbers.",
        "Three rows of five lattices: originals, reconstructions, block majorities.",
    )
    rows = numbers["reconstruction"]
    section.table(
        ("reconstruction", "overlap", "correlation of blocks"),
        [
            (words, rows[key]["overlap"], rows[key]["block correlation"])
            for words, key in (
                ("network", "network"),
                ("network without L1", "without L1"),
                (f"majority of {block} × {block} blocks", "block majority"),
                ("network, shuffled weights", "shuffled weights"),
                ("network, wrong configuration", "another configuration"),
            )
        ],
        f"Overlap is the mean of s · sign(reconstruction) over {settings.held_out} "
        "configurations that no machine was trained on: 1 is perfect, 0 is chance.",
    ).verdict(
        verdicts.judge_reconstruction(
            rows, converged=settings.converged, check=checks["reconstruction"]
        )
    )


def _samples(
    section: Section,
    settings: Settings,
    numbers: Numbers,
    pictures: Numbers,
    checks: Mapping[str, str],
) -> None:
    samples, data = numbers["samples"], numbers["data"]
    section.paragraph(
        "A machine that has learned the data draws configurations like them. Layer 1 "
        f"is sampled by {2 * settings.chains} Gibbs chains of {settings.steps} steps; "
        f"the network by {settings.network_steps} steps of its top machine and one "
        "pass down. Half the chains begin at data, half at fair coins: where the two "
        "differ, the chains are not at equilibrium."
    )
    section.figure(
        pictures["samples"],
        "Data, samples of layer 1 and samples of the whole network, from chains that "
        "began at fair coins.",
        "Three rows of lattices.",
    )
    columns = {
        "data or exact": {**data["reference"], **_exact(data)},
        "layer 1": samples["layer 1"]["both"],
        "layer 1, from data": samples["layer 1"]["from data"],
        "layer 1, from coins": samples["layer 1"]["from coins"],
        "network": samples["network"]["both"],
    }
    section.table(
        ("quantity", *columns),
        [
            (SHOWN.get(name, name), *(column[name] for column in columns.values()))
            for name in OBSERVABLES
        ],
        "Energy and specific heat of the first column are Kaufman's, exact; the rest "
        "of it is from the reference samples.",
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
        "C(r) along the axes.",
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
        "Negative log-likelihoods in nats per configuration. No model has a mean below "
        "the data's entropy, which Kaufman's partition function gives exactly. ln Z of "
        f"layer 1 comes from annealing {settings.ais_chains} chains over "
        f"{settings.ais_betas} temperatures in both directions; the forward run bounds "
        "it from below, the reverse run from above. The network's likelihood has only "
        "an upper bound."
    )
    section.table(
        ("model", "NLL", "above the exact value on the same rows"),
        [
            ("exact: entropy of the data", _rounded(rows["floor"], 4), 0.0),
            (
                f"exact, on these {rows['rows']} configurations",
                rows["exact on these rows"],
                0.0,
            ),
            ("layer 1", rows["layer 1"], rows["excess"]),
            (
                "layer 1, by the forward bound",
                _rounded(rows["at least"], 2),
                _above(rows, "at least"),
            ),
            ("layer 1, by the reverse bound", rows["at most"], _above(rows, "at most")),
            (
                "network, at most",
                rows["network at most"],
                rows["network at most, excess"],
            ),
            (
                "fair coins",
                _rounded(rows["fair coins"], 2),
                _above(rows, "fair coins"),
            ),
        ],
        f"{_rounded(rows['effective chains'], 0)} effective chains carry the ratio. "
        "Bounds are two standard errors wide. Differences on the same rows are free of "
        "most of the scatter of the data.",
    ).verdict(
        verdicts.judge_likelihood(
            rows, converged=settings.converged, check=checks["likelihood"]
        )
    )


def _above(rows: Numbers, name: str) -> float | Missing:
    if isinstance(rows[name], Missing):
        return Missing("no bound")
    return _rounded(rows[name] - rows["exact on these rows"].value, 2)


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
        "more than 5 % of its units never change, or if centres and places are more "
        "than one coarse spacing apart."
    )
    section.figure(
        pictures["coarse"],
        "K_eff by scale.",
        "K_eff against the layer for three rules, and for the hidden units placed.",
    )
    words = {
        "network": "hidden units",
        "decimation": "decimation",
        "majority rule": "majority rule",
        "Kadanoff": "Kadanoff",
    }
    section.table(
        ("layer", "spins", "energy", "K_eff", "nn", "nnn", "plaquette"),
        [
            (
                layer["layer"],
                label,
                *(layer[name][key] for key in ("energy", "K_eff", "nn", "nnn")),
                layer[name]["plaquette"],
            )
            for layer in rows["layers"]
            for name, label in words.items()
        ],
        "nn, nnn, plaquette: couplings of the coarse spins from their samples.",
    )
    section.table(
        ("layer", "rms distance of centres from places", "units that never change"),
        [
            (
                layer["layer"],
                _rounded(layer["placement"]["distance"], 3),
                _rounded(layer["placement"].get("never change", math.nan), 3),
            )
            for layer in rows["layers"]
        ],
        "In coarse lattice constants; and as a share.",
    ).verdict(
        verdicts.judge_coarse(
            rows, converged=settings.converged, check=checks["coarse"]
        )
    )


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
        "Exponents with all seven even and four odd couplings, by step; the filter.",
        "Two graphs of exponents against the step, and a small map of weights.",
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
        f"{rows['rows']:,} configurations. Exact: y_t = 1, y_h = 1.875.",
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


def _rounded(value: Any, digits: int) -> float | Missing:
    if isinstance(value, Missing):
        return value
    if not math.isfinite(value):
        return Missing("no finite value")
    return float(round(value, digits))
