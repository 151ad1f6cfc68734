"""pyinit itself as a contender, on its own choice of instruction set or a forced one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import pyinit as pi

from ... import _core
from .answer import check_digest, check_moments
from .contender import NUMPY_STORAGE, Job, Place, Trial

_RECIPES = {
    "normal": pi.normal(),
    "uniform": pi.uniform(),
    "truncated_normal": pi.truncated_normal(),
}

KEY = pi.key(0)

# BLAKE2b-64 of the first 4096 elements under KEY: stream version 1.
KNOWN: dict[tuple[str, str], str] = {
    ("normal", "float32"): "0cbb7712a2036679",
    ("uniform", "float32"): "bdb2aec9eafc760e",
    ("truncated_normal", "float32"): "2f839283e8d52d3a",
    ("normal", "bfloat16"): "4167a12458857d69",
    ("normal", "float64"): "47cc16bf367f1482",
}


@contextmanager
def forced(isa: str | None) -> Iterator[None]:
    """Run the core on instruction set `isa` for a while; None changes nothing."""
    if isa is None:
        yield
        return
    before = _core.use_isa(isa)
    try:
        yield
    finally:
        _core.use_isa(before)


class Engine:
    """`pyinit.fill` on warm memory, a recipe's call on fresh memory.

    Parameters
    ----------
    isa : str or None
        Instruction set to force.
    """

    def __init__(self, isa: str | None = None) -> None:
        self.isa = isa
        self.name = "pyinit" if isa is None else f"pyinit {isa}"

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial, or None on disk and where the machine does not run the forced instruction set."""
        if isinstance(place, Path) or (self.isa is not None and self.isa not in _core.available_isas()):
            return None
        recipe = _RECIPES[job.distribution]
        threads = job.threads or None

        def check(made: np.ndarray[Any, Any]) -> None:
            check_moments(made, job.distribution, job.dtype, self.name)
            check_digest(made, KNOWN[job.distribution, job.dtype], self.name)

        if place is None:
            dtype = NUMPY_STORAGE[job.dtype]
            return Trial(lambda: recipe(job.shape, key=KEY, dtype=dtype, threads=threads), check)
        return Trial(lambda: pi.fill(place, recipe, key=KEY, threads=threads), check)
