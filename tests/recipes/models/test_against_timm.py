"""Model recipes of images beside timm: each tensor of a small model, with the test of the language models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi

from .comparison import differences

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("torchvision_loads")]

VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 96, "depth": 2, "num_heads": 4, "num_classes": 60}


def _vit(**options: Any) -> Any:
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(**VIT, **options)


def _convnext(**options: Any) -> Any:
    from timm.models.convnext import ConvNeXt

    return ConvNeXt(depths=(1, 1, 2, 1), dims=(32, 48, 64, 96), num_classes=60, **options)


def _resnet(block: str, **options: Any) -> Any:
    from timm.models import resnet

    kind = {"basic": resnet.BasicBlock, "bottleneck": resnet.Bottleneck}[block]
    return resnet.ResNet(kind, (1, 2, 1, 1), num_classes=60, channels=(16, 24, 32, 64), **options)


CASES: dict[str, tuple[Callable[[], Any], tuple[str, dict[str, Any]]]] = {
    "vit": (_vit, ("vit-timm", {"patch_fan_in": 3 * 8 * 8})),
    "vit_registers": (
        lambda: _vit(reg_tokens=4, init_values=1e-5),
        ("vit-timm", {"patch_fan_in": 192, "layer_scale": 1e-5}),
    ),
    "vit_jax": (lambda: _vit(weight_init="jax"), ("vit-jax", {})),
    "vit_jax_head": (lambda: _vit(weight_init="jax_nlhb"), ("vit-jax", {"head_bias": -4.0943446})),
    "vit_moco": (lambda: _vit(weight_init="moco"), ("vit-moco", {"patch_fan_in": 192})),
    "convnext": (_convnext, ("convnext", {})),
    "convnext_head": (lambda: _convnext(head_init_scale=0.5), ("convnext", {"head_scale": 0.5})),
    "resnet_basic": (lambda: _resnet("basic"), ("resnet", {"block": "basic", "features": 64})),
    "resnet_bottleneck": (
        lambda: _resnet("bottleneck"),
        ("resnet", {"block": "bottleneck", "features": 256}),
    ),
    "resnext": (
        lambda: _resnet("bottleneck", cardinality=4, base_width=32),
        ("resnet", {"block": "bottleneck", "features": 256}),
    ),
    "resnet_d": (
        lambda: _resnet("bottleneck", stem_width=16, stem_type="deep", avg_down=True),
        ("resnet", {"block": "bottleneck", "features": 256}),
    ),
}


def _materialized(make: Callable[[], Any], rules: Any) -> dict[str, Any]:
    import pyinit.torch

    with pyinit.torch.deferred():
        model = make()
    return dict(pyinit.torch.materialize(model, rules, key=3).named_parameters())


@pytest.mark.parametrize("case", CASES)
def test_a_model_begins_as_timm_lets_it(case: str) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("timm")
    make, (recipe, options) = CASES[case]
    torch.manual_seed(0)
    reference = dict(make().named_parameters())
    made = _materialized(make, pi.recipes(recipe, **options))
    assert differences(made, reference) == []
    assert made.keys() == reference.keys()


def test_a_resnet_of_the_other_block_is_refused() -> None:
    with pytest.raises(pi.RecipeError, match="of basic blocks has no third norm"):
        _materialized(lambda: _resnet("bottleneck"), pi.recipes("resnet", block="basic", features=256))
    with pytest.raises(pi.RecipeError, match=r"no parameter matches '\*layer\*\.bn3\.weight'"):
        _materialized(lambda: _resnet("basic"), pi.recipes("resnet", block="bottleneck", features=64))


def test_layer_scale_that_is_not_given_is_refused_by_name() -> None:
    with pytest.raises(
        pi.RecipeError, match=r"'blocks.0.ls1.gamma': the model recipe 'vit-jax' does not say"
    ):
        _materialized(lambda: _vit(weight_init="jax", init_values=1e-5), pi.recipes("vit-jax"))
