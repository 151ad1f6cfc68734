"""A module on the meta device becomes real, in place: its own initialization, drawn by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeAlias, TypeVar

import torch

from .. import _core
from .._fill import check_threads
from ..distributions import constant
from ..errors import PyinitError, RecipeError
from ..recipe import Recipe
from ..rules import Rule, as_rules, fitted
from ..stream import Key, as_key
from .beginnings import forget, owners, record
from .construction import forget_construction, was_deferred
from .doubts import warn_of_constructors
from .followed import kind_of
from .holding import named_tensors, put_instead
from .recorder import MARK
from .recording import Cell, Draw, Recorded, Write
from .replay import replay
from .sharded import shards, whole
from .tensor import WRITTEN
from .view import View

__all__ = ["materialize"]

Module = TypeVar("Module", bound=torch.nn.Module)
Recipes: TypeAlias = Recipe | Mapping[str, Recipe] | Iterable[Rule | tuple[str, Recipe]]

# Bytes from which all threads fill a storage together; smaller ones are shared out among them.
_SHARED = 1 << 22


def materialize(
    module: Module, seed: int | Key, recipe: Recipes | None = None, *, threads: int | None = None
) -> Module:
    """Make a module on the meta device real, in place, by its own initialization drawn by name.

    What the module's `reset_parameters`, `_init_weights` and the like would write is recorded
    (`pyinit.torch.beginnings.record`) and replayed: the same distributions as eager torch, other numbers.
    Each tensor's numbers depend on the seed, its own name and what is written to it: adding a layer changes
    no other, and ``pyinit.torch.fill(tensor, recipe, key=pyinit.key(seed).fold_in(name))`` makes a tensor
    that is drawn once. `pyinit.torch.recording` has the keys of tensors that are written more than once.

    Parameters
    ----------
    module : torch.nn.Module
        Built under ``with torch.device("meta")`` or ``with pyinit.torch.deferred()``. Its real parameters and
        buffers stay as they are. It may be distributed (`fully_shard`, `parallelize_module`,
        `distribute_module`): every rank makes the parts of its DTensors that it holds, without a collective,
        with the bits of the whole module.
    seed : int or Key
        The model's key; an int is a seed.
    recipe : Recipe, mapping of pattern to Recipe, or sequence of rules, optional
        What parameters should be instead, as for `pyinit.write_checkpoint`: the first pattern that matches
        a parameter's name decides, and the module's own initialization where none does. A Recipe alone is
        for all parameters. Buffers follow a rule only where the module does not say what they are.
    threads : int, optional
        At most this many threads. The values do not depend on it.

    Returns
    -------
    torch.nn.Module
        The same object; its parameters and buffers are the same objects too. Ties, views, dtypes,
        requires_grad, attributes and hooks stay.

    Raises
    ------
    RecipeError
        If it is not known how a parameter or buffer begins, or if one is real that a method would begin. Each
        is named, with the reason; the module is still on the meta device then.
    LayoutError
        If a lazy module does not know its shapes yet.
    ShapeError, SeedError
        If a recipe cannot count fans on a shape, or the seed is not a key.

    Warns
    -----
    UserWarning
        Of a module on the meta device: if modules that hold one tensor begin it in different ways, or if a
        constructor seems to draw in a way that torch does not count.

    Notes
    -----
    Of a module built under ``torch.device("meta")`` only what its methods write can be recorded. What a
    constructor itself wrote, or whoever came after it, is lost there. Such a tensor is named in the error
    where nothing else writes to it, where torch counts more writes than the methods repeat, and in all models
    of timm and torchvision, whose constructors draw. Torch does not count what is written through
    ``tensor.data``, nor `trunc_normal_`, `orthogonal_`, `sparse_` and `dirac_` of torch.nn.init; of a sharded
    module it has forgotten what it counted. Build under ``with pyinit.torch.deferred():`` to record
    constructors.

    A tie that `fully_shard` or `parallelize_module` has cut, since it was given only one of the modules that
    hold the tensor, is made with equal bits if the module was built under `pyinit.torch.deferred`, or is a
    transformers model that declares it. Of others on the meta device it cannot be known.

    What Python's `random` or NumPy draw while a method runs is recorded as the numbers it is: the seed does
    not decide it, and ranks agree on it only where they seed these alike.

    Examples
    --------
    >>> import pyinit as pi
    >>> import torch
    >>> with torch.device("meta"):
    ...     model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    >>> model = materialize(model, seed=0)
    >>> by_hand = pi.uniform(-1 / 8, 1 / 8)((32, 64), key=pi.key(0).fold_in("0.weight"))
    >>> bool((model[0].weight.detach().numpy() == by_hand).all())
    True
    """
    root = as_key(seed)
    count = check_threads(threads)
    rules = None if recipe is None else as_rules(recipe)
    with whole(module) as distributed:
        try:
            recorded = record(module)
            if rules is not None:
                recorded = _ruled(module, recorded, rules)
            _check(module, recorded)
            if rules is None:
                warn_of_constructors(module)
        except PyinitError:
            forget(module)
            raise
    plain = {name: tensor for name, tensor in recorded.items() if name not in distributed}
    storages = _fill(plain, root, count)
    real: dict[str, torch.Tensor] = {name: _shown(tensor, storages) for name, tensor in plain.items()}
    if distributed:
        # what it imports takes longer than many a module
        real |= shards(distributed, recorded, root, count)
    with torch._C.DisableTorchFunctionSubclass():
        _install(module, real)
    return module


def _ruled(
    module: torch.nn.Module, recorded: dict[str, Recorded], rules: tuple[Rule, ...]
) -> dict[str, Recorded]:
    """Return the recording with the writes that rules ask for instead."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    registered = parameters.keys() | dict(module.named_buffers(remove_duplicate=False)).keys()
    cells: dict[int, Cell] = {}
    ruled: set[tuple[int, View]] = set()
    for name, tensor in recorded.items():
        owner = module.get_submodule(name.rpartition(".")[0]) if name in registered else module
        is_kernel = len(tensor.shape) >= 2 and tensor.dtype in WRITTEN
        rule = next((rule for rule in rules if rule.matches(name, is_kernel=is_kernel)), None)
        wanted = rule is not None and (name in parameters or tensor.unmade is not None)
        at = (id(tensor.cell), tensor.view)
        if rule is None or not wanted or at in ruled:
            continue
        ruled.add(at)
        cell = cells.setdefault(id(tensor.cell), replace(tensor.cell))
        cell.forget(tensor.view)
        recipe = _laid_out(rule.recipe, owner) if is_kernel else rule.recipe
        number = len(cell.writes)
        cell.add(Write(tensor.view, Draw(recipe, (name, number) if number else (name,))))
        rows = list(rule.zero_rows)
        padding = getattr(owner, "padding_idx", None)
        if isinstance(padding, int) and is_kernel and padding not in rows:
            rows.append(padding)
        for row in rows:
            if not tensor.shape or not 0 <= row < tensor.shape[0]:
                raise RecipeError(f"'{name}' of shape {tensor.shape} has no row {row}. Count from 0.")
            view = tensor.view
            zeros = View(view.shape[1:], view.strides[1:], view.offset + row * view.strides[0], view.dtype)
            cell.add(Write(zeros, Draw(constant(0.0), (name, len(cell.writes)))))
    return {
        name: Recorded(name, tensor.view, cells.get(id(tensor.cell), tensor.cell))
        for name, tensor in recorded.items()
    }


