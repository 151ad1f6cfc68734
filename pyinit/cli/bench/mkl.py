"""oneMKL's vector statistics library, called through ctypes from the `mkl` distribution."""

from __future__ import annotations

import ctypes
import functools
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from .answer import moments_check
from .contender import Job, Trial
from .interleave import fastest

# mkl_vsl_defines.h: basic generators are numbered in steps of 2**20.
_GENERATORS = {"SFMT19937": 13 << 20, "ARS5": 15 << 20, "Philox4x32-10": 16 << 20}
_GAUSSIAN_ICDF = 2
_UNIFORM_STANDARD = 0


@functools.cache
def _library() -> ctypes.CDLL | None:
    try:
        files = metadata.files("mkl") or []
    except metadata.PackageNotFoundError:
        return None
    runtime = [Path(str(file.locate())) for file in files if file.name.startswith("libmkl_rt.so")]
    if not runtime:
        return None
    # Its OpenMP workers would otherwise spin for 200 ms on the cores of the contender that is timed next.
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    try:
        return ctypes.CDLL(str(runtime[0]))
    except OSError:
        return None


class OneMKL:
    """vsRngGaussian (inverse CDF) and vsRngUniform on the fastest of three basic generators."""

    name = "oneMKL"
    isa = None

    @staticmethod
    def version() -> str | None:
        """Return the installed version, or None when the library is absent."""
        return metadata.version("mkl") if _library() is not None else None

    def start(self, job: Job, place: object) -> Trial | None:
        """Return a trial for a warm float buffer; oneMKL has no truncated normal and no half precision."""
        library = _library()
        letter = {"float32": "s", "float64": "d"}.get(job.dtype)
        entry = {"normal": "RngGaussian", "uniform": "RngUniform"}.get(job.distribution)
        if library is None or letter is None or entry is None or not isinstance(place, np.ndarray):
            return None
        if job.threads:
            library.MKL_Set_Num_Threads(ctypes.c_int(job.threads))
        draw = getattr(library, f"v{letter}{entry}")
        real = ctypes.c_float if letter == "s" else ctypes.c_double
        method = _GAUSSIAN_ICDF if job.distribution == "normal" else _UNIFORM_STANDARD
        address = ctypes.c_void_p(place.ctypes.data)
        steps = {}
        for generator, number in _GENERATORS.items():
            stream = ctypes.c_void_p()
            if library.vslNewStream(ctypes.byref(stream), ctypes.c_int(number), ctypes.c_uint(1)):
                continue

            def step(stream: ctypes.c_void_p = stream) -> np.ndarray[Any, Any]:
                status = draw(
                    ctypes.c_int(method), stream, ctypes.c_int(place.size), address, real(0.0), real(1.0)
                )
                if status:
                    raise RuntimeError(f"oneMKL's v{letter}{entry} needs status 0; got {status}")
                return place

            steps[generator] = step
        if not steps:
            return None
        best = fastest(steps)
        return Trial(steps[best], moments_check(job, self.name), best)
