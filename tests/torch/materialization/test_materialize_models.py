"""Models of transformers and timm, and every module class of torch: materialized, they begin as eager ones.

Eager and materialized tensors are compared by mean, standard deviation and kurtosis. With n elements each and
limits of five standard errors, twice the limit is found in all but one of 3 million cases: a standard
deviation off by 10 / sqrt(n) of itself, thus 16 % at n = 4096 and 4 % at 65 536; uniform draws in place of
normal ones from n = 3400 on. The mutants below are of that size.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pyinit as pi

from ...older import older

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
adapter = pytest.importorskip("pyinit.torch")
deferred, materialize = adapter.deferred, adapter.materialize

LIMIT = 5.0
SIZES: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
PATCHES = {"image_size": 16, "patch_size": 4}
TIMM_VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 64, "depth": 2, "num_heads": 4, "num_classes": 50}


def built(kind: str) -> Any:
    """Build a small model, on whatever device is the default."""
    if kind == "timm vit":
        timm = pytest.importorskip("timm")
        return timm.models.VisionTransformer(**TIMM_VIT)
    transformers = pytest.importorskip("transformers")
    configs = {
        "llama": lambda: transformers.LlamaConfig(
            **SIZES, num_key_value_heads=2, tie_word_embeddings=True, pad_token_id=3
        ),
        "gpt2": lambda: transformers.GPT2Config(
            vocab_size=300, n_embd=64, n_layer=2, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=1
        ),
        "bert": lambda: transformers.BertConfig(**SIZES, max_position_embeddings=64),
        "vit": lambda: transformers.ViTConfig(**{**SIZES, **PATCHES}),
    }
    autos = {"llama": "AutoModelForCausalLM", "gpt2": "AutoModelForCausalLM", "bert": "AutoModelForMaskedLM"}
    auto = getattr(transformers, autos.get(kind, "AutoModelForImageClassification"))
    return auto.from_config(configs[kind]())


def tensors(module: Any) -> dict[str, Any]:
    """Every parameter and buffer, tied ones once, without gradients."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.detach() for name, tensor in named}


def kurtosis(values: Any) -> float:
    """The fourth moment of standardized values: 3 for normal draws, 1.8 for uniform ones."""
    standard = (values - values.mean()) / values.std()
    return float((standard**4).mean())


def scores(eager: Any, made: Any) -> dict[str, float]:
    """How many standard errors apart the moments of two samples of one size are."""
    n = eager.numel()
    if not eager.is_floating_point() or bool((eager == eager.flatten()[:1]).all()) or n < 30:
        return {}
    left, right = eager.double(), made.double()
    spread = float(left.std())
    return {
        "mean": float(left.mean() - right.mean()) / (spread * math.sqrt(2 / n)),
        "std": math.log(float(right.std()) / spread) / math.sqrt(1 / n),
        "kurtosis": (kurtosis(left) - kurtosis(right)) / math.sqrt(48 / n),
    }


def differences(eager: dict[str, Any], made: dict[str, Any]) -> Iterator[str]:
    """Yield what of a materialized model is not as in the eager one."""
    if eager.keys() != made.keys():
        yield f"names {eager.keys() ^ made.keys()}"
        return
    for name, tensor in eager.items():
        other = made[name]
        if (tensor.shape, tensor.dtype, tensor.stride()) != (other.shape, other.dtype, other.stride()):
            yield f"{name}: {other.shape} {other.dtype} {other.stride()}"
        elif other.is_meta or not bool(other.isfinite().all()):
            yield f"{name} is not made"
        elif tensor.numel() and bool((tensor == tensor.flatten()[:1]).all()):
            # a constant, unless it is one element that was drawn
            if tensor.numel() > 1 and not torch.equal(tensor, other):
                yield f"{name} is not {tensor.flatten()[0]} everywhere"
        elif not tensor.is_floating_point():
            if not torch.equal(tensor, other):
                yield f"{name} holds other integers"
        else:
            for moment, score in scores(tensor, other).items():
                if abs(score) > LIMIT:
                    yield f"{name}: {moment} is {score:.1f} standard errors off"


of_transformers_5 = pytest.mark.skipif(older("transformers", 5), reason="needs transformers 5")
MODELS = (
    *(pytest.param(name, marks=of_transformers_5) for name in ("llama", "gpt2", "bert")),
    "vit",
    "timm vit",
)


