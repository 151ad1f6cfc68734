"""The way forward and back: finite differences for every kind of layer, torch's numbers and training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.network.loss import mean_squared_error
from pyinit.lab.train.sweep import backward, forward, outputs, parts_by_layer

X = pi.normal()((12, 5), key=1)
T = pi.normal()((12, 3), key=2)

NETWORKS: dict[str, pi.Network] = {
    "plain": pi.mlp([5, 7, 6, 3], "tanh", bias="normal"),
    "no bias": pi.mlp([5, 7, 3], "gelu"),
    "batch": pi.mlp([5, 7, 6, 3], "tanh", norm="batch", bias=pi.normal(std=0.1)),
    "layer": pi.mlp([5, 7, 6, 3], "silu", norm="layer"),
    "skips": pi.mlp([5, 6, 6, 6, 3], "tanh", residual="scaled", bias=pi.normal(std=0.1)),
    "skips and norms": pi.mlp([5, 6, 6, 6, 3], "softplus", residual=True, norm="layer"),
    "function": pi.mlp([5, 7, 3], lambda z: z * z / (1 + z * z), bias="normal"),
}


def loss_at(network: pi.Network, parameters: dict[str, np.ndarray]) -> float:
    made = forward(network, parts_by_layer(network, parameters), X, 1)
    return mean_squared_error(made[-1].activation, T)[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_equal_differences(name: str) -> None:
    network = NETWORKS[name]
    parameters = network.init(key=3)
    parts = parts_by_layer(network, parameters)
    made = forward(network, parts, X, 1)
    dy = mean_squared_error(made[-1].activation, T)[1]
    found = {name: np.zeros_like(value) for name, value in parameters.items()}
    backward(network, parts, made, dy, parts_by_layer(network, found), 1)
    step = 4e-3
    for parameter, value in parameters.items():
        direction = pi.normal()(value.shape, key=pi.key(4).fold_in(parameter))
        direction /= np.linalg.norm(direction)
        up, down = (
            loss_at(network, parameters | {parameter: (value + sign * direction).astype(np.float32)})
            for sign in (step, -step)
        )
        along = float((found[parameter].astype(np.float64) * direction).sum())
        assert along == pytest.approx((up - down) / (2 * step), rel=3e-3, abs=3e-4), parameter


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_forward(name: str) -> None:
    network = NETWORKS[name]
    parts = parts_by_layer(network, network.init(key=3))
    whole, first = outputs(network, parts, [X, X[:4]], 1)
    np.testing.assert_array_equal(whole, forward(network, parts, X, 1)[-1].activation)
    # a batch norm takes its numbers from the first part, so that rows do not depend on their company
    np.testing.assert_allclose(first, whole[:4], rtol=1e-6, atol=1e-6)


def torch_net(torch: Any, network: pi.Network, parameters: dict[str, np.ndarray]) -> Any:
    """Return torch's module with the same numbers."""
    kinds = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU, "linear": torch.nn.Identity}
    modules = []
    for at, layer in enumerate(network.layers):
        linear = torch.nn.Linear(layer.inputs, layer.units)
        linear.weight.data = torch.tensor(parameters[f"layers.{at}.weight"].T.copy())
        linear.bias.data = torch.tensor(parameters[f"layers.{at}.bias"])
        modules.append(linear)
        if layer.norm is not None:
            norm = torch.nn.BatchNorm1d if layer.norm == "batch" else torch.nn.LayerNorm
            modules.append(norm(layer.units))
        modules.append(kinds[layer.activation.name]())
    return torch.nn.Sequential(*modules)


@pytest.mark.interop
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_training_equals_torch(norm: Any) -> None:
    torch = pytest.importorskip("torch")
    data = pi.data.abalone().standardized()
    network = pi.mlp([8, 16, 16, 1], "tanh", bias="zeros", norm=norm)
    parameters = network.init(key=0)
    module = torch_net(torch, network, parameters)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    known = data.targets[data.train].astype(np.float64)
    losses = []
    for x, y in list(data.batches(256, key=0))[:12]:
        wanted = torch.tensor(((y - known.mean()) / known.std()).astype(np.float32))[:, None]
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(module(torch.tensor(x)), wanted)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    history = pi.train(
        network, data, optimizer="adam", learning_rate=0.01, steps=12, batch_size=256, key=0, record=None
    )
    np.testing.assert_allclose(history.losses, losses, rtol=2e-5)
    if norm is None:
        for name, values in zip(history.parameters, module.parameters(), strict=True):
            theirs = values.detach().numpy()
            ours = history.parameters[name]
            np.testing.assert_allclose(ours, theirs.T if ours.ndim == 2 else theirs, rtol=1e-4, atol=1e-5)
