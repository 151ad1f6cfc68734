"""Keys from torch's generators, whose seeds and states govern pyinit's draws."""

from __future__ import annotations

import threading

import torch
from torch.utils._python_dispatch import _disable_current_modes

from .. import _core
from ..stream.key import Key

__all__ = ["next_key", "next_words"]

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
    return Key(*next_words(generator))


def next_words(generator: torch.Generator | None) -> tuple[int, int]:
    """Return the seed and the offset of `next_key`."""
    source = torch.default_generator if generator is None else generator
    n = int(_word().random_(generator=source).item())
    return _core.folded(source.initial_seed(), 0, n)


def _word() -> torch.Tensor:
    """Return this thread's memory for one integer."""
    try:
        word: torch.Tensor = _OF_THREAD.word
    except AttributeError:
        # a tensor of inference mode cannot be written outside of it
        # and a tensor that a dispatch mode makes, such as a fake one, holds no integer
        with torch.inference_mode(False), _disable_current_modes():
            word = torch.empty((), dtype=torch.int64, device="cpu")
        # a transform of torch.func may make a tensor that means nothing after it
        if not torch._C._are_functorch_transforms_active():
            _OF_THREAD.word = word
    return word
