"""Stream version 1: Philox4x32-10 under a key of two 64-bit words, laid out as torch's stateless generator.

References
----------
Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import _core
from ..errors import SeedError
from .arguments import is_integer

__all__ = ["MULTIPLIERS", "STREAM_VERSION", "WEYL", "Key", "as_key", "key", "philox4x32"]

STREAM_VERSION = 1

_MASK32 = 0xFFFFFFFF
_MASK64 = 0xFFFFFFFFFFFFFFFF
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
"""Philox multiplies two of its four words by these in each round."""

WEYL = (0x9E3779B9, 0xBB67AE85)
"""Philox adds these to the two words of the key after each round."""


def philox4x32(counter: Any, key: Any) -> Any:
    """Return the four words of Philox4x32-10 for four counter words and two key words, as the kernels do.

    The words are Python integers, or uint64 arrays that hold 32-bit values.

    Examples
    --------
    >>> from pyinit import reference
    >>> [hex(word) for word in reference.philox4x32((0, 0, 0, 0), (0, 0))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0 = c0 * MULTIPLIERS[0]
        p1 = c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & _MASK32, (p0 >> 32) ^ c3 ^ k1, p0 & _MASK32
        k0 = (k0 + WEYL[0]) & _MASK32
        k1 = (k1 + WEYL[1]) & _MASK32
    return c0, c1, c2, c3


def _word64(value: Any, what: str) -> int:
    if (type(value) is int or is_integer(value)) and 0 <= value <= _MASK64:
        return int(value)
    # a key of JAX is an array of words
    advice = (
        "Reduce it, for instance modulo 2**64."
        if is_integer(value)
        else "Use an int, or one word of an array."
    )
    raise SeedError(f"{what} must be an integer in [0, 2**64); got {value!r}. {advice}")


@dataclass(frozen=True, order=True)
class Key:
    """Names one stream of random words.

    Parameters
    ----------
    seed : int
        In [0, 2**64): the Philox key.
    offset : int
        In [0, 2**64): the block of four 32-bit words at which the stream begins.

    Raises
    ------
    SeedError
        If a word is not an integer or does not fit in 64 bits.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.Key(7)
    Key(seed=7, offset=0)
    >>> pi.key(7).fold_in("layers.3.mlp.up.weight") == pi.key(7).fold_in("layers.3.mlp.down.weight")
    False
    """

    seed: int
    offset: int = 0

    def __post_init__(self) -> None:
        # the common case is quick, as a small fill takes only a few microseconds
        if type(self.seed) is type(self.offset) is int and 0 <= self.seed | self.offset <= _MASK64:
            return
        object.__setattr__(self, "seed", _word64(self.seed, "a seed"))
        object.__setattr__(self, "offset", _word64(self.offset, "an offset"))

    def block(self, n: int) -> tuple[int, int, int, int]:
        """Return the four 32-bit words of block `n`."""
        return _core.block(self.seed, self.offset, n & _MASK64)

    def fold_in(self, data: int | str) -> Key:
        """Return the key of a part of the whole: a parameter by its name, a layer or a step by its number.

        The new key is block `n` of this one, read as ``(w0 | w1 << 32, w2 | w3 << 32)``; a name has
        the first 8 bytes of BLAKE2b-64 of its UTF-8 text, little-endian, for `n`.

        Parameters
        ----------
        data : int or str
            A number in [0, 2**64), or a name.

        Returns
        -------
        Key
            A key whose stream is independent of this one and of its other parts.

        Raises
        ------
        SeedError
            If `data` is neither a name that UTF-8 can hold nor an integer of 64 bits.

        Examples
        --------
        >>> import pyinit as pi
        >>> pi.key(0).fold_in("head.weight") == pi.key(0).fold_in("head.weight")
        True
        """
        if isinstance(data, str):
            from hashlib import blake2b

            try:
                text = data.encode()
            except UnicodeEncodeError:
                raise SeedError(
                    f"a name must be text that UTF-8 can hold; got {data!r}. Remove its lone surrogates."
                ) from None
            n = int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
        else:
            n = _word64(data, "fold_in's number")
        w0, w1, w2, w3 = self.block(n)
        return Key(w0 | w1 << 32, w2 | w3 << 32)


def key(seed: int) -> Key:
    """Return the key of a seed, an integer in [0, 2**64).

    Parameters
    ----------
    seed : int
        In [0, 2**64).

    Returns
    -------
    Key
        ``Key(seed, 0)``.

    Raises
    ------
    SeedError
        If the seed is not an integer or does not fit in 64 bits.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.key(2**64 - 1)
    Key(seed=18446744073709551615, offset=0)
    """
    return Key(seed)


def as_key(value: int | Key) -> Key:
    """Return a key as it is, and an integer as the key of that seed."""
    if isinstance(value, Key):
        return value
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return Key(value, 0)
    raise SeedError(f"key must be an int seed or a Key; got {value!r}. Use pyinit.key(seed).")
