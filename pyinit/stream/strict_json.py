"""JSON from outside, read strictly: every name once, every number finite; and values shown in messages."""

from __future__ import annotations

import math
from typing import Any

from ..errors import PyinitError

__all__ = ["finite", "number", "parsed", "shown"]


def parsed(text: str | bytes, where: str, error: type[PyinitError]) -> Any:
    """Return the value of a JSON text, or of its UTF-8 bytes; `error` is raised for whatever is wrong."""
    # slow to import
    import json

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            # most readers would silently take the last one
            raise error(f"{where} names {shown(twice)} twice; keep one of them")
        return fields

    def refuse(constant: str) -> None:
        raise error(f"{where} holds {constant}, which JSON does not have; write a finite number")

    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        return json.loads(decoded, object_pairs_hook=once, parse_constant=refuse)
    except PyinitError:
        raise
    except ValueError as reason:
        raise error(f"{where} is not valid JSON: {reason}") from None
    except RecursionError:
        raise error(f"{where} is not valid JSON: nested too deeply") from None


def shown(value: object) -> str:
    """Return a value as JSON, short enough for a message."""
    import json

    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 60 else text[:57] + "..."


def finite(value: Any) -> Any:
    """Return a value that JSON can say: "inf", "-inf" and "nan" are strings, tuples are lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [finite(item) for item in value]
    return value


def number(value: Any) -> Any:
    """Return the float that `finite` made a string, and anything else as it is."""
    return float(value) if value in ("inf", "-inf", "nan") else value
