"""Every module class of torch draws what it always draws, by pyinit; draws have the moments of torch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import pyinit as pi
from pyinit import _core

torch: Any = pytest.importorskip("torch")

from torch.nn import init  # noqa: E402
from torch.testing._internal.common_modules import module_db  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from pyinit.torch import accelerate  # noqa: E402
from pyinit.torch.acceleration import context  # noqa: E402

from ...older import older  # noqa: E402

pytestmark = pytest.mark.interop


class Drawn(NamedTuple):
    """One draw: distribution, its two numbers, and where it went."""

    distribution: str
    numbers: tuple[float, float]
    shape: tuple[int, ...]
    dtype: str


class Torchs(TorchDispatchMode):  # type: ignore[misc]
    """Writes down what torch draws."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[Drawn] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in ("normal_", "uniform_"):
            tensor, *numbers = args
            numbers += ([0.0, 1.0])[len(numbers) :]
            self.note(name.rstrip("_"), tensor, *numbers)
        elif name in ("randn", "rand"):
            made = func(*args, **(kwargs or {}))
            self.note({"randn": "normal", "rand": "uniform"}[name], made, 0.0, 1.0)
            return made
        return func(*args, **(kwargs or {}))

    def note(self, distribution: str, tensor: Any, *numbers: float) -> None:
        if tensor.numel():
            self.drawn.append(Drawn(distribution, numbers, tuple(tensor.shape), str(tensor.dtype)))


@pytest.fixture
def pyinits(monkeypatch: pytest.MonkeyPatch) -> list[Drawn]:
    """What pyinit draws, by the general way alone."""
    drawn: list[Drawn] = []
    fill = context.fill

    def noted(tensor: Any, recipe: Any, **how: Any) -> Any:
        fields = recipe.to_dict()
        distribution = fields["recipe"]
        names = {"normal": ("mean", "std"), "uniform": ("low", "high")}[distribution]
        numbers = tuple(getattr(recipe, name) for name in names)
        drawn.append(Drawn(distribution, numbers, tuple(tensor.shape), str(tensor.dtype)))
        return fill(tensor, recipe, **how)

    monkeypatch.setattr(context, "fill", noted)
    monkeypatch.setattr(context, "draw_small", lambda *given: False)
    monkeypatch.setattr(_core, "begin_construction", lambda *given: False)
    return drawn


def constructors(info: Any) -> list[Callable[[], Any]]:
    """Return distinct ways in which torch's own tests construct a module class; of many, the first ones."""
    inputs = info.module_inputs_func(
        info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
    )
    ways = {}
    for each in inputs:
        args, kwargs = each.constructor_input.args, each.constructor_input.kwargs
        ways[repr((args, kwargs))] = lambda args=args, kwargs=kwargs: info.module_cls(*args, **kwargs)
    return list(ways.values())[:32]


