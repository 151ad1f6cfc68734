"""Recipes as values: printed, compared, pickled, written as JSON and read back."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest

import pyinit as pi

RECIPES = [
    pi.zeros(),
    pi.ones(),
    pi.constant(-0.25),
    pi.constant(-0.0),
    pi.uniform(),
    pi.uniform(-1, 1),
    pi.normal(std=0.02),
    pi.truncated_normal(),
    pi.truncated_normal(mean=0.1, std=2.0, low=-math.inf, high=1.5, unit="absolute"),
    pi.truncated_normal(correct=True),
    pi.variance_scaling(2.0, "fan_avg", "uniform", in_axis=(0, 1), out_axis=-1, batch_axis=2),
    pi.he_normal(truncated=True, layout="torch", groups=2, transposed=True),
    pi.glorot_uniform(compat="keras"),
    pi.lecun_normal(layout="keras", depthwise=True),
    pi.sparse(0.9),
    pi.sparse(0.5, std=1.0, exact=False),
    pi.identity(),
    pi.identity(0.5),
    pi.dirac(2, layout="torch"),
    pi.bilinear(layout="keras"),
    pi.pretrained("model.safetensors", "wte.weight"),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
def test_a_recipe_comes_back(recipe: pi.Recipe) -> None:
    for again in (
        eval(repr(recipe), vars(pi).copy()),
        pi.recipe_from_json(recipe.to_json()),
        pi.Recipe.from_json(recipe.to_json()),
        pi.recipe_from_dict(recipe.to_dict()),
        pickle.loads(pickle.dumps(recipe)),
    ):
        assert again == recipe
        assert hash(again) == hash(recipe)
        assert repr(again) == repr(recipe)
    json.loads(recipe.to_json(), parse_constant=pytest.fail)


class Halved(pi.Recipe):
    """A caller's own recipe, whose number is no field of a dataclass."""

    def __init__(self, std: float) -> None:
        vars(self)["std"] = std

    def make_plan(self, shape: tuple[int, ...], dtype: Any) -> pi.Plan:
        return pi.normal(std=self.std / 2).make_plan(shape, dtype)


def test_a_recipe_of_a_callers_own_class_keeps_its_own_numbers() -> None:
    assert [Halved(std).plan((4, 4)).std for std in (1.0, 3.0, 1.0)] == [0.5, 1.5, 0.5]
    np.testing.assert_array_equal(Halved(3.0)((4, 4), key=0), pi.normal(std=1.5)((4, 4), key=0))


def test_recipes_differ() -> None:
    assert len(set(RECIPES)) == len(RECIPES)
    assert pi.normal() != pi.uniform()
    assert pi.normal(mean=1) == pi.normal(mean=1.0)
    assert pi.normal(mean=-0.0) == pi.normal()


def test_only_what_is_not_default_is_printed() -> None:
    assert repr(pi.normal(std=0.02)) == "normal(std=0.02)"
    assert repr(pi.normal()) == "normal()"
    assert repr(pi.he_normal()) == "he_normal()"
    assert repr(pi.constant(0)) == "constant(value=0.0)"


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(AttributeError):
        pi.normal().std = 2.0  # type: ignore[misc]


def test_numbers_of_numpy() -> None:
    recipe = pi.normal(mean=np.float32(0.5), std=np.int64(2))
    assert recipe == pi.normal(mean=0.5, std=2.0)
    assert type(recipe.std) is float


def test_groups_of_numpy() -> None:
    for maker in (pi.variance_scaling, pi.dirac):
        recipe = maker(groups=np.int64(2), layout="torch")
        assert recipe == maker(groups=2, layout="torch")
        assert pi.recipe_from_json(recipe.to_json()) == recipe


def test_famous_names_in_json() -> None:
    assert pi.recipe_from_dict("kaiming_uniform") == pi.he_uniform()
    assert pi.recipe_from_json(
        '{"recipe": "xavier_normal", "gain": 2, "layout": "torch"}'
    ) == pi.glorot_normal(gain=2.0, layout="torch")
    assert pi.recipe_from_dict({"recipe": "variance_scaling", "in_axis": [0, 1], "out_axis": 2}).in_axis == (
        0,
        1,
    )


