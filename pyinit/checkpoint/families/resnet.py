"""ResNet: ``ResNetForImageClassification``.

Convolutions follow He et al. 2015, equation 14, with fan_out, so that gradients keep their variance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...recipes.distributions import ones, uniform, zeros
from ...recipes.rules import Rule
from ...recipes.scaling import variance_scaling
from ..spec import TensorSpec
from .family import Family
from .fields import Fields
from .modules import batch_norm, convolution, linear

_KNOWN = frozenset(
    {
        *("depths", "downsample_in_bottleneck", "downsample_in_first_stage", "embedding_size", "hidden_act"),
        *("hidden_sizes", "layer_type", "num_channels", "out_features", "out_indices", "stage_names"),
    }
)
_REDUCTION = 4  # a bottleneck is this much narrower than its output


def _tensors(fields: Fields) -> Iterator[TensorSpec]:
    """The state dict."""
    width = fields.count("embedding_size", 64)
    sizes, depths = (
        fields.counts("hidden_sizes", [256, 512, 1024, 2048]),
        fields.depths("depths", [3, 4, 6, 3]),
    )
    if len(sizes) != len(depths):
        fields.refuse(f"'hidden_sizes' has {len(sizes)} stages, 'depths' has {len(depths)}; they must agree")
    layer_type = fields.choice("layer_type", "bottleneck", ("basic", "bottleneck"))
    if layer_type == "bottleneck" and any(size < _REDUCTION for size in sizes):
        fields.refuse(f"'hidden_sizes' of bottlenecks must be at least {_REDUCTION}; got {sizes}")
    labels = fields.labels()
    yield from _layer("resnet.embedder.embedder", fields.count("num_channels", 3), width, 7)
    for stage, (size, depth) in enumerate(zip(sizes, depths, strict=True)):
        # the first stage keeps the resolution unless the configuration says otherwise
        strided = stage > 0 or fields.flag("downsample_in_first_stage", False)
        for number in range(depth):
            name = f"resnet.encoder.stages.{stage}.layers.{number}"
            if width != size or (strided and number == 0):
                yield from _layer(f"{name}.shortcut", width, size, 1)
            if layer_type == "basic":
                yield from _layer(f"{name}.layer.0", width, size, 3)
                yield from _layer(f"{name}.layer.1", size, size, 3)
            else:
                narrow = size // _REDUCTION
                yield from _layer(f"{name}.layer.0", width, narrow, 1)
                yield from _layer(f"{name}.layer.1", narrow, narrow, 3)
                yield from _layer(f"{name}.layer.2", narrow, size, 1)
            width = size
    if labels:
        yield from linear("classifier.1", width, labels)


def _layer(name: str, inputs: int, outputs: int, kernel: int) -> Iterator[TensorSpec]:
    yield from convolution(f"{name}.convolution", inputs, outputs, (kernel, kernel))
    yield from batch_norm(f"{name}.normalization", outputs)


def _ties(fields: Fields) -> dict[str, str]:
    """ResNet shares nothing."""
    return {}


def _rules(fields: Fields) -> tuple[Rule, ...]:
    """He for convolutions, torch's default for the classifier, neutral norms."""
    bound = 1 / math.sqrt(fields.counts("hidden_sizes", [256, 512, 1024, 2048])[-1])
    return (
        Rule("*.normalization.weight|*.running_var", ones()),
        Rule("*.normalization.bias|*.running_mean|*.num_batches_tracked", zeros()),
        Rule("*.convolution.weight", variance_scaling(2.0, "fan_out", layout="torch")),
        # torch writes this as He with a = sqrt 5: uniform on +- 1 / sqrt(fan_in)
        Rule("classifier.1.weight", variance_scaling(1 / 3, "fan_in", "uniform", layout="torch")),
        Rule("classifier.1.bias", uniform(-bound, bound)),
    )


RESNET = Family("ResNetForImageClassification", _KNOWN, _tensors, _ties, _rules)
