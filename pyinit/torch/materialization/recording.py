"""The recording of a module's initialization: the writes that make each tensor, in order.

A recording holds no values and no seed. A whole tensor, or any window of it, can be replayed with the same
bits, because every draw has its recipe (a `pyinit.Recipe`) and the shape of the tensor into which it was
drawn, and the key of its stream comes from names alone.

Keys: write number k of the tensor called `name`, counted over the writes that are kept, draws with
``key(seed).fold_in(name)`` for k = 0 and ``key(seed).fold_in(name).fold_in(k)`` for k > 0. A write is dropped
if a later one covers the whole storage and does not read it. A draw into a view is keyed by the view's own
shape: ``normal_(weight[2:4])`` makes a (2, n) tensor. If the first write copies a temporary into the tensor,
the temporary is drawn in its place. The draws of other temporaries, such as the factors of a product, fold in
the number of the write that reads them and their own number, counted from 1. A draw that was read before it
was overwritten keeps its own stream, under the next free number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch.utils._pytree import tree_leaves

from ...recipes.recipe import Recipe
from ...stream.key import Key
from ...stream.window import Shape
from .view import View

__all__ = [
    "TARGET",
    "Call",
    "Cell",
    "Content",
    "Draw",
    "Lost",
    "Path",
    "Recorded",
    "Snapshot",
    "Write",
    "unmade",
]

Path: TypeAlias = tuple[str | int, ...]


@dataclass
class Draw:
    """Fill the view by a recipe.

    Parameters
    ----------
    recipe : Recipe
        The recipe of the view's values.
    path : tuple of (str or int)
        The name of its stream, whose parts are folded into the model's key one after another. It is set when
        everything is recorded.
    """

    recipe: Recipe
    path: Path = field(default=(), repr=False, compare=False)

    def key(self, root: Key) -> Key:
        """Return the key of the draw from the model's key."""
        for part in self.path:
            root = root.fold_in(part)
        return root


class _Target:
    """The argument of a call that stands for the view that it changes."""

    def __repr__(self) -> str:
        return "TARGET"


TARGET = _Target()


@dataclass(frozen=True)
class Call:
    """Call an operator of torch.

    Parameters
    ----------
    function : OpOverload
        The operator.
    args, kwargs
        Its arguments, with `TARGET` for the view and a `Snapshot` for every other recorded tensor.
    output : int or None
        The number of the result that is written to the view; None if the operator changes the view in place.
    """

    function: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output: int | None = None

    @property
    def snapshots(self) -> Iterator[Snapshot]:
        """The recorded tensors it reads."""
        return (leaf for leaf in tree_leaves((self.args, dict(self.kwargs))) if isinstance(leaf, Snapshot))

    @property
    def written(self) -> list[Any]:
        """The view and the other tensors that it changes, by its schema."""
        return [
            leaf
            for position, argument in enumerate(self.function._schema.arguments)
            if argument.alias_info is not None and argument.alias_info.is_write
            for leaf in tree_leaves(
                self.args[position] if position < len(self.args) else self.kwargs.get(argument.name)
            )
        ]

    @property
    def pointwise(self) -> bool:
        """Whether the new value of each element depends on that element alone, in the same way for all."""
        leaves = tree_leaves((self.args, dict(self.kwargs)))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Snapshot | torch.Tensor)]
        known = torch.Tag.pointwise in self.function.tags or self.function in _ASSIGNING
        return self.output is None and known and not any(_extent(tensor) for tensor in tensors)

    @property
    def assigns(self) -> bool:
        """Whether the whole view is overwritten without being read."""
        if self.output is not None or self.function in _ASSIGNING:
            return True
        # an `out=` argument is written, not read
        return any(value is TARGET for value in self.kwargs.values()) and TARGET not in self.args


def _extent(tensor: Any) -> int:
    return len(tensor.view.shape) if isinstance(tensor, Snapshot) else tensor.dim()


_ASSIGNING = frozenset(
    {torch.ops.aten.fill_.Scalar, torch.ops.aten.fill_.Tensor, torch.ops.aten.zero_.default}
    | {torch.ops.aten.copy_.default}
)


@dataclass(frozen=True)
class Lost:
    """A write that cannot be replayed, for the reason `why`."""

    why: str


