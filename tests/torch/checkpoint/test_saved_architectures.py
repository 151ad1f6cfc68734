"""Architectures of transformers and timm are written as their libraries save them.

The oracle is each library's own way of saving: of the module that `materialize` makes, `save_pretrained`
writes a file beside the one that pyinit streams. Both have the same names, dtypes, shapes and bytes, and the
same configuration; the streamed one loads with nothing missing, unexpected or mismatched.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint.contents import Content
from pyinit.checkpoint.families.registry import spec_from_config
from pyinit.checkpoint.rectangles import Rearranged
from pyinit.stream.safetensors import read_header

from ...older import older

# an older one does not have its way to save, which write_checkpoint follows
of_transformers_5 = pytest.mark.skipif(older("transformers", 5), reason="needs transformers 5")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("torchvision_loads"),
]

torch = pytest.importorskip("torch")
pit = pytest.importorskip("pyinit.torch")
draw_up = pytest.importorskip("pyinit.torch.checkpoint.blueprint").draw_up
decided = pytest.importorskip("pyinit.torch.materialization.deciding").decided
refill = pytest.importorskip("pyinit.torch.materialization.replay").refill

KEY = 11

# Where `tools.architectures` makes them too small to be valid, or so that they lack what is special.
SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "deepseek_v3": (
        "DeepseekV3",
        {
            **SIZES,
            "num_key_value_heads": 4,
            "moe_intermediate_size": 16,
            "n_routed_experts": 4,
            "n_group": 2,
            "topk_group": 1,
            "num_experts_per_tok": 2,
            "first_k_dense_replace": 1,
            "q_lora_rank": 16,
            "kv_lora_rank": 16,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 8,
            "v_head_dim": 8,
        },
    ),
    "dinov2": (
        "Dinov2",
        {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 16,
            "patch_size": 8,
        },
    ),
    "mamba2": (
        "Mamba2",
        {
            "vocab_size": 64,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_heads": 4,
            "head_dim": 16,
            "state_size": 8,
            "n_groups": 2,
        },
    ),
    "wav2vec2": (
        "Wav2Vec2",
        {
            "vocab_size": 32,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "conv_dim": (8, 8),
            "conv_stride": (2, 2),
            "conv_kernel": (3, 3),
            "num_feat_extract_layers": 2,
            "num_conv_pos_embeddings": 8,
            "num_conv_pos_embedding_groups": 4,
        },
    ),
}
HEADS = {"DeepseekV3": "ForCausalLM", "Dinov2": "Model", "Mamba2": "ForCausalLM", "Wav2Vec2": "ForCTC"}

TRANSFORMERS = (
    "albert",
    "bart",
    "bert",
    "bloom",
    "clip",
    "convnext",
    "deepseek_v3",
    "dinov2",
    "ernie4_5_moe",
    "falcon",
    "gemma3",
    "gpt2",
    "gpt_oss",
    "llama",
    "llama4_text",
    "mamba2",
    "mixtral",
    "modernbert",
    "olmo2",
    "phi",
    "qwen2_moe",
    "qwen3",
    "qwen3_moe",
    "rwkv",
    "siglip",
    "swin",
    "t5",
    "vit",
    "wav2vec2",
    "whisper",
)
# On disk their experts are matrices, in memory one tensor.
FUSED = {"deepseek_v3", "ernie4_5_moe", "mixtral", "qwen2_moe", "qwen3_moe"}
TIMM = (
    "convnext_atto",
    "edgenext_xx_small",
    "efficientvit_b0",
    "ghostnet_050",
    "lcnet_035",
    "mobilevit_xxs",
    "regnetx_002",
    "starnet_s050",
    "test_nfnet",
    "test_vit",
    "test_vit_relpos",
)


def configurations() -> ModuleType:
    """Return tools/architectures/configurations, under a name of its own."""
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
    return import_module(f"{package}.configurations")


def builder(name: str) -> Callable[[], Any]:
    """Return a function that builds an architecture of transformers, small."""
    transformers = pytest.importorskip("transformers")
    if name not in OWN:
        build: Callable[[], Any] = configurations().builder("transformers", name)
        return build
    kind, fields = OWN[name]
    config = getattr(transformers, f"{kind}Config")
    return lambda: getattr(transformers, kind + HEADS[kind])(config(**fields))


def recorded(build: Callable[[], Any]) -> Any:
    """Build a module without memory, twice alike: what Python's own generators draw is recorded as it is."""
    with pit.deferred():
        return configurations().seeded(build, 2)


