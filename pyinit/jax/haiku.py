"""Initializers as Haiku calls them: with a shape and a dtype; the key comes from the transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

__all__ = ["for_haiku"]


def for_haiku(init: Callable[..., jax.Array]) -> Callable[[Any, Any], jax.Array]:
    """Return an initializer for Haiku's ``w_init`` and ``hk.get_parameter``.

    Parameters
    ----------
    init : Initializer
        An initializer from `pyinit.jax.initializers` or `pyinit.jax.initializer`.

    Returns
    -------
    callable
        A function of (shape, dtype). Under ``hk.transform`` it draws with the next key of
        ``hk.next_rng_key``; a transform without a key can still make constants.

    Raises
    ------
    KeyTypeError
        If the transform has no key and the initializer needs one.

    Examples
    --------
    >>> from pyinit.jax import for_haiku, initializers
    >>> w_init = for_haiku(initializers.he_normal())  # as in hk.Linear(3, w_init=w_init)
    """

    def drawn(shape: Any, dtype: Any) -> jax.Array:
        import haiku

        return init(haiku.maybe_next_rng_key(), shape, dtype)

    return drawn
