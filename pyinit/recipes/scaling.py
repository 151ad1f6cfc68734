"""`variance_scaling`, the recipe that counts fans; every famous name is a case of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar, TypedDict

from ..errors import RecipeError
from ..stream.arguments import flag, number
from ..stream.dtypes import DType
from ..stream.plan import Plan
from ..stream.window import Shape
from .distributions import Normal, TruncatedNormal, Uniform
from .fans import Axes
from .makers import maker
from .recipe import Recipe, named

__all__ = ["FANS", "AxesOptions", "VarianceScaling", "variance_scaling"]

FANS: dict[str, Callable[[float, float], float]] = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
    "fan_geo_avg": lambda fan_in, fan_out: math.sqrt(fan_in * fan_out),
    # 1 / sqrt(fan) = sqrt(1 / fan_in) min(1, sqrt(fan_out / fan_in))
    "spectral": lambda fan_in, fan_out: fan_in * max(1.0, fan_in / fan_out) if fan_out else 0.0,
}
"""The fan of each mode, from (fan_in, fan_out)."""
_DISTRIBUTIONS = ("normal", "truncated_normal", "uniform")


class AxesOptions(TypedDict, total=False):
    """The options that say how a weight is stored; every recipe that counts fans has them."""

    layout: str | None
    in_axis: int | tuple[int, ...] | None
    out_axis: int | tuple[int, ...] | None
    batch_axis: int | tuple[int, ...]
    groups: int
    transposed: bool
    stride: int | tuple[int, ...]
    depthwise: bool
    compat: str | None


@dataclass(frozen=True, repr=False)
class VarianceScaling(Recipe):
    """Draws of mean 0 and variance scale / fan, the fan counted from the global shape.

    Parameters
    ----------
    scale : float
        Finite, at least 0: the square of the gain.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg", "spectral"}
        The fan, or the mean of both fans, that divides the scale. "spectral" is the condition of Yang, Simon
        and Bernstein: std = sqrt(scale / fan_in) min(1, sqrt(fan_out / fan_in)).
    distribution : {"normal", "truncated_normal", "uniform"}
        "truncated_normal" is cut at `cut` std; "uniform" is on [-limit, limit), limit = sqrt(3 scale / fan).
        In a complex dtype E|z|^2 = scale / fan; the modulus is cut, and "uniform" is on a disk, as in JAX.
    cut : float
        Where a truncated normal ends, in std; above 0.
    correct : bool
        Whether the normal is widened before it is cut, so that the variance of the weights is exact, as in
        Keras and JAX; False cuts the normal of variance scale / fan.
    layout : {"torch", "keras", "jax"}, optional
        [out, in / groups, k...] or [k..., in / groups, out], where k... is the receptive field; by default a
        matrix is (in, out).
    in_axis, out_axis : int or tuple of int, optional
        The axes themselves, instead of a layout; axes not listed are receptive field.
    batch_axis : int or tuple of int
        Axes that number separate weights, such as experts; they count in neither fan. A layout describes the
        other axes.
    groups : int
        Groups of channels, each connected only to itself.
    transposed : bool
        The weight of a transposed convolution: torch stores [in, out / groups, k...], Keras [k..., out, in].
    stride : int or tuple of int
        Of a transposed convolution: fan_in = inputs * prod(k) / prod(stride), the mean over output positions.
    depthwise : bool
        With layout="keras": the kernel is [k..., in, multiplier].
    compat : {"torch", "mxnet", "caffe", "keras", "jax", "paddle"}, optional
        The library whose fans are counted, its known mistakes included; its layout is implied.

    Raises
    ------
    RecipeError
        If an option is unknown or the scale is not valid.
    LayoutError, ShapeError
        If the axes do not describe the weight, if it has no fans, or if it has more than two axes without
        roles.

    References
    ----------
    LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998; Glorot and Bengio, AISTATS 2010, eq. 12 and 16;
    He, Zhang, Ren, Sun, ICCV 2015, eq. 10; Yang, Simon, Bernstein, arXiv 2310.17813, eq. 6.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.variance_scaling(2.0, layout="torch", groups=4).plan((32, 16, 3, 3)).fan_out
    72
    >>> pi.variance_scaling(2.0, layout="torch", transposed=True).plan((8, 32, 4, 4)).fan_in
    128
    >>> pi.variance_scaling(2.0, layout="torch", transposed=True, stride=2).plan((8, 32, 4, 4)).fan_in
    32
    >>> pi.variance_scaling(2.0, layout="torch", batch_axis=0).plan((8, 64, 32)).fan_in
    32
    >>> pi.variance_scaling(2.0, compat="torch").plan((8, 32, 4, 4)).fan_in
    512
    """

    verb: ClassVar[str] = "variance_scaling"
    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "normal"
    _: KW_ONLY
    cut: float = 2.0
    correct: bool = True
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
        object.__setattr__(self, "scale", number(f"{self.called}'s scale", self.scale, least=0.0))
        if self.mode not in tuple(FANS):
            raise RecipeError(
                f"{self.called}'s mode is one of {', '.join(FANS)}; got {self.mode!r}. Name one."
            )
        if self.distribution not in _DISTRIBUTIONS:
            raise RecipeError(
                f"{self.called}'s distribution is one of {', '.join(_DISTRIBUTIONS)}; "
                f"got {self.distribution!r}. Name one."
            )
        object.__setattr__(self, "cut", number(f"{self.called}'s cut", self.cut, above=0.0))
        flag(f"{self.called}'s correct", self.correct)
        if (self.cut, self.correct) != (2.0, True) and self.distribution != "truncated_normal":
            raise RecipeError(
                f"{self.called}'s cut and correct are for a truncated normal; got the distribution "
                f'{self.distribution!r}. Write distribution="truncated_normal", or leave them out.'
            )
        self.axes().write_to(self)

    def axes(self) -> Axes:
        """Return how the weight is stored."""
        return Axes.of(self)

    def _times(self, factor: float) -> Recipe:
        return replace(self, scale=self.scale * factor**2)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Count the fans and plan the distribution with the std that follows."""
        fan_in, fan_out = self.axes().fans(shape, self.called)
        # an empty tensor has no fan, and needs none
        fan = FANS[self.mode](fan_in, fan_out) or 1
        std = math.sqrt(self.scale / fan)
        kind: Recipe
        if std == 0:
            kind = Normal(std=0.0)
        elif self.distribution == "normal":
            kind = Normal(std=std)
        elif self.distribution == "truncated_normal":
            kind = TruncatedNormal(std=std, low=-self.cut, high=self.cut, correct=self.correct)
        elif dtype.is_complex:
            # decimal is slow to import
            from .disk import uniform_disk

            return replace(
                uniform_disk(std, shape, dtype), fan_in=fan_in, fan_out=fan_out, gain=math.sqrt(self.scale)
            )
        else:
            limit = math.sqrt(3 * self.scale / fan)
            kind = Uniform(-limit, limit)
        plan = kind.make_plan(shape, dtype)
        gain = math.sqrt(self.scale)
        if not self.correct and plan.std is not None:
            # the cut makes the weights smaller
            std, gain = plan.std, plan.std * math.sqrt(fan)
        return replace(plan, std=std, fan_in=fan_in, fan_out=fan_out, gain=gain)


variance_scaling = maker("variance_scaling", VarianceScaling)
named(variance_scaling, VarianceScaling.verb)
