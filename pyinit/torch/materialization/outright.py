"""Calls that only draw into a meta tensor, which are recorded without the steps that torch makes of them.

Why: a function of torch.nn.init calls the recorder's modes two or three times before it writes, with a
context of autograd around it, and a model is initialized by thousands of such calls. What is not plain here
goes the general way of `recorder`, which records the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch.nn import init

from ...errors import PyinitError
from ...recipes.distributions import constant
from ...recipes.recipe import Recipe
from ..meanings import normal, uniform
from ..stored import FORMATS

__all__ = ["Outright"]


class _Form(NamedTuple):
    """How a call that draws is read: its parameters after the tensor, with their defaults, and its recipe."""

    defaults: tuple[tuple[str, Any], ...]
    make: Callable[..., Recipe | None]
    records: bool
    """Whether autograd sees the call, as torch makes it without a ``no_grad`` of its own."""

    def recipe(self, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Recipe | None:
        """Return the recipe of a call with plain numbers; None for any other one."""
        if len(args) > len(self.defaults) + 1:
            # the generator, which may be given by its position
            return None
        values = list(args[1:])
        for name, default in self.defaults[len(values) :]:
            values.append(keywords.get(name, default))
        for value in values:
            if type(value) is not float and type(value) is not int:
                return None
        try:
            return self.make(*values)
        except PyinitError:
            return None


def _finite(value: float) -> Recipe | None:
    return constant(float(value)) if abs(value) < float("inf") else None


_NORMAL = (("mean", 0.0), ("std", 1.0))
_METHODS: dict[Any, _Form] = {
    torch.Tensor.normal_: _Form(_NORMAL, normal, True),
    torch.Tensor.uniform_: _Form((("from", 0.0), ("to", 1.0)), uniform, True),
    torch.Tensor.fill_: _Form((("value", None),), _finite, True),
    torch.Tensor.zero_: _Form((), lambda: constant(0.0), True),
}
_FUNCTIONS: dict[str, _Form] = {
    "normal_": _Form(_NORMAL, normal, False),
    "uniform_": _Form((("a", 0.0), ("b", 1.0)), uniform, False),
    "constant_": _Form((("val", None),), _finite, False),
}
_OF_INIT: dict[Any, _Form] = {vars(init)[name]: form for name, form in _FUNCTIONS.items()}

_TRANSFORMERS = "transformers.initialization"
_SKIPPED = "_is_hf_initialized"
"""The mark of tensors that transformers' functions of these names leave alone."""


class Outright:
    """The calls that are recorded outright, of torch and, where it is imported by now, of transformers."""

    def __init__(self) -> None:
        self._forms = {**_METHODS, **_OF_INIT}
        # while a model is initialized, these stand in torch.nn.init and call the originals
        theirs = sys.modules.get(_TRANSFORMERS)
        for name, form in _FUNCTIONS.items():
            function = getattr(theirs, name, None)
            if getattr(function, "__module__", None) == _TRANSFORMERS:
                self._forms[function] = form

    def read(
        self, func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> tuple[torch.Tensor, Recipe] | None:
        """Return the tensor and the recipe of a call; None if torch has to make the call.

        It is called by a function mode, which does not count itself, under the recorder's dispatch mode.
        """
        form = self._forms.get(func)
        if form is None:
            return None
        tensor: Any = args[0] if args else keywords.get("tensor")
        if not _is_plain(tensor) or (form.records and tensor.requires_grad and torch.is_grad_enabled()):
            return None
        recipe = form.recipe(args, keywords)
        return None if recipe is None else (tensor, recipe)


def _is_plain(tensor: Any) -> bool:
    """Return whether a draw into a value is a write and nothing else, which nobody but the recorder sees."""
    kind = type(tensor)
    return (
        (kind is torch.Tensor or kind is torch.nn.Parameter)
        and tensor.is_meta
        and tensor.layout is torch.strided
        and tensor.dtype in FORMATS
        and _SKIPPED not in tensor.__dict__
        and not tensor.is_inference()
        and torch._C._len_torch_dispatch_stack() == 1
        and torch._C._len_torch_function_stack() == 0
        and not torch._C._are_functorch_transforms_active()
        and not torch._C._is_tracing()
    )
