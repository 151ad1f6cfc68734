"""What torch.nn.init refuses or warns of is refused and warned of alike; what differs is listed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyinit as pi

from ...older import older

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
init = pytest.importorskip("pyinit.torch.init")
theirs = torch.nn.init

Call = Callable[[Any], Any]


def vector() -> Any:
    return torch.full((4,), 7.0)


def matrix() -> Any:
    return torch.full((4, 4), 7.0)


def of_rank(rank: int) -> Any:
    return torch.full((2,) * rank, 7.0)


# calls whose error has torch's type and begins with torch's text
SAME_TEXT: dict[str, Call] = {
    "xavier_uniform_ of a scalar": lambda module: module.xavier_uniform_(of_rank(0)),
    "xavier_uniform_ of a vector": lambda module: module.xavier_uniform_(vector()),
    "xavier_normal_ of a scalar": lambda module: module.xavier_normal_(of_rank(0)),
    "xavier_normal_ of a vector": lambda module: module.xavier_normal_(vector()),
    "kaiming_uniform_ of a scalar": lambda module: module.kaiming_uniform_(of_rank(0)),
    "kaiming_uniform_ of a vector": lambda module: module.kaiming_uniform_(vector()),
    "kaiming_normal_ of a scalar": lambda module: module.kaiming_normal_(of_rank(0)),
    "kaiming_normal_ of a vector": lambda module: module.kaiming_normal_(vector()),
    "kaiming_uniform_'s mode": lambda module: module.kaiming_uniform_(matrix(), mode="Fan"),
    "kaiming_normal_'s mode": lambda module: module.kaiming_normal_(matrix(), mode="fan_avg"),
    "kaiming_normal_'s mode before its nonlinearity": lambda module: module.kaiming_normal_(
        matrix(), mode="fan_avg", nonlinearity="gelu"
    ),
    "kaiming_uniform_'s nonlinearity": lambda module: module.kaiming_uniform_(matrix(), nonlinearity="gelu"),
    "kaiming_normal_'s slope": lambda module: module.kaiming_normal_(matrix(), a=True),
    "kaiming_normal_'s mode is text": lambda module: module.kaiming_normal_(matrix(), mode=None),
    "xavier_normal_ of nothing": lambda module: module.xavier_normal_(torch.empty(0, 0)),
    "eye_ of a vector": lambda module: module.eye_(vector()),
    "eye_ of 3": lambda module: module.eye_(of_rank(3)),
    "dirac_ of 1": lambda module: module.dirac_(of_rank(1)),
    "dirac_ of 2": lambda module: module.dirac_(of_rank(2)),
    "dirac_ of 6": lambda module: module.dirac_(of_rank(6)),
    "dirac_'s groups": lambda module: module.dirac_(torch.full((4, 2, 3), 7.0), 3),
    "dirac_ of no groups": lambda module: module.dirac_(torch.full((4, 2, 3), 7.0), 0),
    "orthogonal_ of a vector": lambda module: module.orthogonal_(vector()),
    "sparse_ of a vector": lambda module: module.sparse_(vector(), 0.5),
    "sparse_ of 3": lambda module: module.sparse_(of_rank(3), 0.5),
    "a slope that is no number": lambda module: module.calculate_gain("leaky_relu", [1]),
    "an unknown nonlinearity": lambda module: module.calculate_gain("swishish"),
    "an older name": lambda module: module.orthogonal(vector()),
    "no tensor": lambda module: module.xavier_normal_(5),
    "a parameter without a shape": lambda module: module.kaiming_normal_(torch.nn.UninitializedParameter()),
}

# calls whose error has torch's type, and a text of pyinit's own
SAME_TYPE: dict[str, tuple[Call, str]] = {
    "normal_'s std": (
        lambda module: module.normal_(vector(), std=-1.0),
        r"^normal's std must be at least 0; got -1\.0\. Correct the recipe\.$",
    ),
    "normal_'s std is nan": (
        lambda module: module.normal_(vector(), std=float("nan")),
        r"^normal's std must be a finite number; got nan\. Correct",
    ),
    "xavier_normal_'s gain": (
        lambda module: module.xavier_normal_(matrix(), gain=-1.0),
        r"^normal's std must be at least 0; got -0\.5\. Correct",
    ),
    "uniform_'s order": (
        lambda module: module.uniform_(vector(), 2.0, 1.0),
        r"^uniform needs low < high; \[2\.0, 1\.0\) is empty\. Use constant",
    ),
    "xavier_uniform_'s gain": (
        lambda module: module.xavier_uniform_(matrix(), gain=-1.0),
        r"^uniform needs low < high; .* is empty\. Use constant",
    ),
    "uniform_'s bound is nan": (
        lambda module: module.uniform_(vector(), float("nan"), 1.0),
        r"^uniform's low must be a finite number; got nan\. Correct",
    ),
    "uniform_ beyond the dtype": (
        lambda module: module.uniform_(vector(), 0.0, 1e39),
        r"uniform",
    ),
    "trunc_normal_'s order": (
        lambda module: module.trunc_normal_(vector(), a=2.0, b=1.0),
        r"^truncated_normal needs low < high; \[2\.0, 1\.0\] is empty\. Use constant\(\) instead\.$",
    ),
    "sparse_'s std": (
        lambda module: module.sparse_(matrix(), 0.5, std=-1.0),
        r"^sparse's std must be at least 0; got -1\.0\. Correct",
    ),
    "text for a number": (
        lambda module: module.normal_(vector(), "0.5"),
        r"^an initializer's numbers are floats; got '0\.5' \(text is no number\)\. Use a float\.$",
    ),
    "two numbers for one": (
        lambda module: module.uniform_(vector(), torch.ones(2)),
        r"^an initializer's numbers are floats; got tensor\(\[1\., 1\.\]\) .* Use a float\.$",
    ),
    "no number": (
        lambda module: module.sparse_(matrix(), 0.5, std=None),
        r"^an initializer's numbers are floats; got None .* Use a float\.$",
    ),
    "integers": (
        lambda module: module.normal_(torch.zeros(3, dtype=torch.int64)),
        r"^pyinit\.torch needs a tensor of float32, .*; got torch\.int64\. Fill one of these and convert",
    ),
    "float8": (
        lambda module: module.uniform_(torch.zeros(3, dtype=torch.float8_e5m2fnuz)),
        r"got torch\.float8_e5m2fnuz\. Fill one of these and convert",
    ),
    "orthogonal_ of integers": (
        lambda module: module.orthogonal_(torch.zeros(3, 3, dtype=torch.int64)),
        r"got torch\.int64\. Fill one of these",
    ),
    "sparse memory": (
        lambda module: module.normal_(torch.eye(3).to_sparse()),
        r"^pyinit\.torch needs strided memory; got a tensor of layout torch\.sparse_coo\. Fill a dense",
    ),
    "shared elements": (
        lambda module: module.normal_(torch.zeros(3, 1).expand(3, 3)),
        r"^pyinit\.torch needs a memory location for each element; got an expanded tensor",
    ),
    "a generator": (
        lambda module: module.normal_(vector(), generator=7),
        r"generator",
    ),
}

# what torch does and pyinit refuses: infinities, zeros, or too few zeros where other values were requested
REFUSED_HERE_ALONE: dict[str, tuple[Call, type[Exception]]] = {
    "an infinite mean": (lambda module: module.normal_(vector(), mean=float("inf")), pi.RecipeError),
    "an std that is zero in float32": (lambda module: module.normal_(vector(), std=1e-60), pi.RecipeError),
    "draws beyond float16": (lambda module: module.normal_(vector().half(), std=2e4), pi.RecipeError),
    "bounds between which bfloat16 has no value": (
        lambda module: module.uniform_(vector().bfloat16(), 1.001, 1.002),
        pi.RecipeError,
    ),
    "a sparsity above 1": (lambda module: module.sparse_(matrix(), 1.5), pi.RecipeError),
    "a sparsity below 0": (lambda module: module.sparse_(matrix(), -0.5), pi.RecipeError),
    "a negative std of trunc_normal_": (
        lambda module: module.trunc_normal_(vector(), std=-1.0),
        pi.RecipeError,
    ),
    "complex numbers with a mean": (
        lambda module: module.normal_(torch.zeros(3, dtype=torch.complex64), mean=1.0),
        pi.RecipeError,
    ),
}


def error_of(call: Call, module: Any) -> Exception:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as caught:  # noqa: PT011 (whichever torch raises)
            call(module)
    return caught.value


@pytest.mark.parametrize("name", SAME_TEXT)
def test_torchs_type_and_torchs_text(name: str) -> None:
    ours, peer = error_of(SAME_TEXT[name], init), error_of(SAME_TEXT[name], theirs)
    assert isinstance(ours, type(peer))
    assert str(ours).startswith(str(peer))


@pytest.mark.parametrize("name", SAME_TYPE)
def test_torchs_type_and_the_way_out(name: str) -> None:
    call, message = SAME_TYPE[name]
    ours, peer = error_of(call, init), error_of(call, theirs)
    assert isinstance(ours, type(peer))
    assert re.search(message, str(ours))


def test_a_standard_deviation_of_zero() -> None:
    """Torch divides by it."""
    error = error_of(lambda module: module.trunc_normal_(vector(), std=0.0), init)
    assert re.search(
        r"^truncated_normal's std must be above 0; got 0\.0\. Use constant\(mean\)\.$", str(error)
    )
    with pytest.raises(ZeroDivisionError):
        theirs.trunc_normal_(vector(), std=0.0)


@pytest.mark.parametrize("name", REFUSED_HERE_ALONE)
def test_what_is_refused_here_alone(name: str) -> None:
    if name == "a negative std of trunc_normal_" and older("torch", 2, 13):
        pytest.skip("torch 2.9 refuses a negative std of trunc_normal_, too")
    call, kind = REFUSED_HERE_ALONE[name]
    call(theirs)
    assert isinstance(error_of(call, init), (kind,))


def test_a_mean_that_no_draw_leaves() -> None:
    """Torch draws uniformly until something is accepted."""
    with (
        pytest.warns(UserWarning, match="mean is more than 2 std"),
        pytest.raises(pi.RecipeError, match="within 37 std of the mean"),
    ):
        init.trunc_normal_(vector(), mean=50.0)


def test_a_fake_cuda_tensor_has_nothing_to_fill() -> None:
    """A tensor of CUDA that only stands for one is as a fake one; a real one gets fill's message."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        tensor = torch.empty(3, device="cuda")
    assert init.normal_(tensor) is tensor


