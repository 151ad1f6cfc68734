"""What there is for fills on a CUDA device, as `pyinit info` shows it."""

from __future__ import annotations

from ..errors import DeviceError
from .compiler import choose
from .driver import cuda_version, devices

__all__ = ["described"]


def described() -> dict[str, str]:
    """Return the devices and the compiler, or what is missing, each in a line."""
    try:
        version, found = cuda_version(), devices()
    except DeviceError as error:
        return {"cuda": f"none: {error}"}
    lines = {"cuda": f"driver for {version[0]}.{version[1]}, {len(found)} devices"}
    for device in found:
        capability = f"{device.arch // 10}.{device.arch % 10}"
        lines[f"cuda:{device.ordinal}"] = f"{device.name}, compute capability {capability}"
    try:
        compiler = choose(version[0])
        lines["nvrtc"] = f"{compiler.version[0]}.{compiler.version[1]}, {compiler.path}"
    except DeviceError as error:
        lines["nvrtc"] = f"none: {error}"
    return lines
