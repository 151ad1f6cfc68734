"""Recipes of matrices and kernels take the same axis options, and any window of them is the slice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyinit as pi
from pyinit.recipes.fans import Axes
from pyinit.recipes.rules import fitted

SHAPE = (8, 6, 3, 4)
RECIPES = [
    pi.orthogonal(layout="torch"),
    pi.orthogonal(layout="torch", groups=4),
    pi.orthogonal(layout="torch", groups=2, batch_axis=2),
    pi.orthogonal(layout="torch", transposed=True),
    pi.orthogonal(layout="torch", transposed=True, groups=4),
    pi.orthogonal(in_axis=0, out_axis=(1, 2), batch_axis=3),
    pi.orthogonal(in_axis=(0, 3), out_axis=(1, 2)),
    pi.orthogonal(out_axis=2),
    pi.sparse(0.5, std=1.0, layout="torch"),
    pi.sparse(0.5, std=1.0, layout="torch", exact=False),
    pi.sparse(0.4, std=1.0, layout="jax", batch_axis=(1, 2)),
    pi.sparse(0.4, std=1.0, in_axis=(0, 1), out_axis=(2, 3), groups=2),
    pi.sparse(0.4, std=1.0, layout="torch", transposed=True),
    pi.dirac(layout="torch"),
    pi.dirac(3, layout="torch", transposed=True, batch_axis=0),
    pi.dirac(2, layout="keras", batch_axis=0),
    pi.bilinear(layout="torch", transposed=True, groups=2),
    pi.bilinear(layout="keras", batch_axis=1),
    pi.delta_orthogonal(layout="keras"),
    pi.delta_orthogonal(in_axis=2, out_axis=0),
]


@pytest.mark.parametrize(
    "make", [pi.he_normal, pi.orthogonal, pi.dirac, pi.bilinear, lambda **o: pi.sparse(0.5, **o)]
)
def test_no_batch_axis_may_be_said_by_none(make: Callable[..., pi.Recipe]) -> None:
    recipe = make(batch_axis=None)
    assert recipe == make()
    assert repr(recipe) == repr(make())
    # a recipe that says nothing takes the axes of the weight's owner
    owner = Axes(layout="torch", batch_axis=0)
    assert fitted(recipe, owner, SHAPE, is_convolution=True) == fitted(
        make(), owner, SHAPE, is_convolution=True
    )


def lines(w: np.ndarray, out_axes: tuple[int, ...]) -> np.ndarray:
    """Return the matrix of all other axes by the output's."""
    moved = np.moveaxis(w, out_axes, range(-len(out_axes), 0))
    return moved.reshape(-1, int(np.prod([w.shape[axis] for axis in out_axes])))


def gram_error(matrix: np.ndarray) -> float:
    wide = matrix.astype(np.float64)
    small = wide.T @ wide if wide.shape[0] >= wide.shape[1] else wide @ wide.T
    return float(np.abs(small - np.eye(len(small))).max())


@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
@settings(max_examples=20)
@given(data=st.data())
def test_any_window_is_the_slice(recipe: pi.Recipe, data: st.DataObject) -> None:
    start = tuple(data.draw(st.integers(0, n)) for n in SHAPE)
    extent = tuple(data.draw(st.integers(0, n - s)) for n, s in zip(SHAPE, start, strict=True))
    dtype = data.draw(st.sampled_from(["float32", "float64", "float16"]))
    whole = recipe(SHAPE, key=2, dtype=dtype)
    threads = data.draw(st.integers(1, 3))
    part = recipe(extent, key=2, dtype=dtype, window=pi.Window(start, SHAPE), threads=threads)
    inside = tuple(slice(s, s + e) for s, e in zip(start, extent, strict=True))
    np.testing.assert_array_equal(part, whole[inside])


@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
def test_options_read_back(recipe: pi.Recipe) -> None:
    assert eval(repr(recipe), vars(pi).copy()) == recipe
    assert pi.recipe_from_json(recipe.to_json()) == recipe
    plan = recipe.plan(SHAPE)
    assert pi.Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    "recipe",
    [
        *RECIPES,
        pi.orthogonal(),
        pi.identity(),
        pi.sparse(0.5),
        pi.sparse(0.5, exact=False),
        pi.he_normal(),
        pi.normal(),
        pi.truncated_normal(),
        pi.uniform(),
        pi.zeros(),
    ],
    ids=repr,
)
def test_an_empty_tensor_is_made_by_every_recipe(recipe: pi.Recipe) -> None:
    rank = len(SHAPE) if recipe in RECIPES else 2
    for axis in range(rank):
        shape = tuple(0 if at == axis else n for at, n in enumerate(SHAPE[:rank]))
        made = recipe(shape, key=0)
        assert made.shape == shape
        assert recipe.plan(shape).distribution


def test_groups_are_matrices_of_their_own() -> None:
    w = pi.orthogonal(layout="torch", groups=4)(SHAPE, key=1)
    for group in range(4):
        rows = w[2 * group : 2 * group + 2]
        assert gram_error(rows.reshape(2, -1)) < 1e-6
        alone = pi.orthogonal(layout="torch")(rows.shape, key=pi.key(1).fold_in(group))
        np.testing.assert_array_equal(rows, alone)
    # without groups the whole is one matrix
    assert gram_error(pi.orthogonal(layout="torch")(SHAPE, key=1).reshape(8, -1)) < 1e-6


