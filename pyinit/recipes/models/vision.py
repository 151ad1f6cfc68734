"""Models of images: vision transformers, ConvNeXt, ResNet, with the names of timm."""

from __future__ import annotations

from ...errors import RecipeError
from ..distributions import constant, normal, ones, truncated_normal, uniform, zeros
from ..famous import glorot_uniform, he_normal, he_uniform, lecun_normal
from ..recipe import Recipe
from ..rules import Rule
from ..scaling import variance_scaling
from .entry import Entry
from .roles import buffers, norms
from .unsaid import refused, unsaid

__all__ = ["ENTRIES"]

_LINEAR = "*.qkv.weight|*.proj.weight|*.fc1.weight|*.fc2.weight"
_PATCH = "*patch_embed.proj"


def _absolute(std: float) -> Recipe:
    """Return torch's trunc_normal_, which ends at +-2 and not at 2 std."""
    return truncated_normal(std=std, low=-2.0, high=2.0, unit="absolute")


def _of_layers(patch_fan_in: int) -> tuple[Rule, ...]:
    """Return torch's own start of the convolution that makes patches."""
    bound = patch_fan_in**-0.5
    return (
        Rule(f"{_PATCH}.weight", he_uniform(a=5**0.5)),
        Rule(f"{_PATCH}.bias", uniform(-bound, bound), optional=True),
    )


def _vit(model: str, layer_scale: float | None, *rules: Rule) -> tuple[Rule, ...]:
    scale = () if layer_scale is None else (Rule("*.ls?.gamma", constant(layer_scale)),)
    return (
        Rule("*pos_embed", _absolute(0.02), optional=True),
        Rule("*cls_token|*reg_token", normal(std=1e-6), optional=True),
        *scale,
        norms(),
        *rules,
        Rule("*.bias", zeros(), optional=True),
        unsaid(model),
    )


def _vit_timm(*, patch_fan_in: int, layer_scale: float | None = None) -> tuple[Rule, ...]:
    drawn = _absolute(0.02)
    return _vit(
        "vit-timm",
        layer_scale,
        *_of_layers(patch_fan_in),
        Rule(_LINEAR, drawn),
        Rule("head.weight|*.head.weight", drawn, optional=True),
    )


def _vit_jax(*, head_bias: float = 0.0, layer_scale: float | None = None) -> tuple[Rule, ...]:
    return _vit(
        "vit-jax",
        layer_scale,
        Rule(f"{_PATCH}.weight", lecun_normal(truncated=True)),
        Rule("head.weight|*.head.weight", zeros(), optional=True),
        Rule("head.bias|*.head.bias", constant(head_bias), optional=True),
        Rule("*norm*.bias", zeros(), optional=True),
        Rule("*.mlp.*.bias", normal(std=1e-6), optional=True),
        Rule(_LINEAR, glorot_uniform()),
    )


def _vit_moco(*, patch_fan_in: int, layer_scale: float | None = None) -> tuple[Rule, ...]:
    return _vit(
        "vit-moco",
        layer_scale,
        *_of_layers(patch_fan_in),
        # the bound sqrt(6 / (rows / 3 + columns)) of three square matrices is sqrt(3 / columns)
        Rule("*.qkv.weight", variance_scaling(1.0, "fan_in", "uniform")),
        Rule(_LINEAR.removeprefix("*.qkv.weight|"), glorot_uniform()),
        Rule("head.weight|*.head.weight", glorot_uniform(), optional=True),
    )


def _convnext(*, layer_scale: float = 1e-6, head_scale: float = 1.0) -> tuple[Rule, ...]:
    drawn = _absolute(0.02)
    return (
        Rule("*.gamma", constant(layer_scale)),
        norms(),
        Rule("*stem.[1-9].weight|*downsample.0.weight", ones(), no_kernels=True, optional=True),
        Rule("*head.fc.weight", drawn.scaled(head_scale), optional=True),
        Rule("*.weight", drawn, kernels_only=True),
        Rule("*.bias", zeros(), optional=True),
        unsaid("convnext"),
    )


def _resnet(*, block: str, features: int, zero_last: bool = True) -> tuple[Rule, ...]:
    if block not in ("basic", "bottleneck"):
        raise RecipeError(f"a ResNet's block is 'basic' or 'bottleneck'; got {block!r:.100}. Name one.")
    last = {"basic": "bn2", "bottleneck": "bn3"}[block]
    bound = features**-0.5
    ends = (
        () if block == "bottleneck" else (refused("resnet", "*.bn3.*", "of basic blocks has no third norm"),)
    )
    return (
        *ends,
        *((Rule(f"*layer*.{last}.weight", zeros()),) if zero_last else ()),
        *buffers(),
        Rule("*bn?.weight|*downsample.?.weight|*conv1.?.weight", ones(), no_kernels=True, optional=True),
        Rule("fc.weight|*.fc.weight", he_uniform(a=5**0.5), optional=True),
        Rule("fc.bias|*.fc.bias", uniform(-bound, bound), optional=True),
        Rule("*conv*.weight|*downsample.?.weight", he_normal(mode="fan_out", compat="torch")),
        Rule("*.bias", zeros(), optional=True),
        unsaid("resnet"),
    )


ENTRIES = (
    Entry(
        "vit-timm",
        _vit_timm,
        "linear layers and positions N(0, 0.02) cut at +-2; tokens N(0, 1e-6); the patches' convolution as "
        "torch starts it",
        "timm models/vision_transformer.py `init_weights_vit_timm`",
        "timm's vision transformers, DeiT",
    ),
    Entry(
        "vit-jax",
        _vit_jax,
        "linear layers Xavier uniform, the MLP's biases N(0, 1e-6), patches LeCun normal cut at 2 std, "
        "head 0, its bias b",
        "timm models/vision_transformer.py `init_weights_vit_jax`; google-research/vision_transformer",
        "ViT as Google trains it; b = -log(classes) for a sigmoid loss",
    ),
    Entry(
        "vit-moco",
        _vit_moco,
        "linear layers Xavier uniform, each of q, k and v as a matrix of its own",
        "timm models/vision_transformer.py `init_weights_vit_moco`; arXiv 2104.02057",
        "self-supervised vision transformers",
    ),
    Entry(
        "convnext",
        _convnext,
        "convolutions and linear layers N(0, 0.02) cut at +-2; LayerScale gamma 1e-6; head times h",
        "timm models/convnext.py `_init_weights`; arXiv 2201.03545",
        "ConvNeXt",
    ),
    Entry(
        "resnet",
        _resnet,
        "convolutions N(0, sqrt(2 / fan_out)); norms 1, the last of a branch 0; fc as torch starts it",
        "timm models/resnet.py `init_weights`; arXiv 1512.03385; zero: arXiv 1706.02677, section 5.1",
        "ResNet, ResNeXt with large batches",
    ),
)
