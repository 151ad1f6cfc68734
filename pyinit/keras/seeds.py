"""A Keras seed as a key of the stream: the seed itself, and for a SeedGenerator its count of draws."""

from __future__ import annotations

from typing import Any

import keras

from ..errors import SeedError
from ..stream.key import Key, as_key

__all__ = ["from_key", "next_key", "next_words", "to_key"]

_MASK32 = 0xFFFFFFFF


def from_key(seed: Any) -> Key:
    """Return the stream's key that the next draw with a Keras seed uses.

    An int becomes ``pyinit.key(seed)``. A SeedGenerator holds its seed and a count of draws; the count
    becomes the upper 32 bits, so that a fresh generator draws what its seed draws, as in Keras. A negative
    int is read as 32 bits, as Keras reads it for torch.

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator
        A generator is only read: it does not advance. A Key is returned as it is.

    Returns
    -------
    Key
        What the initializers of `pyinit.keras` draw with.

    Raises
    ------
    SeedError
        If it is neither, or an int outside of [-2**31, 2**64).

    Examples
    --------
    >>> import keras
    >>> from pyinit.keras import from_key
    >>> from_key(7)
    Key(seed=7, offset=0)
    >>> from_key(keras.random.SeedGenerator(7)) == from_key(7)
    True
    """
    if isinstance(seed, keras.random.SeedGenerator):
        return _from_words(seed.state.value)
    if isinstance(seed, Key):
        return seed
    if not isinstance(seed, int):
        raise SeedError(
            f"a Keras seed is an int or a keras.random.SeedGenerator; got {seed!r}. Use one of them."
        )
    return Key(int(seed) & _MASK32 if -(2**31) <= seed < 0 else int(seed))


def to_key(key: int | Key) -> int:
    """Return the Keras seed that draws what a key draws; `from_key` converts it back.

    Parameters
    ----------
    key : int or Key
        Its offset must be 0, because a Keras seed is one number.

    Returns
    -------
    int
        In [0, 2**64), for the initializers of `pyinit.keras`; Keras' own take seeds below 2**32.

    Raises
    ------
    SeedError
        If it is neither, or has an offset, as the keys of `Key.fold_in` have.

    Examples
    --------
    >>> import pyinit as pi
    >>> from pyinit.keras import FromRecipe, to_key
    >>> to_key(pi.key(7))
    7
    >>> FromRecipe("he_normal", key=pi.key(7).fold_in("dense.kernel")).plan((100, 10)).fan_in
    100
    """
    stream_key = as_key(key)
    if stream_key.offset:
        raise SeedError(
            f"a Keras seed is one number, and cannot hold an offset; got {stream_key}. "
            "Use FromRecipe(recipe, key=key), which takes every key."
        )
    return stream_key.seed


def next_key(seed: Any) -> Key:
    """Return the key for the next draw, and advance a SeedGenerator."""
    if isinstance(seed, keras.random.SeedGenerator):
        return _from_words(seed.next())
    return from_key(seed)


def next_words(seed: Any) -> Any:
    """Return what `next_key` does, but for a SeedGenerator the tensor (seed, count), which may be traced."""
    return seed.next() if isinstance(seed, keras.random.SeedGenerator) else from_key(seed)


def _from_words(words: Any) -> Key:
    seed, count = int(words[0]) & _MASK32, int(words[1]) & _MASK32
    return Key(seed | count << 32)
