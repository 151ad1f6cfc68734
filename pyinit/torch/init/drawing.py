"""Draws under the next key of a torch generator; every initializer ends here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

import torch

from ...errors import RecipeError
from ...recipes.recipe import Recipe
from ...stream.key import Key
from ..draws import next_key, next_words
from ..errors import TensorLayoutError, TensorNumberError, TensorRecipeError
from ..meanings import Meaning, Reading
from ..partitions.holding import whole_shape
from ..small import draw_small
from ..tensor import fill_under

__all__ = ["drawn", "drawn_small", "noted", "overridden", "recorders"]


class Notes(Protocol):
    """A recorder of draws into meta tensors, which are made later."""

    def draw(self, tensor: torch.Tensor, recipe: Recipe) -> None:
        """Note that a meta tensor was drawn by a recipe."""


recorders: list[Callable[[], Notes | None]] = []
"""Each returns this thread's recorder, or None; `materialization.recorder` adds its own."""


def drawn_small(
    tensor: torch.Tensor, generator: torch.Generator | None, reading: Reading, *arguments: Any
) -> bool:
    """Draw what a call means into a small plain tensor; return False, without a change, for any other call.

    `drawn` makes the same of the call's meaning.
    """
    # a mode has to see the call
    return torch._C._len_torch_function_stack() == 0 and draw_small(
        reading,
        (tensor, *arguments),
        {},
        _recipe_of,
        lambda: next_words(generator),
    )


def _recipe_of(reading: Reading, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recipe:
    return reading(*args).recipe()


def drawn(tensor: torch.Tensor, generator: torch.Generator | None, meaning: Meaning) -> torch.Tensor:
    """Fill a tensor with the recipe that a call means, under the generator's next key."""
    recorder = _recorder() if tensor.is_meta else None
    if recorder is None and (tensor.is_meta or _is_fake(tensor)):
        if torch.compiler.is_exporting():
            raise TensorLayoutError(
                "pyinit.torch.init draws into memory; got a tensor of a program that is exported, in which "
                "the draw would be missing. Draw before torch.export, or use torch.nn.init inside."
            )
        return tensor
    try:
        recipe = meaning.recipe()
        if recorder is not None:
            recorder.draw(tensor, recipe)
            return tensor
        # as torch, take nothing for no elements; ranks that hold none of a tensor take as much as others
        return fill_under(tensor, recipe, lambda: Key(0) if 0 in whole_shape(tensor) else next_key(generator))
    except TensorNumberError:
        raise
    except RecipeError as error:
        raise TensorRecipeError(str(error)) from None


def _recorder() -> Notes | None:
    """Return the recorder of this thread's draws on the meta device."""
    return next((recorder for active in recorders if (recorder := active()) is not None), None)


def noted(tensor: torch.Tensor, meaning: Meaning) -> None:
    """Let the recorder of this thread, if there is one, record the recipe of a meta tensor."""
    recorder = _recorder()
    if recorder is not None:
        recorder.draw(tensor, meaning.recipe())


def _is_fake(tensor: torch.Tensor) -> bool:
    """Return whether a tensor is a fake one, as in ``FakeTensorMode``."""
    if type(tensor) in (torch.Tensor, torch.nn.Parameter):
        return False
    module = sys.modules.get("torch._subclasses.fake_tensor")
    return module is not None and isinstance(tensor, module.FakeTensor)


def overridden(function: Callable[..., torch.Tensor], tensor: torch.Tensor, **arguments: Any) -> torch.Tensor:
    """Call the override of a function that the tensor's class or a mode has."""
    done: torch.Tensor = torch.overrides.handle_torch_function(
        function, (tensor,), tensor=tensor, **arguments
    )
    return done
