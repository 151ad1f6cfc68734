"""Under JAX's transformations, and on several devices; test_keras.py runs it on the JAX backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import keras
import numpy as np
import pytest
from keras.src.backend.jax import distribution_lib

import pyinit as pi
from pyinit.keras import FromRecipe, from_key, initializers

from ..older import older

HE = pi.he_normal(truncated=True, compat="keras")
DEVICES = keras.distribution.list_devices()
MESH = keras.distribution.DeviceMesh((2, 2), ["batch", "model"], DEVICES)
LAYOUT = keras.distribution.TensorLayout(("batch", "model"), MESH)
# Keras 3.9 has a function for it
PLACE = (
    LAYOUT.backend_layout if hasattr(LAYOUT, "backend_layout") else distribution_lib._to_jax_layout(LAYOUT)
)
with_layouts = pytest.mark.skipif(older("keras", 3, 10), reason="Keras 3.10 gave variables a layout")


def near(traced: Any, drawn: Any) -> bool:
    """Within the 2e-6 std that a traced draw may differ by."""
    return bool(np.abs(np.asarray(traced) - drawn).max() <= 2e-6 * max(drawn.std(), 1e-30))


@pytest.mark.parametrize("name", ["HeNormal", "GlorotUniform", "TruncatedNormal", "RandomNormal", "Ones"])
def test_a_seed_is_the_same_under_jit(name: str) -> None:
    initializer = getattr(initializers, name)(**({} if name == "Ones" else {"seed": 3}))
    assert near(jax.jit(lambda: initializer((8, 4)))(), np.asarray(initializer((8, 4))))


def test_any_recipe_under_jit() -> None:
    for recipe, shape in ((pi.orthogonal(), (8, 4)), (pi.sparse(0.5), (8, 4)), (pi.dirac(), (3, 4, 4))):
        drawn = recipe(shape, key=3)
        traced = jax.jit(lambda recipe=recipe, shape=shape: FromRecipe(recipe, seed=3)(shape))()
        assert np.allclose(traced, drawn, rtol=0, atol=1e-6)


def test_a_generator_advances_under_jit_in_a_stateless_scope() -> None:
    generator = keras.random.SeedGenerator(7)
    initializer = initializers.HeNormal(seed=generator)

    @jax.jit
    def drawn(state: Any) -> tuple[Any, Any]:
        with keras.StatelessScope([(generator.state, state)]) as scope:
            made = initializer((8, 4))
        return made, scope.get_current_value(generator.state)

    state = generator.state.value
    for count in range(3):
        made, state = drawn(state)
        assert near(made, HE((8, 4), key=pi.Key(7 | count << 32)))
    assert state.tolist() == [7, 3]
    assert from_key(generator) == pi.Key(7)


def test_float64_where_it_is_switched_on() -> None:
    with jax.enable_x64(True):
        made = initializers.HeNormal(seed=3)((8, 4), "float64")
        assert np.array_equal(made, HE((8, 4), key=3, dtype="float64"))


def test_float64_where_it_is_switched_off_is_float32_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="float64 .*will be truncated to dtype float32"):
        made = initializers.HeNormal(seed=3)((8, 4), "float64")
    assert np.array_equal(made, HE((8, 4), key=3))


@pytest.mark.parametrize("layout", [LAYOUT, PLACE], ids=["Keras", "JAX"])
def test_a_call_with_a_layout_draws_each_shard(layout: Any) -> None:
    made = initializers.HeNormal(seed=3)((8, 4), layout=layout)
    assert made.sharding == PLACE
    assert [shard.data.shape for shard in made.addressable_shards] == [(4, 2)] * 4
    assert np.array_equal(made, HE((8, 4), key=3))
    for dtype in ("float32", "int32"):
        zeros = initializers.Zeros()((8, 4), dtype, layout=layout)
        assert (zeros.sharding, str(zeros.dtype)) == (PLACE, dtype)


@with_layouts
def test_a_variable_with_a_layout() -> None:
    variable = keras.Variable(initializers.HeNormal(seed=3), shape=(8, 4), layout=LAYOUT)
    assert variable.value.sharding == PLACE
    assert np.array_equal(variable.value, HE((8, 4), key=3))


@with_layouts
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_a_variable_of_ones_with_a_layout(dtype: str) -> None:
    variable = keras.Variable(initializers.Ones(), shape=(8, 4), dtype=dtype, layout=LAYOUT)
    assert (variable.value.sharding, str(variable.value.dtype)) == (PLACE, dtype)
    assert (np.asarray(variable.value) == 1).all()


@pytest.mark.parametrize(("name", "dtype"), [("HeNormal", "float32"), ("Ones", "float32"), ("Ones", "int32")])
def test_a_layout_under_jit(name: str, dtype: str) -> None:
    initializer = getattr(initializers, name)(**({"seed": 3} if name == "HeNormal" else {}))
    made = jax.jit(lambda: initializer((8, 4), dtype, layout=LAYOUT))()
    assert made.sharding.is_equivalent_to(PLACE, 2)
    assert near(made, np.asarray(initializer((8, 4), dtype)))


def test_a_layout_that_is_none() -> None:
    with pytest.raises(TypeError, match=r"is a jax.sharding.Sharding or a PartitionSpec; got str 'model'"):
        initializers.HeNormal()((4,), layout="model")


@contextmanager
def in_parallel(which: str) -> Iterator[None]:
    if which == "data":
        distribution = keras.distribution.DataParallel(devices=DEVICES)
    else:
        layouts = keras.distribution.LayoutMap(MESH)
        layouts[".*kernel"] = ("batch", "model")
        distribution = keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch")
    with distribution.scope():
        yield


@pytest.mark.skipif(older("keras", 3, 10), reason="Keras 3.9 trains with JAX before 0.8 only")
@pytest.mark.parametrize("which", ["data", "model"])
def test_a_distributed_model_has_the_same_weights_and_trains(which: str) -> None:
    with in_parallel(which):
        generator = keras.random.SeedGenerator(3)
        kernels = initializers.HeNormal(seed=generator)
        dense = keras.layers.Dense(4, kernel_initializer=kernels, bias_initializer=initializers.Zeros())
        model = keras.Sequential([keras.Input((8,)), dense])
        shards = dense.kernel.value.sharding.shard_shape((8, 4))
        assert shards == ((8, 4) if which == "data" else (4, 2))
        assert np.array_equal(dense.kernel.value, HE((8, 4), key=3))
        assert from_key(generator) == pi.Key(3 | 1 << 32)
        model.compile("sgd", "mse")
        model.fit(np.ones((8, 8), "float32"), np.ones((8, 4), "float32"), verbose=0)
        assert not np.array_equal(dense.kernel.value, HE((8, 4), key=3))
