"""NVRTC, NVIDIA's compiler as a library: found where torch, CuPy, a wheel or a toolkit brings it."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import DeviceError
from .programs import OPTIONS, Program, sources

__all__ = ["LEAST_ARCH", "Compiler", "choose", "installed"]

LEAST_ARCH = 75
"""The oldest compute capability for which the kernels are compiled, times 10."""

_LEAST_CUDA = 12
"""The first version whose compiler knows C++20."""

_INSTALL = "Run `pip install 'pyinit-nn[cuda]'`, or fill on the CPU and copy."


@dataclass(frozen=True)
class Compiler:
    """One NVRTC.

    Parameters
    ----------
    path : str
        Of the library.
    version : tuple of int
        Such as (13, 0).
    """

    path: str
    version: tuple[int, int]

    @classmethod
    def at(cls, path: str) -> Compiler | None:
        """Return the compiler in a file, or None where it cannot be loaded."""
        try:
            library = _library(path)
        except OSError:
            return None
        major, minor = ctypes.c_int(), ctypes.c_int()
        if library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)):
            return None
        return cls(path, (major.value, minor.value))

    def architectures(self) -> list[int]:
        """Return the compute capabilities that it knows, times 10, ascending."""
        library, count = _library(self.path), ctypes.c_int()
        _check(library, library.nvrtcGetNumSupportedArchs(ctypes.byref(count)), "list architectures")
        known = (ctypes.c_int * count.value)()
        _check(library, library.nvrtcGetSupportedArchs(known), "list architectures")
        return sorted(known)

    def target(self, arch: int) -> str:
        """Return what to compile for: a device's own architecture, or PTX of the newest one before it."""
        known = self.architectures()
        if arch in known:
            return f"sm_{arch}"
        older = [each for each in known if LEAST_ARCH <= each < arch]
        if not older:
            raise DeviceError(
                f"NVRTC {self.version[0]}.{self.version[1]} compiles for {known[0]} to {known[-1]}; the "
                f"device has compute capability {arch // 10}.{arch % 10}. Install another nvidia-cuda-nvrtc."
            )
        return f"compute_{older[-1]}"

    def compile(self, program: Program, target: str, *more: str) -> bytes:
        """Return the machine code for a target "sm_90", or the PTX for "compute_90"; `more` are options."""
        library, made = _library(self.path), ctypes.c_void_p()
        headers = sources()
        names = (ctypes.c_char_p * len(headers))(*(name.encode() for name in headers))
        texts = (ctypes.c_char_p * len(headers))(*(text.encode() for text in headers.values()))
        text, name = program.text.encode(), f"{program.name}.cu".encode()
        status = library.nvrtcCreateProgram(ctypes.byref(made), text, name, len(headers), texts, names)
        _check(library, status, "begin a program")
        try:
            options = [option.encode() for option in (f"-arch={target}", *OPTIONS, *more)]
            status = library.nvrtcCompileProgram(
                made, len(options), (ctypes.c_char_p * len(options))(*options)
            )
            if status:
                log = _bytes(library, made, "ProgramLog").decode(errors="replace")
                first = next((line for line in log.splitlines() if "error" in line), log[:200])
                raise DeviceError(
                    f"NVRTC {self.version[0]}.{self.version[1]} cannot compile {program.name} for {target}: "
                    f"{first.strip()}. Report this, with `pyinit info`."
                )
            return _bytes(library, made, "CUBIN" if target.startswith("sm_") else "PTX")
        finally:
            library.nvrtcDestroyProgram(ctypes.byref(made))


def choose(driver: int) -> Compiler:
    """Return the newest compiler whose programs a driver runs; `driver` is the CUDA version that it knows."""
    if driver < _LEAST_CUDA:
        raise DeviceError(
            f"pyinit on a CUDA device needs a driver for CUDA {_LEAST_CUDA} or later; this one is for CUDA "
            f"{driver}. Update the driver, or fill on the CPU and copy."
        )
    found = [each for each in installed() if each.version[0] >= _LEAST_CUDA]
    if not found:
        raise DeviceError(
            f"pyinit on a CUDA device needs NVRTC, the compiler that torch's builds for CUDA bring; none was "
            f"found. {_INSTALL}"
        )
    fitting = [each for each in found if each.version[0] <= driver]
    if not fitting:
        versions = ", ".join(f"{major}.{minor}" for major, minor in sorted({each.version for each in found}))
        raise DeviceError(
            f"the driver runs programs of CUDA {driver}; the NVRTC found is {versions}. "
            f"Run `pip install nvidia-cuda-nvrtc-cu{driver}`, or update the driver."
        )
    return max(fitting, key=lambda each: each.version)


@lru_cache(maxsize=1)
def installed() -> tuple[Compiler, ...]:
    """Return every NVRTC that can be loaded, each version once."""
    found: dict[tuple[int, int], Compiler] = {}
    for path in _candidates():
        compiler = Compiler.at(path)
        if compiler is not None:
            found.setdefault(compiler.version, compiler)
    return tuple(found.values())


def _candidates() -> Iterator[str]:
    """Yield where NVRTC may be: in NVIDIA's wheels, in torch, in a toolkit, where the loader looks."""
    folders = [Path(place) / "*" / "lib" for place in _places("nvidia")]
    folders += [Path(place) / "lib" for place in _places("torch")]
    homes = [os.environ.get(name) for name in ("CUDA_HOME", "CUDA_PATH")]
    for home in (*homes, "/usr/local/cuda", "/opt/cuda"):
        if home:
            folders += [Path(home) / "lib64", Path(home) / "lib"]
    for folder in folders:
        pattern = str(folder / "libnvrtc*.so*")
        names = sorted(str(path) for path in Path("/").glob(pattern.lstrip("/")))
        yield from (name for name in names if re.search(r"/libnvrtc(-[0-9a-f]+)?\.so[.\d]*$", name))
    yield from ("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so")


def _places(package: str) -> list[str]:
    """Return the folders of a package, without importing it."""
    spec = find_spec(package)
    return list(spec.submodule_search_locations or []) if spec is not None else []


@lru_cache(maxsize=8)
def _library(path: str) -> Any:
    return ctypes.CDLL(path)


def _bytes(library: Any, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    _check(library, getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)), f"read the {what}")
    text = ctypes.create_string_buffer(size.value)
    _check(library, getattr(library, f"nvrtcGet{what}")(program, text), f"read the {what}")
    return text.raw


def _check(library: Any, status: int, what: str) -> None:
    if status:
        library.nvrtcGetErrorString.restype = ctypes.c_char_p
        reason = library.nvrtcGetErrorString(status).decode()
        raise DeviceError(f"NVRTC cannot {what}: {reason}. Report this, with `pyinit info`.")
