"""Specs from plain JSON and from existing checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint.spec import Spec, TensorSpec, spec_from_checkpoint
from pyinit.checkpoint.spec_json import spec_from_json, spec_from_shapes
from pyinit.errors import DTypeError, LayoutError, RecipeError, ShapeError, SpecError
from pyinit.recipes.rules import CONVENTIONS, Rule
from pyinit.stream.safetensors import build_header


def test_plain_json() -> None:
    spec = spec_from_json(
        {
            "dtype": "bfloat16",
            "tensors": {
                "l1": [3, 2],
                "conv": {"shape": [8, 2, 3, 3], "groups": 4},
                "table": {"shape": [5, 4], "layout": None, "dtype": "float32"},
                "count": {"shape": [], "dtype": "int64"},
                "empty": [0, 4],
            },
            "ties": {"head": "l1"},
            "config": {"mine": 1},
            "rules": [{"match": "l1", "recipe": "he_normal"}, "default"],
        }
    )
    assert spec.tensors == (
        TensorSpec("l1", (3, 2), "bfloat16", "torch"),
        TensorSpec("conv", (8, 2, 3, 3), "bfloat16", "torch", 4, is_convolution=True),
        TensorSpec("table", (5, 4), "float32", None),
        TensorSpec("count", (), "int64"),
        TensorSpec("empty", (0, 4), "bfloat16", "torch"),
    )
    assert [tensor.is_kernel for tensor in spec.tensors] == [True, True, False, False, True]
    assert spec.nbytes == 12 + 288 + 80 + 8
    assert spec.parameters == 6 + 144 + 20
    assert spec.ties == {"head": "l1"}
    assert spec.config == {"mine": 1}
    assert spec.rules == (Rule("l1", pi.he_normal()), *CONVENTIONS)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ([], SpecError, "a spec is an object"),
        ({"tensors": [1]}, SpecError, "a spec is an object"),
        ({"tensors": {}, "tensor": 1}, SpecError, "unknown field 'tensor'"),
        ({"tensors": {"a": 3}}, SpecError, r"tensor 'a': a shape is a list of integers >= 0; got 3"),
        ({"tensors": {"a": [-1]}}, SpecError, "tensor 'a': a shape is a list"),
        ({"tensors": {"a": [1.5]}}, SpecError, "tensor 'a': a shape is a list"),
        ({"tensors": {"a": [True]}}, SpecError, "tensor 'a': a shape is a list"),
        ({"tensors": {"a": {"dtype": "float32"}}}, SpecError, "tensor 'a' is a shape, or an object"),
        ({"tensors": {"a": {"shape": [1], "std": 1}}}, SpecError, "tensor 'a' is a shape, or an object"),
        (
            {"tensors": {"a": {"shape": [1], "layout": "caffe"}}},
            SpecError,
            "layout is one of torch, keras, jax",
        ),
        ({"tensors": {"a": {"shape": [1], "groups": 0}}}, LayoutError, "my.json: tensor 'a': groups must be"),
        (
            {"tensors": {"a": {"shape": [4], "groups": 2}}},
            LayoutError,
            r"my.json: tensor 'a': shape \(4,\) with layout None is not a kernel; got groups or axes",
        ),
        (
            {"tensors": {"a": {"shape": [8, 4], "in_axis": 0}}},
            LayoutError,
            r"tensor 'a': shape \(8, 4\) with layout None is not a kernel; .* or both in_axis and out_axis",
        ),
        (
            {"tensors": {"a": {"shape": [8, 4], "in_axis": 0, "out_axis": 1, "layout": "torch"}}},
            LayoutError,
            r"my.json: tensor 'a': layout says which axes are inputs and outputs",
        ),
        (
            {"tensors": {"a": {"shape": [8, 4, 3], "stride": 2}}},
            LayoutError,
            r"my.json: tensor 'a': stride changes the fans of a transposed convolution only",
        ),
        ({"tensors": {"a": {"shape": [8, 4], "batch_axis": 5}}}, LayoutError, r"batch_axis 5 names no axis"),
        ({"tensors": {"a": {"shape": [1], "dtype": 3}}}, SpecError, "tensor 'a': dtype is one of"),
        (
            {"tensors": {"a": {"shape": [1], "dtype": "float31"}}},
            DTypeError,
            "tensor 'a' has dtype 'float31'",
        ),
        ({"tensors": {"a": [2**40, 2**40]}}, ShapeError, "tensor 'a': .*less than 2\\*\\*63 bytes"),
        (
            {"tensors": {"a": [2**60], "b": [2**60]}},
            ShapeError,
            "a model must have less than 2\\*\\*63 bytes",
        ),
        ({"tensors": {"a": [1]}, "ties": {"b": "c"}}, SpecError, "'b' is tied to 'c', which is not a tensor"),
        ({"tensors": {"a": [1]}, "ties": {"a": "a"}}, SpecError, "so cannot be a tensor as well"),
        ({"tensors": {"a": [1]}, "ties": [1]}, SpecError, "'ties' maps a name to the name"),
        ({"tensors": {"a": [1]}, "config": 1}, SpecError, "'config' is an object"),
        ({"tensors": {"a": [1]}, "rules": [1]}, RecipeError, "rules, rule 0 needs 'match'"),
    ],
)
def test_a_malformed_spec_is_refused(content: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        spec_from_json(content, "my.json")
    assert "\n" not in str(caught.value)


def test_names_are_unique() -> None:
    with pytest.raises(SpecError, match="'a' comes twice"):
        Spec("here", (TensorSpec("a", ()), TensorSpec("a", (2,))))


def test_shapes_alone_have_the_layout_of_a_file() -> None:
    entries = {"w": (3, 2), "b": (4,), "conv": {"shape": (8, 4, 3), "layout": "torch", "dtype": "float16"}}
    spec = spec_from_shapes({**entries, "n": 4})
    assert spec.tensors == (
        TensorSpec("w", (3, 2), layout="torch"),
        TensorSpec("b", (4,)),
        TensorSpec("conv", (8, 4, 3), "float16", "torch", is_convolution=True),
        TensorSpec("n", (4,)),
    )
    as_json = json.loads(json.dumps({"tensors": entries}))
    assert spec_from_json(as_json).tensors == spec.tensors[:3]
    assert spec.rules is None
    with pytest.raises(ShapeError, match="holds no negative sizes"):
        spec_from_shapes({"w": (-3,)})


def test_dtype_casts_floating_tensors_only() -> None:
    spec = spec_from_json({"tensors": {"w": [4], "n": {"shape": [], "dtype": "int64"}}}).with_dtype("float16")
    assert [tensor.dtype for tensor in spec.tensors] == ["float16", "int64"]
    with pytest.raises(
        DTypeError, match="dtype must be one of float32, float64, bfloat16, float16; got 'int8'"
    ):
        spec.with_dtype("int8")


def checkpoint(path: Path) -> Path:
    header, infos = build_header([("n", "int64", ()), ("w", "float16", (2, 3)), ("b", "float16", (3,))])
    path.write_bytes(header + (41).to_bytes(8, "little") + bytes(18))
    assert infos["w"].nbytes == 12
    return path


def test_an_existing_file(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "m.safetensors")
    spec = spec_from_checkpoint(path)
    assert [(t.name, t.shape, t.dtype, t.layout) for t in spec.tensors] == [
        ("n", (), "int64", None),
        ("w", (2, 3), "float16", "torch"),
        ("b", (3,), "float16", None),
    ]
    # integers cannot be drawn: their bytes are copied
    assert [tensor.copied_from is not None for tensor in spec.tensors] == [True, False, False]


def test_an_existing_index(tmp_path: Path) -> None:
    checkpoint(tmp_path / "a.safetensors")
    index = tmp_path / "m.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(["b", "n", "w"], "a.safetensors")}))
    spec = spec_from_checkpoint(index)
    assert [tensor.name for tensor in spec.tensors] == ["b", "n", "w"]


def test_what_is_no_mapping_of_shapes() -> None:
    with pytest.raises(SpecError, match=r"a model is a name, a mapping of names to shapes, .*; got 3. Use"):
        spec_from_shapes(3)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"tensor 'w': a shape is a tuple of integers; got None"):
        spec_from_shapes({"w": None})  # type: ignore[dict-item]
    with pytest.raises(SpecError, match=r"a tensor's name is a string; got 3. Join its path with dots"):
        spec_from_shapes({3: (2,)})  # type: ignore[dict-item]
