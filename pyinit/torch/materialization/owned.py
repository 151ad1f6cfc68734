"""Recorded tensors with their names for rules, and with the layers that own them."""

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
    """A recorded tensor and its use.

    Rules may match any of `names`: the name in the state dict, and the name of the `weight` if that is
    computed from this tensor alone.
    """

    recorded: Recorded
    names: tuple[str, ...]
    weight: str
    place: Place
    use: Use
    is_parameter: bool

    @property
    def at(self) -> tuple[int, View]:
        """The place of its elements, which is the same for tied tensors."""
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
    """Return the name in the state dict that the weight computed from a tensor would have."""
    if place.part == "whole":
        return state_name
    path = state_name.rpartition(".")[0]
    if name.rpartition(".")[0].endswith(f"parametrizations.{place.weight}"):
        path = path.removesuffix(f"parametrizations.{place.weight}").removesuffix(".")
    return f"{path}.{place.weight}" if path else place.weight


def check_names(
    rules: tuple[Rule, ...], names: Mapping[str, str], module: torch.nn.Module, prefix: str
) -> None:
    """Raise an error for a rule that matches no tensor of a module.

    For a part of a model, only the rules that begin with the part's name are checked; others may match the
    rest.

    `names` maps the module's names of all its tensors, real ones included, to those of the state dict;
    `prefix` is the module's name in the whole model. The message of the RecipeError contains the nearest
    names.
    """
    known = dict.fromkeys(names.values())
    known.update((_weight_name(name, names[name], owner_of(module, name)), None) for name in names)
    within = [rule for rule in rules if all(part.startswith(prefix) for part in rule.match.split("|"))]
    check_matched(within, known)
