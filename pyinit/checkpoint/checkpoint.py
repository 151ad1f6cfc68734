"""Checkpoints of any size, written at the speed of the disk in constant memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ..stream.arguments import check_threads
from ..stream.key import Key
from .blueprint import Blueprint, draw_up
from .completion import is_complete
from .engines.engine import run_share
from .engines.lookup import engine_of
from .engines.tasks import work_of
from .families.lookup import find_spec
from .parts import WHOLE, Part
from .plan import CheckpointPlan, plan_blueprint
from .receipt import Receipt
from .results import ExtentResult
from .share import Share, is_finished
from .spec import Spec
from .writer import Progress, write_extents

__all__ = ["finish_checkpoint", "write_blueprint", "write_checkpoint", "write_plan"]


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
    engine: Any = None,
    layout: str = "huggingface",
) -> Receipt:
    """Draw a model's tensors and write them as safetensors, block by block, in constant memory.

    A tensor's bytes depend on its name, the seed, its recipe and its shape alone: not on shards, threads or
    blocks. An orthogonal matrix is made in panels of 64 MiB, one at a time.

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
        ``config.json`` where the spec has one, and the receipt ``init.json``. Either may be a URL that
        fsspec opens, such as ``"s3://bucket/model"``, with the credentials and the endpoint that fsspec
        finds; ``pip install 'pyinit-nn[remote]'`` installs what S3 needs.
    key : int or Key
        The seed; each tensor has ``key(seed).fold_in(name)``.
    dtype : str, optional
        For all floating tensors; by default the spec's.
    shard_size : int, optional
        Most bytes of tensors in one file; by default everything is in one. A tensor that is larger has a file
        of its own, unless the layout cuts it.
    threads : int, optional
        Threads that draw and write.
    overwrite : bool
        Replace existing files, and remove shards and index of a former checkpoint of that name.
    digest : bool
        Put CRC-32, mean and std of every tensor into the receipt; it takes about as long as drawing them.
    progress : callable, optional
        Called about ten times a second with (bytes written, bytes in all), for the last time before files get
        their names: if it raises, nothing is left.
    layout : str
        "huggingface" keeps each tensor whole in one file. "dcp" cuts a tensor that is larger than
        `shard_size` into rectangles, in a directory that torch.distributed.checkpoint reads: see the Notes.
    engine : str or distributed.Client, optional
        What makes the extents, on other machines if need be: "ray", "dask" or a client of Dask. The directory
        must be one that all its workers share. By default threads of this process.

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
    MissingLibraryError
        If the engine is not installed; or `path` is a URL, and fsspec or its package for that store is not.
    OSError
        With errno ENOSPC if the disk is full, ECHILD if a worker of the engine failed. Whatever happens, a
        file has its final name only when it is complete. After an OSError or an interrupt, what is finished
        stays under hidden names, and so it does after a kill or a power cut: the same call continues there,
        and a call for another model removes it.
    BlockingIOError
        If a living process writes the same files.

    Notes
    -----
    Who reads which layout:

    ==========================================================  ===========  =============================
    reader                                                      huggingface  dcp
    ==========================================================  ===========  =============================
    torch.distributed.checkpoint, `HuggingFaceStorageReader`    yes          yes
    transformers 5, `from_pretrained`                           yes          by the state dict's names
    transformers 4, vLLM, SGLang                                yes          no
    orbax, ``checkpoint_layout="safetensors"``                  yes          no: "Duplicate tensor"
    safetensors' `safe_open`                                    yes          each rectangle as a tensor
    ==========================================================  ===========  =============================

    `HuggingFaceStorageReader` reads both onto any mesh, however tensors are sharded there, so "dcp" is for
    single tensors that are too large for one file. It reads all ``.safetensors`` files of the directory, and
    does not see that one is missing: of this layout, ``init.json`` appears last, so wait for it. A matrix
    is drawn whole, such as an orthogonal one, is drawn once for every file that holds a part of it.
    Tied tensors are written under each of their names.

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
        engine=engine,
        layout=layout,
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
    engine: Any = None,
    layout: str = "huggingface",
) -> Receipt:
    """Write what a blueprint decided; the arguments are those of `write_checkpoint`."""
    check_threads(threads)
    plan = plan_blueprint(blueprint, path, shard_size=shard_size, digest=digest, layout=layout)
    receipt = write_plan(plan, threads=threads, overwrite=overwrite, progress=progress, engine=engine)
    assert receipt is not None, "one process writes all files"
    return receipt


def write_plan(
    plan: CheckpointPlan,
    part: Part = WHOLE,
    *,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    engine: Any = None,
) -> Receipt | None:
    """Write the files of a part of a plan, and whatever is still missing for the whole after it.

    Returns
    -------
    Receipt or None
        None if other parts are still missing, or have completed the checkpoint already (`is_complete`).
    """
    check_threads(threads)
    share = Share(plan, part, overwrite=overwrite)
    if part.count > 1 and (not share.shards or is_finished(plan)):
        return None
    try:
        if engine is None:
            return _written(share, progress, partial(_by_threads, share, threads))
        with engine_of(engine) as entered:
            # refusals of the engine come before the share is entered: they must not remove what was kept
            work = work_of(plan, entered.threads(threads))
            return _written(share, progress, partial(run_share, entered, share, work))
    except FileExistsError:
        # the last of the others may have completed it since, with files that this part had written before
        if part.count > 1 and is_complete(plan):
            return None
        raise


def _written(
    share: Share, progress: Progress | None, make: Callable[[Callable[[int], None]], None]
) -> Receipt | None:
    """Enter a share, make what is missing of it and publish it; `make` is given what hears the bytes made."""
    with share:
        total = share.nbytes
        before = total - sum(extent.nbytes for extent in share.missing)

        def report(written: int) -> None:
            if progress is not None:
                progress(before + written, total)

        report(0)
        make(report)
        # an error of the caller's leaves nothing, so none may come once files have their names
        report(total - before)
        return share.publish()


def _by_threads(share: Share, threads: int | None, report: Callable[[int], None]) -> None:
    plan, extents, target = share.plan, share.missing, share.target
    write_extents(plan, extents, target, share.finished, threads=threads, digest=plan.digest, progress=report)


def finish_checkpoint(
    plan: CheckpointPlan, results: Iterable[ExtentResult] = (), *, overwrite: bool = False
) -> Receipt:
    """Give the files of a plan their final names, when all their extents are made.

    Parameters
    ----------
    plan : CheckpointPlan
        The plan.
    results : iterable of ExtentResult
        What `pyinit.run_extent` returned, of all extents that no log beside the files names. Their bytes are
        read once and compared: nobody held the file between two extents.
    overwrite : bool
        Replace existing files.

    Returns
    -------
    Receipt
        Every number that decided a byte.

    Raises
    ------
    FileNotFoundError
        If an extent or a part is missing; the message names its files.
    BlockingIOError
        If a process still writes one of them.
    FileExistsError
        If a file exists and `overwrite` is false.

    Examples
    --------
    >>> import tempfile
    >>> import pyinit as pi
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plan = pi.plan_checkpoint({"w": (64, 32), "b": (64,)}, "normal", path=folder, extent_bytes=5000)
    ...     results = [pi.run_extent(plan, index) for index in range(len(plan.extents))]
    ...     receipt = pi.finish_checkpoint(plan, results)
    >>> list(receipt.to_dict()["files"])
    ['model.safetensors']
    """
    with Share(plan, overwrite=overwrite, results=results) as share:
        receipt = share.publish()
    assert receipt is not None, "nothing is missing"
    return receipt
