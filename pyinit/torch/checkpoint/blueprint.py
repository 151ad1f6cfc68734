"""A module on the meta device, decided: every tensor that its files hold, and what makes it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from ...checkpoint.blueprint import Blueprint, Draft
from ...checkpoint.contents import Content, Drawn
from ...checkpoint.rectangles import Piece, Rearranged, Rectangle
from ...checkpoint.spec import Spec, TensorSpec
from ...errors import LayoutError, RecipeError
from ...recipes.recipe import Recipe
from ...recipes.rules import Rule
from ...stream.key import Key, as_key
from ...stream.window import Shape
from ..materialization.beginnings import forget
from ..materialization.construction import was_computed
from ..materialization.deciding import Recipes, checked_recipes, decided
from ..materialization.holding import named_tensors
from ..materialization.recording import Recorded
from ..partitions.holding import refuse_part
from .casting import in_dtype
from .contents import Definition, Kept, content_of, given
from .converted import Converted
from .saving import Saving, saving_of, state_of

__all__ = ["draw_up", "is_whole", "unwrapped"]


def draw_up(
    module: torch.nn.Module,
    recipe: Recipes | None = None,
    *,
    key: int | Key,
    dtype: str | torch.dtype | None = None,
    source: str | None = None,
    by_state: bool = False,
) -> Blueprint:
    """Decide every tensor that the files of a module hold; nothing is computed.

    Parameters
    ----------
    module : torch.nn.Module
        On the meta device. It stays on it, as it is.
    recipe, key, dtype
        As `pyinit.torch.write_checkpoint` takes them.
    source : str, optional
        What the module comes from, for the receipt; by default its class.
    by_state : bool
        Whether the files have the names of the state dict, as distributed checkpoints do; by default those
        that the module's library saves.

    Returns
    -------
    Blueprint
        Its tensors have the names of the files; their keys come from the module's names.

    Raises
    ------
    PyinitError
        As `pyinit.torch.write_checkpoint`.
    """
    root, recipes = as_key(key), checked_recipes(recipe)
    module = unwrapped(module)
    _check(module)
    cast = None if dtype is None else str(dtype).removeprefix("torch.")
    definition = Definition(type(module).__qualname__ if source is None else source, cast, _as_json(recipes))
    with in_dtype(module, dtype):
        return _drawn_up(module, recipes, root, definition, by_state)


def _as_json(recipes: Recipe | tuple[Rule, ...] | None) -> str | None:
    """Return the given recipe or rules as JSON, or their text if JSON cannot hold them."""
    if recipes is None:
        return None
    try:
        content: Any = (
            recipes.to_dict() if isinstance(recipes, Recipe) else [rule.to_dict() for rule in recipes]
        )
    except RecipeError:
        return repr(recipes)
    return json.dumps(content)


def _drawn_up(
    module: torch.nn.Module,
    recipes: Recipe | tuple[Rule, ...] | None,
    root: Key,
    definition: Definition,
    by_state: bool,
) -> Blueprint:
    recorded = decided(module, recipes)
    # recorded once more, transformers' marks would hide what begins
    forget(module)
    names = {id(tensor): name for name, tensor in named_tensors(module)}
    state = state_of(module)
    for name, tensor in state.items():
        if id(tensor) not in names:
            raise RecipeError(
                f"write_checkpoint needs tensors that the module holds; '{name}' is made only for "
                "its state dict. Make the module real with materialize, and save it yourself."
            )
    # of tied tensors all have what was recorded of the first
    of = {name: recorded.get(names[id(tensor)]) for name, tensor in state.items()}
    saving = saving_of(module, by_state=by_state)
    kept = Kept()
    contents: dict[str, tuple[Content, Recipe | None]] = {}
    for name in saving.following.tensors:
        begun = of[name]
        contents[name] = (
            (given(state[name]), None) if begun is None else content_of(begun, root, definition, kept)
        )
    drafts = tuple(_draft(name, saving, contents, of, root) for name in saving.tensors)
    tensors = tuple(TensorSpec(draft.name, draft.shape, draft.dtype) for draft in drafts)
    spec = Spec(definition.source, tensors, saving.ties, saving.config, files=saving.files)
    return Blueprint(spec, (), root, drafts)


def unwrapped(module: Any) -> torch.nn.Module:
    """Return what DataParallel, DistributedDataParallel and torch.compile hold."""
    if not isinstance(module, torch.nn.Module):
        raise RecipeError(
            f"write_checkpoint needs a torch.nn.Module; got {type(module).__name__}. "
            "Use pyinit.write_checkpoint for names and shapes."
        )
    while True:
        if isinstance(module, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
            module = module.module
        elif isinstance(module._modules.get("_orig_mod"), torch.nn.Module):
            module = module._modules["_orig_mod"]
        else:
            return module  # type: ignore[no-any-return]


_BEFORE_CUTTING = "Write it from the module before it is cut: the files are those of any number of ranks."


def _check(module: torch.nn.Module) -> None:
    """Refuse a module with real parameters, or with tensors of which ranks hold parts."""
    distributed = sys.modules.get("torch.distributed.tensor")
    for name, tensor in named_tensors(module):
        if distributed is not None and isinstance(tensor, distributed.DTensor):
            raise LayoutError(
                f"write_checkpoint needs a whole module; '{name}' of {type(module).__name__} is a DTensor. "
                "Write it from the module before it is sharded: the files are those of every mesh."
            )
        refuse_part(tensor, f"write_checkpoint of '{name}'", _BEFORE_CUTTING)
        prefix, _, last = name.rpartition(".")
        if (
            isinstance(tensor, torch.nn.Parameter)
            and not tensor.is_meta
            and not was_computed(module.get_submodule(prefix), last)
        ):
            raise RecipeError(
                f"write_checkpoint needs a module on the meta device; '{name}' of {type(module).__name__} is "
                "real. Build it under pyinit.torch.deferred(), or save a real module with its library."
            )


def _draft(
    name: str,
    saving: Saving,
    contents: Mapping[str, tuple[Content, Recipe | None]],
    recorded: Mapping[str, Recorded | None],
    root: Key,
) -> Draft:
    tensor, following = saving.tensors[name], saving.following
    shape, dtype = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    parts = following.parts(tensor)
    recipe: Recipe | None = None
    if parts is None:
        made = {source: content for source, (content, _) in contents.items()}
        content: Content = Converted(name, tensor, following, made)
    elif len(parts) == 1 and is_whole(parts[0].rectangle, tuple(following.tensors[parts[0].source].shape)):
        content, recipe = contents[parts[0].source]
    else:
        pieces = (
            Piece(part.rectangle, contents[part.source][0], tuple(following.tensors[part.source].shape))
            for part in parts
        )
        content = Rearranged(tuple(pieces), dtype)
    begun = recorded.get(parts[0].source if parts else name)
    key = content.key if isinstance(content, Drawn) else root.fold_in(name if begun is None else begun.name)
    plan = content.plan if isinstance(content, Drawn) else None
    fans = (
        None if plan is None or plan.fan_in is None or plan.fan_out is None else (plan.fan_in, plan.fan_out)
    )
    return Draft(name, shape, dtype, key, recipe, content, fans, tensor.nbytes)


def is_whole(rectangle: Rectangle, shape: Shape) -> bool:
    """Tell whether a rectangle is the whole of another tensor, as it is."""
    zeros, ones = (0,) * len(shape), (1,) * len(shape)
    same = Rectangle(zeros, shape, tuple(range(len(shape))), zeros, ones)
    one = tuple(axis if n > 1 else None for axis, n in enumerate(shape))
    return rectangle == same or rectangle == replace(same, axes=one)
