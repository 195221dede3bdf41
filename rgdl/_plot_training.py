"""Pictures of a machine and of its training."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rgdl._plot_style import DIVERGING, FRAME, GAP, LINES, UP, axes, bare, quiet
from rgdl._validate import one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["receptive_fields", "training"]

_MOST_FILTERS = 49
_MOST_LINES = 40


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
    from matplotlib import colormaps

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
    ax = axes(ax)
    drawn = ax.imshow(
        _mosaic(maps),
        cmap=colormaps[DIVERGING].with_extremes(bad=GAP),
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
    )
    bare(ax)
    ax.set_frame_on(False)
    if scale == "unit":
        ax.set_xlabel("each unit on its own colour scale")
    else:
        ax.set_xlabel("one colour scale for all units")
        ax.figure.colorbar(drawn, ax=ax, shrink=0.7)
    return ax


def training(
    history: Any, *, ax: "Axes | None" = None
) -> "Axes | npt.NDArray[np.object_]":
    """Draw how a machine was trained: its record, and for a machine much else.

    A machine without `ax` gets eight pictures, those of Hinton's guide (UTML TR
    2010-003) and what they mean in words:

    - filters, one map of weights per hidden unit;
    - hidden activations, units across and rows of the data down: a column of one
      colour is a unit that is dead or saturated (section 15);
    - mean activity of every unit, sorted, with the limits of dead and saturated;
    - the histogram of weights (section 7);
    - singular values of W along the training: those that leave the bulk have learned
      something;
    - the free energy of held-out data above that of as many rows of the training data:
      a gap that grows means overfitting (section 6);
    - free energies of the chains and of the data with its spread, where drifting chains
      show, and the reconstruction error (right-hand axis, dashed), which is no
      likelihood: it may fall while the model gets worse (section 5);
    - the rules that were broken, as `RBM.diagnose` words them.

    Everything else gets the last but one of these.

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
    matplotlib.axes.Axes, or ndarray of them, shape (2, 4)

    Examples
    --------
    >>> import rgdl
    >>> from matplotlib.figure import Figure
    >>> from rgdl import plot
    >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
    >>> plot.training(rgdl.RBM(9, n_epochs=3, rng=0).fit(s)).shape
    (2, 4)
    >>> history = {"epoch": [1, 2], "reconstruction_error": [0.25, 0.2]}
    >>> plot.training(history, ax=Figure().add_subplot()).get_xlabel()
    'epoch'
    """
    if ax is None and hasattr(history, "spectrum_"):
        return _machine(history)
    return _record(getattr(history, "history_", history), ax)


def _record(record: Mapping[str, Any], ax: "Axes | None") -> "Axes":
    energies = {
        name: key
        for name, key in (("data", "free_energy_data"), ("chains", "free_energy_model"))
        if key in record
    }
    curves = [*energies.values()]
    if "reconstruction_error" in record:
        curves.append("reconstruction_error")
    if not curves:
        raise ValueError(
            "history must have 'free_energy_data', 'free_energy_model' or "
            f"'reconstruction_error', got {sorted(record)}"
        )
    epochs = np.asarray(
        record.get("epoch", np.arange(1, len(record[curves[0]]) + 1)), dtype=float
    )
    ax = axes(ax)
    for i, (name, key) in enumerate(energies.items()):
        values = np.asarray(record[key], dtype=float)
        ax.plot(epochs, values, color=LINES[i], linestyle=("-", "-.")[i], label=name)
        if name == "data" and "free_energy_spread" in record:
            spread = np.asarray(record["free_energy_spread"], dtype=float)
            ax.fill_between(
                epochs, values - spread, values + spread, color=LINES[i], alpha=0.15
            )
    lines = list(ax.lines)
    quiet(ax)
    errors = np.asarray(record.get("reconstruction_error", ()), dtype=float)
    if np.isfinite(errors).any() or not energies:
        side = ax.twinx() if energies else ax
        lines += side.plot(
            epochs, errors, color=LINES[2], linestyle="--", label="reconstruction error"
        )
        side.set_ylabel("reconstruction error")
        side.spines["top"].set_visible(False)
    ax.set_xlabel("epoch")
    if energies:
        ax.set_ylabel("free energy")
    ax.legend(handles=lines, loc="upper right", frameon=False)
    return ax


def _machine(rbm: Any) -> "npt.NDArray[np.object_]":
    """Eight pictures of a trained machine."""
    import matplotlib.pyplot as plt

    _, panels = plt.subplots(2, 4, figsize=(15.0, 6.8), layout="constrained")
    _filters(rbm, panels[0, 0])
    _activations(rbm, panels[0, 1])
    _means(rbm, panels[0, 2])
    _weights(rbm, panels[0, 3])
    _spectrum(rbm, panels[1, 0])
    _gap(rbm, panels[1, 1])
    _chains(rbm, panels[1, 2])
    _remarks(rbm, panels[1, 3])
    return np.asarray(panels)


def _filters(rbm: Any, ax: "Axes") -> None:
    shape = rbm.lattice_shape_
    if len(shape) > 2:
        shape = (shape[0], len(rbm.b_) // shape[0])
    maps = rbm.W_.T[:_MOST_FILTERS].reshape(-1, *((1,) * (2 - len(shape))), *shape)
    receptive_fields(maps, ax=ax)
    more = f" (first {_MOST_FILTERS})" if len(rbm.c_) > _MOST_FILTERS else ""
    ax.set_title(f"filters{more}")


def _low(rbm: Any) -> float:
    return -1.0 if rbm.units == "spin" else 0.0


def _nothing(ax: "Axes") -> None:
    """Say that there is nothing to draw."""
    bare(ax)
    ax.text(0.5, 0.5, "not known", ha="center", transform=ax.transAxes, color=FRAME)


def _activations(rbm: Any, ax: "Axes") -> None:
    ax.set_title("hidden activations")
    if len(rbm.hidden_activations_) == 0:
        _nothing(ax)
        return
    ax.imshow(
        rbm.hidden_activations_,
        cmap="gray",
        vmin=_low(rbm),
        vmax=1.0,
        aspect="auto",
        interpolation="nearest",
    )
    ax.set_xlabel("hidden unit")
    ax.set_ylabel("row of the data")


def _means(rbm: Any, ax: "Axes") -> None:
    ax.set_title("mean activity")
    low = _low(rbm)
    means = np.sort(rbm.hidden_means_)
    if not np.isfinite(means).all():
        _nothing(ax)
        return
    ax.plot(np.arange(1, len(means) + 1), means, ".", color=LINES[0])
    for share, name, below in ((0.01, "dead", "top"), (0.99, "saturated", "bottom")):
        limit = low + share * (1.0 - low)
        ax.axhline(limit, color=FRAME, linewidth=0.8, linestyle=":")
        across = ax.get_yaxis_transform()
        ax.text(0.02, limit, name, va=below, color=FRAME, transform=across)
    room = 0.08 * (1.0 - low)
    ax.set_ylim(low - room, 1.0 + room)
    ax.set_xlabel("hidden units, sorted")
    ax.set_ylabel("mean over the data")
    quiet(ax)


def _weights(rbm: Any, ax: "Axes") -> None:
    ax.hist(rbm.W_.ravel(), bins=60, color=LINES[0])
    ax.set_yscale("log")
    ax.set_xlabel("weight")
    ax.set_ylabel("number")
    ax.set_title("weights")
    quiet(ax)


def _spectrum(rbm: Any, ax: "Axes") -> None:
    ax.set_title("singular values of W")
    epochs = sorted(rbm.spectrum_)
    if not epochs:
        _nothing(ax)
        return
    values = np.array([rbm.spectrum_[epoch] for epoch in epochs])
    for column in values.T[:_MOST_LINES]:
        ax.plot(epochs, column, color=UP, linewidth=0.8, marker=".", markersize=3)
    ax.set_xlabel("epoch")
    ax.set_ylim(bottom=0.0)
    quiet(ax)


def _gap(rbm: Any, ax: "Axes") -> None:
    history = rbm.history_
    ax.set_title("gap of free energies")
    if "free_energy_gap" in history:
        ax.plot(history["epoch"], history["free_energy_gap"], color=LINES[0])
        ax.axhline(0.0, color=FRAME, linewidth=0.8)
        ax.set_xlabel("epoch")
        ax.set_ylabel("held-out data above training data")
        quiet(ax)
    else:
        bare(ax)
        text = "needs validation= in fit"
        ax.text(0.5, 0.5, text, ha="center", transform=ax.transAxes, color=FRAME)


def _chains(rbm: Any, ax: "Axes") -> None:
    ax.set_title("chains and data")
    if rbm.history_["epoch"]:
        _record(rbm.history_, ax)
    else:
        _nothing(ax)


def _remarks(rbm: Any, ax: "Axes") -> None:
    from textwrap import fill

    bare(ax)
    ax.set_frame_on(False)
    ax.set_title("Hinton's rules")
    trained = len(rbm.history_["epoch"]) > 0
    nothing = "No rule is broken." if trained else "Nothing was trained."
    remarks = [fill(remark, 40) for remark in rbm.diagnose()] or [nothing]
    text = "\n\n".join(remarks)
    ax.text(0.0, 1.0, text, va="top", transform=ax.transAxes, fontsize="small")


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
