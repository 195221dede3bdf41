"""Pictures of lattices, weights, flows and training.

Every function draws into `ax` (or a new figure if there is none), returns the Axes and
shows nothing by itself. Colours are safe for colour-blind readers and differ in
lightness, so that they survive a black-and-white print.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rgdl._plot_rg import comparison, couplings, exponents, flow_diagram, matching
from rgdl._plot_style import DIVERGING as _DIVERGING
from rgdl._plot_style import FRAME as _FRAME
from rgdl._plot_style import LINES as _LINES
from rgdl._plot_style import MARKERS as _MARKERS
from rgdl._plot_style import axes as _axes
from rgdl._plot_style import bare as _bare
from rgdl._plot_style import image as _image
from rgdl._plot_style import ink as _ink
from rgdl._plot_style import quiet as _quiet
from rgdl._plot_training import receptive_fields, training
from rgdl._validate import one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "binder_crossing",
    "blocking_strip",
    "collapse",
    "comparison",
    "couplings",
    "exponents",
    "flow",
    "flow_diagram",
    "matching",
    "receptive_fields",
    "spins",
    "trace",
    "training",
    "weights",
]


def spins(s: npt.ArrayLike, *, ax: "Axes | None" = None) -> "Axes":
    """Draw one configuration: +1 (or 1) dark, -1 (or 0) light.

    Parameters
    ----------
    s : array_like, shape (L,) or (L, M)
        Spins -1/+1, binary units 0/1, or real values between the two (grey levels,
        as mean-field reconstructions have them).
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from rgdl import plot
    >>> ax = plot.spins(np.ones((4, 6)), ax=Figure().add_subplot())
    >>> ax.images[0].get_array().shape
    (4, 6)
    """
    image = _image(s, "s")
    ax = _axes(ax)
    low = -1.0 if image.min() < 0 else 0.0
    ax.imshow(image, cmap=_ink(), vmin=low, vmax=1.0, interpolation="nearest")
    _bare(ax)
    return ax


def weights(rbm: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw a weight matrix, visible units down, hidden units across.

    Parameters
    ----------
    rbm : rgdl.RBM or array_like, shape (n_visible, n_hidden)
        A fitted machine, or its weights.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from rgdl import plot
    >>> plot.weights(np.eye(3), ax=Figure().add_subplot()).get_xlabel()
    'hidden unit'
    """
    matrix = _image(getattr(rbm, "W_", rbm), "rbm")
    limit = float(np.abs(matrix).max()) or 1.0
    ax = _axes(ax)
    image = ax.imshow(
        matrix,
        cmap=_DIVERGING,
        vmin=-limit,
        vmax=limit,
        aspect="auto",
        interpolation="nearest",
    )
    ax.set_xlabel("hidden unit")
    ax.set_ylabel("visible unit")
    ax.figure.colorbar(image, ax=ax, label="weight")
    return ax


