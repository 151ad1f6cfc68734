"""A recipe of the caller's in init: of what it speaks, and with which fans."""

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

import pyinit as pi  # noqa: E402
from pyinit.errors import LayoutError, RecipeError  # noqa: E402
from pyinit.jax import init  # noqa: E402
from pyinit.recipes.rules import Rule  # noqa: E402

from ..leaves import drawn, holds  # noqa: E402

KEY = jax.random.key(0)
X = jnp.ones((1, 64))


class Net(linen.Module):
    """A kernel, an embedding and a norm."""

    @linen.compact
    def __call__(self, x: Any) -> Any:
        return linen.Dense(8)(linen.LayerNorm()(linen.Dense(48, name="up")(x)))


def test_one_recipe_is_for_what_is_drawn() -> None:
    for recipe in (pi.normal(std=0.5), "glorot_uniform"):
        made = init(Net().init, KEY, X, key=7, recipe=recipe)["params"]
        expected = pi.glorot_uniform() if isinstance(recipe, str) else recipe
        assert np.array_equal(made["up"]["kernel"], drawn(expected, (64, 48), "params.up.kernel"))
        assert holds(made["up"]["bias"], 0)
        assert holds(made["LayerNorm_0"]["scale"], 1)


def test_a_bias_that_is_drawn_becomes_zeros() -> None:
    def make(key: Any) -> Any:
        return equinox.filter_vmap(lambda key: equinox.nn.Linear(32, 64, key=key))(jax.random.split(key, 5))

    made, own = init(make, KEY, key=7, recipe=pi.he_normal()), init(make, KEY, key=7)
    assert own.bias.any()
    assert holds(made.bias, 0)
    # vmap put an axis before Equinox' (out, in)
    expected = pi.he_normal(layout="torch", batch_axis=0)
    assert np.array_equal(made.weight, drawn(expected, (5, 64, 32), "weight"))


def test_patterns_are_ordered_and_speak_of_every_leaf() -> None:
    rules = {"*.up.*": pi.constant(2.0), "*.kernel": "he_normal"}
    made = init(Net().init, KEY, X, key=7, recipe=rules)["params"]
    assert holds(made["up"]["bias"], 2)
    assert holds(made["up"]["kernel"], 2)
    assert np.array_equal(made["Dense_0"]["kernel"], drawn(pi.he_normal(), (48, 8), "params.Dense_0.kernel"))
    assert holds(made["LayerNorm_0"]["scale"], 1)
    made = init(Net().init, KEY, X, key=7, recipe=[Rule("*.up.kernel", pi.ones(), zero_rows=(1,))])["params"]
    assert np.asarray(made["up"]["kernel"]).sum(1)[:3].tolist() == [48, 0, 48]


def test_a_function_answers_for_each_leaf() -> None:
    made = init(
        Net().init, KEY, X, key=7, recipe=lambda name, shape: pi.ones() if shape == (64, 48) else None
    )
    assert holds(made["params"]["up"]["kernel"], 1)
    assert not holds(made["params"]["Dense_0"]["kernel"], 1)


class Kernel(linen.Module):
    """A weight that a function uses."""

    shape: tuple[int, ...]
    use: Callable[[Any, Any], Any]

    @linen.compact
    def __call__(self, x: Any) -> Any:
        return self.use(x, self.param("w", linen.initializers.normal(), self.shape))


def counted(module: Any, x: Any) -> tuple[float, tuple[int, ...]]:
    """Return how many inputs an output of a layer of ones counts, and the kernel's shape."""
    ones = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), jax.eval_shape(module.init, KEY, x))
    kernel = max((leaf.shape for leaf in jax.tree.leaves(ones)), key=np.prod)
    apply = jax.jit(module.apply, compiler_options={"xla_backend_optimization_level": 0})
    made = np.asarray(apply(ones, np.ones_like(x)))
    # a transposed convolution with strides sums fewer inputs at some places than at others
    inside = made[:, 4:-4, 4:-4] if made.ndim == 4 else made
    return float(inside.mean()), kernel


IMAGE = jnp.ones((1, 24, 24, 16))
USES: dict[str, tuple[Any, Any]] = {
    "dense": (linen.Dense(48, use_bias=False), X),
    "two axes of outputs": (linen.DenseGeneral((4, 16), use_bias=False), X),
    "two axes of inputs": (linen.DenseGeneral(48, axis=(-2, -1), use_bias=False), jnp.ones((2, 4, 16))),
    "convolution": (linen.Conv(32, (3, 3), use_bias=False), IMAGE),
    "grouped": (linen.Conv(32, (3, 3), feature_group_count=4, use_bias=False), IMAGE),
    "strided": (linen.Conv(32, (3, 3), strides=2, use_bias=False), IMAGE),
    "transposed": (linen.ConvTranspose(64, (3, 3), use_bias=False), IMAGE),
    "turned": (linen.ConvTranspose(64, (3, 3), transpose_kernel=True, use_bias=False), IMAGE),
    "transposed, strided": (linen.ConvTranspose(64, (4, 4), strides=(2, 2), use_bias=False), IMAGE),
    "experts": (Kernel((4, 16, 8), lambda x, w: jnp.einsum("bei,eio->beo", x, w)), jnp.ones((2, 4, 16))),
    "outputs first": (Kernel((8, 16), lambda x, w: jnp.einsum("bi,oi->bo", x, w)), jnp.ones((2, 16))),
    "heads": (Kernel((4, 64, 16), lambda x, w: jnp.einsum("bi,hio->bho", x, w)), X),
    "ensemble": (
        linen.vmap(
            linen.Dense,
            in_axes=None,
            out_axes=0,
            axis_size=5,
            variable_axes={"params": 0},
            split_rngs={"params": True},
        )(8, use_bias=False),
        X,
    ),
}


