"""A user's CSV: what is read, however it is written."""

from __future__ import annotations

import gzip
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.data import Dataset, load

PLAIN = "a,b,y\n1,2,3\n4,5,6\n7,8,9\n-1,.5,1e2\n2.,+3,0\n"


def written(folder: Path, content: str | bytes, name: str = "d.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows_of(data: Dataset) -> list[list[float]]:
    return np.c_[data.inputs, data.targets].tolist()


EXPECTED = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [-1, 0.5, 100], [2, 3, 0]]


def test_a_plain_file(tmp_path: Path) -> None:
    data = load(written(tmp_path, PLAIN))
    assert repr(data) == "Dataset('d': 5 rows, 4 to train and 1 to test; 2 features; regression)"
    assert data.feature_names == ("a", "b")
    assert rows_of(data) == EXPECTED
    train, test = pi.data.split(5, 0.2, key=0)
    np.testing.assert_array_equal(data.train, train)
    np.testing.assert_array_equal(data.test, test)


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode("utf-8-sig"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip("\n"),
        PLAIN.replace("\n", "\n\n") + "\n , ,\n",
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        PLAIN.replace(",", "   "),
        PLAIN.replace(",", " ").replace("\n", "\r"),
        PLAIN.replace(",", " , "),
        PLAIN.replace("\n1,", '\n"1",'),
        PLAIN.split("\n", 1)[1],
    ],
    ids=[
        *(
            "bom",
            "crlf",
            "cr",
            "no newline",
            "blank lines",
            "semicolon",
            "tab",
            "bar",
            "blanks",
            "blanks cr",
            "padded",
        ),
        *("quoted", "no header"),
    ],
)
def test_the_same_file_written_otherwise(tmp_path: Path, content: str | bytes) -> None:
    assert rows_of(load(written(tmp_path, content))) == EXPECTED


@given(
    table=st.lists(
        st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=3, max_size=3),
        min_size=1,
    ),
    delimiter=st.sampled_from(",;\t| "),
)
def test_written_numbers_come_back(tmp_path: Path, table: list[list[float]], delimiter: str) -> None:
    text = "\n".join(delimiter.join(repr(value) for value in row) for row in table)
    data = load(written(tmp_path, text), test=0.0)
    np.testing.assert_array_equal(np.c_[data.inputs, data.targets], np.array(table, dtype=np.float32))


def test_header_can_be_told(tmp_path: Path) -> None:
    assert load(written(tmp_path, "1,2\n3,4\n5,6\n"), header=True).feature_names == ("1",)
    data = load(written(tmp_path, "a,b\nc,d\ne,f\n"), header=False, categorical="one-hot", test=0.0)
    assert data.feature_names == ("column 1=a", "column 1=c", "column 1=e")
    assert data.classes == ("b", "d", "f")
    # a name may be left empty
    assert load(written(tmp_path, ",b,y\n1,2,3\n4,5,6\n")).feature_names == ("column 1", "b")


def test_target_and_ignored_columns_by_name_or_number(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    for target in ("a", 0, -3):
        data = load(path, target=target)
        assert data.feature_names == ("b", "y")
        assert data.targets.tolist() == [1, 4, 7, -1, 2]
    assert load(path, ignore=["b"]).feature_names == ("a",)
    assert load(path, ignore=[0]).feature_names == ("b",)


def test_words_as_target_are_classes(tmp_path: Path) -> None:
    data = load(written(tmp_path, "a,kind\n1,cat\n2,dog\n3,ant\n4,cat\n"), test=0.0)
    assert data.classes == ("ant", "cat", "dog")
    assert data.targets.tolist() == [1, 2, 0, 1]


def test_numbers_as_classes_are_exact(tmp_path: Path) -> None:
    text = "a,y\n1,9007199254740993\n2,9007199254740992\n3,1.0\n4,1\n5,0010\n6,-2.5\n"
    data = load(written(tmp_path, text), task="classification", test=0.0)
    assert data.classes == ("-2.5", "1.0", "10", "9007199254740992", "9007199254740993")
    assert data.targets.tolist() == [4, 3, 1, 1, 2, 0]


def test_one_hot(tmp_path: Path) -> None:
    text = "sex,size,y\nM,1,2\nF,2,3\nI,3,4\nM,4,5\n"
    data = load(written(tmp_path, text), categorical="one-hot")
    assert data.feature_names == ("sex=F", "sex=I", "sex=M", "size")
    assert data.inputs.tolist() == [[0, 0, 1, 1], [1, 0, 0, 2], [0, 1, 0, 3], [0, 0, 1, 4]]


def test_abalone_as_a_users_file_is_abalone(tmp_path: Path) -> None:
    raw = gzip.decompress(files("pyinit.data").joinpath("abalone.csv.gz").read_bytes())
    data = load(written(tmp_path, raw, "mine.csv"), categorical="one-hot")
    shipped = pi.data.abalone(sex="one-hot")
    np.testing.assert_array_equal(data.inputs[:, 3:], shipped.inputs[:, 3:])
    # the alphabet's order: F, I, M
    np.testing.assert_array_equal(data.inputs[:, :3], shipped.inputs[:, [1, 2, 0]])
    np.testing.assert_array_equal(data.targets, shipped.targets)


GAPS = "a,b,kind,y\n1,,u,1\n2,4,NA,2\nnan,6,v,3\n4,8,u,4\n5,10,v,5\n"


def test_missing_values_can_be_dropped(tmp_path: Path) -> None:
    data = load(written(tmp_path, GAPS), missing="drop", categorical="one-hot", test=0.0)
    assert rows_of(data) == [[4, 8, 1, 0, 4], [5, 10, 0, 1, 5]]


def test_missing_values_can_be_means_of_the_training_rows(tmp_path: Path) -> None:
    path = written(tmp_path, GAPS)
    data = load(path, missing="mean", categorical="one-hot", test=0.0)
    assert rows_of(data) == [
        [1, 7, 1, 0, 1],
        [2, 4, 0.5, 0.5, 2],
        [3, 6, 0, 1, 3],
        [4, 8, 1, 0, 4],
        [5, 10, 0, 1, 5],
    ]
    some = load(path, missing="mean", categorical="one-hot", test=0.4, key=1)
    known = [i for i in some.train.tolist() if i != 0]
    assert some.inputs[0, 1] == np.float32(np.mean([[0, 4, 6, 8, 10][i] for i in known]))


@pytest.mark.parametrize("word", ["", "?", "NA", "n/a", "NaN", "null", "None", " "])
def test_words_for_missing(tmp_path: Path, word: str) -> None:
    path = written(tmp_path, f"a,y\n1,1\n{word},2\n3,3\n")
    assert len(load(path, missing="drop").targets) == 2
    with pytest.raises(pi.DataError) as caught:
        load(path)
    assert str(caught.value) == (
        "d.csv: line 3: 'a' is missing. Use missing='drop' or 'mean', or fill them in."
    )
