"""Pictures of the report."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.colors import LinearSegmentedColormap

import rgdl
from rgdl import plot
from rgdl._plot_style import DIVERGING, DOWN, LINES, MARKERS, UP, quiet
from rgdl.experiments.mehta_schwab._moments import Spins
from rgdl.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "architecture",
    "blocking",
    "coarse",
    "correlations",
    "couplings",
    "exponents",
    "fields",
    "filter_weights",
    "flow",
    "lattices",
    "rows_of_lattices",
    "training",
    "widths",
]


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _axes(figure: "Figure", rows: int, columns: int) -> "list[Axes]":
    return list(np.ravel(figure.subplots(rows, columns)))


def lattices(spins: Spins) -> "Figure":
    """Six configurations."""
    return rows_of_lattices({"": spins[:3], " ": spins[3:6]}, 3)


def flow(numbers: Mapping[str, Any]) -> "Figure":
    """Coupling of the ring after each decimation."""
    figure = _figure(4.8, 3.2)
    ax = figure.add_subplot()
    steps = len(numbers["K"])
    more = np.asarray(rgdl.rg.decimate_chain(numbers["K"][0], steps + 2).couplings)
    plot.flow(more[:, :1], ax=ax)
    ax.lines[0].set(marker="", label="K′ = ½ ln cosh 2K")
    ax.plot(
        range(steps),
        numbers["K"],
        "o",
        color=LINES[1],
        label="read off exact RBMs",
    )
    for step, n in enumerate(numbers["sites"]):
        ax.annotate(
            f"{n} spins",
            (step, numbers["K"][step]),
            xytext=(9, 4),
            textcoords="offset points",
        )
    ax.legend(handles=[*ax.lines[2:], ax.lines[0]], loc="upper right", frameon=False)
    return figure


def fields(maps: npt.ArrayLike) -> "Figure":
    """At most 100 receptive fields, the strongest."""
    every = np.asarray(maps, dtype=float)
    strength = np.square(every).sum(axis=(1, 2))
    keep = np.sort(np.argsort(-strength, kind="stable")[:100])
    figure = _figure(6.2, 6.4)
    plot.receptive_fields(every[keep], ax=figure.add_subplot())
    return figure


def widths(layers: Sequence[Mapping[str, Any]]) -> "Figure":
    """Median sizes of the fields by layer, with the controls."""
    figure = _figure(5.2, 3.0)
    names = {"paper": "with L1", "without L1": "without L1", "shuffled": "shuffled"}
    for ax, size, words in zip(
        _axes(figure, 1, 2),
        ("participation", "radius"),
        ("participation (sites)", "rms radius (sites)"),
        strict=True,
    ):
        for i, (name, label) in enumerate(names.items()):
            rows = [
                (depth, layer[name]["all weights"][size])
                for depth, layer in enumerate(layers, start=1)
            ]
            _bars(ax, rows, i, label)
        quiet(ax)
        ax.set_xticks(range(1, len(layers) + 1))
        ax.set_xlabel("layer")
        ax.set_title(words, loc="left", fontsize="medium")
        ax.set_ylim(bottom=0)
    lines = ax.get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _bars(ax: "Axes", rows: Sequence[tuple[float, Any]], i: int, label: str) -> None:
    known = [(x, each) for x, each in rows if isinstance(each, Estimate)]
    if not known:
        return
    ax.errorbar(
        [x for x, _ in known],
        [each.value for _, each in known],
        [each.error if math.isfinite(each.error) else 0.0 for _, each in known],
        color=LINES[i],
        marker=MARKERS[i],
        capsize=3,
        label=label,
    )


def rows_of_lattices(images: Mapping[str, npt.ArrayLike], columns: int) -> "Figure":
    """Named rows of configurations, -1 to 1; one picture, as axes take time."""
    rows = [np.asarray(each, dtype=float)[:columns] for each in images.values()]
    height, width = rows[0].shape[1:]
    gap = max(1, width // 20)
    canvas = np.full(
        (len(rows) * (height + gap) - gap, columns * (width + gap) - gap), np.nan
    )
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            top, left = i * (height + gap), j * (width + gap)
            canvas[top : top + height, left : left + width] = image
    figure = _figure(6.6, 0.3 + 1.3 * len(rows))
    ax = figure.add_subplot()
    ink = LinearSegmentedColormap.from_list("ink", [DOWN, UP])
    ax.imshow(canvas, cmap=ink, vmin=-1, vmax=1, interpolation="nearest")
    ax.set_frame_on(False)
    ax.set_xticks([])
    ax.set_yticks(
        [i * (height + gap) + height / 2 for i in range(len(rows))],
        list(images),
        rotation=90,
        va="center",
    )
    ax.tick_params(length=0)
    return figure


def training(histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> "Figure":
    """Free energies and reconstruction error, per layer (with L1)."""
    layers = histories["paper"]
    figure = _figure(5.2, 2.3 * len(layers))
    for i, (ax, history) in enumerate(
        zip(_axes(figure, len(layers), 1), layers, strict=True)
    ):
        plot.training(history, ax=ax)
        ax.set_title(f"layer {i + 1}", loc="left", fontsize="medium")
        legend = ax.get_legend()
        if i and legend is not None:
            legend.remove()
    return figure


def blocking(strips: Mapping[str, Sequence[Spins]]) -> "Figure":
    """One configuration, coarser and coarser, by two rules."""
    figure = _figure(6.4, 4.2)
    for ax, (name, images) in zip(
        _axes(figure, len(strips), 1), strips.items(), strict=True
    ):
        plot.blocking_strip(images, ax=ax)
        ax.set_title(name, loc="left", fontsize="medium")
    return figure


def correlations(data: Mapping[str, Any], samples: Mapping[str, Any]) -> "Figure":
    """C(r) of reference samples and of the machines' own."""
    figure = _figure(4.8, 3.2)
    ax = figure.add_subplot()
    distances = data["distances"]
    sets = {
        "data (independent samples)": data["correlations"],
        "layer 1, its own samples": samples["layer 1"]["correlations"],
        "whole network": samples["network"]["correlations"],
    }
    for i, (name, values) in enumerate(sets.items()):
        _bars(ax, list(zip(distances, values, strict=True)), i, name)
    quiet(ax)
    ax.axhline(0.0, color="0.6", linewidth=0.8, zorder=0)
    ax.set_xticks(distances)
    ax.set_xlabel("distance r along an axis (sites)")
    ax.set_ylabel("C(r) = ⟨s₀ s_r⟩")
    ax.legend(loc="upper right", frameon=False)
    return figure


