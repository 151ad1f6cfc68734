"""Plans of complex numbers on a disk: uniform, or normal with a modulus that is cut.

As in `jax.nn.initializers`, both have no direction. E|z|^2 is R^2 / 2 on a disk of radius R. Of a normal with
E|z|^2 = 1 whose modulus is cut at c it is 1 - c^2 / (exp(c^2) - 1).
"""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext

from ..errors import RecipeError
from ..stream.dtypes import DType, resolve
from ..stream.plan import Plan
from ..stream.window import Shape

__all__ = ["cut_normal", "uniform_disk"]

_SMALLEST_CUT = 0.1
"""With a smaller one float32 has too few numbers between the smallest and the largest probability."""

_SLACK = 1 + 2.0**-20
"""What rounding adds to a radius, at most."""

# no math library decides a bit
_CONTEXT = Context(prec=60)


def _checked(radius: float, std: float, dtype: DType) -> None:
    largest = resolve(dtype.compute).largest
    if not (resolve(dtype.compute).round(std) > 0.0 and radius * _SLACK < largest):
        raise RecipeError(
            f"{dtype.name} holds parts up to {largest:.6g}, and no std that rounds to 0; got std {std!r}. "
            "Use complex128 or another std."
        )


def uniform_disk(std: float, shape: Shape, dtype: DType) -> Plan:
    """Return the plan of numbers uniform on the disk around 0 with E|z|^2 = std^2."""
    radius = math.sqrt(2.0) * std
    _checked(radius, std, dtype)
    reach = radius * _SLACK
    return Plan("disk", shape, dtype.name, mean=0.0, std=std, bounds=(-reach, reach), numbers=(radius,))


def cut_normal(std: float, cut: float, correct: bool, shape: Shape, dtype: DType) -> Plan:
    """Return the plan of a normal whose modulus is cut at `cut` std.

    With `correct`, the normal is widened before the cut, so that E|z|^2 = std^2.
    """
    if cut < _SMALLEST_CUT:
        raise RecipeError(
            f"a complex normal is cut at {_SMALLEST_CUT} std or more; got {cut!r}. Use a uniform one."
        )
    with localcontext(_CONTEXT):
        square = Decimal(min(cut, 40.0)) ** 2
        floor = (-square).exp()
        variance = 1 - square * floor / (1 - floor)
        root = float(variance.sqrt())
        parent = std / root if correct else std
        of_parts = parent / math.sqrt(2.0)
    _checked(min(cut, 10.0) * parent, of_parts, dtype)
    reach = min(cut, 10.0) * parent * _SLACK
    return Plan(
        "disk_normal",
        shape,
        dtype.name,
        mean=0.0,
        std=std if correct else std * root,
        bounds=(-reach, reach),
        numbers=(of_parts, float(floor)),
    )
