"""An experiment as one file: it opens without server and network, and plays what was trained."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from pyinit.cli import main
from pyinit.errors import ArgumentError
from pyinit.lab.bundle.bundle import script_of
from pyinit.lab.experiment.experiment import Experiment
from pyinit.lab.export.recording import record

SETTINGS = "data=moons&depth=3&width=8&steps=60&seed=4&run=he_normal&run=zeros"
COMMAND = ["lab", SETTINGS, "--frames", "20"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "lab.html"
    assert main([*COMMAND, "--export", str(path)]) == 0
    return path


def test_the_file_is_the_same_each_time_holds_all_and_loads_nothing(exported: Path) -> None:
    text = exported.read_text()
    assert record(Experiment.from_dict(held(text)["ready"]["experiment"]), 20) == text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert not re.search(r"<(?:link|img|iframe)\b|<script[^>]* src=|@import|url\((?!data:|#)", text)
    assert len(held(text)["steps"]) == 21
    assert text.count("</script>") == 3


def held(text: str) -> dict[str, Any]:
    """Return what a page holds in JSON."""
    found = re.search(r'<script type="application/json" id="recording">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    packed = re.search(r'id="frames">(.*?)</script>', text)
    assert packed is not None
    assert gzip.decompress(b64decode(packed[1]))
    content: dict[str, Any] = json.loads(found[1])
    return content


def test_an_existing_file_is_kept_unless_forced(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "--export", str(exported)]) == 2
    assert "exists" in capsys.readouterr().err
    assert main([*COMMAND, "--export", str(exported / "no" / "x.html")]) == 2
    with pytest.raises(ArgumentError, match="frames"):
        record(Experiment(), 0)


@pytest.mark.parametrize(
    "settings", ["nonsense", "data=moons&data=spirals", '{"depth": 0}', "run=he_norma", "depth=1e3"]
)
def test_settings_that_are_none_are_a_line(
    settings: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", settings, "--export", str(tmp_path / "x.html")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("pyinit: error: ")
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_link_json_file_and_arguments_name_the_same_experiment(tmp_path: Path) -> None:
    import argparse

    from pyinit.cli.lab import add_arguments, experiment_of

    def named(*arguments: str) -> Experiment | None:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        return experiment_of(parser.parse_args(list(arguments)))

    one = named(SETTINGS)
    assert one is not None
    assert named(f"http://127.0.0.1:8710/?token=x#{SETTINGS}&view=layers&lang=zh") == one
    assert named(one.to_json()) == one
    path = tmp_path / "one.json"
    path.write_text(one.to_json())
    assert named(str(path)) == one
    options = ["--data", "moons", "--depth", "3", "--width", "8", "--steps", "60", "--seed", "4"]
    assert named(*options, "--run", "he_normal", "--run", "zeros") == one
    assert named(str(path), "--seed", "4") == one
    assert named() is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('import * as x from "./b.js";', "cannot be bundled"),
        ("export default 3;", "cannot be bundled"),
        ("export let x = 3;", "cannot be bundled"),
        ('import { a } from "./a.js";', "imports itself"),
        ('const x = import("./b.js");', "cannot be bundled"),
    ],
)
def test_a_module_that_cannot_be_bundled_is_refused(text: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text(f"{text}\n")
    with pytest.raises(ValueError, match=what):
        script_of(tmp_path / "a.js", "")


def test_a_bundle_runs_each_module_once_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text(
        'import { b as c } from "./b.js";\nimport { d } from "./d.js";\nexport const a = c + d;\n'
    )
    (tmp_path / "b.js").write_text('import { d } from "./d.js";\nexport const b = d + "</script>";\n')
    (tmp_path / "d.js").write_text("export const d = 1;\n")
    text = script_of(tmp_path / "a.js", "entry.a;")
    assert text.index("const d = 1") < text.index("const b =") < text.index("const a =")
    assert text.count("const d = 1") == 1
    assert "const {b: c} = m1;" in text.replace("{ b", "{b").replace(" }", "}")
    assert "</script" not in text


@pytest.mark.interop
def test_the_file_plays_offline(exported: Path, browser: Any) -> None:
    context = browser.new_context(offline=True, locale="en-GB")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(("file:", "data:")) else faults.append(asked.url),
    )
    page.goto(exported.as_uri())

    def until(expression: str) -> None:
        for _ in range(1000):
            if page.evaluate(f"Boolean({expression})"):
                return
            page.wait_for_timeout(20)
        raise AssertionError(expression)

    until("window.pyinit?.runs.length === 2 && pyinit.stats.painted")
    weights = "pyinit.runs[0].now.get('weights.0').values.join()"
    page.evaluate(f"window.first = {weights}")
    page.click("button.step")
    until("pyinit.store.state.step === 3")
    page.select_option("select.pace", "5")
    page.click("button.play")
    until("pyinit.store.state.finished")
    assert page.evaluate("pyinit.store.state.step") == 60
    assert page.evaluate("pyinit.runs.map(run => run.losses.count)") == [60, 60]
    page.click("button.rewind")
    until(f"pyinit.store.state.step === 0 && window.first === {weights}")
    page.click("button.play")
    until("pyinit.store.state.step > 0")
    page.click("button.play")
    until("!pyinit.store.state.playing")
    page.evaluate("pyinit.store.set({view: 'phase'})")
    until("pyinit.store.state.diagram")
    page.evaluate(
        "pyinit.wire.send({type: 'start', experiment: {...pyinit.store.state.experiment, depth: 9}})"
    )
    until("pyinit.store.state.error.includes('recording')")
    assert page.evaluate("pyinit.store.state.experiment.depth") == 3
    context.close()
    assert not faults
