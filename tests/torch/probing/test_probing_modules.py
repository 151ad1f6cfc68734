"""What `pyinit.torch.probe` sees of modules that are no plain chain."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
probe = pytest.importorskip("pyinit.torch").probe
nn, functional = torch.nn, torch.nn.functional


@pytest.fixture(autouse=True)
def _seeded() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class Residual(nn.Module):  # type: ignore[misc, name-defined]
    """Convolutions, normalized; a skip; functions of torch in plain code."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.second = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(16)
        self.third = nn.Conv2d(16, 8, 3)
        self.head = nn.Linear(8 * 2 * 2, 10)

    def forward(self, x: Any) -> Any:
        x = functional.relu(self.norm(self.first(x)))
        y = self.norm2(self.second(x))
        y += x
        x = torch.relu_(y)
        x = functional.gelu(functional.max_pool2d(self.third(x), 3))
        return self.head(x.flatten(1))


def by_hand(module: Any, x: Any) -> dict[str, Any]:
    """What enters each activation of a Residual, and the gradient by it, by autograd."""
    first = module.norm(module.first(x))
    h = functional.relu(first)
    second = module.norm2(module.second(h)) + h
    h = functional.relu(second)
    third = functional.max_pool2d(module.third(h), 3)
    head = module.head(functional.gelu(third).flatten(1))
    z = {"first": first, "second": second, "third": third, "head": head}
    gradients = torch.autograd.grad(head.sum(), list(z.values()))
    return {name: (z[name].detach(), g) for name, g in zip(z, gradients, strict=True)}


def test_what_enters_activations_of_a_convolutional_network() -> None:
    module, x = Residual(), torch.randn(6, 3, 8, 8)
    wanted = by_hand(module, x)
    report = probe(module, x)
    assert [layer.name for layer in report.layers] == list(wanted)
    for layer in report.layers:
        for tensor, kind in zip(wanted[layer.name], ("pre-activation", "gradient"), strict=True):
            found = layer.moments[kind]
            assert found.count == tensor.numel()
            assert found.mean == pytest.approx(float(tensor.mean()), rel=1e-4, abs=1e-6)
            assert found.std == pytest.approx(float(tensor.std(correction=0)), rel=1e-4)
    first, second, third, head = report.layers
    assert [layer.activation for layer in report.layers] == ["relu", "relu", "gelu", "linear"]
    assert [layer.recipe for layer in report.layers] == ["Conv2d"] * 3 + ["Linear"]
    assert (first.inputs, first.units, first.norm, first.branch) == (27, 16, "batch", None)
    assert (second.norm, second.branch) == ("batch", 1.0)
    assert (third.norm, third.branch, head.inputs) == (None, None, 32)
    assert all(not layer.predictions for layer in report.layers)
    assert pi.Report.from_json(report.to_json()) == report


