"""What a weight should be: frozen, printable, written as JSON, turned into a plan for any shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError
from ..stream.arguments import brief, check_threads, number
from ..stream.dtypes import DType, resolve, storage
from ..stream.fill import planned
from ..stream.kernels import execute
from ..stream.key import Key, as_key
from ..stream.plan import Plan
from ..stream.strict_json import JsonObject, finite, restored
from ..stream.window import Shape, Window, normal_shape
from .makers import Spoken
from .names import nearest, suggestion

__all__ = ["Recipe", "as_recipe", "from_dict", "from_json", "is_known", "is_maker", "known_names", "named"]


@dataclass(frozen=True)
class Recipe(JsonObject):
    """What a weight should be; call it to draw one.

    A recipe prints as the name it was made by, with the options that differ from their defaults;
    ``eval(repr(recipe))`` is the recipe again where pyinit's names are imported. The name does not count in a
    comparison: recipes with the same numbers are equal, as ``he_normal() == variance_scaling(2.0)``.

    Examples
    --------
    >>> import pyinit as pi
    >>> recipe = pi.he_normal(layout="torch")
    >>> isinstance(recipe, pi.Recipe), recipe((10, 1000), key=0).shape
    (True, (10, 1000))
    >>> recipe == eval(repr(recipe), vars(pi))
    True
    """

    _json_name: ClassVar[str] = "a recipe"
    _json_error: ClassVar[type[RecipeError]] = RecipeError
    verb: ClassVar[str] = ""
    # whether it makes only convolution kernels, whose axes beyond the channels are a receptive field
    is_of_convolutions: ClassVar[bool] = False
    # whether it makes nothing: a rule of it decides that a tensor is refused
    is_refusal: ClassVar[bool] = False
    # the name it was made by, if that is not the verb
    spoken: Spoken | None = field(default=None, repr=False, compare=False, kw_only=True)

    @property
    def called(self) -> str:
        """The name that it was made by, for messages."""
        return self.verb if self.spoken is None else self.spoken.name

    def __call__(
        self,
        shape: int | tuple[int, ...],
        *,
        key: int | Key,
        dtype: Any = "float32",
        window: Window | None = None,
        threads: int | None = None,
    ) -> npt.NDArray[Any]:
        """Return a new array.

        Parameters
        ----------
        shape : int or tuple of int
            Shape of the array; with a window, of the rectangle.
        key : int or Key
            The parameter's key; an int is a seed.
        dtype : str, numpy.dtype or type
            "float32", "float64", "float16", "complex64", "complex128"; "bfloat16", "float8_e4m3fn" or
            "float8_e5m2" (these need ml_dtypes); or "uint16", the bits of bfloat16.
        window : Window, optional
            Where the rectangle sits in the whole tensor.
        threads : int, optional
            At most this many threads. The values do not depend on it.

        Returns
        -------
        ndarray
            Has `shape` and `dtype`.

        Raises
        ------
        ShapeError, DTypeError, RecipeError, SeedError
            Before any memory is allocated.

        Examples
        --------
        >>> import pyinit as pi
        >>> pi.ones()((2, 2), key=0)
        array([[1., 1.],
               [1., 1.]], dtype=float32)
        """
        resolved = resolve(dtype)
        extent = normal_shape(shape, resolved.itemsize)
        root, kept, count = as_key(key), storage(dtype), check_threads(threads)
        plan, start = planned(self, extent, resolved.name, window)
        out = np.empty(extent, kept)
        execute(plan, out, root, start, count)
        return out

    def plan(self, shape: int | tuple[int, ...], dtype: Any = "float32") -> Plan:
        """Return every number that would decide a fill of the whole tensor of `shape`.

        Parameters
        ----------
        shape : int or tuple of int
            Shape of the whole tensor.
        dtype : str, numpy.dtype or type
            As in a call.

        Returns
        -------
        Plan
            Printable, and written as JSON by ``to_json``.

        Raises
        ------
        ShapeError, DTypeError, RecipeError
            Exactly if filling such a tensor would be refused; only the values of a pretrained tensor are
            checked later, when they are copied.

        Examples
        --------
        >>> import pyinit as pi
        >>> pi.glorot_uniform().plan((300, 100)).fan_in
        300
        """
        resolved = resolve(dtype)
        return self.plan_for(normal_shape(shape, resolved.itemsize), resolved.name)

    def plan_for(self, shape: Shape, dtype: str) -> Plan:
        """Return the plan of a checked shape and a format's name; plans are cached."""
        if "__dataclass_fields__" not in type(self).__dict__:
            # a subclass that is not a dataclass itself may hold numbers that == does not compare
            return self.make_plan(shape, resolve(dtype))
        return _cached(self, shape, dtype)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Return the plan; every recipe implements this.

        Parameters
        ----------
        shape : tuple of int
            Shape of the whole tensor.
        dtype : DType
            The format, with its rounding and its range.

        Returns
        -------
        Plan
        """
        raise NotImplementedError

    def scaled(self, factor: float) -> Recipe:
        """Return the recipe whose draws are `factor` times those of this one.

        Parameters
        ----------
        factor : float
            Finite, at least 0.

        Returns
        -------
        Recipe

        Raises
        ------
        RecipeError
            If the factor is not valid, or the recipe has no number that scales its draws.

        Examples
        --------
        >>> import pyinit as pi
        >>> pi.normal(std=0.02).scaled(0.5), pi.variance_scaling(1.0).scaled(0.5).plan((4, 4)).std
        (normal(std=0.01), 0.25)
        """
        return self._times(number("the factor of a recipe", factor, least=0.0))

    def _times(self, factor: float) -> Recipe:
        raise RecipeError(
            f"{self.called} has no number that scales what it makes; got a factor of {factor!r}. Use a "
            "recipe with a std, bounds, a scale or a gain."
        )

    def __repr__(self) -> str:
        name, parameters = self._spelled()
        return f"{name}({', '.join(f'{one}={_literal(value)}' for one, value in parameters.items())})"

    def _spelled(self) -> tuple[str, dict[str, Any]]:
        """Return the name, and the parameters that differ from their defaults."""
        differing = self._differing()
        spoken = self.spoken
        if spoken is None or any(getattr(self, name) != value for name, value in spoken.decided):
            return self.verb, differing
        decided = dict(spoken.decided)
        others = {name: value for name, value in differing.items() if name not in decided}
        return spoken.name, {**dict(spoken.options), **others}

    def _differing(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults."""
        differing = {}
        for f in fields(self):
            if f.repr:
                value = getattr(self, f.name)
                if f.default is MISSING or value != f.default:
                    differing[f.name] = value
        return differing

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as a dict of JSON values: its name under "recipe", and its parameters.

        Examples
        --------
        >>> import pyinit as pi
        >>> pi.normal(std=0.02).to_dict()
        {'recipe': 'normal', 'std': 0.02}
        """
        name, parameters = self._spelled()
        return {"recipe": name, **{one: finite(value) for one, value in parameters.items()}}

    @classmethod
    def from_dict(cls, content: Any) -> Recipe:
        """Return the recipe that `to_dict` wrote, as `pyinit.recipe_from_dict` does."""
        return from_dict(content)


@lru_cache(maxsize=4096)
def _cached(recipe: Recipe, shape: Shape, dtype: str) -> Plan:
    return recipe.make_plan(shape, resolve(dtype))


def _literal(value: Any) -> str:
    """Return the text that evaluates to the value without any name but Python's own."""
    if isinstance(value, float) and math.isinf(value):
        return f"float({str(value)!r})"
    return repr(value)


