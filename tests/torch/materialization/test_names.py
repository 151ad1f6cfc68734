"""Names are the state dict's: wrappers change nothing, a prefix says where a part sits in the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pyinit as pi

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated"),
]

torch = pytest.importorskip("torch")
materialize = pytest.importorskip("pyinit.torch.materialization.materialization").materialize
deferred = pytest.importorskip("pyinit.torch.materialization.construction").deferred
state_names = pytest.importorskip("pyinit.torch.materialization.naming").state_names
wrappers = pytest.importorskip("torch.distributed.algorithms._checkpoint.checkpoint_wrapper")
nn = torch.nn


class Block(nn.Module):  # type: ignore[misc, name-defined]
    """Writes to its own tensor more than once, and has a buffer and an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.norm = nn.BatchNorm1d(8)
        self.own = nn.Parameter(torch.empty(3, 8))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.own)
        self.own.data[1].uniform_()
        self.own.data.mul_(2)

    def forward(self, inputs: Any) -> Any:
        return self.norm(self.linear(inputs))


def plain() -> Any:
    return nn.Sequential(nn.Linear(8, 8), Block(), nn.Linear(8, 8))


def checkpointed() -> Any:
    module = plain()
    module[0], module[1] = map(wrappers.checkpoint_wrapper, module[:2])
    return module


def checkpointed_in_place() -> Any:
    module = plain()
    wrappers.apply_activation_checkpointing(module, check_fn=lambda part: isinstance(part, Block))
    return module


def compiled_layer() -> Any:
    module = plain()
    module[1] = torch.compile(module[1])
    return module


WRAPPED: dict[str, Callable[[], Any]] = {
    "checkpoint_wrapper": checkpointed,
    "apply_activation_checkpointing": checkpointed_in_place,
    "offload_wrapper": lambda: wrappers.offload_wrapper(plain()),
    "torch.compile of a layer": compiled_layer,
    "torch.compile of the whole": lambda: torch.compile(plain()),
    "both": lambda: torch.compile(checkpointed()),
    "DataParallel": lambda: nn.DataParallel(plain()),
}

RECIPES: dict[str, Any] = {
    "none": None,
    "one": "he_normal",
    "rules": {"0.weight": pi.constant(3.0), "1.linear.*": pi.normal(std=0.1), "1.own": pi.zeros()},
}


def values(module: Any) -> dict[str, Any]:
    """Return a module's tensors by their names in the state dict."""
    tensors = dict([*module.named_parameters(), *module.named_buffers()])
    names = state_names(module, tensors)
    return {names[name]: tensor.detach() for name, tensor in tensors.items()}


@pytest.mark.parametrize("begin", [lambda: torch.device("meta"), deferred], ids=["meta", "deferred"])
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", WRAPPED)
def test_a_wrapper_changes_no_number_and_no_rule(name: str, recipe: str, begin: Callable[[], Any]) -> None:
    found = []
    for build in (plain, WRAPPED[name]):
        with begin():
            module = build()
        found.append(values(materialize(module, RECIPES[recipe], key=0)))
    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(found[1][key], tensor) for key, tensor in found[0].items())


