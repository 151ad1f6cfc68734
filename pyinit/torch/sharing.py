"""Which parameters of a module are one memory, whatever objects hold it."""

from __future__ import annotations

from collections import Counter

import torch

__all__ = ["holders_of", "place_of"]


def place_of(tensor: torch.Tensor) -> object:
    """Return what two tensors have in common if they begin at one place in one memory."""
    is_plain = type(tensor) in (torch.Tensor, torch.nn.Parameter) and type(tensor.data) is torch.Tensor
    if tensor.is_meta or not is_plain or tensor.untyped_storage().data_ptr() == 0:
        return id(tensor)
    return tensor.untyped_storage().data_ptr(), tensor.storage_offset()


def holders_of(module: torch.nn.Module) -> Counter[object]:
    """Return how many parameters of different parts of a module begin at each place.

    Examples
    --------
    >>> import torch
    >>> one = torch.nn.Linear(2, 2)
    >>> model = torch.nn.ModuleList([one, torch.nn.Linear(2, 2)])
    >>> model[1].weight = one.weight
    >>> holders_of(model)[place_of(one.weight)]
    2
    """
    return Counter(
        place_of(tensor)
        for one in module.modules()
        for tensor in one._parameters.values()
        if tensor is not None
    )
