"""A recipe as a lazy array: each chunk is a window of the whole tensor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import dask.array
import numpy as np
import numpy.typing as npt
from dask.array.core import Array, normalize_chunks
from dask.base import tokenize

from ..errors import ShapeError
from ..recipes.recipe import as_recipe
from ..stream.dtypes import resolve, storage
from ..stream.kernels import execute
from ..stream.key import STREAM_VERSION, Key, as_key
from ..stream.plan import Plan
from ..stream.pretrained import ArraySource, FileSource
from ..stream.window import normal_shape

__all__ = ["array"]

# the kind of array of Dask's setting: what the name means is known when Dask is imported
_CHOSEN: Any = dask.array.Array


def array(
    recipe: Any,
    shape: int | tuple[int, ...],
    *,
    key: int | Key,
    chunks: Any = "auto",
    dtype: Any = "float32",
) -> Any:
    """Return a Dask array that draws its chunks when they are computed.

    Any chunk is made alone, in its own memory; only a pattern drawn whole, such as `pyinit.orthogonal`, needs
    more work than its elements say. The values are those of ``recipe(shape, key=key, dtype=dtype)``, however
    the array is cut.

    Parameters
    ----------
    recipe : Recipe, str or dict
        A recipe, or its name. A recipe silent on axes means (in, out), as for NumPy.
    shape : int or tuple of int
        Shape of the whole array.
    key : int or Key
        The parameter's key; an int is a seed.
    chunks : int, tuple, dict or str
        As `dask.array` takes them; by default blocks of its usual size.
    dtype : str, numpy.dtype or type
        As in a call of a recipe.

    Returns
    -------
    dask.array.Array
        Its name is the same wherever the same array is made, so Dask computes equal ones once. Under Dask's
        setting ``array.query-planning`` it is an array of that kind, which still has `store` and `to_zarr`.

    Raises
    ------
    ShapeError, DTypeError, RecipeError, SeedError
        If something is not valid, or the chunks do not add up to the shape.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> import pyinit.dask
    >>> lazy = pyinit.dask.array("he_normal", (600, 400), key=0, chunks=(250, 400))
    >>> lazy.numblocks
    (3, 1)
    >>> bool(np.array_equal(lazy.compute(), pi.he_normal()((600, 400), key=0)))
    True
    """
    found, kept = resolve(dtype), storage(dtype)
    whole = normal_shape(shape, found.itemsize)
    where = as_key(key)
    plan = as_recipe(recipe).plan_for(whole, found.name)
    draw = _Draw(plan, where, kept)
    try:
        cut = normalize_chunks(chunks, whole, dtype=kept)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ShapeError(
            f"chunks must add up to the shape {whole}; got {chunks!r} ({_first(error)}). Leave them out, or "
            "give sizes"
        ) from None
    meta: npt.NDArray[Any] = np.empty((0,) * len(whole), kept)
    name = f"pyinit-{tokenize(draw, cut)}"
    drawn = dask.array.map_blocks(draw, chunks=cut, dtype=kept, meta=meta, name=name)
    return drawn if hasattr(drawn, "to_zarr") else _Planned(drawn.expr)


def _first(error: Exception) -> str:
    """Return the first sentence of an error: the others of Dask show all chunks."""
    return str(error).partition(". ")[0].rstrip(".")


@dataclass(frozen=True)
class _Draw:
    """What draws one chunk, on whatever worker."""

    plan: Plan
    key: Key
    dtype: Any

    def __call__(self, block_info: dict[Any, Any]) -> npt.NDArray[Any]:
        """Return the chunk; Dask computes several at a time, so that each takes one thread."""
        window: Sequence[tuple[int, int]] = block_info[None]["array-location"]
        out = np.empty([stop - start for start, stop in window], self.dtype)
        execute(self.plan, out, self.key, tuple(start for start, _ in window), 1)
        return out

    def __dask_tokenize__(self) -> object:
        """Return what decides the bytes."""
        plan = replace(self.plan, source=None).to_json()
        numbers = (STREAM_VERSION, plan, self.key.seed, self.key.offset, str(self.dtype))
        source = self.plan.source
        if isinstance(source, ArraySource):
            return *numbers, tokenize(source.array)
        if isinstance(source, FileSource):
            # a file that was written again is another one
            status = os.stat(source.path)
            return *numbers, source.path, source.tensor, source.start, status.st_mtime_ns, status.st_size
        return numbers


class _Planned(_CHOSEN):
    """An array under query planning, whose class in Dask has neither `store` nor `to_zarr` yet."""

    def store(self, target: Any, **options: Any) -> Any:
        """Store the values, as `dask.array.Array.store` does without query planning."""
        return self._lowered().store(target, **options)

    def to_zarr(self, *arguments: Any, **options: Any) -> Any:
        """Write to Zarr, as `dask.array.Array.to_zarr` does without query planning."""
        return self._lowered().to_zarr(*arguments, **options)

    def _lowered(self) -> Any:
        return Array(self.__dask_graph__(), self.name, self.chunks, meta=self._meta)