def flow(flow: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw couplings against the number of coarse-graining steps.

    Parameters
    ----------
    flow : rgdl.rg.Flow or array_like, shape (n_steps + 1, n_couplings)
        Row 0 is the starting point. Without labels the columns are numbered.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from rgdl import plot
    >>> ax = plot.flow([[1.0], [0.66], [0.35]], ax=Figure().add_subplot())
    >>> len(ax.lines[0].get_xdata())
    3
    """
    from matplotlib.ticker import MaxNLocator

    rows = np.array(getattr(flow, "couplings", flow), dtype=float)
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(
            f"flow must have shape (n_steps + 1, n_couplings), got {rows.shape}"
        )
    names = getattr(flow, "labels", None) or [f"K{i}" for i in range(rows.shape[1])]
    ax = _axes(ax)
    for i, name in enumerate(names):
        ax.plot(
            rows[:, i],
            color=_LINES[i % len(_LINES)],
            marker=_MARKERS[i % len(_MARKERS)],
            label=str(name),
        )
    _quiet(ax)
    ax.axhline(0.0, color=_FRAME, linewidth=0.8, zorder=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("coarse-graining step")
    ax.set_ylabel("coupling K")
    if rows.shape[1] > 1:
        ax.legend(frameon=False)
    return ax


def blocking_strip(
    images: Sequence[npt.ArrayLike],
    *,
    names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw lattices that get coarser in a row, all at the same physical size.

    Parameters
    ----------
    images : sequence of array_like, each of shape (L, M)
        One configuration per scale, finest first.
    names : sequence of str, optional
        What to write above each.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from rgdl import plot
    >>> strip = [np.ones((8, 8)), np.ones((4, 4)), np.ones((2, 2))]
    >>> ax = plot.blocking_strip(strip, ax=Figure().add_subplot())
    >>> [image.get_array().shape for image in ax.images]
    [(8, 8), (4, 4), (2, 2)]
    """
    if len(images) == 0:
        raise ValueError("images must hold at least one configuration, got none")
    if names is not None and len(names) != len(images):
        raise ValueError(f"names must hold one for each of {len(images)}, got {names}")
    gap = 0.08
    ax = _axes(ax)
    for i, entry in enumerate(images):
        image = _image(entry, f"images[{i}]")
        left = i * (1.0 + gap)
        ax.imshow(
            image,
            cmap=_ink(),
            vmin=-1.0 if image.min() < 0 else 0.0,
            vmax=1.0,
            extent=(left, left + 1.0, 0.0, 1.0),
            interpolation="nearest",
        )
        frame_x = [left, left + 1.0, left + 1.0, left, left]
        ax.plot(frame_x, [0.0, 0.0, 1.0, 1.0, 0.0], color=_FRAME, linewidth=0.8)
        ax.text(
            left + 0.5,
            -0.05,
            " × ".join(str(extent) for extent in image.shape),
            ha="center",
            va="top",
        )
        if names is not None:
            ax.text(left + 0.5, 1.04, names[i], ha="center", va="bottom")
    ax.set_xlim(-0.01, len(images) * (1.0 + gap) - gap + 0.01)
    ax.set_ylim(-0.2, 1.02 if names is None else 1.2)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax


def trace(
    trace: Mapping[str, Any], name: str = "energy", *, ax: "Axes | None" = None
) -> "Axes":
    """Draw one observable of every chain against the draws.

    Parameters
    ----------
    trace : rgdl.Trace or mapping
        Series of shape (chain, draw).
    name : str, default "energy"
        Which of them.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from rgdl import plot
    >>> series = {"energy": np.random.default_rng(0).normal(size=(4, 100))}
    >>> len(plot.trace(series, ax=Figure().add_subplot()).lines)
    4
    """
    one_of(name, "name", tuple(trace))
    chains = np.asarray(trace[name], dtype=float)
    if chains.ndim != 2:
        raise ValueError(f"trace must have (chain, draw) series, got {chains.shape}")
    ax = _axes(ax)
    for i, chain in enumerate(chains):
        ax.plot(chain, color=_LINES[i % len(_LINES)], linewidth=0.8, alpha=0.8)
    _quiet(ax)
    ax.set_xlabel("draw")
    ax.set_ylabel(name)
    return ax


def collapse(collapse: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the curves of all sizes in scaled variables.

    Parameters
    ----------
    collapse : rgdl.fss.Collapse
        The fit.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from rgdl import fss, plot
    >>> K, error = np.linspace(0.3, 0.5, 11), np.full(11, 0.01)
    >>> data = [fss.Curve(L, K, np.tanh((K - 0.4) * L), error) for L in (8, 16)]
    >>> fit = fss.collapse(data, K_c=0.4, fit=["K_c"], rng=0)
    >>> len(plot.collapse(fit, ax=Figure().add_subplot()).containers)
    2
    """
    ax = _axes(ax)
    _error_bars(ax, collapse.scaled())
    ax.set_xlabel(r"$(K - K_c)\, L^{1/\nu}$")
    ax.set_ylabel(r"$y\, L^{-\kappa}$")
    ax.set_title(f"K_c = {collapse.K_c}, ν = {collapse.nu}, κ = {collapse.kappa}")
    return ax


def binder_crossing(crossing: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw Binder's cumulants of all sizes and where they cross.

    Parameters
    ----------
    crossing : rgdl.fss.Crossing
        Result of `rgdl.fss.binder_crossing`.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import rgdl
    >>> from matplotlib.figure import Figure
    >>> traces = []
    >>> for L in (4, 8):
    ...     model = rgdl.Ising((L, L), K=0.44)
    ...     traces.append(rgdl.Trace.of(model, rgdl.sample(model, 4096, rng=L)))
    >>> crossing = rgdl.fss.binder_crossing(traces)
    >>> ax = rgdl.plot.binder_crossing(crossing, ax=Figure().add_subplot())
    >>> ax.get_ylabel()
    'U4'
    """
    ax = _axes(ax)
    curves = crossing.curves
    _error_bars(ax, [(c.L, c.K, c.values, c.errors) for c in curves], line="-")
    K = crossing.K
    if np.isfinite(K.value):
        ax.axvline(K.value, color=_FRAME, linewidth=0.8, zorder=0)
    if np.isfinite(K.error):
        span = (K.value - K.error, K.value + K.error)
        ax.axvspan(*span, color=_FRAME, alpha=0.25, zorder=0)
    ax.set_xlabel("K")
    ax.set_ylabel("U4")
    ax.set_title(f"K_c = {K}")
    return ax


def _error_bars(ax: "Axes", rows: Sequence[tuple[Any, ...]], line: str = "") -> None:
    """One set of points for each size."""
    for i, (size, x, y, error) in enumerate(rows):
        ax.errorbar(
            x,
            y,
            yerr=error,
            color=_LINES[i % len(_LINES)],
            marker=_MARKERS[i % len(_MARKERS)],
            markersize=4.0,
            linestyle=line,
            label=f"L = {size}",
        )
    _quiet(ax)
    ax.legend(frameon=False)
