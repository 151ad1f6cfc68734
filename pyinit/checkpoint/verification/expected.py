"""What files should hold, from the receipt beside them or from a plan, read strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ...errors import FormatError, PyinitError, SpecError
from ...recipes.recipe import Recipe, from_dict
from ...stream.dtypes import FORMATS
from ...stream.key import STREAM_VERSION, Key
from ...stream.release import version
from ...stream.safetensors import itemsize
from ...stream.strict_json import finite, parsed, shown
from ..blueprint import Draft
from ..contents import Content, Drawn, Unread, content_from_dict
from ..plan import CheckpointPlan
from ..receipt import FORMAT, Receipt, digests_of
from ..shards import HUGGINGFACE, Layout, Shard, cut

__all__ = ["Expected", "expected_of", "read_expected"]

_NAMED = re.compile(r"(.*?)(?:-\d{5}-of-\d{5})?\.safetensors")


@dataclass(frozen=True)
class Expected:
    """Every tensor and file that a receipt or a plan speaks of.

    Parameters
    ----------
    source : str
        What the model is.
    key : Key
        The model's key.
    drafts : tuple of Draft
        The tensors.
    shards : tuple of Shard
        The files.
    ties : mapping of str to str
        Names that share another tensor -> its name.
    crc32 : mapping of str to int
        Checksums of tensors, where they are known.
    layout : Layout
        How tensors were put into files.
    texts : mapping of str to str
        SHA-256 of the small files beside them, such as config.json, by their names.
    """

    source: str
    key: Key
    drafts: tuple[Draft, ...]
    shards: tuple[Shard, ...]
    ties: Mapping[str, str]
    crc32: Mapping[str, int] = field(default_factory=dict)
    layout: Layout = HUGGINGFACE
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """What the names of the files begin with."""
        if self.layout.is_cut:
            return "model"
        match = _NAMED.fullmatch(self.shards[0].name) if self.shards else None
        return "model" if match is None else match[1]


def expected_of(plan: CheckpointPlan | Receipt) -> Expected:
    """Return what a plan, or a receipt in memory, speaks of."""
    blueprint = plan.blueprint
    sums = plan.crc32 if isinstance(plan, Receipt) else {}
    spec = blueprint.spec
    drafts, ties = blueprint.drafts, dict(spec.ties)
    texts = plan.texts if isinstance(plan, Receipt) else digests_of(plan.texts)
    return Expected(spec.source, blueprint.key, drafts, plan.shards, ties, sums, plan.layout, texts)


def read_expected(text: str | bytes, where: str) -> Expected:
    """Return what the text of a receipt (init.json), or of a plan, speaks of.

    Parameters
    ----------
    text : str or bytes
        What `Receipt.to_json` or `CheckpointPlan.to_json` wrote.
    where : str
        What to call it in an error.

    Raises
    ------
    FormatError
        If it is neither.
    SpecError
        If it was made by another version of the stream, or its recipes have other numbers here.
    """
    content = parsed(text, where, FormatError)
    if isinstance(content, dict) and "pyinit_plan" in content:
        return expected_of(CheckpointPlan.from_json(text))
    if not isinstance(content, dict) or content.get("pyinit_receipt") != FORMAT:
        raise FormatError(
            f'{where}: a receipt is the object that pyinit writes, with "pyinit_receipt": {FORMAT}; '
            f"got {shown(content)}"
        )
    if content.get("stream_version") != STREAM_VERSION:
        raise SpecError(
            f"{where} was made with version {shown(content.get('stream_version'))} of the stream by pyinit "
            f"{content.get('pyinit')}; this pyinit has version {STREAM_VERSION}. Verify with that pyinit"
        )
    try:
        return _read(content, where)
    except PyinitError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{where}: the receipt cannot be read ({error!r}); it was changed") from None


def _read(content: Mapping[str, Any], where: str) -> Expected:
    tensors: Mapping[str, Mapping[str, Any]] = content["tensors"]
    drafts = tuple(_draft(name, entry, where) for name, entry in tensors.items())
    layout = Layout(content["layout"], content.get("shard_size"))
    names: Mapping[str, int] = content["files"]
    shards = tuple(cut(drafts, "model", layout)) if layout.is_cut else _whole(drafts, tensors, names, where)
    if {shard.name: shard.nbytes for shard in shards} != dict(names):
        raise FormatError(f"{where}: the files are not those of its tensors; the receipt was changed")
    sums = {name: int(crc, 16) for name, entry in tensors.items() if (crc := _checksum(entry)) is not None}
    key = Key(*content["key"])
    texts = {str(name): str(digest) for name, digest in content.get("texts", {}).items()}
    return Expected(content["spec"], key, drafts, shards, content["ties"], sums, layout, texts)


def _whole(
    drafts: Sequence[Draft], tensors: Mapping[str, Mapping[str, Any]], names: Mapping[str, int], where: str
) -> tuple[Shard, ...]:
    """Return the files of whole tensors."""
    files = [
        (name, len(list(group))) for name, group in groupby(tensors.values(), lambda entry: entry["file"])
    ]
    if [name for name, _ in files] != [name for name in names if name in dict(files)]:
        raise FormatError(
            f"{where}: the tensors are not in the order of their files; the receipt was changed"
        )
    counts = [dict(files).get(name, 0) for name in names]
    match = _NAMED.fullmatch(next(iter(names)))
    if match is None:
        raise FormatError(f"{where}: {shown(next(iter(names)))} is no name of a file of tensors")
    return tuple(cut(drafts, match[1], counts=counts))


def _checksum(entry: Mapping[str, Any]) -> str | None:
    """Return the CRC-32 of a tensor; of one that is copied it is known without a digest, too."""
    found: str | None = entry.get("crc32", entry.get("content", {}).get("crc32"))
    return found


def _draft(name: str, entry: Mapping[str, Any], where: str) -> Draft:
    shape, dtype = tuple(map(int, entry["shape"])), entry["dtype"]
    itemsize(dtype)
    key = Key(*entry["key"])
    recipe: Recipe | None = None
    if isinstance(entry["recipe"], dict):
        recipe = from_dict(entry["recipe"])
    content = _content(name, entry, recipe, key)
    fans = (entry["fan_in"], entry["fan_out"]) if "fan_in" in entry else None
    if isinstance(content, Drawn) and content.plan.fan_in is not None and content.plan.fan_out is not None:
        fans = content.plan.fan_in, content.plan.fan_out
    draft = Draft(name, shape, dtype, key, recipe, content, fans, int(entry["bytes"]))
    if not isinstance(content, Unread):
        _check_numbers(draft, entry, where)
    return draft


def _content(name: str, entry: Mapping[str, Any], recipe: Recipe | None, key: Key) -> Content:
    shape, dtype = tuple(entry["shape"]), entry["dtype"]
    try:
        if "content" in entry:
            return content_from_dict(entry["content"], name, shape, dtype)
        if recipe is not None and dtype in FORMATS:
            return Drawn(recipe.plan(shape, dtype), key, tuple(entry.get("zero_rows", ())))
    except OSError as error:
        why = f"tensor '{name}' is copied from {error.filename}: {error.strerror}"
        return Unread("copied", entry.get("content", {}), why)
    except FormatError as error:
        # a file from which it is copied has changed
        return Unread("copied", entry.get("content", {}), str(error))
    raise FormatError(f"tensor '{name}': the receipt does not say what makes it; it was changed")


def _check_numbers(draft: Draft, entry: Mapping[str, Any], where: str) -> None:
    """Refuse numbers that the recipe does not make in this version of pyinit."""
    here = json.loads(json.dumps(finite(draft.to_dict())))
    for name in ("bytes", "fan_in", "fan_out", "gain", "std", "bounds"):
        if name in here and name in entry and here[name] != entry[name]:
            called = "it" if draft.recipe is None else draft.recipe.called
            raise SpecError(
                f"{where}: tensor '{draft.name}': {called} has {name} {shown(entry[name])} in the receipt, "
                f"{shown(here[name])} in this pyinit ({version()}). Verify with the pyinit that wrote it"
            )
