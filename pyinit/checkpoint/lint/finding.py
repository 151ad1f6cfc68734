"""Findings: what a rule found, of which tensors, with which numbers; sentences are made when asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...stream.strict_json import finite
from .folding import folded
from .sentences import Numbers, written

__all__ = ["SEVERITIES", "LintFinding", "LintReport", "together"]

#: From the least to the gravest. "info" is advice, or what may well be meant.
SEVERITIES = ("info", "warning", "error")
_SHOWN = 4


@dataclass(frozen=True)
class LintFinding:
    """One thing that is wrong, or may be.

    Parameters
    ----------
    kind : str
        Such as "truncation" or "wrong fan".
    severity : {"info", "warning", "error"}
        "error": it cannot train, or is not what its files say; "warning": not what the recipe's author meant;
        "info": advice.
    tensors : tuple of str
        Names of the tensors that share it.
    numbers : mapping
        What the sentences are made of.
    case : str
        Which of several forms of the kind it is.

    Examples
    --------
    >>> import pyinit as pi
    >>> (found,) = pi.lint({"w": (64, 32)}, pi.truncated_normal(std=0.02, unit="absolute"))
    >>> found.kind, found.severity, found.tensors, found.numbers["above"]
    ('truncation', 'warning', ('w',), 100.0)
    """

    kind: str
    severity: str
    tensors: tuple[str, ...]
    numbers: Numbers = field(default_factory=dict)
    case: str = ""

    @property
    def patterns(self) -> dict[str, int]:
        """Patterns of the tensors' names, with how many each stands for."""
        return folded(self.tensors)

    @property
    def reason(self) -> str:
        """What is wrong, in a sentence."""
        return written(self.kind, self.case, self.numbers)[0]

    @property
    def fix(self) -> str:
        """What to do, in a sentence."""
        return written(self.kind, self.case, self.numbers)[1]

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "patterns": self.patterns,
            "tensors": list(self.tensors),
            "numbers": finite(dict(self.numbers)),
            "reason": self.reason,
            "fix": self.fix,
        }


@dataclass(frozen=True)
class LintReport:
    """All findings on a model, the gravest first.

    Parameters
    ----------
    source : str
        What was looked at.
    tensors : int
        How many tensors it has.
    found : tuple of LintFinding
        Empty where nothing is wrong.

    Examples
    --------
    >>> import pyinit as pi
    >>> report: pi.LintReport = pi.lint("gpt2")
    >>> report.tensors, any(finding.severity == "error" for finding in report)
    (148, False)
    """

    source: str
    tensors: int
    found: tuple[LintFinding, ...]

    def __iter__(self) -> Iterator[LintFinding]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    @property
    def is_clean(self) -> bool:
        """Whether nothing but advice was found."""
        return all(finding.severity == "info" for finding in self.found)

    def of(self, kind: str) -> tuple[LintFinding, ...]:
        """Return the findings of a kind."""
        return tuple(finding for finding in self.found if finding.kind == kind)

    def to_dict(self) -> dict[str, Any]:
        """Return all findings as JSON values."""
        return {
            "source": self.source,
            "tensors": self.tensors,
            "findings": [finding.to_dict() for finding in self.found],
        }

    def to_json(self) -> str:
        """Return all findings as JSON."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    def __str__(self) -> str:
        return "\n".join([*self._lines(), f"{self.source}: {self._amount()}"])

    def _lines(self) -> Iterator[str]:
        groups: dict[tuple[str, str, str], list[LintFinding]] = {}
        for finding in self.found:
            groups.setdefault((finding.severity, finding.kind, finding.case), []).append(finding)
        for first, *others in groups.values():
            yield f"{first.severity}: {first.kind}: {_named(first.patterns)}"
            yield f"    {first.reason}."
            yield f"    Fix: {first.fix}."
            if others:
                # layers of other widths
                patterns: dict[str, int] = {}
                for name, count in (pair for other in others for pair in other.patterns.items()):
                    patterns[name] = patterns.get(name, 0) + count
                yield f"    So are, with other numbers: {_named(patterns)}."

    def _amount(self) -> str:
        counts = {name: sum(each.severity == name for each in self.found) for name in reversed(SEVERITIES)}
        said = [f"{n} {name}{'s' * (n > 1 and name != 'info')}" for name, n in counts.items() if n]
        return f"{', '.join(said) or 'nothing found'} in {self.tensors} tensor{'s' * (self.tensors != 1)}"


def _named(patterns: Mapping[str, int]) -> str:
    """Return the first patterns, with how many tensors each stands for."""
    named = [name if count == 1 else f"{name} ({count} tensors)" for name, count in patterns.items()]
    left = len(named) - _SHOWN
    more = f", and {left} more pattern{'s' * (left > 1)}" if left > 0 else ""
    return ", ".join(named[:_SHOWN]) + more


def together(found: Iterable[LintFinding]) -> tuple[LintFinding, ...]:
    """Return findings of one kind with the same numbers as one, the gravest first, else in order."""
    groups: dict[Any, list[LintFinding]] = {}
    for finding in found:
        same = (finding.kind, finding.case, finding.severity, tuple(sorted(finding.numbers.items(), key=str)))
        groups.setdefault(same, []).append(finding)
    joined = (
        LintFinding(
            first.kind,
            first.severity,
            tuple(dict.fromkeys(name for each in group for name in each.tensors)),
            first.numbers,
            first.case,
        )
        for group in groups.values()
        for first in group[:1]
    )
    return tuple(sorted(joined, key=lambda each: -SEVERITIES.index(each.severity)))
