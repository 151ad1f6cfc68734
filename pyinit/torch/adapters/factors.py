"""The two factors of an adapter, B (out, r) and A (r, in), from draws or from the weight that they adapt."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch

from ...errors import DataError, RecipeError, ShapeError
from ...recipes.distributions import normal
from ...recipes.orthogonal import orthogonal
from ...stream.arguments import brief
from ...stream.key import Key
from ..tensor import fill

__all__ = [
    "DECOMPOSITIONS",
    "METHODS",
    "RESIDUAL",
    "check_finite",
    "check_rank",
    "mica",
    "olora",
    "paired",
    "pissa",
]

Pair: TypeAlias = "tuple[torch.Tensor, torch.Tensor]"


def paired(rank: int, inputs: int, outputs: int, of_a: Key, of_b: Key, threads: int | None) -> Pair:
    """Return A and B whose rows and columns mix half the rank each, by two halves of an orthogonal matrix.

    Q orthogonal, (r, r); A = (X Q_odd)^T / 10 and B = Y Q_even / 10, with X (in, r / 2) and Y (out, r / 2) of
    independent N(0, 1). As Q_even Q_odd^T = 0, B A = 0 at the start, although neither is.
    """
    square = fill(torch.empty(rank, rank), orthogonal(), key=of_a.fold_in("orthogonal"), threads=threads)
    x = fill(torch.empty(inputs, rank // 2), normal(), key=of_a, threads=threads)
    y = fill(torch.empty(outputs, rank // 2), normal(), key=of_b, threads=threads)
    return (x @ square[0::2]).T / 10.0, y @ square[1::2] / 10.0


def pissa(weight: torch.Tensor, rank: int, scaling: float) -> Pair:
    """Return the principal part: W = U S V^T, A = sqrt(S_r / s) V_r^T, B = U_r sqrt(S_r / s)."""
    u, values, vt = _svd(weight)
    root = (values[:rank] / scaling).sqrt()
    return root[:, None] * vt[:rank], u[:, :rank] * root


def mica(weight: torch.Tensor, rank: int, scaling: float) -> Pair:
    """Return the left singular vectors of the smallest singular values as B, and zeros as A."""
    u, _, _ = _svd(weight)
    return weight.new_zeros(rank, weight.shape[1]), u[:, u.shape[1] - rank :]


def olora(weight: torch.Tensor, rank: int, scaling: float) -> Pair:
    """Return B = Q_r and A = R_r of W = Q R, with the diagonal of R at least 0."""
    q, r = torch.linalg.qr(weight)
    signs = torch.where(r.diagonal() < 0, -1.0, 1.0).to(r.dtype)
    return r[:rank] * signs[:rank, None], q[:, :rank] * signs[:rank]


def _svd(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return U, S and V^T; in each column of U the number of largest absolute value is positive."""
    u, values, vt = torch.linalg.svd(weight, full_matrices=False)
    largest = u.gather(0, u.abs().argmax(dim=0, keepdim=True))
    signs = torch.where(largest < 0, -1.0, 1.0).to(u.dtype)
    return u * signs, values, vt * signs.T


Decomposition: TypeAlias = Callable[[torch.Tensor, int, float], Pair]

DECOMPOSITIONS: dict[str, Decomposition] = {"pissa": pissa, "olora": olora, "mica": mica}
"""What reads the weight that is adapted."""

RESIDUAL = ("pissa", "olora")
"""What leaves the residual W - s B A in its place."""


METHODS = ("kaiming", "gaussian", "orthogonal", *DECOMPOSITIONS)


def check_rank(method: str, rank: int, shape: tuple[int, ...], scaling: float, name: str) -> None:
    """Refuse a rank or a scaling with which a method has no meaning."""
    if rank < 1:
        raise ShapeError(f"an adapter needs a rank of at least 1; got {rank} for {name}. Use a larger one.")
    if method == "orthogonal" and rank % 2:
        raise RecipeError(f"'orthogonal' needs an even rank; got {rank} for {name}. Use another rank.")
    if method in DECOMPOSITIONS:
        if rank > min(shape):
            raise ShapeError(
                f"{method!r} needs a rank of at most {min(shape)} for {name} of shape {shape}; got {rank}. "
                "Use a smaller one."
            )
        is_number = isinstance(scaling, int | float) and not isinstance(scaling, bool)
        if not (is_number and math.isfinite(scaling) and scaling > 0):
            raise RecipeError(
                f"{method!r} needs a scaling above 0; got {brief(scaling)} for {name}. Correct alpha."
            )


def check_finite(weight: torch.Tensor, name: str) -> None:
    """Refuse a weight that has no decomposition."""
    if not bool(torch.isfinite(weight).all()):
        raise DataError(f"a base weight must be finite; {name} is not. Load it again.")
