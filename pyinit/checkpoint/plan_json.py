"""A plan of a checkpoint as JSON, read strictly."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Protocol

from ..errors import FormatError, PyinitError, RecipeError, SpecError
from ..recipes.recipe import Recipe, from_dict
from ..recipes.rules import Rule
from ..recipes.rules_json import rules_from_json
from ..stream.key import STREAM_VERSION, Key
from ..stream.release import version
from ..stream.strict_json import parsed, shown
from .blueprint import Blueprint, Draft
from .contents import READERS, Drawn, content_from_dict
from .differences import Document, difference
from .extents import Extent
from .given import Given
from .locations import Location
from .rectangles import Rearranged
from .shards import Layout, Shard
from .spec import Spec, TensorSpec

__all__ = [
    "Document",
    "PlanDocument",
    "check_recipes",
    "deciding",
    "headed",
    "read_document",
    "readable",
    "text_of",
    "text_of_config",
]

#: The number of this format.
_FORMAT = 2

# the fields of a text that do not decide a byte
_HEAD = ("pyinit", "spec", "path", "fingerprint")

# and those of a content: where its bytes are found, and in which form, not what they are
_OF_PLACE = ("file", "zlib")

# contents that lie on those of `contents`
READERS.update({Given.kind: Given.read, Rearranged.kind: Rearranged.read})

# what a tensor's use adds to its shape, where it differs from these
_USE = {
    field.name: field.default for field in fields(TensorSpec) if field.name not in ("name", "shape", "dtype")
}
del _USE["copied_from"]


class Planned(Protocol):
    """What a document is made of."""

    @property
    def blueprint(self) -> Blueprint:
        """The tensors."""

    @property
    def shards(self) -> Sequence[Shard]:
        """The files."""

    @property
    def extents(self) -> Sequence[Extent]:
        """Their pieces."""

    @property
    def extent_bytes(self) -> int:
        """Most bytes of a piece."""

    @property
    def digest(self) -> bool:
        """Whether checksums are kept."""

    @property
    def layout(self) -> Layout:
        """How tensors are put into files."""

    @property
    def is_file(self) -> bool:
        """Whether there is neither configuration nor receipt."""

    @property
    def stem(self) -> str:
        """What the names of the files begin with."""


def text_of(plan: Planned) -> str:
    """Return the text of all that is needed for the bytes: one line for each tensor, file and extent."""
    return "".join(_lines(plan))


def deciding(content: Document) -> Document:
    """Return what decides of the fields of a text, with or without its head.

    How the name of a file is spelled decides nothing: the checksum of its bytes is beside it.
    """
    found = {name: value for name, value in content.items() if name not in _HEAD}
    if isinstance(tensors := found.get("tensors"), dict):
        found["tensors"] = {name: _entry_without_places(entry) for name, entry in tensors.items()}
    return found


def _entry_without_places(entry: Any) -> Any:
    if not isinstance(entry, dict) or "content" not in entry:
        return entry
    return {**entry, "content": _without_places(entry["content"])}


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_places(each) for name, each in value.items() if name not in _OF_PLACE}
    return [_without_places(each) for each in value] if isinstance(value, list) else value


def headed(text: str, spec: str, path: Location, fingerprint: str) -> str:
    """Return a text with what does not decide before it: who made it, of what and for which place."""
    head = zip(_HEAD, (version(), spec, str(path), fingerprint), strict=True)
    return "{\n" + "".join(f"{_json(name)}: {_json(value)},\n" for name, value in head) + text[2:]


def check_recipes(blueprint: Blueprint) -> None:
    """Refuse recipes that JSON cannot hold, of which a text says their names alone."""
    for rule in blueprint.rules:
        rule.to_dict()
    for draft in blueprint.drafts:
        if draft.recipe is not None:
            draft.recipe.to_dict()


def _lines(plan: Planned) -> Iterator[str]:
    blueprint, spec = plan.blueprint, plan.blueprint.spec
    settings: dict[str, object] = {
        "pyinit_plan": _FORMAT,
        "stream_version": STREAM_VERSION,
        "key": [blueprint.key.seed, blueprint.key.offset],
        "stem": plan.stem,
        "layout": plan.layout.name,
        # of whole tensors the numbers in "files" tell it
        "shard_size": plan.layout.shard_size if plan.layout.is_cut else None,
        "receipt": not plan.is_file,
        "digest": plan.digest,
        "extent_bytes": plan.extent_bytes,
        # as text, so that config.json keeps the order of its fields and numbers such as Infinity
        "config": None if spec.config is None else json.dumps(spec.config, ensure_ascii=False),
        "texts": dict(spec.files),
        "ties": dict(spec.ties),
    }
    yield "{\n"
    for name, value in settings.items():
        yield f"{_json(name)}: {_json(value)},\n"
    rules = (_json(_named(rule)) for rule in blueprint.rules)
    yield from _block("rules", "[]", rules, ",\n")
    pairs = zip(spec.tensors, blueprint.drafts, strict=True)
    tensors = (f"{_json(each.name)}: {_json(_entry(each, draft))}" for each, draft in pairs)
    yield from _block("tensors", "{}", tensors, ",\n")
    files = (f"{_json(shard.name)}: {_json([shard.nbytes, len(shard.drafts)])}" for shard in plan.shards)
    yield from _block("files", "{}", files, ",\n")
    numbers = {draft.name: number for number, draft in enumerate(blueprint.drafts)}
    extents = (
        _json([numbers[each.tensor], each.start, each.shape, each.file, each.offset, each.nbytes])
        for each in plan.extents
    )
    yield from _block("extents", "[]", extents, "\n}\n")


def text_of_config(config: Mapping[str, Any]) -> str:
    """Return the content of config.json."""
    return f"{json.dumps(config, indent=2, ensure_ascii=False)}\n"


def _block(name: str, brackets: str, lines: Iterable[str], end: str) -> Iterator[str]:
    yield f"{_json(name)}: {brackets[0]}"
    comma = "\n "
    for line in lines:
        yield f"{comma}{line}"
        comma = ",\n "
    yield f"\n{brackets[1]}{end}"


def _json(value: object) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _entry(tensor: TensorSpec, draft: Draft) -> Document:
    entry: Document = {"shape": list(draft.shape), "dtype": draft.dtype}
    use = {name: getattr(tensor, name) for name, default in _USE.items() if getattr(tensor, name) != default}
    if use:
        entry["use"] = use
    if draft.recipe is not None:
        entry["recipe"] = _named(draft.recipe)
    if draft.fans is not None:
        entry["fans"] = list(draft.fans)
    if not (isinstance(draft.content, Drawn) and draft.content.key == draft.key):
        entry["key"] = [draft.key.seed, draft.key.offset]
    entry["content"] = draft.content.to_dict()
    return entry


def _named(what: Recipe | Rule) -> Document:
    try:
        return what.to_dict()
    except RecipeError:
        # a recipe that copies values in memory; the tensor's content tells them from others
        return {"recipe": repr(what)}


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
    *_HEAD,
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
    if not isinstance(content, dict) or content.get("pyinit_plan") != _FORMAT:
        raise FormatError(
            f'a plan is the object that to_json writes, with "pyinit_plan": {_FORMAT}; got {shown(content)}'
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
