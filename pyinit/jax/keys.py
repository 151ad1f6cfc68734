"""JAX keys as keys of the stream and back; ``jax.random.key(7)`` becomes ``pyinit.key(7)``."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import SeedError
from ..stream.key import Key, as_key
from ..stream.window import Shape

__all__ = ["KeyTypeError", "from_key", "made_key", "root_key", "to_key", "words"]


class KeyTypeError(SeedError, TypeError):
    """Raised for something that is not a JAX key; `jax.random` raises a TypeError for it."""


class KeyShapeError(SeedError):
    """Raised for several keys where one is needed; `jax.random` raises a ValueError for them."""


_ORDER = {1: (0, None, None, None), 2: (1, 0, None, None), 4: (1, 0, 3, 2)}
"""For each number of words: which word is (lo seed, hi seed, lo offset, hi offset); None means 0."""


def from_key(jax_key: Any) -> Key:
    """Return the stream's key that a JAX key names.

    JAX writes the high word first, so two words (d0, d1) name the seed ``d0 << 32 | d1``, with offset 0, and
    the key of ``jax.random.key(7)`` is ``pyinit.key(7)``, with JAX's default implementation; others write the
    seed twice or mix it first. Four words name seed and offset, in this order; one word names a seed. No two
    keys of an implementation share a name.

    Parameters
    ----------
    jax_key : jax.Array
        One key, not a tracer: typed, of any implementation, or raw words of uint32.

    Returns
    -------
    Key
        What the initializers of `pyinit.jax` draw with, traced or not.

    Raises
    ------
    KeyTypeError
        If it is not a key; this is a TypeError as well.
    SeedError
        If it holds several keys.

    Examples
    --------
    >>> import jax
    >>> from pyinit.jax import from_key
    >>> from_key(jax.random.key(7))
    Key(seed=7, offset=0)
    """
    if isinstance(jax_key, Key):
        return jax_key
    data = np.asarray(_data(jax_key))
    low, high, low_offset, high_offset = (0 if at is None else int(data[at]) for at in _ORDER[data.size])
    return Key(low | high << 32, low_offset | high_offset << 32)


def to_key(key: int | Key, *, impl: str = "threefry2x32") -> jax.Array:
    """Return the JAX key that a key of the stream becomes; `from_key` converts it back.

    Its words are those of the key, high word first. `jax.random` draws other numbers with it than pyinit
    does; the initializers of `pyinit.jax` draw pyinit's.

    Parameters
    ----------
    key : int or Key
        An int is a seed.
    impl : str
        JAX's implementation. One with two words, such as the default, holds a key with offset 0; one with
        four words ("rbg") holds any key.

    Returns
    -------
    jax.Array
        One typed key.

    Raises
    ------
    SeedError
        If the key has an offset, as every folded key has, and the implementation has no words for it.

    Examples
    --------
    >>> import pyinit as pi
    >>> from pyinit.jax import from_key, to_key
    >>> from_key(to_key(7))
    Key(seed=7, offset=0)
    >>> key = pi.key(7).fold_in("head")
    >>> from_key(to_key(key, impl="rbg")) == key
    True
    """
    root = as_key(key)
    halves = [root.seed >> 32, root.seed & _LOW, root.offset >> 32, root.offset & _LOW]
    like = jax.eval_shape(lambda: jax.random.key_data(jax.random.key(0, impl=impl)))
    if like.size not in (2, 4):
        raise SeedError(f"a key has two or four words here; those of {impl} have {like.size}. Use 'rbg'.")
    if like.size == 2 and root.offset:
        raise SeedError(
            f"a key of {impl} has two words, and {root} has an offset. Use impl='rbg', which has four."
        )
    data = jnp.array(halves[: like.size], jnp.uint32).reshape(like.shape)
    return jax.random.wrap_key_data(data, impl=impl)


_LOW = 0xFFFFFFFF


def root_key(key: Any) -> Key:
    """Return a model's key from an int, which is a seed, a Key, or a JAX key."""
    return from_key(key) if isinstance(key, jax.Array | np.ndarray) else as_key(key)


def words(jax_key: Any) -> jax.Array:
    """Return the four words (lo seed, hi seed, lo offset, hi offset) of a key, of uint32, traced or not."""
    if isinstance(jax_key, Key):
        halves = (jax_key.seed, jax_key.offset)
        return jnp.array([word >> shift & 0xFFFFFFFF for word in halves for shift in (0, 32)], jnp.uint32)
    data = _data(jax_key)
    # made from a word, so that under vmap it is placed as the words of a batch of keys are
    zero = data[0] & np.uint32(0)
    return jnp.stack([zero if at is None else data[at] for at in _ORDER[data.size]])


def made_key(shape: Shape, dtype: Any, key: Key) -> jax.Array:
    """Return PRNG keys of any implementation: key i holds the first words of block i."""
    found = {}

    def look(keys: jax.Array) -> jax.Array:
        found["implementation"] = jax.random.key_impl(keys)
        return jax.random.key_data(keys)

    each = jax.eval_shape(look, jax.ShapeDtypeStruct(shape, dtype)).shape[len(shape) :]
    size = math.prod(each)
    blocks = -(-size // 4)
    words = [
        [word for part in range(blocks) for word in key.block(number * blocks + part)][:size]
        for number in range(math.prod(shape))
    ]
    data = jnp.array(words, jnp.uint32).reshape(*shape, *each)
    return jax.random.wrap_key_data(data, impl=found["implementation"])


def _data(jax_key: Any) -> Any:
    """Return the words of one key, in a row, as JAX stores them."""
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
    # an implementation may arrange its words along several axes
    data = jax.random.key_data(jax_key).reshape(-1) if typed else jax_key
    if data.size not in _ORDER:
        raise KeyTypeError(
            f"a key has 1, 2 or 4 words; got {data.size}. Use jax.random.key(seed), of any implementation."
        )
    return data
