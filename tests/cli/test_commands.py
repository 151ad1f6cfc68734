"""Every command: its help, its examples, its completion, and JSON where it prints results."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.cli import completion, main
from pyinit.cli.bench.answer import AnswerError
from pyinit.cli.commands import COMMANDS, EXIT_CODES, Command, parser_of
from pyinit.cli.outcome import Outcome

EXAMPLES = [(command.name, example) for command in COMMANDS for example in command.module.EXAMPLES]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_shows_what_it_does_and_examples(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command.name, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert command.module.__doc__.split()[0] in out
    assert "examples:\n" in out
    for example in command.module.EXAMPLES:
        assert f"\n  {example}\n" in out
        assert example.startswith(f"pyinit {command.name}")


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_an_example_is_accepted_by_the_parser(name: str, example: str) -> None:
    words = shlex.split(example.partition(" > ")[0])[1:]
    assert parser_of(name).parse_args(words).command == name


def test_help_explains_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert EXIT_CODES in out
    assert max(map(len, EXIT_CODES.splitlines())) < 80


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_that_prints_results_can_print_json(command: Command) -> None:
    options = {word for action in _actions(command.name) for word in action.option_strings}
    # What completion prints is a script.
    assert ("--json" in options) == (command.name != "completion")


def _actions(name: str) -> list[argparse.Action]:
    (commands,) = (action for action in parser_of(name)._actions if action.dest == "command")
    return list(commands.choices[name]._actions)  # type: ignore[union-attr, call-overload, index]


def test_init_lists_models_with_their_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (gpt2,) = (line.split() for line in lines if line.startswith("gpt2 "))
    assert gpt2 == ["gpt2", "124M", "float32", "498", "MB", "148"]
    assert main(["init", "--list", "--json"]) == 0
    models = {model["name"]: model for model in json.loads(capsys.readouterr().out)}
    assert models["gpt2"]["parameters"] == 124_439_808
    assert len(models) == len(lines) - 1


def test_init_without_a_model_says_where_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 2
    assert "pyinit init --list" in capsys.readouterr().err


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"tensors": {"a.weight": [40, 30], "b.weight": [20, 10]}}))
    return path


def test_what_a_dry_run_foresees_is_what_a_run_does(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["init", str(spec), "--recipe", "he_normal", "--json"]
    assert main([*words, "--dry-run"]) == 0
    foreseen = json.loads(capsys.readouterr().out)
    assert foreseen["parameters"] == 40 * 30 + 20 * 10
    assert foreseen["tensors"]["a.weight"]["recipe"]["recipe"] == "he_normal"
    out = spec.parent / "out"
    assert main([*words, "--out", str(out)]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["is_complete"]
    assert [file["name"] for file in done["files"]] == [file["name"] for file in foreseen["files"]]
    assert [file["bytes"] for file in done["files"]] == [(out / "model.safetensors").stat().st_size]
    assert done["parameters"] == foreseen["parameters"]
    assert done["seconds"] > 0


def test_json_says_what_was_there_before(spec: Path) -> None:
    plan = pi.plan_checkpoint(pi.find_spec(str(spec)), "he_normal", path=spec.parent / "out")
    done = Outcome(plan, None, is_complete=True, seconds=1.0, nbytes_before=70).to_dict()
    assert (done["bytes_before"], done["seconds"], done["is_complete"]) == (70, 1.0, True)


def test_parts_say_in_json_when_the_checkpoint_is_complete(
    spec: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["init", str(spec), "--recipe", "he_normal", "--json", "--out", str(spec.parent / "out")]
    words += ["--shard-size", "1000"]
    states = []
    for rest in (["--part", "0/2"], ["--part", "1/2"], ["--part", "1/2"], ["--finish"]):
        assert main([*words, *rest]) == 0
        states.append(json.loads(capsys.readouterr().out))
    assert [state["is_complete"] for state in states] == [False, True, True, True]
    assert [state["part"] for state in states] == ["0/2", "1/2", "1/2", None]
    assert states[2]["seconds"] is None


def strictly(text: str) -> Any:
    """Return what JSON of any other language reads: Python's own reader also takes NaN and Infinity."""

    def refused(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refused)


