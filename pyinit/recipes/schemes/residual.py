"""Schemes of residual branches: what a branch writes at first, so that deep networks train."""

from __future__ import annotations

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

__all__ = ["deepnorm", "ds_init", "fixup", "rezero", "skipinit", "t_fixup"]

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
    """Return the pattern restricted to an encoder or a decoder; an empty stack restricts nothing."""
    return "|".join(f"*{stack}{part}" for part in match.split("|")) if stack else match


def _table() -> Recipe:
    """Return N(0, features^-1/2), of tables of words."""
    return variance_scaling(1.0, "fan_in", "normal", in_axis=1, out_axis=0)


def _branches(stack: str, plain: Recipe, small: Recipe) -> tuple[Rule, ...]:
    """Return the rules of a stack: values, outputs and MLP are small, queries and keys are not."""
    return (
        Rule(_within(stack, f"{_VALUES}|{_OUT}"), small),
        Rule(_within(stack, _MLP), small),
        Rule(_within(stack, _QUERIES), plain),
    )


def deepnorm(*, depth: int, decoder_depth: int | None = None) -> Scheme:
    """Return DeepNorm: LayerNorm(alpha x + f(x)) after each branch, and branches times beta."""
    if decoder_depth is None:
        alphas = {"residual": (2 * depth) ** 0.25}
        betas = {"": (8 * depth) ** -0.25}
    else:
        both = (depth**4 * decoder_depth) ** (1 / 16)
        alphas = {
            "residual of the encoder": 0.81 * both,
            "residual of the decoder": (3 * decoder_depth) ** 0.25,
        }
        betas = {"encoder": 0.87 / both, "decoder": (12 * decoder_depth) ** -0.25}
    rules = [
        norms(),
        *biases(),
        Rule(_WORDS, _table(), optional=True),
        Rule(ROLES["head"], _table(), optional=True),
    ]
    for stack, beta in betas.items():
        rules.extend(_branches(stack, glorot_normal(), glorot_normal().scaled(beta)))
    return Scheme("deepnorm", (*rules, unsaid("deepnorm")), (), alphas, "arXiv 2203.00555, figure 2")


def t_fixup(*, depth: int) -> Scheme:
    """Return T-Fixup of an encoder and a decoder without layer normalization."""
    small = {"encoder": 0.67 * depth**-0.25, "decoder": (9 * depth) ** -0.25}
    rules = [*biases(), Rule(_WORDS, _table().scaled(small["decoder"]))]
    rules.append(Rule(ROLES["head"], glorot_uniform(), optional=True))
    for stack, factor in small.items():
        rules.extend(_branches(stack, glorot_uniform(), glorot_uniform().scaled(factor)))
    source = "Huang, Perez, Ba, Volkovs, ICML 2020, section 3.2"
    return Scheme("t-fixup", (*rules, unsaid("t-fixup")), (), {}, source)


def ds_init(*, depth: int, alpha: float = 1.0) -> Scheme:
    """Return depth-scaled initialization: Xavier's bound times alpha / sqrt(l), l counted from 1."""
    drawn, each = glorot_uniform().scaled(alpha), Depth(depth, per_layer=True, branches=1.0)
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
    """Return ReZero: x + alpha f(x), alpha 0 at first, with any recipe inside of f."""
    return _gated(
        "rezero", "*resweight|*rezero*|*.alpha", recipe, "Bachlechner et al., arXiv 2003.04887, eq. 5"
    )


def skipinit(*, recipe: Recipe | str = "he_normal") -> Scheme:
    """Return SkipInit: x + alpha f(x), alpha 0 at first, of networks without normalization."""
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
