"""Rules on layers together: zeros that meet, projections of many residual branches, saturation."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from ...theory.activation import Activation, activation
from ...theory.edge import critical
from ...theory.moments import second_moment
from .finding import LintFinding
from .folding import pattern_of
from .sentences import Numbers
from .subject import Link, Seen, Subject

__all__ = ["saturations", "unscaled_residuals", "zeros_in_series"]

_AFTER = "one takes what the other gives"
_TIMES = "what they make is multiplied"

#: Parts of names of two layers of one block that follow each other, or whose outputs are multiplied.
_PAIRS = (
    *((first, "down_proj", _AFTER) for first in ("gate_proj", "up_proj", "gate_up_proj")),
    *((first, second, _AFTER) for first in ("v_proj", "value") for second in ("o_proj", "out_proj")),
    ("gate_proj", "up_proj", _TIMES),
    ("lora_A", "lora_B", _AFTER),
    ("lora_embedding_A", "lora_embedding_B", _AFTER),
    ("fc1", "fc2", _AFTER),
    ("linear1", "linear2", _AFTER),
    ("dense_h_to_4h", "dense_4h_to_h", _AFTER),
    ("wi", "wo", _AFTER),
    ("wi_0", "wi_1", _TIMES),
    ("q_proj", "k_proj", _TIMES),
    ("query", "key", _TIMES),
    ("to_q", "to_k", _TIMES),
    ("wq", "wk", _TIMES),
    ("wv", "wo", _AFTER),
)

_DEEP = 12
_OUTPUTS = re.compile(
    r"(^|\.)(o_proj|out_proj|down_proj|c_proj|wo|fc2|w2|linear2|dense_4h_to_h|output\.dense|attn\.proj)\.weight$"
)
_SCALED = re.compile(r"layer_?scale|(^|[._])ls\d|post_feedforward|(^|\.)gamma|lambda", re.IGNORECASE)
_FINAL_NORM = re.compile(r"(norm|ln_f|layernorm)\w*\.(weight|scale)$", re.IGNORECASE)

_FLAT = 0.5
_SLOPE = 0.1
_GRID = np.linspace(-8.0, 8.0, 4001)


def zeros_in_series(subject: Subject) -> Iterator[LintFinding]:
    """Find two zero kernels of which each gets its gradient through the other."""
    seen: set[tuple[str, str]] = set()
    for row in subject.rows:
        for link, after in pairwise(row):
            first, second = subject.by_name.get(link.weight), subject.by_name.get(after.weight)
            if first is None or second is None or not (first.is_zero and second.is_zero):
                continue
            if _is_zero_bias(subject, link.bias) and _keeps_zero(link.phi):
                seen.add((first.name, second.name))
                numbers = {"first": first.name, "second": second.name, "way": _AFTER}
                yield LintFinding("zeros in series", "error", (first.name, second.name), numbers)
    if not _keeps_zero(_of_config(subject)):
        return
    for tensor in subject.tensors:
        if not (tensor.is_zero and len(tensor.shape) >= 2):
            continue
        path = tensor.name.split(".")
        for one, other, way in _PAIRS:
            if one not in path:
                continue
            at = path.index(one)
            name = ".".join([*path[:at], other, *path[at + 1 :]])
            partner = subject.by_name.get(name)
            if partner is None or not partner.is_zero or (tensor.name, name) in seen:
                continue
            biases = [tensor.name] if way == _AFTER else [tensor.name, name]
            if all(_is_zero_bias(subject, re.sub(r"weight$", "bias", each)) for each in biases):
                numbers = {"first": pattern_of(tensor.name), "second": pattern_of(name), "way": way}
                yield LintFinding("zeros in series", "error", (tensor.name, name), numbers)


def _is_zero_bias(subject: Subject, name: str | None) -> bool:
    bias = None if name is None else subject.by_name.get(name)
    return bias is None or bias.is_zero or not name or not name.endswith("bias")


def _keeps_zero(phi: Any) -> bool:
    """Return whether an activation makes zero of zero, which of one that is not known nobody can say."""
    return phi is not None and abs(float(activation(phi).value(np.zeros(1))[0])) < 1e-12


def _of_config(subject: Subject) -> Any:
    """Return the activation inside a transformer's blocks; without a word of it, one that keeps zero."""
    for name in ("hidden_act", "activation_function", "hidden_activation"):
        said = None if subject.config is None else subject.config.get(name)
        if said in ("sigmoid", "softplus", "tanh", "relu", "gelu", "silu"):
            return said
    return "linear"


