"""An experiment as the query of a URL: short, one way to write each, and read strictly.

``data=spirals&depth=4&...&run=he_normal&run=critical_normal,scale:0.1,sigma_b:0.3``: `run` may come up to
four times; it is a recipe, then `name:value` for each parameter, for `scale` and for `sigma_b`. A setting
that is left out has its default. Numbers are written as JavaScript writes them, as the page's links are.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

from ...errors import ArgumentError
from ...stream.arguments import brief
from .experiment import Experiment
from .start import Parameter, Start

__all__ = ["from_query", "to_query"]

# the page's own: they decide nothing that is trained
_OF_THE_PAGE = {"view", "lang", "theme"}
_WHOLE = ("depth", "width", "batch_size", "steps", "seed")
_WORDS = ("data", "activation", "norm", "optimizer")
_NAMES = {*_WHOLE, *_WORDS, "learning_rate"}
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_LONGEST = 2000


def to_query(experiment: Experiment) -> str:
    """Return the query; `from_query` makes the same experiment of it.

    Examples
    --------
    >>> from pyinit.lab.experiment.experiment import Experiment
    >>> to_query(Experiment.from_dict({"data": "moons", "steps": 50, "runs": ["he_normal"]}))
    'data=moons&depth=4&width=16&activation=tanh&norm=none&optimizer=adam&learning_rate=0.01&batch_size=32&steps=50&seed=0&run=he_normal'
    """
    content = experiment.to_dict()
    runs = content.pop("runs")
    pairs = [f"{name}={_written(value)}" for name, value in content.items()]
    return "&".join([*pairs, *(f"run={_run(one)}" for one in runs)])


def from_query(query: str) -> Experiment:
    """Return the experiment of a query; a leading ``?`` or ``#`` is not part of it.

    Raises
    ------
    ArgumentError
        If it is not one: the message names the first part that is wrong.

    Examples
    --------
    >>> from_query("data=moons&run=zeros&run=sparse,sparsity:0.5").runs[1].parameters
    (('sparsity', 0.5),)
    """
    if len(query) > _LONGEST:
        raise ArgumentError(f"a link has at most {_LONGEST} characters; got {len(query)}. Copy it again.")
    content: dict[str, Any] = {}
    runs: list[Start] = []
    for part in query.removeprefix("?").removeprefix("#").split("&"):
        name, equals, raw = part.partition("=")
        if not part or name in _OF_THE_PAGE:
            continue
        value = _decoded(raw)
        if not equals or (name not in _NAMES and name != "run"):
            raise ArgumentError(f"a link has no setting {brief(part)}. Leave it out.")
        if name == "run":
            runs.append(_start(value))
        elif name in content:
            raise ArgumentError(f"a link names {name} twice. Keep one of them.")
        else:
            content[name] = _read(name, value)
    return Experiment.from_dict(content | ({"runs": runs} if runs else {}))


def _decoded(raw: str) -> str:
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError:
        raise ArgumentError(f"a link is UTF-8; got {brief(raw)}. Copy it again.") from None


def _read(name: str, value: str) -> Any:
    if name in _WORDS:
        return value
    pattern = _INTEGER if name in _WHOLE else _NUMBER
    if not pattern.fullmatch(value):
        kind = "an integer" if name in _WHOLE else "a number"
        raise ArgumentError(f"{name} must be {kind}; got {brief(value)}. Correct the link.")
    return int(value) if name in _WHOLE else float(value)


def _start(text: str) -> Start:
    recipe, *rest = text.split(",")
    content: dict[str, Any] = {}
    for part in rest:
        name, colon, value = part.partition(":")
        if not colon or not name or name in content:
            raise ArgumentError(
                f"a run is a recipe, then name:value for each parameter once; got {brief(text)}. Write "
                "run=he_normal,scale:0.5."
            )
        content[name] = _value(value)
    numbers = {name: content.pop(name) for name in ("scale", "sigma_b") if name in content}
    return Start.from_dict({"recipe": recipe, "parameters": content, **numbers})


def _value(text: str) -> Parameter:
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _run(one: dict[str, Any]) -> str:
    given = dict(one["parameters"])
    given |= {name: one[name] for name, usual in (("scale", 1.0), ("sigma_b", 0.0)) if one[name] != usual}
    return ",".join([one["recipe"], *(f"{name}:{_written(value)}" for name, value in given.items())])


def _written(value: Parameter) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value, safe="._-")
    if isinstance(value, int):
        return str(value)
    return _number(value)


def _number(value: float) -> str:
    """Return the shortest text that is this number, as JavaScript's String() writes it."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    power = int(exponent) + len(digits)
    if value == 0 or -6 < power <= 21:
        return format(Decimal(repr(value)).normalize(), "f")
    text = "".join(map(str, digits))
    mantissa = text[0] + (f".{text[1:]}" if len(text) > 1 else "")
    return f"{'-' * sign}{mantissa}e{power - 1:+d}"
