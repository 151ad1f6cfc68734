"""Which numbers of a module's tensors a saved tensor holds, as rectangles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...stream.window import Shape
from ..materialization.replay import aligned
from ..materialization.view import View

__all__ = ["Rectangle", "rectangles"]

# More pieces of one tensor would take longer to walk through than to draw.
_MOST = 1 << 14


@dataclass(frozen=True)
class Rectangle:
    """A rectangle of a saved tensor, and where its numbers lie in another.

    Parameters
    ----------
    start, shape : tuple of int
        The rectangle in the saved tensor.
    axes : tuple of int or None
        For every axis of the saved tensor, the axis of the other; None for one of size 1 that the other does
        not have.
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
        """Return the part that a window of the saved tensor has, or None if it has nothing."""
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
        """Yield rectangles without steps that it consists of: of a stepped axis, one index at a time."""
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


def rectangles(view: View, base: View) -> list[Rectangle] | None:
    """Return the rectangles of a view of a tensor, or None if these would be too many or too strange.

    Parameters
    ----------
    view, base : View
        Of one storage: the saved tensor, and the tensor of which it is a view.

    Examples
    --------
    A transposed half is one rectangle, and axes that were joined after a transposition are several:

    >>> import torch
    >>> base = torch.empty(6, 4)
    >>> rectangles(View.of(base[3:].t()), View.of(base))
    [Rectangle(start=(0, 0), shape=(4, 3), axes=(1, 0), first=(3, 0), steps=(1, 1))]
    >>> joined = torch.empty(2, 3, 4)
    >>> [part.first for part in rectangles(View.of(joined.view(6, 4)), View.of(joined)) or ()]
    [(0, 0, 0), (1, 0, 0)]
    """
    if view.dtype != base.dtype:
        return None
    found: list[Rectangle] = []
    for start, part in _parts(view, base):
        lying = None if part is None else aligned(part, base)
        if part is None or lying is None or len(found) == _MOST:
            return None
        axes, first, steps = lying
        found.append(Rectangle(start, part.shape, tuple(axes), tuple(first), tuple(steps)))
    return found


def _parts(view: View, base: View) -> Iterator[tuple[Shape, View | None]]:
    """Yield parts of a view that each lie along the axes of the base, and where they start in the view."""
    here = (0,) * len(view.shape)
    if not view.size:
        return
    if aligned(view, base) is not None:
        yield here, view
        return
    found = _joined(view, base) or _divided(view, base)
    if found is None:
        yield here, None
        return
    axis, first, inner = found
    begin = 0
    while begin < view.shape[axis]:
        end = min(begin + (inner if begin else first), view.shape[axis])
        shape = (*view.shape[:axis], end - begin, *view.shape[axis + 1 :])
        part = view._replace(shape=shape, offset=view.offset + begin * view.strides[axis])
        for start, piece in _parts(part, base):
            yield (*start[:axis], start[axis] + begin, *start[axis + 1 :]), piece
        begin = end


def _joined(view: View, base: View) -> tuple[int, int, int] | None:
    """Return an axis of the view that is several of the base, joined.

    Then the length of its first piece, and that of the others but the last: what the innermost axis has.
    """
    for axis, (stride, n) in enumerate(zip(view.strides, view.shape, strict=True)):
        own, m = _under(stride, base)
        if n == 1 or m == 1 or stride % own or m * own % stride:
            continue
        step, index = stride // own, (view.offset - base.offset) // own % m
        first = -((index - m) // step)
        if first < n:
            return axis, first, m // step
    return None


def _divided(view: View, base: View) -> tuple[int, int, int] | None:
    """Return an axis of the view that is the outer one of two into which an axis of the base was divided."""
    taken: set[int] = set()
    axes = [axis for axis, n in enumerate(view.shape) if n > 1]
    for axis in sorted(axes, key=lambda axis: view.strides[axis]):
        own, _ = _under(view.strides[axis], base)
        if own in taken:
            return axis, 1, 1
        taken.add(own)
    return None


def _under(stride: int, base: View) -> tuple[int, int]:
    """Return the stride and the length of the axis of the base along which a stride leads."""
    axes = [pair for pair in zip(base.strides, base.shape, strict=True) if pair[1] > 1 and pair[0] <= stride]
    return max(axes, default=(1, 1))
