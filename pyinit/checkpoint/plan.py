"""A checkpoint planned to the byte: what its tensors are, its files, and the extents they are made in."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

from ..errors import SpecError
from ..stream.key import Key
from .blueprint import Blueprint, draw_up
from .differences import Document, difference
from .extents import EXTENT_BYTES, Extent, cut_extents
from .families.lookup import find_spec
from .locations import Location, Url, location
from .plan_document import read_document, readable
from .plan_json import check_recipes, deciding, headed, text_of, text_of_config
from .shards import HUGGINGFACE, Layout, Shard, cut, index_name
from .spec import Spec

__all__ = ["FOLDER", "CheckpointPlan", "plan_blueprint", "plan_checkpoint"]

#: The hidden directory of an unfinished plan; a name that only begins like it is somebody else's.
FOLDER = re.compile(r"\.pyinit-[0-9a-f]{12}")

_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class CheckpointPlan:
    """Everything that decides the bytes of a checkpoint, and the pieces in which they can be made.

    `pyinit.plan_checkpoint` makes one; `pyinit.run_extent` makes one extent of it. As JSON it can go to other
    machines: whoever runs an extent there makes the same bytes, or gets an error that says why it cannot.

    Parameters
    ----------
    blueprint : Blueprint
        The tensors.
    shards : tuple of Shard
        The files.
    extents : tuple of Extent
        Each byte of a tensor is in exactly one; headers are written by whoever prepares a file.
    path : Path or Url
        A file ending in ``.safetensors``, or a directory; on this machine or an object store.
    extent_bytes : int
        Most bytes of an extent.
    digest : bool
        Whether the receipt holds CRC-32, mean and std of every tensor.
    layout : Layout
        How tensors are put into files.

    Examples
    --------
    >>> import pyinit as pi
    >>> plan = pi.plan_checkpoint({"w": (4, 3)}, "he_normal", path="model.safetensors")
    >>> [(extent.tensor, extent.shape, extent.nbytes) for extent in plan.extents]
    [('w', (4, 3), 48)]
    >>> pi.CheckpointPlan.from_json(plan.to_json()).fingerprint == plan.fingerprint
    True
    """

    blueprint: Blueprint
    shards: tuple[Shard, ...]
    extents: tuple[Extent, ...]
    path: Location
    extent_bytes: int = EXTENT_BYTES
    digest: bool = False
    layout: Layout = HUGGINGFACE

    @property
    def is_file(self) -> bool:
        """Whether only files of tensors are written, without a configuration and a receipt."""
        return self.path.name.endswith(_SUFFIX)

    @property
    def directory(self) -> Location:
        """Where the files lie."""
        return self.path.parent if self.is_file else self.path

    @property
    def stem(self) -> str:
        """What the names of the files begin with."""
        return self.path.name.removesuffix(_SUFFIX) if self.is_file else "model"

    @property
    def nbytes(self) -> int:
        """Bytes of the safetensors files, headers included."""
        return sum(shard.nbytes for shard in self.shards)

    @property
    def first(self) -> tuple[str, ...]:
        """Names of the small files that appear before those of tensors: receipt, configuration, others."""
        return () if self.layout.is_cut else self._small

    @property
    def last(self) -> tuple[str, ...]:
        """Names of what appears last: the index of several files; of rectangles all else, receipt last."""
        if self.layout.is_cut:
            # their readers look for no index and cannot see that a file is missing: the receipt tells it
            return self._small[::-1]
        return (index_name(self.stem),) if len(self.shards) > 1 else ()

    @property
    def _small(self) -> tuple[str, ...]:
        if self.is_file:
            return ()
        return ("init.json", *self.texts)

    @property
    def names(self) -> tuple[str, ...]:
        """All final names, in the order of appearance: who finds the model, or what is last, finds all."""
        return (*self.first, *(shard.name for shard in self.shards), *self.last)

    @property
    def texts(self) -> dict[str, str]:
        """Names and contents of the small files beside those of tensors, but for receipt and index."""
        spec = self.blueprint.spec
        if self.is_file:
            return {}
        config = {} if spec.config is None else {"config.json": text_of_config(spec.config)}
        return config | dict(spec.files)

    @cached_property
    def text(self) -> str:
        """All that is needed to make the bytes, as JSON that also names what JSON cannot hold."""
        return text_of(self)

    @property
    def document(self) -> Document:
        """All that decides the bytes, as JSON values, to be compared."""
        return deciding(json.loads(self.text))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, as hexadecimal digits, of all that decides the bytes.

        Neither the place is a part of it, nor how the names of files are spelled that it was made from.
        """
        return sha256(json.dumps(self.document, allow_nan=False, ensure_ascii=False).encode()).hexdigest()

    @property
    def tag(self) -> str:
        """The first 12 digits of the fingerprint, which unfinished files have in their names."""
        return self.fingerprint[:12]

    def to_json(self) -> str:
        """Return the plan as JSON; floats keep all their bits.

        Raises
        ------
        RecipeError
            If a recipe copies values in memory, which JSON cannot hold.
        """
        check_recipes(self.blueprint)
        return self.headed_text

    @property
    def headed_text(self) -> str:
        """The text, with what does not decide before it."""
        return headed(self.text, self.blueprint.spec.source, self.path, self.fingerprint)

    @classmethod
    def from_json(cls, text: str | bytes) -> CheckpointPlan:
        """Return the plan that `to_json` wrote.

        Raises
        ------
        FormatError
            If the text is not a plan, or was changed since.
        SpecError
            If it was made for another version of the stream, or its recipes have other numbers in this
            version of pyinit: the message names the difference.
        """
        read = read_document(text)
        with readable():
            shards = tuple(cut(read.blueprint.drafts, read.stem, read.layout, counts=read.counts))
            extents = cut_extents(shards, read.extent_bytes, len(read.content["extents"]))
            place, rest = location(read.path), (read.extent_bytes, read.digest, read.layout)
            plan = cls(read.blueprint, shards, extents, place, *rest)
            read.check(plan.document, plan.fingerprint)
        return plan

    def at(self, path: str | os.PathLike[str] | Url) -> CheckpointPlan:
        """Return the plan for another place; files named by their path keep the names of that path."""
        moved = replace(self, path=location(path))
        if (moved.is_file, moved.stem) != (self.is_file, self.stem):
            raise SpecError(
                f"the plan names its files after {self.path.name}; got {moved.path}. Make a plan for it"
            )
        return moved

    def check(self, other: CheckpointPlan) -> None:
        """Refuse a plan that makes other bytes; the message names the first difference.

        Raises
        ------
        SpecError
            If the two differ in anything but the place.
        """
        if self.fingerprint != other.fingerprint:
            found = difference(self.document, other.document)
            raise SpecError(f"the plan is another one: {found}. Make it again, or give the same arguments")


