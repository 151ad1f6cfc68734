"""Constant, uniform, normal and truncated normal: their plans, their bounds, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyinit as pi
from pyinit.stream.dtypes import resolve

DTYPES = ["float32", "float64", "bfloat16", "float16"]
INF = math.inf


def test_constants_keep_the_sign_of_zero() -> None:
    assert pi.constant(-0.0) != pi.constant(0.0)
    assert np.signbit(pi.constant(-0.0)((2,), key=0)).all()
    assert not np.signbit(pi.constant(0.0)((2,), key=0)).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_constant_is_rounded_once(dtype: str) -> None:
    plan = pi.constant(1 / 3).plan((5,), dtype)
    values = pi.constant(1 / 3)((5,), key=0, dtype=dtype).astype(np.float64)
    assert (values == plan.bounds[0]).all()
    assert plan.bounds[0] == resolve(dtype).round(float(np.float32(1 / 3)) if dtype != "float64" else 1 / 3)


def test_zeros_and_ones() -> None:
    assert pi.zeros() == pi.constant(0.0)
    assert pi.ones() == pi.constant(1)
    assert (pi.ones()((2, 3), key=0) == 1).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-0.3, 0.7), (-1 / 3, 1 / 3), (100.0, 101.0), (1.0, 1.01), (-3e-8, 3e-8)]
)
def test_an_open_bound_stays_open(low: float, high: float, dtype: str) -> None:
    recipe = pi.uniform(low, high)
    plan = recipe.plan((200_000,), dtype)
    values = recipe((200_000,), key=1, dtype=dtype).astype(np.float64)
    compute = np.float64 if dtype == "float64" else np.float32
    assert compute(low) <= values.min()
    assert values.max() < compute(high)
    assert plan.bounds[0] <= values.min() <= values.max() <= plan.bounds[1]
    if dtype in ("bfloat16", "float16"):
        # few enough values that the end occurs
        assert values.max() == plan.bounds[1]


def test_moments_of_a_uniform_plan() -> None:
    plan = pi.uniform(-1, 3).plan((2,))
    assert plan.mean == 1.0
    assert math.isclose(plan.std, 4 / math.sqrt(12))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "recipe",
    [
        pi.truncated_normal(),
        pi.truncated_normal(mean=0.1, std=0.02),
        pi.truncated_normal(std=0.02, correct=True),
        pi.truncated_normal(mean=1.0, std=0.5, low=0.9, high=1.1, unit="absolute"),
        pi.truncated_normal(low=3.0, high=INF),
        pi.truncated_normal(low=-INF, high=-8.0),
        pi.truncated_normal(mean=-1.0, std=0.3, low=-0.1, high=4.0),
    ],
    ids=repr,
)
def test_truncated_values_have_the_planned_bounds_and_moments(recipe: pi.Recipe, dtype: str) -> None:
    n = 200_000
    plan = recipe.plan((n,), dtype)
    values = recipe((n,), key=2, dtype=dtype).astype(np.float64)
    assert plan.bounds[0] <= values.min()
    assert values.max() <= plan.bounds[1]
    # smallest detectable error: 5 standard errors and what rounding to the dtype may shift
    grain = 2.0 ** -{"float32": 23, "float64": 52, "bfloat16": 8, "float16": 11}[dtype] * np.abs(values).max()
    assert abs(values.mean() - plan.mean) < 5 * plan.std / math.sqrt(n) + grain / 50
    assert abs(values.std() / plan.std - 1) < 5 * std_error(values) + (grain / plan.std) ** 2


def std_error(values: np.ndarray) -> float:
    """Return the relative standard error of a sample's std."""
    moved = values - values.mean()
    kurtosis = (moved**4).mean() / (moved**2).mean() ** 2
    return math.sqrt((kurtosis - 1) / (4 * len(values)))


def test_the_moment_check_notices_one_percent() -> None:
    n = 200_000
    plan = pi.truncated_normal().plan((n,))
    wrong = pi.truncated_normal(std=1.01)((n,), key=2).astype(np.float64)
    assert abs(wrong.std() / plan.std - 1) > 5 * std_error(wrong)


