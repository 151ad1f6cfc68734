"""Models that torch builds for `pyinit init`: of a library, or by a function of the caller's."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from ..checkpoint.blueprint import Blueprint
from ..checkpoint.families.lookup import model_type_of
from ..checkpoint.families.registry import FAMILIES
from ..errors import RecipeError, SpecError
from ..recipes.recipe import Recipe
from ..recipes.rules import Rule
from ..stream.key import Key

__all__ = ["blueprint_of", "built", "definition_of", "learn_to_rebuild", "without_default"]

_NAMED = re.compile(r"timm:[\w./-]+|[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def definition_of(spec: str) -> str | None:
    """Return what torch has to build for a spec, or None where pyinit knows the model itself.

    Examples
    --------
    >>> definition_of("timm:resnet18"), definition_of("package.models:build"), definition_of("gpt2")
    ('timm:resnet18', 'package.models:build', None)
    """
    path = Path(spec)
    if not path.exists():
        return spec if _NAMED.fullmatch(spec) else None
    path = path / "config.json" if path.is_dir() else path
    model_type = model_type_of(path)
    return str(path) if model_type is not None and model_type not in FAMILIES else None


def blueprint_of(
    definition: str,
    recipe: Recipe | tuple[Rule, ...] | None,
    key: Key,
    dtype: str | None,
    *,
    by_state: bool = False,
) -> Blueprint:
    """Build a model without memory and decide its tensors; a line on stderr says what built it.

    With `by_state` they have the names of its state dict, not those that its library saves.

    Raises
    ------
    SpecError
        If torch, or the library that is needed, is not installed, or the model cannot be built.
    """
    module = built(definition)
    # torch is there, as it has built the module
    blueprints: Any = import_module("pyinit.torch.checkpoint.blueprint")
    options = {"dtype": dtype, "source": definition, "by_state": by_state}
    blueprint: Blueprint = blueprints.draw_up(module, recipe, key=key, **options)
    return blueprint


def built(definition: str) -> Any:
    """Build a model without memory; a line on stderr says what built it.

    Raises
    ------
    SpecError
        As `blueprint_of`.
    """
    try:
        # torch takes seconds to import, and most commands do without it
        definitions: Any = import_module("pyinit.torch.checkpoint.definitions")
    except ImportError as error:
        if error.name is None or not error.name.startswith("torch"):
            raise
        path = Path(definition)
        what = f"model_type '{model_type_of(path)}'" if path.is_file() else "it"
        raise SpecError(
            f"{definition}: {what} is not a model that pyinit knows itself ({', '.join(FAMILIES)}), and "
            "torch, which would build it, is not installed; install torch and transformers, or timm"
        ) from None
    module, how = definitions.build(definition)
    print(how, file=sys.stderr)
    return module


def learn_to_rebuild() -> None:
    """Let plans be read that name what torch computes; without torch such a tensor is refused by name."""
    with suppress(ImportError):
        import_module("pyinit.torch.checkpoint.rebuilding")


def without_default(content: list[object], where: str) -> list[object]:
    """Return rules without a "default" at their end: what a module does where no rule matches."""
    rules = content[:-1] if content[-1:] == ["default"] else content
    if "default" in rules:
        raise RecipeError(
            f'{where}: "default" is what the module does itself where no rule matches; write it last'
        )
    return rules
