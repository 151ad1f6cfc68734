"""`pyinit.torch.probe` measures what `pyinit.probe` does, on any module, and leaves it as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
probe = pytest.importorskip("pyinit.torch").probe
nn, functional = torch.nn, torch.nn.functional

WIDTHS = [8, 32, 24, 16, 4]
RANGES = dict.fromkeys(("pre-activation", "activation", "gradient", "weight"), (-2.0, 2.0))


def rows(count: int = 100, width: int = 8) -> Any:
    return np.random.default_rng(0).standard_normal((count, width), np.float32)


def pair(
    name: Any, make: Callable[[], Any], bias: bool = True, norm: Any = None, std: float | None = None
) -> tuple[pi.Network, Any]:
    """Return a network of given weights, and the module of torch with the same."""
    recipe = None if std is None else pi.normal(std=std)
    network = pi.mlp(WIDTHS, name, recipe, pi.normal(std=0.1) if bias else None, norm)
    drawn = network.init(key=3)
    layers, modules = [], []
    for at, layer in enumerate(network.layers):
        weight, shift = drawn[f"layers.{at}.weight"], drawn.get(f"layers.{at}.bias")
        linear = nn.Linear(layer.inputs, layer.units, bias=bias)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight.T.copy()))
            if shift is not None:
                linear.bias.copy_(torch.from_numpy(shift))
        modules += [linear, make()]
        layers.append(pi.Dense(layer.inputs, layer.units, layer.activation, weight, shift))
    return pi.Network(tuple(layers)), nn.Sequential(*modules[:-1])


def assert_near(found: Any, wanted: Any, tolerance: float = 1e-5) -> None:
    """Compare all numbers of what `to_dict` makes; a number on an edge of a bin may move to the next."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            if name == "histogram":
                assert found[name]["axis"] == value["axis"]
                counts = np.subtract(found[name]["counts"], value["counts"])
                assert np.abs(counts).sum() <= 4
            else:
                assert_near(found[name], value, tolerance)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=tolerance, abs=tolerance)
    else:
        assert found == wanted


@pytest.mark.parametrize(
    ("name", "make", "bias"),
    [
        ("tanh", lambda: nn.Tanh(), True),
        ("relu", lambda: nn.ReLU(inplace=True), True),
        ("relu", lambda: nn.ReLU(), False),
        (("leaky_relu", 0.2), lambda: nn.LeakyReLU(0.2), True),
        ("gelu_tanh", lambda: nn.GELU("tanh"), True),
        ("hardtanh", lambda: nn.Hardtanh(), True),
        ("sigmoid", lambda: nn.Sigmoid(), False),
        ("linear", lambda: nn.Identity(), True),
    ],
)
def test_a_chain_has_the_numbers_of_the_probe(name: Any, make: Callable[[], Any], bias: bool) -> None:
    network, module = pair(name, make, bias)
    x = rows()
    options: dict[str, Any] = {"range": RANGES | {"weight gradient": (-9.0, 9.0)}, "bins": 21}
    wanted = pi.probe(network, x, **options)
    found = probe(module, torch.from_numpy(x), **options)
    assert [layer.name for layer in found.layers] == ["0", "2", "4", "6"]
    assert found.verdict.kind == wanted.verdict.kind
    for one, other in zip(found.layers, wanted.layers, strict=True):
        assert (one.inputs, one.units, one.activation) == (other.inputs, other.units, other.activation)
        assert one.verdict.kind == other.verdict.kind
        assert one.moments.keys() == other.moments.keys()
        assert all(moments.histogram is not None for moments in one.moments.values())
        mine, theirs = (
            next(layer for layer in report.to_dict()["layers"] if layer["name"] == name)
            for report, name in ((found, one.name), (wanted, other.name))
        )
        assert_near(mine["moments"], theirs["moments"])
        assert other.predictions
        for prediction in (*mine["predictions"].values(), *theirs["predictions"].values()):
            # chance decides for weights that may be drawn, not for those that an array holds
            prediction["low"] = prediction["high"] = None
        assert_near(mine["predictions"], theirs["predictions"])


def test_the_comparison_can_fail() -> None:
    network, module = pair("tanh", nn.Tanh)
    x = rows()
    with torch.no_grad():
        module[2].weight[3, 5] += 0.1
    found, wanted = probe(module, torch.from_numpy(x)), pi.probe(network, x)
    mine, theirs = (report.to_dict()["layers"][1]["moments"]["pre-activation"] for report in (found, wanted))
    with pytest.raises(AssertionError):
        assert_near(mine["variance"], theirs["variance"])


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_losses_are_those_of_the_probe(loss: str) -> None:
    network, module = pair("tanh", nn.Tanh)
    x = rows()
    targets = np.arange(100) % 4 if loss == "cross_entropy" else rows(100, 4)
    found = probe(module, torch.from_numpy(x), targets=torch.from_numpy(targets))
    wanted = pi.probe(network, x, targets=targets)
    assert found.loss == pytest.approx(wanted.loss, rel=1e-5)
    for one, other in zip(found.layers, wanted.layers, strict=True):
        for kind in ("gradient", "weight gradient"):
            assert one.moments[kind].variance == pytest.approx(other.moments[kind].variance, rel=1e-4)


