"""Signs that something else than the methods of a module on the meta device initialized a tensor."""

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
from .walking import named_parts

__all__ = ["of_counts", "of_libraries", "refuse_real", "warn_of_constructors"]

# Libraries whose constructors draw, so that the methods of their layers do not repeat the initialization.
_DRAWN_BY_CONSTRUCTORS = ("timm", "torchvision")
# Libraries whose modules initialize themselves in methods.
_OWN_METHODS = ("torch", "transformers")
# Functions that initialize, methods of tensors that write, and functions that torch does not count on meta.
_INITS = frozenset(name for name in dir(torch.nn.init) if name.endswith("_") and not name.startswith("_"))
_WRITES = frozenset({"normal_", "uniform_", "fill_", "zero_", "copy_"})
_UNCOUNTED = frozenset({"trunc_normal_", "orthogonal_", "sparse_", "dirac_"})
# Functions that make tensors and ignore `torch.device`.
_LEGACY = frozenset({"Tensor", "FloatTensor", "DoubleTensor", "HalfTensor", "BFloat16Tensor", "normal"})


def of_counts(often: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """Yield the meta tensors that were not only written by the methods, with the reason.

    `often` has the number of writes to each meta tensor before, and the number that the methods make.
    """
    for name, (times, repeated) in often.items():
        if times > repeated:
            writes = "1 write" if times == 1 else f"{times} writes"
            yield name, f"torch counts {writes} to it, of which the methods make {repeated}"


def of_libraries(module: torch.nn.Module) -> Iterator[tuple[str, str]]:
    """Yield the meta parameters of models that are initialized by constructors, with the reason."""
    for prefix, part in named_parts(module):
        library = type(part).__module__.partition(".")[0]
        if library in _DRAWN_BY_CONSTRUCTORS and not was_deferred(part):
            for name, parameter in part.named_parameters(prefix, remove_duplicate=False):
                if parameter.is_meta:
                    yield name, f"constructors of {library} draw, which the meta device loses"


def warn_of_constructors(module: torch.nn.Module) -> None:
    """Warn of constructors that seem to draw in ways that torch does not count, or into sharded tensors.

    Recorded constructors, and modules with a method that may repeat the draws, give no warning.
    """
    for _, part in named_parts(module):
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
                    "that is lost, and the methods of its layers decide. Build it under "
                    "pyinit.torch.deferred(), which records constructors.",
                    UserWarning,
                    stacklevel=2,
                )
                break


def refuse_real(module: torch.nn.Module, methods: Methods) -> None:
    """Raise a RecipeError that names real tensors, beside meta tensors, that a method would initialize."""
    names = list(_unwritten(module, methods))
    if names:
        shown = ", ".join(f"'{name}'" for name in names[:8]) + (", ..." if len(names) > 8 else "")
        raise RecipeError(
            f"materialize needs tensors on the meta device; in {type(module).__name__}, {shown} "
            f"{'is' if len(names) == 1 else 'are'} real, and would be initialized: torch.Tensor and "
            "torch.normal, for example, ignore the device. Build the module under pyinit.torch.deferred(); "
            "if they were loaded, materialize the other parts one by one."
        )


def _unwritten(module: torch.nn.Module, methods: Methods) -> Iterator[str]:
    """Yield the names of real tensors in modules on the meta device that differ from their initialization.

    Torch's own layers respect the device, so a real tensor in one of them was put there on purpose.
    """
    if not methods.begun.get(id(module)):
        return
    for prefix, part in named_parts(module):
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
    """Return whether a constructor names a function that makes tensors and ignores the device."""
    kind: Any = type(module)
    return calls_in_constructor(kind, _LEGACY) > 0


def _differs(tensor: torch.Tensor, spared: Cell) -> bool:
    """Return whether a method would change a real tensor."""
    wrapper = type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
    if wrapper or any(isinstance(write.content, Lost) for write in spared.writes):
        return True
    storage = tensor.untyped_storage()
    before = torch.empty(0, dtype=torch.uint8).set_(storage)
    after = before.clone()
    replay(spared.writes, after, Key(0))
    return not torch.equal(before, after)
