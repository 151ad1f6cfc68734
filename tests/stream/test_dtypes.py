"""The formats: names, neighbours, and rounding once."""

from __future__ import annotations

import math
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.stream.dtypes import (
    BFLOAT16,
    FLOAT8_E4M3FN,
    FLOAT8_E5M2,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    DType,
    decode,
    encode,
    resolve,
    storage,
)

FORMATS = [FLOAT32, FLOAT64, FLOAT16, BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2]
NARROW = [BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2]
NUMPY = {dtype.name: getattr(ml_dtypes, dtype.name) for dtype in NARROW}
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def cast(x: float, dtype: DType) -> float:
    with np.errstate(all="ignore"):
        return float(np.array([x]).astype(NUMPY.get(dtype.name, dtype.name))[0])


@pytest.mark.parametrize("dtype", FORMATS, ids=lambda d: d.name)
@given(x=FLOATS)
def test_round_floor_and_ceil(dtype: DType, x: float) -> None:
    # ml_dtypes rounds float64 twice on its way to narrow formats
    if dtype not in NARROW:
        assert dtype.round(x) == cast(x, dtype)
    low, high = dtype.floor(x), dtype.ceil(x)
    assert low <= x <= high
    for value in (low, high):
        assert math.isinf(value) or cast(value, dtype) == value
    if math.isfinite(low) and math.isfinite(high):
        assert dtype.round(x) in (low, high)
        # nothing of the format lies between
        assert low == high or cast(low + (high - low) / 2, dtype) in (low, high)


def test_ends_of_the_formats() -> None:
    assert FLOAT16.floor(1e9) == 65504.0
    assert FLOAT16.ceil(1e9) == math.inf
    assert FLOAT16.floor(-1e9) == -math.inf
    assert FLOAT16.round(65519.0) == 65504.0
    assert FLOAT16.round(65520.0) == math.inf
    assert BFLOAT16.largest == float(ml_dtypes.finfo(ml_dtypes.bfloat16).max)
    assert BFLOAT16.ceil(1e-45) == 2.0**-133
    assert FLOAT32.below(1.0) == 1 - 2.0**-24
    assert BFLOAT16.below(1.0) == 1 - 2.0**-8
    assert FLOAT64.below(1.0) == 1 - 2.0**-53
    assert (FLOAT8_E4M3FN.round(464.0), FLOAT8_E4M3FN.round(464.1)) == (448.0, math.inf)
    assert (FLOAT8_E5M2.round(61439.0), FLOAT8_E5M2.round(61440.0)) == (57344.0, math.inf)
    for dtype in (FLOAT8_E4M3FN, FLOAT8_E5M2):
        known = ml_dtypes.finfo(NUMPY[dtype.name])
        assert (dtype.largest, 2.0**dtype.quantum) == (float(known.max), float(known.smallest_subnormal))
        assert dtype.below(1.0) == 1 - float(known.epsneg)


@pytest.mark.parametrize("source", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", NARROW, ids=lambda d: d.name)
def test_encode_rounds_once_to_narrow_formats(dtype: DType, source: type) -> None:
    rng = np.random.default_rng(1)
    values = (rng.standard_normal(20000) * 10.0 ** rng.integers(-42, 38, 20000)).astype(source)
    ties = (1 + (2 * np.arange(100) + 1) * 2.0**-dtype.digits).astype(source)
    # just beside a tie by less than float32 can tell: rounding twice goes wrong here
    beside = ties.astype(np.float64) * (1 + 2.0**-40) if source is np.float64 else ties
    values = np.concatenate([values, ties, -ties, beside, [0.0, -0.0, np.inf, -np.inf, 3.4e38]]).astype(
        source
    )
    expected = np.array([dtype.round(float(v)) for v in values])
    if dtype is FLOAT8_E4M3FN:
        # which has no infinity
        expected[np.isinf(expected)] = np.nan
    np.testing.assert_array_equal(decode(encode(values, dtype), dtype), expected)
    assert np.isnan(decode(encode(np.array([np.nan], source), dtype), dtype)).all()


def test_encode_differs_from_rounding_twice() -> None:
    value = np.array([1 + 2.0**-8 + 2.0**-40])
    assert decode(encode(value, BFLOAT16), BFLOAT16)[0] == 1 + 2.0**-7
    assert decode(encode(value.astype(np.float32), BFLOAT16), BFLOAT16)[0] == 1.0


@pytest.mark.parametrize(
    ("given_", "name"),
    [
        ("float32", "float32"),
        (np.float64, "float64"),
        (np.dtype("float16"), "float16"),
        (ml_dtypes.bfloat16, "bfloat16"),
        (np.dtype(ml_dtypes.bfloat16), "bfloat16"),
        ("bfloat16", "bfloat16"),
        ("torch.bfloat16", "bfloat16"),
        ("jnp.float16", "float16"),
        ("uint16", "bfloat16"),
        (np.uint16, "bfloat16"),
        ("f4", "float32"),
        (float, "float64"),
        ("float8_e4m3fn", "float8_e4m3fn"),
        (ml_dtypes.float8_e5m2, "float8_e5m2"),
        ("torch.float8_e4m3fn", "float8_e4m3fn"),
        (np.complex64, "complex64"),
        (complex, "complex128"),
    ],
)
def test_names(given_: object, name: str) -> None:
    assert resolve(given_).name == name


def test_storage() -> None:
    assert storage("uint16") == np.uint16
    assert storage("bfloat16") == ml_dtypes.bfloat16
    assert storage(np.float32) == np.float32
    assert storage("float8_e4m3fn") == ml_dtypes.float8_e4m3fn
    assert storage("complex64") == np.complex64


@pytest.mark.interop
def test_torch_dtypes() -> None:
    torch = pytest.importorskip("torch")
    assert [resolve(d).name for d in (torch.float32, torch.bfloat16, torch.half, torch.double)] == [
        "float32",
        "bfloat16",
        "float16",
        "float64",
    ]
    with pytest.raises(pi.DTypeError, match="got int32"):
        resolve(torch.int32)


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("int8", r"pyinit writes float32, .*, complex64 or complex128; got int8. Draw one of these"),
        ("nonsense", r"pyinit writes .*; got dtype 'nonsense'. Use one of these names."),
        (np.uint8, r'got uint8. Name the format whose bits they are, as "float8_e4m3fn"'),
        (ml_dtypes.float8_e4m3fnuz, r"got float8_e4m3fnuz"),
        (np.clongdouble, r"got (complex256|clongdouble)"),
        (">f4", r"in native byte order; got '>f4'. Fill a native array"),
        (object, r"got object"),
        (None, r"got None. Use one of these names."),
        ([("w", "f4")], r"got dtype \[\('w', 'f4'\)\]. Use one"),
    ],
)
def test_refusals(dtype: object, message: str) -> None:
    with pytest.raises(pi.DTypeError, match=message):
        resolve(dtype)


def test_without_ml_dtypes_the_ways_out_are_named() -> None:
    code = """
import sys
sys.modules["ml_dtypes"] = None  # what an import finds when the package is absent
import pyinit as pi
assert pi.normal()(3, key=0, dtype="uint16").dtype == "uint16"
for dtype in "bfloat16", "float8_e5m2":
    try:
        pi.normal()(3, key=0, dtype=dtype)
    except pi.DTypeError as error:
        print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'Run `pip install ml_dtypes`, or use dtype="uint16" for the bits.' in result.stdout
    assert "float8_e5m2 arrays need ml_dtypes, which is not installed" in result.stdout
    assert result.stdout.endswith("Run `pip install ml_dtypes`.\n")
