"""Small plain tensors: the short way makes what the general way makes, and leaves all others to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi

torch: Any = pytest.importorskip("torch")

import pyinit.torch as pit  # noqa: E402
from pyinit.torch import small, tensor  # noqa: E402
from pyinit.torch.init import drawing  # noqa: E402

pytestmark = pytest.mark.interop

DTYPES = ["float32", "float64", "bfloat16", "float16"]
SHAPES: list[tuple[int, ...]] = [(), (1,), (7,), (16, 16), (3, 5, 2), (4, 3, 3, 3), (0,), (3, 0), (300, 301)]
RECIPES = {
    "normal": pi.normal(mean=1.0, std=0.02),
    "uniform": pi.uniform(-1, 3),
    "truncated_normal": pi.truncated_normal(std=0.02),
    "in a tail": pi.truncated_normal(low=2.5, high=6.0, unit="absolute"),
    "corrected": pi.truncated_normal(std=0.02, correct=True),
    "he_normal": pi.he_normal(),
    "glorot_uniform": pi.glorot_uniform(layout="keras"),
    "lecun_normal": pi.lecun_normal(in_axis=0, out_axis=1),
    "constant": pi.constant(-0.0),
    "orthogonal": pi.orthogonal(),
    "sparse": pi.sparse(0.5),
    "identity": pi.identity(),
}
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "normal_": lambda w, g: pit.init.normal_(w, 1, 0.02, generator=g),
    "uniform_": lambda w, g: pit.init.uniform_(w, -1.0, 3.0, generator=g),
    "uniform_ of one value": lambda w, g: pit.init.uniform_(w, -0.0, 0.0, generator=g),
    "trunc_normal_": lambda w, g: pit.init.trunc_normal_(w, std=0.5, generator=g),
    "xavier_uniform_": lambda w, g: pit.init.xavier_uniform_(w, 1.5, generator=g),
    "xavier_normal_": lambda w, g: pit.init.xavier_normal_(w, generator=g),
    "kaiming_uniform_": lambda w, g: pit.init.kaiming_uniform_(w, a=5**0.5, generator=g),
    "kaiming_normal_": lambda w, g: pit.init.kaiming_normal_(w, 0, "fan_out", "relu", generator=g),
}


def bits(given: Any) -> Any:
    """Return a tensor's values as integers of the same width."""
    kind = {2: torch.int16, 4: torch.int32, 8: torch.int64}[given.itemsize]
    return given.detach().contiguous().reshape(-1).view(kind)


def plainly(call: Any, args: Any, kwargs: Any) -> Any:
    """Return the recipe of any call."""
    return pi.normal()


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or the type and the text of what it raises."""
    try:
        return call()
    except pi.PyinitError as error:
        return type(error), str(error)


@pytest.fixture
def generally(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Any]:
    """Return a function that runs a call without the short way."""

    def run(call: Callable[[], Any]) -> Any:
        with monkeypatch.context() as patch:
            for module in (drawing, tensor):
                patch.setattr(module, "draw_small", lambda *given: False)
            return outcome(call)

    return run


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each tensor went the short way."""
    ways: list[bool] = []

    def noted(*given: Any) -> bool:
        ways.append(small.draw_small(*given))
        return ways[-1]

    for module in (drawing, tensor):
        monkeypatch.setattr(module, "draw_small", noted)
    return ways


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RECIPES)
def test_fills_have_the_bits_of_the_general_way(name: str, dtype: str, taken: Any, generally: Any) -> None:
    is_short = name not in ("orthogonal", "sparse", "identity")
    for shape in SHAPES:
        ours, theirs = (torch.full(shape, 5.0, dtype=getattr(torch, dtype)) for _ in range(2))
        for at in range(2):
            taken.clear()
            given = outcome(lambda: pit.fill(ours, RECIPES[name], key=pi.Key(3, at)))  # noqa: B023
            expected = generally(lambda: pit.fill(theirs, RECIPES[name], key=pi.Key(3, at)))  # noqa: B023
            if isinstance(expected, tuple):
                assert given == expected
                continue
            assert given is ours
            assert torch.equal(bits(ours), bits(theirs))
            assert ours._version == theirs._version
            assert taken == [is_short and 0 < ours.nbytes <= 256 << 10]


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors:UserWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CALLS)
def test_initializers_have_the_bits_of_the_general_way(
    name: str, dtype: str, taken: Any, generally: Any
) -> None:
    for shape in SHAPES:
        ours, theirs = (torch.full(shape, 5.0, dtype=getattr(torch, dtype)) for _ in range(2))
        weights = torch.nn.Parameter(ours), torch.nn.Parameter(theirs)
        generators = [torch.Generator().manual_seed(9) for _ in range(2)]
        for _ in range(2):
            taken.clear()
            given = outcome(lambda: CALLS[name](weights[0], generators[0]))  # noqa: B023
            expected = generally(lambda: CALLS[name](weights[1], generators[1]))  # noqa: B023
            if isinstance(expected, tuple):
                assert given == expected
                continue
            assert given is weights[0]
            assert torch.equal(bits(ours), bits(theirs))
            assert weights[0]._version == weights[1]._version
            assert taken == [] or taken == [0 < ours.nbytes <= 256 << 10]
        assert torch.equal(generators[0].get_state(), generators[1].get_state())


