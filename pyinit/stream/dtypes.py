"""The formats that pyinit writes, floating-point and complex, and rounding to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DTypeError

__all__ = [
    "BFLOAT16", "COMPLEX64", "COMPLEX128", "FLOAT8_E4M3FN", "FLOAT8_E5M2", "FLOAT16", "FLOAT32", "FLOAT64",
    "FLOATS", "FORMATS", "DType", "bits_dtype", "decode", "encode", "held", "resolve", "storage",
    "unsupported",
]  # fmt: skip


@dataclass(frozen=True)
class DType:
    """A binary format: `digits` significant bits, multiples of 2**`quantum`, at most `largest`.

    A complex format is two numbers of the format `compute`, to which all of these belong.
    """

    name: str
    itemsize: int
    digits: int
    quantum: int
    largest: float
    compute: str

    @property
    def is_complex(self) -> bool:
        """Whether an element is a real and an imaginary part."""
        return self.name.startswith("complex")

    @property
    def bits(self) -> str | None:
        """The NumPy integers that hold the format's bits; None where NumPy has the format itself."""
        return _BITS.get(self.name)

    @property
    def word_bits(self) -> int:
        """Random bits that one element, or one part of a complex element, consumes."""
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

# Micikevicius et al., FP8 formats for deep learning, 2022: e4m3fn has no infinity
FLOAT8_E4M3FN = DType("float8_e4m3fn", 1, 4, -9, 448.0, "float32")
FLOAT8_E5M2 = DType("float8_e5m2", 1, 3, -16, 57344.0, "float32")
COMPLEX64 = DType("complex64", 8, 24, -149, FLOAT32.largest, "float32")
COMPLEX128 = DType("complex128", 16, 53, -1074, FLOAT64.largest, "float64")

_FORMATS = {
    dtype.name: dtype
    for dtype in (FLOAT32, FLOAT64, BFLOAT16, FLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, COMPLEX64, COMPLEX128)
}
_BITS = {"bfloat16": "uint16", "float8_e4m3fn": "uint8", "float8_e5m2": "uint8"}

FLOATS = ("float32", "float64", "bfloat16", "float16")
"""The names of the formats that whole models are drawn in; a weight of another one says so itself."""

FORMATS = tuple(_FORMATS)
"""The names of all formats that pyinit writes. Tensors of other dtypes hold constants, or are copied."""


def unsupported(
    what: str,
    got: Any,
    advice: str = "Use one of these names.",
    error: type[DTypeError] = DTypeError,
    known: tuple[str, ...] = FORMATS,
) -> DTypeError:
    """Return the error for another dtype; `what` begins the sentence, such as "fill needs an array of"."""
    return error(f"{what} {', '.join(known[:-1])} or {known[-1]}; got {got}. {advice}")


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
    if name == "uint8":
        raise unsupported("pyinit writes", name, 'Name the format whose bits they are, as "float8_e4m3fn".')
    if found is None:
        raise unsupported("pyinit writes", name, "Draw one of these and convert.")
    return found


@lru_cache(maxsize=64)
def storage(dtype: Any) -> np.dtype[Any]:
    """Return the NumPy dtype of a new array of `dtype`; bfloat16 and float8 need ml_dtypes."""
    found = resolve(dtype)
    if found.bits is None:
        return np.dtype(found.name)
    if _name(dtype) == "uint16":
        return np.dtype(np.uint16)
    try:
        import ml_dtypes
    except ImportError:
        advice = ', or use dtype="uint16" for the bits' if found is BFLOAT16 else ""
        raise DTypeError(
            f"{found.name} arrays need ml_dtypes, which is not installed. "
            f"Run `pip install ml_dtypes`{advice}."
        ) from None
    kept: np.dtype[Any] = np.dtype(getattr(ml_dtypes, found.name))
    return kept


