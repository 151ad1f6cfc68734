"""How a traced model uses a weight: which axes a product or a convolution sums over, which it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from ...stream.window import Shape
from .loops import held_and_carried

__all__ = ["CALLS", "Use", "uses"]

CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}
"""Primitives that call a program, and the parameter that holds it."""


@dataclass(frozen=True)
class Use:
    """Axes of a weight, counted from 0; all others are receptive field.

    Parameters
    ----------
    inputs, outputs, stacks : tuple of int
        The axes that are summed over, that are kept, and that number separate weights.
    groups : int
        Groups of a convolution.
    strides : tuple of int
        Strides of a transposed convolution, one for each spatial axis; otherwise empty.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    stacks: tuple[int, ...] = ()
    groups: int = 1
    strides: tuple[int, ...] = ()


@dataclass(eq=False)
class _Weight:
    """A value and its known uses; `member` is set where a loop made it as a stack of another value."""

    uses: list[Use] = field(default_factory=list)
    member: _View | None = None


@dataclass(frozen=True)
class _View:
    """A transposed view of a weight: each of its axes as an axis of the weight, or None."""

    weight: _Weight
    axes: tuple[int | None, ...]


def uses(program: ClosedJaxpr) -> list[Use | None]:
    """Return, for every result of a program, how the program itself uses it; None where that is not known."""
    known: dict[Any, _View] = {}
    _walk(program.jaxpr, known)
    return [
        None if isinstance(variable, Literal) else _agreed(known.get(variable))
        for variable in program.jaxpr.outvars
    ]


def _agreed(view: _View | None) -> Use | None:
    if view is None:
        return None
    found = {placed for use in _all(view.weight) if (placed := _seen(use, view)) is not None}
    return found.pop() if len(found) == 1 else None


def _all(weight: _Weight) -> list[Use]:
    found = list(weight.uses)
    if weight.member is not None:
        for use in _all(weight.member.weight):
            inner = _seen(use, weight.member)
            if inner is not None:
                found.append(_moved(inner, 1))
    return found


def _moved(use: Use, by: int) -> Use:
    ins, outs, stacks = (tuple(axis + by for axis in axes) for axes in (use.inputs, use.outputs, use.stacks))
    return replace(use, inputs=ins, outputs=outs, stacks=(*range(by), *stacks))


def _seen(use: Use, view: _View) -> Use | None:
    """Return a use of the weight in the axes of a view of it."""
    try:
        ins, outs, stacks = (
            tuple(view.axes.index(axis) for axis in axes) for axes in (use.inputs, use.outputs, use.stacks)
        )
    except ValueError:
        return None
    return replace(use, inputs=ins, outputs=outs, stacks=stacks)


def _walk(jaxpr: Jaxpr, known: dict[Any, _View]) -> None:
    def view(variable: Any) -> _View:
        if isinstance(variable, Literal):
            return _fresh(variable.aval)
        if variable not in known:
            known[variable] = _fresh(variable.aval)
        return known[variable]

    for equation in jaxpr.eqns:
        op = equation.primitive.name
        views = [view(variable) for variable in equation.invars]
        if op in CALLS:
            inner = equation.params[CALLS[op]]
            _called(getattr(inner, "jaxpr", inner), views, equation, known)
        elif op == "scan":
            _looped(equation, views, known)
        elif op == "dot_general":
            _multiplied(equation.params["dimension_numbers"], views)
        elif op == "conv_general_dilated":
            _convolved(equation.params, views[1])
        elif op == "gather":
            _looked_up(equation.params["dimension_numbers"], views[0])
        elif (axes := _axes(equation)) is not None:
            seen = tuple(None if axis is None else views[0].axes[axis] for axis in axes)
            known[equation.outvars[0]] = _View(views[0].weight, seen)


def _fresh(aval: Any) -> _View:
    return _View(_Weight(), tuple(range(len(getattr(aval, "shape", ())))))


def _called(inner: Jaxpr, views: Sequence[_View], equation: Any, known: dict[Any, _View]) -> None:
    inside = dict(zip(inner.invars, views, strict=True))
    _walk(inner, inside)
    for outer, variable in zip(equation.outvars, inner.outvars, strict=True):
        if not isinstance(variable, Literal):
            known[outer] = inside.setdefault(variable, _fresh(variable.aval))


def _looped(equation: Any, views: Sequence[_View], known: dict[Any, _View]) -> None:
    body = equation.params["jaxpr"].jaxpr
    held, carried = held_and_carried(equation.params, len(views))
    inside: dict[Any, _View] = dict(zip(body.invars[:held], views[:held], strict=True))
    _walk(body, inside)
    for outer, variable in zip(equation.outvars[carried:], body.outvars[carried:], strict=True):
        if not isinstance(variable, Literal) and variable in inside:
            known[outer] = _View(_Weight(member=inside[variable]), tuple(range(len(outer.aval.shape))))


def _multiplied(numbers: Any, views: Sequence[_View]) -> None:
    contracted, batched = numbers
    for view, ins, stacks in zip(views, contracted, batched, strict=True):
        rest = [axis for axis in range(len(view.axes)) if axis not in (*ins, *stacks)]
        _note(view, Use(tuple(ins), tuple(rest), tuple(stacks)))


def _convolved(params: Any, view: _View) -> None:
    out_axis, in_axis, *_ = params["dimension_numbers"].rhs_spec
    strides = tuple(params["lhs_dilation"])
    if all(step == 1 for step in strides):
        strides = ()
    groups = params["feature_group_count"]
    if params["batch_group_count"] == 1:
        _note(view, Use((in_axis,), (out_axis,), groups=groups, strides=strides))


def _looked_up(numbers: Any, view: _View) -> None:
    """Count a table's features as its inputs, as the output layer that shares the table does."""
    if len(view.axes) == 2 and tuple(numbers.collapsed_slice_dims) == tuple(numbers.start_index_map) == (0,):
        _note(view, Use((1,), (0,)))


def _note(view: _View, use: Use) -> None:
    """Record a use of a view in the axes of its weight."""
    named = [view.axes[axis] for axis in (*use.inputs, *use.outputs, *use.stacks)]
    if None in named:
        return
    ins, outs, stacks = (
        tuple(sorted(view.axes[axis] for axis in axes))  # type: ignore[type-var]
        for axes in (use.inputs, use.outputs, use.stacks)
    )
    view.weight.uses.append(replace(use, inputs=ins, outputs=outs, stacks=stacks))  # type: ignore[arg-type]


def _axes(equation: Any) -> tuple[int | None, ...] | None:
    """Return, for each axis of a result, the axis of the operand that it is; None for other operations."""
    op, params = equation.primitive.name, equation.params
    if op in ("convert_element_type", "copy", "copy_p", "rev", "reshard", "sharding_constraint"):
        return tuple(range(len(equation.outvars[0].aval.shape)))
    if op == "transpose":
        return tuple(params["permutation"])
    if op in ("reshape", "squeeze", "broadcast_in_dim"):
        return _aligned(equation.invars[0].aval.shape, equation.outvars[0].aval.shape)
    return None


def _aligned(before: Shape, after: Shape) -> tuple[int | None, ...] | None:
    """Pair the axes of two shapes that differ by axes of 1."""
    kept = [axis for axis, n in enumerate(before) if n != 1]
    if [before[axis] for axis in kept] != [n for n in after if n != 1]:
        return None
    where = iter(kept)
    return tuple(next(where) if n != 1 else None for n in after)
