"""What a library makes of a module's tensors before it saves them, followed on the meta device.

Libraries rename, cut, join and transpose: transformers writes the experts of a layer, one tensor in memory,
as a matrix for each expert. Their own code does that here with tensors without memory; every copy that it
makes is noted, so that each saved tensor is known as rectangles of the module's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map

from ...checkpoint.rectangles import Rectangle
from ..materialization.view import View
from .rectangles import rectangles

__all__ = ["Following", "Part"]

aten = torch.ops.aten

_COPIES = frozenset({aten.clone.default, aten.contiguous.default, aten._to_copy.default})


@dataclass(frozen=True)
class Part:
    """A rectangle of a saved tensor that lies in the tensor of the module that is called `source`."""

    source: str
    rectangle: Rectangle


@dataclass(frozen=True)
class _Made:
    """A tensor with a storage of its own, and the call that made it; one of the module's has no call."""

    tensor: torch.Tensor
    source: str = ""
    function: Any = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] | None = None
    output: int = 0


class Following(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what is made of tensors without memory while it is entered.

    Parameters
    ----------
    shapes : mapping of str to (shape, dtype)
        The module's tensors.

    Attributes
    ----------
    tensors : dict of str to torch.Tensor
        Contiguous ones on the meta device that stand for the module's.
    """

    def __init__(self, shapes: Mapping[str, tuple[tuple[int, ...], torch.dtype]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tensors = {
            name: torch.empty(shape, dtype=dtype, device="meta") for name, (shape, dtype) in shapes.items()
        }
        self._made = {_storage(tensor): _Made(tensor, name) for name, tensor in self.tensors.items()}

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for output, tensor in enumerate(tree_leaves(result)):
            if isinstance(tensor, torch.Tensor) and tensor.is_meta and _storage(tensor) not in self._made:
                self._made[_storage(tensor)] = _Made(tensor, "", function, args, kwargs, output)
        if function._schema.is_mutable:
            # what is written to afterwards is no copy of what it was made of
            for written in _written(function, args, kwargs or {}):
                self._made[_storage(written)] = _Made(written, "", function)
        return result

    def parts(self, tensor: torch.Tensor) -> list[Part] | None:
        """Return the parts of a tensor that was made, or None if it is no copy of rectangles."""
        made = self._made.get(_storage(tensor))
        if made is None:
            return None
        whole = rectangles(View.of(tensor), View.of(made.tensor))
        if whole is None:
            return None
        if made.source:
            return [Part(made.source, rectangle) for rectangle in whole]
        given = _given(made)
        if given is None:
            return None
        found: list[Part] = []
        for rectangle in whole:
            for start, piece in _of_given(rectangle, *given):
                inner = self.parts(piece)
                if inner is None:
                    return None
                found += [replace(part, rectangle=_shifted(part.rectangle, start)) for part in inner]
        return found

    def sources(self, tensor: torch.Tensor) -> set[str] | None:
        """Return the names of all that a tensor is made of, or None if that is not known."""
        made = self._made.get(_storage(tensor))
        if made is None or (not made.source and made.kwargs is None and not made.args):
            return None
        if made.source:
            return {made.source}
        found: set[str] = set()
        for leaf in tree_leaves((made.args, dict(made.kwargs or {}))):
            if isinstance(leaf, torch.Tensor) and leaf.is_meta:
                inner = self.sources(leaf)
                if inner is None:
                    return None
                found |= inner
        return found

    def description(self, tensor: torch.Tensor) -> list[Any]:
        """Return how a tensor is made as JSON values: two that differ are made in another way."""
        view = [list(tensor.shape), list(tensor.stride()), tensor.storage_offset(), str(tensor.dtype)]
        if not tensor.is_meta:
            data = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
            return [*view, blake2b(data.data, digest_size=16).hexdigest()]
        made = self._made[_storage(tensor)]
        leaves, structure = tree_flatten((made.args, dict(made.kwargs or {})))
        inner = [self.description(leaf) if isinstance(leaf, torch.Tensor) else repr(leaf) for leaf in leaves]
        return [*view, made.source, str(made.function), made.output, str(structure), *inner]

    def value(self, tensor: torch.Tensor, real: Callable[[str], torch.Tensor]) -> torch.Tensor:
        """Return what a tensor is, given what the module's are."""
        if not tensor.is_meta:
            return tensor
        made = self._made[_storage(tensor)]
        if made.source:
            base = real(made.source)
        else:
            args, kwargs = tree_map(
                lambda leaf: self.value(leaf, real) if isinstance(leaf, torch.Tensor) else leaf,
                (made.args, dict(made.kwargs or {})),
            )
            kwargs.pop("device", None)
            base = tree_leaves(made.function(*args, **kwargs))[made.output].contiguous()
        return base.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


def _written(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """Return the tensors that a call writes to, wherever its schema has them."""
    given = {argument.name: value for argument, value in zip(function._schema.arguments, args, strict=False)}
    writes = [
        (given | dict(kwargs)).get(argument.name)
        for argument in function._schema.arguments
        if argument.alias_info is not None and argument.alias_info.is_write
    ]
    return [leaf for leaf in tree_leaves(writes) if isinstance(leaf, torch.Tensor)]


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _given(made: _Made) -> tuple[list[torch.Tensor], int | None] | None:
    """Return the tensors of which one is a copy, and the axis along which they were joined."""
    if made.function in _COPIES:
        return [made.args[0]], None
    if made.function in (aten.cat.default, aten.stack.default):
        axis = (made.args[1] if len(made.args) > 1 else 0) % made.tensor.dim()
        is_stack = made.function is aten.stack.default
        return [tensor.unsqueeze(axis) if is_stack else tensor for tensor in made.args[0]], axis
    return None


def _of_given(
    rectangle: Rectangle, given: list[torch.Tensor], axis: int | None
) -> Iterator[tuple[tuple[int, ...], torch.Tensor]]:
    """Yield for each of the joined tensors where a rectangle's part of it starts, and that part as a view."""
    if axis is None:
        yield rectangle.start, _taken(rectangle, rectangle.first, rectangle.shape, given[0])
        return
    position = rectangle.axes.index(axis) if axis in rectangle.axes else None
    low = 0
    for tensor in given:
        n = tensor.shape[axis] if tensor.dim() == len(rectangle.first) else 0
        first, step = rectangle.first[axis] - low, rectangle.steps[axis]
        low += n
        start, shape = list(rectangle.start), list(rectangle.shape)
        begin = max(-(first // step), 0)
        if position is None:
            if not 0 <= first < n:
                continue
        else:
            end = min(-((first - n) // step), shape[position])
            if begin >= end:
                continue
            start[position] += begin
            shape[position] = end - begin
            first += begin * step
        moved = (*rectangle.first[:axis], first, *rectangle.first[axis + 1 :])
        yield tuple(start), _taken(rectangle, moved, tuple(shape), tensor)


def _taken(
    rectangle: Rectangle, first: tuple[int, ...], shape: tuple[int, ...], tensor: torch.Tensor
) -> torch.Tensor:
    """Return a part of a tensor as a view with the axes of the saved one."""
    lengths = {axis: n for axis, n in zip(rectangle.axes, shape, strict=True) if axis is not None}
    taken = tensor
    for axis in reversed(range(tensor.dim())):
        if axis in lengths:
            step = rectangle.steps[axis]
            stop = first[axis] + (lengths[axis] - 1) * step + 1
            taken = taken[(slice(None),) * axis + (slice(first[axis], stop, step),)]
        else:
            taken = taken.select(axis, first[axis])
    left = [axis for axis in range(tensor.dim()) if axis in lengths]
    taken = taken.permute([left.index(axis) for axis in rectangle.axes if axis is not None])
    for position, of in enumerate(rectangle.axes):
        if of is None:
            taken = taken.unsqueeze(position)
    return taken


def _shifted(rectangle: Rectangle, start: tuple[int, ...]) -> Rectangle:
    return replace(rectangle, start=tuple(map(sum, zip(rectangle.start, start, strict=True))))