def bits_dtype(dtype: DType) -> np.dtype[Any]:
    """Return the NumPy dtype that holds a format: its own, or that of its bits."""
    return np.dtype(dtype.bits or dtype.name)


def held(array: npt.NDArray[Any], dtype: DType) -> npt.NDArray[Any]:
    """Return an array of a format as `encode` makes it: a view of its bits where NumPy has no such format."""
    return array if dtype.bits is None else array.view(dtype.bits)


def decode(bits: npt.NDArray[Any], dtype: DType) -> npt.NDArray[Any]:
    """Return the values of a format's bit patterns, exactly; an array of values is returned as it is."""
    if dtype.bits is None:
        return bits
    values: npt.NDArray[np.float32]
    if dtype is BFLOAT16:
        values = (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
    else:
        values = _float8_values(dtype)[bits]
    return values


@lru_cache(maxsize=2)
def _float8_values(dtype: DType) -> npt.NDArray[np.float32]:
    """Return the value of each of the 256 patterns."""
    fraction = dtype.digits - 1
    pattern = np.arange(256)
    exponent, digits = (pattern & 0x7F) >> fraction, pattern & (2**fraction - 1)
    # a subnormal number has the exponent of the smallest normal one, and no leading 1
    whole = digits + np.where(exponent > 0, 2**fraction, 0)
    values = np.ldexp(whole.astype(np.float64), np.maximum(exponent, 1) - 1 + dtype.quantum)
    beyond = np.nan if dtype is FLOAT8_E4M3FN else np.where(digits == 0, np.inf, np.nan)
    values = np.where(values > dtype.largest, beyond, values)
    found: npt.NDArray[np.float32] = np.where(pattern & 0x80, -values, values).astype(np.float32)
    found.flags.writeable = False
    return found


def encode(values: npt.NDArray[Any], dtype: DType) -> npt.NDArray[Any]:
    """Round values once, to nearest even, into `dtype`; where NumPy has no such format, into its bits.

    What is too large is infinity, and NaN in float8_e4m3fn, which has no infinity, as in ml_dtypes; torch
    makes it the largest number there. No plan reaches that: its recipe is refused.
    A real value is the real part of a complex number.
    """
    if dtype.bits is None:
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
    if dtype is not BFLOAT16:
        return _float8_bits(bits, dtype)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    quiet = (bits >> np.uint32(16)) | np.uint32(0x40)
    kept: npt.NDArray[Any] = np.where(np.isnan(values), quiet, rounded).astype(np.uint16)
    return kept


def _float8_bits(bits: npt.NDArray[np.uint32], dtype: DType) -> npt.NDArray[np.uint8]:
    """Round float32 bit patterns; the twin of csrc/rng/float8.hpp, which also tells why."""
    dropped, bias = np.uint32(24 - dtype.digits), 2 - dtype.digits - dtype.quantum
    # of a scalar NumPy would warn that it wraps
    pattern = np.atleast_1d(bits)
    magnitude = pattern & np.uint32(0x7FFFFFFF)
    adding = np.uint32(127 + 23 + dtype.quantum << 23)
    with np.errstate(invalid="ignore"):
        subnormal = (magnitude.view(np.float32) + adding.view(np.float32)).view(np.uint32) - adding
    rebiased = magnitude - np.uint32(127 - bias << 23)
    odd = (rebiased >> dropped) & np.uint32(1)
    normal = (rebiased + odd + (np.uint32(1) << (dropped - np.uint32(1))) - np.uint32(1)) >> dropped
    too_large = 0x7F if dtype is FLOAT8_E4M3FN else 0x7C
    rounded = np.where(magnitude < np.uint32(128 - bias << 23), subnormal, np.minimum(normal, too_large))
    rounded = np.where(magnitude > np.uint32(0x7F800000), 0x7F, rounded)
    kept: npt.NDArray[np.uint8] = (rounded | pattern >> np.uint32(24) & np.uint32(0x80)).astype(np.uint8)
    return kept.reshape(np.shape(bits))
