"""Pictures of lattices, weights, flows and training.

Every function draws into `ax` (or a new figure if there is none), returns the Axes and
shows nothing by itself. Colours are safe for colour-blind readers and differ in
lightness, so that they survive a black-and-white print.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rgdl._plot_rg import comparison, couplings, exponents, flow_diagram
from rgdl._plot_style import DOWN as _DOWN
from rgdl._plot_style import FRAME as _FRAME
from rgdl._plot_style import LINES as _LINES
from rgdl._plot_style import MARKERS as _MARKERS
from rgdl._plot_style import UP as _UP
from rgdl._plot_style import axes as _axes
from rgdl._plot_style import quiet as _quiet
from rgdl._validate import one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap

__all__ = [
    "binder_crossing",
    "blocking_strip",
    "collapse",
    "comparison",
    "couplings",
    "exponents",
    "flow",
    "flow_diagram",
    "receptive_fields",
    "spins",
    "trace",
    "training",
    "weights",
]

_DIVERGING = "RdBu_r"
_MOST_FILTERS = 49
_MOST_LINES = 40


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


def receptive_fields(
    fields: npt.ArrayLike, *, scale: str = "unit", ax: "Axes | None" = None
) -> "Axes":
    """Draw one map per hidden unit, side by side in a near-square grid.

    Parameters
    ----------
    fields : array_like, shape (n_units, L, M)
        What each unit sees, as `rgdl.DBN.receptive_fields` gives it.
    scale : {"unit", "shared"}
        "unit" gives every map its own symmetric colour scale, so that weak units show
        their shape; "shared" one scale for all, with a colour bar, so that strengths
        compare. The label below the picture says which.
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
    >>> fields = np.random.default_rng(0).normal(size=(6, 8, 8))
    >>> ax = plot.receptive_fields(fields, ax=Figure().add_subplot())
    >>> ax.get_xlabel()
    'each unit on its own colour scale'
    """
    one_of(scale, "scale", ("unit", "shared"))
    maps = np.array(fields, dtype=float)
    if maps.ndim != 3 or maps.size == 0:
        raise ValueError(
            f"fields must have shape (n_units, L, M), got {np.shape(fields)}"
        )
    strength = np.abs(maps).max(axis=(1, 2), keepdims=True)
    limit = 1.0
    if scale == "unit":
        maps /= np.where(strength > 0, strength, 1.0)
    else:
        limit = float(strength.max()) or 1.0
    ax = _axes(ax)
    image = ax.imshow(
        _mosaic(maps),
        cmap=_DIVERGING,
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
    )
    _bare(ax)
    ax.set_frame_on(False)
    if scale == "unit":
        ax.set_xlabel("each unit on its own colour scale")
    else:
        ax.set_xlabel("one colour scale for all units")
        ax.figure.colorbar(image, ax=ax, shrink=0.7)
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
    images: Sequence[npt.ArrayLike], *, ax: "Axes | None" = None
) -> "Axes":
    """Draw lattices that get coarser in a row, all at the same physical size.

    Parameters
    ----------
    images : sequence of array_like, each of shape (L, M)
        One configuration per scale, finest first.
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
    ax.set_xlim(-0.01, len(images) * (1.0 + gap) - gap + 0.01)
    ax.set_ylim(-0.2, 1.02)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax


def training(
    history: Any, *, ax: "Axes | None" = None
) -> "Axes | npt.NDArray[np.object_]":
    """Draw how a machine was trained: its record, and for a machine much else.

    A machine without `ax` gets six pictures: filters, mean activities of the hidden
    units, the histogram of weights, singular values of W along training, the gap of
    free energies, and the record that everything else gets: free energies of data and
    model (the chains), and the reconstruction error, per epoch.

    The two free energies part where the machine overfits or its chains lag behind. The
    reconstruction error (right-hand axis, dashed) is no likelihood: it may fall while
    the model gets worse.

    Parameters
    ----------
    history : mapping or rgdl.RBM
        Lists under "free_energy_data", "free_energy_model" and
        "reconstruction_error" (those present are drawn), with "epoch" if known; or a
        fitted machine that has such a `history_`.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes, or ndarray of them, shape (2, 3)

    Examples
    --------
    >>> import rgdl
    >>> from matplotlib.figure import Figure
    >>> from rgdl import plot
    >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
    >>> plot.training(rgdl.RBM(9, n_epochs=3, rng=0).fit(s)).shape
    (2, 3)
    >>> history = {"epoch": [1, 2], "reconstruction_error": [0.25, 0.2]}
    >>> plot.training(history, ax=Figure().add_subplot()).get_xlabel()
    'epoch'
    """
    if ax is None and hasattr(history, "spectrum_"):
        return _machine(history)
    return _record(getattr(history, "history_", history), ax)


