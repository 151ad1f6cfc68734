"""ViT: ``ViTForImageClassification``."""

from __future__ import annotations

from collections.abc import Iterator

from ...recipes.distributions import normal, ones, truncated_normal, zeros
from ...recipes.rules import Rule
from ..spec import TensorSpec
from .family import Family
from .fields import Fields
from .modules import convolution, layer_norm, linear

_KNOWN = frozenset(
    {
        *(
            "attention_probs_dropout_prob",
            "encoder_stride",
            "hidden_act",
            "hidden_dropout_prob",
            "hidden_size",
        ),
        *("image_size", "initializer_range", "intermediate_size", "layer_norm_eps", "num_attention_heads"),
        *("num_channels", "num_hidden_layers", "patch_size", "pooler_act", "pooler_output_size", "qkv_bias"),
    }
)


def _tensors(fields: Fields) -> Iterator[TensorSpec]:
    """The state dict."""
    size, inner = fields.count("hidden_size", 768), fields.count("intermediate_size", 3072)
    fields.head_size("hidden_size", size, fields.count("num_attention_heads", 12))
    image, patch = fields.pair("image_size", 224), fields.pair("patch_size", 16)
    patches = (image[0] // patch[0]) * (image[1] // patch[1])
    if patches == 0:
        fields.refuse(f"'patch_size' = {list(patch)} must not exceed 'image_size' = {list(image)}")
    biased, labels = fields.flag("qkv_bias", True), fields.labels()
    # parameters that are added, not multiplied: they have no fans
    yield TensorSpec("vit.embeddings.cls_token", (1, 1, size))
    yield TensorSpec("vit.embeddings.position_embeddings", (1, patches + 1, size))
    yield from convolution(
        "vit.embeddings.patch_embeddings.projection", fields.count("num_channels", 3), size, patch, bias=True
    )
    for number in range(fields.layers("num_hidden_layers", 12)):
        layer = f"vit.encoder.layer.{number}"
        for part in ("query", "key", "value"):
            yield from linear(f"{layer}.attention.attention.{part}", size, size, biased)
        yield from linear(f"{layer}.attention.output.dense", size, size)
        yield from layer_norm(f"{layer}.layernorm_before", size)
        yield from layer_norm(f"{layer}.layernorm_after", size)
        yield from linear(f"{layer}.intermediate.dense", size, inner)
        yield from linear(f"{layer}.output.dense", inner, size)
    yield from layer_norm("vit.layernorm", size)
    if labels:
        yield from linear("classifier", size, labels)


def _ties(fields: Fields) -> dict[str, str]:
    """ViT shares nothing."""
    return {}


def _rules(fields: Fields) -> tuple[Rule, ...]:
    """Normal weights; the embeddings that are added, truncated at an absolute 2, as transformers does."""
    std = fields.std()
    return (
        Rule("*.bias", zeros()),
        Rule("*.layernorm*.weight", ones()),
        Rule(
            "*.cls_token|*.position_embeddings",
            truncated_normal(std=std, low=-2.0, high=2.0, unit="absolute"),
        ),
        Rule("*.weight", normal(std=std)),
    )


VIT = Family("ViTForImageClassification", _KNOWN, _tensors, _ties, _rules)
