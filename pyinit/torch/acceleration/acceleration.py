"""`accelerate`: code that was written for torch alone builds its models with pyinit's kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ...stream.arguments import check_threads
from ...stream.key import Key, as_key
from . import detours
from .context import Context, enter, leave
from .interception import Interception

__all__ = ["accelerate"]


@contextmanager
def accelerate(*, key: int | Key = 0, threads: int | None = None) -> Iterator[Context]:
    """Make torch's draws of weights with pyinit's kernels, in a ``with`` block or a decorated function.

    Code that builds eager models (modules of torch.nn and its own, timm's, the ``from_config`` of
    transformers) runs in the block without changes. It is faster where tensors are large: a matrix of 100 x
    100 makes up for what the block costs, which is a few microseconds for each layer of torch.nn, and one or
    two for each other operation. The k-th fill of the block, counted from 0, has the key ``key.fold_in(k)``,
    so that the same code makes the same weights in each run, with any number of threads.

    Parameters
    ----------
    key : int or Key
        Decides every draw of the block; an int is a seed. ``torch.manual_seed`` decides none.
    threads : int, optional
        At most this many threads for each fill; by default PYINIT_NUM_THREADS, else the CPUs of this
        process. The values do not depend on it.

    Yields
    ------
    Context
        Its ``fills`` is the number of draws that pyinit has made in the block so far.

    Raises
    ------
    SeedError
        If the key is not one.
    RecipeError
        If `threads` is not a positive integer.
    LayoutError
        If a function of torch.nn.init, or a draw under ``no_grad``, is given a tensor that autograd knows to
        be computed, such as a parametrized weight: what torch writes there is lost. Also a RuntimeError. If
        torch would draw a tensor of which this rank holds only a part.
    RuntimeError
        If another thread leaves the block than the one that entered it. The block ends nevertheless.

    Notes
    -----
    *Taken over*: ``Tensor.normal_`` and ``uniform_``; ``torch.rand``, ``randn``, ``rand_like``,
    ``randn_like``, and ``normal`` with numbers for mean and std; every function of ``torch.nn.init`` and
    timm's truncated normals, whether they are imported early or not. The tensor has to be on the CPU or on a
    CUDA device, where the same bits are drawn, in float32, float64, bfloat16 or float16. Each value has the
    distribution of torch's call and is rounded once; a truncated, sparse or orthogonal draw is one fill.

    *Left to torch*: a call with a ``generator``, whose caller wants that generator's numbers; meta, fp8,
    complex, integer, sparse and quantized tensors, and those of other devices; tensor subclasses that
    redefine operations (DTensor, FakeTensor); whatever a dispatch mode, a transform of torch.func,
    torch.compile or a tracer has to see; functions that torch's function modes do not see, such as
    ``torch.ops`` and scripted functions; numbers that pyinit refuses and torch does not, such as an infinite
    mean; and ``bernoulli_``, ``exponential_``, ``random_``, ``randperm`` and all other draws. These advance
    torch's generator; the calls that are taken over do not.

    *Parts of tensors*: a parameter that DeepSpeed's ZeRO-3, the first FSDP with ``use_orig_params=True`` or
    Megatron has cut is drawn with the numbers and the fans of the whole tensor, of which each rank makes its
    part; enter the block on all ranks and draw in the same order. In it, such a parameter's ``data`` is known
    as its part, zeros, ones and constants are written, and `eye_`, `dirac_` and draws that are left to torch
    are refused.

    *Nested blocks*: the inner key governs; afterwards the outer block continues where it was.

    *Threads*: a block governs the thread that entered it, and the same thread has to leave it. Other threads,
    also those that the block starts, draw with torch unless they enter a block of their own. Coroutines of
    one thread share the thread's innermost block.

    *Fork*: a child continues in the block in which it was forked, with its own count, and draws the same as
    its parent does.

    Leaving the block, also by an exception, restores every function that was replaced.

    Examples
    --------
    >>> import torch
    >>> with accelerate(key=0) as block:
    ...     model = torch.nn.Sequential(torch.nn.Linear(784, 100), torch.nn.Linear(100, 10))
    >>> block.fills
    4
    >>> with accelerate(key=0):
    ...     again = torch.nn.Linear(784, 100)
    >>> torch.equal(model[0].weight, again.weight)
    True
    """
    context = Context(as_key(key), check_threads(threads))
    detours.install()
    enter(context)
    try:
        with Interception():
            context.depth = torch._C._len_torch_function_stack()
            yield context
    finally:
        leave(context)
        detours.restore()
