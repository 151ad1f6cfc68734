"""Functions that make recipes under a name, and errors that say how to correct a wrong call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, ParamSpec, TypeVar

from ..errors import CallError, PyinitError
from ..stream.arguments import brief, is_integer
from .names import nearest

__all__ = ["Spoken", "maker"]

P = ParamSpec("P")
R = TypeVar("R")


class Spoken(NamedTuple):
    """The name that a recipe was made by, and what that name decided.

    Parameters
    ----------
    name : str
        Such as "xavier_uniform".
    options : tuple of (str, object)
        The name's own options that differ from their defaults, in order.
    decided : tuple of (str, object)
        Fields of the recipe that follow from the name and its options, with their values. If a field has
        another value, the name no longer describes the recipe.
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()
    decided: tuple[tuple[str, Any], ...] = ()


# what other libraries call a parameter
_FOREIGN: dict[str, tuple[str, ...]] = {
    "stddev": ("std",),
    "stdev": ("std",),
    "sigma": ("std",),
    "sd": ("std",),
    "scale": ("std",),
    "loc": ("mean",),
    "mu": ("mean",),
    "minval": ("low",),
    "maxval": ("high",),
    "lower": ("low",),
    "upper": ("high",),
    "a": ("low",),
    "b": ("high",),
    "val": ("value",),
    "fill_value": ("value",),
    "negative_slope": ("a",),
    "multiplier": ("gain",),
    "column_axis": ("out_axis",),
}
_OF_THE_CALL = ("shape", "size", "key", "seed", "rng", "generator", "dtype", "window", "threads", "tensor")
_HIDDEN = "spoken"


def maker(
    name: str, make: Callable[P, R], *, like: Callable[..., Any] | None = None, options: Iterable[str] = ()
) -> Callable[P, R]:
    """Return a function that makes recipes under a name, and reports a wrong call under that name.

    Parameters
    ----------
    name : str
        What callers write.
    make : callable
        A class of recipes, or a function that returns one.
    like : callable, optional
        The function behind `make`, which gives it the name as the first argument: the maker has its
        documentation, and its other parameters. By default `make`.
    options : iterable of str
        The names that `make` takes as ``**options``.

    Returns
    -------
    callable
        With the signature of `make`. It raises a `CallError` for arguments that `make` does not have, and for
        a shape, which belongs in the call of the recipe.

    Examples
    --------
    >>> from pyinit.recipes.makers import maker
    >>> maker("half", lambda *, of=1.0: of / 2)(of=3.0)
    1.5
    >>> maker("half", lambda *, of=1.0: of / 2)(3.0)
    Traceback (most recent call last):
    pyinit.errors.CallError: half takes of by name; got 3.0. Write half(of=3.0).
    """
    origin: Any = make if like is None else like
    signature = _signature(origin, 0 if like is None else 1)
    call = _Call(name, signature, tuple(options))

    @functools.wraps(origin)
    def made(*args: P.args, **kwargs: P.kwargs) -> R:
        call.check(args, kwargs)
        try:
            return make(*args, **kwargs)
        except PyinitError:
            if args and _is_shape(args[0]):
                raise call.forgotten(brief(args[0])) from None
            raise

    made.__name__ = made.__qualname__ = name
    vars(made)["__signature__"] = signature
    return made


@functools.cache
def _signature(origin: Callable[..., Any], given: int) -> inspect.Signature:
    """Return the signature without the first `given` parameters and without those that no caller gives."""
    signature = inspect.signature(origin)
    kept = [one for one in list(signature.parameters.values())[given:] if one.name != _HIDDEN]
    return signature.replace(parameters=kept)


