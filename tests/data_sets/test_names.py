"""One function takes a name or a path: what the command line calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyinit as pi
from pyinit.data import dataset


@pytest.mark.parametrize(
    ("name", "called", "rows"),
    [
        ("abalone", "abalone", 4177),
        ("mnist", "mnist_5k", 5000),
        ("mnist_5k", "mnist_5k", 5000),
        *((kind, kind, 1000) for kind in ("circles", "moons", "spirals", "blobs", "checkerboard")),
    ],
)
def test_names(name: str, called: str, rows: int) -> None:
    data = dataset(name)
    assert (data.name, len(data.inputs)) == (called, rows)


def test_options_reach_the_function() -> None:
    assert dataset("abalone", target="classes").classes[0] == "1-8 rings"
    expected = pi.data.moons(20, noise=0.3, key=4)
    np.testing.assert_array_equal(dataset("moons", n=20, noise=0.3, key=4).inputs, expected.inputs)


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "moons").write_text("a,y\n1,2\n3,4\n")
    monkeypatch.chdir(tmp_path)
    assert len(dataset("moons").inputs) == 1000
    assert len(dataset("./moons").inputs) == 2
    assert len(dataset(tmp_path / "moons", test=0.0).train) == 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "iris",
            {},
            "'iris' is neither a data set nor a file. Names are abalone, mnist, mnist_5k, circles, moons, "
            "spirals, blobs, checkerboard.",
        ),
        (3, {}, "a data set is named by a string or a path; got 3. Use 'abalone'."),
        ("moons", {"target": "y"}, "moons takes n, noise, key; got target. Leave that out."),
        ("mnist", {"n": 3}, "mnist takes no options; got n. Leave that out."),
        (
            "no/such.csv",
            {},
            "no/such.csv cannot be read: No such file or directory. Give the path of a CSV or npz file.",
        ),
    ],
)
def test_refusals(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(pi.DataError) as caught:
        dataset(name, **options)
    assert str(caught.value) == message
