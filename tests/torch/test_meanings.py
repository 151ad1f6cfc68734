"""One call of torch.nn.init means one recipe, whoever reads it: `init`, `accelerate` or the recorder.

Each row has the recipe written by hand, or the refusal. Every reader has to make its bits under its own key.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import pyinit as pi

from ..older import older

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
init = pytest.importorskip("pyinit.torch.init")
meanings = pytest.importorskip("pyinit.torch.meanings")
pit = pytest.importorskip("pyinit.torch")
nn = torch.nn
theirs = torch.nn.init

SHAPE = (6, 4)
KERNEL = (6, 4, 3)


class Row(NamedTuple):
    """A call, and the recipe that it means, or what its refusal says."""

    name: str
    shape: tuple[int, ...]
    arguments: dict[str, Any]
    expected: pi.Recipe | str


def symmetric(bound: float) -> pi.Recipe:
    return pi.uniform(-bound, bound)


def row(name: str, expected: pi.Recipe | str, shape: tuple[int, ...] = SHAPE, **arguments: Any) -> Row:
    return Row(name, shape, arguments, expected)


def within(low: float, high: float, mean: float = 0.0, std: float = 1.0) -> pi.Recipe:
    return pi.truncated_normal(mean=mean, std=std, low=low, high=high, unit="absolute")


XAVIER = math.sqrt(2 / 10)
ROWS = {
    "uniform_": row("uniform_", pi.uniform()),
    "uniform_ of numbers": row("uniform_", pi.uniform(-1, 3), a=-1, b=np.float64(3)),
    "uniform_ of one value": row("uniform_", pi.constant(0.25), a=0.25, b=0.25),
    "uniform_ of zero": row("uniform_", pi.constant(0.0), a=0.0, b=0.0),
    "uniform_ of minus zero": row("uniform_", pi.constant(-0.0), a=-0.0, b=-0.0),
    "uniform_ of no interval": row("uniform_", "uniform needs low < high", a=2.0, b=1.0),
    "normal_": row("normal_", pi.normal()),
    "normal_ of numbers": row("normal_", pi.normal(mean=1.0, std=0.5), mean=1, std=np.float32(0.5)),
    "normal_ of std 0": row("normal_", pi.normal(mean=0.5, std=0.0), mean=0.5, std=0.0),
    "normal_ of std below 0": row("normal_", "std must be at least 0", std=-1.0),
    "trunc_normal_": row("trunc_normal_", within(-2, 2)),
    "trunc_normal_ of numbers": row(
        "trunc_normal_", within(-1, 0.5, 0.25, 0.5), mean=0.25, std=np.float64(0.5), a=-1, b=0.5
    ),
    "trunc_normal_ of one value": row("trunc_normal_", pi.constant(0.25), a=0.25, b=0.25),
    "trunc_normal_ of std 0": row("trunc_normal_", "std must be above 0", std=0.0),
    "trunc_normal_ of std 0 and one value": row(
        "trunc_normal_", "std must be above 0", std=0.0, a=0.0, b=0.0
    ),
    "trunc_normal_ of no interval": row("trunc_normal_", "truncated_normal needs low < high", a=2.0, b=1.0),
    "xavier_uniform_": row("xavier_uniform_", symmetric(math.sqrt(3) * XAVIER)),
    "xavier_uniform_ of an int": row("xavier_uniform_", symmetric(math.sqrt(3) * (2 * XAVIER)), gain=2),
    "xavier_uniform_ of gain 0": row("xavier_uniform_", pi.constant(-0.0), gain=0.0),
    "xavier_uniform_ of gain below 0": row("xavier_uniform_", "uniform needs low < high", gain=-1.0),
    "xavier_normal_ of float64": row("xavier_normal_", pi.normal(std=1.5 * XAVIER), gain=np.float64(1.5)),
    "xavier_normal_ of a tensor": row(
        "xavier_normal_", pi.normal(std=float(torch.tensor(1.5) * XAVIER)), gain=torch.tensor(1.5)
    ),
    "xavier_normal_ of a kernel": row("xavier_normal_", pi.normal(std=math.sqrt(2 / 30)), KERNEL),
    "xavier_normal_ of a vector": row("xavier_normal_", "fewer than 2 dimensions", (6,)),
    "kaiming_uniform_": row("kaiming_uniform_", symmetric(math.sqrt(3) * (math.sqrt(2) / 2))),
    "kaiming_uniform_ of Linear": row(
        "kaiming_uniform_",
        symmetric(math.sqrt(3) * (math.sqrt(2 / (1 + math.sqrt(5) ** 2)) / 2)),
        a=math.sqrt(5),
    ),
    "kaiming_uniform_ of a slope below 0": row(
        "kaiming_uniform_", symmetric(math.sqrt(3) * (math.sqrt(2 / 1.25) / 2)), a=-0.5
    ),
    "kaiming_normal_ of fan_out": row(
        "kaiming_normal_", pi.normal(std=math.sqrt(2) / math.sqrt(18)), KERNEL, mode="fan_out"
    ),
    "kaiming_normal_ of leaky_relu": row(
        "kaiming_normal_",
        pi.normal(std=math.sqrt(2 / 1.25) / 2),
        a=np.float64(0.5),
        nonlinearity="leaky_relu",
    ),
    "kaiming_normal_ of selu": row("kaiming_normal_", pi.normal(std=0.75 / 2), nonlinearity="selu"),
    "kaiming_normal_ of an unknown mode": row("kaiming_normal_", "not supported", mode="fan_avg"),
    "kaiming_normal_ of an unknown name": row("kaiming_normal_", "Unsupported", nonlinearity="gelu"),
    "orthogonal_": row("orthogonal_", pi.orthogonal(layout="torch")),
    "orthogonal_ of an int": row("orthogonal_", pi.orthogonal(2.0, layout="torch"), KERNEL, gain=2),
    "orthogonal_ of float64": row("orthogonal_", pi.orthogonal(0.5, layout="torch"), gain=np.float64(0.5)),
    "orthogonal_ of a tensor": row("orthogonal_", pi.orthogonal(0.5, layout="torch"), gain=torch.tensor(0.5)),
    "orthogonal_ of infinity": row("orthogonal_", "must be a finite number", gain=math.inf),
    "orthogonal_ of a vector": row("orthogonal_", "2 or more dimensions", (6,)),
    "sparse_": row("sparse_", pi.sparse(0.5), sparsity=0.5),
    "sparse_ of float64": row("sparse_", pi.sparse(0.3, 0.1), sparsity=np.float64(0.3), std=np.float64(0.1)),
    "sparse_ of std 0": row("sparse_", pi.sparse(0.3, 0.0), sparsity=0.3, std=0),
    "sparse_ of a share above 1": row("sparse_", "sparsity", sparsity=1.5),
    "sparse_ of a kernel": row("sparse_", "2 dimensions are supported", KERNEL, sparsity=0.5),
    "dirac_": row("dirac_", pi.dirac(layout="torch"), KERNEL),
    "dirac_ of groups": row("dirac_", pi.dirac(groups=2, layout="torch"), KERNEL, groups=2),
    "dirac_ of a matrix": row("dirac_", "3, 4, or 5 dimensions"),
}
RECIPES = [name for name, each in ROWS.items() if not isinstance(each.expected, str)]
REFUSALS = [name for name, each in ROWS.items() if isinstance(each.expected, str)]


def seeded() -> Any:
    return torch.Generator().manual_seed(3)


def by_init(call: Row) -> tuple[Any, pi.Key]:
    """Call pyinit's function; its key is the generator's next."""
    given = {} if call.name == "dirac_" else {"generator": seeded()}
    word = torch.empty((), dtype=torch.int64).random_(generator=seeded())
    weight = torch.full(call.shape, 7.0)
    getattr(init, call.name)(weight, **call.arguments, **given)
    return weight, pi.key(3).fold_in(int(word))


def by_accelerate(call: Row) -> tuple[Any, pi.Key]:
    """Call torch's function in a block; what is not drawn stays torch's."""
    weight = torch.full(call.shape, 7.0)
    with pit.accelerate(key=3) as block:
        getattr(theirs, call.name)(weight, **call.arguments)
    assert block.fills == (call.name != "dirac_"), "torch has drawn it"
    return weight, pi.key(3).fold_in(0)


def module_of(call: Row, module: Any) -> type:
    """Return a class whose constructor and whose method call a function."""

    class Module(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.empty(call.shape))
            self.reset_parameters()

        def reset_parameters(self) -> None:
            getattr(module, call.name)(self.weight, **call.arguments)

    return Module


def by_deferred(call: Row, module: Any = theirs) -> tuple[Any, pi.Key]:
    """Record a constructor that calls torch's function, and make the module."""
    with pit.deferred():
        built = module_of(call, module)()
    return pit.materialize(built, key=3).weight.detach(), pi.key(3).fold_in("weight")


