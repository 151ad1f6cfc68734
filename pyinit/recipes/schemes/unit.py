"""u-muP: all weights have unit variance, and the operations hold the scales."""

from __future__ import annotations

from ..depth import Depth
from ..distributions import normal
from ..models.roles import ROLES, Language
from ..models.unsaid import refused
from .completep import IN_LAYERS
from .scheme import Scheme, Share
from .width import ATTENTION

__all__ = ["unit"]

_SOURCE = "Blake et al., arXiv 2407.17465, Table 2; unit-scaling 0.3.5 optim.py, functional.py"


def unit(
    *, width: int, hidden: int, depth: int, attention: int | None = None, padding: int | None = None
) -> Scheme:
    """Return u-muP of a language model, by the names of its parameters: unit-scaled maximal update.

    Every weight is N(0, 1). A hidden layer multiplies by fan_in^-1/2, the last one by 1 / fan_in, and Adam's
    learning rates are fan_in^-1/2 of hidden weights, width^-1/2 of the words' table, 1 of the last layer,
    norms and biases; all that lies in one of L layers has another factor of L^-1/2. The function and its
    training are those of muP with weights N(0, 1 / fan_in), but weights, activations and gradients are near
    unit variance, which float8 holds, and the learning rate is near 1 at every size.

    Branch i of 2 L, counted from 0, is x / sqrt(1 + t^2) + t f(x) / sqrt(1 + t^2) with t = (L + i)^-1/2: then
    embedding, attentions and MLPs each contribute a third of the variance of the stream.

    The authors train with a weight decay that no factor of a learning rate changes. torch's AdamW multiplies
    it by the learning rate of each group, so that its ``weight_decay`` has to be divided by that.

    Parameters
    ----------
    width : int
        Of the residual stream: the inputs of queries, keys, values, the first layers of an MLP and the head.
    hidden : int
        Of the MLP: the inputs of its last layer.
    depth : int
        Layers, of two branches each.
    attention : int, optional
        All heads together: the inputs of the attention's last layer; by default `width`.
    """
    drawn = normal(std=1.0)
    # a layer beyond the depth is of another model
    inner = (drawn, Depth(depth, power=0.0))
    rules = Language(drawn, drawn, inner, inner, inner, inner, inner, position=drawn, padding=padding).rules(
        "u-mup"
    )
    fans = {
        "attention_out": width if attention is None else attention,
        "attention": width,
        "down": hidden,
        "gate": width,
        "up": width,
        "both": width,
    }
    deep = depth**-0.5
    shares = (
        Share(ROLES["position"], width**-0.5),
        Share(ROLES["embedding"], width**-0.5),
        Share(ROLES["head"], 1.0, 1 / width),
        *(Share(ROLES[role], fan**-0.5 * deep, fan**-0.5) for role, fan in fans.items()),
        Share(IN_LAYERS, deep),
    )
    settings: dict[str, float | str] = {
        **ATTENTION,
        "branch i of the stream": f"(x + t f(x)) / sqrt(1 + t^2), t = ({depth} + i)^-1/2, i from 0",
        "weight decay": "a step's is the same for all groups: AdamW's weight_decay / lr of the group",
        "other operations": "have outputs and gradients of unit variance, as in unit_scaling.functional",
    }
    experts = refused("u-mup", "*experts*", "does not say how wide an expert is, and so not its multiplier")
    return Scheme("u-mup", (experts, *rules), shares, settings, _SOURCE)
