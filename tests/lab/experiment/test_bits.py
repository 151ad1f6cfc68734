"""The run behind a link is `pi.train`'s, bit for bit: the copied Python is run, and compared by digest."""

from __future__ import annotations

import hashlib
import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.experiment.experiment import Experiment
from pyinit.lab.experiment.link import from_query
from pyinit.lab.experiment.script import script
from pyinit.lab.experiment.sets import uploaded
from pyinit.lab.live.session import Session

LINKS = {
    "one run": "data=moons&depth=3&width=8&steps=60&run=he_normal&activation=relu",
    "four runs": "data=spirals&depth=4&width=16&steps=70&run=zeros&run=sparse,std:0.5"
    "&run=orthogonal,scale:0.5&run=critical_normal,scale:0.3,sigma_b:0.2",
    "twice the same": "data=blobs&depth=2&width=4&steps=20&seed=7&run=zeros&run=zeros",
    "normalized": "data=checkerboard&depth=4&width=8&norm=batch&optimizer=momentum&steps=60&run=uniform",
    "a regression": "data=abalone&depth=2&width=8&norm=layer&steps=30&batch_size=128&run=xavier_uniform",
    "digits": "data=mnist&depth=2&width=16&optimizer=sgd&steps=20&run=lecun_normal",
    "one that diverges": "data=circles&depth=10&activation=relu&optimizer=sgd&steps=50&run=he_normal,scale:4",
    "fine-tuned": "data=circles&depth=3&width=8&steps=20&run=fine_tuned,steps:40&run=critical_normal"
    "&run=fine_tuned,steps:5",
    "no hidden layer": "data=moons&depth=1&steps=30&run=zeros",
}


def executed(text: str, **names: Any) -> Any:
    """Run a script, and return what it calls `found`."""
    space = dict(names)
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(text, "copied", "exec"), space)
    assert printed.getvalue().strip()
    return space["found"]


def digest(history: Any) -> dict[str, str]:
    """Return the digest of everything that a training makes."""
    parts = {name: values.tobytes() for name, values in history.parameters.items()}
    parts["losses"] = np.asarray(history.losses, np.float64).tobytes()
    scores = [(one.step, one.train, one.test) for one in history.scores]
    parts["scores"] = np.array(scores, np.float64).tobytes()
    return {name: hashlib.sha256(raw).hexdigest() for name, raw in parts.items()}


@pytest.mark.parametrize("link", LINKS.values(), ids=list(LINKS))
def test_a_link_is_pi_train_digest_by_digest(link: str) -> None:
    experiment = from_query(link)
    session = Session(experiment)
    found = executed(script(experiment))
    # with frames between, which must change nothing
    while not session.is_over:
        session.advance(7)
        session.frame()
    histories = [found] if len(session.runs) == 1 else [found[label] for label in found]
    assert len(histories) == len(session.runs)
    for run, history in zip(session.runs, histories, strict=True):
        assert digest(run.training.history()) == digest(history)
        assert run.training.divergence == history.divergence
    assert (histories[0].divergence is not None) == (link == LINKS["one that diverges"])


def test_the_digests_see_another_seed() -> None:
    link = LINKS["one run"]
    seeds = [Session(from_query(f"{link}&seed={seed}")) for seed in (0, 1)]
    digests = [digest(one.runs[0].training.history()) for one in seeds if one.advance(60)]
    assert all(digests[0][name] != digests[1][name] for name in digests[0])


def test_an_uploaded_file_is_pi_train_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{x:.3f},{y:.3f},{'in' if x * y > 0 else 'out'}" for x, y in rng.normal(size=(60, 2))]
    raw = "\n".join(["x,y,where", *rows, "1.0,,in"]).encode()
    source = uploaded("C:\\data\\quarters.csv", raw)
    assert (source.name, source.kind) == ("quarters.csv", "2d")
    experiment = Experiment.from_dict({"data": source.name, "width": 8, "steps": 30, "runs": ["he_normal"]})
    uploads = {source.name: source}
    session = Session(experiment, uploads)
    session.advance(30)
    (tmp_path / source.name).write_bytes(raw)
    monkeypatch.chdir(tmp_path)
    assert digest(session.runs[0].training.history()) == digest(executed(script(experiment, uploads)))


def test_copied_python_reads_at_a_glance() -> None:
    text = script(from_query(LINKS["one run"]))
    assert text.splitlines() == [
        "import pyinit as pi",
        "",
        "data = pi.data.dataset('moons').standardized()",
        "network = pi.mlp([2, 8, 8, 1], 'relu', pi.he_normal())",
        "found = pi.train(network, data, optimizer='adam', learning_rate=0.01, steps=60, batch_size=32, "
        "key=0)",
        "print(found)",
    ]
    assert "pi.normal(std=0.2)" in script(from_query(LINKS["four runs"]))
    assert eval("pi.critical_normal(activation='tanh')", {"pi": pi})
