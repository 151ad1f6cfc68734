"""Models with a state: LSTM, GRU, Mamba, RWKV."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import ClassVar

from ...errors import RecipeError
from ...stream.dtypes import DType
from ...stream.plan import Plan
from ...stream.window import Shape
from ..blocks import Blocks, blocks
from ..chrono import chrono
from ..depth import Depth
from ..distributions import constant, normal, ones, zeros
from ..famous import glorot_uniform, he_uniform
from ..log_uniform import inverse_softplus
from ..orthogonal import orthogonal
from ..patterns import along
from ..rules import Rule
from ..scaling import variance_scaling
from .entry import Entry
from .roles import norms
from .unsaid import unsaid

__all__ = ["ENTRIES", "Gates"]


def _logarithms(count: int) -> tuple[float, ...]:
    """Return log 1 to log count, each the nearest float: no library's logarithm decides the bits."""
    return tuple(float(Decimal(n).ln()) for n in range(1, count + 1))


def _mamba(
    *,
    depth: int,
    states: int = 16,
    std: float = 0.1,
    rescale: bool = False,
    time_step_min: float = 0.001,
    time_step_max: float = 0.1,
    time_step_floor: float = 1e-4,
) -> tuple[Rule, ...]:
    # the root of the layers, not of twice their number, and only where it is asked for
    shrunk = Depth(depth, branches=1.0) if rescale else Depth(depth, power=0.0)
    return (
        Rule("*.A_log", along(_logarithms(states))),
        Rule("*.D", ones()),
        Rule("*.dt_proj.weight", variance_scaling(1 / 3, "fan_in", "uniform")),
        Rule("*.dt_proj.bias", inverse_softplus(time_step_min, time_step_max, floor=time_step_floor)),
        *_around("mamba", std, shrunk),
    )


def _mamba2(
    *,
    depth: int,
    heads: int,
    std: float = 0.1,
    rescale: bool = False,
    time_step_min: float = 0.001,
    time_step_max: float = 0.1,
    time_step_floor: float = 1e-4,
) -> tuple[Rule, ...]:
    shrunk = Depth(depth, branches=1.0) if rescale else Depth(depth, power=0.0)
    return (
        Rule("*.A_log", along(_logarithms(heads))),
        Rule("*.D", ones()),
        Rule("*.dt_bias", inverse_softplus(time_step_min, time_step_max, floor=time_step_floor)),
        *_around("mamba2", std, shrunk),
    )


def _around(model: str, std: float, shrunk: Depth) -> tuple[Rule, ...]:
    kaiming = he_uniform(a=5**0.5)
    return (
        norms(),
        Rule("*.conv1d.weight", kaiming),
        Rule("*.out_proj.weight", kaiming, depth=shrunk),
        Rule("*.bias", zeros(), optional=True),
        Rule("*.weight", normal(std=std), kernels_only=True),
        unsaid(model),
    )


def _powers(bases: list[Decimal], first: Decimal, step: Decimal, count: int) -> Iterator[list[Decimal]]:
    """Yield the powers of each base to first, first + step, ...: one product each after the first."""
    with localcontext(_EXACT):
        logs = [base.ln() if base else None for base in bases]
        now = [_ZERO if log is None else (log * first).exp() for log in logs]
        ratios = [_ZERO if log is None else (log * step).exp() for log in logs]
    for _ in range(count):
        yield now
        with localcontext(_EXACT):
            now = [value * ratio for value, ratio in zip(now, ratios, strict=True)]


# 20 digits more than the nearest float needs; the products of a hundred layers lose two of them
_EXACT = Context(prec=40)
_ZERO = Decimal(0)


def _rwkv(
    *, depth: int, width: int, vocabulary: int, hidden: int | None = None, attention: int | None = None
) -> tuple[Rule, ...]:
    inner, mixed = hidden or 4 * width, attention or width
    rules = [
        Rule("*ln*.weight", ones()),
        Rule("*embeddings.weight", orthogonal(1e-4 * math.sqrt(max(vocabulary, width)))),
        Rule("*head.weight", orthogonal(0.5 * math.sqrt(max(vocabulary / width, 1)))),
        Rule("*.feed_forward.key.weight", orthogonal(math.sqrt(max(inner / width, 1)))),
        Rule("*.feed_forward.value.weight", orthogonal(math.sqrt(max(width / inner, 1)))),
        Rule("*.attention.output.weight", orthogonal(math.sqrt(max(width / mixed, 1)))),
        Rule(
            "*.attention.*.weight|*.feed_forward.receptance.weight",
            orthogonal(math.sqrt(max(mixed / width, 1))),
        ),
        Rule("*.bias", zeros(), optional=True),
        # transformers multiplies the constant inside of ones_like
        Rule("*.attention.time_first", ones()),
    ]
    return (*rules, *_of_layers(depth, width, mixed), unsaid("rwkv"))


