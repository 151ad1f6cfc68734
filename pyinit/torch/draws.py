"""Keys from torch's generators, whose seeds and states govern pyinit's draws."""

from __future__ import annotations

import threading

import torch

from .. import _core
from ..stream.key import Key

__all__ = ["folded", "next_key"]

_OF_THREAD = threading.local()


def next_key(generator: torch.Generator | None = None) -> Key:
    """Return the key of a generator's next tensor: ``pyinit.key(initial_seed).fold_in(n)``.

    n is one 63-bit integer drawn from the generator, for a tensor of any size, so that ``manual_seed``,
    ``set_state``, ``fork_rng`` and everything else that moves the generator moves pyinit's draws with it.

    A counter in pyinit would not notice that the same seed is set again. The seed is part of the key because
    torch's CPU generator uses only the low 32 bits of it.

    Parameters
    ----------
    generator : torch.Generator, optional
        A generator of the CPU; by default the one that ``torch.manual_seed`` seeds.

    Returns
    -------
    Key
        The key; the next call returns another one.

    Raises
    ------
    RuntimeError
        If the generator is of another device; the error is torch's.

    Examples
    --------
    >>> import pyinit as pi
    >>> import torch
    >>> first = next_key(torch.Generator().manual_seed(1))
    >>> first == next_key(torch.Generator().manual_seed(1))
    True
    >>> n = torch.empty((), dtype=torch.int64).random_(generator=torch.Generator().manual_seed(1))
    >>> first == pi.key(1).fold_in(int(n))
    True
    """
    source = torch.default_generator if generator is None else generator
    n = int(_word().random_(generator=source).item())
    return folded(source.initial_seed(), 0, n)


def folded(seed: int, offset: int, n: int) -> Key:
    """Return ``Key(seed, offset).fold_in(n)`` from the kernel, because small tensors cost little else."""
    w0, w1, w2, w3 = _core.block(seed, offset, n)
    return Key(w0 | w1 << 32, w2 | w3 << 32)


def _word() -> torch.Tensor:
    """Return this thread's memory for one integer."""
    try:
        word: torch.Tensor = _OF_THREAD.word
    except AttributeError:
        # a tensor of inference mode cannot be written outside of it
        with torch.inference_mode(False):
            word = _OF_THREAD.word = torch.empty((), dtype=torch.int64, device="cpu")
    return word
