"""`pyinit.torch.watch` finds what a probe finds, and changes no bit of a training."""

from __future__ import annotations

import copy
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import pyinit as pi

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("torchvision_loads")]

torch = pytest.importorskip("torch")
pt = pytest.importorskip("pyinit.torch")
nn = torch.nn

STEPS, EVERY = 200, 50


def mlp() -> tuple[Any, Callable[[], dict[str, Any]]]:
    """A chain with dropout, and batches of points."""
    module = nn.Sequential(
        nn.Linear(2, 32), nn.Tanh(), nn.Dropout(0.1), nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, 1)
    )

    def batch() -> dict[str, Any]:
        return {"input": torch.randn(16, 2)}

    return module, batch


def gpt2() -> tuple[Any, Callable[[], dict[str, Any]]]:
    """A tiny GPT-2, with dropout and a tied head."""
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        n_layer=2, n_head=2, n_embd=32, vocab_size=64, n_positions=16, bos_token_id=0, eos_token_id=0
    )

    def batch() -> dict[str, Any]:
        ids = torch.randint(0, 64, (4, 16))
        return {"input_ids": ids, "labels": ids}

    return transformers.GPT2LMHeadModel(config), batch


MODELS = {"mlp": mlp, "gpt2": gpt2}


def loss_of(output: Any) -> Any:
    """The loss of transformers' output, or a mean square."""
    return output.loss if hasattr(output, "loss") else output.square().mean()


class Trained:
    """A training of 200 steps: module, optimizer and what torch draws begin alike each time."""

    def __init__(self, name: str, *, is_watched: bool, keeps: bool = False) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.module, batch = MODELS[name]()
            optimizer = torch.optim.AdamW(self.module.parameters(), lr=1e-2)
            self.seen: dict[int, pi.Report] = {}
            # before each step that is sampled: module, batch, torch's generator
            self.kept: dict[int, tuple[Any, dict[str, Any], Any]] = {}

            def loop() -> None:
                for step in range(STEPS):
                    given = batch()
                    if keeps and step % EVERY == 0:
                        self.kept[step] = copy.deepcopy(self.module), given, torch.get_rng_state()
                    optimizer.zero_grad()
                    loss_of(self.module(**given)).backward()
                    optimizer.step()

            if is_watched:
                with pt.watch(self.module, EVERY, self.seen.__setitem__):
                    loop()
            else:
                loop()
            self.random = torch.get_rng_state()


@pytest.mark.parametrize("name", MODELS)
def test_no_bit_of_a_training_changes(name: str) -> None:
    plain, watched = Trained(name, is_watched=False), Trained(name, is_watched=True)
    assert list(watched.seen) == [0, 50, 100, 150]
    for one, other in zip(
        plain.module.state_dict().values(), watched.module.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    assert torch.equal(plain.random, watched.random)


@pytest.mark.parametrize("name", MODELS)
def test_statistics_are_those_of_a_probe_of_the_same_weights_and_batch(name: str) -> None:
    trained = Trained(name, is_watched=True, keeps=True)
    assert list(trained.kept) == list(trained.seen)
    for step, (module, given, random) in trained.kept.items():
        torch.set_rng_state(random)
        loss = None if name == "gpt2" else loss_of
        wanted, found = pt.probe(module, given, loss=loss), trained.seen[step]
        assert [one.name for one in found.layers] == [one.name for one in wanted.layers]
        for own, other in zip(found.layers, wanted.layers, strict=True):
            moments = dict(own.moments)
            assert moments.pop("update").count == moments["weight"].count
            assert moments == other.moments, (step, own.name)
            assert (own.inputs, own.units, own.activation) == (other.inputs, other.units, other.activation)
        assert found.inputs == wanted.inputs
        if name == "gpt2":
            assert found.loss == wanted.loss


def test_the_comparison_with_a_probe_can_fail() -> None:
    trained = Trained("mlp", is_watched=True, keeps=True)
    module, given, random = trained.kept[50]
    torch.set_rng_state(random)
    with torch.no_grad():
        module[3].weight[0, 0] += 1e-6
    wanted = pt.probe(module, given, loss=loss_of)
    assert wanted.layers[1].moments["weight"] != trained.seen[50].layers[1].moments["weight"]
    assert wanted.layers[0].moments["gradient"] != trained.seen[50].layers[0].moments["gradient"]


def test_updates_are_what_the_optimizer_adds() -> None:
    module = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5, momentum=0.9)
    x = torch.randn(12, 8)
    seen: dict[int, Any] = {}
    before, after = {}, {}
    with pt.watch(module, 3, seen.__setitem__) as watching:
        for step in range(7):
            before[step] = [module[at].weight.detach().clone() for at in (0, 2)]
            optimizer.zero_grad()
            loss_of(module(x)).backward()
            optimizer.step()
            after[step] = [module[at].weight.detach().clone() for at in (0, 2)]
    assert list(seen) == [0, 3, 6]
    ratios = watching.over_time("update ratio")
    assert watching.steps == (0, 3, 6)
    for column, step in enumerate(seen):
        for row, (old, new) in enumerate(zip(before[step], after[step], strict=True)):
            change = (new - old).numpy().astype(np.float64)
            found = seen[step].layers[row].moments["update"]
            assert found.second_moment == pytest.approx(float(np.square(change).mean()), rel=1e-9)
            ratio = np.sqrt(np.square(change).mean() / np.square(old.double().numpy()).mean())
            assert ratios[row, column] == pytest.approx(float(ratio), rel=1e-9)


def test_a_report_is_a_report() -> None:
    report = Trained("mlp", is_watched=True).seen[150]
    assert pi.Report.from_json(report.to_json()) == report
    assert "step 150" in str(report)


def test_hooks_are_there_for_samples_alone() -> None:
    module = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    global_hooks = import_module("torch.optim.optimizer")._global_optimizer_post_hooks
    outside = len(global_hooks)

    def hooks() -> int:
        found = sum(len(one._forward_hooks) + len(one._forward_pre_hooks) for one in module.modules())
        return found + sum(len(one._backward_hooks or ()) for one in module.parameters())

    x = torch.randn(12, 8)
    with pt.watch(module, 4):
        assert len(global_hooks) == outside + 1
        for step in range(9):
            assert (hooks() > 0) is (step % 4 == 0)
            optimizer.zero_grad()
            loss = loss_of(module(x))
            # two on the module itself, and one on each weight until its gradient comes
            assert hooks() == (4 if step % 4 == 0 else 0)
            loss.backward()
            assert hooks() == (2 if step % 4 == 0 else 0)
            optimizer.step()
    assert hooks() == 0
    assert len(global_hooks) == outside
    assert torch.overrides._get_current_function_mode() is None
