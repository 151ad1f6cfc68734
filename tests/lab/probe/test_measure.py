"""What a probe measures is what torch computes, whichever path a layer takes, on any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.network.loss import LOSSES
from pyinit.lab.network.network import Network

X = np.random.default_rng(3).normal(0.5, 1.0, (64, 12)).astype(np.float32)
CLASSES = np.random.default_rng(4).integers(0, 5, 64)
NUMBERS = np.random.default_rng(5).normal(size=(64, 5))
KINDS = ("pre-activation", "activation", "gradient", "weight", "weight gradient")


def torch_run(network: Network, targets: np.ndarray | None, loss: str) -> dict[tuple[int, str], np.ndarray]:
    """Return every matrix of a run in torch, in float64."""
    torch = pytest.importorskip("torch")
    functions = torch.nn.functional
    drawn = {name: torch.tensor(value.astype(np.float64)) for name, value in network.init(key=0).items()}
    found: dict[tuple[int, str], Any] = {}
    y, stream = torch.tensor(X.astype(np.float64)), None
    for at, layer in enumerate(network.layers):
        weight = drawn[f"layers.{at}.weight"].requires_grad_()
        bias = drawn.get(f"layers.{at}.bias", torch.zeros(layer.units, dtype=torch.float64))
        z = y @ weight + bias
        if layer.branch is not None:
            z = stream + layer.branch * z
        stream = z
        if layer.norm == "batch":
            z = functions.batch_norm(z, None, None, training=True)
        elif layer.norm == "layer":
            z = functions.layer_norm(z, (layer.units,))
        z.retain_grad()
        name = layer.activation.name
        y = z if name == "linear" else getattr(functions, name, None) or getattr(torch, name)
        y = z if name == "linear" else y(z)
        found |= {(at, "pre-activation"): z, (at, "activation"): y, (at, "weight"): weight}
    if targets is None:
        y.sum().backward()
    elif loss == "mse":
        functions.mse_loss(y, torch.tensor(targets)).backward()
    else:
        functions.cross_entropy(y, torch.tensor(targets)).backward()
    made = {key: value.detach().numpy() for key, value in found.items()}
    for at in range(len(network.layers)):
        made[at, "gradient"] = found[at, "pre-activation"].grad.numpy()
        made[at, "weight gradient"] = found[at, "weight"].grad.numpy()
    return made


@pytest.mark.interop
@pytest.mark.parametrize(
    ("options", "targets", "loss"),
    [
        ({"activation": "tanh", "bias": pi.normal(std=0.1)}, None, "sum"),
        ({"activation": "relu"}, NUMBERS, "mse"),
        ({"activation": "gelu", "bias": pi.uniform(-1, 1)}, CLASSES, "cross_entropy"),
        ({"activation": "relu", "norm": "batch"}, NUMBERS, "mse"),
        ({"activation": "silu", "norm": "layer", "bias": pi.normal()}, CLASSES, "cross_entropy"),
        ({"activation": "softplus", "residual": True}, None, "sum"),
        ({"activation": "tanh", "residual": "scaled", "norm": "batch"}, NUMBERS, "mse"),
        ({"activation": "mish", "residual": True, "norm": "layer"}, CLASSES, "cross_entropy"),
    ],
    ids=str,
)
def test_equals_torch(options: dict[str, Any], targets: np.ndarray | None, loss: str) -> None:
    network = pi.mlp([12, 20, 20, 20, 5], recipe=pi.glorot_normal(), **options)
    report = pi.probe(network, X, key=0, targets=targets)
    theirs = torch_run(network, targets, loss)
    for at, layer in enumerate(report.layers):
        assert tuple(layer.moments) == (
            "pre-activation",
            "activation",
            "weight",
            "gradient",
            "weight gradient",
        )
        for kind in KINDS:
            moments, matrix = layer.moments[kind], theirs[at, kind]
            scale = np.abs(matrix).max()
            # normalization divides what rounding left of a difference
            assert moments.count == matrix.size
            assert moments.mean == pytest.approx(matrix.mean(), abs=1e-5 * scale)
            assert moments.second_moment == pytest.approx(np.square(matrix).mean(), rel=1e-4)
            assert moments.minimum == pytest.approx(matrix.min(), abs=1e-5 * scale)
            assert moments.maximum == pytest.approx(matrix.max(), abs=1e-5 * scale)
    if targets is not None:
        assert report.loss == pytest.approx(LOSSES[loss](theirs[3, "activation"], targets)[0], rel=1e-5)
    else:
        assert report.loss is None


@pytest.mark.parametrize("options", [{}, {"norm": "layer"}, {"residual": True}], ids=str)
def test_functions_take_the_other_path_to_the_same_numbers(options: dict[str, Any]) -> None:
    """A function of NumPy is not fused; the registry's is, without norms and skips."""

    def tanh(x: np.ndarray) -> np.ndarray:
        return np.tanh(x)

    widths = [12, 20, 20, 20, 5]
    fused = pi.probe(pi.mlp(widths, "tanh", pi.he_normal(), pi.normal(std=0.1), **options), X)
    plain = pi.probe(pi.mlp(widths, tanh, pi.he_normal(), pi.normal(std=0.1), **options), X)
    for ours, theirs in zip(fused.layers, plain.layers, strict=True):
        for kind in KINDS:
            one, other = ours.moments[kind], theirs.moments[kind]
            assert one.second_moment == pytest.approx(other.second_moment, rel=1e-4)
            assert one.mean == pytest.approx(other.mean, abs=1e-5 * one.second_moment**0.5)
            assert one.dead == other.dead
        for kind in theirs.predictions:
            assert theirs.predictions[kind].second_moment == pytest.approx(
                ours.predictions[kind].second_moment, rel=1e-4
            )


