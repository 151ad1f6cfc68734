"""The receipt of a start that was scaled on data: per layer the recipe, the key and the factors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ...errors import FormatError, RecipeError, ShapeError
from ...recipes.recipe import Recipe
from ...recipes.recipe import from_dict as recipe_from_dict
from ...stream.arguments import brief
from ...stream.key import Key
from ...stream.strict_json import JsonObject
from ...text import aligned, short
from ..network.dense import Dense
from ..network.network import Network, as_network

__all__ = ["LsuvLayer", "LsuvReceipt"]

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LsuvLayer:
    """How the weight of one layer was made: the draws of a recipe under a key, times one factor or several.

    Parameters
    ----------
    name, weight : str
        The layer, and its weight.
    shape : tuple of int
        The shape of the weight, or of the rows of it.
    recipe : Recipe
        Makes the draws.
    key : Key
        The key of the draws.
    factors : tuple of float
        One for the whole weight, or one for each unit. Each is a float32.
    bias : tuple of float
        One number for each unit; empty if the bias, where the layer has one, is zero.
    before, after : float
        The standard deviation of the output before and after scaling.
    rows : (int, int) or None
        The rows of the weight that these are, if it holds several projections.

    Examples
    --------
    >>> import pyinit as pi
    >>> network = pi.mlp([2, 3, 1])
    >>> pi.lsuv(network, [[1.0, 0.0], [0.0, 2.0]], key=0).layers[0].recipe
    orthogonal()
    """

    name: str
    weight: str
    shape: tuple[int, ...]
    recipe: Recipe
    key: Key
    factors: tuple[float, ...]
    bias: tuple[float, ...]
    before: float
    after: float
    rows: tuple[int, int] | None = None

    def check_shape(self, shape: tuple[int, ...], units: int) -> None:
        """Refuse a weight of another shape, and factors of another number of units."""
        if shape != self.shape:
            raise ShapeError(
                f"the receipt makes {self.weight} of shape {self.shape}; got {shape}. Scale this one."
            )
        if len(self.factors) not in (1, units) or len(self.bias) not in (0, units):
            raise ShapeError(
                f"the receipt needs 1 factor or {units} for {self.weight}, and 0 numbers of its bias or "
                f"{units}; got {len(self.factors)} and {len(self.bias)}. Read what to_json wrote."
            )

    def weight_for(self) -> Array:
        """Return the weight (inputs, units) of a dense layer."""
        return self.recipe(self.shape, key=self.key) * np.asarray(self.factors, np.float32)

    def bias_for(self, units: int) -> Array:
        """Return the bias of so many units."""
        return np.asarray(self.bias, np.float32) if self.bias else np.zeros(units, np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return the layer as a dict of JSON values."""
        return {
            "name": self.name,
            "weight": self.weight,
            "shape": list(self.shape),
            "recipe": self.recipe.to_dict(),
            "seed": self.key.seed,
            "offset": self.key.offset,
            "factors": list(self.factors),
            "bias": list(self.bias),
            "before": self.before,
            "after": self.after,
            "rows": None if self.rows is None else list(self.rows),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> LsuvLayer:
        """Return the layer that `to_dict` wrote."""
        values = dict(content)
        rows = values.pop("rows")
        for field in ("name", "weight"):
            if not isinstance(values[field], str):
                raise TypeError(f"expected a string as {field}, got {brief(values[field])}")
        return cls(
            shape=tuple(map(int, values.pop("shape"))),
            recipe=recipe_from_dict(values.pop("recipe")),
            key=Key(values.pop("seed"), values.pop("offset")),
            factors=_floats(values.pop("factors")),
            bias=_floats(values.pop("bias")),
            before=_float(values.pop("before")),
            after=_float(values.pop("after")),
            rows=None if rows is None else (int(rows[0]), int(rows[1])),
            **values,
        )


@dataclass(frozen=True)
class LsuvReceipt(JsonObject):
    """What `pyinit.lsuv` and `pyinit.torch.lsuv` did: the weights again, bit for bit, without the data.

    Parameters
    ----------
    layers : tuple of LsuvLayer
        The layers that were scaled, in the order of their calls.
    left : tuple of (str, str)
        The layers that were left as they were, and why.

    Examples
    --------
    >>> import pyinit as pi
    >>> x = pi.data.abalone().inputs
    >>> network = pi.mlp([8, 16, 1], "relu")
    >>> receipt = pi.lsuv(network, x, key=0)
    >>> print(receipt)
    layer     recipe        std before  std after
    layers.0  orthogonal()      0.4549          1
    layers.1  orthogonal()      0.2529          1
    >>> pi.LsuvReceipt.from_json(receipt.to_json()) == receipt
    True
    """

    _json_name: ClassVar[str] = "a receipt of lsuv"
    _json_error: ClassVar[type[FormatError]] = FormatError
    layers: tuple[LsuvLayer, ...]
    left: tuple[tuple[str, str], ...] = ()

    def apply(self, network: Any) -> Network:
        """Return a network whose weights and biases are those of this receipt.

        Layers that were left keep their recipes; their weights depend on the key of the network, as always.

        Parameters
        ----------
        network : Network or sequence of Dense
            The network that was scaled, or one of the same layers.

        Returns
        -------
        Network
            Its recipes copy arrays; write the receipt as JSON, not this network.

        Raises
        ------
        RecipeError
            If the network lacks a layer of the receipt, or one of its layers is in neither of the lists.
        ShapeError
            If a layer has another shape.

        Examples
        --------
        >>> import pyinit as pi
        >>> x, network = pi.data.abalone().inputs, pi.mlp([8, 16, 1], "relu")
        >>> scaled = pi.lsuv(network, x, key=0).apply(network)
        >>> [f"{one.moments['pre-activation'].std:.2f}" for one in pi.probe(scaled, x).layers]
        ['1.00', '1.00']
        """
        net = as_network(network)
        names = [f"layers.{at}" for at in range(len(net.layers))]
        known = {*(one.name for one in self.layers), *(name for name, _ in self.left)}
        if set(names) != known:
            raise RecipeError(
                f"the receipt is of {', '.join(sorted(known))}; got a network of {', '.join(names)}. "
                "Give the network that was scaled."
            )
        by_name = {one.name: one for one in self.layers}
        return Network(
            tuple(
                _scaled(layer, by_name[name]) if name in by_name else layer
                for name, layer in zip(names, net.layers, strict=True)
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt as a dict of JSON values."""
        return {
            "kind": "lsuv",
            "layers": [one.to_dict() for one in self.layers],
            "left": [list(pair) for pair in self.left],
        }

    @classmethod
    def _read(cls, content: dict[str, Any]) -> LsuvReceipt:
        if content["kind"] != "lsuv":
            raise FormatError(f"a receipt of lsuv has the kind 'lsuv'; got {content['kind']!r}.")
        return cls(
            tuple(LsuvLayer.from_dict(one) for one in content["layers"]),
            tuple((str(name), str(reason)) for name, reason in content["left"]),
        )

    def __str__(self) -> str:
        rows = [("layer", "recipe", "std before", "std after")]
        for one in self.layers:
            part = "" if one.rows is None else f"[{one.rows[0]}:{one.rows[1]}]"
            name = one.weight.removesuffix(".weight") + part
            rows.append((name, repr(one.recipe), short(one.before), short(one.after)))
        left = (f"{name}: left as it was, because {why}" for name, why in self.left)
        return "\n".join((*aligned(rows, right=(2, 3)), *left))


def _scaled(layer: Dense, made: LsuvLayer) -> Dense:
    """Return a layer with the weight and bias of a receipt."""
    made.check_shape((layer.inputs, layer.units), layer.units)
    weight: Any = made.weight_for()
    bias: Any = None if layer.bias is None else made.bias_for(layer.units) if made.bias else "zeros"
    return replace(layer, recipe=weight, bias=bias)


def _floats(values: Any) -> tuple[float, ...]:
    if not isinstance(values, list):
        raise TypeError(f"expected a list of numbers, got {brief(values)}")
    return tuple(map(_float, values))


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {brief(value)}")
    return float(value)
