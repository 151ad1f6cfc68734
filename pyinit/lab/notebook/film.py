"""`FilmWidget`: the page as a widget that shows a training of the user's own, while it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anywidget

from ..bundle.bundle import script_of, style
from ..live.film import Film
from ..player.projector import Projector

__all__ = ["FilmWidget"]


class FilmWidget(anywidget.AnyWidget):
    """The lab as a widget that shows what is seen of a training elsewhere.

    Parameters
    ----------
    film : Film
    """

    _esm = script_of(
        Path(__file__).with_name("widget.js"),
        'export default { render: (given) => entry.render(given, "live") };',
    )
    _css = style()

    def __init__(self, film: Film) -> None:
        super().__init__()
        self._projector = Projector(self._tell, film)
        self.on_msg(self._hear)

    def close(self) -> None:
        """Close the widget; the training goes on."""
        if hasattr(self, "_projector"):
            self._projector.close()
        super().close()

    def _hear(self, widget: Any, content: Any, buffers: list[Any]) -> None:
        self._projector.hear(json.dumps(content))

    def _tell(self, said: dict[str, Any] | bytes) -> None:
        if isinstance(said, bytes):
            self.send({"type": "frame"}, buffers=[said])
        else:
            self.send(said)
