"""Tensors cut into rectangles over files: nothing is lost, bytes stay those of whole tensors."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.checkpoint import share
from pyinit.checkpoint.checkpoint import finish_checkpoint, write_plan
from pyinit.checkpoint.completion import is_complete
from pyinit.checkpoint.local import LocalTarget
from pyinit.checkpoint.parts import Part
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint
from pyinit.checkpoint.ranges import run_extent
from pyinit.checkpoint.spec import spec_from_checkpoint
from pyinit.checkpoint.spec_json import spec_from_json
from pyinit.cli import main
from pyinit.errors import FormatError, SpecError
from pyinit.stream.safetensors import read_header

TENSORS: dict[str, Any] = {
    "emb": [30, 17],
    "conv": {"shape": [8, 2, 3, 3], "groups": 4},
    "stack": {"shape": [3, 8, 5], "layout": "jax", "batch_axis": 0},
    "square": [24, 24],
    "half": {"shape": [50, 9], "dtype": "bfloat16"},
    "steps": {"shape": [300], "dtype": "int64"},
    "mask": {"shape": [700], "dtype": "bool"},
    "none": [0, 3],
    "scalar": [],
}
SPEC = spec_from_json({"tensors": TENSORS, "config": {"b": 1}})
RULES = [
    ("steps", pi.constant(3)),
    ("mask", pi.ones()),
    pi.Rule("emb", pi.truncated_normal(std=0.5), zero_rows=(0, 29)),
    ("stack", pi.orthogonal()),
    ("square", pi.orthogonal()),
    ("none", pi.zeros()),
    ("scalar", pi.constant(0.5)),
    ("*", pi.he_normal()),
]
NAME = "shard-{:05d}-model-00001-of-00001.safetensors"


def plan_of(path: Path, **options: Any) -> CheckpointPlan:
    arguments = {"shard_size": 600, "extent_bytes": 250, "digest": True, "key": 7, "layout": "dcp", **options}
    return plan_checkpoint(arguments.pop("spec", SPEC), arguments.pop("rules", RULES), path=path, **arguments)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def joined(folder: Path) -> dict[str, bytes]:
    """The bytes of whole tensors: rectangles put where the metadata says, in shapes that these reach."""
    found: dict[str, list[tuple[list[int], tuple[int, ...], bytes]]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        header, data = read_header(path), path.read_bytes()
        metadata = json.loads(header.metadata.get("DCP_SHARDING_INFO", "{}"))
        assert metadata.keys() in (set(), header.tensors.keys())
        for name, info in header.tensors.items():
            offsets = metadata.get(name, {"saved_offsets": [0] * len(info.shape)})["saved_offsets"]
            found.setdefault(name, []).append((offsets, info.shape, data[info.start : info.stop]))
    return {name: whole(rectangles) for name, rectangles in found.items()}


def whole(rectangles: list[tuple[list[int], tuple[int, ...], bytes]]) -> bytes:
    shape = tuple(np.max([np.add(offsets, size) for offsets, size, _ in rectangles], axis=0).astype(int))
    if not prod(shape):
        return b""
    itemsize = len(rectangles[0][2]) // prod(rectangles[0][1])
    array, count = np.zeros((*shape, itemsize), np.uint8), np.zeros(shape, int)
    for offsets, size, data in rectangles:
        place = tuple(slice(first, first + n) for first, n in zip(offsets, size, strict=True))
        array[place] = np.frombuffer(data, np.uint8).reshape(*size, itemsize)
        count[place] += 1
    assert (count == 1).all()
    return array.tobytes()


@given(
    shapes=st.lists(st.lists(st.integers(0, 7), max_size=4).map(tuple), min_size=1, max_size=5),
    shard_size=st.integers(4, 800),
    extent_bytes=st.integers(1, 500),
)
def test_no_file_is_larger_and_each_element_is_in_one(
    shapes: list[tuple[int, ...]], shard_size: int, extent_bytes: int
) -> None:
    named = {str(number): shape for number, shape in enumerate(shapes)}
    options = {"shard_size": shard_size, "extent_bytes": extent_bytes}
    plan = plan_checkpoint(named, "normal", path="x", layout="dcp", **options)
    elements: dict[str, list[int]] = {name: [] for name in named}
    last: dict[str, int] = {}
    for file, shard in enumerate(plan.shards):
        assert shard.name == NAME.format(file + 1)
        assert shard.nbytes - len(shard.header) <= shard_size
        offsets = json.loads(json.loads(shard.header[8:])["__metadata__"]["DCP_SHARDING_INFO"])
        for slab in shard.slabs:
            name = slab.draft.name
            # its files follow each other, and each has one rectangle
            assert last.get(name, file - 1) == file - 1
            last[name] = file
            assert offsets[name] == {"saved_offsets": list(slab.start)}
            numbers = np.arange(prod(named[name])).reshape(named[name])
            place = tuple(slice(a, a + n) for a, n in zip(slab.start, slab.shape, strict=True))
            elements[name] += numbers[place].ravel().tolist()
            # a tensor that fits into a file is not cut
            assert slab.shape == named[name] or slab.draft.nbytes > shard_size
    assert elements == {name: list(range(prod(shape))) for name, shape in named.items()}
    made: dict[str, int] = dict.fromkeys(named, 0)
    ends = {file: len(shard.header) for file, shard in enumerate(plan.shards)}
    for extent in plan.extents:
        assert extent.offset == ends[extent.file]
        ends[extent.file] += extent.nbytes
        made[extent.tensor] += extent.nbytes
    assert ends == {file: shard.nbytes for file, shard in enumerate(plan.shards)}
    assert made == {name: 4 * prod(shape) for name, shape in named.items()}


def test_the_bytes_are_those_of_whole_tensors(tmp_path: Path) -> None:
    pi.write_checkpoint(SPEC, RULES, path=tmp_path / "whole", key=7)
    receipts = []
    for size in (8, 100, 600, 2500, None):
        folder = tmp_path / str(size)
        options = {"shard_size": size, "layout": "dcp", "digest": True}
        receipts.append(pi.write_checkpoint(SPEC, RULES, path=folder, key=7, **options))
        assert joined(folder) == joined(tmp_path / "whole")
    assert [len(receipt.shards) > 1 for receipt in receipts] == [True] * 4 + [False]
    # also their checksums
    assert len({json.dumps(receipt.crc32, sort_keys=True) for receipt in receipts}) == 1


def test_integers_of_a_file_are_copied_in_rectangles(tmp_path: Path) -> None:
    pi.write_checkpoint(SPEC, RULES, path=tmp_path / "old", key=1)
    again = spec_from_checkpoint(tmp_path / "old" / "model.safetensors")
    write_plan(plan_of(tmp_path / "new", spec=again, rules="normal"))
    old, new = joined(tmp_path / "old"), joined(tmp_path / "new")
    same = {name: old[name] == new[name] for name in ("steps", "mask", "emb")}
    assert same == {"steps": True, "mask": True, "emb": False}


def test_files_are_marked_as_torch_marks_them(tmp_path: Path) -> None:
    pi.write_checkpoint({"w": (3, 2), "b": (2,)}, "ones", path=tmp_path, shard_size=16, layout="dcp")
    names = [NAME.format(1), NAME.format(2)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["init.json", *names]
    said = [read_header(tmp_path / name).metadata for name in names]
    offsets = [
        '{"w": {"saved_offsets": [0, 0]}}',
        '{"w": {"saved_offsets": [2, 0]}, "b": {"saved_offsets": [0]}}',
    ]
    assert said == [{"DCP_SHARDING_INFO": text, "DCP_VERSION": "1.0", "format": "pt"} for text in offsets]


def test_the_receipt_says_where_rectangles_are(tmp_path: Path) -> None:
    shapes = {"w": (5, 2), "b": (2,)}
    cut = pi.write_checkpoint(shapes, "ones", path=tmp_path / "cut", shard_size=16, layout="dcp").to_dict()
    assert json.loads((tmp_path / "cut" / "init.json").read_text()) == json.loads(json.dumps(cut))
    assert (cut["layout"], cut["shard_size"]) == ("dcp", 16)
    assert list(cut["files"]) == [NAME.format(number) for number in (1, 2, 3)]
    places = {name: (entry["file"], entry.get("last_file")) for name, entry in cut["tensors"].items()}
    assert places == {"w": (NAME.format(1), NAME.format(3)), "b": (NAME.format(3), None)}
    kept = pi.write_checkpoint(shapes, "ones", path=tmp_path / "whole", shard_size=16).to_dict()
    assert (kept["layout"], "shard_size" in kept, "last_file" in kept["tensors"]["w"]) == (
        "huggingface",
        False,
        False,
    )


def test_tied_tensors_are_written_under_each_name(tmp_path: Path) -> None:
    tied = spec_from_json({"tensors": {"emb": [9, 4], "b": [3]}, "ties": {"head": "emb"}})
    plan = plan_of(tmp_path / "cut", spec=tied, rules="normal", shard_size=40)
    write_plan(CheckpointPlan.from_json(plan.to_json()))
    found = joined(tmp_path / "cut")
    assert found.keys() == {"emb", "b", "head"}
    assert found["head"] == found["emb"]
    receipt = json.loads((tmp_path / "cut" / "init.json").read_text())
    assert receipt["ties"] == {}
    assert receipt["tensors"]["head"]["key"] == receipt["tensors"]["emb"]["key"]
    pi.write_checkpoint(tied, "normal", path=tmp_path / "whole", key=7)
    assert joined(tmp_path / "whole") == {name: found[name] for name in ("emb", "b")}


def test_a_plan_of_rectangles_travels_as_json(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "a")
    again = CheckpointPlan.from_json(plan.to_json())
    assert (again.to_json(), again.extents, again.names) == (plan.to_json(), plan.extents, plan.names)
    assert again.layout == plan.layout
    write_plan(plan)
    write_plan(again.at(tmp_path / "b"))
    assert files(tmp_path / "a") == files(tmp_path / "b")
    other = plan_of(tmp_path / "a", layout="huggingface")
    with pytest.raises(SpecError, match=r'layout is "dcp", not "huggingface"'):
        plan.check(other)
    with pytest.raises(SpecError, match=r"shard_size is 600, not 608"):
        plan.check(plan_of(tmp_path / "a", shard_size=608))
    with pytest.raises(FormatError, match=r"changed since it was made: it has \d+ files"):
        CheckpointPlan.from_json(plan.to_json().replace('"shard_size": 600', '"shard_size": 608'))
    with pytest.raises(SpecError, match="layout must be one of huggingface, dcp; got 'gguf'"):
        CheckpointPlan.from_json(plan.to_json().replace('"layout": "dcp"', '"layout": "gguf"'))


def test_parts_extents_and_what_is_resumed_make_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "_COMMIT_BYTES", 500)
    write_plan(plan_of(tmp_path / "one"))
    expected = files(tmp_path / "one")
    parts = plan_of(tmp_path / "parts")
    for index in (2, 0, 1):
        assert not is_complete(parts)
        # without the receipt nobody takes them for complete
        assert not (tmp_path / "parts" / "init.json").exists()
        write_plan(parts, Part(index, 3))
    assert is_complete(parts)
    assert files(tmp_path / "parts") == expected
    singly = plan_of(tmp_path / "singly")
    order = np.random.default_rng(0).permutation(len(singly.extents)).tolist()
    finish_checkpoint(singly, [run_extent(singly, index, threads=1) for index in order])
    assert files(tmp_path / "singly") == expected

    plain, count = LocalTarget.write, [0]

    def stopped(target: LocalTarget, name: str, offset: int, data: memoryview) -> None:
        count[0] += 1
        if count[0] > 20:
            raise KeyboardInterrupt
        plain(target, name, offset, data)

    resumed = plan_of(tmp_path / "resumed")
    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "write", stopped)
        with pytest.raises(KeyboardInterrupt, match=r"[1-9]\d* of \d+ extents are kept"):
            write_plan(resumed, threads=1)
    seen: list[int] = []
    write_plan(resumed, progress=lambda done, total: seen.append(done))
    assert seen[0] > sum(len(shard.header) for shard in resumed.shards)
    assert files(tmp_path / "resumed") == expected


@pytest.mark.parametrize("layouts", [("huggingface", "dcp"), ("dcp", "huggingface")])
def test_a_checkpoint_of_the_other_layout_is_in_the_way(tmp_path: Path, layouts: tuple[str, str]) -> None:
    def write(layout: str, **options: Any) -> None:
        shapes = {"w": (5, 2), "b": (2,)}
        pi.write_checkpoint(shapes, "ones", path=tmp_path, shard_size=16, layout=layout, **options)

    (tmp_path / "shard-notes.safetensors").write_bytes(b"mine")
    write(layouts[0])
    (tmp_path / "init.json").unlink()
    with pytest.raises(FileExistsError, match=r"exists; use --force"):
        write(layouts[1])
    write(layouts[0], overwrite=True)
    former = set(files(tmp_path))
    write(layouts[1], overwrite=True)
    assert former & set(files(tmp_path)) == {"init.json", "shard-notes.safetensors"}


def test_a_former_receipt_does_not_speak_for_what_is_being_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(tmp_path)
    write_plan(plan)
    plain = LocalTarget.publish

    def publish(target: LocalTarget, names: list[str], own: Any = None) -> None:
        assert names[-1] == "init.json"
        assert not (tmp_path / "init.json").exists()
        plain(target, names, own)

    monkeypatch.setattr(LocalTarget, "publish", publish)
    write_plan(plan_of(tmp_path, key=8), overwrite=True)
    assert (tmp_path / "init.json").exists()


def test_what_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="layout must be one of huggingface, dcp; got 'DCP'"):
        pi.write_checkpoint({"w": (2,)}, "ones", path=tmp_path / "x", layout="DCP")
    with pytest.raises(SpecError, match=r"dcp is a directory of files; got .*m\.safetensors\. Name"):
        pi.write_checkpoint({"w": (2,)}, "ones", path=tmp_path / "m.safetensors", layout="dcp")
    with pytest.raises(SpecError, match=r"must hold an element of tensor 'w', 4 bytes; got 3\."):
        pi.write_checkpoint({"w": (2,)}, "ones", path=tmp_path / "x", shard_size=3, layout="dcp")
    assert list(tmp_path.iterdir()) == []


def test_the_command_cuts_tensors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.json"
    gpt2 = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 9, "n_positions": 4}
    config.write_text(json.dumps(gpt2))
    command = ["init", str(config), "--layout", "dcp", "--shard-size", "200", "--out"]
    assert main([*command, str(tmp_path / "out")]) == 0
    assert "wrote shard-00001-model-00001-of-00001.safetensors, " in capsys.readouterr().out
    assert main(["init", str(config), "--out", str(tmp_path / "whole")]) == 0
    assert joined(tmp_path / "out").items() > joined(tmp_path / "whole").items()
    plan = tmp_path / "plan.json"
    assert main([*command, str(tmp_path / "again"), "--plan", str(plan)]) == 0
    assert main(["init", str(plan), "--layout", "dcp"]) == 2
    assert "is a plan, which decides --layout already; leave it out" in capsys.readouterr().err
    assert main(["init", str(plan)]) == 0
    assert files(tmp_path / "again") == files(tmp_path / "out")
