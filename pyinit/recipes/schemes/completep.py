"""CompleteP: muP in width, and residual branches divided by the depth."""

from __future__ import annotations

import math

from ...stream.arguments import number
from ..depth import Depth
from ..distributions import normal
from ..models.roles import BIASES, NORMS, ROLES, Language
from .scheme import Scheme, Share
from .width import ATTENTION, HIDDEN

__all__ = ["IN_LAYERS", "completep"]

_SOURCE = "Dey et al., arXiv 2505.01618, Table 1; EleutherAI/nanoGPT-mup, branch completep"
IN_LAYERS = "*.[0-9]*.*|*_[0-9]*.*"
"""The pattern of names that have the number of a layer."""


def completep(
    *,
    width: int,
    base_width: int,
    depth: int,
    base_depth: int,
    alpha: float = 1.0,
    std: float = 0.02,
    padding: int | None = None,
) -> Scheme:
    """Return CompleteP of a language model with norms before its branches, by the names of its parameters.

    With m = width / base_width and n = depth / base_depth: x + n^-alpha f(LN(x)); hidden weights
    N(0, std / sqrt(m)), learning rate n^(alpha - 1) / m, weight decay m; norms and biases of layers
    n^(alpha - 1), without weight decay; AdamW's epsilon n^-alpha / m in layers, 1 / m elsewhere; logits
    1 / m. At alpha = 1 each branch writes 1 / n of what it would write alone, and its weights still learn at
    the rate of a shallow model's, so that learning rate and std transfer over depths, too. alpha = 1/2 is
    the depth-muP of arXiv 2310.02244.

    An epsilon shrinks as the gradients that it is added to: logits are divided by m, and so are the
    gradients of all parameters; those of layers are divided by n^alpha, too. The authors' code uses the
    epsilon of layers for all parameters.
    """
    alpha, std = number("completep's alpha", alpha, least=0.0), number("completep's std", std, least=0.0)
    wider, deeper = width / base_width, depth / base_depth
    # a layer beyond the depth is of another model
    plain, hidden = normal(std=std), (normal(std=std / math.sqrt(wider)), Depth(depth, power=0.0))
    rules = Language(
        plain, plain, hidden, hidden, hidden, hidden, hidden, position=plain, padding=padding
    ).rules("completep")
    rate, epsilon, outside = deeper ** (alpha - 1), deeper**-alpha / wider, 1 / wider
    shares = (
        Share(ROLES["head"], 1.0, 1 / wider, epsilon=outside),
        # before the layers: Flax counts tables, too
        Share(f"{ROLES['position']}|{ROLES['embedding']}", epsilon=outside),
        *(Share(ROLES[role], rate / wider, 1.0, wider, epsilon) for role in HIDDEN),
        # vectors of layers; others have no decay either
        Share(IN_LAYERS, rate, 1.0, 0.0, epsilon),
        Share(f"{NORMS}|{BIASES}", weight_decay=0.0, epsilon=outside),
    )
    settings = {**ATTENTION, "residual branches": deeper**-alpha, "logits": 1 / wider}
    return Scheme("completep", rules, shares, settings, _SOURCE)