def by_methods(call: Row) -> tuple[Any, pi.Key]:
    """Record the method of a module on the meta device, and make the module."""
    with torch.device("meta"):
        built = module_of(call, theirs)()
    return pit.materialize(built, key=3).weight.detach(), pi.key(3).fold_in("weight")


READERS: dict[str, Callable[[Row], tuple[Any, pi.Key]]] = {
    "init": by_init,
    "accelerate": by_accelerate,
    "deferred": by_deferred,
    "deferred, pyinit's": lambda call: by_deferred(call, init),
    "methods": by_methods,
}


def bits(tensor: Any) -> Any:
    return tensor.view(torch.int32)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", RECIPES)
def test_every_reader_makes_the_same_recipe(name: str, reader: str) -> None:
    call = ROWS[name]
    weight, key = READERS[reader](call)
    expected = pi.fill(torch.empty(call.shape), call.expected, key=key)
    assert torch.equal(bits(weight), bits(expected))


@pytest.mark.parametrize("name", REFUSALS)
def test_every_reader_refuses_the_same(name: str) -> None:
    call = ROWS[name]
    expected = str(call.expected)
    with pytest.raises((pi.RecipeError, pi.ShapeError, ValueError), match=expected) as ours:
        by_init(call)
    for read in (by_deferred, by_methods):
        # torch refuses some calls itself, as soon as they are made
        with pytest.raises((pi.RecipeError, RuntimeError, ValueError)) as recorded:
            read(call)
        assert expected in str(recorded.value) or isinstance(ours.value, type(recorded.value))
    with warnings.catch_warnings(), pit.accelerate() as block:
        warnings.simplefilter("ignore")
        with contextlib.suppress(ValueError, RuntimeError, ZeroDivisionError):
            getattr(theirs, call.name)(torch.empty(call.shape), **call.arguments)
        # torch makes these of normal draws, which are filled as all draws are
        computed = call.name in ("orthogonal_", "sparse_") and len(call.shape) == 2
        assert block.fills == computed, "it is left to torch"


