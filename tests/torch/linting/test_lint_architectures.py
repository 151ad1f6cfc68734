"""Architectures as their libraries begin them have no faults but those named here.

Each of these is so in its library: `trunc_normal_` takes bounds for values, and is given none with a std of
0.02, or of 1 / sqrt(fan).
"""

from __future__ import annotations

from typing import Any

import pytest

from ...older import older

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("torchvision_loads"),
]

pytest.importorskip("torch")
pit = pytest.importorskip("pyinit.torch")

LANGUAGE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "pad_token_id": 0,
}
IMAGES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 16,
    "patch_size": 8,
}
GROUPED = {**LANGUAGE, "num_key_value_heads": 2}
EXPERTS = {**GROUPED, "num_local_experts": 4, "num_experts": 4, "moe_intermediate_size": 16}

TRANSFORMERS: dict[str, tuple[str, dict[str, Any]]] = {
    "LlamaForCausalLM": ("LlamaConfig", GROUPED),
    "Qwen3ForCausalLM": ("Qwen3Config", GROUPED),
    "Qwen3MoeForCausalLM": ("Qwen3MoeConfig", EXPERTS),
    "MixtralForCausalLM": ("MixtralConfig", EXPERTS),
    "GptOssForCausalLM": ("GptOssConfig", EXPERTS),
    "Gemma3ForCausalLM": ("Gemma3TextConfig", {**GROUPED, "head_dim": 8}),
    "Olmo2ForCausalLM": ("Olmo2Config", GROUPED),
    "GPT2LMHeadModel": ("GPT2Config", {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 64}),
    "BertForMaskedLM": ("BertConfig", LANGUAGE),
    "ModernBertForMaskedLM": ("ModernBertConfig", LANGUAGE),
    "T5ForConditionalGeneration": (
        "T5Config",
        {"d_model": 32, "d_ff": 48, "d_kv": 8, "num_layers": 2, "num_heads": 4, "vocab_size": 64},
    ),
    "Mamba2ForCausalLM": (
        "Mamba2Config",
        {
            "vocab_size": 64,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_heads": 4,
            "head_dim": 16,
            "state_size": 8,
            "n_groups": 2,
        },
    ),
    "ViTModel": ("ViTConfig", IMAGES),
    "Dinov2Model": ("Dinov2Config", IMAGES),
    "SiglipVisionModel": ("SiglipVisionConfig", IMAGES),
    "ConvNextModel": ("ConvNextConfig", {"hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 1, 1]}),
    "SwinModel": (
        "SwinConfig",
        {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "image_size": 32, "window_size": 4},
    ),
}
TIMM = ("test_vit", "test_convnext", "test_efficientnet", "test_resnet")

#: What is truly so: the tensors whose truncation truncates nothing.
TRUNCATIONS: dict[str, set[str]] = {
    "ViTModel": {"embeddings.cls_token", "embeddings.position_embeddings"},
    "Dinov2Model": {
        *("embeddings.cls_token", "embeddings.position_embeddings"),
        "embeddings.patch_embeddings.projection.weight",
        *(f"encoder.layer.*.attention.{part}_proj.weight" for part in "qkvo"),
        *(f"encoder.layer.*.mlp.{part}.weight" for part in ("fc1", "fc2")),
    },
    "SiglipVisionModel": {"embeddings.patch_embedding.weight", "head.attention.out_proj.weight"},
    "test_vit": {
        *("pos_embed", "head.weight"),
        *(f"blocks.*.{part}.weight" for part in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")),
    },
    "test_convnext": {
        *("stem.0.weight", "stages.*.downsample.*.weight"),
        *(f"stages.*.blocks.*.{part}.weight" for part in ("conv_dw", "mlp.fc1", "mlp.fc2")),
    },
}


def check(name: str, module: Any) -> None:
    """Check that nothing but advice is found beside what is truly so."""
    faults = [each for each in pit.lint(module) if each.severity != "info"]
    assert {each.kind for each in faults} <= {"truncation"}
    patterns = {pattern for each in faults for pattern in each.patterns}
    assert patterns == TRUNCATIONS.get(name, set())


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_architectures_of_transformers(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    if name in TRUNCATIONS and older("transformers", 5):
        pytest.skip(f"transformers 5 named the weights of {name}")
    config, fields = TRANSFORMERS[name]
    with pit.deferred():
        module = getattr(transformers, name)(getattr(transformers, config)(**fields))
    check(name, module)


@pytest.mark.parametrize("name", TIMM)
def test_architectures_of_timm(name: str) -> None:
    timm = pytest.importorskip("timm")
    with pit.deferred():
        module = timm.create_model(name, pretrained=False)
    check(name, module)
