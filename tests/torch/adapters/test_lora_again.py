"""Adapters that begin twice, are merged, or lie on shared weights: no start changes what a model computes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pyinit_torch = pytest.importorskip("pyinit.torch")
nn = torch.nn
peft: Any = None
METHODS = ["kaiming", "gaussian", "orthogonal", "pissa", "olora", "mica"]
IDS = torch.arange(20)


@pytest.fixture(scope="module", autouse=True)
def _import_peft(torchvision_loads: None) -> None:
    """Import peft, which imports torchvision where that is installed."""
    global peft
    peft = pytest.importorskip("peft")


class Model(nn.Module):  # type: ignore[misc, name-defined]
    """A table, a layer, and a last layer that may be the table."""

    def __init__(self, tied: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(20, 8)
        self.up = nn.Linear(8, 8)
        self.head = nn.Linear(8, 20, bias=False)
        if tied:
            self.head.weight = self.table.weight

    def forward(self, ids: Any) -> Any:
        return self.head(torch.relu(self.up(self.table(ids))))


def adapted(target: str = "up", *, init: Any = True, tied: bool = False, **options: Any) -> Any:
    config = peft.LoraConfig(r=4, lora_alpha=2, target_modules=[target], init_lora_weights=init, **options)
    return peft.get_peft_model(Model(tied), config)


def refused(model: Any, method: str, match: str, error: Any = None, **options: Any) -> None:
    """Check that a start is refused and that nothing is written."""
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(error or pi.LayoutError, match=match):
        pyinit_torch.lora(model, method, key=0, **options)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("change", [None, copy.deepcopy, nn.Module.double, nn.Module.bfloat16])
def test_a_second_start_after_a_subtraction(method: str, change: Callable[[Any], Any] | None) -> None:
    model = adapted()
    pyinit_torch.lora(model, "pissa", key=0)
    model = model if change is None else change(model)
    refused(model, method, "already subtracted")
    # the base is loaded again
    layer = model.base_model.model.up
    layer.base_layer.weight.data.copy_(Model().up.weight)
    pyinit_torch.lora(model, method, key=0)


def test_a_second_adapter_may_begin_beside_a_subtracted_part() -> None:
    model = adapted()
    model.add_adapter("other", peft.LoraConfig(r=2, target_modules=["up"]))
    pyinit_torch.lora(model, "pissa", key=0)
    pyinit_torch.lora(model, "kaiming", key=0, adapter="other")
    torch.testing.assert_close(model(IDS), Model()(IDS), atol=1e-5, rtol=1e-5)
    refused(model, "olora", "already subtracted", adapter="other")


@pytest.mark.parametrize("theirs", ["pissa", "olora"])
@pytest.mark.parametrize("method", ["kaiming", "pissa"])
def test_a_second_start_after_that_of_peft(theirs: str, method: str) -> None:
    refused(adapted(init=theirs), method, rf"init_lora_weights='{theirs}' of.*'default'", pi.RecipeError)


@pytest.mark.parametrize("method", METHODS)
def test_merged_adapters(method: str) -> None:
    model = adapted()
    nn.init.ones_(model.base_model.model.up.lora_B["default"].weight)
    model.merge_adapter()
    refused(model, method, r"model\.up: the base weight holds merged adapters, default")
    model.unmerge_adapter()
    pyinit_torch.lora(model, method, key=0)
    torch.testing.assert_close(model(IDS), Model()(IDS), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_last_layer_that_is_the_table(method: str) -> None:
    model = adapted("head", tied=True)
    if method in ("pissa", "olora"):
        refused(model, method, r"model\.head: .* another module has")
    else:
        pyinit_torch.lora(model, method, key=0)
        torch.testing.assert_close(model(IDS), Model(tied=True)(IDS), atol=1e-5, rtol=1e-5)


def test_the_magnitudes_of_another_adapter() -> None:
    model = adapted()
    model.add_adapter("other", peft.LoraConfig(r=2, target_modules=["up"], use_dora=True))
    pyinit_torch.lora(model, "gaussian", key=0)
    refused(model, "gaussian", "DoRA", pi.RecipeError, adapter="other")


def test_pairs_that_are_not_of_the_weight() -> None:
    kind = r"base_model\.model\.up, .*SVDLinear"
    ada = peft.get_peft_model(Model(), peft.AdaLoraConfig(target_modules=["up"], total_step=10))
    refused(ada, "kaiming", kind, pi.RecipeError)
    # as QALoRA pools inputs
    pooled = adapted()
    pooled.base_model.model.up.lora_A["default"] = nn.Linear(4, 4, bias=False)
    refused(pooled, "pissa", r"needs a pair for the weight \(8, 8\); got one for \(8, 4\)", pi.RecipeError)
    pyinit_torch.lora(pooled, key=0)


def test_wrappers_change_no_name() -> None:
    plain, wrapped = adapted(), adapted()
    names = pyinit_torch.lora(plain, key=0)
    assert pyinit_torch.lora(nn.DataParallel(wrapped), key=0) == names
    one, two = (each.base_model.model.up.lora_A["default"].weight for each in (plain, wrapped))
    assert torch.equal(one, two)


@pytest.mark.parametrize("method", METHODS)
def test_pairs_of_no_floats_and_no_rank(method: str) -> None:
    def pair(dtype: Any = torch.float32, rank: int = 2, **options: Any) -> None:
        a, b, base = torch.zeros(rank, 4, dtype=dtype), torch.zeros(3, rank, dtype=dtype), torch.ones(3, 4)
        pyinit_torch.lora_pair(a, b, method, **{"key": 0, "base": base, **options})
        assert (base == 1).all()

    for dtype in (torch.int32, torch.float8_e4m3fn):
        with pytest.raises(pi.LayoutError, match="needs A of floats; got torch"):
            pair(dtype)
    with pytest.raises(pi.ShapeError, match="a rank of at least 1; got 0"):
        pair(rank=0)
    with pytest.raises(pi.LayoutError, match=r"needs a torch\.Tensor as base; got list"):
        pair(base=[1.0])
    if method in ("pissa", "olora", "mica"):
        for scaling in ("x", True, None):
            with pytest.raises(pi.RecipeError, match="a scaling above 0"):
                pair(scaling=scaling)
