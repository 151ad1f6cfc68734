"""A plan that somebody wrote by hand: refused in one line, and unable to name another place."""

from __future__ import annotations

import base64
import copy
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyinit.checkpoint.contents import content_from_dict
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint
from pyinit.checkpoint.spec import Spec, TensorSpec
from pyinit.checkpoint.spec_json import spec_from_json
from pyinit.errors import FormatError, PyinitError, SpecError

ODD: list[Any] = [
    None,
    -1,
    2**70,
    1.5,
    "x",
    "../../x",
    "a\0b",
    [],
    {},
    [[]],
    [-1, 2],
    [2**40, 2**20],
    {"a": 1},
    True,
]


def content_of(tmp_path: Path) -> dict[str, Any]:
    spec = spec_from_json({"tensors": {"w": [4, 3], "b": [3]}, "config": {"a": 1}, "ties": {"t": "w"}})
    content: dict[str, Any] = json.loads(plan_checkpoint(spec, "normal", path=tmp_path / "out").to_json())
    return content


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield (*before, key)
            yield from places(value[key], (*before, key))


def test_any_value_in_any_place_is_read_or_refused(tmp_path: Path) -> None:
    content, refused = content_of(tmp_path), []
    for place in places(content):
        for value in ODD:
            other = copy.deepcopy(content)
            holder = other
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = value
            try:
                plan = CheckpointPlan.from_json(json.dumps(other))
            except PyinitError as error:
                refused.append(str(error))
            else:
                assert all(Path(name).name == name for name in plan.names), (place, value)
    assert len(refused) > 500
    assert not [error for error in refused if "\n" in error]


@pytest.mark.parametrize("extent_bytes", [1, 4])
def test_a_text_cannot_ask_for_more_extents_than_it_lists(tmp_path: Path, extent_bytes: int) -> None:
    content = content_of(tmp_path)
    content["extent_bytes"] = extent_bytes
    content["tensors"]["w"]["shape"] = [2**40, 2**20]
    with pytest.raises(FormatError, match="the plan was changed since it was made: its extents are others"):
        CheckpointPlan.from_json(json.dumps(content))


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "/x", "..", ".", "", "a/b", ".hidden", "a\0b", "init.json", "config.json"),
        *("model.safetensors", "model-00001-of-00002.safetensors", "model.safetensors.index.json"),
    ],
)
def test_further_files_have_names_of_their_own(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match="a further file"):
        Spec("here", (TensorSpec("w", (2,)),), files={name: "text"})
    content = content_of(tmp_path)
    content["texts"] = {name: "text"}
    with pytest.raises(SpecError, match="a further file"):
        CheckpointPlan.from_json(json.dumps(content))


def drawn(*shape: int) -> dict[str, Any]:
    spec = plan_checkpoint({"w": shape}, "normal", path="out")
    return {"shape": list(shape), "content": spec.blueprint.drafts[0].content.to_dict()}


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "given", "zlib": base64.b64encode(zlib.compress(bytes(23))).decode()},
        {"kind": "given", "zlib": base64.b64encode(zlib.compress(bytes(1 << 24))).decode()},
        {"kind": "given", "zlib": "AAAA"},
        {"kind": "given", "sha256": "0" * 64, "zlib": base64.b64encode(zlib.compress(bytes(24))).decode()},
        *(
            {"kind": "rearranged", "of": [drawn(2, 3)], "pieces": [piece]}
            for piece in (
                [0, [0, 0], [2, 2], [0, 1], [0, 0], [1, 1]],
                [0, [0, 1], [2, 3], [0, 1], [0, 0], [1, 1]],
                [0, [0, -1], [2, 3], [0, 1], [0, 0], [1, 1]],
                [0, [0, 0], [2, 3], [0, 1], [0, 1], [1, 1]],
                [0, [0, 0], [2, 3], [0, 1], [0, -1], [1, 1]],
                [0, [0, 0], [2, 3], [0, 1], [0, 2], [1, -1]],
                [0, [0, 0], [2, 3], [None, 1], [0, 0], [1, 1]],
                [0, [0, 0], [2, 3], [0, 5], [0, 0], [1, 1]],
                [1, [0, 0], [2, 3], [0, 1], [0, 0], [1, 1]],
            )
        ),
    ],
)
def test_contents_that_are_not_their_tensors_are_refused(content: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match="tensor 'w'"):
        content_from_dict(content, "w", (2, 3), "float32")


def test_contents_that_are_their_tensors_are_read() -> None:
    whole = {
        "kind": "rearranged",
        "of": [drawn(2, 3)],
        "pieces": [[0, [0, 0], [2, 3], [0, 1], [0, 0], [1, 1]]],
    }
    assert content_from_dict(whole, "w", (2, 3), "float32").to_dict() == whole
