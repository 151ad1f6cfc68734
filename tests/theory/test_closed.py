"""Every closed form equals quadrature."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest

import pyinit as pi
from pyinit.theory.activation import NAMES, activation
from pyinit.theory.closed import closed

from .references import without_formulas

FORMS = [
    (spec, field.name)
    for spec in (*NAMES, ("leaky_relu", 0.3), ("leaky_relu", -0.5))
    for field in fields(closed(activation(spec)))
    if getattr(closed(activation(spec)), field.name) is not None
]
Q = np.array([1e-4, 0.3, 1.0, 7.0])


def differences(spec, form: str, q: np.ndarray) -> np.ndarray:
    """Return the errors of a closed form, relative to what it is a part of."""
    exact, plain = activation(spec), without_formulas(spec)
    theory = pi.theory
    square, slopes = theory.second_moment(plain, q), theory.slope_moment(plain, q)
    c, other = np.array([-1.0, -0.6, 0.3, 0.95]), 2.5 * q[::-1]
    found = {
        "mean": lambda phi: theory.mean(phi, q) / np.sqrt(square),
        "second": lambda phi: theory.second_moment(phi, q) / square,
        "slope": lambda phi: np.array([theory.slope_moment(phi, q, k) for k in (1, 2, 3)]) / slopes,
        "pair": lambda phi: (
            theory.pair_moment(phi, q, other, c) / np.sqrt(square * theory.second_moment(plain, other))
        ),
        "slope_pair": lambda phi: theory.slope_pair_moment(phi, q, other, c) / slopes,
        "gap": lambda phi: theory.gap(phi, q, 1 - c) / square,
    }[form]
    return np.abs(found(exact) - found(plain))


@pytest.mark.parametrize(("spec", "form"), FORMS, ids=lambda value: str(value))
def test_closed_form_is_the_integral(spec, form: str) -> None:
    assert differences(spec, form, Q).max() < 1e-10


def test_which_activations_have_which_forms() -> None:
    complete = {spec for spec, form in FORMS if form == "pair"}
    assert complete == {
        "linear",
        "relu",
        "leaky_relu",
        "erf",
        "sin",
        ("leaky_relu", 0.3),
        ("leaky_relu", -0.5),
    }
    assert ("gelu", "second") in FORMS
    assert ("hardtanh", "slope") in FORMS


def test_an_activation_that_only_shares_a_name_has_none() -> None:
    mine = pi.Activation("relu", np.tanh, activation("tanh").slope)
    assert pi.theory.second_moment(mine, 1.0) == pytest.approx(0.394294, abs=1e-6)
    leaky = pi.Activation("leaky_relu", np.tanh, activation("tanh").slope, parameter=0.1)
    assert pi.theory.second_moment(leaky, 1.0) == pytest.approx(0.394294, abs=1e-6)


@pytest.mark.parametrize("wrong", [0.3001, 0.2999])
def test_the_check_notices_a_slope_of_another_leak(wrong: float) -> None:
    plain = float(pi.theory.second_moment(without_formulas(("leaky_relu", 0.3)), 1.0))
    assert abs(plain - float(pi.theory.second_moment(("leaky_relu", wrong), 1.0))) > 1e-6


def test_arc_cosine_kernels() -> None:
    """Cho and Saul 2009, eq. 5 and 6, at angles."""
    angle = np.array([0.0, 0.1, 1.0, 2.0, math.pi])
    c = np.cos(angle)
    first = (np.sin(angle) + (math.pi - angle) * c) / (2 * math.pi)
    np.testing.assert_allclose(pi.theory.pair_moment("relu", 1.0, 1.0, c), first, rtol=1e-12, atol=1e-15)
    zeroth = (math.pi - angle) / (2 * math.pi)
    np.testing.assert_allclose(pi.theory.slope_pair_moment("relu", 1.0, 1.0, c), zeroth, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["relu", "erf", "sin"])
@pytest.mark.parametrize("d", [1e-3, 1e-6, 1e-9, 1e-12])
def test_gaps_agree_as_c_goes_to_one(name: str, d: float) -> None:
    for q in (0.2, 9.0):
        plain = float(pi.theory.gap(without_formulas(name), q, d))
        assert math.isclose(float(pi.theory.gap(name, q, d)), plain, rel_tol=1e-9)


@pytest.mark.parametrize("name", ["linear", "relu", "erf", "sin", "hardtanh", "gelu"])
def test_extreme_variances_neither_warn_nor_fail(name: str) -> None:
    q = np.array([0.0, 1e-300, 1e-20, 1e20, 1e200])
    for values in (
        pi.theory.mean(name, q),
        pi.theory.second_moment(name, q),
        pi.theory.slope_moment(name, q),
    ):
        assert np.isfinite(values).all()
    assert pi.theory.second_moment(name, 0.0) == 0.0
