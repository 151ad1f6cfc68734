"""Functions of torch.nn.init that skip meta tensors, as those of torch 2.12 do, in an older torch, too.

`accelerate` and `deferred` learn of a call of `orthogonal_`, `sparse_`, `dirac_` or `trunc_normal_` when the
function reads the tensor's `is_meta`, wherever a module imported it to. An older torch does not read it.
`let_skip` replaces the code of such a function by one that reads it and then calls the original; for a tensor
with memory nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

__all__ = ["let_skip"]


# The code of these runs in torch.nn.init, under the names of its functions, with their parameters.


def orthogonal_(tensor: Any, gain: Any = 1, generator: Any = None) -> Any:
    return tensor if tensor.is_meta else _pyinit_orthogonal_(tensor, gain, generator)  # type: ignore[name-defined]  # noqa: F821


def sparse_(tensor: Any, sparsity: Any, std: Any = 0.01, generator: Any = None) -> Any:
    return tensor if tensor.is_meta else _pyinit_sparse_(tensor, sparsity, std, generator)  # type: ignore[name-defined]  # noqa: F821


def dirac_(tensor: Any, groups: Any = 1) -> Any:
    return tensor if tensor.is_meta else _pyinit_dirac_(tensor, groups)  # type: ignore[name-defined]  # noqa: F821


def _no_grad_trunc_normal_(tensor: Any, mean: Any, std: Any, a: Any, b: Any, generator: Any = None) -> Any:
    if tensor.is_meta:
        return tensor
    return _pyinit__no_grad_trunc_normal_(tensor, mean, std, a, b, generator)  # type: ignore[name-defined]  # noqa: F821


_SKIPPING: tuple[Any, ...] = (orthogonal_, sparse_, dirac_, _no_grad_trunc_normal_)


def let_skip(names: dict[str, Any]) -> None:
    """Let the functions of a namespace skip meta tensors, wherever they were imported to.

    Parameters
    ----------
    names : dict
        The namespace of ``torch.nn.init``. A function that reads `is_meta` itself stays as it is, and so does
        one that somebody else has put there, as transformers does while it loads a model.
    """
    for skipping in _SKIPPING:
        function: Callable[..., Any] = names[skipping.__name__]
        if not isinstance(function, FunctionType) or function.__globals__ is not names:
            continue
        if "is_meta" in function.__code__.co_names:
            continue
        original = FunctionType(
            function.__code__, names, function.__name__, function.__defaults__, function.__closure__
        )
        original.__kwdefaults__ = function.__kwdefaults__
        names[f"_pyinit_{function.__name__}"] = original
        function.__code__ = skipping.__code__
