"""What fill borrows by DLPack: version 1, which says what may be written, and version 0.x, which cannot."""

from __future__ import annotations

import ctypes
import gc
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.stream.memory import dlpack_view


def read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


class _Exporter:
    """An exporter that is no array, over one that is; DLPack 1."""

    def __init__(self, array: np.ndarray, **fixed: Any) -> None:
        self.array, self.fixed, self.asked = array, fixed, []

    def __dlpack__(self, **options: Any) -> Any:
        self.asked.append(options)
        return self.array.__dlpack__(**{**options, **self.fixed})

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


class _OldExporter(_Exporter):
    """One that knows nothing of DLPack 1."""

    def __dlpack__(self, stream: None = None) -> Any:
        return self.array.__dlpack__()


class _Trusted(_OldExporter):
    """An old exporter of a library whose arrays may be written."""

    __module__ = "torch.old"


class _Subclass(_Trusted):
    """A class of anybody's, derived from it."""


def test_an_exporter_of_version_1_is_filled() -> None:
    array = np.zeros((3, 5), np.float32)
    exporter = _Exporter(array)
    assert pi.fill(exporter, pi.normal(), key=7) is exporter
    np.testing.assert_array_equal(array, pi.normal()((3, 5), key=7))
    assert exporter.asked == [{"max_version": (1, 0)}]


def test_memory_that_an_exporter_calls_read_only_is_left_alone() -> None:
    array = np.zeros(4, np.float32)
    with pytest.raises(pi.LayoutError, match="fill needs writable memory; got a read-only buffer"):
        pi.fill(_Exporter(read_only(array)), pi.ones(), key=0)
    assert not array.any()
    # and may be read
    np.testing.assert_array_equal(pi.pretrained(_Exporter(read_only(array + 2)))((4,), key=0), array + 2)


def test_a_copy_is_no_place_to_fill() -> None:
    array = np.full(4, 3, np.float32)
    with pytest.raises(pi.LayoutError, match=r"fill needs the memory itself; a \w+ object gives a copy"):
        pi.fill(_Exporter(array, copy=True), pi.ones(), key=0)
    np.testing.assert_array_equal(pi.pretrained(_Exporter(array, copy=True))((4,), key=0), array)


def test_an_exporter_of_version_0_is_written_where_its_library_lets_arrays_change() -> None:
    for kind in (_Trusted, _Subclass):
        array = np.zeros(4, np.float32)
        pi.fill(kind(array), pi.ones(), key=0)
        assert array.all()


def test_an_exporter_of_version_0_is_left_alone_where_nobody_knows() -> None:
    array = np.zeros(4, np.float32)
    with pytest.raises(
        pi.LayoutError,
        match=r"memory that may change; a \w+ object exports it by DLPack 0\.x, which",
    ):
        pi.fill(_OldExporter(array), pi.ones(), key=0)
    assert not array.any()
    np.testing.assert_array_equal(pi.pretrained(_OldExporter(array + 2))((4,), key=0), array + 2)


class _Version(ctypes.Structure):
    _fields_ = (("major", ctypes.c_uint32), ("minor", ctypes.c_uint32))


def test_a_later_version_of_dlpack_is_refused() -> None:
    array = np.zeros(4, np.float32)
    capsule = array.__dlpack__(max_version=(1, 0))
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    version = _Version.from_address(pointer(capsule, b"dltensor_versioned"))
    version.major, version.minor = 2, 5

    class Later(_Exporter):
        def __dlpack__(self, **options: Any) -> Any:
            return capsule

    with pytest.raises(pi.LayoutError, match=r"that says: it speaks DLPack 2\.5, and not 1"):
        pi.fill(Later(array), pi.ones(), key=0)
    assert not array.any()


def test_memory_is_held_as_long_as_it_is_looked_at() -> None:
    for kind in (_Exporter, _OldExporter):
        array = np.arange(6, dtype=np.float32)
        gone = []

        class Watched(np.ndarray):
            def __del__(self, gone: list[bool] = gone) -> None:
                gone.append(True)

        borrowed = dlpack_view(kind(array.view(Watched))).array
        gc.collect()
        assert not gone
        assert borrowed.tolist() == array.tolist()
        del borrowed
        gc.collect()
        assert gone


def test_errors_of_an_exporter_pass() -> None:
    class Wrong(_Exporter):
        def __dlpack__(self, **options: Any) -> Any:
            raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        pi.fill(Wrong(np.zeros(4, np.float32)), pi.ones(), key=0)


@pytest.mark.interop
def test_torch_says_what_may_be_written() -> None:
    torch = pytest.importorskip("torch")
    assert dlpack_view(torch.zeros(3)).has_flags

    class Mine(torch.Tensor):
        pass

    tensor = torch.zeros(3).as_subclass(Mine)
    pi.fill(tensor, pi.ones(), key=0)
    assert tensor.tolist() == [1.0] * 3


@pytest.mark.interop
def test_arrow_memory_is_left_alone() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    raw = b"\0" * 16
    arrays = [
        pyarrow.array(np.zeros(4, np.float32)),
        pyarrow.Array.from_buffers(pyarrow.float32(), 4, [None, pyarrow.py_buffer(raw)]),
    ]
    for array in arrays:
        with pytest.raises(pi.LayoutError, match=r"fill needs writable memory|memory that may change"):
            pi.fill(array, pi.constant(7.0), key=0)
        assert array.to_pylist() == [0.0] * 4
    assert raw == b"\0" * 16
    with pytest.raises(pi.LayoutError, match="fill needs writable memory"):
        pi.fill(pyarrow.py_buffer(raw), pi.constant(7.0), key=0)
    memory = bytearray(16)
    pi.fill(pyarrow.py_buffer(memory), pi.constant(7.0), key=0)
    assert np.frombuffer(memory, np.float32).tolist() == [7.0] * 4


@pytest.mark.interop
@pytest.mark.parametrize("make", ["zeros", "arange"])
def test_jax_memory_is_left_alone(make: str) -> None:
    jnp = pytest.importorskip("jax.numpy")
    array = getattr(jnp, make)(4, dtype="float32")
    before = array.tolist()
    with pytest.raises(pi.LayoutError, match="a jaxlib array is immutable"):
        pi.fill(array, pi.constant(7.0), key=0)
    with pytest.raises(pi.LayoutError, match="fill needs writable memory"):
        pi.fill(np.asarray(array), pi.constant(7.0), key=0)
    assert array.tolist() == before


def test_a_dtype_with_metadata_is_that_dtype() -> None:
    for name in ("float32", "float64", "float16"):
        out = np.empty(5, np.dtype(name, metadata={"unit": "m"}))
        np.testing.assert_array_equal(pi.fill(out, pi.normal(), key=3), pi.normal()(5, key=3, dtype=name))
