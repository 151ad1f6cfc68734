"""The adapters of peft: decompositions equal peft's, draws have its distributions, layers are named."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import pyinit as pi

from ...older import older

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pyinit_torch = pytest.importorskip("pyinit.torch")
nn = torch.nn
peft: Any = None


@pytest.fixture(scope="module", autouse=True)
def _import_peft(torchvision_loads: None) -> None:
    """Import peft, which imports torchvision where that is installed."""
    global peft
    peft = pytest.importorskip("peft")


class Model(nn.Module):  # type: ignore[misc, name-defined]
    """A layer of each kind that peft adapts."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(40, 24)
        self.up = nn.Linear(24, 64)
        self.down = nn.Linear(64, 24, bias=False)
        self.conv = nn.Conv2d(3, 8, 3)
        self.attend = nn.MultiheadAttention(24, 2)

    def forward(self, ids: Any) -> Any:
        return self.down(torch.relu(self.up(self.table(ids))))


LINEAR = ["up", "down"]


# peft 0.17 does not know it
mica = pytest.param("mica", marks=pytest.mark.skipif(older("peft", 0, 21), reason="needs peft 0.21"))


def adapted(init: Any, targets: list[str], **options: Any) -> Any:
    config = peft.LoraConfig(r=4, lora_alpha=2, target_modules=targets, init_lora_weights=init, **options)
    return peft.get_peft_model(Model(), config)


def products(model: Any) -> dict[str, Any]:
    """Return the base weight, and B A, of each linear layer."""
    found = {}
    for name in LINEAR:
        layer = getattr(model.base_model.model, name)
        a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        found[name] = [one.detach() for one in (layer.base_layer.weight, b @ a, a.abs(), b.abs())]
    return found


