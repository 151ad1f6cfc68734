"""torch.nn.init's orthogonal matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import ShapeError
from ...recipes.orthogonal import Orthogonal
from ...recipes.recipe import Recipe
from .drawing import drawn

__all__ = ["orthogonal_"]


def orthogonal_(tensor: Tensor, gain: float = 1, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor with `gain` times orthonormal rows, or columns where these are fewer; Haar-distributed.

    Parameters
    ----------
    tensor : torch.Tensor
        Of 2 dimensions or more; all but the first are flattened into columns. bfloat16 and float16 are
        computed in float32 and rounded once.
    gain : float
        Finite.
    generator : torch.Generator, optional
        By default the one that ``torch.manual_seed`` seeds.

    Returns
    -------
    torch.Tensor
        The same object.

    Raises
    ------
    ShapeError
        If the tensor has fewer than 2 dimensions.

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
    if tensor.ndimension() < 2:
        raise ShapeError(
            "Only tensors with 2 or more dimensions are supported; got shape "
            f"{tuple(tensor.shape)}. Use normal_ for a vector."
        )
    if tensor.numel() == 0:
        return tensor
    return drawn(tensor, generator, _orthogonal, gain)


def _orthogonal(gain: float) -> Recipe:
    return Orthogonal(gain, layout="torch")
