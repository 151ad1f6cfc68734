"""What multiplies, iterates, draws, copies or compiles, under `pyinit.torch.watch`."""

from __future__ import annotations

import copy
import io
import warnings
from typing import Any

import pytest

from pyinit.errors import ArgumentError, RecipeError

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pt = pytest.importorskip("pyinit.torch")

from .training import mean, moments, small, step  # noqa: E402

nn = torch.nn


def test_autocast() -> None:
    module, x = small(), torch.randn(6, 8)
    plain, watched = copy.deepcopy(module), copy.deepcopy(module)

    def loss(one: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return mean(one(x).float())

    seen: dict[int, Any] = {}
    for one in (plain, watched):
        optimizer = torch.optim.SGD(one.parameters(), lr=0.1)
        with pt.watch(one, 2, seen.__setitem__) if one is watched else warnings.catch_warnings():
            for _ in range(5):
                step(optimizer, lambda one=one: loss(one))
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), watched.parameters(), strict=True))
    with torch.autocast("cpu", torch.bfloat16):
        wanted = pt.probe(module, x, loss=lambda y: mean(y.float()))
    assert moments(seen[0]) == [one.moments for one in wanted.layers]


class Scaled:
    """A loop with a GradScaler, whose second step overflows and is skipped."""

    def __init__(self) -> None:
        self.module, self.x = small(), torch.randn(6, 8)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=1)
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=0.1)

    def run(self) -> None:
        for at in range(4):
            self.optimizer.zero_grad()
            loss = mean(self.module(self.x)) * (float("inf") if at == 1 else 1.0)
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()


def test_a_scaler_is_divided_out_and_a_step_that_it_skips_is_none() -> None:
    loop = Scaled()
    wanted = pt.probe(loop.module, loop.x, loss=mean)
    seen: dict[int, Any] = {}
    with pt.watch(loop.module, 1, seen.__setitem__, scaler=loop.scaler):
        loop.run()
    assert list(seen) == [0, 1, 2]
    assert not any(
        layer.moments["weight gradient"].nonfinite for one in seen.values() for layer in one.layers
    )
    for own, other in zip(moments(seen[0]), wanted.layers, strict=True):
        # scales are powers of two
        assert own == other.moments


def test_a_scaler_that_was_not_given_is_refused_by_name() -> None:
    loop = Scaled()
    with pytest.raises(ArgumentError, match="scaler=scaler"), pt.watch(loop.module):
        loop.run()
    disabled = Scaled()
    disabled.scaler = torch.amp.GradScaler("cpu", enabled=False)
    with pt.watch(disabled.module) as watching:
        disabled.run()
    assert watching.steps == (0,)


def test_a_gradient_penalty_is_not_the_gradient() -> None:
    module, x = small(), torch.randn(6, 8, requires_grad=True)

    def loss() -> Any:
        y = module(x)
        (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        return mean(y) + mean(slope)

    seen: dict[int, Any] = {}
    handles: list[Any] = []
    with pt.watch(module, 1, seen.__setitem__):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        kept: list[Any] = []
        handle = module[0].register_forward_hook(lambda _, args, made: kept.append(made))
        value = loss()
        kept[0].register_hook(handles.append)
        value.backward()
        optimizer.step()
        handle.remove()
    assert seen[0].layers[0].moments["gradient"].second_moment == pytest.approx(
        float(mean(handles[-1])), rel=1e-5
    )


def test_modules_that_draw_count_or_iterate_are_left_alone() -> None:
    class Drops(nn.Module):  # type: ignore[misc, name-defined]
        """A module of another author that draws and counts its calls."""

        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def forward(self, x: Any) -> Any:
            self.calls += 1
            return x * (torch.rand(x.shape[0], *[1] * (x.ndim - 1)) > 0.2)

    def run(is_watched: bool) -> Any:
        torch.manual_seed(3)
        spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 16))
        module = nn.Sequential(spectral, Drops(), nn.BatchNorm1d(16), nn.Linear(16, 4))
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        with pt.watch(module, 1) if is_watched else warnings.catch_warnings():
            for _ in range(5):
                step(optimizer, lambda: mean(module(torch.randn(6, 8))))
        return module

    plain, watched = run(False), run(True)
    assert plain[1].calls == watched[1].calls == 5
    for name, one in plain.state_dict().items():
        assert torch.equal(one, watched.state_dict()[name]), name


def test_copies_and_files_of_a_watched_module() -> None:
    module, x = small(), torch.randn(6, 8)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pt.watch(module, 1) as watching:
        other, file = copy.deepcopy(module), io.BytesIO()
        torch.save(module, file)
        file.seek(0)
        for one in (other, torch.load(file, weights_only=False)):
            with torch.no_grad():
                assert torch.equal(one(x), module(x))
            mean(one(x)).backward()
        step(optimizer, lambda: mean(module(x)))
        step(optimizer, lambda: mean(module(x)))
    assert watching.steps == (0, 1)
    assert sum(len(one.layers) for one in [watching.report]) == 2


def test_a_compiled_module_is_refused_or_told() -> None:
    module, x = small(), torch.randn(6, 8)
    with pytest.raises(RecipeError, match="compiled"):
        pt.watch(torch.compile(module, backend="eager"))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    compiled = torch.compile(module, backend="eager")
    with pt.watch(module, 1) as watching:
        step(optimizer, lambda: mean(compiled(x)))
        with pytest.warns(UserWarning, match="compiled module is not seen"):
            step(optimizer, lambda: mean(compiled(x)))
        # once
        step(optimizer, lambda: mean(compiled(x)))
    assert watching.steps == ()
