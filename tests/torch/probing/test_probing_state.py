"""`pyinit.torch.probe` leaves a module as it was, refuses what it cannot run, and serves a rescaling loop."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi
from pyinit.errors import ArgumentError, DataError, LayoutError, RecipeError, ShapeError

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
probe = pytest.importorskip("pyinit.torch").probe
nn, functional = torch.nn, torch.nn.functional


@pytest.fixture(autouse=True)
def _seeded() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class Model(nn.Module):  # type: ignore[misc, name-defined]
    """Dropout, running statistics, frozen weights, gradients that are there, and a function in plain code."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(8, 16), nn.BatchNorm1d(16)
        self.drop, self.last = nn.Dropout(0.5), nn.Linear(16, 4)
        self.fails = False
        self.first.requires_grad_(False)
        self.last.weight.grad = torch.ones(4, 16)
        self.drop.eval()

    def forward(self, x: Any) -> Any:
        x = self.drop(functional.dropout(torch.tanh(self.norm(self.first(x)))))
        if self.fails:
            raise ZeroDivisionError
        return self.last(x)


def state_of(module: Any) -> dict[str, Any]:
    """All that a probe might change, compared by value."""
    return {
        "tensors": {name: value.clone() for name, value in module.state_dict().items()},
        "grad": {name: value.grad for name, value in module.named_parameters()},
        "requires_grad": {name: value.requires_grad for name, value in module.named_parameters()},
        "training": {name: one.training for name, one in module.named_modules()},
        "hooks": {name: len(one._forward_hooks) for name, one in module.named_modules()},
        "random": torch.get_rng_state(),
    }


def assert_same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found["tensors"].keys() == wanted["tensors"].keys()
    for name, value in wanted["tensors"].items():
        assert torch.equal(found["tensors"][name], value), name
    for name, value in wanted["grad"].items():
        assert found["grad"][name] is value, name
    for name in ("requires_grad", "training", "hooks"):
        assert found[name] == wanted[name]
    assert torch.equal(found["random"], wanted["random"])


@pytest.mark.parametrize("backward", [True, False])
def test_a_module_is_left_as_it_was(backward: bool) -> None:
    module, x = Model(), torch.randn(10, 8)
    buffers = dict(module.named_buffers())
    before = state_of(module)
    report = probe(module, x, backward=backward)
    assert_same(state_of(module), before)
    assert all(buffer is buffers[name] for name, buffer in module.named_buffers())
    # frozen weights have a gradient in the report all the same
    assert ("weight gradient" in report.layers[0].moments) is backward
    # dropout draws the same again
    assert probe(module, x, backward=backward) == report
    assert module(x).grad_fn is not None
    assert torch.is_grad_enabled()


def test_the_comparison_of_states_can_fail() -> None:
    module = Model()
    before = state_of(module)
    module(torch.randn(10, 8))
    with pytest.raises(AssertionError):
        assert_same(state_of(module), before)


@pytest.mark.parametrize("when", ["forward", "loss", "gradient"])
def test_a_module_is_left_as_it_was_by_an_exception(when: str) -> None:
    module, x = Model(), torch.randn(10, 8)
    before = state_of(module)
    options: dict[str, Any] = {}
    if when == "forward":
        module.fails = True
    elif when == "loss":
        options["loss"] = lambda y: 1 // 0
    else:
        options["loss"] = lambda y: _Broken.apply(y).sum()
    with pytest.raises(ZeroDivisionError):
        probe(module, x, **options)
    assert_same(state_of(module), before)
    assert torch.overrides._get_current_function_mode() is None
    module.fails = False
    assert len(probe(module, x).layers) == 2


