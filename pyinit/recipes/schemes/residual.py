"""Schemes of residual branches: what a branch writes at first, so that deep networks train."""

from __future__ import annotations

import math

from ...errors import RecipeError
from ..depth import Depth
from ..distributions import ones, zeros
from ..famous import glorot_normal, glorot_uniform, he_normal
from ..models.roles import ROLES, biases, norms, weights
from ..models.unsaid import unsaid
from ..recipe import Recipe, as_recipe
from ..rules import Rule
from ..scaling import variance_scaling
from .scheme import Scheme, Share

__all__ = ["deepnorm", "ds_init", "fixup", "rezero", "skipinit", "sub_ln", "t_fixup"]

_QUERIES = weights(
    ".q_proj", ".k_proj", ".wq", ".wk", ".w_q", ".w_k", ".query", ".key", "Attention.q", "Attention.k"
)
_VALUES = weights(".v_proj", ".wv", ".w_v", ".value", "Attention.v")
_OUT = f"{ROLES['attention_out']}|{weights('.out_proj', 'Attention.o')}"
_MLP = "|".join(
    (ROLES["down"], ROLES["gate"], ROLES["up"], weights(".wi", ".wi_0", ".wi_1", "DenseReluDense.wo"))
)
_WORDS = f"{ROLES['embedding']}|*shared.weight"


def _within(stack: str, match: str) -> str:
    """Return the pattern restricted to an encoder or a decoder; an empty stack restricts nothing.

    The dot tells a stack from a layer of the other one: a decoder has an encoder_attn.
    """
    return "|".join(f"*{stack}.{part}" for part in match.split("|")) if stack else match


def _table() -> Recipe:
    """Return N(0, features^-1/2), of tables of words."""
    return variance_scaling(1.0, "fan_in", "normal", in_axis=1, out_axis=0)


def _branches(stack: str, layers: int, plain: Recipe, small: Recipe) -> tuple[Rule, ...]:
    """Return the rules of a stack: values, outputs and MLP are small, queries and keys are not."""
    # the factors are those of this depth: a layer beyond it is of another model
    depth = Depth(layers, power=0.0)
    return (
        Rule(_within(stack, f"{_VALUES}|{_OUT}"), small, depth=depth),
        Rule(_within(stack, _MLP), small, depth=depth),
        Rule(_within(stack, _QUERIES), plain, depth=depth),
    )


def deepnorm(*, depth: int, decoder_depth: int | None = None) -> Scheme:
    """Return DeepNorm: LayerNorm(alpha x + f(x)) after each branch, and branches times beta."""
    if decoder_depth is None:
        alphas = {"residual": (2 * depth) ** 0.25}
        betas = {"": (depth, (8 * depth) ** -0.25)}
    else:
        both = (depth**4 * decoder_depth) ** (1 / 16)
        alphas = {
            "residual of the encoder": 0.81 * both,
            "residual of the decoder": (3 * decoder_depth) ** 0.25,
        }
        betas = {
            "encoder": (depth, 0.87 / both),
            "decoder": (decoder_depth, (12 * decoder_depth) ** -0.25),
        }
    rules = [
        norms(),
        *biases(),
        Rule(_WORDS, _table(), optional=True),
        Rule(ROLES["head"], _table(), optional=True),
    ]
    for stack, (layers, beta) in betas.items():
        rules.extend(_branches(stack, layers, glorot_normal(), glorot_normal().scaled(beta)))
    return Scheme("deepnorm", (*rules, unsaid("deepnorm")), (), alphas, "arXiv 2203.00555, figure 2")


def sub_ln(*, depth: int, decoder_depth: int | None = None) -> Scheme:
    """Return Magneto's start of transformers with a second norm inside of each branch.

    Of N layers, values, outputs and MLP are Xavier normal times sqrt(log(2 N)), queries and keys Xavier
    normal. Of an encoder of N and a decoder of M layers, the factors are sqrt(log(3 M) log(2 N) / 3) and
    sqrt(log(3 M)). A branch is f(LN(x)) with a norm before its last layer, too; each then adds a change that
    shrinks with the layers before it, so that the factor grows no faster than a logarithm.

    The authors' torchscale 0.3.0 has the same factors; it leaves the first matrices as torch starts a linear
    layer, and divides queries, keys and values by sqrt(2).
    """
    if decoder_depth is None:
        gammas = {"": (depth, math.log(2 * depth) ** 0.5)}
    else:
        gammas = {
            "encoder": (depth, (math.log(3 * decoder_depth) * math.log(2 * depth) / 3) ** 0.5),
            "decoder": (decoder_depth, math.log(3 * decoder_depth) ** 0.5),
        }
    rules = [
        norms(),
        Rule("*_ln.weight|*_ln.scale", ones(), no_kernels=True, optional=True),
        *biases(),
        Rule(_WORDS, _table(), optional=True),
        Rule(ROLES["head"], _table(), optional=True),
    ]
    for stack, (layers, gamma) in gammas.items():
        rules.extend(_branches(stack, layers, glorot_normal(), glorot_normal().scaled(gamma)))
    settings = {"norms": "before the first and before the last layer of each branch"}
    source = "arXiv 2210.06423, section 2.2; torchscale architecture/encoder.py and decoder.py"
    return Scheme("sub-ln", (*rules, unsaid("sub-ln")), (), settings, source)


