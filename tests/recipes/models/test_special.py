"""SIREN, WIRE, IRNN and S4D by name: the tensors of a model, against the start that their authors wrote."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pyinit as pi

from .comparison import differences


def _siren(torch: Any, bias: str, names: str) -> Any:
    """Return a network with the start of Sitzmann's module, or of siren-pytorch."""
    net = torch.nn.ModuleDict()
    layers = [torch.nn.Linear(3, 256), torch.nn.Linear(256, 256), torch.nn.Linear(256, 256)]
    with torch.no_grad():
        for number, layer in enumerate(layers):
            n = layer.in_features
            limit = 1 / n if number == 0 else math.sqrt(6 / n) / 30
            layer.weight.uniform_(-limit, limit)
            if bias == "weight":
                layer.bias.uniform_(-limit, limit)
    net[names] = torch.nn.ModuleList(layers)
    return net


@pytest.mark.interop
@pytest.mark.parametrize(("bias", "names"), [("torch", "net"), ("weight", "layers")])
def test_a_siren_begins_as_its_authors_begin_it(bias: str, names: str) -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    torch.manual_seed(0)
    reference = _siren(torch, bias, names).state_dict()
    with torch.device("meta"):
        module = _siren(torch, bias, names)
    rules = pi.recipes("siren", features=3, width=256, bias=bias)
    made = pyinit.torch.materialize(module, rules, key=0).state_dict()
    assert differences(made, reference) == []
    # the mutant: the first layer as a hidden one
    with torch.device("meta"):
        module = _siren(torch, bias, names)
    wrong = pyinit.torch.materialize(module, [(f"{names}.0.weight", pi.siren_uniform()), *rules[1:]], key=0)
    assert differences(wrong.state_dict(), reference)[0].startswith(f"{names}.0.weight: std")


@pytest.mark.parametrize("first", ["net.0.linear", "net.net.0.0", "model.net.0.linear", "layers.0"])
def test_the_first_layer_is_found_by_the_names_of_both_libraries(first: str) -> None:
    rules = pi.recipes("siren", features=2, width=64)
    (found,) = [rule for rule in rules if rule.matches(f"{first}.weight", is_kernel=True)][:1]
    assert found.recipe == pi.siren_uniform(first=True)
    (other,) = [rule for rule in rules if rule.matches("net.10.linear.weight", is_kernel=True)][:1]
    assert other.recipe == pi.siren_uniform()


def _wire(torch: Any) -> Any:
    """Return the layers of the authors' network, which begin as torch starts them, of real numbers."""
    layers = []
    for inputs in (2, 256, 256):
        layer = torch.nn.Module()
        for name in ("linear", "scale_orth"):
            layer.add_module(name, torch.nn.Linear(inputs, 256))
        layer.omega_0 = torch.nn.Parameter(30.0 * torch.ones(1), requires_grad=False)
        layer.scale_0 = torch.nn.Parameter(10.0 * torch.ones(1), requires_grad=False)
        layers.append(layer)
    net = torch.nn.ModuleDict()
    net["net"] = torch.nn.ModuleList([*layers, torch.nn.Linear(256, 64)])
    return net


@pytest.mark.interop
def test_a_wire_begins_as_its_authors_begin_it() -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    torch.manual_seed(0)
    reference = _wire(torch).state_dict()
    with torch.device("meta"):
        module = _wire(torch)
    rules = pi.recipes("wire", features=2, width=256)
    assert differences(pyinit.torch.materialize(module, rules, key=0).state_dict(), reference) == []
    # the mutant: the width of a real network
    with torch.device("meta"):
        module = _wire(torch)
    wrong = pyinit.torch.materialize(module, pi.recipes("wire", features=2, width=362), key=0)
    assert differences(wrong.state_dict(), reference)[0].startswith("net.1.linear.weight: std")


@pytest.mark.interop
def test_an_irnn_keeps_its_state() -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    with torch.device("meta"):
        module = torch.nn.RNN(64, 100, nonlinearity="relu", num_layers=2)
    made = pyinit.torch.materialize(module, pi.recipes("irnn"), key=0)
    assert torch.equal(made.weight_hh_l1, torch.eye(100))
    assert not made.bias_ih_l0.any()
    # of 6,400 draws the std is known within 0.9 % (one sigma): 4.5 % shows
    assert float(made.weight_ih_l0.detach().std()) == pytest.approx(0.001, rel=0.045)
    state = torch.rand(2, 100)
    _, after = made(torch.zeros(50, 64), state)
    assert torch.equal(after[0], state[0])
    half = pyinit.torch.materialize(module.to("meta"), pi.recipes("irnn", scale=0.5), key=0)
    _, after = half(torch.zeros(1, 64), state)
    assert torch.equal(after[0], state[0] / 2)


def test_s4d_begins_on_the_lines_of_s4d_lin() -> None:
    shapes = {"s.kernel.log_A_real": (256, 32), "s.kernel.A_imag": (256, 32), "s.kernel.log_dt": (256,)}
    shapes |= {"s.kernel.C": (256, 32, 2), "s.D": (256,)}
    made = pi.init_params(shapes, pi.recipes("s4d", states=64), key=0)
    np.testing.assert_allclose(np.exp(made["s.kernel.log_A_real"]), 0.5, rtol=1e-6)
    lines = np.broadcast_to(np.pi * np.arange(32), (256, 32))
    np.testing.assert_allclose(made["s.kernel.A_imag"], lines, rtol=1e-7)
    steps = made["s.kernel.log_dt"]
    assert math.log(0.001) - 1e-6 <= steps.min() < steps.max() < math.log(0.1)
    # of 16,384 draws the std is known within 0.55 % (one sigma): 2.8 % shows
    assert made["s.kernel.C"].std() == pytest.approx(math.sqrt(0.5), rel=0.028)
    # the mutant: real and imaginary part of variance 1 each
    assert made["s.kernel.C"].std() != pytest.approx(1.0, rel=0.028)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pi.recipes("siren", features=2), "needs width; got none"),
        (lambda: pi.recipes("siren", features=0, width=8), "needs features as an integer of at least 1"),
        (lambda: pi.recipes("siren", features=2, width=8, omega=0.0), "siren_uniform's omega"),
        (lambda: pi.recipes("siren", features=2, width=8, bias="x"), "'torch', 'weight' or 'zeros'; got 'x'"),
        (lambda: pi.recipes("s4d", states=63), "one of each pair of conjugate states; got states=63"),
        (lambda: pi.recipes("s4d", step_min=0.1, step_max=0.1), "steps are between step_min and step_max"),
        (lambda: pi.recipes("s4d", step_min=-1.0), "steps are between step_min and step_max"),
        (lambda: pi.recipes("irnn", std=-1.0), "normal's std"),
        (lambda: pi.init_params({"x": (3,)}, pi.recipes("irnn"), key=0), "no parameter matches"),
        (
            lambda: pi.init_params(
                {"weight_ih_l0": (32, 4), "weight_hh_l0": (32, 8)}, pi.recipes("irnn"), key=0
            ),
            r"is a square matrix; got shape \(32, 8\)\. Use",
        ),
    ],
)
def test_what_is_not_valid_is_refused(make: Any, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()
