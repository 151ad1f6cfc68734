"""ICNR: a convolution before a pixel shuffle begins as resizing by nearest neighbours, at every door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyinit as pi
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.recipes.composite import Composite
from pyinit.recipes.fans import Axes
from pyinit.recipes.rules import fitted

from ..arrays import assert_same_bits

TORCH = {"layout": "torch"}
HE = pi.he_normal(**TORCH)
CASES = [
    (pi.icnr(HE, 2), (24, 3, 3, 2), 0, 4),
    (pi.icnr(HE, 2, shuffle="depth_to_space"), (24, 3, 3, 2), 0, 4),
    (pi.icnr(pi.he_uniform(layout="keras"), 3), (2, 3, 4, 27), 3, 9),
    (pi.icnr(pi.orthogonal(**TORCH), 2), (24, 3, 3, 2), 0, 4),
    (pi.icnr(pi.normal(), 2, dims=1, axis=-1, shuffle="pixel_shuffle"), (3, 4, 10), 2, 2),
    (
        pi.icnr(pi.blocks(["he_normal", "ones"], sizes=(2, 3)), 2, dims=3, axis=1, shuffle="depth_to_space"),
        (5, 16),
        1,
        8,
    ),
]


def _by_definition(recipe: Any, shape: tuple[int, ...], axis: int, copies: int, key: int, dtype: str) -> Any:
    """Return the part's draw for the smaller kernel, and each output's copy of it."""
    small = (*shape[:axis], shape[axis] // copies, *shape[axis + 1 :])
    drawn = recipe.part(small, key=key, dtype=dtype)
    outputs = np.arange(shape[axis])
    neighbours = recipe.shuffle != "depth_to_space" and getattr(recipe.part, "layout", None) != "keras"
    return drawn.take(outputs // copies if neighbours else outputs % small[axis], axis)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "uint16"])
@pytest.mark.parametrize(("recipe", "shape", "axis", "copies"), CASES)
def test_each_output_is_a_copy_of_a_smaller_draw(
    recipe: Any, shape: tuple[int, ...], axis: int, copies: int, dtype: str
) -> None:
    expected = _by_definition(recipe, shape, axis, copies, 9, dtype)
    assert_same_bits(recipe(shape, key=9, dtype=dtype), expected)


@settings(max_examples=20, deadline=None)
@given(st.data())
@pytest.mark.parametrize(("recipe", "shape", "axis", "copies"), CASES)
def test_any_window_is_the_slice_of_the_whole(
    recipe: Any, shape: tuple[int, ...], axis: int, copies: int, data: Any
) -> None:
    start = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    extent = tuple(data.draw(st.integers(1, n - i)) for n, i in zip(shape, start, strict=True))
    part = recipe(extent, key=4, window=pi.Window(start, shape), threads=data.draw(st.integers(1, 3)))
    place = tuple(slice(i, i + n) for i, n in zip(start, extent, strict=True))
    assert_same_bits(part, recipe(shape, key=4)[place])


def test_a_window_draws_its_own_numbers_alone() -> None:
    # the whole would need 4 TB
    shape = (1 << 20, 1 << 10, 32, 32)
    for shuffle in ("pixel_shuffle", "depth_to_space"):
        recipe = pi.icnr(HE, 2, shuffle=shuffle)
        window = pi.Window(((1 << 18) - 1, 5, 0, 0), shape)
        made = recipe((2, 1, 32, 32), key=0, window=window)
        rows = [(1 << 18) - 1, 1 << 18]
        small = [row // 4 if shuffle == "pixel_shuffle" else row % (1 << 18) for row in rows]
        for got, row in zip(made, small, strict=True):
            at = pi.Window((row, 5, 0, 0), (1 << 18, *shape[1:]))
            assert_same_bits(got[None], HE((1, 1, 32, 32), key=0, window=at))


def test_the_plan_is_that_of_the_smaller_kernel() -> None:
    plan, small = pi.icnr(HE, 2).plan((24, 3, 3, 3)), HE.plan((6, 3, 3, 3))
    assert (plan.std, plan.fan_in, plan.fan_out, plan.parts) == (small.std, 27, 54, (small,))
    assert "4 copies of normal" in str(plan)
    # of 6,000 x 27 draws, each 4 times, the std is known within 0.18 % (one sigma): 0.9 % shows
    made = pi.icnr(HE, 2)((24000, 3, 3, 3), key=1)
    assert made.std() == pytest.approx((2 / 27) ** 0.5, rel=0.009)
    # the mutant: a gain that is 2 % off
    assert made.std() * 1.02 != pytest.approx((2 / 27) ** 0.5, rel=0.009)


def test_recipe_and_plan_survive_json() -> None:
    for recipe, shape, *_ in CASES:
        again = pi.recipe_from_json(recipe.to_json())
        assert again == recipe == eval(repr(recipe), vars(pi))
        plan = recipe.plan(shape)
        read = pi.Plan.from_json(plan.to_json())
        assert read == plan
        assert hash(read) == hash(plan)
    assert pi.icnr("he_normal").scaled(0.5) == pi.icnr(pi.variance_scaling(0.5))


def test_the_layer_says_the_axis_and_the_shuffle() -> None:
    bare = pi.icnr("he_normal")
    assert isinstance(bare, Composite)
    of_torch = fitted(bare, Axes(layout="torch"), (16, 3, 3, 3), is_convolution=True)
    assert of_torch == pi.icnr(HE, axis=0, shuffle="pixel_shuffle")
    of_keras = fitted(bare, Axes(layout="keras"), (3, 3, 3, 16), is_convolution=True)
    assert of_keras == pi.icnr(pi.he_normal(layout="keras"), axis=3, shuffle="depth_to_space")
    assert_same_bits(of_torch((16, 3, 3, 3), key=0), pi.icnr(HE)((16, 3, 3, 3), key=0))


def test_depth_to_space_makes_equal_squares() -> None:
    # TensorFlow: channel (i r + j) C + c goes to place (i, j) of channel c
    kernel = pi.icnr(pi.he_normal(layout="keras"), 2)((1, 1, 5, 12), key=0, dtype="float64")
    image = pi.normal()((4, 4, 5), key=1, dtype="float64") @ kernel[0, 0]
    squares = image.reshape(4, 4, 2, 2, 3)
    assert (squares == squares[:, :, :1, :1]).all()
    # the mutant: the other numbering
    other = pi.icnr(pi.he_normal(layout="keras"), 2, shuffle="pixel_shuffle")((1, 1, 5, 12), key=0)
    squares = (pi.normal()((4, 4, 5), key=1) @ other[0, 0]).reshape(4, 4, 2, 2, 3)
    assert not (squares == squares[:, :, :1, :1]).all()


@pytest.mark.interop
def test_torchs_pixel_shuffle_begins_as_nearest_neighbours() -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    with torch.device("meta"):
        module = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.PixelShuffle(2))
    rules = {"0.weight": pi.icnr("he_normal", 2), "*": "zeros"}
    made = pyinit.torch.materialize(module, rules, key=0)
    expected = pi.icnr(HE)((16, 3, 3, 3), key=pi.key(0).fold_in("0.weight"))
    assert_same_bits(made[0].weight.detach().numpy(), expected)
    image = torch.from_numpy(pi.normal()((1, 3, 8, 8), key=2))
    out = made(image).detach()
    small = torch.nn.functional.conv2d(image, made[0].weight[::4], padding=1)
    enlarged = torch.nn.functional.interpolate(small, scale_factor=2, mode="nearest")
    torch.testing.assert_close(out, enlarged)
    # the mutant: independent draws are a checkerboard
    plain = pyinit.torch.fill(torch.empty(16, 3, 3, 3), HE, key=0)
    drawn = torch.nn.functional.pixel_shuffle(torch.nn.functional.conv2d(image, plain, padding=1), 2)
    assert (drawn[..., ::2, ::2] - drawn[..., 1::2, ::2]).abs().mean() > 0.5


@pytest.mark.interop
@pytest.mark.parametrize("shuffle", ["pixel_shuffle", "depth_to_space"])
def test_jax_makes_the_same_copies(shuffle: str) -> None:
    jax = pytest.importorskip("jax")
    from pyinit.jax.traced.traced import draw

    recipe = pi.icnr(pi.uniform(), 2, axis=0, shuffle=shuffle)
    words = jax.numpy.array([7, 0, 0, 0], "uint32")
    made = jax.jit(lambda key: draw(recipe, key, (8, 3, 2, 2)))(words)
    assert_same_bits(np.asarray(made), recipe((8, 3, 2, 2), key=7))


@pytest.mark.interop
def test_keras_gives_it_the_axes_of_the_layer() -> None:
    keras = pytest.importorskip("keras")
    import pyinit.keras

    assert keras is not None
    layer = keras.layers.Conv2D(
        12, 3, kernel_initializer=pyinit.keras.FromRecipe(pi.icnr(pi.normal()), seed=3)
    )
    layer.build((None, 8, 8, 5))
    kernel = np.asarray(layer.kernel)
    squares = kernel.reshape(3, 3, 5, 4, 3)
    assert (squares == squares[..., :1, :]).all()


def test_files_hold_the_same_bits_however_they_are_cut(tmp_path: Path) -> None:
    rules = {"w": pi.icnr(HE, 2), "*": "zeros"}
    expected = pi.icnr(HE, 2)((24, 3, 3, 2), key=pi.key(1).fold_in("w"))
    for extent in (240, 1 << 20):
        out = tmp_path / str(extent)
        plan = pi.plan_checkpoint(
            {"w": (24, 3, 3, 2), "b": (3,)}, rules, key=1, path=out, extent_bytes=extent
        )
        assert pi.CheckpointPlan.from_json(plan.to_json()).fingerprint == plan.fingerprint
        write_plan(plan)
        data = (out / "model.safetensors").read_bytes()
        assert expected.tobytes() in data
        assert pi.verify(out).is_same


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: pi.icnr(HE, 0), (16, 3, 3, 3), "icnr's upscale must be"),
        (lambda: pi.icnr(HE, 2, dims=0), (16, 3, 3, 3), "icnr's dims must be"),
        (lambda: pi.icnr(HE, 2, shuffle="x"), (16, 3, 3, 3), "shuffle is one of pixel_shuffle, depth_to"),
        (lambda: pi.icnr(HE, 2, axis=0.5), (16, 3, 3, 3), "icnr's axis is an axis; got 0.5"),
        (lambda: pi.icnr(HE, 2, axis=4), (16, 3, 3, 3), "needs an axis 4; got shape"),
        (lambda: pi.icnr(3), (16, 3, 3, 3), "a recipe for icnr is needed; got 3"),
        (lambda: pi.icnr(HE), (18, 3, 3, 3), "icnr needs 4 outputs for each pixel; got 18"),
        (lambda: pi.icnr(HE), (16, 3, 3), "needs the number of axes that are enlarged; got shape"),
        (lambda: pi.icnr(HE), (16,), "icnr needs a kernel, of at least 2 dimensions; got 1"),
        (lambda: pi.icnr(pi.he_normal(layout="torch", batch_axis=0)), (2, 16, 3, 3), "needs the number of"),
        (lambda: pi.icnr(pi.normal()), (16, 3, 3, 3), "needs the axis of the outputs"),
        (lambda: pi.icnr(pi.normal(), axis=0), (16, 3, 3, 3), "how the shuffle numbers channels"),
        (lambda: pi.icnr(pi.he_normal(layout="jax")), (3, 3, 3, 16), "how the shuffle numbers channels"),
        (lambda: pi.icnr(pi.he_normal(), axis=0, shuffle="pixel_shuffle"), (16, 3, 3, 3), "icnr: he_normal"),
        (
            lambda: pi.icnr(pi.pretrained(np.ones((4, 3, 3, 3))), axis=0, shuffle="pixel_shuffle"),
            (16, 3, 3, 3),
            "icnr draws; pretrained",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(pi.PyinitError, match=message):
        make()(shape, key=0)


def test_groups_hold_whole_pixels() -> None:
    # of 12 outputs in 2 groups, the second pixel of 4 would see the inputs of both
    made = pi.icnr(pi.he_normal(layout="torch", groups=2), 2)
    assert made((16, 2, 3, 3), key=0).shape == (16, 2, 3, 3)
    with pytest.raises(pi.ShapeError, match=r"the 4 outputs of a pixel in one group; got groups=2"):
        made((12, 2, 3, 3), key=0)
    # depth_to_space takes a pixel's outputs from all groups
    with pytest.raises(pi.ShapeError, match="in one group"):
        pi.icnr(pi.he_normal(layout="keras", groups=2), 2)((3, 3, 2, 16), key=0)


@pytest.mark.interop
@pytest.mark.parametrize("recipe", ["he_normal", "normal"])
def test_a_layer_of_groups_begins_as_nearest_neighbours(recipe: str) -> None:
    torch, pyinit_torch = pytest.importorskip("torch"), pytest.importorskip("pyinit.torch")
    nn = torch.nn
    rules = [("*.weight", pi.icnr(recipe, 2)), ("*.bias", "zeros")]
    x = torch.ones(1, 4, 5, 5).cumsum(-1).sin()
    for outputs, groups in ((16, 1), (16, 2), (16, 4)):
        with torch.device("meta"):
            module = nn.Sequential(nn.Conv2d(4, outputs, 3, groups=groups))
        pyinit_torch.materialize(module, rules, key=0)
        with torch.no_grad():
            squares = nn.PixelShuffle(2)(module(x)).reshape(1, -1, 3, 2, 3, 2)
        assert torch.equal(squares, squares[:, :, :, :1, :, :1].expand_as(squares))
    for outputs, groups in ((12, 2), (8, 4)):
        with torch.device("meta"):
            module = nn.Sequential(nn.Conv2d(4, outputs, 3, groups=groups))
        with pytest.raises(pi.ShapeError, match=r"0\.weight.*the 4 outputs of a pixel in one group"):
            pyinit_torch.materialize(module, rules, key=0)
