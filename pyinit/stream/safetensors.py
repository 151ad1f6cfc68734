"""The safetensors container: headers and sharded indexes, read strictly and built with stable order.

A file is ``n`` (8 bytes, little-endian), ``n`` bytes of JSON, then the tensors' bytes. Only headers pass
through here; `pyinit.write_checkpoint` draws and writes the tensors' bytes.
Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ..errors import DTypeError, FormatError
from .strict_json import parsed, shown

#: Container code -> (dtype name, bytes per element).
CODES: dict[str, tuple[str, int]] = {
    "F64": ("float64", 8),
    "F32": ("float32", 4),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "I64": ("int64", 8),
    "I32": ("int32", 4),
    "I16": ("int16", 2),
    "I8": ("int8", 1),
    "U64": ("uint64", 8),
    "U32": ("uint32", 4),
    "U16": ("uint16", 2),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
    "C64": ("complex64", 8),
    "F8_E4M3": ("float8_e4m3fn", 1),
    "F8_E5M2": ("float8_e5m2", 1),
}
ITEMSIZE: dict[str, int] = dict(CODES.values())
_CODE_OF = {name: code for code, (name, _) in CODES.items()}

#: The reference implementation refuses longer headers.
MAX_HEADER_BYTES = 100_000_000
_LENGTH_BYTES = 8
_METADATA = "__metadata__"


@dataclass(frozen=True)
class TensorInfo:
    """Where one tensor lies in a file: ``start`` and ``stop`` are absolute byte offsets."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor."""
        return self.stop - self.start


@dataclass(frozen=True)
class Header:
    """The checked header of one file: its tensors in the order of their bytes, and its metadata."""

    path: Path
    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]
    data_start: int


def read_header(path: str | os.PathLike[str]) -> Header:
    """Read and check the header of a ``.safetensors`` file; no tensor bytes are read.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Header
        ``.tensors`` maps each name to a `TensorInfo` with absolute byte offsets.

    Raises
    ------
    FormatError
        If the file is truncated, or its header does not follow the format.
    DTypeError
        If a tensor has a dtype this version does not know.
    FileNotFoundError
        If there is no such file.

    References
    ----------
    https://github.com/huggingface/safetensors#format
    """
    path = Path(path)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        prefix = file.read(_LENGTH_BYTES)
        if len(prefix) < _LENGTH_BYTES:
            raise FormatError(
                f"{path}: a safetensors file begins with an 8-byte header length; got {size} bytes"
            )
        length = int.from_bytes(prefix, "little")
        if length > MAX_HEADER_BYTES:
            raise FormatError(
                f"{path}: header length is {length} bytes, the format allows {MAX_HEADER_BYTES}; "
                "this is not a safetensors file, or it is corrupt"
            )
        if _LENGTH_BYTES + length > size:
            raise FormatError(
                f"{path}: header length is {length} bytes, but only {size - _LENGTH_BYTES} follow; "
                "the file is truncated: fetch it again"
            )
        fields = _object(file.read(length), f"{path}: header")
    metadata = fields.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FormatError(f"{path}: {_METADATA} must map strings to strings; got {shown(metadata)}")
    data_start = _LENGTH_BYTES + length
    tensors = {name: _tensor(f"{path}: tensor '{name}'", entry, data_start) for name, entry in fields.items()}
    return Header(path, _checked_extents(path, tensors, data_start, size), metadata, data_start)


def read_index(path: str | os.PathLike[str]) -> dict[str, tuple[Path, TensorInfo]]:
    """Read a ``.safetensors.index.json`` and the headers of its shards.

    Parameters
    ----------
    path : path-like
        The index; its shards lie beside it.

    Returns
    -------
    dict
        Each tensor's name to the path of its shard and its `TensorInfo`, in the order of the index.

    Raises
    ------
    FormatError
        If index and shards disagree, or either is malformed.
    """
    path = Path(path)
    index = _object(path.read_bytes(), f"{path}: index")
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(file, str) for file in weight_map.values()):
        raise FormatError(
            f"{path}: the index needs 'weight_map', tensor name -> file name; got {shown(weight_map)}"
        )
    headers: dict[str, Header] = {}
    for file in dict.fromkeys(weight_map.values()):
        if Path(file).name != file:
            raise FormatError(f"{path}: shards must lie beside the index; got the file name '{file}'")
        if not (path.parent / file).is_file():
            raise FormatError(f"{path}: the shard '{file}' is missing; put it beside the index")
        headers[file] = read_header(path.parent / file)
    for file, header in headers.items():
        for name in header.tensors:
            if weight_map.get(name) != file:
                raise FormatError(
                    f"{path}: the shard '{file}' holds '{name}', which the index does not place there"
                )
    for name, file in weight_map.items():
        if name not in headers[file].tensors:
            raise FormatError(f"{path}: the index places '{name}' in '{file}', which does not hold it")
    return {name: (headers[file].path, headers[file].tensors[name]) for name, file in weight_map.items()}


