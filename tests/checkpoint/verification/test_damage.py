"""Each kind of damage to a checkpoint is found, in the right tensor, and named as what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.checkpoint.verification.diagnosis import converted
from pyinit.stream.safetensors import build_header, read_header

SHAPES = {
    "emb": (300, 64),
    "l1.weight": (128, 64),
    "l1.bias": (128,),
    "l2.weight": (128, 64),
    "norm.weight": (64,),
    "conv.weight": (16, 8, 3, 3),
    "none": (0, 3),
    "head": (96, 96),
}
RECIPES = [
    ("l1.bias", pi.uniform(-0.1, 0.1)),
    ("norm.weight", "ones"),
    ("emb", pi.normal(std=0.02)),
    ("head", pi.orthogonal(layout="torch")),
    ("conv.weight", pi.he_uniform(layout="torch")),
    ("*", "glorot_normal"),
]
NAME = "model.safetensors"


@pytest.fixture(params=["float32", "bfloat16"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    pi.write_checkpoint(SHAPES, RECIPES, key=11, path=tmp_path / "model", dtype=request.param)
    return tmp_path / "model"


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    pi.write_checkpoint(SHAPES, RECIPES, key=11, path=tmp_path / "wide")
    return tmp_path / "wide"


def changed(folder: Path, name: str, change: Callable[[np.ndarray], Any]) -> None:
    """Change the bytes of a tensor in the file."""
    info = read_header(folder / NAME).tensors[name]
    data = np.memmap(folder / NAME, np.uint8, "r+", info.start, (info.nbytes,))
    change(data)
    data.flush()


def put(folder: Path, name: str, values: Any) -> None:
    """Replace the values of a tensor of the file."""
    dtype = read_header(folder / NAME).tensors[name].dtype
    data = np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint8)
    if dtype != "float32":
        data = converted(data, "float32", dtype)

    def change(target: np.ndarray) -> None:
        target[...] = data

    changed(folder, name, change)


def drawn(folder: Path, name: str, recipe: pi.Recipe, key: pi.Key) -> bytes:
    """What a recipe makes in the dtype of the file."""
    dtype = read_header(folder / NAME).tensors[name].dtype
    array = recipe(SHAPES[name], key=key, dtype="uint16" if dtype == "bfloat16" else dtype)
    return array.tobytes()


def only(folder: Path, **options: Any) -> pi.Finding:
    """Return the one finding."""
    findings = pi.verify(folder, **options).findings
    assert len(findings) == 1, [str(each) for each in findings]
    return findings[0]


@pytest.mark.parametrize("threads", [1, 3])
def test_what_was_written_is_the_same(folder: Path, threads: int) -> None:
    found = pi.verify(folder, threads=threads)
    assert found.is_same
    assert str(found).endswith("as written; compared 8 of 8 tensors, " + str(found).rsplit(", ", 1)[1])
    assert (found.compared, found.compared_bytes) == (found.tensors, found.nbytes)


def test_one_flipped_bit(folder: Path) -> None:
    def flip(data: np.ndarray) -> None:
        data[1234] ^= 16

    changed(folder, "l2.weight", flip)
    finding = only(folder)
    assert (finding.kind, finding.tensor, finding.file) == ("corrupt", "l2.weight", NAME)
    assert (finding.facts["first"], finding.facts["bits"]) == (1234, 1)
    assert str(finding) == "l2.weight: one bit is flipped, in byte 1234"


def test_a_few_bytes(folder: Path) -> None:
    def damage(data: np.ndarray) -> None:
        data[100] ^= 3
        data[90:93] ^= 255

    changed(folder, "emb", damage)
    facts = only(folder).facts
    assert (facts["differ"], facts["first"], facts["last"], facts["zero"]) == (4, 90, 100, False)


def test_a_hole_of_zeros(folder: Path) -> None:
    def clear(data: np.ndarray) -> None:
        data[4096:8192] = 0

    changed(folder, "emb", clear)
    finding = only(folder)
    assert (finding.kind, finding.facts["zero"]) == ("corrupt", True)
    assert 4096 <= finding.facts["first"] < 4104
    assert "never reached the disk" in str(finding)


@pytest.mark.parametrize("name", ["emb", "norm.weight", "head"])
def test_zeros(folder: Path, name: str) -> None:
    put(folder, name, np.zeros(SHAPES[name]))
    assert str(only(folder)) == f"{name}: all values are zero"


def test_another_constant(folder: Path) -> None:
    put(folder, "norm.weight", np.full(64, 0.5))
    finding = only(folder)
    assert (finding.kind, finding.facts) == ("constant", {"value": 0.5})


@pytest.mark.parametrize("seed", [0, 12, 42])
def test_another_seed(folder: Path, seed: int) -> None:
    path = folder.with_name("other")
    dtype = read_header(folder / NAME).tensors["emb"].dtype
    pi.write_checkpoint(SHAPES, RECIPES, key=seed, path=path, dtype=dtype)
    (path / NAME).replace(folder / NAME)
    findings = pi.verify(folder).findings
    # constants do not depend on the seed, nor can they tell it
    assert {each.tensor for each in findings} == {*SHAPES} - {"norm.weight", "none"}
    assert {(each.kind, each.facts["seed"]) for each in findings} == {("key", seed)}
    assert str(findings[0]) == f"emb: the values are those of seed {seed}"


def test_a_seed_that_nobody_guesses(folder: Path) -> None:
    put(folder, "emb", pi.normal(std=0.02)(SHAPES["emb"], key=987654321))
    finding = only(folder)
    assert (finding.kind, finding.facts["same_law"]) == ("values", True)
    assert "another seed or generator, or re-initialized" in str(finding)


def test_the_key_itself(folder: Path) -> None:
    data = drawn(folder, "emb", pi.normal(std=0.02), pi.key(11))

    def change(target: np.ndarray) -> None:
        target[...] = np.frombuffer(data, np.uint8)

    changed(folder, "emb", change)
    assert str(only(folder)) == "emb: the values are those of the key 11 itself, without the tensor's name"


def test_the_key_of_another_name(folder: Path) -> None:
    recipe = pi.recipe_from_dict({"recipe": "glorot_normal", "layout": "torch"})
    data = drawn(folder, "l1.weight", recipe, pi.key(11).fold_in("model.l1.weight"))

    def change(target: np.ndarray) -> None:
        target[...] = np.frombuffer(data, np.uint8)

    changed(folder, "l1.weight", change)
    assert only(folder).facts == {"name": "model.l1.weight"}


def test_swapped_tensors(folder: Path) -> None:
    infos = read_header(folder / NAME).tensors
    data = (folder / NAME).read_bytes()
    one, other = (data[infos[name].start : infos[name].stop] for name in ("l1.weight", "l2.weight"))
    for name, values in (("l1.weight", other), ("l2.weight", one)):

        def change(target: np.ndarray, values: bytes = values) -> None:
            target[...] = np.frombuffer(values, np.uint8)

        changed(folder, name, change)
    found = [(each.tensor, each.kind, each.facts["holds"]) for each in pi.verify(folder).findings]
    assert found == [("l1.weight", "swapped", "l2.weight"), ("l2.weight", "swapped", "l1.weight")]


def test_another_recipe_under_the_same_key(folder: Path) -> None:
    recipe = pi.recipe_from_dict({"recipe": "he_uniform", "layout": "torch"})
    data = drawn(folder, "l1.weight", recipe, pi.key(11).fold_in("l1.weight"))

    def change(target: np.ndarray) -> None:
        target[...] = np.frombuffer(data, np.uint8)

    changed(folder, "l1.weight", change)
    finding = only(folder)
    assert finding.kind == "recipe"
    assert finding.facts["recipe"].startswith("he_uniform(")


def test_another_std_under_the_same_key(wide: Path) -> None:
    put(wide, "emb", pi.normal(std=0.05)(SHAPES["emb"], key=pi.key(11).fold_in("emb")))
    finding = only(wide)
    assert finding.kind == "scaled"
    assert finding.facts["factor"] == pytest.approx(2.5, rel=1e-6)


def test_a_step_of_training(wide: Path) -> None:
    written = pi.normal(std=0.02)(SHAPES["emb"], key=pi.key(11).fold_in("emb"))
    put(wide, "emb", written + pi.normal(std=0.0002)(SHAPES["emb"], key=1))
    finding = only(wide)
    assert finding.kind == "changed"
    assert finding.facts["distance"] == pytest.approx(0.01, rel=0.1)


def test_numbers_of_another_recipe(folder: Path) -> None:
    put(folder, "emb", pi.normal(std=0.3)(SHAPES["emb"], key=987654321))
    finding = only(folder)
    assert (finding.kind, finding.facts["same_law"]) == ("values", False)
    assert finding.facts["std"] == pytest.approx(0.3, rel=0.05)
    assert "another recipe, or trained" in str(finding)


def test_what_torch_begins_with_after_loading(folder: Path) -> None:
    bound = 1 / 64**0.5
    put(folder, "l2.weight", pi.uniform(-bound, bound)(SHAPES["l2.weight"], key=987654321))
    finding = only(folder)
    assert (finding.kind, finding.facts["by"]) == ("reinitialized", "torch.nn.Linear")
    assert "re-initialized after loading" in str(finding)


def test_what_transformers_begins_with_after_loading(folder: Path) -> None:
    put(folder, "l2.weight", pi.normal(std=0.02)(SHAPES["l2.weight"], key=987654321))
    assert only(folder).facts["by"] == "transformers (std 0.02)"


def test_numbers_that_are_not_finite(wide: Path) -> None:
    values = pi.normal(std=0.02)(SHAPES["emb"], key=987654321)
    values[::2] = np.nan
    put(wide, "emb", values)
    facts = only(wide).facts
    assert (facts["nonfinite"], facts["same_law"]) == (150 * 64, False)


@pytest.mark.parametrize("to", ["bfloat16", "float16"])
def test_values_that_were_rounded_in_between(wide: Path, to: str) -> None:
    values = pi.normal(std=0.02)(SHAPES["emb"], key=pi.key(11).fold_in("emb")).view(np.uint8).reshape(-1)
    back = converted(converted(values, "float32", to), to, "float32")

    def change(target: np.ndarray) -> None:
        target[...] = back

    changed(wide, "emb", change)
    assert str(only(wide)) == f"emb: the values are the expected ones rounded to {to}"


@pytest.mark.parametrize("is_rounded", [True, False])
def test_a_file_of_another_dtype(wide: Path, is_rounded: bool) -> None:
    infos = read_header(wide / NAME).tensors
    data = (wide / NAME).read_bytes()
    header, _ = build_header([(name, "bfloat16", info.shape) for name, info in infos.items()])
    parts = [np.frombuffer(data[info.start : info.stop], np.uint8) for info in infos.values()]
    if not is_rounded:
        parts = [np.roll(part, 4) for part in parts]
    (wide / NAME).write_bytes(
        header + b"".join(converted(part, "float32", "bfloat16").tobytes() for part in parts)
    )
    found = pi.verify(wide)
    assert found.findings[0].kind == "header"
    kinds = {
        (each.kind, each.facts["rounded"]) for each in found.findings[1:] if each.tensor in ("emb", "head")
    }
    assert kinds == {("dtype", is_rounded)}
    said = "the expected ones converted" if is_rounded else "not the expected ones converted"
    assert str(found.findings[1]) == f"emb: the dtype is bfloat16; float32 was written. The values are {said}"


def test_a_truncated_tail(folder: Path) -> None:
    path = folder / NAME
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1000])
    found = pi.verify(folder)
    assert [(each.kind, each.file) for each in found.findings if each.tensor is None] == [
        ("truncated_file", NAME)
    ]
    assert found.findings[0].facts == {"bytes": size - 1000, "expected": size}
    assert [(each.kind, each.tensor) for each in found.findings[1:]] == [("truncated", "head")]
    assert found.findings[1].facts["missing"] == 1000
    # what is there was compared
    assert found.compared == 7


def test_a_file_cut_in_its_header(folder: Path) -> None:
    path = folder / NAME
    path.write_bytes(path.read_bytes()[:40])
    found = pi.verify(folder)
    assert [each.kind for each in found.findings if each.tensor is None] == ["header", "truncated_file"]
    assert {each.kind for each in found.findings if each.tensor is not None} == {"truncated"}


def test_a_longer_file(folder: Path) -> None:
    with (folder / NAME).open("ab") as file:
        file.write(b"more")
    assert only(folder).kind == "longer_file"


def test_an_altered_header_of_the_same_tensors(folder: Path) -> None:
    path = folder / NAME
    infos, data = read_header(path).tensors, path.read_bytes()
    start = min(info.start for info in infos.values())
    header, _ = build_header([(name, info.dtype, info.shape) for name, info in infos.items()], {"by": "me"})
    path.write_bytes(header + data[start:])
    found = pi.verify(folder)
    # the tensors lie elsewhere, and are compared there
    assert [each.kind for each in found.findings] == ["header"]
    assert found.compared == 8


def test_a_header_that_cannot_be_read(folder: Path) -> None:
    path = folder / NAME
    data = bytearray(path.read_bytes())
    data[8] = ord("[")
    path.write_bytes(data)
    finding = only(folder)
    assert (finding.kind, finding.facts["first"]) == ("header", 8)
    assert "it cannot be read" in str(finding)


def test_a_renamed_tensor_and_another_shape(folder: Path) -> None:
    path = folder / NAME
    infos, data = read_header(path).tensors, path.read_bytes()
    start = min(info.start for info in infos.values())
    renamed = {"emb": "wte"}
    shapes = {"l1.weight": (64, 128)}
    entries = [
        (renamed.get(name, name), info.dtype, shapes.get(name, info.shape)) for name, info in infos.items()
    ]
    path.write_bytes(build_header(entries)[0] + data[start:])
    found = {each.tensor: each for each in pi.verify(folder).findings}
    assert found.keys() == {None, "emb", "wte", "l1.weight"}
    assert (found["emb"].kind, found["wte"].kind) == ("missing", "unexpected")
    assert str(found["l1.weight"]) == "l1.weight: the shape is (64, 128); (128, 64) was written"


def test_files_too_many_and_too_few(tmp_path: Path) -> None:
    pi.write_checkpoint(SHAPES, RECIPES, path=tmp_path, shard_size=80_000)
    names = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert pi.verify(tmp_path).is_same
    (tmp_path / "adapter.safetensors").write_bytes(b"")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / names[0]).unlink()
    found = pi.verify(tmp_path)
    files = [(each.kind, each.file) for each in found.findings if each.tensor is None]
    assert files == [("missing_file", names[0]), ("extra_file", "adapter.safetensors")]
    assert {each.kind for each in found.findings if each.tensor is not None} == {"missing"}


def test_an_index_that_leads_elsewhere(tmp_path: Path) -> None:
    pi.write_checkpoint(SHAPES, RECIPES, path=tmp_path, shard_size=80_000)
    index = tmp_path / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"]["head"] = content["weight_map"]["emb"]
    index.write_text(json.dumps(content))
    finding = only(tmp_path)
    assert (finding.kind, finding.file) == ("index", index.name)
    assert "'head' is in model-" in str(finding)
    index.write_text("{")
    assert only(tmp_path).kind == "index"
    index.unlink()
    assert only(tmp_path).kind == "missing_file"


@pytest.mark.parametrize("by", ["receipt", "plan"])
def test_a_configuration_that_was_changed(tmp_path: Path, by: str) -> None:
    sizes = {"n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 20, "n_positions": 4}
    (tmp_path / "spec.json").write_text(json.dumps({"model_type": "gpt2", **sizes}))
    plan = pi.plan_checkpoint(str(tmp_path / "spec.json"), path=tmp_path / "out")
    write_plan(plan)
    what, path = (plan if by == "plan" else None), tmp_path / "out" / "config.json"
    assert pi.verify(tmp_path / "out", what).is_same
    text = path.read_text()
    path.write_text(text.replace('"n_head": 2', '"n_head": 4'))
    found = pi.verify(tmp_path / "out", what)
    assert [str(each) for each in found.findings] == [
        f"config.json: the file is not the one that was written (it has {len(text)} bytes now): edited, or "
        "saved again by a library"
    ]
    assert found.to_dict()["findings"][0]["kind"] == "text"
    # a file of tensors alone is not asked about it
    assert pi.verify(tmp_path / "out" / "model.safetensors", what).is_same
    path.unlink()
    (finding,) = pi.verify(tmp_path / "out", what).findings
    assert (finding.kind, finding.file) == ("missing_file", "config.json")
