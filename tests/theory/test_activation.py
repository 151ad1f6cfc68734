"""Activations: values, slopes and curvatures against mpmath and torch; kinks, far arguments, refusals."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import pyinit as pi
from pyinit.theory.activation import NAMES, activation

SELU_ALPHA, SELU_SCALE = mpmath.mpf("1.6732632423543772"), mpmath.mpf("1.0507009873554805")


def gelu_tanh(x: mpmath.mpf) -> mpmath.mpf:
    return x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3)))


# the definitions, in as many digits as asked
EXACT = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "leaky_relu": lambda x: x if x > 0 else x * mpmath.mpf(0.01),
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "selu": lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mpmath.expm1(x)),
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "gelu_tanh": gelu_tanh,
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "hardtanh": lambda x: min(max(x, mpmath.mpf(-1)), mpmath.mpf(1)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "erf": mpmath.erf,
    "sin": mpmath.sin,
}
POINTS = [-30.0, -8.25, -2.5, -1.125, -0.75, -1e-3, 1e-5, 0.3, 0.875, 1.5, 4.0, 12.5, 40.0]


def test_every_name_is_checked() -> None:
    assert set(EXACT) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_values_slopes_and_curvatures(name: str) -> None:
    found, x = activation(name), np.array(POINTS)
    functions = [found.value, found.slope, *([found.curvature] if found.curvature else [])]
    with mpmath.workdps(60):
        for order, function in enumerate(functions):
            exact = [float(mpmath.diff(EXACT[name], mpmath.mpf(point), order, h=1e-15)) for point in POINTS]
            # absolute where a curve crosses zero between the points
            np.testing.assert_allclose(function(x), exact, rtol=2e-13, atol=1e-15, err_msg=f"{order}")


@pytest.mark.parametrize("name", NAMES)
def test_the_check_notices_a_slope_wrong_by_a_millionth(name: str) -> None:
    found, x = activation(name), np.array(POINTS)
    with mpmath.workdps(60):
        exact = [float(mpmath.diff(EXACT[name], mpmath.mpf(point), 1, h=1e-15)) for point in POINTS]
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found.slope(x) * (1 + 1e-6), exact, rtol=2e-13, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_far_arguments_neither_overflow_nor_warn(name: str) -> None:
    found = activation(name)
    x = np.array([-1e308, -1e155, -1e100, -750.0, 0.0, 750.0, 1e100, 1e155, 1e308])
    for function in (found.value, found.slope, found.curvature):
        if function is not None:
            assert np.isfinite(function(x)).all()
            assert function(x).shape == x.shape
            assert function(x.reshape(3, 3)).dtype == np.float64
            assert function(np.float64(0.5) * np.ones(())).shape == ()


@pytest.mark.parametrize("name", NAMES)
def test_kinks_are_where_it_is_not_smooth(name: str) -> None:
    """The slope's second difference over 1e-2 stays below 1.5e-3 where it is smooth, and only there."""
    found, h = activation(name), 1e-2
    x = np.arange(-400, 401) / 100 + h / 2
    second = found.slope(x + h) - 2 * found.slope(x) + found.slope(x - h)
    rough = x[np.abs(second) > 1.5e-3]
    assert all(min(abs(at - kink) for kink in found.kinks) < 2 * h for at in rough)
    assert all(min(abs(at - kink) for at in rough) < 2 * h for kink in found.kinks)


TORCH = {
    "linear": "Identity",
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "selu": "SELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "hardtanh": "Hardtanh",
    "softplus": "Softplus",
    "softsign": "Softsign",
}


@pytest.mark.interop
@pytest.mark.parametrize("name", NAMES)
def test_values_and_slopes_of_torch_kinks_included(name: str) -> None:
    torch = pytest.importorskip("torch")
    if name in TORCH:
        function = getattr(torch.nn, TORCH[name])()
    else:
        function = {"erf": torch.erf, "sin": torch.sin, "gelu_tanh": torch.nn.GELU("tanh")}[name]
    x = torch.tensor([*POINTS, -1.0, 0.0, 1.0], dtype=torch.float64, requires_grad=True)
    y = function(x)
    y.sum().backward()
    found = activation(name)
    # softplus of torch is linear above 20
    np.testing.assert_allclose(found.value(x.detach().numpy()), y.detach().numpy(), rtol=1e-13, atol=3e-9)
    np.testing.assert_allclose(found.slope(x.detach().numpy()), x.grad.numpy(), rtol=1e-13, atol=3e-9)


