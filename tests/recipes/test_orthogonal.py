"""pi.orthogonal, pi.delta_orthogonal and pi.haar: sides, layouts, windows, stacks, files and errors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi

from ..arrays import assert_same_bits

TOLERANCE = {"float32": 2e-6, "float64": 4e-15, "bfloat16": 0.02, "float16": 0.003}


def assert_same_numbers(made: np.ndarray, expected: np.ndarray) -> None:
    """Fail unless both hold the same finite numbers, to the last bit and sign."""
    assert np.isfinite(expected.astype(np.float64)).all()
    assert_same_bits(made, expected)


def gram_error(matrix: np.ndarray, gain: float = 1.0) -> float:
    """Return max |Q'Q - I| of the side that has fewer lines."""
    q = matrix.astype(np.float64) / gain
    small = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    return float(np.abs(small - np.eye(len(small))).max())


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 7), (7, 1), (2, 2), (5, 3), (3, 5), (100, 97), (97, 200), (33, 64)]
)
def test_orthonormal(shape: tuple[int, int], dtype: str) -> None:
    made = pi.orthogonal(gain=1.5)(shape, key=1, dtype=dtype)
    assert made.shape == shape
    assert gram_error(made, 1.5) < TOLERANCE[dtype]


@pytest.mark.parametrize("gain", [0.0, -2.0, 3.25])
def test_gain_multiplies(gain: float) -> None:
    plain = pi.orthogonal()((6, 4), key=2)
    assert_same_numbers(pi.orthogonal(gain)((6, 4), key=2), np.float32(gain) * plain)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_types_are_float32_rounded_once(dtype: str) -> None:
    wide = pi.orthogonal(1.7)((50, 70), key=3)
    half = pi.orthogonal(1.7)((50, 70), key=3, dtype=dtype)
    assert_same_numbers(half, wide.astype(half.dtype))


def test_one_by_one_is_a_sign() -> None:
    made = pi.orthogonal(batch_axis=0)((200, 1, 1), key=0)
    assert set(np.unique(made)) == {-1.0, 1.0}


@pytest.mark.parametrize("k", [(), (3,), (3, 2), (2, 3, 2)])
def test_layouts_flatten_all_but_the_output(k: tuple[int, ...]) -> None:
    torch_like = pi.orthogonal(layout="torch")((20, 4, *k), key=5)
    assert gram_error(torch_like.reshape(20, -1)) < 1e-6
    keras_like = pi.orthogonal(layout="keras")((*k, 4, 20), key=5)
    assert gram_error(keras_like.reshape(-1, 20)) < 1e-6
    by_hand = pi.orthogonal(in_axis=-2, out_axis=-1)
    assert_same_numbers(keras_like, by_hand((*k, 4, 20), key=5))
    assert_same_numbers(keras_like, pi.orthogonal(layout="jax")((*k, 4, 20), key=5))
    # the weight between the same lines is the same, wherever a layout stores it
    assert_same_numbers(torch_like.reshape(20, -1).T, pi.orthogonal()((torch_like[0].size, 20), key=5))


def test_out_axis() -> None:
    made = pi.orthogonal(out_axis=1)((3, 8, 5), key=4)
    expected = pi.orthogonal(layout="jax")((3, 5, 8), key=4)
    assert_same_numbers(made, np.moveaxis(expected, 2, 1))


def test_a_stack_has_a_stream_for_each_matrix() -> None:
    stack = pi.orthogonal(2.0, batch_axis=(0, 2))((3, 6, 2, 4), key=9)
    for i in range(3):
        for j in range(2):
            alone = pi.orthogonal(2.0)((6, 4), key=pi.key(9).fold_in(2 * i + j))
            assert_same_numbers(stack[i, :, j], alone)


@given(data=st.data(), seed=st.integers(0, 3))
def test_any_window_is_the_slice(data: st.DataObject, seed: int) -> None:
    shape = data.draw(st.sampled_from([(7, 5), (40, 110), (110, 40), (3, 9, 8), (4, 5, 2, 3)]))
    recipe = data.draw(
        st.sampled_from(
            [
                pi.orthogonal(layout="jax"),
                pi.orthogonal(layout="torch"),
                *([pi.orthogonal(batch_axis=0, layout="jax")] if len(shape) > 2 else []),
            ]
        )
    )
    start = tuple(data.draw(st.integers(0, n)) for n in shape)
    extent = tuple(data.draw(st.integers(0, n - s)) for n, s in zip(shape, start, strict=True))
    whole = recipe(shape, key=seed)
    part = recipe(extent, key=seed, window=pi.Window(start, shape), threads=data.draw(st.integers(1, 3)))
    assert_same_numbers(part, whole[tuple(slice(s, s + e) for s, e in zip(start, extent, strict=True))])


