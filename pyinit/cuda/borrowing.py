"""A caller's memory on a CUDA device, by ``__cuda_array_interface__`` or DLPack."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import LayoutError
from ..stream.dtypes import FORMATS, resolve, unsupported
from ..stream.memory import check_lasting, is_immutable
from ..stream.window import Shape
from .device import Memory
from .driver import CudaDevice, device_at, device_of_pointer
from .lines import steps_of

__all__ = ["borrow", "is_on_device"]

_CUDA, _CUDA_MANAGED = 2, 13
_LEGACY_STREAM = 1
"""The default stream of the driver, in both protocols; most other streams wait for it."""

_NAMES = {
    "<f4": "float32",
    "<f8": "float64",
    "<f2": "float16",
    "<u2": "bfloat16",
    "<c8": "complex64",
    "<c16": "complex128",
}
_DLPACK_NAMES = {
    (2, 32): "float32",
    (2, 64): "float64",
    (2, 16): "float16",
    (4, 16): "bfloat16",
    (5, 64): "complex64",
    (5, 128): "complex128",
    (10, 8): "float8_e4m3fn",
    (12, 8): "float8_e5m2",
}
_ITEMSIZE = {name: resolve(name).itemsize for name in FORMATS}


def is_on_device(out: Any) -> bool:
    """Return whether a buffer is in a CUDA device's memory, and may change."""
    if isinstance(out, np.ndarray | bytearray | memoryview | bytes) or is_immutable(out):
        return False
    try:
        if hasattr(out, "__dlpack_device__"):
            return int(out.__dlpack_device__()[0]) in (_CUDA, _CUDA_MANAGED)
        return hasattr(out, "__cuda_array_interface__")
    except (ValueError, RuntimeError, BufferError):
        # torch's meta tensors have no memory, for one
        return False


def borrow(out: Any) -> tuple[Memory, object]:
    """Return a buffer's memory, and what keeps it; or raise an error that says why it cannot be written."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(out, torch.Tensor):
        found, keeper = _of_torch(out, int(torch.cuda.current_stream(out.device).cuda_stream)), out
    elif (interface := _interface_of(out)) is not None:
        found, keeper = _of_interface(interface), out
    elif hasattr(out, "__dlpack__"):
        found, keeper = _of_dlpack(out)
    else:
        raise LayoutError(f"fill needs a buffer of a CUDA device; got {type(out).__name__}. Use pyinit.fill.")
    if found.is_read_only:
        raise LayoutError("fill needs writable memory; got a read-only buffer on a CUDA device. Copy it.")
    size = _ITEMSIZE[found.dtype]
    if 0 not in found.shape and found.steps is not None and _has_gaps(found.shape, found.steps):
        raise LayoutError(
            f"fill needs C-contiguous memory; got steps {found.steps} for shape {found.shape}. "
            "Fill a contiguous array and copy it, or give its rows one by one with a window."
        )
    if found.address % min(size, 8):
        raise LayoutError(
            f"fill needs memory aligned to {size} bytes; got address {found.address:#x}. "
            "Begin the buffer at a multiple of the item size."
        )
    # a buffer without elements has no address that a device knows
    device = found.device or (device_at(0) if 0 in found.shape else device_of_pointer(found.address))
    return Memory(found.address, found.shape, found.dtype, device.queue(found.stream)), keeper


@dataclass(frozen=True)
class _Found:
    """What a protocol says of a buffer; `steps` count elements, None for C order."""

    address: int
    shape: Shape
    steps: Shape | None
    dtype: str
    is_read_only: bool
    stream: int
    device: CudaDevice | None = None


def _has_gaps(shape: Shape, steps: Shape) -> bool:
    return any(n > 1 and a != b for n, a, b in zip(shape, steps, steps_of(shape), strict=True))


def _of_torch(tensor: Any, stream: int) -> _Found:
    """Read a torch tensor itself: neither protocol says on which stream torch uses it."""
    check_lasting(tensor)
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in _ITEMSIZE:
        raise unsupported("fill needs a tensor of", tensor.dtype, "Use another dtype.")
    reason = None
    if str(tensor.layout) != "torch.strided":
        reason = f"its layout is {tensor.layout}"
    elif tensor.is_neg():
        reason = "its negative bit is set"
    elif tensor.data_ptr() == 0 and tensor.numel() > 0:
        reason = "it has no memory"
    if reason is not None:
        raise LayoutError(f"fill needs plain strided memory; got a tensor that says: {reason}. Copy it.")
    steps = None if tensor.is_contiguous() else tuple(tensor.stride())
    device = device_at(tensor.device.index or 0)
    return _Found(tensor.data_ptr(), tuple(tensor.shape), steps, name, False, stream, device)


def _interface_of(out: Any) -> dict[str, Any] | None:
    """Return what `__cuda_array_interface__` says; None where DLPack may say more."""
    interface: dict[str, Any] | None = getattr(out, "__cuda_array_interface__", None)
    if interface is None or (interface["typestr"] not in _NAMES and hasattr(out, "__dlpack__")):
        return None
    return interface


def _of_interface(interface: dict[str, Any]) -> _Found:
    name = _NAMES.get(interface["typestr"])
    if name is None:
        raise unsupported("fill needs an array of", interface["typestr"], "Use another dtype.")
    address, is_read_only = interface["data"]
    shape, strides = tuple(interface["shape"]), interface.get("strides")
    size = _ITEMSIZE[name]
    if strides is not None and 0 not in shape and any(step % size for step in strides):
        raise LayoutError(
            f"fill needs C-contiguous memory; got strides of {tuple(strides)} bytes for elements of {size}. "
            "Fill a contiguous array and copy it."
        )
    steps = None if strides is None else tuple(step // size for step in strides)
    stream = interface.get("stream")
    return _Found(
        int(address or 0), shape, steps, name, is_read_only, _LEGACY_STREAM if stream is None else int(stream)
    )


Fields = Sequence[tuple[str, Any]]


class _Tensor(ctypes.Structure):
    """DLTensor."""

    _fields_: ClassVar[Fields] = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Versioned(ctypes.Structure):
    """DLManagedTensorVersioned."""

    _fields_: ClassVar[Fields] = [
        ("version", ctypes.c_uint32 * 2),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    ]


def _of_dlpack(out: Any) -> tuple[_Found, object]:
    try:
        capsule = out.__dlpack__(stream=_LEGACY_STREAM, max_version=(1, 0))
    except TypeError:
        # an exporter of DLPack 0.x
        capsule = out.__dlpack__(stream=_LEGACY_STREAM)
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    valid = ctypes.pythonapi.PyCapsule_IsValid
    valid.argtypes = (ctypes.py_object, ctypes.c_char_p)
    flags = 0
    if valid(capsule, b"dltensor_versioned"):
        managed = _Versioned.from_address(pointer(capsule, b"dltensor_versioned"))
        tensor, flags = managed.tensor, managed.flags
    else:
        tensor = _Tensor.from_address(pointer(capsule, b"dltensor"))
    name = _DLPACK_NAMES.get((tensor.code, tensor.bits)) if tensor.lanes == 1 else None
    if name is None:
        held = getattr(out, "dtype", "another dtype")
        raise unsupported("fill needs a tensor of", held, "Use another dtype.")
    axes = range(tensor.ndim)
    steps = tuple(tensor.strides[axis] for axis in axes) if tensor.strides else None
    return _Found(
        int(tensor.data or 0) + tensor.byte_offset,
        tuple(tensor.shape[axis] for axis in axes),
        steps,
        name,
        bool(flags & 1),
        _LEGACY_STREAM,
        device_at(tensor.device_id),
    ), capsule
