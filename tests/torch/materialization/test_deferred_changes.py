"""What is done to a module between deferred() and materialize: as in eager torch, or refused by name.

Each case changes a module that its constructor initialized in its own way; in eager torch the same change to
the same module leaves std 0.02, a head of zeros and a row of padding. The layers' own reset_parameters would
give 0.072, 0.125 and no such row.
"""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
adapter = pytest.importorskip("pyinit.torch")
deferred, materialize = adapter.deferred, adapter.materialize
nn = torch.nn
init, prune, parametrizations = (
    nn.init,
    pytest.importorskip("torch.nn.utils.prune"),
    nn.utils.parametrizations,
)


class Net(nn.Module):  # type: ignore[misc, name-defined]
    """Says in its constructor how it begins."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.head = nn.Linear(64, 64), nn.Linear(64, 64)
        self.embed = nn.Embedding(20, 64, padding_idx=3)
        init.normal_(self.fc.weight, std=0.02)
        for zeros in (self.fc.bias, self.head.weight, self.head.bias):
            init.zeros_(zeros)


def built() -> Any:
    """Return the module, deferred."""
    with deferred():
        return Net()


def values(module: Any) -> dict[str, Any]:
    """Return the numbers of a real module."""
    return {name: tensor.detach() for name, tensor in module.state_dict().items()}


def replaced(module: Any, by: Callable[[Any], Any]) -> None:
    """Put new Parameters in the place of all old ones."""
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            setattr(part, name, nn.Parameter(by(parameter)))


def under(flag: Callable[[bool], None]) -> Callable[[Any], Any]:
    """Return a cast under one of the ways in which torch will convert modules."""

    def cast(module: Any) -> None:
        flag(True)
        try:
            module.to(torch.bfloat16)
        finally:
            flag(False)

    return cast


def one_copied(module: Any) -> None:
    module.fc = copy.deepcopy(module.fc)


SAME: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "one submodule copied": one_copied,
    "its own state dict, assigned": lambda m: m.load_state_dict(m.state_dict(), assign=True),
    "a clone of it": lambda m: m.load_state_dict(
        {name: tensor.clone() for name, tensor in m.state_dict().items()}, assign=True
    ),
    "parameters rebuilt": lambda m: replaced(m, lambda old: old),
    "parameters rebuilt of data": lambda m: replaced(m, lambda old: old.data),
    "parameters rebuilt of clones": lambda m: replaced(m, lambda old: old.detach().clone()),
    "memory format": lambda m: m.to(memory_format=torch.channels_last),
    "to the meta device": lambda m: m.to("meta"),
    "frozen": lambda m: m.requires_grad_(False),
    "printed": lambda m: repr([*m.parameters(), m.fc.weight.data, m]) and None,
    "optimized": lambda m: torch.optim.AdamW(m.parameters()) and None,
}


@pytest.mark.parametrize("name", SAME)
def test_what_changes_no_number_changes_none(name: str) -> None:
    module = built()
    result = SAME[name](module)
    module = result if isinstance(result, nn.Module) else module
    expected = materialize(built(), key=0)
    materialize(module, key=0)
    assert values(module).keys() == values(expected).keys()
    for key, tensor in values(module).items():
        assert torch.equal(tensor, values(expected)[key]), key
    for parameter in module.parameters():
        assert type(parameter) is nn.Parameter
        assert not vars(parameter)
    assert not any("pyinit" in attribute for part in module.modules() for attribute in vars(part))


CASTS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "to(bfloat16)": (torch.bfloat16, lambda m: m.to(torch.bfloat16)),
    "half()": (torch.float16, lambda m: m.half()),
    "type()": (torch.bfloat16, lambda m: m.type(torch.bfloat16)),
    "double()": (torch.float64, lambda m: m.double()),
    "float()": (torch.float32, lambda m: m.float()),
    "state dict, cast": (
        torch.bfloat16,
        lambda m: m.load_state_dict(
            {name: tensor.bfloat16() for name, tensor in m.state_dict().items()}, assign=True
        ),
    ),
    "rebuilt": (torch.bfloat16, lambda m: replaced(m, lambda old: old.to(torch.bfloat16))),
    "overwriting": (torch.bfloat16, under(torch.__future__.set_overwrite_module_params_on_conversion)),
    "swapping": (torch.bfloat16, under(torch.__future__.set_swap_module_params_on_conversion)),
}


@pytest.mark.parametrize("name", CASTS)
def test_a_cast_has_one_rounding(name: str) -> None:
    dtype, cast = CASTS[name]
    module = built()
    cast(module)
    materialize(module, key=0)
    expected = values(materialize(built(), key=0))
    for key, tensor in values(module).items():
        assert tensor.dtype is dtype
        if dtype is not torch.float64:
            assert torch.equal(tensor, expected[key].to(dtype)), key
    assert abs(float(module.fc.weight.detach().std()) / 0.02 - 1) < 0.05
    assert not module.head.weight.any()
    assert not module.embed.weight[3].any()
    assert type(module.fc.weight) is nn.Parameter


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_a_cast_has_the_bits_that_the_meta_device_gives(dtype: str) -> None:
    kind = getattr(torch, dtype)
    build = lambda: nn.Sequential(nn.Linear(64, 64), nn.Embedding(9, 5, padding_idx=2))  # noqa: E731
    with torch.device("meta"):
        meta = build().to(kind)
    with deferred():
        inside = build().to(kind)
    with deferred():
        after = build()
    after.to(kind)
    expected = values(materialize(meta, key=3))
    for module in (inside, after):
        for name, tensor in values(materialize(module, key=3)).items():
            assert torch.equal(tensor, expected[name]), name


def test_one_layer_may_be_cast() -> None:
    module = built()
    module.fc.half()
    materialize(module, key=0)
    expected = materialize(built(), key=0)
    assert torch.equal(module.fc.weight, expected.fc.weight.half())
    assert module.embed.weight.dtype is torch.float32


def test_copies_in_one_module_begin_alike() -> None:
    """In eager torch deepcopy copies numbers."""
    first = built()
    module = nn.ModuleList([first, copy.deepcopy(first), copy.deepcopy(first).to(torch.bfloat16)])
    materialize(module, key=0)
    for name, tensor in values(module[0]).items():
        assert torch.equal(values(module[1])[name], tensor)
        assert torch.equal(values(module[2])[name], tensor.bfloat16())
    assert module[1].fc.weight.data_ptr() != module[0].fc.weight.data_ptr()
    averaged = torch.optim.swa_utils.AveragedModel(built())
    materialize(averaged, key=0)
    assert abs(float(averaged.module.fc.weight.detach().std()) / 0.02 - 1) < 0.05
    assert not averaged.module.head.weight.any()


WRITTEN: dict[str, tuple[Callable[[Any], Any], pi.Recipe]] = {
    "nn.init": (lambda m: init.normal_(m.fc.weight, std=3.0), pi.normal(std=3.0)),
    "skipped on meta": (lambda m: init.orthogonal_(m.fc.weight), pi.orthogonal(layout="torch")),
    "truncated": (
        lambda m: init.trunc_normal_(m.fc.weight, std=0.5),
        pi.truncated_normal(std=0.5, unit="absolute"),
    ),
    "data": (lambda m: m.fc.weight.data.uniform_(2, 3), pi.uniform(2, 3)),
    "detached": (lambda m: m.fc.weight.detach().fill_(3), pi.constant(3)),
    "apply": (
        lambda m: m.apply(lambda part: part is m.fc and part.weight.data.normal_(1.0, 5.0)),
        pi.normal(mean=1.0, std=5.0),
    ),
    "new data": (lambda m: setattr(m.fc.weight, "data", torch.full((64, 64), 7.0)), pi.constant(7)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_writes_after_construction_count(name: str) -> None:
    write, recipe = WRITTEN[name]
    module = built()
    write(module)
    materialize(module, key=5)
    expected = torch.from_numpy(recipe((64, 64), key=pi.key(5).fold_in("fc.weight")))
    assert torch.equal(module.fc.weight.detach(), expected)
    assert not module.head.weight.any()


def test_pruning_masks_what_was_drawn() -> None:
    for method in (
        lambda layer: prune.random_unstructured(layer, "weight", 0.5),
        lambda layer: prune.l1_unstructured(layer, "weight", 0.25),
        lambda layer: prune.identity(layer, "weight"),
    ):
        module = built()
        method(module.fc)
        materialize(module, key=0)
        mask, original = module.fc.weight_mask, module.fc.weight_orig
        assert torch.equal(module.fc.weight, original * mask)
        assert abs(float(original.detach().std()) / 0.02 - 1) < 0.05
    assert bool((mask == 1).all())


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "normed", [nn.utils.weight_norm, parametrizations.weight_norm, nn.utils.spectral_norm]
)
@pytest.mark.parametrize("inside", [True, False])
def test_norms_are_of_what_was_drawn(normed: Callable[[Any], Any], inside: bool) -> None:
    with deferred():
        module = Net()
        if inside:
            normed(module.fc)
    if not inside:
        normed(module.fc)
    materialize(module, key=0)
    made = module.fc.weight.detach()
    if normed is nn.utils.spectral_norm:
        # its attribute is the weight until the first batch
        assert torch.equal(made, module.fc.weight_orig)
    else:
        direction = dict(module.fc.named_parameters())
        assert any(
            torch.allclose(made, each.detach(), atol=1e-6) for each in direction.values() if each.dim()
        )
    assert abs(float(made.std()) / 0.02 - 1) < 0.05
    module.fc(torch.ones(2, 64))


def test_a_parametrization_after_the_block_that_cannot_be_recorded_stops() -> None:
    with pytest.raises((RuntimeError, pi.errors.PyinitError), match=r"meta"):
        parametrizations.orthogonal(built().fc)


def saved(module: Any) -> None:
    """Store and load the state dict: a file says nothing of how a tensor begins."""
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    module.load_state_dict(torch.load(file), assign=True)


REPLACED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a new tensor": (
        lambda m: setattr(m.fc, "weight", nn.Parameter(torch.empty(64, 64, device="meta"))),
        "parameter 'fc.weight': it was replaced after it was built under deferred()",
    ),
    "a loaded one": (saved, "parameter 'fc.weight': it was replaced after it was built"),
    "another module's": (
        lambda m: m.load_state_dict(Net().to("meta").state_dict(), assign=True),
        "parameter 'fc.weight': it was replaced after it was built",
    ),
    "one more": (
        lambda m: setattr(m.fc, "scale", nn.Parameter(torch.ones(64, device="meta"))),
        "parameter 'fc.scale': it was added after the module was built under deferred()",
    ),
    "emptied": (lambda m: m.to_empty(device="meta"), "parameter 'fc.weight': nothing is written to it"),
}


@pytest.mark.parametrize("name", REPLACED)
def test_what_was_replaced_is_named_and_never_reset(name: str) -> None:
    replace, why = REPLACED[name]
    module = built()
    replace(module)
    with pytest.raises(pi.errors.RecipeError) as caught:
        materialize(module, key=0)
    assert why in str(caught.value)
    assert "Replace tensors inside the block of pyinit.torch.deferred() or after materialize" in str(
        caught.value
    )
    assert module.fc.weight.is_meta
    copied = copy.deepcopy(module)
    with pytest.raises(pi.errors.RecipeError, match=r"'fc\.(weight|scale)'"):
        materialize(copied, key=0)


def test_a_pickled_module_is_no_recording() -> None:
    loaded = pickle.loads(pickle.dumps(built()))
    with pytest.raises(pi.errors.RecipeError, match=r"'fc\.weight': it was replaced after"):
        materialize(loaded, key=0)


def test_what_was_replaced_may_have_a_recipe() -> None:
    module = built()
    module.fc.weight = nn.Parameter(torch.empty(64, 64, device="meta"))
    materialize(module, {"fc.weight": pi.constant(2)}, key=0)
    assert bool((module.fc.weight == 2).all())
    assert not module.head.weight.any()


def test_a_layer_that_was_built_elsewhere_begins_by_its_own_methods() -> None:
    """As in eager torch, where nobody initializes it again."""
    module = built()
    module.head = nn.Linear(64, 64, device="meta")
    materialize(module, key=0)
    assert 0.12 < float(module.head.weight.detach().abs().max()) <= 0.125
    assert abs(float(module.fc.weight.detach().std()) / 0.02 - 1) < 0.05


def test_two_blocks_may_share_tensors() -> None:
    first = built()
    with deferred():
        second = Net()
        second.fc.weight.data.copy_(first.fc.weight * 2)
        second.head.weight = nn.Parameter(first.embed.weight)
    module = materialize(nn.ModuleList([first, second]), key=0)
    assert torch.equal(module[1].fc.weight, module[0].fc.weight * 2)
    assert torch.equal(module[1].head.weight, module[0].embed.weight)
