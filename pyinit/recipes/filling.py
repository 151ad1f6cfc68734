"""`pi.fill`: writes what a recipe draws into the caller's memory."""

from __future__ import annotations

from typing import Any, TypeVar

from ..stream.fill import fill as fill_by_plan
from ..stream.key import Key
from ..stream.window import Window
from .recipe import Recipe, as_recipe

__all__ = ["fill"]

Buffer = TypeVar("Buffer")


def fill(
    out: Buffer,
    recipe: Recipe | str | dict[str, Any],
    *,
    key: int | Key,
    window: Window | None = None,
    threads: int | None = None,
) -> Buffer:
    """Fill a buffer in place with what a recipe draws under a key.

    Parameters
    ----------
    out : ndarray, memmap, torch CPU tensor, DLPack object, bytearray or memoryview
        Writable and C-contiguous, of float32, float64, bfloat16 or float16. Raw bytes hold float32;
        an array of uint16 holds the bits of bfloat16.
    recipe : Recipe, str or dict
        What the weights should be: a recipe, its name, or what ``Recipe.to_dict`` returns. For a recipe that
        names no axes, a matrix is (in, out), whoever owns the memory; `pyinit.torch.fill` uses torch's
        layout.
    key : int or Key
        The parameter's key; an int is a seed.
    window : Window, optional
        The position of `out` in the whole tensor, if it is a part of one.
    threads : int, optional
        At most this many threads; by default PYINIT_NUM_THREADS, else the CPUs of this process. The
        values do not depend on it.

    Returns
    -------
    out
        The same object.

    Raises
    ------
    LayoutError
        If the memory is read-only, strided, unaligned or not in CPU memory.
    DTypeError
        If the buffer holds another dtype.
    ShapeError
        If the window does not fit, or the recipe cannot count fans on this shape.
    RecipeError, SeedError
        If the recipe cannot be drawn in this dtype, or the key is not valid. Nothing is written then.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> out = np.empty((2, 3), np.float32)
    >>> pi.fill(out, pi.constant(0.5), key=0) is out
    True
    >>> out
    array([[0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5]], dtype=float32)
    """
    return fill_by_plan(out, as_recipe(recipe), key=key, window=window, threads=threads)
