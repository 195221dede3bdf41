"""What all pictures share: colours, markers, axes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DOWN", "FRAME", "LINES", "MARKERS", "UP", "axes", "quiet"]

# -1 paper, +1 ink; line colours from Okabe and Ito, darkest first.
DOWN, UP = "#f1ece0", "#25405f"
LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = ("o", "s", "^", "D", "v", "P")
FRAME = "#8a8577"


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
