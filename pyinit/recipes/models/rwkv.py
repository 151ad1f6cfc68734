"""RWKV-5, 6 and 7, with the names of BlinkDL's training code; RWKV-4 is in `recurrent`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Context, Decimal, localcontext

from ...errors import RecipeError
from ..blocks import blocks
from ..distributions import constant, ones, uniform, zeros
from ..orthogonal import orthogonal
from ..patterns import along
from ..recipe import Recipe
from ..rules import Rule
from .entry import Entry
from .unsaid import unsaid

__all__ = ["ENTRIES"]

# five digits more than the nearest float needs, of which products lose one
_EXACT = Context(prec=22)
_HALF = Decimal("0.5")


class _Ramp:
    """The fractions of a row of channels, raised to powers: no library's power decides the bits."""

    def __init__(self, channels: int, last: int) -> None:
        self.fractions = [Decimal(channel) / Decimal(last) for channel in range(channels)]
        with localcontext(_EXACT):
            self._logs = [fraction.ln() if fraction else None for fraction in self.fractions]

    def raised(self, power: Decimal) -> list[Decimal]:
        """Return the fractions to a power above 0."""
        with localcontext(_EXACT):
            return [Decimal(0) if log is None else (log * power).exp() for log in self._logs]


def _along(values: Sequence[Decimal], of: Callable[[Decimal], Decimal] = lambda value: value) -> Recipe:
    return along([float(of(value)) for value in values])


def _ends(vocabulary: int, width: int) -> tuple[Rule, ...]:
    """Return the rules of norms, the table of words, the head and the matrices, which 5 to 7 share."""
    return (
        Rule("*ln[0-9].weight|ln_out.weight|*.ln_out.weight", ones()),
        Rule("*ln*.bias", zeros(), optional=True),
        Rule("emb.weight|*.emb.weight", uniform(-1e-4, 1e-4)),
        Rule("head.weight|*.head.weight", orthogonal(0.5 * math.sqrt(max(vocabulary / width, 1)))),
        Rule("*.att.output.weight|*.ffn.value.weight", zeros()),
        Rule("*.ffn.receptance.weight", zeros(), optional=True),
        Rule("*.att.key.weight|*.att.gate.weight", orthogonal(0.1)),
        Rule("*.att.receptance.weight|*.att.value.weight|*.ffn.key.weight", orthogonal()),
    )


def _heads(values: Sequence[Decimal], size: int) -> Recipe:
    """Return values of all channels as rows, one of each head."""
    rows = [along([float(value) for value in values[at : at + size]]) for at in range(0, len(values), size)]
    return blocks(rows, axis=0)


def _norm_of_heads(block: str, layer: int, depth: int) -> Rule:
    with localcontext(_EXACT):
        scale = (Decimal(layer + 1) / depth) ** Decimal("0.7")
    return Rule(f"{block}.att.ln_x.weight", constant(float(scale)))


def _check_heads(model: str, attention: int, head_size: int) -> None:
    if attention % head_size:
        raise RecipeError(
            f"{model}'s heads of {head_size} channels divide all channels of attention; got {attention}. "
            "Correct head_size."
        )


def _before_7(
    model: str, depth: int, width: int, vocabulary: int, attention: int | None, head_size: int
) -> tuple[Rule, ...]:
    mixed = attention or width
    _check_heads(model, mixed, head_size)

    def each() -> Iterator[Rule]:
        channels, heads = _Ramp(width, width), _Ramp(mixed, max(mixed - 1, 1))
        for layer in range(depth):
            block = f"*blocks.{layer}"
            late = Decimal(layer) / max(depth - 1, 1)
            early = 1 - Decimal(layer) / depth
            gentle = channels.raised(early * _HALF)
            with localcontext(_EXACT):
                plain = [value * value for value in gentle]
                decay = [5 * value - 6 for value in heads.raised(Decimal("0.7") + Decimal("1.3") * late)]
                first = [
                    late * (1 - fraction) + ((channel + 1) % 3 - 1) * Decimal("0.1")
                    for channel, fraction in enumerate(heads.fractions)
                ]
            lift = Decimal("0.3") * late
            yield _norm_of_heads(block, layer, depth)
            yield Rule(f"{block}.att.time_faaaa", _heads(first, head_size))
            if model == "rwkv5":
                yield Rule(f"{block}.att.time_decay", _heads(decay, head_size))
                yield Rule(f"{block}.att.time_mix_k|{block}.ffn.time_mix_[kr]", _along(plain))
                yield Rule(f"{block}.att.time_mix_v", _along([value + lift for value in plain]))
                yield Rule(f"{block}.att.time_mix_[rg]", _along(gentle))
                continue
            yield Rule(f"{block}.att.time_decay", _along(decay))
            yield Rule(f"{block}.att.time_maa_[xwk]", _along(plain, _rest))
            yield Rule(f"{block}.att.time_maa_v", _along([value + lift for value in plain], _rest))
            yield Rule(f"{block}.att.time_maa_[rg]", _along(gentle, _rest))
            yield Rule(f"{block}.ffn.time_maa_[kr]", _along(channels.raised(early**3), _rest))

    pairs = (
        Rule("*.att.time_maa_w1|*.att.time_decay_w1", zeros()),
        Rule("*.att.time_maa_w2|*.att.time_decay_w2", uniform(-0.01, 0.01)),
    )
    return (*_ends(vocabulary, width), *(pairs if model == "rwkv6" else ()), *each(), unsaid(model))


