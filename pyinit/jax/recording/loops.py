"""Which operands a scan holds fixed, which it carries from step to step, and which it takes row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["held_and_carried"]


def held_and_carried(params: Mapping[str, Any], operands: int) -> tuple[int, int]:
    """Return how many operands of a scan are fixed and how many are carried; the rest are rows.

    Parameters
    ----------
    params : mapping
        Those of the scan's equation. JAX counts the operands in ``num_consts`` and ``num_carry``; JAX 0.12
        groups them in ``ft_in`` instead.
    operands : int
        How many operands the equation has.
    """
    if "num_consts" in params:
        return params["num_consts"], params["num_carry"]
    held, carried, _ = params["ft_in"].update(range(operands)).unpack()
    return len(list(held)), len(list(carried))