@pytest.mark.parametrize("method", ["pissa", "olora", mica])
@pytest.mark.parametrize("rslora", [False, True])
def test_decompositions_equal_those_of_peft(method: str, rslora: bool) -> None:
    theirs = adapted(method, LINEAR, use_rslora=rslora)
    ours = adapted(True, LINEAR, use_rslora=rslora)
    written = pyinit_torch.lora(ours, method, key=0)
    assert ("base_model.model.up.base_layer.weight" in written) == (method != "mica")
    expected, got = products(theirs), products(ours)
    for name in LINEAR:
        # the base, the product, and A and B but for signs
        torch.testing.assert_close(got[name], expected[name], atol=3e-6, rtol=1e-4)
    ids, plain = torch.arange(40), Model()
    torch.testing.assert_close(ours(ids), plain(ids), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", ["pissa", mica])
def test_weights_that_are_stored_turned(method: str) -> None:
    conv1d = pytest.importorskip("transformers.pytorch_utils").Conv1D

    def model(init: Any) -> Any:
        torch.manual_seed(0)
        plain = nn.Sequential(conv1d(20, 12))
        config = peft.LoraConfig(r=4, target_modules=["0"], fan_in_fan_out=True, init_lora_weights=init)
        return peft.get_peft_model(plain, config)

    theirs, ours = model(method), model(True)
    x = torch.randn(5, 12, generator=torch.Generator().manual_seed(1))
    before = ours(x)
    pyinit_torch.lora(ours, method, key=0)
    torch.testing.assert_close(ours(x), before, atol=1e-5, rtol=1e-5)
    one, two = (m.base_model.model[0] for m in (ours, theirs))
    torch.testing.assert_close(one.base_layer.weight, two.base_layer.weight, atol=3e-6, rtol=1e-4)
    a, b = (each.lora_B["default"].weight.abs() for each in (one, two))
    torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(older("peft", 0, 21), reason="needs peft 0.21")
def test_a_table_gets_the_minor_components() -> None:
    theirs, ours = adapted("mica", ["table"]), adapted(True, ["table"])
    pyinit_torch.lora(ours, "mica", key=0)
    one, two = (m.base_model.model.table.lora_embedding_B["default"].detach() for m in (ours, theirs))
    torch.testing.assert_close(one.abs(), two.abs(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("method", ["kaiming", "gaussian"])
def test_draws_have_the_names_and_distributions_of_peft(method: str) -> None:
    targets = [*LINEAR, "conv", "table", "attend"]
    theirs = adapted(True if method == "kaiming" else method, targets)
    ours = adapted(False, targets)
    written = pyinit_torch.lora(ours, method, key=3)
    names = {name for name, _ in ours.named_parameters() if "lora_" in name}
    assert set(written) == names
    own, others = dict(ours.named_parameters()), dict(theirs.named_parameters())
    for name in names:
        one, two = own[name].detach(), others[name].detach()
        assert (one == 0).all() == (two == 0).all(), name
        if (one == 0).all():
            continue
        # stds of n and n draws: four standard errors of their ratio, for normals
        apart = abs(float(one.std() / two.std()) - 1)
        assert apart < 4 / one.numel() ** 0.5, name
        if method == "kaiming" and "embedding" not in name:
            bound = one[0].numel() ** -0.5
            assert 0.9 * bound < float(one.abs().max()) <= bound
    recipe = pi.kaiming_uniform(a=5**0.5, layout="torch") if method == "kaiming" else pi.normal(std=0.25)
    name = "base_model.model.up.lora_A.default.weight"
    assert (own[name].detach().numpy() == recipe((4, 24), key=pi.key(3).fold_in(name))).all()


def test_the_orthogonal_pair_has_the_size_of_peft() -> None:
    theirs, ours = adapted("orthogonal", LINEAR), adapted(True, LINEAR)
    pyinit_torch.lora(ours, "orthogonal", key=0)
    for name in LINEAR:
        one, two = (getattr(m.base_model.model, name) for m in (ours, theirs))
        a, b = one.lora_A["default"].weight.detach(), one.lora_B["default"].weight.detach()
        torch.testing.assert_close(b @ a, torch.zeros(b.shape[0], a.shape[1]), atol=1e-6, rtol=0)
        other = two.lora_A["default"].weight.detach()
        # 48 or 128 free numbers each: four standard errors
        assert abs(float(a.norm() / other.norm()) - 1) < 4 / (a.numel() / 2) ** 0.5


def test_adding_a_layer_changes_no_other() -> None:
    few, many = adapted(True, ["up"]), adapted(True, [*LINEAR, "conv"])
    pyinit_torch.lora(few, key=0)
    pyinit_torch.lora(many, key=0)
    one, two = (m.base_model.model.up.lora_A["default"].weight for m in (few, many))
    assert torch.equal(one, two)


def test_layers_that_cannot_have_a_method_are_named_and_nothing_is_written() -> None:
    for targets, method, kind in (
        (["up", "conv"], "pissa", "Conv2d"),
        (["up", "table"], "olora", "Embedding"),
        (["up", "attend"], "orthogonal", "MultiheadAttention"),
    ):
        model = adapted(True, targets)
        before = copy.deepcopy(model.state_dict())
        with pytest.raises(pi.RecipeError, match=rf"base_model\.model\.{targets[1]}.*{kind}"):
            pyinit_torch.lora(model, method, key=0)
        after = model.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)
    with pytest.raises(pi.RecipeError, match="DoRA"):
        pyinit_torch.lora(adapted(True, LINEAR, use_dora=True), key=0)
    with pytest.raises(pi.RecipeError, match="an adapter 'other' of peft"):
        pyinit_torch.lora(adapted(True, LINEAR), key=0, adapter="other")
    with pytest.raises(pi.RecipeError, match="Use lora_pair"):
        pyinit_torch.lora(torch.zeros(2), key=0)
    model = adapted(True, LINEAR)
    pyinit_torch.lora(model, "pissa", key=0)
    with pytest.raises(pi.LayoutError, match=r"model\.up: an adapter's part was already subtracted"):
        pyinit_torch.lora(model, "pissa", key=0)
    model = adapted(True, LINEAR)
    model.base_model.model.up.base_layer.weight = nn.Parameter(
        torch.zeros(64, 24, dtype=torch.int8), requires_grad=False
    )
    with pytest.raises(pi.LayoutError, match=r"model\.up.*quantized"):
        pyinit_torch.lora(model, "pissa", key=0)
    low = adapted(True, LINEAR)
    low.base_model.model.down.lora_A["default"].to("meta")
    before = low.base_model.model.up.lora_A["default"].weight.clone()
    with pytest.raises(pi.LayoutError, match=r"model\.down: an adapter needs memory"):
        pyinit_torch.lora(low, key=0)
    assert torch.equal(before, low.base_model.model.up.lora_A["default"].weight)
    # draws do not read it
    pyinit_torch.lora(model, "gaussian", key=0)
