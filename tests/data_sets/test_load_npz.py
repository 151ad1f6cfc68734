"""A user's npz: which arrays are taken, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.data import load

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0.5, 1, 2, 3, 4, 5])


def saved(folder: Path, **arrays: Any) -> Path:
    # the name does not say npz: the content does
    path = folder / "d.bin"
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return path


@pytest.mark.parametrize(
    "names", [("inputs", "targets"), ("x", "y"), ("X", "y"), ("data", "target"), ("images", "labels")]
)
def test_usual_names(tmp_path: Path, names: tuple[str, str]) -> None:
    data = load(saved(tmp_path, **{names[0]: X, names[1]: Y, "other": X}))
    np.testing.assert_array_equal(data.inputs, X.astype(np.float32))
    np.testing.assert_array_equal(data.targets, Y.astype(np.float32))
    assert data.feature_names == (f"{names[0]} 0", f"{names[0]} 1")
    assert (len(data.train), len(data.test)) == (5, 1)


def test_names_given(tmp_path: Path) -> None:
    path = saved(tmp_path, p=X, q=Y, x=Y, y=Y)
    np.testing.assert_array_equal(load(path, inputs="p", target="q").inputs, X.astype(np.float32))


def test_images_are_flattened_and_integers_are_classes(tmp_path: Path) -> None:
    images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
    data = load(saved(tmp_path, x=images, y=np.array([[7], [3], [7], [5], [5], [3]])))
    np.testing.assert_array_equal(data.inputs, images.reshape(6, 4))
    assert data.classes == ("3", "5", "7")
    assert data.targets.tolist() == [2, 0, 2, 1, 1, 0]
    assert load(saved(tmp_path, x=images, y=np.arange(6)), task="regression").classes == ()


@pytest.mark.parametrize("labels", [["b", "a", "b"], [b"b", b"a", b"b"]])
def test_words_are_classes(tmp_path: Path, labels: list[Any]) -> None:
    data = load(saved(tmp_path, x=X[:3], y=np.array(labels)))
    assert data.classes == ("a", "b")
    assert data.targets.tolist() == [1, 0, 1]


def test_a_given_split_is_kept(tmp_path: Path) -> None:
    path = saved(tmp_path, x_train=X[:4], y_train=Y[:4], x_test=X[4:], y_test=Y[4:])
    data = load(path)
    assert data.train.tolist() == [0, 1, 2, 3]
    assert data.test.tolist() == [4, 5]
    np.testing.assert_array_equal(data.targets, Y.astype(np.float32))
    gap = X.copy()
    gap[[0, 5], 1] = np.nan
    path = saved(tmp_path, x_train=gap[:4], y_train=Y[:4], x_test=gap[4:], y_test=Y[4:])
    dropped = load(path, missing="drop")
    assert (dropped.train.tolist(), dropped.test.tolist()) == ([0, 1, 2], [3])
    assert load(path, missing="mean").inputs[5, 1] == 5


def test_the_shipped_digits_are_such_a_file() -> None:
    from importlib.resources import as_file, files

    with as_file(files("pyinit.data").joinpath("mnist_5k.npz")) as path:
        data = load(path)
    np.testing.assert_array_equal(data.targets, pi.data.mnist_5k().targets)
    np.testing.assert_array_equal(data.inputs / np.float32(255), pi.data.mnist_5k().inputs)


def infinite() -> np.ndarray[Any, Any]:
    values = X.copy()
    values[1, 0], values[4, 1] = np.inf, -1e300
    return values


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        (
            {"a": X, "b": Y},
            {},
            "d.bin needs arrays of inputs and targets, such as x and y; got a (6, 2), b (6,). "
            "Name them by inputs= and target=.",
        ),
        (
            {"x": X, "y": Y},
            {"target": "z"},
            "d.bin needs arrays of inputs and targets, such as x and y; got x (6, 2), y (6,). "
            "Name them by inputs= and target=.",
        ),
        (
            {"x": X, "y": Y},
            {"target": 1},
            "the target of an npz file is an array's name; got 1. Arrays are x (6, 2), y (6,).",
        ),
        (
            {"x": X, "y": Y[:5]},
            {},
            "d.bin: y needs shape (6,), one a row of x; got (5,). "
            "Reshape it, or number the classes of a one-hot array by argmax.",
        ),
        (
            {"x": X, "y": X},
            {},
            "d.bin: y needs shape (6,), one a row of x; got (6, 2). "
            "Reshape it, or number the classes of a one-hot array by argmax.",
        ),
        ({"x": 3.0, "y": Y}, {}, "d.bin: x needs rows; got shape (). Give it one row an example."),
        (
            {"x": X.astype(str), "y": Y},
            {},
            "d.bin: x must be numbers, rows first; got <U32 (6, 2). Convert it.",
        ),
        (
            {"x": X, "y": Y.astype(complex)},
            {},
            "d.bin: y must be numbers, or words of classes; got complex128. Convert it.",
        ),
        (
            {"x": infinite(), "y": Y},
            {},
            "d.bin: x row 1, column 0: a finite float32 number is needed; got inf; x row 4, column 1: a "
            "finite float32 number is needed; got -1e+300. "
            "Correct these numbers (rows and columns count from 0).",
        ),
        (
            {"x": X, "y": Y * 1e300},
            {},
            "d.bin: y row 0: a finite float32 number is needed; got 5e+299; y row 1: a finite float32 number "
            "is needed; got 1e+300; y row 2: a finite float32 number is needed; got 2e+300; and 3 more. "
            "Correct these numbers (rows count from 0).",
        ),
        (
            {"x": np.where(X == 3, np.nan, X), "y": Y},
            {},
            "d.bin: row 1: 'x 1' is missing. Use missing='drop' or 'mean', or fill them in.",
        ),
        (
            {"x": np.zeros((1001, 1)), "y": np.arange(1001)},
            {},
            "d.bin: y has 1001 different labels; at most 1000 are classes. Use task='regression'.",
        ),
        (
            {"x": X, "y": Y},
            {"header": True, "delimiter": ","},
            "d.bin is an npz file, which has no header, delimiter. Leave that out.",
        ),
        (
            {"x_train": X, "y_train": Y, "x_test": X[:, :1], "y_test": Y},
            {},
            "d.bin: training and test arrays need rows of one shape; got x_train (6, 2), y_train (6,), "
            "x_test (6, 1), y_test (6,).",
        ),
        (
            {"x_train": X, "y_train": Y[:5], "x_test": X, "y_test": Y},
            {},
            "d.bin: y_train needs shape (6,), one a row of x_train; got (5,). "
            "Reshape it, or number the classes of a one-hot array by argmax.",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_refusals(tmp_path: Path, arrays: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(pi.DataError) as caught:
        load(saved(tmp_path, **arrays), **options)
    assert str(caught.value) == message


def test_objects_are_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(pi.DataError) as caught:
        load(saved(tmp_path, x=np.array([{}, []], dtype=object), y=Y))
    assert str(caught.value) == (
        "d.bin must be an npz file of arrays; got arrays of objects, which only a pickle holds. "
        "Write it with numpy.savez."
    )


def test_broken_and_other_files(tmp_path: Path) -> None:
    whole = saved(tmp_path, x=X, y=Y).read_bytes()
    path = tmp_path / "broken.npz"
    for raw in (whole[:100], whole[:-30], whole[:80] + b"\xff" * 40 + whole[120:], b"PK\x03\x04"):
        path.write_bytes(raw)
        with pytest.raises(pi.DataError, match=r"^broken\.npz must be an npz file of arrays; got .+"):
            load(path)
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(pi.DataError) as caught:
        load(path)
    assert str(caught.value) == (
        "broken.npz is a zip file without arrays. Write it with numpy.savez, or save a sheet as CSV."
    )
    np.save(tmp_path / "one.npy", X)
    with pytest.raises(pi.DataError) as caught:
        load(tmp_path / "one.npy")
    assert str(caught.value) == (
        "one.npy is one array; inputs and targets are needed. Write both with numpy.savez."
    )


@given(
    changes=st.lists(st.tuples(st.integers(4, 10**6), st.integers(0, 255)), min_size=1, max_size=3),
    cut=st.integers(0, 2000),
)
def test_a_damaged_file_is_a_data_set_or_a_data_error(
    tmp_path: Path, changes: list[tuple[int, int]], cut: int
) -> None:
    path = saved(tmp_path, x=X, y=Y)
    raw = bytearray(path.read_bytes())
    for at, byte in changes:
        raw[4 + at % (len(raw) - 4)] = byte
    path.write_bytes(raw if cut > len(raw) else raw[: max(4, cut)])
    try:
        data = load(path)
    except pi.DataError as error:
        message = str(error)
    else:
        message = "d.bin"
        assert np.isfinite(data.inputs).all()
    assert message.startswith("d.bin")
    assert "\n" not in message
