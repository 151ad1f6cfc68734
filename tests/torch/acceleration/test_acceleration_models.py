"""Models of transformers and timm build unchanged in a block, and are what they are outside of it."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest

import pyinit as pi

torch: Any = pytest.importorskip("torch")

from pyinit.torch import accelerate  # noqa: E402

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("torchvision_loads")]

SMALL: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


def language_model(kind: str) -> Any:
    """Return a small model of transformers, made from its configuration alone."""
    transformers = pytest.importorskip("transformers")
    config = {
        "llama": lambda: transformers.LlamaConfig(**SMALL, num_key_value_heads=2, pad_token_id=3),
        "gpt2": lambda: transformers.GPT2Config(
            vocab_size=512, n_embd=64, n_layer=2, n_head=4, n_positions=32
        ),
        "bert": lambda: transformers.BertConfig(**SMALL, max_position_embeddings=64),
    }[kind]()
    auto = transformers.AutoModelForMaskedLM if kind == "bert" else transformers.AutoModelForCausalLM
    return auto.from_config(config)


def image_model(kind: str) -> Any:
    """Return a model of timm without its pretrained weights."""
    timm = pytest.importorskip("timm")
    narrow = {"depths": (1, 1, 1, 1), "dims": (16, 32, 64, 96)}
    vit = {"model_name": "vit_tiny_patch16_224", "depth": 1, "embed_dim": 96}
    kwargs: dict[str, Any] = {
        "vit": vit,
        "vit as in jax": {**vit, "weight_init": "jax"},
        "edgenext": {"model_name": "edgenext_xx_small", "dims": (8, 16, 32, 64)},
        "resnet": {"model_name": "resnet18", "channels": (16, 32, 64, 96)},
        "convnext": {"model_name": "convnext_atto", **narrow},
    }[kind]
    return timm.create_model(pretrained=False, num_classes=10, **kwargs)


BUILDERS = {
    **dict.fromkeys(("llama", "gpt2", "bert"), language_model),
    **dict.fromkeys(("vit", "vit as in jax", "edgenext", "resnet", "convnext"), image_model),
}

DETECTED = 0.1
"""Smallest error that is found, in a std as a ratio and in a mean in units of std: of the difference of two
samples of 4096, at least four and a half standard errors."""
ENOUGH = 4096


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Return the tensors whose values are not alike."""
    found = []
    for name, values in theirs.items():
        mine, values = ours[name].double(), values.double()
        if values.numel() < 2 or float(values.std()) == 0.0 or not ours[name].is_floating_point():
            alike = bool((mine == values).all())
        elif values.numel() >= ENOUGH:
            alike = abs(float(mine.std() / values.std()) - 1) < DETECTED
            alike &= abs(float(mine.mean() - values.mean())) < DETECTED * float(values.std())
        else:
            alike = 0.5 < float(mine.std() / values.std()) < 2
        if not alike or mine.shape != values.shape:
            found.append(name)
    return found


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", BUILDERS)
def test_models_build_unchanged(kind: str) -> None:
    build = BUILDERS[kind]
    torch.manual_seed(0)
    theirs = build(kind).state_dict()
    before = torch.get_rng_state()
    with accelerate(key=0) as block:
        model = build(kind)
    ours = model.state_dict()
    assert torch.equal(before, torch.get_rng_state()), "torch drew something"
    assert block.fills > 10
    assert ours.keys() == theirs.keys()
    assert differences(ours, theirs) == []
    with accelerate(key=0):
        again = build(kind).state_dict()
    assert all(torch.equal(ours[name], again[name]) for name in ours)
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in model.parameters())
    largest = max(theirs, key=lambda name: theirs[name].numel())
    for mutant in (ours[largest] * 1.2, ours[largest] + 0.2 * ours[largest].std()):
        assert differences({**ours, largest: mutant}, theirs) == [largest], "the check must fail"


def test_a_padding_row_stays_zero_and_ties_stay_tied() -> None:
    with accelerate():
        llama, gpt2 = language_model("llama"), language_model("gpt2")
    assert not llama.model.embed_tokens.weight[3].any()
    assert llama.model.embed_tokens.weight[4].any()
    assert gpt2.lm_head.weight is gpt2.transformer.wte.weight
    with torch.no_grad():
        logits = llama(torch.tensor([[1, 2, 4]])).logits
    assert torch.isfinite(logits).all()


def test_a_dtype_is_drawn_as_it_is() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(**SMALL)
    before = torch.get_rng_state()
    with accelerate():
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    assert torch.equal(before, torch.get_rng_state())
    assert model.lm_head.weight.dtype is torch.bfloat16
    assert abs(float(model.lm_head.weight.detach().double().std()) / 0.02 - 1) < 0.02


def test_timms_truncated_normals_are_one_fill_and_come_back() -> None:
    pytest.importorskip("timm")
    weight_init: Any = sys.modules["timm.layers.weight_init"]
    layers: Any = sys.modules["timm.layers"]
    originals = weight_init._trunc_normal_, weight_init.trunc_normal_tf_, layers.trunc_normal_tf_
    early = layers.trunc_normal_tf_

    def cut() -> Any:
        return layers.trunc_normal_tf_(torch.empty(300, 300), mean=0.1, std=0.5)

    theirs = cut()
    with accelerate(key=0) as block:
        ours, through = cut(), early(torch.empty(300, 300), mean=0.1, std=0.5)
        in_values = layers.trunc_normal_(torch.empty(300, 300), std=0.02, a=-0.02, b=0.03)
    assert block.fills == 3
    assert originals == (weight_init._trunc_normal_, weight_init.trunc_normal_tf_, layers.trunc_normal_tf_)
    assert differences({"w": ours, "early": through}, {"w": theirs, "early": theirs}) == []
    for values in (ours, through):
        assert -0.9 <= float(values.min()) < -0.89
        assert 1.09 < float(values.max()) <= 1.1
    assert -0.02 <= float(in_values.min()) < -0.0199
    assert 0.0299 < float(in_values.max()) <= 0.03


def test_what_is_imported_inside_a_block_is_taken_too_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first block that builds a model may be the one that imports timm: it draws as the second does."""
    pytest.importorskip("timm")
    spec: Any = importlib.util.find_spec("timm.layers.weight_init")
    late: Any = importlib.util.module_from_spec(spec)
    later: Any = ModuleType("timm.layers.later")
    with accelerate(key=7) as block:
        monkeypatch.setitem(sys.modules, "timm.layers.late", late)
        spec.loader.exec_module(late)
        weight = torch.empty(24, 40)
        # as an import statement binds it
        later.trunc_normal_tf_ = late.trunc_normal_tf_
        monkeypatch.setitem(sys.modules, "timm.layers.later", later)
        late.trunc_normal_tf_(weight, std=0.5)
    assert block.fills == 1
    expected = pi.truncated_normal(std=0.5)((24, 40), key=pi.key(7).fold_in(0))
    assert weight.numpy().tobytes() == expected.tobytes()
    assert later.trunc_normal_tf_ is late.trunc_normal_tf_
    assert not hasattr(late.trunc_normal_tf_, "__wrapped__")
