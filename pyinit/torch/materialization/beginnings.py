"""The initialization of a module: its recorded constructor, or the methods that write its tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, nullcontext

import torch
from torch.nn.parameter import is_lazy

from ...errors import LayoutError
from .construction import was_added, was_deferred
from .doubts import of_counts, of_libraries, refuse_real
from .followed import Followed
from .holding import named_tensors, times_written
from .inlining import inline
from .methods import Methods, forget
from .naming import name_draws, state_names
from .recorder import Recorder, lasting_cell
from .recording import Lost, Recorded, Write
from .ties import declared_ties, untied
from .view import View
from .walking import all_parameters, named_parts

__all__ = ["forget", "named_tensors", "record"]


def record(module: torch.nn.Module, prefix: str = "") -> dict[str, Recorded]:
    """Record the initialization of a module's tensors on the meta device, without computing anything.

    If a module was built under `pyinit.torch.deferred`, everything that its constructors did, and everything
    that was done since, is known. None of its methods is run.

    For other modules, these methods are run from the leaves up, as constructors run them: each module's own
    `reset_parameters()`, `_reset_parameters()`, `init_weights()` and `_init_weights()`, if it has them. The
    latter two are applied to every module below if they take a module. In a transformers model
    `initialize_weights()` is run instead of these two. Modules without meta tensors, and all real tensors,
    stay unchanged. The first module that holds a tied tensor decides its initialization, or the next one if
    the first does not write it; in a transformers model, the declared source of the tie decides.

    Parameters
    ----------
    module : torch.nn.Module
        A module with parameters or buffers on the meta device. It stays there.
    prefix : str
        The prefix of the module's names in the whole model, for the streams; empty, or with a dot at its end.

    Returns
    -------
    dict of str to Recorded
        By name, parameters first, then buffers. Tied tensors share a cell. Some may be `unmade`: those of
        which nothing is known, and those that were not only written by the methods.

    Raises
    ------
    LayoutError
        If a lazy module does not know its shapes yet, or a tensor is not strided.
    RecipeError
        If a method would initialize a real tensor, whose constructor ignored the device.

    Warns
    -----
    UserWarning
        If modules that hold one tensor initialize it in different ways.

    Examples
    --------
    >>> import torch
    >>> with torch.device("meta"):
    ...     layer = torch.nn.Embedding(4, 2)
    >>> [write.content for write in record(layer)["weight"].writes]
    [Draw(recipe=normal())]
    """
    # this walk through a large model takes milliseconds
    tensors = list(named_tensors(module))
    followed = any(isinstance(tensor, Followed) for _, tensor in tensors)
    # the accesses below must not be recorded
    with torch._C.DisableTorchFunctionSubclass() if followed else nullcontext():
        return _record(module, tensors, prefix)


def _record(
    module: torch.nn.Module, tensors: list[tuple[str, torch.Tensor]], prefix: str
) -> dict[str, Recorded]:
    for name, tensor in tensors:
        if is_lazy(tensor):
            raise LayoutError(
                f"materialize needs shapes; '{name}' of {type(module).__name__} is lazy. "
                "Run one batch on the meta device first, so that it learns them."
            )
        if tensor.is_meta and tensor.layout is not torch.strided:
            raise LayoutError(
                f"materialize needs strided tensors; '{name}' of {type(module).__name__} is "
                f"{tensor.layout}. Make it real first; then it stays as it is."
            )
    recordings: dict[str, Recorded] = {}
    meta = {name: tensor for name, tensor in tensors if tensor.is_meta}
    for name, tensor in meta.items():
        if (constructed := lasting_cell(tensor)) is not None:
            recordings[name] = Recorded(name, View.of(tensor), constructed)
    if recordings.keys() != meta.keys():
        recordings = {**_begun(module, tensors, recordings), **recordings}
        for name, why in _replaced(module, meta):
            recordings[name].cell.add(Write(recordings[name].view, Lost(why)))
    owned = {id(recorded.cell) for recorded in recordings.values()}
    for recorded in recordings.values():
        inline(recorded.cell, owned)
    name_draws(recordings, state_names(module, recordings, prefix))
    return recordings


def _begun(
    module: torch.nn.Module, tensors: list[tuple[str, torch.Tensor]], constructed: Mapping[str, Recorded]
) -> dict[str, Recorded]:
    """Record a module's own methods; real tensors and those of recorded constructors stay unchanged."""
    kept = [tensor for name, tensor in tensors if not tensor.is_meta or name in constructed]
    meta = [tensor for _, tensor in tensors if tensor.is_meta]
    versions = {id(tensor): times_written(tensor) for tensor in meta}
    recorder = Recorder(kept)
    recordings: dict[str, Recorded] = {}
    often: dict[str, tuple[int, int]] = {}
    with ExitStack() as stack:
        # a second recording must find the same versions
        counted = tuple({id(tensor): tensor for tensor in meta if not tensor.is_inference()}.values())
        stack.enter_context(torch.autograd._unsafe_preserve_version_counter(counted))  # type: ignore[attr-defined]
        with untied(module) as ties:
            methods = Methods(recorder, ties.tied)
            with recorder, torch.no_grad():
                methods.begin(module)

        def writes(tensor: torch.Tensor) -> tuple[int, int]:
            applied = methods.applied.get(id(tensor), 0)
            all_writes = times_written(tensor) - versions.get(id(tensor), 0)
            return all_writes - applied + methods.repeated.get(id(tensor), 0), applied

        for name, tensor in tensors:
            if tensor.is_meta and name not in constructed:
                version = versions[id(tensor)]
                recordings[name], times = ties.begun(name, tensor, recorder, writes, version)
                often[name] = version, times
    if any(not tensor.is_meta for tensor in kept):
        refuse_real(module, methods)
    for name, why in of_counts(often):
        if recordings[name].unmade is None:
            recordings[name].cell.add(Write(recordings[name].view, Lost(why)))
    for name, why in (*of_libraries(module), *_cut(module)):
        if name in recordings:
            recordings[name].cell.add(Write(recordings[name].view, Lost(why)))
    return recordings


def _replaced(module: torch.nn.Module, meta: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, str]]:
    """Yield the names of tensors that have replaced those of recorded constructors, with the reason."""
    unknown = [name for name, tensor in meta.items() if lasting_cell(tensor) is None]
    for name, owner in zip(unknown, owners(module, unknown), strict=True):
        if was_deferred(owner):
            if was_added(owner, name.rpartition(".")[2]):
                yield name, "it was added after the module was built under deferred()"
            else:
                yield name, "it was replaced after it was built under deferred()"


def owners(module: torch.nn.Module, names: Iterable[str]) -> list[torch.nn.Module]:
    """Return the modules that hold the tensors of some names, which may end with a position in a list."""
    modules = dict(named_parts(module, repeated=True))
    holders: list[torch.nn.Module] = []
    for name in names:
        path = name.rpartition(".")[0]
        while path not in modules:
            path = path.rpartition(".")[0]
        holders.append(modules[path])
    return holders


def _cut(module: torch.nn.Module) -> Iterator[tuple[str, str]]:
    """Yield parameters that a transformers model declares as tied, but that are two on the meta device."""
    ties = declared_ties(module)
    parameters = all_parameters(module) if ties else {}
    for target, source in ties.items():
        one, other = parameters.get(target), parameters.get(source)
        if one is not None and other is not None and one is not other and one.is_meta and other.is_meta:
            why = f"the model declares it as tied to '{source}', but it is another tensor; call tie_weights()"
            yield target, why
