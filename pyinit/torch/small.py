"""Small plain tensors: a draw into one, without what only larger or stranger tensors need.

Why: a layer's bias is filled in a tenth of a microsecond, and to borrow its memory as an array, to plan and
to count CPUs takes a hundred times as long. Here a call's numbers and a tensor's shape lead to the arguments
of the kernel in one look-up, and the kernel takes the address. Whatever is not plain goes the general way of
`tensor`, which makes the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from .. import _core
from ..errors import PyinitError
from ..recipes.recipe import Recipe
from ..stream.kernels import ready
from .partitions.holding import MARKS
from .stored import FORMATS, as_stored

__all__ = ["draw_constructed", "draw_small", "write_constructed"]

_MOST_BYTES = 256 << 10
"""One thread fills as much in the time in which another would start."""

_MOST_KEPT = 4096

_TORCH = (torch.Tensor, torch.nn.Parameter, MARKS, torch._C._increment_version)
"""The classes of plain tensors, the attributes of parts, and what tells autograd of a change."""

_kept: dict[Any, Any] = {}
"""The draws of calls that were made before, by call, shape, dtype and arguments; None for the general way."""

_draw_known = partial(_core.draw_small, _TORCH, _kept)
"""Draws as `draw_small` does, without a recipe; for a call that is new it returns its place in `_kept`."""

draw_constructed = partial(_core.draw_constructed, _TORCH, _kept)
"""Draws into a weight of a layer under construction, of a call that `draw_small` has made before."""

write_constructed = partial(_core.write_constructed, _TORCH, _kept)
"""Writes a constant into such a weight."""

_Key = tuple[int, int, int] | Callable[[], tuple[int, int]]


def draw_small(
    call: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    recipe_of: Callable[[Any, tuple[Any, ...], dict[str, Any]], Recipe | None],
    key: _Key,
) -> bool:
    """Draw into a small plain tensor; return False, without a change, for any other one.

    Not plain are: another class than torch's own two, another device, a view, a part of a tensor, memory that
    has gaps or is not aligned, a result of a computation, a tensor of inference mode, and wrappers of
    transforms. `tensor.fill` makes the same of the recipe and the key, for any tensor.

    Parameters
    ----------
    call : hashable
        What reads the arguments.
    args : tuple
        Where to draw, if it is a tensor, and arguments of the call.
    kwargs : dict
        Further arguments. With the others, `call`, the shape and the dtype, they decide the recipe.
    recipe_of : callable
        Reads the call, as ``recipe_of(call, args, kwargs)``. What it raises is left to the general way to
        say.
    key : tuple or callable
        The seed and the offset of a key and n, for its n-th part; or a function that returns the seed and the
        offset of the key, which is called once, and only if the tensor is drawn.
    """
    is_drawn = _draw_known(call, args, kwargs, key)
    if is_drawn is True or is_drawn is False:
        return is_drawn
    try:
        draw = _ready(recipe_of(call, args, kwargs), args[0])
    except (PyinitError, TypeError, ValueError, ArithmeticError, AttributeError):
        return False
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    _kept[is_drawn] = draw
    return _draw_known(call, args, kwargs, key) is True


def _ready(recipe: Recipe | None, tensor: torch.Tensor) -> Any:
    """Return the draw of a recipe into a tensor, or None where it goes the general way."""
    name, elements = FORMATS.get(tensor.dtype), tensor.numel()
    if recipe is None or name is None or not 0 < elements * tensor.element_size() <= _MOST_BYTES:
        return None
    shape = tuple(tensor.shape)
    return ready(as_stored(recipe, shape).plan_for(shape, name), elements)