@pytest.mark.parametrize("in_place", [True, False])
def test_a_sum_belongs_to_its_first_part(in_place: bool) -> None:
    class Model(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.block, self.beside, self.last = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(16, 4)

        def forward(self, x: Any) -> Any:
            y, z = self.block(x), self.beside(x)
            if in_place:
                y += z
            else:
                y = y + z
            return self.last(torch.tanh(y))

    module, x = Model(), torch.randn(10, 8)
    block, beside, _ = probe(module, x).layers
    assert (block.activation, block.branch) == ("tanh", 1.0)
    assert (beside.activation, beside.branch) == ("linear", None)
    whole = (module.block(x) + module.beside(x)).detach()
    assert block.moments["pre-activation"].variance == pytest.approx(float(whole.var(correction=0)), rel=1e-5)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: nn.ReLU(), "relu"),
        (lambda: nn.GELU("tanh"), "gelu_tanh"),
        (lambda: nn.LeakyReLU(0.3), "leaky_relu(0.3)"),
        (lambda: nn.ReLU6(), "hardtanh(0, 6)"),
        (lambda: nn.Hardswish(), "hardswish"),
        (lambda: functional.silu, "silu"),
        (lambda: functional.elu, "elu"),
        (lambda: torch.sin, "sin"),
        (lambda: torch.Tensor.sigmoid_, "sigmoid"),
        (lambda: lambda z: z.view(4, 2, 8).tanh(), "tanh"),
        (lambda: Written(), "gelu_tanh"),
        (lambda: Cubed(), "Cubed"),
        (lambda: nn.Softmax(-1), "linear"),
        (lambda: lambda z: z + 1, "linear"),
    ],
)
def test_activations_are_seen(make: Callable[[], Any], name: str) -> None:
    function = make()

    class Model(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.out = nn.Linear(8, 16), nn.Linear(16, 4)
            self.act = function if isinstance(function, nn.Module) else None

        def forward(self, x: Any) -> Any:
            return self.out(function(self.fc(x)).reshape(4, 16))

    layer = probe(Model(), torch.randn(4, 8)).layers[0]
    assert layer.activation == name
    assert layer.moments["activation"].count == 64


class Written(nn.Module):  # type: ignore[misc, name-defined]
    """An activation that is arithmetic, in a module of its own."""

    def forward(self, x: Any) -> Any:
        return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


class Cubed(nn.Module):  # type: ignore[misc, name-defined]
    """An activation that nobody knows."""

    def forward(self, x: Any) -> Any:
        return x**3


def test_dead_and_saturated_shares_are_those_of_units() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 1), nn.Tanh(), nn.Flatten())
    with torch.no_grad():
        module[0].bias[1:] = -50.0
        module[2].bias[:3] = 100.0
    first, second = probe(module, torch.randn(5, 1, 6, 6)).layers
    assert first.moments["activation"].dead == 0.75
    assert second.moments["activation"].dead == 0.5
    assert second.moments["pre-activation"].saturated == pytest.approx(0.5, abs=0.05)
    assert second.verdict.kind == "saturated"
    assert first.moments["pre-activation"].saturated == 0.0


def test_a_language_model(torchvision_loads: None) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        n_embd=32, n_layer=2, n_head=2, vocab_size=50, n_positions=16, bos_token_id=0, eos_token_id=0
    )
    module = transformers.GPT2LMHeadModel(config)
    ids = torch.randint(0, 50, (3, 10))
    report = probe(module, {"input_ids": ids, "labels": ids})
    names = [layer.name for layer in report.layers]
    assert names[:3] == ["transformer.wte", "transformer.wpe", "transformer.h.0.attn.c_attn"]
    assert names[-1] == "lm_head"
    assert len(names) == 2 + 2 * 4 + 1
    assert report.loss == pytest.approx(math.log(50), rel=0.1)
    found = {layer.name: layer for layer in report.layers}
    assert found["transformer.h.1.mlp.c_fc"].activation == "gelu_tanh"
    assert (found["transformer.h.1.mlp.c_fc"].inputs, found["transformer.h.1.mlp.c_fc"].units) == (32, 128)
    assert found["transformer.wte"].inputs == 50
    assert all("gradient" in layer.moments and "weight gradient" in layer.moments for layer in report.layers)
    tied = (found[name].moments["weight gradient"] for name in ("transformer.wte", "lm_head"))
    assert len({one.variance for one in tied}) == 1
    assert report.verdict.kind == "healthy"
    assert "transformer.h.1.mlp.c_proj" in str(report)
    only = probe(module, (ids,), modules="*.c_fc")
    assert [layer.name for layer in only.layers] == [f"transformer.h.{k}.mlp.c_fc" for k in (0, 1)]


def test_recurrent_and_attention_modules_are_one_layer() -> None:
    lstm = nn.LSTM(8, 16, 2, batch_first=True)
    report = probe(lstm, torch.randn(4, 5, 8))
    (layer,) = report.layers
    assert (layer.name, layer.recipe, layer.inputs, layer.units) == ("LSTM", "LSTM", 8, 16)
    weights = [weight for name, weight in lstm.named_parameters() if "weight" in name]
    assert layer.moments["weight"].count == sum(weight.numel() for weight in weights)
    assert layer.moments["activation"].count == 4 * 5 * 16
    assert layer.moments["weight gradient"].count == layer.moments["weight"].count
    assert layer.verdict.kind == "healthy"
    block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu").eval()
    for backward in (True, False):
        report = probe(block, torch.randn(4, 5, 16), backward=backward)
        assert [layer.name for layer in report.layers] == ["self_attn", "linear1", "linear2"]
        assert [layer.activation for layer in report.layers] == ["linear", "gelu", "linear"]