def test_nothing_is_written_when_a_call_is_refused() -> None:
    tensor = torch.full((4, 4), 7.0)
    calls: list[Callable[[], Any]] = [
        lambda: init.normal_(tensor, std=-1.0),
        lambda: init.uniform_(tensor, 2.0, 1.0),
        lambda: init.trunc_normal_(tensor, a=2.0, b=1.0),
        lambda: init.kaiming_normal_(tensor, mode="x"),
        lambda: init.dirac_(tensor),
        lambda: init.sparse_(tensor, 2.0),
        lambda: init.orthogonal_(tensor, gain=float("inf")),
    ]
    for call in calls:
        with pytest.raises((pi.RecipeError, pi.ShapeError)):
            call()
        assert bool((tensor == 7.0).all())
        assert tensor._version == 0


@pytest.mark.parametrize(
    "arguments",
    [(3.0, 0.5, -1.0, 1.0), (-3.0, 0.5, -1.0, 1.0), (5.0, 1.0, -2.0, 2.0)],
)
def test_trunc_normals_warning_is_torchs(arguments: tuple[float, ...]) -> None:
    with pytest.warns(UserWarning, match="2 std") as ours:
        init.trunc_normal_(torch.empty(3), *arguments)
    with pytest.warns(UserWarning, match="2 std") as peers:
        theirs.trunc_normal_(torch.empty(3), *arguments)
    assert [str(warning.message) for warning in ours] == [str(warning.message) for warning in peers]
    assert ours[0].filename == __file__


