"""The functions of torch, and the modules of other authors, that are activations; and pyinit's names."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...theory.activation import NAMES, Activation, activation

__all__ = ["Nonlinearity", "of_call", "of_module"]


@dataclass(frozen=True)
class Nonlinearity:
    """An activation: its name, and pyinit's activation if there is one."""

    name: str
    phi: Activation | None


# torch's names, without the underscore of functions in place: parameters by position, with their defaults
_KNOWN: dict[str, tuple[tuple[str, Any], ...]] = {
    "relu": (),
    "leaky_relu": (("negative_slope", 0.01),),
    "elu": (("alpha", 1.0),),
    "selu": (),
    "gelu": (("approximate", "none"),),
    "silu": (),
    "mish": (),
    "tanh": (),
    "sigmoid": (),
    "special_expit": (),
    "hardtanh": (("min_val", -1.0), ("max_val", 1.0)),
    "softplus": (("beta", 1.0), ("threshold", 20.0)),
    "softsign": (),
    "erf": (),
    "special_erf": (),
    "sin": (),
}
_OTHERS = frozenset(
    (
        "celu", "hardshrink", "hardsigmoid", "hardswish", "logsigmoid", "prelu", "relu6", "rrelu",
        "softshrink", "tanhshrink", "threshold",
    )
)  # fmt: skip
_ALIASES = {"special_expit": "sigmoid", "special_erf": "erf"}
# the points at which modules are compared with pyinit's activations
_GRID = np.linspace(-3.0, 3.0, 61, dtype=np.float32)
_NEAR = 1e-5


def of_call(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Nonlinearity | None:
    """Return the activation of a torch call, or None; `name` has no underscore at its end."""
    if name in _OTHERS:
        return Nonlinearity(name, None)
    if name not in _KNOWN:
        return None
    defaults = _KNOWN[name]
    given = [
        args[at] if len(args) > at else kwargs.get(parameter, default)
        for at, (parameter, default) in enumerate(defaults, start=1)
    ]
    name = _ALIASES.get(name, name)
    if name == "leaky_relu":
        return Nonlinearity(f"leaky_relu({given[0]:g})", activation(("leaky_relu", float(given[0]))))
    if name == "gelu" and given == ["tanh"]:
        return Nonlinearity("gelu_tanh", activation("gelu_tanh"))
    if given != [default for _, default in defaults]:
        return Nonlinearity(f"{name}({', '.join(f'{value:g}' for value in given)})", None)
    return Nonlinearity(name, activation(name))


def of_module(module: torch.nn.Module) -> Nonlinearity | None:
    """Return the activation that a module without parameters computes on a grid, or None.

    A copy of the module runs, and torch's generator is restored: the module may count its calls, or draw.
    """
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            grid, run = torch.from_numpy(_GRID), copy.deepcopy(module).forward
            made, part = run(grid.clone()), run(grid[:30].clone())
        # the last bits may depend on the position of a number in a vector
        if made.shape != grid.shape or not torch.allclose(made[:30], part, rtol=_NEAR, atol=_NEAR):
            return None
        values = made.numpy()
    # a module may need anything of its input
    except Exception:
        return None
    for name in NAMES:
        phi = activation(name)
        if np.allclose(phi.value(_GRID.astype(np.float64)), values, rtol=0.0, atol=_NEAR):
            return None if name == "linear" else Nonlinearity(name, phi)
    return Nonlinearity(type(module).__name__, None)