def test_dtypes_of_a_call() -> None:
    for dtype in ("float32", np.float32, np.dtype("f4"), "torch.float32"):
        assert pi.normal()((2, 3), key=0, dtype=dtype).dtype == np.float32
    assert pi.normal()(5, key=0).shape == (5,)
    assert pi.normal()([2, 3], key=0).shape == (2, 3)


def test_a_call_owns_its_memory() -> None:
    out = pi.normal()((3, 4), key=0)
    assert out.flags.owndata
    assert out.flags.writeable
    assert out.flags.c_contiguous


def test_a_plan_says_what_a_call_would_refuse() -> None:
    for recipe, shape, dtype in [
        (pi.he_normal(), (3,), "float32"),
        (pi.normal(std=1e5), (3,), "float16"),
        (pi.normal(), (-1,), "float32"),
        (pi.normal(), (2**62,), "float32"),
        (pi.normal(), (3,), "int8"),
    ]:
        with pytest.raises(pi.PyinitError) as planned:
            recipe.plan(shape, dtype)
        with pytest.raises(pi.PyinitError) as called:
            recipe(shape, key=0, dtype=dtype)
        assert str(planned.value) == str(called.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pi.recipe_from_json("{"), r"a recipe is not valid JSON: Expecting property name"),
        (lambda: pi.recipe_from_dict(3), r'a recipe needs a name under "recipe"; got 3. Write'),
        (lambda: pi.recipe_from_dict({"std": 1}), r'a recipe needs a name under "recipe"; got'),
        (
            lambda: pi.recipe_from_dict("gaussian"),
            r"unknown recipe 'gaussian'. Known are .*xavier_uniform, zeros.",
        ),
        (
            lambda: pi.recipe_from_dict("he_norml"),
            r"^unknown recipe 'he_norml'. Did you mean he_normal, .*\?$",
        ),
        (
            lambda: pi.recipe_from_dict({"recipe": "normal", "sd": 1}),
            r"^normal takes mean, std; got sd=1. Write std=1.$",
        ),
        (
            lambda: pi.recipe_from_dict({"recipe": "zeros", "value": 1}),
            r"^zeros takes nothing; got value=1. Leave it out.$",
        ),
        (
            lambda: pi.recipe_from_dict("constant"),
            r"^constant needs value; got none. Write constant\(value=...\).$",
        ),
        (
            lambda: pi.recipe_from_json('{"recipe": "normal", "std": NaN}'),
            r"a recipe holds NaN, which JSON does not have",
        ),
        (
            lambda: pi.recipe_from_json('{"recipe": "normal", "std": Infinity}'),
            r"a recipe holds Infinity",
        ),
        (
            lambda: pi.recipe_from_json('{"recipe": "normal", "std": "inf"}'),
            r"normal's std must be a finite number; got inf",
        ),
        (
            lambda: pi.recipe_from_json('{"recipe": "normal", "std": 1, "std": 2}'),
            r'a recipe names "std" twice; keep one of them',
        ),
        (lambda: pi.recipe_from_json('{"recipe": "normal", "std": "0.02"}'), r"must be a number; got '0.02'"),
        (lambda: pi.recipe_from_json('{"recipe": "normal", "std": null}'), r"must be a number; got None"),
        (
            lambda: pi.normal(mean=np.complex64(1 + 2j)),
            r"normal's mean must be a number; got np.complex64\(1",
        ),
        (lambda: pi.normal(std=np.bool_(True)), r"normal's std must be a number; got np.True_"),
        (lambda: pi.sparse(0.5, exact="no"), r"sparse's exact is True or False; got 'no'. Use a bool."),
        (lambda: pi.truncated_normal(correct=1), r"truncated_normal's correct is True or False; got 1"),
        (lambda: pi.he_normal(truncated="yes"), r"truncated is True or False; got 'yes'"),
    ],
)
def test_refusals(make, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()
