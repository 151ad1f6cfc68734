"""pyinit for torch: fill tensors, initialize and probe modules, accelerate code written for torch alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..versions import require

if TYPE_CHECKING:
    from . import init as init
    from .acceleration.acceleration import accelerate as accelerate
    from .adapters.lora import lora as lora
    from .adapters.pair import lora_pair as lora_pair
    from .checkpoint.checkpoint import write_checkpoint as write_checkpoint
    from .coordinates import coordinate_check as coordinate_check
    from .keys import from_key as from_key
    from .keys import to_key as to_key
    from .linting.linting import lint as lint
    from .materialization.construction import deferred as deferred
    from .materialization.materialization import materialize as materialize
    from .probing.probing import probe as probe
    from .tensor import fill as fill
    from .unit_variance.lsuv import apply_lsuv as apply_lsuv
    from .unit_variance.lsuv import lsuv as lsuv
    from .verification.verify import verify as verify
    from .watching.watch import watch as watch

require("torch")

__all__ = [
    "accelerate",
    "apply_lsuv",
    "coordinate_check",
    "deferred",
    "fill",
    "from_key",
    "init",
    "lint",
    "lora",
    "lora_pair",
    "lsuv",
    "materialize",
    "probe",
    "to_key",
    "verify",
    "watch",
    "write_checkpoint",
]

# where each name is defined; a submodule is imported when its name is first used
_HOMES = {
    "accelerate": "acceleration.acceleration",
    "apply_lsuv": "unit_variance.lsuv",
    "coordinate_check": "coordinates",
    "deferred": "materialization.construction",
    "fill": "tensor",
    "from_key": "keys",
    "lint": "linting.linting",
    "lora": "adapters.lora",
    "lora_pair": "adapters.pair",
    "lsuv": "unit_variance.lsuv",
    "materialize": "materialization.materialization",
    "probe": "probing.probing",
    "to_key": "keys",
    "verify": "verification.verify",
    "watch": "watching.watch",
    "write_checkpoint": "checkpoint.checkpoint",
}


def __getattr__(name: str) -> Any:
    if name == "init":
        return import_module(f"{__name__}.init")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
