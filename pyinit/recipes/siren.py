"""The recipes of coordinates' networks: the layers of SIREN, and Fourier features."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar

from ..stream.arguments import flag, number
from ..stream.dtypes import DType
from ..stream.plan import Plan
from ..stream.window import Shape
from .distributions import Normal, Uniform, spread
from .fans import Axes
from .makers import Spoken, maker
from .recipe import Recipe, named

__all__ = ["SirenUniform", "fourier_features", "siren_uniform"]


@dataclass(frozen=True, repr=False)
class SirenUniform(Recipe):
    """A layer of a network whose activation is sin(omega x): uniform on [-limit, limit), of n inputs.

    limit = sqrt(6 / n) / omega in a hidden layer, and 1 / n in the first layer.

    With these limits the argument omega W x of a sine is close to normal, with a variance v that is the same
    in every hidden layer at any depth: v = 1 - exp(-2 v) = 0.797. The inputs of the first layer are
    coordinates in [-1, 1], of which its omega makes periods.

    Parameters
    ----------
    omega : float
        The factor inside of the layer's sine; finite, above 0. It makes no difference to a first layer, whose
        limit does not depend on it.
    first : bool
        Whether the layer's inputs are the coordinates.
    layout, in_axis, out_axis, batch_axis, groups, transposed, stride, depthwise, compat
        How the weight is stored, as for `variance_scaling`. By default a matrix is (in, out).

    Raises
    ------
    RecipeError
        If omega is not a finite number above 0, or the limit leaves the range of the dtype.
    ShapeError, LayoutError
        As for `variance_scaling`.

    References
    ----------
    Sitzmann, Martel, Bergman, Lindell, Wetzstein, "Implicit neural representations with periodic activation
    functions", NeurIPS 2020 (arXiv 2006.09661), section 3.2 and the supplement's 1.5.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.siren_uniform(30.0).plan((600, 256)).bounds[0]
    -0.0033333334140479565
    >>> pi.siren_uniform(first=True).plan((2, 256)).bounds[0]
    -0.5
    """

    verb: ClassVar[str] = "siren_uniform"
    omega: float = 30.0
    first: bool = False
    _: KW_ONLY
    layout: str | None = None
    in_axis: int | tuple[int, ...] | None = None
    out_axis: int | tuple[int, ...] | None = None
    batch_axis: int | tuple[int, ...] = ()
    groups: int = 1
    transposed: bool = False
    stride: int | tuple[int, ...] = 1
    depthwise: bool = False
    compat: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "omega", number("siren_uniform's omega", self.omega, above=0.0))
        flag("siren_uniform's first", self.first)
        self.axes().write_to(self)

    def axes(self) -> Axes:
        """Return how the weight is stored."""
        return Axes.of(self)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Count the inputs and plan the uniform draws."""
        fan_in, fan_out = self.axes().fans(shape, self.verb)
        # an empty tensor has no fan, and needs none
        inputs = fan_in or 1
        limit = 1 / inputs if self.first else math.sqrt(6 / inputs) / self.omega
        plan = Uniform(-limit, limit).make_plan(shape, dtype)
        return replace(plan, fan_in=fan_in, fan_out=fan_out)


def _fourier_features(std: float = 1.0) -> Normal:
    """Return the recipe of the frequencies B of Fourier features: normal, of mean 0 and a std in 1 / length.

    gamma(v) = (cos 2 pi B v, sin 2 pi B v). B is drawn once and is not trained.

    The kernel of a network on gamma depends on differences of v alone, and its width in frequency is the std:
    a small std makes smooth functions, a large one noisy functions. It is chosen on held-out data; 10 fits
    images whose coordinates are in [0, 1). Nothing of it depends on fans, because the frequencies are units
    of the data.

    Parameters
    ----------
    std : float
        Finite, at least 0.

    Raises
    ------
    RecipeError
        If the std is not valid.

    References
    ----------
    Tancik et al., "Fourier features let networks learn high frequency functions in low dimensional domains",
    NeurIPS 2020 (arXiv 2006.10739); Rahimi and Recht, NIPS 2007.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.fourier_features(10.0).plan((2, 256)).std, pi.fourier_features(10.0) == pi.normal(std=10.0)
    (10.0, True)
    """
    value = spread("fourier_features", std)
    spoken = Spoken("fourier_features", (("std", value),), (("mean", 0.0), ("std", value)))
    return Normal(std=value, spoken=spoken)


siren_uniform = maker("siren_uniform", SirenUniform)
fourier_features = maker("fourier_features", _fourier_features)

for _maker in (siren_uniform, fourier_features):
    named(_maker, _maker.__name__)
