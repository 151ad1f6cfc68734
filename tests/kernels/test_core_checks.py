"""What the compiled module refuses: memory that kernels would misread, a build with other arithmetic."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyinit import _core

FLOAT = np.float32
ASKED = ("", 0.0, 0.0, 0, -1e30, 1e30)


def ones(*shape: int, dtype: Any = FLOAT) -> np.ndarray:
    return np.ones(shape, dtype)


def unaligned(*shape: int, dtype: Any = FLOAT) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(bytearray(size + 1), np.uint8)[1:].view(dtype).reshape(shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matmul_needs_aligned_factors(dtype: Any) -> None:
    good, out = ones(4, 4, dtype=dtype), ones(4, 4, dtype=dtype)
    for a, b in ((unaligned(4, 4, dtype=dtype), good), (good, unaligned(4, 4, dtype=dtype))):
        with pytest.raises(ValueError, match="factors must be aligned"):
            _core.matmul(a, b, out, 1)
    assert (out == 1).all()


def test_matmul_needs_its_output_apart_from_its_factors() -> None:
    memory = ones(12, 4)
    good = ones(4, 4)
    for out, a in ((memory[:4], memory[:4]), (memory[:4], memory[3:7]), (memory[2:6], memory[5:1:-1])):
        for factors in ((a, good), (good, a)):
            with pytest.raises(ValueError, match="an output overlaps another array"):
                _core.matmul(*factors, out, 1)
    assert (memory == 1).all()
    _core.matmul(memory[4:8], memory[8:12], memory[:4], 1)
    assert (memory[:4] == 4).all()
    # in the gaps of a factor
    wide = ones(2, 8)
    _core.matmul(wide[:, :2], good[:2, :2], wide[0, 4:].reshape(2, 2), 1)
    assert wide[0].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]


def test_a_dtype_with_metadata_is_that_dtype() -> None:
    for dtype in (np.float32, np.float64):
        named = np.dtype(dtype, metadata={"unit": "m"})
        a, out = np.full((3, 3), 2, named), np.empty((3, 3), named)
        _core.matmul(a, a.astype(dtype), out, 1)
        assert (out == 12).all()
    with pytest.raises(ValueError, match="three arrays of float32 or three of float64"):
        _core.matmul(ones(3, 3), ones(3, 3), ones(3, 3, dtype=np.float64), 1)


def test_an_activation_is_written_over_its_argument_or_apart() -> None:
    memory = np.arange(-4, 6, dtype=FLOAT)
    for kernel in (_core.activate, _core.slope):
        with pytest.raises(ValueError, match="an output overlaps another array"):
            kernel("relu", 0.0, memory[:8], memory[1:9])
    _core.activate("relu", 0.0, memory[:8], memory[:8])
    assert memory.tolist() == [0, 0, 0, 0, 0, 1, 2, 3, 4, 5]


def forward(x: Any, weight: Any, bias: Any, z: Any, y: Any) -> None:
    _core.layer_forward(x, weight, bias, "relu", 0.0, z, y, None, None, None, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        lambda m: (m[:4], ones(4, 4), None, None, m[:4]),
        lambda m: (m[:4], ones(4, 4), None, m[1:5], ones(4, 4)),
        lambda m: (ones(4, 4), m[:4].T, None, None, m[3:7]),
        lambda m: (ones(4, 4), ones(4, 4), m[0], None, m[:4]),
        lambda m: (ones(4, 4), ones(4, 4), None, m[:4], m[1:5]),
    ],
    ids=["x and y", "x and z", "weight and y", "bias and y", "z and y in part"],
)
def test_a_layer_needs_its_outputs_apart(arguments: Callable[[np.ndarray], tuple[Any, ...]]) -> None:
    memory = ones(8, 4)
    with pytest.raises(ValueError, match="an output overlaps another array"):
        forward(*arguments(memory))
    assert (memory == 1).all()


def backward(x: Any, weight: Any, z: Any, dy: Any, dz: Any, dx: Any, dw: Any, db: Any) -> None:
    _core.layer_backward(x, weight, "relu", 0.0, z, dy, dz, dx, dw, db, None, None, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        lambda m, o: (m[:4], o(), o(), o(), m[:4], None, None, None),
        lambda m, o: (o(), m[:4].T, o(), o(), o(), m[2:6], None, None),
        lambda m, o: (o(), o(), m[:4], o(), m[1:5], None, None, None),
        lambda m, o: (o(), o(), o(), m[:4], m[:4], None, None, None),
        lambda m, o: (o(), o(), o(), m[:4], o(), m[1:5], None, None),
        lambda m, o: (o(), o(), o(), o(), m[:4], m[:4], None, None),
        lambda m, o: (o(), o(), o(), m[:4], o(), None, m[:4], None),
        lambda m, o: (o(), o(), o(), o(), m[:4], None, None, m[0]),
    ],
    ids=["x, dz", "weight, dx", "z, dz in part", "dy, dz", "dy, dx in part", "dz, dx", "dy, dw", "dz, db"],
)
def test_gradients_need_to_be_apart(arguments: Callable[[np.ndarray, Any], tuple[Any, ...]]) -> None:
    memory = ones(8, 4)
    with pytest.raises(ValueError, match="an output overlaps another array"):
        backward(*arguments(memory, lambda: ones(4, 4)))
    assert (memory == 1).all()


def test_gradients_may_be_written_over_what_they_come_from() -> None:
    x, weight = ones(4, 4), 2 * ones(4, 4)
    z, dy = ones(4, 4), ones(4, 4)
    backward(x, weight, z, dy, z, dy, None, None)
    assert (z == 1).all()
    assert (dy == 8).all()


# The module with another digest in it than its kernels make: what a compiler that changes arithmetic is.
CHANGED = """
import importlib.machinery, importlib.util, sys
loader = importlib.machinery.ExtensionFileLoader("_core", sys.argv[1])
spec = importlib.util.spec_from_file_location("_core", sys.argv[1], loader=loader)
try:
    loader.exec_module(importlib.util.module_from_spec(spec))
except ImportError as error:
    print(type(error).__name__, error)
"""


def test_a_build_that_changes_arithmetic_is_not_imported(tmp_path: Path) -> None:
    digest = (0xFAA1A2994CF98ECA).to_bytes(8, sys.byteorder)
    module = Path(_core.__file__).read_bytes()
    assert module.count(digest) == 1
    changed = tmp_path / "_core.so"
    changed.write_bytes(module.replace(digest, bytes(8)))
    ran = subprocess.run(
        [sys.executable, "-c", CHANGED, str(changed)], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.startswith(
        "ImportError pyinit's kernels must make the bits of stream version 1; this build's for "
        f"{_core.available_isas()[0]} make others"
    )
