"""A plan of a checkpoint read from JSON, strictly."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from ..errors import FormatError, PyinitError, SpecError
from ..recipes.recipe import Recipe, from_dict
from ..recipes.rules_json import rules_from_json
from ..stream.key import STREAM_VERSION, Key
from ..stream.release import version
from ..stream.strict_json import parsed, shown
from .blueprint import Blueprint, Draft
from .contents import READERS, Drawn, content_from_dict
from .differences import Document, difference
from .given import Given
from .plan_json import FORMAT, HEAD, deciding
from .rectangles import Rearranged
from .shards import Layout
from .spec import Spec, TensorSpec

__all__ = ["PlanDocument", "read_document", "readable"]

# contents that lie on those of `contents`
READERS.update({Given.kind: Given.read, Rearranged.kind: Rearranged.read})


@dataclass(frozen=True)
class PlanDocument:
    """What was read, so far as it decides; the files and extents are cut anew from it."""

    blueprint: Blueprint
    stem: str
    layout: Layout
    counts: tuple[int, ...]
    path: str
    extent_bytes: int
    digest: bool
    content: Document
    fingerprint: str

    def check(self, made: Document, fingerprint: str) -> None:
        """Refuse a document from which another plan was made than the one that it says."""
        found = difference(self.content, made)
        if found is not None or fingerprint != self.fingerprint:
            found = found or "its fingerprint is another"
            raise FormatError(f"the plan was changed since it was made: {found}. Make it again")


_FIELDS = {
    *HEAD,
    "pyinit_plan",
    "stream_version",
    "key",
    "stem",
    "layout",
    "shard_size",
    "receipt",
    "digest",
    "extent_bytes",
}
_FIELDS |= {"config", "texts", "ties", "rules", "tensors", "files", "extents"}


def read_document(text: str | bytes) -> PlanDocument:
    """Read the text of a plan.

    Raises
    ------
    FormatError
        If the text is not a plan.
    SpecError
        If it is a plan of another version of the stream, or its recipes have other numbers here.
    """
    content = parsed(text, "the plan", FormatError)
    if not isinstance(content, dict) or content.get("pyinit_plan") != FORMAT:
        raise FormatError(
            f'a plan is the object that to_json writes, with "pyinit_plan": {FORMAT}; got {shown(content)}'
        )
    if content.get("stream_version") != STREAM_VERSION:
        raise SpecError(
            f"the plan was made for version {shown(content.get('stream_version'))} of the stream by pyinit "
            f"{content.get('pyinit')}; this pyinit has version {STREAM_VERSION}. Use one pyinit everywhere"
        )
    if set(content) != _FIELDS:
        odd = min(set(content) ^ _FIELDS)
        raise FormatError(f"a plan has the fields {', '.join(sorted(_FIELDS))}; {odd} is missing or unknown")
    with readable():
        return _read(content)


@contextmanager
def readable() -> Iterator[None]:
    """Turn what a text of another form leads to into a FormatError."""
    try:
        yield
    except PyinitError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, zlib.error) as error:
        raise FormatError(f"the plan cannot be read ({error!r}); make it again") from None


def _read(content: Document) -> PlanDocument:
    pairs = [_tensor(name, entry) for name, entry in content["tensors"].items()]
    config = None if content["config"] is None else json.loads(content["config"])
    tensors = tuple(tensor for tensor, _ in pairs)
    if not isinstance(content["spec"], str):
        raise TypeError(f"spec is {content['spec']!r}")
    spec = Spec(content["spec"], tensors, content["ties"], config, files=content["texts"])
    rules = rules_from_json(content["rules"], (), "the plan's rules") if content["rules"] else ()
    blueprint = Blueprint(spec, rules, Key(*content["key"]), tuple(draft for _, draft in pairs))
    return PlanDocument(
        blueprint,
        content["stem"],
        Layout(content["layout"], content["shard_size"]),
        tuple(count for _, count in content["files"].values()),
        content["path"],
        content["extent_bytes"],
        content["digest"],
        deciding(content),
        content["fingerprint"],
    )


def _tensor(name: str, entry: Mapping[str, Any]) -> tuple[TensorSpec, Draft]:
    use = {field: _tupled(value) for field, value in entry.get("use", {}).items()}
    tensor = TensorSpec(name, tuple(entry["shape"]), entry["dtype"], **use)
    content = content_from_dict(entry["content"], name, tensor.shape, tensor.dtype)
    recipe = from_dict(entry["recipe"]) if "recipe" in entry else None
    if recipe is not None and isinstance(content, Drawn):
        _check_numbers(name, recipe, content)
    fans = tuple(entry["fans"]) if "fans" in entry else None
    key = content.key if isinstance(content, Drawn) and "key" not in entry else Key(*entry["key"])
    return tensor, Draft(name, tensor.shape, tensor.dtype, key, recipe, content, fans, tensor.nbytes)


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_numbers(name: str, recipe: Recipe, content: Drawn) -> None:
    """Refuse numbers that the recipe does not make in this version of pyinit."""
    planned, here = content.plan, recipe.plan(content.plan.shape, content.plan.dtype)
    for field in fields(planned):
        one, other = getattr(planned, field.name), getattr(here, field.name)
        if field.name != "source" and one != other:
            raise SpecError(
                f"tensor '{name}': {recipe.called} has {field.name} {one} in the plan, {other} in this pyinit"
                f" ({version()}). Use the pyinit that made the plan, or make it again"
            )