def test_a_grouped_pointwise_convolution_keeps_norms() -> None:
    # torch's (out, in / groups, 1, 1): each group of 6 outputs sees 6 inputs
    w = pi.orthogonal(layout="torch", groups=3)((18, 6, 1, 1), key=0, dtype="float64")
    x = pi.normal()((18,), key=1, dtype="float64")
    y = np.concatenate([w[6 * g : 6 * g + 6, :, 0, 0] @ x[6 * g : 6 * g + 6] for g in range(3)])
    assert np.linalg.norm(y) == pytest.approx(np.linalg.norm(x), rel=1e-14)


def test_transposed_weights_are_orthogonal_between_outputs() -> None:
    # torch's transposed convolution stores (in, out / groups, k...)
    w = pi.orthogonal(layout="torch", transposed=True)(SHAPE, key=1)
    assert gram_error(lines(w, (1,))) < 1e-6
    grouped = pi.orthogonal(layout="torch", transposed=True, groups=4)(SHAPE, key=1)
    for group in range(4):
        assert gram_error(lines(grouped[2 * group : 2 * group + 2], (1,))) < 1e-6
    delta = pi.delta_orthogonal(layout="torch", transposed=True)((4, 8, 3, 3), key=1)
    assert gram_error(delta[:, :, 1, 1]) < 1e-6
    plain = pi.delta_orthogonal(layout="torch")((8, 4, 3, 3), key=1)
    np.testing.assert_array_equal(delta, np.moveaxis(plain, 0, 1))


def test_several_output_axes_are_one_side() -> None:
    # [features, heads, width], as Flax stores a projection to heads
    w = pi.orthogonal(in_axis=0, out_axis=(1, 2))((24, 4, 5), key=3)
    np.testing.assert_array_equal(w.reshape(24, 20), pi.orthogonal()((24, 20), key=3))


def test_zeros_are_counted_among_the_inputs_of_each_output() -> None:
    w = pi.sparse(0.9, std=1.0, layout="torch")((5, 100), key=0)
    assert (np.count_nonzero(w, axis=1) == 10).all()
    np.testing.assert_array_equal(w, pi.sparse(0.9, std=1.0)((100, 5), key=0).T)
    kernel = pi.sparse(0.5, std=1.0, layout="torch")(SHAPE, key=0)
    assert (np.count_nonzero(kernel.reshape(8, -1), axis=1) == 36).all()
    # of 288 normals the std has an sd of 1 / sqrt(2 * 288) = 0.042
    assert kernel[kernel != 0].std() == pytest.approx(1.0, abs=4 * 0.042)
    stack = pi.sparse(0.5, std=1.0, batch_axis=0)((3, 10, 4), key=0)
    for member in range(3):
        alone = pi.sparse(0.5, std=1.0)((10, 4), key=pi.key(0).fold_in(member))
        np.testing.assert_array_equal(stack[member], alone)


def test_a_large_sparse_matrix_is_drawn_in_blocks() -> None:
    w = pi.sparse(0.25, std=1.0, layout="torch")((700, 900), key=5)
    np.testing.assert_array_equal(w, pi.sparse(0.25, std=1.0)((900, 700), key=5).T)


def test_a_transposed_dirac_hands_its_channels_on() -> None:
    w = pi.dirac(2, layout="torch", transposed=True)((6, 3, 3), key=0)
    expected = np.zeros((6, 3, 3), np.float32)
    for channel in range(6):
        expected[channel, channel % 3, 1] = 1
    np.testing.assert_array_equal(w, expected)
    stack = pi.dirac(layout="torch", batch_axis=0)((2, 4, 4, 3), key=0)
    for member in stack:
        np.testing.assert_array_equal(member, pi.dirac(layout="torch")((4, 4, 3), key=0))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: pi.sparse(0.5, layout="torch", transposed=True, groups=2),
            pi.LayoutError,
            r"^sparse does not take groups of a transposed weight; got groups=2.",
        ),
        (
            lambda: pi.delta_orthogonal(batch_axis=0),
            pi.CallError,
            r"^delta_orthogonal takes gain, .*; got batch_axis=0.",
        ),
        (lambda: pi.orthogonal(compat="torch"), pi.CallError, r"^orthogonal takes .*; got compat='torch'."),
        (
            lambda: pi.orthogonal(in_axis=1, out_axis=1).plan((2, 3, 4)),
            pi.LayoutError,
            r"^out_axis \(1,\) shares an axis with in_axis or batch_axis \(1,\).",
        ),
        (
            lambda: pi.dirac(layout="torch", batch_axis=0).plan((2, 3, 4)),
            pi.ShapeError,
            r"^dirac needs at least 3 dimensions beside batch_axis 0",
        ),
        (
            lambda: pi.dirac(in_axis=0, out_axis=1, batch_axis=1).plan((2, 3, 4, 5)),
            pi.LayoutError,
            r"^in_axis \(0,\), out_axis \(1,\) and batch_axis \(1,\) share an axis.",
        ),
        (lambda: pi.sparse(0.5).plan((2, 3, 4)), pi.ShapeError, r"^sparse needs 2 dimensions; .* Name the"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
