"""Torch's operators that draw, and the functions of torch.nn.init that do nothing on the meta device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch

from ...recipes.distributions import constant
from ...recipes.patterns import identity
from ...recipes.recipe import Recipe
from ..meanings import CALLS, Reading, normal, uniform
from ..skipping import let_skip

__all__ = [
    "CONSTANTS",
    "DRAWN_IN_PLACE",
    "DRAWS",
    "SILENT",
    "SKIPPED",
    "UNDECIDED",
    "UNWRITTEN",
    "arguments_of",
]

aten = torch.ops.aten


def arguments_of(func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by their names in the schema, defaults included."""
    names, defaults = _parameters(func)
    return defaults | dict(zip(names, args, strict=False)) | dict(keywords)


@cache
def _parameters(func: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the names of an operator's parameters, and the defaults of those that have one."""
    schema = func._schema.arguments
    defaults = {each.name: each.default_value for each in schema if each.has_default_value()}
    return tuple(each.name for each in schema), defaults


def _finite_constant(call: dict[str, Any]) -> Recipe | None:
    value = call.get("value", call.get("fill_value", 0))
    finite = isinstance(value, bool | int | float) and abs(value) < float("inf")
    return constant(float(value)) if finite else None


DRAWS: dict[Any, Callable[[dict[str, Any]], Recipe | None]] = {
    aten.normal_.default: lambda call: normal(call["mean"], call["std"]),
    aten.uniform_.default: lambda call: uniform(call["from"], call["to"]),
    aten.rand.default: lambda call: uniform(0.0, 1.0),
    aten.rand_like.default: lambda call: uniform(0.0, 1.0),
    aten.randn.default: lambda call: normal(0.0, 1.0),
    aten.randn_like.default: lambda call: normal(0.0, 1.0),
    aten.normal.float_float: lambda call: normal(call["mean"], call["std"]),
    aten.fill_.Scalar: _finite_constant,
    aten.zero_.default: _finite_constant,
    aten.zeros.default: lambda call: constant(0.0),
    aten.zeros_like.default: lambda call: constant(0.0),
    aten.new_zeros.default: lambda call: constant(0.0),
    aten.ones.default: lambda call: constant(1.0),
    aten.ones_like.default: lambda call: constant(1.0),
    aten.new_ones.default: lambda call: constant(1.0),
    aten.full.default: _finite_constant,
    aten.full_like.default: _finite_constant,
    aten.new_full.default: _finite_constant,
    aten.eye.m_out: lambda call: identity(),
    aten.eye.out: lambda call: identity(),
}

DRAWN_IN_PLACE = frozenset(
    {aten.normal_.default, aten.uniform_.default, aten.fill_.Scalar, aten.zero_.default}
)

UNWRITTEN = frozenset(
    {
        aten.empty_permuted.default,
        aten.empty.memory_format,
        aten.empty_strided.default,
        aten.empty_like.default,
        aten.new_empty.default,
        aten.new_empty_strided.default,
    }
)
"""Operators that return unwritten memory."""

UNDECIDED = UNWRITTEN | {
    aten.rand.default,
    aten.randn.default,
    aten.normal.float_float,
    aten.rand_like.default,
    aten.randn_like.default,
}
"""Operators that return unwritten memory or random numbers; they are sent to the meta device."""

CONSTANTS = frozenset({aten.zeros.default, aten.ones.default, aten.full.default})
"""Operators whose memory is often drawn into; while constructors run, they are sent to the meta device."""

SILENT = frozenset({aten.set_.source_Tensor, aten.set_.source_Storage_storage_offset, aten.detach_.default})
"""Operators that change no element, although their schema declares a write."""

let_skip(vars(torch.nn.init))
SKIPPED: dict[str, Reading] = {
    "orthogonal_": CALLS["orthogonal_"],
    "sparse_": CALLS["sparse_"],
    "dirac_": CALLS["dirac_"],
    "_no_grad_trunc_normal_": CALLS["trunc_normal_"],
}
"""Functions of torch.nn.init that do nothing on the meta device; their local variables are the parameters."""
