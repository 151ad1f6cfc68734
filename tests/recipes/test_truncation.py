"""The numbers of a truncated normal, against 60-digit arithmetic."""

from __future__ import annotations

import math

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.recipes.truncation import FARTHEST, moments, numbers

INF = math.inf
BOUNDS = [
    (-2.0, 2.0),
    (-INF, INF),
    (-INF, 0.5),
    (1.0, 3.0),
    (-3.0, -1.0),
    (0.0, 1e-3),
    (4.0, INF),
    (6.0, 6.5),
    (-9.0, -8.0),
    (30.0, INF),
    (36.5, 37.5),
]


def mass(a: float, b: float) -> mpmath.mpf:
    return (mpmath.erfc(mpmath.mpf(a) / mpmath.sqrt(2)) - mpmath.erfc(mpmath.mpf(b) / mpmath.sqrt(2))) / 2


@pytest.fixture(autouse=True)
def _digits():
    with mpmath.workdps(400):
        yield


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(("a", "b"), BOUNDS)
def test_numbers_are_correctly_rounded(a: float, b: float, bits: int) -> None:
    found = numbers(a, b, bits)
    assert found.sign == (-1 if b <= 0 else 1)
    if found.sign < 0:
        a, b = -b, -a
    between, factor = mass(a, b), mpmath.mpf(2) ** found.scale
    step = between / mpmath.mpf(2) ** bits
    assert found.mass_step == float(step * factor)
    assert found.centre_step == float(2 * step)
    assert found.upper_tail == float((mass(b, INF) + step / 2) * factor)
    ratio = (mpmath.mpf(1) / 2 - mass(-INF, a)) / step
    assert found.pivot == min(max(int(mpmath.nint(ratio)), 0), 2**bits - 1)
    if found.scale:
        # the far end of the tail fills the range of float32
        assert 1 <= float(mass(a, INF) * factor) <= 2
        assert found.pivot == 0
    else:
        assert found.lower_tail == float(mass(-INF, a) + step / 2)
        assert mass(a, INF) >= mpmath.mpf(2) ** -26


@given(st.floats(-8, 8), st.floats(1e-3, 8), st.sampled_from([32, 64]))
def test_both_sides_meet_at_the_median(a: float, width: float, bits: int) -> None:
    found = numbers(a, a + width, bits)
    if found.scale == 0 and 0 < found.pivot < 2**bits - 1:
        # distances of the last word below and the first word above: one step of probability, doubled
        assert found.lower_centre >= 0
        assert found.upper_centre >= 0
        assert math.isclose(found.lower_centre + found.upper_centre, found.centre_step, rel_tol=1e-12)


@pytest.mark.parametrize(("a", "b"), BOUNDS)
def test_moments(a: float, b: float) -> None:
    density = mpmath.npdf
    between = mass(a, b)
    at_a, at_b = density(a), density(b)
    mean = (at_a - at_b) / between
    edge_a = mpmath.mpf(a) * at_a if math.isfinite(a) else 0
    edge_b = mpmath.mpf(b) * at_b if math.isfinite(b) else 0
    variance = 1 + (edge_a - edge_b) / between - mean**2
    got_mean, got_variance = moments(a, b)
    assert math.isclose(got_mean, float(mean), rel_tol=1e-15, abs_tol=1e-300)
    assert math.isclose(got_variance, float(variance), rel_tol=1e-15)


def test_moments_of_a_sliver_are_those_of_a_uniform() -> None:
    width = 2.0**-38
    mean, variance = moments(1.0, 1.0 + width)
    assert mean == 1.0 + width / 2
    assert math.isclose(variance, width**2 / 12, rel_tol=1e-12)


def test_the_factor_of_keras_and_jax() -> None:
    assert math.isclose(math.sqrt(moments(-2.0, 2.0)[1]), 0.87962566103423978, rel_tol=1e-15)
    assert round(math.sqrt(moments(-3.0, 3.0)[1]), 5) == 0.98658


@pytest.mark.parametrize(("a", "b"), [(38.0, INF), (-INF, -37.5), (37.1, 40.0)])
def test_no_mass_is_refused(a: float, b: float) -> None:
    with pytest.raises(
        pi.RecipeError, match=r"bounds that keep some of the mass within 37 std of the mean; got"
    ):
        numbers(a, b, 32)


def test_the_farthest_bound_is_taken() -> None:
    assert numbers(FARTHEST, INF, 64).mass_step > 0


def test_empty_bounds_are_refused() -> None:
    with pytest.raises(pi.RecipeError, match=r"needs low < high; got 1.0, 1.0 std. Use constant\(\)"):
        moments(1.0, 1.0)


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 1e-300), (-1e-40, 1e-40), (1.0, 1.0 + 1e-13), (-8.0 - 1e-14, -8.0), (36.0, 36.0 + 1e-14)],
)
def test_an_interval_too_narrow_for_float32_is_refused(low: float, high: float) -> None:
    with pytest.raises(pi.RecipeError, match=r"needs bounds at least 1e-12 std apart; got .* Use uniform"):
        numbers(low, high, 32)
    with pytest.raises(pi.RecipeError, match="needs bounds at least 1e-12 std apart"):
        pi.truncated_normal(low=low, high=high).plan((3,), "float64")


def test_narrow_intervals_keep_their_bounds_before_the_clamp() -> None:
    w = pi.truncated_normal(low=-4e-12, high=4e-12)((4096,), key=0)
    assert -4e-12 <= w.min() < -3.9e-12
    assert 3.9e-12 < w.max() <= 4e-12
    assert len(set(w.tolist())) > 4000