Content: TypeAlias = Draw | Call | Lost


@dataclass(frozen=True)
class Write:
    """A write to a view of a storage."""

    view: View
    content: Content

    @property
    def assigns(self) -> bool:
        """Whether every element of the view is overwritten without being read."""
        return not isinstance(self.content, Call) or self.content.assigns


@dataclass(eq=False)
class Cell:
    """A storage of meta tensors, with the writes to it, in order.

    Parameters
    ----------
    nbytes : int
        The size of the storage.
    writes : tuple of Write
        The writes that still affect its bytes.
    keep : object
        The meta storage, which is kept alive so that no other gets its address.
    """

    nbytes: int
    writes: tuple[Write, ...] = ()
    keep: Any = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"Cell({self.nbytes} bytes, {len(self.writes)} writes)"

    def add(self, write: Write) -> None:
        """Append a write, and drop the writes that it overwrites."""
        whole = write.view.dense and write.view.run == (0, self.nbytes)
        self.writes = (write,) if whole and write.assigns else (*self.writes, write)

    def forget(self, view: View) -> None:
        """Drop the writes that lie inside a view."""
        low, high = view.run
        self.writes = tuple(
            write
            for write in self.writes
            if not (view.dense and low <= write.view.run[0] and write.view.run[1] <= high)
        )


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A recorded tensor at the time when an operator read it."""

    cell: Cell
    writes: tuple[Write, ...]
    view: View

    def __repr__(self) -> str:
        return f"Snapshot({self.view.shape})"


def unmade(writes: tuple[Write, ...], view: View, seen: set[tuple[int, View]]) -> str | None:
    """Return why a view of the writes cannot be replayed, or None if it can; those in `seen` can."""
    if (id(writes), view) in seen:
        return None
    seen.add((id(writes), view))
    for write in writes:
        if isinstance(write.content, Lost):
            return write.content.why
        if isinstance(write.content, Call):
            for read in write.content.snapshots:
                if (why := unmade(read.writes, read.view, seen)) is not None:
                    return f"{write.content.function} reads a tensor of shape {read.view.shape}: {why}"
    if not _covered(writes, view):
        return "only a part of it is written" if writes else "nothing is written to it"
    return None


def _covered(writes: tuple[Write, ...], view: View) -> bool:
    """Return whether writes that assign reach every element of a view."""
    if not view.size:
        return True
    low, high = view.run
    scattered: list[View] = []
    runs: list[tuple[int, int]] = []
    for write in writes:
        if write.assigns and write.view.size:
            if write.view.dense:
                runs.append(write.view.run)
            else:
                scattered.append(write.view)
    reached = low
    for first, last in sorted(runs):
        if first > reached:
            break
        reached = max(reached, last)
    if reached >= high:
        return True
    if not scattered:
        return False
    nbytes = max(stop for _, stop in [view.run, *runs, *(part.run for part in scattered)])
    marks = torch.zeros(nbytes, dtype=torch.bool, device="cpu")
    for first, last in runs:
        marks[first:last] = True
    for part in scattered:
        _bytes(part, marks).fill_(True)
    return bool(_bytes(view, marks).all())


def _bytes(view: View, marks: torch.Tensor) -> torch.Tensor:
    """Return the marks of the bytes of a view."""
    size = view.dtype.itemsize
    strides = (*(stride * size for stride in view.strides), 1)
    return marks.as_strided((*view.shape, size), strides, view.offset * size)


@dataclass(frozen=True)
class Recorded:
    """A recorded tensor of a module.

    Parameters
    ----------
    name : str
        Its first name in the module, from which the stream comes.
    view : View
        Its part of the storage.
    cell : Cell
        The storage, with the writes.

    Notes
    -----
    ``replay.refill(recorded, out, root, window=window)`` makes the tensor, or a window of it.
    """

    name: str
    view: View
    cell: Cell

    @property
    def shape(self) -> Shape:
        """The shape of the whole tensor."""
        return self.view.shape

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the tensor."""
        return self.view.dtype

    @property
    def writes(self) -> tuple[Write, ...]:
        """The writes that make it, in order."""
        return self.cell.writes

    @property
    def unmade(self) -> str | None:
        """The reason why it cannot be replayed, or None."""
        return unmade(self.cell.writes, self.view, set())
