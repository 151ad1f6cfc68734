"""Hooks that draw a layer's weights before its first call, and scale them and its output after it."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from ...lab.lsuv.receipt import LsuvLayer
from ...lab.lsuv.scaling import Aim, Factors
from ...recipes.recipe import Recipe
from ...stream.key import Key
from ..probing.counting import float32
from .weights import Part, parts_of, units_last

__all__ = ["Scaler"]

Kept: TypeAlias = "list[tuple[torch.Tensor, torch.Tensor]]"
"""Parts of a layer's parameters, and copies of what they were."""


class Scaler:
    """Scales each layer at its first call within one run of a module.

    Parameters
    ----------
    aim : Aim
    recipe : Recipe
        What weights are before they are scaled.
    root : Key
        The module's key.
    threads : int or None
    """

    def __init__(self, aim: Aim, recipe: Recipe, root: Key, threads: int | None) -> None:
        self.aim, self.recipe, self.root, self.threads = aim, recipe, root, threads
        self.made: list[LsuvLayer] = []
        self.left: list[tuple[str, str]] = []
        self.called: set[str] = set()
        self._begun: dict[str, tuple[Kept, list[LsuvLayer]]] = {}

    def watch(self, name: str, layer: nn.Module) -> list[RemovableHandle]:
        """Add the hooks to a layer."""

        def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if name not in self.called:
                self._begin(name, module, args, kwargs)

        def after(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
            return self._end(name, module, args, kwargs, output) if name in self._begun else output

        return [
            layer.register_forward_pre_hook(before, with_kwargs=True),
            layer.register_forward_hook(after, with_kwargs=True),
        ]

    def _begin(self, name: str, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep a layer's weights and draw others; scale those by which attention multiplies its inputs."""
        self.called.add(name)
        parts = parts_of(name, layer)
        kept = [
            (tensor, tensor.clone())
            for part in parts
            for tensor in (part.memory, part.bias_memory)
            if tensor is not None
        ]
        found: list[LsuvLayer] = []
        for part in parts:
            part.draw(part.fitted(self.recipe), part.key(self.root), self.threads)
        if isinstance(layer, nn.MultiheadAttention):
            names = ("query", "key", "value")
            given = dict(zip(names, args, strict=False), **kwargs)
            for part, one in zip(parts, names, strict=False):
                scaled = self._scale(part, nn.functional.linear(given[one], part.memory))
                if isinstance(scaled, str):
                    return self._leave(name, kept, scaled)
                found.append(part.result(part.fitted(self.recipe), part.key(self.root), scaled))
        self._begun[name] = kept, found
        return None

    def _end(
        self, name: str, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Any:
        """Scale a layer and its output; or restore the layer, and return the output that it had."""
        kept, found = self._begun.pop(name)
        part = parts_of(name, layer)[-1]
        whole = output[0] if isinstance(output, tuple) else output
        scaled = self._scale(part, whole)
        if isinstance(scaled, str):
            self._leave(name, kept, scaled)
            return layer.forward(*args, **kwargs)
        self.made += [*found, part.result(part.fitted(self.recipe), part.key(self.root), scaled)]
        whole = part.scaled(whole, scaled)
        return (whole, *output[1:]) if isinstance(output, tuple) else whole

    def _scale(self, part: Part, output: torch.Tensor) -> Factors | str:
        """Scale a weight so that the output gets its variance, or return why it cannot be."""
        if output.numel() == 0:
            return "its output is empty"
        product = float32(units_last(part.owner, output))
        found = self.aim.factors(product, self.threads, has_bias=part.bias is not None)
        if not isinstance(found, str):
            part.scale(found.values, found.bias)
            if not bool(torch.isfinite(part.memory).all()):
                return f"{part.memory.dtype} cannot hold its scaled weight"
        return found

    def _leave(self, name: str, kept: Kept, why: str) -> None:
        for tensor, copy in kept:
            tensor.copy_(copy)
        self.left.append((name, why))
