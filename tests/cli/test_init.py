"""``pyinit init`` as a user runs it."""

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pyinit as pi
from pyinit.checkpoint.local import LocalTarget
from pyinit.cli import main
from pyinit.cli.init import size
from pyinit.cuda.report import described
from pyinit.stream.safetensors import read_header

GPT2 = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 9, "n_positions": 4}


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(GPT2))
    return str(path)


def stds(folder: Path) -> dict[str, float]:
    tensors = json.loads((folder / "init.json").read_text())["tensors"]
    return {name.removeprefix("transformer."): entry["std"] for name, entry in tensors.items()}


def test_a_model_is_written(tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", config, "--out", str(tmp_path / "out"), "--seed", "0x11"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "config.json",
        "init.json",
        "model.safetensors",
    ]
    printed = capsys.readouterr()
    assert "wrote model.safetensors" in printed.out
    for word in ("GB/s", "Gparam/s", "peak memory", "16 tensors, 992 parameters, 3.97 kB"):
        assert word in printed.out
    name = "transformer.wte.weight"
    info = read_header(tmp_path / "out" / "model.safetensors").tensors[name]
    data = (tmp_path / "out" / "model.safetensors").read_bytes()[info.start : info.stop]
    assert data == pi.normal(std=0.02)((9, 8), key=pi.key(17).fold_in(name)).tobytes()


def test_options_reach_the_files(tmp_path: Path, config: str) -> None:
    options = ["--dtype", "bfloat16", "--shard-size", "1kB", "--threads", "1", "--digest"]
    assert main(["init", config, "--out", str(tmp_path / "out"), *options]) == 0
    shards = sorted((tmp_path / "out").glob("model-*.safetensors"))
    assert len(shards) == 3
    assert {info.dtype for shard in shards for info in read_header(shard).tensors.values()} == {"bfloat16"}
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "bfloat16"
    tensors = json.loads((tmp_path / "out" / "init.json").read_text())["tensors"]
    assert all(len(entry["crc32"]) == 8 for entry in tensors.values())


def test_a_named_recipe_redraws_kernels_and_keeps_norms_and_biases(tmp_path: Path, config: str) -> None:
    assert main(["init", config, "--out", str(tmp_path / "out"), "--recipe", "lecun_normal"]) == 0
    found = stds(tmp_path / "out")
    # fan_in of (in, out) kernels is their first size, of embeddings their second
    assert found["h.0.mlp.c_fc.weight"] == pytest.approx(8**-0.5)
    assert found["h.0.mlp.c_proj.weight"] == pytest.approx(32**-0.5)
    assert found["wte.weight"] == pytest.approx(8**-0.5)
    assert found["h.0.ln_1.weight"] == 0
    assert found["h.0.mlp.c_fc.bias"] == 0


def test_a_recipe_as_json_and_a_file_of_rules(tmp_path: Path, config: str) -> None:
    recipe = '{"recipe": "normal", "std": 0.5}'
    assert main(["init", config, "--out", str(tmp_path / "a"), "--recipe", recipe]) == 0
    assert stds(tmp_path / "a")["wte.weight"] == 0.5
    rules = tmp_path / "rules.json"
    rules.write_text(f'[{{"match": "*.c_fc.weight", "recipe": {recipe}}}, "default"]')
    assert main(["init", config, "--out", str(tmp_path / "b"), "--recipe", str(rules)]) == 0
    assert (stds(tmp_path / "b")["h.0.mlp.c_fc.weight"], stds(tmp_path / "b")["wte.weight"]) == (0.5, 0.02)
    written = json.loads((tmp_path / "b" / "init.json").read_text())["rules"]
    assert written[0] == {"match": "*.c_fc.weight", "recipe": {"recipe": "normal", "std": 0.5}}


