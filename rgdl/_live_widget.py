"""The widget of `rgdl.live`: passes messages between a `Session` and the page."""

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from rgdl._live import COLDEST, HOTTEST, Session
from rgdl._plot_style import DOWN, UP
from rgdl.exact import K_CRITICAL

__all__ = ["LiveWidget"]

_HERE = Path(__file__).parent


class LiveWidget(anywidget.AnyWidget):
    """A page that asks for frames; see `rgdl.live`."""

    _esm = (_HERE / "_live.js").read_text(encoding="utf-8")
    _css = (_HERE / "_live.css").read_text(encoding="utf-8")
    settings = traitlets.Dict().tag(sync=True)

    def __init__(self, session: Session) -> None:
        super().__init__(
            settings={
                "shapes": [list(shape) for shape in session.run.shapes],
                "rule": repr(session.run.transform),
                "temperature": session.run.temperature,
                "coldest": COLDEST,
                "hottest": HOTTEST,
                "k_critical": K_CRITICAL,
                "down": DOWN,
                "up": UP,
            }
        )
        self.session = session
        self.on_msg(self._on_message)

    def _on_message(self, widget: Any, message: Any, buffers: Any) -> None:
        content, images = self.session.answer(message)
        self.send(content, images)
