"""Small fills with every program, without torch: what compute-sanitizer watches."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

import pyinit as pi
from pyinit.cuda import driver


class Buffer:
    """Memory of the driver, exactly as large as its array, so that a sanitizer sees what lies beyond it."""

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self.shape, self.stored = shape, np.dtype(np.uint16 if dtype == "bfloat16" else dtype)
        self.nbytes = int(np.prod(shape)) * self.stored.itemsize
        self.library: Any = driver._driver()
        address = ctypes.c_uint64()
        self._do("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(self.nbytes))
        self.address = address.value

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Describe the memory, on the default stream."""
        return {
            "shape": self.shape,
            "typestr": self.stored.str,
            "data": (self.address, False),
            "version": 3,
            "stream": 1,
        }

    def read(self) -> np.ndarray[Any, Any]:
        """Wait for the device, return the values, and give the memory back."""
        held = np.empty(self.shape, self.stored)
        size = ctypes.c_size_t(self.nbytes)
        self._do("cuMemcpyDtoH_v2", ctypes.c_void_p(held.ctypes.data), ctypes.c_uint64(self.address), size)
        self._do("cuMemFree_v2", ctypes.c_uint64(self.address))
        return held

    def _do(self, name: str, *arguments: Any) -> None:
        driver._check(self.library, getattr(self.library, name)(*arguments), name)


RECIPES: list[tuple[Any, tuple[int, ...]]] = [
    (pi.normal(), (1021,)),
    (pi.normal(mean=1.0), (37, 29)),
    (pi.uniform(-1, 1), (1023,)),
    (pi.truncated_normal(), (515,)),
    (pi.constant(0.5), (77,)),
    (pi.sparse(0.5), (130, 33)),
    (pi.sparse(0.5, exact=False), (61, 13)),
    (pi.sparse(0.5, layout="torch"), (33, 21)),
    (pi.identity(), (9, 7)),
    (pi.dirac(layout="torch"), (4, 3, 3, 3)),
    (pi.bilinear(layout="torch"), (2, 2, 4, 5)),
    (pi.along([0.5 * i for i in range(70)]), (3, 70)),
    (pi.blocks(["he_normal", "zeros", "orthogonal"], axis=-1), (7, 33)),
    (pi.orthogonal(), (230, 110)),
    (pi.orthogonal(), (70, 300)),
]


def run() -> int:
    """Fill, read and compare; the exit status is 1 if a bit differs."""
    driver.device_at(0)
    _retain()
    wrong = 0
    for recipe, shape in RECIPES:
        for dtype in ("float32", "float64", "bfloat16"):
            buffer = Buffer(shape, dtype)
            pi.fill(buffer, recipe, key=pi.Key(3, 2**32 - 50))
            stored = "uint16" if dtype == "bfloat16" else dtype
            expected = recipe(shape, key=pi.Key(3, 2**32 - 50), dtype=stored)
            if buffer.read().tobytes() != expected.tobytes():
                wrong += 1
                print(f"{recipe} {shape} {dtype} differs")
    print(f"{3 * len(RECIPES)} small fills, {wrong} differ")
    return min(wrong, 1)


def _retain() -> None:
    """Make the primary context the current one, as the frameworks do."""
    device = driver.device_at(0)
    driver._driver().cuCtxPushCurrent_v2(device._primary())
