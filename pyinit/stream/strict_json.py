"""JSON, read strictly: every name once, every number finite; and the methods of what is written as JSON."""

from __future__ import annotations

import math
from typing import Any, ClassVar, TypeVar

from ..errors import FormatError, PyinitError
from .arguments import brief

__all__ = ["JsonObject", "finite", "parsed", "restored", "shown"]

Written = TypeVar("Written", bound="JsonObject")


class JsonObject:
    """What is written as one JSON object and read again; a class adds `to_dict` and `_read`."""

    _json_name: ClassVar[str]
    """What errors call it, such as "a report"."""
    _json_error: ClassVar[type[PyinitError]] = FormatError

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dict of JSON values."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Return it as one JSON object."""
        # slow to import
        import json

        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_dict(cls: type[Written], content: Any) -> Written:
        """Return what `to_dict` wrote, read again.

        Raises
        ------
        FormatError, or RecipeError for recipes, plans and networks
            If it is something else.
        """
        if not isinstance(content, dict):
            raise cls._json_error(
                f"{cls._json_name} is a JSON object; got {brief(content)}. Read what to_json wrote."
            )
        try:
            return cls._read(dict(content))
        except cls._json_error:
            raise
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
            text = " ".join(str(error).split())
            reason = text if len(text) <= 200 else f"{text[:197]}..."
            raise cls._json_error(
                f"not {cls._json_name} that to_json wrote: {reason}. Write it again."
            ) from None

    @classmethod
    def _read(cls: type[Written], content: dict[str, Any]) -> Written:
        raise NotImplementedError

    @classmethod
    def from_json(cls: type[Written], text: str) -> Written:
        """Return what `to_json` wrote, read again.

        Raises
        ------
        FormatError, or RecipeError for recipes, plans and networks
            If it is something else.
        """
        return cls.from_dict(parsed(text, cls._json_name, cls._json_error))


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
    """Return a value that JSON can hold: infinities and NaN become strings, tuples become lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [finite(item) for item in value]
    return value


def restored(value: Any) -> Any:
    """Undo `finite`: its strings become floats again, and lists become tuples."""
    if isinstance(value, list):
        return tuple(restored(item) for item in value)
    return float(value) if value in ("inf", "-inf", "nan") else value
