"""Which child a bit generator spawns next: the part of its state that does not affect draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from threading import RLock
from typing import Any

import numpy as np
from numpy.random import SeedSequence
from numpy.random.bit_generator import ISeedSequence, ISpawnableSeedSequence

from ..errors import StateError
from ..stream.key import Key
from .seeding import KeySequence, counted, key_of

__all__ = ["Ancestry", "ancestor", "described", "spawned"]

_OTHERS = RLock()
"""Held while a sequence other than a KeySequence spawns: NumPy's own count in more than one step."""


def spawned(sequence: ISpawnableSeedSequence, n_children: int) -> list[Any]:
    """Return the next children of a sequence, which generators in other threads may share."""
    if isinstance(sequence, KeySequence):
        return list(sequence.spawn(n_children))
    with _OTHERS:
        return list(sequence.spawn(n_children))


def described(sequence: ISeedSequence) -> dict[str, Any]:
    """Return the description of a sequence for a state; empty if JSON could not restore the sequence."""
    if isinstance(sequence, KeySequence):
        return {"n_children_spawned": sequence.n_children_spawned, "seed_sequence": "KeySequence"}
    if type(sequence) is SeedSequence:
        origin = {
            "entropy": _plain(sequence.entropy),
            "spawn_key": _plain(sequence.spawn_key),
            "pool_size": int(sequence.pool_size),
        }
        return {"n_children_spawned": int(sequence.n_children_spawned), "seed_sequence": origin}
    return {}


def _plain(entropy: Any) -> Any:
    if isinstance(entropy, str):
        return entropy
    return int(entropy) if isinstance(entropy, int | np.integer) else [_plain(part) for part in entropy]


def ancestor(state: Mapping[str, Any], key: Key, way_out: str) -> ISeedSequence | None:
    """Return the sequence that a state describes, with its count of children, or None if there is none.

    Raises
    ------
    StateError
        If the description is not valid, or belongs to another key.
    """
    if "n_children_spawned" not in state and "seed_sequence" not in state:
        return None
    origin = state.get("seed_sequence", "KeySequence")
    try:
        count = counted(state["n_children_spawned"], "n_children_spawned")
        if origin == "KeySequence":
            return KeySequence(key, count)
        made = SeedSequence(**origin, n_children_spawned=count)
    except (KeyError, TypeError, ValueError, OverflowError) as wrong:
        raise StateError(
            'a state of children has n_children_spawned, and "KeySequence" or a dict as seed_sequence; got '
            f"{state!r}. {way_out}"
        ) from wrong
    if key_of(made) != key:
        raise StateError(f"a state with a seed_sequence has its key, {key_of(made)}; got {key}. {way_out}")
    return made


class Ancestry:
    """The sequences that a bit generator had under earlier keys, in case it returns to one of them."""

    def __init__(self, left: Mapping[str, ISeedSequence] | None = None) -> None:
        self._left = dict(left or {})
        # other generators may share the sequence that the caller made this one from
        self._given = True

    def copy(self) -> Ancestry:
        """Return an ancestry of the same sequences, for another generator."""
        return Ancestry(self._left)

    def follow(self, own: ISeedSequence, at: Key, to: Key, stated: ISeedSequence | None) -> ISeedSequence:
        """Return the sequence that the generator spawns from after a change of its key.

        Parameters
        ----------
        own : ISeedSequence
            The sequence that it spawns from now.
        at, to : Key
            The two keys.
        stated : ISeedSequence or None
            The sequence that a state describes.

        Returns
        -------
        ISeedSequence
            The described sequence, or the generator's own or an earlier one if it is the same; its count of
            children never decreases.
        """
        if stated is None and at == to:
            return own
        stated = KeySequence(to) if stated is None else stated
        wanted = _identity(stated)
        if _identity(own) == wanted:
            return _furthest(own, stated)
        if self._given or getattr(own, "n_children_spawned", None) != 0:
            self._left[_identity(own)] = own
        found = self._left.get(wanted)
        self._given = found is not None
        return stated if found is None else _furthest(found, stated)


def _identity(sequence: ISeedSequence) -> str:
    if isinstance(sequence, KeySequence):
        return repr(sequence.key)
    origin = described(sequence).get("seed_sequence")
    return f"one of its own {id(sequence)}" if origin is None else json.dumps(origin)


def _furthest(found: ISeedSequence, stated: Any) -> ISeedSequence:
    """Return a sequence that has handed out the children of both."""
    if isinstance(found, KeySequence):
        found.pass_over(stated.n_children_spawned)
        return found
    return stated if stated.n_children_spawned > getattr(found, "n_children_spawned", 0) else found
