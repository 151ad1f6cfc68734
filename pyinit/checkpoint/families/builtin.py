"""The configurations of built-in models, by name, as in ``pyinit init gpt2``."""

from __future__ import annotations

from typing import Any

__all__ = ["BUILTIN"]


def _gpt2(n_layer: int, n_embd: int, n_head: int) -> dict[str, Any]:
    return {
        "activation_function": "gelu_new",
        "attn_pdrop": 0.1,
        "bos_token_id": 50256,
        "embd_pdrop": 0.1,
        "eos_token_id": 50256,
        "initializer_range": 0.02,
        "layer_norm_epsilon": 1e-05,
        "model_type": "gpt2",
        "n_embd": n_embd,
        "n_head": n_head,
        "n_inner": None,
        "n_layer": n_layer,
        "n_positions": 1024,
        "resid_pdrop": 0.1,
        "tie_word_embeddings": True,
        "use_cache": True,
        "vocab_size": 50257,
    }


def _llama(layers: int, hidden: int, inner: int, heads: int, groups: int, positions: int) -> dict[str, Any]:
    return {
        "attention_bias": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "initializer_range": 0.02,
        "intermediate_size": inner,
        "max_position_embeddings": positions,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "num_key_value_heads": groups,
        "rms_norm_eps": 1e-05,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "use_cache": True,
        "vocab_size": 32000,
    }


def _labels(count: int) -> dict[str, Any]:
    return {
        "id2label": {str(number): f"LABEL_{number}" for number in range(count)},
        "label2id": {f"LABEL_{number}": number for number in range(count)},
    }


#: Name -> the content of config.json.
BUILTIN: dict[str, dict[str, Any]] = {
    "gpt2": _gpt2(12, 768, 12),
    "gpt2-medium": _gpt2(24, 1024, 16),
    "gpt2-large": _gpt2(36, 1280, 20),
    "gpt2-xl": _gpt2(48, 1600, 25),
    # TinyLlama 1.1B; Llama 2 7B and 70B
    "llama-1b": _llama(22, 2048, 5632, 32, 4, 2048),
    "llama-7b": _llama(32, 4096, 11008, 32, 32, 4096),
    "llama-70b": _llama(80, 8192, 28672, 64, 8, 4096),
    "bert-base": {
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": 768,
        "initializer_range": 0.02,
        "intermediate_size": 3072,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "model_type": "bert",
        "num_attention_heads": 12,
        "num_hidden_layers": 12,
        "pad_token_id": 0,
        "tie_word_embeddings": True,
        "type_vocab_size": 2,
        "vocab_size": 30522,
    },
    "vit-b-16": {
        "attention_probs_dropout_prob": 0.0,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "hidden_size": 768,
        "image_size": 224,
        "initializer_range": 0.02,
        "intermediate_size": 3072,
        "layer_norm_eps": 1e-12,
        "model_type": "vit",
        "num_attention_heads": 12,
        "num_channels": 3,
        "num_hidden_layers": 12,
        "patch_size": 16,
        "qkv_bias": True,
        **_labels(1000),
    },
    "resnet50": {
        "depths": [3, 4, 6, 3],
        "downsample_in_first_stage": False,
        "embedding_size": 64,
        "hidden_act": "relu",
        "hidden_sizes": [256, 512, 1024, 2048],
        "layer_type": "bottleneck",
        "model_type": "resnet",
        "num_channels": 3,
        **_labels(1000),
    },
}