def storage_order(
    tensors: Iterable[tuple[str, str, tuple[int, ...]]],
) -> list[tuple[str, str, tuple[int, ...]]]:
    """Order (name, dtype, shape) so that every tensor is aligned: wider elements first, else as given."""
    return sorted(tensors, key=lambda tensor: -itemsize(tensor[1]))


def build_header(
    tensors: Iterable[tuple[str, str, tuple[int, ...]]], metadata: Mapping[str, str] | None = None
) -> tuple[bytes, dict[str, TensorInfo]]:
    """Lay tensors out one after the other, in the given order, behind a header padded to 8 bytes.

    Parameters
    ----------
    tensors : iterable of (name, dtype, shape)
        In the order in which their bytes will follow; see `storage_order`.
    metadata : mapping of str to str, optional
        Default ``{"format": "pt"}``, which loaders of torch models require.

    Returns
    -------
    header : bytes
        The first bytes of the file, including the length.
    tensors : dict
        Each name to its `TensorInfo`, absolute offsets.

    Raises
    ------
    FormatError
        If a name comes twice or is reserved.
    DTypeError
        If the container has no code for a dtype.

    Examples
    --------
    >>> from pyinit.stream.safetensors import build_header
    >>> header, tensors = build_header([("weight", "float32", (2, 3))])
    >>> len(header) % 8, tensors["weight"].nbytes
    (0, 24)
    """
    fields: dict[str, Any] = {_METADATA: dict(metadata if metadata is not None else {"format": "pt"})}
    extents: dict[str, tuple[str, tuple[int, ...], int, int]] = {}
    offset = 0
    for name, dtype, shape in tensors:
        if name in fields:
            reason = "is reserved by the format" if name == _METADATA else "comes twice"
            raise FormatError(f"every tensor needs a name of its own; '{name}' {reason}")
        stop = offset + prod(shape) * itemsize(dtype)
        fields[name] = {"dtype": _CODE_OF[dtype], "shape": list(shape), "data_offsets": [offset, stop]}
        extents[name] = (dtype, tuple(shape), offset, stop)
        offset = stop
    body = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    body += b" " * (-len(body) % 8)
    base = _LENGTH_BYTES + len(body)
    infos = {
        name: TensorInfo(dtype, shape, base + start, base + stop)
        for name, (dtype, shape, start, stop) in extents.items()
    }
    return len(body).to_bytes(_LENGTH_BYTES, "little") + body, infos


def itemsize(dtype: str) -> int:
    """Bytes per element of a dtype the container knows."""
    if dtype not in ITEMSIZE:
        raise DTypeError(f"safetensors holds {', '.join(ITEMSIZE)}; got dtype '{dtype}'")
    return ITEMSIZE[dtype]


def _object(text: bytes, where: str) -> dict[str, Any]:
    fields = parsed(text, where, FormatError)
    if not isinstance(fields, dict):
        raise FormatError(f"{where} must be a JSON object; got {shown(fields)}")
    return fields


def _tensor(where: str, entry: object, data_start: int) -> TensorInfo:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise FormatError(
            f"{where} needs exactly the fields dtype, shape and data_offsets; got {shown(entry)}"
        )
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in CODES:
        raise DTypeError(f"{where} has dtype {shown(entry['dtype'])}; known are {', '.join(CODES)}")
    dtype, width = CODES[entry["dtype"]]
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _is_counts(shape):
        raise FormatError(f"{where}: shape must be a list of integers >= 0; got {shown(shape)}")
    if not _is_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise FormatError(
            f"{where}: data_offsets must be [start, stop] with 0 <= start <= stop; got {shown(offsets)}"
        )
    start, stop = offsets
    if prod(shape) * width != stop - start:
        raise FormatError(
            f"{where}: shape {tuple(shape)} of {dtype} takes {prod(shape) * width} bytes, "
            f"but data_offsets {offsets} span {stop - start}"
        )
    return TensorInfo(dtype, tuple(shape), data_start + start, data_start + stop)


def _checked_extents(
    path: Path, tensors: dict[str, TensorInfo], data_start: int, size: int
) -> dict[str, TensorInfo]:
    """Tensors in byte order; the format requires that they cover the file without holes or overlaps."""
    ordered = dict(sorted(tensors.items(), key=lambda item: (item[1].start, item[1].stop)))
    expected, previous = data_start, "the header"
    for name, info in ordered.items():
        if info.start != expected:
            kind = "overlaps" if info.start < expected else "leaves a hole after"
            raise FormatError(
                f"{path}: tensor '{name}' {kind} {previous}: "
                f"it begins at byte {info.start}, expected {expected}"
            )
        if info.stop > size:
            raise FormatError(
                f"{path}: tensor '{name}' ends at byte {info.stop}, but the file has {size} bytes; "
                "the file is truncated: fetch it again"
            )
        expected, previous = info.stop, f"'{name}'"
    if expected != size:
        raise FormatError(
            f"{path}: the tensors end at byte {expected}, but the file has {size} bytes; it is corrupt"
        )
    return ordered


def _is_counts(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