def test_shared_layers_are_reported_call_by_call() -> None:
    class Model(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x: Any) -> Any:
            return self.fc(torch.tanh(self.fc(torch.tanh(self.fc(x)))))

    module, x = Model(), torch.randn(10, 8)
    report = probe(module, x)
    assert [layer.name for layer in report.layers] == ["fc", "fc#2", "fc#3"]
    assert len({layer.moments["pre-activation"].variance for layer in report.layers}) == 3
    module(x).sum().backward()
    of_weight = module.fc.weight.grad.square().mean()
    for layer in report.layers:
        assert layer.moments["weight gradient"].second_moment == pytest.approx(float(of_weight), rel=1e-5)
    # of the same weights three times, theory knows what it knows of a chain
    assert report.layers[2].predictions


def test_a_layer_shared_by_two_parents_is_counted_once_a_call() -> None:
    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, shared: Any) -> None:
            super().__init__()
            self.fc = shared

        def forward(self, x: Any) -> Any:
            return functional.relu(self.fc(x))

    shared = nn.Linear(8, 8)
    module, x = nn.Sequential(Block(shared), Block(shared)), torch.randn(10, 8)
    found = [(layer.name, layer.activation) for layer in probe(module, x).layers]
    assert found == [("0.fc", "relu"), ("0.fc#2", "relu")]
    found = [(layer.name, layer.activation) for layer in probe(module, x, modules="1.*").layers]
    assert found == [("1.fc", "relu"), ("1.fc#2", "relu")]


class Swish(nn.Module):  # type: ignore[misc, name-defined]
    """A product with a function of torch."""

    def forward(self, x: Any) -> Any:
        return x * torch.sigmoid(x)


class Softened(nn.Module):  # type: ignore[misc, name-defined]
    """Functions of torch one after another, whose last bits depend on how numbers lie in vectors."""

    def forward(self, x: Any) -> Any:
        return x * torch.tanh(functional.softplus(x))


class DoubledErf(nn.Module):  # type: ignore[misc, name-defined]
    """A function of torch, changed in place; it is no activation of pyinit's."""

    def forward(self, x: Any) -> Any:
        return torch.erf(x).mul_(2.0)


@pytest.mark.parametrize(("make", "name"), [(Swish, "silu"), (Softened, "mish"), (DoubledErf, "DoubledErf")])
def test_an_activation_made_of_torchs_functions_is_seen_whole(make: Callable[[], Any], name: str) -> None:
    module, x = nn.Sequential(nn.Linear(8, 8), make(), nn.Linear(8, 4)), torch.randn(10, 8)
    first, last = probe(module, x).layers
    assert (first.activation, last.activation) == (name, "linear")
    wanted = module[1](module[0](x)).detach()
    assert first.moments["activation"].mean == pytest.approx(float(wanted.mean()), rel=1e-5)
    # what is no function of each element is left to what was seen inside
    gated = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.ReLU(), nn.Softmax(-1)), nn.Linear(8, 4))
    assert probe(gated, x).layers[0].activation == "relu"


@pytest.mark.parametrize(("turns", "dead"), [(0, 0.5), (1, None)])
def test_no_share_of_units_is_given_if_axes_are_turned(turns: int, dead: float | None) -> None:
    class Turned(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 6, bias=False)

        def forward(self, x: Any) -> Any:
            z = self.fc(x)
            return functional.relu(z.transpose(1, 2).contiguous() + 0.0 if turns else z)

    module = Turned()
    with torch.no_grad():
        module.fc.weight.copy_(torch.diag(torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])))
    # as many steps as units: the axis of steps has the size that the units' has
    (layer,) = probe(module, 0.1 + torch.rand(4, 6, 6)).layers
    assert (layer.activation, layer.moments["activation"].dead) == ("relu", dead)