class Halved(nn.Module):  # type: ignore[misc, name-defined]
    """Its method changes what another one drew: twice would be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.init_weights()

    def init_weights(self) -> None:
        with torch.no_grad():
            self.linear.weight.mul_(0.5)


@pytest.mark.parametrize("wrap", [wrappers.checkpoint_wrapper, torch.compile, nn.DataParallel])
def test_a_method_that_a_wrapper_hands_on_runs_once(wrap: Callable[[Any], Any]) -> None:
    plain, wrapped = (materialize(on_meta(build), key=0) for build in (Halved, lambda: wrap(Halved())))
    assert torch.equal(values(plain)["linear.weight"], values(wrapped)["linear.weight"])


def test_a_child_that_is_called_module_keeps_its_name() -> None:
    module = nn.ModuleDict({"module": nn.Linear(2, 2)})
    assert state_names(module, ["module.weight"]) == {"module.weight": "module.weight"}


def test_a_key_of_a_plain_dict_is_no_wrapper() -> None:
    class Holder(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)
            self.tables = {"module": torch.ones(3), "_orig_mods": [torch.zeros(2)]}

    with deferred():
        holder = Holder()
    materialize(holder, {"tables.module": pi.constant(4.0)}, key=0)
    assert holder.tables["module"].tolist() == [4, 4, 4]


# prefixes


def on_meta(build: Callable[[], Any]) -> Any:
    with torch.device("meta"):
        return build()


@pytest.mark.parametrize("prefix", ["1", "1."])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_part_with_its_prefix_is_that_part_of_the_whole(recipe: str, prefix: str) -> None:
    whole = materialize(on_meta(plain), RECIPES[recipe], key=7)
    part = materialize(on_meta(plain)[1], RECIPES[recipe], key=7, prefix=prefix)
    own = values(part)
    assert own.keys() == values(whole[1]).keys()
    assert all(torch.equal(own[name], tensor) for name, tensor in values(whole[1]).items())


def test_stages_of_a_pipeline_are_parts_of_the_whole() -> None:
    def layers() -> Any:
        return nn.Sequential(*(nn.Linear(8, 8) for _ in range(4)))

    whole = materialize(on_meta(layers), key=7)
    for first in (0, 2):
        stage = on_meta(layers)[first : first + 2]
        for number, layer in enumerate(stage):
            materialize(layer, key=7, prefix=str(first + number))
        for number, layer in enumerate(stage):
            assert torch.equal(layer.weight, whole[first + number].weight)


def test_only_rules_that_begin_with_the_prefix_have_to_match() -> None:
    layer = on_meta(lambda: nn.Linear(8, 8))
    rules = {"2.weight": pi.ones(), "3.bias": pi.zeros(), "*.scale": pi.zeros()}
    assert bool((materialize(layer, rules, key=0, prefix="2").weight == 1).all())
    layer = on_meta(lambda: nn.Linear(8, 8))
    with pytest.raises(
        pi.errors.RecipeError, match=r"no parameter matches '2.wieght'. Did you mean 2.weight"
    ):
        materialize(layer, {"2.wieght": pi.ones()}, key=0, prefix="2")
    assert layer.weight.is_meta


@pytest.mark.parametrize(
    "prefix", ["_orig_mod.2", "_fsdp_wrapped_module.2.", "2._checkpoint_wrapped_module._orig_mod"]
)
def test_wrappers_in_a_prefix_change_nothing(prefix: str) -> None:
    whole = materialize(on_meta(plain), key=7)
    part = materialize(on_meta(plain)[2], {"2.bias": "ones"}, key=7, prefix=prefix)
    assert torch.equal(part.weight, whole[2].weight)
    assert bool((part.bias == 1).all())


@pytest.mark.parametrize("prefix", [2, ".2", None, "1..2"])
def test_a_prefix_is_a_name(prefix: Any) -> None:
    with pytest.raises(pi.errors.RecipeError, match=r"a prefix is a module's name in the whole, such as"):
        materialize(on_meta(plain), key=0, prefix=prefix)


# names that match nothing


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"encoder.*": "ones"}, r"no parameter matches 'encoder.\*'"),
        ({"0.wieght": "ones"}, r"no parameter matches '0.wieght'. Did you mean 0.weight"),
        ({"weight": "ones"}, r"no parameter matches 'weight'"),
        ({"*": "ones", "0.scale": "ones"}, r"no parameter matches '0.scale'"),
        ([pi.Rule("1.norm.running_men", "ones")], r"Did you mean 1.norm.running_mean"),
        ({"0._orig_mod.weight": "ones"}, r"no parameter matches '0._orig_mod.weight'"),
    ],
)
@pytest.mark.parametrize("build", [plain, checkpointed, compiled_layer])
def test_a_name_or_pattern_without_a_tensor_is_an_error(
    rules: Any, message: str, build: Callable[[], Any]
) -> None:
    module = on_meta(build)
    with pytest.raises(pi.errors.RecipeError, match=message):
        materialize(module, rules, key=0)
    assert all(tensor.is_meta for tensor in module.parameters())


def test_a_real_tensor_counts_as_a_match_and_stays() -> None:
    module = on_meta(plain)
    module[0] = nn.Linear(8, 8)
    before = module[0].weight.detach().clone()
    materialize(module, {"0.weight": "ones", "2.weight": "ones"}, key=0)
    assert torch.equal(module[0].weight, before)
    assert bool((module[2].weight == 1).all())


# the first FSDP


@pytest.fixture
def group() -> Iterator[None]:
    """A process group of one."""
    distributed = pytest.importorskip("torch.distributed")
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("group")
def test_fsdp_of_parts_begins_as_the_whole() -> None:
    from torch.distributed.fsdp import FullyShardedDataParallel
    from torch.distributed.fsdp.wrap import ModuleWrapPolicy

    whole = values(materialize(on_meta(plain), key=7))
    module = on_meta(plain)
    names = {part: name for name, part in module.named_modules()}
    module = FullyShardedDataParallel(
        module,
        auto_wrap_policy=ModuleWrapPolicy({Block}),
        param_init_fn=lambda part: materialize(part, key=7, prefix=names[part]),
        device_id=torch.device("cpu"),
        use_orig_params=True,
    )
    sharded = values(module)
    assert sharded.keys() == whole.keys()
    assert all(torch.equal(sharded[name], tensor) for name, tensor in whole.items())
