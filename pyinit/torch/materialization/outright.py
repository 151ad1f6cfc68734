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

__all__ = ["TORCHS", "Outright"]

TORCHS = {name: getattr(torch._C.TensorBase, name) for name in ("normal_", "uniform_", "fill_", "zero_")}
"""Torch's own methods that draw, which somebody may have replaced in torch.Tensor."""


class _Form(NamedTuple):
    """How a call that draws is read.

    Attributes
    ----------
    defaults : tuple of (str, Any)
        Its parameters after the tensor, with their defaults.
    make : callable
        Returns its recipe.
    method : str
        The method of tensors that makes the draw in the end.
    inner : str
        The function of torch.nn.init, if any, that calls the method, without autograd.
    """

    defaults: tuple[tuple[str, Any], ...]
    make: Callable[..., Recipe | None]
    method: str
    inner: str = ""

    @property
    def is_usual(self) -> bool:
        """Whether nobody has replaced what a function of torch.nn.init calls."""
        return vars(init)[self.inner] is _INNER[self.inner] and (
            getattr(torch.Tensor, self.method) is TORCHS[self.method]
        )

    def recipe(self, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Recipe | None:
        """Return the recipe of a call with plain numbers; None for any other one."""
        if len(args) > len(self.defaults) + 1:
            # the generator, which may be given by its position
            return None
        values = list(args[1:])
        for name, default in self.defaults[len(values) :]:
            values.append(keywords.get(name, default))
        if keywords and type(keywords.get("generator")) not in _GENERATORS:
            # torch refuses this call
            return None
        for value in values:
            if type(value) is not float and (type(value) is not int or abs(value) > _LARGEST):
                return None
        try:
            return self.make(*values)
        except PyinitError:
            return None


def _finite(value: float) -> Recipe | None:
    return constant(float(value)) if abs(value) < float("inf") else None


_LARGEST = 2**53
"""Torch refuses some larger integers."""

_GENERATORS = (type(None), torch.Generator)
_NORMAL = (("mean", 0.0), ("std", 1.0))
_METHODS: dict[Any, _Form] = {
    TORCHS[form.method]: form
    for form in (
        _Form(_NORMAL, normal, "normal_"),
        _Form((("from", 0.0), ("to", 1.0)), uniform, "uniform_"),
        _Form((("value", None),), _finite, "fill_"),
        _Form((), lambda: constant(0.0), "zero_"),
    )
}
_FUNCTIONS: dict[str, _Form] = {
    "normal_": _Form(_NORMAL, normal, "normal_", "_no_grad_normal_"),
    "uniform_": _Form((("a", 0.0), ("b", 1.0)), uniform, "uniform_", "_no_grad_uniform_"),
    "constant_": _Form((("val", None),), _finite, "fill_", "_no_grad_fill_"),
}


def _torchs(name: str) -> Any:
    """Return a function of torch.nn.init, or None if somebody else's stands in its place."""
    function = vars(init).get(name)
    return function if getattr(function, "__globals__", None) is vars(init) else None


_INNER = {form.inner: _torchs(form.inner) for form in _FUNCTIONS.values()}
_CALLED = {name: _torchs(name) for name in _FUNCTIONS}

_TRANSFORMERS = "transformers.initialization"
_SKIPPED = "_is_hf_initialized"
"""The mark of tensors that transformers' functions of these names leave alone."""


class Outright:
    """The calls that are recorded outright, of torch and, where it is imported by now, of transformers."""

    def __init__(self) -> None:
        self._forms = {**_METHODS, **{_CALLED[name]: form for name, form in _FUNCTIONS.items()}}
        # while a model is initialized, these stand in torch.nn.init and call the originals
        theirs: Any = vars(sys.modules.get(_TRANSFORMERS, object))
        originals = theirs.get("TORCH_INIT_FUNCTIONS", {})
        for name, form in _FUNCTIONS.items():
            function = theirs.get(name)
            if getattr(function, "__globals__", None) is theirs and originals.get(name) is _CALLED[name]:
                self._forms[function] = form
        self._forms.pop(None, None)

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
        if not _is_plain(tensor):
            return None
        if not form.is_usual if form.inner else tensor.requires_grad and torch.is_grad_enabled():
            # somebody else's function stands between, or autograd sees the call
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
        and not tensor.is_neg()
        and torch._C._len_torch_dispatch_stack() == 1
        and torch._C._len_torch_function_stack() == 0
        and not torch._C._are_functorch_transforms_active()
        and not torch._C._is_tracing()
    )
