"""The effects of torch's functions on the meta device that no operator shows.

The functions of torch.nn.init that return immediately for a meta tensor (`orthogonal_`, `sparse_`, `dirac_`,
`trunc_normal_`) all read the tensor's `is_meta` first, wherever they were imported to. ``torch.tensor`` and
similar functions make a tensor of numbers and drop the numbers if it is on the meta device. And ``p.data =
value`` takes no real value for a meta tensor. Some constructors skip tensors on the meta device, by ``if
weight.device != torch.device("meta")``; so the device of a tensor that is drawn later reads as the CPU.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any, Protocol

import torch
from torch.overrides import TorchFunctionMode

from ...errors import PyinitError
from ...recipes.recipe import Recipe
from ..meanings import Reading, of_locals
from ..partitions.holding import ALIASES, SHAPES, mark_alias, shaped_whole
from .operators import SKIPPED
from .outright import Outright
from .recording import TARGET, Call, Cell, Content, Lost

__all__ = ["Functions", "caller"]

_IS_META = torch.Tensor.is_meta.__get__  # type: ignore[attr-defined]
_DEVICE = torch.Tensor.device.__get__
_SET_DATA = torch.Tensor.data.__set__  # type: ignore[attr-defined]
# Functions that make a tensor of numbers, and the position of the numbers among the arguments.
_OF_NUMBERS = {torch.tensor: 0, torch.as_tensor: 0, torch.asarray: 0, torch.Tensor.new_tensor: 1}
# Frames between a caller and the function that it calls.
_BETWEEN = ("__torch_function__", "follow")
_COPY = torch.ops.aten.copy_.default


def caller(depth: int = 2) -> FrameType | None:
    """Return the frame that called a function of torch, below the frames of function modes."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and frame.f_code.co_name in _BETWEEN:
        frame = frame.f_back
    return frame


class _Notes(Protocol):
    """The methods of a recorder that `Functions` needs."""

    def hides(self, tensor: torch.Tensor) -> bool: ...

    def cell(self, tensor: torch.Tensor) -> Cell: ...

    def write(self, tensor: torch.Tensor, content: Content) -> None: ...

    def draw(self, tensor: torch.Tensor, recipe: Recipe) -> None: ...


class Functions(TorchFunctionMode):
    """A mode that sees every call of a torch function."""

    def __init__(self, recorder: _Notes) -> None:
        super().__init__()
        self.recorder = recorder
        self.outright = Outright()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        drawn = self.outright.read(func, args, kwargs or {})
        if drawn is not None:
            self.recorder.draw(*drawn)
            torch._C._increment_version(drawn[:1])
            return drawn[0]
        if func == _SET_DATA:
            args = (args[0], self._shareable(args[0], args[1]))
        if func in SHAPES:
            args = (shaped_whole(args[0], caller()), *args[1:])
        result = func(*args, **dict(kwargs or {}))
        if func in ALIASES:
            mark_alias(args[0], result)
        if func == _DEVICE and self.recorder.hides(args[0]):
            return torch.device("cpu")
        if func == _IS_META and result:
            frame = caller()
            # by its name: somebody else's function may stand in its place
            if frame is not None and frame.f_globals is vars(torch.nn.init):
                reading = SKIPPED.get(frame.f_code.co_name)
                if reading is not None:
                    self._draw(args[0], reading, frame.f_locals)
        elif func in _OF_NUMBERS and result.is_meta:
            self._keep_numbers(result, args[_OF_NUMBERS[func]] if args else None)
        return result

    def _draw(self, tensor: torch.Tensor, reading: Reading, values: Mapping[str, Any]) -> None:
        try:
            self.recorder.draw(tensor, of_locals(reading, values).recipe())
        except PyinitError as error:
            self.recorder.write(tensor, Lost(str(error)))

    def _keep_numbers(self, made: torch.Tensor, numbers: Any) -> None:
        """Record the numbers of a list, unless an operator has recorded them."""
        if isinstance(numbers, torch.Tensor) or numbers is None or self.recorder.cell(made).writes:
            return
        value = torch.tensor(numbers, dtype=made.dtype, device="cpu")
        self.recorder.write(made, Call(_COPY, (TARGET, value), {}))

    def _shareable(self, tensor: torch.Tensor, value: Any) -> Any:
        """Return a value for a tensor to share; it is on the meta device if the tensor is."""
        if not tensor.is_meta or not isinstance(value, torch.Tensor) or value.is_meta:
            return value
        if value.layout is not torch.strided:
            return value
        like = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
        self.recorder.write(like, Call(_COPY, (TARGET, value.detach().clone()), {}))
        return like