def t_fixup(*, depth: int) -> Scheme:
    """Return T-Fixup of an encoder and a decoder without layer normalization.

    The authors' code, layer6ai-labs/T-Fixup, has these factors (fairseq/modules/transformer_layer.py,
    ``fixup_initialization``). Its values are Xavier uniform times the factor, as here; its queries and keys
    keep fairseq's division by sqrt(2), of which the paper says nothing.
    """
    small = {"encoder": 0.67 * depth**-0.25, "decoder": (9 * depth) ** -0.25}
    rules = [*biases(), Rule(_WORDS, _table().scaled(small["decoder"]))]
    rules.append(Rule(ROLES["head"], glorot_uniform(), optional=True))
    for stack, factor in small.items():
        rules.extend(_branches(stack, depth, glorot_uniform(), glorot_uniform().scaled(factor)))
    source = "Huang, Perez, Ba, Volkovs, ICML 2020, section 3.2"
    return Scheme("t-fixup", (*rules, unsaid("t-fixup")), (), {}, source)


def ds_init(*, depth: int, alpha: float = 1.0, power: float = 0.5) -> Scheme:
    """Return depth-scaled initialization: Xavier's bound times alpha l^-power, l counted from 1.

    The paper's bound shrinks by sqrt(l), power = 0.5. The authors' code, bzhangGo/zero, gives l^-1/2 to
    TensorFlow's variance scaling, whose scale is a variance: its bound shrinks by l^1/4, power = 0.25.
    """
    drawn = glorot_uniform().scaled(alpha)
    each = Depth(depth, per_layer=True, branches=1.0, power=power)
    rules = (
        norms(),
        *biases(),
        Rule(_WORDS, _table(), optional=True),
        Rule(ROLES["head"], _table(), optional=True),
        Rule(f"{_QUERIES}|{_VALUES}", drawn, depth=each),
        Rule(_OUT, drawn, depth=each),
        Rule(_MLP, drawn, depth=each),
    )
    return Scheme("ds-init", (*rules, unsaid("ds-init")), (), {}, "arXiv 1908.11365, eq. 5")


def fixup(*, depth: int, block: str) -> Scheme:
    """Return Fixup of a ResNet without normalization: `depth` blocks of the names of torchvision."""
    if block not in ("basic", "bottleneck"):
        raise RecipeError(f"a ResNet's block is 'basic' or 'bottleneck'; got {block!r:.100}. Name one.")
    layers = {"basic": 2, "bottleneck": 3}[block]
    plain = he_normal(mode="fan_out", compat="torch")
    small = plain.scaled(depth ** (-1 / (2 * layers - 2)))
    scalars = "*.bias*|bias*|*.scale|scale"
    rules = (
        Rule("*.scale", ones()),
        Rule("*.bias*", zeros(), optional=True),
        Rule("bias*", zeros(), optional=True),
        Rule(f"*layer*.conv{layers}.weight", zeros()),
        Rule(f"*layer*.conv[1-{layers - 1}].weight", small),
        Rule("*conv?.weight|*downsample*.weight", plain, kernels_only=True),
        Rule("*fc.weight|*linear.weight", zeros(), optional=True),
        unsaid("fixup"),
    )
    return Scheme(
        "fixup", rules, (Share(scalars, 0.1),), {}, "Zhang, Dauphin, Ma, arXiv 1901.09321, section 3"
    )


def rezero(*, recipe: Recipe | str = "glorot_uniform") -> Scheme:
    """Return ReZero: x + alpha f(x), alpha 0 at first, with any recipe inside of f.

    In the authors' package rezero 0.1.0 alpha is called resweight; the rest begins as torch starts it.
    """
    return _gated(
        "rezero", "*resweight|*rezero*|*.alpha", recipe, "Bachlechner et al., arXiv 2003.04887, eq. 5"
    )


def skipinit(*, recipe: Recipe | str = "he_normal") -> Scheme:
    """Return SkipInit: x + alpha f(x), alpha 0 at first, of networks without normalization.

    The paper's alpha is 0 or at most 1 / sqrt(number of branches). In timm it is called skipinit_gain, and 0
    (models/nfnet.py).
    """
    return _gated(
        "skipinit", "*skipinit_gain|*skip_gain|*.alpha", recipe, "De and Smith, arXiv 2002.10444, section 4"
    )


def _gated(name: str, gates: str, recipe: Recipe | str, source: str) -> Scheme:
    rules = (
        Rule(gates, zeros()),
        norms(),
        *biases(),
        Rule("*weight|*kernel", as_recipe(recipe), kernels_only=True),
        unsaid(name),
    )
    return Scheme(name, rules, (), {}, source)
