"""`pi.fill`: writes what a recipe draws into the caller's memory."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from ..stream.arguments import check_threads
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
    out : ndarray, memmap, torch tensor, DLPack object, bytearray or memoryview
        Writable and C-contiguous, of float32, float64, bfloat16, float16, float8_e4m3fn, float8_e5m2,
        complex64 or complex128. Raw bytes hold float32; an array of uint16 holds the bits of bfloat16. Memory
        of a CUDA device, as CuPy, Numba, Warp and torch have it, is drawn there, with the same bits: on the
        stream that ``__cuda_array_interface__`` names, else on the device's default stream. Nothing waits for
        the device.
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
        If the memory is read-only, strided, unaligned, or on a device that is not CUDA's.
    DTypeError
        If the buffer holds another dtype.
    DeviceError
        If a CUDA device is too old, or its driver or compiler is missing, or they do not fit each other.
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
    if not isinstance(out, np.ndarray) and _is_on_device(out):
        # its imports take as long as a small fill, and the driver is there where it is needed
        from ..cuda.filling import fill as fill_on_device

        check_threads(threads)
        return fill_on_device(out, as_recipe(recipe), key=key, window=window)
    return fill_by_plan(out, as_recipe(recipe), key=key, window=window, threads=threads)


def _is_on_device(out: Any) -> bool:
    """Return whether a buffer is in a CUDA device's memory."""
    if not (hasattr(out, "__dlpack_device__") or hasattr(out, "__cuda_array_interface__")):
        return False
    from ..cuda.borrowing import is_on_device

    return is_on_device(out)
