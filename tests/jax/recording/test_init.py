"""init: names and streams, ties, arguments, what is no array, places, errors."""

from __future__ import annotations

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
from pyinit.jax import from_key, init  # noqa: E402

from ...older import older  # noqa: E402
from ..leaves import drawn  # noqa: E402

KEY = jax.random.key(0)
LECUN = jax.nn.initializers.lecun_normal()


def test_a_leaf_with_one_draw_is_a_recipe_under_the_key_of_its_name() -> None:
    made = init(linen.Dense(48).init, KEY, jnp.ones((1, 64)), key=7)["params"]
    std = float(np.sqrt(np.float32(1 / 64)) / np.float32(0.87962566103423978))
    assert np.array_equal(made["kernel"], drawn(pi.truncated_normal(std=std), (64, 48), "params.kernel"))
    # that is pyinit's own recipe, up to the last bit of the std
    assert np.allclose(
        made["kernel"], drawn(pi.lecun_normal(truncated=True), (64, 48), "params.kernel"), rtol=1e-6
    )
    assert not made["bias"].any()


def test_stacked_layers_are_one_draw_with_one_more_axis() -> None:
    def layers(key: Any) -> Any:
        return jax.vmap(lambda key: {"w": jax.nn.initializers.orthogonal()(key, (8, 8))})(
            jax.random.split(key, 3)
        )

    assert np.array_equal(init(layers, KEY, key=7)["w"], drawn(pi.orthogonal(batch_axis=0), (3, 8, 8), "w"))


ORTHOGONAL = jax.nn.initializers.orthogonal()


@pytest.mark.parametrize(
    ("make", "shape", "recipe"),
    [
        (lambda key: ORTHOGONAL(key, (3, 3, 8, 16)), (3, 3, 8, 16), pi.orthogonal(layout="jax")),
        (lambda key: ORTHOGONAL(key, (5, 8, 16)), (5, 8, 16), pi.orthogonal(layout="jax")),
        (lambda key: 2 * jax.random.orthogonal(key, 6)[:, None], (6, 1, 6), pi.orthogonal(2.0, out_axis=2)),
        (
            lambda key: jax.vmap(lambda one: ORTHOGONAL(one, (3, 3, 8, 16)))(jax.random.split(key, 2)),
            (2, 3, 3, 8, 16),
            pi.orthogonal(layout="jax", batch_axis=0),
        ),
    ],
)
def test_orthogonal_kernels_of_more_than_two_axes_are_recorded(
    make: Callable[[Any], Any], shape: tuple[int, ...], recipe: pi.Recipe
) -> None:
    assert np.array_equal(init(lambda key: {"w": make(key)}, KEY, key=7)["w"], drawn(recipe, shape, "w"))


@pytest.mark.parametrize(
    ("make", "recipe"),
    [
        (lambda key: 2 * jax.random.normal(key, (6, 4)) + 1, pi.normal(mean=1.0, std=2.0)),
        (lambda key: jax.random.normal(key, (6, 4)) - 3, pi.normal(mean=-3.0)),
        (
            lambda key: 0.5 * jax.random.truncated_normal(key, -1, 3, (6, 4)) - 2,
            pi.truncated_normal(mean=-2.0, std=0.5, low=-1.0, high=3.0),
        ),
        (lambda key: jax.random.uniform(key, (6, 4)) - 0.5, pi.uniform(-0.5, 0.5)),
    ],
)
def test_a_draw_that_is_scaled_and_shifted_is_one_recipe(
    make: Callable[[Any], Any], recipe: pi.Recipe
) -> None:
    assert np.array_equal(init(lambda key: {"w": make(key)}, KEY, key=7)["w"], drawn(recipe, (6, 4), "w"))


@pytest.mark.parametrize("column_axis", [-1, -2])
def test_orthogonal_convolutions_of_flax_are_recorded(column_axis: int) -> None:
    module = linen.Conv(32, (3, 3), kernel_init=jax.nn.initializers.orthogonal(column_axis=column_axis))
    kernel = init(module.init, KEY, jnp.ones((1, 8, 8, 16)), key=7)["params"]["kernel"]
    lines = np.moveaxis(np.asarray(kernel, np.float64), column_axis, 0).reshape(kernel.shape[column_axis], -1)
    np.testing.assert_allclose(lines @ lines.T, np.eye(len(lines)), atol=1e-5)


