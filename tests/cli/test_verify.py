"""``pyinit verify``: what it prints, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyinit as pi
from pyinit.cli import main
from pyinit.cli.verify import share

CONFIG = {"model_type": "gpt2", "n_layer": 1, "n_embd": 64, "n_head": 2, "vocab_size": 9000, "n_positions": 8}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(CONFIG))
    folder = tmp_path / "m"
    assert main(["init", str(config), "--out", str(folder), "--seed", "3", "--shard-size", "2MB"]) == 0
    return folder


def flip(folder: Path, place: int = -100) -> str:
    path = sorted(folder.glob("*.safetensors"))[0]
    data = bytearray(path.read_bytes())
    data[place] ^= 64
    path.write_bytes(data)
    return path.name


def test_nothing_differs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["verify", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: as written; compared 16 of 16 tensors, 2.51 MB\n"


def test_a_tensor_differs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = flip(folder)
    capsys.readouterr()
    assert main(["verify", str(folder), "--threads", "1"]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.endswith(": one bit is flipped, in byte " + first.rsplit(" ", 1)[1])
    assert last.startswith(f"{folder}: 1 tensor differs; compared 16 of 16 tensors")
    # its own file has it, too; the other one has not
    assert main(["verify", str(folder / name)]) == 1
    other = next(path for path in folder.glob("*.safetensors") if path.name != name)
    assert main(["verify", str(other)]) == 0


def test_json_holds_the_findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip(folder)
    capsys.readouterr()
    assert main(["verify", str(folder), "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content == json.loads(json.dumps(pi.verify(folder).to_dict()))
    assert content["is_same"] is False
    (finding,) = content["findings"]
    assert (finding["kind"], finding["bits"], finding["differ"]) == ("corrupt", 1, 1)
    assert finding["sentence"].startswith(finding["tensor"])


def test_a_sample_says_how_much_it_saw(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["verify", str(folder), "--sample", "1%", "--seed", "5"]) == 0
    out = capsys.readouterr().out
    assert "as written; compared 16 of 16 tensors, " in out
    assert out.endswith(" of 2.51 MB\n")


def test_a_plan_verifies_a_file_without_a_receipt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, plan = tmp_path / "w.safetensors", tmp_path / "plan.json"
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"tensors": {"w": [64, 32]}}))
    arguments = ["init", str(spec), "--recipe", "he_normal", "--out", str(file)]
    assert main(arguments) == 0
    assert main([*arguments, "--plan", str(plan)]) == 0
    assert main(["verify", str(file), "--receipt", str(plan)]) == 0
    flip(tmp_path)
    assert main(["verify", str(file), "--receipt", str(plan)]) == 1


def test_what_cannot_be_found_out_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: str) -> str:
        capsys.readouterr()
        assert main(["verify", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "there is no" in said(str(folder / "absent"))
    receipt = folder / "init.json"
    content = json.loads(receipt.read_text())
    receipt.write_text(json.dumps({**content, "stream_version": 2}))
    assert "was made with version 2 of the stream" in said(str(folder))
    receipt.write_text("{}")
    assert "a receipt is the object that pyinit writes" in said(str(folder))
    receipt.unlink()
    assert "verify needs a receipt that pyinit wrote, or a plan" in said(str(folder))


def test_shares() -> None:
    assert (share("1%"), share("0.25"), share("100%")) == (0.01, 0.25, 1.0)
    for text in ("0", "0%", "2", "101%", "much", "nan"):
        with pytest.raises(Exception, match="needs a share such as 1%"):
            share(text)


def test_an_interrupt_says_that_nothing_was_changed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pyinit.cli.verify.verify", interrupt)
    capsys.readouterr()
    assert main(["verify", str(folder)]) == 130
    assert capsys.readouterr().err == "pyinit: interrupted; nothing was changed\n"
