"""A plan of a checkpoint as JSON: what decides its bytes, and what is needed to make them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Protocol

from ..errors import RecipeError
from ..recipes.recipe import Recipe
from ..recipes.rules import Rule
from ..stream.key import STREAM_VERSION
from ..stream.release import version
from .blueprint import Blueprint, Draft
from .contents import Drawn
from .differences import Document
from .extents import Extent
from .locations import Location
from .shards import Layout, Shard
from .spec import TensorSpec

__all__ = ["FORMAT", "HEAD", "check_recipes", "deciding", "headed", "text_of", "text_of_config"]

#: The number of this format.
FORMAT = 2

#: The fields of a text that do not decide a byte.
HEAD = ("pyinit", "spec", "path", "fingerprint")

# and those of a content: where its bytes are found, and in which form, not what they are
_OF_PLACE = ("file", "zlib")

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
    found = {name: value for name, value in content.items() if name not in HEAD}
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
    head = zip(HEAD, (version(), spec, str(path), fingerprint), strict=True)
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
        "pyinit_plan": FORMAT,
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
