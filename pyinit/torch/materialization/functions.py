"""What torch's functions do on the meta device that no operator shows.

The functions of torch.nn.init that return at once for a meta tensor (`orthogonal_`, `sparse_`, `dirac_`,
`trunc_normal_`) all ask the tensor's `is_meta` first, wherever they were imported to. ``torch.tensor`` and
its like make a tensor of numbers that they drop if it is to be on the meta device. And ``p.data = value``
takes no real value for a meta tensor. Some constructors pass over what is on the meta device, by
``if weight.device != torch.device("meta")``: a tensor that is drawn later tells them that it is on the CPU.
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
from .operators import SKIPPED
from .recording import TARGET, Call, Cell, Content, Lost

__all__ = ["Functions", "caller"]

_IS_META = torch.Tensor.is_meta.__get__  # type: ignore[attr-defined]
_DEVICE = torch.Tensor.device.__get__
_SET_DATA = torch.Tensor.data.__set__  # type: ignore[attr-defined]
# What makes a tensor of numbers, and which argument these are.
_OF_NUMBERS = {torch.tensor: 0, torch.as_tensor: 0, torch.asarray: 0, torch.Tensor.new_tensor: 1}
# Functions that stand between a caller and what it calls.
_ASKED = ("__torch_function__", "follow")
_COPY = torch.ops.aten.copy_.default


def caller(depth: int = 2) -> FrameType | None:
    """Return the frame that called a function of torch, through all that torch asks before it."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and frame.f_code.co_name in _ASKED:
        frame = frame.f_back
    return frame


class _Notes(Protocol):
    """What a recorder is asked for."""

    def hides(self, tensor: torch.Tensor) -> bool: ...

    def cell(self, tensor: torch.Tensor) -> Cell: ...

    def write(self, tensor: torch.Tensor, content: Content) -> None: ...

    def draw(self, tensor: torch.Tensor, recipe: Recipe) -> None: ...


class Functions(TorchFunctionMode):
    """Sees every function of torch that is called."""

    def __init__(self, recorder: _Notes) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func == _SET_DATA:
            args = (args[0], self._shareable(args[0], args[1]))
        result = func(*args, **dict(kwargs or {}))
        if func == _DEVICE and self.recorder.hides(args[0]):
            return torch.device("cpu")
        if func == _IS_META and result:
            frame = caller()
            reading = SKIPPED.get(frame.f_code) if frame is not None else None
            if frame is not None and reading is not None:
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
        """Note the numbers of a list, unless an operator has brought them."""
        if isinstance(numbers, torch.Tensor) or numbers is None or self.recorder.cell(made).writes:
            return
        value = torch.tensor(numbers, dtype=made.dtype, device="cpu")
        self.recorder.write(made, Call(_COPY, (TARGET, value), {}))

    def _shareable(self, tensor: torch.Tensor, value: Any) -> Any:
        """Return a value that a tensor is to share: on the meta device, if the tensor is on it."""
        if not tensor.is_meta or not isinstance(value, torch.Tensor) or value.is_meta:
            return value
        if value.layout is not torch.strided:
            return value
        like = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
        self.recorder.write(like, Call(_COPY, (TARGET, value.detach().clone()), {}))
        return like
