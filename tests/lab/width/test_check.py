"""The coordinate check: muP's activations move alike at every width, those of a fixed recipe do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.width.coordinates import CoordinateCheck

WIDTHS = [64, 128, 256]
DATA = pi.data.abalone()
INPUTS = DATA.inputs.shape[1]
RULES = {"layers.3.weight": "zeros", "*.bias": "zeros", "*.weight": "he_normal"}


def _network(width: int) -> pi.Network:
    """Return a network whose output begins with zeros, as RULES say."""
    hidden = pi.mlp([INPUTS, width, width, width], "relu", output_activation="relu").layers
    return pi.Network((*hidden, pi.Dense(width, 1, "linear", "zeros")))


def _shapes(width: int) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, (shape, _) in _network(width).parameters().items()}


def _mup(optimizer: str) -> Any:
    def scheme(width: int) -> pi.Scheme:
        return pi.mup(
            _shapes(width),
            _shapes(WIDTHS[0]),
            RULES,
            outputs="layers.3.weight",
            optimizer=optimizer,
            multipliers=False,
        )

    return scheme


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.003), ("adam", 0.001)])
def test_mup_stays_and_standard_grows(optimizer: str, rate: float) -> None:
    options: dict[str, Any] = {"optimizer": optimizer, "learning_rate": rate, "steps": 4, "seeds": 3}
    standard = pi.coordinate_check(_network, WIDTHS, DATA, **options)
    widened = pi.coordinate_check(_network, WIDTHS, DATA, scheme=_mup(optimizer), **options)
    # the exponent of the width: of three seeds it varies by 0.1, and the check tells 0.25
    assert widened.is_stable, str(widened)
    assert set(standard.growing()) >= {"layers.1", "layers.2"}, str(standard)
    # at the base width both are the same training
    assert (standard.changes[..., 0] == widened.changes[..., 0]).all()


def test_the_check_measures_what_a_training_does() -> None:
    check = pi.coordinate_check(_network, [8, 16], DATA, steps=2, seeds=1, batch_size=64)
    assert check.sizes.shape == check.changes.shape == (3, 4, 2)
    assert not check.changes[0].any()
    network = _network(8)
    weights = network.init(key=0)
    x = DATA.part("train")[0][:256]
    z = x @ weights["layers.0.weight"] + weights["layers.0.bias"]
    assert check.sizes[0, 0, 0] == pytest.approx(np.abs(z).mean(), rel=1e-5)


def test_a_training_that_diverges_grows() -> None:
    check = pi.coordinate_check(_network, [8, 16], DATA, steps=20, seeds=1, learning_rate=1e6)
    assert check.growing() == check.layers
    assert check.slopes()["layers.0"] == float("inf")
    json.dumps(check.to_dict(), allow_nan=False)


def test_slopes_are_the_exponents_of_the_width() -> None:
    widths = (8, 16, 64)
    powers = {"up": 1.0, "flat": 0.0, "down": -0.5}
    changes = np.array([[[3.0 * n**power for n in widths] for power in powers.values()]])
    check = CoordinateCheck(widths, tuple(powers), np.ones_like(changes), changes)
    assert check.slopes() == pytest.approx(powers)
    assert (check.growing(), check.shrinking(), check.is_stable) == (("up",), ("down",), False)
    dead = CoordinateCheck(widths, ("dead",), np.ones((1, 1, 3)), np.zeros((1, 1, 3)))
    assert (dead.growing(), dead.shrinking()) == ((), ("dead",))
    assert str(check).splitlines()[1].split() == ["up", "24", "48", "192", "1.00"]


def test_the_picture_has_a_column_for_each_step(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    check = pi.coordinate_check(_network, [8, 16], DATA, steps=2, seeds=1)
    figure = check.plot(tmp_path / "check.png")
    assert len(figure.axes) == 6
    assert (tmp_path / "check.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("widths", "make", "scheme", "message"),
    [
        ([64], _network, None, "needs two or more rising widths"),
        ([64, 32], _network, None, "needs two or more rising widths"),
        ([64, 64], _network, None, "needs two or more rising widths"),
        (
            [8, 16],
            lambda n: pi.mlp([INPUTS, *[n] * (n // 8), 1]),
            None,
            "needs the same layers at each width",
        ),
        (
            [8, 16],
            _network,
            lambda n: pi.mup(_shapes(n), _shapes(4), RULES, outputs="layers.3.weight"),
            "a network has no multipliers; 'mup' gives 'layers.3.weight' 0.5",
        ),
        (
            [8, 16],
            _network,
            lambda n: pi.Scheme("mine", (pi.Rule("*.bias", "zeros"),)),
            "has no rule for 'layers.0",
        ),
    ],
)
def test_what_is_no_check_is_refused(widths: Any, make: Any, scheme: Any, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        pi.coordinate_check(make, widths, DATA, scheme=scheme, steps=1, seeds=1)
