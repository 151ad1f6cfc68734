"""The four floating-point formats that pyinit writes, and rounding to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DTypeError

__all__ = [
    "BFLOAT16", "FLOAT16", "FLOAT32", "FLOAT64", "FLOATS", "DType", "decode", "encode", "resolve", "storage",
    "unsupported",
]  # fmt: skip


@dataclass(frozen=True)
class DType:
    """A binary format: `digits` significant bits, multiples of 2**`quantum`, at most `largest`."""

    name: str
    itemsize: int
    digits: int
    quantum: int
    largest: float
    compute: str

    @property
    def word_bits(self) -> int:
        """Random bits that one element consumes."""
        return 64 if self.compute == "float64" else 32

    def floor(self, x: float) -> float:
        """Return the largest value of the format that is not above `x` (-inf when there is none)."""
        if not math.isfinite(x) or x == 0.0 or self.digits == 53:
            return x
        step = math.ldexp(1.0, max(math.frexp(x)[1] - self.digits, self.quantum))
        value = math.floor(x / step) * step
        if value > self.largest:
            return self.largest
        return value if value >= -self.largest else -math.inf

    def ceil(self, x: float) -> float:
        """Return the smallest value of the format that is not below `x` (inf when there is none)."""
        return -self.floor(-x)

    def below(self, x: float) -> float:
        """Return the largest value of the format strictly below `x`."""
        return self.floor(math.nextafter(x, -math.inf))

    def round(self, x: float) -> float:
        """Return the nearest value of the format, ties to even; beyond `largest` it is infinite."""
        if not math.isfinite(x) or x == 0.0 or self.digits == 53:
            return x
        step = math.ldexp(1.0, max(math.frexp(x)[1] - self.digits, self.quantum))
        value = math.copysign(round(x / step) * step, x)
        return value if abs(value) <= self.largest else math.copysign(math.inf, x)


FLOAT32 = DType("float32", 4, 24, -149, float(np.finfo(np.float32).max), "float32")
FLOAT64 = DType("float64", 8, 53, -1074, float(np.finfo(np.float64).max), "float64")
FLOAT16 = DType("float16", 2, 11, -24, 65504.0, "float32")
BFLOAT16 = DType("bfloat16", 2, 8, -133, math.ldexp(255.0, 120), "float32")

_FORMATS = {"float32": FLOAT32, "float64": FLOAT64, "bfloat16": BFLOAT16, "float16": FLOAT16}

FLOATS = tuple(_FORMATS)
"""The names of the four formats. Tensors of other dtypes hold constants, or are copied."""


def unsupported(
    what: str, got: Any, advice: str = "Use one of these names.", error: type[DTypeError] = DTypeError
) -> DTypeError:
    """Return the error for another dtype; `what` begins the sentence, such as "fill needs an array of"."""
    return error(f"{what} {', '.join(FLOATS[:-1])} or {FLOATS[-1]}; got {got}. {advice}")


def _name(dtype: Any) -> str:
    if isinstance(dtype, str):
        # "torch.bfloat16" and the like name the same format
        name = dtype.rpartition(".")[2]
        if name in _FORMATS or name == "uint16":
            return name
    elif dtype is None:
        # NumPy would read it as float64
        raise unsupported("pyinit writes", None)
    elif str(dtype).startswith("torch."):
        return str(dtype).rpartition(".")[2]
    try:
        resolved = np.dtype(dtype)
    except TypeError:
        raise unsupported("pyinit writes", f"dtype {dtype!r}") from None
    if not resolved.isnative:
        raise DTypeError(
            f"pyinit writes in native byte order; got {resolved.str!r}. "
            "Fill a native array, then use .byteswap() and .view()."
        )
    return str(resolved.name)


def resolve(dtype: Any) -> DType:
    """Return the format that `dtype` names: a string, a NumPy or torch dtype, or a scalar type.

    "uint16" names bfloat16 kept as its bits.
    """
    try:
        return _resolved(dtype)
    except TypeError as error:
        if isinstance(error, DTypeError):
            raise
        # a list of fields has no hash
        raise unsupported("pyinit writes", f"dtype {dtype!r}") from None


@lru_cache(maxsize=64)
def _resolved(dtype: Any) -> DType:
    name = _name(dtype)
    found = BFLOAT16 if name == "uint16" else _FORMATS.get(name)
    if found is None:
        raise unsupported("pyinit writes", name, "Draw one of these and convert.")
    return found


@lru_cache(maxsize=64)
def storage(dtype: Any) -> np.dtype[Any]:
    """Return the NumPy dtype of a new array of `dtype`; bfloat16 needs ml_dtypes."""
    found = resolve(dtype)
    if found is not BFLOAT16:
        return np.dtype(found.name)
    if _name(dtype) == "uint16":
        return np.dtype(np.uint16)
    try:
        from ml_dtypes import bfloat16
    except ImportError:
        raise DTypeError(
            "bfloat16 arrays need ml_dtypes, which is not installed. "
            'Run `pip install ml_dtypes`, or use dtype="uint16" for the bits.'
        ) from None
    kept: np.dtype[Any] = np.dtype(bfloat16)
    return kept


def decode(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Return the values of bfloat16 bit patterns, exactly."""
    values: npt.NDArray[np.float32] = (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return values


def encode(values: npt.NDArray[Any], dtype: DType) -> npt.NDArray[Any]:
    """Round float values once, to nearest even, into `dtype`; bfloat16 is returned as its bits."""
    if dtype is not BFLOAT16:
        with np.errstate(over="ignore", under="ignore"):
            return values.astype(dtype.name, copy=False)
    with np.errstate(over="ignore", under="ignore"):
        narrow = values.astype(np.float32)
    bits = narrow.view(np.uint32)
    if values.dtype == np.float64:
        # Rounding to odd on the way keeps the two steps equal to a single rounding.
        away = np.abs(narrow.astype(np.float64)) > np.abs(values)
        inexact = narrow.astype(np.float64) != values
        bits = np.where(inexact & ~np.isnan(values), (bits - away) | np.uint32(1), bits).astype(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    quiet = (bits >> np.uint32(16)) | np.uint32(0x40)
    kept: npt.NDArray[Any] = np.where(np.isnan(values), quiet, rounded).astype(np.uint16)
    return kept
