"""What torch remembers of meshes, and with them of the coordinate of a rank that a test was before."""

from __future__ import annotations

from typing import Any

from torch.distributed.tensor import DTensor, debug

__all__ = ["forget_meshes"]


def forget_meshes() -> None:
    """Have torch forget how operations on DTensors are sharded."""
    clear: Any = getattr(debug, "_clear_sharding_prop_cache", None)
    if clear is None:
        # torch before 2.10
        clear = DTensor._op_dispatcher.sharding_propagator.propagate_op_sharding.cache.cache_clear
    clear()
