"""What a caller asks of a module's tensors, put in the place of what was recorded of their initialization."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch

from ..distributions import Constant, constant, zeros
from ..errors import RecipeError
from ..recipe import Recipe
from ..rules import Rule
from ..structured import Bilinear, Dirac, Identity, Pretrained
from .naming import state_names
from .owners import Place, Use, owner_of, use_of
from .recording import TARGET, Call, Cell, Draw, Recorded, Snapshot, Write
from .tensor import WRITTEN
from .view import View

__all__ = ["redrawn", "ruled"]

# What decides every number itself.
_GIVEN = (Constant, Identity, Dirac, Bilinear, Pretrained)


def redrawn(
    module: torch.nn.Module, recorded: Mapping[str, Recorded], recipe: Recipe, prefix: str = ""
) -> dict[str, Recorded]:
    """Return the recording in which one recipe makes what the module draws at random.

    Kernels follow the recipe; biases become zeros; embeddings, norms, constants and buffers keep the module's
    own values. A kernel of which nothing is known follows the recipe, too.

    Parameters
    ----------
    module : torch.nn.Module
        Whose tensors they are.
    recorded : mapping of str to Recorded
        How they begin.
    recipe : Recipe
        What kernels should be.
    prefix : str
        The module's own name in the whole.

    Returns
    -------
    dict of str to Recorded
        Under the same names.

    Raises
    ------
    LayoutError
        If the recipe counts fans and nobody knows what the axes of a kernel are. It names the kernel.
    """
    to_zero = Rule("*", zeros())
    rule = Rule("*", recipe)

    def wanted(tensor: _Tensor) -> Rule | None:
        unmade = tensor.recorded.unmade is not None
        if not tensor.is_parameter or not (unmade or _is_random(tensor.recorded.writes)):
            return None
        return {"kernel": rule, "bias": to_zero}.get(tensor.use.role)

    return _rewritten(_tensors(module, recorded, prefix), wanted)


def ruled(
    module: torch.nn.Module, recorded: Mapping[str, Recorded], rules: tuple[Rule, ...], prefix: str = ""
) -> dict[str, Recorded]:
    """Return the recording with the writes that rules ask for: the first that matches a tensor's name decides.

    A rule matches the name of the state dict, without wrappers; a rule for the name of a parametrized weight
    is for what the weight is computed from. Buffers and plain attributes follow a rule only where the module
    does not say what they are.

    Parameters
    ----------
    module, recorded, prefix
        As for `redrawn`.
    rules : tuple of Rule
        In order.

    Returns
    -------
    dict of str to Recorded
        Under the same names.

    Raises
    ------
    LayoutError, RecipeError
        If a rule cannot be fitted to a tensor. It names the tensor.
    """

    def wanted(tensor: _Tensor) -> Rule | None:
        if not tensor.is_parameter and tensor.recorded.unmade is None:
            return None
        return tensor.rule(rules)

    return _rewritten(_tensors(module, recorded, prefix), wanted)
