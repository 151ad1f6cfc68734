"""A jax array from its shards, each drawn alone into memory that JAX takes over without a copy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec, Sharding

from ..errors import LayoutError
from ..stream.window import Shape

__all__ = ["check_cut", "concrete", "filled", "mesh_in_force"]

_ALIGNMENT = 64
"""In bytes. XLA's CPU client takes over a buffer with this alignment, and copies any other."""

Writer = Callable[[npt.NDArray[Any], Shape], None]


def filled(shape: Shape, dtype: np.dtype[Any], write: Writer, sharding: Sharding | None) -> jax.Array:
    """Return an array; every shard that this process addresses is written once.

    Parameters
    ----------
    shape : tuple of int
        Shape of the whole array.
    dtype : numpy.dtype
        Dtype of its elements.
    write : callable
        Called with the memory of a shard and the index of its first element; it writes the shard.
    sharding : jax.sharding.Sharding or None
        None leaves the array uncommitted on the default device.

    Returns
    -------
    jax.Array
        On the CPU it holds the written memory itself.
    """
    sharding = _padded(sharding, len(shape))
    if sharding is None:
        memory = _memory(shape, dtype)
        write(memory, (0,) * len(shape))
        return jax.device_put(memory)
    check_cut(sharding, shape)
    written: dict[tuple[Shape, Shape], npt.NDArray[Any]] = {}

    def shard(index: tuple[slice, ...] | None) -> npt.NDArray[Any]:
        ends = [part.indices(n) for part, n in zip(index or (), shape, strict=True)]
        where = tuple(first for first, _, _ in ends), tuple(last - first for first, last, _ in ends)
        if where not in written:
            # devices that hold the same part share its memory, which nobody writes again
            written[where] = _memory(where[1], dtype)
            write(written[where], where[0])
        return written[where]

    return jax.make_array_from_callback(shape, sharding, shard, dtype)


def check_cut(sharding: Sharding, shape: Shape) -> None:
    """Refuse a sharding that cannot cut an array of this shape."""
    try:
        sharding.shard_shape(shape)
    except ValueError as error:
        raise LayoutError(f"{str(error).rstrip('.')}. Use another sharding for this array.") from None


def concrete(sharding: Any, what: str) -> Sharding | None:
    """Return a sharding over devices; a PartitionSpec or an abstract mesh refers to the mesh that is set."""
    if sharding is None:
        return None
    if isinstance(sharding, NamedSharding):
        if not isinstance(sharding.mesh, AbstractMesh):
            return sharding
        sharding = sharding.spec
    elif isinstance(sharding, Sharding):
        return sharding
    if not isinstance(sharding, PartitionSpec):
        raise LayoutTypeError(
            f"{what} is a jax.sharding.Sharding or a PartitionSpec; got {type(sharding).__name__} "
            f"{sharding!r}. Use jax.sharding.NamedSharding(mesh, spec)."
        )
    mesh = mesh_in_force()
    if mesh is None:
        raise LayoutError(
            f"{what} {sharding} needs a mesh, and none is set. Call it under jax.set_mesh(mesh), or use "
            "jax.sharding.NamedSharding(mesh, spec)."
        )
    return NamedSharding(mesh, sharding)


def mesh_in_force() -> Mesh | None:
    """Return the mesh that `jax.set_mesh` set, or None."""
    if hasattr(jax.sharding, "get_mesh"):
        mesh = jax.sharding.get_mesh()
    else:
        # JAX before 0.9 has no public name for it
        from jax._src.mesh import get_concrete_mesh

        mesh = get_concrete_mesh()
    return None if mesh is None or mesh.empty else mesh


def _padded(sharding: Sharding | None, rank: int) -> Sharding | None:
    """Return a sharding with an entry for every axis, as JAX writes shardings that are part of a type."""
    if not isinstance(sharding, NamedSharding) or AxisType.Explicit not in sharding.mesh.axis_types:
        return sharding
    missing = rank - len(sharding.spec)
    return (
        sharding if missing <= 0 else sharding.update(spec=PartitionSpec(*sharding.spec, *[None] * missing))
    )


class LayoutTypeError(LayoutError, TypeError):
    """Raised for something that is not a sharding; JAX raises a TypeError for it."""


def _memory(shape: Shape, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    size = math.prod(shape) * dtype.itemsize
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    first = -raw.ctypes.data % _ALIGNMENT
    return raw[first : first + size].view(dtype).reshape(shape)
