"""Code that was written for torch alone, and builds its models with pyinit's kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...stream.arguments import check_threads
from ...stream.key import Key, as_key
from . import detours
from .context import Context, enter, leave
from .interception import Interception

__all__ = ["accelerate"]


@contextmanager
def accelerate(*, key: int | Key = 0, threads: int | None = None) -> Iterator[Context]:
    """Make torch's draws of weights with pyinit's kernels, in a ``with`` block or a decorated function.

    Unchanged code that builds eager models (modules of torch.nn and its own, timm's, the ``from_config`` of
    transformers) runs inside, faster where tensors are large: a fill costs some tens of microseconds of
    Python, which a matrix of 100 x 100 makes up for and a bias does not. The k-th fill of the block, from 0,
    has the key ``key.fold_in(k)``: the same code makes the same weights in each run, with any number of
    threads.

    Parameters
    ----------
    key : int or Key
        Decides every draw of the block, an int as a seed; ``torch.manual_seed`` does not.
    threads : int, optional
        At most this many threads for each fill; by default PYINIT_NUM_THREADS, else the CPUs of this
        process. The values do not depend on it.

    Yields
    ------
    Context
        ``fills``, how many draws pyinit has made in the block so far.

    Raises
    ------
    SeedError
        If the key is not one.
    RecipeError
        If `threads` is not a positive integer.
    LayoutError
        If a function of torch.nn.init, or a draw under ``no_grad``, is given a tensor that is computed, such
        as a parametrized weight, and autograd recorded that: what torch writes there is lost. Also a
        RuntimeError.
    RuntimeError
        If another thread leaves the block than the one that entered it; the block is over then, too.

    Notes
    -----
    *Taken from torch*: ``Tensor.normal_`` and ``uniform_``; ``torch.rand``, ``randn``, ``rand_like``,
    ``randn_like``, and ``normal`` with numbers for mean and std; every function of ``torch.nn.init`` and
    timm's truncated normals, imported early or not; where the tensor is on the CPU and of float32, float64,
    bfloat16 or float16. Each value has the distribution that torch's call asks for and is rounded once;
    truncated, sparse and orthogonal draws are one fill.

    *Left to torch*: a call that is given a ``generator``, which asks for that generator's numbers; meta,
    CUDA, fp8, complex, integer, sparse and quantized tensors; tensor subclasses that redefine operations
    (DTensor, FakeTensor); whatever a dispatch mode, a transform of torch.func, torch.compile or a tracer
    is to see; what does not ask torch's function modes, such as ``torch.ops`` and scripted functions; numbers
    that pyinit refuses and torch does not, such as an infinite mean; and ``bernoulli_``,
    ``exponential_``, ``random_``, ``randperm`` and all other draws. These advance torch's generator; what is
    taken does not.

    *Blocks inside of blocks*: the inner key governs; then the outer block goes on where it was.

    *Threads*: a block governs the thread that entered it, and has to be left by it. Other threads, also those
    that the block starts, draw with torch unless they enter a block of their own. Coroutines of one thread
    share what its innermost block is at the time.

    *Fork*: a child goes on in the block that it was forked in, with a count of its own: what it draws then
    is what its parent draws then.

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
            yield context
    finally:
        leave(context)
        detours.restore()
