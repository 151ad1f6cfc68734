"""A Keras seed as a key of the stream: the seed itself, and for a SeedGenerator how often it was asked."""

from __future__ import annotations

from typing import Any

import keras

from ..errors import SeedError
from ..stream import Key

__all__ = ["key", "next_key", "next_words"]

_MASK32 = 0xFFFFFFFF


def key(seed: Any) -> Key:
    """Return the stream's key that the next draw with a Keras seed uses.

    An int names itself: ``pyinit.key(seed)``. A SeedGenerator holds its seed and how often it was asked; the
    latter becomes the upper 32 bits, so that a fresh generator draws what its seed draws, as in Keras. A
    negative int is read as 32 bits, as Keras reads it for torch.

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator
        A generator is only looked at: it does not advance.

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
    >>> from pyinit.keras import key
    >>> key(7)
    Key(seed=7, offset=0)
    >>> key(keras.random.SeedGenerator(7)) == key(7)
    True
    """
    if isinstance(seed, keras.random.SeedGenerator):
        return _from_words(seed.state.value)
    if not isinstance(seed, int):
        raise SeedError(
            f"a Keras seed is an int or a keras.random.SeedGenerator; got {seed!r}. Use one of them."
        )
    return Key(int(seed) & _MASK32 if -(2**31) <= seed < 0 else int(seed))


def next_key(seed: Any) -> Key:
    """Return the key of a draw that takes place; a SeedGenerator advances."""
    if isinstance(seed, keras.random.SeedGenerator):
        return _from_words(seed.next())
    return key(seed)


def next_words(seed: Any) -> Any:
    """Return what `next_key` does, but of a SeedGenerator the tensor (seed, count), which may be traced."""
    return seed.next() if isinstance(seed, keras.random.SeedGenerator) else key(seed)


def _from_words(words: Any) -> Key:
    seed, count = int(words[0]) & _MASK32, int(words[1]) & _MASK32
    return Key(seed | count << 32)