def unscaled_residuals(subject: Subject) -> Iterator[LintFinding]:
    """Find deep models, normalized before each branch, whose branches end as wide as they begin."""
    blocks: dict[tuple[str, str], list[Seen]] = {}
    for tensor in subject.tensors:
        if (place := re.match(r"(.*?)(?:^|\.)(\d+)\.", tensor.name)) is not None:
            blocks.setdefault((place[1], place[2]), []).append(tensor)
    for root, layers in Counter(root for root, _ in blocks).items():
        if layers < _DEEP or not _has_final_norm(subject, root):
            continue
        inside = [each for (path, _), block in blocks.items() if path == root for each in block]
        if any(_SCALED.search(each.name[len(root) :]) for each in inside):
            continue
        kernels = [each for each in inside if each.std and len(each.shape) >= 2]
        others = {_scale(each) for each in kernels if not _OUTPUTS.search(each.name)}
        for tensor in kernels:
            if _OUTPUTS.search(tensor.name) and others == {_scale(tensor)}:
                std = float(f"{tensor.std:.6g}")
                right = float(f"{std / math.sqrt(2 * layers):.6g}")
                numbers = {"layers": layers, "std": std, "right": right}
                yield LintFinding("unscaled residual", "info", (tensor.name,), numbers)


def _scale(tensor: Seen) -> float:
    """Return the gain where a recipe counts fans, or else the std."""
    assert tensor.plan is not None
    assert tensor.std is not None
    number = tensor.plan.gain if tensor.plan.gain and tensor.plan.fan_in else tensor.std
    return float(f"{number:.6g}")


def _has_final_norm(subject: Subject, root: str) -> bool:
    """Return whether a norm follows the layers, which those need that normalize before each branch."""
    for tensor in subject.tensors:
        path, _, last = tensor.name.rpartition(".")
        above = path.rpartition(".")[0]
        if (
            _FINAL_NORM.search(f"{path.rpartition('.')[2]}.{last}")
            and "emb" not in path
            and "pre" not in path.rpartition(".")[2]
            and (not above or root == above or root.startswith(f"{above}."))
        ):
            return True
    return False


def saturations(subject: Subject) -> Iterator[LintFinding]:
    """Find layers that mean-field theory puts where their activation is flat."""
    for row in subject.rows:
        square: float | None = 1.0
        for link in row:
            tensor = subject.by_name.get(link.weight)
            if tensor is None or tensor.std is None or tensor.fans is None or link.phi is None:
                square = None
                continue
            phi = activation(link.phi)
            entering = 1.0 if square is None else square
            sigma_w = tensor.std * math.sqrt(tensor.fans[0])
            q = sigma_w**2 * entering + _bias_square(subject, link)
            if not 0.0 < q < 1e12:
                square = None
                continue
            square = float(second_moment(phi, q))
            flat = _flat_share(phi, q)
            if flat >= _FLAT:
                edge = math.sqrt(float(critical(phi).weight_variance))
                numbers: Numbers = {
                    "std": float(f"{tensor.std:.6g}"),
                    "fan_in": tensor.fans[0],
                    "rms": float(f"{math.sqrt(q):.4g}"),
                    "square": float(f"{entering:.4g}"),
                    "flat": float(f"{flat:.4g}"),
                    "phi": phi.name,
                    "right": float(f"{edge / math.sqrt(tensor.fans[0]):.6g}"),
                }
                yield LintFinding("saturation", "warning", (tensor.name,), numbers)


def _bias_square(subject: Subject, link: Link) -> float:
    bias = None if link.bias is None else subject.by_name.get(link.bias)
    if bias is None or bias.plan is None:
        return 0.0
    return bias.constant**2 if bias.constant is not None else (bias.std or 0.0) ** 2


def _flat_share(phi: Activation, q: float) -> float:
    """Return the share of N(0, q) where an activation with two flat ends is flat; 0 for one without."""
    steepest, ends = _steepest(phi)
    if not ends:
        return 0.0
    flat = np.abs(phi.slope(math.sqrt(q) * _GRID)) < _SLOPE * steepest
    weight = np.exp(-(_GRID**2) / 2)
    return float(weight[flat].sum() / weight.sum())


@lru_cache(maxsize=64)
def _steepest(phi: Activation) -> tuple[float, bool]:
    """Return the steepest slope, and whether the activation is flat at both ends."""
    steepest = float(np.abs(phi.slope(_GRID)).max())
    ends = np.abs(phi.slope(np.array([-50.0, -40.0, 40.0, 50.0])))
    return steepest, bool((ends < _SLOPE * steepest).all())
