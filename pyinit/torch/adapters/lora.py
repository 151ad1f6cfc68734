"""`pyinit.torch.lora`: the adapters of peft in a module, each parameter under the key of its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from ...errors import PyinitError, RecipeError
from ...recipes.distributions import normal, zeros
from ...stream.arguments import check_threads
from ...stream.key import Key, as_key
from ..errors import TensorLayoutError
from ..materialization.naming import state_names
from ..owners import Place, is_of_transformers, use_of
from ..partitions.holding import whole_shape
from ..sharing import holders_of, place_of
from ..stored import FLOATING
from ..tensor import fill
from .factors import DECOMPOSITIONS, RESIDUAL, check_rank
from .pair import check_base, check_method, check_whole, decomposed, drawn_recipes, write_paired
from .residual import mark, subtracted

__all__ = ["lora"]

# what init_lora_weights of peft begins with where it changes the base weight
_CHANGING = ("pissa", "olora", "corda", "loftq", "lora_ga")


class _Adapter(NamedTuple):
    """One adapter of a layer of peft, found by what the layer has, without importing peft."""

    name: str
    adapter: str
    layer: Any
    base: Any
    a: torch.Tensor
    b: torch.Tensor
    names: tuple[str, str]
    owners: tuple[nn.Module, nn.Module] | None
    rank: int
    scaling: float

    @property
    def is_embedding(self) -> bool:
        return self.owners is None

    @property
    def is_transposed(self) -> bool:
        """Whether the base stores (in, out): an embedding's table, or a Conv1D of transformers."""
        turned = getattr(self.layer, "fan_in_fan_out", False)
        turned = turned or is_of_transformers(type(self.base), "Conv1D")
        return self.is_embedding or bool(turned)


def lora(
    module: nn.Module,
    method: str = "kaiming",
    *,
    key: int | Key,
    adapter: str = "default",
    threads: int | None = None,
) -> tuple[str, ...]:
    """Initialize the adapters of low rank that peft put into a module.

    Each layer computes W x + s B A x. `pyinit.torch.lora_pair` has the table of the methods. Each parameter
    is drawn under its name in the module, so that an adapter depends neither on which other layers have one,
    nor on how the model is cut: fans are those of the whole tensors.

    Parameters
    ----------
    module : torch.nn.Module
        What ``peft.get_peft_model`` returned.
    method : {"kaiming", "gaussian", "orthogonal", "pissa", "olora", "mica"}
        Convolutions take kaiming and gaussian; of embeddings A is 0 and B N(0, 1) for both, as in peft, and
        mica is possible, too.
    key : int or Key
        The module's key: a parameter is drawn under ``key.fold_in(name)``.
    adapter : str
        The adapter's name in peft.
    threads : int, optional
        At most this many threads of the CPU for what is drawn.

    Returns
    -------
    tuple of str
        The names of the parameters that were written; base weights that became residuals are among them.

    Raises
    ------
    RecipeError
        If the module has no such adapter, or a layer cannot have the method: it is a convolution or an
        embedding, or uses DoRA, whose magnitudes are computed from the weights. The layer is named.
    LayoutError
        If a base weight is quantized, a part, or already a residual, for pissa, olora and mica, or tied to
        another module's for the first two; if a tensor is a part for orthogonal; if transformers has cut a
        layer without a DTensor; if the adapter is merged, or its part was subtracted from the base.
    ShapeError, DataError
        As `pyinit.torch.lora_pair`.

        Nothing is written if a layer is refused.

    Notes
    -----
    pissa and olora change the base weight for all adapters of a layer: one that was there before does not fit
    the new one. mica needs B to be frozen, as ``init_lora_weights="mica"`` does in peft; this function only
    gives it its values. kaiming and gaussian do not read the base, which may be quantized then.

    Examples
    --------
    >>> import pyinit.torch
    >>> import torch
    >>> class Adapted(torch.nn.Module):  # as peft builds it
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.base_layer = torch.nn.Linear(8, 6)
    ...         self.lora_A = torch.nn.ModuleDict({"default": torch.nn.Linear(8, 2, bias=False)})
    ...         self.lora_B = torch.nn.ModuleDict({"default": torch.nn.Linear(2, 6, bias=False)})
    ...         self.r, self.scaling = {"default": 2}, {"default": 0.5}
    ...     def get_base_layer(self):
    ...         return self.base_layer
    >>> layer = Adapted()
    >>> pyinit.torch.lora(layer, "gaussian", key=0)
    ('lora_A.default.weight', 'lora_B.default.weight')
    >>> bool((layer.lora_B["default"].weight == 0).all())
    True
    """
    check_method(method)
    root, threads = as_key(key), check_threads(threads)
    if not isinstance(module, nn.Module):
        raise RecipeError(
            f"lora needs a torch.nn.Module with adapters of peft; got {type(module).__name__}. Use lora_pair "
            "for tensors."
        )
    found = list(_adapters(module, adapter))
    if not found:
        raise RecipeError(
            f"lora needs a module with an adapter {adapter!r} of peft; got {type(module).__name__} without. "
            "Use peft.get_peft_model first, or lora_pair for tensors."
        )
    _check_start(module, adapter)
    holders = holders_of(module)
    for one in found:
        _check(one, method, holders)
    written: list[str] = []
    for one in found:
        written += _write(one, method, root, threads)
        if method in RESIDUAL:
            mark(one.base, one.base.weight, one.adapter)
    return tuple(written)