@pytest.mark.parametrize("options", [{}, {"norm": "batch"}, {"residual": True, "norm": "layer"}], ids=str)
def test_bits_do_not_depend_on_threads(options: dict[str, Any]) -> None:
    network = pi.mlp([200, 300, 300, 300, 10], "gelu", pi.he_normal(), **options)
    x = pi.normal()((300, 200), key=1)
    alone = pi.probe(network, x, threads=1)
    assert pi.probe(network, x, threads=3) == alone


def test_large_weights_are_drawn_on_the_way() -> None:
    """Weights beyond 2^20 numbers never exist as a whole; what is measured is the same."""
    wide = pi.mlp([1100, 1000, 1], "relu", pi.he_normal())
    x = pi.normal()((8, 1100), key=1)
    drawn = wide.init(key=0)["layers.0.weight"]
    given = pi.probe([pi.Dense(1100, 1000, "relu", drawn), wide.layers[1]], x)
    found = pi.probe(wide, x)
    first, other = found.layers[0].moments, given.layers[0].moments
    assert drawn.size > 1 << 20
    for kind in ("pre-activation", "gradient", "weight"):
        assert (first[kind].mean, first[kind].variance) == (other[kind].mean, other[kind].variance)
    assert first["weight gradient"] == other["weight gradient"]
    assert first["weight"].minimum == drawn.min()


def test_forward_alone_leaves_gradients_out() -> None:
    network = pi.mlp([12, 20, 20, 20, 5], "relu", residual=True)
    report, whole = pi.probe(network, X, backward=False), pi.probe(network, X)
    for layer, other in zip(report.layers, whole.layers, strict=True):
        assert set(layer.moments) == set(layer.predictions) == {"pre-activation", "activation", "weight"}
        assert layer.moments == {kind: other.moments[kind] for kind in layer.moments}


@pytest.mark.filterwarnings("ignore:x has features that are constant")
def test_dead_and_saturated_shares() -> None:
    x = np.array([[1.0, -1.0, 3.0, 0.0], [2.0, -2.0, 0.5, 0.0]])
    found = pi.probe([pi.Dense(4, 4, "relu", np.eye(4))], x).layers[0].moments
    assert found["activation"].dead == 0.5
    assert found["pre-activation"].saturated == 0.0
    found = pi.probe([pi.Dense(4, 4, "hardtanh", np.eye(4))], x).layers[0].moments
    # 1, -1, 3, 2, -2 of 8; the units of 1, 2 and of -1, -2 are flat in both rows
    assert found["pre-activation"].saturated == 5 / 8
    assert found["activation"].dead == 0.75


def test_progress_counts_layers() -> None:
    seen: list[tuple[int, int]] = []
    network = pi.mlp([12, 4, 4, 1])
    pi.probe(network, X, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(at, 6) for at in range(1, 7)]
    seen.clear()
    pi.probe(network, X, backward=False, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(at, 3) for at in range(1, 4)]
