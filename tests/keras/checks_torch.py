"""On the meta device and beside torch.compile; test_keras.py runs it on the torch backend."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import pyinit as pi
from pyinit.keras import from_key, initializers

HE = pi.he_normal(truncated=True, compat="keras")


def test_the_meta_device_has_no_values_and_asks_for_no_seed() -> None:
    generator = keras.random.SeedGenerator(3)
    with keras.device("meta"):
        for initializer in (initializers.HeNormal(seed=generator), initializers.Ones()):
            made = initializer((8, 4), "bfloat16")
            assert (made.is_meta, made.shape, made.dtype) == (True, (8, 4), torch.bfloat16)
        with pytest.raises(TypeError, match="got int32"):
            initializers.HeNormal()((8, 4), "int32")
    assert from_key(generator) == pi.Key(3)


def test_a_variable_is_a_leaf_that_requires_its_gradient() -> None:
    value = keras.Variable(initializers.HeNormal(seed=3), shape=(8, 4)).value
    assert isinstance(value, torch.nn.Parameter)
    assert value.is_leaf
    assert value.requires_grad
    assert np.array_equal(value.detach().numpy(), HE((8, 4), key=3))


def test_compiled_code_draws_the_same() -> None:
    initializer = initializers.HeNormal(seed=3)
    drawn = torch.compile(lambda: initializer((8, 4)), backend="eager")()
    assert np.array_equal(drawn.numpy(), HE((8, 4), key=3))


def test_fake_tensors_are_refused() -> None:
    with FakeTensorMode(), pytest.raises(pi.LayoutError, match="got a FakeTensor"):
        initializers.HeNormal(seed=3)((8, 4))
