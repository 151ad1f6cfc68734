"""init_tree: names, default recipes, boxes, leaves that are no float, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.interop
jax = pytest.importorskip("jax")
flax = pytest.importorskip("flax")
equinox = pytest.importorskip("equinox")
haiku = pytest.importorskip("haiku")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from flax import linen, nnx  # noqa: E402
from jax.sharding import AxisType, NamedSharding, PartitionSpec  # noqa: E402

import pyinit as pi  # noqa: E402
from pyinit.errors import PyinitError  # noqa: E402
from pyinit.jax import for_haiku, init_tree, initializers  # noqa: E402
from pyinit.recipes.rules import Rule  # noqa: E402

from ..older import older  # noqa: E402
from .leaves import drawn, holds  # noqa: E402


def struct(*shape: int, dtype: Any = jnp.float32) -> Any:
    return jax.ShapeDtypeStruct(shape, dtype)


class Model(linen.Module):
    """One of each of Flax's layers that have parameters."""

    @linen.compact
    def __call__(self, tokens: Any) -> Any:
        x = linen.Embed(512, 64)(tokens)
        boxed = linen.with_partitioning(linen.initializers.lecun_normal(), ("in", "out"))
        x = linen.Dense(64, kernel_init=boxed)(x)
        x = linen.MultiHeadDotProductAttention(4)(x, x)
        x = linen.LayerNorm()(x)
        x = linen.Conv(96, (3,))(x)
        x = linen.OptimizedLSTMCell(48)((jnp.zeros((1, 2, 48)),) * 2, x)[1]
        return linen.BatchNorm(use_running_average=False)(x)


TOKENS = np.zeros((1, 2), np.int32)


@pytest.fixture(scope="module")
def abstract() -> Any:
    return jax.eval_shape(Model().init, jax.random.key(0), TOKENS)


def test_a_leaf_is_its_recipe_under_the_key_of_its_name() -> None:
    tree = {"a": [struct(3, 4), {"b": struct(5, 2, dtype=jnp.bfloat16)}]}
    filled = init_tree(tree, key=7, recipe=pi.he_normal())
    assert np.array_equal(filled["a"][0], drawn(pi.he_normal(), (3, 4), "a.0"))
    assert filled["a"][1]["b"].dtype == jnp.bfloat16
    assert np.array_equal(filled["a"][1]["b"], drawn(pi.he_normal(), (5, 2), "a.1.b", dtype="bfloat16"))
    assert not filled["a"][0].committed


def test_a_box_is_kept_and_leaves_no_trace_in_the_name(abstract: Any) -> None:
    kernel = init_tree(abstract, key=0)["params"]["Dense_0"]["kernel"]
    assert isinstance(kernel, linen.Partitioned)
    assert kernel.names == ("in", "out")
    recipe = pi.lecun_normal(truncated=True)
    assert np.array_equal(kernel.value, drawn(recipe, (64, 64), "params.Dense_0.kernel", seed=0))


def test_defaults_are_those_of_flax(abstract: Any) -> None:
    # the smallest drawn leaf has 2304 elements: 6 standard errors are 9 % of its std
    mine = jax.tree.map(np.asarray, linen.unbox(init_tree(abstract, key=0)))
    # quick to compile, and run once
    init = jax.jit(Model().init, compiler_options={"xla_backend_optimization_level": 0})
    real = jax.tree.map(np.asarray, linen.unbox(init(jax.random.key(0, impl="rbg"), TOKENS)))
    assert jax.tree.structure(mine) == jax.tree.structure(real)
    pairs = zip(jax.tree.leaves_with_path(mine), jax.tree.leaves(real), strict=True)
    for (path, made), peer in pairs:
        name = jax.tree_util.keystr(path)
        assert (made.shape, made.dtype) == (peer.shape, peer.dtype), name
        if peer.std() == 0:
            assert np.array_equal(made, peer), name
        else:
            error = math.sqrt(2 / (2 * made.size))
            assert abs(made.std() / peer.std() - 1) < 6 * error, name
    recurrent = mine["params"]["OptimizedLSTMCell_0"]["hf"]["kernel"]
    assert np.allclose(recurrent.T @ recurrent, np.eye(48), atol=1e-5)


