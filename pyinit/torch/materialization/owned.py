"""Recorded tensors with what rules may call them, and with the layers that own them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch

from ...recipes.matching import check_matched
from ...recipes.rules import Rule
from ..owners import Place, Use, owner_of, use_of
from .naming import state_names
from .recording import Recorded
from .view import View

__all__ = ["Owned", "check_names", "owned_tensors"]


class Owned(NamedTuple):
    """A recorded tensor and how it is used.

    `names` are those that rules may call it by: that of the state dict, and that of the `weight` that is
    computed from it alone.
    """

    recorded: Recorded
    names: tuple[str, ...]
    weight: str
    place: Place
    use: Use
    is_parameter: bool

    @property
    def at(self) -> tuple[int, View]:
        """Where its elements are: the same for tied tensors."""
        return id(self.recorded.cell), self.recorded.view

    def rule(self, rules: tuple[Rule, ...], names: tuple[str, ...]) -> Rule | None:
        """Return the first rule that matches one of the names."""
        is_kernel = self.use.role == "kernel" and len(self.recorded.shape) >= 2
        matching = (rule for rule in rules for name in names if rule.matches(name, is_kernel=is_kernel))
        return next(matching, None)


def owned_tensors(module: torch.nn.Module, recorded: Mapping[str, Recorded], prefix: str) -> Iterator[Owned]:
    """Yield the recorded tensors of a module with their owners."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    names = state_names(module, recorded, prefix)
    for name, tensor in recorded.items():
        place = owner_of(module, name)
        weight = _weight_name(name, names[name], place)
        alone = place.part in ("original", "direction")
        yield Owned(
            tensor,
            (names[name], weight) if alone else (names[name],),
            weight,
            place,
            use_of(place, tensor.shape),
            name in parameters,
        )


def _weight_name(name: str, state_name: str, place: Place) -> str:
    """Return the name that the weight would have in the state dict that is computed from a tensor."""
    if place.part == "whole":
        return state_name
    path = state_name.rpartition(".")[0]
    if name.rpartition(".")[0].endswith(f"parametrizations.{place.weight}"):
        path = path.removesuffix(f"parametrizations.{place.weight}").removesuffix(".")
    return f"{path}.{place.weight}" if path else place.weight


def check_names(
    rules: tuple[Rule, ...], names: Mapping[str, str], module: torch.nn.Module, prefix: str
) -> None:
    """Refuse a rule that no tensor of a module follows.

    Of a part of a model only rules that begin with the part's name are looked at: others may be for the rest.

    Parameters
    ----------
    rules : tuple of Rule
        The caller's.
    names : mapping of str to str
        From the module's names of all its tensors, real ones too, to those of the state dict.
    module : torch.nn.Module
        The module.
    prefix : str
        Its own name in the whole.

    Raises
    ------
    RecipeError
        The message names the nearest names.
    """
    known = dict.fromkeys(names.values())
    known.update((_weight_name(name, names[name], owner_of(module, name)), None) for name in names)
    within = [rule for rule in rules if all(part.startswith(prefix) for part in rule.match.split("|"))]
    check_matched(within, known)
