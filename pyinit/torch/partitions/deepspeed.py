"""Parameters of DeepSpeed's ZeRO-3, which are empty unless they are gathered.

``deepspeed.zero.Init`` flattens a parameter, pads it at its end to a multiple of the number of ranks, and
leaves each rank one piece of equal size in ``ds_tensor``. While the parameter is gathered it holds all of its
elements, too; whether the ranks keep what is written to these then depends on ``modifier_rank``. The elements
and the piece are therefore both written. The padding is not.
"""

from __future__ import annotations

from typing import Any

import torch

from ...stream.window import Window
from ..errors import TensorLayoutError
from .partition import Part, Partition, run_parts

__all__ = ["zero_partition"]


def zero_partition(tensor: Any) -> Partition | None:
    """Return what this rank holds of a parameter of ZeRO-3, or None for another tensor.

    Raises
    ------
    LayoutError
        If a value that is written now would be lost, or it is unknown which piece the rank holds.
    """
    if "ds_id" not in tensor.__dict__ or getattr(tensor, "ds_tensor", None) is None:
        # before DeepSpeed cuts it, it is whole
        return None
    shape = tuple(tensor.ds_shape)
    called = f"parameter {tensor.ds_id} of DeepSpeed's ZeRO-3, of shape {shape},"
    if hasattr(tensor, "_z3_optimizer"):
        raise TensorLayoutError(
            f"{called} needs to be filled before deepspeed.initialize, whose optimizer holds a copy and "
            "would overwrite the values in its first step. Fill it earlier, or call "
            "deepspeed.utils.safe_set_full_fp32_param."
        )
    status = tensor.ds_status.name
    if status not in ("AVAILABLE", "NOT_AVAILABLE"):
        raise TensorLayoutError(
            f"{called} needs to be gathered or partitioned; it is {status}. Fill it after the transfer."
        )
    parts: list[Part] = []
    if status == "AVAILABLE":
        if tuple(tensor.shape) != shape:
            raise TensorLayoutError(
                f"{called} should be gathered, but it holds {tuple(tensor.shape)}. Fill it inside "
                "deepspeed.zero.GatheredParameters, or outside, and keep its data as DeepSpeed sets it."
            )
        parts.append((tensor.detach(), Window((0,) * len(shape), shape)))
    parts += _piece(tensor, tensor.ds_tensor, _rank_in(tensor, "ds_process_group"), called)
    secondary = getattr(tensor, "ds_secondary_tensor", None)
    if secondary is not None:
        parts += _piece(tensor, secondary, _rank_in(tensor, "ds_zero_param_process_group"), called)
    return Partition(shape, parts)


def _rank_in(tensor: Any, group: str) -> tuple[int, int]:
    """Return this rank's number in a process group of a parameter, and the number of its ranks."""
    if group == "ds_process_group" and hasattr(tensor, "ds_zero_partition_rank"):
        return int(tensor.ds_zero_partition_rank), int(tensor.ds_zero_partition_world_size)
    ranks = getattr(tensor, group)
    return torch.distributed.get_rank(ranks), torch.distributed.get_world_size(ranks)


def _piece(tensor: Any, piece: Any, place: tuple[int, int], called: str) -> list[Part]:
    """Return the parts of a rank's piece, without the padding."""
    rank, count = place
    size, total = int(piece.ds_numel), int(tensor.ds_numel)
    if hasattr(piece, "ds_quant_scale"):
        raise TensorLayoutError(
            f"{called} needs a piece of floating-point numbers; it is quantized. Fill it inside "
            "deepspeed.zero.GatheredParameters(..., modifier_rank=0), before it is quantized."
        )
    if piece.status.name != "AVAILABLE":
        raise TensorLayoutError(
            f"{called} needs its piece in memory; it is offloaded. Fill it inside "
            "deepspeed.zero.GatheredParameters(..., modifier_rank=0), before it is offloaded."
        )
    if size != -(-total // count) or piece.numel() != size:
        raise TensorLayoutError(
            f"{called} needs pieces of {-(-total // count)} elements on {count} ranks; got {piece.numel()}. "
            "Fill it before it is partitioned: DeepSpeed's MiCS and changed pieces are not supported."
        )
    start = rank * size
    held = max(min(size, total - start), 0)
    return run_parts(piece.detach()[:held], tensor.ds_shape, start)
