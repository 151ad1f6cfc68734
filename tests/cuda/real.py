"""A real device behind the tests of bits: PYINIT_CUDA_DEVICE=0 pytest tests/cuda/test_bits.py."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from pyinit.cuda import driver
from pyinit.cuda.tasks import Task
from tests.cuda.emulation import EmulatedDevice, Launch


class RealDevice(EmulatedDevice):
    """Runs launches on a device, on its default stream, and keeps what they were."""

    def __init__(self, ordinal: int) -> None:
        self.real = driver.device_at(ordinal)
        self.library: Any = driver._driver()
        self.stream, self.processors = 0, self.real.processors
        self.launches, self.allocated = [], []
        self.library.cuCtxPushCurrent_v2(self.real._primary())

    def launch(self, kernel: str, blocks: int, task: Task, stream: int) -> None:
        """Run a kernel on the device."""
        self.launches.append(Launch(kernel, blocks, bytes(task), stream))
        self.real.launch(kernel, blocks, task, stream)

    def allocate(self, nbytes: int) -> tuple[int, object]:
        """Return memory in the order of the stream."""
        return self.real._allocate(nbytes, self.stream)

    def upload(self, held: np.ndarray) -> int:
        """Return the address of memory on the device with these bytes."""
        address = ctypes.c_uint64()
        self._do("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(held.nbytes))
        self._do("cuMemcpyHtoD_v2", address, ctypes.c_void_p(held.ctypes.data), ctypes.c_size_t(held.nbytes))
        return address.value

    def download(self, address: int, held: np.ndarray) -> None:
        """Copy the bytes back, once everything before is done, and give the memory back."""
        size = ctypes.c_size_t(held.nbytes)
        self._do("cuMemcpyDtoH_v2", ctypes.c_void_p(held.ctypes.data), ctypes.c_uint64(address), size)
        self._do("cuMemFree_v2", ctypes.c_uint64(address))

    def _do(self, name: str, *arguments: Any) -> None:
        driver._check(self.library, getattr(self.library, name)(*arguments), name)
