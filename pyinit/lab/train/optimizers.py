"""SGD, momentum and Adam: how a step updates the parameters, which lie in one vector.

Every operation is one of + - * / and sqrt on float32, rounded once: the same bits on every machine.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ...errors import RecipeError
from ...stream.arguments import flag, number, share

__all__ = ["SGD", "Adam", "Momentum", "Optimizer", "optimizer_from", "optimizer_of"]

Vector: TypeAlias = npt.NDArray[np.float32]
Step: TypeAlias = Callable[[Vector, Vector], None]
"""Updates parameters by their gradient, in place; the gradient is overwritten."""


@dataclass(frozen=True)
class Optimizer(ABC):
    """A rule that updates parameters by their gradient; frozen and printable."""

    learning_rate: float

    def __post_init__(self) -> None:
        number("learning_rate", self.learning_rate, above=0.0, advice="Use 0.01.")

    @abstractmethod
    def start(self, size: int) -> Step:
        """Return the step of a new training of `size` parameters, with a state of its own."""

    def to_dict(self) -> dict[str, Any]:
        """Return the name and every number as JSON values."""
        return {"optimizer": type(self).__name__.lower()} | {
            field.name: getattr(self, field.name) for field in fields(self)
        }


@dataclass(frozen=True)
class SGD(Optimizer):
    """p <- p - learning_rate g.

    Parameters
    ----------
    learning_rate : float
        Above 0.

    Raises
    ------
    RecipeError
        If it is not.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.SGD(0.5)
    SGD(learning_rate=0.5)
    """

    learning_rate: float = 0.1

    def start(self, size: int) -> Step:
        """Return the step of a new training."""
        rate = np.float32(self.learning_rate)

        def step(parameters: Vector, gradient: Vector) -> None:
            gradient *= rate
            parameters -= gradient

        return step


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v <- momentum v + g; p <- p - learning_rate v, as torch's SGD with momentum.

    Parameters
    ----------
    learning_rate : float
        Above 0.
    momentum : float
        In [0, 1).
    nesterov : bool
        p <- p - learning_rate (g + momentum v) instead.

    Raises
    ------
    RecipeError
        If a number is not in its interval.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.Momentum(nesterov=True)
    Momentum(learning_rate=0.01, momentum=0.9, nesterov=True)
    """

    learning_rate: float = 0.01
    momentum: float = 0.9
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        share("momentum", self.momentum, advice="Use 0.9.")
        flag("nesterov", self.nesterov)

    def start(self, size: int) -> Step:
        """Return the step of a new training."""
        rate, kept = np.float32(self.learning_rate), np.float32(self.momentum)
        velocity, ahead = np.zeros(size, np.float32), np.empty(size, np.float32)

        def step(parameters: Vector, gradient: Vector) -> None:
            np.multiply(velocity, kept, out=velocity)
            np.add(velocity, gradient, out=velocity)
            if self.nesterov:
                np.multiply(velocity, kept, out=ahead)
                gradient += ahead
                gradient *= rate
            else:
                np.multiply(velocity, rate, out=gradient)
            parameters -= gradient

        return step


@dataclass(frozen=True)
class Adam(Optimizer):
    """m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2; p <- p - rate m' / (sqrt(v') + epsilon).

    m' = m / (1 - b1^t) and v' = v / (1 - b2^t) at step t = 1, 2, ...

    Parameters
    ----------
    learning_rate : float
        Above 0.
    beta1, beta2 : float
        In [0, 1).
    epsilon : float
        Above 0.

    Raises
    ------
    RecipeError
        If a number is not in its interval.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.Adam(0.01)
    Adam(learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-08)
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        share("beta1", self.beta1, advice="Use 0.9.")
        share("beta2", self.beta2, advice="Use 0.999.")
        number("epsilon", self.epsilon, above=0.0, advice="Use 1e-8.")

    def start(self, size: int) -> Step:
        """Return the step of a new training."""
        kept1, kept2 = np.float32(self.beta1), np.float32(self.beta2)
        new1, new2 = np.float32(1.0 - self.beta1), np.float32(1.0 - self.beta2)
        epsilon = np.float32(self.epsilon)
        mean, square = np.zeros(size, np.float32), np.zeros(size, np.float32)
        scratch = np.empty(size, np.float32)
        # products, as a power would come from the vendor's pow
        left1 = left2 = 1.0

        def step(parameters: Vector, gradient: Vector) -> None:
            nonlocal left1, left2
            left1 *= self.beta1
            left2 *= self.beta2
            np.multiply(gradient, gradient, out=scratch)
            np.multiply(scratch, new2, out=scratch)
            np.multiply(square, kept2, out=square)
            np.add(square, scratch, out=square)
            np.multiply(gradient, new1, out=gradient)
            np.multiply(mean, kept1, out=mean)
            np.add(mean, gradient, out=mean)
            np.sqrt(square, out=scratch)
            np.multiply(scratch, np.float32(1.0 / math.sqrt(1.0 - left2)), out=scratch)
            np.add(scratch, epsilon, out=scratch)
            np.divide(mean, scratch, out=scratch)
            np.multiply(scratch, np.float32(self.learning_rate / (1.0 - left1)), out=scratch)
            np.subtract(parameters, scratch, out=parameters)

        return step


_NAMES: dict[str, type[SGD] | type[Momentum] | type[Adam]] = {"sgd": SGD, "momentum": Momentum, "adam": Adam}


def optimizer_of(spec: Any, learning_rate: float | None = None) -> Optimizer:
    """Return the optimizer that a name stands for, or an optimizer as it is, with another learning rate."""
    if isinstance(spec, str) and spec in _NAMES:
        spec = _NAMES[spec]()
    if not isinstance(spec, Optimizer):
        raise RecipeError(
            f"optimizer is {', '.join(_NAMES)}, or an object such as pyinit.Adam(0.01); got "
            f"{spec!r}. Choose one."
        )
    return spec if learning_rate is None else replace(spec, learning_rate=learning_rate)


def optimizer_from(content: dict[str, Any]) -> Optimizer:
    """Return the optimizer that `Optimizer.to_dict` wrote."""
    values = dict(content)
    return _NAMES[values.pop("optimizer")](**values)
