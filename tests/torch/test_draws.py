"""torch's generators govern the draws: seeds, states, threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
init = pytest.importorskip("pyinit.torch.init")
draws = pytest.importorskip("pyinit.torch.draws")
next_key = draws.next_key


def seeded(seed: int) -> Any:
    return torch.Generator().manual_seed(seed)


def normal(generator: Any = None) -> Any:
    return init.normal_(torch.empty(6), generator=generator)


def test_the_key_is_the_documented_one() -> None:
    for seed in (0, 1, 2**32 + 5, 2**63, 2**64 - 1):
        n = int(torch.empty((), dtype=torch.int64).random_(generator=seeded(seed)))
        assert 0 <= n < 2**63
        assert next_key(seeded(seed)) == pi.key(seed).fold_in(n)
    assert next_key(seeded(-1)) == next_key(seeded(2**64 - 1)), "torch reads a negative seed modulo 2^64"


def test_a_seed_repeats_and_goes_on() -> None:
    one, other = seeded(0), seeded(0)
    keys = [next_key(one) for _ in range(1000)]
    assert keys == [next_key(other) for _ in range(1000)]
    assert len(set(keys)) == 1000


def test_all_64_bits_of_a_seed_count() -> None:
    low, high = seeded(0), seeded(2**32)
    assert torch.equal(torch.empty(4).normal_(generator=low), torch.empty(4).normal_(generator=high)), (
        "torch's own draws see 32 bits"
    )
    assert next_key(seeded(0)) != next_key(seeded(2**32))


def test_manual_seed_governs_what_has_no_generator() -> None:
    torch.manual_seed(0)
    first, second = normal(), normal()
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(normal(), first)
    torch.manual_seed(0)
    assert torch.equal(normal(), first), "the same seed, set again"
    assert torch.equal(normal(seeded(0)), first), "a generator of that seed is as good"
    assert torch.equal(normal(torch.default_generator), second)


def test_what_torch_draws_between_moves_the_draws_as_it_moves_torchs() -> None:
    generator = seeded(0)
    first = normal(generator)
    generator.manual_seed(0)
    torch.empty(5).uniform_(generator=generator)
    assert not torch.equal(normal(generator), first)


def test_a_call_takes_one_integer_whatever_the_size_and_the_function() -> None:
    calls: list[Callable[[Any], Any]] = [
        lambda generator: init.uniform_(torch.empty(1), generator=generator),
        lambda generator: init.normal_(torch.empty(1000, 3), generator=generator),
        lambda generator: init.trunc_normal_(torch.empty(7), generator=generator),
        lambda generator: init.xavier_uniform_(torch.empty(2, 2), generator=generator),
        lambda generator: init.xavier_normal_(torch.empty(9, 2), generator=generator),
        lambda generator: init.kaiming_uniform_(torch.empty(2, 3), generator=generator),
        lambda generator: init.kaiming_normal_(torch.empty(2, 3, 3), generator=generator),
        lambda generator: init.orthogonal_(torch.empty(40, 30), generator=generator),
        lambda generator: init.sparse_(torch.empty(20, 30), 0.5, generator=generator),
    ]
    expected = seeded(0)
    torch.empty((), dtype=torch.int64).random_(generator=expected)
    for call in calls:
        generator = seeded(0)
        call(generator)
        assert torch.equal(generator.get_state(), expected.get_state())


def test_a_state_saved_and_restored() -> None:
    generator = seeded(5)
    normal(generator)
    state = generator.get_state()
    first = normal(generator)
    fresh = torch.Generator()
    fresh.set_state(state)
    assert torch.equal(normal(fresh), first)
    torch.manual_seed(5)
    saved = torch.get_rng_state()
    second = normal()
    torch.set_rng_state(saved)
    assert torch.equal(normal(), second)
    clone = seeded(6)
    assert torch.equal(normal(clone.clone_state()), normal(clone))


def test_fork_rng_leaves_no_trace() -> None:
    torch.manual_seed(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        inner = normal()
    outer = normal()
    torch.manual_seed(1)
    assert torch.equal(normal(), outer)
    torch.manual_seed(2)
    assert torch.equal(normal(), inner)


def test_inside_an_accelerated_block_torchs_generator_governs_still() -> None:
    accelerate = pytest.importorskip("pyinit.torch.acceleration.acceleration").accelerate

    def draw() -> list[Any]:
        torch.manual_seed(3)
        return [
            init.normal_(torch.empty(4)),
            init.trunc_normal_(torch.empty(4)),
            init.kaiming_uniform_(torch.empty(4, 3)),
            init.orthogonal_(torch.empty(3, 3)),
            init.sparse_(torch.empty(3, 4).t(), 0.5),
        ]

    outside = draw()
    with accelerate(key=0) as block:
        inside = draw()
    assert block.fills == 0
    assert all(torch.equal(one, other) for one, other in zip(outside, inside, strict=True))


def test_sparse_heeds_its_generator() -> None:
    """In torch the zeros are where the default generator says."""
    torch.manual_seed(0)
    first = init.sparse_(torch.empty(50, 20), 0.5, generator=seeded(7))
    torch.manual_seed(1)
    assert torch.equal(init.sparse_(torch.empty(50, 20), 0.5, generator=seeded(7)), first)


@pytest.mark.parametrize(
    "call",
    [
        lambda generator: init.normal_(torch.zeros(3, dtype=torch.int64), generator=generator),
        lambda generator: init.normal_(torch.zeros(3), std=-1.0, generator=generator),
        lambda generator: init.orthogonal_(torch.zeros(3), generator=generator),
        lambda generator: init.kaiming_normal_(torch.zeros(3, 3), mode="neither", generator=generator),
        lambda generator: init.uniform_(torch.zeros(1).expand(3), generator=generator),
    ],
)
def test_a_refused_call_takes_nothing(call: Callable[[Any], Any]) -> None:
    generator = seeded(0)
    with pytest.raises((RuntimeError, ValueError)):
        call(generator)
    assert torch.equal(generator.get_state(), seeded(0).get_state())


def test_no_generator_but_torchs() -> None:
    with pytest.raises(TypeError, match=r"got \(generator=int"):
        normal(7)


def test_modes_of_the_caller() -> None:
    expected = normal(seeded(3))

    def drawn() -> Any:
        # a new thread has no memory of its own for the integer yet
        got: list[Any] = []
        with torch.inference_mode(), torch.device("meta"):
            got.append(init.normal_(torch.empty(6, device="cpu"), generator=seeded(3)).clone())
        got.append(normal(seeded(3)))
        return got

    found: list[Any] = []
    worker = threading.Thread(target=lambda: found.extend(drawn()))
    worker.start()
    worker.join()
    assert len(found) == 2
    for tensor in found:
        np.testing.assert_array_equal(tensor.numpy(), expected.numpy())


def test_threads_with_generators_of_their_own_and_with_a_shared_one() -> None:
    own: dict[int, list[pi.Key]] = {}
    shared: list[pi.Key] = []
    common = seeded(9)

    def work(number: int) -> None:
        generator = seeded(number)
        own[number] = [next_key(generator) for _ in range(200)]
        shared.extend(next_key(common) for _ in range(200))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for number in range(4):
        generator = seeded(number)
        assert own[number] == [next_key(generator) for _ in range(200)]
    generator = seeded(9)
    assert set(shared) == {next_key(generator) for _ in range(800)}, "each key once, in some order"


def modes() -> dict[str, Callable[[], Any]]:
    """Return what makes tensors that mean nothing after it."""
    fake = pytest.importorskip("torch._subclasses.fake_tensor").FakeTensorMode
    return {
        "fake": lambda: fake(allow_non_fake_inputs=True),
        "deferred": pytest.importorskip("pyinit.torch").deferred,
        "inference": torch.inference_mode,
        "meta": lambda: torch.device("meta"),
    }


@pytest.mark.parametrize("name", ["fake", "deferred", "inference", "meta"])
def test_a_first_draw_in_a_mode_spoils_none_after_it(name: str) -> None:
    mode, tensor, made = modes()[name], torch.empty(6), []

    def run() -> None:
        try:
            with mode():
                init.normal_(tensor, generator=seeded(4))
        except Exception as error:
            made.append(error)
        made.append(normal(seeded(4)))

    # each thread has memory of its own for the integers of keys
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert torch.equal(made[-1], normal(seeded(4)))
    if name == "deferred":
        # as it is in a thread that has drawn before
        assert "draws random numbers outside of the meta device" in str(made[0])
    elif name != "fake":
        assert len(made) == 1
        assert torch.equal(tensor, made[0])


def test_a_draw_inside_an_exported_program_is_refused() -> None:
    class Drawing(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return x @ init.normal_(torch.empty(8, 8))

    with pytest.raises(pi.LayoutError, match=r"Draw before torch\.export"):
        torch.export.export(Drawing(), (torch.ones(2, 8),), strict=False)