def plan_checkpoint(
    spec: Spec | Mapping[str, Any] | str | os.PathLike[str],
    recipes: object = None,
    *,
    path: str | os.PathLike[str],
    key: int | Key = 0,
    dtype: str | None = None,
    shard_size: int | None = None,
    extent_bytes: int = EXTENT_BYTES,
    digest: bool = False,
    layout: str = "huggingface",
) -> CheckpointPlan:
    """Plan a checkpoint to the byte, and write nothing.

    Parameters
    ----------
    spec, recipes, path, key, dtype, shard_size, digest, layout
        As `pyinit.write_checkpoint` takes them.
    extent_bytes : int
        Most bytes of an extent; a matrix that is drawn whole stays one. By default 1 GiB.

    Returns
    -------
    CheckpointPlan
        Its `extents` are what `pyinit.run_extent` makes, one by one, in any order and anywhere.

    Raises
    ------
    RecipeError, ShapeError, DTypeError, SpecError
        If something is not valid, or a pattern matches no tensor.

    Examples
    --------
    >>> import pyinit as pi
    >>> plan = pi.plan_checkpoint("gpt2", path="out", shard_size=200_000_000)
    >>> len(plan.shards), len(plan.extents)
    (3, 148)
    """
    model = find_spec(spec) if isinstance(spec, str | os.PathLike) else spec
    blueprint = draw_up(model, recipes, key, dtype)
    return plan_blueprint(
        blueprint, path, shard_size=shard_size, extent_bytes=extent_bytes, digest=digest, layout=layout
    )


def plan_blueprint(
    blueprint: Blueprint,
    path: str | os.PathLike[str] | Url,
    *,
    shard_size: int | None = None,
    extent_bytes: int = EXTENT_BYTES,
    digest: bool = False,
    layout: str = "huggingface",
) -> CheckpointPlan:
    """Plan the files and extents of what a blueprint decided, with the arguments of `plan_checkpoint`."""
    plan = CheckpointPlan(blueprint, (), (), location(path), extent_bytes, digest, Layout(layout, shard_size))
    if plan.layout.is_cut:
        if plan.is_file:
            raise SpecError(f"the layout {layout} is a directory of files; got {path}. Name a directory")
        # who reads it asks for every name of a state dict
        blueprint = blueprint.untied()
        plan = replace(plan, blueprint=blueprint)
    shards = tuple(cut(blueprint.drafts, plan.stem, plan.layout))
    return replace(plan, shards=shards, extents=cut_extents(shards, extent_bytes))
