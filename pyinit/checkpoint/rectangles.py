"""Tensors that consist of rectangles of others: cut, joined or transposed, as libraries save them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..errors import FormatError
from ..stream.plan import Plan
from ..stream.safetensors import ITEMSIZE
from ..stream.window import Shape, Window
from .contents import Bytes, Content, Drawn, content_from_dict

__all__ = ["Piece", "Rearranged", "Rectangle"]


@dataclass(frozen=True)
class Rectangle:
    """A rectangle of a tensor, and where its numbers lie in another.

    Parameters
    ----------
    start, shape : tuple of int
        The rectangle.
    axes : tuple of int or None
        For every axis of the tensor, the axis of the other; None for one of size 1 that the other does not
        have.
    first : tuple of int
        The index of the rectangle's first number in the other tensor.
    steps : tuple of int
        For every axis of the other, how far apart neighbours of the rectangle are.
    """

    start: Shape
    shape: Shape
    axes: tuple[int | None, ...]
    first: Shape
    steps: Shape

    def within(self, start: Shape, extent: Shape) -> Rectangle | None:
        """Return the part that a window of the tensor has, or None if it has nothing."""
        low = tuple(map(max, self.start, start))
        high = tuple(
            min(a + n, b + m) for a, n, b, m in zip(self.start, self.shape, start, extent, strict=True)
        )
        if any(a >= b for a, b in zip(low, high, strict=True)):
            return None
        first = list(self.first)
        for axis, a, b in zip(self.axes, low, self.start, strict=True):
            if axis is not None:
                first[axis] += (a - b) * self.steps[axis]
        shape = tuple(b - a for a, b in zip(low, high, strict=True))
        return replace(self, start=low, shape=shape, first=tuple(first))

    def dense(self) -> Iterator[Rectangle]:
        """Yield the rectangles without steps that it consists of: of a stepped axis, one index at a time."""
        for position, axis in enumerate(self.axes):
            if axis is not None and self.steps[axis] != 1 and self.shape[position] > 1:
                for i in range(self.shape[position]):
                    yield from self._at(position, axis, i).dense()
                return
        yield self

    def _at(self, position: int, axis: int, i: int) -> Rectangle:
        start, shape, first = list(self.start), list(self.shape), list(self.first)
        start[position] += i
        shape[position] = 1
        first[axis] += i * self.steps[axis]
        return replace(self, start=tuple(start), shape=tuple(shape), first=tuple(first))

    @property
    def extent(self) -> Shape:
        """Shape of the rectangle in the other tensor, where it has no steps."""
        lengths = {axis: n for axis, n in zip(self.axes, self.shape, strict=True) if axis is not None}
        return tuple(lengths.get(axis, 1) for axis in range(len(self.first)))

    @property
    def order(self) -> tuple[int, ...]:
        """The axes of the other tensor in the order of those here, then those that are not here."""
        here = [axis for axis in self.axes if axis is not None]
        return (*here, *(axis for axis in range(len(self.first)) if axis not in here))


@dataclass(frozen=True)
class Piece:
    """A rectangle of a tensor, and the tensor from which it is: what makes that, and its shape."""

    rectangle: Rectangle
    content: Content
    shape: Shape


@dataclass(frozen=True)
class Rearranged:
    """Rectangles of other tensors, which together are the whole of this one."""

    kind: ClassVar[str] = "rearranged"
    pieces: tuple[Piece, ...]
    dtype: str

    def fill(self, window: Window, extent: Shape, out: Bytes, threads: int) -> None:
        """Make the rectangle of each piece that the window has, and put it where it belongs."""
        itemsize = ITEMSIZE[self.dtype]
        array = out.view(np.dtype(f"u{itemsize}")).reshape(extent)
        for piece in self.pieces:
            found = piece.rectangle.within(window.start, extent)
            for part in () if found is None else found.dense():
                low = tuple(a - b for a, b in zip(part.start, window.start, strict=True))
                target = array[tuple(slice(a, a + n) for a, n in zip(low, part.shape, strict=True))]
                where = Window(part.first, piece.shape)
                longer = [axis for axis in part.order if part.extent[axis] > 1]
                if target.flags.c_contiguous and longer == sorted(longer):
                    piece.content.fill(where, part.extent, target.reshape(-1).view(np.uint8), threads)
                else:
                    made = np.empty(target.size, target.dtype)
                    piece.content.fill(where, part.extent, made.view(np.uint8), threads)
                    target[...] = made.reshape(part.extent).transpose(part.order).reshape(part.shape)

    @property
    def plan(self) -> Plan | None:
        """The numbers of what is drawn, where all pieces have the same; the shape is another tensor's."""
        plans = [piece.content.plan for piece in self.pieces if isinstance(piece.content, Drawn)]
        if not plans or len(plans) < len(self.pieces):
            return None
        first = plans[0]
        same = all(
            (plan.distribution, plan.numbers, plan.dtype) == (first.distribution, first.numbers, first.dtype)
            for plan in plans
        )
        return first if same else None

    def at_once(self, shape: Shape) -> int:
        """Return all elements if those of a piece must be made together."""
        if any(piece.content.at_once(piece.shape) for piece in self.pieces):
            return math.prod(shape)
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Return the contents, each once, and the pieces."""
        contents = {id(piece.content): piece for piece in self.pieces}
        numbers = {at: number for number, at in enumerate(contents)}
        return {
            "kind": self.kind,
            "of": [
                {"shape": list(piece.shape), "content": piece.content.to_dict()}
                for piece in contents.values()
            ],
            "pieces": [
                [
                    numbers[id(piece.content)],
                    *map(list, (piece.rectangle.start, piece.rectangle.shape, piece.rectangle.axes)),
                    *map(list, (piece.rectangle.first, piece.rectangle.steps)),
                ]
                for piece in self.pieces
            ],
        }

    @classmethod
    def read(cls, fields: Mapping[str, Any], name: str, shape: Shape, dtype: str) -> Content:
        """Return the content that `to_dict` wrote."""
        whole = [tuple(map(int, entry["shape"])) for entry in fields["of"]]
        contents = [
            content_from_dict(entry["content"], name, of, dtype)
            for entry, of in zip(fields["of"], whole, strict=True)
        ]
        pieces = tuple(
            Piece(Rectangle(*map(tuple, numbers)), contents[number], whole[number])
            for number, *numbers in fields["pieces"]
        )
        covered = sum(math.prod(piece.rectangle.shape) for piece in pieces)
        if covered != math.prod(shape) or not all(_lies(piece, shape) for piece in pieces):
            raise FormatError(
                f"tensor '{name}': its rectangles in the plan are not the tensor; make it again"
            )
        return cls(pieces, dtype)


def _lies(piece: Piece, shape: Shape) -> bool:
    """Tell whether a rectangle lies in the tensor of this shape, and its numbers in the other one."""
    rectangle = piece.rectangle
    inside = all(
        a >= 0 and n >= 0 and a + n <= most
        for a, n, most in zip(rectangle.start, rectangle.shape, shape, strict=True)
    )
    last, steps = list(rectangle.first), rectangle.steps
    for axis, n in zip(rectangle.axes, rectangle.shape, strict=True):
        if axis is None:
            inside = inside and n <= 1
        else:
            last[axis] += (n - 1) * steps[axis]
    ends = zip(rectangle.first, last, piece.shape, strict=True)
    return inside and (math.prod(rectangle.shape) == 0 or all(0 <= a <= b < most for a, b, most in ends))