class Renamed(torch.Tensor):  # type: ignore[misc]
    """A subclass of torch's tensor."""


def inference() -> Any:
    with torch.inference_mode():
        return torch.ones(4, 4)


def marked() -> Any:
    weight = torch.ones(4, 4)
    weight.tensor_model_parallel = True
    return weight


def fake() -> Any:
    from torch._subclasses.fake_tensor import FakeTensorMode

    return FakeTensorMode().from_tensor(torch.ones(4, 4))


def distributed() -> Any:
    class Shell(torch.Tensor):  # type: ignore[misc]
        """Memory of another class, as a DTensor's."""

        @staticmethod
        def __new__(cls: Any) -> Any:
            return torch.Tensor._make_wrapper_subclass(cls, (4, 4))

        @classmethod
        def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            raise NotImplementedError

    return Shell()


UNUSUAL: dict[str, Callable[[], Any]] = {
    "no tensor": lambda: [1.0],
    "subclass": lambda: torch.ones(4, 4).as_subclass(Renamed),
    "wrapper": distributed,
    "fake": fake,
    "meta": lambda: torch.empty(4, 4, device="meta"),
    "strided": lambda: torch.ones(4, 8)[:, ::2],
    "transposed": lambda: torch.ones(4, 5).t(),
    "view": lambda: torch.ones(8, 4)[4:],
    "view of a parameter": lambda: torch.nn.Parameter(torch.ones(8, 4))[4:],
    "expanded": lambda: torch.ones(1).expand(4, 4),
    "computed": lambda: torch.ones(4, 4, requires_grad=True) * 2,
    "inference": inference,
    "negated": lambda: torch._neg_view(torch.ones(4, 4)),
    "not aligned": lambda: torch.frombuffer(bytearray(65), dtype=torch.float32, offset=1),
    "sparse": lambda: torch.ones(4, 4).to_sparse(),
    "compressed": lambda: torch.ones(4, 4).to_sparse_csr(),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "integers": lambda: torch.ones(4, 4, dtype=torch.int32),
    "complex": lambda: torch.ones(4, 4, dtype=torch.complex64),
    "part": marked,
    "large": lambda: torch.ones(300, 300),
    "empty": lambda: torch.ones(0, 4),
}


@pytest.mark.filterwarnings(
    "ignore:Sparse (CSR|invariant):UserWarning", "ignore:The PyTorch API of nested:UserWarning"
)
@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_is_left_to_the_general_way(name: str) -> None:
    given = UNUSUAL[name]()
    # a key that is asked for would raise StopIteration
    assert not small.draw_small("test", (given,), {}, plainly, lambda: next(iter(())))
    if name in ("strided", "transposed", "view", "expanded", "computed", "inference", "part", "large"):
        assert bool((given == given.reshape(-1)[0]).all())


