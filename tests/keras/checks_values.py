"""Numbers and bytes: Keras' formulas, pyinit's recipes, seeds, dtypes, errors; test_keras.py runs it."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import keras
import numpy as np
import pytest
from keras.src.initializers.random_initializers import compute_fans

import pyinit as pi
from pyinit.keras import FromRecipe, from_key, initializers, to_key
from pyinit.recipes import famous

from ..older import older

BACKEND = keras.backend.backend()
SHAPES = ((), (0,), (7,), (300, 100), (0, 3), (3, 32, 8), (3, 3, 32, 8))
FAMOUS = {
    "GlorotNormal": pi.glorot_normal(truncated=True, compat="keras"),
    "GlorotUniform": pi.glorot_uniform(compat="keras"),
    "HeNormal": pi.he_normal(truncated=True, compat="keras"),
    "HeUniform": pi.he_uniform(compat="keras"),
    "LecunNormal": pi.lecun_normal(truncated=True, compat="keras"),
    "LecunUniform": pi.lecun_uniform(compat="keras"),
}
RANDOM = {
    "Orthogonal": pi.orthogonal(),
    "RandomNormal": pi.normal(std=0.05),
    "RandomUniform": pi.uniform(-0.05, 0.05),
    "TruncatedNormal": pi.truncated_normal(std=0.05),
    "VarianceScaling": pi.variance_scaling(1.0, "fan_in", "truncated_normal", compat="keras"),
    **FAMOUS,
}
# JAX has float64 only where its 64-bit types are switched on
FLOATS = ("float32", "bfloat16", "float16") + (("float64",) if BACKEND != "jax" else ())


def bits(tensor: Any) -> Any:
    """Return a tensor's values in a format that holds all of them, whatever NumPy knows of its dtype."""
    wide = keras.ops.cast(tensor, "float32") if "16" in str(tensor.dtype) else tensor
    return keras.ops.convert_to_numpy(wide)


def expected(recipe: pi.Recipe, shape: tuple[int, ...], where: Any, dtype: str) -> Any:
    return recipe(shape, key=where, dtype=dtype).astype("float32" if "16" in dtype else dtype)


@pytest.mark.parametrize("name", RANDOM)
def test_bits_are_those_of_the_recipe(name: str) -> None:
    for dtype, seed in itertools.product(FLOATS, (0, 7, 2**32 - 1)):
        made = getattr(initializers, name)(seed=seed)((33, 21), dtype)
        assert keras.backend.standardize_dtype(made.dtype) == dtype
        assert np.array_equal(bits(made), expected(RANDOM[name], (33, 21), seed, dtype))


@pytest.mark.parametrize("name", FAMOUS)
def test_famous_names_are_those_of_the_table(name: str) -> None:
    row = famous.FAMOUS[FAMOUS[name].called]
    made = getattr(initializers, name)()
    assert (made.scale, made.mode, made.distribution) == (row.scale, row.mode, row.truncated)
    assert row.reference in " ".join(type(made).__doc__.split())


def test_default_dtype_is_floatx() -> None:
    assert keras.backend.standardize_dtype(initializers.HeNormal()((2, 2)).dtype) == "float32"
    keras.config.set_floatx("float16")
    try:
        assert keras.backend.standardize_dtype(initializers.HeNormal()((2, 2)).dtype) == "float16"
        assert initializers.HeNormal().plan((2, 2)).dtype == "float16"
    finally:
        keras.config.set_floatx("float32")


NAMED_AXES = (([0], [1]), ([1], [0]), ([-1], [-2]), ([0, 1], [1]), ((0,), (0,)))
AXES = (None, *(() if older("keras", 3, 15) else NAMED_AXES))


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["normal", "truncated_normal", "untruncated_normal", "uniform"])
def test_numbers_are_those_of_keras(mode: str, distribution: str) -> None:
    for shape, axes in itertools.product(SHAPES, AXES):
        # of a tensor without elements the mean fan may differ, which decides nothing
        if (axes is not None and len(shape) < 2) or (mode == "fan_avg" and 0 in shape):
            continue
        options = {} if axes is None else {"input_axes": axes[0], "output_axes": axes[1]}
        plan = initializers.VarianceScaling(0.7, mode, distribution, **options).plan(shape)
        ins, outs = compute_fans(shape, **options)
        fan = {"fan_in": ins, "fan_out": outs, "fan_avg": (ins + outs) / 2}[mode]
        variance = 0.7 / max(1.0, fan)
        if distribution == "uniform":
            limit = math.sqrt(3 * variance)
            assert plan.numbers[:2] == (np.float32(-limit), np.float32(limit))
        elif distribution == "untruncated_normal":
            assert (plan.distribution, plan.numbers[0]) == ("normal", 0.0)
            assert math.isclose(plan.numbers[1], math.sqrt(variance), rel_tol=1e-15)
        else:
            assert plan.distribution == "truncated_normal"
            widened = math.sqrt(variance) / 0.87962566103423978
            assert math.isclose(plan.numbers[1], widened, rel_tol=1e-15)
            assert plan.bounds is not None
            assert math.isclose(plan.bounds[1], 2 * widened, rel_tol=1e-6)
            assert plan.bounds[1] <= 2 * widened