_MAKERS: dict[str, Callable[..., Recipe]] = {}


def named(maker: Callable[..., Recipe], *names: str) -> None:
    """Let strings and JSON call a maker by these names."""
    for name in names:
        _MAKERS[name] = maker


def is_known(name: str) -> bool:
    """Return whether strings and JSON know a recipe of this name."""
    return name in _MAKERS


def known_names() -> tuple[str, ...]:
    """Return the names of recipes."""
    return tuple(sorted(_MAKERS))


def is_maker(value: Any) -> bool:
    """Return whether a value is a function that makes recipes, such as `pyinit.he_normal` itself."""
    return callable(value) and _MAKERS.get(getattr(value, "__name__", "")) is value


def as_recipe(recipe: Any, what: str = "a recipe") -> Recipe:
    """Return the recipe that a caller gave, as it is or by its name.

    Parameters
    ----------
    recipe : Recipe, str or dict
        A recipe; a name such as ``"he_normal"``; or what ``Recipe.to_dict`` returns.
    what : str
        What to call it in an error.

    Returns
    -------
    Recipe
        The recipe.

    Raises
    ------
    RecipeError
        If it is something else, or the name is unknown. The message names the nearest names.

    Examples
    --------
    >>> from pyinit.recipes.recipe import as_recipe
    >>> as_recipe("zeros")
    zeros()
    """
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, str | dict):
        return from_dict(recipe)
    if is_maker(recipe):
        name = recipe.__name__
        raise RecipeError(
            f"{what} is needed; got {name} itself, which makes recipes. Call it: pyinit.{name}(...)."
        )
    raise RecipeError(
        f"{what} is needed; got {recipe!r:.100}. Give pyinit.he_normal(), another recipe, or its name."
    )


def from_dict(content: Any) -> Recipe:
    """Return the recipe of a name, or of a dict with the name under "recipe" and parameters beside it.

    Parameters
    ----------
    content : str or dict
        Such as ``"he_normal"`` or ``{"recipe": "normal", "std": 0.02}``; aliases and famous names count.

    Returns
    -------
    Recipe
        The recipe.

    Raises
    ------
    RecipeError
        If the name or a parameter is unknown, or a value is not valid.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.recipe_from_dict({"recipe": "xavier_uniform", "layout": "torch"})
    xavier_uniform(layout='torch')
    """
    if isinstance(content, str):
        content = {"recipe": content}
    if not isinstance(content, dict) or not isinstance(content.get("recipe"), str):
        raise RecipeError(
            f'a recipe needs a name under "recipe"; got {brief(content)}. Write {{"recipe": "normal"}}.'
        )
    parameters = {str(name): value for name, value in content.items() if name != "recipe"}
    name = content["recipe"]
    maker = _MAKERS.get(name)
    if maker is None:
        known = suggestion(name, sorted(_MAKERS))
        # a name that is like none of these may be a model's, which this module does not know
        whole = (
            "" if nearest(name, _MAKERS) else f" Rules of a whole model are pyinit.recipes({name!r}, ...)."
        )
        raise RecipeError(f"unknown recipe {name!r}. {known}{whole}")
    return maker(**{name: restored(value) for name, value in parameters.items()})


def from_json(text: str) -> Recipe:
    """Return the recipe that a JSON text describes, as `to_json` writes it.

    Parameters
    ----------
    text : str
        A JSON object or string, as `recipe_from_dict` takes it.

    Returns
    -------
    Recipe
        The recipe.

    Raises
    ------
    RecipeError
        If the text is not JSON, names something twice, holds NaN or an infinity (write "inf"), or is not
        a recipe.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.recipe_from_json('"zeros"')
    zeros()
    """
    return Recipe.from_json(text)
