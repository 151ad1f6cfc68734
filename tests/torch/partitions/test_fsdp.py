"""Each rank fills its part of what the first FSDP has flattened, with the bits of the whole parameters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import pyinit as pi  # noqa: E402
import pyinit.torch as pit  # noqa: E402

pytestmark = pytest.mark.interop

PROGRAM = Path(__file__).with_name("fsdp_rank.py")

CASES = [
    ("materialized", "flat"),
    ("materialized", "original"),
    ("filled", "original"),
    ("filled", "not cut"),
    ("filled", "summoned, flat"),
    ("filled", "summoned, original"),
    ("initialized", "original"),
    ("accelerated", "original"),
]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Launch two processes once, and return what each of them saved."""
    stem = tmp_path_factory.mktemp("ranks") / "rank"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYINIT_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, str(PROGRAM), str(stem)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [torch.load(f"{stem}{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize(("door", "how"), CASES)
def test_what_ranks_hold_together_is_the_whole_module(
    ranks: list[dict[str, Any]], door: str, how: str
) -> None:
    expected = ranks[0]["expected"][door]
    for rank in ranks:
        got = rank["got"][door, how]
        assert set(got) == set(expected)
        for name, tensor in got.items():
            assert torch.equal(tensor, expected[name]), name


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("a flat parameter", "one parameter at a time; .* holds 'convolution.weight', .*summon_full_params"),
        ("a flat parameter in a block", "one parameter at a time; .*summon_full_params"),
        ("a stale view", r"memory that lasts; got a tensor of shape \(5,\) .*summon_full_params"),
        ("a flat module", "_flat_param': .*one parameter at a time"),
        ("a module", "'.*convolution.weight' of FullyShardedDataParallel is real, and a part of a tensor"),
        ("a generator", r"left to torch needs a whole tensor; .* one of \(4, 3, 3, 3\)"),
    ],
)
def test_what_cannot_be_filled_is_named_with_the_way_out(
    ranks: list[dict[str, Any]], case: str, text: str
) -> None:
    for rank in ranks:
        with pytest.raises(AssertionError, match=text):
            raise AssertionError(rank["refused"][case])


def test_a_parameter_of_which_no_flat_parameter_is_known_is_refused() -> None:
    parameter = torch.nn.Parameter(torch.zeros(6))
    parameter._fsdp_flattened = True
    with pytest.raises(pi.LayoutError, match="no module of FSDP holds it"):
        pit.fill(parameter, pi.normal(), key=0)
    assert not parameter.any()