@pytest.mark.skipif(older("keras", 3, 15), reason="Keras 3.15 added input_axes")
def test_one_list_of_axes_is_ignored_as_in_keras() -> None:
    whole = initializers.HeNormal().plan((3, 3, 32, 8))
    assert initializers.HeNormal(input_axes=[0]).plan((3, 3, 32, 8)) == whole
    assert initializers.HeNormal(output_axes=[0]).plan((3, 3, 32, 8)) == whole


@pytest.mark.skipif(older("keras", 3, 15), reason="Keras 3.15 added input_axes")
def test_axes_that_a_shape_does_not_have() -> None:
    with pytest.raises(pi.LayoutError, match="no axis"):
        initializers.HeNormal(input_axes=[2], output_axes=[0])((2, 2))


def test_a_plain_truncated_normal_is_not_corrected() -> None:
    plan = initializers.TruncatedNormal(0.1, 0.5).plan((3,))
    assert plan.numbers[:2] == (0.1, 0.5)
    assert plan.bounds is not None
    assert np.allclose(plan.bounds, (0.1 - 1.0, 0.1 + 1.0))


def test_spreads_of_zero_are_constants_as_in_keras() -> None:
    for initializer, value in (
        (initializers.RandomNormal(0.25, 0.0), 0.25),
        (initializers.TruncatedNormal(0.25, 0.0), 0.25),
        (initializers.RandomUniform(0.5, 0.5), 0.5),
    ):
        assert (bits(initializer((5,))) == np.float32(value)).all()


def test_numbers_may_be_tensors() -> None:
    half, quarter = (keras.ops.convert_to_tensor(value) for value in (0.5, 0.25))
    for tensors, numbers in (
        (initializers.RandomNormal(half, quarter), initializers.RandomNormal(0.5, 0.25)),
        (initializers.TruncatedNormal(half, quarter), initializers.TruncatedNormal(0.5, 0.25)),
        (initializers.RandomUniform(quarter, half), initializers.RandomUniform(0.25, 0.5)),
    ):
        assert tensors.plan((3,)) == numbers.plan((3,))


@pytest.mark.parametrize("name", [*RANDOM, "Zeros", "Ones", "Constant", "Identity"])
def test_tensors_without_elements_and_scalars(name: str) -> None:
    initializer = getattr(initializers, name)()
    assert tuple(initializer((0, 3)).shape) == (0, 3)
    if name not in ("Orthogonal", "Identity"):
        assert tuple(initializer(()).shape) == ()


@pytest.mark.parametrize(
    ("name", "dtype"), [("HeNormal", "float32"), ("Zeros", "float32"), ("Zeros", "int32")]
)
def test_a_layout_needs_jax(name: str, dtype: str) -> None:
    if BACKEND == "jax":  # whose layouts are in checks_jax.py
        return
    with pytest.raises(pi.LayoutError, match=f"how JAX distributes .*; got one on Keras' {BACKEND} backend"):
        getattr(initializers, name)()((4,), dtype, layout="any")


# 2**18 draws: five standard errors of a normal's std are 0.0069 of it (less for the others), so that an error
# of 1 % is seen.
DRAWS = (512, 512)
TOLERANCE = 0.007
STDS = {
    "GlorotNormal": math.sqrt(2 / 1024),
    "GlorotUniform": math.sqrt(2 / 1024),
    "HeNormal": math.sqrt(2 / 512),
    "HeUniform": math.sqrt(2 / 512),
    "LecunNormal": math.sqrt(1 / 512),
    "LecunUniform": math.sqrt(1 / 512),
    "RandomNormal": 0.05,
    "RandomUniform": 0.05 / math.sqrt(3),
    "TruncatedNormal": 0.05 * 0.87962566103423978,
    "VarianceScaling": math.sqrt(1 / 512),
}


def moments_agree(drawn: Any, std: float) -> bool:
    error_of_mean = std / math.sqrt(drawn.size)
    return abs(drawn.std() / std - 1) < TOLERANCE and abs(drawn.mean()) < 5 * error_of_mean