def test_bounds_are_those_of_the_peers() -> None:
    keras = pi.truncated_normal(std=0.02, correct=True).plan((2,))
    assert keras.std == 0.02
    assert math.isclose(keras.bounds[1], 2 * 0.02 / 0.87962566103423978, rel_tol=1e-6)
    torch = pi.truncated_normal(std=0.02, low=-2.0, high=2.0, unit="absolute").plan((2,))
    assert math.isclose(torch.std, 0.02, rel_tol=1e-12)
    assert torch.bounds == (-2.0, 2.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pi.constant(math.nan), r"constant's value must be a finite number; got nan. Correct"),
        (lambda: pi.constant("1"), r"constant's value must be a number; got '1'. Use a float."),
        (lambda: pi.constant(True), r"constant's value must be a number; got True"),
        (lambda: pi.constant(10**400), r"constant's value must be a number; got 1000"),
        (lambda: pi.constant(7e4).plan((2,), "float16"), r"float16 holds values up to 65504; constant"),
        (lambda: pi.uniform(1, 1), r"uniform needs low < high; \[1.0, 1.0\) is empty. Use constant\(\)"),
        (lambda: pi.uniform(1, 0), r"uniform needs low < high; \[1.0, 0.0\) is empty"),
        (lambda: pi.uniform(0, INF), r"uniform's high must be a finite number; got inf"),
        (
            lambda: pi.uniform(1, 1 + 1e-9).plan((2,)),
            r"holds no value of float32; uniform needs at least one",
        ),
        (lambda: pi.uniform(1.001, 1.002).plan((2,), "bfloat16"), r"holds no value of bfloat16"),
        (lambda: pi.uniform(-3e38, 3e38).plan((2,)), r"uniform needs high - low within float32; got"),
        (lambda: pi.uniform(0, 1e5).plan((2,), "float16"), r"float16 holds values up to 65504; uniform"),
        (lambda: pi.normal(std=-1), r"normal's std must be at least 0; got -1.0. Correct the recipe."),
        (lambda: pi.normal(std=math.nan), r"normal's std must be a finite number; got nan"),
        (lambda: pi.normal(mean=INF), r"normal's mean must be a finite number; got inf"),
        (
            lambda: pi.normal(std=1e-50).plan((2,)),
            r"std 1e-50 is outside the range of float32, in which float32",
        ),
        (lambda: pi.normal(std=1e-50).plan((2,), "bfloat16"), r"in which bfloat16 is computed. Use float64"),
        (lambda: pi.normal(std=1e39).plan((2,)), r"std 1e\+39 is outside the range of float32"),
        (
            lambda: pi.normal(mean=6e4, std=1e3).plan((2,), "float16"),
            r"float16 holds values up to 65504; normal.* reaches",
        ),
        (
            lambda: pi.truncated_normal(std=0),
            r"truncated_normal's std must be above 0; got 0.0. Use constant",
        ),
        (
            lambda: pi.truncated_normal(low=1, high=1),
            r"truncated_normal needs low < high; \[1.0, 1.0\] is empty",
        ),
        (lambda: pi.truncated_normal(low=math.nan), r"truncated_normal's low must be a number; got nan"),
        (lambda: pi.truncated_normal(unit="sigma"), r"unit is 'std' or 'absolute'; got 'sigma'. Name one."),
        (
            lambda: pi.truncated_normal(unit="absolute", correct=True),
            r"correct=True needs bounds in units of std; got unit='absolute'. Use unit='std'.",
        ),
        (lambda: pi.truncated_normal(low=38, high=INF), r"some of the mass within 37 std .* 38.0 to inf std"),
        (
            lambda: pi.truncated_normal(mean=1.0, std=1.0, low=1.001, high=1.002, unit="absolute").plan(
                (2,), "bfloat16"
            ),
            r"\[1.001, 1.002\] holds no value of bfloat16; truncated_normal needs at least one",
        ),
        (
            lambda: pi.truncated_normal(std=1e5, low=-INF, high=0.1).plan((2,), "float16"),
            r"float16 holds values up to 65504",
        ),
    ],
)
def test_refusals(make, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()


def test_edges_that_are_taken() -> None:
    assert (pi.normal(mean=3.0, std=0.0)((4,), key=0) == 3).all()
    assert pi.normal(std=1e-50)((4,), key=0, dtype="float64").any()
    assert pi.truncated_normal(std=1e5, low=-1.0, high=1.0, unit="absolute").plan((2,), "float16").bounds == (
        -1,
        1,
    )