def test_no_warning_where_torch_gives_none() -> None:
    init.trunc_normal_(torch.empty(3), 2.9, 0.5, -1.0, 2.0)
    init.xavier_normal_(torch.empty(0, 3))
    init.kaiming_normal_(torch.empty(3, 3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        init.trunc_normal_(torch.empty(3, device="meta"), 9.0)
    assert caught == []


# what is better here, as docs/reference/torch_init.md has it: the test tells when torch catches up


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.empty(4, 4, dtype=torch.bfloat16),
        lambda: torch.empty(4, 4, dtype=torch.float16),
        lambda: torch.empty(2, 3, 4).transpose(1, 2),
    ],
    ids=["bfloat16", "float16", "no flat view"],
)
def test_orthogonal_where_torch_has_none(make: Callable[[], Any]) -> None:
    with pytest.raises(RuntimeError):
        theirs.orthogonal_(make())
    flat = init.orthogonal_(make()).double().reshape(make().shape[0], -1)
    assert float((flat @ flat.T - torch.eye(len(flat))).abs().max()) < 0.02


def test_torchs_sparse_ignores_its_generator() -> None:
    def zeros(module: Any, seed: int) -> Any:
        torch.manual_seed(seed)
        return module.sparse_(torch.empty(40, 9), 0.5, generator=torch.Generator().manual_seed(1)) == 0

    assert not torch.equal(zeros(theirs, 0), zeros(theirs, 1))
    assert torch.equal(zeros(init, 0), zeros(init, 1))


@pytest.mark.skipif(older("torch", 2, 13), reason="draws of torch 2.9 keep within these bounds")
def test_torchs_truncated_draws_leave_bounds_that_bfloat16_does_not_hold() -> None:
    drawn = [
        module.trunc_normal_(torch.empty(50_000, dtype=torch.bfloat16), a=-1.005, b=1.005).abs().max().item()
        for module in (theirs, init)
    ]
    assert drawn[0] > 1.005 > drawn[1] == 1.0


@pytest.mark.parametrize(
    "mean", [np.complex64(1 + 2j), np.array(1 + 2j), np.array("1"), np.str_("1"), bytearray(b"1")], ids=repr
)
def test_a_number_is_real_and_no_text(mean: Any) -> None:
    for call in (init.normal_, init.trunc_normal_):
        tensor = vector()
        with pytest.raises(TypeError):
            call(tensor, mean=mean, std=0.5)
        assert torch.equal(tensor, vector())