def test_dy_is_the_gradient_by_the_output() -> None:
    network, module = pair("tanh", nn.Tanh)
    x, dy = rows(), rows(100, 4)[::-1].copy()
    found, wanted = probe(module, torch.from_numpy(x), dy=torch.from_numpy(dy)), pi.probe(network, x, dy=dy)
    for one, other in zip(found.layers, wanted.layers, strict=True):
        assert one.moments["gradient"].variance == pytest.approx(other.moments["gradient"].variance, rel=1e-5)


@pytest.mark.parametrize(("std", "kind"), [(1.0, "saturated"), (0.01, "vanishing")])
def test_verdicts_and_fixes_name_modules(std: float, kind: str) -> None:
    network, module = pair("tanh", nn.Tanh, std=std)
    found, wanted = probe(module, torch.from_numpy(rows())), pi.probe(network, rows())
    assert found.verdict.kind == wanted.verdict.kind == kind
    assert [layer.verdict.layer for layer in found.layers] == ["0", "2", "4", "6"]
    assert f"module {found.verdict.layer}: " in found.verdict.reason
    assert found.verdict.cause == wanted.verdict.cause
    assert found.verdict.recipe == wanted.verdict.recipe == pi.glorot_normal()
    ours, theirs = found.verdict.remedy, wanted.verdict.remedy
    assert ours is not None
    assert theirs is not None
    assert ours.layer == f"{2 * int(str(theirs.layer).removeprefix('layers.'))}"
    assert ours.std == theirs.std


def test_a_report_is_printed_drawn_written_and_read() -> None:
    pytest.importorskip("matplotlib")
    report = probe(pair("relu", nn.ReLU)[1], torch.from_numpy(rows()), title="four layers")
    text = str(report)
    assert "four layers: 100 rows" in text
    assert text.count("\n") == 6
    assert pi.Report.from_json(report.to_json()) == report
    assert "Linear" in report.to_html()
    assert report.plot().axes


def test_dy_normal_is_that_of_the_probe_under_key_0() -> None:
    network, module = pair("tanh", nn.Tanh)
    found, wanted = (
        probe(module, torch.from_numpy(rows()), dy="normal"),
        pi.probe(network, rows(), dy="normal"),
    )
    mine, theirs = (report.layers[0].moments["gradient"].variance for report in (found, wanted))
    assert mine == pytest.approx(theirs, rel=1e-5)


def test_long_names_differ_by_their_end() -> None:
    module = nn.Sequential()
    module.add_module("a_block_of_a_long_name", nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)))
    lines = str(probe(module, torch.from_numpy(rows()))).split("\n")
    assert lines[2].startswith("a_block_of_a_long_name.0 ")
    assert lines[3].startswith("a_block_of_a_long_name.2 ")
    assert max(map(len, lines)) <= 100


def test_bands_are_those_of_drawn_weights() -> None:
    drawn = pi.probe(pi.mlp(WIDTHS, "tanh", bias=pi.normal(std=0.1)), rows(), key=3)
    found = probe(pair("tanh", nn.Tanh)[1], torch.from_numpy(rows()))
    for one, other in zip(found.layers, drawn.layers, strict=True):
        mine, theirs = one.predictions["pre-activation"], other.predictions["pre-activation"]
        # about what the sample's mean square makes, not the recipe's
        for end in ("low", "high"):
            ends = [getattr(prediction, end) / prediction.second_moment for prediction in (mine, theirs)]
            assert ends[0] == pytest.approx(ends[1], rel=0.1)
        assert mine.low <= one.moments["pre-activation"].second_moment <= mine.high


def test_a_mean_of_the_weights_counts_where_chance_does_not_make_it() -> None:
    module = nn.Sequential(nn.Linear(8, 64, bias=False), nn.Tanh(), nn.Linear(64, 64, bias=False))
    with torch.no_grad():
        for one in (module[0], module[2]):
            drawn = pi.uniform(0.0, 1.0)(tuple(one.weight.shape), key=len(one.weight))
            one.weight.copy_(torch.from_numpy(drawn))
    layer = probe(module, torch.from_numpy(rows())).layers[0]
    assert layer.predictions["weight"].mean == pytest.approx(0.5, abs=0.05)
    assert layer.predictions["weight"].second_moment == pytest.approx(layer.moments["weight"].second_moment)


def test_constant_weights_are_symmetric() -> None:
    _, module = pair("tanh", nn.Tanh)
    for one in module[::2]:
        nn.init.constant_(one.weight, 0.1)
        nn.init.zeros_(one.bias)
    report = probe(module, torch.from_numpy(rows()))
    assert report.verdict.kind == "symmetric"
    assert report.layers[0].verdict.kind == "symmetric"
