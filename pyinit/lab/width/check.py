"""`pyinit.coordinate_check`: networks of several widths, trained a few steps from the same data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from ...data import Dataset
from ...errors import RecipeError
from ...recipes.matching import deciding
from ...recipes.schemes.scheme import Scheme
from ...stream.arguments import count
from ..network.network import Network, as_network
from ..train.optimizers import Optimizer, Step, Vector, optimizer_of
from ..train.sweep import forward
from ..train.training import Training, begin
from .coordinates import Array, CoordinateCheck, checked_widths, measured

__all__ = ["coordinate_check", "under"]

Widened: TypeAlias = Callable[[int], Network]
_ROWS = 256
"""Rows on which activations are measured."""


def coordinate_check(
    make: Widened,
    widths: Sequence[int],
    data: Dataset,
    *,
    scheme: Callable[[int], Scheme] | None = None,
    steps: int = 4,
    seeds: int = 3,
    optimizer: str | Optimizer = "sgd",
    learning_rate: float | None = None,
    batch_size: int = 128,
    threads: int | None = None,
) -> CoordinateCheck:
    """Train networks of several widths for a few steps, and measure how far activations move in each layer.

    Under muP the pre-activations of every layer move by an amount that does not depend on the width. Under a
    std and a learning rate that do not know the width, they move more in wider networks, until these diverge.

    Parameters
    ----------
    make : callable
        From a width to a network, such as ``lambda n: pi.mlp([8, n, n, 1], "relu")``.
    widths : sequence of int
        Two or more, rising.
    data : Dataset
        What they are trained on; activations are measured on its first 256 training rows.
    scheme : callable, optional
        From a width to a `Scheme` of the network's parameters (``layers.0.weight``, ...), which replaces its
        recipes and scales learning rates. A network has no multipliers: use ``pi.mup(...,
        multipliers=False)``.
    steps : int
        Steps of training.
    seeds : int
        Trainings of each width, whose measures are averaged.
    optimizer, learning_rate, batch_size, threads
        As `pyinit.train` takes them.

    Returns
    -------
    CoordinateCheck
        Printable; `plot` draws it.

    Raises
    ------
    RecipeError
        If the widths are not rising, networks of two widths have other layers, or a scheme has a multiplier.
    ShapeError, DataError
        As `pyinit.train`.

    References
    ----------
    Yang et al., "Tensor Programs V", arXiv 2203.03466, appendix D.1.

    Examples
    --------
    >>> import pyinit as pi
    >>> data = pi.data.moons(64)
    >>> check = pi.coordinate_check(lambda n: pi.mlp([2, n, n, 1], "tanh"), [16, 32], data, steps=1, seeds=1)
    >>> check.layers, check.changes.shape
    (('layers.0', 'layers.1', 'layers.2'), (2, 3, 2))
    """
    sizes = checked_widths(widths)
    count("steps", steps)
    count("seeds", seeds)
    names: tuple[str, ...] = ()
    columns = []
    for width in sizes:
        network = as_network(make(width))
        own = tuple(f"layers.{at}" for at in range(len(network.layers)))
        if names and own != names:
            raise RecipeError(
                f"a coordinate check needs the same layers at each width; width {sizes[0]} has {len(names)}, "
                f"width {width} has {len(own)}. Change the widths of layers only."
            )
        names = own
        inner = optimizer_of(optimizer, learning_rate)
        network, how = (network, inner) if scheme is None else under(network, scheme(width), inner)
        runs = [
            _run(
                begin(
                    network,
                    data,
                    optimizer=how,
                    steps=steps,
                    batch_size=batch_size,
                    key=seed,
                    threads=threads,
                ),
                data.part("train")[0],
                steps,
                threads,
            )
            for seed in range(seeds)
        ]
        columns.append(np.mean(runs, axis=0))
    values = np.stack(columns, axis=2)
    return CoordinateCheck(sizes, names, values[..., 0], values[..., 1])


def under(network: Network, scheme: Scheme, optimizer: Optimizer) -> tuple[Network, Optimizer]:
    """Return a network that begins as a scheme says, and an optimizer with its learning rates.

    Raises
    ------
    RecipeError
        If a parameter has no rule, or the scheme has a multiplier or an epsilon of its own, which a network
        does not have.
    """
    decide = deciding(scheme)
    shapes = {name: shape for name, (shape, _) in network.parameters().items()}
    chosen = {}
    factors = []
    for name, shape in shapes.items():
        rule, share = decide(name, len(shape) >= 2), scheme.share(name)
        if rule is None:
            raise RecipeError(f"the scheme {scheme.name!r} has no rule for {name!r}. Add one.")
        if share.multiplier != 1.0:
            raise RecipeError(
                f"a network has no multipliers; {scheme.name!r} gives {name!r} {share.multiplier:g}. Use "
                "pyinit.mup(..., multipliers=False), which puts them into std and learning rate."
            )
        if share.epsilon != 1.0:
            raise RecipeError(
                f"a network's optimizer has one epsilon; {scheme.name!r} gives {name!r} one of its own. "
                "Check a module with pyinit.torch.coordinate_check."
            )
        chosen[name] = rule.recipe_for(name)
        factors.append(np.full(int(np.prod(shape)), share.learning_rate, np.float32))
    layers = tuple(
        replace(
            layer,
            recipe=chosen[f"layers.{at}.weight"],
            bias=chosen.get(f"layers.{at}.bias", layer.bias),
        )
        for at, layer in enumerate(network.layers)
    )
    return Network(layers), _Shared(optimizer.learning_rate, optimizer, np.concatenate(factors))


@dataclass(frozen=True, eq=False)
class _Shared(Optimizer):
    """An optimizer whose updates are multiplied by a factor for each parameter."""

    inner: Optimizer
    factors: Vector = field(repr=False)

    def start(self, size: int) -> Step:
        """Return the step of a new training."""
        step = self.inner.start(size)

        def shared(parameters: Vector, gradient: Vector) -> None:
            before = parameters.copy()
            step(parameters, gradient)
            # an update is in proportion to the learning rate, of SGD and of Adam
            parameters -= before
            parameters *= self.factors
            parameters += before

        return shared

    def to_dict(self) -> Mapping[str, Any]:  # type: ignore[override]
        """Return the optimizer that is shared."""
        return self.inner.to_dict()


def _run(training: Training, rows: Any, steps: int, threads: int | None) -> Array:
    """Return (steps + 1, layers, 2): size and change of each layer after each step."""
    x = rows[:_ROWS]

    def entering() -> list[Any]:
        with np.errstate(all="ignore"):
            made = forward(training.network, training.parts, x, threads or 0)
        return [one.inside.entering.copy() for one in made]

    first = entering()
    found = [measured(first, first)]
    for _ in range(steps):
        went = training.step()
        found.append(measured(entering(), first) if went else [(np.inf, np.inf)] * len(first))
        if training.divergence is not None:
            found[-1] = [(np.inf, np.inf)] * len(first)
    return np.array(found, np.float64)
