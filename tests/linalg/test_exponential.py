"""exp and log against decimal arithmetic: errors stated, ends, and bits that are nobody's but ours."""

from __future__ import annotations

import decimal
import hashlib
import math

import numpy as np
import pytest

from pyinit.linalg.exponential import exp, log

X = np.concatenate((np.random.default_rng(0).uniform(-745, 709, 1500), np.linspace(-1.5, 1.5, 1500)))
POSITIVE = np.concatenate((np.ldexp(1.0, np.arange(-1070, 1023, 7)) * 1.37, np.linspace(0.5, 12.0, 1500)))


def worst(found: np.ndarray, x: np.ndarray, function: str) -> float:
    """Return the largest error, in ULP of the exact value."""
    with decimal.localcontext(decimal.Context(prec=60)):
        exact = [getattr(decimal.Decimal(value), function)() for value in x.tolist()]
        return max(
            float(abs(decimal.Decimal(ours) - value) / decimal.Decimal(math.ulp(float(value))))
            for ours, value in zip(found.tolist(), exact, strict=True)
        )


def test_errors() -> None:
    normal = X[X > -708]
    assert worst(exp(normal), normal, "exp") < 2.0
    assert worst(log(POSITIVE), POSITIVE, "ln") < 2.0


def test_the_measure_of_errors_can_fail() -> None:
    x = np.linspace(0.5, 1.0, 20)
    assert worst(exp(x) * (1 + 2.0**-50), x, "exp") > 2.0


def test_ends() -> None:
    assert exp(np.array([-np.inf, -750.0, 0.0, 710.0, np.inf])).tolist() == [0.0, 0.0, 1.0, np.inf, np.inf]
    assert np.isnan(exp(np.array([np.nan]))).all()
    assert log(np.array([1.0])).tolist() == [0.0]
    assert log(np.array([10.0]))[0] == pytest.approx(math.log(10), rel=1e-15)


def test_bits_are_frozen() -> None:
    # equal on every machine, as no step depends on one
    grid = np.arange(-4096, 4096) / 256.0
    digest = hashlib.sha256(exp(grid).tobytes() + log((np.arange(4096) + 1) / 64.0).tobytes()).hexdigest()
    assert digest[:16] == "78ea4cd30f315753"
