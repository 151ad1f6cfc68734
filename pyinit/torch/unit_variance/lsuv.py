"""`pyinit.torch.lsuv`: the layers of a module, scaled on a batch one after the other, in one forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from ...errors import RecipeError
from ...lab.lsuv.receipt import LsuvReceipt
from ...lab.lsuv.scaling import aim_of, warn_of_left
from ...recipes.recipe import Recipe
from ...stream.arguments import check_threads
from ...stream.key import Key, as_key
from ..probing.admission import arguments, check_batch, check_module
from ..probing.preservation import as_found
from ..sharing import holders_of
from .between import balanced, check_homogeneous
from .scaler import Scaler
from .weights import layers_of, parts_of, why_not

__all__ = ["apply_lsuv", "lsuv"]


def lsuv(
    module: nn.Module,
    batch: Any,
    *,
    key: int | Key,
    recipe: Recipe | str = "orthogonal",
    std: float = 1.0,
    tolerance: float = 0.1,
    iterations: int = 10,
    scaling: str = "layer",
    threads: int | None = None,
) -> LsuvReceipt:
    """Scale the weights of a module on a batch, layer by layer, so that each output has unit variance.

    Layer-sequential unit variance: each weight becomes orthonormal, its bias 0; in the order of the calls,

        W <- W std / s,    s^2 = Var(output of the layer) over the batch,

    until abs(s - std) <= tolerance. There is one forward pass: a hook scales a layer at its first call, and
    hands the scaled output on. The module runs in the mode of ``eval()``. Its weights change in place; its
    mode, buffers, gradients and torch's generators stay as they were.

    Parameters
    ----------
    module : torch.nn.Module
        An eager module with memory. The layers are Linear, convolutions, transposed ones too, the Conv1D of
        transformers, and MultiheadAttention. Of attention the projections of queries, keys and values are
        scaled each by its own output, and then the output projection.
    batch : Tensor, tuple, list or mapping
        The arguments of the module: one, several, or keyword arguments. Floating-point tensors must be
        finite.
    key : int or Key
        The module's key; each weight is drawn under its name in it, each projection in ``in_proj_weight``
        under the number of its first row in that.
    recipe : Recipe or str
        What the weights are before they are scaled.
    std : float
        The standard deviation to reach.
    tolerance : float
        A layer whose standard deviation is this near is not scaled again.
    iterations : int
        At most so many factors are tried for a layer.
    scaling : {"layer", "unit", "between"}
        One factor for a layer (Mishkin and Matas), or one for each of its units or channels, with a bias that
        makes the unit's mean 0: the within-layer normalization of Krähenbühl et al.
        "between" adds their between-layer scaling, as in `pyinit.lsuv`, for nn.Sequential of layers, relu,
        leaky_relu and pooling.
    threads : int, optional
        At most this many threads of the CPU. The values do not depend on it.

    Returns
    -------
    LsuvReceipt
        Per layer the recipe, the key and the factors. `pyinit.torch.apply_lsuv` makes the weights again.

    Raises
    ------
    RecipeError
        If the module calls no layer that can be scaled, is compiled or scripted, or an option is not valid.
    LayoutError
        If a parameter has no memory, or this rank holds only a part of it.
    ShapeError, DataError
        If the batch is empty or not finite. Nothing is written then.

    Warns
    -----
    UserWarning
        If a layer is left as it was: it is dead, as its output, or each unit of it, is one number or not
        finite; its weight is computed by a parametrization, quantized, or cannot hold what is scaled; its
        weight or bias is shared with another module; or the module does not call it. The receipt names it.

    Notes
    -----
    A layer that is called several times is scaled by its first call. Parameters that do not require gradients
    are scaled like others. With one factor for each unit, a unit that is one number keeps the factor 1. If
    the module itself raises an error, the layers that it had called by then have changed.

    References
    ----------
    Mishkin and Matas, "All you need is a good init", ICLR 2016, arXiv 1511.06422, algorithm 1. Krähenbühl et
    al., "Data-dependent initializations of convolutional neural networks", ICLR 2016, arXiv 1511.06856,
    sections 3.1 and 3.2.

    Examples
    --------
    >>> import pyinit.torch
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
    >>> x = torch.arange(160.0).reshape(20, 8).sin()
    >>> receipt = pyinit.torch.lsuv(model, x, key=0, tolerance=0.001)
    >>> [(one.weight, f"{one.after:.2f}") for one in receipt.layers]
    [('0.weight', '1.00'), ('2.weight', '1.00')]
    """
    check_module(module, "lsuv", "Use pyinit.lsuv for a network.")
    args, kwargs = arguments(batch)
    given = (*args, *kwargs.values())
    check_batch(list(given))
    aim = aim_of(recipe, std, tolerance, iterations, scaling)
    if aim.recipe is None:
        raise RecipeError("pyinit.torch.lsuv needs a recipe to draw from; got None. Use 'orthogonal'.")
    scaler = Scaler(aim, aim.recipe, as_key(key), check_threads(threads))
    layers, refused = _sorted(module)
    for name, layer in layers.items():
        for part in parts_of(name, layer):
            # a recipe that cannot make a weight is refused before any is drawn
            part.fitted(aim.recipe).plan(tuple(part.memory.shape))
    if scaling == "between":
        check_homogeneous(module, layers)
    with as_found(module, gradients=False), _without_fast_path(), ExitStack() as stack:
        module.eval()
        for name, layer in layers.items():
            for hook in scaler.watch(name, layer):
                stack.callback(hook.remove)
        module(*args, **kwargs)
    made = scaler.made
    if scaling == "between":
        with as_found(module, gradients=True):
            made = balanced(module.eval(), made, layers, given, scaler.root, scaler.threads)
    if not scaler.called and not refused:
        raise RecipeError(
            f"lsuv needs a module that calls a layer with weights; got {type(module).__name__}, which calls "
            f"none of its {len(layers)}. Give a module with Linear, Conv or MultiheadAttention layers."
        )
    uncalled = [(name, "the module does not call it") for name in layers if name not in scaler.called]
    left = (*scaler.left, *refused, *uncalled)
    warn_of_left(left)
    return LsuvReceipt(tuple(made), left)


def apply_lsuv(module: nn.Module, receipt: LsuvReceipt, *, threads: int | None = None) -> None:
    """Give a module the weights of a receipt, bit for bit, without the data.

    Parameters
    ----------
    module : torch.nn.Module
        The module that was scaled, or one of the same layers, shapes and dtypes. Layers that were left are
        not changed.
    receipt : LsuvReceipt
        What `pyinit.torch.lsuv` returned.
    threads : int, optional
        At most this many threads of the CPU.

    Raises
    ------
    RecipeError
        If the module lacks a weight of the receipt. Nothing is written then.
    ShapeError
        If a weight has another shape or number of units. Nothing is written then.

    Examples
    --------
    >>> import pyinit.torch
    >>> import torch
    >>> one, two = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
    >>> receipt = pyinit.torch.lsuv(one, torch.eye(4), key=0)
    >>> pyinit.torch.apply_lsuv(two, receipt)
    >>> torch.equal(one.weight, two.weight)
    True
    """
    check_module(module, "lsuv", "Use receipt.apply for a network.")
    check_threads(threads)
    layers, _ = _sorted(module)
    parts = {
        (part.weight, part.rows): part for name, layer in layers.items() for part in parts_of(name, layer)
    }
    missing = [one.weight for one in receipt.layers if (one.weight, one.rows) not in parts]
    if missing:
        raise RecipeError(
            f"the receipt has {missing[0]}, which the module does not have as a weight to scale; "
            f"{len(missing)} in all. Give the module that was scaled."
        )
    for one in receipt.layers:
        part = parts[one.weight, one.rows]
        one.check_shape(tuple(part.memory.shape), part.units)
    with torch.no_grad():
        for one in receipt.layers:
            part = parts[one.weight, one.rows]
            part.draw(one.recipe, one.key, threads)
            part.scale(one.factors, one.bias)


def _sorted(module: nn.Module) -> tuple[dict[str, nn.Module], list[tuple[str, str]]]:
    """Return the layers to scale, by name, and those that cannot be, with the reasons."""
    holders = holders_of(module)
    layers, left = {}, []
    for name, layer in layers_of(module):
        reason = why_not(layer, holders)
        if reason is None:
            layers[name] = layer
        else:
            left.append((name, reason))
    return layers, left


@contextmanager
def _without_fast_path() -> Iterator[None]:
    """Have attention call its modules: its fused path does not."""
    was = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was)
