"""A key from a torch generator, so that torch's seeds and states govern pyinit's draws."""

from __future__ import annotations

import threading

import torch

from .. import _core
from ..stream.key import Key

__all__ = ["folded", "next_key"]

_OF_THREAD = threading.local()


def next_key(generator: torch.Generator | None = None) -> Key:
    """Return the key of a generator's next tensor: ``pyinit.key(initial_seed).fold_in(n)``.

    n is a 63-bit integer that is drawn from the generator, however large the tensor, so that ``manual_seed``,
    ``set_state``, ``fork_rng`` and whatever else moves the generator moves pyinit's draws with it.

    Why not a counter of pyinit's own: nobody could see that the same seed was set again. Why the seed as
    well: torch's CPU generator uses only its low 32 bits.

    Parameters
    ----------
    generator : torch.Generator, optional
        Of the CPU; by default the one that ``torch.manual_seed`` seeds.

    Returns
    -------
    Key
        The key; a further call returns another one.

    Raises
    ------
    RuntimeError
        If the generator is of another device, as torch says it.

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
    """Return ``Key(seed, offset).fold_in(n)``, by the kernel: many small tensors ask for little else."""
    w0, w1, w2, w3 = _core.block(seed, offset, n)
    return Key(w0 | w1 << 32, w2 | w3 << 32)


def _word() -> torch.Tensor:
    """Return this thread's memory for one integer."""
    try:
        found: torch.Tensor = _OF_THREAD.word
    except AttributeError:
        # a tensor of inference mode could not be written outside of it
        with torch.inference_mode(False):
            found = _OF_THREAD.word = torch.empty((), dtype=torch.int64, device="cpu")
    return found
