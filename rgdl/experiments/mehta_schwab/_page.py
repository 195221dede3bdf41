"""The report: sections, tables and captions."""

import math
from collections.abc import Mapping
from typing import Any

from rgdl.experiments.mehta_schwab import _identities as identities
from rgdl.experiments.mehta_schwab import _verdicts as verdicts
from rgdl.experiments.mehta_schwab._moments import SHOWN
from rgdl.experiments.mehta_schwab._page_models import SECTIONS, rounded
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
    for title, section in SECTIONS.items():
        section(report.section(title), *everything)
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
        "The coupling after each decimation (the paper's figure 2): read off the "
        "machines (dots), and the closed form (line), which goes on to the fixed point "
        "K = 0.",
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
        f"{settings.reference:,} more, from another key, serve as reference. Each is "
        f"the end of a Markov chain of its own ({data['sampler']['method']} updates, "
        f"{data['sampler']['start']} start, {data['sampler']['burn_in']:,} sweeps): "
        "independent of all others, so errors need no correlation time."
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

    section.figure(
        pictures["architecture"],
        "The network (the paper's figure 3). Every unit of a layer is connected to "
        "every unit of the next one, none within a layer, and none knows where on the "
        "lattice it is.",
        "Four squares side by side, divided into fewer and fewer cells.",
    )
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
        "Training, layer by layer. Free energies (in nats, up to a constant) of the "
        "data and of the chains, here the data's images after one step, should stay "
        "together; the band is the data's spread. The reconstruction error, per unit, "
        "is no likelihood.",
        "Curves of free energy and reconstruction error against the epoch.",
    )
    for remark in numbers["training"]["paper"]["remarks"]:
        section.paragraph(
            f"Noticed in training, by a rule of Hinton's guide (UTML TR 2010-003): "
            f"{remark.rstrip('.')}."
        )


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
        paper = " (the paper's figure 3)" if 0 < i >= len(settings.layers) - 2 else ""
        section.figure(
            figure,
            f"Receptive fields of layer {i + 1}{paper}: {which} units, the product of "
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
                rounded(each["covered"], 3),
                rounded(each["unevenness"], 3),
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
        "Held-out configurations, their reconstructions (the paper's figure 3) from "
        f"the {settings.layers[-1]} top units (grey: undecided), and the majority of "
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
