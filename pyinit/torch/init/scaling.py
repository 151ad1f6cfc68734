"""torch.nn.init's functions that count fans, as torch counts them."""

from __future__ import annotations

import math
import warnings
from typing import Literal

import torch
from torch import Tensor
from torch.nn.init import calculate_gain

from ...errors import RecipeError, ShapeError
from .distributions import normal, uniform
from .drawing import drawn, handed_on

__all__ = ["fan", "fans", "kaiming_normal_", "kaiming_uniform_", "xavier_normal_", "xavier_uniform_"]

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
    """Fill a tensor with uniform draws of variance gain^2 * 2 / (fan_in + fan_out).

    Parameters
    ----------
    tensor : torch.Tensor
        Of 2 dimensions or more, (out, in, k...).
    gain : float
        As ``calculate_gain`` returns it.
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
    RecipeError
        If the gain is negative or not finite. Also a RuntimeError, as torch's.

    References
    ----------
    Glorot and Bengio, AISTATS 2010, eq. 16.

    Examples
    --------
    >>> import torch
    >>> bool((xavier_uniform_(torch.empty(2, 4)).abs() <= 1).all())
    True
    """
    fan_in, fan_out = fans(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    bound = math.sqrt(3.0) * std
    return drawn(tensor, generator, uniform, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor with normal draws of variance gain^2 * 2 / (fan_in + fan_out).

    Parameters
    ----------
    tensor : torch.Tensor
        Of 2 dimensions or more, (out, in, k...).
    gain : float
        As ``calculate_gain`` returns it.
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
    RecipeError
        If the gain is negative or not finite. Also a RuntimeError, as torch's.

    References
    ----------
    Glorot and Bengio, AISTATS 2010, eq. 12.

    Examples
    --------
    >>> import torch
    >>> xavier_normal_(torch.empty(2, 4)).shape
    torch.Size([2, 4])
    """
    fan_in, fan_out = fans(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    return drawn(tensor, generator, normal, 0.0, std)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: _FanMode = "fan_in",
    nonlinearity: _Nonlinearity = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor with uniform draws of variance gain^2 / fan.

    Parameters
    ----------
    tensor : torch.Tensor
        Of 2 dimensions or more, (out, in, k...).
    a : float
        Slope of the leaky relu below zero. (torch's Linear and Conv layers use sqrt(5).)
    mode : {"fan_in", "fan_out"}
        Keep the variance of the forward pass, or of the backward pass.
    nonlinearity : str
        A name that ``calculate_gain`` knows.
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
    if torch.overrides.has_torch_function_variadic(tensor):
        return handed_on(
            kaiming_uniform_, tensor, a=a, mode=mode, nonlinearity=nonlinearity, generator=generator
        )
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return drawn(tensor, generator, uniform, -bound, bound)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: _FanMode = "fan_in",
    nonlinearity: _Nonlinearity = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor with normal draws of variance gain^2 / fan.

    Parameters
    ----------
    tensor : torch.Tensor
        Of 2 dimensions or more, (out, in, k...).
    a : float
        Slope of the leaky relu below zero.
    mode : {"fan_in", "fan_out"}
        Keep the variance of the forward pass, or of the backward pass.
    nonlinearity : str
        A name that ``calculate_gain`` knows.
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
    >>> kaiming_normal_(torch.empty(2, 4), mode="fan_out", nonlinearity="relu").shape
    torch.Size([2, 4])
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    return drawn(tensor, generator, normal, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def fans(tensor: Tensor) -> tuple[int, int]:
    """Return fan_in and fan_out as torch counts them."""
    if tensor.dim() < 2:
        raise ShapeError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions; got shape "
            f"{tuple(tensor.shape)}. Use normal_ with a std, or uniform_ with bounds."
        )
    outputs, inputs, *kernel = tensor.shape
    field = math.prod(kernel)
    return inputs * field, outputs * field


def fan(tensor: Tensor, mode: _FanMode) -> int:
    """Return the fan of a mode, in upper or lower case."""
    valid = ["fan_in", "fan_out"]
    if mode.lower() not in valid:
        raise RecipeError(f"Mode {mode.lower()} not supported, please use one of {valid}")
    return fans(tensor)[valid.index(mode.lower())]


def _kaiming_std(tensor: Tensor, a: float, mode: _FanMode, nonlinearity: _Nonlinearity) -> float:
    # in torch's order, so that of two mistakes the same one is named
    size = fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(size)
