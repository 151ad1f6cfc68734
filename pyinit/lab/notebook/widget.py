"""`LabWidget`: the page as a widget, and a thread of the kernel that trains for it."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget

from ..bundle.bundle import script_of, style
from ..experiment.experiment import Experiment
from ..experiment.sets import Source
from ..network.network import Network
from ..player.player import Player

__all__ = ["LabWidget"]

_HERE = Path(__file__).parent


class LabWidget(anywidget.AnyWidget):
    """The lab as a widget: it shows itself at the end of a cell.

    Messages and frames go through the notebook's own connection; no port is opened and no state is echoed.
    The thread waits for the page, and ends when the widget is closed.

    Parameters
    ----------
    first : Experiment
        What the page begins with.
    sources : mapping of str to Source, optional
        The user's own data sets, by name.
    own : mapping of str to Network, optional
        The user's own networks, by label, in place of the experiment's runs.
    """

    _esm = script_of(_HERE / "widget.js", "export default { render: entry.render };")
    _css = style()

    def __init__(
        self,
        first: Experiment,
        sources: Mapping[str, Source] | None = None,
        own: Mapping[str, Network] | None = None,
    ) -> None:
        super().__init__()
        self._player = Player(self._tell, sources, own, first)
        self._heard: queue.SimpleQueue[tuple[str, list[bytes]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._play, name="pyinit lab", daemon=True)
        self._thread.start()
        self.on_msg(self._hear)

    def close(self) -> None:
        """Close the widget; its training ends."""
        if hasattr(self, "_heard"):
            self._heard.put(None)
        super().close()

    def _hear(self, widget: Any, content: Any, buffers: list[Any]) -> None:
        self._heard.put((json.dumps(content), [bytes(one) for one in buffers or ()]))

    def _tell(self, said: dict[str, Any] | bytes) -> None:
        if isinstance(said, bytes):
            self.send({"type": "frame"}, buffers=[said])
        else:
            self.send(said)

    def _play(self) -> None:
        player = self._player
        while True:
            try:
                heard = self._heard.get(block=not player.is_busy)
            except queue.Empty:
                player.beat()
                continue
            if heard is None:
                return
            player.hear(heard[0])
            for raw in heard[1]:
                player.take(raw)
