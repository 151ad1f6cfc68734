"""The way to a device: compiled by NVRTC, kept on disk, loaded and launched by a driver that runs on the CPU.

The driver is tests/cuda/driver.cpp: it has the functions of libcuda that pyinit calls, and its kernels are
csrc/cuda compiled for the CPU. Everything else is what runs on a real device.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.cuda import cache, compiler, driver, report
from pyinit.cuda.compiler import Compiler
from pyinit.cuda.programs import Program, program_of, programs
from tests.cuda.emulation import ROOT, build, filled
from tests.cuda.real import RealDevice

pytestmark = pytest.mark.interop


@pytest.fixture(autouse=True, scope="module")
def _compiler() -> None:
    if not compiler.installed():
        pytest.skip("needs nvidia-cuda-nvrtc")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a libcuda whose kernels are compiled for the CPU."""
    folder = tmp_path_factory.mktemp("driver")
    build(folder)
    ctypes.CDLL(str(folder / "cuda_kernels.so"), mode=ctypes.RTLD_GLOBAL)
    made = folder / "libcuda.so.1"
    source = Path(__file__).with_name("driver.cpp")
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-O1", "-fPIC", "-shared", str(source)]
    subprocess.run([*command, "-ldl", "-o", str(made)], check=True, timeout=120)
    return made


@pytest.fixture
def fake(library: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Use that driver, with an empty cache."""
    monkeypatch.setattr(driver, "_LIBRARY", str(library))
    monkeypatch.setenv("PYINIT_CACHE_DIR", str(tmp_path / "kept"))
    _forget()
    handle = ctypes.CDLL(str(library))
    handle.fake_last_stream.restype = ctypes.c_void_p
    yield handle
    assert handle.fake_depth() == 0, "a context was left current"
    _forget()


_CACHED = (driver._driver, driver.device_at, compiler.installed)


def _forget() -> None:
    for cached in _CACHED:
        cached.cache_clear()


class OnDevice:
    """A buffer as CuPy, Numba and Warp describe it: an array of the CPU, said to be a device's memory."""

    def __init__(self, array: np.ndarray, **changes: Any) -> None:
        self.array = array
        self.__cuda_array_interface__ = {
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (array.ctypes.data, False),
            "version": 3,
            "stream": 77,
            **changes,
        }


def fill(shape: tuple[int, ...], recipe: Any, dtype: Any = np.float32, **keywords: Any) -> np.ndarray:
    array = np.full(shape, 9, dtype)
    buffer = OnDevice(array)
    assert pi.fill(buffer, recipe, **keywords) is buffer
    return array


@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (pi.normal(std=0.02), (100, 33)),
        (pi.orthogonal(), (130, 120)),
        (pi.zeros(), (7,)),
        (pi.sparse(0.5), (40, 30)),
    ],
    ids=str,
)
def test_a_buffer_on_a_device_gets_the_bits_of_the_cpu(
    fake: Any, recipe: Any, shape: tuple[int, ...]
) -> None:
    assert fill(shape, recipe, key=3).tobytes() == recipe(shape, key=3).tobytes()
    assert fake.fake_last_stream() == 77


def test_a_window_and_bfloat16(fake: Any) -> None:
    window = pi.Window((5, 2), (40, 30))
    made = fill((10, 20), pi.he_normal(), np.uint16, key=pi.Key(1, 2), window=window)
    assert (made == pi.he_normal()((10, 20), key=pi.Key(1, 2), dtype="uint16", window=window)).all()


def test_memory_for_a_fill_is_given_back(fake: Any) -> None:
    fill((200, 120), pi.orthogonal(), key=0)
    assert fake.fake_held() == 0


