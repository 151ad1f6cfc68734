"""Plans: printed, written as JSON, and the same again."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pyinit as pi
from pyinit.stream.plan import NUMBERS

RECIPES = [
    pi.constant(0.5),
    pi.uniform(-1, 2),
    pi.normal(mean=0.1, std=0.02),
    pi.truncated_normal(low=1.0, high=float("inf")),
    pi.he_normal(truncated=True),
    pi.sparse(0.5),
    pi.sparse(0.5, exact=False),
    pi.identity(2.0),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
def test_json_round_trip(recipe: pi.Recipe, dtype: str) -> None:
    plan = recipe.plan((6, 4), dtype)
    text = plan.to_json()
    json.loads(text, parse_constant=pytest.fail)  # no NaN or Infinity, which JSON does not have
    assert pi.Plan.from_json(text) == plan
    assert len(plan.numbers) == len(NUMBERS[plan.distribution])


def test_printed_on_one_line() -> None:
    assert str(pi.he_normal().plan((784, 256))) == (
        "normal (784, 256) float32: mean 0, std 0.0505076, fan_in 784, fan_out 256, gain 1.41421"
    )
    assert str(pi.uniform(-1, 1).plan((3,), "float16")) == (
        "uniform (3,) float16: mean 0, std 0.57735, bounds [-1, 0.999512]"
    )
    assert str(pi.identity().plan((2, 2))) == "identity (2, 2) float32: gain 1.0"
    table = pi.pretrained(np.zeros((2, 2)))
    assert str(table.plan((2, 2))) == "pretrained (2, 2) float32: from an array of float64"


def test_pretrained_json_describes_the_source() -> None:
    plan = pi.pretrained(np.zeros((2, 2))).plan((2, 2))
    assert json.loads(plan.to_json())["source"] == "an array of float64"


@pytest.mark.parametrize("recipe", [pi.normal(std=1e-9), pi.orthogonal(gain=1e-9)], ids=repr)
def test_a_std_is_that_before_rounding(recipe: pi.Recipe) -> None:
    assert 0 < recipe.plan((4, 4), "float16").std < 2.0**-26
    assert not recipe((4, 4), key=0, dtype="float16").any()
    assert recipe((4, 4), key=0, dtype="bfloat16").all()


def test_a_plan_is_frozen() -> None:
    plan = pi.zeros().plan((2,))
    with pytest.raises(AttributeError):
        plan.std = 1.0  # type: ignore[misc]
    assert hash(plan) == hash(pi.zeros().plan((2,)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "a plan is not valid JSON"),
        ("[]", r"a plan is a JSON object; got \[\]. Read what to_json wrote."),
        ('"zeros"', "a plan is a JSON object; got 'zeros'"),
        ("{}", "not a plan that to_json wrote: 'numbers'. Write it again."),
        ('{"distribution": "none", "numbers": {}}', "not a plan that to_json wrote: 'none'"),
    ],
)
def test_what_is_not_a_plan_is_refused(text: str, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=f"^{message}"):
        pi.Plan.from_json(text)
