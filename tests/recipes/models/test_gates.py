"""LSTM and GRU: every gate is a weight of its own, in the order of torch."""

from __future__ import annotations

import numpy as np
import pytest

import pyinit as pi

pytestmark = pytest.mark.interop


@pytest.mark.parametrize(("kind", "gates", "biased"), [("LSTM", 4, {1: 1.0}), ("GRU", 3, {})])
def test_every_gate_is_a_weight_of_its_own(kind: str, gates: int, biased: dict[int, float]) -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    with torch.device("meta"):
        module = getattr(torch.nn, kind)(96, 64, num_layers=2, bidirectional=True)
    made = pyinit.torch.materialize(module, pi.recipes(kind.lower()), key=0)
    for name, tensor in made.named_parameters():
        values = tensor.detach().double().numpy().reshape(gates, 64, -1)
        for number, gate in enumerate(values):
            if name.startswith("weight_hh"):
                assert np.abs(gate @ gate.T - np.eye(64)).max() < 1e-5
            elif name.startswith("weight_ih"):
                # the bound of one gate; that of all gates together would be smaller by 1.2 and more
                bound = (6 / (gate.shape[0] + gate.shape[1])) ** 0.5
                assert 0.99 * bound < np.abs(gate).max() <= bound
            else:
                expected = biased.get(number, 0.0) if name.startswith("bias_ih") else 0.0
                assert (gate == expected).all()


def test_the_forget_gate_is_where_torch_has_it() -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    with torch.device("meta"):
        module = torch.nn.LSTM(3, 5)
    rules = [("*weight*", "zeros"), *pi.recipes("lstm", forget_bias=100.0)[3:]]
    made = pyinit.torch.materialize(module, rules, key=0)
    # with a forget gate of 1 the cell keeps its state; a wrong gate would not
    cell = torch.arange(5.0)[None]
    _, (_, after) = made(torch.zeros(1, 3), (torch.zeros(1, 5), cell))
    assert torch.equal(after, cell)


def test_chrono_biases_are_where_torch_has_the_gates() -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    with torch.device("meta"):
        module = torch.nn.LSTM(8, 256, num_layers=2)
    made = pyinit.torch.materialize(module, pi.recipes("lstm", longest=1000), key=0)
    for layer in range(2):
        ingoing, forget, cell, outgoing = getattr(made, f"bias_ih_l{layer}").detach().reshape(4, 256)
        assert torch.equal(ingoing, -forget)
        assert not cell.any()
        assert not outgoing.any()
        assert not getattr(made, f"bias_hh_l{layer}").any()
        # a unit that sees nothing keeps 1 - 1 / (1 + v) of its state a step: v is uniform up to 999
        steps = 1 / (1 - torch.sigmoid(forget.double()))
        assert 2 <= float(steps.min()) < 40 < 960 < float(steps.max()) <= 1000
    with pytest.raises(pi.RecipeError, match="chrono's longest must be above 2; got 1"):
        pi.recipes("lstm", longest=1)


def test_a_model_of_other_gates_is_refused() -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    with torch.device("meta"):
        module = torch.nn.GRU(3, 5)
    with pytest.raises(pi.ShapeError, match="blocks needs 4 equal parts of axis 0; got 15"):
        pyinit.torch.materialize(module, pi.recipes("lstm"), key=0)


@pytest.mark.parametrize(
    ("kind", "recipe", "hidden"), [("GRU", "lstm", 64), ("LSTM", "gru", 96), ("LSTM", "lstm", None)]
)
def test_gates_that_divide_the_weight_but_are_not_square_are_refused(
    kind: str, recipe: str, hidden: int | None
) -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    with torch.device("meta"):
        projected = {"proj_size": 8} if hidden is None else {}
        module = getattr(torch.nn, kind)(16, hidden or 16, **projected)
    with pytest.raises(pi.RecipeError, match=r"square matrices; got shape .* Use pyinit.recipes"):
        pyinit.torch.materialize(module, pi.recipes(recipe), key=0)


def test_the_gates_of_a_projected_lstm_are_orthogonal() -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    with torch.device("meta"):
        module = torch.nn.LSTM(16, 24, proj_size=8)
    made = pyinit.torch.materialize(module, pi.recipes("lstm", projected=True), key=0)
    for gate in made.weight_hh_l0.detach().double().numpy().reshape(4, 24, 8):
        assert np.abs(gate.T @ gate - np.eye(8)).max() < 1e-5
