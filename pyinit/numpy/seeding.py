"""What a bit generator starts from: a key, or any of NumPy's seed sequences."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
from numpy.random import SeedSequence
from numpy.random.bit_generator import ISeedSequence, ISpawnableSeedSequence

from ..errors import SeedError, StateError
from ..reference import words32, words64
from ..stream.arguments import count, is_integer
from ..stream.key import Key, as_key

__all__ = ["KeySequence", "KeyTypeError", "counted", "key_of", "seed_sequence"]


class KeyTypeError(SeedError, TypeError):
    """Raised for a key of a wrong type; like the error of NumPy's generators, it is a TypeError."""


class KeySequence(ISpawnableSeedSequence):
    """A key as a seed sequence: child n has the key ``key.fold_in(n)``.

    NumPy accepts it in place of a `numpy.random.SeedSequence`, so that spawning is as reproducible as the
    key. Threads may share one: no child is handed out twice.

    Parameters
    ----------
    key : int or Key
        An integer is the key of that seed, as everywhere in pyinit; it is not hashed as NumPy's seeds are.
    n_children_spawned : int
        Number of the next child.

    Raises
    ------
    SeedError
        If `key` is neither an integer in [0, 2**64) nor a Key. For another type it is a TypeError, too.
    StateError
        If `n_children_spawned` is not a natural number.

    Examples
    --------
    >>> import pyinit as pi
    >>> from pyinit.numpy import KeySequence
    >>> sequence = KeySequence(7)
    >>> [child.key == pi.key(7).fold_in(n) for n, child in enumerate(sequence.spawn(2))]
    [True, True]
    >>> sequence.spawn(1)[0].key == pi.key(7).fold_in(2)
    True
    """

    def __init__(self, key: int | Key, n_children_spawned: int = 0) -> None:
        self.key = _key(key)
        self.n_children_spawned = counted(n_children_spawned, "n_children_spawned")
        self._lock = Lock()

    @property
    def state(self) -> dict[str, Any]:
        """The arguments that make this sequence again."""
        return {"key": self.key, "n_children_spawned": self.n_children_spawned}

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray[Any, Any]:
        """Return the first draws of the key, to seed any other bit generator.

        Parameters
        ----------
        n_words : int
            Number of words.
        dtype : uint32 or uint64
            Their width: 32-bit or 64-bit draws of stream version 1.

        Returns
        -------
        ndarray
            1-D, of `dtype`.

        Raises
        ------
        StateError
            If `n_words` is not a natural number, or `dtype` is neither.
        """
        numbers = np.arange(counted(n_words, "generate_state's n_words"), dtype=np.uint64)
        wanted = np.dtype(dtype)
        if wanted == np.uint32:
            return words32(self.key, numbers).astype(np.uint32)
        if wanted == np.uint64:
            return words64(self.key, numbers)
        raise StateError(f"generate_state needs uint32 or uint64; got {wanted}. Use one of them.")

    def spawn(self, n_children: int) -> list[KeySequence]:
        """Return sequences of independent keys; the next call continues the count.

        Parameters
        ----------
        n_children : int
            Number of children.

        Returns
        -------
        list of KeySequence
            The n-th child ever, counted from 0, has the key ``key.fold_in(n)``.

        Raises
        ------
        StateError
            If `n_children` is not a natural number.
        """
        count = counted(n_children, "spawn's n_children")
        with self._lock:
            first = self.n_children_spawned
            self.n_children_spawned = first + count
        return [KeySequence(self.key.fold_in(n)) for n in range(first, first + count)]

    def pass_over(self, n_children: int) -> None:
        """Skip the first `n_children` children from now on.

        Parameters
        ----------
        n_children : int
            If more were spawned already, nothing changes.

        Raises
        ------
        StateError
            If `n_children` is not a natural number.

        Examples
        --------
        >>> import pyinit as pi
        >>> from pyinit.numpy import KeySequence
        >>> sequence = KeySequence(7)
        >>> sequence.pass_over(3)
        >>> sequence.spawn(1)[0].key == pi.key(7).fold_in(3)
        True
        """
        count = counted(n_children, "pass_over's n_children")
        with self._lock:
            self.n_children_spawned = max(self.n_children_spawned, count)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"KeySequence({self.key!r}, n_children_spawned={self.n_children_spawned})"


def counted(value: Any, what: str) -> int:
    """Return a natural number as it is."""
    return count(what, value, 0, error=StateError)


def seed_sequence(key: int | Key | ISeedSequence | None) -> ISeedSequence:
    """Return the seed sequence of a bit generator made with `key`; None draws entropy from the system."""
    if key is None:
        return SeedSequence()
    return key if isinstance(key, ISeedSequence) else KeySequence(_key(key))


def key_of(sequence: ISeedSequence) -> Key:
    """Return the key of a seed sequence: its own, or its first 128 bits."""
    if isinstance(sequence, KeySequence):
        return sequence.key
    seed, offset = sequence.generate_state(2, np.uint64)
    return Key(int(seed), int(offset))


def _key(value: Any) -> Key:
    try:
        return as_key(value)
    except SeedError as wrong:
        if is_integer(value):
            raise
        raise KeyTypeError(str(wrong)) from None
