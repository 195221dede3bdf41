"""What all pictures share: colours, markers, axes."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap

__all__ = [
    "DIVERGING",
    "DOWN",
    "FRAME",
    "GAP",
    "LINES",
    "MARKERS",
    "UP",
    "axes",
    "bare",
    "image",
    "ink",
    "quiet",
]

# -1 paper, +1 ink; line colours from Okabe and Ito, darkest first.
DOWN, UP = "#f1ece0", "#25405f"
LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = ("o", "s", "^", "D", "v", "P")
FRAME = "#8a8577"
GAP = "#d8d3c6"  # between maps whose zero is nearly white
DIVERGING = "RdBu_r"


def axes(ax: "Axes | None") -> "Axes":
    """`ax`, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]


def quiet(ax: "Axes") -> None:
    """Take away the frame's upper and right side."""
    ax.spines["top"].set_visible(False)
    ax.spines["right"].set_visible(False)


def ink() -> "ListedColormap":
    """From paper (low) to ink (high)."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    ramp = LinearSegmentedColormap.from_list("ink", [DOWN, UP])
    return ListedColormap(ramp(np.linspace(0.0, 1.0, 256)), name="rgdl_ink")


def image(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    """`values` as a finite two-dimensional array; a chain becomes one row."""
    picture = np.asarray(values, dtype=float)
    if picture.ndim == 1:
        picture = picture[None, :]
    if picture.ndim != 2 or picture.size == 0:
        raise ValueError(f"{name} must be one picture, (L, M), got {np.shape(values)}")
    if not np.isfinite(picture).all():
        raise ValueError(f"{name} must be finite, got nan or infinity")
    return picture


def bare(ax: "Axes") -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_color(FRAME)
