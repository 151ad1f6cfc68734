"""A plan decides all, can go through JSON, and is refused where it would make other bytes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint.checkpoint import finish_checkpoint, write_plan
from pyinit.checkpoint.contents import Unread
from pyinit.checkpoint.families.registry import spec_from_config
from pyinit.checkpoint.parts import Part
from pyinit.checkpoint.plan import CheckpointPlan, plan_blueprint, plan_checkpoint
from pyinit.checkpoint.ranges import run_extent
from pyinit.checkpoint.spec import spec_from_checkpoint
from pyinit.checkpoint.spec_json import spec_from_json
from pyinit.errors import ArgumentError, FormatError, RecipeError, SpecError

TENSORS: dict[str, Any] = {
    "emb": [30, 17],
    "conv": {"shape": [8, 2, 3, 3], "groups": 4},
    "stack": {"shape": [3, 6, 4], "layout": "jax", "batch_axis": 0},
    "steps": {"shape": [2], "dtype": "int64"},
    "none": [0, 3],
    "bias": {"shape": [5], "dtype": "float64"},
}
SPEC = spec_from_json({"tensors": TENSORS, "ties": {"head": "emb"}, "config": {"b": 1, "a": float("inf")}})
RULES = [
    ("steps", pi.constant(3)),
    ("bias", pi.zeros()),
    pi.Rule("emb", pi.truncated_normal(std=0.5), zero_rows=(0, 29)),
    ("stack", pi.orthogonal()),
    ("*", pi.he_normal()),
]


def plan_of(path: Path, **options: Any) -> CheckpointPlan:
    arguments = {"shard_size": 2000, "extent_bytes": 500, "digest": True, "key": 7, **options}
    return plan_checkpoint(arguments.pop("spec", SPEC), arguments.pop("rules", RULES), path=path, **arguments)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def changed(plan: CheckpointPlan, change: Callable[[dict[str, Any]], object]) -> str:
    content = json.loads(plan.to_json())
    change(content)
    return json.dumps(content)


def test_a_plan_read_from_json_makes_the_same_files(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "a")
    again = CheckpointPlan.from_json(plan.to_json())
    assert again.to_json() == plan.to_json()
    assert (again.extents, again.names, again.path) == (plan.extents, plan.names, plan.path)
    write_plan(plan)
    write_plan(again.at(tmp_path / "b"))
    pi.write_checkpoint(SPEC, RULES, path=tmp_path / "c", key=7, shard_size=2000, digest=True)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    # the receipt names the plan, whose extents are smaller
    parts = ("config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json")
    assert {name: files(tmp_path / "a")[name] for name in parts}.items() <= files(tmp_path / "c").items()
    assert (tmp_path / "b" / "config.json").read_text() == '{\n  "b": 1,\n  "a": Infinity\n}\n'


def test_extents_in_any_order_and_twice_make_the_same_files(tmp_path: Path) -> None:
    write_plan(plan_of(tmp_path / "a"))
    plan = CheckpointPlan.from_json(plan_of(tmp_path / "b").to_json())
    order = np.random.default_rng(0).permutation(len(plan.extents)).tolist()
    results = [run_extent(plan, index, threads=1) for index in (*order, *order[:5])]
    finish_checkpoint(plan, results)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_an_extent_that_is_missing_is_named(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "a")
    results = [run_extent(plan, index) for index in range(1, len(plan.extents))]
    with pytest.raises(
        FileNotFoundError, match=r"model-00001-of-00002\.safetensors in .*: not complete; run"
    ):
        finish_checkpoint(plan, results)
    # what was noted stays
    finish_checkpoint(plan, [run_extent(plan, 0)])
    write_plan(plan_of(tmp_path / "b"))
    assert files(tmp_path / "a") == files(tmp_path / "b")
    with pytest.raises(
        FileExistsError, match=r"safetensors exists; remove it, or run no more of its extents"
    ):
        run_extent(plan, 0)
    with pytest.raises(ArgumentError, match=f"the plan has {len(plan.extents)} extents, counted from 0; got"):
        run_extent(plan, len(plan.extents))


def test_the_fingerprint_is_of_what_decides_bytes(tmp_path: Path) -> None:
    prints = {
        plan_of(tmp_path / "x").fingerprint,
        plan_of(tmp_path / "y").fingerprint,
    }
    assert len(prints) == 1
    others = [
        {"key": 8},
        {"dtype": "bfloat16"},
        {"shard_size": None},
        {"extent_bytes": 501},
        {"digest": False},
        {"rules": [*RULES[:-1], ("*", pi.he_uniform())]},
        {"spec": spec_from_json({"tensors": TENSORS, "ties": {"head": "emb"}, "config": {"a": 1, "b": 1}})},
    ]
    prints |= {plan_of(tmp_path / "x", **other).fingerprint for other in others}
    prints.add(plan_of(tmp_path / "x.safetensors").fingerprint)
    assert len(prints) == len(others) + 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": 8}, r"the plan is another one: key is \[7, 0\], not \[8, 0\]\. Make it again"),
        ({"dtype": "float16"}, 'tensor \'emb\': dtype is "float32", not "float16"'),
        ({"shard_size": None}, r"it has 2 files of at most \d+ bytes, not 1 file of at most \d+ bytes"),
        (
            {"rules": [("steps", "zeros"), *RULES[1:]]},
            r"tensor 'steps': recipe is {\"recipe\": \"constant\", .*}, not {\"recipe\": \"zeros\"}",
        ),
        (
            {"spec": spec_from_json({"tensors": {**TENSORS, "emb": [31, 17]}})},
            r"tensor 'emb': shape is \[30, 17\], not \[31, 17\]",
        ),
        (
            {"spec": spec_from_json({"tensors": {"emb": [30, 17]}}), "rules": "normal"},
            "it has a tensor 'conv', which is missing here",
        ),
    ],
)
def test_another_plan_is_refused_with_the_difference(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        plan_of(tmp_path).check(plan_of(tmp_path, **options))


def test_a_plan_of_another_model_names_its_tensors(tmp_path: Path) -> None:
    small = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 9, "n_positions": 4}
    one, two = (
        plan_checkpoint(
            {tensor.name: tensor.shape for tensor in spec_from_config(config).tensors}, "normal", path="x"
        )
        for config in (small, {**small, "n_layer": 2})
    )
    with pytest.raises(SpecError, match=r"it lacks the tensor 'transformer\.h\.1\.ln_1\.weight'"):
        one.check(two)
    with pytest.raises(
        SpecError, match=r"it has a tensor 'transformer\.h\.1\.ln_1\.weight', which is missing"
    ):
        two.check(one)
    one.check(
        plan_checkpoint(
            {name: info.shape for name, info in one.shards[0].tensors.items()}, "normal", path="y"
        )
    )


def test_a_plan_for_another_stream_is_refused(tmp_path: Path) -> None:
    text = changed(plan_of(tmp_path), lambda content: content.update(stream_version=2, pyinit="9.1"))
    with pytest.raises(SpecError, match=r"version 2 of the stream by pyinit 9\.1; this pyinit has version 1"):
        CheckpointPlan.from_json(text)


def test_a_recipe_with_other_numbers_is_refused(tmp_path: Path) -> None:
    def other(content: dict[str, Any]) -> None:
        content["tensors"]["conv"]["content"]["plan"]["std"] = 0.25

    with pytest.raises(
        SpecError, match=r"tensor 'conv': he_normal has std 0\.25 in the plan, 0\.33.* in this"
    ):
        CheckpointPlan.from_json(changed(plan_of(tmp_path), other))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(key=[8, 0]), r"changed since it was made|its fingerprint"),
        (lambda content: content["extents"].pop(), "changed since it was made: its extents are others"),
        (
            lambda content: content["files"].update({"model-00001-of-00002.safetensors": [9, 1]}),
            "changed since|read",
        ),
        (lambda content: content.pop("key"), "key is missing or unknown"),
        (lambda content: content.update(more=1), "more is missing or unknown"),
        (
            lambda content: content["tensors"]["emb"].pop("shape"),
            r"the plan cannot be read \(KeyError\('shape'\)\)",
        ),
        (lambda content: content.update(pyinit_plan=3), 'with "pyinit_plan": 2; got'),
    ],
)
def test_a_plan_that_was_changed_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        CheckpointPlan.from_json(changed(plan_of(tmp_path), change))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pyinit_plan": 2, "pyinit_plan": 2}', b"\xff"])
def test_what_is_no_plan_is_refused(text: str | bytes) -> None:
    with pytest.raises(FormatError, match="plan"):
        CheckpointPlan.from_json(text)


def test_a_plan_can_move_but_not_change_its_names(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "a")
    assert plan.at(tmp_path / "b").fingerprint == plan.fingerprint
    with pytest.raises(SpecError, match=r"the plan names its files after a; got .*/b"):
        plan.at(tmp_path / "b.safetensors")


def test_values_in_memory_are_refused_in_json_only(tmp_path: Path) -> None:
    values = np.ones((2, 2), np.float32)
    plan = plan_checkpoint({"w": (2, 2)}, pi.pretrained(values), path=tmp_path / "m.safetensors")
    with pytest.raises(RecipeError, match="JSON can name a file only"):
        plan.to_json()
    write_plan(plan)
    assert (tmp_path / "m.safetensors").read_bytes().endswith(values.tobytes())


def test_a_content_that_cannot_be_made_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    plan = plan_checkpoint({"v": (3,), "w": (2, 2)}, "normal", path=tmp_path / "out")

    def computed(content: dict[str, Any]) -> None:
        content["tensors"]["w"]["content"] = {"kind": "computed", "definition": "timm:vit", "at_once": 4}
        del content["tensors"]["w"]["recipe"]
        content["tensors"]["w"]["key"] = [0, 0]

    text = changed(plan, computed)
    with pytest.raises(FormatError, match="changed since it was made"):
        CheckpointPlan.from_json(text)
    drafts = list(plan.blueprint.drafts)
    drafts[1] = replace(drafts[1], content=Unread("computed", {"kind": "computed"}, "w needs timm:vit"))
    plan = plan_blueprint(replace(plan.blueprint, drafts=tuple(drafts)), tmp_path / "out")
    for run in (lambda: run_extent(plan, 1), lambda: write_plan(plan), lambda: finish_checkpoint(plan)):
        with pytest.raises(RecipeError, match=r"^w needs timm:vit$"):
            run()
    assert list(tmp_path.iterdir()) == []
    run_extent(plan, 0)


def test_copied_integers_travel_in_a_plan(tmp_path: Path) -> None:
    pi.write_checkpoint(
        spec_from_json({"tensors": {"w": [4, 5], "ids": {"shape": [3], "dtype": "int32"}}}),
        [("ids", pi.constant(-9)), ("w", pi.zeros())],
        path=tmp_path / "old.safetensors",
    )
    plan = plan_checkpoint(
        spec_from_checkpoint(tmp_path / "old.safetensors"), "normal", path=tmp_path / "new"
    )
    write_plan(CheckpointPlan.from_json(plan.to_json()))
    content = (tmp_path / "new" / "model.safetensors").read_bytes()
    assert content.endswith(np.full(3, -9, np.int32).tobytes())


def test_a_source_that_changes_after_the_plan_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "old.safetensors"
    pi.write_checkpoint(
        spec_from_json({"tensors": {"ids": {"shape": [3], "dtype": "int32"}}}), "ones", path=old
    )
    plan = plan_checkpoint(spec_from_checkpoint(old), "normal", path=tmp_path / "new")
    assert plan.fingerprint
    old.write_bytes(old.read_bytes()[:-1] + b"\x02")
    with pytest.raises(
        FormatError, match="the bytes of tensor 'ids' are not those of the plan; the file changed"
    ):
        write_plan(plan)
    assert list(tmp_path.iterdir()) == [old]
    # who plans now copies what is there now
    write_plan(plan_checkpoint(spec_from_checkpoint(old), "normal", path=tmp_path / "new"))
    assert (tmp_path / "new" / "model.safetensors").read_bytes()[-1] == 2


def test_pretrained_values_that_change_are_another_plan(tmp_path: Path) -> None:
    old, extents = tmp_path / "old.safetensors", {"extent_bytes": 2048}
    shapes = {"a": (32, 32), "b": (32, 32)}
    rules = {name: pi.pretrained(old, tensor=name) for name in shapes}
    pi.write_checkpoint(shapes, "normal", path=old, key=1)
    plan = plan_checkpoint(shapes, rules, path=tmp_path / "new", **extents)
    text = plan.to_json()
    assert CheckpointPlan.from_json(text).fingerprint == plan.fingerprint
    run_extent(plan, 0)
    pi.write_checkpoint(shapes, "normal", path=old, key=2, overwrite=True)
    with pytest.raises(
        FormatError, match="the bytes of tensor 'a' are not those of the plan; the file chang"
    ):
        CheckpointPlan.from_json(text)
    # the plan in memory would give the files their names with the values of both
    with pytest.raises(
        FormatError, match="the bytes of tensor 'a' are not those of the plan; the file chang"
    ):
        write_plan(plan)
    assert not list((tmp_path / "new").iterdir())
    again = plan_checkpoint(shapes, rules, path=tmp_path / "new.safetensors", **extents)
    assert again.fingerprint != plan.fingerprint
    write_plan(again)
    assert again.path.read_bytes() == old.read_bytes()
    with pytest.raises(
        SpecError, match=r"tensor 'a' is copied from .*old\.safetensors, which parts would repl"
    ):
        write_plan(plan_checkpoint(shapes, rules, path=old), Part(0, 2), overwrite=True)


def test_the_largest_model_is_planned_in_seconds() -> None:
    start = time.perf_counter()
    plan = plan_checkpoint("llama-70b", path="out", dtype="bfloat16", shard_size=5 * 10**9)
    text = plan.to_json()
    # half a second, usually
    assert time.perf_counter() - start < 10
    assert (plan.nbytes, len(plan.shards), len(plan.extents)) == (137953381448, 29, 723)
    assert len(text) < 1024 * len(plan.blueprint.drafts)
    assert CheckpointPlan.from_json(text).fingerprint == plan.fingerprint
