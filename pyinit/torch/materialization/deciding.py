"""How a module on the meta device begins: recorded, put under the rules of the caller, and checked."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import torch

from ...errors import PyinitError, RecipeError
from ...recipes.recipe import Recipe, as_recipe
from ...recipes.rules import Rule, as_rules, is_one_recipe
from ..stored import FORMATS
from .beginnings import forget, owners, record
from .construction import was_deferred
from .doubts import warn_of_constructors
from .holding import named_tensors
from .naming import state_names, whole_prefix
from .owned import check_names
from .partitioned import refuse_real_parts
from .recording import Draw, Recorded, Write
from .ruling import redrawn, ruled
from .walking import registered

__all__ = ["Recipes", "before_names", "checked_recipes", "decided"]

Recipes: TypeAlias = Recipe | str | Mapping[str, Recipe | str] | Iterable[Rule | tuple[str, Recipe | str]]


def checked_recipes(recipe: Recipes | None) -> Recipe | tuple[Rule, ...] | None:
    """Return what a caller asks of parameters: one recipe, or rules in order, or nothing."""
    if recipe is None:
        return None
    return as_recipe(recipe) if is_one_recipe(recipe) else as_rules(recipe)


def before_names(prefix: object) -> str:
    """Return what stands before a part's names in the whole."""
    if not isinstance(prefix, str) or prefix.startswith(".") or ".." in prefix:
        raise RecipeError(f'a prefix is a module\'s name in the whole, such as "layers.2"; got {prefix!r}.')
    return whole_prefix(prefix)


def decided(
    module: torch.nn.Module, recipes: Recipe | tuple[Rule, ...] | None = None, before: str = ""
) -> dict[str, Recorded]:
    """Return how every tensor of a module begins that is on the meta device.

    Parameters
    ----------
    module : torch.nn.Module
        Without DTensors; it stays as it is.
    recipes : Recipe or tuple of Rule, optional
        From `checked_recipes`.
    before : str
        From `before_names`.

    Returns
    -------
    dict of str to Recorded
        By name; each of them can be made.

    Raises
    ------
    PyinitError
        As `pyinit.torch.materialize` does, of whose work this is the first half.
    """
    try:
        recorded = record(module, before)
        if not recorded:
            _check_unneeded(module, recipes is not None)
        if isinstance(recipes, Recipe):
            recorded = redrawn(module, recorded, recipes, before)
        elif recipes is not None:
            names = (name for name, _ in named_tensors(module))
            check_names(recipes, state_names(module, names, before), module, before)
            recorded = ruled(module, recorded, recipes, before)
        _check(module, recorded, state_names(module, recorded, before))
        if recipes is None:
            warn_of_constructors(module)
    except PyinitError:
        forget(module)
        raise
    return recorded


def _check_unneeded(module: torch.nn.Module, has_recipes: bool) -> None:
    """Refuse a recipe, or warn, if a module has parameters and none of its tensors is on the meta device."""
    if next(module.parameters(), None) is None:
        return
    refuse_real_parts(module)
    why = (
        f"materialize needs a module on the meta device; all tensors of {type(module).__name__} are real, "
        "and stay as they are. Build it under pyinit.torch.deferred(), and leave out to_empty()."
    )
    if has_recipes:
        raise RecipeError(why)
    warnings.warn(why, UserWarning, stacklevel=4)


def _check(module: torch.nn.Module, recorded: dict[str, Recorded], names: Mapping[str, str]) -> None:
    """Raise an error that names every tensor of which it is not known how it begins, as rules name it."""
    unknown = {name: why for name, tensor in recorded.items() if (why := tensor.unmade) is not None}
    if unknown:
        parameters, buffers = registered(module)
        kinds = dict.fromkeys(dict(parameters), "parameter") | dict.fromkeys(dict(buffers), "buffer")
        named = [f"{kinds.get(name, 'attribute')} '{names[name]}': {why}" for name, why in unknown.items()]
        more = f"; and {len(named) - _TOLD} more" if len(named) > _TOLD else ""
        deferred = all(map(was_deferred, owners(module, unknown)))
        silent = "what was recorded of it does" if deferred else "the module's own methods do"
        advice = (
            "Replace tensors inside the block of pyinit.torch.deferred() or after materialize, "
            "do what has no recipe after it"
            if deferred
            else "Build it under pyinit.torch.deferred(), which sees constructors"
        )
        raise RecipeError(
            f"materialize needs to know how each tensor of {type(module).__name__} begins; of "
            f"{len(named)} {silent} not tell: {'; '.join(named[:_TOLD])}{more}. {advice}, "
            "or pass recipe={pattern: a Recipe}."
        )
    for name, tensor in recorded.items():
        for write in tensor.writes:
            if isinstance(write.content, Draw):
                try:
                    _plan(write, write.content.recipe)
                except PyinitError as error:
                    raise type(error)(f"'{names[name]}': {error}") from None


_TOLD = 8


def _plan(write: Write, recipe: Recipe) -> None:
    if write.view.dtype not in FORMATS:
        known = ", ".join(FORMATS.values())
        raise RecipeError(f"{recipe!r} needs one of {known}; it is {write.view.dtype}. Give it a constant.")
    recipe.plan(write.view.shape, FORMATS[write.view.dtype])
