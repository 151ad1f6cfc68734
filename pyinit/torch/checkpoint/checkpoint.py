"""The files of a module that is on the meta device, drawn block by block: `pyinit.torch.write_checkpoint`."""

from __future__ import annotations

import os

import torch

from ...checkpoint.checkpoint import write_blueprint
from ...checkpoint.receipt import Receipt
from ...checkpoint.writer import Progress
from ...stream.key import Key
from ..materialization.deciding import Recipes
from .blueprint import draw_up

__all__ = ["write_checkpoint"]


def write_checkpoint(
    module: torch.nn.Module,
    path: str | os.PathLike[str],
    *,
    key: int | Key,
    recipe: Recipes | None = None,
    dtype: str | torch.dtype | None = None,
    shard_size: int | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    digest: bool = False,
    progress: Progress | None = None,
) -> Receipt:
    """Write a module's own initialization as safetensors without making the module: memory stays constant.

    The bits are those that `pyinit.torch.materialize` gives the module under the same key, and that
    ``full_tensor()`` gives on any mesh. Names, ties and layout are those of the module's library: a
    transformers model is written as its ``save_pretrained`` writes it, config.json included, and loads with
    ``from_pretrained``; a timm model by its state dict, with the config.json that timm reads; any other by
    its state dict, which ``load_state_dict`` takes: a tied tensor under each of its names.

    Parameters
    ----------
    module : torch.nn.Module
        Built under ``with pyinit.torch.deferred()`` or ``with torch.device("meta")``. It stays as it is:
        `materialize` makes it afterwards.
    path : path-like
        A name ending in ``.safetensors``: only that file is written, or with `shard_size` its shards and
        index. Anything else is a directory, made if needed: it gets ``model.safetensors``, the small files of
        the library, and the receipt ``init.json``.
    key : int or Key
        The model's key; an int is a seed.
    recipe : Recipe, str, mapping of pattern to recipe, or sequence of rules, optional
        What parameters should be instead, as `materialize` takes it: by the names of the module.
    dtype : str or torch.dtype, optional
        For all floating tensors, which are drawn in it: what ``module.to(dtype)`` begins as.
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
    RecipeError
        If a parameter is real, or it is not known how one begins, as `materialize` names them; if a tensor
        is saved in a way that cannot be followed. Nothing is written then.
    LayoutError
        If a tensor is a DTensor or was cut by DeepSpeed, FSDP or Megatron, or a lazy module does not know its
        shapes yet.
    DTypeError, ShapeError, SeedError, SpecError
        If an argument is not valid, or a tensor has a dtype that safetensors does not hold.
    FileExistsError
        If a file exists and `overwrite` is false.
    OSError
        With errno ENOSPC if the disk is full.

    Notes
    -----
    Persistent buffers are written, others are not. A tensor that is drawn, or filled with a constant, is made
    rectangle by rectangle, also where its library cuts it into several, joins or transposes it. One that is
    computed from others as a whole, such as a product, is made at once.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pyinit.torch as pit
    >>> import torch
    >>> with pit.deferred():
    ...     model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "model.safetensors")
    ...     receipt = pit.write_checkpoint(model, file, key=0)
    ...     file.stat().st_size == receipt.nbytes
    True
    """
    return write_blueprint(
        draw_up(module, recipe, key=key, dtype=dtype),
        path,
        shard_size=shard_size,
        threads=threads,
        overwrite=overwrite,
        digest=digest,
        progress=progress,
    )
