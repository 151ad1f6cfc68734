"""What a layer is, before any row runs through it: decided once, when a probe begins."""

from __future__ import annotations

from dataclasses import dataclass

from ....linalg.normalization import EPSILON
from ....theory.law import LayerLaw, Spread
from ....theory.width import is_homogeneous
from ...network.dense import Dense
from ...network.network import Network
from .saturation import flat_ends, saturated_from
from .spread import spread_of

__all__ = ["LayerFacts", "facts_of"]


@dataclass(frozen=True)
class LayerFacts:
    """A layer, with what axes, theory, verdicts and advice need to know of it.

    Parameters
    ----------
    layer : Dense
    weight, bias : Spread
        Mean and standard deviation of its parameters; zeros for no bias.
    flat_ends : (float, float)
        The pre-activations at and beyond which its activation is flat.
    saturated_from : float
        The share of pre-activations beyond these ends from which the layer is saturated.
    is_homogeneous : bool
        Whether phi(a x) = a phi(x), so that the layer keeps whatever scale its input has.
    """

    layer: Dense
    weight: Spread
    bias: Spread
    flat_ends: tuple[float, float]
    saturated_from: float
    is_homogeneous: bool

    @property
    def law(self) -> LayerLaw:
        """The layer as mean-field theory sees it."""
        layer = self.layer
        epsilon = EPSILON if layer.norm is not None else 0.0
        return LayerLaw(
            layer.inputs,
            layer.units,
            layer.activation,
            self.weight,
            self.bias,
            layer.norm,
            layer.branch,
            epsilon,
        )


def facts_of(network: Network) -> tuple[LayerFacts, ...]:
    """Return the facts of each layer; given arrays are read now, so that later changes do not count."""
    return tuple(
        LayerFacts(
            layer,
            spread_of(layer.recipe, (layer.inputs, layer.units)),
            spread_of(layer.bias, (layer.units,)),
            flat_ends(layer.activation),
            saturated_from(layer.activation),
            is_homogeneous(layer.activation),
        )
        for layer in network.layers
    )
