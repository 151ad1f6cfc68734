"""`pyinit.torch.write_checkpoint` of modules: the bits of materialize, in all blocks, dtypes and files."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint import writer
from pyinit.checkpoint.plan import CheckpointPlan, plan_blueprint
from pyinit.stream.safetensors import read_header
from pyinit.stream.window import contiguous_blocks

pytestmark = [
    pytest.mark.interop,
    # heads that are tied to embeddings, which begin in another way
    pytest.mark.filterwarnings("ignore:.* is one tensor with"),
]

torch = pytest.importorskip("torch")
pit = pytest.importorskip("pyinit.torch")
draw_up = pytest.importorskip("pyinit.torch.checkpoint.blueprint").draw_up
nn = torch.nn


class Net(nn.Module):  # type: ignore[misc,name-defined]
    """Tensors that begin in every way: drawn, constant, padded, by parts, computed, known, tied, integers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8, padding_idx=3)
        self.up = nn.Linear(8, 13)
        self.norm = nn.BatchNorm1d(13)
        self.mixed = nn.Parameter(torch.empty(3, 13, 13))
        self.product = nn.Parameter(torch.empty(6, 5))
        self.ramp = nn.Parameter(torch.empty(7))
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("kept", torch.empty(4))
        self.register_buffer("passing", torch.empty(4), persistent=False)
        self.register_buffer("mask", torch.ones(3, dtype=torch.bool))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write what the layers do not."""
        with torch.no_grad():
            nn.init.orthogonal_(self.mixed[0])
            nn.init.trunc_normal_(self.mixed[1], std=0.02)
            self.mixed[1].mul_(0.5)
            self.mixed[2, 5:].normal_()
            self.mixed[2, :5].zero_()
            self.product.copy_(torch.randn(6, 3) @ torch.randn(3, 5))
            self.ramp.copy_(torch.linspace(-1, 1, 7))
            self.kept.fill_(0.25)
            self.passing.fill_(1.0)
            self.mask.fill_(True)


def deferred(build: Callable[[], Any] = Net) -> Any:
    with pit.deferred():
        return build()


def compiled(module: Any) -> Any:
    return torch.compile(module, backend="eager")


def on_meta(build: Callable[[], Any] = Net) -> Any:
    with torch.device("meta"):
        return build()


def state(module: Any) -> dict[str, Any]:
    """Return dtype, shape and bytes of all that a module's file holds."""
    return {
        name: (
            str(tensor.dtype).removeprefix("torch."),
            tuple(tensor.shape),
            tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes(),
        )
        for name, tensor in module.state_dict().items()
    }


def read(path: Path) -> dict[str, Any]:
    """Return the same of a file."""
    data = path.read_bytes()
    tensors = read_header(path).tensors.items()
    return {name: (info.dtype, info.shape, data[info.start : info.stop]) for name, info in tensors}


@pytest.mark.parametrize("build", [deferred, on_meta])
def test_a_file_holds_what_materialize_makes(build: Callable[[], Any], tmp_path: Path) -> None:
    module = build()
    receipt = pit.write_checkpoint(module, tmp_path / "a.safetensors", key=5)
    again = pit.write_checkpoint(module, tmp_path / "b.safetensors", key=5, threads=3)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert receipt.nbytes == again.nbytes == (tmp_path / "a.safetensors").stat().st_size
    assert all(parameter.is_meta for parameter in module.parameters())
    made = pit.materialize(module, key=5)
    assert read(tmp_path / "a.safetensors") == state(made)
    assert "passing" not in read(tmp_path / "a.safetensors")
    assert made.head.weight is made.embedding.weight


def test_blocks_do_not_matter(tmp_path: Path) -> None:
    """Each content makes its tensor window by window as it makes it whole."""
    expected = state(pit.materialize(deferred(), key=5))
    kinds = set()
    for draft in draw_up(deferred(), key=5).drafts:
        kinds.add(draft.content.kind)
        item = draft.nbytes // math.prod(draft.shape)
        for most in (1, 7, 1000):
            data = np.full(draft.nbytes, 255, np.uint8)
            for window, extent in contiguous_blocks(draft.shape, most):
                at = window.offset * item
                draft.content.fill(window, extent, data[at : at + math.prod(extent) * item], 1)
            assert data.tobytes() == expected[draft.name][2], (draft.name, most)
    assert kinds == {"drawn", "computed", "given", "filled"}


