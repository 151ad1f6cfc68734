"""What makes the bytes of a recorded tensor: a plan where one draw or constant says all, else its replay."""

from __future__ import annotations

import json
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, ClassVar

import torch
from torch.utils._pytree import tree_flatten, tree_map

from ...checkpoint.contents import Bytes, Content, Drawn, Filled
from ...checkpoint.given import Given
from ...errors import RecipeError
from ...recipes.distributions import constant
from ...recipes.fans import Axes
from ...recipes.recipe import Recipe
from ...recipes.rules import fitted
from ...stream.key import Key
from ...stream.window import Shape, Window
from ..materialization.dependence import is_random
from ..materialization.recording import TARGET, Call, Cell, Draw, Lost, Recorded, Snapshot, Write
from ..materialization.recording import Content as RecordedContent
from ..materialization.replay import in_windows, refill
from ..materialization.view import View
from ..stored import FORMATS

__all__ = ["Computed", "Definition", "Kept", "content_of", "given"]

aten = torch.ops.aten

# Bytes of a tensor that the key does not decide: up to which a plan holds it, and it is looked at.
_SMALL = 64 << 10
_MADE = 16 << 20
# The most bytes of whole tensors that the cache keeps.
_KEPT = 64 << 20


class Kept:
    """A cache of whole tensors whose windows cannot be made alone; it keeps the latest ones."""

    def __init__(self) -> None:
        self._made: OrderedDict[int, torch.Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, recorded: Recorded, root: Key) -> torch.Tensor:
        """Return a whole tensor, made now or lately; threads wait for each other."""
        with self._lock:
            made = self._made.pop(id(recorded), None)
            if made is None:
                made = refill(recorded, torch.empty(recorded.shape, dtype=recorded.dtype), root)
            self._made[id(recorded)] = made
            while len(self._made) > 1 and sum(one.nbytes for one in self._made.values()) > _KEPT:
                self._made.popitem(last=False)
            return made


@dataclass(frozen=True)
class Definition:
    """What a module is built from, and which recipe or rules were given for it.

    Parameters
    ----------
    source : str
        As `definitions.build` takes it, or its class.
    dtype : str or None
        Of all floating tensors.
    recipes : str or None
        A recipe or rules, as JSON; None for the module's own.
    """

    source: str
    dtype: str | None = None
    recipes: str | None = None

    @property
    def place(self) -> dict[str, str]:
        """The source as a field of JSON: a file, wherever the process is, or a name."""
        if self.source.startswith("timm:") or not os.path.isfile(self.source):
            return {"definition": self.source}
        return {"file": os.path.abspath(self.source)}


class Computed:
    """A recording, replayed.

    Parameters
    ----------
    recorded : Recorded
        What was recorded of the tensor.
    root : Key
        The model's key.
    definition : Definition
        What the module comes from.
    kept : Kept
        Shared by the contents of a model.
    """

    kind: ClassVar[str] = "computed"

    def __init__(self, recorded: Recorded, root: Key, definition: Definition, kept: Kept) -> None:
        self.recorded, self.root, self.definition = _apart(recorded), root, definition
        self._kept = kept
        self._in_windows = in_windows(recorded)

    def fill(self, window: Window, extent: Shape, out: Bytes, threads: int) -> None:
        """Replay what the rectangle needs."""
        target = torch.from_numpy(out).view(self.recorded.dtype).reshape(extent)
        if self._in_windows or extent == self.recorded.shape:
            refill(self.recorded, target, self.root, window=window, threads=threads)
        else:
            place = tuple(slice(first, first + n) for first, n in zip(window.start, extent, strict=True))
            target.copy_(self._kept.get(self.recorded, self.root)[place])

    def at_once(self, shape: Shape) -> int:
        """Return all elements where windows cannot be made alone."""
        return 0 if self._in_windows else math.prod(shape)

    def to_dict(self) -> dict[str, Any]:
        """Return the definition, and a digest of the recording that it must give."""
        return {
            "kind": self.kind,
            **self.definition.place,
            "dtype": self.definition.dtype,
            "recipes": self.definition.recipes,
            "tensor": self.recorded.name,
            "recording": _digest(self.recorded),
            "key": [self.root.seed, self.root.offset],
            "at_once": self.at_once(self.recorded.shape),
        }


