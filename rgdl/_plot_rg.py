"""Pictures of couplings, of their flows, of coarse-grainings side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rgdl._plot_style import DOWN, FRAME, LINES, MARKERS, axes, quiet
from rgdl._validate import one_of
from rgdl.exact import K_CRITICAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["comparison", "couplings", "exponents", "flow_diagram", "matching"]

_SCALARS = {
    "nn": "nearest-neighbour coupling of H_push",
    "reach": "reach of pair couplings in coarse lattice constants",
    "many_body": "share of many-body couplings",
    "y_t": "y_t",
    "y_h": "y_h",
    "magnetization": "<|m|> of the coarse spins",
    "energy": "energy per coarse site",
    "k_eff": "K_eff",
    "information": "I(h : E) in nats",
    "kl_push": "KL(P_push || p_h) in nats",
}


def comparison(
    result: Any, *, quantity: str = "correlator", ax: "Axes | None" = None
) -> "Axes":
    """Draw what `rgdl.rg.compare` measured, one line or one row per transform.

    Parameters
    ----------
    result : rgdl.rg.Comparison
    quantity : str, default "correlator"
        "correlator" draws <h v> over the distance; "couplings" those of H_push side by
        side; else a column of the table: "nn", "reach", "many_body", "y_t", "y_h",
        "magnetization", "energy", "k_eff", "information" or "kl_push".
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import rgdl
    >>> rules = [rgdl.rg.Decimation(), rgdl.rg.MajorityRule()]
    >>> table = rgdl.rg.compare(rgdl.Ising(8, K=0.5), rules)
    >>> rgdl.plot.comparison(table, ax=Figure().add_subplot()).get_xlabel()
    'distance in fine lattice constants'
    """
    one_of(quantity, "quantity", ("correlator", "couplings", *_SCALARS))
    rows = result.rows
    if quantity == "couplings":
        known = [row for row in rows if row.couplings is not None]
        if not known:
            raise ValueError("result has no couplings to draw")
        sets = [row.couplings for row in known]
        return couplings(*sets, names=[row.name for row in known], ax=ax)
    ax = axes(ax)
    for i, row in enumerate(rows):
        style: dict[str, Any] = {
            "color": LINES[i % len(LINES)],
            "marker": MARKERS[i % len(MARKERS)],
            "capsize": 2,
        }
        if quantity == "correlator":
            distance = np.arange(len(row.correlator))
            error = row.correlator_error
            ax.errorbar(distance, row.correlator, error, label=row.name, **style)
        else:
            value, error = getattr(row, quantity)
            ax.errorbar([value], [i], xerr=[error], linestyle="none", **style)
    if quantity == "correlator":
        ax.set_xlabel("distance in fine lattice constants")
        ax.set_ylabel("<h v>")
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        ax.legend(frameon=False)
    else:
        ax.set_yticks(range(len(rows)), [row.name for row in rows])
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_xlabel(_SCALARS[quantity])
    quiet(ax)
    return ax


def couplings(
    *sets: Any,
    names: Sequence[str] | None = None,
    n_largest: int = 12,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw couplings side by side, one row per orbit, with their errors.

    Parameters
    ----------
    *sets : rgdl.Couplings or rgdl.LatticeCouplings
        One or more, matched by label.
    names : sequence of str, optional
        One per set, for the legend.
    n_largest : int, default 12
        Orbits shown: the largest of any set.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import rgdl
    >>> s = rgdl.sample(rgdl.Ising((8, 8), K=0.3), 500, rng=0)
    >>> found = rgdl.Couplings.from_samples(s)
    >>> ax = rgdl.plot.couplings(found, ax=Figure().add_subplot())
    >>> ax.get_yticklabels()[0].get_text()
    'field'
    """
    if not sets or not all(hasattr(each, "values") for each in sets):
        raise ValueError(f"couplings must be one or more rgdl.Couplings, got {sets!r}")
    if names is not None and len(names) != len(sets):
        raise ValueError(f"names must hold {len(sets)} names, got {len(names)}")
    largest: dict[str, float] = {}
    for each in sets:
        for label, value in zip(each.labels, each.values.tolist(), strict=True):
            largest[label] = max(largest.get(label, 0.0), abs(value))
    shown = sorted(largest, key=lambda label: -largest[label])[:n_largest]
    rows = [label for label in largest if label in shown]
    ax = axes(ax)
    ax.axvline(0.0, color=FRAME, linewidth=0.8)
    for i, each in enumerate(sets):
        index = {label: k for k, label in enumerate(each.labels)}
        kept = [(row, index[label]) for row, label in enumerate(rows) if label in index]
        at = np.array([row for row, _ in kept]) + 0.6 * ((i + 0.5) / len(sets) - 0.5)
        picked = [k for _, k in kept]
        ax.errorbar(
            each.values[picked],
            at,
            xerr=None if each.errors is None else each.errors[picked],
            color=LINES[i % len(LINES)],
            marker=MARKERS[i % len(MARKERS)],
            linestyle="none",
            capsize=2,
            label=None if names is None else names[i],
        )
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel("coupling in -H")
    ax.grid(axis="y", color=DOWN)
    quiet(ax)
    if names is not None:
        ax.legend(frameon=False)
    return ax


