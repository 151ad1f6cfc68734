"""RWKV-5, 6 and 7 beside the formulas of their training code, which needs CUDA to be imported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyinit as pi

L, C, N, V, RANK = 3, 64, 16, 320, 8
FFN = 4 * C
GIVEN: dict[str, Any] = {"depth": L, "width": C, "vocabulary": V, "head_size": N}
Arrays = dict[str, np.ndarray]


def _shapes(model: str) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"emb.weight": (V, C), "head.weight": (V, C), "ln_out.weight": (C,)}
    shapes |= {"ln_out.bias": (C,), "blocks.0.ln0.weight": (C,), "blocks.0.ln0.bias": (C,)}
    for layer in range(L):
        at = f"blocks.{layer}"
        for norm in ("ln1", "ln2", "att.ln_x"):
            shapes |= {f"{at}.{norm}.weight": (C,), f"{at}.{norm}.bias": (C,)}
        for name in ("receptance", "key", "value", "output"):
            shapes[f"{at}.att.{name}.weight"] = (C, C)
        shapes |= {f"{at}.ffn.key.weight": (FFN, C), f"{at}.ffn.value.weight": (C, FFN)}
        if model == "rwkv7":
            for pair in "wavg":
                shapes |= {f"{at}.att.{pair}1": (C, RANK), f"{at}.att.{pair}2": (RANK, C)}
            for name in ("x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "v0", "k_k", "k_a"):
                shapes[f"{at}.att.{name}"] = (1, 1, C)
            shapes |= {f"{at}.att.r_k": (C // N, N), f"{at}.ffn.x_k": (1, 1, C)}
            continue
        shapes |= {f"{at}.att.gate.weight": (C, C), f"{at}.ffn.receptance.weight": (C, C)}
        shapes[f"{at}.att.time_faaaa"] = (C // N, N)
        mix, letters = ("time_mix", "kvrg") if model == "rwkv5" else ("time_maa", "xwkvrg")
        shapes |= {f"{at}.att.{mix}_{letter}": (1, 1, C) for letter in letters}
        shapes |= {f"{at}.ffn.{mix}_{letter}": (1, 1, C) for letter in "kr"}
        shapes[f"{at}.att.time_decay"] = (C // N, N) if model == "rwkv5" else (1, 1, C)
        if model == "rwkv6":
            shapes |= {f"{at}.att.time_maa_w1": (C, 5 * RANK), f"{at}.att.time_maa_w2": (5, RANK, C)}
            shapes |= {f"{at}.att.time_decay_w1": (C, RANK), f"{at}.att.time_decay_w2": (RANK, C)}
    return shapes


def _values(model: str, layer: int) -> Arrays:
    """Return what the code sets channel by channel."""
    i, n = np.arange(C) / C, np.arange(C)
    late, early = layer / (L - 1), 1 - layer / L
    slope = n / (C - 1) - 0.5
    found: Arrays = {"att.ln_x.weight": np.full(C, ((1 + layer) / L) ** 0.7)}
    if model == "rwkv7":
        for names, power in (("rg", 0.2), ("wa", 0.9), ("kv", 0.7)):
            found |= {f"att.x_{name}": 1 - i ** (power * early) for name in names}
        zigzag = ((n % N) - (N - 1) / 2) / ((N - 1) / 2)
        zigzag = zigzag * np.abs(zigzag)
        decay = -6 + 6 * (n / (C - 1)) ** (1 + late**0.3)
        found |= {"att.w0": decay + 0.5 + zigzag * 2.5, "att.a0": -0.19 + zigzag * 0.3 + slope * 0.4}
        found |= {"att.v0": 0.73 - slope * 0.4, "att.k_k": 0.71 - slope * 0.1, "att.k_a": np.full(C, 1.02)}
        return found | {"att.r_k": np.full(C, -0.04), "ffn.x_k": 1 - i ** (early**4)}
    decay = -6 + 5 * (n / (C - 1)) ** (0.7 + 1.3 * late)
    first = late * (1 - n / (C - 1)) + ((n + 1) % 3 - 1) * 0.1
    found |= {"att.time_decay": decay, "att.time_faaaa": first}
    plain, gentle = i**early, i ** (0.5 * early)
    if model == "rwkv5":
        found |= {"att.time_mix_k": plain, "att.time_mix_v": plain + 0.3 * late}
        found |= {"att.time_mix_r": gentle, "att.time_mix_g": gentle}
        return found | {"ffn.time_mix_k": plain, "ffn.time_mix_r": plain}
    found |= {f"att.time_maa_{name}": 1 - plain for name in "xwk"}
    found |= {"att.time_maa_v": 1 - (plain + 0.3 * late)}
    found |= {"att.time_maa_r": 1 - gentle, "att.time_maa_g": 1 - gentle}
    return found | {f"ffn.time_maa_{name}": 1 - i ** (early**3) for name in "kr"}


@pytest.mark.parametrize("model", ["rwkv5", "rwkv6", "rwkv7"])
def test_channels_are_those_of_the_code(model: str) -> None:
    made = pi.init_params(_shapes(model), pi.recipes(model, **GIVEN), key=0, dtype="float64")
    drawn = set(made)
    for layer in range(L):
        for name, values in _values(model, layer).items():
            own = made[f"blocks.{layer}.{name}"].ravel()
            drawn.discard(f"blocks.{layer}.{name}")
            assert np.abs(own - values).max() < 1e-12, (layer, name)
    norms = {name for name in drawn if ".ln" in name or name.startswith("ln")}
    for name in norms:
        assert (made[name] == (1.0 if name.endswith("weight") else 0.0)).all(), name
    for name in drawn - norms:
        value, end = made[name], name.rpartition("blocks.")[2]
        if end.endswith(("output.weight", "ffn.value.weight", "ffn.receptance.weight", "1")):
            assert not value.any(), name
        elif end.endswith("emb.weight") or "_w2" in end:
            bound = 1e-4 if "emb" in end else 0.01
            # the largest of 512 draws and more is below 0.95 of the bound in one of 10^11 cases
            assert 0.95 * bound < np.abs(value).max() < bound, name
        else:
            gain = 0.5 * (V / C) ** 0.5 if end == "head.weight" else 1.0
            gain *= 0.1 if end.endswith(("key.weight", "gate.weight", "2")) and ".ffn" not in end else 1.0
            singular = np.linalg.svd(value, compute_uv=False)
            assert np.abs(singular / gain - 1).max() < 1e-6, name


def test_a_wrong_power_would_be_seen() -> None:
    made = pi.init_params(_shapes("rwkv7"), pi.recipes("rwkv7", **GIVEN), key=0, dtype="float64")
    # the decay of an earlier version of the code
    n = np.arange(C) / (C - 1)
    other = -7 + 5 * n ** (0.85 + (1 / (L - 1)) ** 0.5) + 0.5
    assert np.abs(made["blocks.1.att.w0"].ravel() - other).max() > 0.5


@pytest.mark.parametrize("model", ["rwkv5", "rwkv6", "rwkv7"])
def test_heads_that_do_not_divide_the_channels_are_refused(model: str) -> None:
    with pytest.raises(pi.RecipeError, match=f"{model}'s heads of 48 channels divide"):
        pi.recipes(model, **{**GIVEN, "head_size": 48})
    with pytest.raises(pi.RecipeError, match=f"'{model}' needs depth"):
        pi.recipes(model, width=C, vocabulary=V)
    # a layer beyond the depth has no mixes
    shapes = {**_shapes(model), "blocks.3.att.ln_x.weight": (C,)}
    with pytest.raises(pi.RecipeError, match=f"'{model}' does not say what this tensor is"):
        pi.init_params(shapes, pi.recipes(model, **GIVEN), key=0)


def test_a_single_layer_has_no_later_one() -> None:
    for model in ("rwkv5", "rwkv6", "rwkv7"):
        rules = pi.recipes(model, depth=1, width=C, vocabulary=V, head_size=N)
        assert any("blocks.0.att.ln_x" in rule.match for rule in rules)
