"""BERT: ``BertForMaskedLM``."""

from __future__ import annotations

from collections.abc import Iterator

from ...recipes.distributions import normal, ones, zeros
from ...recipes.rules import Rule
from ..spec import TensorSpec
from .family import Family
from .fields import Fields
from .modules import embedding, layer_norm, linear

_KNOWN = frozenset(
    {
        *(
            "add_cross_attention",
            "attention_probs_dropout_prob",
            "classifier_dropout",
            "gradient_checkpointing",
        ),
        *("hidden_act", "hidden_dropout_prob", "hidden_size", "initializer_range", "intermediate_size"),
        *("layer_norm_eps", "max_position_embeddings", "num_attention_heads", "num_hidden_layers"),
        *("type_vocab_size", "vocab_size", "directionality", "pooler_fc_size", "pooler_num_attention_heads"),
        *("pooler_num_fc_layers", "pooler_size_per_head", "pooler_type"),
        # versions 4 of transformers wrote it; "absolute" is what version 5 builds
        "position_embedding_type",
    }
)


def _tensors(fields: Fields) -> Iterator[TensorSpec]:
    """The state dict."""
    size, words = fields.count("hidden_size", 768), fields.count("vocab_size", 30522)
    fields.head_size("hidden_size", size, fields.count("num_attention_heads", 12))
    fields.choice("position_embedding_type", "absolute", ("absolute",))
    inner = fields.count("intermediate_size", 3072)
    crossed = fields.flag("add_cross_attention", False)
    if crossed and not fields.flag("is_decoder", False):
        fields.refuse("'add_cross_attention' needs 'is_decoder' to be true")
    yield from embedding("bert.embeddings.word_embeddings", words, size)
    yield from embedding(
        "bert.embeddings.position_embeddings", fields.count("max_position_embeddings", 512), size
    )
    yield from embedding("bert.embeddings.token_type_embeddings", fields.count("type_vocab_size", 2), size)
    yield from layer_norm("bert.embeddings.LayerNorm", size)
    for number in range(fields.layers("num_hidden_layers", 12)):
        layer = f"bert.encoder.layer.{number}"
        yield from _attention(f"{layer}.attention", size)
        if crossed:
            yield from _attention(f"{layer}.crossattention", size)
        yield from linear(f"{layer}.intermediate.dense", size, inner)
        yield from linear(f"{layer}.output.dense", inner, size)
        yield from layer_norm(f"{layer}.output.LayerNorm", size)
    yield TensorSpec("cls.predictions.bias", (words,))
    yield from linear("cls.predictions.transform.dense", size, size)
    yield from layer_norm("cls.predictions.transform.LayerNorm", size)
    if not _ties(fields):
        yield from linear("cls.predictions.decoder", size, words)


def _attention(name: str, size: int) -> Iterator[TensorSpec]:
    for part in ("query", "key", "value"):
        yield from linear(f"{name}.self.{part}", size, size)
    yield from linear(f"{name}.output.dense", size, size)
    yield from layer_norm(f"{name}.output.LayerNorm", size)


def _ties(fields: Fields) -> dict[str, str]:
    """The decoder is the word embedding; its bias is the head's."""
    if not fields.flag("tie_word_embeddings", True):
        return {}
    return {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }


def _rules(fields: Fields) -> tuple[Rule, ...]:
    """Normal everywhere, norms one, biases zero, the padding token's row zero."""
    drawn = normal(std=fields.std())
    padding = fields.padding_rows("pad_token_id", fields.count("vocab_size", 30522), default=0)
    return (
        Rule("*.bias", zeros()),
        Rule("*.LayerNorm.weight", ones()),
        Rule("bert.embeddings.word_embeddings.weight", drawn, zero_rows=padding),
        Rule("*.weight", drawn),
    )


BERT = Family("BertForMaskedLM", _KNOWN, _tensors, _ties, _rules)