def test_a_program_is_compiled_once_and_kept(
    fake: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiled: list[str] = []
    original = Compiler.compile

    def counted(self: Compiler, program: Program, target: str, *more: str) -> bytes:
        compiled.append(f"{program.name} {target}")
        return original(self, program, target, *more)

    monkeypatch.setattr(Compiler, "compile", counted)
    for _ in range(2):
        fill((3,), pi.normal(), key=0)
    assert compiled == ["centred_normal_float32 sm_90"]
    driver.device_at.cache_clear()
    # another process finds the file
    fill((3,), pi.normal(), key=0)
    assert len(compiled) == 1
    (kept,) = (tmp_path / "kept").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    whole = kept.read_bytes()
    for broken in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        kept.write_bytes(broken)
        driver.device_at.cache_clear()
        fill((3,), pi.normal(), key=0)
        assert kept.read_bytes() == whole
    assert len(compiled) == 4


def test_a_cache_that_cannot_be_written_costs_time_alone(
    fake: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for place in (str(tmp_path / "file" / "below"), ""):
        monkeypatch.setenv("PYINIT_CACHE_DIR", place)
        driver.device_at.cache_clear()
        assert (fill((5,), pi.normal(), key=0) == pi.normal()((5,), key=0)).all()


def test_where_programs_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PYINIT_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "pyinit" / "cuda"


def test_what_decides_a_program_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    program = program_of("normal_float32")
    names = {
        program.digest("sm_90", (13, 0)),
        program.digest("sm_80", (13, 0)),
        program.digest("sm_90", (13, 1)),
        program_of("normal_float64").digest("sm_90", (13, 0)),
    }
    monkeypatch.setattr("pyinit.cuda.programs.STREAM_VERSION", 2)
    names.add(program.digest("sm_90", (13, 0)))
    assert len(names) == 5


def test_kernels_of_one_program() -> None:
    assert program_of("combine_64") is program_of("solve_64") is programs()["reflectors_64"]


@pytest.mark.parametrize(
    ("arch", "target"), [(75, "sm_75"), (90, "sm_90"), (120, "sm_120"), (999, "compute_121")]
)
def test_a_device_newer_than_the_compiler_gets_ptx(arch: int, target: str) -> None:
    assert compiler.choose(99).target(arch) == target


def test_a_newer_device_assembles_ptx_itself(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ARCH", "999")
    assert (fill((5,), pi.normal(), key=0) == pi.normal()((5,), key=0)).all()


def refusal(*arguments: Any) -> str:
    with pytest.raises(pi.DeviceError) as caught:
        fill((3,), pi.normal(), *arguments, key=0)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_LIBRARY", "libcuda-that-is-missing.so")
    _forget()
    assert refusal() == (
        "pyinit on a CUDA device needs NVIDIA's driver; libcuda-that-is-missing.so cannot be loaded. "
        "Install the driver, or fill on the CPU."
    )
    assert report.described()["cuda"].startswith("none: pyinit on a CUDA device needs")


def test_a_device_too_old(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ARCH", "70")
    assert "needs a device of compute capability 7.5; Fake 1 has 7.0. Fill on the CPU" in refusal()


def test_without_a_compiler(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "_candidates", lambda: iter(["libnvrtc-that-is-missing.so"]))
    assert "none was found. Run `pip install 'pyinit-nn[cuda]'`" in refusal()


def test_a_compiler_of_a_newer_cuda_than_the_driver(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_CUDA", "12080")
    monkeypatch.setattr(compiler, "installed", lambda: (Compiler("", (13, 5)), Compiler("", (11, 8))))
    message = refusal()
    assert "the driver runs programs of CUDA 12; the NVRTC found is 13.5. " in message
    assert "pip install nvidia-cuda-nvrtc-cu12" in message


def test_a_driver_too_old(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_CUDA", "11080")
    assert "needs a driver for CUDA 12 or later; this one is for CUDA 11. Update the driver" in refusal()


def test_the_newest_compiler_that_fits_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = [(12, 4), (13, 5), (12, 9)]
    monkeypatch.setattr(compiler, "installed", lambda: tuple(Compiler("", each) for each in versions))
    assert [compiler.choose(driver).version for driver in (12, 13, 14)] == [(12, 9), (13, 5), (13, 5)]


def test_a_first_call_while_a_graph_is_captured(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_CAPTURE", "1")
    assert "Make one such fill before the capture" in refusal()
    monkeypatch.delenv("FAKE_CAPTURE")
    fill((3,), pi.normal(), key=0)
    # what is loaded needs nothing that a capture forbids
    monkeypatch.setenv("FAKE_CAPTURE", "1")
    fill((3,), pi.normal(), key=0)


def test_a_program_that_does_not_compile() -> None:
    chosen = compiler.choose(99)
    with pytest.raises(
        pi.DeviceError, match=r"cannot compile wrong for sm_90: .*error.* Report this"
    ) as caught:
        chosen.compile(Program("wrong", "nonsense;"), "sm_90")
    assert "\n" not in str(caught.value)


def test_what_info_shows(fake: Any) -> None:
    lines = report.described()
    assert lines["cuda"] == "driver for 13.0, 2 devices"
    assert lines["cuda:1"] == "Fake 1, compute capability 9.0"
    assert lines["nvrtc"].endswith(".so.13")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": (4096, True)}, "needs writable memory; got a read-only buffer"),
        ({"strides": (4, 12)}, r"needs C-contiguous memory; got steps \(1, 3\) for shape \(3, 5\)"),
        (
            {"strides": (30, 6)},
            r"needs C-contiguous memory; got strides of \(30, 6\) bytes for elements of 4",
        ),
        ({"data": (4098, False)}, "needs memory aligned to 4 bytes; got address 0x1002"),
        ({"typestr": "<i4"}, "needs an array of float32, .* or complex128; got <i4"),
    ],
)
def test_buffers_that_cannot_be_filled(fake: Any, changes: dict[str, Any], message: str) -> None:
    buffer = OnDevice(np.full((3, 5), 9, np.float32), **changes)
    with pytest.raises(pi.PyinitError, match=message):
        pi.fill(buffer, pi.normal(), key=0)
    assert (buffer.array == 9).all()


def test_a_buffer_without_elements_has_no_address(fake: Any) -> None:
    before = fake.fake_launches()
    # as torch and CuPy describe it
    buffer = OnDevice(np.zeros((0, 5), np.float32), data=(0, False))
    assert pi.fill(buffer, pi.normal(), key=0) is buffer
    assert fake.fake_launches() == before


def test_bad_arguments_are_refused_before_anything_is_launched(fake: Any) -> None:
    before = fake.fake_launches()
    for wrong in ({"key": -1}, {"key": 0, "window": pi.Window((0,), (2,))}, {"key": 0, "threads": 0}):
        with pytest.raises(pi.PyinitError):
            fill((3,), pi.normal(), **wrong)
    assert fake.fake_launches() == before


class Exported:
    """A buffer with DLPack alone: NumPy's export, said to be a device's memory."""

    def __init__(self, array: np.ndarray, device: int = 2) -> None:
        self.array, self.device = array, device

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device, 0

    def __dlpack__(self, *, stream: int, max_version: tuple[int, int] | None = None) -> Any:
        assert stream == 1
        if max_version is None:
            return self.array.__dlpack__()
        try:
            return self.array.__dlpack__(max_version=max_version)
        except TypeError:
            return self.array.__dlpack__()


class OldExported(Exported):
    def __dlpack__(self, *, stream: int) -> Any:  # type: ignore[override]
        assert stream == 1
        return self.array.__dlpack__()


@pytest.mark.parametrize("kind", [Exported, OldExported])
def test_dlpack_of_a_device(fake: Any, kind: type[Exported]) -> None:
    array = np.full((4, 6), 9, np.float32)
    pi.fill(kind(array), pi.normal(), key=1)
    assert (array == pi.normal()((4, 6), key=1)).all()
    with pytest.raises(pi.LayoutError, match="needs C-contiguous memory"):
        pi.fill(kind(np.full((4, 6), 9.0)[:, ::2]), pi.normal(), key=1)
    with pytest.raises(pi.DTypeError, match="needs a tensor of float32"):
        pi.fill(kind(np.zeros(3, np.int32)), pi.normal(), key=1)


def test_another_device_of_dlpack() -> None:
    with pytest.raises(pi.LayoutError, match=r"or of a CUDA device; got a buffer on DLPack device \(10, 0\)"):
        pi.fill(Exported(np.zeros(3, np.float32), device=10), pi.normal(), key=1)


def test_what_the_tests_of_bits_do_on_a_real_device(fake: Any) -> None:
    device = RealDevice(0)
    made = filled(device, pi.orthogonal(), (40, 120), key=pi.Key(1), offset=3)
    assert (made == pi.orthogonal()((40, 120), key=pi.Key(1))).all()
    assert fake.fake_held() == 0
    assert len(device.launches) > 10
    fake.cuCtxPopCurrent_v2(None)


def test_what_a_sanitizer_watches(fake: Any) -> None:
    spec = importlib.util.spec_from_file_location("small", ROOT / "tools" / "gpu" / "small.py")
    assert spec is not None
    assert spec.loader is not None
    small = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(small)
    try:
        assert small.run() == 0
    finally:
        fake.cuCtxPopCurrent_v2(None)
    assert fake.fake_held() == 0
