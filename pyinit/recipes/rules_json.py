"""Rules as JSON: a list of patterns with their recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from ..errors import RecipeError
from ..stream.strict_json import parsed, shown
from .depth import Depth
from .recipe import from_dict
from .rules import Rule

__all__ = ["rules_from_json"]


def rules_from_json(
    content: object, defaults: Sequence[Rule] | None = None, where: str = "recipe"
) -> tuple[Rule, ...]:
    """Return the rules that a JSON value describes.

    Parameters
    ----------
    content : str or list
        A list of ``{"match": pattern, "recipe": ...}`` objects, optionally with ``"zero_rows"``,
        ``"kernels_only"``, ``"no_kernels"``, ``"depth"`` (such as ``{"layers": 32}``) and ``"optional"``; the
        string ``"default"`` in the list stands for all of `defaults`. JSON text is read first.
    defaults : sequence of Rule, optional
        The model's own rules.
    where : str
        What to call the content in an error.

    Returns
    -------
    tuple of Rule
        In order.

    Raises
    ------
    RecipeError
        If the content is not JSON, holds NaN, or is not a list of rules.

    Examples
    --------
    >>> from pyinit.recipes.rules_json import rules_from_json
    >>> rules_from_json('[{"match": "*.bias", "recipe": "zeros"}, {"match": "*", "recipe": "he_normal"}]')[1]
    Rule(match='*', recipe=he_normal(), zero_rows=(), kernels_only=False, no_kernels=False)
    """
    if isinstance(content, str):
        content = parsed(content, where, RecipeError)
    if not isinstance(content, list) or not content:
        raise RecipeError(
            f"{where} must be a list of rules, each with a pattern and a recipe; got {shown(content)}. "
            'Write [{"match": "*", "recipe": "he_normal"}].'
        )
    rules: list[Rule] = []
    for position, item in enumerate(content):
        if item != "default":
            rules.append(_rule(item, f"{where}, rule {position}"))
        elif defaults is None:
            raise RecipeError(
                f"{where}, rule {position}: this model has no default rules; write out a pattern and a recipe"
            )
        else:
            rules.extend(defaults)
    return tuple(rules)


_FIELDS = {"match", "recipe", "zero_rows", "kernels_only", "no_kernels", "depth", "optional"}


def _rule(item: object, where: str) -> Rule:
    if not isinstance(item, dict) or not {"match", "recipe"} <= set(item) <= _FIELDS:
        raise RecipeError(
            f"{where} needs 'match' and 'recipe', may have 'zero_rows', 'kernels_only', 'no_kernels', "
            f"'depth', 'optional'; got {shown(item)}"
        )
    match, zero_rows = item["match"], item.get("zero_rows", [])
    if not isinstance(match, str) or not match:
        raise RecipeError(f"{where}: 'match' is a pattern such as \"*.weight\"; got {shown(match)}")
    if not isinstance(zero_rows, list) or not all(type(row) is int and row >= 0 for row in zero_rows):
        raise RecipeError(f"{where}: 'zero_rows' is a list of row indices >= 0; got {shown(zero_rows)}")
    kinds = {name: item.get(name, False) for name in ("kernels_only", "no_kernels", "optional")}
    for name, value in kinds.items():
        if not isinstance(value, bool):
            raise RecipeError(f"{where}: '{name}' is true or false; got {shown(value)}")
    if kinds["kernels_only"] and kinds["no_kernels"]:
        raise RecipeError(f"{where}: 'kernels_only' and 'no_kernels' leave nothing to match; keep one")
    try:
        recipe = from_dict(item["recipe"])
        depth = _depth(item["depth"]) if "depth" in item else None
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from None
    return Rule(match, recipe, tuple(zero_rows), depth=depth, **kinds)


def _depth(content: object) -> Depth:
    known = [field.name for field in fields(Depth)]
    if not isinstance(content, dict) or not {"layers"} <= set(content) <= set(known):
        raise RecipeError(f"'depth' needs 'layers', may have {', '.join(known[1:])}; got {shown(content)}")
    return Depth(**content)
