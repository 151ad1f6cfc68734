"""Contents that a plan read from JSON names by their definition: the module is built again, once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...checkpoint.contents import READERS, Content, Unread
from ...errors import PyinitError, RecipeError
from ...recipes.recipe import from_dict
from ...recipes.rules_json import rules_from_json
from ...stream.key import Key
from ...stream.window import Shape
from ..materialization.deciding import decided
from ..materialization.recording import Recorded
from .casting import in_dtype
from .contents import Computed, Definition, Kept
from .definitions import build

__all__ = ["read"]

# a name that timm has itself; with a second colon it is fetched, or lies in a directory
_OF_TIMM = re.compile(r"timm:[\w./-]+")


def read(fields: Mapping[str, Any], name: str, shape: Shape, dtype: str) -> Content:
    """Return the content that `Computed.to_dict` wrote, or one that says why it is not made here.

    A configuration of transformers and a name of timm are built again; a function is not, nor what timm
    would fetch: no file shall say which code runs, or whom to ask for it.
    """
    source = fields["definition"] if "definition" in fields else fields["file"]
    definition = Definition(source, fields.get("dtype"), fields.get("recipes"))
    why = f"tensor '{name}' is computed by {definition.source}"
    if not (_OF_TIMM.fullmatch(definition.source) or Path(definition.source).is_file()):
        return Unread(Computed.kind, fields, f"{why}; make the plan from that definition in this process")
    try:
        recorded, kept = _recorded(definition)
    except PyinitError as error:
        return Unread(Computed.kind, fields, f"{why}, which cannot be built here: {error}")
    if (found := recorded.get(fields["tensor"])) is not None:
        content = Computed(found, Key(*fields["key"]), definition, kept)
        if content.to_dict() == dict(fields):
            return content
    return Unread(
        Computed.kind,
        fields,
        f"{why}, which begins it in another way here than where the plan was made. Use the same versions of "
        "pyinit, torch and its library, or make the plan again",
    )


@lru_cache(maxsize=1)
def _recorded(definition: Definition) -> tuple[dict[str, Recorded], Kept]:
    """Build a module and record how its tensors begin."""
    recipes = None if definition.recipes is None else _recipes_of(definition.recipes)
    module, _ = build(definition.source)
    with in_dtype(module, definition.dtype):
        return decided(module, recipes), Kept()


def _recipes_of(text: str) -> Any:
    try:
        content = json.loads(text)
    except ValueError:
        raise RecipeError(f"its recipe is {text}, which a plan does not hold") from None
    return (
        rules_from_json(content, (), "the plan's rules") if isinstance(content, list) else from_dict(content)
    )


READERS[Computed.kind] = read
