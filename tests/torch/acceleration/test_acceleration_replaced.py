"""Functions that a layer's constructor calls: whoever replaces one may draw, and a block sees these draws."""

from __future__ import annotations

from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")

from torch.nn import init  # noqa: E402

from pyinit import _core  # noqa: E402
from pyinit.torch import accelerate  # noqa: E402
from pyinit.torch.acceleration import constructors  # noqa: E402

pytestmark = pytest.mark.interop

CALLED: dict[str, Any] = {
    "a method of Linear's": (
        torch.nn.Linear,
        "register_parameter",
        lambda: torch.nn.Linear(4, 4, bias=False),
    ),
    "Linear's attributes": (torch.nn.Linear, "__setattr__", lambda: torch.nn.Linear(4, 4)),
    "fans": (init, "_calculate_fan_in_and_fan_out", lambda: torch.nn.Linear(4, 4)),
    "a base of Conv2d's": (torch.nn.modules.conv._ConvNd, "__init__", lambda: torch.nn.Conv2d(2, 3, 3)),
    "padding": (torch.nn.Embedding, "_fill_padding_idx_with_zero", lambda: torch.nn.Embedding(4, 4)),
    "running statistics": (torch.nn.BatchNorm1d, "reset_running_stats", lambda: torch.nn.BatchNorm1d(4)),
    "zeros": (torch, "zeros", lambda: torch.nn.BatchNorm1d(4)),
    "ones": (torch, "ones", lambda: torch.nn.BatchNorm1d(4)),
    "constants": (init, "constant_", lambda: torch.nn.PReLU(4)),
    "weights of an LSTM": (torch.nn.LSTM, "_init_flat_weights", lambda: torch.nn.LSTM(3, 4)),
    "attributes of an LSTM": (torch.nn.Module, "__setattr__", lambda: torch.nn.LSTM(3, 4)),
}


@pytest.mark.parametrize("called", CALLED)
def test_whatever_a_constructor_calls_is_seen_where_it_is_replaced(
    called: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name, build = CALLED[called]
    original, calls = getattr(owner, name), []

    def drawing(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        # torch.nn.init.constant_ passes the function of its name to modes, which call it again
        if len(calls) == 1:
            torch.empty(2).normal_()
        return original(*args, **kwargs)

    before = torch.get_rng_state()
    with accelerate() as block, monkeypatch.context() as patch:
        build()
        fills = block.fills
        patch.setattr(owner, name, drawing)
        build()
    assert torch.equal(before, torch.get_rng_state())
    assert block.fills == 2 * fills + 1


def test_all_layers_are_built_outside_of_the_mode() -> None:
    with accelerate() as block:
        assert set(constructors._places) == set(constructors._LAYERS)
        for places in constructors._places.values():
            assert _core.begin_construction(block.draws, places, constructors._DISTURBING)
            _core.end_construction()


def test_what_was_replaced_before_is_not_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """As transformers does while it loads a model, which may be the first to import pyinit."""
    monkeypatch.setattr(init, "constant_", lambda tensor, value: tensor)
    assert (init, "constant_", None) in constructors._called(torch.nn.PReLU)


def test_a_block_that_a_constructor_opens_has_its_own_key() -> None:
    class Opening:
        def __bool__(self) -> bool:
            with accelerate(key=5) as self.block:
                self.layer = torch.nn.Linear(16, 16, bias=False)
            return True

    opening = Opening()
    with accelerate(key=3) as block:
        layers = [torch.nn.Linear(16, 16), torch.nn.Linear(16, 16, bias=opening)]
    assert (block.fills, opening.block.fills) == (4, 1)
    with accelerate(key=3):
        for layer in layers:
            again = torch.nn.Linear(16, 16)
            assert torch.equal(layer.weight, again.weight)
            assert torch.equal(layer.bias, again.bias)
    with accelerate(key=5):
        assert torch.equal(opening.layer.weight, torch.nn.Linear(16, 16).weight)
