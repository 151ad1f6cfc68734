"""Keys of pyinit and of torch's stateless generator are the same two words."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch

from ..errors import SeedError
from ..stream.key import Key, as_key
from .errors import TorchVersionError

__all__ = ["from_key", "to_key"]


def to_key(k: int | Key, *, device: torch.device | str | None = None) -> torch.Tensor:
    """Return a key in the form of ``torch.func._random``.

    A uniform draw of torch's under it has the bits of ``pyinit.uniform()`` under `k`, in float32 and float64;
    a normal draw agrees within 2e-6.

    Parameters
    ----------
    k : int or Key
        An int is a seed.
    device : torch.device or str, optional
        The device on which the key is used.

    Returns
    -------
    torch.Tensor
        (seed, offset), of shape (2,) and dtype uint64.

    Raises
    ------
    SeedError
        If `k` is not a key.
    ImportError
        If torch has no ``torch.func._random``.

    Examples
    --------
    >>> import pyinit as pi
    >>> to_key(pi.Key(7, 2))
    tensor([7, 2], dtype=torch.uint64)
    """
    where = as_key(k)
    try:
        import_module("torch.func._random")
    except ImportError:
        raise TorchVersionError(
            f"pyinit.torch.to_key needs torch.func._random; torch {torch.__version__} does not have it. "
            "Use torch 2.13 or later."
        ) from None
    return torch.tensor([where.seed, where.offset], dtype=torch.uint64, device=device or "cpu")


def from_key(k: Any) -> Key:
    """Return a key of ``torch.func._random`` as a `pyinit.Key`.

    Parameters
    ----------
    k : torch.Tensor
        (seed, offset), of shape (2,) and dtype uint64, as from ``torch.func._random.key`` and ``fold_in``.

    Returns
    -------
    Key
        The same words.

    Raises
    ------
    SeedError
        If `k` is not one key of that form.

    Examples
    --------
    >>> import torch
    >>> from_key(torch.tensor([7, 2], dtype=torch.uint64))
    Key(seed=7, offset=2)
    """
    if not isinstance(k, torch.Tensor) or k.dtype is not torch.uint64 or k.is_meta:
        came = f"a {k.dtype} tensor on {k.device}" if isinstance(k, torch.Tensor) else repr(k)
        raise SeedError(
            f"from_key needs a uint64 tensor (seed, offset); got {came}. Use torch.func._random.key."
        )
    if k.shape != (2,):
        raise SeedError(
            f"from_key needs one key, of shape (2,); got shape {tuple(k.shape)}. Convert keys[i] one by one."
        )
    seed, offset = k.tolist()
    return Key(seed, offset)
