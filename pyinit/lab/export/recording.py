"""`record`: train an experiment, and return one page that plays it without a server or a network."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import ArgumentError
from ...stream.arguments import count as counted
from ..bundle.bundle import script_of, style
from ..experiment.experiment import Experiment
from ..experiment.sets import Source
from ..live.film import Film
from ..live.frames import encoded
from ..live.phase import phase_frame
from ..live.session import Session
from ..player.player import greeting

__all__ = ["record", "record_film"]

_MOST_FRAMES = 1000
# of all frames before they are packed
_MOST_BYTES = 256 << 20
_DIAGRAM = 64
_ALIGNED = 8
_LENGTH = struct.Struct("<II")

_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta http-equiv="Content-Security-Policy" content="{policy}" />
    <title>{title}</title>
    <style>{style}</style>
  </head>
  <body>
    <div id="page"></div>
    <script type="application/json" id="recording">{recording}</script>
    <script type="text/plain" id="frames">{frames}</script>
    <script type="module">{script}</script>
  </body>
</html>
"""


def record(experiment: Experiment, frames: int = 120, uploads: Mapping[str, Source] | None = None) -> str:
    """Train an experiment and return a page of HTML that plays it.

    The page holds everything that it shows and loads nothing; it is the same for the same arguments.

    Parameters
    ----------
    experiment : Experiment
    frames : int
        Frames after the first, evenly spaced over the steps.
    uploads : mapping of str to Source, optional
        The user's own data sets, by name.

    Raises
    ------
    ArgumentError
        If the number is not valid, or the frames are too large for one file.
    """
    counted("frames", frames, 1, _MOST_FRAMES, error=ArgumentError)
    session = Session(experiment, uploads)
    ready = session.ready()
    told = list(ready.pop("verdicts"))
    said, steps = [told], [0]
    made = [session.data_frame(), phase_frame(experiment.activation, _DIAGRAM), session.frame(1)]
    size = sum(map(len, made))
    for at in range(1, frames + 1):
        session.advance(round(experiment.steps * at / frames) - session.step)
        if session.step == steps[-1]:
            continue
        steps.append(session.step)
        made.append(session.frame(len(steps)))
        new = session.verdicts()
        said.append([one for one in new if one["text"] != told[one["run"]]["text"]])
        told = new
        size += len(made[-1])
        if size > _MOST_BYTES:
            raise ArgumentError(
                f"{frames} frames of this network take more than {_MOST_BYTES >> 20} MiB. Use fewer frames, "
                "layers or runs."
            )
    content = {
        "hello": greeting(experiment),
        "ready": ready,
        "said": said,
        "steps": steps,
    }
    return _page(content, made, f"{ready['data']['name']}, {' against '.join(experiment.labels)}")


def record_film(film: Film) -> str:
    """Return a page of HTML that plays what was seen of a training, as `record` does.

    Raises
    ------
    ArgumentError
        If nothing was seen yet, or the frames are too large for one file.
    """
    if not film.steps:
        raise ArgumentError("a page needs a step that was recorded; got none. Train within the with block.")
    last = len(film.steps) - 1
    # the page has no phase diagram of it
    made = [film.data_frame(), encoded({"kind": "phase", "id": 0, "step": 0}, {})]
    size, said, told = 0, [], ""
    for at in range(last + 1):
        made.append(film.frame(at, at + 1, is_last=at == last))
        size += len(made[-1])
        if size > _MOST_BYTES:
            raise ArgumentError(
                f"{last + 1} steps of this module take more than {_MOST_BYTES >> 20} MiB. Watch less."
            )
        new = film.verdicts(at)
        said.append([one for one in new if json.dumps(one["layers"]) != told])
        told = json.dumps(new[0]["layers"])
    ready = film.ready(is_live=False)
    content = {
        "hello": greeting() | {"experiment": ready["experiment"]},
        "ready": ready,
        "said": said,
        "steps": list(film.steps),
    }
    return _page(content, made, film.label)


def _page(content: Mapping[str, Any], frames: list[bytes], what: str) -> str:
    script, sheet = script_of(Path(__file__).with_name("recording.js"), "entry.play();"), style()
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(sheet)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    # the one sign that could end the element, in any text of a JSON value
    recording = json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    packed = gzip.compress(b"".join(map(_framed, frames)), mtime=0)
    return _PAGE.format(
        policy=policy,
        title=html.escape(f"pyinit lab: {what}"),
        style=sheet,
        recording=recording,
        frames=base64.b64encode(packed).decode(),
        script=script,
    )


def _framed(frame: bytes) -> bytes:
    padded = frame + bytes(-len(frame) % _ALIGNED)
    return _LENGTH.pack(len(padded), 0) + padded


def _digest(text: str) -> str:
    """Return what a content security policy calls exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
