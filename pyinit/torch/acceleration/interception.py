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

from ..errors import ThreadError
from ..meanings import CALLS, parameters_of
from . import detours
from .context import filled
from .requests import FACTORIES, METHODS, reader_of

__all__ = ["Interception"]

_IS_META: Any = torch.Tensor.is_meta.__get__  # type: ignore[attr-defined]

# Functions of torch.nn.init that compute with what they draw. Before they draw, they check whether the tensor
# is on the meta device, and return it then, since there is nothing to draw.
_COMPUTING = ("orthogonal_", "sparse_")
_READERS = {name: reader_of(CALLS[name]) for name in (*_COMPUTING, "kaiming_uniform_")}


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
        kwargs = kwargs or {}
        if not torch.compiler.is_compiling():
            detours.renew()
            tensor = _filled(func, args, kwargs)
            if tensor is not None:
                return tensor
            if func == _IS_META and _computed(args[0], sys._getframe(1)):
                return True
        return func(*args, **kwargs)


def _filled(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor | None:
    """Return the tensor that `func` would have drawn, or None if torch has to draw it."""
    if func in METHODS:
        return filled(METHODS[func], args, kwargs, recorded=True)
    if func in FACTORIES:
        return filled(FACTORIES[func], args, kwargs)
    # While a mode is active, this function calls the mode before it calls uniform_; after that no mode is
    # active. It passes on the function that has its name, which transformers replaces by its own. The one of
    # pyinit.torch.init draws under torch's generator, as the other functions there do.
    if func is init.kaiming_uniform_:
        own = str(func.__module__).startswith("pyinit.")
        return None if own else filled(_READERS["kaiming_uniform_"], args, kwargs)
    return None


def _computed(tensor: torch.Tensor, frame: FrameType | None) -> bool:
    """Return whether the calling frame is of a function that computes with its draws, and is now done."""
    # the frames of other modes may be in between
    while frame is not None and frame.f_code.co_name == "__torch_function__":
        frame = frame.f_back
    if frame is None or frame.f_globals is not vars(init) or frame.f_code.co_name not in _COMPUTING:
        return False
    name = frame.f_code.co_name
    given = {each: frame.f_locals.get(each) for each in (*parameters_of(CALLS[name]), "generator")}
    return given["tensor"] is tensor and filled(_READERS[name], (), given) is not None
