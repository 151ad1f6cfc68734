"""Where activations are flat, and from which share on a layer is saturated."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyinit as pi
from pyinit import _core
from pyinit.lab.probe.measure.saturation import flat_ends, flat_share
from pyinit.theory.activation import activation


def test_hardtanh_is_healthy_on_standardized_data() -> None:
    x = np.random.default_rng(0).normal(size=(256, 32))
    report = pi.probe(pi.mlp([32] * 6, "hardtanh"), x)
    assert report.verdict.kind == "healthy"
    # 32 units draw their variances, so that the share has an sd of 0.0115 over keys, and is 0.006 lower
    assert report.layers[0].moments["pre-activation"].saturated == pytest.approx(
        0.317 - 0.006, abs=4 * 0.0115
    )
    assert pi.probe(pi.mlp([32] * 6, "hardtanh", pi.normal()), x).verdict.kind == "saturated"
    assert flat_share(activation("hardtanh"), 1.0) == pytest.approx(0.3173, abs=1e-4)
    assert flat_share(activation("relu"), 1.0) == flat_share(activation("tanh"), 0.0) == 0.0


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("tanh", math.atanh(math.sqrt(0.95))),
        ("erf", math.sqrt(math.log(20.0))),
        ("sigmoid", 2 * math.atanh(math.sqrt(0.95))),
        ("softsign", math.sqrt(20.0) - 1.0),
        ("hardtanh", 1.0),
        ("relu", math.inf),
        ("linear", math.inf),
        ("gelu", math.inf),
        ("softplus", math.inf),
        ("sin", math.inf),
    ],
)
def test_where_activations_are_flat(name: str, end: float) -> None:
    ends = flat_ends(activation(name))
    # a slope of float32 is known to 1e-7, the place where it is so small to less
    assert ends == pytest.approx((-end, end), rel=1e-5)
    assert all(float(np.float32(one)) == one for one in ends)


@pytest.mark.parametrize("name", ["tanh", "erf", "sigmoid", "softsign", "hardtanh"])
def test_ends_are_the_same_on_every_instruction_set(name: str) -> None:
    before = _core.use_isa("scalar")
    found = set()
    try:
        for isa in _core.available_isas():
            _core.use_isa(isa)
            flat_ends.cache_clear()
            found.add(flat_ends(activation(name)))
    finally:
        _core.use_isa(before)
        flat_ends.cache_clear()
    assert len(found) == 1


def test_where_a_function_is_flat() -> None:
    low, high = flat_ends(activation(lambda x: np.arctan(x - 1.0)))
    assert (low, high) == pytest.approx((1.0 - math.sqrt(19.0), 1.0 + math.sqrt(19.0)), rel=1e-4)


@pytest.mark.parametrize("value", [math.nan, math.inf], ids=str)
def test_a_function_without_slopes_is_flat_nowhere(value: float) -> None:
    def phi(x: np.ndarray) -> np.ndarray:
        return np.full_like(x, value)

    assert flat_ends(activation(phi)) == (-math.inf, math.inf)
    report = pi.probe(pi.mlp([3, 3, 3], phi), np.ones((5, 3), np.float32))
    assert report.layers[0].moments["activation"].count == 0
