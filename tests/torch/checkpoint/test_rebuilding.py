"""Tensors that torch computes, in plans read from JSON: built again, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.cli import main
from pyinit.errors import SpecError

from ...older import older

# an older one does not have its way to save, which write_checkpoint follows
of_transformers_5 = pytest.mark.skipif(older("transformers", 5), reason="needs transformers 5")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("torchvision_loads"),
]

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
rebuilding = pytest.importorskip("pyinit.torch.checkpoint.rebuilding")
definitions = pytest.importorskip("pyinit.torch.checkpoint.definitions")
draw_up = pytest.importorskip("pyinit.torch.checkpoint.blueprint").draw_up

# The magnitude of its weight-normed convolution is computed from the direction.
COMPUTED = "wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original0"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    transformers.Wav2Vec2Config(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=4,
        conv_dim=(8, 8),
        conv_stride=(2, 2),
        conv_kernel=(3, 3),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=4,
        architectures=["Wav2Vec2ForCTC"],
    ).save_pretrained(tmp_path)
    return tmp_path / "config.json"


def made(content: Any, shape: tuple[int, ...], nbytes: int) -> bytes:
    data = np.empty(nbytes, np.uint8)
    content.fill(pi.Window((0,) * len(shape), shape), shape, data, 1)
    return data.tobytes()


@of_transformers_5
@pytest.mark.parametrize(
    "options",
    [{}, {"dtype": "bfloat16"}, {"recipe": [("*.original1", pi.normal(std=0.5))]}, {"recipe": "normal"}],
)
def test_it_is_built_again_with_the_same_bytes(options: dict[str, Any], config: Path) -> None:
    module, _ = definitions.build(str(config))
    drafts = draw_up(module, key=5, source=str(config), **options).drafts
    draft = next(draft for draft in drafts if draft.content.kind == "computed")
    assert draft.name == COMPUTED
    fields = json.loads(json.dumps(draft.content.to_dict()))
    again = rebuilding.read(fields, draft.name, draft.shape, draft.dtype)
    assert again.kind == "computed"
    assert made(again, draft.shape, draft.nbytes) == made(draft.content, draft.shape, draft.nbytes)


@of_transformers_5
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recording": "0" * 32}, "which begins it in another way here than where the plan was made"),
        ({"tensor": "gone"}, "which begins it in another way here"),
        ({"definition": "timm:gone"}, "which cannot be built here: timm:gone"),
        ({"definition": "timm:hf-hub:somebody/model"}, "make the plan from that definition in this process"),
        ({"definition": "timm:local-dir:/tmp"}, "make the plan from that definition in this process"),
        ({"definition": "gone.models:build"}, "make the plan from that definition in this process"),
        ({"recipes": "normal(std=x)"}, "its recipe is .*, which a plan does not hold"),
    ],
)
def test_another_definition_is_refused_by_name(change: dict[str, Any], said: str, config: Path) -> None:
    module, _ = definitions.build(str(config))
    drafts = draw_up(module, key=5, source=str(config)).drafts
    draft = next(draft for draft in drafts if draft.content.kind == "computed")
    content = rebuilding.read({**draft.content.to_dict(), **change}, "t", draft.shape, draft.dtype)
    with pytest.raises(pi.RecipeError, match=f"tensor 't' is computed by .*{said}"):
        made(content, draft.shape, draft.nbytes)
    # the plan is the one that was read all the same
    assert content.to_dict() == {**draft.content.to_dict(), **change}


@of_transformers_5
def test_the_command_runs_a_plan_of_it(config: Path, tmp_path: Path) -> None:
    plan, out = tmp_path / "plan.json", tmp_path / "out"
    assert main(["init", str(config), "--seed", "3", "--plan", str(plan), "--out", str(out)]) == 0
    assert main(["init", str(plan)]) == 0
    assert main(["init", str(config), "--seed", "3", "--out", str(tmp_path / "direct")]) == 0
    for name in ("model.safetensors", "config.json", "init.json"):
        assert (out / name).read_bytes() == (tmp_path / "direct" / name).read_bytes(), name
    # what torch computes is made again, too
    assert main(["verify", str(out)]) == 0


def test_code_beside_a_configuration_never_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside.py").write_text("open(__file__ + '.ran', 'w')\nclass Config:\n    pass\n")
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "nobodys", "auto_map": {"AutoConfig": "beside.Config"}}))
    monkeypatch.setattr(
        "builtins.input", lambda *args: pytest.fail("somebody was asked whether code may run")
    )
    with pytest.raises(SpecError, match=r"auto_map names beside\.Config, .* give package\.module:function"):
        definitions.build(str(path))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["beside.py", "config.json"]


def test_code_of_a_model_of_a_known_type_is_not_replaced(tmp_path: Path) -> None:
    """Transformers lists a model for the type, which is not the one that the configuration names."""
    path, sizes = tmp_path / "config.json", {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1}
    models = {"AutoConfig": "beside.Config", "AutoModelForSeq2SeqLM": "beside.Model"}
    content = {"model_type": "bart", **sizes, "auto_map": models, "architectures": ["Model"]}
    path.write_text(json.dumps(content))
    with pytest.raises(SpecError, match=r"auto_map names beside\.Model, .*package\.module:function"):
        definitions.build(str(path))
    # one that transformers has itself is built of its own code
    path.write_text(json.dumps({**content, "architectures": ["BartModel"]}))
    assert type(definitions.build(str(path))[0]).__name__ == "BartModel"


@of_transformers_5
def test_the_way_out_of_code_beside_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The function that the message asks for."""
    (tmp_path / "modeling_own.py").write_text(
        "import torch\n"
        "from transformers import PretrainedConfig, PreTrainedModel\n\n\n"
        "class OwnConfig(PretrainedConfig):\n    model_type = 'own'\n\n\n"
        "class OwnModel(PreTrainedModel):\n    config_class = OwnConfig\n\n"
        "    def __init__(self, config):\n        super().__init__(config)\n"
        "        self.layer = torch.nn.Linear(4, 3)\n        self.post_init()\n"
    )
    models = {"AutoConfig": "modeling_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"}
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "own", "auto_map": models, "architectures": ["OwnModel"]}))
    monkeypatch.chdir(tmp_path)
    assert main(["init", "config.json", "--out", "out"]) == 2
    assert "package.module:function" in capsys.readouterr().err
    (tmp_path / "of_own.py").write_text(
        "from transformers import AutoConfig, AutoModel\n\n\n"
        "def build():\n"
        "    config = AutoConfig.from_pretrained('.', trust_remote_code=True)\n"
        "    return AutoModel.from_config(config, trust_remote_code=True)\n"
    )
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    assert main(["init", "of_own:build", "--out", "out"]) == 0
    assert (tmp_path / "out" / "model.safetensors").exists()
