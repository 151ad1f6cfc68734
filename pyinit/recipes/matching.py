"""Finds the rule that decides for a name, and refuses rules that match nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ..errors import RecipeError
from .names import nearest
from .rules import Rule, fits

__all__ = ["check_matched", "deciding", "effective"]


def deciding(rules: Iterable[Rule]) -> Callable[[str, bool], Rule | None]:
    """Return a function of (name, is_kernel) that returns the first rule that matches, or None.

    Its time grows with the number of patterns only, not with that of exact names.
    """
    exact: dict[str, list[tuple[int, Rule]]] = {}
    patterns: list[tuple[int, Rule]] = []
    for at, rule in enumerate(rules):
        exact.setdefault(rule.match, []).append((at, rule))
        if not _is_exact(rule.match):
            patterns.append((at, rule))

    def first_match(name: str, is_kernel: bool) -> Rule | None:
        named = next(
            ((at, rule) for at, rule in exact.get(name, ()) if rule.matches(name, is_kernel=is_kernel)),
            None,
        )
        for at, rule in patterns:
            if named is not None and named[0] <= at:
                break
            if rule.matches(name, is_kernel=is_kernel):
                return rule
        return None if named is None else named[1]

    return first_match


def effective(rules: Iterable[Rule], tensors: Iterable[tuple[str, bool]]) -> tuple[Rule, ...]:
    """Return the rules that decide for a tensor, each with the alternatives that match one.

    Parameters
    ----------
    rules : iterable of Rule
        In order.
    tensors : iterable of (str, bool)
        Each tensor's name, and whether it is a kernel.

    Returns
    -------
    tuple of Rule
        They decide as `rules` do, and `check_matched` accepts them.
    """
    listed, held = tuple(rules), list(tensors)
    decide = deciding(listed)
    used = {id(decide(name, is_kernel)) for name, is_kernel in held}

    def narrowed(rule: Rule) -> Rule:
        parts = rule.match.split("|")
        met = [part for part in parts if any(fits(part, name) for name, _ in held)]
        return replace(rule, match="|".join(met)) if met else rule

    return tuple(narrowed(rule) for rule in listed if id(rule) in used)


def _is_exact(match: str) -> bool:
    return not any(sign in match for sign in "*?[|")


def check_matched(
    rules: Iterable[Rule], names: Iterable[str], aliases: Mapping[str, str] | None = None
) -> None:
    """Refuse a caller's rule that matches no tensor, and an exact name that an earlier rule decides.

    Parameters
    ----------
    rules : iterable of Rule
        The rules that the caller gave, without conventions and a model's own rules.
    names : iterable of str
        The names of the model's tensors.
    aliases : mapping of str to str, optional
        Names of tensors that share another tensor, each with the name of that tensor.

    Raises
    ------
    RecipeError
        The message names the nearest names. Of alternatives (``a|b``), each exact name must match a tensor,
        and the pattern at least one.

    Examples
    --------
    >>> from pyinit.recipes.matching import check_matched
    >>> from pyinit.recipes.rules import Rule
    >>> check_matched([Rule("*.wieght", "zeros")], ["l1.weight", "l1.bias"])
    Traceback (most recent call last):
    pyinit.errors.RecipeError: no parameter matches '*.wieght'. Did you mean l1.weight?
    """
    known = dict.fromkeys(names)
    if not known:
        return
    # rules that apply to every name they match, a kernel's or not
    before: dict[str, None] = {}
    for rule in rules:
        if rule.match in known and (first := _deciding_match(before, rule.match)) is not None:
            raise RecipeError(
                f"the rule for {rule.match!r} has no effect: {first!r} is before it, and decides. "
                f"Put {rule.match!r} first."
            )
        if not (rule.kernels_only or rule.no_kernels):
            before[rule.match] = None
        if rule.match in known or rule.optional:
            continue
        exact = [part for part in rule.match.split("|") if _is_exact(part)]
        missing = [part for part in exact if part not in known]
        if not exact and not any(fits(rule.match, name) for name in known):
            missing = [rule.match]
        if missing:
            told = _unmatched(missing[0], known, aliases or {})
            raise RecipeError(f"{told} {rule.advice}".rstrip())


def _deciding_match(matches: Mapping[str, None], name: str) -> str | None:
    """Return the first of the patterns that a name fits, if the name is no pattern itself."""
    if not _is_exact(name):
        return None
    if name in matches:
        return name
    return next((match for match in matches if not _is_exact(match) and fits(match, name)), None)


_SHOWN = 4


def _unmatched(match: str, names: Iterable[str], aliases: Mapping[str, str]) -> str:
    parts = match.split("|")
    told = (
        repr(match)
        if len(parts) <= _SHOWN
        else f"{'|'.join(parts[:_SHOWN])!r} or {len(parts) - _SHOWN} others"
    )
    for alias, owner in aliases.items():
        if fits(match, alias):
            return f"no parameter of its own matches {told}: {alias} shares {owner}. Name {owner}."
    names = list(names)
    found = nearest(match, names)
    if found:
        return f"no parameter matches {told}. Did you mean {', '.join(found)}?"
    listed = ", ".join(names[:3])
    return f"no parameter matches {told}. The names are {listed}{', ...' if len(names) > 3 else ''}."
