"""Names that are not known, and the known ones that are most like them."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["nearest", "suggestion"]

# comparing names takes long, and layers that differ in a number only are alike
_MOST_COMPARED = 2000
_LEAST_LIKE = 0.6


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return at most `count` of the known names that are most like `name`, the best first.

    Parameters
    ----------
    name : str
        A name, or a pattern.
    known : iterable of str
        The names there are.
    count : int
        How many to return at most.

    Returns
    -------
    list of str
        Empty if none is like it.

    Examples
    --------
    >>> from pyinit.recipes.names import nearest
    >>> nearest("he_norml", ["he_normal", "he_uniform", "zeros"])
    ['he_normal', 'he_uniform']
    """
    # needed only where something is wrong
    from difflib import get_close_matches

    kinds: dict[str, str] = {}
    numbers = set(re.findall(r"\d+", name))
    for one in known:
        # of layers that differ in their numbers only, the one with the numbers of `name`, else the first
        kind = re.sub(r"\d+", "0", one)
        if kind not in kinds or (numbers and numbers == set(re.findall(r"\d+", one))):
            kinds[kind] = one
        if len(kinds) >= _MOST_COMPARED:
            break
    lowered = {one.lower(): one for one in kinds.values()}
    return [lowered[one] for one in get_close_matches(name.lower(), lowered, count, _LEAST_LIKE)]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the sentence that names what `name` may have meant, or else what is known.

    Examples
    --------
    >>> from pyinit.recipes.names import suggestion
    >>> suggestion("zero", ["ones", "zeros"])
    'Did you mean zeros?'
    >>> suggestion("wishful", ["ones", "zeros"])
    'Known are ones, zeros.'
    """
    known = list(known)
    found = nearest(name, known)
    if found:
        return f"Did you mean {', '.join(found)}?"
    listed = ", ".join(known[:_MOST_LISTED])
    return f"Known are {listed}{', ...' if len(known) > _MOST_LISTED else ''}."


_MOST_LISTED = 40
