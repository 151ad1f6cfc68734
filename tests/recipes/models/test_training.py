"""Small models that learn for 200 steps from pyinit's recipe and from their library's own start.

Of five seeds each, the means of the last losses differ by less than 4 times what the seeds make of it; a
start that is too large is told apart, so that the test can fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyinit as pi

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.usefixtures("torchvision_loads")]

STEPS, SEEDS, LAST = 200, 5, 20


def _llama() -> Any:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=64,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=None,
    )
    return transformers.LlamaForCausalLM(config)


def _sequences() -> Callable[[Any, int], Any]:
    """Return the loss of a step on sequences in which each word follows from the two before, mostly."""
    torch = pytest.importorskip("torch")
    words = np.zeros((STEPS, 16, 32), np.int64)
    rng = np.random.default_rng(0)
    words[..., :2] = rng.integers(0, 64, (STEPS, 16, 2))
    for at in range(2, 32):
        known = (3 * words[..., at - 1] + 5 * words[..., at - 2]) % 64
        words[..., at] = np.where(rng.random((STEPS, 16)) < 0.9, known, rng.integers(0, 64, (STEPS, 16)))
    batches = torch.from_numpy(words)
    return lambda model, step: model(input_ids=batches[step], labels=batches[step]).loss


def _vit() -> Any:
    vision = pytest.importorskip("timm.models.vision_transformer")
    return vision.VisionTransformer(
        img_size=28, patch_size=7, in_chans=1, embed_dim=48, depth=2, num_heads=4, num_classes=10
    )


def _digits() -> Callable[[Any, int], Any]:
    torch = pytest.importorskip("torch")
    data = pi.data.mnist_5k().standardized()
    rows = np.random.default_rng(0).permutation(data.train)[: STEPS * 20].reshape(STEPS, -1)
    inputs = torch.from_numpy(np.asarray(data.inputs[rows], np.float32)).reshape(STEPS, -1, 1, 28, 28)
    targets = torch.from_numpy(np.asarray(data.targets[rows], np.int64))
    return lambda model, step: torch.nn.functional.cross_entropy(model(inputs[step]), targets[step])


CASES: dict[str, Any] = {
    "llama": (_llama, _sequences, ("hf", {}), 3e-3),
    "vit": (_vit, _digits, ("vit-timm", {"patch_fan_in": 49}), 1e-3),
}


def _last(model: Any, loss: Callable[[Any, int], Any], rate: float) -> float:
    """Return the mean of the last losses of a training."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    losses = []
    for step in range(STEPS):
        value = loss(model, step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    return float(np.mean(losses[-LAST:]))


def _apart(one: list[float], other: list[float]) -> float:
    """Return how many deviations of their difference two means are apart."""
    noise = np.sqrt((np.var(one, ddof=1) + np.var(other, ddof=1)) / SEEDS)
    return float(abs(np.mean(one) - np.mean(other)) / noise)


@pytest.mark.parametrize("case", CASES)
def test_a_recipe_trains_as_the_librarys_own_start(case: str) -> None:
    torch = pytest.importorskip("torch")
    import pyinit.torch

    make, batches, (recipe, options), rate = CASES[case]
    loss, rules = batches(), pi.recipes(recipe, **options)

    def own(seed: int) -> Any:
        torch.manual_seed(seed)
        return make()

    def drawn(seed: int, factor: float = 1.0) -> Any:
        with pyinit.torch.deferred():
            model = make()
        pyinit.torch.materialize(model, rules, key=seed)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.mul_(factor)
        return model

    reference = [_last(own(seed), loss, rate) for seed in range(SEEDS)]
    ours = [_last(drawn(seed), loss, rate) for seed in range(SEEDS)]
    told = ", for ".join(f"{np.mean(each):.4f} +- {np.std(each):.4f}" for each in (ours, reference))
    assert _apart(ours, reference) < 4, told
    large = [_last(drawn(seed, 10.0), loss, rate) for seed in range(SEEDS)]
    assert _apart(large, reference) > 4, f"{told}; too large: {np.mean(large):.4f}"
