"""Gains: torch's table by name, and theory's table by quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import integrate, special

import pyinit as pi
from pyinit.theory.activation import NAMES

ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
# written from the definitions, apart from pyinit
FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "erf": special.erf,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * special.ndtr(x),
    "gelu_tanh": lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * special.expit(x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "softplus": lambda x: np.logaddexp(0, x),
    "softsign": lambda x: x / (1 + abs(x)),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "sin": np.sin,
}
# 1 / sqrt(E phi(z)^2), computed apart from pyinit
THEORY = {
    "tanh": 1.592537,
    "erf": 1.467167,
    "sigmoid": 1.846229,
    "relu": 1.414214,
    "elu": 1.245198,
    "selu": 1.0,
    "gelu": 1.533530,
    "gelu_tanh": 1.533581,
    "silu": 1.676532,
    "mish": 1.486848,
    "softplus": 1.041867,
    "softsign": 2.337533,
    "hardtanh": 1.392036,
    "sin": 1.520867,
}
# the numbers that torch.nn.init.calculate_gain gives names
TORCH = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": 1.4142135623730951,
    "leaky_relu": 1.4141428569978354,
    "selu": 0.75,
}
COMPUTED = sorted(set(NAMES) - set(TORCH))


def by_scipy(phi: Callable[[np.ndarray], np.ndarray]) -> float:
    """Return 1 / sqrt(E phi(z)^2) by the adaptive quadrature of SciPy, which estimates its error as 1e-10."""

    def density(z: float) -> float:
        return float(phi(np.float64(z))) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    moment, error = integrate.quad(density, -14, 14, points=(-1, 0, 1), epsabs=1e-13, epsrel=1e-12, limit=200)
    assert error < 1e-10
    return 1 / math.sqrt(moment)


@pytest.mark.parametrize(("name", "expected"), THEORY.items())
def test_callables_reproduce_the_table(name: str, expected: float) -> None:
    assert abs(pi.gain(FUNCTIONS[name]) - expected) < 1e-6


@pytest.mark.parametrize("name", COMPUTED)
def test_names_beyond_torch_are_computed(name: str) -> None:
    assert abs(pi.gain(name) - THEORY[name]) < 1e-6
    assert abs(pi.gain(name) - by_scipy(FUNCTIONS[name])) < 1e-9


def test_the_oracle_tells_functions_apart_that_are_almost_alike() -> None:
    gains = [by_scipy(FUNCTIONS[name]) for name in ("gelu", "gelu_tanh")]
    assert 1e-6 < abs(gains[0] - gains[1]) < 1e-3


@pytest.mark.parametrize(("name", "expected"), TORCH.items())
def test_names_of_torch_have_its_numbers(name: str, expected: float) -> None:
    assert pi.gain(name) == expected


def test_closed_forms() -> None:
    assert abs(pi.gain(FUNCTIONS["relu"]) - math.sqrt(2)) < 1e-12
    assert abs(pi.gain(np.sin) - 1 / math.sqrt((1 - math.exp(-2)) / 2)) < 1e-12
    assert abs(pi.gain(np.exp) - math.exp(-1)) < 1e-12
    assert abs(pi.gain(lambda x: x**5) - 1 / math.sqrt(945)) < 1e-12


@pytest.mark.parametrize("kink", [0.0, 0.3, math.pi / 7, -2.7182818, 0.501, 0.003, 1e-6])
def test_kinks_and_jumps_anywhere(kink: float) -> None:
    tail = math.erfc(kink / math.sqrt(2)) / 2
    assert abs(pi.gain(lambda x: np.heaviside(x - kink, 0.0)) - 1 / math.sqrt(tail)) < 1e-9
    density = math.exp(-kink * kink / 2) / math.sqrt(2 * math.pi)
    square = (1 + kink * kink) * tail - kink * density
    assert abs(pi.gain(lambda x: np.maximum(x - kink, 0.0)) - 1 / math.sqrt(square)) < 1e-9


def test_functions_of_one_float() -> None:
    assert pi.gain(lambda x: max(x, 0.0)) == pi.gain(FUNCTIONS["relu"])
    assert abs(pi.gain(math.tanh) - THEORY["tanh"]) < 1e-6


@pytest.mark.interop
@pytest.mark.parametrize("name", TORCH)
def test_names_are_torch(name: str) -> None:
    init = pytest.importorskip("torch.nn.init")
    assert pi.gain(name) == init.calculate_gain(name)


@pytest.mark.interop
def test_the_slope_of_leaky_relu() -> None:
    init = pytest.importorskip("torch.nn.init")
    assert pi.gain("leaky_relu", 0.2) == init.calculate_gain("leaky_relu", 0.2)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_functions_that_know_no_float64(kind: type) -> None:
    calls = []

    def relu(x):
        calls.append(np.size(x))
        return np.maximum(np.asarray(x, kind), kind(0)) * kind(0.7)

    assert pi.gain(relu) == pytest.approx(2**0.5 / 0.7, rel=4 * float(np.finfo(kind).eps))
    # no attempt to integrate the rounding errors
    assert sum(calls) < 100_000


NOISE = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("swish",), r"unknown activation 'swish'. Known are conv1d, .*tanh; or pass the function itself."),
        ((3,), r"gain needs a name or a callable; got 3"),
        (("relu", 0.1), r"only leaky_relu takes a param; got 0.1 for relu"),
        ((np.tanh, 0.1), r"only leaky_relu takes a param; got 0.1 with a callable"),
        (("leaky_relu", math.nan), r"leaky_relu's slope must be a number with a square; got nan. Use 0.01."),
        (("leaky_relu", "0.1"), r"leaky_relu's slope must be a number with a square; got '0.1'"),
        (("leaky_relu", 1e200), r"leaky_relu's slope must be a number with a square; got 1e\+200"),
        (
            (lambda x: NOISE.random(np.shape(x)),),
            r"always gives the same values; .* Leave out what is random",
        ),
        ((lambda x: 0 * x,), r"finite and above 0; .* has 0.0. Check the function."),
        ((np.log,), r"finite and above 0; .* has nan"),
        ((lambda x: x * 1j,), r"real values; got complex128"),
    ],
)
def test_refusals(arguments: tuple, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        pi.gain(*arguments)