@pytest.mark.parametrize("name", USES)
def test_fans_are_those_of_the_models_own_use(name: str) -> None:
    # 6 standard errors of at least 512 elements are 19 % of the std, 38 % of the fan; a mistake is a factor 2
    module, x = USES[name]
    fan_in, shape = counted(module, x)
    (kernel,) = (
        leaf
        for leaf in jax.tree.leaves(init(module.init, KEY, x, key=7, recipe=pi.lecun_normal()))
        if leaf.shape == shape
    )
    assert abs(np.asarray(kernel).std() ** 2 * fan_in - 1) < 12 / np.sqrt(2 * kernel.size)


def test_that_check_sees_axes_taken_for_others() -> None:
    for name, wrong in (
        ("transposed, strided", pi.lecun_normal(layout="jax")),
        ("experts", pi.lecun_normal(layout="jax")),
        ("outputs first", pi.lecun_normal(layout="jax")),
        ("two axes of outputs", pi.lecun_normal(layout="jax")),
    ):
        module, x = USES[name]
        fan_in, shape = counted(module, x)
        kernel = wrong(shape, key=pi.key(7))
        assert abs(kernel.std() ** 2 * fan_in - 1) > 12 / np.sqrt(2 * kernel.size), name


def test_a_stack_of_a_scan_has_the_fans_of_a_layer() -> None:
    class Layer(linen.Module):
        @linen.compact
        def __call__(self, x: Any, _: Any) -> Any:
            return x + linen.DenseGeneral(64, axis=(-2, -1))(linen.DenseGeneral((4, 16))(x)), None

    stack = linen.scan(Layer, variable_axes={"params": 0}, split_rngs={"params": True}, length=3)
    made = init(lambda key: stack().init(key, X, None), KEY, key=7, recipe=pi.glorot_normal())["params"]
    into, back = (made[f"DenseGeneral_{number}"]["kernel"] for number in (1, 0))
    assert (into.shape, back.shape) == ((3, 64, 4, 16), (3, 4, 16, 64))
    assert np.array_equal(
        into,
        drawn(
            pi.glorot_normal(batch_axis=0, in_axis=1, out_axis=(2, 3)),
            (3, 64, 4, 16),
            "params.DenseGeneral_1.kernel",
        ),
    )
    assert np.array_equal(
        back,
        drawn(
            pi.glorot_normal(batch_axis=0, in_axis=(1, 2), out_axis=3),
            (3, 4, 16, 64),
            "params.DenseGeneral_0.kernel",
        ),
    )


def test_a_constructor_tells_by_the_matrix_that_it_draws() -> None:
    made = init(lambda: nnx.LinearGeneral((8,), (4, 16), rngs=nnx.Rngs(0)), key=7, recipe=pi.glorot_normal())
    expected = pi.glorot_normal(in_axis=0, out_axis=(1, 2))
    assert np.array_equal(made.kernel.get_value(), drawn(expected, (8, 4, 16), "kernel"))


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (lambda key: equinox.nn.Linear(64, 32, key=key), 64),
        (lambda key: equinox.nn.Conv2d(16, 64, 3, key=key), 144),
        (lambda key: equinox.nn.Conv2d(16, 64, 3, groups=4, key=key), 36),
        (lambda key: equinox.nn.ConvTranspose2d(16, 64, 4, stride=2, key=key), 64),
    ],
)
def test_modules_of_equinox_count_as_they_store(layer: Any, fan_in: int) -> None:
    weight = np.asarray(init(layer, KEY, key=7, recipe=pi.lecun_normal()).weight)
    assert abs(weight.var() * fan_in - 1) < 12 / np.sqrt(2 * weight.size)


def test_features_of_an_embedding_are_its_inputs() -> None:
    expected = drawn(pi.lecun_normal(in_axis=1, out_axis=0), (32, 64), "embedding")
    made = init(lambda: nnx.Embed(32, 64, rngs=nnx.Rngs(0)), key=7, recipe="lecun_normal")
    assert np.array_equal(made.embedding.get_value(), expected)
    tokens = jnp.zeros((1, 2), jnp.int32)
    made = init(
        lambda key: linen.Embed(32, 64).init(key, tokens)["params"], KEY, key=7, recipe="lecun_normal"
    )
    assert np.array_equal(made["embedding"], expected)


def test_axes_that_a_recipe_names_are_those_of_the_leaf() -> None:
    def bank(key: Any) -> Any:
        return {"w": jax.random.normal(key, (4, 8, 16))}

    recipe = pi.he_normal(batch_axis=0, in_axis=2, out_axis=1)
    assert np.array_equal(init(bank, KEY, key=7, recipe=recipe)["w"], drawn(recipe, (4, 8, 16), "w"))
    with pytest.raises(LayoutError, match=r"^w: .* counts inputs and outputs, .* batch_axis= .* in_axis="):
        init(bank, KEY, key=7, recipe=pi.he_normal())


@pytest.mark.parametrize("pattern", ["*.up.kernal", "up.kernel", "encoder.*"])
def test_a_pattern_that_matches_nothing_is_an_error(pattern: str) -> None:
    with pytest.raises(
        RecipeError, match=r"no parameter matches .* (Did you mean|The names are) params"
    ) as caught:
        init(Net().init, KEY, X, key=7, recipe={pattern: pi.ones(), "*": pi.zeros()})
    assert repr(pattern) in str(caught.value)
    if "up" in pattern:
        assert "params.up.kernel" in str(caught.value)