class _Broken(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """Goes forward, not back."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        raise ZeroDivisionError


@pytest.mark.parametrize("outside", [torch.no_grad, torch.inference_mode])
def test_gradients_come_back_whatever_is_outside(outside: Callable[[], Any]) -> None:
    module, x = Model(), torch.randn(10, 8)
    wanted = probe(module, x)
    with outside():
        assert probe(module, x + 0.0) == wanted
        assert not torch.is_grad_enabled()


def test_threads_do_not_change_a_bit() -> None:
    module, x = nn.Sequential(nn.Conv2d(4, 16, 3), nn.Tanh(), nn.Conv2d(16, 8, 3)), torch.randn(16, 4, 20, 20)
    one, two = (probe(module, x, threads=threads).to_dict() for threads in (1, 2))
    assert one == two


def test_nothing_is_kept() -> None:
    module, x = Model(), torch.randn(10, 8)
    kept: list[Any] = []
    handles = [
        one.register_forward_hook(lambda _, args, made: kept.append(weakref.ref(made)))
        for one in (module.first, module.norm, module.last)
    ]
    report = probe(module, x)
    for handle in handles:
        handle.remove()
    gc.collect()
    assert [reference() for reference in kept] == [None] * 3
    # nor by what theory remembers
    chain = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))
    with torch.no_grad():
        chain[0].weight.mul_(100.0)
    reports = [probe(chain, x)]
    watched = [weakref.ref(chain), weakref.ref(chain[0].weight), weakref.ref(x)]
    del chain, module, x
    gc.collect()
    assert [reference() for reference in watched] == [None] * 3
    assert reports[0].verdict.kind == "saturated"
    assert report.layers


def test_storage_stays_resizable() -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    probe(module, torch.randn(10, 8))
    for parameter in module.parameters():
        parameter.untyped_storage().resize_(0)
        assert parameter.untyped_storage().size() == 0


def test_numbers_that_are_not_finite_are_reported() -> None:
    module = nn.Sequential(*(part for _ in range(5) for part in (nn.Linear(8, 8, bias=False), nn.ReLU())))
    for one in module[::2]:
        nn.init.normal_(one.weight, 0.0, 1e12)
    report = probe(module, torch.randn(10, 8))
    assert report.verdict.kind == "exploding"
    assert report.verdict.reason.startswith("not finite from module 6 on: ")
    assert report.layers[4].moments["pre-activation"].nonfinite > 0
    assert pi.Report.from_json(report.to_json()) == report
    str(report)


def test_rows_that_overflow_float32_are_reported() -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    report = probe(module, 1e100 * torch.randn(10, 8, dtype=torch.float64))
    assert (report.inputs.nonfinite, report.verdict.kind) == (80, "exploding")
    assert not report.layers[0].predictions


def test_weights_without_numbers_make_no_layer() -> None:
    module = nn.Sequential(nn.Linear(8, 4), nn.Module())
    module[1].weight, module[1].forward = nn.Parameter(torch.empty(0, 4)), lambda x: x + 1.0
    assert [layer.name for layer in probe(module, torch.randn(10, 8)).layers] == ["0"]


def test_layer_sequential_unit_variance() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 16, 10)
    )
    x = torch.randn(32, 3, 8, 8)
    assert probe(module, x).layers[-1].moments["pre-activation"].std < 0.5
    for name in ("0", "2", "5"):
        for _ in range(10):
            (layer,) = probe(module, x, backward=False, modules=name).layers
            std = layer.moments["pre-activation"].std
            if abs(std - 1.0) < 0.01:
                break
            with torch.no_grad():
                module.get_submodule(name).weight.div_(std)
    for layer in probe(module, x).layers:
        assert layer.moments["pre-activation"].std == pytest.approx(1.0, abs=0.02)


def test_batches_and_outputs_of_many_kinds() -> None:
    class Two(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, a: Any, b: Any, scale: float = 1.0) -> Any:
            return {"ids": torch.arange(3), "made": [self.fc(a + b) * scale]}

    module, a, b = Two(), torch.randn(10, 8), torch.randn(10, 8)
    wanted = probe(module, (a, b))
    assert wanted.rows == 10
    assert probe(module, {"a": a, "b": b}) == wanted
    assert probe(module, [a, b]) == wanted
    twice = probe(module, {"a": a, "b": b, "scale": 2.0})
    one, other = (report.layers[0].moments["gradient"].mean for report in (wanted, twice))
    assert (one, other) == (1.0, 2.0)
    own = probe(module, (a, b), loss=lambda y: y.square().mean())
    assert own.loss == pytest.approx(float(module(a, b)["made"][0].detach().square().mean()))


def test_layers_are_chosen_by_name_or_by_function() -> None:
    module, x = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Sequential(nn.Linear(8, 4))), torch.randn(5, 8)
    names = [
        [layer.name for layer in probe(module, x, modules=chosen).layers]
        for chosen in (None, "2.*", ["0", "2.0"], lambda name, one: one.in_features == 8 and name == "0")
    ]
    assert names == [["0", "2.0"], ["2.0"], ["0", "2.0"], ["0"]]


class Loose(nn.Module):  # type: ignore[misc, name-defined]
    """Does not call its layer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Any) -> Any:
        return x