def test_an_infinite_bound_is_json(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = '{"recipe": "truncated_normal", "low": "-inf", "high": 0.5}'
    assert main(["init", str(spec), "--recipe", recipe, "--dry-run", "--json"]) == 0
    foreseen = strictly(capsys.readouterr().out)
    assert foreseen["tensors"]["a.weight"]["bounds"][0] == "-inf"
    with pytest.raises(AssertionError, match="Infinity"):
        strictly("[-Infinity]")


def test_a_dry_run_writes_no_plan_and_says_so(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "init",
        str(spec),
        "--recipe",
        "he_normal",
        "--dry-run",
        "--plan",
        str(spec.parent / "plan.json"),
    ]
    assert main(words) == 2
    assert "--dry-run or --plan, not both" in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"pyinit {pi.__version__}\n"


def test_a_wrong_answer_is_one_line_and_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(*_: object, **__: object) -> None:
        raise AnswerError("pyinit: the first elements need digest 1; got 2. It is not timed.")

    monkeypatch.setattr("pyinit.cli.bench.command.run", wrong)
    assert main(["bench", "--only", "normal_64x64"]) == 1
    assert capsys.readouterr().err.endswith("got 2. It is not timed.\n")


def test_facts_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stream_version"] == 1


def test_bench_prints_its_numbers_in_place_of_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--quick", "--only", "normal_64x64", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["races"][0]["name"] == "normal_64x64"


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shells_script_knows_the_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab", reason="needs shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for option in ("shard-size", "standardize", "quick"):
        assert option in script


@pytest.fixture
def completed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], set[str]]:
    """Return what bash offers for the last word of a line, in a directory of its own."""
    pytest.importorskip("shtab", reason="needs shtab")
    assert main(["completion", "bash"]) == 0
    path = tmp_path / "pyinit.bash"
    path.write_text(capsys.readouterr().out)
    place = tmp_path / "place"
    place.mkdir()
    (place / "config.json").touch()
    asked = """
        source "$1"; shift
        function_of=$(complete -p pyinit | sed -E 's/.*-F ([^ ]+).*/\\1/')
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        $function_of pyinit "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
        printf '%s\\n' "${COMPREPLY[@]}"
    """

    def offered(line: str) -> set[str]:
        words = ["bash", "-c", asked, "bash", str(path), *line.split(" ")]
        return set(
            subprocess.run(words, capture_output=True, text=True, check=True, cwd=place).stdout.split()
        )

    return offered


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pyinit ver", {"verify"}),
        ("pyinit verify --sa", {"--sample"}),
        ("pyinit init gpt2 --dtype bf", {"bfloat16"}),
        ("pyinit init gpt2-l", {"gpt2-large"}),
        ("pyinit init conf", {"config.json"}),
        ("pyinit lint conf", {"config.json"}),
        ("pyinit verify conf", {"config.json"}),
        ("pyinit init gpt2 --out conf", {"config.json"}),
        ("pyinit init gpt2 --recipe critical_n", {"critical_normal"}),
        ("pyinit init gpt2 --recipe megat", {"megatron"}),
        ("pyinit train --data ab", {"abalone"}),
        ("pyinit train --data conf", {"config.json"}),
        ("pyinit bench --directory conf", {"config.json"}),
    ],
)
def test_bash_completes_with_the_script(
    line: str, words: set[str], completed: Callable[[str], set[str]]
) -> None:
    assert completed(line) == words


def test_every_path_is_completed() -> None:
    paths = [
        action.metavar
        for command in COMMANDS
        for action in _actions(command.name)
        if action.type is Path or action.metavar in ("DIR", "FILE", "SPEC")
    ]
    assert len(paths) > 12
    assert set(paths) <= completion._WORDS.keys()


def test_completion_without_its_library_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['shtab'] = None; from pyinit.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "completion", "bash"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert "pip install 'pyinit-nn[cli]'" in ran.stderr
