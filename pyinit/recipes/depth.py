"""How a draw shrinks with the depth of a network: by the number of all layers, or by the layer's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..errors import RecipeError
from ..stream.arguments import count, flag, number

__all__ = ["Depth", "layer_of"]

# "layers.7.mlp" and Flax's "layers_7.mlp"; a name without a dot or underscore before the number is no layer
_NUMBER = re.compile(r"(?:^|\.)(?:\w*_)?(\d+)(?=\.|$)")
_LAYER = re.compile(r"(?:^|[._])(?:layers?|h|blocks?|resblocks?)[._](\d+)(?=\.|$)")


@dataclass(frozen=True)
class Depth:
    """The factor of a branch that is added to a residual stream: (branches * layers) ** -power.

    Parameters
    ----------
    layers : int
        Layers of the network; a parameter of a layer with a higher number is an error.
    per_layer : bool
        Use the number of the parameter's own layer, counted from 1, instead of the number of all layers.
    branches : float
        Branches of a layer, such as attention and MLP.
    power : float
        1/2 keeps the variance of a sum of independent branches.

    References
    ----------
    Radford et al., "Language models are unsupervised multitask learners", 2019, section 2.3 (all layers);
    Zhang, Titov, Sennrich, arXiv 1908.11365, eq. 5 (per layer).

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.Depth(8).factor("layers.0.o_proj.weight")
    0.25
    >>> pi.Depth(8, per_layer=True).factor("layers.1.o_proj.weight")
    0.5
    """

    layers: int
    per_layer: bool = False
    branches: float = 2.0
    power: float = 0.5

    def __post_init__(self) -> None:
        layers = count("depth", self.layers, error=RecipeError, advice="Give the number of layers.")
        object.__setattr__(self, "layers", layers)
        flag("per_layer", self.per_layer)
        object.__setattr__(self, "branches", number("branches", self.branches, above=0.0))
        object.__setattr__(self, "power", number("power", self.power, least=0.0))

    def factor(self, name: str) -> float:
        """Return the factor of the parameter of this name.

        Raises
        ------
        RecipeError
            If its layer is beyond the depth, or has no number where the number counts.
        """
        layer = layer_of(name)
        if layer is None and self.per_layer:
            raise RecipeError(
                f"a factor of each layer needs the layer's number; {name!r} has none. Use "
                "per_layer=False, or names such as layers.0.mlp.weight."
            )
        if layer is not None and layer >= self.layers:
            raise RecipeError(
                f"the depth is {self.layers}, so that layers are 0 to {self.layers - 1}; {name!r} is of "
                f"layer {layer}. Give the model's depth."
            )
        counted = layer + 1 if self.per_layer and layer is not None else self.layers
        return float((self.branches * counted) ** -self.power)

    def to_dict(self) -> dict[str, Any]:
        """Return the depth as a rule in JSON has it."""
        values = {name: getattr(self, name) for name in ("per_layer", "branches", "power")}
        defaults = {name: getattr(Depth, name) for name in values}
        return {"layers": self.layers} | {
            name: value for name, value in values.items() if value != defaults[name]
        }


def layer_of(name: str) -> int | None:
    """Return the number of a parameter's layer: the first after layers, h or blocks, or else the very first.

    Examples
    --------
    >>> from pyinit.recipes.depth import layer_of
    >>> layer_of("model.layers.11.mlp.experts.3.w1.weight"), layer_of("params.layers_2.attn.kernel")
    (11, 2)
    >>> layer_of("towers.0.layers.5.w2.weight"), layer_of("net.3.weight")
    (5, 3)
    """
    found = _LAYER.search(name) or _NUMBER.search(name)
    return None if found is None else int(found[1])
