"""Rules with the learning rates and multipliers that belong to them, ready for an optimizer's groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, overload

from ...errors import RecipeError
from ...stream.arguments import number
from ...text import aligned
from ..matching import deciding
from ..rules import Rule, fits

__all__ = ["Scheme", "Share"]


@dataclass(frozen=True)
class Share:
    """What the parameters of a pattern need beside their initialization.

    Parameters
    ----------
    match : str
        A pattern, as in `pyinit.Rule`.
    learning_rate : float
        Multiplies the learning rate of these parameters.
    multiplier : float
        Multiplies what the layer of these parameters computes, in the model.
    weight_decay, epsilon : float
        Multiply AdamW's weight decay and epsilon.
    """

    match: str
    learning_rate: float = 1.0
    multiplier: float = 1.0
    weight_decay: float = 1.0
    epsilon: float = 1.0

    @property
    def is_plain(self) -> bool:
        """Whether the parameters need nothing beside their initialization."""
        return self == Share(self.match)


@dataclass(frozen=True, repr=False)
class Scheme(Sequence[Rule]):
    """Rules for any function that takes rules, with their table of learning rates and multipliers.

    Parameters
    ----------
    name : str
        The scheme's name.
    rules : tuple of Rule
        How the parameters begin.
    shares : tuple of Share
        The first whose pattern fits a name counts; others need nothing.
    settings : mapping of str to float or str
        What the model's code has to do, by name: such as the factor of a residual stream.
    source : str
        Where the scheme is described.

    Examples
    --------
    >>> import pyinit as pi
    >>> scheme = pi.scheme("mup", width=1024, base_width=256, depth=4)
    >>> [(share.learning_rate, share.multiplier) for share in scheme.shares if "q_proj" in share.match]
    [(0.25, 1.0)]
    >>> names = ["layers.0.q_proj.weight", "layers.0.norm.weight"]
    >>> scheme.groups(((name, name) for name in names), lr=0.01)
    [{'params': ['layers.0.q_proj.weight'], 'lr': 0.0025}, {'params': ['layers.0.norm.weight'], 'lr': 0.01}]
    """

    name: str
    rules: tuple[Rule, ...]
    shares: tuple[Share, ...] = ()
    settings: Mapping[str, float | str] = field(default_factory=dict)
    source: str = ""

    @overload
    def __getitem__(self, index: int) -> Rule: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Rule, ...]: ...

    def __getitem__(self, index: int | slice) -> Rule | tuple[Rule, ...]:
        return self.rules[index]

    def __len__(self) -> int:
        return len(self.rules)

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self.rules)} rules, {len(self.shares)} shares, {dict(self.settings)}>"

    def share(self, name: str) -> Share:
        """Return what the parameter of a name needs."""
        return self._first()(name) or Share(name)

    def _first(self) -> Callable[[str], Share | None]:
        """Return what finds the first share of a name: it does not look at all exact names."""
        exact: dict[str, tuple[int, Share]] = {}
        patterns: list[tuple[int, Share]] = []
        for at, share in enumerate(self.shares):
            exact.setdefault(share.match, (at, share))
            if any(sign in share.match for sign in "*?[|"):
                patterns.append((at, share))

        def first(name: str) -> Share | None:
            named = [exact[name]] if name in exact else []
            fitting = (entry for entry in patterns if fits(entry[1].match, name))
            found = [*named, *islice(fitting, 1)]
            return min(found, key=lambda entry: entry[0])[1] if found else None

        return first

    def groups(
        self,
        parameters: Mapping[str, Any] | Iterable[tuple[str, Any]],
        *,
        lr: float,
        weight_decay: float | None = None,
        eps: float | None = None,
    ) -> list[dict[str, Any]]:
        """Return an optimizer's groups of parameters, each with its learning rate.

        Parameters
        ----------
        parameters : mapping, or iterable of (name, parameter)
            Such as ``module.named_parameters()``.
        lr, weight_decay, eps : float
            Those of the model without the scheme, or of the base model. The last two are left to the
            optimizer if they are None, which is an error if the scheme changes them.

        Returns
        -------
        list of dict
            ``{"params": [...], "lr": ...}``, in the order of the first parameter of each; also with
            ``"weight_decay"`` and ``"eps"``, if they are given.

        Raises
        ------
        RecipeError
            If a share with a learning rate of its own fits none of the parameters, no rule is for one of
            them or the rule refuses it, or the scheme changes what is not given.
        """
        given = {"lr": number("lr", lr, least=0.0, advice="Correct it.")}
        for name, value in (("weight_decay", weight_decay), ("eps", eps)):
            if value is not None:
                given[name] = number(name, value, least=0.0, advice="Correct it.")
            elif any(getattr(share, _FACTORS[name]) != 1.0 for share in self.shares):
                raise RecipeError(
                    f"{self.name} changes {name} of some parameters; got none. Give groups(..., {name}=...), "
                    "the value of the base model."
                )
        named = list(parameters.items() if isinstance(parameters, Mapping) else parameters)
        found: dict[tuple[float, ...], list[Any]] = {}
        used = set()
        first = self._first()
        decide = deciding(replace(rule, kernels_only=False, no_kernels=False) for rule in self.rules)
        for name, parameter in named:
            rule = decide(name, True)
            if rule is None or rule.recipe.is_refusal:
                raise RecipeError(
                    f"{self.name} has no rule for the parameter {name!r}, and so no learning rate. Give the "
                    "parameters of the model that the scheme is for, by the names that it was made from, and "
                    "others in a group of your own."
                )
            share = first(name) or Share(name)
            used.add(share.match)
            factors = tuple(getattr(share, _FACTORS[option]) for option in given)
            found.setdefault(factors, []).append(parameter)
        own = [share.match for share in self.shares if share.learning_rate != 1.0]
        if own and not used & set(own):
            raise RecipeError(
                f"{self.name} gives learning rates to {own[0]!r} and others; none of the {len(named)} "
                "parameters "
                "has such a name. Give the parameters of the model that the scheme is for."
            )
        return [
            {"params": each}
            | {name: given[name] * factor for name, factor in zip(given, factors, strict=True)}
            for factors, each in found.items()
        ]

    def lines(self, names: Iterable[str] | None = None) -> Iterator[str]:
        """Yield the lines of a table: learning rates, multipliers, and the settings.

        Parameters
        ----------
        names : iterable of str, optional
            The parameters of a model, of which layers that need the same share a line; by default the lines
            are those of the patterns.
        """
        shares = self.shares if names is None else tuple(self._shares_of(names))
        heads = ["learning_rate", "multiplier"]
        heads += [
            one for one in ("weight_decay", "epsilon") if any(getattr(each, one) != 1 for each in shares)
        ]
        rows = [[*(head.replace("_", " ") for head in heads), "parameters"]]
        rows += [[*(f"{getattr(share, head):.6g}" for head in heads), share.match] for share in shares]
        if shares:
            yield from aligned(rows, range(len(heads)))
        for name, value in self.settings.items():
            yield f"{name}: {value if isinstance(value, str) else f'{value:.6g}'}"

    def _shares_of(self, names: Iterable[str]) -> Iterator[Share]:
        """Yield what the parameters of these names need, once for all layers that need the same."""
        first = self._first()
        told = set()
        for name in names:
            share = first(name)
            if share is not None and not share.is_plain:
                one = replace(share, match=re.sub(r"(?<=[._])\d+(?=\.)", "*", name))
                if one not in told:
                    told.add(one)
                    yield one

    def __str__(self) -> str:
        return "\n".join(self.lines())


# what a share calls that which an optimizer's group has under this name
_FACTORS = {"lr": "learning_rate", "weight_decay": "weight_decay", "eps": "epsilon"}