@pytest.mark.parametrize("shape", [(300, 260), (200, 500), (3, 150, 160)])
def test_windows_that_several_threads_share(shape: tuple[int, ...]) -> None:
    recipe = pi.orthogonal(batch_axis=0) if len(shape) == 3 else pi.orthogonal()
    whole = recipe(shape, key=8, threads=1)
    window = pi.Window((*(1 for _ in shape[:-1]), 3), shape)
    extent = tuple(n - 5 for n in shape) if len(shape) == 2 else (2, 140, 150)
    inside = tuple(slice(s, s + e) for s, e in zip(window.start, extent, strict=True))
    for threads in (2, 3, 7):
        assert_same_numbers(recipe(shape, key=8, threads=threads), whole)
        assert_same_numbers(recipe(extent, key=8, window=window, threads=threads), whole[inside])


@given(data=st.data())
def test_any_window_of_delta_orthogonal_is_the_slice(data: st.DataObject) -> None:
    shape = (6, 3, 4, 3)
    start = tuple(data.draw(st.integers(0, n)) for n in shape)
    extent = tuple(data.draw(st.integers(0, n - s)) for n, s in zip(shape, start, strict=True))
    recipe = pi.delta_orthogonal(layout="torch")
    part = recipe(extent, key=1, window=pi.Window(start, shape))
    inside = tuple(slice(s, s + e) for s, e in zip(start, extent, strict=True))
    assert_same_numbers(part, recipe(shape, key=1)[inside])


@pytest.mark.parametrize("k", [(3,), (4,), (3, 5), (2, 3, 1)])
def test_delta_orthogonal_is_zero_but_at_the_centre(k: tuple[int, ...]) -> None:
    made = pi.delta_orthogonal(gain=2.0)((*k, 4, 6), key=0, dtype="float64")
    centre = made[tuple((n - 1) // 2 for n in k)]
    assert gram_error(centre, 2.0) < 1e-15
    assert np.count_nonzero(made) == np.count_nonzero(centre) == 24
    moved = pi.delta_orthogonal(gain=2.0, layout="torch")((6, 4, *k), key=0, dtype="float64")
    assert_same_numbers(np.moveaxis(moved, (1, 0), (-2, -1)), made)


def test_delta_orthogonal_keeps_norms_of_a_circular_convolution() -> None:
    kernel = pi.delta_orthogonal()((3, 5, 8), key=0, dtype="float64")
    signal = pi.normal()((20, 5), key=1, dtype="float64")
    moved = sum(np.roll(signal, 1 - i, axis=0) @ kernel[i] for i in range(3))
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), np.linalg.norm(signal, axis=1), rtol=1e-14)


@pytest.mark.interop
def test_the_same_side_is_orthonormal_as_in_torch_and_jax() -> None:
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    for shape in [(6, 4), (4, 6), (5, 3, 2), (3, 5, 2)]:
        theirs = torch.nn.init.orthogonal_(torch.empty(shape)).numpy().reshape(shape[0], -1)
        ours = pi.orthogonal(layout="torch")(shape, key=0).reshape(shape[0], -1)
        assert gram_error(theirs) < 1e-5
        assert gram_error(ours) < 1e-5
    theirs = np.asarray(jax.nn.initializers.delta_orthogonal()(jax.random.key(0), (4, 3, 2, 5)))
    ours = pi.delta_orthogonal()((4, 3, 2, 5), key=0)
    assert ((theirs == 0) == (ours == 0)).all()


def test_haar() -> None:
    assert_same_numbers(pi.haar(9, key=3), pi.orthogonal()((9, 9), key=3))
    assert pi.haar(4, key=3, dtype="float64").dtype == np.float64


def test_plan() -> None:
    plan = pi.orthogonal(2.0, layout="jax").plan((3, 3, 16, 64))
    assert (plan.distribution, plan.mean, plan.gain) == ("orthogonal", 0.0, 2.0)
    assert plan.std == pytest.approx(2 / math.sqrt(144))
    drawn = pi.orthogonal(2.0, layout="jax")((3, 3, 16, 64), key=0)
    assert drawn.std() == pytest.approx(plan.std, rel=1e-3)  # all columns have length 2: known exactly
    assert str(plan) == "orthogonal (3, 3, 16, 64) float32: mean 0, std 0.166667, gain 2"
    assert pi.Plan.from_json(plan.to_json()) == plan
    delta = pi.delta_orthogonal().plan((3, 4, 6))
    drawn = pi.delta_orthogonal()((3, 4, 6), key=0)
    assert delta.std == pytest.approx(math.sqrt(float((drawn**2).mean())), rel=1e-6)


