"""`pyinit.lint` at its doors: specs, plans and receipts say the same, and findings are data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint.lint.finding import SEVERITIES, together
from pyinit.checkpoint.lint.folding import folded
from pyinit.checkpoint.lint.sentences import KINDS

CONFIG = {
    "model_type": "gpt2",
    "n_layer": 12,
    "n_embd": 48,
    "n_head": 4,
    "vocab_size": 50,
    "n_positions": 16,
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    return path


def told(found: pi.LintReport) -> list[Any]:
    """Return what findings say, without what they are on."""
    return found.to_dict()["findings"]


@pytest.mark.parametrize(
    "recipe", ["glorot_normal", "he_normal", pi.truncated_normal(std=0.02, unit="absolute")]
)
def test_a_spec_its_plan_and_its_receipt_have_the_same_findings(
    config: Path, tmp_path: Path, recipe: Any
) -> None:
    of_spec = pi.lint(config, recipe)
    assert len(of_spec) > 0
    plan = pi.plan_checkpoint(config, recipe, path=tmp_path / "out", key=5)
    receipt = pi.write_checkpoint(config, recipe, path=tmp_path / "out", key=5)
    (tmp_path / "plan.json").write_text(plan.to_json())
    written = tmp_path / "out" / "init.json"
    for what in (
        plan,
        plan.blueprint,
        tmp_path / "plan.json",
        receipt,
        written,
        str(tmp_path / "out"),
        json.loads(written.read_text()),
    ):
        assert told(pi.lint(what)) == told(of_spec)


def test_the_findings_on_gpt2_under_another_recipe(config: Path) -> None:
    found = pi.lint(config, "glorot_normal")
    assert [(each.kind, each.severity, each.patterns) for each in found] == [
        ("wrong fan", "warning", {"transformer.h.*.attn.c_attn.weight": 12}),
        ("unscaled residual", "info", {"transformer.h.*.attn.c_proj.weight": 12}),
        ("unscaled residual", "info", {"transformer.h.*.mlp.c_proj.weight": 12}),
    ]
    assert not found.is_clean
    lines = str(found).splitlines()
    assert lines[0] == "warning: wrong fan: transformer.h.*.attn.c_attn.weight (12 tensors)"
    assert lines[-1].endswith("config.json: 1 warning, 2 info in 148 tensors")
    # the advice, followed: each part alone is what fan_in counts
    assert not pi.lint(config, "lecun_normal").of("wrong fan")


@pytest.mark.parametrize("name", ["gpt2", "llama-1b", "llama-70b", "bert-base", "resnet50"])
def test_families_of_transformers_have_nothing_but_advice(name: str) -> None:
    found = pi.lint(name)
    assert found.is_clean
    assert {each.kind for each in found} <= {"unscaled residual"}


def test_the_vit_of_transformers_truncates_nothing() -> None:
    found = [each for each in pi.lint("vit-b-16") if each.severity != "info"]
    assert [(each.kind, each.tensors) for each in found] == [
        ("truncation", ("vit.embeddings.cls_token", "vit.embeddings.position_embeddings"))
    ]


def test_findings_as_json(config: Path) -> None:
    found = pi.lint(config, "glorot_normal")
    content = json.loads(found.to_json())
    assert content["source"] == str(config)
    assert content["tensors"] == 148
    first = content["findings"][0]
    assert set(first) == {"kind", "severity", "patterns", "tensors", "numbers", "reason", "fix"}
    assert first["kind"] in KINDS
    assert first["severity"] in SEVERITIES
    assert len(first["tensors"]) == 12
    assert first["reason"] == next(iter(found)).reason


def test_hundreds_of_layers_are_one_finding() -> None:
    shapes = {f"layers.{at}.{part}.weight": (8, 4) for at in range(200) for part in ("up", "down")}
    (found,) = pi.lint(shapes, pi.truncated_normal(std=0.02, unit="absolute"))
    assert found.patterns == {"layers.*.up.weight": 200, "layers.*.down.weight": 200}
    assert len(found.tensors) == 400
    assert folded(["a.1.b.2.c", "a.3.b.4.c", "a.b"]) == {"a.*.b.*.c": 2, "a.b": 1}


def test_other_numbers_are_another_finding_and_the_gravest_comes_first() -> None:
    kinds = [
        ("truncation", "warning", 100.0),
        ("unscaled residual", "info", 1.0),
        ("underflow", "error", 2.0),
    ]
    found = together(
        pi.LintFinding(kind, severity, (name,), {"at": number})
        for kind, severity, number in kinds
        for name in ("a", "b")
    )
    assert [(each.severity, each.tensors) for each in found] == [
        ("error", ("a", "b")),
        ("warning", ("a", "b")),
        ("info", ("a", "b")),
    ]
    apart = together(pi.LintFinding("truncation", "warning", (name,), {"at": name}) for name in ("a", "b"))
    assert len(apart) == 2


def test_the_same_fault_with_other_numbers_is_one_paragraph_of_text() -> None:
    shapes = {
        f"stages.{at}.conv.weight": {"shape": [n, 1, 3, 3], "groups": n} for at, n in enumerate((48, 96))
    }
    found = pi.lint(shapes, pi.variance_scaling(2.0, "fan_out", compat="torch"))
    assert [each.numbers["groups"] for each in found] == [48, 96]
    lines = str(found).splitlines()
    assert lines[0] == "warning: wrong fan: stages.0.conv.weight"
    assert lines[3] == "    So are, with other numbers: stages.1.conv.weight."
    assert lines[4] == "spec: 2 warnings in 2 tensors"


def test_a_receipt_is_read_beside_its_configuration(tmp_path: Path) -> None:
    tensors = {"embed_tokens.weight": [16, 8], "lm_head.weight": [16, 8], "norm.weight": [8]}
    rules = [{"match": "norm.weight", "recipe": "zeros"}, {"match": "*", "recipe": "normal"}]
    for kind, is_tied in (("llama", True), ("gemma", False)):
        config = {"model_type": kind, "tie_word_embeddings": is_tied}
        spec = tmp_path / f"{kind}.json"
        spec.write_text(json.dumps({"tensors": tensors, "config": config, "rules": rules}))
        pi.write_checkpoint(spec, path=tmp_path / kind)
        kinds = [each.kind for each in pi.lint(tmp_path / kind)]
        assert kinds == (["tied but drawn twice", "zero norm"] if is_tied else [])
        assert told(pi.lint(spec)) == told(pi.lint(tmp_path / kind))


def test_bad_input(config: Path, tmp_path: Path) -> None:
    plan = pi.plan_checkpoint(config, path=tmp_path / "out")
    with pytest.raises(pi.SpecError, match="holds its recipes and dtype; leave them out"):
        pi.lint(plan, "he_normal")
    with pytest.raises(pi.SpecError, match=r"lint needs a spec, .* there is pyinit\.torch\.lint"):
        pi.lint(3)  # type: ignore[arg-type]
    with pytest.raises(pi.RecipeError, match="has no recipe of its own"):
        pi.lint({"w": (8, 8)})
    receipt = json.loads(pi.write_checkpoint({"w": (8, 8)}, "normal", path=tmp_path / "made").to_json())
    with pytest.raises(pi.FormatError, match="version 1 of the stream is needed; got version 2"):
        pi.lint({**receipt, "stream_version": 2})
    for wrong in ({"w": {}}, {"w": {**receipt["tensors"]["w"], "recipe": {"recipe": "nothing"}}}):
        with pytest.raises(pi.FormatError, match=r"receipt: (the receipt cannot be read|.*nothing)"):
            pi.lint({**receipt, "tensors": wrong})


def test_no_weight_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyinit.checkpoint import contents

    def refuse(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(contents, "execute", refuse)
    assert pi.lint("llama-70b").tensors == 723
