"""Networks that are scaled on data: the paper's algorithm, dead layers, receipts, Krähenbühl's scalings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pyinit as pi

X = pi.data.abalone().inputs.astype(np.float32)[:400]
RNG = np.random.default_rng(0)


def paper(network: pi.Network, x: Any, key: int, tolerance: float = 0.1) -> list[Any]:
    """Return the weights of algorithm 1 of Mishkin and Matas, with the whole network run for each factor."""

    def outputs(weights: list[Any]) -> list[Any]:
        y, found = x.astype(np.float64), []
        for layer, weight in zip(network.layers, weights, strict=True):
            found.append(y @ weight)
            y = layer.activation.value(found[-1])
        return found

    weights: list[Any] = [
        pi.orthogonal()(shape, key=pi.key(key).fold_in(name)).astype(np.float64)
        for name, (shape, _) in network.parameters().items()
        if len(shape) == 2
    ]
    for at in range(len(weights)):
        for _ in range(10):
            std = outputs(weights)[at].std()
            if abs(std - 1.0) <= tolerance:
                break
            weights[at] = weights[at] / std
    return weights


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
def test_the_weights_are_those_of_the_paper(activation: str) -> None:
    network = pi.mlp([X.shape[1], 32, 24, 40, 3], activation)
    receipt = pi.lsuv(network, X, key=7)
    made = receipt.apply(network).init(key=0)
    for at, expected in enumerate(paper(network, X, 7)):
        np.testing.assert_allclose(made[f"layers.{at}.weight"], expected, rtol=2e-5, atol=1e-7)
    assert receipt.layers[0].factors != (1.0,)


def test_a_layer_within_the_tolerance_keeps_its_draws() -> None:
    x = RNG.normal(size=(2000, 16)).astype(np.float32)
    receipt = pi.lsuv(pi.mlp([16, 16]), x, key=0)
    assert receipt.layers[0].factors == (1.0,)
    assert 0.9 < receipt.layers[0].after < 1.1
    exact = pi.lsuv(pi.mlp([16, 16]), x, key=0, tolerance=1e-6)
    assert exact.layers[0].after == pytest.approx(1.0, abs=1e-6)
    assert exact.layers[0].factors != (1.0,)


@pytest.mark.parametrize(
    "options", [{"norm": "layer"}, {"norm": "batch"}, {"residual": True}, {"bias": None}]
)
@pytest.mark.parametrize("scaling", ["layer", "unit"])
def test_norms_skips_and_biases(options: dict[str, Any], scaling: str) -> None:
    network = pi.mlp([X.shape[1], 16, 16, 16, 2], "relu", **options)
    receipt = pi.lsuv(network, X, key=1, scaling=scaling, tolerance=0.01)
    # without a bias, the means of units add to the variance
    if network.layers[0].bias is not None or scaling == "layer":
        assert [one.after for one in receipt.layers] == pytest.approx([1.0] * 4, abs=0.01)
    scaled = receipt.apply(network)
    assert (scaled.layers[0].bias is None) == (network.layers[0].bias is None)
    # the network that was applied makes the outputs that were measured
    y = X
    weights = scaled.init(key=9)
    first = y @ weights["layers.0.weight"] + weights.get("layers.0.bias", np.float32(0))
    assert first.std() == pytest.approx(receipt.layers[0].after, rel=1e-4)


def test_a_receipt_reproduces_the_weights_bit_for_bit() -> None:
    network = pi.mlp([X.shape[1], 32, 8], "relu")
    for scaling in ("layer", "unit", "between"):
        receipt = pi.lsuv(network, X, key=pi.key(3).fold_in("model"), scaling=scaling)
        again = pi.LsuvReceipt.from_json(receipt.to_json())
        assert again == receipt
        one, two = receipt.apply(network).init(key=0), again.apply(network).init(key=5)
        assert all((one[name] == two[name]).all() for name in one)
        assert receipt == pi.lsuv(network, X, key=pi.key(3).fold_in("model"), scaling=scaling, threads=1)
    by_hand = receipt.layers[0]
    assert (by_hand.weight_for() == one["layers.0.weight"]).all()


def test_a_dead_layer_is_named_and_left_as_it_was() -> None:
    layers = pi.mlp([X.shape[1], 16, 16, 1], "relu", pi.normal(std=0.5), bias="ones").layers
    dead = pi.Dense(16, 16, "relu", pi.normal(std=0.5), pi.constant(-1000.0))
    network = pi.Network(
        (layers[0], dead, pi.Dense(16, 8, "relu", pi.normal(std=0.5), "ones"), pi.Dense(8, 1))
    )
    zeros = pi.lsuv(network, X, key=0)
    # its bias begins at 0, so that it lives
    assert not zeros.left
    silent = pi.Network((pi.Dense(X.shape[1], 16, lambda z: 0.0 * z), *network.layers[1:]))
    with pytest.warns(UserWarning, match=r"lsuv left layers\.\d as it was: its output is one number"):
        receipt = pi.lsuv(silent, X, key=0)
    assert receipt.left[0][0] == "layers.1"
    made, before = receipt.apply(silent).init(key=0), silent.init(key=0)
    assert (made["layers.1.weight"] == before["layers.1.weight"]).all()
    assert (made["layers.1.bias"] == -1000.0).all()
    assert "layers.1: left as it was" in str(receipt)


def test_rounding_is_no_variance() -> None:
    # one unit, and rows that are alike: the output differs by rounding at most
    x = np.tile(RNG.normal(size=(1, 64)), (50, 1)).astype(np.float32)
    x[::2] = np.nextafter(x[::2], np.float32(0))
    with pytest.warns(UserWarning, match="its output is one number"):
        assert pi.lsuv(pi.mlp([64, 1]), x, key=0).left


def test_an_output_that_overflows_is_named() -> None:
    network = pi.mlp([X.shape[1], 4], recipe=pi.normal(std=1e37))
    with pytest.warns(UserWarning, match="are not finite"):
        assert pi.lsuv(network, X * 100, key=0, recipe=None).left


def test_each_unit_has_mean_0_and_variance_1() -> None:
    network = pi.mlp([X.shape[1], 32, 8], "relu")
    scaled = pi.lsuv(network, X, key=0, recipe=pi.normal(), scaling="unit").apply(network).init(key=0)
    z = X @ scaled["layers.0.weight"] + scaled["layers.0.bias"]
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-4)
    z = np.maximum(z, 0) @ scaled["layers.1.weight"] + scaled["layers.1.bias"]
    np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-3)


def rates(network: pi.Network, weights: dict[str, Any], x: Any) -> Any:
    """Return rms(gradient) / rms(weight) of each layer of a relu network, in float64."""
    count = len(network.layers)
    inputs, zs, y = [], [], x.astype(np.float64)
    for at in range(count):
        inputs.append(y)
        zs.append(y @ weights[f"layers.{at}.weight"] + weights[f"layers.{at}.bias"])
        y = np.maximum(zs[-1], 0) if at < count - 1 else zs[-1]
    gradient, found = pi.normal()(y.shape, key=pi.key(0).fold_in("between")), np.empty(count)
    for at in reversed(range(count)):
        dz = gradient * (zs[at] > 0) if at < count - 1 else gradient
        weight = weights[f"layers.{at}.weight"]
        found[at] = np.sqrt(((inputs[at].T @ dz) ** 2).mean() / (weight.astype(np.float64) ** 2).mean())
        gradient = dz @ weight.T
    return found, y


def test_layers_learn_at_one_rate_and_the_output_stays() -> None:
    network = pi.mlp([X.shape[1], 64, 16, 48, 4], "relu")
    unit = pi.lsuv(network, X, key=0, recipe=pi.normal(), scaling="unit").apply(network).init(key=0)
    both = pi.lsuv(network, X, key=0, recipe=pi.normal(), scaling="between").apply(network).init(key=0)
    apart, before = rates(network, unit, X)
    near, after = rates(network, both, X)
    assert apart.max() / apart.min() > 2.0
    assert near.max() / near.min() < 1.02
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3)


def test_what_is_refused() -> None:
    network = pi.mlp([X.shape[1], 8, 1], "relu")
    bad = X.copy()
    bad[3, 2] = np.nan
    with pytest.raises(pi.DataError, match="x must be finite"):
        pi.lsuv(network, bad, key=0)
    with pytest.raises(pi.ShapeError, match=r"got x with 3 columns"):
        pi.lsuv(network, X[:, :3], key=0)
    with pytest.raises(pi.ShapeError, match=r"lsuv needs x of shape"):
        pi.lsuv(network, X[:0], key=0)
    with pytest.raises(pi.RecipeError, match="scaling is one of layer, unit, between"):
        pi.lsuv(network, X, key=0, scaling="both")
    with pytest.raises(pi.RecipeError, match=r"got layers\.0 with tanh"):
        pi.lsuv(pi.mlp([X.shape[1], 8, 1], "tanh"), X, key=0, scaling="between")
    with pytest.raises(pi.RecipeError, match="lsuv's std must be above 0"):
        pi.lsuv(network, X, key=0, std=0.0)
    with pytest.raises(pi.RecipeError, match="the receipt is of"):
        pi.lsuv(network, X, key=0).apply(pi.mlp([X.shape[1], 8]))
    with pytest.raises(pi.ShapeError, match=r"the receipt makes layers\.0\.weight of shape"):
        pi.lsuv(network, X, key=0).apply(pi.mlp([X.shape[1], 9, 1]))
    with pytest.raises(pi.FormatError):
        pi.LsuvReceipt.from_json('{"kind": "lsuv"}')


def test_a_factor_that_is_a_percent_off_would_be_seen() -> None:
    network = pi.mlp([X.shape[1], 32, 3], "tanh")
    made = pi.lsuv(network, X, key=7).apply(network).init(key=0)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(
            1.01 * made["layers.0.weight"], paper(network, X, 7)[0], rtol=2e-5, atol=1e-7
        )


def test_units_of_one_row_are_dead() -> None:
    with pytest.warns(UserWarning, match="each unit of its output is one number"):
        receipt = pi.lsuv(pi.mlp([4, 8, 3]), [[1.0, 2.0, 3.0, 4.0]], key=0, scaling="unit")
    assert [name for name, _ in receipt.left] == ["layers.0", "layers.1"]


def test_an_edited_receipt_is_refused() -> None:
    network = pi.mlp([4, 8])
    receipt = pi.lsuv(network, np.eye(4), key=0, scaling="unit")
    edited = replace(receipt, layers=(replace(receipt.layers[0], factors=(1.0, 2.0)),))
    with pytest.raises(pi.ShapeError, match=r"needs 1 factor or 8 for layers\.0\.weight"):
        edited.apply(network)


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", 3), ("weight", None), ("before", "x"), ("after", True), ("factors", "12"), ("bias", [None])],
)
def test_a_receipt_of_other_values_is_refused(field: str, value: Any) -> None:
    content = pi.lsuv(pi.mlp([4, 8]), np.eye(4), key=0).to_dict()
    content["layers"][0][field] = value
    with pytest.raises(pi.FormatError, match="not a receipt of lsuv that to_json wrote: expected"):
        pi.LsuvReceipt.from_dict(content)