def test_that_check_sees_fans_of_a_matrix_for_those_of_heads(abstract: Any) -> None:
    name = "params.MultiHeadDotProductAttention_0.query.kernel"
    wrong = drawn(pi.lecun_normal(truncated=True, layout="jax"), (64, 4, 16), name, seed=0)
    attention = init_tree(abstract, key=0)["params"]["MultiHeadDotProductAttention_0"]
    right = np.asarray(attention["query"]["kernel"])
    assert abs(wrong.std() / right.std() - 1) > 6 * math.sqrt(2 / (2 * wrong.size))


def test_one_recipe_replaces_what_is_drawn_and_leaves_constants(abstract: Any) -> None:
    filled = init_tree(abstract, recipe=pi.normal(std=0.5), key=0)["params"]
    assert holds(filled["LayerNorm_0"]["scale"], 1)
    assert holds(filled["Conv_0"]["bias"], 0)
    expected = drawn(pi.normal(std=0.5), (512, 64), "params.Embed_0.embedding", seed=0)
    assert np.array_equal(filled["Embed_0"]["embedding"], expected)


def test_rules_come_first_and_in_order() -> None:
    tree = {"up": {"kernel": struct(4, 3), "bias": struct(3)}, "down": {"kernel": struct(3, 4)}}
    filled = init_tree(tree, recipe={"up.*": pi.constant(2.0), "*.kernel": pi.constant(3.0)}, key=0)
    assert holds(filled["up"]["bias"], 2)
    assert holds(filled["down"]["kernel"], 3)
    filled = init_tree(tree, recipe=[Rule("*.kernel", pi.ones(), zero_rows=(1,))], key=0)
    assert filled["up"]["kernel"].tolist() == [[1] * 3, [0] * 3, [1] * 3, [1] * 3]
    assert holds(filled["up"]["bias"], 0)


def test_a_function_decides_or_leaves_it_to_the_defaults() -> None:
    tree = {"up": {"kernel": struct(4, 3), "bias": struct(3)}}
    filled = init_tree(tree, recipe=lambda name, shape: pi.ones() if len(shape) == 2 else None, key=0)
    assert holds(filled["up"]["kernel"], 1)
    assert holds(filled["up"]["bias"], 0)


def test_what_is_no_abstract_leaf_is_kept() -> None:
    given = jnp.arange(3)
    filled = init_tree({"kernel": struct(2, 2), "given": given, "function": print, "none": None}, key=0)
    assert filled["given"] is given
    assert filled["function"] is print
    assert filled["none"] is None


def test_integers_take_a_constant() -> None:
    filled = init_tree(
        {"count": struct(dtype=jnp.uint32), "ids": struct(3, dtype="int32")}, recipe={"ids": pi.ones()}, key=0
    )
    assert (filled["count"], filled["count"].dtype) == (0, jnp.uint32)
    assert filled["ids"].tolist() == [1, 1, 1]


def test_float64_where_it_is_switched_off_is_float32_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="float64 .*will be truncated to dtype float32"):
        filled = init_tree({"kernel": struct(4, 3, dtype=np.float64)}, recipe=pi.normal(), key=0)
    assert np.array_equal(filled["kernel"], drawn(pi.normal(), (4, 3), "kernel", seed=0))


def test_the_tree_is_shaped_alike_where_it_is_sharded(abstract: Any) -> None:
    mesh = jax.make_mesh((1, 1), ("in", "out"), axis_types=(AxisType.Auto,) * 2)
    plain, placed = init_tree(abstract, key=0), init_tree(abstract, linen.get_sharding(abstract, mesh), key=0)
    assert jax.tree.structure(plain) == jax.tree.structure(placed)
    assert jax.tree.all(jax.tree.map(np.array_equal, plain, placed))
    kernel = placed["params"]["Dense_0"]["kernel"].value
    assert kernel.sharding == NamedSharding(mesh, PartitionSpec("in", "out"))
    with jax.set_mesh(mesh):
        one = init_tree({"kernel": struct(4, 4)}, PartitionSpec("in"), key=0)
    assert one["kernel"].sharding == NamedSharding(mesh, PartitionSpec("in"))


