"""Loops of every kind under `pyinit.torch.watch`: what is sampled, and that nothing else happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyinit.errors import ArgumentError, LayoutError, RecipeError

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pt = pytest.importorskip("pyinit.torch")

from .training import mean, moments, small, step  # noqa: E402

nn = torch.nn


def test_of_accumulated_batches_the_first_is_seen() -> None:
    module, first, second = small(), torch.randn(6, 8), torch.randn(10, 8)
    wanted = pt.probe(module, first, loss=lambda y: mean(y) / 2)
    seen: dict[int, Any] = {}
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    before = module[0].weight.detach().clone()
    with pt.watch(module, 2, seen.__setitem__):
        for _ in range(4):
            step(optimizer, lambda: mean(module(first)) / 2, lambda: mean(module(second)) / 2)
            if _ == 0:
                change = (module[0].weight.detach() - before).double()
    assert list(seen) == [0, 2]
    assert moments(seen[0]) == [one.moments for one in wanted.layers]
    # the update is that of both
    assert seen[0].layers[0].moments["update"].second_moment == pytest.approx(float(mean(change)), rel=1e-9)


def test_two_calls_and_one_backward_pass() -> None:
    module, real, fake = small(), torch.randn(6, 8), torch.randn(6, 8)
    wanted = pt.probe(module, real, loss=mean)
    seen: dict[int, Any] = {}
    with pt.watch(module, 1, seen.__setitem__):
        step(torch.optim.SGD(module.parameters(), lr=0.1), lambda: mean(module(real)) + mean(module(fake)))
    assert [len(one.layers) for one in seen.values()] == [2]
    for own, other in zip(seen[0].layers, wanted.layers, strict=True):
        assert own.moments["gradient"] == other.moments["gradient"]


@pytest.mark.parametrize("how", ["without a backward pass", "without an update"])
def test_a_batch_that_the_loop_skips_is_no_sample(how: str) -> None:
    module, bad, good = small(), torch.randn(6, 8), torch.randn(10, 8)
    wanted = pt.probe(module, good, loss=mean)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    seen: dict[int, Any] = {}
    with pt.watch(module, 2, seen.__setitem__):
        loss = mean(module(bad)) * float("nan")
        if how == "without an update":
            loss.backward()
        del loss
        for _ in range(4):
            step(optimizer, lambda: mean(module(good)))
    if how == "without an update":
        assert list(seen) == [0, 2]
        assert moments(seen[0]) == [one.moments for one in wanted.layers]
    else:
        # gradients came that are not those of the call; the next step is sampled in its place
        assert list(seen) == [1, 2]
    assert all("gradient" in layer.moments for one in seen.values() for layer in one.layers)
    assert all(one.rows == 10 for one in seen.values())


def test_a_shared_layer_has_an_entry_for_each_call() -> None:
    class Twice(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.last = nn.Linear(8, 8), nn.Linear(8, 1)

        def forward(self, x: Any) -> Any:
            return self.last(torch.relu(self.cell(torch.tanh(self.cell(x)))))

    module, x = Twice(), torch.randn(5, 8)
    wanted = pt.probe(module, x, loss=mean)
    seen: dict[int, Any] = {}
    with pt.watch(module, 1, seen.__setitem__) as watching:
        step(torch.optim.Adam(module.parameters()), lambda: mean(module(x)))
    assert watching.layers == ("cell", "cell#2", "last")
    assert moments(seen[0]) == [one.moments for one in wanted.layers]


def test_calls_without_training_are_not_seen() -> None:
    module, x, other = small(), torch.randn(6, 8), torch.randn(50, 8)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    seen: dict[int, Any] = {}
    with pt.watch(module, 1, seen.__setitem__):
        for _ in range(3):
            module.eval()
            mean(module(other))
            module.train()
            with torch.no_grad():
                module(other)
            step(optimizer, lambda: mean(module(x)))
    assert [one.rows for one in seen.values()] == [6, 6, 6]


@pytest.mark.parametrize("reentrant", [False, True])
def test_recomputation_is_not_counted_twice(reentrant: bool) -> None:
    from torch.utils.checkpoint import checkpoint

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.body, self.last = nn.Linear(8, 8), small(), nn.Linear(4, 1)

        def forward(self, x: Any) -> Any:
            return self.last(checkpoint(self.body, self.first(x), use_reentrant=reentrant))

    module, x = Block(), torch.randn(6, 8)
    wanted = None if reentrant else pt.probe(module, x, loss=mean)
    seen: dict[int, Any] = {}
    with pt.watch(module, 1, seen.__setitem__):
        for _ in range(2):
            step(torch.optim.SGD(module.parameters(), lr=0.1), lambda: mean(module(x)))
    assert [one.name for one in seen[0].layers] == ["first", "body.0", "body.2", "last"]
    if wanted is not None:
        assert moments(seen[0]) == [one.moments for one in wanted.layers]
    else:
        assert ["gradient" in one.moments for one in seen[0].layers] == [True, False, False, True]
        assert all("update" in one.moments for one in seen[0].layers)


def test_an_exception_inside_the_loop_leaves_nothing() -> None:
    module, optimizer_of = small(), torch.optim.SGD

    def hooks() -> int:
        return sum(len(one._forward_hooks) + len(one._forward_pre_hooks) for one in module.modules())

    with pytest.raises(RuntimeError, match="shapes"), pt.watch(module) as watching:
        module(torch.randn(3, 5))
    assert hooks() == 0
    assert torch.overrides._get_current_function_mode() is None
    assert watching.steps == ()
    # caught in the loop, the step is sampled by its next call
    optimizer, x = optimizer_of(module.parameters(), lr=0.1), torch.randn(6, 8)
    with pt.watch(module) as watching:
        with pytest.raises(RuntimeError, match="shapes"):
            module(torch.randn(3, 5))
        assert torch.overrides._get_current_function_mode() is None
        step(optimizer, lambda: mean(module(x)))
    assert watching.steps == (0,)
    assert watching.report.rows == 6


def test_one_layer_alone_and_its_exception() -> None:
    module, x = nn.Linear(8, 4), torch.randn(6, 8)
    with pt.watch(module) as watching:
        with pytest.raises(RuntimeError, match="shapes"):
            module(torch.randn(3, 5))
        step(torch.optim.SGD(module.parameters(), lr=0.1), lambda: mean(module(x)))
    assert watching.layers == ("Linear",)
    assert not module._forward_hooks


def test_an_interrupt_that_is_caught() -> None:
    class Slow(nn.Module):  # type: ignore[misc, name-defined]
        interrupted = True

        def forward(self, x: Any) -> Any:
            if self.interrupted:
                raise KeyboardInterrupt
            return x

    module = nn.Sequential(nn.Linear(8, 8), Slow(), nn.Linear(8, 1))
    optimizer, x = torch.optim.SGD(module.parameters(), lr=0.1), torch.randn(6, 8)
    with pt.watch(module, 1) as watching:
        with pytest.raises(KeyboardInterrupt):
            module(x)
        module[1].interrupted = False
        for _ in range(2):
            step(optimizer, lambda: mean(module(x)))
    assert torch.overrides._get_current_function_mode() is None
    # what could not be told apart from the interrupted call is left out
    assert watching.steps == (1,)


def test_watches_inside_watches() -> None:
    module, x = nn.Sequential(small(), nn.Tanh(), nn.Linear(4, 1)), torch.randn(6, 8)
    wanted = pt.probe(module, x, loss=mean)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pt.watch(module, 1) as whole, pt.watch(module, 2) as again, pt.watch(module[0], 1) as part:
        for at in range(3):
            step(optimizer, lambda: mean(module(x)))
            if at == 0:
                reports = [one.report for one in (whole, again, part)]
    assert moments(reports[0]) == moments(reports[1]) == [one.moments for one in wanted.layers]
    assert moments(reports[2])[0] == wanted.layers[0].moments
    assert (whole.steps, again.steps, part.steps) == ((0, 1, 2), (0, 2), (0, 1, 2))
    assert torch.overrides._get_current_function_mode() is None


def test_two_optimizers_make_one_step() -> None:
    module, x = small(), torch.randn(6, 8)
    first, second = (torch.optim.SGD(module[at].parameters(), lr=0.1) for at in (0, 2))
    other = torch.optim.SGD(small().parameters(), lr=0.1)
    seen: dict[int, Any] = {}
    with pt.watch(module, 2, seen.__setitem__):
        for _ in range(5):
            mean(module(x)).backward()
            other.step()
            first.step()
            second.step()
    assert list(seen) == [0, 2, 4]
    assert all("update" in layer.moments for one in seen.values() for layer in one.layers)


def test_another_optimizer_takes_over() -> None:
    module, x = small(), torch.randn(6, 8)
    with pt.watch(module, 2) as watching:
        for rate in (0.1, 0.01):
            optimizer = torch.optim.SGD(module.parameters(), lr=rate)
            for _ in range(4):
                step(optimizer, lambda: mean(module(x)))
    assert watching.steps == (0, 2, 4, 6)


def test_weights_that_no_optimizer_has_and_those_that_are_frozen() -> None:
    module, x = small(), torch.randn(6, 8)
    module[0].weight.requires_grad_(False)
    module.append(nn.Linear(4, 3))
    optimizer = torch.optim.SGD(module[2].parameters(), lr=0.1)
    seen: dict[int, Any] = {}
    with pt.watch(module, 2, seen.__setitem__):
        for _ in range(4):
            step(optimizer, lambda: mean(module(x)))
    # the last sample ends with the block
    assert list(seen) == [0, 2]
    assert ["update" in one.moments for one in seen[0].layers] == [False, True, False]
    assert ["weight gradient" in one.moments for one in seen[0].layers] == [False, True, True]
    assert all(one.verdict.kind == "healthy" for one in seen[0].layers)


def test_an_optimizer_with_a_closure_and_one_for_each_weight() -> None:
    module, x = small(), torch.randn(6, 8)
    wanted = pt.probe(module, x, loss=mean)
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=3)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = mean(module(x))
        loss.backward()
        return loss

    with pt.watch(module, 1) as watching:
        optimizer.step(closure)
    assert moments(watching.report) == [one.moments for one in wanted.layers]
    # updates inside the backward pass
    own = {one: torch.optim.SGD([one], lr=0.1) for one in module.parameters()}
    for one in own:
        one.register_post_accumulate_grad_hook(lambda weight: own[weight].step())
    with pt.watch(module, 2) as watching:
        for _ in range(4):
            mean(module(x)).backward()
            module.zero_grad()
    assert watching.steps == (0, 2)
    assert all("update" in one.moments for one in watching.report.layers)


def test_updates_by_hand_are_told() -> None:
    module, x = small(), torch.randn(6, 8)
    with pt.watch(module, 2) as watching:
        for _ in range(3):
            mean(module(x)).backward()
            with torch.no_grad():
                for one in module.parameters():
                    one -= 0.1 * one.grad
                    one.grad = None
            watching.step()
    assert watching.steps == (0, 2)
    assert (watching.over_time("update ratio") > 0).all()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pt.watch(module) as watching:
        step(optimizer, lambda: mean(module(x)))
        with pytest.raises(ArgumentError, match="counts the steps"):
            watching.step()
    with pytest.warns(UserWarning, match="no optimizer of torch"), pt.watch(module):
        mean(module(x)).backward()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: pt.watch("x"), RecipeError, "torch.nn.Module; got str"),
        (lambda: pt.watch(nn.ReLU()), RecipeError, "has none"),
        (lambda: pt.watch(nn.Linear(2, 2, device="meta")), LayoutError, "materialize"),
        (lambda: pt.watch(small(), 0), ArgumentError, "every must be a positive integer; got 0. Use 50."),
        (lambda: pt.watch(small(), 2.5), ArgumentError, "every"),
        (lambda: pt.watch(small(), to=3), ArgumentError, "SummaryWriter"),
        (lambda: pt.watch(small(), to=dict), ArgumentError, "class dict"),
        (lambda: pt.watch(small(), modules="9"), RecipeError, "no name matches"),
        (lambda: pt.watch(small(), scaler=1024.0), ArgumentError, "GradScaler"),
        (lambda: pt.watch(small(), start=-1), ArgumentError, "start"),
        (lambda: pt.watch(small(), threads=0), ArgumentError, "threads"),
        (lambda: pt.watch(small()).over_time("norm"), ArgumentError, "update ratio"),
        (lambda: pt.watch(small()).export("/nowhere/x.html"), ArgumentError, "got none"),
    ],
)
def test_bad_arguments(make: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_a_second_block_is_refused_and_start_numbers_the_first_step() -> None:
    module, x = small(), torch.randn(6, 8)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pt.watch(module, 2, start=100, modules="2") as watching:
        for _ in range(3):
            step(optimizer, lambda: mean(module(x)))
    assert watching.steps == (100, 102)
    assert watching.layers == ("2",)
    with pytest.raises(ArgumentError, match="one block"), watching:
        pass
