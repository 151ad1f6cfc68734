"""A caller's memory as an array: a buffer is borrowed, or an error says why it cannot be."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import LayoutError
from .dtypes import FORMATS, bits_dtype, resolve, unsupported

__all__ = ["DLPACK_CPU", "Borrowed", "borrow", "check_lasting", "dlpack_view", "is_immutable"]

Array = npt.NDArray[Any]

# NumPy's own formats, and the bits of bfloat16; those of float8 do not tell which of two formats they are
_NAMES: dict[np.dtype[Any], str] = {
    bits_dtype(resolve(name)): name for name in FORMATS if not name.startswith("float8")
}


def borrow(out: Any) -> tuple[Array, str]:
    """Return the memory of `out` as an array, and the name of its format."""
    if isinstance(out, np.ndarray):
        array = out
    elif hasattr(out, "__dlpack__"):
        return _borrow_dlpack(out)
    else:
        array = _borrow_bytes(out)
    if not array.flags.carray:
        raise LayoutError(_why_not(array))
    name = _NAMES.get(array.dtype)
    return array, name if name is not None else _name(array)


def _name(array: Array) -> str:
    if array.dtype.kind in "biuSVOU" and array.dtype.name not in FORMATS:
        advice = "Use .view(numpy.float32) on raw bytes, or make the array with another dtype."
        if array.dtype == np.uint8:
            advice = "Use .view(dtype) on raw bytes, such as numpy.float32 or ml_dtypes.float8_e4m3fn."
        raise unsupported("fill needs an array of", array.dtype, advice)
    return resolve(array.dtype).name


def _borrow_dlpack(out: Any) -> tuple[Array, str]:
    library = type(out).__module__.partition(".")[0]
    if is_immutable(out):
        raise LayoutError(
            f"fill needs memory that may change; a {library} array is immutable. "
            "Call the recipe and convert what it returns."
        )
    try:
        device = tuple(int(part) for part in out.__dlpack_device__())
    except ValueError as error:
        # torch's meta tensors have no memory at all
        raise LayoutError(
            f"fill needs memory of the CPU; got a buffer that says: {error}. Make it on the CPU first."
        ) from None
    if device[0] != DLPACK_CPU:
        raise LayoutError(
            f"fill needs memory of the CPU or of a CUDA device; got a buffer on DLPack device {device}. "
            "Fill a CPU buffer and copy it over."
        )
    if getattr(out, "requires_grad", False):
        check_lasting(out)
        # a parameter exports its memory only outside autograd
        out = out.detach()
    try:
        array, name, has_flags, copied = dlpack_view(out)
    except BufferError as error:
        raise LayoutError(
            f"fill needs plain strided memory; got a buffer that says: {error}. Copy it."
        ) from None
    except ValueError:
        held = getattr(out, "dtype", "another dtype")
        raise unsupported("fill needs a tensor of", held, "Use another dtype.") from None
    if copied:
        raise LayoutError(
            f"fill needs the memory itself; a {library} object gives a copy of its own. "
            "Call the recipe and convert what it returns."
        )
    if not (has_flags or any(base.__module__.partition(".")[0] in _MUTABLE for base in type(out).__mro__)):
        raise LayoutError(
            f"fill needs memory that may change; a {library} object exports it by DLPack 0.x, which cannot "
            "state that. Call the recipe and convert what it returns."
        )
    if not array.flags.carray:
        raise LayoutError(_why_not(array))
    return array, resolve(name).name


# The arrays of these libraries never change, whatever their exports claim.
_IMMUTABLE = frozenset({"jax", "jaxlib", "tensorflow"})


def is_immutable(out: Any) -> bool:
    """Return whether an object is of a library whose arrays never change."""
    return type(out).__module__.partition(".")[0] in _IMMUTABLE


# DLPack 0.x cannot mark memory as read-only. Objects of these libraries, and of their subclasses, may be
# written all the same.
_MUTABLE = frozenset({"cupy", "numpy", "torch"})


def check_lasting(out: Any) -> None:
    """Refuse a torch tensor that autograd computed, unless it is a view of one that lasts."""
    base = getattr(out, "_base", None)
    if getattr(out, "grad_fn", None) is not None and (base is None or base.grad_fn is not None):
        raise LayoutError(
            "fill needs memory that keeps what is written; got a tensor that is computed from others. "
            "Assign instead, as in layer.weight = filled for a parametrized weight, or fill what it is "
            "computed from."
        )


def _borrow_bytes(out: Any) -> Array:
    try:
        view = memoryview(out)
    except TypeError:
        raise LayoutError(
            f"fill needs a writable buffer: an array, a CPU tensor, a bytearray or a memoryview; got "
            f"{type(out).__name__}. Use numpy.empty(shape, dtype) for new memory."
        ) from None
    if view.format not in ("B", "b", "c") or not view.c_contiguous:
        return np.asarray(view)
    if view.nbytes % 4:
        raise LayoutError(
            f"raw bytes hold float32, so their length must be a multiple of 4; got {view.nbytes}. "
            "Use a NumPy view for another dtype."
        )
    # nothing is written to an empty buffer, and Python 3.13 may place it at an odd address
    empty = not view.nbytes and not view.readonly
    return np.empty(0, np.float32) if empty else np.frombuffer(view, np.float32)


def _why_not(array: Array) -> str:
    if not array.flags.writeable:
        return "fill needs writable memory; got a read-only buffer. Copy it, or open the file with mode 'r+'."
    if not array.flags.c_contiguous:
        return (
            f"fill needs C-contiguous memory; got strides {array.strides} for shape {array.shape}. "
            "Fill a contiguous array and copy it, or give its rows one by one with a window."
        )
    return (
        f"fill needs memory aligned to {array.dtype.alignment} bytes; got address {array.ctypes.data:#x}. "
        "Begin the buffer at a multiple of the item size."
    )


DLPACK_CPU = 1
"""DLPack's number for memory of the CPU."""


class Borrowed(NamedTuple):
    """The memory of a DLPack exporter."""

    array: Array
    """The memory as an array, bfloat16 and float8 as bits; read-only if the exporter marks it so."""
    name: str
    """The name of its format."""
    has_flags: bool
    """Whether the exporter can mark memory as read-only: DLPack 1 can, DLPack 0.x cannot."""
    copied: bool
    """Whether it is a copy, made for this export."""


def dlpack_view(exporter: Any) -> Borrowed:
    """Return the memory of a DLPack exporter.

    torch exports two kinds of tensors whose memory is not what they hold: lazily negated ones, and fake ones.
    """
    if getattr(exporter, "is_neg", bool)():
        raise BufferError("its negative bit is set")
    if getattr(exporter, "is_conj", bool)():
        raise BufferError("its conjugate bit is set")
    borrowed = Borrowed(*_core.dlpack_view(exporter))
    if borrowed.array.size > 0 and borrowed.array.base is None:
        # for a null pointer NumPy allocates
        raise BufferError("it has no memory")
    return borrowed
