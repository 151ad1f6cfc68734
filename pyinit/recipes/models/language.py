"""Decoders whose parameters differ by their role: residual outputs shrink with depth, heads with width."""

from __future__ import annotations

from ..depth import Depth
from ..distributions import constant, normal, ones, truncated_normal, zeros
from ..recipe import Recipe
from ..rules import Rule
from ..scaling import variance_scaling
from .entry import Entry
from .roles import Language

__all__ = ["ENTRIES"]


def _cut(std: float) -> Recipe:
    """Return a normal that ends at 3 std, as OLMo draws it."""
    return truncated_normal(std=std, low=-3.0, high=3.0)


def _of_fan_in(scale: float = 1.0) -> Recipe:
    """Return a normal of std sqrt(scale / fan_in) that ends at 3 std."""
    return variance_scaling(scale, "fan_in", "truncated_normal", cut=3.0, correct=False)


def _of_features() -> Recipe:
    """Return `_of_fan_in` of a table of words: its fan_in is the size of a vector."""
    return variance_scaling(1.0, "fan_in", "truncated_normal", cut=3.0, correct=False, in_axis=1, out_axis=0)


def _gpt2(*, depth: int, std: float = 0.02, padding: int | None = None) -> tuple[Rule, ...]:
    drawn, out = normal(std=std), (normal(std=std), Depth(depth))
    return Language(
        drawn, drawn, drawn, out, drawn, drawn, out, router=drawn, position=drawn, padding=padding
    ).rules("gpt2")


def _megatron(
    *, depth: int, std: float = 0.02, embedding_std: float | None = None, padding: int | None = None
) -> tuple[Rule, ...]:
    drawn, out = normal(std=std), (normal(std=std), Depth(depth))
    embedding = drawn if embedding_std is None else normal(std=embedding_std)
    return Language(
        embedding, drawn, drawn, out, drawn, drawn, out, router=drawn, position=embedding, padding=padding
    ).rules("megatron")


def _torchtitan(
    *, depth: int, width: int, std: float = 0.02, padding: int | None = None, tied: bool | None = None
) -> tuple[Rule, ...]:
    drawn = truncated_normal(std=std, low=-2.0, high=2.0, unit="absolute")
    out = (drawn, Depth(depth, per_layer=True))
    head = _cut(width**-0.5)
    return Language(
        *(normal(std=1.0), head, drawn, out, drawn, out, out),
        router=out,
        padding=padding,
        shared=head,
        tied=tied,
    ).rules("torchtitan")


def _olmo(*, depth: int, padding: int | None = None) -> tuple[Rule, ...]:
    drawn, out = _of_fan_in(), (_of_fan_in(), Depth(depth, per_layer=True))
    return Language(
        _of_features(), drawn, drawn, out, drawn, drawn, out, position=_of_features(), padding=padding
    ).rules("olmo")


def _olmo2(*, std: float = 0.02, padding: int | None = None) -> tuple[Rule, ...]:
    drawn = _cut(std)
    return Language(drawn, drawn, drawn, drawn, drawn, drawn, drawn, router=drawn, padding=padding).rules(
        "olmo2"
    )


def _llama(
    *, depth: int, width: int, std: float = 0.02, padding: int | None = None, tied: bool | None = None
) -> tuple[Rule, ...]:
    return _of_olmo_core("llama", Depth(depth), width, std, padding, tied)


def _llama_depth(
    *, depth: int, width: int, std: float = 0.02, padding: int | None = None, tied: bool | None = None
) -> tuple[Rule, ...]:
    return _of_olmo_core("llama-depth", Depth(depth, per_layer=True), width, std, padding, tied)


def _of_olmo_core(
    model: str, depth: Depth, width: int, std: float, padding: int | None, tied: bool | None
) -> tuple[Rule, ...]:
    drawn, head = _cut(std), _cut(width**-0.5)
    out = (drawn, depth)
    # of experts, the gate is as small as the rest
    return Language(
        *(normal(std=1.0), head, drawn, out, drawn, out, out),
        router=out,
        padding=padding,
        experts=out,
        shared=head,
        tied=tied,
    ).rules(model)


def _ngpt(*, depth: int, width: int, padding: int | None = None) -> tuple[Rule, ...]:
    base = width**-0.5
    drawn, out = normal(std=base), (normal(std=base), Depth(depth))
    of_roles = Language(drawn, drawn, drawn, out, drawn, drawn, out, padding=padding).rules("ngpt")
    return (
        Rule("*.attn_alpha|*.mlp_alpha|*.sqk|sz|*.sz", constant(base), optional=True),
        Rule("*.suv", ones(), optional=True),
        *of_roles,
    )


def _gpt_neox(*, depth: int, width: int, padding: int | None = None) -> tuple[Rule, ...]:
    small = normal(std=(2 / (5 * width)) ** 0.5)
    wang = (normal(std=2 * width**-0.5), Depth(depth, branches=1.0, power=1.0))
    return Language(small, small, small, wang, small, small, wang, position=small, padding=padding).rules(
        "gpt-neox"
    )


def _olmo_fan_in(*, padding: int | None = None, tied: bool | None = None) -> tuple[Rule, ...]:
    drawn = _of_fan_in()
    return Language(
        *(normal(std=1.0), drawn, drawn, drawn, drawn, drawn, drawn),
        router=drawn,
        padding=padding,
        shared=_of_features(),
        tied=tied,
    ).rules("olmo-fan-in")


def _maxtext(*, padding: int | None = None) -> tuple[Rule, ...]:
    drawn = variance_scaling(1.0, "fan_in", "truncated_normal")
    words = variance_scaling(1.0, "fan_in", "normal", in_axis=1, out_axis=0)
    return Language(words, drawn, drawn, drawn, drawn, drawn, drawn, router=drawn, padding=padding).rules(
        "maxtext"
    )


