"""Tensors that several modules hold: one beginning for all, also where sharding has made two of one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402
from torch import nn  # noqa: E402
from torch.distributed.device_mesh import DeviceMesh  # noqa: E402
from torch.distributed.fsdp import fully_shard  # noqa: E402
from torch.distributed.tensor import DTensor, Replicate, distribute_module  # noqa: E402
from torch.distributed.tensor.parallel import (  # noqa: E402
    ColwiseParallel,
    RowwiseParallel,
    parallelize_module,
)
from torch.testing._internal.distributed.fake_pg import FakeStore  # noqa: E402

from pyinit.torch import deferred, materialize  # noqa: E402

from ...older import older  # noqa: E402
from ..sharding_cache import forget_meshes  # noqa: E402

# the buffers that it computes are not written by a model's own methods
of_transformers_5 = pytest.mark.skipif(older("transformers", 5), reason="needs transformers 5")


def on_meta(build: Callable[[], Any]) -> Any:
    with torch.device("meta"):
        return build()


def on_deferred(build: Callable[[], Any]) -> Any:
    with deferred():
        return build()


class HeadFirst(nn.Module):
    """Its head is built first, and its embedding decides: std 1 in eager torch, 0.07 by the head."""

    def __init__(self, padding: int | None = None) -> None:
        super().__init__()
        self.head = nn.Linear(64, 32, bias=False)
        self.embed = nn.Embedding(32, 64, padding_idx=padding)
        self.head.weight = self.embed.weight


class Agreed(HeadFirst):
    """Both begin in one way."""

    def __init__(self) -> None:
        super().__init__()
        self.apply(self._init_weights)

    def _init_weights(self, module: Any) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)


def test_owners_that_disagree_are_named() -> None:
    message = "'head.weight' is one tensor with 'embed.weight', whose modules initialize it differently"
    with pytest.warns(UserWarning, match=message):
        module = materialize(on_meta(HeadFirst), key=0)
    assert module.head.weight is module.embed.weight
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = materialize(on_deferred(HeadFirst), key=0)
        materialize(on_meta(Agreed), key=0)
    assert made.head.weight is made.embed.weight
    assert abs(float(made.head.weight.detach().std()) - 1) < 0.1


def test_torchs_count_of_writes_tells_owners_apart() -> None:
    """An embedding with a row of padding is written to twice, and a head once."""
    made = materialize(on_meta(lambda: HeadFirst(3)), key=0)
    assert abs(float(made.head.weight.detach().std()) - 1) < 0.1
    assert not made.embed.weight[3].any()


def language_model(kind: str, **options: Any) -> Callable[[], Any]:
    """Return how a small model of transformers is built, whose head is tied to its embedding."""
    transformers = pytest.importorskip("transformers")
    name = {"llama": "Llama", "xlm-roberta": "XLMRoberta", "camembert": "Camembert", "bert": "Bert"}[kind]
    task = "ForCausalLM" if kind == "llama" else "ForMaskedLM"
    sizes = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1}
    sizes |= {"num_attention_heads": 2, "tie_word_embeddings": True, "pad_token_id": 3}
    config = getattr(transformers, f"{name}Config")(**sizes, **options)
    return lambda: getattr(transformers, f"{name}{task}")(config)


@of_transformers_5
@pytest.mark.parametrize("kind", ["llama", "xlm-roberta", "camembert", "bert"])
def test_a_transformers_model_says_which_name_decides(kind: str, torchvision_loads: None) -> None:
    """The row of padding is zero in eager torch, though some list the head first."""
    build = language_model(kind)
    eager = build()
    for made in (materialize(on_meta(build), key=0), materialize(on_deferred(build), key=0)):
        embedding, head = made.get_input_embeddings().weight, made.get_output_embeddings().weight
        assert embedding is head
        expected = eager.get_input_embeddings().weight
        assert torch.equal((embedding == 0).all(1), (expected == 0).all(1))
        assert abs(float(embedding.detach().std() / expected.detach().std()) - 1) < 0.1


@contextmanager
def one_of(world_size: int, rank: int) -> Iterator[DeviceMesh]:
    """Be one rank of a mesh of so many; nobody answers."""
    dist.init_process_group("fake", rank=rank, world_size=world_size, store=FakeStore())
    try:
        yield DeviceMesh("cpu", torch.arange(world_size))
    finally:
        dist.destroy_process_group()
        forget_meshes()


def parts(model: Any, mesh: DeviceMesh) -> None:
    for part in (model.get_input_embeddings(), model.get_output_embeddings(), model):
        fully_shard(part, mesh=mesh)


def head_first(model: Any, mesh: DeviceMesh) -> None:
    for part in (model.get_output_embeddings(), model):
        fully_shard(part, mesh=mesh)


def tensor_parallel(model: Any, mesh: DeviceMesh) -> None:
    inputs = RowwiseParallel(input_layouts=Replicate())
    parallelize_module(model, mesh, {"model.embed_tokens": inputs, "lm_head": ColwiseParallel()})


CUTS = [parts, head_first, tensor_parallel, lambda model, mesh: distribute_module(model, mesh)]


@of_transformers_5
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("build", [on_meta, on_deferred])
def test_a_tie_that_sharding_cut_has_equal_bits(cut: Any, build: Any, torchvision_loads: None) -> None:
    """In eager torch the same calls cut one tensor into two of equal numbers."""
    model = language_model("llama")
    whole = materialize(on_meta(model), key=7)
    for rank in range(2):
        with one_of(2, rank) as mesh:
            module = build(model)
            cut(module, mesh)
            inputs, outputs = module.get_input_embeddings(), module.get_output_embeddings()
            assert inputs.weight is not outputs.weight
            materialize(module, key=7)
            expected = whole.lm_head.weight.detach()
            for weight in (inputs.weight, outputs.weight):
                held = weight.to_local().detach()
                here = expected if held.shape == expected.shape else expected.chunk(2)[rank]
                assert torch.equal(held, here)


class Embedded(nn.Module):
    """A plain module with a tie, of which nothing but its constructor says."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(12, 6), nn.Linear(6, 12, bias=False)
        self.head.weight = self.embed.weight

    def get_input_embeddings(self) -> Any:
        return self.embed

    def get_output_embeddings(self) -> Any:
        return self.head


