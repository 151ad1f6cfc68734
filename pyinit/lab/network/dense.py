"""One layer before it has weights: what its weight, bias, normalization and activation should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from ...errors import RecipeError, ShapeError
from ...recipes.distributions import ones, zeros
from ...recipes.famous import glorot_normal, he_normal, lecun_normal
from ...recipes.pretrained import pretrained
from ...recipes.recipe import Recipe, as_recipe
from ...stream.arguments import count, number
from ...stream.window import normal_shape
from ...theory.activation import Activation, spelled
from ...theory.activation import activation as resolved

__all__ = ["ACTIVATION", "BIAS", "Dense", "Norm", "default_recipe", "spelled_or_own", "width_of"]

#: What a layer has by default: that of `Dense`, `pyinit.mlp`, `pyinit.compare` and the command line alike.
ACTIVATION = "tanh"
BIAS = "zeros"

Norm: TypeAlias = Literal["batch", "layer"]

_NORMS = ("batch", "layer")
_RECTIFIERS = ("relu", "elu", "gelu", "gelu_tanh", "silu", "mish")


def default_recipe(activation: Any) -> Recipe:
    """Return the recipe that weights before an activation have by default.

    he_normal for relu, leaky_relu (with its slope), elu, gelu, gelu_tanh, silu and mish; lecun_normal for
    selu; glorot_normal for all others, a user's function among them.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.

    Returns
    -------
    Recipe

    Examples
    --------
    >>> from pyinit.lab.network.dense import default_recipe
    >>> default_recipe("relu")
    he_normal()
    """
    phi = resolved(activation)
    if phi.name == "leaky_relu" and phi.parameter is not None:
        return he_normal(a=phi.parameter)
    if phi.name in _RECTIFIERS:
        return he_normal()
    return lecun_normal() if phi.name == "selu" else glorot_normal()


@dataclass(frozen=True)
class Dense:
    """A layer: z = x W + b, normalized where it says so, then phi(z).

    With a branch, z = s + branch (x W + b), s the z of the layer before: z is a stream that each layer adds
    to, and normalization stands between the stream and phi.

    Parameters
    ----------
    inputs, units : int
        W has shape (inputs, units).
    activation : str, (str, float), Activation or callable
        phi; by default tanh.
    recipe : Recipe, str or ndarray, optional
        What W should be, or W itself; by default `default_recipe` of the activation.
    bias : Recipe, str, ndarray or None
        What b should be, of shape (units,), or b itself; by default zeros. None for no bias.
    norm : {"batch", "layer"}, optional
        Normalization of z: each unit over the rows, or each row over the units. It begins as the
        identity after normalization: its own weight is 1, its own bias 0.
    branch : float, optional
        What x W + b is multiplied by before it is added to the skip; None for no skip.

    Raises
    ------
    ShapeError
        If a number of units is not a positive integer, a given array has another shape, or a branch has not
        as many units as inputs.
    RecipeError
        If the activation, recipe, norm or branch is not valid.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.Dense(8, 16, "tanh", pi.normal(std=0.1))
    Dense(8, 16, activation='tanh', recipe=normal(std=0.1))
    """

    inputs: int
    units: int
    activation: Activation = ACTIVATION  # type: ignore[assignment]
    recipe: Recipe = None  # type: ignore[assignment]
    bias: Recipe | None = BIAS  # type: ignore[assignment]
    norm: Norm | None = None
    branch: float | None = None

    def __post_init__(self) -> None:
        inputs, units = width_of("inputs", self.inputs), width_of("units", self.units)
        normal_shape((inputs, units), 4)
        phi = resolved(self.activation)
        weight = default_recipe(phi) if self.recipe is None else self.recipe
        made = {
            "inputs": inputs,
            "units": units,
            "activation": phi,
            "recipe": _as_recipe("recipe", weight, (inputs, units)),
            "bias": None if self.bias is None else _as_recipe("bias", self.bias, (units,)),
        }
        if self.norm not in (None, *_NORMS):
            raise RecipeError(f"norm is 'batch', 'layer' or None; got {self.norm!r}. Choose one.")
        if self.branch is not None:
            made["branch"] = number("branch", self.branch)
            if inputs != units:
                raise ShapeError(
                    f"a layer with a skip needs as many units as inputs; got {inputs} inputs and {units} "
                    "units. Make them equal or leave the branch out."
                )
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def parameters(self) -> dict[str, tuple[tuple[int, ...], Recipe]]:
        """Return shape and recipe of each parameter: weight, bias, norm.weight, norm.bias.

        Examples
        --------
        >>> import pyinit as pi
        >>> list(pi.Dense(8, 16, norm="batch").parameters())
        ['weight', 'bias', 'norm.weight', 'norm.bias']
        """
        found: dict[str, tuple[tuple[int, ...], Recipe]] = {
            "weight": ((self.inputs, self.units), self.recipe)
        }
        if self.bias is not None:
            found["bias"] = ((self.units,), self.bias)
        if self.norm is not None:
            found["norm.weight"] = ((self.units,), ones())
            found["norm.bias"] = ((self.units,), zeros())
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the layer as a dict of JSON values.

        Raises
        ------
        RecipeError
            If the activation is a function, or weights are an array: JSON has neither.

        Examples
        --------
        >>> import pyinit as pi
        >>> pi.Dense(2, 1, "sin", "zeros", bias=None).to_dict()
        {'inputs': 2, 'units': 1, 'activation': 'sin', 'recipe': {'recipe': 'zeros'}}
        """
        name = spelled_or_own(self.activation)
        if isinstance(name, Activation):
            raise RecipeError(
                f"JSON can name an activation only; {name.name} is a function. Use one of pyinit's names."
            )
        content: dict[str, Any] = {"inputs": self.inputs, "units": self.units}
        content["activation"] = list(name) if isinstance(name, tuple) else name
        content["recipe"] = self.recipe.to_dict()
        if self.bias is not None:
            content["bias"] = self.bias.to_dict()
        rest = {"norm": self.norm, "branch": self.branch}
        return content | {name: value for name, value in rest.items() if value is not None}

    def __repr__(self) -> str:
        parts = [str(self.inputs), str(self.units), f"activation={spelled_or_own(self.activation)!r}"]
        parts.append(f"recipe={self.recipe!r}")
        if self.bias != zeros():
            parts.append(f"bias={self.bias!r}")
        for name in ("norm", "branch"):
            value = getattr(self, name)
            if value is not None:
                parts.append(f"{name}={value!r}")
        return f"Dense({', '.join(parts)})"


def width_of(what: str, value: Any) -> int:
    """Return a number of units as an int."""
    return count(what, value, error=ShapeError)


def _as_recipe(what: str, value: Any, shape: tuple[int, ...]) -> Recipe:
    if not hasattr(value, "__array__"):
        return as_recipe(value, f"{what}: a recipe or an array")
    array = np.asarray(value)
    if array.shape != shape:
        raise ShapeError(
            f"{what} needs shape {shape} here; got an array of shape {array.shape}. "
            "A weight has shape (inputs, units)."
        )
    return pretrained(array)


def spelled_or_own(phi: Activation) -> str | tuple[str, float] | Activation:
    """Return what stands for an activation of the registry; any other as it is."""
    return spelled(phi) or phi
