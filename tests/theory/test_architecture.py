"""Normalization, residual branches, torch's defaults and attention: formulas against real layers."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyinit as pi

theory = pi.theory


def test_known_factors() -> None:
    assert math.isclose(theory.batch_norm_gradient("relu"), math.pi / (math.pi - 1), rel_tol=1e-14)
    assert round(theory.batch_norm_gradient("relu"), 4) == 1.4669
    assert theory.batch_norm_gradient("linear") == 1.0
    # Poincare: never below 1
    assert all(theory.batch_norm_gradient(name) >= 1 for name in ("tanh", "gelu", "selu", "sigmoid", "sin"))
    assert theory.layer_norm_gradient("relu") == 1.0
    assert theory.layer_norm_gradient("selu") == pytest.approx(1.071575, abs=1e-6)


def normalized(z: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return z with mean 0 and variance 1 along an axis, and 1 / its standard deviation."""
    inverse = 1 / z.std(axis=axis, keepdims=True)
    return (z - z.mean(axis=axis, keepdims=True)) * inverse, inverse


def gradient_growth(axis: int, seed: int) -> float:
    """Return by what one layer multiplies a gradient's variance in a relu network, normalized along an axis.

    Widths and batch 256, 12 layers, the mean over the last 8 (earlier ones have not decorrelated the batch).
    """
    rng, size, layers = np.random.default_rng(seed), 256, 12
    a, saved = rng.standard_normal((size, size)), []
    for _ in range(layers):
        weights = rng.standard_normal((size, size)) * 0.3
        unit, inverse = normalized(a @ weights, axis)
        saved.append((weights, unit, inverse))
        a = np.maximum(unit, 0)
    gradient, sizes = rng.standard_normal(a.shape), []
    for weights, unit, inverse in reversed(saved):
        g = gradient * (unit > 0)
        projected = unit * (g * unit).mean(axis=axis, keepdims=True)
        gradient = (inverse * (g - g.mean(axis=axis, keepdims=True) - projected)) @ weights.T
        sizes.append(np.mean(gradient**2))
    return float((sizes[7] / sizes[0]) ** (1 / 7))


def test_real_batch_norm() -> None:
    """Within 3 %; relu's gain of 2 or none would be 30 % off."""
    found = np.mean([gradient_growth(0, seed) for seed in range(3)])
    assert abs(found / theory.batch_norm_gradient("relu") - 1) < 0.03


def test_real_layer_norm_is_told_apart() -> None:
    found = np.mean([gradient_growth(1, seed) for seed in range(3)])
    assert abs(found / theory.layer_norm_gradient("relu") - 1) < 0.03
    assert abs(found / theory.batch_norm_gradient("relu") - 1) > 0.03


def test_residual_blocks() -> None:
    doubled = theory.residual_variance("relu", 10, 0.5, sigma_w=math.sqrt(2))
    np.testing.assert_allclose(doubled, 0.5 * 2.0 ** np.arange(1, 11), rtol=1e-13)
    for depth in (1, 10, 1000):
        last = theory.residual_variance("relu", depth, sigma_w=math.sqrt(2), branch=depth**-0.5)[-1]
        assert math.isclose(last, (1 + 1 / depth) ** depth, rel_tol=1e-11)
        assert last < math.e
    assert theory.residual_gradient("relu", 3.0, sigma_w=math.sqrt(2), branch=0.5) == pytest.approx(1.25)
    tanh = theory.residual_variance("tanh", 2, sigma_w=1.2, sigma_b=0.3)
    first = 1 + float(theory.variance_map("tanh", 1.0, 1.2, 0.3))
    np.testing.assert_allclose(
        tanh, [first, first + theory.variance_map("tanh", first, 1.2, 0.3)], rtol=1e-13
    )


def residual_excess(branch: float, claimed: float) -> float:
    """Return how many standard errors 40 random relu residual networks of 6 blocks, width 200, are off."""
    rng, logs = np.random.default_rng(9), []
    for _ in range(40):
        x = rng.standard_normal(200)
        start = np.mean(x**2)
        for _ in range(6):
            x = x + branch * math.sqrt(2 / 200) * rng.standard_normal((200, 200)) @ np.maximum(x, 0)
        logs.append(math.log(np.mean(x**2) / start))
    expected = math.log(theory.residual_variance("relu", 6, sigma_w=math.sqrt(2), branch=claimed)[-1])
    middle = np.mean(logs) + np.var(logs) / 2
    return float(abs(middle - expected) / (np.std(logs) / math.sqrt(40)))


def test_real_residual_networks() -> None:
    assert residual_excess(1.0, 1.0) < 4
    assert residual_excess(6**-0.5, 6**-0.5) < 4


def test_a_branch_five_percent_larger_is_noticed() -> None:
    assert residual_excess(1.05, 1.0) > 4


def test_torch_defaults() -> None:
    found = theory.torch_linear([512] * 6)
    assert found.round(4).tolist() == [0.334, 0.0563, 0.01, 0.0023, 0.001]
    assert theory.torch_linear([512] * 60)[-1] == pytest.approx(2 / (5 * 512), rel=1e-12)


@pytest.mark.interop
def test_real_torch_defaults() -> None:
    """Five Linear(512, 512) with relu: 20 draws, within 4 standard errors; the floor of 600 units is not."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    measured = []
    with torch.no_grad():
        for _ in range(20):
            x, found = torch.randn(64, 512), []
            for _ in range(5):
                z = torch.nn.Linear(512, 512)(x)
                found.append(float((z**2).mean()))
                x = torch.relu(z)
            measured.append(found)
    error = np.std(measured, axis=0) / math.sqrt(20)
    assert (np.abs(np.mean(measured, axis=0) - theory.torch_linear([512] * 6)) < 4 * error).all()
    assert abs(np.mean(measured, axis=0) - theory.torch_linear([600] * 6))[-1] > 4 * error[-1]


def test_attention_logits() -> None:
    assert theory.attention_logit_variance(1.5, 0.5) == pytest.approx(0.5625)
    # Xavier on one (3 d, d) matrix: variance 2 / (4 d)
    d = 64
    std = pi.glorot_normal(layout="torch").plan((3 * d, d)).std * math.sqrt(d)
    assert theory.attention_logit_variance(std) == pytest.approx(0.25, rel=1e-6)
    rng = np.random.default_rng(0)
    logits = (rng.normal(0, std, (20_000, d)) * rng.normal(0, std, (20_000, d))).sum(axis=1) / math.sqrt(d)
    # 20,000 draws of nearly normal logits: 1 % in the variance, 5 sd
    assert abs(logits.var() / 0.25 - 1) < 5 * math.sqrt(2 / 20_000)
    assert abs(logits.var() / theory.attention_logit_variance(1.0) - 1) > 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: theory.batch_norm_gradient("swish"), r"^unknown activation 'swish'"),
        (
            lambda: theory.residual_variance("relu", 0, sigma_w=1.0),
            r"^depth must be a positive integer; got 0",
        ),
        (
            lambda: theory.residual_variance("relu", 2, sigma_w=1.0, branch=-1),
            r"^branch must be finite and at least",
        ),
        (
            lambda: theory.torch_linear([512, 512], -1),
            r"^mean_square must be finite and at least 0; got -1.0",
        ),
        (lambda: theory.attention_logit_variance(-1), r"^query_std must be finite and at least 0; got -1.0"),
        (
            lambda: theory.attention_logit_variance(1, math.nan),
            r"^key_std must be finite and at least 0; got nan",
        ),
    ],
)
def test_refusals(make, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()
