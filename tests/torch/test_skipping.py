"""Functions of torch.nn.init that do not check for meta tensors, as before torch 2.12, are made to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pyinit.torch")
from pyinit.torch.skipping import let_skip  # noqa: E402

pytestmark = pytest.mark.interop
NAMES = ("orthogonal_", "sparse_", "dirac_", "_no_grad_trunc_normal_")


def older(tensor: Any, *numbers: Any, generator: Any = None) -> Any:
    """Write what was given, and look at nothing before."""
    calls.append((tensor, *numbers, generator))  # type: ignore[name-defined]  # noqa: F821
    return tensor


def newer(tensor: Any, *numbers: Any, generator: Any = None) -> Any:
    """Look whether there is memory to write."""
    return tensor if tensor.is_meta else None


def namespace(function: Any) -> dict[str, Any]:
    """Return a stand-in for the namespace of torch.nn.init."""
    names: dict[str, Any] = {"calls": []}
    for name in NAMES:
        names[name] = FunctionType(function.__code__, names, name, function.__defaults__)
        names[name].__kwdefaults__ = dict(function.__kwdefaults__)
    return names


def orthogonal_(tensor: Any, gain: Any = 1, generator: Any = None) -> Any:
    calls.append((gain, generator))  # type: ignore[name-defined]  # noqa: F821
    return tensor


def test_a_function_without_the_check_gets_it_under_every_name_it_was_imported_to() -> None:
    names = namespace(older)
    names["orthogonal_"] = imported = FunctionType(orthogonal_.__code__, names, "orthogonal_", (1, None))
    let_skip(names)
    meta, real = torch.empty(3, 3, device="meta"), torch.empty(3, 3)
    assert imported(meta) is meta
    assert names["calls"] == []
    assert imported(real, gain=2) is real
    assert names["calls"] == [(2, None)]
    # the recorder finds the arguments under their own names in the frame of the function
    assert imported.__code__.co_varnames[:3] == ("tensor", "gain", "generator")
    assert imported.__code__.co_name == "orthogonal_"
    assert imported.__globals__ is names


def test_a_function_with_the_check_stays_as_it_is() -> None:
    names = namespace(newer)
    let_skip(names)
    assert all(names[name].__code__ is newer.__code__ for name in NAMES)
    assert not [name for name in names if name.startswith("_pyinit_")]


def test_a_function_of_somebody_else_stays_as_it_is() -> None:
    names = namespace(newer)
    before = older.__code__
    # its own globals lack what the replacement calls
    names["orthogonal_"] = older
    let_skip(names)
    assert older.__code__ is before


def test_it_happens_once() -> None:
    names = namespace(older)
    let_skip(names)
    codes = [names[name].__code__ for name in NAMES]
    let_skip(names)
    assert [names[name].__code__ for name in NAMES] == codes
    assert codes != [older.__code__] * 4


@pytest.mark.parametrize("name", NAMES)
def test_the_parameters_are_those_of_torch(name: str) -> None:
    from pyinit.torch import skipping

    theirs, ours = getattr(torch.nn.init, name).__code__, getattr(skipping, name).__code__
    assert ours.co_varnames[: ours.co_argcount] == theirs.co_varnames[: theirs.co_argcount]
    assert (ours.co_kwonlyargcount, ours.co_flags & 12) == (theirs.co_kwonlyargcount, theirs.co_flags & 12)


REPLACED = """
import torch

def orthogonal_(tensor, gain=1, generator=None):
    return theirs(tensor, gain, generator)

# as transformers does while it loads a model
theirs, torch.nn.init.orthogonal_ = torch.nn.init.orthogonal_, orthogonal_
code = orthogonal_.__code__
import pyinit.torch as pit
pit.accelerate, pit.deferred
assert orthogonal_.__code__ is code
torch.nn.init.orthogonal_ = theirs

with pit.deferred():
    layer = torch.nn.Linear(4, 4)
    torch.nn.init.orthogonal_(layer.weight)
weight = pit.materialize(layer, key=0).weight.detach()
assert torch.allclose(weight @ weight.T, torch.eye(4), atol=1e-6), weight
"""


def test_adapters_that_are_first_imported_while_a_function_is_replaced(tmp_path: Path) -> None:
    command = [sys.executable, "-c", REPLACED]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
