"""Batch and layer normalization: torch's numbers, and finite differences."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

import pyinit as pi
from pyinit.linalg.normalization import EPSILON, normalize

Z = np.random.default_rng(0).normal(3.0, 2.0, (6, 4))
GRADIENT = np.random.default_rng(1).normal(size=(6, 4))


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_values_and_gradient(norm: Literal["batch", "layer"]) -> None:
    made = normalize(Z, norm)
    axis = 0 if norm == "batch" else 1
    assert np.abs(made.values.mean(axis)).max() < 1e-14
    variance = Z.var(axis)
    np.testing.assert_allclose(made.values.var(axis), variance / (variance + EPSILON), rtol=1e-12)
    gradient = made.backward(GRADIENT)
    step = 1e-6
    for at in np.ndindex(Z.shape):
        up, down = Z.copy(), Z.copy()
        up[at] += step
        down[at] -= step
        difference = ((normalize(up, norm).values - normalize(down, norm).values) * GRADIENT).sum() / (
            2 * step
        )
        assert gradient[at] == pytest.approx(difference, rel=1e-5, abs=1e-8)


@pytest.mark.interop
@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_equals_torch(norm: Literal["batch", "layer"]) -> None:
    torch = pytest.importorskip("torch")
    z = torch.tensor(Z.astype(np.float32), requires_grad=True)
    module = torch.nn.BatchNorm1d(4) if norm == "batch" else torch.nn.LayerNorm(4)
    out = module(z)
    out.backward(torch.tensor(GRADIENT.astype(np.float32)))
    made = normalize(Z.astype(np.float32), norm)
    assert made.values.dtype == np.float32
    np.testing.assert_allclose(made.values, out.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        made.backward(GRADIENT.astype(np.float32)), z.grad.numpy(), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize("scale", [1e19, 1e30, 1e37])
def test_squares_beyond_float32_are_no_infinity(norm: Literal["batch", "layer"], scale: float) -> None:
    z = Z.astype(np.float32)
    large = normalize(z * np.float32(scale), norm)
    np.testing.assert_allclose(large.values, normalize(z * np.float32(1e3), norm).values, rtol=2e-4)
    report = pi.probe(pi.mlp([4, 8, 8, 1], "tanh", pi.normal(std=scale), norm=norm), Z)
    assert all(layer.moments["activation"].variance > 0.1 for layer in report.layers[:-1])
    assert report.layers[0].verdict.kind != "dead"


def test_constants_become_zero() -> None:
    made = normalize(np.full((3, 2), 7.0, np.float32), "batch")
    assert (made.values == 0).all()
    assert np.isfinite(made.backward(np.ones((3, 2), np.float32))).all()
