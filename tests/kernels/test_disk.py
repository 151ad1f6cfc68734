"""Complex numbers on a disk: uniform, and normal with a modulus that is cut, as in JAX."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit import _core, reference

from .checks import LIMIT, distance_excess

DTYPES = ["complex64", "complex128"]
COUNT = 1 << 18
CUT = pi.truncated_normal(std=0.5)
DISK = pi.variance_scaling(1.0, "fan_in", "uniform")


@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_to_the_specification(isa: str, dtype: str) -> None:
    key, index = pi.Key(9, 4), np.arange(COUNT, dtype=np.uint64)
    for recipe, is_normal in ((DISK, False), (CUT, True)):
        plan = recipe.plan((COUNT, 1), dtype)
        made = recipe((COUNT, 1), key=key, dtype=dtype)[:, 0]
        expected = reference.disk(key, index, *(*plan.numbers, 0.0)[:2], is_normal, dtype)
        error = np.abs(made - expected).max() / np.abs(expected).max()
        assert error < (3e-7 if dtype == "complex64" else 3e-15)


def test_known_numbers() -> None:
    # c = 2: 1 - c^2 / (e^(c^2) - 1) and e^(-c^2), by hand
    plan = pi.truncated_normal(std=0.5).plan((3,), "complex64")
    assert plan.numbers == (0.5 / math.sqrt(2), math.exp(-4))
    assert plan.std == pytest.approx(0.5 * math.sqrt(1 - 4 / (math.exp(4) - 1)), rel=1e-15)
    assert pi.truncated_normal(correct=True).plan((3,), "complex64").std == 1.0
    assert pi.truncated_normal(low=-math.inf, high=math.inf).plan((3,), "complex128").std == 1.0
    assert pi.lecun_uniform().plan((8, 3), "complex64").numbers == (pytest.approx(0.5),)


def excess(z: np.ndarray, share_within: np.ndarray) -> float:
    """Return the worst score of the modulus, by its distribution, and of the angle.

    It detects, at 2^18 draws, a probability off by 0.005 anywhere.
    """
    return max(distance_excess(share_within), distance_excess(np.angle(z) / (2 * np.pi) + 0.5))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_distribution_on_the_disk(dtype: str) -> None:
    z = DISK((1 << 17, 2), key=3, dtype=dtype).ravel() * math.sqrt((1 << 17) / 2)
    assert np.abs(z).max() <= 1 + 1e-6
    assert excess(z, np.minimum(np.abs(z) ** 2, 1)) < LIMIT
    # the mutants: a modulus that is uniform, and both parts uniform
    assert excess(z, np.minimum(np.abs(z), 1)) > LIMIT
    square = pi.uniform(-1, 1)(COUNT, key=3, dtype=dtype)
    assert excess(square, np.minimum(np.abs(square) ** 2, 1)) > LIMIT


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_distribution_of_a_cut_normal(dtype: str) -> None:
    z = CUT(COUNT, key=5, dtype=dtype) / 0.5
    assert np.abs(z).max() <= 2 * (1 + 1e-6)

    def within(z: np.ndarray) -> np.ndarray:
        return np.minimum((1 - np.exp(-(np.abs(z) ** 2))) / (1 - math.exp(-4)), 1)

    assert excess(z, within(z)) < LIMIT
    # the mutants: not cut, a std off by 1 %, and each part cut alone
    whole = pi.normal()(COUNT, key=5, dtype=dtype)
    assert excess(whole, within(whole)) > LIMIT
    assert excess(z, within(z * 1.01)) > LIMIT
    real, imaginary = (pi.truncated_normal(std=math.sqrt(0.5))(COUNT, key=seed) for seed in (1, 2))
    assert excess(z, within(real + 1j * imaginary)) > LIMIT


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "recipe", [pi.he_uniform(), pi.variance_scaling(2.0, distribution="truncated_normal")]
)
def test_the_variance_is_scale_over_fan(recipe: pi.Recipe, dtype: str) -> None:
    # 2^18 draws: E|z|^2 is known within 0.2 % (one sigma 0.11 % of a disk); it detects 0.8 %
    z = recipe((1024, 256), key=7, dtype=dtype)
    assert np.mean(np.abs(z.astype(np.complex128)) ** 2) * 512 == pytest.approx(1.0, rel=0.006)


@pytest.mark.interop
@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal", "normal"])
def test_the_moduli_are_those_of_jax(distribution: str) -> None:
    jax = pytest.importorskip("jax")
    init = jax.nn.initializers.variance_scaling(1.0, "fan_in", distribution)
    theirs = np.abs(np.asarray(init(jax.random.key(0), (1024, 256), "complex64"))) * 32
    ours = (
        np.abs(pi.variance_scaling(1.0, "fan_in", distribution)((1024, 256), key=0, dtype="complex64")) * 32
    )
    # JAX's constant of the cut is that of 1.019 times the variance
    factor = 0.95311164380491208 / math.sqrt(1 - 4 / (math.exp(4) - 1)) if distribution[0] == "t" else 1.0
    at = np.linspace(0.01, 0.99, 99)
    # at 2^18 draws each, quantiles are known within 0.002 to 0.006
    np.testing.assert_allclose(np.quantile(theirs * factor, at), np.quantile(ours, at), rtol=0.02, atol=0.005)


@given(start=st.integers(0, 400), extent=st.integers(0, 300), threads=st.integers(1, 3))
def test_windows(start: int, extent: int, threads: int) -> None:
    for recipe in (CUT, DISK):
        whole = recipe((701, 1), key=3, dtype="complex64")
        window = pi.Window((start, 0), (701, 1))
        part = recipe((extent, 1), key=3, dtype="complex64", window=window, threads=threads)
        np.testing.assert_array_equal(part, whole[start : start + extent])


def test_the_core_refuses_other_dtypes() -> None:
    out = np.zeros(2, np.float16)
    with pytest.raises(ValueError, match="parts of complex numbers are float32 or float64"):
        _core.fill_disk(out, "float16", 0, 0, (2,), (0,), 1.0, 0.0, False, 1)