@pytest.mark.parametrize("name", STDS)
def test_moments(name: str) -> None:
    drawn = bits(getattr(initializers, name)(seed=1)(DRAWS)).astype("float64")
    assert moments_agree(drawn, STDS[name])
    for factor in (0.99, 1.01):
        assert not moments_agree(drawn * factor, STDS[name])
    assert not moments_agree(drawn + 0.02 * STDS[name], STDS[name])


def test_keras_has_the_same_moments() -> None:
    for name, std in STDS.items():
        theirs = bits(getattr(keras.initializers, name)(seed=1)(DRAWS)).astype("float64")
        assert abs(theirs.std() / std - 1) < TOLERANCE


def test_a_seed_generator_begins_with_its_seed_and_advances() -> None:
    generator = keras.random.SeedGenerator(7)
    initializer = initializers.HeNormal(seed=generator)
    for count in range(3):
        where = from_key(generator)
        assert where == pi.Key(7 | count << 32)
        drawn = initializer((5, 4))
        assert np.array_equal(bits(drawn), expected(FAMOUS["HeNormal"], (5, 4), where, "float32"))
    # one generator for several, as for Keras' own
    assert from_key(generator) == pi.Key(7 | 3 << 32)
    keras.initializers.HeNormal(seed=generator)((2, 2))
    assert from_key(generator) == pi.Key(7 | 4 << 32)


def test_a_refused_draw_does_not_advance() -> None:
    generator = keras.random.SeedGenerator(7)
    with pytest.raises(ValueError, match="at least two-dimensional"):
        initializers.Orthogonal(seed=generator)((5,))
    with pytest.raises(TypeError, match="got int32"):
        initializers.HeNormal(seed=generator)((5, 5), "int32")
    with pytest.raises(pi.RecipeError, match="float16 holds values up to"):
        initializers.RandomNormal(stddev=1e6, seed=generator)((5, 5), "float16")
    assert from_key(generator) == pi.Key(7)


def test_set_random_seed_governs_what_has_no_seed() -> None:
    def drawn() -> list[Any]:
        keras.utils.set_random_seed(11)
        first, second = initializers.HeNormal(), initializers.HeNormal()
        third = initializers.HeNormal(seed=keras.random.SeedGenerator())
        return [bits(one((4, 4))) for one in (first, second, third)]

    once, again = drawn(), drawn()
    assert np.array_equal(once, again)
    assert not np.array_equal(once[0], once[1])
    keras.utils.set_random_seed(11)
    seed = initializers.HeNormal().seed
    keras.utils.set_random_seed(11)
    assert seed == keras.initializers.HeNormal().seed
    assert np.array_equal(once[0], expected(FAMOUS["HeNormal"], (4, 4), seed, "float32"))


@pytest.mark.parametrize(("seed", "found"), [(2**64 - 1, 2**64 - 1), (-1, 2**32 - 1), (True, 1)])
def test_unusual_seeds(seed: int, found: int) -> None:
    assert from_key(seed) == pi.Key(found)
    drawn = initializers.RandomUniform(seed=seed)((3,))
    assert np.array_equal(bits(drawn), expected(RANDOM["RandomUniform"], (3,), found, "float32"))


@pytest.mark.parametrize("where", [0, 7, 2**64 - 1, pi.Key(7)])
def test_a_seed_and_a_key_are_two_names_of_one_stream(where: int | pi.Key) -> None:
    seed = to_key(where)
    assert type(seed) is int
    assert from_key(seed) == (where if isinstance(where, pi.Key) else pi.key(where))
    drawn = bits(initializers.RandomUniform(seed=seed)((3,)))
    assert np.array_equal(drawn, expected(RANDOM["RandomUniform"], (3,), where, "float32"))


@pytest.mark.parametrize("where", [7, pi.key(7).fold_in("dense.kernel"), pi.Key(2**64 - 1, 2**64 - 1)])
def test_from_recipe_takes_a_key(where: int | pi.Key) -> None:
    initializer = FromRecipe(pi.normal(), key=where)
    revived = keras.initializers.deserialize(
        json.loads(json.dumps(keras.initializers.serialize(initializer)))
    )
    for each in (initializer, initializer.clone(), revived):
        for _ in range(2):
            assert np.array_equal(bits(each((5, 4))), expected(pi.normal(), (5, 4), where, "float32"))
    assert from_key(initializer.seed) == initializer.key
    assert revived.get_config() == initializer.get_config()
    old = {name: value for name, value in FromRecipe("ones", seed=3).get_config().items() if name != "key"}
    assert FromRecipe.from_config(old).seed == 3


