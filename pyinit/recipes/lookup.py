"""The rules of a whole model by a name: of a model, of the library that starts it, or of a scheme."""

from __future__ import annotations

from typing import Any

from ..errors import RecipeError
from ..stream.arguments import brief
from .models.entry import Entry
from .models.registry import TABLE
from .names import suggestion
from .rules import Rule
from .schemes.registry import SCHEMES
from .schemes.registry import scheme as scheme_of

__all__ = ["entry_of", "recipes"]


def entry_of(name: object) -> Entry | None:
    """Return the line of the tables that has this name; None if none has it."""
    if not isinstance(name, str):
        return None
    return TABLE.get(name) or SCHEMES.get(name)


def recipes(name: str, **options: Any) -> tuple[Rule, ...]:
    """Return the rules by which a model begins, by the name of the model, of its library, or of a scheme.

    Parameters
    ----------
    name : str
        A name of the tables in ``docs/reference/models.md``, or one that `pyinit.register_model` added.
    **options
        What the rules need of the model, such as ``depth=32`` or ``width=4096``; the tables list them.

    Returns
    -------
    tuple of Rule
        For `pyinit.init_params`, `pyinit.write_checkpoint`, `pyinit.torch.materialize`,
        `pyinit.jax.init_tree` and all others that take rules. Put rules of your own in front:
        ``[("*.A_log", "zeros"), *pyinit.recipes("qwen3-next")]``. A tensor of which the recipe says nothing
        is an error, and so is a recipe that finds none of the tensors that it is about. Of a scheme, these
        are the rules alone: `pyinit.scheme` also returns its learning rates and multipliers.

    Raises
    ------
    RecipeError
        If the name or an option is unknown, or an option is missing, such as the depth of a recipe that
        divides by it.

    Examples
    --------
    >>> import pyinit as pi
    >>> shapes = {"h.0.attn.c_proj.weight": (64, 64), "h.0.attn.c_attn.weight": (64, 192),
    ...           "h.0.mlp.c_fc.weight": (64, 256), "h.0.mlp.c_proj.weight": (256, 64),
    ...           "wte.weight": (1000, 64)}
    >>> params = pi.init_params(shapes, pi.recipes("gpt2", depth=1), key=0)
    >>> bool(abs(params["h.0.mlp.c_proj.weight"].std() / (0.02 / 2**0.5) - 1) < 0.03)
    True
    >>> pi.recipes("deepnorm", depth=8) == tuple(pi.scheme("deepnorm", depth=8))
    True
    >>> pi.recipes("gpt2")
    Traceback (most recent call last):
    pyinit.errors.RecipeError: the model recipe 'gpt2' needs depth; got none. Write \
pyinit.recipes('gpt2', depth=...).
    """
    if isinstance(name, str) and name in TABLE:
        return TABLE[name].rules(options)
    if isinstance(name, str) and name in SCHEMES:
        return scheme_of(name, **options).rules
    known = suggestion(name, sorted((*TABLE, *SCHEMES))) if isinstance(name, str) else "Give a name."
    raise RecipeError(f"unknown model recipe {brief(name)}. {known}")
