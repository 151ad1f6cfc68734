"""CRC-32 of the parts, in any cut, is CRC-32 of the whole."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from pyinit.checkpoint.digest import combine, crc32


def test_known_answer() -> None:
    # the check value of CRC-32/ISO-HDLC
    assert combine([(crc32(b"12345"), 5), (crc32(b"6789"), 4)]) == 0xCBF43926


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_any_cut_gives_the_whole(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert combine((crc32(part), len(part)) for part in parts) == zlib.crc32(whole)


def test_order_matters() -> None:
    a, b = (crc32(b"weights"), 7), (crc32(b"biases"), 6)
    assert combine([a, b]) != combine([b, a])


def test_lengths_beyond_four_gigabytes() -> None:
    """Zeros behind zeros: the CRC of 2^33 zero bytes, from zlib's own of a power of two of them, doubled."""
    crc, nbytes = zlib.crc32(bytes(1 << 20)), 1 << 20
    while nbytes < 1 << 33:
        crc, nbytes = combine([(crc, nbytes), (crc, nbytes)]), 2 * nbytes
    parts = [(zlib.crc32(bytes(1 << 23)), 1 << 23)] * (1 << 10)
    assert combine(parts) == crc
