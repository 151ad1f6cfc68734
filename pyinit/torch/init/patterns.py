"""torch.nn.init's functions that write a pattern."""

from __future__ import annotations

import torch
from torch import Tensor

from ...stream.key import Key
from .. import meanings
from ..partitions.holding import partition_of
from ..tensor import check_lasting, fill_under
from .drawing import noted

__all__ = ["dirac_"]


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution kernel so that it passes its channels through: 1 where one meets itself at k // 2.

    The kernel has 3, 4 or 5 dimensions, (out, in / groups, k...), and any dtype and device; each of its
    groups of channels is passed through.

    Examples
    --------
    >>> import torch
    >>> dirac_(torch.empty(2, 2, 3))
    tensor([[[0., 1., 0.],
             [0., 0., 0.]],
    <BLANKLINE>
            [[0., 0., 0.],
             [0., 1., 0.]]])
    """
    meaning = meanings.dirac_(tensor, groups)
    if tensor.is_meta:
        noted(tensor, meaning)
        return tensor
    if partition_of(tensor) is not None:
        return fill_under(tensor, meaning.recipe(), lambda: Key(0))
    check_lasting(tensor)
    outputs, inputs, *kernel = tensor.shape
    with torch.no_grad():
        tensor.zero_()
        if min(outputs // groups, inputs) > 0:
            centre = tensor
            for size in kernel:
                centre = centre.select(2, size // 2)
            # (groups, out / groups, in)
            grouped = torch.unflatten(centre, 0, (groups, outputs // groups))
            grouped.diagonal(0, 1, 2).fill_(1)
    return tensor
