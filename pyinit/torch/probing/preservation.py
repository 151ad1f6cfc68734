"""A module runs, and everything in it is restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

__all__ = ["as_found"]


@contextmanager
def as_found(module: torch.nn.Module, *, gradients: bool) -> Iterator[None]:
    """Run a block with gradients of every parameter or of none, and restore everything after it.

    The flags of training and of gradients, ``.grad``, buffers, and the states of torch's generators are
    restored, on the CPU and on the devices of the module.
    """
    modules = list(module.modules())
    training = [one.training for one in modules]
    parameters = list(module.parameters())
    before = [(one.requires_grad, one.grad) for one in parameters]
    buffers = [dict(one._buffers) for one in modules]
    kept = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    devices = sorted({one.device.index or 0 for one in parameters if one.is_cuda})
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=devices))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.set_grad_enabled(gradients))
        try:
            for one in parameters:
                if gradients and one.is_leaf and one.is_floating_point() and not one.is_inference():
                    one.requires_grad_(True)
            yield
        finally:
            for one, (requires, gradient) in zip(parameters, before, strict=True):
                if one.requires_grad != requires:
                    one.requires_grad_(requires)
                one.grad = gradient
            for owner, own, was in zip(modules, buffers, training, strict=True):
                owner._buffers.clear()
                owner._buffers.update(own)
                owner.training = was
            for buffer, copy in kept:
                # the kernels of batch normalization do not raise versions
                if not torch.equal(buffer, copy):
                    with torch.inference_mode(buffer.is_inference()), torch.no_grad():
                        buffer.copy_(copy)
