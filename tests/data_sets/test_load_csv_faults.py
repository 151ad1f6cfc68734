"""A user's CSV that is wrong: every fault is named by line and column."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.data import load

PLAIN = "a,b,y\n1,2,3\n4,5,6\n7,8,9\n-1,.5,1e2\n2.,+3,0\n"


def written(folder: Path, content: str | bytes, name: str = "d.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (
            "a,b,y\n1,2,3\n4,oops,6\n7,8,9\n1,2,3\n",
            {},
            'line 3, column "b": a finite float32 number is needed; got "oops". '
            "Correct these cells, or ignore their columns.",
        ),
        ("a,y\n1,inf\n2,3\n3,4\n", {}, 'line 2, column "y": a finite float32 number is needed; got "inf".'),
        (
            "a,y\n1,2\n-1e39,3\n1,2\n",
            {},
            'line 3, column "a": a finite float32 number is needed; got "-1e39".',
        ),
        (
            "a,y\n" + "9" * 400 + ",2\n1,3\n1,2\n",
            {},
            'line 2, column "a": a finite float32 number is needed;',
        ),
        (
            "a,y\n1_000,2\n1,3\n1,2\n",
            {},
            'line 2, column "a": a finite float32 number is needed; got "1_000".',
        ),
        ("a,y\n٣,2\n1,3\n1,2\n", {}, 'line 2, column "a": a finite float32 number is needed; got "٣".'),
        ("a;y\n0,5;2\n1;3\n1;2\n", {}, 'line 2, column "a": a finite float32 number is needed; got "0,5".'),
        (
            "a,y\nx,2\n1,3\ny,4\n2,z\nw,1\n3,1\n4,1\n5,1\n",
            {},
            'line 2, column "a": a finite float32 number is needed; got "x"; line 4, column "a": a finite '
            'float32 number is needed; got "y"; line 5, column "y": a finite float32 number is needed; got '
            '"z"; and 1 more. Correct these cells, or ignore their columns.',
        ),
        # a cell with a line in it: the row after it is still named by its own line
        ('a,b,y\n"1\n",2,3\n4,x,6\n1,2,3\n1,2,3\n', {}, 'line 4, column "b": a finite float32 number is'),
        (
            "a,b,y\n1,2,3\n4,5\n7,8,9,10\n",
            {"delimiter": ","},
            "line 3: 3 columns are needed, as in line 1; got 2; line 4: 3 columns are needed, as in line 1; "
            "got 4. Complete these rows, or name the delimiter.",
        ),
        ("a,b,y\n1,2,3\n4,5\n7,8,9\n", {}, "line 3: 3 columns are needed, as in line 1; got 2."),
        (
            "a,kind,y\n1,u,3\n4,v,6\n",
            {},
            'column "kind" has words, as "u". Use categorical=\'one-hot\', or ignore these columns.',
        ),
        (
            "a,kind\n1,u\n4,v\n",
            {"task": "regression"},
            'target "kind" has words, as "u"; a regression needs numbers. '
            "Use task='classification', or another target.",
        ),
        (
            "a,b,y\n1,2,\n4,,6\n,8,\n",
            {},
            "line 2: the target is missing; line 3: 'b' is missing; line 4: 'a' is missing. "
            "Use missing='drop' or 'mean', or fill them in.",
        ),
        (
            "a,y\n1,\n2,3\n",
            {"missing": "mean"},
            "line 2: the target is missing. Use missing='drop', or fill the targets in.",
        ),
    ],
    ids=str,
)
def test_faults_are_named_by_line(
    tmp_path: Path, content: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(pi.DataError) as caught:
        load(written(tmp_path, content), **options)  # type: ignore[arg-type]
    assert str(caught.value).startswith("d.csv: " + message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"", {}, "d.csv is empty; a row for each example is needed. Check what wrote it."),
        (",,\n", {}, "d.csv is empty; a row for each example is needed. Check what wrote it."),
        (b"\xef\xbb\xbf \n\n", {}, "d.csv is empty; a row for each example is needed. Check what wrote it."),
        ("a,y\n", {}, "d.csv has a header and no rows; give it rows, or header=False if line 1 is one."),
        (PLAIN.encode("utf-16"), {}, "d.csv must be text in UTF-8; got UTF-16. Save it as UTF-8."),
        (
            "a,y\n1,2\nä,3\n".encode("latin-1"),
            {},
            "d.csv must be text in UTF-8; line 3 has the byte 0xe4. Save it as UTF-8.",
        ),
        (
            b"a,y\n1,\x00\n",
            {},
            "d.csv must be text; line 2 has a zero byte. Give a CSV file or an npz file.",
        ),
        (
            "a,a,y\n1,2,3\n",
            {},
            'd.csv names column "a" twice; rename one, or header=False if line 1 is data.',
        ),
        (
            'a,y\n1,2\n"3,4\n',
            {"delimiter": ","},
            "d.csv, line 3: unexpected end of data. Check its quotes, or name the delimiter.",
        ),
        (
            "1\n2\n",
            {},
            'd.csv needs a target and at least one other column; got columns ["column 1"], target '
            '"column 1", ignored []. Name other ones, or the delimiter.',
        ),
        (
            PLAIN,
            {"ignore": ["y"]},
            'd.csv needs a target and at least one other column; got columns ["a", "b", "y"], target "y", '
            'ignored ["y"]. Name other ones, or the delimiter.',
        ),
        (
            PLAIN,
            {"target": "z"},
            'target must name a column of d.csv or count from 0; got \'z\'. Columns are ["a", "b", "y"].',
        ),
        (
            PLAIN,
            {"ignore": [3]},
            'ignore must name a column of d.csv or count from 0; got 3. Columns are ["a", "b", "y"].',
        ),
        (PLAIN, {"ignore": "a"}, "ignore is a list of columns; got 'a'. Use ['a']."),
        (
            PLAIN,
            {"inputs": "a"},
            "d.csv is not an npz file; inputs names an array of one. Use ignore to leave columns out.",
        ),
        (
            PLAIN,
            {"delimiter": "::"},
            "a delimiter is one character, neither quote nor newline; got '::'. Use ','.",
        ),
        (PLAIN, {"header": "yes"}, "header is True, False or None to find out; got 'yes'. Choose one."),
        (
            PLAIN,
            {"missing": "zero"},
            "missing must be one of 'refuse', 'drop', 'mean'; got 'zero'. Choose one.",
        ),
        (
            PLAIN,
            {"categorical": "code"},
            "categorical must be one of 'refuse', 'one-hot'; got 'code'. Choose one.",
        ),
        (
            PLAIN,
            {"task": "rank"},
            "task must be one of None, 'regression', 'classification'; got 'rank'. Choose one.",
        ),
        (
            PLAIN,
            {"test": 1},
            "test must be in [0, 1); got 1.0. Use 0.2 for a fifth of the rows.",
        ),
        (
            "a,y\n,1\n2,\n",
            {"missing": "drop"},
            "d.csv has no row without a missing value; got 2 with. Use missing='mean'.",
        ),
        (
            "a,b,y\n1,,1\n2,,1\n",
            {"missing": "mean", "test": 0.0},
            "d.csv: 'b' has no value in the training rows to take a mean of. Ignore that column.",
        ),
        (
            "a,y\n" + "".join(f"w{i},{i}\n" for i in range(101)),
            {"categorical": "one-hot"},
            'd.csv: column "a" has 101 different words; one-hot takes at most 100. Ignore it.',
        ),
        (
            "a,y\n" + "".join(f"{i},{i}\n" for i in range(1001)),
            {"task": "classification"},
            'd.csv: target "y" has 1001 different labels; at most 1000 are classes. '
            "Use task='regression', or another target.",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refusals(tmp_path: Path, content: str | bytes, options: dict[str, object], message: str) -> None:
    with pytest.raises(pi.DataError) as caught:
        load(written(tmp_path, content), **options)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(
            pi.DataError,
            match=rf"^{re.escape(str(path))} cannot be read: .*Give the path of a CSV or npz file\.$",
        ):
            load(path)


@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.text('01.-e,;\t| "\n\ra?_é', max_size=60).map(str.encode),
        st.binary(max_size=60).map(b"PK\x03\x04".__add__),
    ),
    options=st.fixed_dictionaries(
        {
            "missing": st.sampled_from(["refuse", "drop", "mean"]),
            "categorical": st.sampled_from(["refuse", "one-hot"]),
            "task": st.sampled_from([None, "regression", "classification"]),
            "test": st.sampled_from([0.0, 0.5, 0.99]),
        }
    ),
)
def test_any_bytes_are_a_data_set_or_a_data_error(
    tmp_path: Path, content: bytes, options: dict[str, str]
) -> None:
    try:
        data = load(written(tmp_path, content), **options)  # type: ignore[arg-type]
    except pi.DataError as error:
        message = str(error)
    else:
        message = "d.csv"
        assert np.isfinite(data.inputs).all()
    assert message.startswith("d.csv")
    assert "\n" not in message
