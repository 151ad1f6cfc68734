"""A frame is read as it was written; what is not a frame is refused."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pyinit.errors import FormatError
from pyinit.lab.live.frames import decoded, encoded

NAMES = st.text("abcr0.", min_size=1, max_size=8)
ARRAYS = st.sampled_from([np.float32, np.uint8, np.int32]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))
)


@given(st.dictionaries(NAMES, ARRAYS, max_size=4), st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_a_frame_is_read_as_it_was_written(arrays: dict[str, Any], text: str) -> None:
    frame = encoded({"kind": "step", "id": 3, "text": text}, arrays)
    header, found = decoded(frame)
    assert header == {"kind": "step", "id": 3, "text": text}
    assert list(found) == list(arrays)
    for name, values in arrays.items():
        assert found[name].dtype == values.dtype
        assert found[name].shape == values.shape
        assert found[name].tobytes() == values.tobytes()


def test_the_layout_is_the_one_that_the_page_reads() -> None:
    frame = encoded(
        {"kind": "step"},
        {"a": np.array([1, 2, 3], np.uint8), "b": np.array([[0.5]]), "c": np.array([-1], np.int64)},
    )
    (length,) = struct.unpack("<I", frame[:4])
    assert (4 + length) % 8 == 0
    header, body = json.loads(frame[4 : 4 + length]), frame[4 + length :]
    assert header["arrays"] == [
        {"name": "a", "dtype": "u1", "shape": [3], "offset": 0},
        {"name": "b", "dtype": "f4", "shape": [1, 1], "offset": 8},
        {"name": "c", "dtype": "i4", "shape": [1], "offset": 16},
    ]
    assert body == bytes([1, 2, 3]) + bytes(5) + struct.pack("<f", 0.5) + bytes(4) + b"\xff" * 4 + bytes(4)


def test_a_header_holds_numbers_that_json_has() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encoded({"x": float("nan")}, {})


GOOD = encoded({"kind": "data"}, {"points": np.arange(6.0).reshape(3, 2)})


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, len(GOOD)))
@settings(max_examples=500, deadline=None)
def test_a_damaged_frame_is_read_or_refused(place: int, value: int, end: int) -> None:
    damaged = bytearray(GOOD)
    damaged[place] = value
    refusal = ""
    try:
        decoded(bytes(damaged[:end]))
    except FormatError as error:
        refusal = str(error)
    assert "\n" not in refusal


@pytest.mark.parametrize(
    "listed",
    [
        {"name": "a", "dtype": "f4", "shape": [-1], "offset": 0},
        {"name": "a", "dtype": "f4", "shape": [2], "offset": -8},
        {"name": "a", "dtype": "f8", "shape": [1], "offset": 0},
        {"name": "a", "dtype": "f4", "shape": [1 << 40, 1 << 40], "offset": 0},
        {"name": "a", "dtype": "f4", "shape": "3", "offset": 0},
        {"name": "a", "dtype": "f4", "shape": [1.5], "offset": 0},
        "a",
    ],
)
def test_an_array_outside_the_frame_is_refused(listed: Any) -> None:
    text = json.dumps({"arrays": [listed]}).encode()
    text += b" " * (-(4 + len(text)) % 8)
    with pytest.raises(FormatError):
        decoded(struct.pack("<I", len(text)) + text + bytes(8))