def _nanochat(*, mlp: float = 1.0, padding: int | None = None, tied: bool | None = None) -> tuple[Rule, ...]:
    drawn = variance_scaling(1.0, "fan_in", "uniform")
    first, head = drawn.scaled(mlp), normal(std=0.001)
    return Language(
        *(normal(std=1.0), head, drawn, zeros(), first, first, zeros()),
        padding=padding,
        shared=head,
        tied=tied,
    ).rules("nanochat")


def _spectral(*, padding: int | None = None, tied: bool | None = None) -> tuple[Rule, ...]:
    drawn = variance_scaling(1.0, "spectral")
    return Language(
        *(normal(std=1.0), drawn, drawn, drawn, drawn, drawn, drawn),
        router=drawn,
        padding=padding,
        shared=variance_scaling(1.0, "spectral", in_axis=1, out_axis=0),
        tied=tied,
    ).rules("spectral")


#: d is the width, L the depth, l a layer from 0; TN(s, k) is a normal of std s that ends at k s.
ENTRIES = (
    Entry(
        "gpt2",
        _gpt2,
        "N(0, s); residual outputs N(0, s / sqrt(2 L))",
        "Radford et al. 2019, section 2.3; transformers gpt2/modeling_gpt2.py `_init_weights`",
        "GPT-2 and most decoders before 2024",
    ),
    Entry(
        "megatron",
        _megatron,
        "N(0, s); residual outputs N(0, s / sqrt(2 L)); embeddings N(0, e) if e is given",
        "Megatron-LM megatron/core/utils.py `scaled_init_method_normal`; e: arXiv 2312.16903",
        "Megatron-LM, NeMo, and models that are trained with them",
    ),
    Entry(
        "torchtitan",
        _torchtitan,
        "embeddings N(0, 1); q, k, v, gate: N(0, s) cut at +-2; residual outputs, up, router: the same, "
        "std s / sqrt(2 (l + 1)); head TN(d^-1/2, 3)",
        "torchtitan models/llama3, deepseek_v3 (2026-08); its qwen3 begins as megatron if it has experts, "
        "else as hf",
        "torchtitan's Llama 3 and DeepSeek-V3; with grouped experts as w1_EFD, w2_EDF, w3_EFD",
    ),
    Entry(
        "olmo",
        _olmo,
        "TN(fan_in^-1/2, 3); residual outputs TN((2 fan_in (l + 1))^-1/2, 3)",
        "OLMo olmo/model.py, `InitFnType.mitchell`",
        "OLMo 1; large models that are trained with little warm-up",
    ),
    Entry(
        "olmo2",
        _olmo2,
        "TN(s, 3) everywhere",
        "OLMo-core src/olmo_core/nn/transformer/init.py, `InitMethod.normal`; arXiv 2501.00656",
        "OLMo 2 and 3",
    ),
    Entry(
        "llama",
        _llama,
        "embeddings N(0, 1); q, k, v, gate TN(s, 3); residual outputs and up TN(s / sqrt(2 L), 3); "
        "head TN(d^-1/2, 3); the gate of experts as up",
        "OLMo-core src/olmo_core/nn/transformer/init.py, `InitMethod.llama`",
        "Llama-like models in OLMo-core; Meta has published no initialization of Llama",
    ),
    Entry(
        "llama-depth",
        _llama_depth,
        "as llama, with s / sqrt(2 (l + 1))",
        "OLMo-core src/olmo_core/nn/transformer/init.py, `InitMethod.llama_depth`",
        "deep Llama-like models; early layers then write more than late ones",
    ),
    Entry(
        "ngpt",
        _ngpt,
        "N(0, d^-1/2); residual outputs N(0, d^-1/2 / sqrt(2 L)); alpha, sqk, sz = d^-1/2; suv = 1",
        "NVIDIA/ngpt model.py; arXiv 2410.01131. Its training code normalizes the rows afterwards",
        "normalized transformers",
    ),
    Entry(
        "gpt-neox",
        _gpt_neox,
        "small init N(0, sqrt(2 / (5 d))); residual outputs wang init N(0, 2 / (L sqrt(d)))",
        "gpt-neox megatron/model/init_functions.py; arXiv 1910.05895; Wang and Komatsuzaki 2021",
        "GPT-NeoX-20B, Pythia, xLSTM",
    ),
    Entry(
        "olmo-fan-in",
        _olmo_fan_in,
        "TN(fan_in^-1/2, 3); embeddings N(0, 1)",
        "OLMo-core pull request 598 (2026-02), `fan_in`",
        "OLMo-core since 2026; width changes need no new std",
    ),
    Entry(
        "maxtext",
        _maxtext,
        "truncated normal at 2 std with variance 1 / fan_in; embeddings N(0, d^-1/2)",
        "maxtext src/maxtext/layers/initializers.py, `nd_dense_init(1.0, ...)`, `default_embed_init`",
        "MaxText, T5X and other models in JAX",
    ),
    Entry(
        "nanochat",
        _nanochat,
        "q, k, v and the MLP's first layer U(+-sqrt(3 / fan_in)), the latter times m; residual outputs 0; "
        "embeddings N(0, 1); head N(0, 0.001)",
        "karpathy/nanochat nanochat/gpt.py at 48abd7d (2026-01)",
        "nanochat; small models that are trained with Muon",
    ),
    Entry(
        "spectral",
        _spectral,
        "N(0, fan_in^-1/2 min(1, sqrt(fan_out / fan_in))); embeddings N(0, 1)",
        "Yang, Simon, Bernstein, arXiv 2310.17813, eq. 6; nanochat of 2025",
        "models that are trained with Muon; a learning rate then transfers over widths",
    ),
)
