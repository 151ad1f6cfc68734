"""Models of an encoder and a decoder: T5, Switch, Whisper."""

from __future__ import annotations

import math

import numpy as np

from ...errors import RecipeError
from ..distributions import normal, ones
from ..pretrained import pretrained
from ..rules import Rule
from ..scaling import variance_scaling
from .entry import Entry
from .roles import ROLES, biases, norms, weights
from .unsaid import refused, unsaid

__all__ = ["ENTRIES", "sinusoids"]

_WORDS = "*shared.weight|*embed_tokens.weight|*lm_head.weight"


def _t5(*, width: int, head_dim: int, factor: float = 1.0) -> tuple[Rule, ...]:
    of_inputs = variance_scaling(factor**2)
    return (
        Rule("*layer_norm.weight", ones().scaled(factor), optional=True),
        Rule(_WORDS, normal(std=factor)),
        Rule(weights("Attention.q"), variance_scaling(factor**2 / head_dim)),
        Rule(weights("Attention.k", "Attention.v", "Attention.o"), of_inputs),
        Rule("*relative_attention_bias.weight", normal(std=factor * width**-0.5), optional=True),
        Rule(weights(".wi", ".wi_0", ".wi_1", ".wo"), of_inputs),
        unsaid("t5"),
    )


def _switch_hf(*, width: int, head_dim: int, factor: float = 1.0) -> tuple[Rule, ...]:
    of_width = normal(std=factor * width**-0.5)
    return (
        Rule(weights(".router.classifier"), normal(std=factor)),
        Rule(weights(".experts.*.wi", ".experts.*.wo"), of_width),
        *_t5(width=width, head_dim=head_dim, factor=factor)[:-1],
        unsaid("switch-hf"),
    )


def _switch_moe(*, scale: float = 0.1) -> tuple[Rule, ...]:
    drawn = variance_scaling(scale, "fan_in", "truncated_normal", correct=False)
    stacked = variance_scaling(scale, "fan_in", "truncated_normal", correct=False, batch_axis=0)
    return (
        norms(),
        *biases(),
        refused("switch-moe", ROLES["position"], "does not say how learned positions begin"),
        Rule(f"{ROLES['embedding']}|*shared.weight|*shared.embedding", normal(std=1.0)),
        Rule("*experts.gate_up_proj|*experts.down_proj|*experts.w[123]", stacked, optional=True),
        Rule("*weight|*.kernel", drawn, kernels_only=True),
        unsaid("switch-moe"),
    )


def sinusoids(positions: int, width: int, longest: float = 10000.0) -> np.ndarray:
    """Return Whisper's table of positions: sines, then cosines, of geometric wavelengths.

    Returns
    -------
    ndarray of float32
        (positions, width).

    Examples
    --------
    >>> from pyinit.recipes.models.encoders import sinusoids
    >>> sinusoids(2, 4).round(4).tolist()[1]
    [0.8414999842643738, 9.999999747378752e-05, 0.5403000116348267, 1.0]
    """
    step = math.log(longest) / (width // 2 - 1)
    angles = np.arange(positions)[:, None] * np.exp(-step * np.arange(width // 2))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def _whisper(
    *, width: int, positions: int = 1500, std: float = 0.02, padding: int | None = None
) -> tuple[Rule, ...]:
    if width < 4 or width % 2:
        raise RecipeError(
            f"Whisper's positions are sines and cosines, half of each, and need an even width of at least 4; "
            f"got {width}. Give the model's width."
        )
    drawn = normal(std=std)
    rows = () if padding is None else (padding,)
    return (
        Rule("*encoder.embed_positions.weight", pretrained(sinusoids(positions, width))),
        norms(),
        *biases(),
        Rule("*embed_tokens.weight", drawn, rows),
        Rule("*.weight", drawn, kernels_only=True),
        unsaid("whisper"),
    )


ENTRIES = (
    Entry(
        "t5",
        _t5,
        "embeddings and head N(0, f); q N(0, f (d d_kv)^-1/2); k, v, wi N(0, f d^-1/2); "
        "o N(0, f (n d_kv)^-1/2); wo N(0, f d_ff^-1/2); relative bias N(0, f d^-1/2); norms f",
        "transformers t5/modeling_t5.py `_init_weights`; arXiv 1910.10683",
        "T5, mT5, Flan-T5, whose attention has no 1 / sqrt(d_kv)",
    ),
    Entry(
        "switch-hf",
        _switch_hf,
        "as t5; experts N(0, f d^-1/2), also wo; the router N(0, f)",
        "transformers switch_transformers/modeling_switch_transformers.py `_init_weights`",
        "Switch Transformers in transformers",
    ),
    Entry(
        "switch-moe",
        _switch_moe,
        "TN((s / fan_in)^1/2, 2), s = 0.1; embeddings N(0, 1)",
        "Fedus, Zoph, Shazeer, arXiv 2101.03961, section 2.4",
        "sparse models that are unstable at s = 1",
    ),
    Entry(
        "whisper",
        _whisper,
        "N(0, s); the encoder's positions are sines and cosines",
        "transformers whisper/modeling_whisper.py `_init_weights`, `sinusoids`",
        "Whisper",
    ),
)
