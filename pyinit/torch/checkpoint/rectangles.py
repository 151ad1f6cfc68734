"""A view of a tensor as rectangles of it."""

from __future__ import annotations

from collections.abc import Iterator

from ...checkpoint.rectangles import Rectangle
from ...stream.window import Shape
from ..materialization.replay import aligned
from ..materialization.view import View

__all__ = ["rectangles"]

# More pieces of one tensor would take longer to walk through than to draw.
_MOST = 1 << 14


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
