"""The gradients of the probe's layer: whole numbers, float64 differences, torch, band by band."""

from __future__ import annotations

import numpy as np
import pytest

from pyinit.linalg.statistics import LogAxis, Question, statistics
from pyinit.theory.activation import activation

from .single_layer import backward, forward

LOG = Question(LogAxis(-20, 6, 1))


def drawn(shape: tuple[int, ...], seed: int = 0, scale: float = 1.0) -> np.ndarray:
    return np.float32(scale) * np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def test_whole_numbers_are_exact() -> None:
    generator = np.random.default_rng(5)
    x, w, b, dy = (generator.integers(-8, 9, shape) for shape in ((70, 300), (300, 90), (90,), (70, 90)))
    z = x @ w + b
    dz = np.where(z > 0, dy, 0)
    x32, w32, dy32 = (v.astype(np.float32) for v in (x, w, dy))
    got = forward(x32, w32, "relu", bias=b.astype(np.float32), keep_z=True, ask_z=Question())
    assert got.z is not None
    assert got.of_z is not None
    np.testing.assert_array_equal(got.z, z)
    np.testing.assert_array_equal(got.y, np.maximum(z, 0))
    assert got.of_z.mean == pytest.approx(z.mean(), rel=1e-14)
    back = backward(x32, w32, "relu", got.z, dy32)
    for made, expected in zip(back[:4], (dz, dz @ w.T, x.T @ dz, dz.sum(axis=0)), strict=True):
        np.testing.assert_array_equal(made, expected)


def relative_gap(made: np.ndarray, true: np.ndarray) -> float:
    return float(np.abs(made - true).max() / np.abs(true).max())


# of the largest gradient: float32's rounding over these sizes stays near 1e-6
GRADIENT = 1e-5


@pytest.mark.parametrize("name", ["tanh", "gelu", "silu", "softplus", "sin"])
def test_gradients_are_those_of_float64_differences(name: str) -> None:
    x, w, b, weights = drawn((12, 9)), drawn((9, 7), 1), drawn((7,), 2), drawn((12, 7), 3)
    phi = activation(name)

    def loss(at: list[np.ndarray]) -> float:
        return float((phi(at[0] @ at[1] + at[2]) * weights).sum())

    wide = [v.astype(np.float64) for v in (x, w, b)]
    got = forward(x, w, name, bias=b, keep_z=True)
    assert got.z is not None
    back = backward(x, w, name, got.z, weights)
    step = 1e-5
    for place, made in enumerate((back.dx, back.dw, back.db)):
        true = np.empty(wide[place].shape)
        for index in np.ndindex(*true.shape):
            ends = []
            for sign in (1, -1):
                at = [v.copy() for v in wide]
                at[place][index] += sign * step
                ends.append(loss(at))
            true[index] = (ends[0] - ends[1]) / (2 * step)
        assert made is not None
        assert relative_gap(made, true) < GRADIENT
        # mutant: one element off by a thousandth of the largest
        wrong = made.copy()
        wrong.reshape(-1)[0] += np.float32(1e-3) * np.abs(made).max()
        assert relative_gap(wrong, true) > GRADIENT


@pytest.mark.interop
@pytest.mark.parametrize(
    "name",
    ["relu", "elu", "selu", "gelu", "silu", "mish", "tanh", "sigmoid", "hardtanh", "softplus", "softsign"],
)
def test_gradients_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    x, w, b, dy = drawn((40, 30)), drawn((30, 50), 1, 0.3), drawn((50,), 2), drawn((40, 50), 3)
    leaves = [torch.tensor(v, requires_grad=True) for v in (x, w, b)]
    y = getattr(torch.nn.functional, name)(leaves[0] @ leaves[1] + leaves[2])
    y.backward(torch.tensor(dy))
    got = forward(x, w, name, bias=b, keep_z=True)
    assert got.z is not None
    back = backward(x, w, name, got.z, dy)
    assert relative_gap(got.y, y.detach().numpy()) < GRADIENT
    for made, leaf in zip((back.dx, back.dw, back.db), leaves, strict=True):
        assert relative_gap(made, leaf.grad.numpy()) < GRADIENT


def test_a_weight_gradient_taken_band_by_band() -> None:
    # bands hold 2^22 numbers: here three of them
    x, z = drawn((3, 3000)), drawn((3, 4100), 1)
    weight = drawn((3000, 4100), 2)
    kept = backward(x, weight, "linear", z, z)
    lost = backward(x, weight, "linear", z, z, want_dx=False, keep_dw=False, ask_dw=LOG)
    assert kept.dw is not None
    assert lost.dx is None
    assert lost.of_dw == statistics(kept.dw, LOG)
