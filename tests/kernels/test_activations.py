"""Activations and slopes: float64 formulas, torch's kinks, limits, any length, every instruction set.

csrc/tests/activations.cpp measures their errors in ULP; here the module's own functions are checked.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from pyinit import _core

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
NEGATIVE_SLOPE = 0.1
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
CUBIC = 0.044715


def gelu_argument(x: Array) -> Array:
    return 2 * np.sqrt(2 / np.pi) * (x + CUBIC * x**3)


def gelu_tanh_slope(x: Array) -> Array:
    s = special.expit(gelu_argument(x))
    return s + x * s * (1 - s) * 2 * np.sqrt(2 / np.pi) * (1 + 3 * CUBIC * x**2)


def mish_slope(x: Array) -> Array:
    t = np.tanh(np.logaddexp(0, x))
    return t + x * (1 - t**2) * special.expit(x)


def silu_slope(x: Array) -> Array:
    s = special.expit(x)
    return s + x * s * (1 - s)


# value and slope
FORMULAS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "linear": (lambda x: x, np.ones_like),
    "relu": (lambda x: np.maximum(x, 0), lambda x: np.where(x > 0, 1.0, 0.0)),
    "leaky_relu": (
        lambda x: np.where(x > 0, x, NEGATIVE_SLOPE * x),
        lambda x: np.where(x > 0, 1.0, NEGATIVE_SLOPE),
    ),
    "elu": (
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.exp(np.minimum(x, 0)),
    ),
    "selu": (
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
        lambda x: SELU_SCALE * np.where(x > 0, 1, SELU_ALPHA * np.exp(np.minimum(x, 0))),
    ),
    "gelu": (
        lambda x: x * special.ndtr(x),
        lambda x: special.ndtr(x) + x * stats.norm.pdf(x),
    ),
    "gelu_tanh": (lambda x: x * special.expit(gelu_argument(x)), gelu_tanh_slope),
    "silu": (lambda x: x * special.expit(x), silu_slope),
    "mish": (lambda x: x * np.tanh(np.logaddexp(0, x)), mish_slope),
    "tanh": (np.tanh, lambda x: np.cosh(x) ** -2.0),
    "sigmoid": (special.expit, lambda x: special.expit(x) * special.expit(-x)),
    "hardtanh": (lambda x: np.clip(x, -1, 1), lambda x: np.where(np.abs(x) < 1, 1.0, 0.0)),
    "softplus": (lambda x: np.logaddexp(0, x), special.expit),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: (1 + np.abs(x)) ** -2.0),
    "erf": (special.erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2))),
    "sin": (np.sin, np.cos),
}
# at -infinity, at infinity
LIMITS = {
    "linear": (-np.inf, np.inf),
    "relu": (0, np.inf),
    "leaky_relu": (-np.inf, np.inf),
    "elu": (-1, np.inf),
    "selu": (np.float32(-SELU_SCALE * SELU_ALPHA), np.inf),
    "gelu": (0, np.inf),
    "gelu_tanh": (0, np.inf),
    "silu": (0, np.inf),
    "mish": (0, np.inf),
    "tanh": (-1, 1),
    "sigmoid": (0, 1),
    "hardtanh": (-1, 1),
    "softplus": (0, np.inf),
    "softsign": (-1, 1),
    "erf": (-1, 1),
    "sin": (np.nan, np.nan),
}
ODD = ["linear", "tanh", "hardtanh", "softsign", "erf", "sin"]
TWO_SLOPES = ["linear", "relu", "leaky_relu", "hardtanh"]

every_name = pytest.mark.parametrize("name", FORMULAS)


def activate(name: str, x: Floats) -> Floats:
    out = np.empty_like(x)
    _core.activate(name, NEGATIVE_SLOPE, x, out)
    return out


def slope(name: str, x: Floats) -> Floats:
    out = np.empty_like(x)
    _core.slope(name, NEGATIVE_SLOPE, x, out)
    return out


def arguments() -> Floats:
    """What layers see, down to subnormal numbers and up to 80, of both signs; kinks and zeros."""
    some = np.random.default_rng(0).normal(0, 2, 20_000)
    sizes = np.concatenate([2.0 ** np.linspace(-149, 6.3, 2_000), [0, 1]])
    return np.concatenate([some, sizes, -sizes]).astype(np.float32)


def every_size() -> Floats:
    """Float32 numbers of every exponent, infinite and NaN among them."""
    return np.arange(0, 2**32, 104_729, dtype=np.uint32).view(np.float32)


def disagreements(found: Floats, exact: Array) -> int:
    """How many are off by more than 2^-16 of their size, and by 2^-21 where a slope changes its sign.

    2^-16: gelu_tanh far out, where its argument's rounding counts a hundredfold.
    """
    near_zero = (np.abs(exact) > 1e-6) * 2.0**-21
    return int(np.sum(~(np.abs(found - exact) <= 2.0**-16 * np.abs(exact) + near_zero)))


@every_name
def test_formulas(name: str, isa: str) -> None:
    x = arguments()
    for made, formula in zip((activate, slope), FORMULAS[name], strict=True):
        exact = formula(x.astype(np.float64))
        # below, e^-|x| is subnormal
        counted = np.abs(exact) > 1e-34
        assert disagreements(made(name, x)[counted], exact[counted]) == 0


@every_name
def test_the_check_sees_an_error(name: str) -> None:
    """Mutant: an argument off by 1 part in 10^4."""
    x = arguments()
    exact = FORMULAS[name][0](x.astype(np.float64))
    mutant = activate(name, x * np.float32(1.0001))
    assert disagreements(mutant, exact) > 100


@every_name
def test_limits_and_nan(name: str, isa: str) -> None:
    ends = np.array([-np.inf, np.inf], np.float32)
    np.testing.assert_array_equal(activate(name, ends), np.array(LIMITS[name], np.float32))
    nothing = np.array([np.nan], np.float32)
    assert np.isnan(activate(name, nothing)).all()
    assert np.isnan(slope(name, nothing)).all() == (name not in TWO_SLOPES)
    if name != "sin":
        far = FORMULAS[name][1](np.array([-120.0, 120.0])) if name != "softsign" else np.zeros(2)
        np.testing.assert_array_equal(slope(name, ends), far.astype(np.float32))


@every_name
def test_same_bits_on_every_instruction_set(name: str, isa: str) -> None:
    x = np.concatenate([arguments(), every_size()])
    made = activate(name, x), slope(name, x)
    _core.use_isa("scalar")
    for found, expected in zip(made, (activate(name, x), slope(name, x)), strict=True):
        same = found.view(np.uint32) == expected.view(np.uint32)
        assert np.all(same | (np.isnan(found) & np.isnan(expected)))


@every_name
def test_any_length_and_in_place(name: str, isa: str) -> None:
    x = np.linspace(-3, 3, 131, dtype=np.float32)
    whole = activate(name, x)
    for count in (0, 1, 15, 16, 31, 33, 64, 130):
        guarded = np.full(count + 1, 7, np.float32)
        _core.activate(name, NEGATIVE_SLOPE, x[:count], guarded[:count])
        np.testing.assert_array_equal(guarded[:count], whole[:count])
        assert guarded[count] == 7
    _core.activate(name, NEGATIVE_SLOPE, x, x)
    np.testing.assert_array_equal(x, whole)


@pytest.mark.parametrize("name", ODD)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=40))
def test_odd(name: str, values: list[float]) -> None:
    x = np.array(values, np.float32)
    np.testing.assert_array_equal(activate(name, -x), -activate(name, x))


@every_name
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_finite_in_finite_out(name: str, values: list[float]) -> None:
    x = np.clip(np.array(values, np.float32), -3e38, 3e38)
    assert np.isfinite(activate(name, x)).all()
    assert np.isfinite(slope(name, x)).all()


@pytest.mark.interop
@every_name
def test_torch(name: str) -> None:
    """Values and the slopes of torch's backward pass, at the kinks too."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    functions = {
        "linear": lambda x: x * 1,
        "leaky_relu": lambda x: functional.leaky_relu(x, NEGATIVE_SLOPE),
        "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
        "erf": torch.erf,
        "sin": torch.sin,
    }
    function = functions.get(name) or getattr(functional, name)
    values = np.concatenate([np.linspace(-9, 9, 4001), [0.0, -0.0, 1.0, -1.0]]).astype(np.float32)
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    y = function(x)
    y.sum().backward()
    np.testing.assert_allclose(activate(name, values), y.detach().numpy(), rtol=4e-6, atol=1e-7)
    np.testing.assert_allclose(slope(name, values), x.grad.numpy(), rtol=4e-6, atol=1e-6)


def test_refusals() -> None:
    x = np.zeros(8, np.float32)
    for function in (_core.activate, _core.slope):
        with pytest.raises(ValueError, match="unknown activation swish2"):
            function("swish2", 0.0, x, x)
        with pytest.raises(ValueError, match="aligned and of one size"):
            function("tanh", 0.0, x, np.zeros(7, np.float32))
        with pytest.raises(ValueError, match="aligned and of one size"):
            function("tanh", 0.0, np.zeros(33, np.uint8)[1:].view(np.float32), x)
        with pytest.raises(TypeError, match="incompatible function arguments"):
            function("tanh", 0.0, np.zeros(8), x)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="incompatible function arguments"):
            function("tanh", 0.0, x, np.zeros(16, np.float32)[::2])
        frozen = x.copy()
        frozen.flags.writeable = False
        with pytest.raises(ValueError, match="not writeable"):
            function("tanh", 0.0, x, frozen)
