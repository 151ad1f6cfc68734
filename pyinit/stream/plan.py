"""The numbers that decide a fill, readable before a byte is written."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from ..errors import RecipeError
from .arguments import brief
from .dtypes import FORMATS, resolve
from .strict_json import JsonObject, finite, restored
from .window import Shape

__all__ = ["DRAWN_WHOLE", "NUMBERS", "Plan"]

_TRANSFORMED = ("start", "start_rest", "width", "width_rest", "scale", "lowest", "highest")

NUMBERS: dict[str, tuple[str, ...]] = {
    "constant": ("value",),
    "uniform": ("low", "high", "lowest", "highest"),
    "normal": ("mean", "std"),
    "disk": ("radius",),
    "disk_normal": ("std", "floor"),
    "truncated_normal": ("mean", "std", "lowest", "highest", "truncation"),
    "log_uniform": _TRANSFORMED,
    "inverse_softplus": _TRANSFORMED,
    "log_of_uniform": _TRANSFORMED,
    "log_decay": _TRANSFORMED,
    "sparse": ("mean", "std", "zeros"),
    "bernoulli_sparse": ("mean", "std", "sparsity"),
    "flattened_sparse": ("mean", "std", "zeros", "exact", "out_axis", "batch_axis"),
    "orthogonal": ("gain", "out_axis", "batch_axis"),
    "grouped_orthogonal": ("gain", "out_axis", "batch_axis", "split_axis", "groups"),
    "delta_orthogonal": ("gain", "in_axis", "out_axis"),
    "along": ("axis", "values"),
    "identity": ("gain",),
    "dirac": ("groups", "in_axis", "out_axis", "batch_axis"),
    "bilinear": ("in_axis", "out_axis", "batch_axis"),
    "hippo": (),
    "pretrained": (),
    "selected": (),
    "blocks": ("axis", "parts"),
    "sharing_blocks": ("axis", "streams", "parts"),
    "icnr": ("axis", "copies", "are_neighbours", "parts"),
}
"""The kernels by the name of their distribution, and what each takes, in order."""

_WITHOUT_COMPLEX = dict.fromkeys(
    (
        "sparse",
        "bernoulli_sparse",
        "flattened_sparse",
        "log_uniform",
        "inverse_softplus",
        "log_of_uniform",
        "log_decay",
    ),
    "Draw real parts along a last axis of 2.",
)
"""The distributions that no complex number has here, and what to do instead."""

DRAWN_WHOLE = frozenset({"orthogonal", "grouped_orthogonal", "delta_orthogonal"})
"""Kernels that take as long for a few rows as for all of them."""


@dataclass(frozen=True)
class Plan(JsonObject):
    """Every number that decides a fill, for one shape and one dtype.

    Parameters
    ----------
    distribution : str
        The kernel, such as "normal".
    shape : tuple of int
        Shape of the whole tensor.
    dtype : str
        "float32", "float64", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2", "complex64" or
        "complex128".
    mean, std : float or None
        Of the weights themselves, after truncation and zeros, before they are rounded to `dtype`. Rounding
        makes a weight of up to half the smallest number, 2**-25 in float16, 0, without a warning. None where
        nothing is drawn. Of a complex tensor the mean is that of the real part, and the std is
        sqrt(E|z - E z|**2).
    bounds : tuple of float, or None
        Smallest and largest value that can occur, in `dtype`; None where only the format ends them. Of a
        complex tensor they are those of the real part.
    fan_in, fan_out : int, float or None
        None when the recipe counts no fans; a float only where a stride does not divide it.
    gain : float or None
        What multiplies 1 / sqrt(fan).
    numbers : tuple
        What the kernel takes, in the order of ``NUMBERS[distribution]``; parts are plans.
    source : object
        What a pretrained tensor is copied from.

    Examples
    --------
    >>> import pyinit as pi
    >>> print(pi.he_normal().plan((784, 256)))
    normal (784, 256) float32: mean 0, std 0.0505076, fan_in 784, fan_out 256, gain 1.41421
    >>> plan = pi.uniform(-1, 1).plan((3,), "float16")
    >>> plan.bounds
    (-1.0, 0.99951171875)
    >>> pi.Plan.from_json(plan.to_json()) == plan
    True
    """

    _json_name: ClassVar[str] = "a plan"
    _json_error: ClassVar[type[RecipeError]] = RecipeError
    distribution: str
    shape: Shape
    dtype: str
    mean: float | None = None
    std: float | None = None
    bounds: tuple[float, float] | None = None
    fan_in: int | float | None = None
    fan_out: int | float | None = None
    gain: float | None = None
    numbers: tuple[Any, ...] = ()
    source: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.distribution in _WITHOUT_COMPLEX and self.dtype in FORMATS and resolve(self.dtype).is_complex:
            raise RecipeError(
                f"{self.distribution} draws no complex numbers; got {self.dtype}. "
                f"{_WITHOUT_COMPLEX[self.distribution]}"
            )

    @property
    def parts(self) -> tuple[Plan, ...]:
        """The plans of the weights that the tensor consists of; none where it is one weight itself."""
        return tuple(self.numbers[-1]) if "parts" in NUMBERS[self.distribution] else ()

    @property
    def streams(self) -> tuple[int, ...]:
        """Under which number each block draws: blocks of one shape and number make the same draws."""
        return self.numbers[1] if self.distribution == "sharing_blocks" else tuple(range(len(self.parts)))

    @property
    def is_drawn_whole(self) -> bool:
        """Whether a few rows take as long as all of them, so that a writer of files draws whole tensors."""
        return self.distribution in DRAWN_WHOLE or any(part.is_drawn_whole for part in self.parts)

    def __str__(self) -> str:
        parts = []
        for name in ("mean", "std", "bounds", "fan_in", "fan_out", "gain"):
            value = getattr(self, name)
            if isinstance(value, tuple):
                parts.append(f"{name} [{value[0]:.6g}, {value[1]:.6g}]")
            elif value is not None:
                parts.append(f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}")
        if self.parts:
            made = ", ".join(p.distribution for p in self.parts)
            is_repeated = self.distribution == "icnr"
            count = self.numbers[1] if is_repeated else len(self.parts)
            parts.append(f"{count} {'copies' if is_repeated else 'blocks'} of {made}")
        elif not parts:
            named = zip(NUMBERS[self.distribution], self.numbers, strict=True)
            parts = [f"{name} {value}" for name, value in named]
        if self.source is not None:
            parts.append(f"from {self.source}")
        return f"{self.distribution} {self.shape} {self.dtype}: {', '.join(parts)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as a dict of JSON values; infinities become strings.

        Examples
        --------
        >>> import pyinit as pi
        >>> pi.zeros().plan((2,)).to_json()
        '{"distribution": "constant", "shape": [2], "dtype": "float32", "mean": 0.0, "std": 0.0, \
"bounds": [0.0, 0.0], "fan_in": null, "fan_out": null, "gain": null, "numbers": {"value": 0.0}}'
        """
        content = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("numbers", "source")}
        content["numbers"] = dict(zip(NUMBERS[self.distribution], self.numbers, strict=True))
        if self.parts:
            content["numbers"]["parts"] = [part.to_dict() for part in self.parts]
        if self.source is not None:
            content["source"] = str(self.source)
        return dict(finite(content))

    @classmethod
    def _read(cls, content: dict[str, Any]) -> Plan:
        """Return the plan that `to_dict` wrote; the source of a pretrained tensor stays a description."""
        numbers = content.pop("numbers")
        names = NUMBERS[content["distribution"]]
        if set(numbers) != set(names):
            raise RecipeError(
                f"a plan of {content['distribution']} needs the numbers {', '.join(names) or 'of none'}; got "
                f"{brief(list(numbers))}. Read what to_json wrote."
            )
        if "parts" in names:
            numbers["parts"] = tuple(cls.from_dict(part) for part in numbers["parts"])
        content["numbers"] = [numbers[name] for name in names]
        plan = cls(**{name: restored(value) for name, value in content.items()})
        single = (plan.mean, plan.std, plan.fan_in, plan.fan_out, plan.gain)
        for what, needed, holds in (
            ("shape", "a list of integers", _are_numbers(plan.shape, int)),
            ("dtype", "a name", isinstance(plan.dtype, str)),
            ("mean, std, fans and gain", "numbers", _are_numbers([n for n in single if n is not None])),
            ("bounds", "two numbers", plan.bounds is None or _are_numbers(plan.bounds, of=2)),
        ):
            if not holds:
                raise RecipeError(f"a plan's {what} must be {needed}. Read what to_json wrote.")
        return plan


def _are_numbers(values: Any, kind: type[float] = float, of: int | None = None) -> bool:
    """Return whether a value is a sequence of numbers, of `of` of them; an int is also a float."""
    return (
        isinstance(values, tuple | list)
        and (of is None or len(values) == of)
        # an int that no float can hold raises an OverflowError
        and all(isinstance(n, kind | int) and not isinstance(n, bool) and float(n) == n for n in values)
    )
