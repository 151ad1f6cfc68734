"""The coordinate check of torch's modules, with Adam's groups from a scheme."""

from __future__ import annotations

from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pyinit_torch = pytest.importorskip("pyinit.torch")

WIDTHS, BASE = [64, 128, 256], 64


class _Model(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A residual MLP with a norm; its output is multiplied."""

    def __init__(self, width: int, multiplier: float) -> None:
        super().__init__()
        self.multiplier = multiplier
        self.embed = torch.nn.Linear(16, width)
        self.up = torch.nn.Linear(width, 2 * width)
        self.down = torch.nn.Linear(2 * width, width)
        self.head = torch.nn.Linear(width, 1, bias=False)

    def forward(self, x: Any) -> Any:
        x = self.embed(x)
        x = x + self.down(torch.relu(self.up(x)))
        return self.multiplier * self.head(torch.nn.functional.layer_norm(x, x.shape[-1:]))


RULES = {"*.bias": "zeros", "*.weight": "lecun_normal"}


def _scheme(width: int) -> pi.Scheme:
    shapes = {
        n: {name: tuple(p.shape) for name, p in _Model(n, 1.0).named_parameters()} for n in (width, BASE)
    }
    return pi.mup(shapes[width], shapes[BASE], RULES, outputs="head.weight", layout="torch")


def _check(is_mup: bool) -> Any:
    torch.manual_seed(0)
    x, y = torch.randn(64, 16), torch.randn(64, 1)

    def make(width: int, key: pi.Key) -> tuple[Any, Any]:
        scheme = _scheme(width)
        with torch.device("meta"):
            module = _Model(width, scheme.share("head.weight").multiplier if is_mup else 1.0)
        pyinit_torch.materialize(module, scheme if is_mup else RULES, key=key)
        parameters: Any = module.parameters()
        if is_mup:
            parameters = scheme.groups(module.named_parameters(), lr=0.003)
        return module, torch.optim.Adam(parameters, lr=0.003)

    return pyinit_torch.coordinate_check(make, WIDTHS, lambda m: ((m(x) - y) ** 2).mean(), steps=3, seeds=3)


def test_mup_stays_and_standard_grows() -> None:
    widened, standard = _check(True), _check(False)
    assert widened.layers == ("embed", "up", "down", "head")
    # the head itself is measured before its multiplier, and moves as the width does
    slopes = widened.slopes()
    assert max(abs(slopes[name]) for name in ("embed", "up", "down")) < 0.25, str(widened)
    assert {"up", "down"} <= set(standard.growing()), str(standard)
    assert (widened.changes[..., 0] == standard.changes[..., 0]).all()


def test_hooks_are_removed_and_a_loss_that_runs_nothing_is_refused() -> None:
    kept = []

    def make(width: int, key: pi.Key) -> tuple[Any, Any]:
        module = torch.nn.Linear(width, 1)
        kept.append(module)
        return module, torch.optim.SGD(module.parameters(), lr=0.1)

    with pytest.raises(pi.RecipeError, match="no module with parameters of its own returned a tensor"):
        pyinit_torch.coordinate_check(
            make, [4, 8], lambda m: sum(p.sum() for p in m.parameters()), steps=1, seeds=1
        )
    assert not any(module._forward_hooks for module in kept)


def test_data_that_are_not_finite_are_neither_stable_nor_small() -> None:
    x = torch.full((4, 3), float("nan"))

    def make(width: int, key: pi.Key) -> tuple[Any, Any]:
        module = torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.Linear(width, 1))
        return module, torch.optim.SGD(module.parameters(), lr=0.1)

    check = pyinit_torch.coordinate_check(make, [4, 8], lambda m: m(x).mean(), steps=1, seeds=1)
    assert (check.sizes == float("inf")).all()
    assert not check.is_stable
    assert check.growing() == check.layers
