"""Configurations: unknown families and fields, and fields that contradict each other, are refused."""

from __future__ import annotations

from typing import Any

import pytest

from pyinit.checkpoint.families.registry import FAMILIES, spec_from_config
from pyinit.errors import SpecError

GPT2 = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 9}
LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 1,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "vocab_size": 9,
}
VIT = {"model_type": "vit", "num_hidden_layers": 1}
RESNET = {"model_type": "resnet"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "a configuration needs 'model_type', one of bert, gpt2, llama"),
        ({"model_type": "gpt5"}, "unknown model_type 'gpt5'; known are bert, gpt2"),
        ({"model_type": ["gpt2"]}, "unknown model_type"),
        ({**GPT2, "n_layers": 3}, "unknown field 'n_layers' for model_type 'gpt2'"),
        ({**LLAMA, "quantization_config": {}}, "unknown field 'quantization_config'"),
        ({**LLAMA, "model_type": "mistral", "attention_bias": True}, "unknown field 'attention_bias'"),
        (
            {**GPT2, "architectures": ["GPT2ForSequenceClassification"]},
            "is written as GPT2LMHeadModel; got arch",
        ),
        ({**GPT2, "architectures": "GPT2LMHeadModel"}, "is written as GPT2LMHeadModel; got arch"),
        ({**GPT2, "n_embd": 0}, "'n_embd' must be an integer >= 1; got 0"),
        ({**GPT2, "n_embd": "8"}, "'n_embd' must be an integer >= 1; got \"8\""),
        ({**GPT2, "n_embd": 8.0}, "'n_embd' must be an integer >= 1; got 8.0"),
        ({**GPT2, "n_embd": None}, "'n_embd' must be an integer >= 1; got null"),
        ({**GPT2, "n_layer": True}, "'n_layer' must be an integer >= 1; got true"),
        ({**GPT2, "n_inner": 0}, "'n_inner' must be an integer >= 1; got 0"),
        ({**GPT2, "n_head": 3}, "'n_embd' = 8 must be a multiple of 'n_head' = 3"),
        ({**GPT2, "hidden_size": 16}, "'hidden_size' is another name of 'n_embd', but 16 is not 8"),
        ({**GPT2, "n_positions": 8, "n_ctx": 9}, "'n_ctx' is another name of 'n_positions'"),
        ({**GPT2, "tie_word_embeddings": "no"}, "'tie_word_embeddings' must be true or false"),
        ({**GPT2, "initializer_range": 0}, "'initializer_range' must be a finite number > 0; got 0"),
        ({**GPT2, "dtype": ""}, "'dtype' must be one of float32, .*; got ''"),
        ({**GPT2, "torch_dtype": 0}, "'dtype' must be one of float32, .*; got 0"),
        ({**GPT2, "initializer_range": 10**400}, "'initializer_range' must be a finite number > 0; got 1"),
        ({**GPT2, "initializer_range": float("nan")}, "'initializer_range' must be a finite number > 0"),
        ({**GPT2, "initializer_range": float("inf")}, "'initializer_range' must be a finite number > 0"),
        ({**GPT2, "dtype": "int8"}, "'dtype' must be one of float32"),
        (
            {**GPT2, "dtype": "float32", "torch_dtype": "float16"},
            "'dtype' = 'float32' contradicts 'torch_dtype'",
        ),
        (
            {**LLAMA, "num_key_value_heads": 3},
            "'num_attention_heads' = 2 must be a multiple of 'num_key_value_h",
        ),
        (
            {**LLAMA, "num_attention_heads": 3},
            "'hidden_size' = 8 must be a multiple of 'num_attention_heads' = 3",
        ),
        ({**LLAMA, "pad_token_id": 9}, "'pad_token_id' must be null or a row of the 9 embeddings; got 9"),
        ({"model_type": "bert", "hidden_size": 10}, "'hidden_size' = 10 must be a multiple of"),
        ({"model_type": "bert", "position_embedding_type": "relative_key"}, "must be one of absolute"),
        ({"model_type": "bert", "add_cross_attention": True}, "'add_cross_attention' needs 'is_decoder'"),
        (
            {**VIT, "image_size": [224]},
            "'image_size' must be an integer >= 1, or a list of two; got \\[224\\]",
        ),
        ({**VIT, "patch_size": 500}, "'patch_size' = \\[500, 500\\] must not exceed 'image_size'"),
        ({**VIT, "num_labels": 3, "id2label": {"0": "a"}}, "'num_labels' = 3 contradicts 'id2label'"),
        ({**VIT, "id2label": ["a"]}, "'id2label' must be an object"),
        ({**RESNET, "depths": [1, 1]}, "'hidden_sizes' has 4 stages, 'depths' has 2"),
        ({**RESNET, "depths": []}, "'depths' must be a list of integers >= 1; got \\[\\]"),
        ({**RESNET, "layer_type": "wide"}, "'layer_type' must be one of basic, bottleneck"),
        ({**RESNET, "hidden_sizes": [2], "depths": [1]}, "of bottlenecks must be at least 4"),
    ],
)
def test_what_cannot_be_meant_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        spec_from_config(config, "my/config.json")
    assert str(caught.value).startswith("my/config.json: ")
    assert "\n" not in str(caught.value)


