"""A model of Llama 3 8 B's shapes in bfloat16, from the meta device to the card."""

from __future__ import annotations

import time

import torch

import pyinit as pi
import pyinit.torch as pit

_VOCABULARY, _WIDTH, _LAYERS, _KEYS, _INNER = 128256, 4096, 32, 1024, 14336
_BAR_SECONDS, _BAR_PEAK = 1.0, 1.01


class Norm(torch.nn.Module):
    """RMS norm's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.empty(_WIDTH))

    def reset_parameters(self) -> None:
        """Write ones."""
        torch.nn.init.ones_(self.weight)


def _linear(inputs: int, outputs: int) -> torch.nn.Linear:
    return torch.nn.Linear(inputs, outputs, bias=False)


class Layer(torch.nn.Module):
    """The weights of a decoder layer, by Llama's names."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.o_proj = _linear(_WIDTH, _WIDTH), _linear(_WIDTH, _WIDTH)
        self.k_proj, self.v_proj = _linear(_WIDTH, _KEYS), _linear(_WIDTH, _KEYS)
        self.gate_proj, self.up_proj = _linear(_WIDTH, _INNER), _linear(_WIDTH, _INNER)
        self.down_proj = _linear(_INNER, _WIDTH)
        self.input_layernorm, self.post_attention_layernorm = Norm(), Norm()


class Model(torch.nn.Module):
    """All weights of the model."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(_VOCABULARY, _WIDTH)
        self.layers = torch.nn.ModuleList(Layer() for _ in range(_LAYERS))
        self.norm, self.lm_head = Norm(), _linear(_WIDTH, _VOCABULARY)


def run() -> int:
    """Print time and peak, and compare some rows with the CPU; the exit status is 1 over a bar."""
    # the kernels of another process are compiled, and loaded here: what a second model takes
    pit.materialize(_on_meta(torch.nn.Linear(8, 8, device="meta")), "normal", key=0, device="cuda")
    best, peak, size = float("inf"), 0.0, 0
    for _ in range(2):
        model = _on_meta(None)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        began = time.perf_counter()
        pit.materialize(model, pi.normal(std=0.02), key=0, device="cuda")
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
        size = sum(parameter.nbytes for parameter in model.parameters())
        peak = (torch.cuda.max_memory_allocated() - before) / size
        wrong = _differences(model)
        del model
    print(
        f"{size / 2e9:.2f} B parameters in bfloat16: {best:.3f} s (bar {_BAR_SECONDS} s), peak {peak:.4f} "
        f"of the model (bar {_BAR_PEAK}), {wrong} of the rows compared differ"
    )
    return int(best > _BAR_SECONDS or peak > _BAR_PEAK or wrong > 0)


def _on_meta(module: torch.nn.Module | None) -> torch.nn.Module:
    if module is not None:
        return module
    with torch.device("meta"):
        return Model().to(torch.bfloat16)


def _differences(model: torch.nn.Module) -> int:
    """Count the tensors whose last rows are not those of the CPU."""
    wrong = 0
    for name, parameter in model.named_parameters():
        if parameter.dim() != 2:
            continue
        first, rows = parameter.shape[0] - 4, 4
        window = pi.Window((first, 0), tuple(parameter.shape))
        right = torch.empty(rows, parameter.shape[1], dtype=parameter.dtype)
        pit.fill(right, pi.normal(std=0.02), key=pi.key(0).fold_in(name), window=window)
        wrong += not torch.equal(parameter.detach()[first:].cpu(), right)
    return wrong
