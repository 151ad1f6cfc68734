"""What makes the bytes of a tensor: it is drawn, filled with one value, or copied."""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import FormatError, RecipeError
from ..stream.dtypes import bits_dtype, resolve
from ..stream.kernels import execute
from ..stream.key import Key
from ..stream.plan import Plan
from ..stream.pretrained import ArraySource, FileSource, open_source
from ..stream.safetensors import ITEMSIZE, TensorInfo
from ..stream.window import Shape, Window
from .digest import crc32_of_file
from .sources import changed, source_crc32

__all__ = ["READERS", "Content", "Copied", "Drawn", "Filled", "Unread", "check_made", "content_from_dict"]

Bytes = npt.NDArray[np.uint8]


class Content(Protocol):
    """What makes a tensor's bytes, any rectangle of it alone."""

    @property
    def kind(self) -> str:
        """The name of the kind, such as "drawn"; it is the field "kind" of `to_dict`."""

    def fill(self, window: Window, extent: Shape, out: Bytes, threads: int) -> None:
        """Write a rectangle into `out`, in C order and little-endian.

        Parameters
        ----------
        window : Window
            Where the rectangle starts in the whole tensor.
        extent : tuple of int
            Its shape.
        out : ndarray of uint8
            Exactly the bytes of the rectangle.
        threads : int
            Threads that may take part.
        """

    def at_once(self, shape: Shape) -> int:
        """Return how many consecutive elements of a tensor must be made together; 0 where any will do."""

    def to_dict(self) -> dict[str, Any]:
        """Return everything that decides the bytes as JSON values; equal content means equal bytes."""


@dataclass(frozen=True)
class Drawn:
    """A plan executed under a key, with rows that are zero all the same."""

    kind: ClassVar[str] = "drawn"
    plan: Plan
    key: Key
    zero_rows: tuple[int, ...] = ()

    def fill(self, window: Window, extent: Shape, out: Bytes, threads: int) -> None:
        """Draw the rectangle."""
        array = out.view(bits_dtype(resolve(self.plan.dtype))).reshape(extent)
        execute(self.plan, array, self.key, window.start, threads)
        if self.zero_rows:
            first = window.start[0]
            for row in self.zero_rows:
                if first <= row < first + extent[0]:
                    array[row - first] = 0

    def at_once(self, shape: Shape) -> int:
        """Return the elements of one matrix that is drawn whole, or of the tensor if matrices are mixed."""
        if not self.plan.is_drawn_whole:
            return 0
        stack = self.plan.numbers[-1] if self.plan.distribution == "orthogonal" else ()
        leading = len(stack) if stack == tuple(range(len(stack))) else 0
        return math.prod(shape[leading:])

    def cheap_axis(self, shape: Shape) -> int | None:
        """Return the axis along which parts of a matrix that is drawn whole cost only their share.

        It is an axis of the side with fewer lines; None where there is no such axis, as in groups.
        """
        if self.plan.distribution == "orthogonal":
            _, out_axis, stack = self.plan.numbers
            others = [axis for axis in range(len(shape)) if axis != out_axis and axis not in stack]
            few_outputs = shape[out_axis] <= math.prod(shape[axis] for axis in others)
            return int(out_axis) if few_outputs else max(others, key=lambda axis: shape[axis])
        return int(self.plan.numbers[1]) if self.plan.distribution == "delta_orthogonal" else None

    @cached_property
    def crc32(self) -> int:
        """Checksum of the file's values that are copied, read now."""
        assert isinstance(self.plan.source, FileSource), "only what is copied from a file has a checksum"
        return source_crc32(self.plan.source)

    def check(self, checksum: int) -> None:
        """Refuse values that were copied after the file had changed."""
        if isinstance(source := self.plan.source, FileSource) and checksum != self.crc32:
            raise changed(source.path, source.tensor)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers of the plan and the key; values in memory are named by a digest."""
        plan = _shared(self.plan) if self.plan.source is None else _numbers(self.plan)
        if isinstance(self.plan.source, FileSource):
            plan["source"]["crc32"] = f"{self.crc32:08x}"
        content = {"kind": self.kind, "plan": plan, "key": [self.key.seed, self.key.offset]}
        return content | ({"zero_rows": list(self.zero_rows)} if self.zero_rows else {})


@lru_cache(maxsize=64)
def _shared(plan: Plan) -> dict[str, Any]:
    """Return the numbers that layers have in common; nobody may change them."""
    return _numbers(plan)


def _numbers(plan: Plan) -> dict[str, Any]:
    """Return the numbers of a plan as JSON values."""
    numbers: dict[str, Any] = json.loads(plan.to_json())
    # a tensor has them already
    del numbers["shape"], numbers["dtype"]
    source = plan.source
    if isinstance(source, FileSource):
        numbers["source"] = {
            "file": os.path.abspath(source.path),
            "tensor": source.tensor,
            "start": source.start,
        }
    elif isinstance(source, ArraySource):
        values = np.ascontiguousarray(source.array).view(np.uint8)
        numbers["source"] = {
            "array": str(source),
            "shape": list(source.shape),
            "blake2b": blake2b(values.data, digest_size=16).hexdigest(),
        }
    return numbers


@dataclass(frozen=True)
class Filled:
    """One integer or boolean everywhere."""

    kind: ClassVar[str] = "filled"
    value: int
    dtype: str

    def fill(self, window: Window, extent: Shape, out: Bytes, threads: int) -> None:
        """Write the value."""
        if self.value == 0:
            out[...] = 0
        else:
            out.view(self.dtype)[...] = self.value

    def at_once(self, shape: Shape) -> int:
        """Return 0."""
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Return the value."""
        return {"kind": self.kind, "value": self.value}


