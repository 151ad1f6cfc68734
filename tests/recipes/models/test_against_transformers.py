"""Every model recipe beside the library that it follows: each tensor of a small model of transformers.

The library's model is drawn by torch, pyinit's by `materialize`. Of a tensor of n normal draws the ratio of
two measured std deviates by 1 / sqrt(n); the test allows 5 times that, so that in the 4,096 draws and more of
most matrices it sees a std that is wrong by 8 %. `test_a_wrong_depth_is_seen` is the mutant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import pyinit as pi

from .comparison import differences

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("torchvision_loads")]

LAYERS, WIDTH, WORDS = 3, 64, 320
LLAMA = {
    "vocab_size": WORDS,
    "hidden_size": WIDTH,
    "intermediate_size": 160,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": None,
}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
T5 = {
    "vocab_size": WORDS,
    "d_model": 96,
    "d_kv": 16,
    "d_ff": 160,
    "num_layers": LAYERS,
    "num_heads": 4,
    "num_sparse_encoder_layers": 1,
    "num_sparse_decoder_layers": 1,
}
MAMBA = {"vocab_size": WORDS, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "state_size": 8}
DELTA = {
    "head_dim": 16,
    "linear_num_value_heads": 32,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 4,
}

CASES: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "llama": ("hf", {}, "LlamaForCausalLM", LLAMA),
    "padded": ("hf", {"padding": 0}, "LlamaForCausalLM", {**LLAMA, "pad_token_id": 0}),
    "mistral": ("hf", {}, "MistralForCausalLM", LLAMA),
    "qwen2": ("hf", {}, "Qwen2ForCausalLM", LLAMA),
    "olmo2": ("hf", {}, "Olmo2ForCausalLM", LLAMA),
    "mixtral": ("hf", {}, "MixtralForCausalLM", {**LLAMA, **EXPERTS}),
    "gemma": ("gemma", {}, "GemmaForCausalLM", {**LLAMA, "head_dim": 16}),
    "gemma2": ("gemma", {}, "Gemma2ForCausalLM", {**LLAMA, "head_dim": 16}),
    "gpt_oss": ("gpt-oss", {}, "GptOssForCausalLM", {**LLAMA, **EXPERTS, "head_dim": 16}),
    "deepseek": (
        "deepseek-v3",
        {},
        "DeepseekV3ForCausalLM",
        {
            **LLAMA,
            "num_key_value_heads": 4,
            "moe_intermediate_size": 96,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "n_group": 2,
            "topk_group": 1,
            "first_k_dense_replace": 1,
            "q_lora_rank": 48,
            "kv_lora_rank": 32,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 16,
            "v_head_dim": 16,
        },
    ),
    "gpt2": (
        "gpt2",
        {"depth": LAYERS},
        "GPT2LMHeadModel",
        {"vocab_size": WORDS, "n_embd": 96, "n_layer": LAYERS, "n_head": 4, "n_positions": 128},
    ),
    "t5": ("t5", {"width": 96, "head_dim": 16}, "T5ForConditionalGeneration", T5),
    "t5_gated": (
        "t5",
        {"width": 96, "head_dim": 16},
        "T5ForConditionalGeneration",
        {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    ),
    "switch": (
        "switch-hf",
        {"width": 96, "head_dim": 16},
        "SwitchTransformersForConditionalGeneration",
        {**T5, "num_experts": 4},
    ),
    "whisper": (
        "whisper",
        {"width": WIDTH, "positions": 50, "padding": 1},
        "WhisperForConditionalGeneration",
        {
            "vocab_size": WORDS,
            "d_model": WIDTH,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 128,
            "decoder_ffn_dim": 128,
            "max_source_positions": 50,
            "max_target_positions": 128,
            "pad_token_id": 1,
            "bos_token_id": 2,
            "eos_token_id": 3,
            "decoder_start_token_id": 2,
        },
    ),
    "rwkv": (
        "rwkv",
        {"depth": LAYERS, "width": WIDTH, "vocabulary": WORDS},
        "RwkvForCausalLM",
        {"vocab_size": WORDS, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "context_length": 32},
    ),
    "mamba": ("mamba", {"depth": LAYERS, "states": 8}, "MambaForCausalLM", MAMBA),
    "mamba_rescaled": (
        "mamba",
        {"depth": LAYERS, "states": 8, "rescale": True},
        "MambaForCausalLM",
        {**MAMBA, "rescale_prenorm_residual": True},
    ),
    "mamba2": (
        "mamba2",
        {"depth": LAYERS, "heads": 8},
        "Mamba2ForCausalLM",
        {**MAMBA, "num_heads": 8, "head_dim": 16, "n_groups": 2},
    ),
    "qwen3_next": (
        "qwen3-next",
        {},
        "Qwen3NextForCausalLM",
        {
            **LLAMA,
            "num_hidden_layers": 4,
            **DELTA,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 64,
            "shared_expert_intermediate_size": 64,
        },
    ),
    "falcon_mamba": ("mamba", {"depth": LAYERS, "states": 8}, "FalconMambaForCausalLM", MAMBA),
    "qwen3_5": (
        "qwen3-next",
        {},
        "Qwen3_5ForCausalLM",
        {**LLAMA, **DELTA, "num_hidden_layers": 4},
    ),
    "olmo_hybrid": ("olmo-hybrid", {}, "OlmoHybridForCausalLM", {**LLAMA, **DELTA, "num_hidden_layers": 4}),
    "kimi_linear": (
        "kimi-linear",
        {},
        "KimiLinearForCausalLM",
        {
            **LLAMA,
            "num_hidden_layers": 4,
            "num_key_value_heads": 4,
            "num_experts": 4,
            "num_experts_per_token": 2,
            "moe_intermediate_size": 64,
        },
    ),
}


def _model(kind: str, config: Mapping[str, Any]) -> Any:
    transformers = pytest.importorskip("transformers")
    model = getattr(transformers, kind)
    return model(model.config_class(**config))


def _reference(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return dict(_model(kind, config).named_parameters())


def _materialized(kind: str, config: Mapping[str, Any], rules: Any) -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    with torch.device("meta"):
        model = _model(kind, config)
    return dict(pyinit.torch.materialize(model, rules, key=7).named_parameters())


@pytest.mark.parametrize("case", CASES)
def test_a_model_begins_as_its_library_lets_it(case: str) -> None:
    recipe, options, kind, config = CASES[case]
    reference = _reference(kind, config)
    made = _materialized(kind, config, pi.recipes(recipe, **options))
    assert differences(made, reference) == []
    assert made.keys() == reference.keys()


@pytest.mark.parametrize(("depth", "seen"), [(LAYERS, False), (LAYERS + 1, True)])
def test_a_wrong_depth_is_seen(depth: int, seen: bool) -> None:
    _, _, kind, config = CASES["gpt2"]
    reference = _reference(kind, config)
    found = differences(_materialized(kind, config, pi.recipes("gpt2", depth=depth)), reference)
    assert bool(found) == seen
    assert all("c_proj.weight: std" in one for one in found)


def test_norms_of_one_in_gemma_are_seen() -> None:
    _, _, kind, config = CASES["gemma"]
    reference = _reference(kind, config)
    found = differences(_materialized(kind, config, pi.recipes("hf")), reference)
    assert len(found) == 2 * LAYERS + 1


@pytest.mark.parametrize(
    ("case", "changed", "tensor"),
    [
        ("mamba", {"hidden_size": 256, "expand": 8}, "dt_proj.bias"),
        ("mamba2", {"hidden_size": 1024, "head_dim": 2, "num_heads": 1024}, "dt_bias"),
        ("olmo_hybrid", {"linear_num_value_heads": 2048, "linear_value_head_dim": 2}, "A_log"),
        ("kimi_linear", {"num_attention_heads": 256, "num_key_value_heads": 256, "head_dim": 4}, "dt_bias"),
    ],
)
def test_steps_and_decays_have_the_librarys_distribution(
    case: str, changed: dict[str, Any], tensor: str
) -> None:
    # two samples of 2,048 and more: a distance of 0.07 of their distribution functions shows at this level
    stats = pytest.importorskip("scipy.stats")
    recipe, options, kind, config = CASES[case]
    config = {**config, **changed, "num_hidden_layers": 2, "vocab_size": 32}
    options = {
        name: config.get("num_heads", value) if name == "heads" else value for name, value in options.items()
    }
    values = []
    for model in (_reference(kind, config), _materialized(kind, config, pi.recipes(recipe, **options))):
        drawn = [
            each.detach().flatten().double().numpy() for name, each in model.items() if name.endswith(tensor)
        ]
        values.append([value for each in drawn for value in each])
    assert len(values[0]) == len(values[1]) >= 2048
    assert stats.ks_2samp(*values).pvalue > 1e-4
    # the mutant: steps that are half as long, or decays half as fast
    assert stats.ks_2samp(values[0], [value - 0.7 for value in values[1]]).pvalue < 1e-9
