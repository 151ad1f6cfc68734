"""Kernels of csrc/cuda that run on the CPU."""

from __future__ import annotations

import ctypes

import pytest

from tests.cuda.emulation import EmulatedDevice, build


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Return the library of all kernels."""
    return build(tmp_path_factory.mktemp("cuda"))


@pytest.fixture
def device(kernels: ctypes.CDLL) -> EmulatedDevice:
    """Return a device that has launched nothing yet."""
    return EmulatedDevice(kernels)
