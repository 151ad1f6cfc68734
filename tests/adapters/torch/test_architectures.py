"""The hardest architectures of transformers and timm, in all three ways, against two eager builds.

`python -m tools.architectures` does the same for every architecture that there is. A model is right if each
tensor has eager torch's zeros, constants, law (moments within five standard errors), ties and memory; on the
meta device a refusal that names what is not known is right, too.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pyinit as pi

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
    "t5": RIGHT,
    "llama": RIGHT,
    "mixtral": RIGHT,
    "deepseek_v3": RIGHT,
    "bert": RIGHT,
    "vit": RIGHT,
    "encodec": RIGHT,
}
TIMM_MODELS = ("test_vit", "test_nfnet", "lcnet_035", "regnetx_002", "starnet_s050", "mobilevit_xxs")


def built(build: Callable[[], Any], way: str) -> Any:
    """Build a model with pyinit."""
    if way == "accelerate":
        with adapter.accelerate(0):
            return build()
    with adapter.deferred() if way == "deferred" else torch.device("meta"):
        module = build()
    return adapter.materialize(module, 0)


def check(library: str, name: str, on_meta: str) -> tuple[Any, Any, Any]:
    """Hold a model against eager builds, in all three ways; return these and the deferred one."""
    comparison, configurations = tool("comparison"), tool("configurations")
    build = configurations.builder(library, name)
    first, second = (comparison.Built.of(configurations.seeded(build, seed)) for seed in (0, 1))
    made: dict[str, Any] = {}
    for way in ("deferred", "accelerate", "meta"):
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
    check("transformers", name, TRANSFORMERS[name])


@pytest.mark.parametrize("name", TIMM_MODELS)
def test_timm(name: str) -> None:
    pytest.importorskip("timm")
    check("timm", name, TIMM)