def test_several_draws_of_a_leaf_have_streams_of_their_own() -> None:
    def halves(key: Any) -> Any:
        one, two = jax.random.split(key)
        return {"w": jnp.concatenate([jax.random.normal(one, (4,)), jax.random.uniform(two, (4,))])}

    expected = [drawn(pi.normal(), (4,), "w"), drawn(pi.uniform(), (4,), "w", 1)]
    assert np.array_equal(init(halves, KEY, key=7)["w"], np.concatenate(expected))


def test_another_leaf_changes_no_other() -> None:
    def few(key: Any) -> Any:
        return {"b": LECUN(key, (4, 4))}

    def many(key: Any) -> Any:
        keys = jax.random.split(key, 3)
        return {"a": LECUN(keys[0], (4, 4)), "b": LECUN(keys[1], (4, 4)), "c": LECUN(keys[2], (4, 4))}

    assert np.array_equal(init(few, KEY, key=7)["b"], init(many, KEY, key=7)["b"])


def test_half_precision_is_rounded_once() -> None:
    made = init(lambda key: {"w": jax.random.normal(key, (64,), jnp.bfloat16) * 0.5}, KEY, key=7)["w"]
    assert made.dtype == jnp.bfloat16
    assert np.array_equal(made, drawn(pi.normal(std=0.5), (64,), "w", dtype="bfloat16"))


def test_shared_draws_are_tied() -> None:
    def tied(key: Any) -> Any:
        one, two = jax.random.split(key)
        table = jax.random.normal(one, (6, 4))
        # drawn again under the same key: the same numbers in JAX, too
        return {
            "head": table.T,
            "table": table,
            "target": jax.random.normal(one, (6, 4)),
            "free": LECUN(two, (6, 4)),
        }

    made = init(tied, KEY, key=7)
    assert np.array_equal(made["head"], made["table"].T)
    assert np.array_equal(made["target"], made["table"])
    # the first leaf that has a draw names it
    assert np.array_equal(made["table"], drawn(pi.normal(), (6, 4), "head"))


@pytest.mark.parametrize(
    "argument", [jax.random.key(1), jax.random.PRNGKey(2), jax.random.key(3, impl="rbg")]
)
def test_keys_that_are_given_stand_for_the_key(argument: Any) -> None:
    made = init(lambda key, n: {"w": jax.random.normal(key, (n,)), "key": key}, argument, 5, key=7)
    assert np.array_equal(made["w"], drawn(pi.normal(), (5,), "w"))
    assert made["key"].dtype == argument.dtype
    again = init(lambda key, n: {"w": jax.random.normal(key, (n,)), "key": key}, argument, 5, key=8)
    assert not (made["key"] == again["key"]).all()
    assert not (made["key"] == argument).all()


def test_a_jax_key_is_a_key_of_the_stream() -> None:
    key = jax.random.key(5)

    def make(key: Any) -> Any:
        return {"w": jax.random.normal(key, (4,))}

    assert np.array_equal(init(make, KEY, key=key)["w"], init(make, KEY, key=from_key(key))["w"])


def test_other_laws_follow_the_name() -> None:
    def masks(key: Any, more: bool) -> Any:
        keys = jax.random.split(key, 4)
        found = {"b": jax.random.bernoulli(keys[0], 0.5, (64,))}
        return found | ({"a": jax.random.bernoulli(keys[1], 0.5, (64,))} if more else {})

    made, other = init(masks, KEY, False, key=7), init(masks, KEY, True, key=7)
    assert np.array_equal(made["b"], other["b"])
    assert not np.array_equal(other["a"], other["b"])
    assert not np.array_equal(made["b"], init(masks, KEY, False, key=8)["b"])


def test_a_shape_stands_for_an_array_whose_values_decide_nothing() -> None:
    struct = jax.ShapeDtypeStruct((1, 64), jnp.float32)
    kernel = init(linen.Dense(8).init, KEY, struct, key=7)["params"]["kernel"]
    assert np.array_equal(
        kernel, init(linen.Dense(8).init, KEY, jnp.ones((1, 64)), key=7)["params"]["kernel"]
    )


def test_a_leaf_may_be_computed_of_an_argument() -> None:
    x = jnp.arange(6.0).reshape(2, 3)
    made = init(lambda key, x: {"mean": x.mean(0), "same": x}, KEY, x, key=7)
    assert made["mean"].tolist() == [1.5, 2.5, 3.5]
    assert np.array_equal(made["same"], x)


