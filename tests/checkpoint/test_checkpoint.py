"""What a checkpoint holds: the bytes of the recipes, whatever the threads, blocks and shards."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.checkpoint import writer
from pyinit.checkpoint.checkpoint import write_checkpoint
from pyinit.checkpoint.families.registry import spec_from_config
from pyinit.checkpoint.spec import Spec, TensorSpec, spec_from_checkpoint
from pyinit.checkpoint.spec_json import spec_from_json
from pyinit.errors import ArgumentError, FormatError, RecipeError, SeedError, SpecError
from pyinit.recipes.rules import Rule
from pyinit.stream.safetensors import read_header, read_index

SPEC = spec_from_json(
    {
        "tensors": {
            "emb": [301, 17],
            "deep": {"shape": [3, 5, 7, 11], "layout": "jax"},
            "bias": [129],
            "scalar": [],
            "empty": [0, 4],
            "steps": {"shape": [], "dtype": "int64"},
            "wide": {"shape": [2, 5000], "dtype": "float64"},
        }
    }
)
RULES = (
    Rule("steps", pi.zeros()),
    Rule("emb", pi.truncated_normal(std=0.5), zero_rows=(0, 150, 300)),
    Rule("deep", pi.he_normal()),
    Rule("bias", pi.uniform(-1, 1)),
    Rule("*", pi.normal()),
)
GPT2 = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 9, "n_positions": 4}


def contents(path: Path) -> dict[str, bytes]:
    """The bytes of each tensor of a file or an index."""
    located = (
        read_index(path)
        if path.suffix == ".json"
        else {name: (path, info) for name, info in read_header(path).tensors.items()}
    )
    return {name: file.read_bytes()[info.start : info.stop] for name, (file, info) in located.items()}


def expected(dtype: str | None = None) -> dict[str, bytes]:
    """The same tensors by calling each recipe once, whole."""
    found = {}
    for tensor in SPEC.tensors:
        rule = next(rule for rule in RULES if rule.matches(tensor.name, is_kernel=tensor.is_kernel))
        if not tensor.is_float:
            found[tensor.name] = bytes(8)
            continue
        recipe = pi.he_normal(layout=tensor.layout) if tensor.name == "deep" else rule.recipe
        name = dtype or tensor.dtype
        name = "uint16" if name == "bfloat16" else name
        array = recipe(tensor.shape, key=pi.key(7).fold_in(tensor.name), dtype=name)
        for row in rule.zero_rows:
            array[row] = 0
        found[tensor.name] = array.tobytes()
    return found


@pytest.mark.parametrize("dtype", [None, "float32", "float64", "bfloat16", "float16"])
def test_bytes_are_those_of_the_recipes(tmp_path: Path, dtype: str | None) -> None:
    write_checkpoint(SPEC, RULES, key=7, path=tmp_path / "m.safetensors", dtype=dtype)
    assert contents(tmp_path / "m.safetensors") == expected(dtype)
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("block", [512, 4096, 1 << 22])
@pytest.mark.parametrize("shard_size", [None, 1, 21000, 10**9])
def test_no_byte_depends_on_threads_blocks_or_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, block: int, shard_size: int | None
) -> None:
    monkeypatch.setattr(writer, "_BLOCK_BYTES", block)
    monkeypatch.setattr(writer, "_DIGEST_BLOCK_BYTES", block)
    monkeypatch.setattr(writer, "_SMALLEST_BLOCK_BYTES", 256)
    receipt = write_checkpoint(
        SPEC,
        RULES,
        key=7,
        path=tmp_path / "m.safetensors",
        threads=threads,
        shard_size=shard_size,
        digest=True,
    )
    single = tmp_path / "m.safetensors"
    found = contents(single if single.exists() else tmp_path / "m.safetensors.index.json")
    assert found == expected()
    assert receipt.crc32 == {name: zlib.crc32(data) for name, data in found.items()}


@given(
    shape=st.lists(st.integers(0, 9), max_size=4).map(tuple),
    block=st.integers(8, 400),
    dtype=st.sampled_from(["float32", "float64", "float16"]),
)
def test_any_shape_in_any_blocks(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, ...], block: int, dtype: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "m.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "_BLOCK_BYTES", block)
        patch.setattr(writer, "_SMALLEST_BLOCK_BYTES", 8)
        write_checkpoint({"t": shape}, pi.normal(), key=1, path=path, dtype=dtype, threads=1)
    whole = pi.normal()(shape, key=pi.key(1).fold_in("t"), dtype=dtype)
    assert contents(path)["t"] == whole.tobytes()


def test_names_and_shapes_alone(tmp_path: Path) -> None:
    numpy_io = pytest.importorskip("safetensors.numpy")
    he = pi.he_normal(layout="torch")
    # a file has torch's layout, unless the recipe names another
    write_checkpoint({"l1": (784, 256), "l2": (256, 10)}, "he_normal", key=0, path=tmp_path / "m.safetensors")
    loaded = numpy_io.load_file(tmp_path / "m.safetensors")
    for name, shape in (("l1", (784, 256)), ("l2", (256, 10))):
        np.testing.assert_array_equal(loaded[name], he(shape, key=pi.key(0).fold_in(name)))


def test_shards_have_standard_names_sizes_and_index(tmp_path: Path) -> None:
    write_checkpoint(SPEC, RULES, key=7, path=tmp_path, shard_size=21000)
    names = sorted(path.name for path in tmp_path.iterdir())
    shards = [f"model-{number:05d}-of-00003.safetensors" for number in (1, 2, 3)]
    assert names == ["init.json", *shards, "model.safetensors.index.json"]
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == SPEC.nbytes
    assert index["weight_map"] == {
        **dict.fromkeys(("emb",), shards[0]),
        **dict.fromkeys(("deep", "bias", "scalar", "empty", "steps"), shards[1]),
        "wide": shards[2],
    }
    # a tensor larger than a shard has one of its own; the others stay below the size
    sizes = {
        name: sum(info.nbytes for info in read_header(tmp_path / name).tensors.values()) for name in shards
    }
    assert sizes[shards[2]] == 80000
    assert max(sizes[shards[0]], sizes[shards[1]]) <= 21000


def test_every_tensor_is_aligned(tmp_path: Path) -> None:
    spec = spec_from_json(
        {
            "tensors": {
                "a": {"shape": [3], "dtype": "float16"},
                "b": [3],
                "c": {"shape": [1], "dtype": "float64"},
            }
        }
    )
    write_checkpoint(spec, pi.normal(), key=0, path=tmp_path / "m.safetensors")
    infos = read_header(tmp_path / "m.safetensors").tensors
    assert list(infos) == ["c", "b", "a"]
    assert all(info.start % width == 0 for info, width in zip(infos.values(), (8, 4, 2), strict=True))


def test_a_directory_gets_configuration_and_receipt(tmp_path: Path) -> None:
    spec = spec_from_config(GPT2)
    receipt = write_checkpoint(spec, key=pi.Key(3, 4), path=tmp_path / "new" / "model", dtype="bfloat16")
    folder = tmp_path / "new" / "model"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "init.json", "model.safetensors"]
    config = json.loads((folder / "config.json").read_text())
    assert config == {**GPT2, "architectures": ["GPT2LMHeadModel"], "dtype": "bfloat16"}
    written = json.loads((folder / "init.json").read_text())
    assert written == receipt.to_dict()
    assert written["stream_version"] == 1
    assert written["key"] == [3, 4]
    assert written["dtype"] == "bfloat16"
    assert written["ties"] == {"lm_head.weight": "transformer.wte.weight"}
    assert not any("crc32" in entry for entry in written["tensors"].values())
    assert written["files"] == {"model.safetensors": (folder / "model.safetensors").stat().st_size}


def test_the_receipt_alone_makes_the_bytes_again(tmp_path: Path) -> None:
    write_checkpoint(SPEC, RULES, key=7, path=tmp_path, shard_size=21000, digest=True)
    data = contents(tmp_path / "model.safetensors.index.json")
    receipt = json.loads((tmp_path / "init.json").read_text())
    assert list(receipt["tensors"]) == [tensor.name for tensor in SPEC.tensors]
    for name, entry in receipt["tensors"].items():
        assert entry["crc32"] == f"{zlib.crc32(data[name]):08x}"
        assert entry["bytes"] == len(data[name])
        assert name in read_header(tmp_path / entry["file"]).tensors
        if entry["dtype"] != "int64":
            recipe = pi.recipe_from_dict(entry["recipe"])
            array = recipe(tuple(entry["shape"]), key=pi.Key(*entry["key"]), dtype=entry["dtype"])
            for row in entry.get("zero_rows", []):
                array[row] = 0
            assert array.tobytes() == data[name]
            assert entry["std"] == recipe.plan(tuple(entry["shape"]), entry["dtype"]).std
    assert (receipt["tensors"]["deep"]["fan_in"], receipt["tensors"]["deep"]["fan_out"]) == (105, 165)


def test_the_receipt_does_not_depend_on_the_run(tmp_path: Path) -> None:
    for name, threads in (("a", 1), ("b", 3)):
        write_checkpoint(SPEC, RULES, key=7, path=tmp_path / name, threads=threads, digest=True)
    assert (tmp_path / "a" / "init.json").read_bytes() == (tmp_path / "b" / "init.json").read_bytes()


def test_an_existing_checkpoint_gets_new_values(tmp_path: Path) -> None:
    old = tmp_path / "old.safetensors"
    write_checkpoint(
        spec_from_json({"tensors": {"w": [4, 5], "ids": {"shape": [3], "dtype": "int32"}}}),
        [("ids", pi.constant(-9)), ("w", pi.zeros())],
        path=old,
    )
    write_checkpoint(spec_from_checkpoint(old), pi.normal(), key=1, path=old, overwrite=True)
    data = contents(old)
    assert data["ids"] == np.full(3, -9, np.int32).tobytes()
    assert data["w"] == pi.normal()((4, 5), key=pi.key(1).fold_in("w")).tobytes()


def test_a_source_that_shrinks_meanwhile_leaves_nothing(tmp_path: Path) -> None:
    old = tmp_path / "old.safetensors"
    spec = Spec("here", (TensorSpec("ids", (3,), "int32"),))
    write_checkpoint(spec, pi.ones(), path=old)
    again = spec_from_checkpoint(old)
    old.write_bytes(old.read_bytes()[:-4])
    with pytest.raises(FormatError, match="tensor 'ids' ended early; the file changed while it was read"):
        write_checkpoint(again, pi.normal(), path=tmp_path / "new" / "m.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["old.safetensors"]


def test_existing_files_are_kept_without_overwrite(tmp_path: Path) -> None:
    write_checkpoint(SPEC, RULES, key=7, path=tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(FileExistsError, match=r"init\.json exists; use --force"):
        write_checkpoint(SPEC, RULES, key=8, path=tmp_path)
    # shards beside a whole file would be taken for one model
    with pytest.raises(FileExistsError, match=r"model\.safetensors exists"):
        write_checkpoint(SPEC, RULES, key=8, path=tmp_path / "model.safetensors", shard_size=21000)
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_overwriting_leaves_no_former_shard(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write_checkpoint(SPEC, RULES, key=7, path=tmp_path, shard_size=21000)
    write_checkpoint(SPEC, RULES, key=7, path=tmp_path, overwrite=True)
    kept = ["init.json", "model.safetensors", "notes.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept
    write_checkpoint(SPEC, RULES, key=7, path=tmp_path, shard_size=21000, overwrite=True)
    assert not (tmp_path / "model.safetensors").exists()
    assert contents(tmp_path / "model.safetensors.index.json") == expected()


def test_progress_grows_to_the_whole(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    receipt = write_checkpoint(
        SPEC,
        RULES,
        key=7,
        path=tmp_path / "m.safetensors",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == sorted(seen)
    assert seen[-1] == (receipt.nbytes, receipt.nbytes)
    assert receipt.nbytes == (tmp_path / "m.safetensors").stat().st_size


def test_an_error_in_the_callers_progress_leaves_nothing(tmp_path: Path) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_checkpoint(SPEC, RULES, key=7, path=tmp_path / "m.safetensors", progress=fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"recipes": {"bias": pi.zeros()}}, RecipeError, "no rule matches tensor 'emb'"),
        ({"key": 2**64}, SeedError, r"\[0, 2\*\*64\)"),
        ({"key": -1}, SeedError, r"\[0, 2\*\*64\)"),
        ({"threads": 0}, ArgumentError, "threads must be a positive integer; got 0"),
        ({"shard_size": 0}, SpecError, "shard_size must be at least 1 byte; got 0"),
    ],
)
def test_bad_arguments_write_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        write_checkpoint(**{"spec": SPEC, "recipes": RULES, "path": tmp_path / "new", **arguments})
    assert list(tmp_path.iterdir()) == []


def test_what_a_receipt_cannot_say_is_refused_before_writing(tmp_path: Path) -> None:
    values = np.ones((2, 2), np.float32)
    with pytest.raises(RecipeError, match="JSON can name a file only"):
        write_checkpoint({"w": (2, 2)}, pi.pretrained(values), path=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    # a file alone has no receipt
    write_checkpoint({"w": (2, 2)}, pi.pretrained(values), path=tmp_path / "m.safetensors")
    assert contents(tmp_path / "m.safetensors")["w"] == values.tobytes()


def test_a_path_of_the_wrong_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.safetensors").mkdir()
    with pytest.raises(SpecError, match="is a directory; name a file ending in"):
        write_checkpoint(SPEC, RULES, path=tmp_path / "d.safetensors")
    (tmp_path / "file").write_text("x")
    with pytest.raises(SpecError, match="is a file; name a directory"):
        write_checkpoint(SPEC, RULES, path=tmp_path / "file")
