"""Whether the values that a file gives to a checkpoint are still those of its plan."""

from __future__ import annotations

import math
import os
from pathlib import Path

from ..errors import FormatError
from ..stream.pretrained import FileSource
from ..stream.safetensors import ITEMSIZE
from .digest import crc32_of_file

__all__ = ["changed", "source_crc32"]


def source_crc32(source: FileSource) -> int:
    """Return the CRC-32 that the values of a file have now.

    Raises
    ------
    FormatError
        If the file is shorter than it was.
    """
    nbytes = math.prod(source.shape) * ITEMSIZE[source.dtype.name]
    checksum = crc32_of_file(Path(source.path), source.start, nbytes)
    if checksum is None:
        raise changed(source.path, source.tensor)
    return checksum


def changed(path: str | os.PathLike[str], tensor: str) -> FormatError:
    """Return the error of a file that no longer holds what the plan says."""
    return FormatError(
        f"{os.fspath(path)}: the bytes of tensor '{tensor}' are not those of the plan; the file changed. "
        "Make the plan again"
    )