def test_what_is_computed_as_a_whole_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_SMALLEST_BLOCK_BYTES", 16)
    monkeypatch.setattr(writer, "_BLOCK_BYTES", 16)
    pit.write_checkpoint(deferred(), tmp_path / "small.safetensors", key=5)
    assert read(tmp_path / "small.safetensors") == state(pit.materialize(deferred(), key=5))
    sizes = {draft.name: draft.content.at_once(draft.shape) for draft in draw_up(deferred(), key=5).drafts}
    assert sizes["product"] == 30
    assert sizes["mixed"] == 3 * 13 * 13
    assert sizes["up.weight"] == sizes["embedding.weight"] == 0


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", torch.bfloat16])
@pytest.mark.parametrize("build", [deferred, on_meta])
def test_a_dtype_is_that_of_the_module(build: Callable[[], Any], dtype: Any, tmp_path: Path) -> None:
    module = build()
    pit.write_checkpoint(module, tmp_path / "m.safetensors", key=5, dtype=dtype)
    kind = dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype)
    assert read(tmp_path / "m.safetensors") == state(pit.materialize(build().to(kind), key=5))
    # the module itself keeps its own
    assert module.up.weight.dtype is torch.float32
    assert state(pit.materialize(module, key=5)) == state(pit.materialize(build(), key=5))


@pytest.mark.parametrize(
    "recipe",
    [
        pi.truncated_normal(std=0.1),
        {"up.weight": pi.orthogonal(), "mixed": "normal"},
        [pi.Rule("embedding.weight", pi.ones(), (2,))],
    ],
)
def test_recipes_are_those_of_materialize(recipe: Any, tmp_path: Path) -> None:
    pit.write_checkpoint(deferred(), tmp_path / "m.safetensors", key=5, recipe=recipe)
    assert read(tmp_path / "m.safetensors") == state(pit.materialize(deferred(), recipe, key=5))


def test_a_module_in_wrappers_has_the_names_of_what_is_wrapped(tmp_path: Path) -> None:
    plain = state(pit.materialize(deferred(), key=5))
    for wrap in (nn.DataParallel, compiled):
        pit.write_checkpoint(wrap(deferred()), tmp_path / "m.safetensors", key=5, overwrite=True)
        assert read(tmp_path / "m.safetensors") == plain
    inside = on_meta(lambda: nn.Sequential(compiled(nn.Linear(2, 3)), nn.Linear(3, 2)))
    receipt = pit.write_checkpoint(inside, tmp_path / "in.safetensors", key=5)
    assert [*receipt.to_dict()["tensors"]] == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_a_directory_has_shards_a_receipt_and_an_index(tmp_path: Path) -> None:
    receipt = pit.write_checkpoint(deferred(), tmp_path / "out", key=5, shard_size=1000, digest=True)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {*receipt.to_dict()["files"], "init.json", "model.safetensors.index.json"}
    found: dict[str, Any] = {}
    for name in receipt.to_dict()["files"]:
        found |= read(tmp_path / "out" / name)
    assert found == state(pit.materialize(deferred(), key=5))
    written = json.loads((tmp_path / "out" / "init.json").read_bytes())
    assert written["spec"] == "Net"
    assert written["tensors"]["up.weight"]["recipe"]["recipe"] == "uniform"
    assert written["tensors"]["product"]["recipe"] == "computed"


