"""torch.nn.init's functions that write a pattern."""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import ShapeError
from ...recipes.patterns import Dirac
from ..tensor import check_lasting
from .drawing import noted

__all__ = ["dirac_"]


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution kernel so that it hands its channels on: 1 where a channel meets itself at k // 2.

    Parameters
    ----------
    tensor : torch.Tensor
        Of 3, 4 or 5 dimensions, (out, in / groups, k...), and any dtype and device.
    groups : int
        Groups of channels; each is handed on.

    Returns
    -------
    torch.Tensor
        The same object.

    Raises
    ------
    ShapeError
        If the tensor is no such kernel, or `groups` does not divide its outputs.
    LayoutError
        If autograd knows that the tensor is computed, so that what is written is lost.

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
    if tensor.ndimension() not in (3, 4, 5):
        raise ShapeError(
            f"Only tensors with 3, 4, or 5 dimensions are supported; got shape {tuple(tensor.shape)}. "
            "Use eye_ for a matrix."
        )
    outputs, inputs, *kernel = tensor.shape
    if outputs % groups != 0:
        raise ShapeError(
            f"dim 0 must be divisible by groups; got {outputs} outputs and {groups} groups. Check groups."
        )
    if tensor.is_meta:
        noted(tensor, Dirac(groups=groups, layout="torch"))
        return tensor
    check_lasting(tensor)
    kept = min(outputs // groups, inputs)
    with torch.no_grad():
        tensor.zero_()
        if kept > 0:
            centre = tensor
            for size in kernel:
                centre = centre.select(2, size // 2)
            # (groups, out / groups, in)
            grouped = torch.unflatten(centre, 0, (groups, outputs // groups))
            grouped.diagonal(0, 1, 2).fill_(1)
    return tensor
