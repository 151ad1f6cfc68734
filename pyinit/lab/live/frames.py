"""Frames: a header in JSON and arrays behind it, as one message of bytes.

Little endian: a uint32 n, n bytes of JSON (padded with spaces so that 4 + n is a multiple of 8), then the
arrays, each at a multiple of 8 from the end of the header. The header lists them under "arrays": name, dtype
("f4", "u1" or "i4"), shape, and offset from the end of the header.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import FormatError
from ...stream.strict_json import parsed

__all__ = ["decoded", "encoded"]

Array = npt.NDArray[Any]

_DTYPES: dict[str, np.dtype[Any]] = {"f4": np.dtype("<f4"), "u1": np.dtype("u1"), "i4": np.dtype("<i4")}
_ALIGNED = 8
_LENGTH = struct.Struct("<I")


def encoded(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Return the frame of a header and arrays.

    Floats are written as float32, bytes as they are, other integers as int32.

    Examples
    --------
    >>> import numpy as np
    >>> header, arrays = decoded(encoded({"kind": "step"}, {"r0.losses": np.array([0.5])}))
    >>> header["kind"], arrays["r0.losses"].tolist()
    ('step', [0.5])
    """
    listed, parts, offset = [], [], 0
    for name, values in arrays.items():
        code = "u1" if values.dtype == np.uint8 else "f4" if values.dtype.kind == "f" else "i4"
        with np.errstate(over="ignore"):
            raw = np.ascontiguousarray(values, _DTYPES[code]).tobytes()
        listed.append({"name": name, "dtype": code, "shape": list(values.shape), "offset": offset})
        padding = -len(raw) % _ALIGNED
        parts += [raw, bytes(padding)]
        offset += len(raw) + padding
    text = json.dumps({**header, "arrays": listed}, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-(_LENGTH.size + len(text)) % _ALIGNED)
    return b"".join([_LENGTH.pack(len(text)), text, *parts])


def decoded(frame: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the header of a frame, without its list of arrays, and the arrays.

    Raises
    ------
    FormatError
        If the bytes are not such a frame.
    """
    if len(frame) < _LENGTH.size:
        raise FormatError(f"a frame begins with 4 bytes of length; got {len(frame)} bytes. Send it whole.")
    (length,) = _LENGTH.unpack_from(frame)
    start = _LENGTH.size + length
    if start % _ALIGNED or start > len(frame):
        raise FormatError(f"a frame's header ends at a multiple of 8 within it; got {start}. Send it whole.")
    header = parsed(frame[_LENGTH.size : start], "a frame's header", FormatError)
    if not isinstance(header, dict) or not isinstance(header.get("arrays"), list):
        raise FormatError("a frame's header lists its arrays; got another JSON value. Encode it again.")
    try:
        return header, {str(one["name"]): _array(frame, one, start) for one in header.pop("arrays")}
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise FormatError(f"a frame's array is not valid: {error}. Encode it again.") from None


def _array(frame: bytes, listed: dict[str, Any], start: int) -> Array:
    shape = tuple(listed["shape"])
    numbers = math.prod(shape)
    if min(shape, default=0) < 0 or listed["offset"] < 0:
        raise ValueError("a size or an offset is negative")
    values = np.frombuffer(frame, _DTYPES[listed["dtype"]], numbers, start + listed["offset"])
    return values.reshape(shape)
