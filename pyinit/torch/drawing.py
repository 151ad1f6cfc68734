"""Draws under the next key of a torch generator: what every initializer does in the end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch

from ..errors import RecipeError
from ..recipe import Recipe
from ..stream import Key
from .draws import next_key
from .errors import TensorRecipeError
from .requests import number
from .tensor import fill_under

__all__ = ["drawn", "handed_on"]


def drawn(
    tensor: torch.Tensor, generator: torch.Generator | None, kind: Callable[..., Recipe], *numbers: float
) -> torch.Tensor:
    """Fill a tensor with the recipe that `kind` makes of `numbers`, under the generator's next key."""
    if tensor.is_meta or _is_fake(tensor):
        return tensor
    floats = [number(each) for each in numbers]
    try:
        recipe = _made(kind, *floats)
        # as torch, take nothing for no elements
        return fill_under(tensor, recipe, lambda: next_key(generator) if tensor.numel() else Key(0))
    except RecipeError as error:
        raise TensorRecipeError(str(error)) from None


@lru_cache(maxsize=1024)
def _made(kind: Callable[..., Recipe], *numbers: float) -> Recipe:
    """Return a recipe; a model asks for few and often, and the plan of the same object is found at once."""
    return kind(*numbers)


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
