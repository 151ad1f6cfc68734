"""The activations' formulas in float64: values, slopes and curvatures, safe for any finite argument.

What saturates is written with n = exp(-|x|), so that nothing overflows and small tails keep their digits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__: list[str] = []

Array = npt.NDArray[np.float64]

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
# where exp(-x^2 / 2) has long been 0, and x^3 is far from overflow
_FAR = 40.0
_GELU_CUBIC = 0.044715


def linear(x: Array) -> Array:
    return x


def linear_slope(x: Array) -> Array:
    return np.ones_like(x)


def zero(x: Array) -> Array:
    return np.zeros_like(x)


def relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def relu_slope(x: Array) -> Array:
    return np.where(x > 0, 1.0, 0.0)


def elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


def elu_slope(x: Array) -> Array:
    return np.exp(np.minimum(x, 0.0))


def elu_curvature(x: Array) -> Array:
    return np.where(x > 0, 0.0, elu_slope(x))


def selu(x: Array) -> Array:
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0.0)))


def selu_slope(x: Array) -> Array:
    return SELU_SCALE * np.where(x > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(x, 0.0)))


def sigmoid(x: Array) -> Array:
    n = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, n) / (1.0 + n)


def sigmoid_slope(x: Array) -> Array:
    return sigmoid(x) * sigmoid(-x)


def sigmoid_curvature(x: Array) -> Array:
    return -sigmoid_slope(x) * np.tanh(x / 2)


def tanh_slope(x: Array) -> Array:
    n = np.exp(-2.0 * np.minimum(np.abs(x), 500.0))
    result: Array = 4.0 * n / (1.0 + n) ** 2
    return result


def tanh_curvature(x: Array) -> Array:
    return -2.0 * np.tanh(x) * tanh_slope(x)


def softplus(x: Array) -> Array:
    result: Array = np.logaddexp(x, 0.0)
    return result


def silu(x: Array) -> Array:
    return x * sigmoid(x)


def silu_slope(x: Array) -> Array:
    return sigmoid(x) * (1.0 + x * sigmoid(-x))


def silu_curvature(x: Array) -> Array:
    return sigmoid_slope(x) * (2.0 - x * np.tanh(x / 2))


def _tanh_softplus(x: Array) -> tuple[Array, Array]:
    """Return t = tanh(softplus(x)) and 1 - t: rational in exp(x)."""
    n = np.exp(-np.abs(x))
    above = 1.0 + 2.0 * n + 2.0 * n * n
    below = n * n + 2.0 * n + 2.0
    t = np.where(x >= 0, (1.0 + 2.0 * n) / above, (n * n + 2.0 * n) / below)
    return t, np.where(x >= 0, 2.0 * n * n / above, 2.0 / below)


def mish(x: Array) -> Array:
    return x * _tanh_softplus(x)[0]


def mish_slope(x: Array) -> Array:
    t, rest = _tanh_softplus(x)
    return t + x * sigmoid(x) * rest * (1.0 + t)


def mish_curvature(x: Array) -> Array:
    t, rest = _tanh_softplus(x)
    s = sigmoid(x)
    first = s * rest * (1.0 + t)
    second = first * (sigmoid(-x) - 2.0 * t * s)
    return 2.0 * first + x * second


def hardtanh(x: Array) -> Array:
    return np.clip(x, -1.0, 1.0)


def hardtanh_slope(x: Array) -> Array:
    return np.where(np.abs(x) < 1.0, 1.0, 0.0)


def softsign(x: Array) -> Array:
    return x / (1.0 + np.abs(x))


def softsign_slope(x: Array) -> Array:
    result: Array = (1.0 / (1.0 + np.abs(x))) ** 2
    return result


def softsign_curvature(x: Array) -> Array:
    return -2.0 * np.sign(x) * (1.0 / (1.0 + np.abs(x))) ** 3


def sin_curvature(x: Array) -> Array:
    return -np.sin(x)


def _on_floats(function: Any, x: Array) -> Array:
    # a map over floats takes half of np.vectorize's time
    flat = np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size)
    return flat.reshape(x.shape)


def erf(x: Array) -> Array:
    return _on_floats(math.erf, x)


def erf_slope(x: Array) -> Array:
    near = np.clip(x, -_FAR, _FAR)
    result: Array = 2.0 / math.sqrt(math.pi) * np.exp(-near * near)
    return result


def erf_curvature(x: Array) -> Array:
    return -2.0 * np.clip(x, -_FAR, _FAR) * erf_slope(x)


def _normal_density(x: Array) -> Array:
    near = np.clip(x, -_FAR, _FAR)
    result: Array = np.exp(-near * near / 2.0) / math.sqrt(2.0 * math.pi)
    return result


def _normal_distribution(x: Array) -> Array:
    # erfc keeps the digits of the lower tail, which 1 + erf loses
    return _on_floats(math.erfc, x / -math.sqrt(2.0)) / 2.0


def gelu(x: Array) -> Array:
    return x * _normal_distribution(x)


def gelu_slope(x: Array) -> Array:
    return _normal_distribution(x) + x * _normal_density(x)


def gelu_curvature(x: Array) -> Array:
    near = np.clip(x, -_FAR, _FAR)
    return _normal_density(x) * (2.0 - near * near)


def _gelu_tanh_exponent(x: Array) -> tuple[Array, Array, Array]:
    """Return w with (1 + tanh(w / 2)) / 2 = sigmoid(w), and its two derivatives."""
    near = np.clip(x, -_FAR, _FAR)
    scale = 2.0 * math.sqrt(2.0 / math.pi)
    w = scale * (near + _GELU_CUBIC * near**3)
    return w, scale * (1.0 + 3.0 * _GELU_CUBIC * near * near), scale * 6.0 * _GELU_CUBIC * near


def gelu_tanh(x: Array) -> Array:
    return x * sigmoid(_gelu_tanh_exponent(x)[0])


def gelu_tanh_slope(x: Array) -> Array:
    w, first, _ = _gelu_tanh_exponent(x)
    return sigmoid(w) + x * sigmoid_slope(w) * first


def gelu_tanh_curvature(x: Array) -> Array:
    w, first, second = _gelu_tanh_exponent(x)
    return 2.0 * sigmoid_slope(w) * first + x * (sigmoid_curvature(w) * first**2 + sigmoid_slope(w) * second)
