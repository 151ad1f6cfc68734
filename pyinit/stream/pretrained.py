"""Weights that are copied: where they come from, and the part of them that a window needs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import DTypeError, LayoutError, RecipeError, ShapeError
from .dtypes import DType, bits_dtype, decode, encode, held, resolve, unsupported
from .memory import DLPACK_CPU, dlpack_view
from .window import Shape, contiguous_blocks

__all__ = ["ArraySource", "FileSource", "Source", "check_shape", "copy", "open_source"]

Array = npt.NDArray[Any]

# Elements that are converted at a time.
_BLOCK = 1 << 20


class Source(Protocol):
    """Values to copy; `str` says where they are."""

    @property
    def shape(self) -> Shape:
        """Shape of the whole source."""

    @property
    def dtype(self) -> DType:
        """Format of its values."""

    def values(self) -> Array:
        """Return all values without copying; bfloat16 and float8 as bits."""


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Values in memory."""

    array: Array
    dtype: DType

    @property
    def shape(self) -> Shape:
        """Shape of the array."""
        return self.array.shape

    def values(self) -> Array:
        """Return the array."""
        return self.array

    def __str__(self) -> str:
        return f"an array of {self.dtype.name}"


@dataclass(frozen=True)
class FileSource:
    """A tensor of a safetensors file, read where it is needed."""

    path: str
    tensor: str
    shape: Shape
    dtype: DType
    start: int

    def values(self) -> Array:
        """Return the tensor as a read-only map of the file."""
        return np.memmap(self.path, bits_dtype(self.dtype), "r", self.start, self.shape)

    def __str__(self) -> str:
        return f"{self.path}[{self.tensor}]"


def open_source(source: Any, tensor: str | None) -> Source:
    """Return the values of an array, or of a tensor of a safetensors file or sharded index."""
    if isinstance(source, str | os.PathLike):
        if tensor is None:
            raise RecipeError(
                f"pretrained needs the name of a tensor in {os.fspath(source)!r}; got none. Give tensor=..."
            )
        return _open_file(os.fspath(source), tensor)
    if tensor is not None:
        raise RecipeError(f"pretrained takes a tensor name for a file only; got {tensor!r}. Leave it out.")
    if not isinstance(source, np.ndarray) and hasattr(source, "__dlpack__"):
        return _from_dlpack(source.detach() if hasattr(source, "detach") else source)
    array = np.asarray(source)
    dtype = _format(array.dtype, "an array")
    return ArraySource(held(array, dtype), dtype)


def _from_dlpack(tensor: Any) -> ArraySource:
    if str(getattr(tensor, "device", "")) == "meta":
        raise LayoutError(
            "pretrained needs memory of the CPU; got a meta tensor, which has none. Load its values first."
        )
    device = tuple(int(part) for part in tensor.__dlpack_device__())
    if device[0] != DLPACK_CPU:
        raise LayoutError(
            f"pretrained needs memory of the CPU; got a tensor on DLPack device {device}. Copy it there."
        )
    try:
        borrowed = dlpack_view(tensor)
    except BufferError as error:
        raise LayoutError(
            f"pretrained needs plain strided memory; got a tensor that says: {error}. Copy it."
        ) from None
    except ValueError:
        other = getattr(tensor, "dtype", "another dtype")
        raise unsupported("pretrained needs", f"a tensor of {other}", "Convert it first.") from None
    return ArraySource(borrowed.array, resolve(borrowed.name))


def _format(dtype: Any, what: str) -> DType:
    try:
        return resolve(dtype)
    except DTypeError:
        raise unsupported("pretrained needs", f"{what} of {dtype}", "Convert it first.") from None


def _open_file(path: str, tensor: str) -> FileSource:
    # few programs read weights: importing pyinit stays quick for the others
    from .safetensors import read_header, read_index

    if path.endswith(".index.json"):
        files = read_index(path)
        tensors = {name: info for name, (_, info) in files.items()}
        path = os.fspath(files[tensor][0]) if tensor in files else path
    else:
        tensors = read_header(path).tensors
    if tensor not in tensors:
        known = ", ".join(list(tensors)[:8]) + (", ..." if len(tensors) > 8 else "")
        raise RecipeError(f"{path} has no tensor {tensor!r}. It has {known or 'none'}.")
    info = tensors[tensor]
    return FileSource(path, tensor, tuple(info.shape), _format(info.dtype, repr(tensor)), info.start)


def check_shape(source: Source, shape: Shape, *, evenly: bool = False) -> None:
    """Raise ShapeError unless `shape` is the source's, a leading slice of it, or can be selected from it."""
    if len(shape) != len(source.shape) or any(n > m for n, m in zip(shape, source.shape, strict=True)):
        how = "exactly or evenly spaced" if evenly else "exactly or a leading slice"
        raise ShapeError(
            f"pretrained copies {source}, shape {source.shape}, {how}; got {shape}. "
            "Slice or reshape the source."
        )


def copy(out: Array, dtype: DType, source: Source, start: Shape, whole: Shape | None = None) -> None:
    """Copy the window at `start` into `out`, each value rounded once.

    With the shape of the whole tensor, its indices are spread evenly over those of the source.
    """
    if out.size == 0:
        return
    kept = held(out, dtype)
    values = source.values()
    if whole is None:
        part = values[tuple(slice(i, i + n) for i, n in zip(start, out.shape, strict=True))]
    else:
        part = _selected(values, out.shape, start, whole)
    if source.dtype is dtype:
        kept[...] = part
        return
    if source.dtype.is_complex and not dtype.is_complex:
        raise RecipeError(
            f"{dtype.name} has no imaginary part; {source} holds complex numbers. Copy its real part, or "
            "draw a complex dtype."
        )
    blocks = [
        tuple(slice(i, i + n) for i, n in zip(block.start, extent, strict=True))
        for block, extent in contiguous_blocks(out.shape, _BLOCK)
    ]
    if source.dtype.largest > dtype.largest:
        for block in blocks:
            _check_range(decode(part[block], source.dtype), dtype, source)
    for block in blocks:
        kept[block] = encode(decode(part[block], source.dtype), dtype)


def _selected(values: Array, extent: Shape, start: Shape, whole: Shape) -> Array:
    """Return the window of the selection: a view along each axis of whole steps, a copy along others."""
    for axis, (n, i) in enumerate(zip(extent, start, strict=True)):
        length, size = values.shape[axis], whole[axis]
        step, rest = divmod(length, size)
        chosen: list[Any] = [slice(None)] * len(whole)
        if rest == 0:
            chosen[axis] = slice(i * step, (i + n - 1) * step + 1, step)
            values = values[tuple(chosen)]
            continue
        # round(k (length - 1) / (size - 1)), half to even, in integers
        twice = 2 * np.arange(i, i + n) * (length - 1)
        low, over = np.divmod(twice, 2 * max(size - 1, 1))
        is_up = (over > size - 1) | ((over == size - 1) & (low % 2 == 1))
        chosen[axis] = low + is_up
        values = values[tuple(chosen)]
    return values


def _check_range(values: Array, dtype: DType, source: Source) -> None:
    rounded = encode(values, dtype)
    large = ~np.isfinite(decode(rounded, dtype)) & np.isfinite(values)
    if large.any():
        raise RecipeError(
            f"{dtype.name} holds values up to {dtype.largest:.6g}; {source} holds "
            f"{values[large][0]:.6g}. Use a wider dtype."
        )
