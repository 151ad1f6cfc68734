"""GPT-2: ``GPT2LMHeadModel``.

Every residual branch ends in a ``c_proj`` drawn with std / sqrt(2 layers), so that the sum over the
branches keeps its variance (Radford et al. 2019, section 2.3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...recipes.distributions import normal, ones, zeros
from ...recipes.rules import Rule
from ..spec import TensorSpec
from .family import Family
from .fields import Fields
from .modules import conv1d, embedding, layer_norm, linear

_ALIASES = {
    "hidden_size": "n_embd",
    "max_position_embeddings": "n_positions",
    "n_ctx": "n_positions",
    "num_attention_heads": "n_head",
    "num_hidden_layers": "n_layer",
}
_KNOWN = frozenset(
    {
        *("activation_function", "add_cross_attention", "attn_pdrop", "embd_pdrop", "initializer_range"),
        *("layer_norm_epsilon", "n_embd", "n_head", "n_inner", "n_layer", "n_positions"),
        *("reorder_and_upcast_attn", "resid_pdrop", "scale_attn_by_inverse_layer_idx", "scale_attn_weights"),
        *("summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type"),
        *("summary_use_proj", "vocab_size", "gradient_checkpointing", "n_special", "predict_special_tokens"),
    }
)


def _tensors(fields: Fields) -> Iterator[TensorSpec]:
    """The state dict."""
    size, words = fields.count("n_embd", 768), fields.count("vocab_size", 50257)
    fields.head_size("n_embd", size, fields.count("n_head", 12), "n_head")
    inner = fields.optional_count("n_inner") or 4 * size
    crossed = fields.flag("add_cross_attention", False)
    yield from embedding("transformer.wte", words, size)
    yield from embedding("transformer.wpe", fields.count("n_positions", 1024), size)
    for number in range(fields.layers("n_layer", 12)):
        layer = f"transformer.h.{number}"
        yield from layer_norm(f"{layer}.ln_1", size)
        yield from conv1d(f"{layer}.attn.c_attn", size, 3 * size)
        yield from conv1d(f"{layer}.attn.c_proj", size, size)
        yield from layer_norm(f"{layer}.ln_2", size)
        if crossed:
            yield from conv1d(f"{layer}.crossattention.c_attn", size, 2 * size)
            yield from conv1d(f"{layer}.crossattention.q_attn", size, size)
            yield from conv1d(f"{layer}.crossattention.c_proj", size, size)
            yield from layer_norm(f"{layer}.ln_cross_attn", size)
        yield from conv1d(f"{layer}.mlp.c_fc", size, inner)
        yield from conv1d(f"{layer}.mlp.c_proj", inner, size)
    yield from layer_norm("transformer.ln_f", size)
    if not _ties(fields):
        yield from linear("lm_head", size, words, bias=False)


def _ties(fields: Fields) -> dict[str, str]:
    """The output projection is the word embedding."""
    return {"lm_head.weight": "transformer.wte.weight"} if fields.flag("tie_word_embeddings", True) else {}


def _rules(fields: Fields) -> tuple[Rule, ...]:
    """GPT-2's own recipe."""
    std = fields.std()
    return (
        Rule("*.bias", zeros()),
        Rule("*.ln_*.weight", ones()),
        Rule("*.c_proj.weight", normal(std=std / math.sqrt(2 * fields.layers("n_layer", 12)))),
        Rule("*.weight", normal(std=std)),
    )


GPT2 = Family("GPT2LMHeadModel", _KNOWN, _tensors, _ties, _rules, _ALIASES)
