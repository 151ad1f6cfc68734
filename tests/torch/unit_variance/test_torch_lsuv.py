"""Modules that are scaled on a batch: unit variance, the official package, receipts, what is left."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pyinit_torch = pytest.importorskip("pyinit.torch")
nn = torch.nn


def batch(*shape: int, seed: int = 0) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Attention(nn.Module):  # type: ignore[misc, name-defined]
    """Attention between two inputs, of other sizes or of one, then a skip and a norm."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(16, 4, batch_first=True, **options)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 3)

    def forward(self, x: Any, y: Any) -> Any:
        out, _ = self.attend(x, y, value=y)
        return self.head(self.norm(x + out))


def mlp() -> Any:
    return nn.Sequential(
        nn.Linear(12, 40), nn.Tanh(), nn.Linear(40, 30, bias=False), nn.ReLU(), nn.Linear(30, 5)
    )


def convolutions() -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, groups=4),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 2, stride=2, groups=2),
        nn.Flatten(1),
        nn.Linear(8 * 12 * 12, 10),
    )


def sequence() -> Any:
    return nn.Sequential(nn.Conv1d(4, 8, 3), nn.GELU(), nn.ConvTranspose1d(8, 6, 3), nn.Conv1d(6, 2, 1))


def encoder() -> Any:
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


MODELS = {
    "mlp": (mlp, (batch(64, 12),)),
    "convolutions": (convolutions, (batch(8, 3, 8, 8),)),
    "sequence": (sequence, (batch(16, 4, 20),)),
    "one kind of attention": (Attention, (batch(8, 10, 16), batch(8, 7, 16, seed=1))),
    "another": (lambda: Attention(kdim=6, vdim=6), (batch(8, 10, 16), batch(8, 7, 6, seed=1))),
    "encoder": (encoder, (batch(8, 10, 16),)),
}


def outputs(module: Any, args: Any) -> dict[str, float]:
    """Return the std of the output of each layer that is called, as the module is."""
    found: dict[str, float] = {}

    def hook(name: str) -> Any:
        def keep(layer: Any, inputs: Any, output: Any) -> None:
            whole = output[0] if isinstance(output, tuple) else output
            found[name] = float(whole.std(correction=0))

        return keep

    kinds = (nn.Linear, nn.MultiheadAttention, nn.modules.conv._ConvNd)
    hooks = [
        one.register_forward_hook(hook(name))
        for name, one in module.named_modules()
        if isinstance(one, kinds)
    ]
    mode = module.training
    with torch.no_grad():
        module.eval()(*args)
    module.train(mode)
    for one in hooks:
        one.remove()
    return found


@pytest.mark.parametrize("name", MODELS)
def test_every_output_has_unit_variance_after_one_pass(name: str) -> None:
    make, args = MODELS[name]
    module = make()
    calls = []
    module.register_forward_pre_hook(lambda *_: calls.append(1))
    receipt = pyinit_torch.lsuv(module, args, key=0, tolerance=0.0, iterations=2)
    assert len(calls) == 1
    assert not receipt.left
    assert outputs(module, args) == pytest.approx(dict.fromkeys(outputs(module, args), 1.0), abs=2e-3)
    assert module.training


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("scaling", ["layer", "unit"])
def test_a_receipt_makes_the_weights_again(name: str, scaling: str) -> None:
    make, args = MODELS[name]
    one, two = make(), make()
    receipt = pyinit_torch.lsuv(one, args, key=3, scaling=scaling)
    pyinit_torch.apply_lsuv(two, pi.LsuvReceipt.from_json(receipt.to_json()))
    state = two.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in one.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtypes(dtype: Any) -> None:
    one, two = mlp().to(dtype), mlp().to(dtype)
    x = batch(64, 12).to(dtype)
    receipt = pyinit_torch.lsuv(one, x, key=0, tolerance=0.02)
    pyinit_torch.apply_lsuv(two, receipt)
    assert all(map(torch.equal, one.parameters(), two.parameters()))
    assert list(outputs(one, (x,)).values()) == pytest.approx([1.0] * 3, abs=0.03)


