"""Draws under the next key of a torch generator: what every initializer does in the end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

import torch

from ...errors import RecipeError
from ...recipes.recipe import Recipe
from ...stream.key import Key
from ..arguments import number
from ..draws import next_key
from ..errors import TensorRecipeError
from ..tensor import fill_under

__all__ = ["drawn", "handed_on", "noted", "recorders"]


class Notes(Protocol):
    """What notes draws into meta tensors, to make them later."""

    def draw(self, tensor: torch.Tensor, recipe: Recipe) -> None:
        """Note that a meta tensor was drawn by a recipe."""


recorders: list[Callable[[], Notes | None]] = []
"""Each returns what notes this thread's draws, or None; `materialization.recorder` adds its own."""


def drawn(
    tensor: torch.Tensor, generator: torch.Generator | None, kind: Callable[..., Recipe], *numbers: float
) -> torch.Tensor:
    """Fill a tensor with the recipe that `kind` makes of `numbers`, under the generator's next key."""
    recorder = _recorder() if tensor.is_meta else None
    if recorder is None and (tensor.is_meta or _is_fake(tensor)):
        return tensor
    floats = [number(each) for each in numbers]
    try:
        recipe = _made(kind, *floats)
        if recorder is not None:
            recorder.draw(tensor, recipe)
            return tensor
        # as torch, take nothing for no elements
        return fill_under(tensor, recipe, lambda: next_key(generator) if tensor.numel() else Key(0))
    except RecipeError as error:
        raise TensorRecipeError(str(error)) from None


@lru_cache(maxsize=1024)
def _made(kind: Callable[..., Recipe], *numbers: float) -> Recipe:
    """Return a recipe; a model asks for few and often, and the plan of the same object is found at once."""
    return kind(*numbers)


def _recorder() -> Notes | None:
    """Return what notes this thread's draws on the meta device, to make them later."""
    return next((found for active in recorders if (found := active()) is not None), None)


def noted(tensor: torch.Tensor, recipe: Recipe) -> None:
    """Let the recorder of this thread, if there is one, note what a meta tensor gets."""
    recorder = _recorder()
    if recorder is not None:
        recorder.draw(tensor, recipe)


def _is_fake(tensor: torch.Tensor) -> bool:
    """Say whether a tensor only stands for one, as in ``FakeTensorMode``."""
    if type(tensor) in (torch.Tensor, torch.nn.Parameter):
        return False
    module = sys.modules.get("torch._subclasses.fake_tensor")
    return module is not None and isinstance(tensor, module.FakeTensor)


def handed_on(function: Callable[..., torch.Tensor], tensor: torch.Tensor, **arguments: Any) -> torch.Tensor:
    """Let a subclass or a mode that overrides torch's functions do it."""
    done: torch.Tensor = torch.overrides.handle_torch_function(
        function, (tensor,), tensor=tensor, **arguments
    )
    return done
