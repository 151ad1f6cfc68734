"""torch.nn.init's functions whose numbers are given."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from .. import meanings
from .drawing import drawn, drawn_small, overridden

__all__ = ["normal_", "sparse_", "trunc_normal_", "uniform_"]


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Fill a tensor with normal draws, N(mean, std^2).

    Parameters
    ----------
    tensor : torch.Tensor
        A tensor of any shape, in float32, float64, bfloat16 or float16.
    mean : float
        Finite.
    std : float
        Finite, at least 0.
    generator : torch.Generator, optional
        The generator whose next integer makes the key; by default the one that ``torch.manual_seed`` seeds.

    Returns
    -------
    torch.Tensor
        The same object.

    Raises
    ------
    RecipeError
        If a number is not valid. Also a RuntimeError, or a TypeError if it is no number, as torch's.
    ShapeError
        If the function does not take the tensor's number of dimensions. Also a ValueError, as torch's.
    LayoutError, DTypeError
        As `pyinit.torch.fill`.

    Notes
    -----
    The other functions here that draw take and return the same, and raise the same errors.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.empty(3, 5, dtype=torch.bfloat16))
    >>> normal_(w, std=0.02) is w
    True
    """
    if drawn_small(tensor, generator, meanings.normal_, mean, std):
        return tensor
    if torch.overrides.has_torch_function_variadic(tensor):
        return overridden(normal_, tensor, mean=mean, std=std, generator=generator)
    return drawn(tensor, generator, meanings.normal_(tensor, mean, std))


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Fill a tensor with uniform draws from [a, b), or with `a` if the bounds are equal.

    Examples
    --------
    >>> import torch
    >>> w = uniform_(torch.empty(3, 5), -1.0, 1.0)
    >>> bool(((w >= -1) & (w < 1)).all())
    True
    """
    if drawn_small(tensor, generator, meanings.uniform_, a, b):
        return tensor
    if torch.overrides.has_torch_function_variadic(tensor):
        return overridden(uniform_, tensor, a=a, b=b, generator=generator)
    return drawn(tensor, generator, meanings.uniform_(tensor, a, b))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor with draws from N(mean, std^2) that are kept inside [a, b], in any dtype.

    The bounds are values, not standard deviations, as in torch: with std 0.02 the default cuts at 100 std.
    The mean and the std, which is above 0, are those of the normal before truncation.

    Warns
    -----
    UserWarning
        If the mean is more than 2 std outside [a, b], as torch warns; the values are right here, too.

    Examples
    --------
    >>> import torch
    >>> bool((trunc_normal_(torch.empty(1000)).abs() <= 2).all())
    True
    """
    outside = mean < a - 2 * std or mean > b + 2 * std
    if outside and not tensor.is_meta:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    if drawn_small(tensor, generator, meanings.trunc_normal_, mean, std, a, b):
        return tensor
    return drawn(tensor, generator, meanings.trunc_normal_(tensor, mean, std, a, b))


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: torch.Generator | None = None
) -> Tensor:
    """Fill a matrix with draws from N(0, std^2), and ceil(sparsity * rows) of each column with zeros.

    The generator also decides where the zeros are.

    References
    ----------
    Martens, "Deep learning via Hessian-free optimization", ICML 2010.

    Examples
    --------
    >>> import torch
    >>> (sparse_(torch.empty(10, 3), sparsity=0.85) == 0).sum(0)
    tensor([9, 9, 9])
    """
    return drawn(tensor, generator, meanings.sparse_(tensor, sparsity, std))
