"""How one run begins: a recipe by name, its parameters, a factor on the weights, the spread of the biases."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ...errors import ArgumentError, PyinitError
from ...recipes.distributions import (
    Constant,
    Normal,
    TruncatedNormal,
    Uniform,
    constant,
    normal,
    ones,
    truncated_normal,
    uniform,
    zeros,
)
from ...recipes.famous import (
    critical_normal,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    xavier_normal,
    xavier_uniform,
)
from ...recipes.names import suggestion
from ...recipes.orthogonal import Orthogonal, orthogonal
from ...recipes.patterns import Identity, identity
from ...recipes.recipe import Recipe
from ...recipes.scaling import AxesOptions, VarianceScaling, variance_scaling
from ...recipes.sparse import Sparse, sparse
from ...stream.arguments import brief, count
from .fine_tuning import FINE_TUNED, STEPS
from .limits import real

__all__ = ["CHOICES", "RECIPES", "STARTS", "Parameter", "Start", "parameters_of", "scaled"]

Parameter: TypeAlias = float | bool | str

RECIPES: dict[str, Callable[..., Recipe]] = {
    "zeros": zeros,
    "ones": ones,
    "constant": constant,
    "uniform": uniform,
    "normal": normal,
    "truncated_normal": truncated_normal,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "kaiming_normal": kaiming_normal,
    "kaiming_uniform": kaiming_uniform,
    "critical_normal": critical_normal,
    "variance_scaling": variance_scaling,
    "orthogonal": orthogonal,
    "identity": identity,
    "sparse": sparse,
}
"""Every recipe of a matrix; what is for convolutions, or reads a file, has no place in an experiment."""
STARTS: tuple[str, ...] = (*RECIPES, FINE_TUNED)
"""What a run may begin from: a recipe, or a first training."""

# parameters without a default of their own, or whose default is none that a page can show
_DEFAULTS: dict[str, dict[str, Parameter]] = {
    "constant": {"value": 0.1},
    "uniform": {"low": 0.0, "high": 1.0},
    "sparse": {"sparsity": 0.9},
}
CHOICES: dict[str, tuple[str, ...]] = {
    "mode": ("fan_in", "fan_out", "fan_avg", "fan_geo_avg"),
    "distribution": ("normal", "truncated_normal", "uniform"),
    "unit": ("std", "absolute"),
}
"""The words that each parameter which is a word may be."""

# what the experiment says: the activation, and the spread of the biases
_GIVEN = {"activation", "sigma_b"}
# a link could not tell it from the run's scale, whose square it is
_BY_SCALE = {"variance_scaling": {"scale"}}
# of a critical scale, whose last digits come from a vendor's exp: a link has the same bits everywhere
_DIGITS = 9
_WORD = re.compile(r"[a-z][a-z_]{0,29}")


def parameters_of(recipe: str) -> dict[str, Parameter]:
    """Return the parameters of a recipe that an experiment may give, with their defaults."""
    if recipe == FINE_TUNED:
        return {"steps": 300}
    others = {*AxesOptions.__annotations__, *_GIVEN, "axes", *_BY_SCALE.get(recipe, ())}
    listed = inspect.signature(RECIPES[recipe]).parameters
    defaults = {name: one.default for name, one in listed.items() if name not in others}
    return {name: _DEFAULTS.get(recipe, {}).get(name, value) for name, value in defaults.items()}


@dataclass(frozen=True)
class Start:
    """One run's start.

    Parameters
    ----------
    recipe : str
        A name of `STARTS`. ``critical_normal`` takes the experiment's activation and `sigma_b`.
    parameters : tuple of (str, value)
        Those that differ from their defaults, in the recipe's order.
    scale : float
        What the recipe's weights are multiplied by; 0 for zeros.
    sigma_b : float
        Standard deviation of the biases; 0 for zeros.
    """

    recipe: str
    parameters: tuple[tuple[str, Parameter], ...] = ()
    scale: float = 1.0
    sigma_b: float = 0.0

    def __post_init__(self) -> None:
        if self.recipe not in STARTS:
            raise ArgumentError(
                f"there is no recipe {brief(self.recipe)} here. {suggestion(str(self.recipe)[:60], STARTS)}"
            )
        object.__setattr__(self, "parameters", _differing(self.recipe, dict(self.parameters)))
        object.__setattr__(self, "scale", real("scale", self.scale))
        object.__setattr__(self, "sigma_b", real("sigma_b", self.sigma_b))
        if self.recipe == FINE_TUNED:
            count("steps of the first training", self.first_steps, *STEPS, error=ArgumentError)
            if self.scale != 1.0 or self.sigma_b != 0.0:
                raise ArgumentError(f"{FINE_TUNED} takes neither scale nor sigma_b. Leave them out.")

    @property
    def first_steps(self) -> Any:
        """The steps of the training that a fine-tuned start begins with."""
        return dict(self.parameters).get("steps", 300)

    @property
    def label(self) -> str:
        """What the run is called: the recipe, its parameters, and the factor."""
        given = ", ".join(f"{name}={value}" for name, value in self.parameters)
        text = f"{self.recipe}({given})" if given else self.recipe
        text = text if self.scale == 1.0 else f"{self.scale:.4g} x {text}"
        return f"{text}, sigma_b {self.sigma_b:.4g}" if self.sigma_b else text

    def weight(self, activation: str) -> Recipe:
        """Return the recipe of the weights before such activations.

        Raises
        ------
        ArgumentError
            If the recipe refuses its parameters, or there is no critical scale.
        """
        options: dict[str, Any] = dict(_DEFAULTS.get(self.recipe, {})) | dict(self.parameters)
        if self.recipe == "critical_normal":
            options |= {"activation": activation, "sigma_b": self.sigma_b}
        try:
            with warnings.catch_warnings():
                # the page shows what a repelling fixed point does
                warnings.simplefilter("ignore", UserWarning)
                recipe = RECIPES[self.recipe](**options)
            if self.recipe == "critical_normal" and isinstance(recipe, VarianceScaling):
                recipe = replace(recipe, scale=float(f"{recipe.scale:.{_DIGITS}g}"))
            return scaled(recipe, self.scale)
        except PyinitError as error:
            raise ArgumentError(str(error)) from None

    def bias(self) -> Recipe:
        """Return the recipe of the biases."""
        return normal(std=self.sigma_b) if self.sigma_b else zeros()

    def to_dict(self) -> dict[str, Any]:
        """Return the start as a dict of JSON values."""
        return {
            "recipe": self.recipe,
            "parameters": dict(self.parameters),
            "scale": self.scale,
            "sigma_b": self.sigma_b,
        }

    @classmethod
    def from_dict(cls, content: Any) -> Start:
        """Return the start that a name or such a dict describes.

        Raises
        ------
        ArgumentError
            If it is neither.
        """
        if isinstance(content, str):
            return cls(content)
        if not isinstance(content, Mapping) or not isinstance(content.get("recipe"), str):
            raise ArgumentError(
                f'a run needs a name under "recipe"; got {brief(content)}. Write {{"recipe": "he_normal"}}.'
            )
        for name in content:
            if name not in ("recipe", "parameters", "scale", "sigma_b"):
                raise ArgumentError(
                    f"a run has recipe, parameters, scale and sigma_b; got {brief(name)}. Leave it out."
                )
        parameters = content.get("parameters", {})
        if not isinstance(parameters, Mapping):
            raise ArgumentError(f"parameters are a JSON object; got {brief(parameters)}. Write {{}}.")
        return cls(
            content["recipe"],
            tuple(parameters.items()),
            content.get("scale", 1.0),
            content.get("sigma_b", 0.0),
        )


def scaled(recipe: Recipe, factor: float) -> Recipe:
    """Return the recipe of the weights times a factor of at least 0, drawn from the same numbers.

    Raises
    ------
    ArgumentError
        If the weights of this recipe have no scale, or the factor makes it invalid.
    """
    if factor == 1.0:
        return recipe
    if factor == 0.0:
        return zeros()
    if isinstance(recipe, VarianceScaling):
        return replace(recipe, scale=recipe.scale * factor**2)
    if isinstance(recipe, Orthogonal | Identity):
        return replace(recipe, gain=recipe.gain * factor)
    if isinstance(recipe, Constant):
        return constant(recipe.value * factor)
    if isinstance(recipe, Uniform):
        return replace(recipe, low=recipe.low * factor, high=recipe.high * factor)
    if isinstance(recipe, Normal):
        return replace(recipe, mean=recipe.mean * factor, std=recipe.std * factor)
    if isinstance(recipe, Sparse):
        return replace(recipe, std=recipe.std * factor)
    if isinstance(recipe, TruncatedNormal):
        made = replace(recipe, mean=recipe.mean * factor, std=recipe.std * factor)
        if recipe.unit == "std":
            return made
        return replace(made, low=recipe.low * factor, high=recipe.high * factor)
    raise ArgumentError(f"{recipe!r} has no scale. Use scale 1.")


def _differing(recipe: str, given: dict[Any, Any]) -> tuple[tuple[str, Parameter], ...]:
    known = parameters_of(recipe)
    for name, value in given.items():
        if name not in known:
            takes = ", ".join(known) or "no parameters"
            by_scale = name in _BY_SCALE.get(recipe, ())
            way = "Use the run's scale, which multiplies the weights." if by_scale else "Leave it out."
            raise ArgumentError(f"{recipe} takes {takes}; got {brief(name)}. {way}")
        if isinstance(value, str) and not _WORD.fullmatch(value):
            raise ArgumentError(
                f"{recipe}'s {name} is a number, a truth value or a word; got {brief(value)}."
            )
        if not isinstance(value, int | float | str):
            raise ArgumentError(
                f"{recipe}'s {name} is a number, a truth value or a word; got {brief(value)}."
            )
    found: list[tuple[str, Parameter]] = []
    for name, default in known.items():
        value = given.get(name, default)
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if value != default or type(value) is not type(default):
            found.append((name, value))
    return tuple(found)
