"""A module on the meta device becomes real, in place: its own initialization, drawn by name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from ... import _core
from ...stream.arguments import check_threads
from ...stream.key import Key, as_key
from .construction import forget_construction
from .deciding import Recipes, as_asked, before_names, decided
from .followed import kind_of
from .holding import named_tensors, put_instead
from .recorder import MARK
from .recording import Cell, Recorded
from .replay import replay
from .sharded import shards, whole

__all__ = ["materialize"]

Module = TypeVar("Module", bound=torch.nn.Module)

# Bytes from which all threads fill a storage together; smaller ones are shared out among them.
_SHARED = 1 << 22


def materialize(
    module: Module,
    recipe: Recipes | None = None,
    *,
    key: int | Key,
    prefix: str = "",
    threads: int | None = None,
) -> Module:
    """Make a module on the meta device real, in place, by its own initialization drawn by name.

    What the module's `reset_parameters`, `_init_weights` and the like would write is recorded and
    replayed: the same distributions as eager torch, other numbers. Each tensor's numbers depend on the key,
    its own name and what is written to it: adding a layer changes no other, and
    ``pyinit.torch.fill(tensor, recipe, key=pyinit.key(0).fold_in(name))`` makes a tensor that is drawn once.
    Where a tensor is written more than once, a draw that follows n writes has that key folded with n.

    Parameters
    ----------
    module : torch.nn.Module
        Built under ``with torch.device("meta")`` or ``with pyinit.torch.deferred()``. Its real parameters and
        buffers stay as they are. It may be distributed (`fully_shard`, `parallelize_module`,
        `distribute_module`): every rank makes the parts of its DTensors that it holds, without a collective,
        with the bits of the whole module.
    recipe : Recipe, str, mapping of pattern to recipe, or sequence of rules, optional
        What parameters should be instead; see Notes. One recipe, or its name, is for the kernels that the
        module draws at random; its biases that are drawn become zeros, and all else keeps the module's own
        values. Of ordered patterns the first that matches a parameter's name decides, and the module's own
        initialization where none does.
    key : int or Key
        The model's key; an int is a seed.
    prefix : str
        The module's name in the whole model, such as ``"layers.2"``, where it is a part: a stage of a
        pipeline, what FSDP's ``param_init_fn`` is given. It stands before the names that make the keys and
        that patterns match, without the names of wrappers; leave out the ``module`` of DataParallel yourself.
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
        is named, with the reason; the module is still on the meta device then. If a name or a pattern
        matches nothing (with a prefix, only one that begins with it), or two rules name one tied tensor. If a
        recipe is given and all tensors are real.
    LayoutError
        If a lazy module does not know its shapes yet. If a recipe counts fans, names no axes, and nobody
        knows what the axes of a weight are.
    ShapeError, SeedError
        If a recipe cannot count fans on a shape, or the key is not one.

    Warns
    -----
    UserWarning
        Of a module on the meta device: if modules that hold one tensor begin it in different ways, or if a
        constructor seems to draw in a way that torch does not count. Of a module with parameters: if all its
        tensors are real, so that there is nothing to make.

    Notes
    -----
    *Fans* are those of the layer that owns a weight, unless the recipe names a layout or axes: of transposed
    convolutions with their stride, of groups, of transformers' Conv1D, of bilinear layers, and of
    parametrized ones. A matrix of another module is (out, in). A weight of more than two axes is a
    convolution's only if its module has a ``kernel_size`` that fits; a stack, such as experts, needs a recipe
    that says so: ``he_normal(batch_axis=0)``, whose other axes are (out, in), or in_axis and out_axis, too.

    *One recipe* is for the weights of layers, embeddings included, whose fan_in is the number of features. It
    leaves norms alone, tables that are parameters of other modules (named ``*embed``, ``*embedding(s)``,
    ``*token(s)``, ``*table``), vectors that are not called bias, constants (those of a part, such as a forget
    gate's biases, too), and every buffer.

    *Names* are those of the state dict of the module without wrappers: torch.compile, activation
    checkpointing, FSDP and DataParallel change no number and no rule. A buffer follows a rule with its own
    name, and a pattern only where the module does not say what it is and no parameter matches the pattern. A
    rule for the name of a parametrized
    weight is for what it is computed from; of a weight-normed one the direction follows the recipe and
    the magnitude becomes its norm, so that the weight is what was asked for.

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

    What Python's `random` or NumPy draw while a method runs is recorded as the numbers it is: the key does
    not decide it, and ranks agree on it only where they seed these alike.

    Examples
    --------
    >>> import pyinit as pi
    >>> import torch
    >>> with torch.device("meta"):
    ...     model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    >>> model = materialize(model, key=0)
    >>> by_hand = pi.uniform(-1 / 8, 1 / 8)((32, 64), key=pi.key(0).fold_in("0.weight"))
    >>> bool((model[0].weight.detach().numpy() == by_hand).all())
    True
    """
    root = as_key(key)
    count = check_threads(threads)
    before, asked = before_names(prefix), as_asked(recipe)
    with whole(module) as distributed:
        recorded = decided(module, asked, before)
    plain = {name: tensor for name, tensor in recorded.items() if name not in distributed}
    storages = _fill(plain, root, count)
    real: dict[str, torch.Tensor] = {name: _shown(tensor, storages) for name, tensor in plain.items()}
    if distributed:
        # what it imports takes longer than many a module
        real |= shards(distributed, recorded, root, count)
    with torch._C.DisableTorchFunctionSubclass():
        _install(module, real)
    return module


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
