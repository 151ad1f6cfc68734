"""What is recorded of code that writes to meta tensors; its replay, whole and for windows, bit for bit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
recorder_module = pytest.importorskip("pyinit.torch.materialization.recorder")
recording = pytest.importorskip("pyinit.torch.materialization.recording")
naming = pytest.importorskip("pyinit.torch.materialization.naming")
replay = pytest.importorskip("pyinit.torch.materialization.replay")
view = pytest.importorskip("pyinit.torch.materialization.view")
init = torch.nn.init

ROOT = pi.key(7)
NAME = ROOT.fold_in("w")


def recorded(write: Callable[[Any], Any], shape: tuple[int, ...] = (8, 6), dtype: Any = None) -> Any:
    """Record what a function does to a meta parameter called w."""
    tensor = torch.nn.Parameter(torch.empty(shape, dtype=dtype or torch.float32, device="meta"))
    recorder = recorder_module.Recorder()
    with recorder, torch.no_grad():
        write(tensor)
    cell = recorder.cell(tensor)
    made = recording.Recorded("w", view.View.of(tensor), cell)
    naming.name_draws({"w": made})
    return made


def whole(made: Any) -> Any:
    """Replay all of a recording."""
    assert made.unmade is None
    return replay.refill(made, torch.empty(made.shape, dtype=made.dtype), ROOT)


def drawn(recipe: pi.Recipe, shape: tuple[int, ...], key: pi.Key = NAME) -> Any:
    """What a recipe makes by itself."""
    return torch.from_numpy(recipe(shape, key=key))


DRAWS: dict[str, tuple[Callable[[Any], Any], pi.Recipe]] = {
    "normal_": (lambda w: w.normal_(0, 0.02), pi.normal(std=0.02)),
    "uniform_": (lambda w: w.uniform_(-0.5), pi.uniform(-0.5, 1)),
    "zero_": (lambda w: w.zero_(), pi.zeros()),
    "fill_": (lambda w: w.data.fill_(3), pi.constant(3)),
    "data": (lambda w: w.data.normal_(), pi.normal()),
    "init.uniform_": (lambda w: init.uniform_(w, -1, 1), pi.uniform(-1, 1)),
    "init.normal_": (lambda w: init.normal_(w, 1, 2), pi.normal(mean=1, std=2)),
    "init.constant_": (lambda w: init.constant_(w, 0.3), pi.constant(0.3)),
    "init.ones_": (init.ones_, pi.ones()),
    "init.zeros_": (init.zeros_, pi.zeros()),
    "init.eye_": (init.eye_, pi.identity()),
    "init.trunc_normal_": (
        lambda w: init.trunc_normal_(w, std=2.0, a=-1.0, b=3.0),
        pi.truncated_normal(std=2.0, low=-1.0, high=3.0, unit="absolute"),
    ),
    "init.orthogonal_": (lambda w: init.orthogonal_(w, 2.0), pi.orthogonal(2.0, layout="torch")),
    "init.sparse_": (lambda w: init.sparse_(w, 0.4, 0.5), pi.sparse(0.4, 0.5, layout="jax")),
    "init.xavier_normal_": (
        lambda w: init.xavier_normal_(w, 2.0),
        pi.normal(std=2.0 * math.sqrt(2.0 / float(6 + 8))),
    ),
    "init.kaiming_normal_": (
        lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
        pi.normal(std=math.sqrt(2.0) / math.sqrt(8)),
    ),
    "redrawn": (lambda w: (w.uniform_(), w[2:].zero_(), w.normal_()), pi.normal()),
    "equal bounds": (lambda w: w.uniform_(2, 2), pi.constant(2.0)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_one_draw_is_what_its_recipe_makes_under_the_name(name: str) -> None:
    write, recipe = DRAWS[name]
    made = recorded(write)
    assert [step.content for step in made.writes] == [recording.Draw(recipe)]
    assert torch.equal(whole(made), drawn(recipe, (8, 6)))


def test_dirac_is_recorded_with_its_groups() -> None:
    made = recorded(lambda w: init.dirac_(w, 2), (8, 4, 3))
    expected = torch.empty(8, 4, 3)
    assert torch.equal(whole(made), init.dirac_(expected, 2))


def chunked(w: Any) -> None:
    for part in w.chunk(4):
        init.xavier_uniform_(part)


def row_of_zeros(w: Any) -> None:
    init.normal_(w)
    w[1].fill_(0)


def mixed(w: Any) -> None:
    w.uniform_()
    w[2].zero_()
    w[:, ::2].mul_(10)
    w.T[1:3].fill_(-1)
    w.view(2, 4, 6)[1, 1:3, 3:].normal_()
    w[-1, -1] = 9


def sines(w: Any) -> None:
    angles = torch.outer(torch.arange(8.0), torch.arange(1.0, 4.0))
    w[:, 0::2] = angles.sin()
    w[:, 1::2] = angles.cos()


def truncated_by_hand(w: Any) -> None:
    w.uniform_(-0.9, 0.9)
    w.erfinv_()
    w.mul_(0.02 * math.sqrt(2)).add_(0.5)
    w.clamp_(min=0.48, max=0.52)


def weight_of_unit_rows(w: Any) -> None:
    w.normal_()
    w.div_(w.norm(dim=1, keepdim=True))


def drawn_aside(w: Any) -> None:
    temporary = torch.empty(8, 6)
    init.xavier_normal_(temporary)
    w.copy_(temporary.clone())
    w.clamp_(max=0.5)


def new_data(w: Any) -> None:
    w.data = torch.randn(8, 6) * 0.5 + torch.arange(6.0)


def copied_half(w: Any) -> None:
    w[:4].normal_()
    w[4:].copy_(w[:4])


PATTERNS: dict[str, Callable[[Any], Any]] = {
    **{name: write for name, (write, _) in DRAWS.items()},
    "chunked": chunked,
    "row of zeros": row_of_zeros,
    "mixed": mixed,
    "sines": sines,
    "truncated by hand": truncated_by_hand,
    "unit rows": weight_of_unit_rows,
    "transposed": lambda w: init.kaiming_uniform_(w.T),
    "viewed": lambda w: w.view(2, 4, 6).normal_(),
    "viewed as heads, one cleared": lambda w: (w.view(2, 4, 6).normal_(), w.view(2, 4, 6)[:, 1].zero_()),
    "copied from real values": lambda w: w.copy_(torch.arange(6.0)),
    "copied from a draw": lambda w: w.copy_(torch.randn(8, 6) * 0.02),
    "new data": new_data,
    "drawn aside": drawn_aside,
    "second half a copy": copied_half,
    "infinite": lambda w: w.fill_(-math.inf),
}
DETERMINISTIC = ("sines", "copied from real values", "infinite", "zero_", "fill_", "init.eye_", "init.ones_")


@pytest.mark.parametrize("name", PATTERNS)
def test_every_window_is_that_part_of_the_whole(name: str) -> None:
    made = recorded(PATTERNS[name])
    complete = whole(made)
    for first, last in itertools.product(itertools.combinations(range(0, 9, 2), 2), ((0, 6), (1, 4), (5, 6))):
        rows, columns = slice(*first), slice(*last)
        window = pi.Window((rows.start, columns.start), (8, 6))
        out = torch.empty(rows.stop - rows.start, columns.stop - columns.start)
        assert torch.equal(replay.refill(made, out, ROOT, window=window), complete[rows, columns])


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_what_is_not_random_is_what_torch_makes(name: str) -> None:
    expected = torch.empty(8, 6)
    PATTERNS[name](expected)
    assert torch.equal(whole(recorded(PATTERNS[name])), expected)


def test_writes_that_are_kept_are_numbered_and_keyed_by_number() -> None:
    made = recorded(chunked)
    bound = math.sqrt(3.0) * math.sqrt(2.0 / float(6 + 2))
    keys = [NAME, *(NAME.fold_in(k) for k in (1, 2, 3))]
    expected = torch.cat([drawn(pi.uniform(-bound, bound), (2, 6), key) for key in keys])
    assert torch.equal(whole(made), expected)


def test_a_transposed_draw_has_the_values_of_its_own_indices() -> None:
    made = recorded(lambda w: w.T.normal_())
    assert torch.equal(whole(made), drawn(pi.normal(), (6, 8)).T)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_dtypes_are_drawn_in_themselves(dtype: str) -> None:
    made = recorded(lambda w: w.normal_(), dtype=getattr(torch, dtype))
    kept = pi.normal()((8, 6), key=NAME, dtype="uint16" if dtype == "bfloat16" else dtype)
    found = whole(made)
    assert found.dtype == getattr(torch, dtype)
    assert torch.equal(found.view(torch.uint16) if dtype == "bfloat16" else found, torch.from_numpy(kept))


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    data=st.data(),
)
def test_any_slice_of_any_order_of_axes_is_found_again(shape: list[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(shape))))
    slices = []
    for n in (shape[axis] for axis in order):
        start = data.draw(st.integers(0, n - 1))
        if data.draw(st.booleans()):
            slices.append(start)
        else:
            slices.append(slice(start, data.draw(st.integers(start + 1, n)), data.draw(st.integers(1, 3))))

    def write(w: Any) -> None:
        w.uniform_()
        w.permute(order)[tuple(slices)].normal_(5)

    made = recorded(write, tuple(shape))
    complete = whole(made)
    start = [data.draw(st.integers(0, n - 1)) for n in shape]
    stop = [data.draw(st.integers(first + 1, n)) for first, n in zip(start, shape, strict=True)]
    part = torch.empty([last - first for first, last in zip(start, stop, strict=True)])
    replay.refill(made, part, ROOT, window=pi.Window(tuple(start), tuple(shape)))
    assert torch.equal(part, complete[tuple(map(slice, start, stop))])
    by_hand = drawn(pi.uniform(), tuple(shape))
    view = by_hand.permute(order)[tuple(slices)]
    # a draw of the whole makes the one before it pointless
    key = NAME.fold_in(1) if view.numel() < by_hand.numel() else NAME
    view.copy_(drawn(pi.normal(mean=5), tuple(view.shape), key))
    assert torch.equal(complete, by_hand)


UNMADE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "nothing": (lambda w: None, "nothing is written to it"),
    "a part": (lambda w: w[1:].zero_(), "only a part of it is written"),
    "a scattered part": (lambda w: w[:, ::2].zero_(), "only a part of it is written"),
    "its own old values": (lambda w: w.mul_(2), "only a part of it is written"),
    "another distribution": (
        lambda w: w.exponential_(),
        "aten.exponential_.default of torch.float32 has no recipe",
    ),
    "what nobody wrote": (
        lambda w: w.copy_(torch.empty(8, 6)),
        "aten.copy_.default reads a tensor of shape (8, 6): nothing is written to it",
    ),
    "a recipe that cannot be": (
        lambda w: init.trunc_normal_(w, mean=1e9),
        "truncated_normal needs bounds that keep some of the mass within 37 std of the mean; ",
    ),
}


@pytest.mark.parametrize("name", UNMADE)
def test_what_cannot_be_replayed_says_why(name: str) -> None:
    write, why = UNMADE[name]
    assert recorded(write).unmade.startswith(why)


def test_draws_on_real_tensors_are_refused() -> None:
    with pytest.raises(pi.errors.PyinitError, match="draws random numbers outside of the meta device"):
        recorded(lambda w: w.copy_(torch.zeros(8, 6).normal_()))


def test_a_temporary_is_drawn_under_the_name_of_who_reads_it() -> None:
    made = recorded(lambda w: w.copy_(torch.randn(8, 6)))
    assert torch.equal(whole(made), drawn(pi.normal(), (8, 6), NAME.fold_in(0).fold_in(1)))


def test_modes_end_with_the_block() -> None:
    with pytest.raises(ZeroDivisionError), recorder_module.Recorder():
        raise ZeroDivisionError
    assert torch.empty(2).normal_().device.type == "cpu"