def _record(record: Mapping[str, Any], ax: "Axes | None") -> "Axes":
    energies = [
        key for key in ("free_energy_data", "free_energy_model") if key in record
    ]
    curves = [
        *energies,
        *(["reconstruction_error"] * ("reconstruction_error" in record)),
    ]
    if not curves:
        raise ValueError(
            "history must have 'free_energy_data', 'free_energy_model' or "
            f"'reconstruction_error', got {sorted(record)}"
        )
    epochs = np.asarray(
        record.get("epoch", np.arange(1, len(record[curves[0]]) + 1)), dtype=float
    )
    ax = _axes(ax)
    for i, key in enumerate(energies):
        ax.plot(
            epochs,
            np.asarray(record[key], dtype=float),
            color=_LINES[i],
            linestyle=("-", "-.")[i],
            label=key.replace("_", " "),
        )
    lines = list(ax.lines)
    _quiet(ax)
    if "reconstruction_error" in record:
        side = ax.twinx() if energies else ax
        lines += side.plot(
            epochs,
            np.asarray(record["reconstruction_error"], dtype=float),
            color=_LINES[2],
            linestyle="--",
            label="reconstruction error",
        )
        side.set_ylabel("reconstruction error")
        side.spines["top"].set_visible(False)
    ax.set_xlabel("epoch")
    if energies:
        ax.set_ylabel("free energy")
    ax.legend(handles=lines, frameon=False)
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


def _machine(rbm: Any) -> "npt.NDArray[np.object_]":
    """Six pictures of a trained machine."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(2, 3, figsize=(11.0, 6.5), layout="constrained")
    filters, activity, histogram, spectrum, gap, record = axes.ravel()
    shape = rbm.lattice_shape_
    if len(shape) > 2:
        shape = (shape[0], len(rbm.b_) // shape[0])
    maps = rbm.W_.T[:_MOST_FILTERS].reshape(-1, *((1,) * (2 - len(shape))), *shape)
    receptive_fields(maps, ax=filters)
    means = np.sort(rbm.hidden_means_)
    activity.plot(np.arange(1, len(means) + 1), means, ".", color=_LINES[0])
    activity.set_ylim((-1.05, 1.05) if rbm.units == "spin" else (-0.05, 1.05))
    activity.set_xlabel("hidden units, sorted")
    activity.set_ylabel("mean over the data")
    histogram.hist(rbm.W_.ravel(), bins=60, color=_LINES[0])
    histogram.set_yscale("log")
    histogram.set_xlabel("weight")
    histogram.set_ylabel("number")
    epochs = sorted(rbm.spectrum_)
    values = np.array([rbm.spectrum_[epoch] for epoch in epochs])
    for column in values.T[:_MOST_LINES] if len(epochs) else ():
        spectrum.plot(epochs, column, color=_UP, linewidth=0.8)
    spectrum.set_xlabel("epoch")
    spectrum.set_ylabel("singular values of W")
    history = rbm.history_
    gaps = {"chains": ("free_energy_model", "free_energy_data")}
    if "free_energy_validation" in history:
        gaps["held-out data"] = ("free_energy_validation", "free_energy_data")
    for colour, (name, (one, other)) in zip(_LINES, gaps.items(), strict=False):
        gap.plot(
            history["epoch"],
            np.subtract(history[one], history[other]),
            color=colour,
            label=name,
        )
    gap.axhline(0.0, color=_FRAME, linewidth=0.8)
    gap.set_xlabel("epoch")
    gap.set_ylabel("free energy above that of the data")
    gap.legend(frameon=False)
    for ax in (activity, histogram, spectrum, gap):
        _quiet(ax)
    _record(history, record)
    return np.asarray(axes)


def _ink() -> "ListedColormap":
    """From paper (low) to ink (high)."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    ramp = LinearSegmentedColormap.from_list("ink", [_DOWN, _UP])
    return ListedColormap(ramp(np.linspace(0.0, 1.0, 256)), name="rgdl_ink")


def _image(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    """`values` as a finite two-dimensional array; a chain becomes one row."""
    image = np.asarray(values, dtype=float)
    if image.ndim == 1:
        image = image[None, :]
    if image.ndim != 2 or image.size == 0:
        raise ValueError(f"{name} must be one picture, (L, M), got {np.shape(values)}")
    if not np.isfinite(image).all():
        raise ValueError(f"{name} must be finite, got nan or infinity")
    return image


def _mosaic(maps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Lay maps of shape (n, L, M) out as one picture with gaps between them."""
    n, height, width = maps.shape
    columns = int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    gap = max(1, round(width / 20))
    cells = np.full((rows * columns, height + gap, width + gap), np.nan)
    cells[:n, :height, :width] = maps
    grid = cells.reshape(rows, columns, height + gap, width + gap)
    picture = grid.transpose(0, 2, 1, 3).reshape(rows * (height + gap), -1)
    return np.ascontiguousarray(picture[:-gap, :-gap])


def _bare(ax: "Axes") -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_color(_FRAME)
