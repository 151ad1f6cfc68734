"""Complex draws: the parts are the stream's own along a last axis; E|z|^2 = std^2, without a direction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit import reference

from .checks import LIMIT, distance_excess

DTYPES = ["complex64", "complex128"]
PARTS = {"complex64": "float32", "complex128": "float64"}
COUNT = 100_003


def parts(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], -1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_parts_are_a_real_tensor_with_a_last_axis_of_2(isa: str, dtype: str) -> None:
    made = pi.normal(std=0.3)((31, 17), key=5, dtype=dtype)
    expected = pi.normal(std=0.3 / math.sqrt(2))((31, 17, 2), key=5, dtype=PARTS[dtype])
    np.testing.assert_array_equal(parts(made), expected)
    made = pi.uniform(-0.3, 0.7)((31, 17), key=5, dtype=dtype)
    np.testing.assert_array_equal(parts(made), pi.uniform(-0.3, 0.7)((31, 17, 2), key=5, dtype=PARTS[dtype]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_to_the_specification(dtype: str) -> None:
    key, index = pi.Key(9, 4), np.arange(COUNT, dtype=np.uint64)
    made = pi.uniform(-0.3, 0.7)(COUNT, key=key, dtype=dtype)
    np.testing.assert_array_equal(made, reference.complex_uniform(key, index, -0.3, 0.7, dtype))
    made = pi.normal(std=0.5)(COUNT, key=key, dtype=dtype)
    error = np.abs(parts(made) - parts(reference.complex_normal(key, index, 0.5, dtype))).max()
    assert error < (1e-6 if dtype == "complex64" else 2e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    start=st.tuples(st.integers(0, 20), st.integers(0, 30)),
    extent=st.tuples(st.integers(0, 11), st.integers(0, 13)),
    threads=st.integers(1, 3),
    recipe=st.sampled_from(
        [
            pi.normal(),
            pi.uniform(-1, 1),
            pi.orthogonal(),
            pi.constant(0.5),
            pi.glorot_uniform(),
            pi.variance_scaling(2.0, distribution="truncated_normal"),
            pi.identity(),
        ]
    ),
)
def test_windows(
    dtype: str, start: tuple[int, int], extent: tuple[int, int], threads: int, recipe: pi.Recipe
) -> None:
    whole = (31, 43)
    part = recipe(extent, key=3, dtype=dtype, window=pi.Window(start, whole), threads=threads)
    place = tuple(slice(i, i + n) for i, n in zip(start, extent, strict=True))
    np.testing.assert_array_equal(
        part.view(np.uint8), recipe(whole, key=3, dtype=dtype)[place].view(np.uint8)
    )


def test_memory_that_is_aligned_to_its_parts() -> None:
    raw = np.zeros(8 * 33 + 4, np.uint8)
    out = raw[4:].view(np.complex64)
    for recipe in (pi.normal(), pi.zeros(), pi.constant(0.5), pi.lecun_uniform()):
        pi.fill(out.reshape(3, 11), recipe, key=1)
        np.testing.assert_array_equal(out.reshape(3, 11), recipe((3, 11), key=1, dtype="complex64"))


def test_values_are_real() -> None:
    assert pi.constant(0.5)(2, key=0, dtype="complex64").tolist() == [0.5, 0.5]
    assert pi.ones()((), key=0, dtype="complex128") == 1.0
    np.testing.assert_array_equal(pi.identity()((3, 4), key=0, dtype="complex64"), np.eye(3, 4))
    made = pi.dirac(layout="torch")((2, 2, 3), key=0, dtype="complex64")
    np.testing.assert_array_equal(made, pi.dirac(layout="torch")((2, 2, 3), key=0))


def moments(z: np.ndarray, std: float) -> float:
    """Return the worst score of E|z|^2 = std^2, E z^2 = 0, E z = 0 and E|z|^4 = 2 std^4.

    It detects, at 2^20 draws, an E|z|^2 off by 0.7 %, and an E z^2 of 0.7 % of std^2.
    """
    z = z.astype(np.complex128) / std
    root = math.sqrt(z.size)
    square = z * z
    scores = [
        (np.mean(np.abs(z) ** 2) - 1) * root,
        np.mean(square.real) * root,
        np.mean(square.imag) * root,
        np.mean(z.real) * root * math.sqrt(2),
        np.mean(z.imag) * root * math.sqrt(2),
        (np.mean(np.abs(z) ** 4) - 2) * root / math.sqrt(20),
    ]
    return float(np.abs(scores).max())


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_normal_has_its_variance_and_no_direction(dtype: str) -> None:
    z = pi.normal(std=0.02)(1 << 20, key=17, dtype=dtype)
    assert moments(z, 0.02) < LIMIT
    assert distance_excess(np.angle(z) / (2 * np.pi) + 0.5) < LIMIT
    assert distance_excess(1 - np.exp(-((np.abs(z) / 0.02) ** 2))) < LIMIT
    # the mutants: the std of a real draw for each part, one part 1 % larger, parts that depend on each other
    assert moments(z * math.sqrt(2), 0.02) > LIMIT
    assert moments(z.real * 1.01 + 1j * z.imag * 0.99, 0.02) > LIMIT
    assert moments(z.real + 1j * (0.1 * z.real + math.sqrt(0.99) * z.imag), 0.02) > LIMIT


def test_plans_tell_the_numbers() -> None:
    plan = pi.he_normal().plan((200, 100), "complex64")
    assert (plan.std, plan.numbers) == (0.1, (0.0, 0.1 / math.sqrt(2)))
    plan = pi.uniform(0, 1).plan((3,), "complex64")
    assert (plan.mean, plan.std) == (0.5, pytest.approx(math.sqrt(1 / 6)))
    assert pi.Plan.from_json(plan.to_json()) == plan
    lazy = pi.he_uniform().plan((200, 100), "complex128")
    assert (lazy.distribution, lazy.std, lazy.fan_in) == ("disk", 0.1, 200)
    assert pi.Plan.from_json(lazy.to_json()) == lazy


def test_what_has_no_complex_form_is_refused_by_name() -> None:
    with pytest.raises(pi.RecipeError, match="normal in complex64 needs a mean of 0, as torch adds"):
        pi.normal(mean=1.0).plan((3,), "complex64")
    for recipe in (pi.sparse(0.5), pi.sparse(0.5, exact=False)):
        with pytest.raises(pi.RecipeError, match=r"sparse draws no complex numbers; got complex128\. Draw"):
            recipe.plan((3, 3), "complex128")
    for recipe in (pi.truncated_normal(mean=1.0), pi.truncated_normal(low=-1.0), pi.truncated_normal(low=0)):
        with pytest.raises(
            pi.RecipeError, match="cuts the modulus, and needs mean 0 and bounds that are alike"
        ):
            recipe.plan((3,), "complex64")
    with pytest.raises(pi.RecipeError, match=r"is cut at 0\.1 std or more; got 0\.05"):
        pi.truncated_normal(low=-0.05, high=0.05).plan((3,), "complex64")
    with pytest.raises(pi.RecipeError, match="float32 has no imaginary part; an array of complex64"):
        pi.pretrained(np.zeros(3, np.complex64))(3, key=0)
    source = pi.normal()(5, key=0, dtype="complex64")
    np.testing.assert_array_equal(pi.pretrained(source)(5, key=0, dtype="complex128"), source)
    np.testing.assert_array_equal(pi.pretrained(source.real)(5, key=0, dtype="complex64"), source.real)
