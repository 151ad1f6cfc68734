"""Which architectures there are, each of them small."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

LARGEST = {"transformers": 32_000_000, "timm": 30_000_000}
"""Parameters of the largest model of each library that is compared."""

# What a configuration's integers become at most, by a part of their name; the first that is in it counts.
_SMALL: tuple[tuple[tuple[str, ...], int], ...] = (
    (("vocab",), 300),
    (("num_key_value_heads", "num_kv_heads", "n_kv"), 2),
    (("attention_heads", "num_heads", "n_heads", "n_head"), 4),
    (("_layers", "num_layers", "n_layer"), 2),
    (("experts",), 4),
    (("intermediate_size", "ffn_dim", "d_ff", "mlp_dim", "_inner", "inner_dim"), 128),
    (("hidden_size", "d_model", "n_embd", "n_embed", "embed_dim", "hidden_dim"), 64),
    (("projection_dim", "embedding_size", "dim_model"), 64),
    (("head_dim", "d_kv", "attention_head_size", "d_head"), 16),
    (("max_position", "n_positions", "n_ctx", "max_source", "max_target", "max_sequence"), 64),
    (("image_size",), 32),
    (("patch_size",), 8),
    (("q_lora_rank", "kv_lora_rank"), 16),
)
# What looks like a size and is a position or a step.
_NO_SIZES = ("interval", "idx", "index", "token_id", "per")
# How many layers each stage has.
_OF_STAGES = ("depths", "depth", "num_blocks_per_stage", "layer_depths")
_PER_LAYER = ("layer_types", "layers_block_type", "mlp_layer_types", "hybrid_override_pattern")

_PREFERRED = ("CAUSAL_LM", "PRETRAINING", "MASKED_LM", "SEQ_TO_SEQ_CAUSAL_LM")

_OF_TIMM = (
    "cait_xxs24_224",
    "coat_tiny",
    "coatnet_nano_cc_224",
    "convit_tiny",
    "convmixer_768_32",
    "convnext_atto",
    "crossvit_tiny_240",
    "cs3darknet_s",
    "cspnext_tiny",
    "davit_tiny",
    "deit_small_distilled_patch16_224",
    "densenet121",
    "dla34",
    "dpn48b",
    "eca_botnext26ts_256",
    "edgenext_xx_small",
    "efficientformer_l1",
    "efficientformerv2_s0",
    "efficientnet_b0",
    "efficientvim_m1",
    "efficientvit_b0",
    "efficientvit_m0",
    "ese_vovnet19b_slim_dw",
    "eva02_tiny_patch14_224",
    "fasternet_t0",
    "fastvit_t12",
    "focalnet_tiny_srf",
    "gcvit_xxtiny",
    "gernet_s",
    "ghostnet_050",
    "gmlp_ti16_224",
    "hardcorenas_b",
    "hgnetv2_b0",
    "hiera_tiny_224",
    "hrnet_w18_small",
    "iformer_t",
    "inception_next_atto",
    "inception_v3",
    "lcnet_035",
    "lcnetv2_small",
    "legacy_seresnet18",
    "levit_128s",
    "lowformer_b0",
    "mambaout_femto",
    "mixer_s32_224",
    "mobileone_s0",
    "mobilevit_xxs",
    "mobilevitv2_050",
    "mvitv2_tiny",
    "nest_tiny",
    "nf_regnet_b0",
    "pit_ti_224",
    "poolformer_s12",
    "pvt_v2_b0",
    "regnetx_002",
    "repghostnet_050",
    "repvgg_a0",
    "repvit_m0_9",
    "resnest14d",
    "resnet18",
    "resnetv2_18",
    "rexnet_100",
    "selecsls42",
    "shvit_s1",
    "skresnet18",
    "starnet_s050",
    "swiftformer_xs",
    "swin_tiny_patch4_window7_224",
    "test_nfnet",
    "test_vit",
    "test_vit_relpos",
    "tiny_vit_5m_224",
    "tnt_s_patch16_224",
    "twins_svt_small",
    "visformer_tiny",
    "vit_tiny_patch16_224",
    "volo_d1_224",
    "xcit_nano_12_p8_224",
)
"""One small model of each family of timm, and those whose constructors say most."""


def names(library: str) -> list[str]:
    """Return every architecture of a library that has a model of its own."""
    if library == "timm":
        return list(_OF_TIMM)
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return [name for name in sorted(CONFIG_MAPPING.keys()) if _class_of(name) is not None]


def builder(library: str, name: str) -> Callable[[], torch.nn.Module]:
    """Return a function that builds an architecture, or raise a LookupError if there is none."""
    return _of_timm(name) if library == "timm" else _of_transformers(name)


def seeded(build: Callable[[], torch.nn.Module], seed: int) -> torch.nn.Module:
    """Build a model with every generator of random numbers seeded."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    return build()


def _of_timm(name: str) -> Callable[[], torch.nn.Module]:
    import timm

    return lambda: timm.create_model(name, num_classes=10)  # type: ignore[no-any-return]


def _of_transformers(name: str) -> Callable[[], torch.nn.Module]:
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    found = _class_of(name)
    if found is None:
        raise LookupError(f"transformers lists no model of {name!r}")
    kind = getattr(transformers, found)
    return lambda: kind(small(CONFIG_MAPPING[name]()))  # type: ignore[no-any-return]


def _class_of(name: str) -> str | None:
    """Return the class of a model type: one with a head, if there is one; None for parts of others."""
    from transformers.models.auto import modeling_auto

    mappings = [getattr(modeling_auto, f"MODEL_FOR_{task}_MAPPING_NAMES") for task in _PREFERRED]
    for mapping in (*mappings, modeling_auto.MODEL_MAPPING_NAMES):
        if found := mapping.get(name):
            return str(found[0] if isinstance(found, tuple | list) else found)
    return None


def small(config: Any, depth: int = 0) -> Any:
    """Make a configuration of transformers small, in place, and those inside it."""
    import transformers

    for name, value in list(vars(config).items()):
        if isinstance(value, transformers.PretrainedConfig) and depth < 4:
            small(value, depth + 1)
        elif isinstance(value, int) and not isinstance(value, bool) and value > 2:
            most = next((n for parts, n in _SMALL if any(part in name for part in parts)), value)
            if most < value and not any(part in name for part in _NO_SIZES):
                _set(config, name, most)
    words, layers = getattr(config, "vocab_size", None), getattr(config, "num_hidden_layers", None)
    for name, value in list(vars(config).items()):
        if name.endswith("token_id") and isinstance(words, int) and isinstance(value, int) and value >= words:
            _set(config, name, words - 1)
    for name in _OF_STAGES:
        listed = getattr(config, name, None)
        if isinstance(listed, list | tuple) and all(isinstance(depth, int) for depth in listed):
            _set(config, name, type(listed)(min(depth, 2) for depth in listed))
    for name in _PER_LAYER:
        listed = getattr(config, name, None)
        if isinstance(listed, list) and isinstance(layers, int):
            _set(config, name, listed[:layers])
    return config


def _set(config: Any, name: str, value: Any) -> None:
    try:
        setattr(config, name, value)
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        # some are computed from others
        return


def chosen(library: str, only: Iterable[str]) -> list[str]:
    """Return the architectures that are asked for: all, or those that are named."""
    asked = list(only)
    known = names(library)
    for name in asked:
        if name not in known and library == "transformers":
            raise SystemExit(f"{library} has no architecture {name!r}; known are {', '.join(known[:8])}, ...")
    return asked or known