@pytest.mark.parametrize("cut", [parts, head_first])
def test_deferred_knows_ties_that_nothing_declares(cut: Any) -> None:
    for rank in range(2):
        with one_of(2, rank) as mesh:
            module = on_deferred(Embedded)
            cut(module, mesh)
            materialize(module, key=7)
            assert torch.equal(module.embed.weight.to_local(), module.head.weight.to_local())
            assert float(module.head.weight.to_local().detach().std()) > 0.5


@of_transformers_5
def test_a_declared_tie_of_two_plain_tensors_is_named(torchvision_loads: None) -> None:
    build = language_model("llama")

    def cloned(model: Any) -> Any:
        model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
        return model

    message = (
        "'lm_head.weight': the model declares it as tied to 'model.embed_tokens.weight', but it is another"
    )
    with pytest.raises(pi.RecipeError, match=message):
        materialize(cloned(on_meta(build)), key=0)
    made = materialize(cloned(on_deferred(build)), key=0)
    assert made.lm_head.weight is not made.model.embed_tokens.weight
    assert torch.equal(made.lm_head.weight, made.model.embed_tokens.weight)
    model = cloned(on_meta(build))
    model.tie_weights()
    assert materialize(model, key=0).lm_head.weight is model.model.embed_tokens.weight
    with one_of(2, 0) as mesh:
        model = on_meta(build)
        fully_shard(model.model.embed_tokens, mesh=mesh)
        with pytest.raises(pi.RecipeError, match=message):
            materialize(model, key=0)


class Constructed(nn.Module):
    """Initialized by its constructor alone."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 64)
        nn.init.normal_(self.fc.weight, std=0.02)
        nn.init.zeros_(self.fc.bias)


def test_a_sharded_module_may_be_cast() -> None:
    for build in (on_meta, on_deferred):
        layer = materialize(build(lambda: nn.Linear(64, 64)).to(torch.bfloat16), key=5)
        for first in (lambda m, mesh: fully_shard(m, mesh=mesh).to(torch.bfloat16), cast_and_shard):
            with one_of(2, 1) as mesh:
                module = first(build(lambda: nn.Linear(64, 64)), mesh)
                materialize(module, key=5)
                assert isinstance(module.weight, DTensor)
                assert torch.equal(module.weight.to_local().detach(), layer.weight.detach()[32:])


def cast_and_shard(module: Any, mesh: DeviceMesh) -> Any:
    return fully_shard(module.to(torch.bfloat16), mesh=mesh)


def test_what_a_constructor_drew_is_cast_after_sharding() -> None:
    with one_of(2, 0) as mesh:
        module = fully_shard(on_deferred(Constructed), mesh=mesh).to(torch.bfloat16)
        materialize(module, key=0)
        assert abs(float(module.fc.weight.to_local().detach().float().std()) / 0.02 - 1) < 0.1
        assert not module.fc.bias.to_local().any()


def test_writes_to_sharded_tensors_are_named() -> None:
    with one_of(2, 0) as mesh:
        for build in (on_meta, on_deferred):
            module = fully_shard(build(lambda: nn.Linear(64, 64)), mesh=mesh)
            nn.init.ones_(module.weight)
            with pytest.raises(
                pi.RecipeError, match="'weight' begins; it was written to after it was sharded"
            ):
                materialize(module, key=0)
        with pytest.warns(UserWarning, match="the constructor of Constructed seems to initialize weights"):
            materialize(fully_shard(on_meta(Constructed), mesh=mesh), key=0)
