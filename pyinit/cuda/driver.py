"""NVIDIA's driver through its library: devices, and kernels that are loaded and launched.

It uses each device's primary context, which torch, CuPy and JAX use too, and leaves the caller's current
context as it was.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from ..errors import DeviceError
from .cache import code_of
from .compiler import LEAST_ARCH, choose
from .device import Queue
from .programs import program_of
from .tasks import BLOCK_THREADS, Task

__all__ = ["CudaDevice", "cuda_version", "device_at", "device_of_pointer", "devices"]

_LIBRARY = "libcuda.so.1"

_NAME_BYTES = 256
_PROCESSORS, _MAJOR, _MINOR = 16, 75, 76
_POINTER_DEVICE = 9

_CAPTURING = frozenset({900, 901, 906})
"""Errors of calls that a stream which is captured into a graph does not allow."""


@lru_cache(maxsize=1)
def _driver() -> Any:
    """Return the driver's library, begun; or raise an error that says what is missing."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        raise DeviceError(
            f"pyinit on a CUDA device needs NVIDIA's driver; {_LIBRARY} cannot be loaded. "
            "Install the driver, or fill on the CPU."
        ) from None
    library.cuGetErrorString.argtypes = (ctypes.c_int, ctypes.POINTER(ctypes.c_char_p))
    handle, number = ctypes.c_void_p, ctypes.c_uint
    library.cuLaunchKernel.argtypes = (
        handle, *[number] * 7, handle, ctypes.POINTER(handle), ctypes.POINTER(handle)
    )  # fmt: skip
    library.cuCtxPushCurrent_v2.argtypes = (handle,)
    library.cuModuleGetFunction.argtypes = (ctypes.POINTER(handle), handle, ctypes.c_char_p)
    library.cuMemAllocAsync.argtypes = (ctypes.POINTER(ctypes.c_uint64), ctypes.c_size_t, handle)
    library.cuMemFreeAsync.argtypes = (ctypes.c_uint64, handle)
    library.cuPointerGetAttribute.argtypes = (handle, ctypes.c_int, ctypes.c_uint64)
    _check(library, library.cuInit(0), "begin")
    return library


def _check(library: Any, status: int, what: str) -> None:
    if status == 0:
        return
    text = ctypes.c_char_p()
    library.cuGetErrorString(status, ctypes.byref(text))
    reason = (text.value or b"an unknown error").decode()
    if status in _CAPTURING:
        raise DeviceError(
            f"a CUDA stream that is captured into a graph cannot {what}: {reason}. "
            "Make one such fill before the capture, which compiles and loads its kernels."
        )
    raise DeviceError(f"the CUDA driver cannot {what}: {reason} (error {status}). See `pyinit info`.")


def cuda_version() -> tuple[int, int]:
    """Return the newest version of CUDA that the driver runs programs of."""
    library, number = _driver(), ctypes.c_int()
    _check(library, library.cuDriverGetVersion(ctypes.byref(number)), "say its version")
    return number.value // 1000, number.value % 1000 // 10


def devices() -> list[CudaDevice]:
    """Return all devices; raise DeviceError where there is no driver."""
    library, count = _driver(), ctypes.c_int()
    _check(library, library.cuDeviceGetCount(ctypes.byref(count)), "count devices")
    return [device_at(ordinal) for ordinal in range(count.value)]


@lru_cache(maxsize=64)
def device_at(ordinal: int) -> CudaDevice:
    """Return the device of a number."""
    return CudaDevice(ordinal)


def device_of_pointer(address: int) -> CudaDevice:
    """Return the device whose memory an address is in."""
    library, ordinal = _driver(), ctypes.c_int(-1)
    status = library.cuPointerGetAttribute(ctypes.addressof(ordinal), _POINTER_DEVICE, address)
    _check(library, status, "find the device of a buffer")
    return device_at(ordinal.value)


