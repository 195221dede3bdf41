"""A progress bar that appears only when the work takes more than a moment."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, TypeAlias

__all__ = ["Progress", "ProgressLike"]

ProgressLike: TypeAlias = bool | Literal["auto"]


class Progress:
    """Context manager around a tqdm bar in per cent.

    Parameters
    ----------
    title : str
        Text beside the bar.
    progress : bool or "auto"
        True shows the bar at once, "auto" after two seconds, False never.
    """

    def __init__(self, title: str, progress: ProgressLike) -> None:
        if progress not in (True, False, "auto"):
            raise ValueError(
                f'progress must be True, False or "auto", got {progress!r}'
            )
        self._title = title
        self._progress = progress
        self._bar: Any = None

    def __enter__(self) -> Callable[[float], None]:
        if self._progress is not False:
            from tqdm.auto import tqdm

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