def test_a_module_gets_the_factors_of_the_network() -> None:
    module = nn.Sequential(nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 40))
    x = batch(64, 40)
    of_module = pyinit_torch.lsuv(module, x, key=0)
    drawn = [one.recipe((40, 40), key=one.key).T.copy() for one in of_module.layers]
    network = pi.Network((pi.Dense(40, 40, "relu", drawn[0]), pi.Dense(40, 40, "linear", drawn[1])))
    of_network = pi.lsuv(network, x.numpy(), key=0, recipe=None)
    for one, two in zip(of_module.layers, of_network.layers, strict=True):
        assert one.factors == pytest.approx(two.factors, rel=1e-5)


@pytest.mark.parametrize("name", ["mlp", "convolutions", "sequence", "encoder"])
def test_the_official_package_agrees(name: str) -> None:
    official = pytest.importorskip("lsuv.lsuvinit")
    make, args = MODELS[name]
    ours, theirs = make(), make()
    receipt = pyinit_torch.lsuv(ours, args, key=0)
    # their start is another draw, and keeps the projections of attention; begin with ours
    orthonormal = tuple(
        one if one.rows is not None else replace(one, factors=(1.0,)) for one in receipt.layers
    )
    pyinit_torch.apply_lsuv(theirs, pi.LsuvReceipt(orthonormal))
    official.LSUVinit(theirs, args[0], do_orthonorm=False, verbose=False)
    for (key, one), two in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(one, two, msg=lambda text, key=key: f"{key}: {text}", rtol=3e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["mlp", "convolutions", "sequence"])
def test_each_channel_has_mean_0_and_variance_1(name: str) -> None:
    make, args = MODELS[name]
    module, kept = make(), {}
    pyinit_torch.lsuv(module, args, key=0, scaling="unit")
    layers = [one for one in module if hasattr(one, "weight") and not isinstance(one, nn.BatchNorm2d)]
    for at, one in enumerate(layers):
        one.register_forward_hook(lambda layer, x, y, at=at: kept.update({at: y}))
    with torch.no_grad():
        module.eval()(*args)
    for at, one in enumerate(layers):
        dims = [axis for axis in range(kept[at].ndim) if axis != 1]
        torch.testing.assert_close(
            kept[at].std(dims, correction=0), torch.ones(kept[at].shape[1]), rtol=1e-2, atol=1e-2
        )
        if one.bias is not None:
            assert float(kept[at].mean(dims).abs().max()) < 1e-2


def test_what_cannot_be_scaled_is_named_and_left() -> None:
    class Several(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(6, 6)
            self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(6, 6))
            self.table = nn.Embedding(6, 6)
            self.tied = nn.Linear(6, 6, bias=False)
            self.tied.weight = self.table.weight
            self.dead = nn.Linear(6, 6)
            self.unused = nn.Linear(6, 6)

        def forward(self, x: Any) -> Any:
            x = self.tied(self.normed(self.first(x)))
            return self.dead(0.0 * x) + x

    module = Several()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        receipt = pyinit_torch.lsuv(module, batch(16, 6), key=0)
    left = dict(receipt.left)
    assert (
        set(left) == {"normed", "tied", "dead", "unused"} == {str(one.message).split()[2] for one in caught}
    )
    assert "computed from other tensors" in left["normed"]
    assert "same weight" in left["tied"]
    assert "one number" in left["dead"]
    assert "does not call it" in left["unused"]
    after = module.state_dict()
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed == {"first.weight", "first.bias"}


def test_dead_attention_is_left_as_it_was() -> None:
    module = Attention()
    before = [one.clone() for one in module.attend.parameters()]
    x, y = batch(8, 10, 16), torch.zeros(8, 7, 16)
    with pytest.warns(UserWarning, match="lsuv left attend as it was"):
        receipt = pyinit_torch.lsuv(module, (x, y), key=0)
    assert all(map(torch.equal, before, module.attend.parameters()))
    assert [one.name for one in receipt.layers] == ["head"]


