"""The probe reproduces known numbers: exact chains, and recursions within what finite widths allow.

Statistical checks allow four standard deviations of a mean over keys, from the finite-width theory that
stands beside them; each has a mutant that must fall outside.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.network.network import Network

SIGMAS = 4.0


def unit_rows(rows: int, features: int) -> np.ndarray:
    """Return rows whose mean square is 1 each."""
    x = pi.normal()((rows, features), key=99)
    return np.asarray(x / np.sqrt(np.square(x).mean(axis=1, keepdims=True)), np.float32)


def squares(
    network: Network, x: np.ndarray, keys: int, kind: str = "pre-activation", **options: object
) -> np.ndarray:
    """Return the mean squares of a kind, of shape (keys, layers)."""
    reports = [pi.probe(network, x, key=key, **options) for key in range(keys)]  # type: ignore[arg-type]
    return np.array([[layer.moments[kind].second_moment for layer in report.layers] for report in reports])


@pytest.mark.parametrize(("scale", "reached"), [(1.5, 57.6650390625), (0.5, 0.0009765625)])
@pytest.mark.parametrize("form", ["recipe", "array"])
def test_linear_chains_are_exact(scale: float, reached: float, form: str) -> None:
    recipe = pi.identity(scale) if form == "recipe" else scale * np.eye(4)
    report = pi.probe([pi.Dense(4, 4, "linear", recipe=recipe)] * 10, np.ones((3, 4)))
    for at, layer in enumerate(report.layers):
        made, gradient = layer.moments["activation"], layer.moments["gradient"]
        assert made.minimum == made.maximum == made.mean == scale ** (at + 1)
        assert made.variance == 0.0
        assert gradient.minimum == gradient.maximum == gradient.mean == scale ** (9 - at)
        # each of 3 rows brings its input times its gradient
        assert layer.moments["weight gradient"].mean == 3.0 * scale**9
    assert report.layers[-1].moments["activation"].mean == reached
    assert report.layers[-1].predictions["activation"].second_moment == pytest.approx(reached**2, rel=1e-12)
    assert report.verdict.kind == ("exploding" if scale > 1 else "vanishing")


def spread_of_250_ones(std: float) -> float:
    """Return how far the sd of 20000 pre-activations is from sqrt(250), in its own sd, 1 / sqrt(2 n)."""
    report = pi.probe(
        [pi.Dense(250, 20000, "linear", recipe=pi.normal(std=std))], np.ones((1, 250)), backward=False
    )
    sd = report.layers[0].moments["pre-activation"].std
    assert report.layers[0].predictions["pre-activation"].variance == pytest.approx(250.0 * std**2)
    return abs(sd / math.sqrt(250.0) - 1.0) * math.sqrt(2.0 * 20000)


def test_250_ones() -> None:
    # 4 sd are 2 % of 15.811
    assert spread_of_250_ones(1.0) < SIGMAS
    assert spread_of_250_ones(1.03) > SIGMAS
    assert spread_of_250_ones(0.97) > SIGMAS


def torch_default_error(scale: float, n: int = 512, keys: int = 6) -> np.ndarray:
    """Return ln of measured over 1/3-uniform theory, layer by layer, over four of its sd."""
    bias = pi.uniform(-1 / math.sqrt(n), 1 / math.sqrt(n))
    recipe = pi.variance_scaling(scale, "fan_in", "uniform")
    network = pi.mlp([n] * 6, "relu", recipe, bias)
    found = np.log(squares(network, unit_rows(4, n), keys, backward=False)).mean(axis=0)
    theory = pi.theory.torch_linear([n] * 6)
    # Var ln grows by 5/n a layer, and the unit's own 2/n comes on top
    allowed = SIGMAS * np.sqrt((5.0 * np.arange(5) + 2.0) / n / keys)
    return np.asarray(np.abs(found - np.log(theory)) / allowed)


def test_torch_default_linear_decays_to_its_floor() -> None:
    theory = pi.theory.torch_linear([512] * 6)
    np.testing.assert_allclose(theory, [0.3340, 0.0563, 0.0100, 0.0023, 0.0010], atol=5e-5)
    assert (torch_default_error(1 / 3) < 1.0).all()
    # a tenth more weight variance
    assert (torch_default_error(1.1 / 3) > 1.0).any()


def test_prediction_of_torch_default_is_the_recursion() -> None:
    n = 512
    bias = pi.uniform(-1 / math.sqrt(n), 1 / math.sqrt(n))
    network = pi.mlp([n] * 6, "relu", pi.variance_scaling(1 / 3, "fan_in", "uniform"), bias)
    report = pi.probe(network, unit_rows(2, n), backward=False)
    predicted = [layer.predictions["pre-activation"].second_moment for layer in report.layers]
    np.testing.assert_allclose(predicted, pi.theory.torch_linear([n] * 6), rtol=1e-5)


def gradient_growth(norm: str, n: int = 256, depth: int = 14, keys: int = 3) -> float:
    """Return ln of what a gradient's mean square grows by, a layer, on its way back through the middle."""
    network = pi.mlp([n] * depth + [n], "relu", pi.he_normal(), norm=norm)  # type: ignore[arg-type]
    found = squares(network, pi.normal()((512, n), key=5), keys, "gradient", dy="normal")
    logs = np.log(found).mean(axis=0)
    return float((logs[2] - logs[depth - 4]) / (depth - 6))


