"""What mean-field theory needs to know of a layer and of the data: numbers, no weights and no rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .activation import Activation

__all__ = ["InputMoments", "LayerLaw", "Spread"]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a parameter's elements, and whether these are independent draws."""

    mean: float
    std: float
    drawn: bool

    @property
    def second_moment(self) -> float:
        """Mean of the squares."""
        return self.std**2 + self.mean**2


@dataclass(frozen=True)
class LayerLaw:
    """A layer as theory sees it: z = x W + b, or z = s + branch (x W + b); phi of z, or of z normalized.

    Parameters
    ----------
    inputs, units : int
        W has shape (inputs, units).
    activation : Activation
        phi.
    weight, bias : Spread
        Of the elements of W and b.
    norm : {"batch", "layer"}, optional
        Normalization of z: of each unit over the rows, or of each row over the units.
    branch : float, optional
        What x W + b is multiplied by before it is added to s, the z of the layer before; None for no skip.
    epsilon : float
        What normalization adds to a variance before it divides by its root.
    """

    inputs: int
    units: int
    activation: Activation
    weight: Spread
    bias: Spread
    norm: Literal["batch", "layer"] | None = None
    branch: float | None = None
    epsilon: float = 0.0

    @property
    def scale(self) -> float:
        """What multiplies the layer's product: 1 without a skip."""
        return 1.0 if self.branch is None else self.branch


@dataclass(frozen=True)
class InputMoments:
    """What theory needs to know of the rows that enter a network.

    Parameters
    ----------
    second_moment, mean : float
        Over rows and features.
    batch_variance : float
        Variance of a feature over the rows, the mean of all features.
    row_sum_square : float, optional
        Mean over the rows of the square of a row's sum, which counts where weights have a mean. When it is
        left out, features count as independent.
    are_alike : bool
        Every row, and every layer's output, has the same sum: a mean of the weights makes nothing that
        differs between rows.
    """

    second_moment: float
    mean: float
    batch_variance: float
    row_sum_square: float | None = None
    are_alike: bool = False
