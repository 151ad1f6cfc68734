"""What the parameters of a language model are for, by the names that libraries give them.

The names are those of transformers, Megatron, torchtitan, OLMo and OLMo-core, GPT-NeoX, nGPT and nanochat; of
Flax, the same stems with ``kernel`` and ``embedding``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..depth import Depth
from ..distributions import ones, zeros
from ..recipe import Recipe
from ..rules import Rule
from .unsaid import refused, unsaid

__all__ = ["BIASES", "NORMS", "ROLES", "Drawn", "Language", "biases", "buffers", "norms", "weights"]

Drawn: TypeAlias = "Recipe | tuple[Recipe, Depth]"
"""A recipe, or one with the factor of a depth."""


def weights(*stems: str) -> str:
    """Return the pattern of the weights of layers whose names end in these stems.

    Examples
    --------
    >>> from pyinit.recipes.models.roles import weights
    >>> weights(".wo")
    '*.wo.weight|*.wo.kernel'
    """
    return "|".join(f"*{stem}.{end}" for stem in stems for end in ("weight", "kernel"))


NORMS = "*norm*.weight|*norm*.scale|*ln_?.weight|*ln_?.scale|*.ln*.weight|ln*.weight|*.bn*.weight|bn*.weight"
BIASES = "*.bias|bias"


def _tables(*stems: str) -> str:
    """Return the pattern of the tables of torch and Flax whose names end in these stems."""
    return "|".join(f"*{stem}.{end}" for stem in stems for end in ("weight", "embedding"))


_POSITION = _tables("wpe", "position_embeddings", "embed_positions", "pos_embed", "pos_embedding")
# not every name that ends in embeddings: pos_embeddings and token_type_embeddings are no words. A set of one
# letter makes a name a pattern, as each name without one has to match
_EMBEDDING = (
    _tables("embed_tokens", "wte", "tok_embeddings", "word_embeddings", "embed_in", "token_embedder")
    + "|[e]mbeddings.weight|*.embeddings.weight|*.embed.embedding|*.embedder.embedding|*.Embed_0.embedding"
)
_HEAD = "[o]utput.weight|" + weights(
    *("lm_head", "lm_head.w_out", "output_layer", "embed_out", "transformer.ff_out")
)
_ROUTER = weights(".mlp.gate", ".router", ".moe.gate", "block_sparse_moe.gate", ".router.gate")
_ATTENTION_OUT = weights(
    *(".o_proj", ".wo", "attention.w_out", "attn.c_proj", ".att_c_proj", "attention.linear_proj"),
    *("attention.dense", ".attn_out", "attn.out_proj"),
)
_ATTENTION = weights(
    *(".q_proj", ".k_proj", ".v_proj", ".qkv_proj", ".q_a_proj", ".q_b_proj", ".kv_a_proj_with_mqa"),
    *(".kv_b_proj", ".wq", ".wk", ".wv", ".wqkv", ".wq_a", ".wq_b", ".wkv_a", ".wkv_b"),
    *(".w_q", ".w_k", ".w_v", ".w_qkv", ".c_attn", ".c_q", ".c_k", ".c_v", ".query", ".key", ".value"),
    *(".query_key_value", ".linear_qkv", ".att_proj", ".q_attn"),
)
_DOWN = (
    weights(".down_proj", ".w2", "mlp.c_proj", ".mlp_c_proj", ".dense_4h_to_h", ".linear_fc2", ".ff_out")
    + "|*.fc2.weight|*.experts.down_proj|*.experts.w2|*.w2_EDF"
)
_GATE = (
    weights(".gate_proj", ".w1", ".c_fc", ".dense_h_to_4h", ".linear_fc1", ".ff_proj")
    + "|*.fc1.weight|*.experts.w1|*.w1_EFD"
)
_UP = weights(".up_proj", ".w3") + "|*.experts.w3|*.w3_EFD"
_BOTH = weights(".gate_up_proj") + "|*.experts.gate_up_proj"
_EXPERTS = (
    "*.experts.*.weight|*.experts.*.kernel|*.experts.gate_up_proj|*.experts.down_proj|*.experts.w[123]"
    "|*.experts.mlp.w[123]"
)


ROLES = {
    "position": _POSITION,
    "embedding": _EMBEDDING,
    "head": _HEAD,
    "router": _ROUTER,
    "attention_out": _ATTENTION_OUT,
    "attention": _ATTENTION,
    "down": _DOWN,
    "gate": _GATE,
    "up": _UP,
    "both": _BOTH,
}
"""The pattern of each role, in the order in which they decide."""


def norms(recipe: Recipe | None = None) -> Rule:
    """Return the rule of the scales of norms: ones, or a recipe."""
    return Rule(NORMS, recipe or ones(), no_kernels=True, optional=True)


def biases() -> tuple[Rule, ...]:
    """Return the rules of biases, which are zeros."""
    return (
        Rule(BIASES, zeros(), optional=True),
        Rule("*_bias|*.bias_*", zeros(), no_kernels=True, optional=True),
    )


def buffers() -> tuple[Rule, ...]:
    """Return the rules of batch norms' buffers."""
    return (
        Rule("*running_var", ones(), optional=True),
        Rule("*running_mean|*num_batches_tracked", zeros(), optional=True),
    )


