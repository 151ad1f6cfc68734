"""Checkpoints of any size, written at the speed of the disk in constant memory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import SpecError
from ..stream.arguments import check_threads
from ..stream.key import Key
from .blueprint import Blueprint, draw_up
from .families.lookup import find_spec
from .receipt import Receipt
from .shards import contradicting, cut, index_content, index_name
from .spec import Spec
from .staging import Staging
from .writer import Progress, write_shards

__all__ = ["write_blueprint", "write_checkpoint"]

_SUFFIX = ".safetensors"


def write_checkpoint(
    spec: Spec | Mapping[str, Any] | str | os.PathLike[str],
    recipes: object = None,
    *,
    path: str | os.PathLike[str],
    key: int | Key = 0,
    dtype: str | None = None,
    shard_size: int | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    digest: bool = False,
    progress: Progress | None = None,
) -> Receipt:
    """Draw a model's tensors and write them as safetensors, block by block, in constant memory.

    Only what must be drawn as a whole, such as an orthogonal matrix, is held as a whole, one tensor at a
    time. A tensor's bytes depend on its name, the seed, its recipe and its shape alone: not on shards,
    threads or blocks.

    Parameters
    ----------
    spec : str, path, Spec or mapping of str to shape
        The model: what `pyinit.find_spec` takes or returns (a built-in name, a configuration, a file), or
        names and shapes, in torch's layout as in a JSON spec.
    recipes : Recipe, str, mapping or sequence of rules, optional
        One recipe, or its name, for all that is drawn at random: norms, biases and buffers keep the
        values of the spec, or those that are usual. Or patterns and recipes in order: the first that matches
        a name decides. By default the spec's own rules.
    path : path-like
        A name ending in ``.safetensors``: only that file is written, or with `shard_size` its shards
        and index. Anything else is a directory, made if needed: it gets ``model.safetensors``,
        ``config.json`` where the spec has one, and the receipt ``init.json``.
    key : int or Key
        The seed; each tensor has ``key(seed).fold_in(name)``.
    dtype : str, optional
        For all floating tensors; by default the spec's.
    shard_size : int, optional
        Most bytes of tensors in one file; by default everything is in one.
    threads : int, optional
        Threads that draw and write.
    overwrite : bool
        Replace existing files, and remove shards and index of a former checkpoint of that name.
    digest : bool
        Put a CRC-32 of every tensor into the receipt; it takes about as long as drawing the tensors.
    progress : callable, optional
        Called about ten times a second with (bytes written, bytes in all).

    Returns
    -------
    Receipt
        Every number that decided a byte.

    Raises
    ------
    RecipeError, ShapeError, DTypeError, SpecError
        If something is not valid, or a pattern matches no tensor. Nothing is written then.
    FileExistsError
        If a file exists and `overwrite` is false.
    OSError
        With errno ENOSPC if the disk is full. Whatever happens, a file has its final name only when
        it is complete, and temporary files are removed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import pyinit as pi
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "model.safetensors")
    ...     shapes = {"l1.weight": (256, 784), "l1.bias": (256,)}
    ...     receipt = pi.write_checkpoint(shapes, "he_normal", path=file, key=0)
    ...     file.stat().st_size == receipt.nbytes
    True
    """
    model = find_spec(spec) if isinstance(spec, str | os.PathLike) else spec
    return write_blueprint(
        draw_up(model, recipes, key, dtype),
        path,
        shard_size=shard_size,
        threads=threads,
        overwrite=overwrite,
        digest=digest,
        progress=progress,
    )


def write_blueprint(
    blueprint: Blueprint,
    path: str | os.PathLike[str],
    *,
    shard_size: int | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    digest: bool = False,
    progress: Progress | None = None,
) -> Receipt:
    """Write what a blueprint decided; the arguments are those of `write_checkpoint`."""
    threads = check_threads(threads)
    path = Path(path)
    is_file = path.name.endswith(_SUFFIX)
    if is_file and path.is_dir():
        raise SpecError(f"{path} is a directory; name a file ending in {_SUFFIX}, or a directory without it")
    if not is_file and path.is_file():
        raise SpecError(f"{path} is a file; name a directory, or a file ending in {_SUFFIX}")
    directory, stem = (path.parent, path.name.removesuffix(_SUFFIX)) if is_file else (path, "model")
    shards = cut(blueprint.drafts, stem, shard_size)
    config = None if is_file else blueprint.spec.config
    # in the order of appearance: where the model, or the index, is there, everything is
    names = [] if is_file else ["init.json"]
    names += ["config.json"] if config is not None else []
    names += [shard.name for shard in shards]
    names += [index_name(stem)] if len(shards) > 1 else []
    if not is_file:
        # what the receipt cannot hold is refused now, not after the work
        Receipt(
            blueprint, tuple(shards), dict.fromkeys((draft.name for draft in blueprint.drafts), 0)
        ).to_json()
    with Staging(
        directory, names, overwrite=overwrite, obsolete=contradicting(directory, stem, names)
    ) as staging:
        paths = [staging.create(shard.name, shard.nbytes) for shard in shards]
        sums = write_shards(shards, paths, threads=threads, digest=digest, progress=progress)
        receipt = Receipt(blueprint, tuple(shards), sums)
        if not is_file:
            staging.write("init.json", receipt.to_json().encode())
        if config is not None:
            staging.write("config.json", (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode())
        if len(shards) > 1:
            staging.write(index_name(stem), index_content(shards))
        staging.publish()
    return receipt