class CudaDevice:
    """A device, with the kernels that it has loaded.

    Parameters
    ----------
    ordinal : int
        Its number for the driver in this process.
    """

    def __init__(self, ordinal: int) -> None:
        library = _driver()
        self.ordinal = ordinal
        handle = ctypes.c_int()
        _check(library, library.cuDeviceGet(ctypes.byref(handle), ordinal), f"find device {ordinal}")
        self._handle = handle.value
        name = ctypes.create_string_buffer(_NAME_BYTES)
        _check(library, library.cuDeviceGetName(name, _NAME_BYTES, self._handle), "name a device")
        self.name = name.value.decode(errors="replace")
        self.processors = self._attribute(_PROCESSORS)
        self.arch = 10 * self._attribute(_MAJOR) + self._attribute(_MINOR)
        self._context: int | None = None
        self._functions: dict[str, int] = {}
        self._lock = threading.Lock()

    def _attribute(self, which: int) -> int:
        library, value = _driver(), ctypes.c_int()
        status = library.cuDeviceGetAttribute(ctypes.byref(value), which, self._handle)
        _check(library, status, "describe a device")
        return value.value

    def launch(self, kernel: str, blocks: int, task: Task, stream: int) -> None:
        """Run a kernel on a stream, and return before it is done; the first time it is compiled."""
        function = self._functions.get(kernel) or self._loaded(kernel)
        library = _driver()
        argument = ctypes.c_void_p(ctypes.addressof(task))
        # _current() would take as long as the launch
        _check(library, library.cuCtxPushCurrent_v2(self._primary()), f"use device {self.ordinal}")
        status = library.cuLaunchKernel(
            function, blocks, 1, 1, BLOCK_THREADS, 1, 1, 0, stream, ctypes.byref(argument), None
        )
        library.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
        if status:
            _check(library, status, f"launch {kernel}")

    def queue(self, stream: int, allocate: Callable[[int], tuple[int, object]] | None = None) -> Queue:
        """Return a stream of this device; without `allocate` its memory comes from the driver."""
        return Queue(self, stream, allocate or (lambda nbytes: self._allocate(nbytes, stream)))

    def _allocate(self, nbytes: int, stream: int) -> tuple[int, object]:
        kept = _StreamMemory(self, nbytes, stream)
        return kept.address, kept

    @contextmanager
    def _current(self) -> Iterator[None]:
        """Make the device's primary context the current one."""
        library = _driver()
        _check(library, library.cuCtxPushCurrent_v2(self._primary()), f"use device {self.ordinal}")
        try:
            yield
        finally:
            library.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))

    def _primary(self) -> int:
        if self._context is None:
            library, context = _driver(), ctypes.c_void_p()
            status = library.cuDevicePrimaryCtxRetain(ctypes.byref(context), self._handle)
            _check(library, status, f"use device {self.ordinal}")
            self._context = context.value
        return self._context or 0

    def _loaded(self, kernel: str) -> int:
        """Compile and load the program of a kernel, and return the kernel."""
        with self._lock:
            if kernel in self._functions:
                return self._functions[kernel]
            if self.arch < LEAST_ARCH:
                raise DeviceError(
                    f"pyinit needs a device of compute capability {LEAST_ARCH / 10}; {self.name} has "
                    f"{self.arch / 10}. Fill on the CPU and copy."
                )
            program = program_of(kernel)
            compiler = choose(cuda_version()[0])
            code = code_of(program, compiler, compiler.target(self.arch))
            library, module, function = _driver(), ctypes.c_void_p(), ctypes.c_void_p()
            with self._current():
                _check(library, library.cuModuleLoadData(ctypes.byref(module), code), f"load {program.name}")
                status = library.cuModuleGetFunction(ctypes.byref(function), module, kernel.encode())
                _check(library, status, f"find {kernel}")
            self._functions[kernel] = int(function.value or 0)
            return self._functions[kernel]


class _StreamMemory:
    """Memory in the order of a stream: given back when nothing refers to it."""

    def __init__(self, device: CudaDevice, nbytes: int, stream: int) -> None:
        self._device, self._stream = device, stream
        library, address = _driver(), ctypes.c_uint64()
        with device._current():
            status = library.cuMemAllocAsync(ctypes.byref(address), nbytes, stream)
        _check(library, status, f"allocate {nbytes} bytes")
        self.address = address.value

    def __del__(self) -> None:
        address = getattr(self, "address", 0)
        if address:
            with self._device._current():
                _driver().cuMemFreeAsync(address, self._stream)
