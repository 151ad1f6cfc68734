"""`pyinit init` of models that torch builds: any configuration of transformers, models of timm, functions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pyinit.cli import main
from pyinit.cli.definition import definition_of
from pyinit.stream.safetensors import read_header

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("torchvision_loads")]

torch = pytest.importorskip("torch")
pit = pytest.importorskip("pyinit.torch")

MIXTRAL = {
    "model_type": "mixtral",
    "vocab_size": 29,
    "hidden_size": 16,
    "intermediate_size": 12,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_local_experts": 4,
}
MODELS = """
import torch

def build():
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))

class Zoo:
    @staticmethod
    def linear():
        return torch.nn.Linear(2, 2)

def number():
    return 7

def broken():
    raise RuntimeError("no such backbone")
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(MIXTRAL))
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a module in the current folder, of a name that no other test has."""
    name = f"zoo_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(MODELS)
    (tmp_path / f"{name}_broken.py").write_text("import no_such_package\n")
    monkeypatch.chdir(tmp_path)
    return name


def tensors(file: Path) -> dict[str, tuple[str, bytes]]:
    data = file.read_bytes()
    infos = read_header(file).tensors.items()
    return {name: (info.dtype, data[info.start : info.stop]) for name, info in infos}


@pytest.mark.parametrize("named", ["config.json", "."])
def test_a_model_of_transformers_is_written_and_loads(
    named: str, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transformers = pytest.importorskip("transformers")
    out = tmp_path / "out"
    assert main(["init", str(tmp_path / named), "--out", str(out), "--seed", "3"]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "no family" in line]
    assert said == [
        f"{config}: pyinit has no family for model_type 'mixtral'; transformers {transformers.__version__} "
        "builds it as MixtralForCausalLM"
    ]
    assert {"config.json", "generation_config.json", "init.json"} <= {path.name for path in out.iterdir()}
    loaded, info = transformers.AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    assert not any(info.values())
    with pit.deferred():
        model = transformers.MixtralForCausalLM(transformers.AutoConfig.from_pretrained(config))
    expected = pit.materialize(model, key=3).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())


def test_the_class_is_the_one_that_the_configuration_names(config: Path, tmp_path: Path) -> None:
    config.write_text(json.dumps({**MIXTRAL, "architectures": ["MixtralModel"], "dtype": "bfloat16"}))
    assert main(["init", str(config), "--out", str(tmp_path / "out")]) == 0
    written = json.loads((tmp_path / "out" / "config.json").read_bytes())
    assert (written["architectures"], written["dtype"]) == (["MixtralModel"], "bfloat16")
    found = tensors(tmp_path / "out" / "model.safetensors")
    assert {dtype for dtype, _ in found.values()} == {"bfloat16"}
    assert "layers.0.block_sparse_moe.experts.3.w2.weight" in found


def test_options_are_those_of_every_model(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = '[{"match": "*.gate.weight", "recipe": "zeros"}, "default"]'
    arguments = ["init", str(config), "--recipe", rules, "--dtype", "float16", "--shard-size", "4kB"]
    assert main([*arguments, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    cut = next(
        line for line in lines if line.startswith("model.layers.0.block_sparse_moe.experts.2.w1.weight")
    )
    assert cut.split()[1:7] == ["12x16", "float16", "normal", "(part", "of", "another)"]
    assert not (tmp_path / "out").exists()
    plan = tmp_path / "plan.json"
    assert main([*arguments, "--plan", str(plan), "--out", str(tmp_path / "out")]) == 0
    assert main(["init", str(plan)]) == 0
    found = {}
    for file in (tmp_path / "out").glob("model-*.safetensors"):
        found |= tensors(file)
    assert (
        main(["init", str(config), "--recipe", rules, "--dtype", "float16", "--out", str(tmp_path / "a")])
        == 0
    )
    assert found == tensors(tmp_path / "a" / "model.safetensors")
    assert set(found["model.layers.0.block_sparse_moe.gate.weight"][1]) == {0}


def test_a_model_of_timm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timm = pytest.importorskip("timm")
    assert main(["init", "timm:test_vit", "--out", str(tmp_path / "out")]) == 0
    assert f"timm:test_vit is built by timm {timm.__version__}" in capsys.readouterr().err
    content = json.loads((tmp_path / "out" / "config.json").read_bytes())
    assert content["architecture"] == "test_vit"
    model = timm.create_model("test_vit", checkpoint_path=str(tmp_path / "out" / "model.safetensors"))
    with pit.deferred():
        again = timm.create_model("test_vit")
    expected = pit.materialize(again, key=0).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


def test_a_function_of_the_caller(package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = list(sys.path)
    assert main(["init", f"{package}:build", "--out", str(tmp_path / "out.safetensors")]) == 0
    assert f"{package}:build returned a Sequential" in capsys.readouterr().err
    assert main(["init", f"{package}:Zoo.linear", "--out", str(tmp_path / "zoo.safetensors")]) == 0
    assert sys.path == before
    with pit.deferred():
        module = sys.modules[package].build()
    expected = pit.materialize(module, key=0).state_dict()
    found = tensors(tmp_path / "out.safetensors")
    assert found.keys() == expected.keys()
    assert all(
        expected[name].reshape(-1).view(torch.uint8).numpy().tobytes() == data
        for name, (_, data) in found.items()
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{zoo}:nothing", "'{zoo}' has no function 'nothing' to call"),
        ("{zoo}:number", "a function that returns a torch.nn.Module is needed; it returned int"),
        ("{zoo}:broken", "building it without memory failed: RuntimeError: no such backbone"),
        ("{zoo}_broken:build", "importing {zoo}_broken failed: No module named 'no_such_package'"),
        (
            "no_such_zoo.models:build",
            "there is no module 'no_such_zoo.models'; write package.module:function",
        ),
        ("timm:no_such_model", "building it without memory failed: RuntimeError: Unknown model"),
    ],
)
def test_what_cannot_be_built_is_named_in_one_line(
    spec: str, said: str, package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if spec.startswith("timm"):
        pytest.importorskip("timm")
    assert main(["init", spec.format(zoo=package), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"pyinit: error: {spec.format(zoo=package)}: {said.format(zoo=package)}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "no_such_type"}, "does not read it: .*no_such_type"),
        ({"architectures": ["NoSuchModel"], "model_type": "mixtral"}, None),
        ({"num_attention_heads": "four"}, "does not read it: .*expected int, got str"),
    ],
)
def test_configurations_that_transformers_does_not_build(
    change: dict[str, Any], said: str | None, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers")
    config.write_text(json.dumps({**MIXTRAL, **change}))
    code = main(["init", str(config), "--dry-run"])
    error = capsys.readouterr().err.splitlines()[-1]
    if said is None:
        # a class that transformers lists instead
        assert (code, "as MixtralForCausalLM" in error) == (0, True)
    else:
        assert code == 2
        assert re.search(said, error)


def test_a_default_that_is_not_last_is_refused(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = '["default", {"match": "*", "recipe": "zeros"}]'
    assert main(["init", str(config), "--recipe", rules, "--dry-run"]) == 2
    assert '"default" is what the module does itself' in capsys.readouterr().err


def test_without_torch_the_error_names_what_to_install(config: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from pyinit.cli import main\n"
        f"sys.exit(main(['init', {str(config)!r}, '--dry-run']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "model_type 'mixtral' is not a model that pyinit knows itself (bert, gpt2, " in done.stderr
    assert "install torch and transformers" in done.stderr


def test_families_of_pyinit_need_no_torch(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model_type": "gpt2", "n_layer": 1}))
    assert definition_of(str(config)) is None
    config.write_text(json.dumps({"tensors": {"w": [2, 3]}, "model_type": "mixtral"}))
    assert definition_of(str(config)) is None