class Block(nnx.Module):
    """A model with parameters, statistics and random streams."""

    def __init__(self, rngs: Any) -> None:
        boxed = nnx.with_partitioning(nnx.initializers.lecun_normal(), ("in", "out"))
        self.layers = nnx.List([nnx.Linear(8, 8, kernel_init=boxed, rngs=rngs), nnx.Linear(8, 8, rngs=rngs)])
        self.norm = nnx.BatchNorm(8, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.dropout(self.norm(self.layers[1](self.layers[0](x))))


def test_nnx_state_and_module() -> None:
    mesh = jax.make_mesh((1, 1), ("in", "out"), axis_types=(AxisType.Auto,) * 2)
    with jax.set_mesh(mesh):
        module = nnx.eval_shape(lambda: Block(nnx.Rngs(0)))
        definition, state = nnx.split(module)
        filled = init_tree(state, key=3)
        whole = init_tree(module, key=3)
    kernel = filled["layers"][0]["kernel"]
    assert isinstance(kernel, nnx.Param)
    # Flax 0.12.1 has another name for it, and places nothing
    if not older("flax", 0, 12, 8):
        assert kernel.get_metadata()["out_sharding"] == ("in", "out")
        assert kernel.get_value().sharding.spec == PartitionSpec("in", "out")
    expected = drawn(pi.lecun_normal(truncated=True), (8, 8), "layers.0.kernel", seed=3)
    assert np.array_equal(kernel.get_value(), expected)
    assert np.array_equal(whole.layers[0].kernel.get_value(), expected)
    assert holds(filled["norm"]["var"].get_value(), 1)
    made = nnx.merge(definition, filled)
    assert made(jnp.ones((4, 8))).shape == (4, 8)
    again = init_tree(state, nnx.get_named_sharding(state, mesh), key=3)
    assert np.array_equal(again["layers"][0]["kernel"].get_value(), expected)


@pytest.mark.parametrize("implementation", ["threefry2x32", "rbg"])
def test_random_streams_follow_the_seed(implementation: str) -> None:
    like = jax.random.key(0, impl=implementation)
    tree = {"key": jax.ShapeDtypeStruct((2,), like.dtype)}
    first, again, other = (init_tree(tree, key=seed)["key"] for seed in (0, 0, 1))
    assert first.dtype == like.dtype
    data = [jax.random.key_data(keys).tolist() for keys in (first, again, other)]
    assert data[0] == data[1] != data[2]
    assert data[0][0] != data[0][1]
    assert data[0][0] == list(pi.key(0).fold_in("key").block(0))[: len(data[0][0])]


def test_equinox() -> None:
    model = equinox.filter_eval_shape(lambda key: equinox.nn.MLP(3, 4, 5, 1, key=key), jax.random.key(0))
    recipe = pi.he_normal(layout="torch")
    filled = init_tree(model, recipe=recipe, key=0)
    assert np.array_equal(filled.layers[0].weight, drawn(recipe, (5, 3), "layers.0.weight", seed=0))
    assert holds(filled.layers[0].bias, 0)
    assert filled(jnp.ones(3)).shape == (4,)


def test_haiku() -> None:
    net = haiku.transform(lambda x: haiku.nets.MLP([256, 4])(x))
    x = np.zeros((1, 64), np.float32)
    filled = init_tree(jax.eval_shape(net.init, jax.random.key(0), x), key=0)
    # Haiku cuts a normal of std 1 / sqrt(fan_in) at 2 std; 6 standard errors of 2^14 draws are 3 %
    weights = np.asarray(filled["mlp/~/linear_0"]["w"])
    assert abs(weights.std() * 8 / 0.8796256 - 1) < 0.03
    assert abs(weights).max() <= 0.25
    assert net.apply(filled, None, x).shape == (1, 4)


def test_haiku_initializers() -> None:
    def run(x: Any) -> Any:
        weights = for_haiku(initializers.he_normal())
        return haiku.Linear(3, w_init=weights, b_init=for_haiku(initializers.ones))(x)

    net, x = haiku.transform(run), np.ones((1, 2), np.float32)
    key = jax.random.key(5)
    eager, traced = net.init(key, x)["linear"], jax.jit(net.init)(key, x)["linear"]
    assert holds(eager["b"], 1)
    assert np.allclose(eager["w"], traced["w"], atol=2e-6)
    constant = haiku.transform(lambda: haiku.get_parameter("b", (2,), init=for_haiku(initializers.ones)))
    assert constant.init(None)["~"]["b"].tolist() == [1, 1]


def test_layers_of_flax_take_the_initializers() -> None:
    init, x = initializers.he_normal(), np.ones((1, 16), np.float32)
    net = linen.Dense(8, kernel_init=init, param_dtype=jnp.bfloat16)
    assert net.init(jax.random.key(0), x)["params"]["kernel"].dtype == jnp.bfloat16
    assert nnx.Linear(16, 8, kernel_init=init, rngs=nnx.Rngs(0)).kernel.shape == (16, 8)


@pytest.mark.parametrize("shape", [(), (8,), (4, 8), (2, 4, 8)])
def test_the_rule_that_an_error_proposes_makes_the_leaf(shape: tuple[int, ...]) -> None:
    tree = {"gate": struct(*shape)}
    with pytest.raises(pi.RecipeError, match="no rule or default names this leaf") as caught:
        init_tree(tree, key=0)
    rule = str(caught.value).partition("such as ")[2].rstrip(".")
    made = init_tree(tree, recipe=eval(rule, {"pyinit": pi}), key=0)
    assert made["gate"].shape == shape


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            lambda: init_tree({"layer": {"weight": struct(2, 3)}}, key=0),
            "layer.weight: no rule or default names this leaf of shape (2, 3). Record the model with "
            "pyinit.jax.init, or give a rule, such as {'layer.weight': pyinit.he_normal()}.",
        ),
        (
            lambda: init_tree({"a.b": struct(2, 2), "a": {"b": struct(2, 2)}}, recipe=pi.ones(), key=0),
            "leaf 'a.b' is there twice; names decide values. Give each its own.",
        ),
        (
            lambda: init_tree({"w": struct(5)}, recipe={"*": pi.he_normal()}, key=0),
            "w: he_normal needs at least 2 dimensions to count fan_in; got shape (5,). "
            "Use normal(std=...) for vectors.",
        ),
        (
            lambda: init_tree({"ids": struct(5, dtype="int32")}, recipe={"*": pi.normal()}, key=0),
            "ids: only a constant of its own can fill an array of int32; got normal(). Name one, such as "
            "{'ids': pyinit.zeros()}, or make the leaf yourself: only a ShapeDtypeStruct is filled.",
        ),
        (
            lambda: init_tree({"ids": struct(5, dtype="int32")}, recipe=pi.constant(0.5), key=0),
            "ids: only a constant of its own can fill an array of int32; got constant(value=0.5). Name one, "
            "such as {'ids': pyinit.zeros()}, or make the leaf yourself: only a ShapeDtypeStruct is "
            "filled.",
        ),
        (
            lambda: init_tree({"w": struct(2, 2)}, recipe=lambda name, shape: 3, key=0),
            "w: a recipe is needed; got 3. Give pyinit.he_normal(), another recipe, or its name.",
        ),
        (
            lambda: init_tree({"kernel": struct(2, 2)}, PartitionSpec("x"), key=0),
            f"kernel: a sharding {PartitionSpec('x')} needs a mesh, and none is set. Call it under "
            "jax.set_mesh(mesh), or use jax.sharding.NamedSharding(mesh, spec).",
        ),
        (
            lambda: init_tree({"kernel": struct(2, 2)}, "x", key=0),
            "kernel: a sharding is a jax.sharding.Sharding or a PartitionSpec; got str 'x'. "
            "Use jax.sharding.NamedSharding(mesh, spec).",
        ),
        (
            lambda: init_tree({"w": struct(4, 2)}, recipe=[Rule("w", pi.normal(), zero_rows=(0, -1))], key=0),
            "w: shape (4, 2) has no row -1 to keep zero. Count from 0, or leave zero_rows out.",
        ),
        (
            lambda: init_tree({"w": struct()}, recipe=[Rule("w", pi.normal(), zero_rows=(0,))], key=0),
            "w: shape () has no row 0 to keep zero. Count from 0, or leave zero_rows out.",
        ),
        (
            lambda: init_tree({"kernel": struct(2, 2)}, key="x"),  # type: ignore[arg-type]
            "key must be an int seed or a Key; got 'x'. Use pyinit.key(seed).",
        ),
        (
            lambda: init_tree({"kernel": struct(2, 2)}, threads=0, key=0),
            "threads must be a positive integer; got 0. Leave it out for all CPUs.",
        ),
    ],
)
def test_messages(action: Callable[[], object], message: str) -> None:
    with pytest.raises(PyinitError) as caught:
        action()
    assert str(caught.value) == message