def _laid_out(recipe: Recipe, owner: torch.nn.Module) -> Recipe:
    """Return a recipe that counts fans as the module stores its weight, if it says nothing itself."""
    groups = getattr(owner, "groups", 1)
    return fitted(recipe, "torch", groups if isinstance(groups, int) else 1)


def _check(module: torch.nn.Module, recorded: dict[str, Recorded]) -> None:
    """Raise an error that names every tensor of which it is not known how it begins."""
    kinds = dict.fromkeys(dict(module.named_parameters(remove_duplicate=False)), "parameter")
    kinds |= dict.fromkeys(dict(module.named_buffers(remove_duplicate=False)), "buffer")
    unknown = {name: why for name, tensor in recorded.items() if (why := tensor.unmade) is not None}
    if unknown:
        named = [f"{kinds.get(name, 'attribute')} '{name}': {why}" for name, why in unknown.items()]
        more = f"; and {len(named) - _TOLD} more" if len(named) > _TOLD else ""
        deferred = all(map(was_deferred, owners(module, unknown)))
        silent = "what was recorded of it does" if deferred else "the module's own methods do"
        advice = (
            "Replace tensors inside the block of pyinit.torch.deferred() or after materialize, "
            "do what has no recipe after it"
            if deferred
            else "Build it under pyinit.torch.deferred(), which sees constructors"
        )
        raise RecipeError(
            f"materialize needs to know how each tensor of {type(module).__name__} begins; of "
            f"{len(named)} {silent} not tell: {'; '.join(named[:_TOLD])}{more}. {advice}, "
            "or pass recipe={pattern: a Recipe}."
        )
    for name, tensor in recorded.items():
        for write in tensor.writes:
            if isinstance(write.content, Draw):
                try:
                    _plan(write, write.content.recipe)
                except PyinitError as error:
                    raise type(error)(f"'{name}': {error}") from None