@pytest.mark.parametrize(
    "recipe",
    [
        pi.orthogonal(2.0, layout="torch"),
        pi.orthogonal(batch_axis=(0, 1)),
        pi.delta_orthogonal(in_axis=0, out_axis=1),
    ],
)
def test_json(recipe: pi.Recipe) -> None:
    assert pi.recipe_from_json(recipe.to_json()) == recipe
    assert eval(repr(recipe), vars(pi)) == recipe


def test_fill_in_place() -> None:
    out = np.empty((30, 20), np.float64)
    assert pi.fill(out, pi.orthogonal(), key=6) is out
    assert_same_numbers(out, pi.orthogonal()((30, 20), key=6, dtype="float64"))


def test_a_checkpoint_holds_what_a_call_returns(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    # 5 MB: more than one block of the writer
    shapes = {"big": (1300, 1000), "kernel": {"shape": (16, 8, 3, 3), "layout": "torch", "groups": 4}}
    recipes = {"big": pi.orthogonal(layout="torch"), "kernel": pi.orthogonal(layout="torch", groups=4)}
    path = tmp_path / "model.safetensors"
    pi.write_checkpoint(shapes, pi.orthogonal(), key=4, path=path)
    loaded = load_file(path)
    for name, recipe in recipes.items():
        assert_same_numbers(loaded[name], recipe(loaded[name].shape, key=pi.key(4).fold_in(name)))


ERRORS: list[tuple[Any, tuple[int, ...], type[Exception], str]] = [
    (
        lambda: pi.orthogonal(),
        (5,),
        pi.ShapeError,
        "orthogonal needs at least 2 dimensions; got shape (5,). Use normal(std=...) for vectors.",
    ),
    (
        lambda: pi.orthogonal(batch_axis=0),
        (5, 4),
        pi.ShapeError,
        "orthogonal needs at least 2 dimensions beside batch_axis 0; got shape (5, 4). "
        "Use normal(std=...) for vectors.",
    ),
    (
        lambda: pi.orthogonal(),
        (3, 5, 8),
        pi.LayoutError,
        "orthogonal counts inputs and outputs, and cannot tell what each of the 3 axes of shape (3, 5, 8) is",
    ),
    (
        lambda: pi.orthogonal(layout="torch", groups=3),
        (8, 5, 2),
        pi.ShapeError,
        "groups=3 must divide the 8 channels of axis 0 of shape (8, 5, 2). Check groups and the layout.",
    ),
    (
        lambda: pi.delta_orthogonal(groups=2),
        (8, 5, 2),
        pi.CallError,
        "delta_orthogonal takes gain, keep, layout, in_axis, out_axis, transposed; got groups=2.",
    ),
    (
        lambda: pi.orthogonal(math.inf),
        (2, 2),
        pi.RecipeError,
        "orthogonal's gain must be a finite number; got inf. Correct the recipe.",
    ),
    (
        lambda: pi.orthogonal(layout="torch", out_axis=0),
        (2, 2),
        pi.LayoutError,
        "layout says which axes are inputs and outputs; got layout='torch' and in_axis or out_axis.",
    ),
    (
        lambda: pi.orthogonal(out_axis=0, batch_axis=0),
        (2, 3, 4),
        pi.LayoutError,
        "out_axis (0,) shares an axis with in_axis or batch_axis (0,). Give each one role.",
    ),
    (
        lambda: pi.delta_orthogonal(),
        (3, 5, 4),
        pi.ShapeError,
        "delta_orthogonal needs at least as many outputs as inputs, to keep norms; got 5 inputs and "
        "4 outputs in shape (3, 5, 4). Use orthogonal().",
    ),
    (
        lambda: pi.delta_orthogonal(),
        (4, 4),
        pi.ShapeError,
        "delta_orthogonal needs the 3 to 5 dimensions of a 1-, 2- or 3-D convolution; got shape (4, 4). "
        "Use orthogonal() for a matrix.",
    ),
    (
        lambda: pi.delta_orthogonal(in_axis=-1),
        (3, 2, 4),
        pi.LayoutError,
        "delta_orthogonal needs one input and one output axis; got (2,) and (2,). Name two.",
    ),
]


@pytest.mark.parametrize(("make", "shape", "kind", "message"), ERRORS)
def test_errors(make: Any, shape: tuple[int, ...], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as raised:
        make()(shape, key=0)
    assert str(raised.value).startswith(message)


def test_a_gain_that_the_dtype_cannot_hold() -> None:
    with pytest.raises(
        pi.RecipeError, match=r"float16 holds values up to 65504; got orthogonal's gain 1000000.0"
    ):
        pi.orthogonal(1e6)((2, 2), key=0, dtype="float16")