def test_negative_states_of_a_generator() -> None:
    if BACKEND == "torch":  # whose generators keep 32 bits with a sign
        assert from_key(keras.random.SeedGenerator(-1)) == from_key(-1)


@pytest.mark.parametrize(
    "recipe",
    [
        pi.critical_normal("tanh"),
        pi.sparse(0.5, std=1.0),
        pi.glorot_uniform(layout="torch"),
        pi.he_normal(in_axis=1, out_axis=0),
        pi.orthogonal(layout="keras"),
        pi.truncated_normal(low=-math.inf, high=1.0),
        pi.delta_orthogonal(),
        pi.bilinear(),
        pi.constant(-0.0),
        pi.blocks([pi.he_normal(layout="keras"), "ones"], axis=-1),
        pi.along([1.0, 2.0, 3.0], axis=0),
    ],
    ids=repr,
)
def test_any_recipe(recipe: pi.Recipe) -> None:
    initializer = FromRecipe(recipe, seed=5)
    shape = (12, 6) if recipe.verb in ("sparse", "variance_scaling") else (3, 4, 6)
    drawn = bits(initializer(shape))
    assert np.array_equal(drawn, expected(recipe, shape, 5, "float32"))
    assert initializer.plan(shape) == recipe.plan(shape)
    config = json.loads(json.dumps(keras.initializers.serialize(initializer)))
    revived = keras.initializers.deserialize(config)
    assert (revived.recipe, revived.seed) == (recipe, 5)
    assert np.array_equal(bits(initializer.clone()(shape)), drawn)


def test_from_recipe_takes_names_and_dicts() -> None:
    for said in ("he_normal", {"recipe": "he_normal"}):
        assert FromRecipe(said).recipe == pi.he_normal()
    assert FromRecipe("he_normal").seed != FromRecipe("he_normal").seed
    assert FromRecipe("he_normal").get_config()["seed"] is None


def test_a_recipe_of_an_array_is_cloned_but_has_no_config() -> None:
    initializer = FromRecipe(pi.pretrained(np.eye(3)))
    assert np.array_equal(bits(initializer.clone()((3, 3))), np.eye(3))
    with pytest.raises(pi.RecipeError, match="JSON can name a file only"):
        initializer.get_config()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: FromRecipe(3), pi.RecipeError, r"a recipe is needed; got 3. Give pyinit.he_normal\(\)"),
        (
            lambda: FromRecipe(pi.he_normal),
            pi.RecipeError,
            "got he_normal itself, which makes recipes. Call it",
        ),
        (
            lambda: FromRecipe("ones", 1, key=2),
            pi.SeedError,
            "a seed or a key is needed; got seed=1 and key=2",
        ),
        (lambda: FromRecipe("ones", key="1"), pi.SeedError, "key must be an int seed or a Key; got '1'"),
        (lambda: to_key(pi.Key(1, 2)), pi.SeedError, "cannot hold an offset; got Key.*Use FromRecipe"),
        (lambda: FromRecipe("typo"), pi.RecipeError, "unknown recipe 'typo'"),
        (lambda: FromRecipe("zeros", seed=1.5), ValueError, "`seed` argument should be an instance"),
        (
            lambda: from_key(1.5),
            pi.SeedError,
            "a Keras seed is an int or a keras.random.SeedGenerator; got 1.5",
        ),
        (lambda: initializers.HeNormal(seed=2**64)((2, 2)), pi.SeedError, r"in \[0, 2\*\*64\)"),
        (lambda: initializers.HeNormal()((2, 2), "int32"), TypeError, "pyinit.keras draws float32, float64"),
        (lambda: initializers.HeNormal()((2, 2), "int32"), ValueError, "got int32. Draw one of these"),
        (lambda: initializers.HeNormal()((2, 2), "complex64"), TypeError, "got complex64"),
        (lambda: initializers.HeNormal()((2, 2), "float8_e4m3fn"), TypeError, "got float8_e4m3fn"),
        (lambda: initializers.RandomNormal(stddev=-1.0)((2,)), pi.RecipeError, "std must be at least 0"),
        (lambda: initializers.TruncatedNormal(stddev=-1.0)((2,)), pi.RecipeError, "std must be at least 0"),
        (lambda: initializers.RandomUniform(1.0, 0.0)((2,)), pi.RecipeError, "uniform needs low < high"),
        (lambda: initializers.Orthogonal()((5,)), ValueError, r"two-dimensional; got shape \(5,\) of rank 1"),
        (lambda: initializers.Constant(1e9)((2,), "float16"), pi.RecipeError, "float16 holds values up to"),
        (lambda: initializers.HeNormal()((None, 2)), pi.ShapeError, "None"),
    ],
)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
