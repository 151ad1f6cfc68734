"""What the doctor finds, and what it says of machines that lack something."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from pyinit import _core
from pyinit.cli import main
from pyinit.cli.doctor import command, devices, libraries, processor
from pyinit.cli.doctor import disk as disk_module
from pyinit.cli.doctor.disk import disk
from pyinit.cli.doctor.finding import FAILS, FINE, NOTE, Finding
from pyinit.cli.doctor.processor import huge_pages


def test_a_machine_that_runs_the_suite_has_the_right_bits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--directory", str(tmp_path), "--json"]) in (0, 1)
    found = {finding["topic"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert found["bits"]["state"] == FINE
    assert "scalar" in found["bits"]["found"]
    assert {"instructions", "threads", "huge pages", "memory", "disk", "cuda", "torch"} <= set(found)
    assert "GB/s" in found["memory"]["found"]
    assert list(tmp_path.iterdir()) == []


def test_lines_are_for_people_and_advice_follows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Finding("disk", FINE, "fast"), Finding("torch", FAILS, "old", "pip install torch --upgrade")]
    monkeypatch.setattr(command, "_findings", lambda directory: iter(found))
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "fine   disk           fast",
        "fails  torch          old",
        "                      pip install torch --upgrade",
    ]


def test_other_bits_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(processor.KNOWN, ("normal", "float32"), "0" * 16)
    finding = next(iter(processor.processor()))
    assert finding.state == FAILS
    assert "must not be used" in finding.advice


@pytest.mark.parametrize(
    ("text", "state"), [("always [madvise] never\n", FINE), ("always madvise [never]\n", NOTE), (None, FINE)]
)
def test_huge_pages(text: str | None, state: str, tmp_path: Path) -> None:
    setting = tmp_path / "enabled"
    if text is not None:
        setting.write_text(text)
    found = huge_pages(setting)
    assert found.state == state
    assert (state == NOTE) == (str(setting) in found.advice)


def _topic(environment: dict[str, str], topic: str) -> dict[str, str]:
    """Return what a new process finds about `topic`."""
    code = "import sys; from pyinit.cli import main; sys.exit(main(['doctor', '--json']))"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, dict[str, str]] = {finding["topic"]: finding for finding in json.loads(ran.stdout)}
    return found[topic]


def test_a_narrower_instruction_set_is_noted() -> None:
    if len(_core.available_isas()) == 1:
        pytest.skip("this machine runs one instruction set")
    found = _topic({"PYINIT_ISA": "scalar"}, "instructions")
    assert found["state"] == NOTE
    assert "PYINIT_ISA" in found["advice"]


def test_fewer_threads_are_noted() -> None:
    found = _topic({"PYINIT_NUM_THREADS": "1"}, "threads")
    assert "as PYINIT_NUM_THREADS says" in found["found"]
    assert found["state"] == (FINE if os.cpu_count() == 1 else NOTE)


def test_a_directory_that_cannot_be_written_fails(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert main(["doctor", "--directory", str(absent)]) == 2
    if os.geteuid() == 0:
        # Nobody is refused root's writes but by the file system itself.
        (finding,) = disk(Path("/proc"))
        assert finding.state in (FAILS, NOTE)
        return
    tmp_path.chmod(0o500)
    (finding,) = disk(tmp_path)
    assert finding.state == FAILS


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="has no file system in memory at /dev/shm")
def test_files_that_are_memory_are_noted() -> None:
    (finding,) = disk(Path("/dev/shm"))
    assert finding.state == NOTE


def test_a_slow_disk_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_module, "is_in_memory", lambda directory: False)
    states = {}
    for seconds in (2.0, 4.0):
        monkeypatch.setattr(disk_module, "_written", lambda directory, seconds=seconds: seconds)
        (finding,) = disk(tmp_path)
        states[seconds] = finding.state, "limits" in finding.advice
    # 256 MiB at 134 and at 67 MB/s
    assert states == {2.0: (FINE, False), 4.0: (NOTE, True)}


def test_a_disk_without_room_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_module.shutil, "disk_usage", lambda directory: SimpleNamespace(free=300 << 20))
    monkeypatch.setattr(disk_module, "_written", lambda directory: pytest.fail("wrote"))
    (finding,) = disk(tmp_path)
    assert finding.state == NOTE
    assert "315 MB free" in finding.found
    assert "--directory" in finding.advice


@pytest.mark.parametrize(
    ("threads", "state", "advice"), [(8, FINE, ""), (3, NOTE, "affinity")], ids=["all", "quota"]
)
def test_a_quota_of_cpus_is_noted(
    threads: int, state: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = SimpleNamespace(info=lambda: {"threads": threads}, environment_threads=lambda: 0)
    monkeypatch.setattr(processor, "_core", core)
    monkeypatch.setattr(processor.os, "cpu_count", lambda: 8)
    finding = processor._threads()
    assert finding.state == state
    assert advice in finding.advice


@pytest.mark.parametrize(("fresh", "state"), [(4.0, FINE), (1.0, NOTE)])
def test_slow_fresh_memory_is_noted(fresh: float, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "_BYTES", 4096)
    rates = iter([fresh, 3.0, 5.0, 2.0])
    monkeypatch.setattr(processor, "_rate", lambda step: next(rates))
    finding = processor._memory()
    assert finding.state == state
    assert finding.found == f"normals at 5.0 GB/s, into fresh memory at {fresh:.1f} GB/s"


@pytest.mark.parametrize(
    ("lines", "states"),
    [
        ({"cuda": "none: no driver"}, {"cuda": NOTE}),
        ({"cuda": "13.0", "device 0": "H200", "nvrtc": "none: not found"}, {"nvrtc": FAILS}),
        ({"cuda": "13.0", "device 0": "H200", "nvrtc": "13.0"}, {}),
    ],
    ids=["no device", "no compiler", "all"],
)
def test_devices(lines: dict[str, str], states: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "described", lambda: lines)
    found = {finding.topic: finding.state for finding in devices.devices()}
    assert found == dict.fromkeys(lines, FINE) | states


@pytest.mark.parametrize(
    ("version", "state"),
    [("2.8.0", FAILS), ("2.9.0", FINE), ("2.13.0+cpu", FINE), ("2.14.0a0", FINE), (None, NOTE)],
)
def test_versions(version: str | None, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def known(name: str) -> str:
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(libraries, "_version", known)
    found = {finding.topic: finding for finding in libraries.libraries()}
    assert found["torch"].state == state
    assert (found["torch"].advice == "") == (state == FINE)


def test_a_library_without_a_version_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # what a removal that was cut off leaves behind
    (tmp_path / "torch-2.13.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    found = {finding.topic: finding for finding in libraries.libraries()}
    assert found["torch"].state == FAILS
    assert found["torch"].found == "installed without a version; for pyinit.torch"
    assert found["torch"].advice == "pip install 'pyinit-nn[torch]' --force-reinstall"


def test_metadata_that_are_missing_are_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise FileNotFoundError("No package metadata was found.")

    monkeypatch.setattr(libraries.metadata, "metadata", missing)
    assert {finding.state for finding in libraries.libraries()} == {FAILS}


def test_the_doctor_knows_each_library_of_each_extra() -> None:
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    known = {(library.extra, library.name): library for library in libraries.LIBRARIES}
    assert {library.extra for library in libraries.LIBRARIES} <= {"", *extras}
    # `cuda` is checked by loading it; the others are for who works on pyinit
    for extra in extras.keys() - {"cuda", "dev", "docs", "test"}:
        for need in extras[extra]:
            name, _, least = need.partition(">=")
            library = known.get((extra, name.partition("[")[0]))
            # rich is in two extras, and the doctor names the smaller one
            if extra == "plot" and name == "rich":
                library = known["cli", "rich"]
            assert library is not None, need
            assert ".".join(map(str, library.least)) == least, need
