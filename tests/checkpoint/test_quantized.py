"""Weights of float8 with scales, as transformers' FineGrainedFP8 stores them; other scales are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.checkpoint.contents import Drawn, content_from_dict
from pyinit.checkpoint.quantized import BlockScales, Quantized, block_of
from pyinit.checkpoint.spec import Spec, TensorSpec
from pyinit.stream.safetensors import read_header

F8, F32 = "float8_e4m3fn", "float32"
RULES = {"*.bias": "zeros", "b.weight": "orthogonal", "*": pi.normal(std=0.02)}


def spec(*more: TensorSpec, config: Any = None) -> Spec:
    tensors = (
        TensorSpec("a.weight", (300, 260), F8, "torch"),
        TensorSpec("a.weight_scale_inv", (3, 3), F32),
        TensorSpec("b.weight", (64, 96), F8, "torch"),
        TensorSpec("b.weight_scale_inv", (2, 3), F32),
        TensorSpec("e.gate_up_proj", (3, 160, 130), F8),
        TensorSpec("e.gate_up_proj_scale_inv", (3, 2, 2), F32),
        TensorSpec("s.weight", (20, 30), F8, "torch"),
        TensorSpec("s.weight_scale_inv", (), F32),
        TensorSpec("plain.weight", (20, 30), "float8_e5m2", "torch"),
        TensorSpec("c", (8, 5), "complex64", "torch"),
        TensorSpec("k.bias", (3,), F32),
    )
    return Spec("quantized", (*tensors, *more), config=config)


def values(path: Path) -> dict[str, np.ndarray]:
    header, data = read_header(path), path.read_bytes()
    named = {F8: ml_dtypes.float8_e4m3fn, "float8_e5m2": ml_dtypes.float8_e5m2}
    return {
        name: np.frombuffer(data[info.start : info.stop], named.get(info.dtype, info.dtype)).reshape(
            info.shape
        )
        for name, info in header.tensors.items()
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quantized") / "model"
    pi.write_checkpoint(spec(), RULES, key=7, path=path)
    return path


def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
    recipe = pi.orthogonal(layout="torch") if name == "b.weight" else pi.normal(std=0.02)
    return recipe(shape, key=pi.key(7).fold_in(name))


def spread_out(scales: np.ndarray, shape: tuple[int, ...], block: tuple[int, int]) -> np.ndarray:
    grid = scales.repeat(block[0], -2).repeat(block[1], -1)
    return grid[..., : shape[-2], : shape[-1]]


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("a.weight", (128, 128)),
        ("b.weight", (32, 32)),
        ("e.gate_up_proj", (128, 128)),
        ("s.weight", (20, 30)),
    ],
)
def test_numbers_times_scales_are_what_was_drawn(written: Path, name: str, block: tuple[int, int]) -> None:
    made = values(written / "model.safetensors")
    numbers, scales = made[name].astype(np.float32), made[f"{name}_scale_inv"]
    exact = drawn(name, numbers.shape)
    grid = spread_out(scales.reshape((1, 1) if scales.ndim == 0 else scales.shape), exact.shape, block)
    # half a unit of the fourth digit, or of the smallest number
    assert (np.abs(numbers * grid - exact) <= np.maximum(np.abs(exact) / 16, grid * 2.0**-10) * 1.0001).all()
    # the largest of a block is 448, so that its range is used
    assert np.abs(numbers).max() == 448.0
    assert np.unique(np.abs(numbers)).size > (20 if name == "s.weight" else 80)


def test_without_scales_most_of_the_range_would_be_unused() -> None:
    # the mutant: the same weight rounded to float8 as it is
    plain = pi.normal(std=0.02)((300, 260), key=pi.key(7).fold_in("a.weight"), dtype=F8)
    assert np.unique(np.abs(plain.astype(np.float32))).size < 40


@pytest.mark.interop
@pytest.mark.parametrize(
    ("name", "block"), [("b.weight", (32, 32)), ("t.weight", (128, 128)), ("s.weight", None)]
)
def test_the_bits_are_those_of_transformers(name: str, block: tuple[int, int] | None, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    fp8 = pytest.importorskip("transformers.integrations.finegrained_fp8")
    shape = (256, 384)
    more = (
        TensorSpec("t.weight", shape, F8, "torch"),
        TensorSpec("t.weight_scale_inv", (2, 3), F32),
    )
    pi.write_checkpoint(spec(*more), RULES, key=7, path=tmp_path / "m")
    made = values(tmp_path / "m" / "model.safetensors")

    class Settings:
        weight_block_size = block
        scale_fmt = None

    class Quantizer:
        quantization_config = Settings()

    exact = torch.from_numpy(drawn(name, made[name].shape))
    theirs = fp8.Fp8Quantize(Quantizer()).convert({name: exact})
    np.testing.assert_array_equal(made[name].view(np.uint8), theirs[name].view(torch.uint8).numpy())
    np.testing.assert_array_equal(
        made[f"{name}_scale_inv"].ravel(), theirs[f"{name}_scale_inv"].numpy().ravel()
    )
    back = fp8.Fp8Dequantize(Quantizer()).convert(
        {"weight": theirs[name], "weight_scale_inv": theirs[f"{name}_scale_inv"]}, full_layer_name=name
    )
    assert float((back[name] - exact).abs().max()) < float(exact.abs().max()) / 27


SHAPE, BLOCK = (3, 160, 130), (128, 64)
WEIGHT = Drawn(pi.normal(std=0.02).plan(SHAPE), pi.key(3))
CONTENTS = {
    "numbers": (Quantized(WEIGHT, BLOCK), SHAPE, 1),
    "scales": (BlockScales(WEIGHT, BLOCK), (3, 2, 3), 4),
}


@pytest.mark.parametrize("which", CONTENTS)
@given(data=st.data())
def test_windows(which: str, data: st.DataObject) -> None:
    content, shape, itemsize = CONTENTS[which]
    start = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    extent = tuple(data.draw(st.integers(0, n - i)) for n, i in zip(shape, start, strict=True))
    whole, part = (np.zeros(int(np.prod(each)) * itemsize, np.uint8) for each in (shape, extent))
    content.fill(pi.Window((0,) * 3, shape), shape, whole, 1)
    content.fill(pi.Window(start, shape), extent, part, 2)
    place = tuple(slice(i, i + n) for i, n in zip(start, extent, strict=True))
    np.testing.assert_array_equal(part.reshape(*extent, itemsize), whole.reshape(*shape, itemsize)[place])
    again = content_from_dict(
        json.loads(json.dumps(content.to_dict())), "w", shape, F8 if itemsize == 1 else F32
    )
    assert again == content


def test_zeros_have_the_scale_1(tmp_path: Path) -> None:
    pi.write_checkpoint(spec(), {"*": "zeros"}, key=7, path=tmp_path / "m")
    made = values(tmp_path / "m" / "model.safetensors")
    assert (made["a.weight_scale_inv"] == 1).all()
    assert not made["a.weight"].astype(np.float32).any()


@pytest.mark.parametrize(
    ("weight", "scales", "given_", "expected"),
    [
        ((576, 7168), (5, 56), None, (128, 128)),
        ((576, 7168), (5, 56), [128, 128], (128, 128)),
        ((576, 7168), (5, 56), [64, 64], None),
        ((64, 96), (2, 3), None, (32, 32)),
        ((64, 96), (3, 3), None, None),
        ((64, 96), (64, 1), None, (1, 96)),
        ((64, 96), (1,), None, (64, 96)),
        ((2, 64, 96), (2, 1, 1), None, (128, 128)),
        ((2, 64, 96), (1, 1), None, None),
        ((64,), (1,), None, None),
        ((0, 5), (0, 1), None, None),
    ],
)
def test_blocks(weight: Any, scales: Any, given_: Any, expected: Any) -> None:
    assert block_of(weight, scales, given_) == expected


def test_verify_makes_both_again_and_tells_a_damaged_scale(written: Path, tmp_path: Path) -> None:
    assert not pi.verify(written).findings
    data = bytearray((written / "model.safetensors").read_bytes())
    info = read_header(written / "model.safetensors").tensors["a.weight_scale_inv"]
    data[info.start + 2] ^= 64
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "init.json").write_bytes((written / "init.json").read_bytes())
    (damaged / "model.safetensors").write_bytes(data)
    assert [finding.tensor for finding in pi.verify(damaged).findings] == ["a.weight_scale_inv"]


def test_a_plan_travels_as_json_and_other_layouts_hold_the_same(written: Path, tmp_path: Path) -> None:
    plan = pi.plan_checkpoint(spec(), RULES, key=7, path=tmp_path / "p")
    assert type(plan).from_json(plan.to_json()).fingerprint == plan.fingerprint
    pi.write_checkpoint(spec(), RULES, key=7, path=tmp_path / "digests", digest=True, threads=2)
    expected = (written / "model.safetensors").read_bytes()
    assert (tmp_path / "digests" / "model.safetensors").read_bytes() == expected


@pytest.mark.parametrize(
    "beside",
    [
        ("q.weight_scale", (64, 1), F32),
        ("q.weight_scale_inv", (64, 5), F32),
        ("q.weight_scale_inv", (1, 1), "bfloat16"),
        ("q.scale", (), F32),
        ("q.activation_scale", (), F32),
    ],
)
def test_other_scales_are_refused(beside: tuple[str, tuple[int, ...], str], tmp_path: Path) -> None:
    more = (TensorSpec("q.weight", (64, 96), F8, "torch"), TensorSpec(*beside))
    with pytest.raises(
        pi.RecipeError, match=r"'q.weight' is float8_e4m3fn \(64, 96\) with scales q\..*; made are"
    ):
        pi.write_checkpoint(spec(*more), RULES, key=0, path=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_dtype_for_all_is_refused_beside_float8_and_leaves_complex_numbers(tmp_path: Path) -> None:
    with pytest.raises(pi.DTypeError, match=r"'a\.weight' is float8_e4m3fn, and may have scales beside it"):
        pi.write_checkpoint(spec(), RULES, key=0, path=tmp_path / "m", dtype="bfloat16")
    model = Spec("m", (TensorSpec("c", (3,), "complex64"), TensorSpec("w", (3,), F32)))
    assert [tensor.dtype for tensor in model.with_dtype("float16").tensors] == ["complex64", "float16"]


def test_lint_reads_the_numbers_of_the_weight(written: Path) -> None:
    told = str(pi.lint(spec(), RULES))
    assert "rounded to zero" not in told
    # the mutant: the same weight without scales
    plain = Spec("plain", (TensorSpec("a.weight", (300, 260), F8, "torch"),))
    assert "4% of the values are rounded to zero" in str(pi.lint(plain, pi.normal(std=0.02)))