def exponents(result: Any, *, sector: str = "even", ax: "Axes | None" = None) -> "Axes":
    """Draw what `rgdl.rg.mcrg` found: exponents over the number of couplings.

    Parameters
    ----------
    result : rgdl.rg.MCRGResult
        One line per step of the renormalisation.
    sector : {"even", "odd"}
        y_t from the even or y_h from the odd operators.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        The grey line is Onsager's value, 1 or 15/8.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import rgdl
    >>> model = rgdl.Ising((16, 16), K=rgdl.exact.K_CRITICAL)
    >>> run = rgdl.rg.mcrg(model, rgdl.rg.MajorityRule(), levels=2, n=1000, rng=0)
    >>> rgdl.plot.exponents(run, ax=Figure().add_subplot()).get_ylabel()
    'y_t'
    """
    one_of(sector, "sector", ("even", "odd"))
    even = sector == "even"
    values, errors = (
        (result.y_t, result.y_t_error) if even else (result.y_h, result.y_h_error)
    )
    ax = axes(ax)
    ax.axhline(1.0 if even else 1.875, color=FRAME, linewidth=0.8)
    counts = np.arange(1, values.shape[1] + 1)
    for level, (value, error) in enumerate(zip(values, errors, strict=True)):
        ax.errorbar(
            counts + 0.06 * (level - 0.5 * (len(values) - 1)),
            value,
            error,
            color=LINES[level % len(LINES)],
            marker=MARKERS[level % len(MARKERS)],
            capsize=2,
            label=f"step {level} to {level + 1}",
        )
    ax.set_xticks(counts)
    ax.set_xlabel(f"number of {sector} couplings")
    ax.set_ylabel("y_t" if even else "y_h")
    quiet(ax)
    ax.legend(frameon=False)
    return ax


