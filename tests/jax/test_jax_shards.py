"""A tree has the same bits on 1 and 8 devices and on 2 processes, each of which makes its own shards once."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

import pytest

pytestmark = pytest.mark.interop
jax = pytest.importorskip("jax")

import numpy as np  # noqa: E402

import pyinit as pi  # noqa: E402
from pyinit.jax import init, init_tree  # noqa: E402

PROGRAM = Path(__file__).with_name("distributed_process.py")


def program() -> ModuleType:
    """Return what each process runs, as a module."""
    spec = importlib.util.spec_from_file_location(PROGRAM.stem, PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(devices: int, *arguments: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, complaint = process.communicate(timeout=300)
    assert process.returncode == 0, complaint
    answer: dict[str, Any] = json.loads(out.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def answers() -> dict[int, list[dict[str, Any]]]:
    """Return what 1 process with 8 devices said, and 2 with 4 each."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    alone = start(8)
    pair = [start(4, address, str(number), "2") for number in range(2)]
    return {1: [said(alone)], 2: [said(process) for process in pair]}


def whole_arrays() -> dict[str, Any]:
    """Return every leaf, made at once on one device."""
    tree = program().TREE
    structs = {name: jax.ShapeDtypeStruct(shape, dtype) for name, (shape, dtype, _, _) in tree.items()}
    made = init_tree(structs, key=11, recipe={name: recipe for name, (_, _, _, recipe) in tree.items()})
    recorded = init(program().model, jax.random.key(0), key=11)
    made |= {f"init {name}": array for name, array in recorded.items()}
    return {**made, "initializer": pi.he_normal(truncated=True)((64, 48), key=11)}


@pytest.mark.parametrize("processes", [1, 2])
def test_every_shard_is_that_part_of_the_whole(
    answers: dict[int, list[dict[str, Any]]], processes: int
) -> None:
    assert [answer["devices"] for answer in answers[processes]] == [8] * processes
    for name, whole in whole_arrays().items():
        shards = [shard for answer in answers[processes] for shard in answer["shards"][name]]
        assert len(shards) == 8
        covered = np.zeros(whole.shape, bool)
        for ends, digest in shards:
            part = tuple(slice(*each) for each in ends)
            covered[part] = True
            assert crc32(np.ascontiguousarray(whole[part]).tobytes()) == digest, name
        assert covered.all()


def test_a_process_holds_its_own_part_alone(answers: dict[int, list[dict[str, Any]]]) -> None:
    first, second = ({str(ends) for ends, _ in answer["shards"]["kernel"]} for answer in answers[2])
    assert len(first) == len(second) == 4
    assert not first & second


def test_a_part_on_several_devices_is_written_once(answers: dict[int, list[dict[str, Any]]]) -> None:
    assert answers[1][0]["writes"] == {"kernel": 8, "half": 8, "replicated": 1, "rows": 4, "scale": 2}


def test_processes_see_one_array(answers: dict[int, list[dict[str, Any]]]) -> None:
    whole = whole_arrays()
    for answer in (*answers[1], *answers[2]):
        for name, total in answer["sums"].items():
            assert total == pytest.approx(float(np.asarray(whole[name], np.float64).sum()), abs=1e-4)
