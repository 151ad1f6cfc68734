"""What a fill needs of a device, and where on it the memory is that a fill writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..stream.window import Shape
from .tasks import BLOCK_THREADS, Task

__all__ = ["Device", "Memory", "Queue", "blocks_for"]

_BLOCKS_A_PROCESSOR = 32


class Device(Protocol):
    """A device that runs the kernels of csrc/cuda."""

    @property
    def processors(self) -> int:
        """How many multiprocessors it has."""

    def launch(self, kernel: str, blocks: int, task: Task, stream: int) -> None:
        """Run a kernel on a stream, and return before it is done."""


@dataclass(frozen=True)
class Queue:
    """A stream of a device, and what gives memory for the launches on it.

    Parameters
    ----------
    device : Device
        The device.
    stream : int
        The handle of the stream; 0 is the default stream.
    allocate : callable
        Takes a number of bytes, and returns an address, a multiple of 256, and an object that keeps the
        memory. Once nothing refers to that object, launches that come later on the stream may use the memory.
    """

    device: Device
    stream: int
    allocate: Callable[[int], tuple[int, object]]

    def launch(self, kernel: str, units: int, task: Task) -> None:
        """Run a kernel whose threads share so many units; nothing is launched for none."""
        if units > 0:
            self.launch_blocks(kernel, blocks_for(units, self.device.processors), task)

    def launch_blocks(self, kernel: str, blocks: int, task: Task) -> None:
        """Run a kernel on so many blocks of threads."""
        if blocks > 0:
            self.device.launch(kernel, blocks, task, self.stream)


@dataclass(frozen=True)
class Memory:
    """C-contiguous memory of a device.

    Parameters
    ----------
    address : int
        Of the first element, a multiple of the element's size.
    shape : tuple of int
        Of what it holds.
    dtype : str
        The name of its format.
    queue : Queue
        What writes it.
    """

    address: int
    shape: Shape
    dtype: str
    queue: Queue


def blocks_for(units: int, processors: int) -> int:
    """Return how many blocks of threads share some units: at most as many as keep the device busy."""
    return max(1, min(-(-units // BLOCK_THREADS), _BLOCKS_A_PROCESSOR * processors))
