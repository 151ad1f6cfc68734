"""SIREN's layers and Fourier features: the paper's limits, and what they do to a deep network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.recipes.fans import Axes
from pyinit.recipes.rules import fitted


@pytest.mark.parametrize("omega", [1.0, 30.0, 2.5])
@pytest.mark.parametrize("n", [1, 2, 256, 600])
def test_the_limits_are_the_papers(n: int, omega: float) -> None:
    hidden, first = pi.siren_uniform(omega).plan((n, 8)), pi.siren_uniform(omega, first=True).plan((n, 8))
    assert hidden.numbers[1] == np.float32(math.sqrt(6 / n) / omega)
    assert first.numbers[1] == np.float32(1 / n)
    assert (hidden.fan_in, hidden.std) == (n, pytest.approx(math.sqrt(2 / n) / omega))


def test_inputs_are_counted_as_the_weight_is_stored() -> None:
    torch = pi.siren_uniform(1.0, layout="torch")
    assert torch.plan((8, 6, 3, 3)).numbers[1] == np.float32(math.sqrt(6 / 54))
    assert pi.siren_uniform(1.0, layout="keras").plan((3, 3, 6, 8)).fan_in == 54
    assert pi.siren_uniform(1.0, layout="torch", groups=2).plan((8, 3, 3, 3)).fan_in == 27
    assert fitted(pi.siren_uniform(), Axes(layout="torch"), (8, 6)) == pi.siren_uniform(layout="torch")


@pytest.mark.parametrize(("recipe", "limit"), [("hidden", math.sqrt(6 / 200) / 30), ("first", 1 / 200)])
def test_draws_have_the_std_of_the_limits(recipe: str, limit: float) -> None:
    # of 100,000 uniform draws the std is known within 0.14 % (one sigma): 0.7 % is the least error that shows
    made = pi.siren_uniform(first=recipe == "first")((200, 500), key=3, dtype="float64")
    assert made.std() == pytest.approx(limit / math.sqrt(3), rel=0.007)
    assert np.abs(made).max() <= limit
    # the mutant: an omega that is 1 % off
    assert made.std() * 1.01 != pytest.approx(limit / math.sqrt(3), rel=0.007)


def _arguments(omega: float, drawn_for: float) -> list[float]:
    """Return the std of what the sines of ten hidden layers see."""
    points = pi.uniform(-1, 1)((2000, 2), key=1, dtype="float64")
    first = pi.siren_uniform(first=True)((2, 256), key=0, dtype="float64")
    x, seen = np.sin(omega * points @ first), []
    for layer in range(10):
        w = pi.siren_uniform(drawn_for)((256, 256), key=pi.key(0).fold_in(layer), dtype="float64")
        seen.append(float((omega * x @ w).std()))
        x = np.sin(omega * x @ w)
    return seen


def test_every_sine_of_a_deep_network_sees_the_same_variance() -> None:
    # v = 1 - exp(-2 v); with 256 units a layer's std is known within about 1.5 %, and 6 % shows
    std = math.sqrt(0.79681)
    assert _arguments(30.0, 30.0)[2:] == pytest.approx([std] * 8, rel=0.06)
    # the mutant: weights for an omega that is 10 % off
    assert _arguments(30.0, 33.0)[-1] < 0.9 * std


@given(data=st.data())
@pytest.mark.parametrize(
    "recipe", [pi.siren_uniform(), pi.siren_uniform(first=True), pi.fourier_features(10)]
)
def test_a_window_is_a_slice_of_the_whole(recipe: pi.Recipe, data: Any) -> None:
    start = tuple(data.draw(st.integers(0, n - 1)) for n in (9, 7))
    extent = tuple(data.draw(st.integers(1, n - i)) for n, i in zip((9, 7), start, strict=True))
    part = recipe(extent, key=4, window=pi.Window(start, (9, 7)))
    place = tuple(slice(i, i + n) for i, n in zip(start, extent, strict=True))
    np.testing.assert_array_equal(part, recipe((9, 7), key=4)[place])


@pytest.mark.parametrize(
    "recipe", [pi.siren_uniform(2.5, layout="torch"), pi.siren_uniform(first=True), pi.fourier_features(10.0)]
)
def test_json_and_repr_are_the_recipe(recipe: pi.Recipe) -> None:
    again = pi.recipe_from_json(recipe.to_json())
    assert again == recipe == eval(repr(recipe), vars(pi))
    assert repr(again) == repr(recipe)
    plan = recipe.plan((4, 6))
    assert pi.Plan.from_json(plan.to_json()) == plan


def test_fourier_features_are_normal_draws() -> None:
    made = pi.fourier_features(10.0)((2, 256), key=0)
    np.testing.assert_array_equal(made, pi.normal(std=10.0)((2, 256), key=0))
    assert repr(pi.fourier_features(10.0).scaled(2.0)) == "normal(std=20.0)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pi.siren_uniform(0.0), "siren_uniform's omega must be .*; got 0.0"),
        (lambda: pi.siren_uniform(-1.0), "siren_uniform's omega"),
        (lambda: pi.siren_uniform(math.nan), "siren_uniform's omega"),
        (lambda: pi.siren_uniform(first=1), "first is True or False; got 1"),
        (lambda: pi.siren_uniform().plan((8,)), "siren_uniform needs at least 2 dimensions"),
        (lambda: pi.siren_uniform().plan((8, 6, 3, 3)), "siren_uniform counts inputs and outputs"),
        (lambda: pi.siren_uniform(1e50).plan((8, 6)), "holds no value of float32"),
        (lambda: pi.siren_uniform().scaled(0.5), "siren_uniform has no number that scales"),
        (lambda: pi.fourier_features(-1.0), "fourier_features's std"),
    ],
)
def test_what_is_not_valid_is_refused(make: Any, message: str) -> None:
    with pytest.raises(pi.PyinitError, match=message):
        make()
