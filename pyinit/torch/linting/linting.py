"""`pyinit.torch.lint`: every rule on how a module begins."""

from __future__ import annotations

import sys

import torch

from ...checkpoint.lint.finding import LintReport
from ...checkpoint.lint.lint import lint_subject
from ...errors import LayoutError, RecipeError
from ..checkpoint.casting import in_dtype
from ..materialization.beginnings import forget
from ..materialization.deciding import Recipes, checked_recipes, decided
from ..materialization.holding import named_tensors
from .reading import subject_of

__all__ = ["lint"]


def lint(
    module: torch.nn.Module,
    recipe: Recipes | None = None,
    *,
    dtype: str | torch.dtype | None = None,
    source: str | None = None,
) -> LintReport:
    """Find what a module's own initialization gets wrong, from its recording; no weight is drawn.

    The rules are those of `pyinit.lint`. Of a module more is known than of names and shapes: how each layer
    uses its weight, what a norm does with a scale of zero, which layers of a Sequential follow each other and
    with which activation, and what Megatron's ``partition_dim`` says of a parameter.

    Parameters
    ----------
    module : torch.nn.Module
        Built under ``with pyinit.torch.deferred()`` or ``with torch.device("meta")``. It stays as it is.
    recipe : Recipe, str, mapping of pattern to recipe, or sequence of rules, optional
        What parameters should be instead, as `pyinit.torch.materialize` takes it.
    dtype : str or torch.dtype, optional
        For all floating tensors.
    source : str, optional
        What to call the module; by default its class.

    Returns
    -------
    LintReport
        A sequence of `LintFinding`, each with its tensors, the reason and the fix.

    Raises
    ------
    RecipeError
        If no tensor of the module is on the meta device, or it is not known how one begins.
    LayoutError
        If a tensor is a DTensor.

    Examples
    --------
    >>> import pyinit.torch as pit
    >>> import torch
    >>> with pit.deferred():
    ...     layer = torch.nn.Linear(300, 300)
    ...     _ = torch.nn.init.trunc_normal_(layer.weight, std=0.02)
    >>> (found,) = pit.lint(layer)
    >>> found.kind, found.tensors, found.numbers["above"]
    ('truncation', ('weight',), 100.0)
    """
    _check(module)
    recipes = checked_recipes(recipe)
    with in_dtype(module, dtype):
        recorded = decided(module, recipes)
        # recorded once more, transformers' marks would hide what begins
        forget(module)
        return lint_subject(subject_of(module, recorded, source or type(module).__name__))


def _check(module: object) -> None:
    if not isinstance(module, torch.nn.Module):
        raise RecipeError(
            f"pyinit.torch.lint needs a torch.nn.Module; got {type(module).__name__}. Use pyinit.lint for "
            "names and shapes, plans and receipts."
        )
    distributed = sys.modules.get("torch.distributed.tensor")
    tensors = dict(named_tensors(module))
    for name, tensor in tensors.items():
        if distributed is not None and isinstance(tensor, distributed.DTensor):
            raise LayoutError(
                f"lint needs a whole module; '{name}' of {type(module).__name__} is a DTensor. Lint the "
                "module before it is sharded: a shard begins as a part of the same numbers."
            )
    if tensors and not any(tensor.is_meta for tensor in tensors.values()):
        raise RecipeError(
            f"lint needs a module on the meta device; all tensors of {type(module).__name__} are real, and "
            "values do not tell how they were drawn. Build it under pyinit.torch.deferred()."
        )
