"""The one way from a recipe into a torch tensor: in place, for any strides."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from ..recipes.recipe import Recipe, as_recipe
from ..stream.arguments import check_threads
from ..stream.dtypes import bits_dtype, resolve, unsupported
from ..stream.fill import planned
from ..stream.kernels import execute
from ..stream.key import Key, as_key
from ..stream.plan import Plan
from ..stream.window import Shape, Window, contiguous_blocks
from .device import execute_on_device, is_on_device
from .errors import TensorDTypeError, TensorLayoutError
from .partitions.holding import partition_of
from .small import draw_small
from .stored import FORMATS, as_stored

__all__ = ["FORMATS", "check_lasting", "fill", "fill_under", "memory"]

TensorType = TypeVar("TensorType", bound=torch.Tensor)
Array = npt.NDArray[Any]

_STORED = {name: bits_dtype(resolve(name)) for name in FORMATS.values()}

_BLOCK = 1 << 17
"""Elements of a strided tensor that are drawn at once, and stay in a core's cache until they are copied."""


def fill(
    tensor: TensorType,
    recipe: Recipe | str | dict[str, Any],
    *,
    key: int | Key,
    window: Window | None = None,
    threads: int | None = None,
) -> TensorType:
    """Fill a tensor in place with the values of a recipe under a key.

    Autograd does not record the fill, as under ``torch.no_grad()``. The tensor's version is raised, so that a
    backward pass that needs the old values raises an error.

    Parameters
    ----------
    tensor : torch.Tensor
        A tensor on the CPU or on a CUDA device, in float32, float64, bfloat16, float16, float8_e4m3fn,
        float8_e5m2, complex64 or complex128, with any strides.
        Each element gets the value of its logical index, the same bits on every device. A contiguous tensor
        is written without a copy, a strided one block by block. On a device the values are drawn there, on
        the current stream; the kernels are compiled at their first use, by the NVRTC that torch brings. Each
        rank fills its part of a DTensor, without a collective: ``full_tensor()`` has the values of a plain
        tensor, on any mesh and for every placement but Partial. The same holds for parameters that
        DeepSpeed's ZeRO-3, the first FSDP with ``use_orig_params=True`` and Megatron's tensor parallelism
        have cut: the recipe counts the fans of the whole tensor.
    recipe : Recipe, str or dict
        What the weights should be: a recipe, its name, or what ``Recipe.to_dict`` returns. If the recipe does
        not name axes, a matrix is (out, in), as torch's layers store it. A tensor alone does not show how it
        is used, so a recipe that counts fans has to name the axes if there are more than two;
        `pyinit.torch.materialize` knows the layers of a module.
    key : int or Key
        The parameter's key; an int is a seed.
    window : Window, optional
        The position of `tensor` in the whole tensor, if it is a part of one.
    threads : int, optional
        At most this many threads of the CPU; by default PYINIT_NUM_THREADS, else the CPUs of this process.
        The values do not depend on it.

    Returns
    -------
    torch.Tensor
        The same object.

    Raises
    ------
    LayoutError
        If the tensor is on another device, is sparse, quantized or expanded, is of inference mode outside of
        it, or is computed: see Notes. Also a RuntimeError, as torch's. If the recipe counts fans and does not
        name the axes of a tensor with more than two. If it is unknown which part of a tensor this rank holds,
        or its library would overwrite the values: a flat parameter of FSDP, a parameter of Megatron without
        parallel_state, one of ZeRO-3 that is quantized, offloaded or held by an optimizer.
    DTypeError
        If the tensor holds another dtype. Also a RuntimeError, as torch's.
    DeviceError
        If the tensor is on a CUDA device that is too old, or whose compiler is missing or does not fit the
        driver.
    ShapeError, RecipeError, SeedError
        As `pyinit.fill`. Nothing is written then.

    Notes
    -----
    A weight that a parametrization computes, like every copy, is made anew for each access, so that a write
    to it is lost. Such a tensor is refused if torch recorded how it was computed. Under ``torch.no_grad()``
    torch records nothing, and the write is lost without an error. Assign instead, as in ``layer.weight =
    filled``, or fill the tensor from which the weight is computed.

    Of a parameter of ZeRO-3, fill the parameter itself, inside or outside of ``GatheredParameters``, on all
    ranks or on the ``modifier_rank``: outside, its ``data`` is an empty tensor that nothing marks.

    Examples
    --------
    >>> import pyinit as pi
    >>> import torch
    >>> w = torch.empty(2, 3, dtype=torch.bfloat16)
    >>> fill(w, pi.constant(0.5), key=0) is w
    True
    >>> w
    tensor([[0.5000, 0.5000, 0.5000],
            [0.5000, 0.5000, 0.5000]], dtype=torch.bfloat16)
    """
    recipe, threads = as_recipe(recipe), check_threads(threads)
    if (
        window is None
        # another subclass may hold numbers that == does not compare
        and "__dataclass_fields__" in type(recipe).__dict__
        and draw_small(recipe, (tensor,), {}, _itself, lambda: _words(as_key(key)))
    ):
        return tensor
    return fill_under(tensor, recipe, lambda: as_key(key), window, threads)


