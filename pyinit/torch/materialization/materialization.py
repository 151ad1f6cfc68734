"""A module on the meta device becomes real, in place, by its own initialization drawn by name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from ... import _core
from ...stream.arguments import check_threads
from ...stream.key import Key, as_key
from ..device import is_cuda
from .construction import forget_construction
from .deciding import Recipes, before_names, checked_recipes, decided
from .destination import destination, replayed_on
from .followed import kind_of
from .holding import named_tensors, substitute
from .partitioned import made_parts, whole_recordings
from .recorder import MARK
from .recording import Cell, Recorded
from .replay import replay
from .sharded import shards, stand_ins

__all__ = ["materialize"]

Module = TypeVar("Module", bound=torch.nn.Module)

# Storages of at least this many bytes are filled by all threads together; smaller ones are distributed over
# them.
_SHARED = 1 << 22


def materialize(
    module: Module,
    recipe: Recipes | None = None,
    *,
    key: int | Key,
    prefix: str = "",
    threads: int | None = None,
    device: torch.device | str | None = None,
) -> Module:
    """Make a module on the meta device real, in place, by its own initialization drawn by name.

    The writes of the module's `reset_parameters`, `_init_weights` and similar methods are recorded and
    replayed. The distributions are those of eager torch, the numbers are not. Each tensor's numbers depend on
    the key, on the tensor's name and on the writes to it, so that a new layer changes no other layer, and
    ``pyinit.torch.fill(tensor, recipe, key=pyinit.key(0).fold_in(name))`` makes a tensor that is drawn once.
    If a tensor is written more than once, the key of a draw after n writes is that key folded with n.

    Parameters
    ----------
    module : torch.nn.Module
        A module that was built under ``with torch.device("meta")`` or ``with pyinit.torch.deferred()``. Its
        real parameters and buffers stay as they are. It may be distributed (`fully_shard`,
        `parallelize_module`, `distribute_module`): every rank makes its own parts of the DTensors, without a
        collective, with the bits of the whole module. The same holds for parameters that Megatron has marked
        as ``tensor_model_parallel``.
    recipe : Recipe, str, mapping of pattern to recipe, or sequence of rules, optional
        What the parameters should be instead; see Notes. One recipe, or its name, is for the kernels that the
        module draws at random; biases that it draws become zeros, and everything else keeps the module's own
        values. Of several patterns, the first one that matches a parameter's name decides; a parameter that
        matches none keeps the module's own initialization.
    key : int or Key
        The model's key; an int is a seed.
    prefix : str
        The module's name in the whole model, such as ``"layers.2"``, if it is a part: a stage of a pipeline,
        or the argument of FSDP's ``param_init_fn``. It is prepended, without the names of wrappers, to the
        names that make the keys and that patterns match; leave out the ``module`` of DataParallel yourself.
    threads : int, optional
        At most this many threads. The values do not depend on it.
    device : torch.device or str, optional
        Where the tensors become real: "cpu", the default, or a CUDA device, on which they are drawn. The bits
        are the same. A DTensor on a mesh of CUDA devices is made on this rank's current one, whatever is
        given. What an operator of torch's computes from draws or constants is made on the CPU and copied.

    Returns
    -------
    torch.nn.Module
        The same object, with the same parameter and buffer objects. Ties, views, dtypes, requires_grad,
        attributes and hooks stay.

    Raises
    ------
    RecipeError
        If the initialization of a parameter or buffer is unknown, or if a method would initialize a real one.
        Each is named, with the reason, and the module stays on the meta device. If a name or a pattern
        matches nothing (with a prefix, only one that begins with it), or two rules name one tied tensor. If a
        recipe is given and all tensors are real, or if all are real and DeepSpeed's ZeRO-3, the first FSDP or
        Megatron has cut one. If an expert is numbered within its rank, as Megatron's are.
    DeviceError
        If the CUDA device is too old, or its compiler is missing or does not fit the driver.
    LayoutError
        If the device is neither the CPU nor a CUDA device. If a lazy module does not know its shapes yet. If
        a recipe counts fans and names no axes, and the axes of a weight are unknown.
    ShapeError, SeedError
        If a recipe cannot count fans on a shape, or the key is not valid.

    Warns
    -----
    UserWarning
        If modules on the meta device that hold one tensor initialize it in different ways, or if a
        constructor seems to draw in a way that torch does not count. If all tensors of a module with
        parameters are real, so that there is nothing to make.

    Notes
    -----
    *Fans* are those of the layer that owns a weight, unless the recipe names a layout or axes. This includes
    transposed convolutions with their stride, groups, transformers' Conv1D, bilinear layers and parametrized
    layers. A matrix of another module is (out, in). A weight of more than two axes counts as a convolution's
    only if its module has a ``kernel_size`` that fits. A stack, such as experts, needs a recipe with
    ``batch_axis``: ``he_normal(batch_axis=0)``, whose other axes are (out, in) unless in_axis and out_axis
    are given.

    *One recipe* is for the weights of layers and of embeddings, whose fan_in is the number of features. It
    does not change norms, tables that are parameters of other modules (named ``*embed``, ``*embedding(s)``,
    ``*token(s)``, ``*table``), vectors that are not called bias, constants (also those of a part, such as the
    biases of a forget gate), and buffers.

    *Names* are those of the state dict of the module without wrappers: torch.compile, activation
    checkpointing, FSDP and DataParallel change no number and no rule. A buffer follows a rule with its own
    name; it follows a pattern only if the module does not initialize it and the pattern matches no parameter.
    A rule for the name of a parametrized weight applies to the tensor from which the weight is computed. Of a
    weight-normed weight, the direction follows the recipe and the magnitude becomes its norm, so that the
    weight itself follows the recipe.

    Only the writes of methods can be recorded for a module built under ``torch.device("meta")``. The writes
    of a constructor, and later ones, are lost there. The error names such a tensor if nothing else writes to
    it, if torch counts more writes than the methods repeat, and in all models of timm and torchvision, whose
    constructors draw. Torch does not count writes through ``tensor.data``, nor those of `trunc_normal_`,
    `orthogonal_`, `sparse_` and `dirac_` of torch.nn.init, and it keeps no count for a sharded module. Build
    under ``with pyinit.torch.deferred():`` to record constructors.

    `fully_shard` and `parallelize_module` cut a tie if they are given only one of the modules that hold the
    tensor. The tensors still get equal bits if the module was built under `pyinit.torch.deferred`, or is a
    transformers model that declares the tie. For other modules on the meta device, the tie is unknown.

    Draws of Python's `random` or NumPy in a method are recorded as numbers: the key does not decide them, and
    ranks agree on them only if they seed these generators alike.

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
    count, where = check_threads(threads), destination(device)
    before, recipes = before_names(prefix), checked_recipes(recipe)
    with stand_ins(module) as distributed:
        recorded = decided(module, recipes, before)
        plain = {name: tensor for name, tensor in recorded.items() if name not in distributed}
        parts = whole_recordings(module, plain, before)
    plain = {name: tensor for name, tensor in plain.items() if name not in parts}
    storages = _fill(plain, root, count, where)
    real: dict[str, torch.Tensor] = {name: _tensor_of(tensor, storages) for name, tensor in plain.items()}
    real |= made_parts(parts, root, count, where)
    if distributed:
        # its imports take longer than many a module
        real |= shards(distributed, recorded, root, count)
    with torch._C.DisableTorchFunctionSubclass():
        _install(module, real)
    return module


