"""Recipes of logarithms: of a uniform draw, and of the rate of decay of an eigenvalue on a ring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import RecipeError
from ..stream.arguments import number
from ..stream.dtypes import DType, resolve
from ..stream.plan import Plan
from ..stream.window import Shape
from .makers import maker
from .recipe import named
from .transformed import Transformed

__all__ = ["LogDecay", "LogOfUniform", "log_decay", "log_of_uniform"]


@dataclass(frozen=True, repr=False)
class LogOfUniform(Transformed):
    """The natural logarithm of a uniform draw: ln v, v the value of `uniform(low, high)` of the same key.

    A uniform draw may be 0 if `low` is 0, once in 2^24 draws of float32; its logarithm is here that of half
    the distance to the next draw, so that it is finite. Libraries that write ``uniform_(0, 16).log_()`` have
    minus infinity there.

    Parameters
    ----------
    low, high : float
        The bounds of v; finite, 0 <= low < high.
    scale : float
        What multiplies every value; finite, not 0. -1 makes decays of growths.

    Raises
    ------
    RecipeError
        If a bound is not valid, or has no logarithm in the dtype that is computed in, or no value of the
        dtype lies between the logarithms.

    References
    ----------
    A_log of Yang, Kautz, Hatamizadeh, "Gated delta networks" (arXiv 2412.06464), of Qwen3-Next and of Kimi
    Linear; theta_log of Orvieto et al., "Resurrecting recurrent neural networks for long sequences" (arXiv
    2303.06349).

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> a_log = pi.log_of_uniform(1.0, 16.0)((4,), key=0)
    >>> bool(np.allclose(np.exp(a_log), pi.uniform(1.0, 16.0)((4,), key=0)))
    True
    """

    verb: ClassVar[str] = "log_of_uniform"

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = number(f"log_of_uniform's {name}", getattr(self, name), least=0.0)
            object.__setattr__(self, name, value)
        super().__post_init__()

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Round the bounds as `uniform` does, and find the outermost values of the dtype inside."""
        # decimal is slow to import
        from .transformation import log, moments_of_log, step, uniform

        argument = uniform(self.low, self.high, dtype)
        between = argument.width * step(dtype)
        high = resolve(dtype.compute).round(self.high)
        # the smallest number that is drawn, without the one that is 0
        self._check_normal((argument.start or between, between, high), dtype)
        ends = float(log(argument.start or between / 2)), float(log(high))
        return self._planned(shape, dtype, argument, ends, moments_of_log(self.low, self.high))


@dataclass(frozen=True, repr=False)
class LogDecay(Transformed):
    """The logarithm of a rate of decay: ln(-ln r), where e^-e^y = r is the modulus of an eigenvalue.

    r^2 is uniform, so that eigenvalues whose angle is uniform fill the ring between two circles evenly. A
    square of 0 or 1 counts as half the distance to the next draw, so that every value is finite.

    Parameters
    ----------
    low, high : float
        The radii of the ring, 0 <= low < high <= 1.
    scale : float
        What multiplies every value; finite, not 0.

    Raises
    ------
    RecipeError
        If a radius is not valid, or no value of the dtype lies between the bounds.

    References
    ----------
    Orvieto et al., "Resurrecting recurrent neural networks for long sequences" (arXiv 2303.06349), lemma 3.2
    and appendix A: nu_log of an LRU. Its theta_log is ``log_of_uniform(0, max_phase)``; its gamma_log is a
    function of nu_log, not a draw of its own.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> radius = np.exp(-np.exp(pi.log_decay(0.9, 0.999)((10000,), key=0)))
    >>> bool(radius.min() > 0.8999 and radius.max() < 0.9991), round(float((radius**2).mean()), 2)
    (True, 0.9)
    """

    verb: ClassVar[str] = "log_decay"

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = number(f"log_decay's {name}", getattr(self, name), least=0.0)
            if value > 1:
                raise RecipeError(f"log_decay's {name} is a radius of at most 1; got {value!r}. Correct it.")
            object.__setattr__(self, name, value)
        super().__post_init__()

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Square the radii, and find the outermost values of the dtype inside."""
        from .transformation import log_decay, moments_of_log_decay, step, uniform

        low, high = self.low * self.low, self.high * self.high
        argument = uniform(low, high, dtype)
        between = argument.width * step(dtype)
        self._check_normal((argument.start or between, between), dtype)
        squares = argument.start or between / 2, resolve(dtype.compute).round(high)
        first, last = (float(log_decay(square, step(dtype) / 2)) for square in squares)
        return self._planned(shape, dtype, argument, (first, last), moments_of_log_decay(low, high))


log_of_uniform = maker("log_of_uniform", LogOfUniform)
log_decay = maker("log_decay", LogDecay)

for _maker in (log_of_uniform, log_decay):
    named(_maker, _maker.__name__)