def _rest(value: Decimal) -> Decimal:
    return 1 - value


def _rwkv5(
    *, depth: int, width: int, vocabulary: int, attention: int | None = None, head_size: int = 64
) -> tuple[Rule, ...]:
    return _before_7("rwkv5", depth, width, vocabulary, attention, head_size)


def _rwkv6(
    *, depth: int, width: int, vocabulary: int, attention: int | None = None, head_size: int = 64
) -> tuple[Rule, ...]:
    return _before_7("rwkv6", depth, width, vocabulary, attention, head_size)


def _rwkv7(*, depth: int, width: int, vocabulary: int, head_size: int = 64) -> tuple[Rule, ...]:
    _check_heads("rwkv7", width, head_size)
    linear = [Decimal(n) / max(width - 1, 1) - _HALF for n in range(width)]
    middle = Decimal(head_size - 1) / 2
    bends = [(Decimal(n % head_size) - middle) / max(middle, _HALF) for n in range(width)]
    zigzag = [bend * abs(bend) for bend in bends]

    def of_channels(base: str, bent: str, sloped: str) -> Recipe:
        parts = zip(zigzag, linear, strict=True)
        return along([float(Decimal(base) + Decimal(bent) * z + Decimal(sloped) * x) for z, x in parts])

    def each() -> Iterator[Rule]:
        channels, heads = _Ramp(width, width), _Ramp(width, max(width - 1, 1))
        for layer in range(depth):
            block = f"*blocks.{layer}"
            early = 1 - Decimal(layer) / depth
            with localcontext(_EXACT):
                late = (Decimal(layer) / max(depth - 1, 1)) ** Decimal("0.3") if layer else Decimal(0)
                tenth = channels.raised(early / 10)
                second = [value * value for value in tenth]
                seventh = [value * (two * two * two) for value, two in zip(tenth, second, strict=True)]
                ninth = [two * seven for two, seven in zip(second, seventh, strict=True)]
                decay = [
                    6 * value - Decimal("5.5") + Decimal("2.5") * z
                    for value, z in zip(heads.raised(1 + late), zigzag, strict=True)
                ]
            for names, values in (("rg", second), ("kv", seventh), ("wa", ninth)):
                yield Rule(f"{block}.att.x_[{names}]", _along(values, _rest))
            yield Rule(f"{block}.ffn.x_k", _along(channels.raised(early**4), _rest))
            yield Rule(f"{block}.att.w0", _along(decay))
            yield _norm_of_heads(block, layer, depth)

    return (
        *_ends(vocabulary, width),
        Rule("*.att.[wavg]1", zeros()),
        Rule("*.att.[wavg]2", orthogonal(0.1)),
        Rule("*.att.a0", of_channels("-0.19", "0.3", "0.4")),
        Rule("*.att.v0", of_channels("0.73", "0", "-0.4")),
        Rule("*.att.k_k", of_channels("0.71", "0", "-0.1")),
        Rule("*.att.k_a", constant(1.02)),
        Rule("*.att.r_k", constant(-0.04)),
        *each(),
        unsaid("rwkv7"),
    )


_MATRICES = (
    "embeddings U(+-1e-4); head orthogonal, 0.5 sqrt(V / d); keys and gates orthogonal times 0.1, outputs of "
    "branches 0, other matrices orthogonal; norms of heads ((l + 1) / L)^0.7; "
)

ENTRIES = (
    Entry(
        "rwkv5",
        _rwkv5,
        f"{_MATRICES}decay and time mixes are functions of channel and layer",
        "BlinkDL/RWKV-LM RWKV-v5/src/model.py (2026-08), `RWKV_Tmix_x052`, `generate_init_weight`; "
        "arXiv 2404.05892",
        "RWKV-5 (Eagle)",
    ),
    Entry(
        "rwkv6",
        _rwkv6,
        f"{_MATRICES}pairs of low rank 0 and U(+-0.01); decay and mixes are functions of channel and layer",
        "BlinkDL/RWKV-LM RWKV-v5/src/model.py (2026-08), `RWKV_Tmix_x060`, `generate_init_weight`; "
        "arXiv 2404.05892",
        "RWKV-6 (Finch)",
    ),
    Entry(
        "rwkv7",
        _rwkv7,
        f"{_MATRICES}pairs of low rank 0 and orthogonal times 0.1; decay, rates and mixes are functions of "
        "channel and layer",
        "BlinkDL/RWKV-LM RWKV-v7/train_temp/src/model.py (2026-08); arXiv 2503.14456",
        "RWKV-7 (Goose), whose decay began otherwise in earlier versions of the code",
    ),
)
