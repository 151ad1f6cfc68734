"""Small plain tensors: a draw into one, without what only larger or stranger tensors need.

Why: a layer's bias is filled in a tenth of a microsecond, and to borrow its memory as an array, to plan and
to count CPUs takes a hundred times as long. Here a call's numbers and a tensor's shape lead to the arguments
of the kernel in one look-up, and the kernel takes the address. Whatever is not plain goes the general way of
`tensor`, which makes the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import torch

from ..errors import PyinitError
from ..recipes.recipe import Recipe
from ..stream.kernels import by_address
from .partitions.holding import MARKS
from .stored import FORMATS, as_stored

__all__ = ["draw_small"]

_MOST_BYTES = 256 << 10
"""One thread fills as much in the time in which another would start."""

_MOST_KEPT = 4096

_SETTLED = frozenset({float, int, str, type(None)})
"""Types of arguments that decide by their value alone; a bool is equal to a number, and may be refused."""


class _Draw(NamedTuple):
    """A recipe for one shape and dtype, ready to run: a kernel, its elements and its last arguments."""

    kernel: Callable[..., None]
    itemsize: int
    elements: int
    numbers: tuple[Any, ...]


_kept: dict[tuple[Any, ...], _Draw | None] = {}


def draw_small(
    tensor: Any,
    call: Hashable,
    arguments: tuple[Any, ...],
    recipe_of: Callable[[], Recipe | None],
    key_of: Callable[[], tuple[int, int]],
) -> bool:
    """Draw into a small plain tensor; return False, without a change, for any other one.

    Not plain are: another class than torch's own two, another device, a view, a part of a tensor, memory that
    has gaps or is not aligned, a result of a computation, a tensor of inference mode, and wrappers of
    transforms. `tensor.fill` makes the same of the recipe and the key, for any tensor.

    Parameters
    ----------
    tensor : object
        Where to draw, if it is a tensor.
    call : hashable
        What reads the arguments.
    arguments : tuple
        With `call`, the shape and the dtype, they decide the recipe.
    recipe_of : callable
        Reads the call. What it raises is left to the general way to say.
    key_of : callable
        Returns the seed and the offset of the key; it is called once, and only if the tensor is drawn.
    """
    kind = type(tensor)
    if not (kind is torch.nn.Parameter or kind is torch.Tensor) or not _SETTLED.issuperset(
        map(type, arguments)
    ):
        return False
    try:
        if (
            not tensor.is_cpu
            or tensor._base is not None
            or tensor.grad_fn is not None
            or not tensor.is_contiguous()
            or tensor.is_neg()
            or tensor.is_conj()
            or tensor.is_inference()
            or (tensor.__dict__ and not MARKS.isdisjoint(tensor.__dict__))
        ):
            return False
        address, asked = tensor.data_ptr(), (call, tensor.shape, tensor.dtype, arguments)
        if tensor.storage_offset() * tensor.itemsize + tensor.nbytes > tensor.untyped_storage().nbytes():
            return False
    except RuntimeError:
        # sparse and nested tensors, and wrappers of torch.func, have no memory or no shape
        return False
    try:
        draw = _kept[asked]
    except TypeError:
        # a recipe that holds an array has no hash
        return False
    except KeyError:
        try:
            draw = _ready(recipe_of(), tensor)
        except (PyinitError, TypeError, ValueError, ArithmeticError, AttributeError):
            return False
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[asked] = draw
    if draw is None or address == 0 or address % draw.itemsize:
        return False
    seed, offset = key_of()
    torch._C._increment_version((tensor,))
    draw.kernel(address, draw.elements, seed, offset, *draw.numbers)
    return True


def _ready(recipe: Recipe | None, tensor: torch.Tensor) -> _Draw | None:
    """Return the draw of a recipe into a tensor, or None where no kernel takes an address."""
    name, elements = FORMATS.get(tensor.dtype), tensor.numel()
    if recipe is None or name is None or not 0 < elements * tensor.element_size() <= _MOST_BYTES:
        return None
    shape = tuple(tensor.shape)
    found = by_address(as_stored(recipe, shape).plan_for(shape, name))
    return None if found is None else _Draw(found[0], tensor.element_size(), elements, found[1])