def tensors_of(folder: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Return the dtype, shape and bytes of every tensor in the files of a folder."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        data = path.read_bytes()
        for name, info in read_header(path).tensors.items():
            found[name] = info.dtype, info.shape, data[info.start : info.stop]
    return found


@of_transformers_5
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(name: str, tmp_path: Path) -> None:
    streamed, saved = tmp_path / "streamed", tmp_path / "saved"
    build = builder(name)
    module = recorded(build)
    receipt = pit.write_checkpoint(module, streamed, key=KEY)
    # the module is as it was
    made = pit.materialize(module, key=KEY)
    made.save_pretrained(saved)
    ours, theirs = tensors_of(streamed), tensors_of(saved)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
    texts = {path.name for path in saved.glob("*.json")}
    assert {path.name for path in streamed.glob("*.json")} == texts | {"init.json"}
    for text in texts:
        assert json.loads((streamed / text).read_bytes()) == json.loads((saved / text).read_bytes())
    loaded, info = type(made).from_pretrained(streamed, output_loading_info=True)
    assert {kind: found for kind, found in info.items() if found} == {}
    # what is not in the file, the library makes itself: the buffers are the module's own
    expected = {**dict(made.named_parameters()), **dict(made.named_buffers())}
    found = {**dict(loaded.named_parameters()), **dict(loaded.named_buffers())}
    assert found.keys() == expected.keys()
    assert [name for name in found if not torch.equal(found[name], expected[name])] == []
    assert_verified(streamed, receipt)
    assert str(pit.verify(loaded, receipt)).startswith(f"{type(loaded).__name__}: as written; ")


def assert_verified(folder: Path, receipt: Any) -> None:
    """The receipt in memory makes all bytes again; as a file, it names what only the module itself says."""
    assert pi.verify(folder, receipt).is_same
    found = pi.verify(folder)
    assert found.differing == ()
    kinds = {draft.name: draft.content.kind for draft in receipt.blueprint.drafts}
    assert {kinds[str(each.tensor)] for each in found.unchecked} <= {"computed", "converted"}
    size = (folder / "init.json").stat().st_size
    assert size < 1000 + len(kinds) * (1 << 20) / 1000 + sum(len(text) for text in given_by(receipt))


def given_by(receipt: Any) -> list[str]:
    """Return the values that a receipt holds, as nothing else makes them."""
    return [draft.content.to_dict().get("zlib", "") for draft in receipt.blueprint.drafts]


@of_transformers_5
@pytest.mark.parametrize("name", ["gpt2", "mixtral"])
def test_shards_load_and_the_meta_device_is_as_good(name: str, tmp_path: Path) -> None:
    build = builder(name)
    pit.write_checkpoint(recorded(build), tmp_path / "one", key=KEY)
    with torch.device("meta"):
        module = build()
    pit.write_checkpoint(module, tmp_path / "many", key=KEY, shard_size=100_000)
    assert len(list((tmp_path / "many").glob("model-*-of-*.safetensors"))) > 1
    assert tensors_of(tmp_path / "many") == tensors_of(tmp_path / "one")
    _, info = type(module).from_pretrained(tmp_path / "many", output_loading_info=True)
    assert not any(info.values())


@of_transformers_5
def test_a_family_of_pyinit_has_the_same_bytes_either_way(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = {**SIZES, "model_type": "llama", "dtype": "bfloat16"}
    pi.write_checkpoint(spec_from_config(config), path=tmp_path / "spec", key=KEY)
    module = recorded(lambda: transformers.LlamaForCausalLM._from_config(transformers.LlamaConfig(**config)))
    pit.write_checkpoint(module, tmp_path / "module", key=KEY)
    assert tensors_of(tmp_path / "spec") == tensors_of(tmp_path / "module")


@of_transformers_5
def test_a_dtype_is_noted_in_the_configuration(tmp_path: Path) -> None:
    module = recorded(builder("mixtral"))
    pit.write_checkpoint(module, tmp_path / "streamed", key=KEY, dtype="bfloat16")
    pit.materialize(recorded(builder("mixtral")).to(torch.bfloat16), key=KEY).save_pretrained(
        tmp_path / "saved"
    )
    assert tensors_of(tmp_path / "streamed") == tensors_of(tmp_path / "saved")
    configs = [json.loads((tmp_path / part / "config.json").read_bytes()) for part in ("streamed", "saved")]
    assert configs[0] == configs[1]
    assert configs[0]["dtype"] == "bfloat16"
    assert str(module.config.dtype) == "torch.float32" or module.config.dtype is None


@of_transformers_5
def test_fused_experts_are_cut_by_slicing() -> None:
    for name in sorted(FUSED):
        drafts = draw_up(recorded(builder(name)), key=KEY).drafts
        cut = [draft for draft in drafts if isinstance(draft.content, Rearranged)]
        assert len(cut) >= 12, name
        assert all(draft.plan is not None and draft.content.at_once(draft.shape) == 0 for draft in cut), name


@pytest.mark.parametrize("name", TIMM)
def test_timm(name: str, tmp_path: Path) -> None:
    if name == "test_vit_relpos" and older("timm", 1, 0, 31):
        pytest.skip("timm 1.0.20 does not have it")
    timm = pytest.importorskip("timm")
    module = recorded(lambda: timm.create_model(name, num_classes=10))
    receipt = pit.write_checkpoint(module, tmp_path / "streamed", key=KEY)
    assert_verified(tmp_path / "streamed", receipt)
    made = pit.materialize(module, key=KEY)
    timm.models.save_for_hf(made, tmp_path / "saved", safe_serialization="both")
    ours, theirs = tensors_of(tmp_path / "streamed"), tensors_of(tmp_path / "saved")
    assert ours.keys() == theirs.keys() == made.state_dict().keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
    configs = [json.loads((tmp_path / part / "config.json").read_bytes()) for part in ("streamed", "saved")]
    assert configs[0] == configs[1]
    loaded = timm.create_model(
        name, num_classes=10, checkpoint_path=str(tmp_path / "streamed" / "model.safetensors")
    )
    expected = made.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())


@of_transformers_5
def test_windows_of_models_of_any_size_are_those_of_the_recording() -> None:
    """Of Llama 3 70 B, and layers of DeepSeek V3, pieces anywhere are what the recording replays there."""
    transformers = pytest.importorskip("transformers")
    llama = transformers.LlamaConfig(
        hidden_size=8192,
        intermediate_size=28672,
        num_hidden_layers=80,
        num_attention_heads=64,
        num_key_value_heads=8,
        vocab_size=128256,
        dtype="bfloat16",
    )
    deepseek = transformers.DeepseekV3Config(dtype="bfloat16", num_hidden_layers=5, n_routed_experts=64)
    rng = np.random.default_rng(0)
    for config in (llama, deepseek):
        with pit.deferred():
            module = transformers.AutoModelForCausalLM.from_config(config)
        drafts = draw_up(module, key=KEY).drafts
        begun = decided(module)
        for place in rng.choice(len(drafts), 24, replace=False):
            draft = drafts[place]
            start = tuple(int(rng.integers(n)) for n in draft.shape)
            extent = tuple(min(64, n - first) for n, first in zip(draft.shape, start, strict=True))
            data = np.empty(math.prod(extent) * 2, np.uint8)
            draft.content.fill(pi.Window(start, draft.shape), extent, data, 1)
            name, at = source_of(draft.name, start, config)
            shape = (1,) * (len(at) - len(extent)) + extent
            expected = torch.empty(shape, dtype=torch.bfloat16)
            refill(begun[name], expected, pi.key(KEY), window=pi.Window(at, begun[name].shape))
            assert data.tobytes() == expected.view(torch.uint8).numpy().tobytes(), draft.name


def source_of(name: str, start: tuple[int, ...], config: Any) -> tuple[str, tuple[int, ...]]:
    """Return where a place of a saved tensor lies in the module: its experts are one tensor there."""
    found = re.fullmatch(r"(.*\.experts)\.(\d+)\.(gate|up|down)_proj\.weight", name)
    if found is None:
        return name, start
    layer, expert, which = found[1], int(found[2]), found[3]
    row, column = start
    if which == "down":
        return f"{layer}.down_proj", (expert, row, column)
    return f"{layer}.gate_up_proj", (expert, row + config.moe_intermediate_size * (which == "up"), column)


@of_transformers_5
def test_the_comparison_can_fail(tmp_path: Path) -> None:
    """A tensor of another key, a missing one, and one that is transposed are seen."""
    streamed, saved = tmp_path / "streamed", tmp_path / "saved"
    module = recorded(builder("mixtral"))
    pit.write_checkpoint(module, streamed, key=KEY + 1)
    pit.materialize(module, key=KEY).save_pretrained(saved)
    ours, theirs = tensors_of(streamed), tensors_of(saved)
    norms = {name for name in ours if "norm" in name}
    assert {name for name in ours if ours[name] == theirs[name]} == norms


@of_transformers_5
def test_contents_of_a_plan_need_no_torch_where_draws_say_all() -> None:
    """Of most architectures every content is held by JSON: another process makes the bytes without torch."""
    kinds: dict[str, set[str]] = {}
    for name in ("bert", "clip", "llama", "mixtral", "rwkv", "t5"):
        contents: list[Content] = [draft.content for draft in draw_up(recorded(builder(name)), key=0).drafts]
        kinds[name] = {content.kind for content in contents}
    assert set().union(*kinds.values()) <= {"drawn", "filled", "given", "rearranged"}, kinds
