"""The races of orthogonal matrices: pyinit's drawn reflectors beside QR of a drawn matrix."""

from __future__ import annotations

import importlib
import math
import warnings
from typing import Any

import numpy as np

import pyinit as pi

from .answer import AnswerError
from .contender import Job, Place, Trial
from .engine import KEY
from .peers import Jax, SciPy, Torch
from .product import factors

Array = np.ndarray[Any, Any]

# float32's error of |Q'Q x - x| for a normal x grows slowly: 1e-5 at n = 4096.
_DEPARTURE = 1e-4
# No entry of a Haar matrix of m rows is as large, in units of 1 / sqrt(m), in any race.
_LARGEST = 8.0


def check_orthonormal(made: Array, shape: tuple[int, ...], who: str) -> None:
    """Raise `AnswerError` unless each matrix has orthonormal columns (or rows) and entries of Haar's size."""
    if made.shape != shape:
        raise AnswerError(f"{who}: needs shape {shape}; got {made.shape}. It is not timed.")
    for matrix in made.reshape(-1, *shape[-2:]):
        tall = matrix if shape[-2] >= shape[-1] else matrix.T
        wide = tall.astype(np.float64)
        x = np.random.Generator(np.random.SFC64(1)).standard_normal((wide.shape[1], 4))
        departure = float(np.abs(wide.T @ (wide @ x) - x).max())
        largest = float(np.abs(wide).max()) * math.sqrt(len(wide))
        if not (departure <= _DEPARTURE and largest <= _LARGEST):
            raise AnswerError(
                f"{who}: needs orthonormal lines within {_DEPARTURE}, entries below {_LARGEST} standard "
                f"deviations; got {departure:.2g} and {largest:.2g}. It is not timed."
            )


class Drawn:
    """`pyinit.fill` with `pyinit.orthogonal`; a third axis numbers matrices."""

    name = "pyinit"
    isa = None

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial into `place`."""
        if not isinstance(place, np.ndarray):
            return None
        recipe = pi.orthogonal(batch_axis=0 if len(job.shape) == 3 else ())
        return Trial(
            lambda: pi.fill(place, recipe, key=KEY, threads=job.threads or None),
            lambda made: check_orthonormal(made, job.shape, self.name),
        )


class OwnProduct:
    """`pyinit.linalg.matmul` on n x 2/3 n by n factors: the 4/3 n^3 operations of a square race."""

    name = "own product"
    isa = None

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial into `place`."""
        if not isinstance(place, np.ndarray):
            return None
        n = job.shape[0]
        a, b = factors(n, 2 * n // 3, n)

        def step() -> Array:
            out: Array = pi.linalg.matmul(a, b, out=place, threads=job.threads or None)
            return out

        def check(made: Array) -> None:
            if not np.isfinite(made).all():
                raise AnswerError(f"{self.name}: needs finite numbers; got others. It is not timed.")

        return Trial(step, check)


class TorchQR:
    """`torch.nn.init.orthogonal_`, matrix by matrix."""

    name = "torch.nn.init"
    isa = None

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial into `place`, or None when torch is absent."""
        if Torch.version() is None or not isinstance(place, np.ndarray):
            return None
        torch = importlib.import_module("torch")
        if job.threads:
            torch.set_num_threads(job.threads)
        matrices = torch.from_numpy(place).reshape(-1, *job.shape[-2:]).unbind()

        def step() -> Array:
            for matrix in matrices:
                torch.nn.init.orthogonal_(matrix)
            return place

        return Trial(step, lambda made: check_orthonormal(made, job.shape, self.name))


class ScipyQR:
    """`scipy.linalg.qr` of NumPy's normals in float32, R's diagonal made positive, matrix by matrix."""

    name = "scipy"
    isa = None

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial into `place`, or None when scipy is absent."""
        if SciPy.version() is None or not isinstance(place, np.ndarray):
            return None
        linalg = importlib.import_module("scipy.linalg")
        generator = np.random.Generator(np.random.SFC64(1))
        rows, columns = job.shape[-2:]
        tall = (max(rows, columns), min(rows, columns))

        def step() -> Array:
            for matrix in place.reshape(-1, rows, columns):
                x = generator.standard_normal(tall, np.float32)
                q, r = linalg.qr(x, mode="economic", overwrite_a=True, check_finite=False)
                q *= np.copysign(np.float32(1), r.diagonal())
                matrix[...] = q if rows >= columns else q.T
            return place

        return Trial(step, lambda made: check_orthonormal(made, job.shape, self.name))


class JaxQR:
    """`jax.nn.initializers.orthogonal`, compiled; a stack by `jax.vmap`. jax allocates its results."""

    name = "jax"
    isa = None

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial, or None when jax is absent."""
        if Jax.version() is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            jax = importlib.import_module("jax")
        initializer = jax.nn.initializers.orthogonal()

        def one(key: Any) -> Any:
            return initializer(key, job.shape[-2:], job.dtype)

        key = jax.random.key(1)
        make = jax.jit(one)
        if len(job.shape) == 3:
            make = jax.jit(lambda key: jax.vmap(one)(jax.random.split(key, job.shape[0])))
        return Trial(
            lambda: make(key).block_until_ready(),
            lambda made: check_orthonormal(np.asarray(made), job.shape, self.name),
        )
