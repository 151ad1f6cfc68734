"""Recipes of functions of a uniform: their numbers, what they refuse, and the networks they are named for."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

import pyinit as pi
from pyinit.recipes.transformation import exponents
from pyinit.stream.dtypes import FORMATS, decode, held, resolve

from ..arrays import assert_same_bits

MAKERS = {
    "log_uniform": pi.log_uniform,
    "inverse_softplus": pi.inverse_softplus,
    "log_of_uniform": pi.log_of_uniform,
    "log_decay": pi.log_decay,
}
RECIPES = [
    pi.log_uniform(0.001, 0.1),
    pi.log_uniform(0.001, 0.1, floor=0.004, scale=-3.0),
    pi.inverse_softplus(0.001, 0.1, floor=1e-4),
    pi.inverse_softplus(0.001, 30.0, floor=0.5),
    pi.log_of_uniform(0.0, 16.0),
    pi.log_of_uniform(1.0, 783.0, scale=-1.0),
    pi.log_decay(0.0, 1.0),
    pi.log_decay(0.9, 0.999),
]


def function(recipe: Any, u: float) -> float:
    """Return what a draw u means, in float64."""
    if recipe.verb in ("log_uniform", "inverse_softplus"):
        t = max(recipe.low * (recipe.high / recipe.low) ** u, recipe.floor or 0.0)
        return recipe.scale * (t if recipe.verb == "log_uniform" else t + math.log(-math.expm1(-t)))
    if recipe.verb == "log_of_uniform":
        return recipe.scale * math.log(recipe.low + u * (recipe.high - recipe.low))
    square = recipe.low**2 + u * (recipe.high**2 - recipe.low**2)
    return recipe.scale * math.log(-math.log(square) / 2)


@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
def test_mean_and_std_are_integrals(recipe: Any) -> None:
    plan = recipe.plan(7)
    limit = {"epsabs": 1e-10, "limit": 400}
    mean = integrate.quad(lambda u: function(recipe, u), 0, 1, **limit)[0]
    square = integrate.quad(lambda u: (function(recipe, u) - mean) ** 2, 0, 1, **limit)[0]
    assert (plan.mean, plan.std) == (
        pytest.approx(mean, rel=1e-6),
        pytest.approx(math.sqrt(square), rel=1e-6),
    )
    assert plan.bounds == plan.numbers[-2:]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bounds", [(0.001, 0.1), (1e-37, 1e38), (0.99999, 1.0), (1.0, 1.0000001)])
def test_the_exponents_keep_twice_the_digits(bounds: tuple[float, float], dtype: str) -> None:
    found = exponents(*bounds, resolve(dtype))
    with mpmath.workdps(60):
        low, high = (mpmath.log(mpmath.mpf(x), 2) for x in bounds)
        assert abs(low - found.start - mpmath.mpf(found.start_rest)) < mpmath.mpf(2) ** -65
        assert abs(high - low - found.width - mpmath.mpf(found.width_rest)) < mpmath.mpf(2) ** -95
    # so that start less an integer is exact
    assert (found.start * 2 ** (15 if dtype == "float32" else 40)).is_integer()


@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
def test_a_recipe_and_its_plan_travel_as_json(recipe: pi.Recipe) -> None:
    assert pi.recipe_from_json(recipe.to_json()) == recipe
    for dtype in ("float32", "bfloat16", "float64"):
        plan = recipe.plan((3, 5), dtype)
        assert pi.Plan.from_json(plan.to_json()) == plan


@given(data=st.data())
@pytest.mark.parametrize("recipe", RECIPES[1::2], ids=repr)
def test_a_window_is_a_slice_of_the_whole(recipe: pi.Recipe, data: Any) -> None:
    start = tuple(data.draw(st.integers(0, n - 1)) for n in (9, 37))
    extent = tuple(data.draw(st.integers(1, n - a)) for n, a in zip((9, 37), start, strict=True))
    dtype = data.draw(st.sampled_from(["float32", "float64", "float16", "uint16"]))
    whole = recipe((9, 37), key=4, dtype=dtype)
    part = recipe(extent, key=4, dtype=dtype, window=pi.Window(start, (9, 37)))
    assert_same_bits(part, whole[tuple(slice(a, a + n) for a, n in zip(start, extent, strict=True))])


def test_a_factor_multiplies_every_value() -> None:
    recipe = pi.log_of_uniform(1.0, 16.0, scale=-1.0)
    assert recipe.scaled(0.5) == pi.log_of_uniform(1.0, 16.0, scale=-0.5)
    assert_same_bits(recipe.scaled(0.5)(1000, key=0), recipe(1000, key=0) * np.float32(0.5))
    assert recipe.scaled(0.0) == pi.zeros()


def test_a_floor_below_the_bounds_changes_nothing() -> None:
    plain, floored = pi.inverse_softplus(0.001, 0.1), pi.inverse_softplus(0.001, 0.1, floor=1e-4)
    assert_same_bits(plain(1000, key=0), floored(1000, key=0))


def test_a_floor_is_what_smaller_draws_become() -> None:
    made, plain = (pi.log_uniform(0.001, 0.1, floor=floor)(1000, key=0) for floor in (2**-7, None))
    assert_same_bits(made, np.maximum(plain, np.float32(2**-7)))
    # 45 % lie below, and 1,000 draws know that within 1.6 %
    assert 360 < (made == 2**-7).sum() < 540
    # a floor that the dtype does not hold becomes the next value above
    assert pi.log_uniform(0.001, 0.1, floor=0.01)(1000, key=0).min() == np.nextafter(np.float32(0.01), 1)


@pytest.mark.parametrize("name", MAKERS)
def test_bad_bounds_are_refused(name: str) -> None:
    make = MAKERS[name]
    least = 1e-3
    for low, high, message in (
        (0.5, 0.5, rf"{name} needs low < high; \[0.5, 0.5\) is empty. Use constant\(\) for one value."),
        (0.5, least, "needs low < high"),
        (math.nan, 1.0, f"{name}'s low must be a finite number; got nan"),
        (0.5, math.inf, f"{name}'s high must be a finite number; got inf"),
        (-0.5, 1.0, f"{name}'s low must be (above|at least) 0; got -0.5"),
        ("a", 1.0, f"{name}'s low must be a number"),
    ):
        with pytest.raises(pi.RecipeError, match=message):
            make(low, high)
    for scale, message in ((0.0, "scale must not be 0; got 0.0. Use zeros"), (math.inf, "must be a finite")):
        with pytest.raises(pi.RecipeError, match=message):
            make(0.5, 0.75, scale=scale)
    with pytest.raises(pi.CallError, match=f"{name} needs high; got none"):
        make(0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pi.log_uniform(0.0, 1.0), "log_uniform's low must be above 0; got 0.0"),
        (lambda: pi.log_uniform(0.1, 1.0, floor=1.0), "floor must be below high, 1.0; got 1.0. Use constant"),
        (lambda: pi.log_uniform(0.1, 1.0, floor=0.0), "log_uniform's floor must be above 0; got 0.0"),
        (lambda: pi.log_decay(0.5, 1.5), "log_decay's high is a radius of at most 1; got 1.5"),
        (lambda: pi.log_uniform(1e-40, 1.0).plan(3), "takes the logarithm of 1e-40, which is outside of the"),
        (lambda: pi.log_uniform(0.1, 1e39).plan(3), "takes the logarithm of 1e.39, which is outside"),
        (lambda: pi.log_of_uniform(0.0, 1e-35).plan(3), "takes the logarithm of .*Use float64"),
        (lambda: pi.log_of_uniform(1e-39, 1.0).plan(3), "takes the logarithm of .*Use float64"),
        (lambda: pi.log_decay(1e-20, 1.0).plan(3), "takes the logarithm of .*Use float64"),
        (lambda: pi.log_uniform(1.0, 1e6).plan(3, "float16"), "float16 holds values up to 65504"),
        (lambda: pi.log_uniform(1.001, 1.002).plan(3, "bfloat16"), "holds no value of bfloat16"),
        (
            lambda: pi.log_of_uniform(1.0, 1.0 + 2.0**-40).plan(3),
            "takes the logarithm of 0, which is outside",
        ),
    ],
)
def test_what_has_no_value_is_refused_by_name(make: Any, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()


def test_float64_reaches_where_float32_does_not() -> None:
    made = pi.log_uniform(1e-300, 1e300)(100_000, key=0, dtype="float64")
    assert np.log10(made).std() == pytest.approx(600 / math.sqrt(12), rel=0.01)
    assert pi.log_of_uniform(0.0, 1e-35)(1000, key=0, dtype="float64").max() < math.log(1e-35)


def test_an_lru_begins_on_its_ring() -> None:
    # Orvieto et al.: |lambda| between the radii, squares uniform, angles up to max_phase, and gamma from nu
    nu, theta = pi.log_decay(0.4, 0.9)((4096,), key=1), pi.log_of_uniform(0.0, 6.28)((4096,), key=2)
    eigenvalue = np.exp(-np.exp(nu) + 1j * np.exp(theta))
    assert 0.3999 < np.abs(eigenvalue).min() < np.abs(eigenvalue).max() < 0.9001
    # the density of the area: a circle that holds half of it holds half of the eigenvalues, within 4 sigmas
    inner = np.abs(eigenvalue) < math.sqrt((0.4**2 + 0.9**2) / 2)
    assert abs(inner.mean() - 0.5) < 4 * 0.5 / 64
    assert abs((np.exp(theta) < 3.14).mean() - 0.5) < 4 * 0.5 / 64


def test_chrono_makes_units_that_remember_up_to_the_longest() -> None:
    bias = pi.chrono(784)((4 * 4096,), key=5).reshape(4, 4096).astype(np.float64)
    np.testing.assert_array_equal(bias[0], -bias[1])
    assert not bias[2:].any()
    remembered = 1 + np.exp(bias[1])
    assert 2 <= remembered.min() < remembered.max() <= 784
    # uniform: within 5 standard deviations of a mean of 4,096
    assert remembered.mean() == pytest.approx(393, abs=5 * 782 / math.sqrt(12) / 64)
    # the gates that share their draws do so in windows that hold one of them
    part = pi.chrono(784)((100,), key=5, window=pi.Window((4096 - 50,), (4 * 4096,)))
    assert_same_bits(part, pi.chrono(784)((4 * 4096,), key=5)[4096 - 50 : 4096 + 50])


@pytest.mark.parametrize("longest", [2.0, math.inf, "long"])
def test_chrono_needs_a_length(longest: Any) -> None:
    with pytest.raises(pi.RecipeError, match="chrono's longest must be"):
        pi.chrono(longest)


@pytest.mark.parametrize("dtype", [name for name in FORMATS if not name.startswith("complex")])
def test_the_open_end_is_never_reached_on_either_side(dtype: str) -> None:
    found = resolve(dtype)
    # 1 and 2 are numbers of every format; without its end, a draw near 2 would round to it
    least = found.below(2.0)
    for scale, bounds in ((1.0, (1.0, least)), (-1.0, (-least, -1.0))):
        recipe = pi.log_uniform(1.0, 2.0, scale=scale)
        assert recipe.plan(1, dtype).bounds == bounds
        made = recipe(1 << 12, key=3, dtype=dtype)
        seen = decode(held(made, found), found).astype(np.float64)
        assert bounds[0] <= seen.min() <= seen.max() <= bounds[1]
        if found.itemsize == 1:
            assert (seen.min(), seen.max()) == bounds


@pytest.mark.parametrize(("dtype", "step"), [("float32", 2.0**-24), ("float64", 2.0**-53)])
def test_a_square_of_one_counts_as_half_a_step_less(dtype: str, step: float) -> None:
    lowest = pi.log_decay(0.0, 1.0).plan(1, dtype).bounds[0]
    end = math.log(-math.log1p(-step / 2) / 2)
    assert end < lowest <= end + 2 * np.spacing(np.dtype(dtype).type(-end))
