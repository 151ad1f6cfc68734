"""How the tensors of two models that are drawn by different generators differ, beyond what chance makes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["differences"]


def differences(made: Mapping[str, Any], reference: Mapping[str, Any]) -> list[str]:
    """Return how the tensors of two models differ beyond 5 times what chance makes."""
    found = [name for name in reference if name not in made]
    for name, other in reference.items():
        one, other = made[name].detach().double(), other.detach().double()
        n, std = other.numel(), float(other.std()) if other.numel() > 1 else 0.0
        if one.allclose(other, rtol=1e-6, atol=1e-7):
            continue
        if std == 0 or float(one.std()) == 0:
            found.append(f"{name}: {one.flatten()[:3]} for {other.flatten()[:3]}")
            continue
        ratio, shift = float(one.std()) / std, float(one.mean() - other.mean()) / std
        reach = float(one.abs().max()) / float(other.abs().max())
        if abs(math.log(ratio)) > 5 / math.sqrt(n):
            found.append(f"{name}: std {float(one.std()):.4g} for {std:.4g}")
        if abs(shift) > 5 * math.sqrt(2 / n):
            found.append(f"{name}: mean {float(one.mean()):.4g} for {float(other.mean()):.4g}")
        if n >= 4096 and abs(math.log(reach)) > 0.4:
            found.append(f"{name}: largest {float(one.abs().max()):.4g} for {float(other.abs().max()):.4g}")
    return found
