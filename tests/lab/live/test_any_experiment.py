"""Any experiment runs and is shown, or is refused in one line: nothing else comes out, not even a warning."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyinit.errors import PyinitError
from pyinit.lab.experiment.experiment import NORMS, OPTIMIZERS, Experiment
from pyinit.lab.experiment.sets import SETS
from pyinit.lab.experiment.start import RECIPES
from pyinit.lab.live.frames import decoded
from pyinit.lab.live.session import Session
from pyinit.theory.activation import NAMES

RUNS = st.fixed_dictionaries(
    {
        "recipe": st.sampled_from(sorted(RECIPES)),
        "scale": st.sampled_from([1.0, 0.0, 1e-3, 5.0, 1000.0]),
        "sigma_b": st.sampled_from([0.0, 0.3, 10.0]),
    }
)
EXPERIMENTS = st.fixed_dictionaries(
    {
        "data": st.sampled_from([name for name in SETS if name != "mnist"]),
        "depth": st.sampled_from([1, 2, 3, 12]),
        "width": st.sampled_from([1, 2, 7, 33]),
        "activation": st.sampled_from(NAMES),
        "norm": st.sampled_from(NORMS),
        "optimizer": st.sampled_from(sorted(OPTIMIZERS)),
        "learning_rate": st.sampled_from([1e-6, 0.01, 1.0, 100.0]),
        "batch_size": st.sampled_from([1, 2, 32, 1024]),
        "steps": st.just(6),
        "runs": st.lists(RUNS, min_size=1, max_size=2),
    }
)


def shown(content: dict[str, Any]) -> str:
    """Run an experiment with frames between its steps; return what it was refused with, or nothing."""
    try:
        session = Session(Experiment.from_dict(content))
    except PyinitError as error:
        return str(error)
    json.dumps([session.ready(), session.table()], allow_nan=False)
    decoded(session.data_frame())
    first = session.frame()
    for steps in (1, 2, 9):
        session.advance(steps)
        json.dumps([session.verdicts(), session.table()], allow_nan=False)
        header, arrays = decoded(session.frame())
        assert arrays["r0.theory"].shape == arrays["r0.counts"].shape
    assert header["finished"]
    session.rewind()
    assert session.frame() == first
    return ""


@given(EXPERIMENTS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_experiment_runs_or_is_refused(content: dict[str, Any]) -> None:
    assert len(shown(content).splitlines()) <= 1
