"""A stand-in for a device: the kernels of csrc/cuda compiled for the CPU, and launches that are recorded."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import pyinit as pi
from pyinit.cuda.device import Memory, Queue
from pyinit.cuda.kernels import execute
from pyinit.cuda.tasks import BLOCK_THREADS, Task
from pyinit.stream.dtypes import FORMATS, bits_dtype, resolve

ROOT = Path(__file__).parents[2]
STREAM = 0x5EED

STORED = {name: bits_dtype(resolve(name)) for name in FORMATS}


def build(folder: Path, *flags: str) -> ctypes.CDLL:
    """Compile every kernel for the CPU."""
    made = folder / "cuda_kernels.so"
    compiler = os.environ.get("CXX") or shutil.which("g++") or "c++"
    emulated = ROOT / "csrc" / "tests" / "emulated"
    command = [compiler, "-std=c++20", "-O1", "-ffp-contract=off", "-fPIC", "-shared", *flags]
    where = [f"-I{ROOT / 'csrc'}", "-include", str(emulated / "cuda.hpp"), str(emulated / "cuda_kernels.cpp")]
    subprocess.run([*command, *where, "-o", str(made)], check=True, timeout=300)
    return ctypes.CDLL(str(made))


class Launch(NamedTuple):
    """What was launched."""

    kernel: str
    blocks: int
    task: bytes
    stream: int


class EmulatedDevice:
    """Runs a launch at once, and keeps what it was."""

    def __init__(self, kernels: ctypes.CDLL, processors: int = 2) -> None:
        self.kernels = kernels
        self.processors = processors
        self.stream = STREAM
        self.launches: list[Launch] = []
        self.allocated: list[int] = []

    def launch(self, kernel: str, blocks: int, task: Task, stream: int) -> None:
        """Run a kernel on a copy of its task, as a device takes it."""
        size = getattr(self.kernels, f"{kernel}_bytes")
        size.restype = ctypes.c_size_t
        assert ctypes.sizeof(task) == size(), f"{kernel} takes {size()} bytes; got {ctypes.sizeof(task)}"
        copy = bytes(task)
        self.launches.append(Launch(kernel, blocks, copy, stream))
        getattr(self.kernels, kernel)(copy, ctypes.c_uint32(blocks), ctypes.c_uint32(BLOCK_THREADS))

    def allocate(self, nbytes: int) -> tuple[int, object]:
        """Return memory full of ones, which no kernel may take for zeros."""
        self.allocated.append(nbytes)
        kept = np.full(nbytes + 256, 0xFF, np.uint8)
        address = -(-kept.ctypes.data // 256) * 256
        return address, kept

    def upload(self, held: np.ndarray) -> int:
        """Return the address of memory with these bytes."""
        return held.ctypes.data

    def download(self, address: int, held: np.ndarray) -> None:
        """Write the bytes of that memory back."""

    def queue(self) -> Queue:
        """Return a stream of this device."""
        return Queue(self, self.stream, self.allocate)


def filled(
    device: EmulatedDevice,
    recipe: Any,
    shape: tuple[int, ...],
    *,
    key: pi.Key,
    dtype: str = "float32",
    window: pi.Window | None = None,
    offset: int = 0,
) -> np.ndarray:
    """Return what a recipe's launches write, into memory `offset` elements behind a border of 256 bytes.

    What lies around the memory must stay as it was.
    """
    whole, start = (shape, None) if window is None else (window.global_shape, window.start)
    return executed(device, recipe.plan(whole, dtype), shape, key, start, offset)


def executed(
    device: EmulatedDevice,
    plan: pi.Plan,
    shape: tuple[int, ...],
    key: pi.Key,
    start: tuple[int, ...] | None,
    offset: int = 0,
) -> np.ndarray:
    """Return what a plan's launches write."""
    stored = np.dtype(STORED[plan.dtype])
    size = int(np.prod(shape))
    # room before and behind, and for the way to a border
    held = np.full((size + offset) * stored.itemsize + 1024, 0xA5, np.uint8)
    address = device.upload(held)
    first = -address % 256 + 256 + offset * stored.itemsize
    end = first + size * stored.itemsize
    execute(plan, Memory(address + first, shape, plan.dtype, device.queue()), key, start)
    device.download(address, held)
    assert (held[:first] == 0xA5).all(), "something was written before the memory"
    assert (held[end:] == 0xA5).all(), "something was written behind the memory"
    return held[first:end].view(stored).reshape(shape).copy()


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether two arrays hold the same bytes."""
    return a.shape == b.shape and a.tobytes() == b.tobytes()
