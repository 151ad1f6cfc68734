"""Initializers in models: layers, saving and loading, training, clones; test_keras.py runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import pyinit as pi
from pyinit.keras import FromRecipe, from_key, initializers

from ..older import older

HE = pi.he_normal(truncated=True, compat="keras")
BACKEND = keras.backend.backend()


@pytest.fixture(autouse=True)
def _shapes_from_anything() -> Iterator[None]:
    """Keras' NumPy backend finds out shapes by computing with memory as it was found, which may overflow."""
    with np.errstate(all="ignore"):
        yield


def array(variable: Any) -> Any:
    return keras.ops.convert_to_numpy(variable)


def model() -> Any:
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, kernel_initializer=initializers.HeNormal(seed=1)),
            keras.layers.Flatten(),
            keras.layers.Dense(
                16,
                kernel_initializer=FromRecipe(pi.critical_normal("tanh"), seed=keras.random.SeedGenerator(2)),
                bias_initializer=initializers.Constant(0.5),
            ),
            keras.layers.Dense(
                4, kernel_initializer=initializers.Orthogonal(gain=2.0), bias_initializer="zeros"
            ),
        ]
    )


def test_layers_hold_what_the_recipes_make() -> None:
    made = model()
    assert np.array_equal(array(made.layers[0].kernel), HE((3, 3, 3, 4), key=1))
    dense = made.layers[2]
    assert np.array_equal(array(dense.kernel), pi.critical_normal("tanh")((144, 16), key=2))
    assert (array(dense.bias) == 0.5).all()
    # drawn once, when it was built
    assert from_key(dense.kernel_initializer.seed) == pi.Key(2 | 1 << 32)
    seed = made.layers[3].kernel_initializer.seed
    assert np.array_equal(array(made.layers[3].kernel), pi.orthogonal(2.0)((16, 4), key=seed))


def test_a_saved_model_has_the_same_weights_and_initializers(tmp_path: Path) -> None:
    made = model()
    made.save(tmp_path / "it.keras")
    loaded = keras.saving.load_model(tmp_path / "it.keras")
    for one, other in zip(made.weights, loaded.weights, strict=True):
        assert np.array_equal(array(one), array(other))
    for one, other in zip(made.layers, loaded.layers, strict=True):
        assert one.get_config() == other.get_config()
    assert type(loaded.layers[0].kernel_initializer) is initializers.HeNormal
    assert loaded.layers[2].kernel_initializer.recipe == pi.critical_normal("tanh")


def test_a_model_comes_back_from_its_json_with_seeded_weights() -> None:
    made = model()
    text = made.to_json()
    assert {"pyinit>HeNormal", "pyinit>FromRecipe", "pyinit>Constant", "pyinit>Orthogonal"} <= {
        layer["config"][kind]["registered_name"]
        for layer in json.loads(text)["config"]["layers"]
        for kind in ("kernel_initializer", "bias_initializer")
        if kind in layer["config"]
    }
    again = keras.models.model_from_json(text)
    for index in (0, 2):
        assert np.array_equal(array(again.layers[index].kernel), array(made.layers[index].kernel))
    assert not np.array_equal(array(again.layers[3].kernel), array(made.layers[3].kernel))


def test_a_cloned_model_draws_again() -> None:
    made = model()
    clone = keras.models.clone_model(made)
    assert np.array_equal(array(clone.layers[0].kernel), array(made.layers[0].kernel))
    assert not np.array_equal(array(clone.layers[3].kernel), array(made.layers[3].kernel))


def test_layers_that_clone_their_initializer() -> None:
    attention = keras.layers.MultiHeadAttention(2, 4, kernel_initializer=FromRecipe(pi.normal(std=0.5)))
    attention.build((None, 3, 8), (None, 3, 8))
    drawn = np.concatenate([array(weight).ravel() for weight in attention.weights if "kernel" in weight.path])
    assert 0.4 < drawn.std() < 0.6


def test_names_of_pyinit_in_a_layer() -> None:
    layer = keras.layers.Dense(4, kernel_initializer="pyinit>HeNormal")
    layer.build((None, 8))
    drawn = HE((8, 4), key=layer.kernel_initializer.seed)
    assert np.array_equal(array(layer.kernel), drawn)


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_bfloat16"])
def test_dtype_policies(policy: str) -> None:
    layer = keras.layers.Dense(4, kernel_initializer=initializers.HeNormal(seed=3), dtype=policy)
    layer.build((None, 8))
    name = "float32" if policy.startswith("mixed") else policy
    assert layer.kernel.dtype == name
    assert np.array_equal(
        array(layer.kernel).astype("float32"), HE((8, 4), key=3, dtype=name).astype("float32")
    )


def test_a_layer_is_built_while_shapes_are_found_out() -> None:
    class Block(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, initializer: Any) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(16, kernel_initializer=initializer)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    generator = keras.random.SeedGenerator(5)
    blocks = [
        Block(initializers.HeNormal(seed=3)),
        Block(initializers.Orthogonal(seed=3)),
        Block(initializers.RandomUniform(seed=generator)),
        Block(initializers.Identity()),
    ]
    assert keras.Sequential(blocks)(keras.Input((8,))).shape == (None, 16)
    assert np.array_equal(array(blocks[0].dense.kernel), HE((8, 16), key=3))
    assert np.array_equal(array(blocks[1].dense.kernel), pi.orthogonal()((16, 16), key=3))
    # what stood for the values in between has drawn nothing
    assert np.array_equal(array(blocks[2].dense.kernel), pi.uniform(-0.05, 0.05)((16, 16), key=5))
    assert from_key(generator) == pi.Key(5 | 1 << 32)


@pytest.mark.parametrize("name", ["HeNormal", "Zeros"])
def test_a_stateless_scope_keeps_what_is_drawn_in_it(name: str) -> None:
    generator = keras.random.SeedGenerator(5)
    seed = {"seed": generator} if name == "HeNormal" else {}
    initializer = getattr(initializers, name)(**seed)
    with keras.StatelessScope() as scope:
        first, second = initializer((8, 4)), initializer((8, 4))
    assert np.array_equal(array(first), array(second)) == (name == "Zeros")
    assert from_key(generator) == pi.Key(5)
    if name == "HeNormal":
        assert np.array_equal(array(second), HE((8, 4), key=5 | 1 << 32))
        assert [int(word) for word in scope.get_current_value(generator.state)] == [5, 2]


@pytest.mark.skipif(
    BACKEND == "jax" and older("keras", 3, 10), reason="Keras 3.9 trains with JAX before 0.8 only"
)
def test_a_model_trains() -> None:
    if BACKEND == "numpy":  # which Keras has for inference alone
        assert model().predict(np.ones((2, 8, 8, 3), "float32"), verbose=0).shape == (2, 4)
        return
    made = model()
    before = array(made.layers[0].kernel)
    made.compile("sgd", "mse")
    made.fit(np.ones((8, 8, 8, 3), "float32"), np.ones((8, 4), "float32"), verbose=0)
    assert not np.array_equal(array(made.layers[0].kernel), before)
