"""A player without a carrier: what it is asked, what it tells, and how far it runs ahead of the page."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.errors import FormatError
from pyinit.lab.live.frames import decoded
from pyinit.lab.player.messages import LONGEST, read_message
from pyinit.lab.player.player import Player

SMALL = {"data": "moons", "depth": 3, "width": 8, "steps": 30, "seed": 5, "runs": ["he_normal", "zeros"]}


class Page:
    """What a page sees of a player."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.frames: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.player = Player(self.told)

    def told(self, said: dict[str, Any] | bytes) -> None:
        """Keep what the player tells."""
        if isinstance(said, bytes):
            self.frames.append(decoded(said))
        else:
            json.dumps(said, allow_nan=False)
            self.messages.append(said)

    def ask(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        self.player.hear(json.dumps({"type": kind, **fields}))

    def settle(self, *, paints: bool = True) -> None:
        """Let the player work until it waits; the page paints each frame, or none."""
        for _ in range(10_000):
            if not self.player.is_busy:
                if not paints or not self.player._unpainted:
                    return
                self.ask("ack", id=self.player._unpainted)
            self.player.beat()
        raise AssertionError("the player does not come to rest")

    def steps(self) -> list[int]:
        """Return the step of each step frame."""
        return [header["step"] for header, _ in self.frames if header["kind"] == "step"]

    def errors(self) -> list[str]:
        """Return the lines that were refusals."""
        return [one["message"] for one in self.messages if one["type"] == "error"]


def started(**changes: Any) -> Page:
    """Return a page whose experiment was started and painted."""
    page = Page()
    page.ask("start", experiment=SMALL | changes)
    page.settle()
    return page


def test_a_run_is_played_to_its_end_and_loses_no_loss() -> None:
    page = started()
    assert page.steps() == [0]
    page.ask("pace", steps=7)
    page.ask("play")
    page.settle()
    assert page.steps() == [0, 7, 14, 21, 28, 30]
    states = [one for one in page.messages if one["type"] == "state"]
    assert states[-1] == {"type": "state", "playing": False, "step": 30, "steps": 30, "finished": True}
    for run in ("r0", "r1"):
        losses = np.concatenate(
            [arrays[f"{run}.losses"] for _, arrays in page.frames if f"{run}.losses" in arrays]
        )
        assert len(losses) == 30
    assert page.messages[-1]["type"] == "verdict"
    assert not page.errors()


def test_the_run_is_the_one_of_pi_train_bit_for_bit() -> None:
    page = started()
    page.ask("play")
    page.settle()
    data = pi.data.dataset("moons").standardized()
    networks = {
        "he_normal": pi.mlp([2, 8, 8, 1], "tanh", pi.he_normal()),
        "zeros": pi.mlp([2, 8, 8, 1], "tanh", "zeros"),
    }
    found = pi.compare(networks, data, optimizer="adam", learning_rate=0.01, steps=30, batch_size=32, key=5)
    for at, label in enumerate(("he_normal", "zeros")):
        seen = np.concatenate(
            [arrays[f"r{at}.losses"] for _, arrays in page.frames if f"r{at}.losses" in arrays]
        )
        assert seen.tobytes() == np.asarray(found[label].losses, np.float32).tobytes()


def test_at_most_one_frame_is_unpainted_and_one_pace_is_made_ahead() -> None:
    page = started()
    page.ask("pace", steps=3)
    page.ask("play")
    page.settle(paints=False)
    assert page.steps() == [0, 3]
    assert page.player._session is not None
    assert page.player._session.step == 6
    page.ask("ack", id=99)
    page.settle(paints=False)
    assert page.steps() == [0, 3], "an ack of another frame frees nothing"


def test_pause_shows_the_newest_state_and_steps_add_up() -> None:
    page = started()
    page.ask("pace", steps=3)
    page.ask("play")
    page.settle(paints=False)
    page.ask("pause")
    page.settle()
    assert page.steps() == [0, 3, 6]
    for _ in range(4):
        page.ask("step")
    page.settle()
    assert page.steps()[-1] == 10


def test_a_rewind_shows_the_first_frame_before_any_other_and_the_same_weights() -> None:
    page = started()
    page.ask("play")
    page.settle()
    page.ask("rewind")
    page.ask("play")
    page.settle()
    steps = page.steps()
    assert steps == [*range(31), *range(31)]
    shown = [arrays for header, arrays in page.frames if header["kind"] == "step"]
    for before, again in zip(shown[:31], shown[31:], strict=True):
        assert all(before[name].tobytes() == again[name].tobytes() for name in before if "weights" in name)


def test_an_upload_is_taken_and_trained_and_a_bad_one_is_a_line() -> None:
    page = Page()
    raw = b"a,b,kind\n" + b"".join(
        b"%d,%d,%s\n" % (i % 7, i % 5, b"xy"[i % 2 : i % 2 + 1]) for i in range(60)
    )
    page.ask("upload", name="own.csv", target="kind", nbytes=len(raw))
    page.player.take(raw)
    assert page.messages[-1]["data"]["kind"] == "2d"
    page.ask("start", experiment={"data": "own.csv", "steps": 3})
    assert page.messages[-1]["type"] in ("ready", "verdict")
    page.ask("upload", name="own.csv", nbytes=3)
    page.player.take(b"1234")
    page.ask("upload", name="own.npz", nbytes=4)
    page.player.take(b"PK\x03\x04")
    page.player.take(b"unasked")
    page.ask("upload", name="own.csv", nbytes=3)
    page.ask("play")
    assert len(page.errors()) == 4
    assert all("\n" not in line and len(line) < 400 for line in page.errors())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"type":"fly"}',
        '{"type":["play"]}',
        '{"type":"play","type":"pause"}',
        '{"type":"play","x":1}',
        '{"type":"step","count":0}',
        '{"type":"step","count":true}',
        '{"type":"step","count":1e3}',
        '{"type":"pace"}',
        '{"type":"pace","steps":NaN}',
        '{"type":"phase","activation":"tanh"}',
        '{"type":"phase","activation":["tanh"],"size":1000}',
        '{"type":"upload","name":"x.csv","nbytes":99999999}',
        '{"type":"upload","name":"","nbytes":1}',
        "[" * 5000,
        " " * (LONGEST + 1),
    ],
    ids=range(18),
)
def test_a_message_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(FormatError):
        read_message(text)


def test_ten_thousand_malformed_messages_leave_the_player_as_it_was() -> None:
    page = started()
    chance = random.Random(1)
    whole = [
        json.dumps(one)
        for one in (
            {"type": "start", "experiment": {**SMALL, "runs": [{"recipe": "he_normal", "scale": 2.0}]}},
            {"type": "step", "count": 1},
            {"type": "phase", "activation": ["tanh"], "size": 8},
            {"type": "upload", "name": "x.csv", "target": None, "nbytes": 3},
            {"type": "pace", "steps": 5},
        )
    ]
    count = 10_000
    for _ in range(count):
        text = list(chance.choice(whole))
        for _ in range(chance.randrange(1, 4)):
            text[chance.randrange(len(text))] = chance.choice('{}[]",:0123456789eE.-abcxyz\\u\x00é')
        page.player.hear("".join(text[: chance.choice((len(text), chance.randrange(len(text))))]))
        if chance.random() < 0.1:
            page.player.take(chance.randbytes(chance.randrange(5)))
    assert len(page.errors()) > count // 2
    before = len(page.frames)
    page.ask("start", experiment=SMALL)
    page.settle()
    assert len(page.frames) > before
    assert page.steps()[-1] == 0
