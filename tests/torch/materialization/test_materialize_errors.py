"""What cannot be made is named, with the way out, and the module is left as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi

pytestmark = [
    pytest.mark.interop,
    # heads that are tied to embeddings, which begin in another way
    pytest.mark.filterwarnings("ignore:.* is one tensor with"),
]

torch = pytest.importorskip("torch")
materialize = pytest.importorskip("pyinit.torch.materialization.materialization").materialize
nn = torch.nn


def on_meta(build: Callable[[], Any]) -> Any:
    """Build a module under torch's meta device."""
    with torch.device("meta"):
        return build()


def net(depth: int = 1, dtype: Any = None) -> Any:
    """A few layers, tied, with a padding row, norms and running statistics."""

    class Net(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(50, 16, padding_idx=3, dtype=dtype)
            self.layers = nn.ModuleList(nn.Linear(16, 16, dtype=dtype) for _ in range(depth))
            self.attention = nn.MultiheadAttention(16, 2, dtype=dtype)
            self.norm = nn.BatchNorm1d(16, dtype=dtype)
            self.head = nn.Linear(16, 50, bias=False, dtype=dtype)
            self.head.weight = self.embed.weight

    return Net()


def tensors(module: Any) -> dict[str, Any]:
    """Every parameter and buffer, tied ones once."""
    return dict([*module.named_parameters(), *module.named_buffers()])


def by_hand(recipe: pi.Recipe, like: Any, key: pi.Key) -> Any:
    """What a recipe makes in a tensor of the same shape and dtype."""
    return pi.fill(torch.empty_like(like, requires_grad=False), recipe, key=key)


@pytest.mark.parametrize("recipe", ["he_normal", {"*": "he_normal"}, {"weight": "ones"}])
@pytest.mark.parametrize(
    "build", [lambda: nn.Linear(4, 4), lambda: on_meta(lambda: nn.Linear(4, 4)).to_empty(device="cpu")]
)
def test_a_recipe_for_a_real_module_is_refused(recipe: Any, build: Callable[[], Any]) -> None:
    module = build()
    before = module.weight.detach().clone()
    with pytest.raises(pi.errors.RecipeError, match=r"all tensors of Linear are real.*leave out to_empty"):
        materialize(module, recipe, key=0)
    torch.testing.assert_close(module.weight.detach(), before, rtol=0, atol=0, equal_nan=True)


class Forgetful(nn.Module):  # type: ignore[misc, name-defined]
    """Begins only in part."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.token = nn.Parameter(torch.randn(3, 4))
        self.register_buffer("mask", torch.ones(4, 4).tril(), persistent=False)
        self.scale = torch.ones(2)


def test_what_is_not_known_is_named_each_and_nothing_is_touched() -> None:
    module = on_meta(Forgetful)
    with pytest.raises(pi.errors.RecipeError) as caught:
        materialize(module, key=0)
    assert str(caught.value) == (
        "materialize needs to know how each tensor of Forgetful begins; of 3 the module's own methods do not "
        "tell: parameter 'token': nothing is written to it; buffer 'mask': nothing is written to it; "
        "attribute 'scale': nothing is written to it. Build it under pyinit.torch.deferred(), which sees "
        "constructors, or pass recipe={pattern: a Recipe}."
    )
    assert all(tensor.is_meta for tensor in tensors(module).values())
    rules = {"token": pi.normal(std=0.1), "mask": pi.ones(), "scale": pi.constant(2)}
    materialize(module, rules, key=0)
    assert torch.equal(module.token, by_hand(rules["token"], module.token, pi.key(0).fold_in("token")))
    assert module.scale.tolist() == [2, 2]


def failing(error: Callable[[Any], None]) -> Any:
    """A linear layer that begins in another way."""

    class Failing(nn.Linear):  # type: ignore[misc, name-defined]
        def reset_parameters(self) -> None:
            if self.built:
                error(self)

        built = False

    module = on_meta(lambda: Failing(4, 2, bias=False))
    module.built = True
    return module


def looks(module: Any) -> None:
    module.weight.data.normal_()
    if module.weight.sum() > 0:
        module.weight.data.zero_()


FAILURES: dict[str, tuple[Callable[[Any], None], str]] = {
    "values": (looks, "parameter 'weight': Failing.reset_parameters raised "),
    "its own error": (lambda m: m.absent, "Failing.reset_parameters raised AttributeError: "),
    "distribution": (
        lambda m: m.weight.data.geometric_(0.5),
        "parameter 'weight': aten.geometric_.default of torch.float32 has no recipe",
    ),
    "real": (
        lambda m: m.weight.data.copy_(torch.zeros(2, 4).normal_()),
        "raised PyinitError: aten.normal_.default draws random numbers outside of the meta device",
    ),
    "part": (lambda m: m.weight.data[0].zero_(), "parameter 'weight': only a part of it is written"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_cannot_be_recorded_is_named_and_a_rule_is_the_way_out(name: str) -> None:
    error, message = FAILURES[name]
    module = failing(error)
    with pytest.raises(pi.errors.RecipeError) as caught:
        materialize(module, key=0)
    assert message in str(caught.value)
    assert module.weight.is_meta
    materialize(module, {"*": pi.he_normal()}, key=0)
    key = pi.key(0).fold_in("weight")
    assert torch.equal(module.weight, by_hand(pi.he_normal(layout="torch"), module.weight, key))


ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "lazy": (
        lambda: materialize(on_meta(lambda: nn.LazyLinear(3)), key=0),
        pi.errors.LayoutError,
        "materialize needs shapes; 'weight' of LazyLinear is lazy. Run one batch on the meta device first",
    ),
    "sparse": (
        lambda: materialize(sparse_on_meta(), key=0),
        pi.errors.LayoutError,
        "materialize needs strided tensors; 'weight' of Module is torch.sparse_coo. Make it real first",
    ),
    "fans": (
        lambda: materialize(on_meta(lambda: nn.Linear(3, 2)), {"*": "he_normal"}, key=0),
        pi.errors.ShapeError,
        "'bias': ",
    ),
    "dtype": (
        lambda: materialize(
            on_meta(lambda: nn.Linear(3, 2, dtype=torch.float8_e5m2fnuz)), pi.normal(), key=0
        ),
        pi.errors.RecipeError,
        "'weight': normal() needs one of float32, float64, bfloat16, float16, float8_e4m3fn, float8_e5m2, "
        "complex64, complex128; it is torch.float8_e5m2fnuz. Give",
    ),
    "rows": (
        lambda: materialize(
            on_meta(lambda: nn.Linear(3, 2)),
            [pi.recipes.rules.Rule("weight", pi.normal(), zero_rows=(2,))],
            key=0,
        ),
        pi.errors.RecipeError,
        "'weight': there is no row 2 in shape (2, 3). Count from 0.",
    ),
    "key": (
        lambda: materialize(on_meta(net), key=-1),
        pi.errors.SeedError,
        "a seed must be an integer in [0",
    ),
    "threads": (
        lambda: materialize(on_meta(net), key=0, threads=0),
        pi.errors.ArgumentError,
        "threads must be a positive integer; got 0",
    ),
    "recipe": (
        lambda: materialize(on_meta(net), "he", key=0),
        pi.errors.RecipeError,
        "unknown recipe 'he'. Known are ",
    ),
}


def sparse_on_meta() -> Any:
    module = nn.Module()
    module.weight = nn.Parameter(torch.empty(2, 2, layout=torch.sparse_coo, device="meta"))
    return module


@pytest.mark.parametrize("name", ERRORS)
def test_bad_input_is_refused(name: str) -> None:
    call, error, message = ERRORS[name]
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(message)
