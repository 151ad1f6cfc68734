"""A start that is not drawn: the weights of a network that was trained on another sample of the same set."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ...data import dataset
from ...errors import ArgumentError
from ..network.dense import Dense
from ..network.network import Network, mlp
from ..train.training import begin
from .sets import Source

__all__ = ["FINE_TUNED", "STEPS", "fine_tuned", "script_of"]

FINE_TUNED = "fine_tuned"
"""What an experiment calls such a start, in place of a recipe."""
STEPS = (1, 2000)
"""The steps of the first training."""

# of the sample that the first network sees
_KEY = 1
# multiply-adds of its forward passes: a few seconds
_WORK = 1 << 33


def fine_tuned(
    source: Source, widths: Sequence[int], activation: str, options: dict[str, Any], steps: int
) -> Network:
    """Return a network of the weights and biases that a first training ended with.

    Raises
    ------
    ArgumentError
        If the set is not one of which there are other samples, or the first training diverged.
    """
    if not source.is_drawn:
        raise ArgumentError(
            f"{FINE_TUNED} begins on another sample of the data; {source.name} has none. Use a 2-D set."
        )
    weights = sum(inputs * units for inputs, units in pairwise(widths))
    work = weights * options["batch_size"] * steps
    if work > _WORK:
        raise ArgumentError(
            f"{FINE_TUNED}: {steps} steps take {work:,} multiplications; the lab takes {_WORK:,}. Use fewer "
            "steps, or a smaller network."
        )
    data = dataset(source.name, key=_KEY).standardized()
    first = begin(mlp(widths, activation), data, **options | {"steps": steps}, threads=1, each_epoch=False)
    while first.step():
        pass
    if first.divergence is not None:
        raise ArgumentError(
            f"{FINE_TUNED}: the first training {first.divergence}. Use a smaller learning rate."
        )
    made = [
        Dense(layer.inputs, layer.units, layer.activation, own.weight.copy(), own.bias.copy())
        for layer, own in zip(first.network.layers, first.parts, strict=True)
        if own.bias is not None
    ]
    return Network(tuple(made))


def script_of(
    source: Source, widths: Sequence[int], activation: str, options: dict[str, Any], steps: int
) -> list[str]:
    """Return the lines of Python that make that network, called `fine_tuned_300` after 300 steps."""
    given = ", ".join(f"{name}={value!r}" for name, value in (options | {"steps": steps}).items())
    return [
        f"sample = pi.data.dataset({source.name!r}, key={_KEY}).standardized()",
        f"first = pi.train(pi.mlp({list(widths)}, {activation!r}), sample, {given})",
        "kept = first.parameters",
        f"{FINE_TUNED}_{steps} = pi.Network([",
        "    pi.Dense(layer.inputs, layer.units, layer.activation,",
        '             kept[f"layers.{at}.weight"], kept[f"layers.{at}.bias"])',
        "    for at, layer in enumerate(first.network.layers)",
        "])",
    ]