def _fill(
    recorded: dict[str, Recorded], root: Key, threads: int | None, where: torch.device
) -> dict[int, torch.Tensor]:
    """Return the bytes of each cell."""
    cells = {id(tensor.cell): tensor.cell for tensor in recorded.values()}
    if is_cuda(where):
        return {at: replayed_on(where, cell, root, threads) for at, cell in cells.items()}
    storages: dict[int, torch.Tensor] = {}
    small = []
    for at, cell in cells.items():
        # the threads that fill a large storage are the first to touch it, and request huge pages
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


def _tensor_of(recorded: Recorded, storages: dict[int, torch.Tensor]) -> torch.Tensor:
    """Return a recorded tensor as a view of the bytes of its cell."""
    view = recorded.view
    storage = storages[id(recorded.cell)].untyped_storage()
    empty = torch.empty(0, dtype=view.dtype, device=storage.device)
    return empty.set_(storage, view.offset, view.shape, view.strides)


def _install(module: torch.nn.Module, real: dict[str, torch.Tensor]) -> None:
    """Give the module's tensors their memory."""
    forget_construction(module)
    held = [(tensor, real[name]) for name, tensor in named_tensors(module) if name in real]
    done: dict[int, torch.Tensor] = {}
    for tensor, value in held:
        if id(tensor) not in done:
            done[id(tensor)] = _become(tensor, value)
    substitute(module, {id(tensor): done[id(tensor)] for tensor, _ in held if done[id(tensor)] is not tensor})


def _become(tensor: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Give a tensor its memory, and return it; or return a new tensor if the object cannot be kept."""
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
        # a weak reference, or a graph of autograd, refers to the object
        return new
    return tensor
