"""The user's own files are read strictly: bounded, without pickle, refused in one line."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyinit.errors import DataError
from pyinit.lab.experiment.limits import UPLOAD_BYTES
from pyinit.lab.experiment.sets import described, uploaded

CSV = b"a,b,c\n" + b"".join(b"%d,%d,%d\n" % (i, i * i, 2 * i) for i in range(12))


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_a_csv_a_npz_and_a_column_of_words() -> None:
    assert described(uploaded("t.csv", CSV)) == {
        "name": "t.csv",
        "kind": "table",
        "title": {"en": "t.csv", "zh": "t.csv"},
        "rows": 12,
        "features": 2,
        "classes": [],
        "columns": ["a", "b"],
    }
    assert described(uploaded("t.csv", CSV, "a"))["columns"] == ["b", "c"]
    pixels = np.zeros((20, 28, 28), np.uint8)
    pixels[:, 3, 3] = np.arange(20)
    assert uploaded("d.npz", npz(images=pixels, labels=np.arange(20) % 4)).kind == "digits"
    words = b"size,colour,price\n" + b"".join(
        b"%d,%s,%d\n" % (i, (b"red", b"blue")[i % 2], i) for i in range(9)
    )
    assert uploaded("w.csv", words).data.feature_names == ("size", "colour=blue", "colour=red")
    gaps = CSV + b"9,,9\n"
    assert len(uploaded("g.csv", gaps).data.inputs) == 12


class Bomb:
    """A pickle of it runs a function when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was read",))


def bomb_of_objects() -> bytes:
    return npz(x=np.array([Bomb(), Bomb()], object), y=np.zeros(2))


def bomb_of_zeros() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(80 << 20))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("t.npz", bomb_of_objects(), "pickle"),
        ("t.npz", bomb_of_zeros(), "unpacks to 83,886,080 bytes; the lab takes"),
        ("t.csv", bytes(UPLOAD_BYTES + 1), "bytes; the lab takes 16,777,216"),
        ("t.npz", b"PK\x03\x04 not an archive", "is not a valid npz file"),
        ("t.csv", b"", "t.csv"),
        ("t.csv", b"\xff\xfe\x00", "t.csv"),
        ("t.csv", b"a,b\n1\n", "t.csv"),
        ("", CSV, "needs a name"),
        ("../", CSV, "needs a name"),
        ("moons", CSV, "is the name of a set that is shipped"),
        (
            "t.csv",
            b"x,y\n" + b"".join(b"%d,k%d\n" % (i, i) for i in range(200)),
            "classes; the lab takes 100",
        ),
    ],
)
def test_what_is_not_valid_is_refused_in_one_line(name: str, raw: bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        uploaded(name, raw)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"PK", b"\x93NUMPY", b"a,b\n"]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_data_set_or_refused(raw: bytes, begin: bytes) -> None:
    try:
        uploaded("any.csv", begin + raw)
    except DataError as error:
        refusal = str(error)
    else:
        refusal = "a data set"
    assert "\n" not in refusal


@given(st.integers(0, 10**6), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_a_npz_with_a_wrong_byte_is_a_data_set_or_refused(place: int, value: int) -> None:
    raw = bytearray(npz(x=np.arange(20.0).reshape(10, 2), y=np.arange(10) % 2))
    raw[place % len(raw)] = value
    try:
        uploaded("any.npz", bytes(raw))
    except DataError as error:
        refusal = str(error)
    else:
        refusal = "a data set"
    assert "\n" not in refusal