def _of_layers(depth: int, width: int, mixed: int) -> Iterator[Rule]:
    channels = [Decimal(i) / Decimal(width) for i in range(width)]
    heads = [Decimal(h) / Decimal(max(mixed - 1, 1)) for h in range(mixed)]
    late = Decimal(1) / Decimal(max(depth - 1, 1))
    early = _powers(channels, Decimal(1), -Decimal(1) / Decimal(depth), depth)
    slow = _powers(heads, Decimal("0.7"), Decimal("1.3") * late, depth)
    for layer, (mixes, decays) in enumerate(zip(early, slow, strict=True)):
        curved = [float(value) for value in mixes]
        with localcontext(_EXACT):
            gentle = [float(value.sqrt()) for value in mixes]
        lift = 0.3 * float(layer * late)
        block = f"*blocks.{layer}"
        yield Rule(f"{block}.attention.time_decay", along([-5 + 8 * float(value) for value in decays]))
        mixing = f"{block}.attention.time_mix_key|{block}.feed_forward.time_mix_*"
        yield Rule(mixing, along(curved))
        yield Rule(f"{block}.attention.time_mix_value", along([value + lift for value in curved]))
        yield Rule(f"{block}.attention.time_mix_receptance", along(gentle))


@dataclass(frozen=True, repr=False)
class Gates(Blocks):
    """Recurrent weights side by side, each square: another number of gates is of another kind of layer."""

    advice: ClassVar[str] = (
        "Use pyinit.recipes('irnn') for RNNs without gates, 'gru' for GRUs, 'lstm' for LSTMs and "
        "pyinit.recipes('lstm', projected=True) for LSTMs with projections."
    )

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Check that the gates are square."""
        if len(shape) != 2 or shape[0] != len(self.parts) * shape[1]:
            matrices = "a square matrix" if len(self.parts) == 1 else f"{len(self.parts)} square matrices"
            raise RecipeError(
                f"the recurrent weight of this layer is {matrices}; got shape {shape}. {self.advice}"
            )
        return super().make_plan(shape, dtype)


def _gates(model: str, recurrent: Blocks, biases: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return rules in which every gate is a weight of its own, with the names and order of torch."""
    return (
        Rule("*weight_ih_l*", blocks([glorot_uniform()] * len(recurrent.parts))),
        Rule("*weight_hh_l*", recurrent),
        Rule("*weight_hr_l*", orthogonal(), optional=True),
        *biases,
        unsaid(model),
    )


def _lstm(
    *, forget_bias: float = 1.0, projected: bool = False, longest: float | None = None
) -> tuple[Rule, ...]:
    # torch adds two biases: one of them holds the whole
    gates = blocks([zeros(), constant(forget_bias), zeros(), zeros()]) if longest is None else chrono(longest)
    biases = (Rule("*bias_ih_l*", gates, optional=True), Rule("*bias_hh_l*", zeros(), optional=True))
    each = [orthogonal()] * 4
    return _gates("lstm", Blocks(each) if projected else Gates(each), biases)


def _gru(*, update_bias: float = 0.0) -> tuple[Rule, ...]:
    gates = blocks([zeros(), constant(update_bias), zeros()])
    biases = (Rule("*bias_ih_l*", gates, optional=True), Rule("*bias_hh_l*", zeros(), optional=True))
    return _gates("gru", Gates([orthogonal()] * 3), biases)


ENTRIES = (
    Entry(
        "lstm",
        _lstm,
        "each gate's input weight Xavier uniform, its recurrent weight orthogonal; biases 0, the forget "
        "gate's b; with `longest` T, forget ln U(1, T - 1) and input its negative (chrono)",
        "arXiv 1312.6120 (orthogonal); Jozefowicz, Zaremba, Sutskever, ICML 2015 (b = 1); arXiv 1804.11188 "
        "(chrono)",
        "LSTMs of torch, whose own start is U(+-h^-1/2) for all",
    ),
    Entry(
        "gru",
        _gru,
        "as lstm, of three gates; the bias of the update gate b, above 0 to keep the state",
        "arXiv 1312.6120 (orthogonal); arXiv 1406.1078, eq. 6 to 8 (the gates)",
        "GRUs of torch",
    ),
    Entry(
        "mamba",
        _mamba,
        "A_log = log(1 .. N) per state, D 1; dt_proj U(+-rank^-1/2), its bias the inverse softplus of "
        "a log-uniform step of .001 to .1; conv1d and "
        "out_proj kaiming uniform (a = sqrt 5), out_proj / sqrt(L) if rescaled; other matrices N(0, s)",
        "transformers mamba/modeling_mamba.py `init_mamba_weights`; arXiv 2312.00752",
        "Mamba, Falcon Mamba",
    ),
    Entry(
        "mamba2",
        _mamba2,
        "A_log = log(1 .. heads), D 1; dt_bias and the rest as mamba",
        "transformers mamba2/modeling_mamba2.py `init_mamba2_weights`; arXiv 2405.21060",
        "Mamba 2",
    ),
    Entry(
        "rwkv",
        _rwkv,
        "orthogonal, gain sqrt(max(out / in, 1)); head 0.5 sqrt(V / d), embeddings 1e-4 sqrt(max(V, d)); "
        "decay and time mixes are functions of channel and layer",
        "transformers rwkv/modeling_rwkv.py `_init_weights`; arXiv 2305.13048",
        "RWKV-4",
    ),
)
