"""What a network is before it has weights: layers with recipes, named so that keys are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy.typing as npt

from ...errors import PyinitError, RecipeError, ShapeError
from ...recipes.parameters import init_params
from ...recipes.recipe import Recipe
from ...stream.arguments import brief
from ...stream.key import Key
from ...stream.strict_json import JsonObject
from ...theory.activation import activation as resolved
from .dense import ACTIVATION, BIAS, Dense, Norm, width_of

__all__ = ["Network", "as_network", "mlp"]


@dataclass(frozen=True)
class Network(JsonObject):
    """Layers, one after the other; frozen, printable, and written as JSON.

    Parameters of layer l are called ``layers.l.weight``, ``layers.l.bias``, ``layers.l.norm.weight`` and
    ``layers.l.norm.bias``: these names are folded into the key.

    Parameters
    ----------
    layers : sequence of Dense
        At least one; each with as many inputs as the one before has units.

    Raises
    ------
    ShapeError
        If there is no layer, or layers do not fit.
    RecipeError
        If a recipe cannot make the tensor it is for.

    Examples
    --------
    >>> import pyinit as pi
    >>> network = pi.mlp([8, 16, 1], "relu")
    >>> network.widths
    (8, 16, 1)
    >>> pi.Network.from_json(network.to_json()) == network
    True
    """

    _json_name: ClassVar[str] = "a network"
    _json_error: ClassVar[type[RecipeError]] = RecipeError
    layers: tuple[Dense, ...]

    def __post_init__(self) -> None:
        layers = tuple(self.layers)
        for layer in layers:
            if not isinstance(layer, Dense):
                raise RecipeError(f"a network is made of layers; got {layer!r}. Use pyinit.Dense(8, 16).")
        if not layers:
            raise ShapeError("a network needs a layer; got none. Give at least one Dense.")
        for at, (before, after) in enumerate(pairwise(layers), start=1):
            if after.inputs != before.units:
                raise ShapeError(
                    f"layers.{at} needs {before.units} inputs, as many as layers.{at - 1} has units; got "
                    f"{after.inputs}. Make them equal."
                )
        if layers[0].branch is not None:
            raise ShapeError(
                "layers.0 has a branch, but no layer before it to skip from. Begin with a layer without."
            )
        object.__setattr__(self, "layers", layers)
        for name, (shape, recipe) in self.parameters().items():
            _check_plan(name, shape, recipe)

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of inputs, and of every layer's units."""
        return (self.layers[0].inputs, *(layer.units for layer in self.layers))

    def parameters(self) -> dict[str, tuple[tuple[int, ...], Recipe]]:
        """Return shape and recipe of every parameter by its name.

        Examples
        --------
        >>> import pyinit as pi
        >>> list(pi.mlp([8, 16, 1]).parameters())
        ['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias']
        """
        return {
            f"layers.{at}.{name}": value
            for at, layer in enumerate(self.layers)
            for name, value in layer.parameters().items()
        }

    def init(
        self, *, key: int | Key, dtype: Any = "float32", threads: int | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Return every parameter, drawn under the key of its name.

        Parameters
        ----------
        key : int or Key
            The network's key; an int is a seed.
        dtype : str, numpy.dtype or type
            Of every array.
        threads : int, optional
            At most this many threads. The values do not depend on it.

        Returns
        -------
        dict of str to ndarray
            As `pyinit.init_params`.

        Examples
        --------
        >>> import pyinit as pi
        >>> {name: w.shape for name, w in pi.mlp([8, 16, 1], bias=None).init(key=0).items()}
        {'layers.0.weight': (8, 16), 'layers.1.weight': (16, 1)}
        """
        found = self.parameters()
        recipes = {name: recipe for name, (_, recipe) in found.items()}
        shapes = {name: shape for name, (shape, _) in found.items()}
        return init_params(shapes, recipes, key=key, dtype=dtype, threads=threads)

    def to_dict(self) -> dict[str, Any]:
        """Return the network as a dict of JSON values."""
        return {"layers": [layer.to_dict() for layer in self.layers]}

    @classmethod
    def from_dict(cls, content: Any) -> Network:
        """Return the network that `to_dict` wrote.

        Raises
        ------
        RecipeError, ShapeError
            If it is not one.
        """
        layers = content.get("layers") if isinstance(content, dict) else None
        if not isinstance(layers, list):
            raise RecipeError(f'a network needs a list under "layers"; got {brief(content)}. Write it again.')
        return cls(tuple(_layer(at, layer) for at, layer in enumerate(layers)))

    def __repr__(self) -> str:
        return f"Network([{', '.join(map(repr, self.layers))}])"

    def __str__(self) -> str:
        return "\n".join(f"layers.{at}: {layer!r}" for at, layer in enumerate(self.layers))


def mlp(
    widths: Sequence[int],
    activation: Any = ACTIVATION,
    recipe: Any = None,
    bias: Any = BIAS,
    norm: Norm | None = None,
    residual: bool | Literal["scaled"] = False,
    output_activation: Any = "linear",
) -> Network:
    """Return a network of dense layers.

    Parameters
    ----------
    widths : sequence of int
        Number of inputs, then of every layer's units; the last layer is the output.
    activation : str, (str, float), Activation or callable
        Of every layer but the last; by default tanh.
    recipe : Recipe or str, optional
        Of every weight; by default `default_recipe` of each layer's activation.
    bias : Recipe, str or None
        Of every bias; by default zeros. None for no biases.
    norm : {"batch", "layer"}, optional
        Normalization before every activation but the last layer's.
    residual : bool or "scaled"
        Skips over the layers between the first and the last, z + branch (phi(z) W + b): branch 1, or with
        "scaled" 1 / sqrt(L) for L such layers.
    output_activation : str, (str, float), Activation or callable
        Of the last layer.

    Returns
    -------
    Network

    Raises
    ------
    ShapeError
        If widths are not two or more positive integers, or skips join layers of different width.
    RecipeError
        If an option is not valid.

    Examples
    --------
    >>> import pyinit as pi
    >>> print(pi.mlp([8, 16, 1], "relu", pi.normal(std=0.1)))
    layers.0: Dense(8, 16, activation='relu', recipe=normal(std=0.1))
    layers.1: Dense(16, 1, activation='linear', recipe=normal(std=0.1))
    """
    try:
        sizes = [width_of("a width", width) for width in widths]
    except TypeError:
        raise ShapeError(f"widths are a sequence of integers; got {widths!r}. Write [8, 16, 1].") from None
    if len(sizes) < 2:
        raise ShapeError(
            f"a network needs the width of its input and of each layer; got {sizes}. Write [8, 16, 1]."
        )
    if not isinstance(residual, bool) and residual != "scaled":
        raise RecipeError(f"residual is True, False or 'scaled'; got {residual!r}. Choose one.")
    last = len(sizes) - 2
    blocks = range(1, last) if residual else range(0)
    if residual and (not blocks or len(set(sizes[1:-1])) > 1):
        raise ShapeError(
            f"residual needs two or more hidden layers, all of one width; got widths {sizes}. "
            "Write [8, 16, 16, 16, 1]."
        )
    branch = 1.0 / math.sqrt(len(blocks)) if residual == "scaled" else 1.0
    hidden, output = resolved(activation), resolved(output_activation)
    return Network(
        tuple(
            Dense(
                inputs,
                units,
                output if at == last else hidden,
                recipe,
                bias,
                None if at == last else norm,
                branch if at in blocks else None,
            )
            for at, (inputs, units) in enumerate(pairwise(sizes))
        )
    )


def as_network(network: Any) -> Network:
    """Return a network as it is, and layers in a list as a network."""
    if isinstance(network, Network):
        return network
    if isinstance(network, list | tuple):
        return Network(tuple(network))
    raise RecipeError(
        f"a network or a list of layers is needed; got {type(network).__name__}. Use pyinit.mlp([8, 16, 1])."
    )


def _check_plan(name: str, shape: tuple[int, ...], recipe: Recipe) -> None:
    try:
        plan = recipe.plan_for(shape, "float32")
    except PyinitError as error:
        raise type(error)(f"{name}: {error}") from None
    if len(shape) == 2 and plan.fan_in not in (None, shape[0]):
        raise ShapeError(
            f"{name} has shape (inputs, units) = {shape}, as in x @ W; its recipe takes {plan.fan_in} for "
            "the inputs. Leave out its layout and axes."
        )


def _layer(at: int, content: Any) -> Dense:
    try:
        # what is left out would silently become the default; only a bias may be missing
        needed = {name: content[name] for name in ("activation", "recipe")}
        return Dense(**{"bias": None, **content, **needed})
    except PyinitError as error:
        raise type(error)(f"layers.{at}: {error}") from None
    except (TypeError, KeyError) as error:
        raise RecipeError(
            f"layers.{at} is not a layer that to_dict wrote: {' '.join(str(error).split())}. Write it again."
        ) from None
