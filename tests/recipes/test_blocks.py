"""Blocks: each is the weight that its recipe draws alone, in any window, dtype, adapter and file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyinit as pi
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.recipes.fans import Axes
from pyinit.recipes.rules import fitted
from pyinit.stream.safetensors import read_header

from ..arrays import assert_same_bits

TORCH = {"layout": "torch"}
MIXED = pi.blocks(
    [
        pi.glorot_uniform(**TORCH),
        pi.orthogonal(**TORCH),
        pi.truncated_normal(std=0.02),
        pi.blocks(["ones", pi.normal(std=3.0)], axis=1),
        pi.sparse(0.5, **TORCH),
    ],
    sizes=(7, 12, 0, 5, 8),
)


def _alone(recipe: Any, shape: tuple[int, ...], key: pi.Key, dtype: str) -> np.ndarray:
    """Return the tensor by the definition: each part under the key folded with its number."""
    parts = [
        part(extent, key=key.fold_in(number), dtype=dtype) for number, part, extent in recipe.each(shape)
    ]
    return np.concatenate(parts, axis=recipe.axis)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "uint16"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_each_block_is_what_its_recipe_draws_alone(axis: int, dtype: str) -> None:
    recipe = pi.blocks([pi.normal(), pi.orthogonal(**TORCH), "zeros"], axis=axis)
    made = recipe((12, 24), key=9, dtype=dtype)
    assert_same_bits(made, _alone(recipe, (12, 24), pi.key(9), dtype))
    assert_same_bits(MIXED((32, 10), key=3, dtype=dtype), _alone(MIXED, (32, 10), pi.key(3), dtype))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_window_is_the_slice_of_the_whole(data: st.DataObject) -> None:
    axis = data.draw(st.sampled_from([0, 1]))
    shape = (32, 10) if axis == 0 else (10, 32)
    recipe = MIXED if axis == 0 else pi.blocks([pi.he_normal(), pi.orthogonal(), "ones"], 1, [20, 5, 7])
    low = [data.draw(st.integers(0, n - 1)) for n in shape]
    high = [data.draw(st.integers(a + 1, n)) for a, n in zip(low, shape, strict=True)]
    extent = tuple(b - a for a, b in zip(low, high, strict=True))
    threads = data.draw(st.integers(1, 3))
    part = recipe(extent, key=4, window=pi.Window(tuple(low), shape), threads=threads)
    assert_same_bits(part, recipe(shape, key=4)[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])


def test_a_long_block_with_gaps_is_drawn_in_pieces() -> None:
    recipe = pi.blocks([pi.normal(), pi.uniform()], axis=1)
    made = recipe((700, 1000), key=1)
    assert_same_bits(made, _alone(recipe, (700, 1000), pi.key(1), "float32"))


def test_an_orthogonal_block_is_a_matrix_of_its_own() -> None:
    gates = pi.blocks([pi.orthogonal(**TORCH)] * 4)((256, 64), key=0, dtype="float64")
    for gate in gates.reshape(4, 64, 64):
        assert np.abs(gate @ gate.T - np.eye(64)).max() < 1e-13
    # the mutant: one matrix for all gates has gates that are not orthogonal
    whole = pi.orthogonal(**TORCH)((256, 64), key=0, dtype="float64")[:64]
    assert np.abs(whole @ whole.T - np.eye(64)).max() > 0.1


def test_a_block_counts_its_own_fans() -> None:
    qkv = pi.blocks([pi.glorot_uniform(**TORCH)] * 3).plan((192, 64))
    assert [part.fan_out for part in qkv.parts] == [64] * 3
    assert qkv.bounds is not None
    assert qkv.bounds[1] == pytest.approx((6 / 128) ** 0.5, rel=1e-6)
    # of 12,288 draws the std is known within 0.4 % (a uniform's): 2 % is an error of 5 times that, and the
    # fans of the whole would make it 29 % smaller
    made = pi.blocks([pi.glorot_uniform(**TORCH)] * 3)((192, 64), key=2)
    assert made.std() == pytest.approx((2 / 128) ** 0.5, rel=0.02)
    whole = pi.glorot_uniform(**TORCH)((192, 64), key=2)
    assert whole.std() != pytest.approx((2 / 128) ** 0.5, rel=0.02)
    assert qkv.std == pytest.approx((2 / 128) ** 0.5)


def test_the_plan_mixes_mean_and_std() -> None:
    recipe = pi.blocks([pi.constant(1.0), pi.constant(4.0)], sizes=(3, 1))
    plan, made = recipe.plan((4, 5)), recipe((4, 5), key=0, dtype="float64")
    assert (plan.mean, plan.bounds) == (made.mean(), (1.0, 4.0))
    assert plan.std == pytest.approx(made.std())
    assert "2 blocks of constant, constant" in str(plan)


def test_recipe_and_plan_survive_json() -> None:
    assert pi.recipe_from_json(MIXED.to_json()) == MIXED
    assert eval(repr(MIXED), vars(pi)) == MIXED
    plan = MIXED.plan((32, 10))
    assert pi.Plan.from_json(plan.to_json()) == plan
    assert hash(pi.Plan.from_json(plan.to_json())) == hash(plan)


def test_names_and_dicts_are_parts_and_a_factor_reaches_each() -> None:
    recipe = pi.blocks(["zeros", {"recipe": "normal", "std": 2.0}, pi.he_normal()])
    assert recipe.scaled(0.5) == pi.blocks(["zeros", pi.normal(), pi.variance_scaling(0.5)])


def test_groups_are_shared_among_blocks() -> None:
    recipe = pi.blocks([pi.orthogonal(), pi.he_normal()])
    axes = Axes(layout="torch", groups=4)
    found = fitted(recipe, axes, (32, 6, 3, 3), is_convolution=True)
    assert found == pi.blocks([pi.orthogonal(groups=2, **TORCH), pi.he_normal(groups=2, **TORCH)])
    with pytest.raises(pi.LayoutError, match="block 0: a block of 12 of 32 channels is no whole number of 4"):
        fitted(pi.blocks(["he_normal"] * 2, sizes=(12, 20)), axes, (32, 6, 3, 3), is_convolution=True)
    assert fitted(pi.blocks(["zeros", "ones"]), axes, (32, 6, 3, 3)) == pi.blocks(["zeros", "ones"])


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: pi.blocks(["zeros", "ones"]), (5,), "needs 2 equal parts of axis 0; got 5"),
        (lambda: pi.blocks(["zeros", "ones"], sizes=(2, 2)), (5,), r"sizes \(2, 2\) cover 4 of axis 0"),
        (lambda: pi.blocks(["zeros", "ones"], sizes=(4, 2)), (5,), r"sizes \(4, 2\) cover 6 of axis 0"),
        (lambda: pi.blocks(["zeros", "ones"], 1), (4,), r"needs an axis 1; got shape \(4,\)"),
        (lambda: pi.blocks([]), (4,), "needs a recipe for each block"),
        (lambda: pi.blocks("zeros"), (4,), "needs a recipe for each block"),
        (lambda: pi.blocks(["zeros", 3]), (4,), "a recipe for block 1 is needed; got 3"),
        (lambda: pi.blocks(["zeros", "ones"], sizes=(4,)), (4,), "needs a size for each of its 2 parts"),
        (lambda: pi.blocks(["zeros", "ones"], sizes=(5, -1)), (4,), "sizes are integers"),
        (lambda: pi.blocks(["zeros", "he_normal"]), (4,), "block 1: he_normal needs at least 2 dimensions"),
        (lambda: pi.blocks(["zeros", pi.pretrained(np.ones(2))]), (4,), "block 1: pretrained.* copies a"),
        (lambda: pi.blocks(["zeros", "ones"], axis=0.5), (4,), "axis is an axis"),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(pi.PyinitError, match=message):
        make()(shape, key=0)


@pytest.mark.parametrize("recipe", [MIXED, pi.blocks([pi.normal(), pi.uniform(), "ones"], sizes=(7, 20, 5))])
def test_files_hold_the_same_bits_however_they_are_cut(recipe: pi.Recipe, tmp_path: Path) -> None:
    rules = {"w": recipe, "*": "zeros"}
    expected = recipe((32, 10), key=pi.key(1).fold_in("w"))
    for extent in (80, 1 << 20):
        out = tmp_path / str(extent)
        plan = pi.plan_checkpoint({"w": (32, 10), "b": (3,)}, rules, key=1, path=out, extent_bytes=extent)
        read = pi.CheckpointPlan.from_json(plan.to_json())
        assert read.fingerprint == plan.fingerprint
        # an orthogonal block is drawn with all others at once
        assert len(read.extents) == {80: 2 if recipe is MIXED else 17, 1 << 20: 2}[extent]
        write_plan(read)
        info = read_header(out / "model.safetensors").tensors["w"]
        data = (out / "model.safetensors").read_bytes()
        assert data[info.start : info.start + info.nbytes] == expected.tobytes()
        assert json.loads((out / "init.json").read_text())["tensors"]["w"]["recipe"] == recipe.to_dict()
        assert pi.verify(out).is_same


@pytest.mark.interop
def test_torch_and_its_layers_make_the_same_bits() -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    qkv = pi.blocks([pi.glorot_uniform(), pi.orthogonal(), "zeros"])
    told = pi.blocks([pi.glorot_uniform(**TORCH), pi.orthogonal(**TORCH), "zeros"])
    expected = told((24, 8), key=pi.key(0).fold_in("in.weight"))
    strided = torch.empty(8, 24).T
    pyinit.torch.fill(strided, qkv, key=pi.key(0).fold_in("in.weight"))
    assert_same_bits(strided.numpy(), expected)
    with torch.device("meta"):
        module = torch.nn.ModuleDict({"in": torch.nn.Linear(8, 24)})
    made = pyinit.torch.materialize(module, {"in.weight": qkv}, key=0)
    assert_same_bits(made["in"].weight.detach().numpy(), expected)


@pytest.mark.interop
def test_jax_makes_the_same_bits_traced_or_not() -> None:
    jax = pytest.importorskip("jax")
    from pyinit.jax import init_tree
    from pyinit.jax.traced.traced import draw

    recipe = pi.blocks([pi.uniform(-1, 1), pi.normal(), "ones", pi.along([1, 2, 3])], 0, (4, 6, 1, 1))
    expected = recipe((12, 3), key=7)
    words = jax.numpy.array([7, 0, 0, 0], "uint32")
    made = jax.jit(lambda key: draw(recipe, key, (12, 3)))(words)
    assert np.abs(np.asarray(made) - expected).max() < 4e-6
    assert_same_bits(np.asarray(made)[[0, 1, 2, 3, 10, 11]], expected[[0, 1, 2, 3, 10, 11]])
    tree = {"w": jax.ShapeDtypeStruct((12, 3), "float32")}
    leaf = init_tree(tree, recipe={"w": recipe}, key=7)["w"]
    assert_same_bits(np.asarray(leaf), recipe((12, 3), key=pi.key(7).fold_in("w")))


@pytest.mark.interop
def test_the_axes_of_a_recorded_module_of_flax_reach_each_block() -> None:
    jax = pytest.importorskip("jax")
    linen = pytest.importorskip("flax.linen")
    import pyinit.jax

    layer, x = linen.Dense(24), jax.numpy.ones((2, 8))
    recipe = pi.blocks([pi.glorot_uniform(), pi.orthogonal(), pi.he_normal()], axis=1)
    made = pyinit.jax.init(lambda: layer.init(jax.random.key(0), x), recipe={"*kernel": recipe}, key=0)
    expected = recipe((8, 24), key=pi.key(0).fold_in("params.kernel"))
    assert_same_bits(np.asarray(made["params"]["kernel"]), expected)


@pytest.mark.interop
def test_keras_gives_each_block_the_axes_of_the_layer() -> None:
    keras = pytest.importorskip("keras")
    from pyinit.keras.owners import Use, fit

    assert keras is not None
    recipe = pi.blocks([pi.glorot_uniform(), "ones"], axis=1)
    use = Use(Axes(layout="keras", transposed=True), is_convolution=True)
    found = fit(recipe, use, (3, 4, 8, 6))
    assert found == pi.blocks([pi.glorot_uniform(layout="keras", transposed=True), "ones"], axis=1)


def test_blocks_of_one_stream_make_the_same_draws() -> None:
    recipe = pi.blocks([pi.normal(), pi.normal(std=2.0), pi.normal()], streams=[3, 3, 0])
    made = recipe((9, 8), key=1)
    for block, number in ((made[:3], 3), (made[3:6] / 2, 3), (made[6:], 0)):
        assert_same_bits(block, pi.normal()((3, 8), key=pi.key(1).fold_in(number)))
    plan = recipe.plan((9, 8))
    assert (plan.distribution, plan.streams) == ("sharing_blocks", (3, 3, 0))
    assert pi.Plan.from_json(plan.to_json()) == plan
    assert pi.recipe_from_json(recipe.to_json()) == recipe
    # the numbers that blocks have anyway change nothing, the plan included
    same = pi.blocks(["ones", "zeros"], streams=[0, 1])
    assert same == pi.blocks(["ones", "zeros"])
    assert same.plan((4,)).distribution == "blocks"


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        ([0], "needs a stream for each of its 2 parts"),
        ([0, -1], "streams are integers from 0 on"),
        ([0, 0.5], "streams are integers from 0 on"),
        ("01", "streams are integers from 0 on"),
    ],
)
def test_streams_that_are_not_valid_are_refused(streams: Any, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        pi.blocks(["ones", "zeros"], streams=streams)
