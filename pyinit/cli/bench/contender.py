"""A job for several contenders, and one contender's way to do it once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

#: A warm buffer, the directory of a race on disk, or None where each pass allocates.
Place = np.ndarray[Any, Any] | Path | None

NUMPY_STORAGE = {"float32": "float32", "float64": "float64", "bfloat16": "uint16", "float16": "float16"}


@dataclass(frozen=True)
class Job:
    """What is to be made: `shape` numbers of a distribution, into warm or fresh memory or into a file.

    Parameters
    ----------
    distribution : {"normal", "uniform", "truncated_normal", "matmul", "orthogonal"}
        Standard parameters: N(0, 1), U[0, 1), N(0, 1) cut at two sigma; or the product of two matrices of
        normals, or matrices with orthonormal lines.
    dtype : {"float32", "float64", "bfloat16", "float16"}
    shape : tuple of int
    memory : {"warm", "fresh", "disk"}
        Warm writes one buffer again and again; fresh allocates for each pass.
    threads : int
        0 leaves the choice to each contender.
    """

    distribution: str
    dtype: str
    shape: tuple[int, ...]
    memory: str
    threads: int = 0

    @property
    def elements(self) -> int:
        """Number of elements made in one pass."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes made in one pass."""
        return self.elements * np.dtype(NUMPY_STORAGE[self.dtype]).itemsize

    @property
    def flops(self) -> float | None:
        """Floating-point operations of a pass, where they limit it: a fused one is two.

        2 n^3 of a square product; 2 m n^2 - 2/3 n^3 of each orthogonal matrix, the least that a QR takes.
        """
        if self.distribution == "matmul":
            return 2.0 * self.shape[0] ** 3
        if self.distribution == "orthogonal":
            m, n = max(self.shape[-2:]), min(self.shape[-2:])
            return math.prod(self.shape[:-2]) * (2.0 * m * n * n - 2 / 3 * n**3)
        return None

    def buffer(self) -> np.ndarray[Any, Any]:
        """Return a buffer of the job's shape whose pages have all been touched."""
        return np.ones(self.shape, NUMPY_STORAGE[self.dtype])


@dataclass(frozen=True)
class Trial:
    """One contender ready to run.

    Parameters
    ----------
    step : callable
        Does the job once and returns what it made.
    check : callable
        Raises `AnswerError` unless `step` returned what the job requires.
    detail : str
        Which of several ways was taken (a generator's name), or "".
    notes : dict
        What else was measured while checking, for example a peak of memory; may grow in `check`.
    """

    step: Callable[[], Any]
    check: Callable[[Any], None]
    detail: str = ""
    notes: dict[str, float] = field(default_factory=dict)


class Contender(Protocol):
    """Something that can do a job: pyinit, one of its peers, or the machine's limit."""

    @property
    def name(self) -> str:
        """Short name, for example "torch"."""

    @property
    def isa(self) -> str | None:
        """Instruction set to force in pyinit while it runs, or None."""

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial that writes into `place`, or None if this contender cannot do `job`."""
