"""What a page may ask: one JSON object a message, with the fields of its type and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import FormatError
from ...stream.arguments import brief, is_integer
from ...stream.strict_json import parsed
from ..experiment.limits import UPLOAD_BYTES

__all__ = ["LONGEST", "read_message"]

LONGEST = 1 << 16
"""The most bytes of a message."""

_STEPS = 1000
_FRAMES = 2**53


def read_message(text: str) -> dict[str, Any]:
    """Return the fields of a message, its `type` among them; those that may be left out have their defaults.

    Raises
    ------
    FormatError
        If it is not one: the message names the first field that is wrong.

    Examples
    --------
    >>> read_message('{"type": "step"}')
    {'type': 'step', 'count': 1}
    """
    if len(text) > LONGEST:
        raise FormatError(f"a message has at most {LONGEST} characters; got {len(text)}. Send less at once.")
    content = parsed(text, "a message", FormatError)
    kind = content.get("type") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in _FIELDS:
        known = ", ".join(_FIELDS)
        raise FormatError(f"a message has a type among {known}; got {brief(content)}. Send one of these.")
    fields = _FIELDS[kind]
    for name in content:
        if name != "type" and name not in fields:
            raise FormatError(f"a message {kind} has no {brief(name)}. Leave it out.")
    found: dict[str, Any] = {"type": kind}
    for name, (check, what, *default) in fields.items():
        if name not in content and default:
            found[name] = default[0]
        elif name in content and check(content[name]):
            found[name] = content[name]
        else:
            got = brief(content[name]) if name in content else "none"
            raise FormatError(f"{name} of a message {kind} must be {what}; got {got}. Send it so.")
    return found


def _between(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: is_integer(value) and least <= value <= most


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


def _is_name_or_none(value: Any) -> bool:
    return value is None or _is_name(value)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= 4 and all(map(_is_name, value))


# of each type, the fields: the check, what is needed, and the default of one that may be left out
_FIELDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "start": {"experiment": (_is_object, "an object")},
    "play": {},
    "pause": {},
    "step": {"count": (_between(1, _STEPS), f"an integer from 1 to {_STEPS}", 1)},
    "rewind": {},
    "pace": {"steps": (_between(1, _STEPS), f"an integer from 1 to {_STEPS}")},
    "ack": {"id": (_between(0, _FRAMES), "the number of a frame")},
    "phase": {
        "activation": (_are_names, "a list of 1 to 4 names"),
        "size": (_between(4, 128), "an integer from 4 to 128", 48),
    },
    "upload": {
        "name": (_is_name, "a name of at most 200 characters"),
        "target": (_is_name_or_none, "a name or null", None),
        "nbytes": (_between(0, UPLOAD_BYTES), f"an integer from 0 to {UPLOAD_BYTES}"),
    },
    "table": {},
    "hello": {},
}