def test_wrappers_of_transforms_are_left_to_the_general_way() -> None:
    ways = []

    def inside(x: Any) -> Any:
        ways.append(small.draw_small("test", (x,), {}, plainly, lambda: (0, 0)))
        return x

    torch.func.vmap(inside)(torch.ones(3, 4))
    torch.func.grad(lambda x: inside(x).sum())(torch.ones(4))
    assert ways == [False, False]


@pytest.mark.parametrize("offset", [0, 8])
@pytest.mark.parametrize("held", [0, 8, 95])
def test_a_storage_that_is_too_small_is_refused(offset: int, held: int) -> None:
    whole = torch.zeros(24 + offset)
    given = whole[offset:].data
    whole.untyped_storage().resize_(4 * offset + held)
    for shape in [(24,), (4, 6)]:
        with pytest.raises(pi.LayoutError, match=r"its storage was resized to|it has no memory of its own"):
            pit.fill(given.reshape(shape), pi.normal(), key=0)
    assert not small.draw_small("test", (given,), {}, plainly, lambda: (0, 0))


def test_a_storage_of_just_enough_bytes_is_filled() -> None:
    whole, expected = torch.zeros(64), pit.fill(torch.zeros(24), pi.normal(), key=0)
    whole.untyped_storage().resize_(4 * 32)
    for given in (whole.data[8:32].data, whole.data[8:32].data.reshape(4, 6).t()):
        assert not torch.equal(given, expected.reshape(given.shape))
        pit.fill(given, pi.normal(), key=0)
        assert torch.equal(given, expected.reshape(given.shape))
        given.zero_()


def test_a_mode_sees_the_call() -> None:
    class Seeing(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func)
            return func(*args, **(kwargs or {}))

    seen: list[Any] = []
    with Seeing():
        pit.init.kaiming_uniform_(torch.empty(4, 4))
    assert pit.init.kaiming_uniform_ in seen


def test_an_argument_that_may_change_is_read_each_time() -> None:
    std, weight = torch.tensor(1.0), torch.empty(64)
    pit.init.normal_(weight, 0.0, std)
    std.fill_(1e-3)
    pit.init.normal_(weight, 0.0, std)
    assert float(weight.abs().max()) < 0.01


def test_the_sign_of_a_zero_is_read_each_time() -> None:
    weight = torch.empty(4)
    for zero in (0.0, -0.0, 0.0):
        pit.init.uniform_(weight, zero, zero)
        assert bool((torch.signbit(weight) == (math.copysign(1.0, zero) < 0)).all())


def test_text_is_told_from_the_name_of_an_argument() -> None:
    asked: list[Any] = []
    for args, kwargs in [(("a", 1.0), {}), ((), {"a": 1.0}), (("a",), {}), ((1.0,), {})]:
        found = small._draw_known("told", (torch.empty(4), *args), kwargs, (0, 0, 0))
        assert isinstance(found, tuple)
        assert found not in asked
        asked.append(found)


def test_a_bool_is_refused_after_the_number_that_it_equals() -> None:
    weight = torch.empty(4, 4)
    pit.init.kaiming_uniform_(weight, a=1)
    with pytest.raises(ValueError, match="negative_slope True not a valid number"):
        pit.init.kaiming_uniform_(weight, a=True)


def test_a_key_that_is_not_valid_changes_nothing() -> None:
    weight = torch.ones(4, 4)
    with pytest.raises(pi.SeedError):
        pit.fill(weight, pi.normal(), key=-1)
    assert bool((weight == 1).all())
    assert weight._version == 0


def test_a_variable_that_is_not_valid_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYINIT_NUM_THREADS", "many")
    with pytest.raises(ValueError, match="PYINIT_NUM_THREADS must be a positive integer; got many"):
        pit.fill(torch.ones(4, 4), pi.normal(), key=0)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "_MOST_KEPT", 4)
    for n in range(1, 20):
        pit.init.normal_(torch.empty(n))
    assert len(small._kept) <= 4
