"""Models in which every matrix has the same std; what differs are norms, sinks and routers."""

from __future__ import annotations

from collections.abc import Iterator

from ..distributions import normal, ones, zeros
from ..log_uniform import inverse_softplus
from ..logarithms import log_of_uniform
from ..recipe import Recipe
from ..rules import Rule
from .entry import Entry
from .roles import ROLES, biases, buffers, norms
from .unsaid import unsaid

__all__ = ["ENTRIES"]

_TABLES = f"{ROLES['embedding']}|*shared.weight|*shared.embedding"
_MATRICES = "*weight|*.kernel|*.embedding"
_EXPERTS = "*experts.gate_up_proj|*experts.down_proj"


def _same(
    model: str,
    std: float,
    padding: int | None,
    *,
    norm: Recipe | None = None,
    first: tuple[Rule, ...] = (),
) -> tuple[Rule, ...]:
    """Return rules of one std, with what a model has beside them in front."""

    def each() -> Iterator[Rule]:
        drawn = normal(std=std)
        yield from first
        yield from buffers()
        yield norms(norm)
        yield from biases()
        if padding is not None:
            yield Rule(_TABLES, drawn, (padding,))
        yield Rule(_EXPERTS, drawn, optional=True)
        yield Rule(_MATRICES, drawn, kernels_only=True)
        yield unsaid(model)

    return tuple(each())


def _hf(*, std: float = 0.02, padding: int | None = None) -> tuple[Rule, ...]:
    return _same("hf", std, padding)


def _gemma(*, std: float = 0.02, padding: int | None = None) -> tuple[Rule, ...]:
    return _same("gemma", std, padding, norm=zeros())


def _gpt_oss(*, std: float = 0.02, padding: int | None = None) -> tuple[Rule, ...]:
    drawn = Rule("*.sinks|*.router.bias", normal(std=std), optional=True)
    # one row for each expert
    stacked = Rule("*experts.*_bias", zeros(), optional=True)
    return _same("gpt-oss", std, padding, first=(drawn, stacked))


def _deepseek_v3(*, std: float = 0.02, padding: int | None = None) -> tuple[Rule, ...]:
    return _same("deepseek-v3", std, padding)


def _deepseek_v3_paper(*, std: float = 0.006, padding: int | None = None) -> tuple[Rule, ...]:
    # the report: "all learnable parameters are randomly initialized with a standard deviation of 0.006";
    # the config.json of the published weights says 0.02
    return _same("deepseek-v3-paper", std, padding)


def _qwen3_next(*, std: float = 0.02, padding: int | None = None) -> tuple[Rule, ...]:
    first = (
        Rule("*.linear_attn.norm.weight|*.dt_bias", ones(), optional=True),
        Rule("*.A_log", log_of_uniform(0.01, 16.0), optional=True),
    )
    return _same("qwen3-next", std, padding, norm=zeros(), first=first)


def _olmo_hybrid(
    *,
    std: float = 0.02,
    padding: int | None = None,
    a_min: float = 0.0,
    a_max: float = 16.0,
    time_step_min: float = 0.001,
    time_step_max: float = 0.1,
    time_step_floor: float = 1e-4,
) -> tuple[Rule, ...]:
    return _same(
        "olmo-hybrid",
        std,
        padding,
        first=_delta((a_min, a_max), (time_step_min, time_step_max), time_step_floor),
    )


def _kimi_linear(*, std: float = 0.02, padding: int | None = None) -> tuple[Rule, ...]:
    return _same("kimi-linear", std, padding, first=_delta((1.0, 16.0), (0.001, 0.1), 1e-4))


def _delta(decays: tuple[float, float], steps: tuple[float, float], floor: float) -> tuple[Rule, ...]:
    """Return the rules of a gated delta rule: its decay, and the bias of its step sizes."""
    return (
        Rule("*.A_log", log_of_uniform(*decays)),
        Rule("*.dt_bias", inverse_softplus(*steps, floor=floor)),
    )


ENTRIES = (
    Entry(
        "hf",
        _hf,
        "matrices, convolutions, embeddings and experts N(0, s); norms 1; biases 0; no factor of depth",
        "transformers modeling_utils.py `PreTrainedModel._init_weights`",
        "Llama, Mistral, Mixtral, Qwen, OLMo and most other models that transformers starts",
    ),
    Entry(
        "gemma",
        _gemma,
        "as hf; the scales of norms 0, because the norm multiplies by 1 + w",
        "transformers gemma/modeling_gemma.py `_init_weights`",
        "Gemma 1 to 3 in transformers; norms of 1 would double every branch",
    ),
    Entry(
        "gpt-oss",
        _gpt_oss,
        "as hf; attention sinks and the router's bias N(0, s)",
        "transformers gpt_oss/modeling_gpt_oss.py `_init_weights`",
        "gpt-oss",
    ),
    Entry(
        "deepseek-v3",
        _deepseek_v3,
        "as hf, s = 0.02; the router's e_score_correction_bias 0",
        "transformers deepseek_v3/modeling_deepseek_v3.py `_init_weights`",
        "DeepSeek-V3 and Kimi K2 in transformers",
    ),
    Entry(
        "deepseek-v3-paper",
        _deepseek_v3_paper,
        "as hf, s = 0.006; the router's e_score_correction_bias 0",
        "arXiv 2412.19437, section 4.2",
        "DeepSeek-V3 as its report says that it was trained",
    ),
    Entry(
        "qwen3-next",
        _qwen3_next,
        "as hf; norms 0 (1 + w), but the gated norm of linear attention 1; dt_bias 1; A_log = ln U(.01, 16)",
        "transformers qwen3_next/modeling_qwen3_next.py `_init_weights`",
        "Qwen3-Next, Qwen3.5",
    ),
    Entry(
        "olmo-hybrid",
        _olmo_hybrid,
        "as hf; A_log = ln U(0, 16); dt_bias the inverse softplus of a log-uniform step of .001 to .1",
        "transformers olmo_hybrid/modeling_olmo_hybrid.py `_init_weights`; arXiv 2412.06464",
        "OLMo Hybrid: attention and gated delta networks",
    ),
    Entry(
        "kimi-linear",
        _kimi_linear,
        "as olmo-hybrid; A_log = ln U(1, 16)",
        "transformers kimi_linear/modeling_kimi_linear.py `_init_weights`; arXiv 2510.26692",
        "Kimi Linear: attention and a gated delta rule with a decay for each channel",
    ),
)
