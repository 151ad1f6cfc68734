"""`pyinit.torch.lora_pair`: the two tensors of one adapter, and what remains of the weight that it adapts."""

from __future__ import annotations

import math
from typing import Any

import torch

from ...errors import RecipeError, ShapeError
from ...recipes.distributions import normal, zeros
from ...recipes.famous import kaiming_uniform
from ...recipes.names import suggestion
from ...recipes.recipe import Recipe
from ...stream.arguments import brief, check_threads
from ...stream.key import Key, as_key
from ..errors import TensorLayoutError
from ..partitions.holding import partition_of, whole_shape
from ..stored import FLOATING
from ..tensor import check_lasting, fill
from .factors import DECOMPOSITIONS, METHODS, RESIDUAL, check_finite, check_rank, paired
from .residual import mark, subtracted

__all__ = [
    "check_base",
    "check_method",
    "check_whole",
    "decomposed",
    "drawn_recipes",
    "lora_pair",
    "write_paired",
]


def lora_pair(
    a: torch.Tensor,
    b: torch.Tensor,
    method: str = "kaiming",
    *,
    key: int | Key,
    base: torch.Tensor | None = None,
    scaling: float = 1.0,
    threads: int | None = None,
) -> None:
    """Initialize the pair of an adapter of low rank, W + s B A, in place.

    ==========  ====================================  =============================================
    method      A (r, in)                             B (out, r)
    ==========  ====================================  =============================================
    kaiming     U(-1/sqrt(in), 1/sqrt(in))            0
    gaussian    N(0, 1/r^2)                           0
    orthogonal  (X Q_odd)^T / 10, X (in, r/2) normal  Y Q_even / 10, Q (r, r) orthogonal, so B A = 0
    pissa       sqrt(S_r / s) V_r^T of W = U S V^T    U_r sqrt(S_r / s); W becomes W - s B A
    olora       R_r of W = Q R                        Q_r; W becomes W - s B A
    mica        0                                     the last r columns of U; to be frozen
    ==========  ====================================  =============================================

    Parameters
    ----------
    a, b : torch.Tensor
        Shapes (r, in) and (out, r). DTensors and parts of ZeRO-3 and Megatron are filled as the parts of the
        whole tensors for kaiming and gaussian, with the fans of the whole, and are refused for the others.
    method : str
        One of those above.
    key : int or Key
        The pair's key: A is drawn under ``key.fold_in("lora_A")``, B under ``key.fold_in("lora_B")``.
    base : torch.Tensor, optional
        W (out, in), for pissa, olora and mica; the first two change it.
    scaling : float
        s: alpha / r, or alpha / sqrt(r) for rsLoRA.
    threads : int, optional
        At most this many threads of the CPU for what is drawn.

    Raises
    ------
    RecipeError
        If the method is unknown, needs a base or an even rank, or the scaling is not above 0.
    ShapeError
        If the shapes do not fit, or the rank is 0 or larger than a decomposition has.
    LayoutError
        If a decomposition needs a whole tensor and gets a part; if the base is quantized, or an adapter's
        part was already subtracted from it; if A or B is not of floats.
    DataError
        If the base is not finite.

    Notes
    -----
    Signs are decided: in a column of U the number of largest absolute value is positive, and so is the
    diagonal of R. peft leaves them to LAPACK; B A is the same. The residual is that of A and B as they are
    stored, rounded to their dtype.

    References
    ----------
    Hu et al., "LoRA", arXiv 2106.09685. Meng et al., "PiSSA", arXiv 2404.02948. Büyükakyüz, "OLoRA", arXiv
    2406.01775. MiCA, arXiv 2604.01694. kaiming, gaussian and orthogonal as in peft 0.21.

    Examples
    --------
    >>> import pyinit.torch
    >>> import torch
    >>> w = torch.arange(12.0).reshape(3, 4).sin()
    >>> a, b, residual = torch.empty(2, 4), torch.empty(3, 2), w.clone()
    >>> pyinit.torch.lora_pair(a, b, "pissa", key=0, base=residual, scaling=0.5)
    >>> torch.allclose(residual + 0.5 * b @ a, w, atol=1e-6)
    True
    """
    check_method(method)
    root, threads = as_key(key), check_threads(threads)
    for tensor, name in ((a, "A"), (b, "B"), (base, "base")):
        _check_tensor(tensor, name)
    of_a, of_b = whole_shape(a), whole_shape(b)
    if len(of_a) != 2 or len(of_b) != 2 or of_a[0] != of_b[1]:
        raise ShapeError(
            f"lora_pair needs A of shape (r, in) and B of shape (out, r); got {of_a} and {of_b}. Swap or "
            "reshape them."
        )
    keys = root.fold_in("lora_A"), root.fold_in("lora_B")
    rank, shape = of_a[0], (of_b[0], of_a[1])
    check_rank(method, rank, shape, scaling, "the pair")
    if method in DECOMPOSITIONS:
        if base is None or tuple(base.shape) != shape:
            came = None if base is None else tuple(base.shape)
            raise RecipeError(f"{method!r} needs the base weight, of shape {shape}; got {came}. Give base=.")
        check_base(base, "base")
        for tensor, name in ((a, "A"), (b, "B")):
            check_whole(tensor, method, name)
        decomposed(a, b, base, method, rank, scaling)
        return
    if method == "orthogonal":
        for tensor, name in ((a, "A"), (b, "B")):
            check_whole(tensor, method, name)
        write_paired(a, b, keys, threads)
        return
    of_first, of_second = drawn_recipes(method, rank)
    fill(a, of_first, key=keys[0], threads=threads)
    fill(b, of_second, key=keys[1], threads=threads)


