"""What fill borrows: arrays, mapped files, torch tensors, DLPack, raw bytes; and what it refuses."""

from __future__ import annotations

import array
import mmap
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import pyinit as pi

DTYPES = ["float32", "float64", "bfloat16", "float16"]
EXPECTED = pi.normal()((4, 6), key=7)


def test_buffers(tmp_path: Path) -> None:
    recipe = pi.normal()
    raw = bytearray(EXPECTED.nbytes)
    assert pi.fill(raw, recipe, key=7) is raw
    assert raw == pi.normal()(24, key=7).tobytes()
    view = memoryview(bytearray(EXPECTED.nbytes + 8))[8:]
    pi.fill(view, recipe, key=7)
    assert view.tobytes() == EXPECTED.tobytes()
    typed = memoryview(bytearray(EXPECTED.nbytes)).cast("f", (4, 6))
    pi.fill(typed, recipe, key=7)
    assert typed.tolist() == EXPECTED.tolist()
    doubles = array.array("d", bytes(80))
    pi.fill(doubles, recipe, key=7)
    assert list(doubles) == recipe(10, key=7, dtype="float64").tolist()
    mapped = np.memmap(tmp_path / "w", np.float32, "w+", shape=(4, 6))
    pi.fill(mapped, recipe, key=7)
    mapped.flush()
    assert (tmp_path / "w").read_bytes() == EXPECTED.tobytes()
    with mmap.mmap(-1, EXPECTED.nbytes) as memory:
        pi.fill(memory, recipe, key=7)
        assert memory[:] == EXPECTED.tobytes()


def test_half_buffers() -> None:
    expected = pi.normal()((4, 6), key=7, dtype="bfloat16")
    out = np.empty((4, 6), ml_dtypes.bfloat16)
    assert pi.fill(out, pi.normal(), key=7) is out
    np.testing.assert_array_equal(out, expected)
    words = pi.fill(np.empty((4, 6), np.uint16), pi.normal(), key=7)
    np.testing.assert_array_equal(words, expected.view(np.uint16))
    np.testing.assert_array_equal(pi.normal()((4, 6), key=7, dtype="uint16"), words)