@pytest.mark.parametrize("kind", MODELS)
def test_models_begin_as_eager_ones(kind: str, torchvision_loads: None) -> None:
    torch.manual_seed(0)
    eager = built(kind)
    # timm's constructors draw
    block = deferred if kind == "timm vit" else lambda: torch.device("meta")
    with block():
        model = built(kind)
    assert materialize(model, key=0) is model
    found, expected = tensors(model), tensors(eager)
    assert list(differences(expected, found)) == []
    assert model.state_dict().keys() == eager.state_dict().keys()
    for name, buffer in eager.named_buffers():
        assert torch.equal(found[name], buffer), name
    for name, parameter in eager.named_parameters():
        if parameter.dim() > 1:
            # padding rows
            assert torch.equal((parameter == 0).flatten(1).all(1), (found[name] == 0).flatten(1).all(1)), name
    with block():
        again = built(kind)
    materialize(again, key=0, threads=1)
    assert all(torch.equal(tensor, found[name]) for name, tensor in tensors(again).items())
    # mutants: one parameter in another scale, in another distribution, shifted
    name = next(name for name, tensor in found.items() if tensor.numel() >= 4096 and kurtosis(tensor) > 2.5)
    weight = found[name]
    n, spread = weight.numel(), float(weight.std())
    uniform = torch.empty_like(weight)
    pi.fill(uniform, pi.uniform(-spread * math.sqrt(3), spread * math.sqrt(3)), key=0)
    assert n >= 4096
    mutants = {
        "std": weight * (1 + 2 * LIMIT / math.sqrt(n)),
        "mean": weight + spread * 2 * LIMIT * math.sqrt(2 / n),
        "kurtosis": uniform,
    }
    for moment, mutant in mutants.items():
        lines = list(differences(expected, {**found, name: mutant}))
        assert any(line.startswith(f"{name}: {moment}") for line in lines), moment


@of_transformers_5
def test_ties_of_transformers_stay(torchvision_loads: None) -> None:
    with torch.device("meta"):
        model = built("llama")
    materialize(model, key=0)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert model(torch.arange(5)[None]).logits.isfinite().all()


@of_transformers_5
def test_transformers_runs_its_beginning_again_after_an_error(torchvision_loads: None) -> None:
    with torch.device("meta"):
        model = built("bert")
    model.extra = torch.nn.Parameter(torch.empty(3, device="meta"))
    with pytest.raises(pi.errors.RecipeError, match="parameter 'extra': nothing is written to it"):
        materialize(model, key=0)
    materialize(model, {"extra": pi.zeros()}, key=0)
    assert float(tensors(model)["bert.embeddings.word_embeddings.weight"].std()) == pytest.approx(
        0.02, rel=0.05
    )


def module_infos() -> list[Any]:
    """The entries of torch's own list of module classes."""
    argv = sys.argv
    try:
        # its import reads the command line
        sys.argv = argv[:1]
        common = pytest.importorskip("torch.testing._internal.common_modules")
    finally:
        sys.argv = argv
    return list(common.module_db)


# Classes that do not know their shapes before a batch: materialized after one on the meta device.
LAZY = {f"Lazy{kind}{n}d" for kind in ("Conv", "ConvTranspose") for n in (1, 2, 3)}
REPEATS = 2


def constructions(info: Any) -> Iterator[tuple[Callable[[], Any], tuple[Any, ...]]]:
    """Yield a constructor call and a forward input for every different one of a class."""
    seen = set()
    for sample in info.module_inputs_func(
        info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
    ):
        args, kwargs = sample.constructor_input.args, sample.constructor_input.kwargs
        if repr((args, kwargs)) not in seen:
            seen.add(repr((args, kwargs)))
            yield (lambda a=args, k=kwargs: info.module_cls(*a, **k)), sample.forward_input.args


@pytest.mark.filterwarnings("ignore")
def test_every_module_class_of_torch_begins_as_eager_ones() -> None:
    infos = module_infos()
    classes = {info.module_cls.__name__ for info in infos}
    assert len(classes) >= (113 if older("torch", 2, 13) else 114)
    assert classes >= LAZY
    torch.manual_seed(0)
    lines, checked = [], 0
    for info in infos:
        for build, inputs in constructions(info):
            pairs = []
            for seed in range(REPEATS):
                eager = build()
                with torch.device("meta"):
                    module = build()
                if info.module_cls.__name__ in LAZY:
                    eager(*inputs)
                    module(*(part.to("meta") for part in inputs))
                materialize(module, key=seed)
                assert [name for name, _ in module.named_modules()] == [n for n, _ in eager.named_modules()]
                pairs.append((tensors(eager), tensors(module)))
                if not pairs[0][0]:
                    break
            # more elements, more power
            left, right = (
                {name: torch.cat([pair[side][name].flatten() for pair in pairs]) for name in pairs[0][0]}
                for side in (0, 1)
            )
            checked += len(left)
            lines += [f"{info.module_cls.__name__}: {line}" for line in differences(left, right)]
    assert lines == []
    assert checked > 1000
