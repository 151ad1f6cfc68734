"""What a family defines: the tensors, ties and rules of its models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ...recipes.rules import Rule
from ..spec import TensorSpec
from .fields import Fields

__all__ = ["Family"]


@dataclass(frozen=True)
class Family:
    """A family of models that transformers can load.

    Parameters
    ----------
    architecture : str
        The transformers class whose state dict is written.
    known : frozenset of str
        The family's own configuration fields.
    tensors : callable
        Fields -> the state dict, without tied tensors.
    ties : callable
        Fields -> alias and owner of each tie.
    rules : callable
        Fields -> the family's own recipe.
    aliases : mapping of str to str
        Other names of fields.
    """

    architecture: str
    known: frozenset[str]
    tensors: Callable[[Fields], Iterator[TensorSpec]]
    ties: Callable[[Fields], dict[str, str]]
    rules: Callable[[Fields], tuple[Rule, ...]]
    aliases: Mapping[str, str] = field(default_factory=dict)
