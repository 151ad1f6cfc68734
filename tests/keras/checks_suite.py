"""What Keras' own tests of its initializers assert, asserted of pyinit's; test_keras.py runs it.

Left out: STFT's values, for STFT is Keras' own class here; and tensors as identifiers beyond one case, for
`get` hands them to Keras.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

import keras
import numpy as np
import pytest

from pyinit.keras import initializers as ours

from ..older import older

theirs = keras.initializers
NAMES = sorted(name for name in vars(theirs) if not name.startswith("_"))
CLASSES = sorted(name for name in NAMES if isinstance(getattr(theirs, name), type) and name[0].isupper())

AXES = [] if older("keras", 3, 15) else ["input_axes", "output_axes"]

# Every option that a recipe is made of: one that Keras adds must be read, too.
OPTIONS = {
    "Constant": ["value"],
    "Identity": ["gain"],
    "Initializer": [],
    "Ones": [],
    "Orthogonal": ["gain", "seed"],
    "RandomNormal": ["mean", "stddev", "seed"],
    "RandomUniform": ["minval", "maxval", "seed"],
    "STFT": ["side", "window", "scaling", "periodic"],
    "TruncatedNormal": ["mean", "stddev", "seed"],
    "VarianceScaling": ["scale", "mode", "distribution", "seed", *AXES],
    "Zeros": [],
} | {f"{who}{kind}": ["seed", *AXES] for who in ("Glorot", "He", "Lecun") for kind in ("Normal", "Uniform")}


def values(initializer: Any, shape: tuple[int, ...] = (25, 20), dtype: Any = None) -> Any:
    made = initializer(shape=shape, dtype=dtype)
    assert tuple(made.shape) == shape
    return keras.ops.convert_to_numpy(made)


def assert_serializes(initializer: Any) -> None:
    """Through its config, and through JSON by Keras' own functions, the same comes back."""
    config = initializer.get_config()
    assert type(initializer).from_config(config).get_config() == config
    text = json.dumps(keras.initializers.serialize(initializer))
    revived = keras.initializers.deserialize(json.loads(text))
    assert type(revived) is type(initializer)
    assert revived.get_config() == config
    assert set(vars(revived)) == set(vars(initializer))


def test_every_public_name_is_there() -> None:
    assert set(ours.__all__) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_signature_is_that_of_keras(name: str) -> None:
    def face(function: Any) -> list[tuple[str, Any, Any]]:
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]

    mine, peer = getattr(ours, name), getattr(theirs, name)
    if name == "get":
        assert face(mine) == face(peer)
        return
    assert face(mine) == face(peer)
    if isinstance(peer, type):
        assert issubclass(mine, peer)
        called, known = face(mine.__call__), face(peer.__call__)
        # the second of the two signatures that Keras documents: layout=None at the end
        assert [argument[0] for argument in called[: len(known)]] == [argument[0] for argument in known]
        assert [argument[0] for argument in called[len(known) :]] in ([], ["layout"])


@pytest.mark.parametrize("name", NAMES)
def test_aliases_are_those_of_keras(name: str) -> None:
    peer = getattr(theirs, name)
    if isinstance(peer, type):
        assert getattr(ours, name) is getattr(ours, peer.__name__)


@pytest.mark.parametrize("name", CLASSES)
def test_no_option_is_overlooked(name: str) -> None:
    cls = getattr(theirs, name)
    assert [*inspect.signature(cls).parameters] == OPTIONS[cls.__name__]


def test_zeros_and_ones() -> None:
    for initializer, value in ((ours.Zeros(), 0), (ours.Ones(), 1)):
        for dtype in (None, "float16", "bfloat16", "int32", "bool"):
            made = values(initializer, (3, 3), dtype)
            assert str(made.dtype) == (dtype or "float32")
            assert (made.astype("float32") == value).all()
        assert_serializes(initializer)


@pytest.mark.parametrize("value", [6.0, -7, 0.1, True, float("inf"), np.float32(0.25)])
def test_constant(value: Any) -> None:
    initializer = ours.Constant(value=value)
    assert np.array_equal(values(initializer, (3, 3)), np.full((3, 3), value, np.float32))
    assert_serializes(initializer)


def test_constant_of_an_array() -> None:
    array = np.linspace(0, 1, 9).reshape(3, 3)
    initializer = ours.Constant(value=array)
    assert np.allclose(values(initializer, (3, 3)), array, rtol=1e-6)
    revived = keras.initializers.deserialize(keras.initializers.serialize(initializer))
    assert np.array_equal(values(revived, (3, 3)), values(initializer, (3, 3)))


