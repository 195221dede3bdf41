"""Pictures and words of the report on Mehta and Schwab's experiment."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import rgdl
from rgdl import plot
from rgdl.experiments import _verdicts
from rgdl.report import Missing, Report, Section

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rgdl.experiments.mehta_schwab import Settings

__all__ = [
    "draw_blocking",
    "draw_fields",
    "draw_flow",
    "draw_lattices",
    "draw_reconstructions",
    "draw_training",
    "lay_out",
]

Floats = npt.NDArray[np.float64]
Spins = npt.NDArray[np.int8]

_PAPER_ROWS, _PAPER_EPOCHS = 20_000, 200


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _row(figure: "Figure", n: int, rows: int = 1) -> "list[Axes]":
    return list(np.ravel(figure.subplots(rows, n)))


def draw_lattices(spins: Spins) -> "Figure":
    figure = _figure(6.4, 4.3)
    for ax, s in zip(_row(figure, 3, 2), spins, strict=False):
        plot.spins(s, ax=ax)
    return figure


def draw_flow(flow: Mapping[str, Any]) -> "Figure":
    figure = _figure(5.6, 3.4)
    ax = figure.add_subplot()
    steps = len(flow["K"])
    more = np.asarray(rgdl.rg.decimate_chain(flow["K"][0], steps + 2).couplings)
    plot.flow(more[:, :1], ax=ax)
    ax.lines[0].set(marker="", label="closed form, K′ = ½ ln cosh 2K")
    ax.plot(
        range(steps), flow["K"], "o", color="#d55e00", label="read off exact block RBMs"
    )
    for step, n in enumerate(flow["sites"]):
        ax.annotate(
            f"{n} spins",
            (step, flow["K"][step]),
            xytext=(9, 4),
            textcoords="offset points",
        )
    ax.legend(handles=[*ax.lines[2:], ax.lines[0]], frameon=False)
    return figure


def draw_fields(fields: npt.ArrayLike) -> "Figure":
    maps = np.asarray(fields, dtype=float)
    strength = np.square(maps).sum(axis=(1, 2))
    keep = np.sort(np.argsort(-strength, kind="stable")[:100])
    figure = _figure(6.2, 6.4)
    plot.receptive_fields(maps[keep], ax=figure.add_subplot())
    return figure


def draw_reconstructions(spins: Spins, guess: Floats, blocks: Spins) -> "Figure":
    figure = _figure(6.6, 4.3)
    names = ("held-out data", "network", "block majority")
    axes = _row(figure, len(spins), 3)
    images = [*spins, *(2.0 * guess - 1.0), *blocks]
    for i, (ax, image) in enumerate(zip(axes, images, strict=True)):
        plot.spins(image, ax=ax)
        if i % len(spins) == 0:
            ax.set_ylabel(names[i // len(spins)])
    return figure


def draw_training(histories: Sequence[Mapping[str, Any]]) -> "Figure":
    figure = _figure(6.4, 2.5 * len(histories))
    for i, (ax, history) in enumerate(
        zip(_row(figure, 1, len(histories)), histories, strict=True)
    ):
        plot.training(history, ax=ax)
        ax.set_title(f"layer {i + 1}", loc="left", fontsize="medium")
        legend = ax.get_legend()
        if i and legend is not None:
            legend.remove()
    return figure


def draw_blocking(strips: Mapping[str, Sequence[Spins]]) -> "Figure":
    figure = _figure(6.4, 4.2)
    for ax, (name, images) in zip(
        _row(figure, 1, len(strips)), strips.items(), strict=True
    ):
        plot.blocking_strip(images, ax=ax)
        ax.set_title(name, loc="left", fontsize="medium")
    return figure


# The page.


def lay_out(
    settings: "Settings", numbers: Mapping[str, Any], pictures: Mapping[str, Any]
) -> Report:
    sizes = "–".join(str(n) for n in (math.prod(settings.shape), *settings.layers))
    state = "" if settings.converged else " Fast run: training has not converged."
    report = Report(
        "Is deep learning a renormalization group?",
        "The experiment of Mehta and Schwab (arXiv:1410.3831), run again and judged. "
        f"Network {sizes}, {settings.rows:,} configurations, {settings.epochs} epochs "
        f"per layer.{state}",
    )
    _lay_out_claim(report.section("What is claimed"), settings)
    _lay_out_ring(
        report.section("One dimension: decimation by machines"), numbers, pictures
    )
    _lay_out_sample(
        report.section("Two dimensions: the data"), settings, numbers, pictures
    )
    _lay_out_network(
        report.section("Two dimensions: the network"), settings, numbers, pictures
    )
    _lay_out_mapping(report.section("The mapping, state by state"), settings, numbers)
    return report


def _lay_out_claim(section: Section, settings: "Settings") -> None:
    section.paragraph(
        "Kadanoff's variational renormalization group couples fine spins v to coarse "
        "spins h by an operator T(v, h). A restricted Boltzmann machine couples them "
        "by an energy E(v, h). Setting T = −E + H, with H the Hamiltonian of the data, "
        "turns one into the other."
    ).paragraph(
        "This report keeps two kinds of statement apart. An identity holds by algebra, "
        "whatever the machine has learned, and tests only the code. A claim could have "
        "come out either way; its rule was fixed before the run."
    )
    if not settings.converged:
        section.paragraph(
            "This is the fast version: fewer configurations and far fewer epochs than "
            "the paper's. Training has not converged, so nothing that depends on it is "
            "judged. The numbers are shown all the same."
        )


def _lay_out_ring(
    section: Section, numbers: Mapping[str, Any], pictures: Mapping[str, Any]
) -> None:
    flow = numbers["ring"]
    chain = " → ".join(str(n) for n in flow["sites"])
    section.paragraph(
        f"A ring of {flow['sites'][0]} spins at K = {flow['K'][0]:g} is written as a "
        "Boltzmann machine with one hidden unit per bond, which is exact. The units on "
        "every other bond serve as coarse spins. Everything else is summed over, state "
        f"by state, and the couplings of what is left are read off: {chain} spins."
    )
    section.figure(
        pictures["flow"],
        "The coupling after each decimation: read off the machines (dots), and the "
        "closed form (line), which goes on to the fixed point K = 0.",
        "Line falling from the first coupling towards zero, with dots on it.",
    )
    rows = [
        (n, K, exact, deviation, other)
        for n, K, exact, deviation, other in zip(
            flow["sites"],
            flow["K"],
            flow["closed_form"],
            flow["deviation"],
            [Missing("the starting point"), *flow["other_couplings"]],
            strict=True,
        )
    ]
    section.table(
        ("spins", "K read off", "closed form", "deviation", "largest other coupling"),
        rows,
        "Each row's machine is built with the K read off in the row above it.",
    ).verdict(_verdicts.judge_decimation(flow))


def _lay_out_sample(
    section: Section,
    settings: "Settings",
    numbers: Mapping[str, Any],
    pictures: Mapping[str, Any],
) -> None:
    sample = numbers["sample"]
    height, width = settings.shape
    section.paragraph(
        f"{settings.rows:,} independent configurations of the {height} × {width} Ising "
        f"model at K = {settings.K:g}, slightly on the disordered side. (The paper "
        "calls 0.4352 critical; the exact critical coupling is 0.44069.)"
    )
    section.figure(
        pictures["lattices"],
        "Six of the training configurations. Dark is spin up.",
        "Six square lattices with ragged dark and light domains of all sizes.",
    )
    section.table(
        ("quantity", "sampled", "standard error", "exact (Kaufman)"),
        [
            _estimate_row(sample, "energy"),
            _estimate_row(sample, "specific_heat"),
        ],
    )
    section.verdict(_verdicts.judge_energy(sample))
    section.figure(
        pictures["blocking"],
        "What a renormalization group does by hand: one configuration coarsened by the "
        "majority of 2 × 2 blocks, and by keeping one spin of each block.",
        "Two rows of lattices that get coarser from left to right.",
    )


def _lay_out_network(
    section: Section,
    settings: "Settings",
    numbers: Mapping[str, Any],
    pictures: Mapping[str, Any],
) -> None:
    section.table(
        ("setting", "value", "whose"),
        [
            ("hidden layers", "–".join(map(str, settings.layers)), "the paper's"),
            (
                "epochs per layer",
                f"{settings.epochs}",
                _whose(settings.epochs == _PAPER_EPOCHS),
            ),
            (
                "configurations",
                f"{settings.rows:,}",
                _whose(settings.rows == _PAPER_ROWS),
            ),
            ("L1 penalty", f"{settings.l1:g}", "the paper's"),
            ("method", "greedy contrastive divergence", "the paper's"),
            ("steps per gradient", "1 (CD-1)", "ours"),
            ("units", "binary (0 and 1)", "ours"),
            ("learning rate, mean gradient", f"{settings.learning_rate:g}", "ours"),
            ("momentum", f"{settings.momentum:g}", "ours"),
            ("batch", f"{settings.batch_size}", "ours"),
            ("first weights", f"normal, width {settings.weight_scale:g}", "ours"),
            ("first biases", "0", "ours"),
        ],
        "The paper does not give the settings marked as ours.",
    )
    section.figure(
        pictures["training"],
        "Training, layer by layer. Free energies of the data and of the model's "
        "one-step images should stay together; the reconstruction error is no "
        "likelihood.",
        "Curves of free energy and reconstruction error against the epoch.",
    )
    for remark in numbers["training_remarks"]:
        section.paragraph(f"Noticed in training: {remark}.")
    for i, figure in enumerate(pictures["fields"]):
        units = settings.layers[i]
        which = "all" if units <= 100 else "the 100 strongest of"
        section.figure(
            figure,
            f"Receptive fields of layer {i + 1}: {which} {units} units, the product of "
            "the weight matrices up to that layer. Red positive, blue negative.",
            f"Grid of {min(units, 100)} maps of the lattice, one per hidden unit.",
        )
    section.paragraph(
        "Two numbers per field: the participation ratio, the number of sites it rests "
        "on, and the root mean square radius on the torus. The control keeps every "
        "unit's incoming weights but puts them in random places. (In layer 1 this "
        "leaves the participation ratio as it is, so only the radius tells.)"
    )
    section.table(
        (
            "layer",
            "units",
            "participation",
            "shuffled participation",
            "radius",
            "shuffled radius",
        ),
        [
            (
                i + 1,
                each["units"],
                _rounded(each["participation"], 1),
                _rounded(each["participation_shuffled"], 1),
                _rounded(each["radius"], 2),
                _rounded(each["radius_shuffled"], 2),
            )
            for i, each in enumerate(numbers["fields"])
        ],
        "Medians over the units of a layer.",
    )
    for i in range(1, len(settings.layers)):
        section.verdict(
            _verdicts.judge_locality(
                numbers["fields"][i], i + 1, converged=settings.converged
            )
        )
    if len(settings.layers) > 1:
        section.verdict(
            _verdicts.judge_growth(numbers["fields"], converged=settings.converged)
        )
    _lay_out_reconstruction(section, settings, numbers, pictures)


def _lay_out_reconstruction(
    section: Section,
    settings: "Settings",
    numbers: Mapping[str, Any],
    pictures: Mapping[str, Any],
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
        ("reconstruction", "overlap", "standard error", "correlation of blocks"),
        [
            (
                name,
                _rounded(rows[key]["overlap"], 3),
                _rounded(rows[key]["overlap_error"], 4),
                _rounded(rows[key]["block_correlation"], 3),
            )
            for name, key in (
                ("network", "network"),
                (f"majority of {block} × {block} blocks", "block_majority"),
                ("network, wrong configuration", "other_configuration"),
            )
        ],
        f"Overlap is the mean of s · sign(reconstruction) over {settings.held_out} "
        "configurations that no machine was trained on: 1 is perfect, 0 is chance.",
    ).verdict(_verdicts.judge_reconstruction(rows, converged=settings.converged))


def _estimate_row(sample: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    """Name, estimate, error and exact value, to two digits of the error."""
    error = sample[f"{name}_error"]
    digits = 1 - math.floor(math.log10(error)) if error > 0 else 6
    exact = sample[f"exact_{name}"]
    return (
        f"{name.replace('_', ' ')} per site",
        *(round(value, digits) for value in (sample[name], error, exact)),
    )


def _rounded(value: float, digits: int) -> float | Missing:
    if not math.isfinite(value):
        return Missing("every field is zero")
    return round(value, digits)


def _whose(same: bool) -> str:
    return "the paper's" if same else "less than the paper's"


def _lay_out_mapping(
    section: Section, settings: "Settings", numbers: Mapping[str, Any]
) -> None:
    machines = numbers["mapping"]
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
                each["kl"] + each["trace_constant"] + each["delta_f"],
            )
            for name, each in machines.items()
        ],
        "Residual: largest |r − ⟨r⟩| over all states; rms: its spread under the data. "
        f"Trained with {settings.small_hidden} hidden units, PCD-5, "
        f"{settings.small_epochs} epochs on {settings.small_rows:,} configurations; "
        f"the random machine has {settings.random_hidden} hidden units.",
    )
    section.verdict(_verdicts.judge_exact_machine(machines["exact bond RBM"]))
    section.verdict(_verdicts.judge_hidden_side(machines["random RBM"]))
    section.verdict(_verdicts.judge_kl_identity(machines))
    section.verdict(_verdicts.judge_delta_f(machines["random RBM"]))
    section.verdict(_verdicts.judge_training(machines, converged=settings.converged))