def couplings(numbers: Mapping[str, Any]) -> "Figure":
    """Effective pair couplings of layer 1 against distance."""
    figure = _figure(4.8, 3.2)
    ax = figure.add_subplot()
    rows = numbers["rows"]
    ax.axhline(0.0, color="0.6", linewidth=0.8, zorder=0)
    ax.plot(
        [row["distance"] for row in rows],
        [numbers["K"] if row["distance"] == 1 else 0.0 for row in rows],
        linestyle="",
        marker="_",
        markersize=14,
        color=LINES[1],
        label="exact Hamiltonian of the data",
    )
    ax.errorbar(
        [row["distance"] for row in rows],
        [row["coupling"].value for row in rows],
        [row["coupling"].error for row in rows],
        linestyle="",
        marker="o",
        capsize=3,
        color=LINES[0],
        label="layer 1",
    )
    quiet(ax)
    ax.set_xlabel("distance (sites)")
    ax.set_ylabel("pair coupling J")
    ax.legend(loc="upper right", frameon=False)
    return figure


def coarse(numbers: Mapping[str, Any]) -> "Figure":
    """K_eff of block spins, and of the hidden units that have a place."""
    figure = _figure(4.8, 3.2)
    ax = figure.add_subplot()
    layers = numbers["layers"]
    names = {
        "decimation": "decimation",
        "majority rule": "majority rule",
        "Kadanoff": "Kadanoff",
        "network": "hidden units",
    }
    for i, (name, label) in enumerate(names.items()):
        _bars(ax, [(each["layer"], each[name]["K_eff"]) for each in layers], i, label)
    quiet(ax)
    ax.set_xticks([each["layer"] for each in layers])
    ax.set_xticklabels(
        [
            f"layer {each['layer']}"
            + (f"\n{each['shape'][0]} × {each['shape'][1]}" if each["shape"] else "")
            for each in layers
        ]
    )
    ax.set_ylabel("effective coupling $K_{\\mathrm{eff}}$")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower left", frameon=False)
    return figure