@pytest.mark.parametrize("name", [name for name in RECIPES if ROWS[name].name != "dirac_"])
def test_no_elements_are_nothing_to_fill(name: str) -> None:
    call = ROWS[name]._replace(shape=(0, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for reader in ("init", "deferred", "deferred, pyinit's", "methods"):
            assert READERS[reader](call)[0].shape == (0, 3)
        with pit.accelerate() as block:
            getattr(theirs, call.name)(torch.empty(0, 3), **call.arguments)
    assert block.fills == 0


@pytest.mark.parametrize("name", RECIPES)
def test_torch_draws_within_what_the_recipe_says(name: str) -> None:
    """Torch's own values are the oracle of constants, bounds and zeros."""
    if name in ("uniform_ of minus zero", "xavier_uniform_ of gain 0") and older("torch", 2, 13):
        pytest.skip("torch 2.9 writes 0.0 where torch 2.13 writes -0.0")
    call = ROWS[name]
    theirs_drawn = getattr(theirs, call.name)(torch.full(call.shape, 7.0), **call.arguments)
    plan = call.expected.plan(call.shape)  # type: ignore[union-attr]
    if plan.distribution in ("constant", "dirac"):
        assert torch.equal(bits(theirs_drawn), bits(by_deferred(call)[0]))
    elif plan.bounds is not None:
        low, high = plan.bounds
        assert low <= float(theirs_drawn.min())
        assert float(theirs_drawn.max()) <= high


def test_timms_bounds_count_standard_deviations() -> None:
    read = meanings.CALLS["trunc_normal_tf_"]
    assert read(None, 0.5, 2, -1, 3).recipe() == pi.truncated_normal(mean=0.5, std=2.0, low=-1.0, high=3.0)
    assert read(None, 0.5, 2.0, 1.0, 1.0).recipe() == pi.constant(2.5)
    with pytest.raises(pi.RecipeError, match="std must be above 0"):
        read(None, 0.5, 0.0, 1.0, 1.0).recipe()


def test_the_rows_are_the_table() -> None:
    """The function of timm is none of torch.nn.init; its detour is tested with the models."""
    assert {each.name for each in ROWS.values()} == meanings.CALLS.keys() - {"trunc_normal_tf_"}


def test_the_parameters_are_torchs() -> None:
    for name in meanings.CALLS.keys() - {"trunc_normal_tf_"}:
        torchs = dict(inspect.signature(getattr(theirs, name)).parameters)
        torchs.pop("generator", None)
        ours = inspect.signature(meanings.CALLS[name]).parameters
        assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in torchs.values()]


def test_a_wrong_recipe_would_be_seen() -> None:
    weight, key = by_init(ROWS["trunc_normal_ of numbers"])
    other = pi.fill(torch.empty(SHAPE), within(-1, 0.5, 0.25, 0.501), key=key)
    assert not torch.equal(weight, other)
