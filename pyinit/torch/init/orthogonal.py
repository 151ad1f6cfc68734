"""torch.nn.init's orthogonal matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import meanings
from ..partitions.holding import whole_shape
from .drawing import drawn

__all__ = ["orthogonal_"]


def orthogonal_(tensor: Tensor, gain: float = 1, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor with `gain` times orthonormal rows, or columns where these are fewer; Haar-distributed.

    All dimensions but the first are flattened into columns. bfloat16 and float16 are computed in float32 and
    rounded once.

    References
    ----------
    Saxe, McClelland, Ganguli, ICLR 2014; Mezzadri, Notices of the AMS 54, 2007.

    Examples
    --------
    >>> import torch
    >>> w = orthogonal_(torch.empty(3, 5))
    >>> bool(torch.allclose(w @ w.T, torch.eye(3), atol=1e-6))
    True
    """
    meaning = meanings.orthogonal_(tensor, gain)
    return tensor if 0 in whole_shape(tensor) else drawn(tensor, generator, meaning)
