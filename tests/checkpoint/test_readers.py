"""Libraries read files of whole tensors as they are; rectangles they see one by one, or refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

SHAPES = {"w": (64, 30), "stack": (3, 6, 5), "b": (9,), "scalar": ()}

ORBAX = """
import json, sys
from pathlib import Path

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp

whole, cut = map(Path, sys.argv[1:])
mesh = jax.sharding.Mesh(np.array(jax.devices()), ("x",))
columns = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(None, "x"))
with ocp.Context(checkpoint_layout="safetensors"):
    plain = ocp.load(whole)
    sharded = ocp.load(whole, {"w": jax.ShapeDtypeStruct((64, 30), np.float32, sharding=columns)})
    try:
        ocp.load(cut)
    except ValueError as error:
        refused = str(error)
found = {"sharded": np.asarray(sharded["w"]), **{f"plain {name}": value for name, value in plain.items()}}
np.savez(whole.parent / "found.npz", **found)
print(json.dumps([refused, [shard.data.shape for shard in sharded["w"].addressable_shards]]))
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model in both layouts."""
    folder = tmp_path_factory.mktemp("written")
    for layout in ("huggingface", "dcp"):
        pi.write_checkpoint(SHAPES, "normal", path=folder / layout, key=3, shard_size=2000, layout=layout)
    return folder


def values(name: str) -> Any:
    return pi.normal()(SHAPES[name], key=pi.key(3).fold_in(name))


def test_safe_open_reads_whole_tensors_and_rectangles(written: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    found: dict[str, dict[str, list[Any]]] = {"huggingface": {}, "dcp": {}}
    for layout, tensors in found.items():
        for path in sorted((written / layout).glob("*.safetensors")):
            with safetensors.safe_open(path, "np") as file:
                for name in file.keys():  # noqa: SIM118
                    tensors.setdefault(name, []).append(file.get_tensor(name))
    assert {name: len(parts) for name, parts in found["huggingface"].items()} == dict.fromkeys(SHAPES, 1)
    assert {name: len(parts) for name, parts in found["dcp"].items()} == {**dict.fromkeys(SHAPES, 1), "w": 4}
    for name in SHAPES:
        assert np.array_equal(found["huggingface"][name][0], values(name))
        parts = found["dcp"][name]
        assert np.array_equal(np.concatenate(parts) if len(parts) > 1 else parts[0], values(name))


def test_orbax_reads_whole_tensors_and_refuses_rectangles(written: Path) -> None:
    pytest.importorskip("orbax.checkpoint")
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    command = [sys.executable, "-c", ORBAX, str(written / "huggingface"), str(written / "dcp")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    refused, shards = json.loads(done.stdout)
    assert "Duplicate tensor w found in multiple files" in refused
    assert shards == [[64, 15], [64, 15]]
    with np.load(written / "found.npz") as found:
        assert np.array_equal(found["sharded"], values("w"))
        for name in SHAPES:
            assert np.array_equal(found[f"plain {name}"], values(name))


def test_rectangles_on_an_object_store_are_those_of_a_directory(written: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    place = f"memory://{written.name}/dcp"
    pi.write_checkpoint(SHAPES, "normal", path=place, key=3, shard_size=2000, layout="dcp")
    found = {path.rpartition("/")[2]: store.cat(path) for path in store.ls(place, detail=False)}
    assert found == {path.name: path.read_bytes() for path in (written / "dcp").iterdir()}
    store.rm(place, recursive=True)