def state(module: Any) -> Any:
    """Return all numbers that a module holds; a lazy one holds none yet."""
    tensors = (*module.parameters(), *module.buffers())
    return [tensor.clone() for tensor in tensors if not torch.nn.parameter.is_lazy(tensor)]


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning")
@pytest.mark.parametrize("info", module_db, ids=lambda info: info.name)
def test_module_classes_draw_the_same_numbers_by_pyinit(
    info: Any, pyinits: list[Drawn], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each draw has torch's distribution, numbers, shape and dtype, in torch's order; torch draws none.

    The way of small tensors, outside of the mode, makes the same.
    """
    ways = [(construct, *generally(construct, pyinits)) for construct in constructors(info)]
    monkeypatch.undo()
    for construct, given, fills in ways:
        before = torch.get_rng_state()
        with accelerate(key=1) as block:
            again = construct()
        assert torch.equal(before, torch.get_rng_state())
        assert block.fills == fills
        assert all(torch.equal(a, b) for a, b in zip(state(given), state(again), strict=True))


def generally(construct: Callable[[], Any], pyinits: list[Drawn]) -> tuple[Any, int]:
    """Return a module whose draws are torch's, and how many there are."""
    with Torchs() as torchs:
        expected = construct()
    before = torch.get_rng_state()
    pyinits.clear()
    with accelerate(key=1) as block:
        given = construct()
    assert torch.equal(before, torch.get_rng_state())
    assert pyinits == torchs.drawn
    assert block.fills == len(torchs.drawn)
    assert [each.shape for each in state(given)] == [each.shape for each in state(expected)]
    return given, block.fills


def test_torchs_list_of_modules_is_long_and_draws() -> None:
    with Torchs() as torchs:
        for info in module_db[::8]:
            for construct in constructors(info):
                construct()
    assert len(module_db) > 100
    assert len(torchs.drawn) > 10


# moments

ROWS, COLUMNS = 256, 512
CALLS: dict[str, Callable[[Any], Any]] = {
    "uniform_": lambda w: init.uniform_(w, -0.3, 0.1),
    "normal_": lambda w: init.normal_(w, 0.2, 0.02),
    "trunc_normal_": lambda w: init.trunc_normal_(w, 0.01, 0.02, -0.02, 0.03),
    "trunc_normal_ far out": lambda w: init.trunc_normal_(w, 0.0, 1.0, 1.0, 3.0),
    "trunc_normal_ by default": init.trunc_normal_,
    "xavier_uniform_": init.xavier_uniform_,
    "xavier_normal_": init.xavier_normal_,
    "kaiming_uniform_": lambda w: init.kaiming_uniform_(w, math.sqrt(5)),
    "kaiming_normal_": lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
    "orthogonal_": lambda w: init.orthogonal_(w, 1.5),
    "sparse_": lambda w: init.sparse_(w, 0.25, 0.7),
    "rand": lambda w: w.copy_(torch.rand(ROWS, COLUMNS)),
    "randn": lambda w: w.copy_(torch.randn(ROWS, COLUMNS)),
    "bfloat16": lambda w: w.copy_(torch.empty(ROWS, COLUMNS, dtype=torch.bfloat16).normal_(0, 0.02)),
}
DETECTED = 0.02
"""Smallest error that is found, in the mean (in units of std), in the std and in the absolute deviation (as a
ratio). A standard error of a difference is at most sqrt(2 / 2^17) = 0.004, a fifth of it."""


def moments(values: Any) -> tuple[float, float, float]:
    """Return mean, std, and mean absolute deviation over std."""
    values = values.double()
    mean, std = values.mean(), values.std()
    return float(mean), float(std), float((values - mean).abs().mean() / std)


def alike(ours: Any, theirs: Any) -> bool:
    """Whether no moment differs by more than what is to be found."""
    (mean, std, shape), (their_mean, their_std, their_shape) = moments(ours), moments(theirs)
    return (
        abs(mean - their_mean) < DETECTED * their_std
        and abs(std / their_std - 1) < DETECTED
        and abs(shape / their_shape - 1) < DETECTED
    )


@pytest.mark.parametrize("name", CALLS)
def test_moments_are_those_of_torch(name: str) -> None:
    if name == "bfloat16" and older("torch", 2, 13):
        pytest.skip("torch 2.9 draws bfloat16 normals without tails, torch 2.13 with them")
    torch.manual_seed(0)
    theirs = CALLS[name](torch.empty(ROWS, COLUMNS))
    with accelerate(key=0):
        ours = CALLS[name](torch.empty(ROWS, COLUMNS))
    assert alike(ours, theirs)
    # what has bounds reaches them among 2^17 draws; what has none comes within a fifth
    reach = float(theirs.max() - theirs.min())
    assert abs(float(ours.max() - ours.min()) - reach) < 0.2 * reach
    if "trunc" in name or "uniform" in name:
        assert abs(float(ours.max() - theirs.max())) < 2e-3 * reach
        assert abs(float(ours.min() - theirs.min())) < 2e-3 * reach


@pytest.mark.parametrize("mutant", [lambda w: w * 1.04, lambda w: w + 0.04 * w.std(), lambda w: w.abs()])
@pytest.mark.parametrize("name", ["uniform_", "normal_", "trunc_normal_", "orthogonal_", "sparse_"])
def test_the_check_of_moments_can_fail(name: str, mutant: Callable[[Any], Any]) -> None:
    torch.manual_seed(0)
    theirs = CALLS[name](torch.empty(ROWS, COLUMNS))
    with accelerate(key=0):
        ours = CALLS[name](torch.empty(ROWS, COLUMNS))
    assert not alike(mutant(ours) if name != "normal_" else mutant(ours - 0.2) + 0.2, theirs)


def test_orthogonal_and_sparse_matrices_are_what_they_are_called() -> None:
    with accelerate(key=0):
        wide = init.orthogonal_(torch.empty(60, 4, 25, dtype=torch.float64))
        thin = init.sparse_(torch.empty(100, 30), 0.33)
    lines = wide.flatten(1)
    torch.testing.assert_close(lines @ lines.T, torch.eye(60, dtype=torch.float64), atol=1e-12, rtol=0)
    assert ((thin == 0).sum(0) == 33).all()


def test_bfloat16_is_rounded_once() -> None:
    with accelerate(key=0):
        ours = torch.rand(1 << 16, dtype=torch.bfloat16)
    exact = pi.uniform()((1 << 16,), key=pi.key(0).fold_in(0))
    # torch rounds a float32 once, too; but one that is 1 afterwards is outside of [0, 1)
    once = torch.from_numpy(exact).to(torch.bfloat16).clamp(max=1 - 2**-8)
    assert torch.equal(ours, once)


def test_lazy_modules_draw_when_they_see_a_batch() -> None:
    with accelerate(key=0) as block:
        lazy = torch.nn.Sequential(torch.nn.LazyConv2d(4, 3), torch.nn.Flatten(), torch.nn.LazyLinear(5))
        assert block.fills == 0
        before = torch.get_rng_state()
        lazy(torch.ones(1, 2, 4, 4))
        assert torch.equal(before, torch.get_rng_state())
    assert block.fills == 4