@pytest.mark.interop
@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_tensors(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.empty(4, 6, dtype=getattr(torch, dtype))
    address = tensor.data_ptr()
    assert pi.fill(tensor, pi.normal(), key=7) is tensor
    assert tensor.data_ptr() == address
    expected = pi.normal()((4, 6), key=7, dtype=dtype).astype(np.float64)
    np.testing.assert_array_equal(tensor.to(torch.float64).numpy(), expected)
    parameter = torch.nn.Parameter(torch.empty(4, 6, dtype=getattr(torch, dtype)))
    pi.fill(parameter, pi.normal(), key=7)
    assert torch.equal(parameter.detach(), tensor)
    rows = torch.zeros(6, 6, dtype=getattr(torch, dtype))
    pi.fill(rows[2:4], pi.normal(), key=7, window=pi.Window((1, 0), (4, 6)))
    assert torch.equal(rows[2:4], tensor[1:3])
    assert not rows[:2].any()
    assert not rows[4:].any()


@pytest.mark.interop
def test_torch_refusals() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(pi.LayoutError, match=r"fill needs C-contiguous memory; got strides"):
        pi.fill(torch.empty(4, 6).T, pi.normal(), key=0)
    with pytest.raises(
        pi.DTypeError, match=r"float32, .*, complex64 or complex128; got torch.int32. Use another"
    ):
        pi.fill(torch.empty(3, dtype=torch.int32), pi.normal(), key=0)
    with pytest.raises(pi.LayoutError, match=r"fill needs plain strided memory; .* torch.strided. Copy it."):
        pi.fill(torch.zeros(3).to_sparse(), pi.normal(), key=0)


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
def test_torch_tensors_whose_memory_is_not_what_they_hold() -> None:
    torch = pytest.importorskip("torch")
    fake_tensor = pytest.importorskip("torch._subclasses.fake_tensor")
    negated = torch.complex(torch.zeros(3, 1), torch.ones(3, 1)).conj().imag
    with fake_tensor.FakeTensorMode():
        fake = torch.ones(3, 1)
    conjugated = torch.zeros(3, 1, dtype=torch.cfloat).conj()
    for tensor, said in (
        (negated, "its negative bit is set"),
        (conjugated, "its conjugate bit is set|.*[Cc]onj.*"),
        (fake, "it has no memory"),
    ):
        message = rf"needs plain strided memory; got a .* that says: ({said})\. Copy it\."
        with pytest.raises(pi.LayoutError, match=f"fill {message}"):
            pi.fill(tensor, pi.ones(), key=0)
        with pytest.raises(pi.LayoutError, match=f"pretrained {message}"):
            pi.pretrained(tensor)
    assert negated.tolist() == [[-1.0]] * 3


@pytest.mark.interop
def test_a_torch_tensor_without_memory_is_refused() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(pi.LayoutError, match=r"fill needs memory of the CPU; got a buffer that says: .*meta"):
        pi.fill(torch.empty(3, device="meta"), pi.normal(), key=0)


def test_arrays_that_may_not_change_are_left_alone() -> None:
    jnp = pytest.importorskip("jax.numpy")
    zeros = jnp.zeros(4)
    with pytest.raises(pi.LayoutError, match=r"a jaxlib array is immutable. Call the recipe and convert"):
        pi.fill(zeros, pi.normal(), key=0)
    assert not zeros.any()


def test_scalars_and_empty_tensors() -> None:
    scalar = np.empty((), np.float32)
    assert pi.fill(scalar, pi.normal(), key=7) == EXPECTED[0, 0]
    for shape in ((0,), (3, 0, 2)):
        assert pi.normal()(shape, key=0).shape == shape
    assert pi.fill(bytearray(), pi.normal(), key=0) == bytearray()
    # no address is a wrong one where nothing is written
    odd = memoryview(bytearray(8))[1:1]
    assert pi.fill(odd, pi.normal(), key=0) is odd
    with pytest.raises(pi.LayoutError, match="read-only buffer"):
        pi.fill(b"", pi.normal(), key=0)


def strided() -> np.ndarray:
    return np.zeros((4, 6), np.float32)[:, ::2]


def read_only() -> np.ndarray:
    out = np.zeros(4, np.float32)
    out.flags.writeable = False
    return out


def unaligned() -> np.ndarray:
    return np.frombuffer(bytearray(17), np.uint8)[1:].view(np.float32)


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (
            pi.LayoutError,
            strided,
            r"fill needs C-contiguous memory; got strides \(24, 8\) for shape \(4, 3\). Fill",
        ),
        (
            pi.LayoutError,
            lambda: np.zeros((2, 3), np.float32, order="F"),
            r"C-contiguous memory; got strides",
        ),
        (pi.LayoutError, read_only, r"fill needs writable memory; got a read-only buffer. Copy it"),
        (pi.LayoutError, lambda: b"abcd", r"fill needs writable memory; got a read-only buffer"),
        (pi.LayoutError, lambda: memoryview(b"abcd"), r"fill needs writable memory"),
        (pi.LayoutError, unaligned, r"fill needs memory aligned to 4 bytes; got address 0x"),
        (
            pi.LayoutError,
            lambda: bytearray(7),
            r"raw bytes hold float32, .* multiple of 4; got 7. Use a NumPy view",
        ),
        (
            pi.LayoutError,
            lambda: memoryview(bytearray(16))[::2],
            r"fill needs C-contiguous memory|fill needs an arr",
        ),
        (pi.LayoutError, lambda: [1.0, 2.0], r"fill needs a writable buffer: .*; got list. Use numpy.empty"),
        (pi.LayoutError, lambda: None, r"fill needs a writable buffer: .*; got NoneType"),
        (
            pi.DTypeError,
            lambda: np.zeros(3, np.int32),
            r"fill needs an array of float32, .*; got int32. Use .view",
        ),
        (
            pi.DTypeError,
            lambda: np.zeros(3, np.uint8),
            r"got uint8. Use .view\(dtype\) on raw bytes, such as",
        ),
        (pi.DTypeError, lambda: np.zeros(3, np.clongdouble), r"got (complex256|clongdouble)"),
        (pi.DTypeError, lambda: np.zeros(3, object), r"got object"),
        (pi.DTypeError, lambda: np.zeros(3, ">f4"), r"in native byte order; got '>f4'"),
        (pi.DTypeError, lambda: array.array("i", [1]), r"got int32"),
    ],
)
def test_buffers_that_are_refused(error: type[Exception], make, message: str) -> None:
    with pytest.raises(error, match=message):
        pi.fill(make(), pi.normal(), key=0)


class _Exporter:
    """An object whose DLPack capsule has been used already."""

    def __init__(self) -> None:
        self.array = np.zeros(3, np.float32)
        self.capsule = self.array.__dlpack__()
        np.from_dlpack(self)

    def __dlpack__(self, **options: object) -> object:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def test_a_used_capsule_is_refused() -> None:
    with pytest.raises(pi.LayoutError, match="fill needs plain strided memory; got a buffer that says"):
        pi.fill(_Exporter(), pi.ones(), key=0)
