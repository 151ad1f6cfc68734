"""Where a probe's backward pass begins: at a loss, or at an output and a gradient with respect to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from ...errors import DataError, RecipeError, ShapeError
from ...recipes.distributions import normal
from ...stream.key import Key

__all__ = ["Objective", "objective_of", "tensors_of"]

_LOSSES = ("mse", "cross_entropy")
# the key of a probe with seed 0
_KEY = Key(0).fold_in("dy")


@dataclass(frozen=True)
class Objective:
    """A loss of the output; None means the module's own loss or, if it has none, the sum of dy * output."""

    loss: Callable[[torch.Tensor], torch.Tensor] | None
    dy: torch.Tensor | str | None

    def of(self, output: Any) -> tuple[torch.Tensor, torch.Tensor | None, float | None]:
        """Return the tensor where the backward pass begins, the gradient with respect to it, and the loss."""
        own = output.get("loss") if isinstance(output, Mapping) else None
        if self.loss is None and self.dy is None and isinstance(own, torch.Tensor):
            return _scalar(own)
        y = next(tensors_of(output), None)
        if y is None:
            raise RecipeError(
                f"backward needs an output with a floating-point tensor; got {type(output).__name__}. "
                "Use backward=False."
            )
        if self.loss is not None:
            return _scalar(self.loss(y))
        if self.dy is None:
            return (*_checked(y), float(y.detach()) if y.ndim == 0 else None)
        if isinstance(self.dy, str):
            return _checked(y)[0], torch.from_numpy(normal()(tuple(y.shape), key=_KEY)).to(y), None
        if self.dy.shape != y.shape:
            raise ShapeError(
                f"dy needs shape {tuple(y.shape)}, as the output; got {tuple(self.dy.shape)}. Reshape it."
            )
        return _checked(y)[0], self.dy.to(y), None


def objective_of(backward: bool, dy: Any, targets: Any, loss: Any) -> Objective:
    """Return the objective that the arguments of a probe describe."""
    if not backward and not (dy is None and targets is None and loss is None):
        raise RecipeError(
            "dy, targets and loss are for the backward pass; got backward=False. Leave one of them out."
        )
    if dy is not None:
        if targets is not None or loss is not None:
            raise RecipeError("dy and a loss exclude each other; got both. Leave one of them out.")
        if not isinstance(dy, torch.Tensor) and dy != "normal":
            raise RecipeError(f"dy is a tensor or 'normal'; got {dy!r:.60}. Leave it out for ones.")
        return Objective(None, dy)
    if callable(loss):
        if targets is None:
            return Objective(loss, None)
        return Objective(lambda y: loss(y, targets), None)
    if targets is None:
        if loss is not None:
            raise RecipeError(f"a loss needs targets; got {loss!r} without them. Give targets.")
        return Objective(None, None)
    if not isinstance(targets, torch.Tensor):
        raise RecipeError(
            f"targets are a tensor; got {type(targets).__name__}. Use torch.as_tensor(targets)."
        )
    name = loss or ("mse" if targets.is_floating_point() else "cross_entropy")
    if name not in _LOSSES:
        raise RecipeError(f"loss is one of {', '.join(_LOSSES)}, or a function; got {name!r}. Choose one.")
    return Objective(lambda y: _named(name, y, targets), None)


def tensors_of(values: Any) -> Iterator[torch.Tensor]:
    """Yield the floating-point tensors in nested tuples, lists and mappings."""
    if isinstance(values, torch.Tensor):
        if values.is_floating_point():
            yield values
    elif isinstance(values, Mapping):
        yield from tensors_of(list(values.values()))
    elif isinstance(values, tuple | list):
        for value in values:
            yield from tensors_of(value)


def _named(name: str, y: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if name == "cross_entropy":
        if targets.shape != y.shape[:-1]:
            raise DataError(
                f"a cross entropy needs targets of shape {tuple(y.shape[:-1])}, classes along the output's "
                f"last axis; got {tuple(targets.shape)}. Give a function as loss for another layout."
            )
        return functional.cross_entropy(y.reshape(-1, y.shape[-1]), targets.reshape(-1))
    expected = targets[:, None] if targets.ndim == 1 and y.ndim == 2 and y.shape[1] == 1 else targets
    if expected.shape != y.shape:
        raise DataError(
            f"a squared error needs targets of shape {tuple(y.shape)}, as the output; got "
            f"{tuple(targets.shape)}. Reshape them."
        )
    return functional.mse_loss(y, expected.to(y))


def _scalar(loss: Any) -> tuple[torch.Tensor, torch.Tensor | None, float | None]:
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        what = f"shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else type(loss).__name__
        raise RecipeError(f"a loss is a tensor of one number; got {what}. Take the mean.")
    return (*_checked(loss), float(loss.detach()))


def _checked(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if not y.requires_grad:
        raise RecipeError(
            "backward needs an output that has a gradient; got one that autograd connects to no weight. "
            "Use backward=False, or leave out torch.no_grad() and detach() inside the module."
        )
    return y, torch.ones_like(y)
