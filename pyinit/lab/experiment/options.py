"""What a page offers: data, recipes, activations, optimizers, limits and presets, as JSON values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...theory.activation import NAMES
from .experiment import NORMS, OPTIMIZERS, Experiment
from .limits import LIMITS, UPLOAD_BYTES
from .sets import SETS, described, source_of
from .start import CHOICES, STARTS, Start, parameters_of

__all__ = ["PRESETS", "options", "presets"]

# name, scale in units of the critical one, titles
PRESETS: tuple[tuple[str, float, str, str], ...] = (
    ("zero", 0.0, "Zero", "全零"),
    ("too_small", 0.2, "Too small", "太小"),
    ("appropriate", 1.0, "Appropriate", "合适"),
    ("too_large", 5.0, "Too large", "太大"),
)
"""The sizes of weights that a page offers by name."""

_SHOWN = Experiment(data="spirals", depth=6, width=32, learning_rate=0.003)


def options() -> dict[str, Any]:
    """Return what an experiment may choose from.

    Examples
    --------
    >>> options()["limits"]["depth"]
    [1, 100]
    """
    return {
        "data": [described(source_of(name)) for name in SETS],
        "recipes": [
            {
                "name": name,
                "parameters": [
                    {"name": one, "default": value}
                    | ({"choices": list(CHOICES[one])} if isinstance(value, str) else {})
                    for one, value in parameters_of(name).items()
                ],
            }
            for name in STARTS
        ],
        "activations": list(NAMES),
        "norms": list(NORMS),
        "optimizers": [{"name": name, "learning_rate": rate} for name, rate in OPTIMIZERS.items()],
        "limits": {name: list(ends) for name, ends in LIMITS.items()} | {"upload": UPLOAD_BYTES},
    }


def presets(base: Experiment = _SHOWN) -> list[dict[str, Any]]:
    """Return `base` with weights of each size, in units of the critical scale of its activation.

    Examples
    --------
    >>> [one["name"] for one in presets()]
    ['zero', 'too_small', 'appropriate', 'too_large']
    """
    return [
        {
            "name": name,
            "title": {"en": english, "zh": chinese},
            "experiment": replace(base, runs=(Start("critical_normal", scale=scale),)).to_dict(),
        }
        for name, scale, english, chinese in PRESETS
    ]
