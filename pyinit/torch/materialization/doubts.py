"""What the methods of a module on the meta device do not tell: signs that something else decided a tensor."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ...errors import RecipeError
from ...stream.key import Key
from .construction import was_deferred
from .holding import STAND_IN
from .methods import RUN, Methods, calls_in_constructor, names_in_constructors
from .recording import Cell, Lost
from .replay import replay

__all__ = ["of_counts", "of_libraries", "refuse_real", "warn_of_constructors"]

# Libraries whose constructors draw: what their layers' methods repeat is not how their models begin.
_DRAWN_BY_CONSTRUCTORS = ("timm", "torchvision")
# Libraries whose modules say in methods how they begin.
_OWN_METHODS = ("torch", "transformers")
# Functions that initialize, methods of tensors that write, and what torch does not count on the meta device.
_INITS = frozenset(name for name in dir(torch.nn.init) if name.endswith("_") and not name.startswith("_"))
_WRITES = frozenset({"normal_", "uniform_", "fill_", "zero_", "copy_"})
_UNCOUNTED = frozenset({"trunc_normal_", "orthogonal_", "sparse_", "dirac_"})
# Makers of tensors that ignore `torch.device`.
_LEGACY = frozenset({"Tensor", "FloatTensor", "DoubleTensor", "HalfTensor", "BFloat16Tensor", "normal"})


def of_counts(often: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """Yield which meta tensors something else than the methods has written to, and what to say.

    Parameters
    ----------
    often : mapping of str to pair of int
        How often each meta tensor had been written to before, and how often the methods do that.
    """
    for name, (times, repeated) in often.items():
        if times > repeated:
            yield name, f"it was written to {_times(times)}, and the methods do that {_times(repeated)}"


def of_libraries(module: torch.nn.Module) -> Iterator[tuple[str, str]]:
    """Yield the meta parameters of models whose constructors decide, and what to say."""
    for prefix, part in module.named_modules():
        library = type(part).__module__.partition(".")[0]
        if library in _DRAWN_BY_CONSTRUCTORS and not was_deferred(part):
            for name, parameter in part.named_parameters(prefix, remove_duplicate=False):
                if parameter.is_meta:
                    yield name, f"constructors of {library} draw, which the meta device loses"


def warn_of_constructors(module: torch.nn.Module) -> None:
    """Warn of constructors that seem to draw in ways that torch does not count, or over what was sharded.

    Only if they were not recorded, and have no method that may repeat what they do.
    """
    for part in module.modules():
        kind: Any = type(part)
        own = kind.__module__.partition(".")[0] in _OWN_METHODS
        if own or was_deferred(part) or any(hasattr(kind, name) for name in RUN):
            continue
        for names in names_in_constructors(kind):
            counted = names.isdisjoint(_UNCOUNTED) and not ("data" in names and names & _WRITES)
            sharded = not names.isdisjoint(_INITS | _WRITES) and any(
                STAND_IN in parameter.__dict__ for parameter in part.parameters()
            )
            if sharded or not counted:
                warnings.warn(
                    f"the constructor of {kind.__name__} seems to initialize weights; on the meta device "
                    "that is lost, and what the methods of its layers say counts. Build it under "
                    "pyinit.torch.deferred(), which sees constructors.",
                    UserWarning,
                    stacklevel=2,
                )
                break


def _times(n: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(n, f"{n} times")


def refuse_real(module: torch.nn.Module, methods: Methods) -> None:
    """Refuse real tensors that a method would initialize, where meta tensors stand beside them.

    Raises
    ------
    RecipeError
        Which names them.
    """
    names = list(_unwritten(module, methods))
    if names:
        told = ", ".join(f"'{name}'" for name in names[:8]) + (", ..." if len(names) > 8 else "")
        raise RecipeError(
            f"materialize needs tensors on the meta device; of {type(module).__name__}, {told} "
            f"{'is' if len(names) == 1 else 'are'} real, and would be initialized: torch.Tensor and "
            "torch.normal, for example, ignore the device. Build the module under pyinit.torch.deferred(); "
            "if they were loaded, materialize the other parts one by one."
        )


def _unwritten(module: torch.nn.Module, methods: Methods) -> Iterator[str]:
    """Yield the names of real tensors in modules on the meta device that are not what they begin as.

    Torch's own layers heed the device: a real tensor of theirs was put there.
    """
    if not methods.begun.get(id(module)):
        return
    for prefix, part in module.named_modules():
        if type(part).__module__.partition(".")[0] == "torch":
            continue
        legacy = None
        for last, tensor in (*part._parameters.items(), *part._buffers.items()):
            if tensor is None or tensor.is_meta or was_deferred(part):
                continue
            is_parameter = isinstance(tensor, torch.nn.Parameter) and tensor.is_floating_point()
            if is_parameter and legacy is None:
                legacy = _is_legacy(part)
            spared = methods.recorder.spared.get(int(tensor.untyped_storage()._cdata))
            differs = spared is not None and methods.begun[id(part)] and _differs(tensor, spared)
            if differs or (is_parameter and legacy):
                yield f"{prefix}.{last}" if prefix else last


def _is_legacy(module: torch.nn.Module) -> bool:
    """Tell whether a constructor names what makes tensors of no device."""
    kind: Any = type(module)
    return calls_in_constructor(kind, _LEGACY) > 0


def _differs(tensor: torch.Tensor, spared: Cell) -> bool:
    """Tell whether what a method would write to a real tensor is something else than it holds."""
    wrapper = type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
    if wrapper or any(isinstance(write.content, Lost) for write in spared.writes):
        return True
    storage = tensor.untyped_storage()
    before = torch.empty(0, dtype=torch.uint8).set_(storage)
    after = before.clone()
    replay(spared.writes, after, Key(0))
    return not torch.equal(before, after)
