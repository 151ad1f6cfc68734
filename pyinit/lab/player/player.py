"""`Player`: one page's session, without a carrier: messages in, messages and frames out, steps in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import ArgumentError, FormatError, PyinitError
from ...stream.release import version
from ..experiment.experiment import Experiment
from ..experiment.options import options, presets
from ..experiment.sets import Source, described, uploaded
from ..experiment.tour import tour
from ..live.phase import phase_frame
from ..live.session import Session
from ..network.network import Network
from .messages import read_message

__all__ = ["Outlet", "Player", "greeting"]

Outlet = Callable[[dict[str, Any] | bytes], None]

# how long steps are made before messages are heard again, and how often verdicts are said, in seconds
_SLICE = 0.015
_SAID_EVERY = 1.0
# steps that may wait, and uploads that one page keeps
_MOST_LEFT = 1000
_UPLOADS = 4


def greeting(first: Experiment | None = None) -> dict[str, Any]:
    """Return the first message to a page: what it may choose from, presets, the tour, what to begin with."""
    said = {
        "type": "hello",
        "version": version(),
        "options": options(),
        "presets": presets(),
        "tour": tour(),
    }
    return said if first is None else said | {"experiment": first.to_dict()}


class Player:
    """What one page plays. Whoever carries it calls `hear` and `take`, and `beat` as long as `is_busy`.

    At most one frame is unpainted: while one is, at most one frame's steps are made ahead, and the next frame
    waits for the page's ``ack``. Whatever is refused is told to the page in one line, and changes nothing.

    Parameters
    ----------
    tell : callable
        Takes a message, as a dict of JSON values, or a frame, as bytes.
    sources : mapping of str to Source, optional
        Data sets of the user's own, by name.
    own : mapping of str to Network, optional
        Networks of the user's own, by label, which are trained in place of the runs of every experiment.
    first : Experiment, optional
        What the page begins with; by default the page decides.
    """

    def __init__(
        self,
        tell: Outlet,
        sources: Mapping[str, Source] | None = None,
        own: Mapping[str, Network] | None = None,
        first: Experiment | None = None,
    ) -> None:
        self._tell, self._own, self._first = tell, own, first
        self._sources = dict(sources or {})
        self._session: Session | None = None
        self._playing, self._pace = False, 1
        # steps to make; whether the newest state is unsent; the frame that is not painted; frames sent; the
        # step of the last one
        self._left, self._is_new, self._unpainted, self._sent, self._shown = 0, False, 0, 0, 0
        # a frame of the newest state, ready to be sent
        self._made: bytes | None = None
        self._is_asked, self._said = False, 0.0
        self._upload: dict[str, Any] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether `beat` has something to do now."""
        if self._is_new:
            return not self._unpainted or self._made is None
        return self._left > 0 or self._playing

    def hello(self) -> None:
        """Say what there is."""
        self._tell(greeting(self._first))

    def hear(self, text: str) -> None:
        """Do what a message asks."""
        self._safely(lambda: self._do(read_message(text)))

    def take(self, raw: bytes) -> None:
        """Take the content of the file that the last message announced."""
        self._safely(lambda: self._take(raw))

    def beat(self) -> None:
        """Make steps for a moment, or send a frame."""
        self._safely(self._beat)

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except PyinitError as error:
            self._refuse(str(error))
        except MemoryError:
            self._playing, self._left = False, 0
            self._refuse("out of memory: use a smaller network, batch or data set")

    def _refuse(self, line: str) -> None:
        self._tell({"type": "error", "message": " ".join(line.split())})

    def _do(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if self._upload is not None:
            self._upload = None
            raise FormatError("an upload's bytes come right after it; got another message. Send it again.")
        if kind == "ack":
            if message["id"] == self._unpainted:
                self._unpainted = 0
        elif kind == "start":
            self._start(message["experiment"])
        elif kind == "pace":
            self._pace = message["steps"]
        elif kind == "phase":
            for name in message["activation"]:
                self._tell(phase_frame(name, message["size"]))
        elif kind == "upload":
            self._upload = message
        elif kind == "hello":
            self.hello()
        elif kind == "table":
            self._tell({"type": "table", "rows": self._running().table()})
        else:
            self._move(kind, message)

    def _move(self, kind: str, message: dict[str, Any]) -> None:
        session = self._running()
        # steps that were asked for one by one add up; those of playing end here
        left = 0 if self._playing or kind != "step" else self._left
        self._left = 0
        self._playing = kind == "play" and not session.is_over
        if kind == "step":
            self._left, self._is_asked = min(left + message["count"], _MOST_LEFT), True
        elif kind == "rewind":
            session.rewind()
            self._made = None
        self._is_new = self._is_new or kind == "rewind" or session.step != self._shown
        if kind != "step":
            self._state()
        if kind == "pause":
            self._verdicts()

    def _running(self) -> Session:
        if self._session is None:
            raise ArgumentError('nothing was started. Send {"type": "start", "experiment": {}} first.')
        return self._session

    def _start(self, wanted: dict[str, Any]) -> None:
        session = Session(Experiment.from_dict(wanted), self._sources, self._own)
        self._playing, self._left, self._is_asked = False, 0, False
        self._session, self._made = session, None
        self._tell(session.ready())
        self._tell(session.data_frame())
        # the first frame of an experiment waits for no painting: the one before it is let go
        self._show()

    def _take(self, raw: bytes) -> None:
        wanted, self._upload = self._upload, None
        if wanted is None:
            raise FormatError(f"got {len(raw)} bytes that no upload announced. Send the upload first.")
        if len(raw) != wanted["nbytes"]:
            name, nbytes = wanted["name"], wanted["nbytes"]
            raise FormatError(f"{name} was to have {nbytes} bytes; got {len(raw)}. Send it again.")
        source = uploaded(wanted["name"], raw, wanted["target"])
        self._sources.pop(source.name, None)
        while len(self._sources) >= _UPLOADS:
            del self._sources[next(iter(self._sources))]
        self._sources[source.name] = source
        self._tell({"type": "uploaded", "data": described(source)})

    def _beat(self) -> None:
        if self._session is None:
            return
        if self._is_new:
            if not self._unpainted:
                self._show()
            elif self._made is None:
                # while the page paints the last one
                self._made = self._session.frame(self._sent + 1)
            return
        if not self._left and self._playing:
            self._left = self._pace
        if self._left:
            self._advance(self._session)

    def _advance(self, session: Session) -> None:
        """Make the steps that are left, or as many as fit into a moment."""
        until = time.monotonic() + _SLICE
        while self._left and not session.is_over:
            session.advance()
            self._left -= 1
            if time.monotonic() > until:
                break
        if session.is_over:
            self._left = 0
        self._is_new = self._left == 0

    def _show(self) -> None:
        session = self._running()
        self._sent += 1
        frame = session.frame(self._sent) if self._made is None else self._made
        self._made, self._unpainted, self._is_new, self._shown = None, self._sent, False, session.step
        self._tell(frame)
        ended = self._playing and session.is_over
        if ended:
            self._playing = False
        if ended or self._is_asked:
            self._is_asked = False
            self._state()
        if ended or time.monotonic() - self._said > _SAID_EVERY:
            self._verdicts()

    def _state(self) -> None:
        session = self._running()
        self._tell(
            {
                "type": "state",
                "playing": self._playing,
                "step": session.step,
                "steps": session.experiment.steps,
                "finished": session.is_over,
            }
        )

    def _verdicts(self) -> None:
        self._said = time.monotonic()
        for one in self._running().verdicts():
            self._tell(one)
