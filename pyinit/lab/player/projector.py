"""`Projector`: one page's film, without a carrier: it sends what is new, and needs no answers.

While a cell of a notebook trains, the kernel hears nothing from the page. So a film is not acknowledged; and
until the page has been heard, all of it is sent again now and then, as the page may have begun meanwhile.
"""

from __future__ import annotations

import threading

from ...errors import PyinitError
from ..live.film import Film
from .messages import read_message
from .player import Outlet, greeting

__all__ = ["Projector"]

# all is sent again when there are so many times as many shots
_GROWTH = 2


class Projector:
    """Shows a film on one page, from its first shot on.

    Parameters
    ----------
    tell : callable
        Takes a message, as a dict of JSON values, or a frame, as bytes.
    film : Film
    """

    def __init__(self, tell: Outlet, film: Film) -> None:
        self._tell, self._film = tell, film
        self._lock = threading.RLock()
        self._is_heard = False
        # shots when all of them were sent; the layers and the step that were sent last
        self._whole, self._layers, self._step = 0, film.layers, -1
        self._sent = 0
        self._leave = film.follow(self._go_on)

    def close(self) -> None:
        """Follow the film no longer."""
        self._leave()

    def hear(self, text: str) -> None:
        """Do what a message of the page asks; a film takes hello and start alone."""
        with self._lock:
            try:
                kind = read_message(text)["type"]
            except PyinitError as error:
                self._tell({"type": "error", "message": str(error)})
                return
            if kind == "hello":
                self._greet()
            elif kind == "start":
                self._is_heard = True
                if self._film.steps:
                    self._show_all()

    def _go_on(self) -> None:
        """Send the newest shot."""
        with self._lock:
            shots = len(self._film.steps)
            is_late = not self._is_heard and shots >= _GROWTH * self._whole
            if is_late or self._layers != self._film.layers or not self._whole:
                if not self._is_heard:
                    self._greet()
                self._show_all()
            elif self._film.steps[-1] != self._step:
                self._show(shots - 1)

    def _greet(self) -> None:
        ready = self._film.ready(is_live=True)
        self._tell(greeting() | {"experiment": ready["experiment"]})

    def _show_all(self) -> None:
        self._whole, self._layers = len(self._film.steps), self._film.layers
        self._tell(self._film.ready(is_live=True))
        self._tell(self._film.data_frame())
        for at in range(self._whole):
            self._show(at)

    def _show(self, at: int) -> None:
        self._sent += 1
        self._step = self._film.steps[at]
        self._tell(self._film.frame(at, self._sent))
        if at == len(self._film.steps) - 1:
            for one in self._film.verdicts(at):
                self._tell(one)