def test_a_plan_as_json_makes_the_same_bytes_or_says_what_it_lacks(tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    plan = plan_blueprint(draw_up(deferred(), key=5), file)
    again = CheckpointPlan.from_json(plan.to_json())
    assert again.fingerprint == plan.fingerprint
    pit.write_checkpoint(deferred(), file, key=5)
    expected = read(file)
    for draft in again.blueprint.drafts:
        data = np.empty(draft.nbytes, np.uint8)
        whole = pi.Window((0,) * len(draft.shape), draft.shape)
        if draft.content.kind == "computed":
            with pytest.raises(
                pi.RecipeError, match=f"'{draft.name}' is computed by Net; make the plan from"
            ):
                draft.content.fill(whole, draft.shape, data, 1)
        else:
            draft.content.fill(whole, draft.shape, data, 1)
            assert data.tobytes() == expected[draft.name][2]


def test_a_blueprint_stays_what_it_is_when_its_module_is_recorded_again(tmp_path: Path) -> None:
    module = deferred()
    drafts = draw_up(module, key=5).drafts
    expected = state(pit.materialize(deferred(), key=5))
    pit.materialize(module, key=5, prefix="part")
    for draft in drafts:
        data = np.empty(draft.nbytes, np.uint8)
        draft.content.fill(pi.Window((0,) * len(draft.shape), draft.shape), draft.shape, data, 1)
        assert data.tobytes() == expected[draft.name][2], draft.name


def test_plans_of_other_modules_have_other_fingerprints() -> None:
    def plan(build: Callable[[], Any], **options: Any) -> str:
        return plan_blueprint(draw_up(deferred(build), **{"key": 5, **options}), "m.safetensors").fingerprint

    class Twice(Net):
        def reset_parameters(self) -> None:
            super().reset_parameters()
            with torch.no_grad():
                self.product.mul_(2)

    class Longer(Net):
        def reset_parameters(self) -> None:
            super().reset_parameters()
            with torch.no_grad():
                self.product.copy_(torch.randn(6, 4) @ torch.randn(4, 5))

    Twice.__qualname__ = Longer.__qualname__ = "Net"
    ways = [plan(Net), plan(Net, key=6), plan(Twice), plan(Longer), plan(Net, dtype="float64")]
    assert plan(Net) == ways[0]
    assert len(set(ways)) == len(ways)


def test_memory_is_that_of_the_blocks(tmp_path: Path) -> None:
    """A file of 512 MiB, written in a process of its own, takes an eighth of that beside torch."""
    program = (
        "import sys, torch, pyinit.torch as pit\n"
        "def peak():\n"
        "    # getrusage would tell the parent's, which this process began as\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('VmHWM'))\n"
        "with pit.deferred(): module = torch.nn.Linear(2**14, 2**13)\n"
        "pit.write_checkpoint(torch.nn.Linear(3, 3, device='meta'), sys.argv[1] + '.safetensors', key=0)\n"
        "before = peak()\n"
        "pit.write_checkpoint(module, sys.argv[1] + 'large.safetensors', key=0, threads=2)\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "m")], capture_output=True, text=True, check=True
    )
    (tmp_path / "mlarge.safetensors").unlink()
    assert 0 < int(done.stdout) < 64 << 10


def unmade() -> Any:
    module = nn.Linear(3, 4)
    module.scale = nn.Parameter(torch.empty(4))
    return module


def with_extra_state() -> Any:
    class Extra(nn.Linear):  # type: ignore[misc,name-defined]
        def get_extra_state(self) -> Any:
            return {"step": 1}

    return Extra(3, 4)


def with_a_made_tensor() -> Any:
    module = nn.Linear(3, 4)

    def hook(module: Any, state: dict[str, Any], prefix: str, metadata: Any) -> None:
        state[f"{prefix}norm"] = module.weight.detach() * 2

    module.register_state_dict_post_hook(hook)
    return module


def with_complex_numbers() -> Any:
    module = nn.Linear(3, 4)
    module.register_buffer("phase", torch.zeros(3, dtype=torch.complex128))
    return module


def half_real() -> Any:
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
    module[1] = nn.Linear(4, 3, device="cpu")
    return module


@pytest.mark.parametrize(
    ("build", "options", "error", "said"),
    [
        (
            lambda: nn.Linear(3, 4, device="cpu"),
            {},
            pi.RecipeError,
            "'weight' of Linear is real. Build it under",
        ),
        (half_real, {}, pi.RecipeError, "'1.weight' of Sequential is real"),
        (unmade, {}, pi.RecipeError, "of 1 .* not tell: parameter 'scale': nothing is written to it"),
        (with_extra_state, {}, pi.RecipeError, "'_extra_state' of Extra is a dict"),
        (with_a_made_tensor, {}, pi.RecipeError, "'norm' is made only for its state dict"),
        (lambda: nn.LazyLinear(3), {}, pi.LayoutError, "'weight' of LazyLinear is lazy"),
        (lambda: nn.Linear(3, 4), {"dtype": "int8"}, pi.DTypeError, "must be one of float32, .*; got 'int8'"),
        (lambda: nn.Linear(3, 4), {"recipe": {"nose": "zeros"}}, pi.RecipeError, "nose"),
        (lambda: nn.Linear(3, 4), {"key": "0"}, pi.SeedError, "key"),
        (lambda: nn.Linear(3, 4), {"shard_size": 0}, pi.SpecError, "shard_size"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(
    build: Callable[[], Any], options: dict[str, Any], error: type[Exception], said: str, tmp_path: Path
) -> None:
    module = on_meta(build)
    with pytest.raises(error, match=said):
        pit.write_checkpoint(module, tmp_path / "out", **{"key": 0, **options})
    assert list(tmp_path.iterdir()) == []


def test_more_that_is_refused(tmp_path: Path) -> None:
    with pytest.raises(pi.RecipeError, match=r"needs a torch\.nn\.Module; got dict"):
        pit.write_checkpoint({"w": (2, 3)}, tmp_path / "out", key=0)
    with pytest.raises(pi.DTypeError, match="'phase' has dtype 'complex128'; known are"):
        pit.write_checkpoint(deferred(with_complex_numbers), tmp_path / "out", key=0)
    module = deferred()
    module.up.weight = nn.Parameter(torch.zeros(13, 8))
    with pytest.raises(pi.RecipeError, match=r"'up\.weight' of Net is real"):
        pit.write_checkpoint(module, tmp_path / "out", key=0)
    pit.write_checkpoint(deferred(), tmp_path / "m.safetensors", key=0)
    with pytest.raises(FileExistsError, match="exists"):
        pit.write_checkpoint(deferred(), tmp_path / "m.safetensors", key=1)
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_parameter_that_a_recorded_constructor_computes_is_real_and_written(tmp_path: Path) -> None:
    """As the scale of CLIP, which is log(1 / 0.07)."""

    class Scaled(nn.Linear):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__(3, 4)
            self.scale = nn.Parameter(torch.tensor(2.6592))

    for dtype in (None, "bfloat16"):
        pit.write_checkpoint(deferred(Scaled), tmp_path / "m.safetensors", key=0, dtype=dtype, overwrite=True)
        module = deferred(Scaled)
        made = pit.materialize(module if dtype is None else module.to(torch.bfloat16), key=0)
        assert read(tmp_path / "m.safetensors") == state(made)
