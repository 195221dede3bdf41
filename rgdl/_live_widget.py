"""The widget of `rgdl.live`: passes messages between a `Session` and the page."""

from pathlib import Path
from typing import Any

from rgdl._live import COLDEST, HOTTEST, Session
from rgdl._plot_style import DOWN, UP
from rgdl.exact import K_CRITICAL

__all__ = ["make_widget"]

_HERE = Path(__file__).parent


def make_widget(session: Session) -> Any:
    """Make a page that asks for frames; see `rgdl.live`."""
    import anywidget  # only here: the extra [notebooks] need not be installed
    import traitlets

    class LiveWidget(anywidget.AnyWidget):
        _esm = (_HERE / "_live.js").read_text(encoding="utf-8")
        _css = (_HERE / "_live.css").read_text(encoding="utf-8")
        settings = traitlets.Dict().tag(sync=True)

        def answer(self, widget: Any, message: Any, buffers: Any) -> None:
            self.send(*session.answer(message))

    run = session.run
    widget = LiveWidget(
        settings={
            "shapes": [list(shape) for shape in run.shapes],
            "rule": repr(run.transform),
            "temperature": run.temperature,
            "coldest": COLDEST,
            "hottest": HOTTEST,
            "k_critical": K_CRITICAL,
            "down": DOWN,
            "up": UP,
        }
    )
    widget.on_msg(widget.answer)
    return widget
