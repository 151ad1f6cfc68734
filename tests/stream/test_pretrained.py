"""Pretrained weights: from arrays and files, exactly or a leading slice."""

from __future__ import annotations

import math
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

import pyinit as pi

VALUES = np.random.default_rng(0).standard_normal((6, 5)) * 10.0
DTYPES = {"float32": np.float32, "float64": np.float64, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tensors = {name: VALUES.astype(kind) for name, kind in DTYPES.items()}
    # an odd number of bytes before the others, so that nothing is aligned
    save_file({**tensors, "odd": np.zeros(3, np.int8), "scalar": np.array(2.5)}, tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("kept", DTYPES)
def test_every_dtype_into_every_other(path: Path, kept: str, target: str) -> None:
    values = VALUES.astype(DTYPES[kept])
    once = values.astype(np.float64)
    expected = once.astype(DTYPES[target]) if target != "bfloat16" else bfloat16_once(once)
    for recipe in (pi.pretrained(values), pi.pretrained(path, kept), pi.pretrained(values.T.copy().T)):
        out = recipe((6, 5), key=0, dtype=target)
        np.testing.assert_array_equal(out.astype(np.float64), expected.astype(np.float64))


def bfloat16_once(values: np.ndarray) -> np.ndarray:
    step = 2.0 ** (np.frexp(values)[1] - 8)
    return np.round(values / step) * step


def test_rounding_is_not_doubled() -> None:
    value = np.array([1 + 2.0**-8 + 2.0**-40])
    assert pi.pretrained(value)((1,), key=0, dtype="bfloat16")[0] == 1 + 2.0**-7


def test_leading_slices(path: Path) -> None:
    for recipe in (pi.pretrained(VALUES), pi.pretrained(str(path), "float64")):
        for shape in ((6, 5), (4, 5), (6, 2), (1, 1), (0, 5)):
            np.testing.assert_array_equal(
                recipe(shape, key=0, dtype="float64"), VALUES[: shape[0], : shape[1]]
            )
    assert pi.pretrained(path, "scalar")((), key=0) == 2.5


def test_blocks_larger_than_one_conversion() -> None:
    values = np.random.default_rng(1).standard_normal((1100, 1000))
    np.testing.assert_array_equal(pi.pretrained(values)((1100, 1000), key=0), values.astype(np.float32))


def test_a_sharded_index(tmp_path: Path) -> None:
    save_file({"a": VALUES}, tmp_path / "one.safetensors")
    save_file({"b": VALUES + 1}, tmp_path / "two.safetensors")
    index = tmp_path / "m.safetensors.index.json"
    index.write_text('{"metadata": {}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}')
    np.testing.assert_array_equal(pi.pretrained(index, "b")((6, 5), key=0, dtype="float64"), VALUES + 1)


@pytest.mark.interop
def test_torch_tensors_are_sources() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(VALUES).to(torch.bfloat16).requires_grad_()
    np.testing.assert_array_equal(
        pi.pretrained(tensor)((6, 5), key=0), tensor.detach().to(torch.float32).numpy()
    )


@pytest.mark.interop
def test_torch_tensors_that_cannot_be_sources() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(pi.DTypeError, match=r"got a tensor of torch.int64. Convert it first."):
        pi.pretrained(torch.arange(3))
    with pytest.raises(pi.LayoutError, match=r"pretrained needs plain strided memory; got .* Copy it."):
        pi.pretrained(torch.eye(3).to_sparse())
    with pytest.raises(pi.LayoutError, match=r"got a meta tensor, which has none. Load its values first."):
        pi.pretrained(torch.empty(3, device="meta"))


def test_file_recipes_print_and_travel(path: Path) -> None:
    recipe = pi.pretrained(path, "float32")
    assert eval(repr(recipe), {"pretrained": pi.pretrained}) == recipe
    assert pi.recipe_from_json(recipe.to_json()) == recipe
    assert str(recipe.plan((6, 5))) == f"pretrained (6, 5) float32: from {path}[float32]"


def test_a_file_that_changes_is_read_again(path: Path) -> None:
    recipe = pi.pretrained(path, "w")
    save_file({"w": np.zeros(3)}, path)
    assert recipe((3,), key=0).sum() == 0
    save_file({"v": np.zeros(3), "w": np.ones(4)}, path)
    assert recipe((4,), key=0).sum() == 4


def test_array_recipes_say_what_they_hold() -> None:
    assert repr(pi.pretrained(VALUES)) == "pretrained(<an array of float64>)"
    with pytest.raises(
        pi.RecipeError, match=r"JSON can name a file only; .* copies an array of float64. Save"
    ):
        pi.pretrained(VALUES).to_json()


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (
            pi.ShapeError,
            lambda p: pi.pretrained(VALUES).plan((7, 5)),
            r"shape \(6, 5\), exactly or .* got \(7, 5\)",
        ),
        (
            pi.ShapeError,
            lambda p: pi.pretrained(VALUES).plan((30,)),
            r"got \(30,\). Slice or reshape the source.",
        ),
        (
            pi.ShapeError,
            lambda p: pi.pretrained(p, "float32").plan((6, 6)),
            r"m.safetensors\[float32\], shape",
        ),
        (
            pi.RecipeError,
            lambda p: pi.pretrained(p),
            r"needs the name of a tensor in '.*'; got none. Give tensor=",
        ),
        (
            pi.RecipeError,
            lambda p: pi.pretrained(VALUES, "w"),
            r"a tensor name for a file only; got 'w'. Leave it",
        ),
        (pi.RecipeError, lambda p: pi.pretrained(p, "w").plan((3,)), r"has no tensor 'w'. It has .*float32"),
        (pi.DTypeError, lambda p: pi.pretrained(p, "odd").plan((3,)), r"'odd' of int8. Convert it first."),
        (pi.DTypeError, lambda p: pi.pretrained(np.arange(3)), r"got an array of int64. Convert it first."),
        (
            pi.RecipeError,
            lambda p: pi.pretrained(VALUES * 1e5)((6, 5), key=0, dtype="float16"),
            r"float16 holds values up to 65504; an array of float64 holds -?\d.*. Use a wider dtype.",
        ),
        (pi.FormatError, lambda p: pi.pretrained(__file__, "w").plan((3,)), r"header"),
        (FileNotFoundError, lambda p: pi.pretrained("absent.safetensors", "w").plan((3,)), r"absent"),
    ],
)
def test_refusals(path: Path, error: type[Exception], make, message: str) -> None:
    with pytest.raises(error, match=message):
        make(path)


def test_nothing_is_written_when_a_value_does_not_fit() -> None:
    out = np.full((1100, 1000), 7, np.float16)
    values = np.zeros((1100, 1000))
    values[-1, -1] = 1e6
    with pytest.raises(pi.RecipeError, match="float16 holds"):
        pi.fill(out, pi.pretrained(values), key=0)
    assert (out == 7).all()
    values[-1, -1] = math.inf
    assert np.isinf(pi.fill(out, pi.pretrained(values), key=0)[-1, -1])
