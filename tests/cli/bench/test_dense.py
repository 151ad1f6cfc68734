"""Products and orthogonal matrices race only with the right answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyinit as pi
from pyinit.cli.bench.answer import AnswerError
from pyinit.cli.bench.cases import Race, enter, races
from pyinit.cli.bench.contender import Job
from pyinit.cli.bench.orthonormal import Drawn, JaxQR, OwnProduct, ScipyQR, TorchQR, check_orthonormal
from pyinit.cli.bench.product import TorchProduct, check_product, factors, fixed_order, numpys
from pyinit.cli.bench.run import run
from pyinit.cli.bench.table import render


@pytest.mark.parametrize("shape", [(40, 40), (90, 30), (30, 90), (3, 20, 20)])
@pytest.mark.parametrize("contender", [Drawn(), TorchQR(), ScipyQR(), JaxQR()], ids=lambda each: each.name)
def test_every_contender_makes_orthonormal_lines(contender, shape: tuple[int, ...]) -> None:
    job = Job("orthogonal", "float32", shape, "warm", 1)
    trial = contender.start(job, job.buffer())
    if trial is None:
        pytest.skip(f"{contender.name} is not installed")
    trial.check(trial.step())


@pytest.mark.parametrize("mutant", ["a column twice", "too long", "identity", "nan", "shape"])
def test_wrong_matrices_are_not_timed(mutant: str) -> None:
    q = pi.orthogonal()((200, 100), key=0)
    shape = q.shape
    check_orthonormal(q, shape, "peer")
    if mutant == "a column twice":
        q[:, 3] = q[:, 4]
    elif mutant == "too long":
        q *= np.float32(1.0002)
    elif mutant == "identity":
        q = np.eye(200, 100, dtype=np.float32)
    elif mutant == "nan":
        q[0, 0] = np.nan
    else:
        q = q[:, :-1]
    with pytest.raises(AnswerError, match=r"peer: needs .* It is not timed\."):
        check_orthonormal(q, shape, "peer")


@pytest.mark.parametrize("contender", [fixed_order(), numpys(), TorchProduct()], ids=lambda each: each.name)
def test_every_contender_multiplies(contender) -> None:
    job = Job("matmul", "float32", (60, 60), "warm", 1)
    trial = contender.start(job, job.buffer())
    if trial is None:
        pytest.skip(f"{contender.name} is not installed")
    trial.check(trial.step())


def test_wrong_products_are_not_timed() -> None:
    a, b = factors(60, 60, 60)
    c = a @ b
    check_product(c, a, b, "peer")
    c[-1, -1] += np.float32(0.01)
    with pytest.raises(AnswerError, match=r"peer: the product of \(60, 60\) and \(60, 60\) is wrong"):
        check_product(c, a, b, "peer")


def test_the_own_product_is_that_of_the_square_race() -> None:
    job = Job("orthogonal", "float32", (60, 60), "warm", 1)
    trial = OwnProduct().start(job, job.buffer())
    assert trial is not None
    made = trial.step()
    trial.check(made)
    np.testing.assert_array_equal(made, pi.linalg.matmul(*factors(60, 40, 60)))


def test_a_dense_race_gives_rates_in_flops(tmp_path: Path) -> None:
    job = Job("orthogonal", "float32", (60, 60), "warm", 1)
    race = Race("tiny", job, (Drawn(),), (OwnProduct(),), {"own product": 0.7})
    record = run([race], elements=1, threads=1, directory=tmp_path, rounds=1, budget_seconds=0.0)
    (found,) = record.races
    assert {sample.rate_unit for sample in found.samples} == {"flop/s"}
    for sample in found.samples:
        assert sample.rate == pytest.approx(4 / 3 * 60**3 / sample.seconds[0])
    (ratio,) = found.ratios
    assert (ratio.unit, ratio.target) == ("%", 0.7)
    assert "Gflop/s" in render(record)


def test_the_large_square_enters_its_own_product(tmp_path: Path) -> None:
    race = next(race for race in races(1, 0) if race.name == "orthogonal_4096x4096")
    assert [each.name for each in race.peers] == ["torch.nn.init", "scipy", "jax", "own product"]
    assert enter(race, "scalar", tmp_path, only="nobody") == []
