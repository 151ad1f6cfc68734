"""The weights that are scaled: where they lie in a module, their recipes, and the axis of their units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils import parametrize

from ...lab.lsuv.receipt import LsuvLayer
from ...lab.lsuv.scaling import Factors
from ...recipes.recipe import Recipe
from ...stream.key import Key
from ..materialization.naming import state_names
from ..owners import Place, is_of_transformers, use_of
from ..partitions.holding import refuse_part
from ..sharing import place_of
from ..tensor import fill

__all__ = ["Part", "layers_of", "parts_of", "units_last", "why_not"]

_CONVOLUTION = nn.modules.conv._ConvNd
_TRANSPOSED = nn.modules.conv._ConvTransposeNd


class Part(NamedTuple):
    """A weight that is scaled as one, and its bias.

    Parameters
    ----------
    owner : torch.nn.Module
        The layer.
    layer, weight : str
        Their names; the weight's is the name of the parameter.
    tensor : Tensor
        The parameter.
    bias : Tensor or None
    rows, bias_rows : (int, int) or None
        The rows that are the part, if the parameter or the bias holds several projections.
    """

    owner: nn.Module
    layer: str
    weight: str
    tensor: torch.Tensor
    bias: torch.Tensor | None = None
    rows: tuple[int, int] | None = None
    bias_rows: tuple[int, int] | None = None

    @property
    def memory(self) -> torch.Tensor:
        """The part of the parameter."""
        return _rows(self.tensor.detach(), self.rows)

    @property
    def bias_memory(self) -> torch.Tensor | None:
        """The part of the bias."""
        return None if self.bias is None else _rows(self.bias.detach(), self.bias_rows)

    @property
    def units(self) -> int:
        """The number of units or channels of the output."""
        if isinstance(self.owner, _CONVOLUTION):
            return self.owner.out_channels
        return self.memory.shape[1 if is_of_transformers(type(self.owner), "Conv1D") else 0]

    def fitted(self, recipe: Recipe) -> Recipe:
        """Return a recipe with the layer's axes."""
        shape = tuple(self.memory.shape)
        return use_of(Place(self.owner, self.weight.rpartition(".")[2]), shape).fit(recipe, shape)

    def key(self, root: Key) -> Key:
        """Return the key of the draws; each projection of one parameter has its own."""
        key = root.fold_in(self.weight)
        return key if self.rows is None else key.fold_in(self.rows[0])

    def draw(self, recipe: Recipe, key: Key, threads: int | None) -> None:
        """Draw the weight, and set the bias to 0."""
        fill(self.memory, recipe, key=key, threads=threads)
        if self.bias_memory is not None:
            self.bias_memory.zero_()

    def scale(self, factors: Sequence[float], bias: Sequence[float]) -> None:
        """Multiply what was drawn, each number rounded once, and set the bias."""
        if len(factors) == 1:
            self.memory.mul_(factors[0])
        else:
            self._along_units(self.memory, torch.tensor(factors, dtype=torch.float32))
        if bias and self.bias_memory is not None:
            self.bias_memory.copy_(torch.tensor(bias, dtype=torch.float32))

    def scaled(self, output: torch.Tensor, found: Factors) -> torch.Tensor:
        """Return the output of the scaled weight, from the one before, along the axis of its units."""
        axis = _units_axis(self.owner, output)
        shape = [1] * output.ndim
        shape[axis] = -1
        for values, apply in ((found.values, torch.mul), (found.bias, torch.add)):
            if values and (apply is torch.mul or self.bias is not None):
                given = torch.tensor(values, dtype=torch.float32, device=output.device)
                output = apply(output, given.view(shape).to(output.dtype))
        return output

    def _along_units(self, memory: torch.Tensor, factors: torch.Tensor) -> None:
        factors = factors.to(memory.device)
        if isinstance(self.owner, _TRANSPOSED):
            # (in, out / groups, ...): the groups lie along the inputs
            groups = self.owner.groups
            split = memory.view(groups, -1, *memory.shape[1:])
            split.mul_(factors.view(groups, 1, -1, *(1 for _ in memory.shape[2:])))
        elif is_of_transformers(type(self.owner), "Conv1D"):
            memory.mul_(factors)
        else:
            memory.mul_(factors.view(-1, *(1 for _ in memory.shape[1:])))

    def result(self, recipe: Recipe, key: Key, found: Factors) -> LsuvLayer:
        """Return the line of the receipt."""
        bias = found.bias if self.bias is not None else ()
        shape = tuple(self.memory.shape)
        return LsuvLayer(
            self.layer,
            self.weight,
            shape,
            recipe,
            key,
            found.values,
            bias,
            found.before,
            found.after,
            self.rows,
        )


