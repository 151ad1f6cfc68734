"""The races of the matrix product: pyinit's fixed order beside the orders that libraries choose."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

import pyinit as pi

from .answer import AnswerError
from .contender import Job, Place, Trial
from .peers import Torch

Array = np.ndarray[Any, Any]

_SAMPLED_ROWS = 5


@lru_cache(maxsize=2)
def factors(rows: int, depth: int, columns: int) -> tuple[Array, Array]:
    """Return two matrices of normals; all contenders multiply the same."""
    keys = (pi.key(0).fold_in("a"), pi.key(0).fold_in("b"))
    return pi.normal()((rows, depth), key=keys[0]), pi.normal()((depth, columns), key=keys[1])


def check_product(made: Array, a: Array, b: Array, who: str) -> None:
    """Raise `AnswerError` unless sampled rows are those of `a` `b`, within a rounding for each step."""
    rows = np.linspace(0, len(a) - 1, _SAMPLED_ROWS).astype(int)
    wide, columns = a[rows].astype(np.float64), b.astype(np.float64)
    room = a.shape[1] * 2.0**-24 * (np.abs(wide) @ np.abs(columns))
    if made.shape != (len(a), b.shape[1]) or not (np.abs(made[rows] - wide @ columns) <= room).all():
        raise AnswerError(f"{who}: the product of {a.shape} and {b.shape} is wrong. It is not timed.")


class Multiplied:
    """A function of two matrices and the memory that their product goes to.

    Parameters
    ----------
    name : str
    multiply : callable
    """

    isa = None

    def __init__(self, name: str, multiply: Callable[[Array, Array, Array, int], Any]) -> None:
        self.name = name
        self._multiply = multiply

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial of the square product into `place`."""
        if not isinstance(place, np.ndarray):
            return None
        a, b = factors(job.shape[0], job.shape[0], job.shape[0])
        return Trial(
            lambda: self._multiply(a, b, place, job.threads),
            lambda _: check_product(place, a, b, self.name),
        )


def fixed_order() -> Multiplied:
    """Return `pyinit.linalg.matmul`."""

    def multiply(a: Array, b: Array, out: Array, threads: int) -> Any:
        return pi.linalg.matmul(a, b, out=out, threads=threads or None)

    return Multiplied("pyinit", multiply)


def numpys() -> Multiplied:
    """Return `numpy.matmul`, on the BLAS that NumPy was built with and that one's own number of threads."""

    def multiply(a: Array, b: Array, out: Array, threads: int) -> Any:
        return np.matmul(a, b, out=out)

    return Multiplied("numpy", multiply)


class TorchProduct:
    """`torch.matmul`."""

    name = "torch"
    isa = None

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial of the square product into `place`, or None when torch is absent."""
        if Torch.version() is None or not isinstance(place, np.ndarray):
            return None
        torch = importlib.import_module("torch")
        if job.threads:
            torch.set_num_threads(job.threads)
        a, b = factors(job.shape[0], job.shape[0], job.shape[0])
        tensors = [torch.from_numpy(array) for array in (a, b, place)]
        return Trial(
            lambda: torch.matmul(tensors[0], tensors[1], out=tensors[2]),
            lambda _: check_product(place, a, b, self.name),
        )