def test_buffers_generators_and_gradients_stay() -> None:
    module = convolutions()
    state, statistics = torch.get_rng_state(), module[1].running_mean.clone()
    pyinit_torch.lsuv(module, batch(8, 3, 8, 8), key=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(module[1].running_mean, statistics)
    assert all(one.requires_grad and one.grad is None for one in module.parameters())
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in module.modules())
    assert torch.backends.mha.get_fastpath_enabled()


def test_what_is_refused() -> None:
    module, x = mlp(), batch(8, 12)
    x[0, 0] = float("inf")
    before = module[0].weight.clone()
    with pytest.raises(pi.DataError, match="must be finite"):
        pyinit_torch.lsuv(module, x, key=0)
    with pytest.raises(pi.RecipeError, match="scaling is one of layer, unit"):
        pyinit_torch.lsuv(module, batch(8, 12), key=0, scaling="both")
    with pytest.raises(pi.RecipeError, match="got 1, Tanh"):
        pyinit_torch.lsuv(module, batch(8, 12), key=0, scaling="between")
    twice = nn.Linear(12, 12)
    with pytest.raises(pi.RecipeError, match="got 1, Linear, a second time"):
        pyinit_torch.lsuv(nn.Sequential(twice, twice), batch(8, 12), key=0, scaling="between")
    with pytest.raises(pi.RecipeError, match=r"needs a torch\.nn\.Module"):
        pyinit_torch.lsuv(pi.mlp([2, 1]), batch(8, 12), key=0)
    with pytest.raises(pi.RecipeError, match="calls none of its 0"):
        pyinit_torch.lsuv(nn.ReLU(), batch(8, 12), key=0)
    cut = mlp()
    cut[0].weight._is_flat_param, cut[0].weight._fqns = True, ["0.weight"]
    with pytest.raises(pi.LayoutError):
        pyinit_torch.lsuv(cut, batch(8, 12), key=0)
    with torch.device("meta"):
        meta = mlp()
    with pytest.raises(pi.LayoutError, match="which has none yet"):
        pyinit_torch.lsuv(meta, batch(8, 12), key=0)
    assert torch.equal(module[0].weight, before)
    receipt = pyinit_torch.lsuv(module, batch(8, 12), key=0)
    with pytest.raises(pi.RecipeError, match=r"the receipt has 2\.weight"):
        pyinit_torch.apply_lsuv(nn.Sequential(nn.Linear(12, 40)), receipt)
    other = mlp()
    other[4] = nn.Linear(31, 5)
    kept = other[0].weight.clone()
    with pytest.raises(pi.ShapeError, match=r"the receipt makes 4\.weight of shape \(5, 30\); got \(5, 31\)"):
        pyinit_torch.apply_lsuv(other, receipt)
    assert torch.equal(other[0].weight, kept)


def test_layers_learn_at_one_rate_and_the_output_stays() -> None:
    def make() -> Any:
        convolutions = nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 4, 3), nn.LeakyReLU()
        return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(4, 5))

    x = batch(32, 3, 8, 8)
    unit, both, again = make(), make(), make()
    pyinit_torch.lsuv(unit, x, key=0, recipe=pi.normal(), scaling="unit")
    receipt = pyinit_torch.lsuv(both, x, key=0, recipe=pi.normal(), scaling="between")
    torch.testing.assert_close(both(x), unit(x), rtol=1e-3, atol=1e-3)

    def spread(module: Any) -> float:
        weights = [one for one in module.parameters() if one.ndim > 1]
        output = module(x)
        dy = torch.empty(output.shape)
        pyinit_torch.fill(dy, pi.normal(), key=pi.key(0).fold_in("between"))
        gradients = torch.autograd.grad(output, weights, dy)
        rates = [
            float((one.square().mean() / two.detach().square().mean()) ** 0.5)
            for one, two in zip(gradients, weights, strict=True)
        ]
        return max(rates) / min(rates)

    assert spread(unit) > 1.5
    assert spread(both) < 1.02
    pyinit_torch.apply_lsuv(again, receipt)
    assert all(map(torch.equal, again.parameters(), both.parameters()))
    assert all(one.grad is None and one.requires_grad for one in both.parameters())