def layers_of(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the name in the state dict and the module of each layer that can be scaled, inside others too."""
    inside: set[nn.Module] = set()
    for name, one in module.named_modules():
        if isinstance(one, nn.MultiheadAttention):
            # attention does not call it
            inside.add(one.out_proj)
        if one not in inside and _is_layer(one):
            yield state_names(module, [name])[name], one


def why_not(layer: nn.Module, holders: Mapping[object, int]) -> str | None:
    """Return why a layer's weights cannot be scaled, or None; `holders` is what `holders_of` returned."""
    if parametrize.is_parametrized(layer) or any(hasattr(layer, f"weight{end}") for end in ("_g", "_orig")):
        return "its weight is computed from other tensors"
    for part in parts_of("", layer):
        if not isinstance(part.tensor, nn.Parameter):
            return "its weight is no parameter"
        if not part.tensor.is_floating_point() or part.tensor.dtype.itemsize == 1:
            return f"its weight is quantized, of {part.tensor.dtype}"
        if holders.get(place_of(part.tensor), 1) > 1:
            return "another module has the same weight"
        if part.bias is not None:
            if not isinstance(part.bias, nn.Parameter):
                return "its bias is computed from other tensors"
            if holders.get(place_of(part.bias), 1) > 1:
                return "another module has the same bias"
        refuse_part(part.tensor, "lsuv", "Scale the module before it is cut.")
    return None


def parts_of(name: str, layer: nn.Module) -> list[Part]:
    """Return the weights of a layer; of attention those of queries, keys, values, and output."""
    before = f"{name}." if name else ""
    if not isinstance(layer, nn.MultiheadAttention):
        return [Part(layer, name, f"{before}weight", layer.weight, layer.bias)]  # type: ignore[arg-type]
    size = layer.embed_dim
    thirds = [(at * size, (at + 1) * size) for at in range(3)]
    projections = [
        Part(layer, name, f"{before}in_proj_weight", layer.in_proj_weight, layer.in_proj_bias, rows, rows)
        if layer.in_proj_weight is not None
        else Part(layer, name, f"{before}{own}", getattr(layer, own), layer.in_proj_bias, None, rows)
        for own, rows in zip(("q_proj_weight", "k_proj_weight", "v_proj_weight"), thirds, strict=True)
    ]
    last = layer.out_proj
    return [*projections, Part(last, name, f"{before}out_proj.weight", last.weight, last.bias)]


def units_last(layer: nn.Module, output: torch.Tensor) -> torch.Tensor:
    """Return an output as (rows, units)."""
    axis = _units_axis(layer, output)
    return output.movedim(axis, -1).reshape(-1, output.shape[axis])


def _units_axis(layer: nn.Module, output: torch.Tensor) -> int:
    return output.ndim - (len(layer.kernel_size) if isinstance(layer, _CONVOLUTION) else 0) - 1


def _is_layer(one: nn.Module) -> bool:
    if isinstance(one, nn.Linear | nn.MultiheadAttention | _CONVOLUTION):
        return not isinstance(one, nn.modules.linear.NonDynamicallyQuantizableLinear)
    return is_of_transformers(type(one), "Conv1D")


def _rows(tensor: torch.Tensor, rows: tuple[int, int] | None) -> torch.Tensor:
    return tensor if rows is None else tensor[rows[0] : rows[1]]