def test_names_pairs_and_activations() -> None:
    assert activation("tanh") is activation("tanh")
    assert activation("leaky_relu") is activation(("leaky_relu", 0.01))
    assert activation(["leaky_relu", 0.2]).parameter == 0.2
    assert activation(activation("gelu")) is activation("gelu")
    assert activation("leaky_relu").slope(np.array([-1.0, 0.0, 1.0])).tolist() == [0.01, 0.01, 1.0]
    np.testing.assert_array_equal(activation("relu")([[-1, 2]]), [[0.0, 2.0]])


@pytest.mark.parametrize(
    "function", [np.tanh, math.tanh, lambda x: np.tanh(x)], ids=["ufunc", "float", "lambda"]
)
def test_functions_are_differentiated(function) -> None:
    found, x = activation(function), np.array(POINTS)
    np.testing.assert_allclose(found.value(x), np.tanh(x), rtol=1e-15)
    np.testing.assert_allclose(found.slope(x), activation("tanh").slope(x), rtol=1e-9, atol=1e-9)
    assert found.name in ("tanh", "<lambda>")


def test_differences_stay_on_one_side_of_a_kink() -> None:
    near = np.array([-1e-9, 1e-9, 2.0])
    np.testing.assert_allclose(
        activation(lambda x: np.maximum(x, 0), kinks=(0.0,)).slope(near), [0, 1, 1], atol=1e-6
    )
    assert activation(lambda x: np.maximum(x, 0)).slope(near)[0] == pytest.approx(0.5, abs=1e-3)


def test_a_supplied_slope_is_taken() -> None:
    found = activation(np.square, slope=lambda x: 2 * x)
    assert found.slope(np.array([3.0])).tolist() == [6.0]
    assert found.precision == 0.0


@pytest.mark.parametrize("function", [np.sqrt, np.log, np.exp], ids=["sqrt", "log", "exp"])
def test_functions_are_not_finite_in_silence(function) -> None:
    found, x = activation(function), np.array([-1.0, 0.0, 4.0, 1e4, 1e308, math.inf, math.nan])
    with np.errstate(all="ignore"):
        expected = function(x)
    np.testing.assert_array_equal(found.value(x), expected)
    assert math.isfinite(found.slope(x)[2])
    # where warnings are errors
    assert pi.probe(pi.mlp([8, 8, 1], function), np.eye(8), key=0).rows == 8


def test_functions_of_float32() -> None:
    found = activation(lambda x: np.tanh(x.astype(np.float32)))
    np.testing.assert_allclose(found.slope(np.array([0.3])), 1 - math.tanh(0.3) ** 2, rtol=1e-4)
    assert 1e-5 < found.precision < 1e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: activation("swish"),
            r"^unknown activation 'swish'. Known are elu, .*; or pass the function",
        ),
        (
            lambda: activation(("relu", 0.1)),
            r"^only leaky_relu takes a parameter; got 0.1 for relu. Leave it",
        ),
        (lambda: activation(("leaky_relu", math.inf)), r"slope must be a number with a square; got inf"),
        (
            lambda: activation(3),
            r'^an activation is a name, \("leaky_relu", slope\), .*; got 3. Write "tanh"',
        ),
        (lambda: activation(("relu",)), r"^an activation is a name, .*; got \('relu',\)"),
        (lambda: activation(None), r"^an activation is a name, .*; got None"),
        (
            lambda: activation("tanh", kinks=(1.0,)),
            r"^a slope and kinks go with a function; got them with 'tanh'",
        ),
        (
            lambda: activation(np.tanh, kinks=(math.nan,)),
            r"^kinks are finite numbers; got \(nan,\). List where",
        ),
        (
            lambda: activation(lambda x: x * 1j),
            r"^an activation needs real values; got complex128 from <func",
        ),
    ],
)
def test_refusals(make, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()