def exponents(numbers: Mapping[str, Any]) -> "Figure":
    """y_t and y_h by step."""
    figure = _figure(5.2, 2.8)
    axes = _axes(figure, 1, 2)
    words = {"y_t": "$y_t$, exact 1", "y_h": "$y_h$, exact 15/8"}
    for ax, name, exact in zip(axes, words, (1.0, 1.875), strict=True):
        ax.axhline(exact, color="0.6", linewidth=0.8, zorder=0)
        for i, rule in enumerate(("trained filter", "majority rule")):
            rows = [(each["step"], each[name]) for each in numbers[rule]["levels"]]
            _bars(ax, rows, i, rule)
        quiet(ax)
        ax.set_xticks([each["step"] for each in numbers["majority rule"]["levels"]])
        ax.set_xlabel("step")
        ax.set_title(words[name], loc="left", fontsize="medium")
    axes[0].legend(loc="lower right", frameon=False, fontsize="small")
    return figure


def filter_weights(weights: npt.ArrayLike) -> "Figure":
    """Weights of the filter, in colour and in numbers."""
    values = np.asarray(weights, dtype=float)
    figure = _figure(3.2, 3.0)
    ax = figure.add_subplot()
    largest = float(np.abs(values).max()) or 1.0
    ax.imshow(values, cmap=DIVERGING, vmin=-largest, vmax=largest)
    for i, row in enumerate(values.tolist()):
        for j, value in enumerate(row):
            ink = "white" if abs(value) > 0.6 * largest else "black"
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=ink)
    ax.set_xticks([])
    ax.set_yticks([])
    return figure


def architecture(shape: tuple[int, ...], layers: Sequence[int]) -> "Figure":
    """Stack of the network: units of every layer, drawn as lattices where they fit."""
    sizes = [math.prod(shape), *layers]
    figure = _figure(5.2, 1.9)
    ax = figure.add_subplot()
    for i, n in enumerate(sizes):
        left, side = 1.5 * i, math.isqrt(n)
        if side * side == n:
            lines = np.linspace(0.0, 1.0, side + 1)
            ends = np.zeros(side + 1), np.ones(side + 1)
            ax.hlines(lines, left + ends[0], left + ends[1], LINES[i], linewidth=0.5)
            ax.vlines(left + lines, *ends, LINES[i], linewidth=0.5)
        else:
            ax.plot(left + np.array([0, 1, 1, 0, 0]), [0, 0, 1, 1, 0], color=LINES[i])
        name = "spins" if i == 0 else f"layer {i}"
        grid = f" = {side}²" if side * side == n else ""
        ax.text(left + 0.5, -0.12, f"{name}\n{n}{grid}", ha="center", va="top")
        if i:
            ax.annotate(
                "",
                (left - 0.06, 0.5),
                (left - 0.44, 0.5),
                arrowprops={"arrowstyle": "->", "color": "0.4"},
            )
            ax.text(left - 0.25, 0.58, f"$W_{i}$", ha="center", va="bottom")
    ax.set_xlim(-0.1, 1.5 * len(sizes) - 0.4)
    ax.set_ylim(-0.65, 1.1)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return figure
