"""Kernels of csrc/cuda that run on the CPU, or on the device that PYINIT_CUDA_DEVICE names."""

from __future__ import annotations

import ctypes
import os

import pytest

from tests.cuda.emulation import EmulatedDevice, build
from tests.cuda.real import RealDevice


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Return the library of all kernels."""
    return build(tmp_path_factory.mktemp("cuda"))


@pytest.fixture
def device(request: pytest.FixtureRequest) -> EmulatedDevice:
    """Return a device that has launched nothing yet."""
    ordinal = os.environ.get("PYINIT_CUDA_DEVICE")
    if ordinal is not None:
        return RealDevice(int(ordinal))
    return EmulatedDevice(request.getfixturevalue("kernels"))