def test_spectral_norm_divides_by_what_it_measures() -> None:
    layer = linen.SpectralNorm(linen.Dense(64))
    made = init(lambda key, x: layer.init(key, x, update_stats=True), KEY, jnp.ones((1, 64)), key=7)
    (sigma,) = (leaf for leaf in jax.tree.leaves(made["batch_stats"]) if leaf.shape == ())
    kernel = np.asarray(jax.tree.leaves(made["params"])[-1] * sigma)
    # std 1/8 of 4096 draws: 6 standard errors are 7 %
    assert abs(kernel.std() * 8 - 1) < 0.07


def test_an_nnx_module_with_its_streams() -> None:
    class Net(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.table = nnx.Param(jax.random.normal(rngs.params(), (6, 4)))
            self.head = self.table
            self.dropout = nnx.Dropout(0.5, rngs=rngs)

    made = init(lambda: Net(nnx.Rngs(0)), key=7)
    assert isinstance(made, Net)
    assert made.head is made.table
    assert np.array_equal(made.table.get_value(), drawn(pi.normal(), (6, 4), "head"))
    stream = made.dropout.rngs.key.get_value()
    words = list(pi.key(7).fold_in("dropout.rngs.key").block(0))[:2]
    assert jax.random.key_data(stream).tolist() == words
    assert made.dropout(jnp.ones(8)).shape == (8,)


def test_an_equinox_module_with_its_functions() -> None:
    made = init(lambda key: equinox.nn.MLP(3, 2, 8, 1, activation=jnp.tanh, key=key), KEY, key=7)
    assert made.activation is jnp.tanh
    bound = 1 / np.sqrt(3)
    expected = drawn(
        pi.uniform(-float(np.float32(bound)), float(np.float32(bound))), (8, 3), "layers.0.weight"
    )
    assert np.allclose(made.layers[0].weight, expected, rtol=1e-6)
    assert made(jnp.ones(3)).shape == (2,)


def test_layers_that_share_a_key_are_equal() -> None:
    def same(key: Any) -> Any:
        return {"w": jax.vmap(lambda _: jax.random.normal(key, (4,)))(jnp.arange(3))}

    def scanned(key: Any) -> Any:
        return {"w": jax.lax.scan(lambda c, _: (c, jax.random.normal(key, (4,))), 0, None, length=3)[1]}

    for make in (same, scanned):
        assert np.array_equal(init(make, KEY, key=7)["w"], [drawn(pi.normal(), (4,), "w")] * 3)


def test_loops_follow_the_name_and_the_key() -> None:
    def loops(key: Any) -> Any:
        def add(_: int, carry: Any) -> Any:
            key, total = carry
            key, part = jax.random.split(key)
            return key, total + jax.random.normal(part, (3,))

        def more(carry: Any) -> Any:
            key, total = carry
            return jax.random.split(key)[0], total + jax.random.uniform(key, (3,))

        start = (key, jnp.zeros(3))
        return {
            "for": jax.lax.fori_loop(0, 3, add, start)[1],
            "while": jax.lax.while_loop(lambda carry: carry[1].sum() < 3, more, start)[1],
        }

    made = init(loops, KEY, key=7)
    # the sum of three draws, each of which has a stream of its own
    parts = [drawn(pi.normal(), (3,), "for", *path) for path in ([], [1], [2])]
    assert np.allclose(made["for"], sum(parts), atol=1e-6)
    assert 3 <= made["while"].sum() < 6
    again, other = init(loops, jax.random.PRNGKey(5), key=7), init(loops, KEY, key=8)
    assert jax.tree.all(jax.tree.map(np.array_equal, made, again))
    assert not jax.tree.all(jax.tree.map(np.array_equal, made, other))


def test_boxes_of_flax_stay_around_what_they_hold() -> None:
    net = linen.Dense(8, kernel_init=linen.with_partitioning(LECUN, ("in", "out")))
    mesh = jax.make_mesh((1, 1), ("in", "out"), axis_types=(AxisType.Auto,) * 2)
    abstract = jax.eval_shape(net.init, KEY, jnp.ones((1, 8)))
    made = init(net.init, KEY, jnp.ones((1, 8)), key=7, shardings=linen.get_sharding(abstract, mesh))
    assert jax.tree.structure(made) == jax.tree.structure(abstract)
    kernel = made["params"]["kernel"]
    assert kernel.names == ("in", "out")
    assert kernel.value.sharding == NamedSharding(mesh, PartitionSpec("in", "out"))
    plain = init(linen.Dense(8).init, KEY, jnp.ones((1, 8)), key=7)
    assert np.array_equal(kernel.value, plain["params"]["kernel"])


def test_empty_arrays_and_draws_between_equal_bounds() -> None:
    def odd(key: Any) -> Any:
        return {
            "empty": jax.random.normal(key, (0, 3)),
            "log": jnp.log(jax.random.uniform(key, (0,))),
            "point": jax.random.uniform(key, (2,), minval=0.5, maxval=0.5),
            "zero": 0.0 * jax.random.normal(key, (2,)),
        }

    made = init(odd, KEY, key=7)
    assert (made["empty"].shape, made["log"].shape) == ((0, 3), (0,))
    assert made["point"].tolist() == [0.5, 0.5]
    assert not made["zero"].any()


def test_float64_where_it_is_switched_on() -> None:
    with jax.enable_x64(True):
        made = init(lambda key: {"w": jax.random.normal(key, (4,)), "n": jnp.arange(3)}, KEY, key=7)
        assert (made["w"].dtype, made["n"].dtype) == (np.float64, np.int64)
        assert np.array_equal(made["w"], drawn(pi.normal(), (4,), "w", dtype="float64"))


def test_a_jitted_function_is_seen_through_and_left_as_it_was() -> None:
    @jax.jit
    def make(key: Any) -> Any:
        return {"w": jax.random.normal(key, (4,))}

    before = make(KEY)["w"]
    assert np.array_equal(init(make, KEY, key=7)["w"], drawn(pi.normal(), (4,), "w"))
    assert np.array_equal(make(KEY)["w"], before)
    with jax.disable_jit():
        assert np.array_equal(init(make, KEY, key=7)["w"], drawn(pi.normal(), (4,), "w"))


def test_a_function_of_that_name_is_no_draw() -> None:
    @jax.jit
    def _normal(key: Any) -> Any:
        return jnp.zeros((64,)) + jax.random.uniform(key, (64,))

    made = init(lambda key: {"w": _normal(key)}, KEY, key=7)["w"]
    assert np.array_equal(made, drawn(pi.uniform(), (64,), "w"))


@pytest.mark.skipif(older("flax", 0, 12, 8), reason="modules of Flax 0.12.1 place nothing themselves")
@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_a_leaf_lies_where_the_model_or_the_caller_puts_it(kind: Any) -> None:
    mesh = jax.make_mesh((1, 1), ("in", "out"), axis_types=(kind,) * 2)
    boxed = nnx.with_partitioning(LECUN, ("in", "out"))
    with jax.set_mesh(mesh):
        made = init(lambda: nnx.Linear(8, 8, kernel_init=boxed, rngs=nnx.Rngs(0)), key=7)
    assert made.kernel.get_value().sharding == NamedSharding(mesh, PartitionSpec("in", "out"))
    rows = NamedSharding(mesh, PartitionSpec("out"))
    placed = init(
        linen.Dense(8).init,
        KEY,
        jnp.ones((1, 8)),
        key=7,
        shardings={"params": {"kernel": rows, "bias": None}},
    )
    assert placed["params"]["kernel"].sharding.is_equivalent_to(rows, 2)
    assert not placed["params"]["bias"].committed


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            lambda: init(
                lambda key, x: {"a": x.mean(), "b": jnp.zeros(2), "c": x},
                KEY,
                jax.ShapeDtypeStruct((2,), "float32"),
                key=7,
            ),
            "2 leaves cannot be made. a: the function computes it from an argument that is given by its "
            "shape alone. Give an array, with the values. c: the function computes it from an argument that "
            "is given by its shape alone. Give an array, with the values.",
        ),
        (
            lambda: init(lambda key: {"a.b": LECUN(key, (2, 2)), "a": {"b": LECUN(key, (2, 2))}}, KEY, key=7),
            "leaf 'a.b' is there twice; names decide values. Give each its own.",
        ),
        (
            lambda: init(lambda key: {"w": jax.random.normal(key, (4,), jnp.float16) * 3e4}, KEY, key=7),
            "w: float16 holds values up to 65504; normal(std=30000.0) reaches 204000. Use a wider dtype or a "
            "smaller std.",
        ),
        (
            lambda: init(dict, key="x"),
            "key must be an int seed or a Key; got 'x'. Use pyinit.key(seed).",
        ),
        (
            lambda: init(lambda key: {"w": LECUN(key, (3, 2))}, KEY, key=7, shardings="x"),
            "w: a sharding is a jax.sharding.Sharding or a PartitionSpec; got str 'x'. "
            "Use jax.sharding.NamedSharding(mesh, spec).",
        ),
    ],
)
def test_messages(action: Callable[[], object], message: str) -> None:
    with pytest.raises(PyinitError) as caught:
        action()
    assert str(caught.value) == message
