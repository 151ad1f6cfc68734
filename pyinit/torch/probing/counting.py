"""Statistics of torch tensors, from the kernels of `pyinit.probe`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ...lab.network.passes import applied
from ...lab.probe.measure.axes import Axes, spanning
from ...linalg.statistics import Axis, Histogram, Moments, Question, statistics
from ...theory.activation import Activation
from ..errors import TensorLayoutError
from ..tensor import memory

__all__ = ["counted", "float32", "is_flat", "is_zero", "share_beyond"]

Array = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]

_CHUNK = 1 << 20
"""The number of elements of another dtype that are converted to float32 at once."""


def counted(tensors: Sequence[torch.Tensor], kind: str, axes: Axes, threads: int | None) -> Moments:
    """Return the joint moments of one or more tensors, with a histogram.

    A float32 tensor on the CPU without gaps is read in place; any other is converted in chunks. A value that
    overflows float32 counts as not finite.
    """
    axis = axes.fixed(kind)
    in_place = [_in_place(tensor.detach()) for tensor in tensors]
    if axis is None:
        ends = [_ends(part) for part in _parts(tensors, in_place)]
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        axis = spanning(*((low, high) if low <= high else (0.0, 0.0)), axes.bins)
    question = Question(axis)
    return _joined([statistics(part, question, threads) for part in _parts(tensors, in_place)], axis)


def share_beyond(tensor: torch.Tensor, flat: tuple[float, float], threads: int | None) -> float:
    """Return the share of the finite values that lie at or beyond two ends."""
    question = Question(None, flat)
    in_place = [_in_place(tensor.detach())]
    parts = [statistics(part, question, threads) for part in _parts([tensor], in_place)]
    return sum((one.saturated or 0.0) * one.count for one in parts) / max(sum(one.count for one in parts), 1)


def is_zero(tensor: torch.Tensor, axis: int) -> Flags:
    """Return for each unit whether it is 0 in every row; `axis` is the axis of the units."""
    return _in_every_row(tensor, axis, lambda values: values == 0)


def is_flat(tensor: torch.Tensor, axis: int, phi: Activation) -> Flags:
    """Return for each unit whether the slope of phi is 0 in every row."""
    return _in_every_row(tensor, axis, lambda values: applied(phi, values, slope=True) == 0)


def _in_every_row(tensor: torch.Tensor, axis: int, test: Any) -> Flags:
    rows = tensor.detach().movedim(axis, -1).reshape(-1, tensor.shape[axis])
    holds = np.ones(rows.shape[1], np.bool_)
    # start with few rows, in one of which most units are alive
    first, step = 0, 8
    while first < len(rows) and holds.any():
        part = float32(rows[first : first + step])
        holds &= test(part).all(axis=0)
        first, step = first + step, max(min(4 * step, _CHUNK // rows.shape[1]), 1)
    return holds


def _in_place(plain: torch.Tensor) -> Array | None:
    """Return the memory of a float32 tensor on the CPU without gaps, or None for another."""
    plain = _in_order(plain)
    if plain.is_cpu and plain.dtype == torch.float32 and plain.is_contiguous() and not plain.is_neg():
        return memory(plain, np.dtype(np.float32))
    return None


def _parts(tensors: Sequence[torch.Tensor], in_place: Sequence[Array | None]) -> Iterator[Array]:
    """Yield the numbers of tensors in float32, where they lie or in copies of chunks."""
    for tensor, whole in zip(tensors, in_place, strict=True):
        if whole is not None:
            yield whole
            continue
        flat = _in_order(tensor.detach()).reshape(-1)
        for first in range(0, flat.numel(), _CHUNK):
            yield float32(flat[first : first + _CHUNK])


def _in_order(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor's elements in the order of memory; statistics do not depend on the order."""
    if type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__ or tensor.is_nested:
        raise TensorLayoutError(
            f"statistics need tensors with plain memory; got a {type(tensor).__name__} inside the module. "
            "Give modules= the layers whose outputs are plain tensors."
        )
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_contiguous():
        return tensor
    return tensor.permute(sorted(range(tensor.ndim), key=lambda axis: -tensor.stride()[axis]))


def float32(tensor: torch.Tensor) -> Array:
    """Return the memory of a contiguous float32 tensor on the CPU, or a converted copy of another tensor."""
    if tensor.is_cpu and tensor.dtype == torch.float32 and tensor.is_contiguous() and not tensor.is_neg():
        return memory(tensor, np.dtype(np.float32))
    copy: Array = tensor.resolve_neg().to("cpu", torch.float32).contiguous().numpy()
    return copy


def _ends(part: Array) -> tuple[float, float]:
    low, high = float(part.min()), float(part.max())
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    kept = part[np.isfinite(part)]
    return (float(kept.min()), float(kept.max())) if kept.size else (math.inf, -math.inf)


def _joined(parts: list[Moments], axis: Axis) -> Moments:
    """Return the moments of all parts, joined in their order."""
    whole = parts[0]
    for part in parts[1:]:
        count = whole.count + part.count
        apart, share = part.mean - whole.mean, part.count / max(count, 1)
        within = (whole.variance * whole.count + part.variance * part.count) / max(count, 1)
        bars, more = whole.histogram, part.histogram
        assert bars is not None
        assert more is not None
        whole = replace(
            whole,
            count=count,
            nonfinite=whole.nonfinite + part.nonfinite,
            mean=whole.mean + apart * share,
            variance=within + apart**2 * share * (1.0 - share),
            minimum=min(whole.minimum, part.minimum),
            maximum=max(whole.maximum, part.maximum),
            histogram=Histogram(
                axis,
                bars.below + more.below,
                tuple(a + b for a, b in zip(bars.counts, more.counts, strict=True)),
                bars.above + more.above,
            ),
        )
    return whole
