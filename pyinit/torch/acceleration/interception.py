"""The function mode that sees torch's draws in one thread."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch.nn import init
from torch.overrides import TorchFunctionMode

from ...recipes.distributions import Constant
from ..arguments import number
from ..errors import ThreadError
from ..meanings import CALLS, parameters_of
from ..partitions.holding import ALIASES, SHAPES, mark_alias, partition_of, refuse_part, shaped_whole
from ..skipping import let_skip
from ..tensor import fill
from . import detours
from .context import current, filled
from .requests import FACTORIES, METHODS, reader_of

__all__ = ["Interception"]

_IS_META: Any = torch.Tensor.is_meta.__get__  # type: ignore[attr-defined]

# Functions of torch.nn.init that compute with what they draw. Before they draw, they check whether the tensor
# is on the meta device, and return it then, since there is nothing to draw; `skipping` has an older torch do
# so.
let_skip(vars(init))
_COMPUTING = ("orthogonal_", "sparse_")
_READERS = {name: reader_of(CALLS[name]) for name in (*_COMPUTING, "kaiming_uniform_")}


_NOTHING: Any = object()
"""What an action returns if the function has to be called."""


class Interception(TorchFunctionMode):
    """Makes fills of the thread's context of torch's draws, where that is allowed."""

    def __enter__(self) -> Interception:
        self._thread = threading.get_ident()
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        if threading.get_ident() != self._thread:
            # torch would remove a mode of the calling thread
            raise ThreadError(
                "an accelerate block has to be left by the thread that entered it; another thread left it. "
                "Enter and leave it in one function."
            )
        super().__exit__(*raised)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Fill the tensor that `func` would draw, or call `func`."""
        # most operations end here, and a model is built of thousands
        if not torch.compiler.is_compiling():
            detours.renew()
        act = _ACTIONS.get(func)
        if act is None and func is init.kaiming_uniform_:
            act = _initialized
        if act is None or torch.compiler.is_compiling():
            return func(*args, **kwargs) if kwargs else func(*args)
        done = act(func, args, kwargs or {})
        # here, as other modes look for the frame that called them, and leave out those of modes alone
        return func(*args, **(kwargs or {})) if done is _NOTHING else done


def _keep_from_compiler(function: Callable[..., Any]) -> None:
    """Have torch's compiler run a function as it is, with what it calls, unless it traces a call of it.

    The compiler runs what it cannot trace, and compiles the functions that are called there. With torch 2.13
    a mode that is compiled so, and asks whether it is compiled, returns None.
    """
    frames: Any = getattr(getattr(torch._C, "_dynamo", None), "eval_frame", None)
    if hasattr(frames, "set_code_exec_strategy"):
        skip = frames._FrameAction.SKIP
        frames.set_code_exec_strategy(function.__code__, frames._FrameExecStrategy(skip, skip))


_keep_from_compiler(Interception.__torch_function__)


# Functions that have another meaning for a tensor of which this rank holds only a part; of those that write
# a value, the value if it is not an argument.
_WRITTEN = {torch.Tensor.zero_: (0.0,), torch.Tensor.fill_: (), init.constant_: ()}
_LEFT = {
    torch.Tensor.bernoulli_,
    torch.Tensor.cauchy_,
    torch.Tensor.exponential_,
    torch.Tensor.geometric_,
    torch.Tensor.log_normal_,
    torch.Tensor.random_,
}
_ON_PARTS = {*SHAPES, *ALIASES, *_WRITTEN, *_LEFT, torch.eye}


def _outside_modes(frame: FrameType | None) -> FrameType | None:
    """Return a frame, or the nearest one around it that is not of a mode."""
    while frame is not None and frame.f_code.co_name == "__torch_function__":
        frame = frame.f_back
    return frame


def _computed(tensor: torch.Tensor, frame: FrameType | None) -> bool:
    """Return whether the calling frame is of a function that computes with its draws, and is now done."""
    frame = _outside_modes(frame)
    if frame is None or frame.f_globals is not vars(init) or frame.f_code.co_name not in _COMPUTING:
        return False
    name = frame.f_code.co_name
    given = {each: frame.f_locals.get(each) for each in (*parameters_of(CALLS[name]), "generator")}
    return given["tensor"] is tensor and filled(_READERS[name], (), given) is not None


def _drawn(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor = filled(METHODS[func], args, kwargs, recorded=True)
    return _NOTHING if tensor is None else tensor


def _made(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor = filled(FACTORIES[func], args, kwargs, new=True)
    return _NOTHING if tensor is None else tensor


def _initialized(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function of torch.nn.init that calls the mode before it draws; after that no mode is active.

    It passes on the function that has its name: a detour, or one of transformers, which replaces it by its
    own. The one of pyinit.torch.init draws under torch's generator, as the other functions there do.
    """
    is_kaimings = func is init.kaiming_uniform_ or func is detours.OVERRIDABLE["kaiming_uniform_"]
    if is_kaimings and not str(func.__module__).startswith("pyinit."):
        tensor = filled(_READERS["kaiming_uniform_"], args, kwargs)
        if tensor is not None:
            return tensor
    # the detour passes the original on to the class of the tensor, as the original would not
    name = func.__name__
    return getattr(init, name)(*args, **kwargs) if func is detours.OVERRIDABLE.get(name) else _NOTHING


def _told_meta(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # the frame around this one and the mode's
    return True if _computed(args[0], sys._getframe(2)) else _NOTHING


def _on_part(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function on a tensor that may be a part: torch.nn.init reads and writes the whole tensor."""
    held = args[0] if args else None
    if (isinstance(held, torch.Tensor) and not held.__dict__ and held._base is None) or current() is None:
        # most tensors are whole
        return _NOTHING
    frame = _outside_modes(sys._getframe(2))
    if func in SHAPES:
        args = (shaped_whole(args[0], frame), *args[1:])
    elif func is torch.eye:
        refuse_part(kwargs.get("out"), "torch.eye, which torch.nn.init.eye_ calls,")
    elif func in _LEFT:
        refuse_part(args[0], "a draw that is left to torch")
    elif func in _WRITTEN:
        # constant_ passes on names
        given = (*args, *kwargs.values(), *_WRITTEN[func])
        if len(given) > 1 and partition_of(given[0]) is not None:
            if frame is not None and frame.f_globals is vars(init) and frame.f_code.co_name == "dirac_":
                refuse_part(given[0], "torch.nn.init.dirac_")
            # otherwise torch refuses to change a leaf
            if func is init.constant_ or not (given[0].requires_grad and torch.is_grad_enabled()):
                return fill(given[0], Constant(number(given[1])), key=0)
    result = func(*args, **kwargs)
    if func in ALIASES:
        mark_alias(args[0], result)
    return result


# What the mode does instead of the functions that it sees.
_ACTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    **dict.fromkeys(_ON_PARTS, _on_part),
    _IS_META: _told_meta,
    **dict.fromkeys(FACTORIES, _made),
    **dict.fromkeys(METHODS, _drawn),
    **dict.fromkeys(detours.OVERRIDABLE.values(), _initialized),
}
