"""The libraries pyinit is compared with; whichever are installed take part."""

from __future__ import annotations

import functools
import importlib
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from .answer import moments_check
from .contender import Job, Place, Trial
from .interleave import fastest
from .mkl import OneMKL

Array = np.ndarray[Any, Any]
_TRIED_ELEMENTS = 1 << 22


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


class NumPy:
    """`Generator.standard_normal(out=)` and `.random(out=)` on the fastest of four bit generators."""

    name = "numpy"
    isa = None
    _generators = ("SFC64", "PCG64", "Philox", "MT19937")

    @staticmethod
    def version() -> str | None:
        """Return the installed version."""
        return _version("numpy")

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial, or None: NumPy has no truncated normal and no half precision."""
        method = {"normal": "standard_normal", "uniform": "random"}.get(job.distribution)
        if method is None or job.dtype not in ("float32", "float64") or isinstance(place, Path):
            return None
        generators = {name: np.random.Generator(getattr(np.random, name)(1)) for name in self._generators}
        first = np.empty(min(job.elements, _TRIED_ELEMENTS), job.dtype)
        best = fastest(
            {
                name: functools.partial(getattr(generator, method), dtype=job.dtype, out=first)
                for name, generator in generators.items()
            }
        )
        draw = getattr(generators[best], method)
        check = moments_check(job, self.name)
        if place is None:
            return Trial(lambda: draw(job.shape, dtype=job.dtype), check, best)
        return Trial(lambda: draw(dtype=job.dtype, out=place), check, best)


class Torch:
    """`Tensor.normal_`, `Tensor.uniform_` and `torch.nn.init.trunc_normal_`, or `torch.nn.init.normal_`.

    Parameters
    ----------
    through_init : bool
        Call `torch.nn.init.normal_` instead of the method: what a user of small layers pays.
    """

    isa = None

    def __init__(self, *, through_init: bool = False) -> None:
        self._through_init = through_init
        self.name = "torch.nn.init" if through_init else "torch"

    @staticmethod
    def version() -> str | None:
        """Return the installed version, or None."""
        return _version("torch")

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial, or None when torch is absent."""
        if self.version() is None or isinstance(place, Path):
            return None
        torch = importlib.import_module("torch")
        if job.threads:
            torch.set_num_threads(job.threads)
        dtype = getattr(torch, job.dtype)
        fill = {
            "normal": torch.nn.init.normal_ if self._through_init else torch.Tensor.normal_,
            "uniform": torch.Tensor.uniform_,
            "truncated_normal": torch.nn.init.trunc_normal_,
        }[job.distribution]

        def values(tensor: Any) -> Array:
            whole = tensor.view(torch.uint16) if job.dtype == "bfloat16" else tensor
            return np.asarray(whole.numpy())

        check = moments_check(job, self.name, values)
        if place is None:
            return Trial(lambda: fill(torch.empty(job.shape, dtype=dtype)), check)
        tensor = torch.from_numpy(place).view(dtype)
        return Trial(lambda: fill(tensor), check)


class Jax:
    """`jax.random.normal`, `.uniform` and `.truncated_normal` with the default generator, compiled."""

    name = "jax"
    isa = None

    @staticmethod
    def version() -> str | None:
        """Return the installed version, or None."""
        return _version("jax")

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a float32 trial, or None when jax is absent; jax allocates its results.

        Its bfloat16 normal has 128 values and a mean of -0.01, so it would fail the check of its answer.
        """
        if self.version() is None or isinstance(place, Path) or job.dtype != "float32":
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            jax = importlib.import_module("jax")
        draws = {
            "normal": lambda key: jax.random.normal(key, job.shape, job.dtype),
            "uniform": lambda key: jax.random.uniform(key, job.shape, job.dtype),
            "truncated_normal": lambda key: jax.random.truncated_normal(key, -2, 2, job.shape, job.dtype),
        }
        draw = jax.jit(draws[job.distribution])
        key = jax.random.key(1)

        return Trial(lambda: draw(key).block_until_ready(), moments_check(job, self.name))


class SciPy:
    """Its version, for the head of the table; `orthonormal` has the race of its QR."""

    @staticmethod
    def version() -> str | None:
        """Return the installed version, or None."""
        return _version("scipy")


def installed() -> dict[str, str | None]:
    """Return the version of each peer by name, None for one that is absent."""
    return {
        "torch": Torch.version(),
        "numpy": NumPy.version(),
        "jax": Jax.version(),
        "scipy": SciPy.version(),
        "oneMKL": OneMKL.version(),
    }