def _adapters(module: nn.Module, adapter: str) -> Iterator[_Adapter]:
    for name, layer in module.named_modules():
        if not (hasattr(layer, "get_base_layer") and hasattr(layer, "lora_A") and hasattr(layer, "scaling")):
            continue
        name = state_names(module, [name])[name]
        before = f"{name}." if name else ""
        held: Any = layer
        rank, scaling = held.r.get(adapter), held.scaling.get(adapter)
        if adapter in held.lora_A:
            owners: tuple[Any, Any] = held.lora_A[adapter], held.lora_B[adapter]
            if not isinstance(owners[0], nn.Module):
                raise RecipeError(
                    f"lora is for LoRA of peft; got {name or 'the module'}, {type(layer).__module__}."
                    f"{type(layer).__qualname__}. Have peft initialize it."
                )
            names = f"{before}lora_A.{adapter}.weight", f"{before}lora_B.{adapter}.weight"
            pair: tuple[Any, Any] = owners[0].weight, owners[1].weight
            yield _Adapter(name, adapter, held, held.get_base_layer(), *pair, names, owners, rank, scaling)
        elif adapter in getattr(held, "lora_embedding_A", {}):
            names = f"{before}lora_embedding_A.{adapter}", f"{before}lora_embedding_B.{adapter}"
            pair = held.lora_embedding_A[adapter], held.lora_embedding_B[adapter]
            yield _Adapter(name, adapter, held, held.get_base_layer(), *pair, names, None, rank, scaling)


def _check_start(module: nn.Module, adapter: str) -> None:
    """Refuse adapters with which peft has changed the base weights."""
    for one in module.modules():
        configs = getattr(one, "peft_config", None)
        start = (
            getattr(configs.get(adapter), "init_lora_weights", None) if isinstance(configs, dict) else None
        )
        if isinstance(start, str) and start.lower().startswith(_CHANGING):
            raise RecipeError(
                f"init_lora_weights={start!r} of the adapter {adapter!r} had peft change the base weights; "
                "another start would change the model. Load the base again, and use init_lora_weights=True."
            )


def _check(one: _Adapter, method: str, holders: Mapping[object, int]) -> None:
    """Refuse a layer that cannot have a method, by its name."""
    try:
        _check_layer(one, method)
        _check_weight(one, method, holders)
    except PyinitError as error:
        raise type(error)(f"{one.name or 'the module'}: {error}") from None


