"""muP: what keeps the size of activations, and of their changes, when a model becomes wider."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import PyinitError, RecipeError, ShapeError
from ...stream.arguments import brief, flag, number
from ...stream.window import Shape, normal_shape
from ..depth import Depth
from ..distributions import normal
from ..fans import Axes
from ..matching import deciding
from ..models.roles import ROLES, Language
from ..names import suggestion
from ..recipe import Recipe
from ..rules import Rule, fits, fitted, rules_of
from .scheme import Scheme, Share

__all__ = ["ATTENTION", "HIDDEN", "by_names", "checked_shapes", "mup"]

_SOURCE = "Yang et al., Tensor Programs V, arXiv 2203.03466, Table 8"
ATTENTION = {"attention": "1 / head size, not 1 / sqrt(head size)"}
"""What the model's code has to do in attention."""
HIDDEN = ("attention_out", "attention", "down", "gate", "up", "both")
"""The roles of the layers whose inputs and outputs grow with the width."""
_OPTIMIZERS = ("adam", "sgd")
_EMBEDDINGS = "*embed*|*wte*|*wpe*|*shared.weight"


@dataclass(frozen=True)
class _Widened:
    """A parameter of the model beside that of the base model.

    Parameters
    ----------
    wider_in, wider_out : float
        The ratio of the fans; of a vector, both are that of its length.
    role : {"fixed", "input", "hidden", "output"}
        Which fans grow with the width: none, the outputs, both, the inputs.
    """

    role: str
    wider_in: float
    wider_out: float

    def std(self, multipliers: bool) -> float:
        """Return the factor on the std of the base model."""
        of_outputs = 1.0 if multipliers else 1 / self.wider_in
        return {"hidden": 1 / math.sqrt(self.wider_in), "output": of_outputs}.get(self.role, 1.0)

    def multiplier(self, multipliers: bool) -> float:
        """Return the factor on what the layer computes."""
        return 1 / self.wider_in if multipliers and self.role == "output" else 1.0

    def learning_rate(self, optimizer: str, multipliers: bool) -> float:
        """Return the factor on the learning rate."""
        if self.role == "output" and not multipliers:
            return 1 / self.wider_in
        if optimizer == "adam":
            return 1 / self.wider_in if self.role == "hidden" else 1.0
        return {"input": self.wider_out, "output": self.wider_in}.get(self.role, 1.0)


def mup(
    shapes: Mapping[str, Any],
    base: Mapping[str, Any],
    recipe: Any,
    *,
    outputs: str | None,
    embeddings: str = _EMBEDDINGS,
    optimizer: str = "adam",
    multipliers: bool = True,
    layout: str | None = None,
) -> Scheme:
    """Return muP of a model, from the shapes of a narrower one whose recipe and learning rate are known.

    A parameter whose two sides are wider than in the base model is hidden: its std is that of the base model
    divided by sqrt(m), m = fan_in / base fan_in, and Adam's learning rate is divided by m. One whose inputs
    alone are wider is an output: its std is that of the base model, and what it computes is multiplied by
    1 / m. All others keep std and Adam's learning rate.

    Parameters
    ----------
    shapes : mapping of str to shape
        The parameters of the model.
    base : mapping of str to shape
        Those of the base model: the same names, with smaller widths.
    recipe : Recipe, str, mapping or sequence of rules
        How the base model begins.
    outputs : str or None
        The pattern of the weights that compute the model's output, whose inputs alone are wider. None if
        there is none: a tied output shares an embedding, and its result needs a multiplier of 1 / m.
    embeddings : str
        The pattern of tables whose rows are features, which are inputs of the model.
    optimizer : {"adam", "sgd"}
        Whose learning rates the table gives; "adam" is also for AdamW with a decay of its own.
    multipliers : bool
        False for a model whose output cannot be multiplied: its std and its learning rate are divided by m
        instead (Table 3), which is the same function. A tied output needs the multiplier.
    layout : {"torch", "keras", "jax"}, optional
        How weights are stored; by default a matrix is (in, out).

    Returns
    -------
    Scheme
        Rules for each parameter by its name, learning rates and multipliers. ``settings`` has the factor of
        attention, 1 / d instead of 1 / sqrt(d), where d is the size of a head.

    Raises
    ------
    RecipeError
        If the base shapes are of another model, a parameter has no rule, or it is not clear whether it is an
        embedding or an output.
    ShapeError, LayoutError
        If the recipe cannot count the fans of a parameter.

    References
    ----------
    Yang et al., "Tensor Programs V", arXiv 2203.03466, Tables 3 and 8.

    Examples
    --------
    >>> import pyinit as pi
    >>> def shapes(width):
    ...     return {"l1.weight": (8, width), "l2.weight": (width, width), "l3.weight": (width, 2)}
    >>> scheme = pi.mup(shapes(1024), shapes(256), pi.lecun_normal(), outputs="l3.weight")
    >>> print(scheme)
    learning rate  multiplier  parameters
             0.25           1  l2.weight
                1        0.25  l3.weight
    attention: 1 / head size, not 1 / sqrt(head size)
    >>> [round(rule.recipe.plan(shapes(1024)[rule.match]).std, 5) for rule in scheme]
    [0.35355, 0.03125, 0.0625]
    """
    if optimizer not in _OPTIMIZERS:
        raise RecipeError(f"mup's optimizer is 'adam' or 'sgd'; got {optimizer!r:.60}. Name one.")
    flag("mup's multipliers", multipliers)
    wide, narrow = checked_shapes(shapes), checked_shapes(base)
    _check_same(wide, narrow)
    if outputs is not None and not any(fits(outputs, name) for name in wide):
        raise RecipeError(f"no parameter matches outputs={outputs!r}. {suggestion(outputs, wide)}")
    decide = deciding(rules_of(recipe))
    rules, shares = [], []
    for name, shape in wide.items():
        rule = decide(name, len(shape) >= 2)
        if rule is None:
            raise RecipeError(f'no rule matches {name!r}. Add one, or end the rules with the pattern "*".')
        axes = Axes(layout=layout)
        try:
            widened = _widened(name, shape, narrow[name], axes, outputs, embeddings)
            std = widened.std(multipliers)
            drawn = _wide(rule.recipe_for(name), shape, narrow[name], axes, std)
        except PyinitError as error:
            raise type(error)(f"{name}: {error}") from None
        rules.append(Rule(name, drawn, rule.zero_rows))
        rate, multiplier = widened.learning_rate(optimizer, multipliers), widened.multiplier(multipliers)
        share = Share(name, rate, multiplier)
        if (share.learning_rate, share.multiplier) != (1.0, 1.0):
            shares.append(share)
    return Scheme("mup", tuple(rules), tuple(shares), ATTENTION, _SOURCE)