def _itself(recipe: Recipe, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recipe:
    return recipe


def _words(key: Key) -> tuple[int, int]:
    return key.seed, key.offset


def fill_under(
    tensor: TensorType,
    recipe: Recipe,
    key: Callable[[], Key],
    window: Window | None = None,
    threads: int | None = None,
) -> TensorType:
    """Fill a tensor under a key; `key` is called once, after all other arguments are checked."""
    threads = check_threads(threads)
    parts = _held(tensor, window)
    if parts is not None:
        for part, place in parts:
            _prepared(part, recipe, place)
        where = key()
        for part, place in parts:
            fill(part, recipe, key=where, window=place, threads=threads)
        torch.autograd.graph.increment_version(tensor)
        return tensor
    array, plan, start = _prepared(tensor, recipe, window)
    where = key()
    torch.autograd.graph.increment_version(tensor)
    if array is None:
        execute_on_device(plan, tensor, where, start)
    elif array.flags.carray:
        execute(plan, array, where, start, threads)
    else:
        _execute_strided(plan, array, where, start or (0,) * array.ndim, threads)
    return tensor


def _held(tensor: Any, window: Window | None) -> list[tuple[torch.Tensor, Window]] | None:
    """Return the parts that this rank holds of a tensor that is cut over ranks; None for a whole tensor."""
    if not isinstance(tensor, torch.Tensor):
        return None
    distributed = sys.modules.get("torch.distributed.tensor")
    if distributed is not None and isinstance(tensor, distributed.DTensor):
        from .placement import local_parts

        return local_parts(tensor, window)
    partition = partition_of(tensor)
    return None if partition is None else partition.within(tensor, window)


def _prepared(
    tensor: torch.Tensor, recipe: Recipe, window: Window | None
) -> tuple[Array | None, Plan, Shape | None]:
    """Return a tensor's memory, None if it is on a device, its plan, and its start in the whole tensor.

    Raise an error if it cannot be filled.
    """
    array, dtype = _borrow(tensor)
    shape = tuple(tensor.shape)
    recipe = as_stored(recipe, shape if window is None else window.global_shape)
    plan, start = planned(recipe, shape, dtype, window)
    return array, plan, start


def _execute_strided(plan: Plan, array: Array, key: Key, start: Shape, threads: int | None) -> None:
    """Run a plan's kernel on memory with gaps or in another order."""
    most = max(array.size, 1) if plan.is_drawn_whole else _BLOCK
    drawn = np.empty(min(array.size, most), array.dtype)
    for block, extent in contiguous_blocks(array.shape, most):
        part = drawn[: math.prod(extent)].reshape(extent)
        execute(plan, part, key, tuple(map(sum, zip(start, block.start, strict=True))), threads)
        array[tuple(slice(i, i + n) for i, n in zip(block.start, extent, strict=True))] = part


def _borrow(tensor: Any) -> tuple[Array | None, str]:
    """Return a tensor's memory as an array, bfloat16 and float8 as bits, and the name of its format.

    The memory of a device is None.
    """
    if not isinstance(tensor, torch.Tensor):
        raise TensorLayoutError(
            f"pyinit.torch needs a torch.Tensor; got {type(tensor).__name__}. "
            "Use pyinit.fill for other buffers."
        )
    name = FORMATS.get(tensor.dtype)
    on_device = is_on_device(tensor)
    is_near = tensor.is_cpu or on_device
    if not is_near or tensor.layout is not torch.strided or (name is None and tensor.is_quantized):
        raise TensorLayoutError(_why_not(tensor))
    if name is None:
        advice = "Fill one of these and convert: tensor.copy_(filled)."
        raise unsupported("pyinit.torch needs a tensor of", tensor.dtype, advice, TensorDTypeError)
    check_lasting(tensor)
    if tensor.is_inference() and not torch.is_inference_mode_enabled():
        raise TensorLayoutError(
            "pyinit.torch needs a tensor that may change; got one of inference mode, outside of it. "
            "Fill it under torch.inference_mode(), or a clone()."
        )
    try:
        if on_device:
            _check_memory(tensor)
            array, expanded = None, _is_expanded(tensor.shape, tensor.stride())
        else:
            array = memory(tensor, _STORED[name])
            expanded = not array.flags.c_contiguous and _is_expanded(array.shape, array.strides)
    except (RuntimeError, TypeError) as error:
        # wrappers: DTensor, FakeTensor, functorch's; and lazily negated memory
        reason = str(error).rstrip(".")
        raise TensorLayoutError(
            f"pyinit.torch needs plain memory; got a {type(tensor).__name__}: {reason}. "
            "Fill the plain tensor inside it, with a window."
        ) from None
    if expanded:
        raise TensorLayoutError(
            "pyinit.torch needs a memory location for each element; got an expanded tensor of shape "
            f"{tuple(tensor.shape)} with strides {tuple(tensor.stride())}. Fill a clone() of it."
        )
    return array, name


def check_lasting(tensor: torch.Tensor) -> None:
    """Refuse a tensor that autograd knows to be computed from others, where a write would be lost."""
    if tensor.grad_fn is None:
        return
    # a view of a parameter has a grad_fn, too
    base = tensor._base
    if base is None or base.grad_fn is not None:
        raise TensorLayoutError(
            "pyinit.torch needs a tensor that keeps what is written to it; got one that is computed from "
            "others. Assign instead, as in layer.weight = filled for a parametrized weight, or fill the "
            "tensor from which it is computed."
        )


def _is_expanded(shape: Shape, steps: Shape) -> bool:
    """Return whether several elements are at one address."""
    return any(step == 0 and n > 1 for step, n in zip(steps, shape, strict=True))


_PLACE = 64
"""An address for a tensor without elements; every dtype is aligned there."""


class _Exporter:
    """The array interface of a tensor's memory, for NumPy."""

    def __init__(self, interface: dict[str, Any], owner: torch.Tensor) -> None:
        self.__array_interface__ = interface
        self._owner = owner


def _check_memory(tensor: torch.Tensor) -> int:
    """Return where a tensor's memory begins; raise TypeError if it is not what the tensor holds."""
    if type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        raise TypeError("operations on it are redefined")
    if tensor.is_neg():
        raise TypeError("its negative bit is set")
    if tensor.is_conj():
        raise TypeError("its conjugate bit is set")
    address = tensor.data_ptr()
    if address == 0 and tensor.numel() > 0:
        raise TypeError("it has no memory of its own")
    ends = (
        tensor.storage_offset()
        + 1
        + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    )
    held = tensor.untyped_storage().nbytes()
    if tensor.numel() > 0 and ends * tensor.element_size() > held:
        raise TypeError(f"its storage was resized to {held} bytes and ends before its last element")
    return address


def memory(tensor: torch.Tensor, stored: np.dtype[Any]) -> Array:
    """Return a tensor's memory as an array, which keeps the tensor alive.

    After ``tensor.numpy()`` torch would not resize the storage any more, as FSDP and others need.
    """
    address = _check_memory(tensor)
    steps = None if tensor.is_contiguous() else tuple(n * stored.itemsize for n in tensor.stride())
    interface = {
        # an older NumPy reads 0 as no memory at all; of a tensor without elements nothing is read
        "data": (address or _PLACE, False),
        "shape": tuple(tensor.shape),
        "strides": steps,
        "typestr": stored.str,
        "version": 3,
    }
    return np.asarray(_Exporter(interface, tensor))


def _why_not(tensor: torch.Tensor) -> str:
    if tensor.is_meta:
        return (
            "pyinit.torch needs memory; got a meta tensor. Use torch.empty_like(tensor, device='cpu'), "
            "or pyinit.torch.materialize for a module."
        )
    if not (tensor.is_cpu or is_on_device(tensor)):
        kind = f"{tensor.device}, of ROCm" if tensor.is_cuda else str(tensor.device)
        return (
            f"pyinit.torch needs a tensor on the CPU or on a CUDA device; got one on {kind}. "
            "Fill a CPU tensor and copy it over: tensor.copy_(filled)."
        )
    if tensor.is_quantized:
        return (
            f"pyinit.torch needs floating-point memory; got a quantized tensor of {tensor.dtype}. "
            "Fill a float tensor and quantize it."
        )
    return (
        f"pyinit.torch needs strided memory; got a tensor of layout {tensor.layout}. "
        "Fill a dense tensor and convert it."
    )