def test_an_existing_checkpoint_without_configuration_needs_a_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text('{"tensors": {"l.weight": [8, 4], "l.bias": [8], "norm.weight": [8]}}')
    assert main(["init", str(spec), "--out", str(tmp_path / "a")]) == 2
    assert "has no recipe of its own; give one, such as he_normal" in capsys.readouterr().err
    assert main(["init", str(spec), "--out", str(tmp_path / "a"), "--recipe", "he_normal"]) == 0
    again = [
        "init",
        str(tmp_path / "a" / "model.safetensors"),
        "--out",
        str(tmp_path / "b"),
        "--recipe",
        "he_normal",
    ]
    assert main(again) == 0
    names = ("model.safetensors", "init.json")
    first, second = ([(tmp_path / out / name).read_bytes() for name in names] for out in ("a", "b"))
    assert first[0] == second[0]
    assert stds(tmp_path / "b") == {"l.weight": pytest.approx(2**-0.5), "l.bias": 0, "norm.weight": 0}


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", config, "--dry-run", "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["tensor", "shape", "dtype", "distribution"]
    assert len(lines) == 1 + 16 + 1 + 1
    key = pi.key(0).fold_in("transformer.wte.weight")
    assert f"{key.seed:016x}:{key.offset:016x}" in lines[1]
    assert lines[-1].endswith("16 tensors, 992 parameters, 3.97 kB")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--out", "OUT", "--seed", "18446744073709551616"],
            "a seed must be an integer in [0, 2**64); got 18446744",
        ),
        (["--out", "OUT", "--seed", "-1"], "a seed must be an integer in [0, 2**64); got -1"),
        (["--out", "OUT", "--recipe", "he_norml"], "unknown recipe 'he_norml'"),
        (["--out", "OUT", "--recipe", "deepnrom"], "unknown recipe 'deepnrom'. Did you mean deepnorm?"),
        (["--out", "OUT", "--recipe", "no.json"], "there is no file 'no.json'"),
        (
            ["--out", "OUT", "--recipe", '{"recipe": "normal", "std": NaN}'],
            "holds NaN, which JSON does not have",
        ),
        (["--out", "OUT", "--recipe", '{"recipe": "normal", "std": 1, "std": 2}'], 'names "std" twice'),
        (["--out", "OUT", "--recipe", '[{"match": "*"}]'], "pyinit: error: --recipe, rule 0 needs 'match'"),
        (["--out", "OUT", "--recipe", '[{"match": "*.bias", "recipe": "zeros"}]'], "no rule matches tensor"),
        (["--out", "OUT", "--threads", "0"], "threads must be a positive integer; got 0"),
        ([], "init needs --out DIR"),
    ],
)
def test_errors_are_one_line(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    out = str(tmp_path / "out")
    assert main(["init", config, *(out if argument == "OUT" else argument for argument in arguments)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("pyinit: error: ")
    assert message in lines[-1]
    assert not Path(out).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required"),
        (["grow"], "invalid choice: 'grow'"),
        (["init", "gpt2", "--dtype", "int8"], "argument --dtype: invalid choice: 'int8'"),
        (["init", "gpt2", "--seed", "one"], "argument --seed: needs an integer in [0, 2**64); got 'one'"),
        (["init", "gpt2", "--shard-size", "5 pounds"], "argument --shard-size: needs a size such as 5GB"),
    ],
)
def test_usage_errors_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pyinit: error: ")
    assert message in line


def test_a_recipe_file_that_is_no_text(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rules.json"
    path.write_bytes(b"\xff\xfe[")
    assert main(["init", config, "--recipe", str(path), "--dry-run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"pyinit: error: {path} is not valid JSON: 'utf-8' codec can't decode")


def test_what_exists_is_replaced_only_by_force(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["init", config, "--out", str(tmp_path / "out")]
    assert main(command) == 0
    before = (tmp_path / "out" / "model.safetensors").read_bytes()
    assert main([*command, "--seed", "1"]) == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith("init.json exists; use --force (overwrite=True) to replace it, or another place")
    )
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == before
    assert main([*command, "--seed", "1", "--force"]) == 0
    assert (tmp_path / "out" / "model.safetensors").read_bytes() != before


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("5GB", 5 * 10**9),
        ("500mb", 5 * 10**8),
        ("2GiB", 2**31),
        ("1.5k", 1500),
        ("7", 7),
        ("3 TB", 3 * 10**12),
        ("9007199254740993", 2**53 + 1),
        ("1" + "0" * 400, 10**400),
    ],
)
def test_sizes(text: str, nbytes: int) -> None:
    assert size(text) == nbytes


@pytest.mark.parametrize("text", ["", "GB", "-5GB", "0", "5XB", "1e9", "5GBB"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="needs a size such as 5GB"):
        size(text)


def test_info_shows_what_decides_speed_and_bits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    devices = {name: str(value) for name, value in described().items()}
    assert devices
    assert shown == {name: str(value) for name, value in pi.info().items()} | devices
    assert shown["stream_version"] == "1"


# Whoever runs the tests in the background has the shell ignore interrupts, and children inherit that.
COMMAND = """
import signal, sys
from pyinit.checkpoint import share
from pyinit.cli import main

share._COMMIT_BYTES = 1 << 20

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""


def started(folder: Path) -> subprocess.Popen[str]:
    """A process in the middle of writing a model that takes seconds."""
    slow = ["--dtype", "float64", "--threads", "1"]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "init", "gpt2-medium", "--out", str(folder), *slow],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not any("\n" in log.read_text() for log in folder.glob(".pyinit-*/*.log")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_keeps_what_is_finished_and_says_so(tmp_path: Path, number: int, status: int) -> None:
    folder = tmp_path / "out"
    process = started(folder)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert re.fullmatch(
        r"pyinit: \w+; \d+ of 292 extents are kept: run the same command again to continue",
        err.splitlines()[-1],
    )
    assert "Traceback" not in err
    assert all(path.name.startswith(".") for path in folder.iterdir())


def test_an_interrupt_before_anything_is_finished_leaves_nothing(
    tmp_path: Path, config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(target: LocalTarget, name: str, offset: int, data: memoryview) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalTarget, "write", interrupted)
    assert main(["init", config, "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "pyinit: interrupted; unfinished files were removed"
    assert not (tmp_path / "out").exists()


def test_the_run_after_a_kill_continues(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    process = started(folder)
    process.kill()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    left = [path.name for path in folder.iterdir()]
    assert left
    assert all(name.startswith(".") for name in left)
    command = ["init", "gpt2-medium", "--out", str(folder)]

    def stopped(target: LocalTarget, name: str, offset: int, data: memoryview) -> None:
        raise KeyboardInterrupt

    # test_crashes continues to the end, which takes seconds for this model
    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "write", stopped)
        assert main([*command, "--dtype", "float64"]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"[1-9]\d* of 292 extents are kept", last)
    # another model takes its place: what the dead left, as large as the model, goes
    config = tmp_path / "config.json"
    config.write_text(json.dumps(GPT2))
    assert main(["init", str(config), "--out", str(folder)]) == 0
    assert "already" not in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "init.json", "model.safetensors"]


def test_what_was_there_already_is_no_part_of_the_speed(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, count = LocalTarget.write, [0]

    def third_fails(target: LocalTarget, name: str, offset: int, data: memoryview) -> None:
        count[0] += 1
        if count[0] == 3:
            raise OSError(errno.EIO, "Input/output error")
        plain(target, name, offset, data)

    command = ["init", config, "--out", str(tmp_path / "out"), "--threads", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "write", third_fails)
        assert main(command) == 2
    assert "Input/output error. 2 of 16 extents are kept: run the same" in capsys.readouterr().err
    assert main(command) == 0
    # wte and wpe, in bytes: (9 + 4) x 8 x 4
    assert "416 bytes of it were there already" in capsys.readouterr().out


def test_a_reader_that_leaves_early_is_no_error(config: str) -> None:
    command = f'"{sys.executable}" -m pyinit.cli init "{config}" --dry-run | head -n 1'
    done = subprocess.run(
        ["/bin/sh", "-c", command], check=False, capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.stdout.startswith("tensor")
    assert done.stderr == ""


@pytest.mark.parametrize(
    "recipe", ["he_normal", "normal", '[{"match": "*.weight|w", "recipe": "ones"}, "default"]']
)
def test_the_rules_of_a_receipt_make_the_same_file(recipe: str, tmp_path: Path) -> None:
    spec, rules = tmp_path / "spec.json", tmp_path / "rules.json"
    spec.write_text(
        json.dumps({"tensors": {"l.weight": [6, 4], "norm.weight": [6], "l.bias": [6], "w": [3]}})
    )
    if recipe == "he_normal":
        spec.write_text(json.dumps({"tensors": {"l.weight": [6, 4], "norm.weight": [6], "l.bias": [6]}}))
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["init", str(spec), "--out", f"{first}/", "--seed", "3", "--recipe", recipe]) == 0
    rules.write_text(json.dumps(json.loads((first / "init.json").read_text())["rules"]))
    assert main(["init", str(spec), "--out", f"{second}/", "--seed", "3", "--recipe", str(rules)]) == 0
    name = "model.safetensors"
    assert (first / name).read_bytes() == (second / name).read_bytes()