def _check_tensor(tensor: object, name: str) -> None:
    """Refuse what is no tensor, and factors that are not of floats."""
    if name == "base" and tensor is None:
        return
    if not isinstance(tensor, torch.Tensor):
        came = type(tensor).__name__
        raise TensorLayoutError(f"lora_pair needs a torch.Tensor as {name}; got {came}. Convert it.")
    if name != "base" and tensor.dtype not in FLOATING:
        raise TensorLayoutError(
            f"lora_pair needs {name} of floats; got {tensor.dtype}. Initialize it before it is converted."
        )


def check_method(method: object) -> None:
    """Refuse a method that is unknown."""
    if method not in METHODS:
        raise RecipeError(f"unknown method {brief(method)}. {suggestion(str(method), METHODS)}")


def check_whole(tensor: torch.Tensor, method: str, name: str) -> None:
    """Refuse a tensor of which this rank holds a part, or that has no memory to write."""
    if type(tensor).__name__ == "DTensor" or partition_of(tensor) is not None:
        raise TensorLayoutError(
            f"{method!r} needs whole tensors; got a part of {name} on this rank. Initialize before the model "
            "is cut, or use 'kaiming' or 'gaussian'."
        )
    if tensor.is_meta:
        raise TensorLayoutError(
            f"{method!r} needs memory; got {name} on the meta device. Give it memory first."
        )
    if any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True)) or (
        tensor.is_inference() and not torch.is_inference_mode_enabled()
    ):
        raise TensorLayoutError(
            f"{method!r} needs a tensor that may change; got {name}, which is expanded or of inference mode. "
            "Give a clone()."
        )
    check_lasting(tensor)


def check_base(base: torch.Tensor, name: str, *holders: Any) -> None:
    """Refuse a base weight that cannot be decomposed; a mark may be at it or at one of its holders."""
    data = base.detach()
    kind = type(base).__name__ if type(base) is not torch.nn.Parameter else type(base.data).__name__
    if (
        not data.is_floating_point()
        or data.dtype.itemsize == 1
        or kind not in ("Tensor", "Parameter", "DTensor")
    ):
        raise TensorLayoutError(
            f"a decomposition needs a base weight of floats; got {name}, a quantized {kind} of {data.dtype}. "
            "Initialize the adapter before it is quantized, or use 'kaiming' or 'gaussian'."
        )
    check_whole(base, "a decomposition", name)
    if any(subtracted(one, base) is not None for one in (base, *holders)):
        raise TensorLayoutError(
            f"an adapter's part was already subtracted from {name}; a second time would change the model. "
            "Load the base weight again."
        )
    check_finite(data, name)


@torch.no_grad()
def decomposed(
    a: torch.Tensor,
    b: torch.Tensor,
    base: torch.Tensor,
    method: str,
    rank: int,
    scaling: float,
    *,
    is_transposed: bool = False,
) -> None:
    """Write the factors of a base weight, and the residual in its place."""
    wide = torch.float64 if base.dtype == torch.float64 else torch.float32
    weight = base.detach().to(wide)
    weight = weight.T if is_transposed else weight
    first, second = DECOMPOSITIONS[method](weight, rank, scaling)
    a.copy_(first)
    b.copy_(second)
    if method not in RESIDUAL:
        return
    residual = weight - scaling * (b.to(wide) @ a.to(wide))
    base.copy_(residual.T if is_transposed else residual)
    mark(base, base)


@torch.no_grad()
def write_paired(a: torch.Tensor, b: torch.Tensor, keys: tuple[Key, Key], threads: int | None) -> None:
    """Write the pair of 'orthogonal'."""
    first, second = paired(a.shape[0], a.shape[1], b.shape[0], *keys, threads)
    a.copy_(first)
    b.copy_(second)


def drawn_recipes(method: str, rank: int) -> tuple[Recipe, Recipe]:
    """Return the recipes of A and B for kaiming and gaussian."""
    first: Any = kaiming_uniform(a=math.sqrt(5.0)) if method == "kaiming" else normal(std=1.0 / rank)
    return first, zeros()