_TOLD = 8


def _plan(write: Write, recipe: Recipe) -> None:
    if write.view.dtype not in WRITTEN:
        known = ", ".join(WRITTEN.values())
        raise RecipeError(f"{recipe!r} needs one of {known}; it is {write.view.dtype}. Give it a constant.")
    recipe.plan(write.view.shape, WRITTEN[write.view.dtype])


def _fill(recorded: dict[str, Recorded], root: Key, threads: int | None) -> dict[int, torch.Tensor]:
    """Return the bytes of every cell."""
    cells = {id(tensor.cell): tensor.cell for tensor in recorded.values()}
    storages: dict[int, torch.Tensor] = {}
    small = []
    for at, cell in cells.items():
        # the threads that fill a large one are the first to touch it, and ask for huge pages
        storages[at] = torch.empty(cell.nbytes, dtype=torch.uint8, device="cpu")
        if cell.nbytes < _SHARED:
            small.append((cell, storages[at]))
        else:
            replay(cell.writes, storages[at], root, threads=threads)
    workers = threads or int(_core.info()["threads"])

    def each(part: list[tuple[Cell, torch.Tensor]]) -> None:
        for cell, storage in part:
            replay(cell.writes, storage, root, threads=1)

    if workers == 1 or sum(cell.nbytes for cell, _ in small) < _SHARED:
        each(small)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(each, [small[first::workers] for first in range(workers)]))
    return storages


def _shown(recorded: Recorded, storages: dict[int, torch.Tensor]) -> torch.Tensor:
    """Return a recorded tensor as a view of the bytes of its cell."""
    view = recorded.view
    storage = storages[id(recorded.cell)].untyped_storage()
    return torch.empty(0, dtype=view.dtype, device="cpu").set_(storage, view.offset, view.shape, view.strides)


def _install(module: torch.nn.Module, real: dict[str, torch.Tensor]) -> None:
    """Give the module's tensors their memory."""
    forget_construction(module)
    held = [(tensor, real[name]) for name, tensor in named_tensors(module) if name in real]
    done: dict[int, torch.Tensor] = {}
    for tensor, value in held:
        if id(tensor) not in done:
            done[id(tensor)] = _become(tensor, value)
    put_instead(
        module, {id(tensor): done[id(tensor)] for tensor, _ in held if done[id(tensor)] is not tensor}
    )


def _become(tensor: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Put memory under a tensor, and return it; or another, with all that was said of it, if it is held."""
    new = torch.nn.Parameter(real, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else real
    new.__class__ = kind_of(tensor)
    tensor.__dict__.pop(MARK, None)
    new.__dict__.update(tensor.__dict__)
    new.requires_grad_(tensor.requires_grad)
    for hooks in ("_backward_hooks", "_post_accumulate_grad_hooks"):
        if getattr(tensor, hooks, None):
            setattr(new, hooks, getattr(tensor, hooks))
    try:
        torch.utils.swap_tensors(tensor, new)  # type: ignore[no-untyped-call]
    except RuntimeError:
        # a weak reference, or a graph of autograd, points to the object
        return new
    return tensor