class _Call:
    """The parameters of a maker, and the errors of calls that do not fit them."""

    def __init__(self, name: str, signature: inspect.Signature, options: tuple[str, ...]) -> None:
        self.name = name
        self.signature = signature
        self.options = options

    @functools.cached_property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """The parameters with names of their own."""
        listed = self.signature.parameters.values()
        return tuple(one for one in listed if one.kind is not inspect.Parameter.VAR_KEYWORD)

    @functools.cached_property
    def own(self) -> tuple[str, ...]:
        """The names of these parameters."""
        return tuple(one.name for one in self.parameters)

    @functools.cached_property
    def known(self) -> frozenset[str]:
        """All names that a call may give."""
        return frozenset((*self.own, *self.options))

    @functools.cached_property
    def places(self) -> tuple[str, ...]:
        """The parameters that may be given by position."""
        positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return tuple(one.name for one in self.parameters if one.kind is positional)

    @functools.cached_property
    def needed(self) -> tuple[str, ...]:
        """The parameters without a default."""
        return tuple(one.name for one in self.parameters if one.default is inspect.Parameter.empty)

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise the error of arguments that do not fit."""
        if len(args) > len(self.places):
            raise self._by_position(args)
        for given in kwargs:
            if given not in self.known:
                raise self._unknown(given, kwargs[given])
        filled = self.places[: len(args)]
        for place in filled:
            if place in kwargs:
                raise CallError(f"{self.name} got {place} twice, by position and by name. Give it once.")
        for needed in self.needed:
            if needed not in filled and needed not in kwargs:
                raise CallError(f"{self.name} needs {needed}; got none. Write {self.name}({needed}=...).")

    def forgotten(self, given: str) -> CallError:
        """Return the error of a shape, or a key, that was given to the maker instead of the recipe."""
        needed = "..." if self.needed else ""
        return CallError(
            f"{self.name} makes a recipe, and the recipe is called with a shape and a key; got {given}. "
            f"Write {self.name}({needed})((784, 256), key=0)."
        )

    def _by_position(self, args: Sequence[Any]) -> CallError:
        extra = brief(args[len(self.places)])
        if _is_shape(args[0]):
            return self.forgotten(brief(args[0]))
        if len(args) > 1 and _is_shape(args) and min(args) > 1:
            # sizes without a tuple, as NumPy's rand and torch's empty take them
            return self.forgotten(", ".join(map(brief, args)))
        named = [name for name in self.own if name not in self.places]
        if not named:
            takes = ", ".join(self.places) or "no numbers"
            return CallError(f"{self.name} takes {takes}; got {extra} as well. Leave it out.")
        of_floats = {one.name for one in self.parameters if isinstance(one.default, float)}
        numbers = [name for name in named if name in of_floats] or named
        ways = " or ".join(f"{self.name}({name}={extra})" for name in numbers[:2])
        return CallError(f"{self.name} takes {', '.join(named)} by name; got {extra}. Write {ways}.")

    def _unknown(self, given: str, value: Any) -> CallError:
        if given in _OF_THE_CALL:
            return self.forgotten(f"{given}={brief(value)}")
        takes = ", ".join((*self.own, *self.options)) or "nothing"
        advice = self._advice(given, brief(value))
        return CallError(f"{self.name} takes {takes}; got {given}={brief(value)}. {advice}")

    def _advice(self, given: str, value: str) -> str:
        if given == "nonlinearity":
            if "a" in self.own:
                return "The default is for relu; for leaky relu, give its slope as a=. Leave the name out."
            if "gain" in self.own:
                return f"Write gain=pyinit.gain({value})."
        if given in ("a", "b") and "unit" in self.own:
            return f'Write {_FOREIGN[given][0]}={value}, unit="absolute".'
        for name in _FOREIGN.get(given, ()):
            if name in self.own:
                return f"Write {name}={value}."
        found = nearest(given, self.known)
        return f"Did you mean {', '.join(found)}?" if found else "Leave it out."


def _is_shape(value: Any) -> bool:
    """Return whether a value is a tuple or list of integers."""
    return isinstance(value, tuple | list) and len(value) > 0 and all(is_integer(n) for n in value)
