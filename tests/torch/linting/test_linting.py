"""`pyinit.torch.lint`: what is known of a module beyond names and shapes."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import pyinit as pi

from ...older import older

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pit = pytest.importorskip("pyinit.torch")
nn = torch.nn


def found_in(build: Callable[[], Any], recipe: Any = None, **options: Any) -> list[tuple[str, str, str]]:
    with pit.deferred():
        module = build()
    found = pit.lint(module, recipe, **options)
    return [(each.kind, each.severity, name) for each in found for name in each.tensors]


def conv(mode: str, groups: int) -> Callable[[], Any]:
    def build() -> Any:
        layer = nn.Conv2d(96, 96, 3, groups=groups)
        nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
        return layer

    return build


def test_grouped_convolutions() -> None:
    assert found_in(conv("fan_out", 96)) == [("wrong fan", "warning", "weight")]
    assert found_in(conv("fan_in", 96)) == []
    assert found_in(conv("fan_out", 1)) == []
    assert found_in(lambda: nn.Conv2d(96, 96, 3, groups=96)) == []
    # by pyinit's recipe the owner decides
    assert found_in(conv("fan_out", 96), pi.variance_scaling(2.0, "fan_out")) == []


def test_layers_that_torch_itself_counts_wrongly_are_information() -> None:
    assert found_in(lambda: nn.ConvTranspose2d(96, 48, 4, 2)) == [("wrong fan", "info", "weight")]
    assert found_in(lambda: nn.MultiheadAttention(96, 4)) == [("wrong fan", "info", "in_proj_weight")]
    assert found_in(lambda: nn.ConvTranspose2d(96, 48, 4, 2), "he_normal") == []
    for layer in (lambda: nn.Linear(96, 48), lambda: nn.LSTM(96, 48), lambda: nn.Embedding(96, 48)):
        assert found_in(layer) == []


def test_fused_projections() -> None:
    class Attention(nn.Module):
        def __init__(self, whole: bool) -> None:
            super().__init__()
            self.qkv = nn.Linear(96, 288)
            for part in [self.qkv.weight] if whole else self.qkv.weight.chunk(3):
                nn.init.xavier_uniform_(part)

    assert found_in(lambda: Attention(True)) == [("wrong fan", "warning", "qkv.weight")]
    assert found_in(lambda: Attention(False)) == []


def test_stacked_experts() -> None:
    class Experts(nn.Module):
        def __init__(self, whole: bool) -> None:
            super().__init__()
            self.experts = nn.Parameter(torch.empty(8, 48, 96))
            for part in [self.experts] if whole else self.experts:
                nn.init.kaiming_uniform_(part)

    assert found_in(lambda: Experts(True)) == [("wrong fan", "warning", "experts")]
    assert found_in(lambda: Experts(False)) == []


def test_transposed_axes_of_gpt2(torchvision_loads: None) -> None:
    pytorch_utils = pytest.importorskip("transformers.pytorch_utils")

    def build() -> Any:
        layer = pytorch_utils.Conv1D(384, 96)
        nn.init.kaiming_normal_(layer.weight)
        return layer

    assert found_in(build) == [("wrong fan", "warning", "weight")]
    assert found_in(lambda: pytorch_utils.Conv1D(384, 96)) == []
    assert found_in(build, "he_normal") == []


def split(axis: int, is_parallel: bool = True) -> Callable[[], Any]:
    def build() -> Any:
        layer: Any = nn.Linear(96, 40)
        nn.init.normal_(layer.weight, std=math.sqrt(2 / 96))
        # as Megatron's set_tensor_model_parallel_attributes does
        layer.weight.tensor_model_parallel = is_parallel
        layer.weight.partition_dim, layer.weight.partition_stride = axis, 1
        return layer

    return build


@pytest.mark.parametrize(("ranks", "severity"), [(None, "info"), (1, None), (4, "warning")])
def test_the_part_that_megatron_attributes_name(
    monkeypatch: pytest.MonkeyPatch, ranks: int | None, severity: str | None
) -> None:
    monkeypatch.delitem(sys.modules, "megatron.core.parallel_state", raising=False)
    if ranks is not None:
        state = SimpleNamespace(
            get_tensor_model_parallel_rank=lambda: 0,
            get_tensor_model_parallel_world_size=lambda: ranks,
            get_expert_tensor_parallel_rank=lambda: 0,
            get_expert_tensor_parallel_world_size=lambda: ranks,
            get_expert_model_parallel_world_size=lambda: 1,
        )
        monkeypatch.setitem(sys.modules, "megatron.core.parallel_state", state)
    # inputs are shared out: their number is a part's
    assert found_in(split(1)) == [("shard fan", severity, "weight")] * (severity is not None)
    assert found_in(split(0)) == []
    assert found_in(split(1, False)) == []
    # the whole tensor's fan, and a number that was chosen
    assert found_in(split(1), {"weight": pi.normal(std=math.sqrt(2 / (4 * 96)))}) == []
    assert found_in(split(1), {"weight": pi.normal(std=0.02)}) == []


def mlp(gain: float, phi: Any = None) -> Callable[[], Any]:
    def build() -> Any:
        phis = [nn.Tanh() if phi is None else phi() for _ in range(2)]
        inner = nn.Sequential(nn.Linear(200, 200, bias=False), phis[0], nn.Dropout())
        model = nn.Sequential(inner, nn.Linear(200, 200, bias=False), phis[1], nn.Linear(200, 5))
        for layer in (inner[0], model[1]):
            nn.init.normal_(layer.weight, std=gain / math.sqrt(200))
        return model

    return build


@pytest.mark.parametrize(
    ("gain", "phi", "names"),
    [
        (15.0, None, ["0.0.weight", "1.weight"]),
        (15.0, lambda: nn.Sigmoid(), ["0.0.weight", "1.weight"]),
        (15.0, lambda: nn.ReLU(), []),
        (15.0, lambda: nn.Hardshrink(), []),
        (5 / 3, None, []),
    ],
)
def test_saturation_in_a_sequential(gain: float, phi: Any, names: list[str]) -> None:
    assert found_in(mlp(gain, phi)) == [("saturation", "warning", name) for name in names]


def test_a_sequential_with_a_forward_of_its_own_says_nothing() -> None:
    class Other(nn.Sequential):
        def forward(self, x: Any) -> Any:
            return self[0](x)

    def build() -> Any:
        layers = mlp(15.0)()
        return Other(layers[0][0], nn.Tanh(), layers[1])

    assert found_in(build) == []


def test_zeros_in_series() -> None:
    def build(zero: tuple[int, ...], phi: Any) -> Any:
        model = nn.Sequential(nn.Linear(30, 20), phi, nn.Linear(20, 10))
        for at in zero:
            nn.init.zeros_(model[at].weight)
            nn.init.zeros_(model[at].bias)
        return model

    wrong = [("zeros in series", "error", name) for name in ("0.weight", "2.weight")]
    assert found_in(lambda: build((0, 2), nn.ReLU())) == wrong
    assert found_in(lambda: build((2,), nn.ReLU())) == []
    # half of what sigmoid makes of zero reaches the second layer
    assert found_in(lambda: build((0, 2), nn.Sigmoid())) == []
    # the oracle: torch's own gradients
    for phi, is_stuck in ((nn.ReLU(), True), (nn.Sigmoid(), False)):
        model = build((0, 2), phi)
        model(torch.ones(4, 30)).sum().backward()
        assert (not any(model[at].weight.grad.any() for at in (0, 2))) is is_stuck


def test_zero_norms_are_run_to_see_whether_they_add_one() -> None:
    class Gemma(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(8))

        def forward(self, x: Any) -> Any:
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True)) * (1 + self.weight)

    class GemmaRMSNorm(Gemma):
        pass

    class RMSNorm(Gemma):
        def forward(self, x: Any) -> Any:
            return x * self.weight

    assert found_in(GemmaRMSNorm) == []
    assert found_in(RMSNorm) == [("zero norm", "warning", "weight")]
    assert found_in(lambda: nn.LayerNorm(8)) == []

    def zeroed() -> Any:
        norm = nn.BatchNorm2d(8)
        nn.init.zeros_(norm.weight)
        return norm

    assert found_in(zeroed) == [("zero norm", "warning", "weight")]


def test_ties_are_one_tensor_and_dtype_and_rules_are_followed() -> None:
    def build() -> Any:
        model = nn.ModuleDict({"embed": nn.Embedding(32, 8), "head": nn.Linear(8, 32, bias=False)})
        model["head"].weight = model["embed"].weight
        return model

    assert found_in(build) == []
    small = {"embed.weight": pi.normal(std=1e-9)}
    assert found_in(build, small) == []
    assert found_in(build, small, dtype="float16") == [("underflow", "error", "embed.weight")]


@pytest.mark.skipif(older("transformers", 5), reason="transformers 5 tells of which two tensors a tie is")
def test_ties_that_were_undone(torchvision_loads: None) -> None:
    transformers = pytest.importorskip("transformers")

    def build(is_tied: bool, is_cut: bool) -> Any:
        config = transformers.GPT2Config(
            n_embd=32, n_layer=1, n_head=4, vocab_size=64, tie_word_embeddings=is_tied
        )
        model = transformers.GPT2LMHeadModel(config)
        if is_cut:
            model.lm_head = nn.Linear(32, 64, bias=False)
            nn.init.normal_(model.lm_head.weight, std=0.02)
        return model

    cut = [("tied but drawn twice", "error", name) for name in ("lm_head.weight", "transformer.wte.weight")]
    assert found_in(lambda: build(True, True)) == cut
    assert found_in(lambda: build(True, False)) == []
    assert found_in(lambda: build(False, True)) == []


def test_the_module_stays_as_it_is() -> None:
    with pit.deferred():
        one, other = nn.Linear(30, 20), nn.Linear(30, 20)
    pit.lint(one)
    assert all(each.is_meta for each in one.parameters())
    for layer in (one, other):
        pit.materialize(layer, key=0)
    assert torch.equal(one.weight, other.weight)


def test_bad_input() -> None:
    with pytest.raises(pi.RecipeError, match="are real, and values do not tell how they were drawn"):
        pit.lint(nn.Linear(3, 2))
    with pytest.raises(pi.RecipeError, match=r"needs a torch\.nn\.Module; got dict"):
        pit.lint({})
    with pytest.raises(pi.SpecError, match=r"For a torch\.nn\.Module there is pyinit\.torch\.lint"):
        pi.lint(nn.Linear(3, 2))
