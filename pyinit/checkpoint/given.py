"""Tensors whose values are known: small tables that a model computes of its sizes."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np

from ..errors import FormatError
from ..stream.safetensors import ITEMSIZE
from ..stream.window import Shape, Window
from .contents import Bytes, Content

__all__ = ["Given"]


@dataclass(frozen=True)
class Given:
    """The bytes themselves, in C order and little-endian.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> content = Given(np.arange(6, dtype="int16").tobytes(), "int16")
    >>> row = np.empty(6, np.uint8)
    >>> content.fill(pi.Window((1, 0), (2, 3)), (1, 3), row, 1)
    >>> row.view("int16")
    array([3, 4, 5], dtype=int16)
    """

    kind: ClassVar[str] = "given"
    data: bytes
    dtype: str

    def fill(self, window: Window, extent: Shape, out: Bytes, threads: int) -> None:
        """Copy the rectangle."""
        elements = np.frombuffer(self.data, np.uint8).reshape(*window.global_shape, ITEMSIZE[self.dtype])
        place = tuple(slice(first, first + n) for first, n in zip(window.start, extent, strict=True))
        out[...] = elements[place].reshape(-1)

    def at_once(self, shape: Shape) -> int:
        """Return 0."""
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Return a digest of the bytes, which decides, and the bytes: tables of positions shrink to nothing.

        Not every zlib makes the same text of them.
        """
        packed = base64.b64encode(zlib.compress(self.data, 9))
        return {"kind": self.kind, "sha256": sha256(self.data).hexdigest(), "zlib": packed.decode()}

    @classmethod
    def read(cls, fields: Mapping[str, Any], name: str, shape: Shape, dtype: str) -> Content:
        """Return the content that `to_dict` wrote."""
        nbytes = math.prod(shape) * ITEMSIZE[dtype]
        # no more than is needed: few bytes may stand for any number
        data = zlib.decompressobj().decompress(base64.b64decode(fields["zlib"], validate=True), nbytes + 1)
        if len(data) != nbytes or sha256(data).hexdigest() != fields["sha256"]:
            raise FormatError(f"tensor '{name}': the plan gives other than its {nbytes} bytes; make it again")
        return cls(data, dtype)
