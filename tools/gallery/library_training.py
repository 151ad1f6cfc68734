"""Small models of transformers and timm, trained from a recipe and from their library's own start."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

import pyinit as pi
import pyinit.torch

__all__ = ["CASES", "Case", "apart", "curves"]

Loss = Callable[[torch.nn.Module, int], torch.Tensor]
Curves = npt.NDArray[np.float64]

_LETTERS, _TEXT, _PIXELS, _PATCH = 128, 16, 28, 7
_LAYERS, _STATES = 2, 8
WINDOW = 10
"""Steps whose mean loss is one point of a curve."""


@dataclass(frozen=True)
class Case:
    """A model, what it learns, and the recipe that its library's own start is compared with.

    Parameters
    ----------
    title, recipe : str
        The model's name, and its recipe's.
    make : callable
        Builds the model, which begins as the library starts it.
    rules : callable
        The recipe of pyinit for it.
    loss : callable
        Takes the number of steps, and returns the loss of a model at a step.
    rate : float
        AdamW's learning rate.
    """

    title: str
    recipe: str
    make: Callable[[], torch.nn.Module]
    rules: Callable[[], Sequence[pi.Rule]]
    loss: Callable[[int], Loss]
    rate: float


def _llama() -> torch.nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=_LETTERS,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=_LAYERS,
            num_attention_heads=4,
            num_key_value_heads=2,
            pad_token_id=None,
        )
    )


def _mamba() -> torch.nn.Module:
    from transformers import MambaConfig, MambaForCausalLM

    return MambaForCausalLM(
        MambaConfig(
            vocab_size=_LETTERS,
            hidden_size=48,
            state_size=_STATES,
            num_hidden_layers=_LAYERS,
            pad_token_id=None,
            bos_token_id=None,
            eos_token_id=None,
        )
    )


def _vit() -> torch.nn.Module:
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        img_size=_PIXELS,
        patch_size=_PATCH,
        in_chans=1,
        embed_dim=48,
        depth=_LAYERS,
        num_heads=4,
        num_classes=10,
    )


def _letters(steps: int) -> Loss:
    """Return the loss of the next letter in Python's own documentation."""
    from pydoc_data.topics import topics

    text = "\n".join(topics.values()).encode("ascii", "ignore")
    letters = torch.from_numpy(np.frombuffer(text, np.uint8).astype(np.int64))
    starts = np.random.default_rng(0).integers(0, len(letters) - _TEXT, (steps, 16))
    batches = letters[torch.from_numpy(starts)[..., None] + torch.arange(_TEXT)]
    return lambda model, step: model(input_ids=batches[step], labels=batches[step]).loss


def _digits(steps: int) -> Loss:
    """Return the loss of handwritten digits."""
    data = pi.data.mnist_5k().standardized()
    rows = np.random.default_rng(0).permutation(data.train)[: steps * 20].reshape(steps, -1)
    shape = (*rows.shape, 1, _PIXELS, _PIXELS)
    inputs = torch.from_numpy(np.asarray(data.inputs[rows], np.float32)).reshape(shape)
    targets = torch.from_numpy(np.asarray(data.targets[rows], np.int64))
    return lambda model, step: torch.nn.functional.cross_entropy(model(inputs[step]), targets[step])


CASES = {
    "llama": Case("Llama", "hf", _llama, lambda: pi.recipes("hf"), _letters, 3e-3),
    "vit": Case(
        "ViT", "vit-timm", _vit, lambda: pi.recipes("vit-timm", patch_fan_in=_PATCH**2), _digits, 1e-3
    ),
    "mamba": Case(
        "Mamba", "mamba", _mamba, lambda: pi.recipes("mamba", depth=_LAYERS, states=_STATES), _letters, 3e-3
    ),
}
"""The models, by name."""


def _trained(model: torch.nn.Module, loss: Loss, rate: float, steps: int) -> list[float]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    losses = []
    for step in range(steps):
        value = loss(model, step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    return losses


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: models of this size gain nothing from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def curves(case: Case, seeds: Sequence[int], steps: int, *, own: bool = False, factor: float = 1.0) -> Curves:
    """Train a model from each seed, on the same data.

    Parameters
    ----------
    case : Case
    seeds : sequence of int
    steps : int
        A multiple of `WINDOW`.
    own : bool
        Whether the model begins as its library starts it; else by the recipe.
    factor : float
        Multiplies all matrices of the start.

    Returns
    -------
    ndarray
        (seeds, steps / `WINDOW`): mean losses of windows.
    """
    loss, rules = case.loss(steps), () if own else case.rules()

    def started(seed: int) -> torch.nn.Module:
        torch.manual_seed(seed)
        if own:
            return case.make()
        with pyinit.torch.deferred():
            model = case.make()
        pyinit.torch.materialize(model, rules, key=seed)
        return model

    found = []
    with _one_thread():
        for seed in seeds:
            model = started(seed)
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.dim() > 1 and factor != 1.0:
                        parameter.mul_(factor)
            found.append(_trained(model, loss, case.rate, steps))
    return np.array(found).reshape(len(seeds), -1, WINDOW).mean(axis=2)


def apart(one: Curves, other: Curves) -> Curves:
    """Return how many standard errors the means of two sets of curves are apart, at each window."""
    noise = np.sqrt(one.var(axis=0, ddof=1) / len(one) + other.var(axis=0, ddof=1) / len(other))
    distance: Curves = np.abs(one.mean(axis=0) - other.mean(axis=0)) / noise
    return distance
