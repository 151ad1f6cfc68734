"""torch.nn.init's functions that count fans, as torch counts them."""

from __future__ import annotations

import warnings
from typing import Literal

import torch
from torch import Tensor

from .. import meanings
from ..partitions.holding import whole_shape
from .drawing import drawn, drawn_small, overridden

__all__ = ["kaiming_normal_", "kaiming_uniform_", "xavier_normal_", "xavier_uniform_"]

_Nonlinearity = Literal[
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "selu",
]
_FanMode = Literal["fan_in", "fan_out"]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor (out, in, k...) with uniform draws of variance gain^2 * 2 / (fan_in + fan_out).

    References
    ----------
    Glorot and Bengio, AISTATS 2010, eq. 16.

    Examples
    --------
    >>> import torch
    >>> bool((xavier_uniform_(torch.empty(2, 4)).abs() <= 1).all())
    True
    """
    if drawn_small(tensor, generator, meanings.xavier_uniform_, gain):
        return tensor
    return drawn(tensor, generator, meanings.xavier_uniform_(tensor, gain))


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor (out, in, k...) with normal draws of variance gain^2 * 2 / (fan_in + fan_out).

    References
    ----------
    Glorot and Bengio, AISTATS 2010, eq. 12.

    Examples
    --------
    >>> import torch
    >>> xavier_normal_(torch.empty(2, 4)).shape
    torch.Size([2, 4])
    """
    if drawn_small(tensor, generator, meanings.xavier_normal_, gain):
        return tensor
    return drawn(tensor, generator, meanings.xavier_normal_(tensor, gain))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: _FanMode = "fan_in",
    nonlinearity: _Nonlinearity = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor (out, in, k...) with uniform draws of variance gain^2 / fan.

    Parameters
    ----------
    a : float
        The slope of the leaky relu below zero. (torch's Linear and Conv layers use sqrt(5).)
    mode : {"fan_in", "fan_out"}
        Which variance is kept: that of the forward pass, or that of the backward pass.
    nonlinearity : str
        A name that ``calculate_gain`` knows.

    Raises
    ------
    ValueError
        If the mode or the nonlinearity is unknown.

    Warns
    -----
    UserWarning
        If the tensor has no elements.

    References
    ----------
    He, Zhang, Ren, Sun, ICCV 2015, eq. 10 and 15.

    Examples
    --------
    >>> import torch
    >>> bool((kaiming_uniform_(torch.empty(2, 4), a=5**0.5).abs() <= 0.5).all())
    True
    """
    if drawn_small(tensor, generator, meanings.kaiming_uniform_, a, mode, nonlinearity):
        return tensor
    if torch.overrides.has_torch_function_variadic(tensor):
        return overridden(
            kaiming_uniform_, tensor, a=a, mode=mode, nonlinearity=nonlinearity, generator=generator
        )
    if 0 in whole_shape(tensor):
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    return drawn(tensor, generator, meanings.kaiming_uniform_(tensor, a, mode, nonlinearity))


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: _FanMode = "fan_in",
    nonlinearity: _Nonlinearity = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor (out, in, k...) with normal draws of variance gain^2 / fan, as `kaiming_uniform_` counts.

    References
    ----------
    He, Zhang, Ren, Sun, ICCV 2015, eq. 10 and 15.

    Examples
    --------
    >>> import torch
    >>> kaiming_normal_(torch.empty(2, 4), mode="fan_out", nonlinearity="relu").shape
    torch.Size([2, 4])
    """
    if drawn_small(tensor, generator, meanings.kaiming_normal_, a, mode, nonlinearity):
        return tensor
    if 0 in whole_shape(tensor):
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    return drawn(tensor, generator, meanings.kaiming_normal_(tensor, a, mode, nonlinearity))
