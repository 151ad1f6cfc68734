"""One `accelerate` block: which of torch's draws it takes over, and the key of each."""

from __future__ import annotations

import threading
from typing import Any

import torch

from ... import _core
from ...errors import DeviceError, PyinitError
from ...recipes.recipe import Recipe
from ...stream.key import Key
from ..partitions.holding import partition_of, refuse_part
from ..small import draw_small
from ..stored import FLOATING
from ..tensor import check_lasting, fill
from .requests import Reader, Request, requested

__all__ = [
    "UNWATCHED",
    "WATCHING",
    "Context",
    "current",
    "enter",
    "filled",
    "innermost",
    "leave",
    "watched",
    "written",
]


class Context:
    """A block's key and how many fills it has made.

    Parameters
    ----------
    key : Key
        The k-th fill, from 0, has the key ``key.fold_in(k)``.
    threads : int, optional
        At most this many threads for each fill.

    Attributes
    ----------
    fills : int
        The number of draws that pyinit has made in the block so far.
    draws : capsule
        The core's account of them, by which constructors draw.
    left : bool
        Whether the block has ended.
    depth : int
        The number of function modes with that of the block, which is the innermost when it is entered.
    """

    def __init__(self, key: Key, threads: int | None) -> None:
        self.key = key
        self._words = (key.seed, key.offset)
        self.draws = _core.draws(key.seed, key.offset)
        self.left = False
        self.depth = 0
        self._threads = threads

    @property
    def fills(self) -> int:
        """Return the number of draws that pyinit has made in the block so far."""
        return _core.draws_made(self.draws)

    def answer(
        self,
        reader: Reader,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        recorded: bool = False,
        new: bool = False,
    ) -> torch.Tensor | None:
        """Return the tensor of a call, filled; see `filled`."""
        # small plain tensors, of which `fill` would make the same; torch refuses to change a leaf
        if (
            args
            and not new
            and not (recorded and args[0].requires_grad and torch.is_grad_enabled())
            and draw_small(reader, args, kwargs, _recipe_of, (*self._words, self.fills))
        ):
            _core.count_draw(self.draws)
            tensor: torch.Tensor = args[0]
            return tensor
        request = requested(reader, args, kwargs)
        if request is None:
            if not new:
                refuse_part(args[0] if args else kwargs.get("tensor"), "a draw that is left to torch")
            return None
        return request.tensor if self.fill(request, recorded=recorded) else None

    def fill(self, request: Request, *, recorded: bool) -> bool:
        """Fill the tensor of a request; return False, without a change, if torch has to draw it.

        `recorded` says whether autograd sees the draw, because torch makes it without a ``no_grad`` of its
        own. If autograd does not see it and the tensor is computed, so that the values would be lost, this
        raises a LayoutError.
        """
        if not (recorded and torch.is_grad_enabled()):
            check_lasting(request.tensor)
        is_part = partition_of(request.tensor) is not None
        if not _plain(request.tensor, recorded=recorded) and not is_part:
            return False
        if is_part and recorded and request.tensor.requires_grad and torch.is_grad_enabled():
            # torch refuses this
            return False
        try:
            fill(request.tensor, request.recipe, key=self.key.fold_in(self.fills), threads=self._threads)
        except PyinitError as error:
            # a device that cannot be used would be one more cause of other numbers, seen by nobody
            if is_part or isinstance(error, DeviceError):
                # torch would draw the part alone, as if it were whole
                raise
            return False
        _core.count_draw(self.draws)
        return True


def _recipe_of(reader: Reader, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recipe | None:
    request = requested(reader, args, kwargs)
    return None if request is None or request.tensor.dtype not in FLOATING else request.recipe


def written(reader: Reader, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Write a call's constant into a small plain tensor; return False, without a change, for any other."""
    return draw_small(reader, args, kwargs, _recipe_of, (0, 0, 0))


def _plain(tensor: torch.Tensor, *, recorded: bool) -> bool:
    """Return whether torch would do no more than write to the tensor's memory."""
    kind = type(tensor)
    return (
        # torch may refuse the numbers even if it draws none
        tensor.numel() > 0
        and tensor.dtype in FLOATING
        # a subclass that redefines operations has to see the operation
        and (kind is torch.Tensor or kind is torch.nn.Parameter or _inherits_all(kind))
        # torch refuses to change a leaf, and records a change of any other tensor
        and not (recorded and tensor.requires_grad and torch.is_grad_enabled())
    )


def _override(kind: type[torch.Tensor]) -> Any:
    return getattr(kind.__torch_function__, "__func__", kind.__torch_function__)


_PLAIN_OVERRIDES = (_override(torch.Tensor), _override(torch.nn.Parameter))


def _inherits_all(kind: type[torch.Tensor]) -> bool:
    dispatch = kind.__torch_dispatch__
    return dispatch is torch.Tensor.__torch_dispatch__ and _override(kind) in _PLAIN_OVERRIDES


class _Stack(threading.local):
    def __init__(self) -> None:
        self.contexts: list[Context] = []


_stack = _Stack()


def current() -> Context | None:
    """Return the innermost context of this thread, or None if it must not act."""
    contexts = _entered()
    return contexts[-1] if contexts and not watched() else None


def innermost(*, alone: bool = False) -> Context | None:
    """Return this thread's context if its mode is the first to see an operation; or, alone, the only one."""
    contexts = _stack.contexts
    if not contexts:
        return None
    context, modes = contexts[-1], torch._C._len_torch_function_stack()
    return None if modes != context.depth or (alone and modes > 1) or context.left else context


def _entered() -> list[Context]:
    """Return this thread's contexts; the last one governs."""
    contexts = _stack.contexts
    while contexts and contexts[-1].left:
        contexts.pop()
    return contexts


UNWATCHED = (torch.autograd.forward_ad, "_current_level", -1)
"""Where torch says that there are no tangents, and what it says then."""

WATCHING = (
    torch._C._len_torch_dispatch_stack,
    torch._C._are_functorch_transforms_active,
    torch._C._is_tracing,
)
"""Whether a mode, a transform of torch.func or a tracer has to see each operation."""


def watched() -> bool:
    """Return whether a mode, a transform of torch.func, tangents or a tracer has to see each operation."""
    return not _core.is_undisturbed(UNWATCHED, WATCHING)


def enter(context: Context) -> None:
    """Let a context govern this thread."""
    # a constructor may run foreign code, whose block has a key of its own
    _core.end_construction()
    _stack.contexts.append(context)


def leave(context: Context) -> None:
    """Let the context around `context` govern again, in whichever thread this is called."""
    context.left = True
    # an interrupt may have come between a constructor's first two steps
    _core.end_construction()
    _entered()


def filled(
    reader: Reader,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    recorded: bool = False,
    new: bool = False,
) -> torch.Tensor | None:
    """Return the tensor of a call, filled by the thread's context; or None if torch has to draw it.

    `new` says that the call makes the tensor. Otherwise the tensor is its first argument, and is refused if
    torch had to draw it, but this rank holds only a part of it.
    """
    context = current()
    return None if context is None else context.answer(reader, args, kwargs, recorded=recorded, new=new)
