"""Recipes of step sizes: log-uniform draws, and what softplus makes log-uniform."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ..errors import RecipeError
from ..stream.arguments import number
from ..stream.dtypes import DType
from ..stream.plan import Plan
from ..stream.window import Shape
from .makers import maker
from .recipe import named
from .transformed import Transformed

__all__ = ["InverseSoftplus", "LogUniform", "inverse_softplus", "log_uniform"]


@dataclass(frozen=True, repr=False)
class _Steps(Transformed):
    """Bounds above 0, between which the logarithm is uniform."""

    _: KW_ONLY
    floor: float | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = number(f"{self.verb}'s {name}", getattr(self, name), above=0.0)
            object.__setattr__(self, name, value)
        super().__post_init__()
        if self.floor is not None:
            floor = number(f"{self.verb}'s floor", self.floor, above=0.0)
            if not floor < self.high:
                raise RecipeError(
                    f"{self.verb}'s floor must be below high, {self.high!r}; got {floor!r}. Use constant()."
                )
            object.__setattr__(self, "floor", floor)

    @property
    def _least(self) -> float:
        return self.low if self.floor is None else max(self.low, self.floor)


@dataclass(frozen=True, repr=False)
class LogUniform(_Steps):
    """Draws whose logarithm is uniform: low (high / low)^u, u in [0, 1), never `high`.

    The density is 1 / (x ln(high / low)): each factor of ten between the bounds is as likely as each other.
    It is what ``exp(uniform(log(low), log(high)))`` means, from one draw and within one unit in the last
    place.

    Parameters
    ----------
    low, high : float
        Finite, 0 < low < high.
    floor : float, optional
        What is drawn below it becomes it, as ``clamp(min=floor)`` does; below `high`.
    scale : float
        What multiplies every value; finite, not 0.

    Raises
    ------
    RecipeError
        If a bound is not valid, is not a normal number of the dtype that is computed in, or no value of the
        dtype lies between the bounds.

    References
    ----------
    `scipy.stats.loguniform`; the step sizes of Gu, Dao, "Mamba: linear-time sequence modeling with selective
    state spaces" (arXiv 2312.00752), section 3.6.

    Examples
    --------
    >>> import pyinit as pi
    >>> dt = pi.log_uniform(0.001, 0.1)((10000,), key=0)
    >>> bool((dt >= 0.001).all() and (dt < 0.1).all()), round(float((dt < 0.01).mean()), 2)
    (True, 0.5)
    """

    verb: ClassVar[str] = "log_uniform"

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Take the logarithms of the bounds, and find the outermost values of the dtype inside them."""
        # decimal is slow to import
        from .transformation import exponents, moments_of_log_uniform

        self._check_normal((self.low, self.high), dtype)
        argument = exponents(self.low, self.high, dtype)
        moments = moments_of_log_uniform(self.low, self.high, self._least)
        return self._planned(shape, dtype, argument, (self._least, self.high), moments)


@dataclass(frozen=True, repr=False)
class InverseSoftplus(_Steps):
    """What softplus makes log-uniform: ln(e^t - 1), the logarithm of t uniform between those of the bounds.

    A bias b that is added before a softplus, which is ln(1 + e^b), so begins as the step size t itself.

    Parameters
    ----------
    low, high : float
        The bounds of t, after the softplus; finite, 0 < low < high.
    floor : float, optional
        A step that is drawn below it becomes it; below `high`.
    scale : float
        What multiplies every value; finite, not 0.

    Raises
    ------
    RecipeError
        As for `log_uniform`.

    References
    ----------
    Gu, Dao, "Mamba: linear-time sequence modeling with selective state spaces" (arXiv 2312.00752), section
    3.6: dt_proj.bias, with low 0.001, high 0.1 and floor 0.0001; the same in Mamba 2 (arXiv 2405.21060) and
    in gated delta networks (arXiv 2412.06464).

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> dt = np.log1p(np.exp(pi.inverse_softplus(0.001, 0.1)((10000,), key=0)))
    >>> bool(dt.min() > 0.00099 and dt.max() < 0.1001), round(float((dt < 0.01).mean()), 2)
    (True, 0.5)
    """

    verb: ClassVar[str] = "inverse_softplus"

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Take the logarithms of the bounds, and find the outermost values of the dtype inside them."""
        from .transformation import exponents, inverse_softplus, moments_of_inverse_softplus

        self._check_normal((self.low, self.high), dtype)
        argument = exponents(self.low, self.high, dtype)
        ends = float(inverse_softplus(self._least)), float(inverse_softplus(self.high))
        moments = moments_of_inverse_softplus(self.low, self.high, self._least)
        return self._planned(shape, dtype, argument, ends, moments)


log_uniform = maker("log_uniform", LogUniform)
inverse_softplus = maker("inverse_softplus", InverseSoftplus)

for _maker in (log_uniform, inverse_softplus):
    named(_maker, _maker.__name__)
