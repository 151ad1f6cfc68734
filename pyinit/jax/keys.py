"""A JAX key as a key of the stream: its words, so ordered that ``jax.random.key(7)`` is ``pyinit.key(7)``."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import SeedError
from ..stream import Key

__all__ = ["KeyTypeError", "key", "words"]


class KeyTypeError(SeedError, TypeError):
    """Something that is no JAX key; `jax.random` raises TypeError for it."""


class KeyShapeError(SeedError):
    """Several keys where one was needed; `jax.random` raises ValueError for them."""


_ORDER = {1: (0, None, None, None), 2: (1, 0, None, None), 4: (1, 0, 3, 2)}
"""By its number of words: which word of a JAX key is (lo seed, hi seed, lo offset, hi offset); None is 0."""


def key(jax_key: Any) -> Key:
    """Return the stream's key that a JAX key names.

    JAX writes the high word first, so two words (d0, d1) name the seed ``d0 << 32 | d1``, with offset 0, and
    the key of ``jax.random.key(7)`` is ``pyinit.key(7)``, in JAX's default implementation: others write the
    seed twice or mix it first. Four words name seed and offset, in this order; one word names a seed. No two
    keys of an implementation share a name.

    Parameters
    ----------
    jax_key : jax.Array
        One key that is no tracer: typed, of any implementation, or raw words of uint32.

    Returns
    -------
    Key
        What the initializers of `pyinit.jax` draw with, traced or not.

    Raises
    ------
    KeyTypeError
        If it is no key; a TypeError.
    SeedError
        If it holds several keys.

    Examples
    --------
    >>> import jax
    >>> from pyinit.jax import key
    >>> key(jax.random.key(7))
    Key(seed=7, offset=0)
    """
    if isinstance(jax_key, Key):
        return jax_key
    data = np.asarray(_data(jax_key))
    low, high, low_offset, high_offset = (0 if at is None else int(data[at]) for at in _ORDER[data.size])
    return Key(low | high << 32, low_offset | high_offset << 32)


def words(jax_key: Any) -> jax.Array:
    """Return the four words (lo seed, hi seed, lo offset, hi offset) of a key, of uint32, traced or not."""
    if isinstance(jax_key, Key):
        halves = (jax_key.seed, jax_key.offset)
        return jnp.array([word >> shift & 0xFFFFFFFF for word in halves for shift in (0, 32)], jnp.uint32)
    data = _data(jax_key)
    # made from a word: under vmap it must lie where the words of a batch of keys do
    zero = data[0] & np.uint32(0)
    return jnp.stack([zero if at is None else data[at] for at in _ORDER[data.size]])


def _data(jax_key: Any) -> Any:
    """Return the words of one key, as JAX stores them."""
    if not isinstance(jax_key, jax.Array | np.ndarray):
        raise KeyTypeError(
            f"a JAX key is needed; got {type(jax_key).__name__} {jax_key!r}. Use jax.random.key(seed)."
        )
    typed = jnp.issubdtype(jax_key.dtype, jax.dtypes.prng_key)
    if not typed and jax_key.dtype != np.uint32:
        raise KeyTypeError(
            f"a JAX key holds uint32; got an array of {jax_key.dtype}. Use jax.random.key(seed)."
        )
    if jax_key.ndim != (0 if typed else 1):
        raise KeyShapeError(
            f"a single key is needed; got a key array of shape {jax_key.shape}. Use jax.vmap for batching."
        )
    data = jax.random.key_data(jax_key) if typed else jax_key
    if data.size not in _ORDER:
        raise KeyTypeError(
            f"a key has 1, 2 or 4 words; got {data.size}. Use jax.random.key(seed), of any implementation."
        )
    return data
