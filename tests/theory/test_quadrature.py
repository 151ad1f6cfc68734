"""Integrals in rows: smooth functions, kinks, jumps and noise, each to what is promised."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyinit.theory.quadrature import integrals


def rows(count: int, *edges: float) -> np.ndarray:
    return np.tile(np.array(edges), (count, 1))


def test_each_row_has_its_own_function_and_edges() -> None:
    scale = np.array([1.0, 3.0, 10.0])
    edges = np.array([[0.0, 1.0, 1.0], [0.0, 0.5, 2.0], [-1.0, 0.0, 1.0]])
    found = integrals(lambda x, row: np.exp(scale[row, None] * x), edges)
    expected = (np.exp(scale * edges[:, -1]) - np.exp(scale * edges[:, 0])) / scale
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("at", [0.5, math.pi / 7, 0.501, 0.003, 1e-6, -0.999])
def test_kinks_and_jumps_inside_a_panel(at: float) -> None:
    def kink(x: np.ndarray, row: np.ndarray) -> np.ndarray:
        return np.where(row[:, None] == 0, np.abs(x - at), np.heaviside(x - at, 0.0))

    found = integrals(kink, rows(2, -1.0, 1.0), wary=True)
    np.testing.assert_allclose(found, [1 + at * at, 1 - at], rtol=1e-10)


def test_who_is_not_wary_misses_what_hides_beside_an_edge() -> None:
    """Why there is a look beside edges: this jump lies between an edge and the first node."""
    found = integrals(lambda x, row: np.heaviside(x - 0.003, 0.0), rows(1, 0.0, 1.0))
    assert found is not None
    assert found[0] == pytest.approx(1.0, abs=1e-12)


def test_an_edge_at_a_kink_saves_the_halving() -> None:
    calls = []

    def kink(x: np.ndarray, row: np.ndarray) -> np.ndarray:
        calls.append(x.size)
        return np.abs(x - 0.3)

    integrals(kink, rows(1, -1.0, 0.3, 1.0))
    with_edge = sum(calls)
    integrals(kink, rows(1, -1.0, 1.0))
    assert with_edge * 10 < sum(calls) - with_edge


def test_tiny_and_huge_values_have_the_same_digits() -> None:
    size = np.array([1e-200, 1.0, 1e200])
    found = integrals(lambda x, row: size[row, None] * np.cos(5 * x), rows(3, 0.0, 1.0))
    np.testing.assert_allclose(found, size * math.sin(5) / 5, rtol=1e-13)


def test_noise_has_no_integral_but_rounding_errors_are_let_be() -> None:
    rng = np.random.default_rng(0)
    assert integrals(lambda x, row: rng.random(x.shape), rows(1, 0.0, 1.0)) is None

    def noisy(x: np.ndarray, row: np.ndarray) -> np.ndarray:
        return 1 + 1e-6 * rng.random(x.shape)

    assert integrals(noisy, rows(1, 0.0, 1.0)) is None
    for found in (
        integrals(noisy, rows(1, 0.0, 1.0), 1e-5),
        integrals(noisy, rows(1, 0.0, 1.0), 0.0, np.array([1e-5])),
    ):
        assert found is not None
        assert found[0] == pytest.approx(1, abs=2e-6)


def test_what_is_not_finite_is_returned() -> None:
    with np.errstate(all="ignore"):
        found = integrals(lambda x, row: np.where(row[:, None] == 0, np.log(x), x), rows(2, -1.0, 0.0, 1.0))
    assert found is not None
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(0, abs=1e-15)