def flow_diagram(
    flows: Sequence[Any],
    *,
    plane: tuple[str, str] = ("nn", "nnn"),
    points: Sequence[Any] = (),
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw flows from many starts, and fixed points, in a plane of two couplings.

    Parameters
    ----------
    flows : sequence of rgdl.rg.Flow
        One arrow per step, from each start on. Colours tell which end above and which
        below the (first) fixed point, along the first of the two couplings.
    plane : pair of str, default ("nn", "nnn")
        Labels of the couplings along the axes; of the others the flow is a projection.
    points : sequence of rgdl.rg.FixedPoint
        Marked where they are.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        It shows the starts and the fixed points; what flows farther away is cut off.

    Raises
    ------
    ValueError
        When there is no flow, or one has no such couplings.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import numpy as np
    >>> import rgdl
    >>> point = rgdl.rg.niemeijer_van_leeuwen()
    >>> flows = [rgdl.rg.niemeijer_van_leeuwen_flow([K, K2], 12)
    ...          for K in np.linspace(0.2, 0.36, 5) for K2 in (-0.04, 0.02)]
    >>> ax = rgdl.plot.flow_diagram(
    ...     flows, points=[point], ax=Figure().add_subplot())
    >>> ax.get_xlabel(), len(ax.collections)
    ('coupling nn', 11)
    """
    if not len(flows):
        raise ValueError("flows must hold at least one flow, got none")
    paths = [_path(flow, plane) for flow in flows]
    fixed = np.array([_path(point, plane)[0] for point in points]).reshape(-1, 2)
    starts = np.array([path[0] for path in paths])
    shown = np.concatenate([starts, fixed])
    middle = (fixed if len(fixed) else starts.mean(axis=0, keepdims=True))[0, 0]
    ax = axes(ax)
    for path in paths:
        steps = np.diff(path, axis=0)
        ax.quiver(
            *path[:-1].T,
            *steps.T,
            angles="xy",
            scale_units="xy",
            scale=1.0,
            width=0.003,
            headwidth=4.5,
            headlength=6.0,
            headaxislength=5.0,
            minlength=0.0,
            color=LINES[1 if path[-1, 0] > middle else 0],
        )
        ax.plot(*path[0], ".", color=FRAME, markersize=4)
    if len(fixed):
        ax.scatter(
            fixed[:, 0], fixed[:, 1], s=60, color="white", edgecolor="black", zorder=3
        )
    margin = 0.06 * np.maximum(np.ptp(shown, axis=0), 1e-3)
    (left, bottom), (right, top) = (
        shown.min(axis=0) - margin,
        shown.max(axis=0) + margin,
    )
    ax.set(xlim=(left, right), ylim=(bottom, top))
    ax.set_xlabel(f"coupling {plane[0]}")
    ax.set_ylabel(f"coupling {plane[1]}")
    quiet(ax)
    return ax


def matching(result: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw what `rgdl.rg.match_lattices` found: critical couplings over the levels.

    Parameters
    ----------
    result : rgdl.rg.MatchingResult
        One line per operator, and their weighted mean in black.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        The grey line is Onsager's K_c, the dotted one the K of the simulations. It
        shows the means and what lies near them; estimates far off are cut.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import rgdl
    >>> run = rgdl.rg.match_lattices(rgdl.Ising((16, 16), K=0.43),
    ...                              rgdl.rg.MajorityRule(), levels=2, n=2000, rng=0)
    >>> rgdl.plot.matching(run, ax=Figure().add_subplot()).get_ylabel()
    'K_c'
    """
    ax = axes(ax)
    ax.axhline(K_CRITICAL, color=FRAME, linewidth=0.8)
    ax.axhline(result.K, color=FRAME, linewidth=0.8, linestyle=":")
    levels = np.arange(1, len(result.combined) + 1)
    lines = [*zip(result.k_c.T, result.k_c_error.T, result.labels, strict=True)]
    for i, (value, error, label) in enumerate(lines):
        ax.errorbar(
            levels + 0.06 * (i - 0.5 * (len(lines) - 1)),
            value,
            error,
            color=LINES[i % len(LINES)],
            marker=MARKERS[(i + i // len(LINES)) % len(MARKERS)],
            markersize=4.0,
            linestyle="none",
            capsize=2,
            label=label,
        )
    ax.errorbar(
        levels,
        result.combined,
        result.combined_error,
        color="black",
        linewidth=1.0,
        capsize=3,
        label="mean",
        zorder=3,
    )
    near = np.append(result.combined, [K_CRITICAL, result.K])
    near = near[np.isfinite(near)]
    margin = max(0.01, float(np.ptp(near)))
    ax.set_ylim(near.min() - margin, near.max() + margin)
    ax.set_xticks(levels, [f"{level} ~ {level - 1}" for level in levels])
    ax.set_xlabel("steps of the large ~ of the small lattice")
    ax.set_ylabel("K_c")
    quiet(ax)
    ax.legend(frameon=False, ncols=2, fontsize="small")
    return ax


def _path(flow: Any, plane: tuple[str, str]) -> Any:
    """Two couplings of a flow or of a fixed point, one row per step."""
    labels = tuple(getattr(flow, "labels", ()))
    if not set(plane) <= set(labels):
        raise ValueError(
            f"plane must name two of the couplings {labels}, got {tuple(plane)}"
        )
    return np.atleast_2d(flow.couplings)[:, [labels.index(name) for name in plane]]