@dataclass(frozen=True)
class Language:
    """What each role of a language model's parameters gets.

    Parameters
    ----------
    embedding, head : recipe
        Of the words' vectors, and of the last layer, if it has its own weight.
    attention, attention_out : recipe
        Of queries, keys and values, and of the layer that adds to the residual stream.
    gate, up, down : recipe
        Of the first layer of an MLP (the gated one, if one is gated), of the other first layer of a gated
        one, and of the layer that adds to the residual stream; also of experts.
    router : recipe, optional
        Of the layer that chooses experts; None if it is not known.
    position : recipe, optional
        Of learned positions; None if it is not known.
    norm : recipe, optional
        Of the scales of norms; by default ones.
    padding : int, optional
        The row of the embedding that is zero.
    experts : recipe, optional
        Of all matrices of experts, if the roles do not say it.
    shared : recipe, optional
        Of an embedding that is the last layer, too, if that is neither of both.
    tied : bool, optional
        Whether the embedding is the last layer, too; None if a model without a last layer of its own has to
        say it.
    """

    embedding: Drawn
    head: Drawn
    attention: Drawn
    attention_out: Drawn
    gate: Drawn
    up: Drawn
    down: Drawn
    router: Drawn | None = None
    position: Drawn | None = None
    norm: Recipe | None = None
    padding: int | None = None
    experts: Drawn | None = None
    shared: Drawn | None = None
    tied: bool | None = False

    def rules(self, model: str) -> tuple[Rule, ...]:
        """Return the rules, the last of which refuses what has no role."""
        return (*self._rules(model), unsaid(model))

    def _rules(self, model: str) -> Iterator[Rule]:
        yield norms(self.norm)
        yield from biases()
        if self.position is not None:
            yield _rule(_POSITION, self.position, optional=True)
        else:
            # their names end as those of words do
            yield refused(model, _POSITION, "does not say how learned positions begin")
        rows = () if self.padding is None else (self.padding,)
        table = self.embedding if not self.tied or self.shared is None else self.shared
        yield _rule(_EMBEDDING, table, zero_rows=rows)
        yield _rule(
            _HEAD, self.head, optional=self.tied is not None, advice=_TIED if self.tied is None else ""
        )
        if self.router is not None:
            yield _rule(_ROUTER, self.router, optional=True)
        if self.experts is not None:
            yield _rule(_EXPERTS, self.experts, optional=True)
        yield _rule(_ATTENTION_OUT, self.attention_out)
        yield _rule(_ATTENTION, self.attention)
        yield _rule(_DOWN, self.down)
        yield _rule(_GATE if self.gate != self.up else f"{_GATE}|{_BOTH}", self.gate, optional=True)
        yield _rule(_UP, self.up, optional=True)


_TIED = (
    "That is the last layer, which begins smaller than the table of words. Give tied=True if it is that "
    "table, or tied=False if the model has none."
)


def _rule(
    match: str,
    drawn: Drawn,
    *,
    optional: bool = False,
    zero_rows: tuple[int, ...] = (),
    advice: str = "",
) -> Rule:
    recipe, depth = drawn if isinstance(drawn, tuple) else (drawn, None)
    return Rule(match, recipe, zero_rows, depth=depth, optional=optional, advice=advice)
