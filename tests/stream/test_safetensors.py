"""What is built reads back, here and in the reference library; what is corrupt is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pyinit.errors import DTypeError, FormatError
from pyinit.stream.safetensors import CODES, ITEMSIZE, build_header, read_header, read_index, storage_order


def write(path: Path, fields: object, data: bytes = b"", *, length: int | None = None) -> Path:
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    path.write_bytes((len(body) if length is None else length).to_bytes(8, "little") + body + data)
    return path


def entry(
    dtype: str = "F32", shape: tuple[int, ...] = (2,), offsets: tuple[int, ...] = (0, 8)
) -> dict[str, object]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_a_built_header_reads_back(tmp_path: Path) -> None:
    tensors = [
        ("b", "float32", (2, 3)),
        ("a", "bfloat16", (5,)),
        ("scalar", "int64", ()),
        ("none", "float16", (0, 4)),
    ]
    header, infos = build_header(tensors)
    path = tmp_path / "m.safetensors"
    path.write_bytes(header + bytes(24 + 10 + 8))
    back = read_header(path)
    assert back.tensors == infos
    assert list(back.tensors) == ["b", "a", "scalar", "none"]
    assert back.metadata == {"format": "pt"}
    assert back.data_start == len(header)
    assert len(header) % 8 == 0
    assert infos["a"].start == len(header) + 24
    assert infos["a"].nbytes == 10


def test_the_reference_library_reads_a_built_header(tmp_path: Path) -> None:
    numpy_io = pytest.importorskip("safetensors.numpy")
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    header, _ = build_header([("w/ü", "float32", (2, 3)), ("n", "int64", ())])
    path = tmp_path / "m.safetensors"
    path.write_bytes(header + values.tobytes() + (7).to_bytes(8, "little"))
    loaded = numpy_io.load_file(path)
    np.testing.assert_array_equal(loaded["w/ü"], values)
    assert int(loaded["n"]) == 7


def test_a_header_of_the_reference_library_is_read(tmp_path: Path) -> None:
    numpy_io = pytest.importorskip("safetensors.numpy")
    tensors = {"x": np.ones((3, 2), np.float64), "y": np.zeros((), np.int64), "z": np.ones(5, np.float16)}
    path = tmp_path / "m.safetensors"
    numpy_io.save_file(tensors, path, metadata={"format": "np"})
    header = read_header(path)
    assert {name: (info.dtype, info.shape) for name, info in header.tensors.items()} == {
        "x": ("float64", (3, 2)),
        "y": ("int64", ()),
        "z": ("float16", (5,)),
    }
    data = path.read_bytes()
    x = header.tensors["x"]
    assert data[x.start : x.stop] == tensors["x"].tobytes()
    assert header.metadata == {"format": "np"}


def test_storage_order_puts_wide_elements_first_and_is_stable() -> None:
    tensors = [("a", "bfloat16", (1,)), ("b", "float32", (1,)), ("c", "int64", ()), ("d", "float32", (3,))]
    assert [name for name, _, _ in storage_order(tensors)] == ["c", "b", "d", "a"]
    _, infos = build_header(storage_order(tensors))
    assert all(info.start % ITEMSIZE[info.dtype] == 0 for info in infos.values())


def test_no_bit_depends_on_the_run() -> None:
    tensors = [("b", "float32", (2, 3)), ("a", "float32", (5,))]
    assert build_header(tensors)[0] == build_header(iter(tensors))[0]


@pytest.mark.parametrize("code", CODES)
def test_every_dtype_survives(tmp_path: Path, code: str) -> None:
    name, width = CODES[code]
    header, infos = build_header([("t", name, (3,))])
    path = tmp_path / "m.safetensors"
    path.write_bytes(header + bytes(3 * width))
    assert read_header(path).tensors == infos


@pytest.mark.parametrize(
    ("fields", "data", "message"),
    [
        (b"{", b"", "not valid JSON"),
        (b"\xff\xfe", b"", "not valid JSON"),
        (b"[" * 100_000, b"", "not valid JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", b"", "not valid JSON"),
        ([1, 2], b"", "must be a JSON object"),
        (b'{"a": 1, "a": 2}', b"", 'names "a" twice'),
        ({"a": 3}, b"", "needs exactly the fields dtype, shape and data_offsets"),
        ({"a": {"dtype": "F32", "shape": [2]}}, bytes(8), "needs exactly the fields"),
        ({"a": entry(shape=(-2,))}, bytes(8), "list of integers >= 0"),
        ({"a": {**entry(), "shape": [2.0]}}, bytes(8), "list of integers >= 0"),
        ({"a": {**entry(), "shape": [True, 2]}}, bytes(8), "list of integers >= 0"),
        ({"a": entry(offsets=(8, 0))}, bytes(8), r"0 <= start <= stop; got \[8, 0\]"),
        ({"a": entry(offsets=(0, 4, 8))}, bytes(8), "0 <= start <= stop"),
        ({"a": entry(offsets=(0, 4))}, bytes(4), r"shape \(2,\) of float32 takes 8 bytes.*span 4"),
        ({"a": entry(shape=(2**40, 2**40))}, bytes(8), "takes 4835703278458516698824704 bytes"),
        ({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12), "tensor 'b' overlaps 'a'"),
        ({"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20), "tensor 'b' leaves a hole after 'a'"),
        ({"a": entry(offsets=(4, 12))}, bytes(12), "'a' leaves a hole after the header"),
        ({"a": entry()}, bytes(7), "has .. bytes; the file is truncated"),
        ({"a": entry()}, bytes(9), "it is corrupt"),
        ({"__metadata__": {"format": 1}}, b"", "must map strings to strings"),
    ],
)
def test_a_corrupt_header_is_refused(tmp_path: Path, fields: object, data: bytes, message: str) -> None:
    path = write(tmp_path / "m.safetensors", fields, data)
    with pytest.raises(FormatError, match=message) as caught:
        read_header(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["F12", ["F32"], None])
def test_an_unknown_dtype_is_refused(tmp_path: Path, dtype: object) -> None:
    path = write(tmp_path / "m.safetensors", {"a": {**entry(), "dtype": dtype}}, bytes(8))
    with pytest.raises(DTypeError, match=r"tensor 'a' has dtype .* known are F64, F32"):
        read_header(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"\x01\x02")
    with pytest.raises(FormatError, match="begins with an 8-byte header length; got 2 bytes"):
        read_header(path)
    write(path, {"a": entry()}, length=5000)
    with pytest.raises(FormatError, match=r"header length is 5000 bytes, but only .* follow"):
        read_header(path)
    write(path, {"a": entry()}, length=2**60)
    with pytest.raises(FormatError, match="not a safetensors file, or it is corrupt"):
        read_header(path)


def test_building_refuses_names_and_dtypes_the_format_cannot_hold() -> None:
    with pytest.raises(FormatError, match="'a' comes twice"):
        build_header([("a", "float32", ()), ("a", "float32", ())])
    with pytest.raises(FormatError, match="'__metadata__' is reserved"):
        build_header([("__metadata__", "float32", ())])
    with pytest.raises(DTypeError, match="got dtype 'float128'"):
        build_header([("a", "float128", ())])


def sharded(folder: Path) -> Path:
    for number, name in ((1, "a"), (2, "b")):
        header, _ = build_header([(name, "float32", (2,))])
        (folder / f"model-0000{number}-of-00002.safetensors").write_bytes(header + bytes(8))
    weight_map = {"b": "model-00002-of-00002.safetensors", "a": "model-00001-of-00002.safetensors"}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 16}, "weight_map": weight_map}))
    return index


def test_an_index_is_read_with_its_shards(tmp_path: Path) -> None:
    tensors = read_index(sharded(tmp_path))
    assert list(tensors) == ["b", "a"]
    path, info = tensors["b"]
    assert path == tmp_path / "model-00002-of-00002.safetensors"
    assert (info.dtype, info.shape, info.nbytes) == ("float32", (2,), 8)


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        (None, "needs 'weight_map'"),
        ({"a": 1}, "needs 'weight_map'"),
        ({"a": "gone.safetensors"}, "the shard 'gone.safetensors' is missing"),
        ({"a": "../model-00001-of-00002.safetensors"}, "must lie beside the index"),
        (
            {"b": "model-00002-of-00002.safetensors", "c": "model-00002-of-00002.safetensors"},
            "does not hold it",
        ),
        ({"c": "model-00001-of-00002.safetensors"}, "holds 'a', which the index does not place there"),
    ],
)
def test_an_index_that_disagrees_is_refused(tmp_path: Path, weight_map: object, message: str) -> None:
    index = sharded(tmp_path)
    index.write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(FormatError, match=message):
        read_index(index)