def checked_shapes(shapes: Any, scheme: str = "mup") -> dict[str, Shape]:
    """Return the shapes of a model's parameters, none of which is empty."""
    if not isinstance(shapes, Mapping):
        raise RecipeError(
            f"{scheme} needs a mapping of names to shapes; got {brief(shapes)}. Use {{'w': (2, 3)}}."
        )
    checked = {name: normal_shape(shape, 4) for name, shape in shapes.items()}
    for name, shape in checked.items():
        if 0 in shape:
            raise ShapeError(f"{name!r} of shape {shape} has no numbers, and so no width. Leave it out.")
    return checked


def _check_same(wide: Mapping[str, Shape], narrow: Mapping[str, Shape]) -> None:
    for one, other, what in ((wide, narrow, "the base shapes have no"), (narrow, wide, "the model has no")):
        for name in one:
            if name not in other:
                raise RecipeError(
                    f"{what} {name!r}: they are of another model. {suggestion(name, other)} Give the "
                    "shapes of "
                    "the same model with another width."
                )
    for name, shape in wide.items():
        if len(shape) != len(narrow[name]):
            raise RecipeError(
                f"{name!r} has shape {shape}, and {narrow[name]} in the base model: they are of other "
                "models. "
                "Give the shapes of the same model with another width."
            )


def _widened(
    name: str, shape: Shape, base: Shape, axes: Axes, outputs: str | None, embeddings: str
) -> _Widened:
    if len(shape) < 2:
        ratio = math.prod(shape) / max(math.prod(base), 1)
        return _Widened("fixed" if shape == base else "input", ratio, ratio)
    fan_in, fan_out = axes.fans(shape, "mup")
    base_in, base_out = axes.fans(base, "mup")
    ratios = fan_in / base_in, fan_out / base_out
    is_table = fits(embeddings, name) and not (outputs is not None and fits(outputs, name))
    if ratios == (1.0, 1.0):
        return _Widened("fixed", *ratios)
    if 1.0 not in ratios:
        return _Widened("hidden", *ratios)
    if ratios[0] == 1.0:
        return _Widened("input", *ratios)
    if is_table:
        # a row is what one input feeds
        return _Widened("input", ratios[1], ratios[0])
    if outputs is None or not fits(outputs, name):
        raise RecipeError(
            f"only its inputs are wider than in the base model, as of an output or of a table of features: "
            f"{base} became {shape}. Match it with outputs= or embeddings=."
        )
    return _Widened("output", *ratios)


def _wide(recipe: Recipe, shape: Shape, base: Shape, axes: Axes, std: float) -> Recipe:
    """Return the recipe whose std is that of the base model times the factor of the width."""
    if len(shape) >= 2:
        recipe = fitted(recipe, axes, shape)
    before, here = recipe.plan(base).std, recipe.plan(shape).std
    if not before or not here:
        return recipe
    factor = before * std / here
    return recipe if math.isclose(factor, 1.0, rel_tol=1e-12) else recipe.scaled(factor)


def by_names(
    *, width: int, base_width: int, depth: int, std: float = 0.02, padding: int | None = None
) -> Scheme:
    """Return muP of a language model, by the names of its parameters."""
    wider, std = width / base_width, number("mup's std", std, least=0.0)
    hidden = normal(std=std / math.sqrt(wider))
    plain, out = normal(std=std), (hidden, Depth(depth))
    rules = Language(
        plain, plain, hidden, out, hidden, hidden, out, router=plain, position=plain, padding=padding
    ).rules("mup")
    shares = (
        Share(ROLES["head"], 1.0, 1 / wider),
        # the number of experts does not grow
        Share(ROLES["router"], 1.0, 1 / wider),
        *(Share(ROLES[role], 1 / wider) for role in HIDDEN),
    )
    return Scheme("mup", rules, shares, {**ATTENTION, "logits": 1 / wider}, _SOURCE)