def test_fields_that_decide_no_tensor_are_passed_through() -> None:
    config = {**GPT2, "task_specific_params": {"x": 1}, "_name_or_path": "here", "n_ctx": 1024}
    spec = spec_from_config(config)
    assert spec.config == {**config, "architectures": ["GPT2LMHeadModel"], "dtype": "float32"}


# the fields of published configurations, with a small model in place of the large one
LLAMA_3_1 = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": [2, 3],
    "hidden_act": "silu",
    "hidden_size": 8,
    "initializer_range": 0.02,
    "intermediate_size": 12,
    "max_position_embeddings": 131072,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "num_key_value_heads": 1,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {"factor": 8.0, "rope_type": "llama3"},
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.42.3",
    "use_cache": True,
    "vocab_size": 9,
    "head_dim": 4,
    "_name_or_path": "x",
}
QWEN_2_5 = {
    "architectures": ["Qwen2ForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 1,
    "hidden_act": "silu",
    "hidden_size": 8,
    "initializer_range": 0.02,
    "intermediate_size": 12,
    "max_position_embeddings": 32768,
    "max_window_layers": 24,
    "model_type": "qwen2",
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "sliding_window": 32768,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "transformers_version": "4.40.1",
    "use_mrope": False,
    "use_sliding_window": False,
    "vocab_size": 9,
}
GPT2_2019 = {
    "activation_function": "gelu_new",
    "architectures": ["GPT2LMHeadModel"],
    "attn_pdrop": 0.1,
    "bos_token_id": 8,
    "embd_pdrop": 0.1,
    "eos_token_id": 8,
    "initializer_range": 0.02,
    "n_ctx": 4,
    "layer_norm_epsilon": 1e-05,
    "model_type": "gpt2",
    "n_embd": 8,
    "n_head": 2,
    "n_layer": 1,
    "n_positions": 4,
    "resid_pdrop": 0.1,
    "summary_activation": None,
    "summary_first_dropout": 0.1,
    "vocab_size": 9,
    "summary_proj_to_labels": True,
    "summary_type": "cls_index",
    "summary_use_proj": True,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
}


@pytest.mark.parametrize("config", [LLAMA_3_1, QWEN_2_5, GPT2_2019])
def test_published_configurations_are_known(config: dict[str, Any]) -> None:
    assert spec_from_config(config).parameters > 0


def test_other_names_of_fields_count() -> None:
    renamed = {"model_type": "gpt2", "num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2}
    assert spec_from_config({**renamed, "vocab_size": 9}).tensors == spec_from_config(GPT2).tensors


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"model_type": "llama", "num_hidden_layers": 10**9},
            "'num_hidden_layers' must be at most 10000",
        ),
        (
            {"model_type": "gpt2", "num_hidden_layers": 10**9},
            "'n_layer' must be at most 10000",
        ),
        (
            {"model_type": "bert", "num_hidden_layers": 10001},
            "'num_hidden_layers' must be at most 10000",
        ),
        (
            {"model_type": "vit", "num_hidden_layers": 10**9},
            "'num_hidden_layers' must be at most 10000",
        ),
        (
            {"model_type": "resnet", "depths": [3, 10**9, 6, 3]},
            "'depths' must be at most 10000 in all",
        ),
    ],
)
def test_more_layers_than_a_model_can_have_are_refused_at_once(config: dict[str, Any], message: str) -> None:
    # listing them would take hours
    with pytest.raises(SpecError, match=message):
        spec_from_config(config)


def test_the_dtype_of_the_configuration_is_taken() -> None:
    spec = spec_from_config({**RESNET, "torch_dtype": "bfloat16"})
    assert {tensor.dtype for tensor in spec.tensors} == {"bfloat16", "int64"}
    assert spec.config is not None
    assert spec.config["dtype"] == "bfloat16"
    assert "torch_dtype" not in spec.config


@pytest.mark.parametrize("model_type", FAMILIES)
def test_every_family_has_defaults_and_rules_for_all_its_tensors(model_type: str) -> None:
    spec = spec_from_config({"model_type": model_type})
    assert spec.rules is not None
    for tensor in spec.tensors:
        assert any(rule.matches(tensor.name, is_kernel=tensor.is_kernel) for rule in spec.rules), tensor.name