def _check_layer(one: _Adapter, method: str) -> None:
    of_a, of_b = whole_shape(one.a), whole_shape(one.b)
    kind = type(one.base).__name__
    if getattr(one.base, "_hf_device_mesh", None) is not None and type(one.a).__name__ != "DTensor":
        raise TensorLayoutError(
            f"transformers has cut the {kind} over ranks without a DTensor, so that the whole is unknown. "
            "Initialize the adapter before."
        )
    if getattr(one.layer, "use_dora", {}).get(one.adapter):
        raise RecipeError("DoRA computes magnitudes from the weights. Have peft initialize this layer.")
    for tensor, name in zip((one.a, one.b), one.names, strict=True):
        if tensor.is_meta or tensor.dtype not in FLOATING:
            raise TensorLayoutError(
                f"an adapter needs memory of floats; got {name} of {tensor.dtype} on {tensor.device}. Give "
                "it memory, or initialize it before it is converted."
            )
    if method in ("kaiming", "gaussian"):
        return
    is_linear = isinstance(one.base, nn.Linear) or is_of_transformers(type(one.base), "Conv1D")
    if not (is_linear or (one.is_embedding and method == "mica")):
        raise RecipeError(
            f"{method!r} is for linear layers; got an adapter of {kind}. Use 'kaiming' or 'gaussian', or "
            "leave the layer out of target_modules."
        )
    check_rank(method, one.rank, (of_b[0], of_a[1]), one.scaling, "the layer")
    for tensor, name in zip((one.a, one.b), one.names, strict=True):
        check_whole(tensor, method, name)
    if method in DECOMPOSITIONS:
        stored = (of_a[1], of_b[0]) if one.is_transposed else (of_b[0], of_a[1])
        adapted = getattr(one.layer, "parameter_name", "weight")
        if adapted != "weight" or tuple(one.base.weight.shape) != stored:
            raise RecipeError(
                f"{method!r} needs a pair for the weight {tuple(one.base.weight.shape)}; got one for "
                f"{stored} of {adapted}. Use 'kaiming' or 'gaussian'."
            )
        check_base(one.base.weight, f"{one.name}.base_layer.weight", one.base)


def _check_weight(one: _Adapter, method: str, holders: Mapping[object, int]) -> None:
    """Refuse a start that would change what the layer computes, by the weight that it adapts."""
    merged = getattr(one.layer, "merged_adapters", ())
    if one.adapter in merged or (merged and method in DECOMPOSITIONS):
        raise TensorLayoutError(
            f"the base weight holds merged adapters, {', '.join(merged)}, which could not be taken out after "
            "this start. Use unmerge_adapter first."
        )
    weight = getattr(one.base, "weight", None)
    if not isinstance(weight, torch.Tensor):
        return
    if method in RESIDUAL and holders[place_of(weight)] > 1:
        raise TensorLayoutError(
            f"{method!r} changes the base weight, which another module has, too. Untie them, or use a start "
            "that leaves it."
        )
    if weight.ndim == 2 and subtracted(one.base, weight) == one.adapter:
        raise TensorLayoutError(
            f"the part of this adapter was already subtracted from {one.name}.base_layer.weight; another "
            "start would change the model. Load the base weight again."
        )


def _write(one: _Adapter, method: str, root: Key, threads: int | None) -> list[str]:
    keys = root.fold_in(one.names[0]), root.fold_in(one.names[1])
    written = list(one.names)
    if method in DECOMPOSITIONS:
        decomposed(
            one.a, one.b, one.base.weight, method, one.rank, one.scaling, is_transposed=one.is_transposed
        )
        if method in RESIDUAL:
            written.append(f"{one.name}.base_layer.weight" if one.name else "base_layer.weight")
    elif method == "orthogonal":
        write_paired(one.a, one.b, keys, threads)
    elif one.owners is None:
        fill(one.a, zeros(), key=keys[0], threads=threads)
        fill(one.b, normal(), key=keys[1], threads=threads)
    else:
        of_a, of_b = drawn_recipes(method, one.rank)
        use = use_of(Place(one.owners[0], "weight"), whole_shape(one.a))
        fill(one.a, use.fit(of_a, whole_shape(one.a)), key=keys[0], threads=threads)
        fill(one.b, of_b, key=keys[1], threads=threads)
    bias = None if one.owners is None else getattr(one.owners[1], "bias", None)
    if isinstance(bias, torch.Tensor):
        fill(bias, zeros(), key=keys[1], threads=threads)
        written.append(one.names[1].removesuffix("weight") + "bias")
    return written
