"""Flat parameters of torch's first FSDP (``FullyShardedDataParallel``).

FSDP flattens the parameters of a module one after another into a flat parameter, and leaves each rank a run
of it. With ``use_orig_params=True`` a parameter remains, of one dimension, as a view of its elements in the
rank's run. Without, only the flat parameter remains, and the module's attributes are stale views. In
``summon_full_params`` every parameter is whole.
"""

from __future__ import annotations

import gc
import sys
from typing import Any, NamedTuple
from weakref import WeakSet

from ..errors import TensorLayoutError
from .partition import Partition, run_parts

__all__ = ["fsdp_partition", "is_flat"]

_WAY_OUT = (
    "Fill it inside FullyShardedDataParallel.summon_full_params(module), or call pyinit.torch.materialize in "
    "FSDP's param_init_fn."
)

# The handles of flat parameters, which no parameter refers to.
_HANDLES: WeakSet[Any] = WeakSet()


class _Original(NamedTuple):
    """A flat parameter with its handle, and the number of one parameter in it."""

    handle: Any
    flat: Any
    number: int


def is_flat(tensor: Any) -> bool:
    """Return whether a tensor is a flat parameter."""
    return bool(tensor.__dict__.get("_is_flat_param", False))


def fsdp_partition(tensor: Any) -> Partition | None:
    """Return what this rank holds of a parameter that FSDP has flattened, or None for another or a whole one.

    Raises
    ------
    LayoutError
        If the tensor holds several parameters, is a view that FSDP does not read, or is gathered for a
        forward pass.
    """
    if is_flat(tensor):
        raise TensorLayoutError(
            "pyinit.torch needs one parameter at a time; got a flat parameter of FSDP, which holds "
            f"{_listed(tensor._fqns)}. Fill each of these inside "
            "FullyShardedDataParallel.summon_full_params(module), or call pyinit.torch.materialize in FSDP's "
            "param_init_fn."
        )
    base = tensor._base
    if base is not None and is_flat(base):
        if base.__dict__.get("_sharded_size") == base._unpadded_unsharded_size:
            # it is whole on each rank
            return None
        raise TensorLayoutError(
            f"pyinit.torch needs memory that lasts; got a tensor of shape {tuple(tensor.shape)} that FSDP "
            f"makes anew from a flat parameter of {_listed(base._fqns)}. {_WAY_OUT}"
        )
    if not tensor.__dict__.get("_fsdp_flattened", False):
        return None
    found = _original(tensor)
    if found is None:
        raise TensorLayoutError(
            f"pyinit.torch needs the flat parameter to which a parameter of shape {tuple(tensor.shape)} "
            f"belongs; FSDP has flattened it, and no module of FSDP holds it. {_WAY_OUT}"
        )
    handle, flat, number = found
    shape = tuple(flat._shapes[number])
    if tuple(tensor.shape) == shape:
        return None
    name, info = flat._fqns[number], flat._shard_param_infos[number]
    held = info.numel_in_shard if info.in_shard else 0
    if not handle.is_sharded(flat) or tuple(tensor.shape) != (held,):
        raise TensorLayoutError(
            f"'{name}' of FSDP needs to be whole, of shape {shape}, or {held} elements of it; it is "
            f"gathered, and holds {tuple(tensor.shape)}. {_WAY_OUT}"
        )
    if flat._param_extensions[number] is not None:
        raise TensorLayoutError(
            f"'{name}' of FSDP needs to be flattened from a plain tensor; it was a part of another "
            f"distributed tensor. {_WAY_OUT}"
        )
    if not held:
        return Partition(shape, [])
    strides = flat._strides[number]
    order = None if flat._contiguities[number] else sorted(range(len(shape)), key=lambda axis: -strides[axis])
    return Partition(shape, run_parts(tensor.detach(), shape, info.intra_param_start_idx, order))


def _listed(names: Any) -> str:
    """Return names in quotes, at most four of them."""
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(f"'{name}'" for name in names[:4]) + more


def _original(tensor: Any) -> _Original | None:
    """Return the place of a parameter, which has no reference to it."""
    found = _among_known(tensor)
    if found is None:
        module = sys.modules.get("torch.distributed.fsdp._flat_param")
        if module is not None:
            kind = module.FlatParamHandle
            _HANDLES.update(each for each in gc.get_objects() if type(each) is kind)
            found = _among_known(tensor)
    return found


def _among_known(tensor: Any) -> _Original | None:
    for handle in list(_HANDLES):
        flat = handle.flat_param
        for number, parameter in enumerate(flat._params or ()):
            if parameter is tensor:
                return _Original(handle, flat, number)
        for parameter, info in zip(flat._shared_params or (), flat._shared_param_infos, strict=False):
            if parameter is tensor:
                for number, original in enumerate(flat._param_infos):
                    if (original.module, original.param_name) == (info.prim_module, info.prim_param_name):
                        return _Original(handle, flat, number)
    return None
