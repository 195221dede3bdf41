"""Pictures of couplings and of coarse-grainings side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rgdl._plot_style import DOWN, FRAME, LINES, MARKERS, axes, quiet
from rgdl._validate import one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["comparison", "couplings"]

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