def _apart(recorded: Recorded) -> Recorded:
    """Return a recording of its own: a module that is recorded again, as a part, names its draws anew."""
    cells: dict[int, Cell] = {}
    done: dict[int, tuple[Write, ...]] = {}

    def leaf_of(leaf: Any) -> Any:
        if not isinstance(leaf, Snapshot):
            return leaf
        cell = cells.setdefault(id(leaf.cell), Cell(leaf.cell.nbytes))
        return Snapshot(cell, writes_of(leaf.writes), leaf.view)

    def copied(content: RecordedContent) -> RecordedContent:
        if isinstance(content, Draw):
            return Draw(content.recipe, content.path)
        if isinstance(content, Call):
            args, kwargs = tree_map(leaf_of, (content.args, dict(content.kwargs)))
            return Call(content.function, args, kwargs, content.output)
        return content

    def writes_of(writes: tuple[Write, ...]) -> tuple[Write, ...]:
        if id(writes) not in done:
            done[id(writes)] = tuple(Write(write.view, copied(write.content)) for write in writes)
        return done[id(writes)]

    return replace(recorded, cell=Cell(recorded.cell.nbytes, writes_of(recorded.cell.writes)))


def given(tensor: torch.Tensor) -> Content:
    """Return a content of the values that a real tensor has; one integer everywhere is that integer."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    # the bytes count: NumPy has no bfloat16
    data = tensor.detach().cpu().contiguous().reshape(-1)
    is_integer = dtype.startswith(("int", "uint", "bool"))
    if is_integer and data.numel() and bool((data == data[0]).all()):
        return Filled(int(data[0]), dtype)
    return Given(data.view(torch.uint8).numpy().tobytes(), dtype)


def content_of(
    recorded: Recorded, root: Key, definition: Definition, kept: Kept
) -> tuple[Content, Recipe | None]:
    """Return what makes a recorded tensor, and the recipe that says it, if one does.

    One draw, or one constant, of the whole tensor is a plan, also if rows of zeros follow; all else is
    replayed.
    """
    simple = _simple(recorded, root)
    if simple is None and recorded.cell.nbytes <= _MADE and not is_random(recorded.writes):
        simple = _known(recorded, root)
    return (Computed(recorded, root, definition, kept), None) if simple is None else simple


def _simple(recorded: Recorded, root: Key) -> tuple[Content, Recipe | None] | None:
    """Return the plan of a tensor that one draw or constant makes."""
    writes, view = recorded.writes, recorded.view
    first = writes[0] if writes else None
    if first is None or first.view != view:
        return None
    rows = [_zero_row(write, view) for write in writes[1:]]
    value = _constant(first)
    if view.dtype in FORMATS and None not in rows:
        zero_rows = tuple(sorted({row for row in rows if row is not None}))
        recipe: Recipe | None = constant(value) if value is not None else None
        key = root.fold_in(recorded.name)
        if isinstance(first.content, Draw):
            recipe, key = (
                fitted(first.content.recipe, Axes(layout="torch"), view.shape),
                first.content.key(root),
            )
        if recipe is not None:
            plan = recipe.plan(view.shape, FORMATS[view.dtype])
            return Drawn(plan, key, zero_rows), recipe
    elif value is not None and len(writes) == 1 and value == int(value):
        dtype = str(view.dtype).removeprefix("torch.")
        if dtype.startswith(("int", "uint", "bool")):
            return Filled(int(value), dtype), constant(value)
    return None


def _known(recorded: Recorded, root: Key) -> tuple[Content, Recipe | None] | None:
    """Return what makes a tensor that the key does not decide, if a plan can hold it."""
    value = refill(recorded, torch.empty(recorded.shape, dtype=recorded.dtype), root)
    number = _number(value) if recorded.dtype in FORMATS and value.numel() else None
    if number is not None:
        recipe = constant(number)
        plan = recipe.plan(recorded.shape, FORMATS[recorded.dtype])
        content = Drawn(plan, root.fold_in(recorded.name))
        made = torch.empty(value.nbytes, dtype=torch.uint8)
        content.fill(Window((0,) * value.dim(), recorded.shape), recorded.shape, made.numpy(), 1)
        # of zeros one may be negative
        if torch.equal(made, value.contiguous().reshape(-1).view(torch.uint8)):
            return content, recipe
    return (given(value), None) if value.nbytes <= _SMALL else None


def _number(value: torch.Tensor) -> float | None:
    """Return the finite real number that all elements of a tensor equal, if there is one."""
    # few operations take numbers of 8 bits
    wide = value.to(torch.complex128 if value.is_complex() else torch.float64)
    first = complex(wide.reshape(-1)[0])
    is_one = bool((wide == first).all()) and math.isfinite(first.real) and first.imag == 0
    return first.real if is_one else None


def _constant(write: Write) -> float | None:
    """Return the number with which a write fills its view, if that is what it does."""
    content = write.content
    if not isinstance(content, Call) or content.output is not None or content.args[0] is not TARGET:
        return None
    if content.function is aten.zero_.default:
        return 0.0
    if content.function is not aten.fill_.Scalar or not isinstance(content.args[1], int | float):
        return None
    value = float(content.args[1])
    # a constant that is not finite is no recipe's, and -0.0 is another zero
    is_plain = math.isfinite(value) and (value != 0 or math.copysign(1.0, value) > 0)
    return value if is_plain and value == content.args[1] else None


def _zero_row(write: Write, view: View) -> int | None:
    """Return the row of a view that a write makes zero, if that is what it does."""
    content = write.content
    is_zero = _constant(write) == 0.0
    if isinstance(content, Draw):
        is_zero = content.recipe == constant(0.0)
    if not is_zero or not view.shape or write.view.dtype != view.dtype or not view.strides[0]:
        return None
    row, rest = divmod(write.view.offset - view.offset, view.strides[0])
    if rest or not 0 <= row < view.shape[0]:
        return None
    own = (write.view.shape, write.view.strides)
    whole = (view.shape[1:], view.strides[1:])
    return row if own in (whole, ((1, *whole[0]), (view.strides[0], *whole[1]))) else None


def _digest(recorded: Recorded) -> str:
    """Return a digest of all that decides the bytes of a tensor but the key."""
    digest = blake2b(digest_size=16)
    for text in (*_descriptions(recorded.writes, {}), repr(recorded.view)):
        digest.update(text.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _descriptions(writes: tuple[Write, ...], seen: dict[int, int]) -> Iterator[str]:
    """Yield what every write does; writes that were described before are given by their number."""
    if id(writes) in seen:
        yield f"as {seen[id(writes)]}"
        return
    seen[id(writes)] = len(seen)
    for write in writes:
        content = write.content
        yield repr(write.view)
        if isinstance(content, Draw):
            yield json.dumps([content.recipe.to_dict(), content.path])
        elif isinstance(content, Lost):
            raise RecipeError(content.why)
        else:
            yield f"{content.function} {content.output}"
            leaves, structure = tree_flatten((content.args, dict(content.kwargs)))
            yield str(structure)
            for leaf in leaves:
                if isinstance(leaf, Snapshot):
                    yield repr(leaf.view)
                    yield from _descriptions(leaf.writes, seen)
                elif isinstance(leaf, torch.Tensor):
                    data = leaf.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
                    yield f"{leaf.dtype} {tuple(leaf.shape)} {blake2b(data.data, digest_size=16).hexdigest()}"
                else:
                    yield repr(leaf)