@pytest.mark.parametrize("rows", [1, 10])
def test_outputs_without_axes(rows: int) -> None:
    class Squeezed(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(8, 1)

        def forward(self, x: Any) -> Any:
            return torch.sigmoid(self.fc(x).squeeze())

    class Scalar(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(8, 4))

        def forward(self, x: Any) -> Any:
            return (x @ self.weight).square().mean()

    x = torch.randn(rows, 8)
    (layer,) = probe(Squeezed(), x).layers
    assert (layer.activation, layer.units, layer.moments["activation"].count) == ("sigmoid", 1, rows)
    (layer,) = probe(Scalar(), x).layers
    assert (layer.units, layer.moments["activation"].count, layer.moments["activation"].dead) == (1, 1, None)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_other_dtypes_are_converted_in_chunks(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyinit.torch.probing import counting

    monkeypatch.setattr(counting, "_CHUNK", 100)
    module = nn.Sequential(nn.Conv2d(2, 8, 3), nn.Tanh(), nn.Conv2d(8, 3, 3))
    x = torch.randn(4, 2, 9, 9)
    wanted = probe(module, x)
    found = probe(module.to(getattr(torch, dtype)), x.to(getattr(torch, dtype)))
    for one, other in zip(found.layers, wanted.layers, strict=True):
        for kind, moments in other.moments.items():
            assert one.moments[kind].count == moments.count
            assert one.moments[kind].variance == pytest.approx(moments.variance, rel=0.05)


def test_elements_in_another_order_are_read_where_they_are() -> None:
    module, x = nn.Sequential(nn.Conv2d(2, 8, 3), nn.ReLU(), nn.Conv2d(8, 3, 3)), torch.randn(4, 2, 9, 9)
    wanted = probe(module, x)
    found = probe(module.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last))
    for one, other in zip(found.layers, wanted.layers, strict=True):
        assert one.moments["activation"].dead == other.moments["activation"].dead
        assert one.moments["gradient"].variance == pytest.approx(other.moments["gradient"].variance, rel=1e-5)


def test_verdicts_of_modules_that_are_no_chain() -> None:
    def convolutions(std: float) -> Any:
        module = nn.Sequential(
            *(part for _ in range(4) for part in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()))
        )
        for one in module:
            if isinstance(one, nn.Conv2d):
                nn.init.normal_(one.weight, 0.0, std)
                nn.init.zeros_(one.bias)
        return module

    x = torch.randn(4, 8, 6, 6)
    suited = math.sqrt(2.0 / 72)
    assert probe(convolutions(suited), x).verdict.kind == "healthy"
    small, large = (probe(convolutions(scale * suited), x).verdict for scale in (0.2, 6.0))
    assert small.kind == "vanishing"
    assert (small.recipe, small.std) == (pi.he_normal(), pytest.approx(suited))
    assert small.remedy.now_std == pytest.approx(0.2 * suited, rel=0.1)
    assert small.remedy.layer == small.layer
    assert large.kind == "exploding"
    broken = probe(convolutions(1e30), x).verdict
    assert broken.kind == "exploding"
    assert (broken.layer, broken.cause) == ("2", "not finite")
    assert broken.reason.startswith("not finite from module 2 on: ")
    constant = convolutions(suited)
    for one in (constant[0], constant[2]):
        nn.init.constant_(one.weight, 0.1)
    assert probe(constant, x).layers[0].verdict.kind == "symmetric"
    off = convolutions(suited)
    nn.init.constant_(off[4].bias, -100.0)
    report = probe(off, x)
    assert report.verdict.kind == "dead"
    assert report.layers[2].verdict.fix == "torch.nn.LeakyReLU(0.01): no unit of it is ever off."
    assert report.layers[2].verdict.remedy.activations == (("leaky_relu", 0.01),)
    assert report.layers[0].verdict.cause == "no gradient"
    waiting = convolutions(suited)
    nn.init.zeros_(waiting[6].weight)
    waiting.pop(7)
    assert probe(waiting, x).layers[3].verdict.cause == "waits for a step"
    # what a verdict suggests heals, without a word of it being read
    with torch.no_grad():
        healed = convolutions(0.2 * suited)
        for one in healed[::2]:
            one.weight.copy_(torch.from_numpy(small.recipe((72, 8), key=3).T.reshape(8, 8, 3, 3).copy()))
    assert probe(healed, x).verdict.kind == "healthy"