class Cut(nn.Module):  # type: ignore[misc, name-defined]
    """Cuts its gradient off."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Any) -> Any:
        return self.fc(x).detach()


class Buffered(nn.Linear):  # type: ignore[misc, name-defined]
    """Has a buffer elsewhere."""

    def __init__(self, device: str) -> None:
        super().__init__(8, 4)
        self.register_buffer("shift", torch.zeros(4, device=device))


LINEAR = nn.Linear(8, 4)
X = torch.ones(3, 8)


@pytest.mark.parametrize(
    ("module", "batch", "options", "error", "message"),
    [
        ("tanh", X, {}, RecipeError, "a probe needs a torch.nn.Module; got str."),
        (
            Loose(),
            X,
            {},
            RecipeError,
            "a probe needs a layer with weights that is called; got Loose, which calls",
        ),
        (nn.Tanh(), X, {}, RecipeError, "calls none of its 0"),
        (
            Cut(),
            X,
            {},
            RecipeError,
            "backward needs an output that has a gradient; got one that autograd connects to no weight",
        ),
        (nn.Linear(8, 4, device="meta"), X, {}, LayoutError, "materialize"),
        (nn.LazyLinear(4), X, {}, LayoutError, "call a lazy module once"),
        (
            Buffered("meta"),
            X,
            {},
            LayoutError,
            "a probe needs parameters and buffers with memory; got shift,",
        ),
        (
            nn.Sequential(LINEAR, nn.LazyBatchNorm1d(affine=False)),
            X,
            {},
            LayoutError,
            "call a lazy module once",
        ),
        (LINEAR, X * float("nan"), {}, DataError, "a batch must be finite; got 24 numbers"),
        (LINEAR, X[:0], {}, ShapeError, r"a probe needs rows; got a tensor of shape \(0, 8\)"),
        (LINEAR, X.numpy(), {}, RecipeError, "a probe needs a batch of tensors"),
        (LINEAR, X, {"modules": "fc*"}, RecipeError, r"got 'fc\*', which no name matches"),
        (LINEAR, X, {"bins": 0}, RecipeError, "bins must be"),
        (LINEAR, X, {"threads": 0}, ArgumentError, "threads"),
        (LINEAR, X, {"dy": X}, ShapeError, r"dy needs shape \(3, 4\), as the output; got \(3, 8\)"),
        (LINEAR, X, {"dy": 1.0}, RecipeError, "dy is a tensor or 'normal'; got 1.0"),
        (LINEAR, X, {"dy": X, "targets": X}, RecipeError, "dy and a loss exclude each other"),
        (LINEAR, X, {"backward": False, "targets": X}, RecipeError, "got backward=False"),
        (LINEAR, X, {"loss": "mse"}, RecipeError, "a loss needs targets"),
        (LINEAR, X, {"loss": "l1", "targets": X}, RecipeError, "loss is one of mse, cross_entropy"),
        (LINEAR, X, {"targets": [1]}, RecipeError, "targets are a tensor; got list"),
        (LINEAR, X, {"targets": X}, DataError, r"a squared error needs targets of shape \(3, 4\)"),
        (LINEAR, X, {"targets": torch.ones(4).long()}, DataError, "a cross entropy needs targets"),
        (LINEAR, X, {"loss": lambda y: y}, RecipeError, "a loss is a tensor of one number; got shape"),
        (LINEAR, X, {"loss": lambda y: 1.0}, RecipeError, "a loss is a tensor of one number; got float"),
    ],
)
def test_what_is_refused(module: Any, batch: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        probe(module, batch, **options)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_and_scripted_modules_are_refused() -> None:
    module = nn.Sequential(nn.Linear(8, 4))
    with pytest.raises(RecipeError, match="got TopLevelTracedModule, which is scripted"):
        probe(torch.jit.trace(module, X), X)
    with pytest.raises(RecipeError, match="which is compiled"):
        probe(torch.compile(module), X)
    own = copy.deepcopy(module)
    own[0].compile()
    with pytest.raises(RecipeError, match="got 0, which is compiled"):
        probe(own, X)


def test_an_output_without_a_number_needs_no_way_back() -> None:
    class Counts(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x: Any) -> Any:
            return self.fc(x).argmax(-1)

    with pytest.raises(
        RecipeError, match="backward needs an output with a floating-point tensor; got Tensor"
    ):
        probe(Counts(), X)
    assert probe(Counts(), X, backward=False).layers[0].activation == "linear"
