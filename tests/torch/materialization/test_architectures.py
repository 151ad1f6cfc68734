"""The hardest architectures of transformers and timm, in all three ways, against two eager builds.

`python -m tools.architectures` does the same for every architecture that there is. A model is right if each
tensor has eager torch's zeros, constants, law (moments within five standard errors), ties and memory; on the
meta device a refusal that names what is not known is right, too.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pyinit as pi

from ...older import older

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("torchvision_loads"),
]

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
adapter = pytest.importorskip("pyinit.torch")


def tool(name: str) -> ModuleType:
    """Return a module of tools/architectures, under a name of its own."""
    package = "pyinit_architectures"
    if package not in sys.modules:
        folder = Path(__file__).resolve().parents[3] / "tools" / "architectures"
        spec = importlib.util.spec_from_file_location(
            package, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[package] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[package])
    return import_module(f"{package}.{name}")


RIGHT = ""
REAL = "real, and would be initialized: torch.Tensor"
TIMM = "constructors of timm draw, which the meta device loses"
UNKNOWN = "nothing is written to it"

# What is special about each, and what it is on the meta device.
TRANSFORMERS: dict[str, str] = {
    "xlnet": REAL,
    "hubert": REAL,
    "wav2vec2": REAL,
    "lw_detr": REAL,
    "xlm-roberta": RIGHT,  # its head is listed before its embedding
    "camembert": RIGHT,
    "clip": UNKNOWN,  # a scale that its constructor computes
    "rwkv": RIGHT,  # numbers from lists
    "mamba": RIGHT,
    "falcon_mamba": RIGHT,
    "bamba": RIGHT,
    "zamba": RIGHT,
    "t5": RIGHT,
    "llama": RIGHT,
    "mixtral": RIGHT,
    "deepseek_v3": RIGHT,
    "gemma3": RIGHT,
    "bloom": RIGHT,
    "gpt2": RIGHT,
    "bert": RIGHT,
    "vit": RIGHT,
    "dinov2": RIGHT,
}
TIMM_MODELS = ("test_vit", "test_nfnet", "lcnet_035", "starnet_s050")

# An older one may be refused on the meta device, or refuse the meta device itself.
MAY_REFUSE = {
    "transformers": pi.RecipeError if older("transformers", 5) else (),
    "timm": (pi.RecipeError, RuntimeError) if older("timm", 1, 0, 31) else (),
}


def built(build: Callable[[], Any], way: str) -> Any:
    """Build a model with pyinit."""
    if way == "accelerate":
        with adapter.accelerate(key=0):
            return build()
    with adapter.deferred() if way == "deferred" else torch.device("meta"):
        module = build()
    return adapter.materialize(module, key=0)


def check(library: str, name: str, on_meta: str) -> tuple[Any, Any, Any]:
    """Hold a model against eager builds, in all three ways; return these and the deferred one."""
    comparison, configurations = tool("comparison"), tool("configurations")
    build = configurations.builder(library, name)
    first, second = (comparison.Built.of(configurations.seeded(build, seed)) for seed in (0, 1))
    made: dict[str, Any] = {}
    for way in ("deferred", "accelerate", "meta"):
        if way == "meta" and MAY_REFUSE[library]:
            try:
                built(build, way)
            except MAY_REFUSE[library]:
                continue
        if way == "meta" and on_meta:
            with pytest.raises(pi.RecipeError, match=on_meta):
                built(build, way)
            continue
        torch.manual_seed(2)
        made[way] = comparison.Built.of(built(build, way))
        assert comparison.faults(first, second, made[way]) == [], way
    return first, second, made["deferred"]


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(name: str) -> None:
    pytest.importorskip("transformers")
    if name == "lw_detr" and older("transformers", 5):
        pytest.skip("transformers 5 added lw_detr")
    check("transformers", name, TRANSFORMERS[name])


@pytest.mark.parametrize("name", TIMM_MODELS)
def test_timm(name: str) -> None:
    pytest.importorskip("timm")
    check("timm", name, TIMM)


def changed(built: Any, name: str, change: Callable[[Any], Any]) -> Any:
    """Return what was read of a model with one tensor changed."""
    tensors = dict(built.tensors)
    tensors[name] = replace(tensors[name], value=change(tensors[name].value.clone()))
    return replace(built, tensors=tensors)


def test_the_comparison_can_fail() -> None:
    """Each mutant is one that a fault has made: another std, law, row, number, tie, dtype or stream."""
    pytest.importorskip("transformers")
    first, second, made = check("transformers", "bert", RIGHT)
    faults = tool("comparison").faults
    word, norm = "bert.embeddings.word_embeddings.weight", "bert.embeddings.LayerNorm.weight"
    layers = [f"bert.encoder.layer.{k}.attention.self.query.weight" for k in (0, 1)]
    n = first.tensors[word].value.numel()
    uniform = torch.empty(first.tensors[word].value.shape).uniform_(-(3**0.5), 3**0.5)
    mutants = [
        # of so many numbers a std that is 5 % off is 9 standard errors away
        (changed(made, word, lambda w: w * (1 + 6.5 / (2 * n / 1.5) ** 0.5)), "std"),
        (changed(made, word, lambda w: w + 0.02 * 6.5 / (n / 1.5) ** 0.5), "mean"),
        (changed(made, word, lambda w: uniform * w.std()), "another distribution"),
        (changed(made, word, lambda w: w.index_fill(0, torch.arange(8), 0.0)), "zeros"),
        (changed(made, word, lambda w: torch.cat([w[:100] * 1.2, w[100:]])), "std"),
        (changed(made, norm, lambda w: w * 2), "no draw in eager torch, and off by 1"),
        (changed(made, layers[0], lambda w: made.tensors[layers[1]].value), "are correlated"),
        (changed(made, word, lambda w: w.double()), "dtype"),
        (changed(made, word, lambda w: w.t().contiguous().t()), "strides"),
        (changed(made, word, lambda w: w.to("meta")), "still on the meta device"),
        (replace(made, ties=[]), "ties"),
    ]
    for mutant, fault_text in mutants:
        assert any(fault_text in fault for fault in faults(first, second, mutant)), fault_text
