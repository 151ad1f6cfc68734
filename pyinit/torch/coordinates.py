"""`pyinit.torch.coordinate_check`: modules of several widths, trained a few steps on the same batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from ..errors import RecipeError
from ..lab.width.coordinates import CoordinateCheck, checked_widths, measured
from ..stream.arguments import count
from ..stream.key import Key, as_key

__all__ = ["coordinate_check"]

Made: TypeAlias = "Callable[[int, Key], tuple[nn.Module, torch.optim.Optimizer]]"


def coordinate_check(
    make: Made,
    widths: Sequence[int],
    loss: Callable[[nn.Module], torch.Tensor],
    *,
    steps: int = 4,
    seeds: int = 3,
) -> CoordinateCheck:
    """Train modules of several widths for a few steps, and measure how far the output of each layer moves.

    Parameters
    ----------
    make : callable
        From a width and a key to a module with memory and its optimizer. The key decides the weights:
        ``pyinit.torch.materialize(module, scheme, key=key)``; the optimizer may have
        ``scheme.groups(module.named_parameters(), lr=...)``.
    widths : sequence of int
        Two or more, rising.
    loss : callable
        From a module to a scalar: runs it on the same batch each time.
    steps : int
        Steps of training.
    seeds : int
        Modules of each width, whose measures are averaged.

    Returns
    -------
    CoordinateCheck
        Of every module that has parameters of its own and returns a tensor of floats, under its name.

    Raises
    ------
    RecipeError
        If the widths are not rising, modules of two widths have other layers, or none is measured.

    References
    ----------
    Yang et al., "Tensor Programs V", arXiv 2203.03466, appendix D.1.

    Examples
    --------
    >>> import pyinit.torch
    >>> import torch
    >>> x, y = torch.ones(4, 3), torch.zeros(4, 1)
    >>> def make(width, key):
    ...     with torch.device("meta"):
    ...         module = torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.Linear(width, 1))
    ...     module = pyinit.torch.materialize(module, "lecun_normal", key=key)
    ...     return module, torch.optim.SGD(module.parameters(), lr=0.01)
    >>> check = coordinate_check(make, [8, 16], lambda module: ((module(x) - y) ** 2).mean(), steps=1)
    >>> check.layers, check.changes.shape
    (('0', '1'), (2, 2, 2))
    """
    sizes = checked_widths(widths)
    count("steps", steps)
    count("seeds", seeds)
    names: tuple[str, ...] = ()
    columns = []
    for width in sizes:
        runs = []
        for seed in range(seeds):
            own, values = _run(*make(width, as_key(seed)), loss, steps)
            if names and own != names:
                raise RecipeError(
                    f"a coordinate check needs the same layers at each width; width {sizes[0]} has "
                    f"{', '.join(names)[:100]}, width {width} has {', '.join(own)[:100]}. Change widths only."
                )
            names = own
            runs.append(values)
        columns.append(np.mean(runs, axis=0))
    if not names:
        raise RecipeError(
            "no module with parameters of its own returned a tensor; the loss must run the module. Write "
            "lambda module: criterion(module(x), y)."
        )
    stacked = np.stack(columns, axis=2)
    return CoordinateCheck(sizes, names, stacked[..., 0], stacked[..., 1])


def _run(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[nn.Module], torch.Tensor],
    steps: int,
) -> tuple[tuple[str, ...], Any]:
    """Return the names of the layers, and (steps + 1, layers, 2): size and change after each step."""
    made: dict[str, np.ndarray[Any, Any]] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            # of a layer that runs several times, the first
            if isinstance(output, torch.Tensor) and output.is_floating_point() and name not in made:
                made[name] = output.detach().to("cpu", torch.float32).numpy().copy()

        return hook

    hooks = [
        layer.register_forward_hook(keep(name))
        for name, layer in module.named_modules()
        if next(layer.parameters(recurse=False), None) is not None
    ]
    first: dict[str, np.ndarray[Any, Any]] = {}
    found = []
    try:
        for step in range(steps + 1):
            made.clear()
            with torch.set_grad_enabled(step < steps):
                value = loss(module)
            first = first or dict(made)
            found.append(measured([made[name] for name in first], list(first.values())))
            if step < steps:
                optimizer.zero_grad()
                value.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(first), np.array(found, np.float64)
