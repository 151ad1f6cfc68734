"""Networks whose start decides what they can represent: SIREN, WIRE, IRNN, S4D."""

from __future__ import annotations

import math
from decimal import Decimal

from ...errors import RecipeError
from ..distributions import constant, normal, uniform, zeros
from ..patterns import along, identity
from ..rules import Rule
from ..siren import siren_uniform
from .entry import Entry
from .recurrent import Gates
from .unsaid import unsaid

__all__ = ["ENTRIES"]

# the first layers of Sitzmann's modules and of siren-pytorch's; a name without a pattern would be needed
_FIRST = "net.0.*{end}|*.net.0.*{end}|layers.[0].{end}|*.layers.0.{end}"


def _siren(*, features: int, width: int, omega: float = 30.0, bias: str = "torch") -> tuple[Rule, ...]:
    if bias not in ("torch", "weight", "zeros"):
        raise RecipeError(f"SIREN's bias is 'torch', 'weight' or 'zeros'; got {bias!r:.100}. Name one.")
    hidden = siren_uniform(omega)
    limits = {
        # torch's own of a linear layer
        "torch": (features**-0.5, width**-0.5),
        "weight": (1 / features, math.sqrt(6 / width) / hidden.omega),
    }
    first, other = (
        (uniform(-limit, limit) for limit in limits[bias]) if bias in limits else (zeros(), zeros())
    )
    return (
        Rule(_FIRST.format(end="weight"), siren_uniform(omega, first=True)),
        Rule(_FIRST.format(end="bias"), first, optional=True),
        Rule("*.weight", hidden, kernels_only=True),
        Rule("*.bias", other, optional=True),
        unsaid("siren"),
    )


def _wire(*, features: int, width: int, omega: float = 30.0, scale: float = 10.0) -> tuple[Rule, ...]:
    # torch's own of linear layers, of both parts of a complex number
    first, other = (uniform(-(fan**-0.5), fan**-0.5) for fan in (features, width))
    return (
        Rule("*omega_0", constant(omega), optional=True),
        Rule("*scale_0", constant(scale), optional=True),
        Rule("net.0.*.weight|*.net.0.*.weight", first),
        Rule("net.0.*.bias|*.net.0.*.bias", first, optional=True),
        Rule("*.weight", other, kernels_only=True),
        Rule("*.bias", other, optional=True),
        unsaid("wire"),
    )


def _irnn(*, scale: float = 1.0, std: float = 0.001) -> tuple[Rule, ...]:
    return (
        Rule("*weight_hh_l*", Gates([identity(scale)])),
        Rule("*weight_ih_l*", normal(std=std)),
        Rule("*bias_ih_l*|*bias_hh_l*", zeros(), optional=True),
        unsaid("irnn"),
    )


def _s4d(*, states: int = 64, step_min: float = 0.001, step_max: float = 0.1) -> tuple[Rule, ...]:
    if states % 2:
        raise RecipeError(
            f"S4D keeps one of each pair of conjugate states; got states={states}. Use an even one."
        )
    if not 0 < step_min < step_max:
        raise RecipeError(
            f"S4D's steps are between step_min and step_max, above 0; got {step_min!r} and {step_max!r}. "
            "Correct them."
        )
    half = states // 2
    # no library's logarithm decides the bits
    low, high, decay = (float(Decimal(value).ln()) for value in (step_min, step_max, 0.5))
    return (
        Rule("*log_A_real", constant(decay)),
        Rule("*A_imag", along([math.pi * n for n in range(half)])),
        Rule("*log_dt", uniform(low, high)),
        # real and imaginary part of a complex normal of variance 1
        Rule("*kernel.C", normal(std=math.sqrt(0.5))),
        Rule("*.D", normal()),
        unsaid("s4d"),
    )


ENTRIES = (
    Entry(
        "siren",
        _siren,
        "first layer U(+-1 / n), all others U(+-sqrt(6 / n) / omega), also the last; biases as torch starts "
        "them, U(+-n^-1/2), or with the limits of the weights",
        "arXiv 2006.09661, section 3.2; biases: vsitzmann/siren (torch), siren-pytorch 0.1.7 (weight)",
        "images, sounds, shapes as functions of `features` coordinates; omega is that of hidden layers",
    ),
    Entry(
        "wire",
        _wire,
        "real and imaginary parts of weights and biases as torch starts linear layers: first layer "
        "U(+-features^-1/2), all others U(+-width^-1/2); factors omega_0 w and scale_0 s where they are "
        "parameters",
        "Saragadam et al., arXiv 2301.05187; vishwa91/wire modules/wire.py, wire2d.py",
        "images and volumes as functions of coordinates, with activations exp(i w x - (s abs(x))^2); width "
        "is that of hidden layers, a real network's / sqrt(2)",
    ),
    Entry(
        "irnn",
        _irnn,
        "recurrent weight s I, input weight N(0, 0.001), biases 0",
        "Le, Jaitly, Hinton, arXiv 1504.00941, section 2; s = 0.01 for speech, section 4.4",
        "torch's RNN with nonlinearity='relu': it keeps its state until it learns to change it",
    ),
    Entry(
        "s4d",
        _s4d,
        "A_n = -1/2 + i pi n; log of the step uniform between the logs of its ends; C complex "
        "normal of variance 1, D N(0, 1)",
        "Gu, Gupta, Goel, Re, arXiv 2206.11893 (S4D-Lin); state-spaces/s4 models/s4/s4d.py",
        "diagonal state spaces; other tensors need rules of their own in front",
    ),
)