def test_identity() -> None:
    initializer = ours.Identity(gain=2)
    assert np.array_equal(values(initializer, (3, 5)), np.eye(3, 5) * 2)
    assert np.array_equal(values(initializer, (3, 3), "int32"), np.eye(3) * 2)
    assert_serializes(initializer)
    # Keras 3.15 forgets the gain here
    assert np.array_equal(values(initializer.clone(), (3, 3)), np.eye(3) * 2)
    with pytest.raises(ValueError, match=r"can only be used for 2D matrices; got shape \(3,\)"):
        initializer((3,))


def test_stft_is_that_of_keras() -> None:
    assert ours.STFT is ours.STFTInitializer is ours.stft is theirs.STFT


def test_random_normal() -> None:
    keras.utils.set_random_seed(1337)
    initializer = ours.RandomNormal(mean=0.0, stddev=1.0, seed=1234)
    assert (initializer.mean, initializer.stddev, initializer.seed) == (0.0, 1.0, 1234)
    assert abs(values(initializer).std() - 1) < 0.1
    assert_serializes(initializer)

    repeated = ours.RandomNormal(0.0, 1.0, seed=1337)
    assert np.array_equal(values(repeated), values(repeated))
    assert np.array_equal(values(type(repeated).from_config(repeated.get_config())), values(repeated))
    advancing = ours.RandomNormal(0.0, 1.0, seed=keras.random.SeedGenerator(1337))
    assert not np.allclose(values(advancing), values(advancing))
    unseeded = ours.RandomNormal(0.0, 1.0, seed=None)
    assert np.array_equal(values(unseeded), values(unseeded))
    assert not np.allclose(values(type(unseeded).from_config(unseeded.get_config())), values(unseeded))


def test_random_uniform() -> None:
    initializer = ours.RandomUniform(minval=-1.0, maxval=1.0, seed=1234)
    assert (initializer.minval, initializer.maxval, initializer.seed) == (-1.0, 1.0, 1234)
    drawn = values(initializer, (50, 50))
    assert drawn.min() >= -1.0
    assert drawn.max() < 1.0
    assert_serializes(initializer)


@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 25), ("fan_out", 20), ("fan_avg", 22.5)])
def test_variance_scaling(mode: str, fan: float) -> None:
    initializer = ours.VarianceScaling(scale=2.0, seed=1234, mode=mode)
    assert (initializer.scale, initializer.seed, initializer.mode) == (2.0, 1234, mode)
    assert abs(values(initializer).std() - np.sqrt(2 / fan)) < 0.1 * np.sqrt(2 / fan)
    assert_serializes(initializer)


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (3, 3, 4, 6)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    initializer = ours.OrthogonalInitializer(gain=2.0, seed=1234)
    assert (initializer.gain, initializer.seed) == (2.0, 1234)
    matrix = values(initializer, shape).reshape(-1, shape[-1]).astype("float64")
    lines = matrix if matrix.shape[0] > matrix.shape[1] else matrix.T
    assert np.allclose(lines.T @ lines, 4 * np.eye(lines.shape[1]), atol=5e-6)
    assert_serializes(initializer)


def test_get() -> None:
    assert ours.get(None) is None
    for name, cls in (("glorot_normal", ours.GlorotNormal), ("Orthogonal", ours.OrthogonalInitializer)):
        assert type(ours.get(name)) is cls
    for name in ("normal", "one", "uniform", "zero"):
        assert isinstance(ours.get(name), type(theirs.get(name)))
        assert type(ours.get(name)).__module__.startswith("pyinit.keras")
    assert type(ours.get(ours.HeNormal)) is ours.HeNormal
    # Keras' own `get`, and thus every layer, knows pyinit's names, too
    assert type(theirs.get("pyinit>HeNormal")) is ours.HeNormal
    tensor = np.arange(4, dtype="float32").reshape(2, 2)
    assert np.array_equal(values(ours.get(tensor), (2, 2)), tensor)
    for unknown in ("typo", "get", "serialize"):
        with pytest.raises(ValueError):  # noqa: PT011 - Keras' own words
            ours.get(unknown)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": -1.0}, "Argument `scale` must be positive float."),
        ({"mode": "invalid_mode"}, "Invalid `mode` argument:"),
        ({"distribution": "invalid_dist"}, "Invalid `distribution` argument:"),
        ({"seed": "one"}, "`seed` argument should be an instance of"),
    ],
)
def test_invalid_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ours.VarianceScaling(**options)


@pytest.mark.parametrize("name", ["Orthogonal", "VarianceScaling", "RandomUniform", "RandomNormal"])
def test_serialization_with_a_seed_generator(name: str) -> None:
    initializer = getattr(ours, name)(seed=keras.random.SeedGenerator())
    assert_serializes(initializer)