@dataclass(frozen=True)
class Copied:
    """The bytes of a tensor of an existing file."""

    kind: ClassVar[str] = "copied"
    path: Path
    info: TensorInfo
    tensor: str

    def fill(self, window: Window, extent: Shape, out: Bytes, threads: int) -> None:
        """Copy the rectangle's bytes."""
        with self.path.open("rb") as file:
            file.seek(self.info.start + window.offset * ITEMSIZE[self.info.dtype])
            if file.readinto(out.data) != len(out):
                raise self._ended()

    def at_once(self, shape: Shape) -> int:
        """Return 0."""
        return 0

    @cached_property
    def crc32(self) -> int:
        """Checksum of the bytes to copy, read now."""
        checksum = crc32_of_file(self.path, self.info.start, self.info.nbytes)
        if checksum is None:
            raise self._ended()
        return checksum

    def check(self, checksum: int | None) -> None:
        """Refuse bytes that were copied after the file had changed."""
        if checksum != self.crc32:
            raise changed(self.path, self.tensor)

    def to_dict(self) -> dict[str, Any]:
        """Return where the bytes lie and their checksum, so that a file that changed is another content."""
        return {
            "kind": self.kind,
            "file": os.path.abspath(self.path),
            "start": self.info.start,
            "crc32": f"{self.crc32:08x}",
        }

    def _ended(self) -> FormatError:
        return FormatError(
            f"{self.path}: tensor '{self.tensor}' ended early; the file changed while it was read"
        )


@dataclass(frozen=True)
class Unread:
    """A content that a plan read from JSON names, and that nothing here can make."""

    kind: str
    fields: Mapping[str, Any]
    why: str

    def fill(self, window: Window, extent: Shape, out: Bytes, threads: int) -> None:
        """Refuse."""
        raise RecipeError(self.why)

    def at_once(self, shape: Shape) -> int:
        """Return how many elements the plan says must be made together."""
        return int(self.fields.get("at_once", 0))

    def to_dict(self) -> dict[str, Any]:
        """Return what was read."""
        return dict(self.fields)


def check_made(content: Content) -> None:
    """Refuse, before anything is written, a content that nothing here can make."""
    if isinstance(content, Unread):
        raise RecipeError(content.why)


#: From (fields of `to_dict`, name, shape, dtype) to a content.
Reader = Callable[[Mapping[str, Any], str, Shape, str], Content]


def _drawn(fields: Mapping[str, Any], name: str, shape: Shape, dtype: str) -> Content:
    numbers = {**fields["plan"], "shape": list(shape), "dtype": dtype}
    source = numbers.pop("source", None)
    plan = Plan.from_json(json.dumps(numbers))
    if source is not None:
        if "array" in source:
            return Unread(
                "drawn",
                fields,
                f"tensor '{name}' copies {source['array']} in memory, which a plan read from JSON does not "
                "hold; save it as safetensors and name the file in the recipe",
            )
        found = open_source(source["file"], source["tensor"])
        if not isinstance(found, FileSource) or found.start != source["start"]:
            raise FormatError(
                f"{source['file']}: tensor '{source['tensor']}' is not where the plan says; the file "
                "changed. Make the plan again"
            )
        if f"{source_crc32(found):08x}" != source["crc32"]:
            raise changed(found.path, found.tensor)
        plan = replace(plan, source=found)
    return Drawn(plan, Key(*fields["key"]), tuple(fields.get("zero_rows", ())))


def _filled(fields: Mapping[str, Any], name: str, shape: Shape, dtype: str) -> Content:
    return Filled(int(fields["value"]), dtype)


def _copied(fields: Mapping[str, Any], name: str, shape: Shape, dtype: str) -> Content:
    start = int(fields["start"])
    info = TensorInfo(dtype, shape, start, start + math.prod(shape) * ITEMSIZE[dtype])
    content = Copied(Path(fields["file"]), info, name)
    content.check(int(fields["crc32"], 16))
    return content


def _definition(fields: Mapping[str, Any]) -> str:
    return str(fields.get("definition", fields.get("file", "what the plan does not say")))


#: How each kind of content is read; an adapter adds its own.
READERS: dict[str, Reader] = {"drawn": _drawn, "filled": _filled, "copied": _copied}


def content_from_dict(fields: Mapping[str, Any], name: str, shape: Shape, dtype: str) -> Content:
    """Return the content that `Content.to_dict` wrote; one that cannot be made refuses when it is filled.

    Raises
    ------
    FormatError
        If the fields are not those of a content, or a file that they name has changed.
    """
    try:
        kind = fields["kind"]
        if kind not in READERS:
            return Unread(
                kind,
                fields,
                f"tensor '{name}' is {kind} by {_definition(fields)}; "
                "make the plan from that definition in this process",
            )
        return READERS[kind](fields, name, shape, dtype)
    except FormatError:
        raise
    except (LookupError, TypeError, ValueError, zlib.error) as error:
        raise FormatError(f"tensor '{name}': the plan does not say what makes it ({error})") from None
