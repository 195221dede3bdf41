"""A progress bar that appears only when the work takes more than a moment."""

import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, TypeAlias

__all__ = ["Progress", "ProgressLike"]

ProgressLike: TypeAlias = bool | Literal["auto"] | Callable[[float], None]


def _tqdm() -> Any:
    """Choose the bar for this front end; text in a notebook without ipywidgets."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm
    return tqdm


class Progress:
    """Context manager around a tqdm bar in per cent.

    Parameters
    ----------
    title : str
        Text beside the bar.
    progress : bool, "auto" or callable
        True shows the bar at once, "auto" after two seconds, False never; a callable
        is given the fraction done instead.
    """

    def __init__(self, title: str, progress: ProgressLike) -> None:
        if not callable(progress) and progress not in (True, False, "auto"):
            raise ValueError(
                'progress must be True, False, "auto" or a callable that takes the '
                f"fraction done, got {progress!r}"
            )
        self._title = title
        self._progress = progress
        self._bar: Any = None

    def __enter__(self) -> Callable[[float], None]:
        if callable(self._progress):
            return self._progress
        if self._progress is not False:
            tqdm = _tqdm()
            self._bar = tqdm(
                total=100,
                desc=self._title,
                delay=2.0 if self._progress == "auto" else 0.0,
                leave=False,
                bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}",
            )
        return self._update

    def _update(self, fraction: float) -> None:
        if self._bar is not None:
            self._bar.update(100.0 * min(fraction, 1.0) - self._bar.n)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
