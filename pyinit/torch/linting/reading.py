"""What the rules look at, from a module: what was recorded of each tensor, and how its owner uses it."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from ...checkpoint.contents import Drawn
from ...checkpoint.lint.reading import with_config, with_name
from ...checkpoint.lint.subject import Seen, Split, Subject
from ...errors import LayoutError
from ...recipes.fans import Axes
from ...stream.key import Key
from ..checkpoint.contents import Definition, Kept, content_of
from ..materialization.owned import Owned, owned_tensors
from ..materialization.recording import Recorded
from ..materialization.view import View
from ..partitions.megatron import megatron_partition
from .rows import rows_of

__all__ = ["subject_of"]


def subject_of(module: nn.Module, recorded: Mapping[str, Recorded], source: str) -> Subject:
    """Return what is known of the recorded tensors of a module, by the names of its state dict."""
    # no key decides a number that a rule reads
    root, definition, kept, config = Key(0), Definition(source), Kept(), _config(module)
    tensors: list[Seen] = []
    names: dict[str, str] = {}
    places: set[tuple[int, View]] = set()
    for name, owned in zip(recorded, owned_tensors(module, recorded, ""), strict=True):
        names[name] = owned.names[0]
        if owned.at in places:
            # a tied tensor is one
            continue
        places.add(owned.at)
        content, recipe = content_of(owned.recorded, root, definition, kept)
        plan, key = (content.plan, content.key) if isinstance(content, Drawn) else (None, None)
        seen = Seen(owned.names[0], owned.recorded.shape, _dtype(owned), plan, recipe, key, _axes(owned))
        if _is_norm(owned):
            seen = replace(seen, is_norm=True, adds_one=seen.is_zero and _adds_one(owned.place.owner))
        tensors.append(with_name(replace(seen, split=_split(module, name)), config))
    rows = (
        tuple(
            replace(link, weight=names.get(link.weight, link.weight), bias=names.get(link.bias or ""))
            for link in row
        )
        for row in rows_of(module)
    )
    return with_config(Subject(source, tuple(tensors), root, config, _ties(module, names), tuple(rows)))


def _dtype(owned: Owned) -> str:
    return str(owned.recorded.dtype).removeprefix("torch.")


def _config(module: Any) -> dict[str, Any] | None:
    """Return the configuration of a model of transformers."""
    as_dict = getattr(getattr(module, "config", None), "to_dict", None)
    content = as_dict() if callable(as_dict) else None
    return content if isinstance(content, dict) else None


def _ties(module: Any, names: Mapping[str, str]) -> dict[str, str]:
    """Return which tensors transformers ties to which, by the names of the state dict."""
    ties = getattr(module, "all_tied_weights_keys", None)
    if not isinstance(ties, Mapping):
        return {}
    return {names[alias]: names[owner] for alias, owner in ties.items() if alias in names and owner in names}


def _axes(owned: Owned) -> Axes | None:
    """Return how the owner uses a kernel, if that explains every axis."""
    use, rank = owned.use, len(owned.recorded.shape)
    if use.role != "kernel" or use.axes is None or rank < 2 or not owned.is_parameter:
        return None
    named = use.axes.in_axis is not None and use.axes.out_axis is not None
    return use.axes if use.is_convolution or named or rank == 2 else None


def _is_norm(owned: Owned) -> bool:
    """Return whether a tensor is the scale of a norm, by its owner's class."""
    is_scale = owned.place.weight in ("weight", "scale", "gamma") and len(owned.recorded.shape) == 1
    return is_scale and owned.is_parameter and "norm" in type(owned.place.owner).__name__.lower()


def _adds_one(norm: nn.Module) -> bool:
    """Return whether a norm passes something on though all its parameters are zero; it is run on two rows."""
    try:
        with torch.no_grad(), torch.device("cpu"):
            real = copy.deepcopy(norm).to_empty(device="cpu").eval()
            for tensor in (*real.parameters(), *real.buffers()):
                tensor.zero_()
            width = next(real.parameters()).shape[0]
            made = real.float()(torch.linspace(-1.0, 2.0, 2 * width).reshape(2, width))
        return bool(made.abs().max() > 0)
    # a norm of another's may need anything of its input
    except Exception:
        return False


def _split(module: nn.Module, name: str) -> Split | None:
    """Return what Megatron's attributes say of a parameter, and how many ranks there are if that is known."""
    try:
        tensor: Any = module.get_parameter(name)
    except AttributeError:
        return None
    axis = tensor.__dict__.get("partition_dim")
    if not (tensor.__dict__.get("tensor_model_parallel") is True and isinstance(axis, int)):
        return None
    said = f"its attribute partition_dim = {axis}"
    if not 0 <= axis < tensor.dim():
        return None
    try:
        partition = megatron_partition(tensor)
    except LayoutError:
        return Split(axis, said)
    if partition is not None:
        return Split(axis, said, partition.shape[axis] // tensor.shape[axis])
    # one rank, if somebody has counted them
    return None if "megatron.core.parallel_state" in sys.modules else Split(axis, said)
