"""Llama and its relatives Mistral and Qwen2: ``*ForCausalLM``.

The three differ in which projections have a bias, and in the defaults of a few fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...recipes.distributions import normal, ones, zeros
from ...recipes.rules import Rule
from ..spec import TensorSpec
from .family import Family
from .fields import Fields
from .modules import embedding, linear, rms_norm

_KNOWN = frozenset(
    {
        *(
            "attention_dropout",
            "head_dim",
            "hidden_act",
            "hidden_size",
            "initializer_range",
            "intermediate_size",
        ),
        *("max_position_embeddings", "num_attention_heads", "num_hidden_layers", "num_key_value_heads"),
        *("pretraining_tp", "rms_norm_eps", "rope_parameters", "rope_scaling", "rope_theta", "vocab_size"),
    }
)


@dataclass(frozen=True)
class _Variant:
    """What tells the three apart; a bias is there, is not, or follows a field of the configuration."""

    vocab_size: int
    intermediate_size: int
    key_value_heads: int | None
    biases: tuple[bool | str, bool | str, bool | str]
    """Of query, key and value; of the attention's output; of the MLP."""

    def tensors(self, fields: Fields) -> Iterator[TensorSpec]:
        """The state dict."""
        size, words = fields.count("hidden_size", 4096), fields.count("vocab_size", self.vocab_size)
        heads = fields.count("num_attention_heads", 32)
        groups = fields.optional_count("num_key_value_heads", self.key_value_heads) or heads
        if heads % groups:
            fields.refuse(
                f"'num_attention_heads' = {heads} must be a multiple of 'num_key_value_heads' = {groups}"
            )
        head = fields.optional_count("head_dim") or fields.head_size("hidden_size", size, heads)
        inner = fields.count("intermediate_size", self.intermediate_size)
        biased, out_biased, mlp_biased = (
            fields.flag(bias, False) if isinstance(bias, str) else bias for bias in self.biases
        )
        yield from embedding("model.embed_tokens", words, size)
        for number in range(fields.layers("num_hidden_layers", 32)):
            layer = f"model.layers.{number}"
            yield from linear(f"{layer}.self_attn.q_proj", size, heads * head, biased)
            yield from linear(f"{layer}.self_attn.k_proj", size, groups * head, biased)
            yield from linear(f"{layer}.self_attn.v_proj", size, groups * head, biased)
            yield from linear(f"{layer}.self_attn.o_proj", heads * head, size, out_biased)
            yield from linear(f"{layer}.mlp.gate_proj", size, inner, mlp_biased)
            yield from linear(f"{layer}.mlp.up_proj", size, inner, mlp_biased)
            yield from linear(f"{layer}.mlp.down_proj", inner, size, mlp_biased)
            yield from rms_norm(f"{layer}.input_layernorm", size)
            yield from rms_norm(f"{layer}.post_attention_layernorm", size)
        yield from rms_norm("model.norm", size)
        if not self.ties(fields):
            yield from linear("lm_head", size, words, bias=False)

    def ties(self, fields: Fields) -> dict[str, str]:
        """The output projection is the word embedding, when the configuration says so."""
        return (
            {"lm_head.weight": "model.embed_tokens.weight"}
            if fields.flag("tie_word_embeddings", False)
            else {}
        )

    def rules(self, fields: Fields) -> tuple[Rule, ...]:
        """Normal everywhere, norms one, the padding token's row zero."""
        drawn = normal(std=fields.std())
        padding = fields.padding_rows("pad_token_id", fields.count("vocab_size", self.vocab_size))
        return (
            Rule("*.bias", zeros()),
            Rule("*norm.weight", ones()),
            Rule("model.embed_tokens.weight", drawn, zero_rows=padding),
            Rule("*.weight", drawn),
        )

    def family(self, architecture: str, *known: str) -> Family:
        """Return the family, with the fields that it alone knows."""
        return Family(architecture, _KNOWN | set(known), self.tensors, self.ties, self.rules)


LLAMA = _Variant(32000, 11008, None, ("attention_bias", "attention_bias", "mlp_bias")).family(
    "LlamaForCausalLM", "attention_bias", "mlp_bias"
)
MISTRAL = _Variant(32000, 14336, 8, (False, False, False)).family("MistralForCausalLM", "sliding_window")
QWEN2 = _Variant(151936, 22016, 32, (True, False, False)).family(
    "Qwen2ForCausalLM",
    "layer_types",
    "max_window_layers",
    "sliding_window",
    "use_mrope",
    "use_sliding_window",
)
