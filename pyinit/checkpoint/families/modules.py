"""The tensors of the usual modules, named and stored as in torch's state dicts."""

from __future__ import annotations

from collections.abc import Iterator

from ..spec import TensorSpec

Tensors = Iterator[TensorSpec]


def linear(name: str, inputs: int, outputs: int, bias: bool = True) -> Tensors:
    """Tensors of ``torch.nn.Linear``."""
    yield TensorSpec(f"{name}.weight", (outputs, inputs), layout="torch")
    if bias:
        yield TensorSpec(f"{name}.bias", (outputs,))


def conv1d(name: str, inputs: int, outputs: int) -> Tensors:
    """Tensors of GPT-2's Conv1D: a linear layer stored (in, out)."""
    yield TensorSpec(f"{name}.weight", (inputs, outputs), layout="jax")
    yield TensorSpec(f"{name}.bias", (outputs,))


def convolution(name: str, inputs: int, outputs: int, kernel: tuple[int, int], bias: bool = False) -> Tensors:
    """Tensors of ``torch.nn.Conv2d``."""
    yield TensorSpec(f"{name}.weight", (outputs, inputs, *kernel), layout="torch", is_convolution=True)
    if bias:
        yield TensorSpec(f"{name}.bias", (outputs,))


def embedding(name: str, rows: int, size: int) -> Tensors:
    """Tensors of ``torch.nn.Embedding``."""
    yield TensorSpec(f"{name}.weight", (rows, size), layout="torch")


def layer_norm(name: str, size: int) -> Tensors:
    """Tensors of ``torch.nn.LayerNorm``."""
    yield TensorSpec(f"{name}.weight", (size,))
    yield TensorSpec(f"{name}.bias", (size,))


def rms_norm(name: str, size: int) -> Tensors:
    """Tensors of an RMS norm: a scale alone."""
    yield TensorSpec(f"{name}.weight", (size,))


def batch_norm(name: str, size: int) -> Tensors:
    """Tensors of ``torch.nn.BatchNorm2d``, buffers included."""
    yield from layer_norm(name, size)
    yield TensorSpec(f"{name}.running_mean", (size,))
    yield TensorSpec(f"{name}.running_var", (size,))
    yield TensorSpec(f"{name}.num_batches_tracked", (), "int64")