def test_batch_norm_gradients_explode() -> None:
    """By pi / (pi - 1) a layer for wide layers and large batches; by 1 with layer normalization.

    If all rows were alike, a layer's ln would have sd sqrt(5/n), and the mean over 8 layers 0.049 for a key.
    Over 24 keys the sd is 0.027 with layer normalization and 0.004 with batch normalization, which takes out
    what rows share: the mean of 3 keys is known to 0.0155 and 0.0023.
    """
    batch, layer = gradient_growth("batch"), gradient_growth("layer")
    exploding = math.log(math.pi / (math.pi - 1))
    assert abs(batch - exploding) < SIGMAS * 0.0023
    assert abs(layer) < SIGMAS * 0.0155
    # mutants: 1.5, the ratio of the slope's moment to phi's own; and growth by a tenth
    assert abs(batch - math.log(1.5)) > SIGMAS * 0.0023
    assert abs(layer - math.log(1.1)) > SIGMAS * 0.0155


BLOCKS = 8


def residual_errors(branch: float, scale: float = 2.0, n: int = 256, keys: int = 6) -> np.ndarray:
    """Return ln of what 8 blocks make of the mean square of z, and of a gradient's, over theory, in its sd.

    A block adds `share` to the stream's mean square. Var ln grows by share^2 5/n for what varied in phi, and
    by 2/n, less the part that the stream keeps.
    """
    residual, recipe, blocks = True if branch == 1.0 else "scaled", pi.variance_scaling(scale), BLOCKS
    network = pi.mlp([n] * (blocks + 3), "relu", recipe, residual=residual)  # type: ignore[arg-type]
    x = unit_rows(4, n)
    z = np.log(squares(network, x, keys)).mean(axis=0)
    g = np.log(squares(network, x, keys, "gradient", dy="normal")).mean(axis=0)
    # layer 0 is the stem, the last one the head
    found = np.array([z[blocks] - z[0], g[0] - g[blocks]])
    growth = 1.0 + branch**2
    share = branch**2 / growth
    variance = blocks * (share**2 * 5.0 / n + 2.0 / n * (1.0 - (1.0 - share) ** 2)) / keys
    return np.asarray((found - blocks * math.log(growth)) / math.sqrt(variance))


@pytest.mark.parametrize("branch", [1.0, BLOCKS**-0.5], ids=["doubled", "below e"])
def test_residual_blocks_double_or_stay_below_e(branch: float) -> None:
    """By 2^8 = 256, known to 0.12 of its logarithm; or by (1 + 1/8)^8 = 2.57, known to 0.05."""
    assert (np.abs(residual_errors(branch)) < SIGMAS).all()
    # a quarter more weight variance
    assert (np.abs(residual_errors(branch, scale=2.5)) > SIGMAS).all()


def inside_the_bands(width: float, keys: int = 40) -> float:
    """Return how often mean squares of networks of width 32 lie within bands made `width` times as wide."""
    network = pi.mlp([32] * 9, "relu", pi.he_normal())
    x = unit_rows(1, 32)
    inside = []
    for key in range(keys):
        for layer in pi.probe(network, x, key=key, backward=False).layers[1:-1]:
            for kind in ("pre-activation", "activation"):
                one = layer.predictions[kind]
                middle, half = math.log(one.low * one.high) / 2, math.log(one.high / one.low) / 2
                found = math.log(layer.moments[kind].second_moment)
                inside.append(abs(found - middle) <= width * half)
    return float(np.mean(inside))


def test_bands_hold_95_percent() -> None:
    # layers of one key go together: of 40 keys some 38 +- 1.4 lie within 2 sd
    assert 0.88 < inside_the_bands(1.0) <= 1.0
    # a band of 1 sd holds 68 %
    assert inside_the_bands(0.5) < 0.85


def test_second_moment_of_the_input_counts_not_its_variance() -> None:
    x = 3.0 + unit_rows(50, 400)
    report = pi.probe(pi.mlp([400, 400, 1], "tanh", pi.lecun_normal()), x)
    theory = report.layers[0].predictions["pre-activation"]
    assert theory.second_moment == pytest.approx(float(np.square(x).mean()), rel=1e-6)
    assert theory.low < report.layers[0].moments["pre-activation"].second_moment < theory.high


def test_a_mean_of_the_weights_is_followed() -> None:
    # ln of the square of a sum over 16 weights, each 1/2 +- 0.289, has sd 2 * 0.577 / 16 over 16 units, 0.29
    # over the output's one: 0.35 after 8 layers
    report = pi.probe(pi.mlp([8] + [16] * 7 + [1], "relu", pi.uniform()), pi.data.abalone().inputs)
    for kind in ("pre-activation", "gradient"):
        off = [
            math.log(layer.moments[kind].second_moment / layer.predictions[kind].second_moment)
            for layer in report.layers
        ]
        assert np.abs(off).max() < 1.0
    # without the mean, a layer multiplies by 16 / 12 / 2, not by 8^2
    spread_alone = pi.theory.propagate("relu", [8] + [16] * 7 + [1], 0.41, sigma_w=(16 / 12) ** 0.5)
    assert report.layers[-1].moments["pre-activation"].second_moment > 1e6 * spread_alone.q[-1]
