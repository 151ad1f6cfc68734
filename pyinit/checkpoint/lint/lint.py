"""`pyinit.lint`: every rule on a model that is decided."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import SpecError
from ...stream.strict_json import parsed
from ..blueprint import Blueprint, draw_up
from ..families.lookup import find_spec
from ..plan import CheckpointPlan
from ..receipt import Receipt
from ..spec import Spec
from .counting import shard_fans, wrong_fans
from .depth import saturations, unscaled_residuals, zeros_in_series
from .finding import LintFinding, LintReport, together
from .reading import is_receipt, of_blueprint, of_receipt
from .streams import double_ties, reused_streams
from .subject import Subject
from .values import empty_fans, large_biases, truncations, underflows, zero_norms

__all__ = ["held", "lint", "lint_subject"]

_RULES: tuple[Callable[[Subject], Iterator[LintFinding]], ...] = (
    zeros_in_series,
    double_ties,
    reused_streams,
    empty_fans,
    underflows,
    zero_norms,
    wrong_fans,
    shard_fans,
    saturations,
    truncations,
    large_biases,
    unscaled_residuals,
)


def lint_subject(subject: Subject) -> LintReport:
    """Return what all rules find."""
    found = together(finding for rule in _RULES for finding in rule(subject))
    return LintReport(subject.source, len(subject.tensors), found)


def lint(
    what: Spec | Blueprint | CheckpointPlan | Receipt | Mapping[str, Any] | str | os.PathLike[str],
    recipes: object = None,
    *,
    dtype: str | None = None,
) -> LintReport:
    """Find what an initialization gets wrong, in the numbers that decide it; no weight is drawn.

    ===================== ======== =======================================================================
    kind                  severity what is wrong
    ===================== ======== =======================================================================
    truncation            warning  bounds so far out that no draw is cut, such as +-2 around std 0.02
    wrong fan             warning  a std that counts groups, fused layers, experts or transposed axes wrongly
    shard fan             warning  a std that fits the fan of a part (info where only the number suggests it)
    reused stream         error    tensors with one key, or whose streams overlap (info where it may be a tie)
    saturation            warning  layers that mean-field theory puts where their activation is flat
    zeros in series       error    two zero kernels of which each gets its gradient through the other
    unscaled residual     info     12 or more layers whose branches end as wide as they begin
    tied but drawn twice  error    an embedding and a head that the configuration ties
    zero norm             warning  a norm that multiplies by zero, and neither adds one nor ends a branch
    large bias            warning  random biases that outweigh a normalized input
    underflow             both     a std, or a constant, near or below the smallest number of its dtype
    empty fan, not finite both     kernels without elements, and numbers that are infinite or NaN
    ===================== ======== =======================================================================

    Parameters
    ----------
    what : Spec, plan, receipt, mapping, str or path
        What `pyinit.write_checkpoint` takes, or what `pyinit.plan_checkpoint` or it returns; or the file of a
        plan or a receipt, or a directory with an ``init.json``. For modules there is `pyinit.torch.lint`.
    recipes, dtype
        As `pyinit.write_checkpoint` takes them; not for plans and receipts, which hold them.

    Returns
    -------
    LintReport
        A sequence of `LintFinding`, each with its tensors, the reason and the fix; ``str()`` is a report.

    Raises
    ------
    RecipeError, ShapeError, DTypeError, SpecError, FormatError
        As `pyinit.write_checkpoint`, or if a file is neither of these; if recipes or a dtype come with
        what holds them already.

    Notes
    -----
    A rule speaks only of what is known: of how a weight is used, from its spec, its owner or its name; of a
    number that was computed from a fan, if a known gain explains it and no right fan does.

    Examples
    --------
    >>> import pyinit as pi
    >>> len(pi.lint({"l1.weight": (64, 32), "l1.bias": (64,)}, "he_normal"))
    0
    >>> print(pi.lint({"w": (64, 32)}, pi.normal(std=1e-8), dtype="float16"))
    error: underflow: w
        std 1e-08 is near 5.96e-08, the smallest number of float16: 100% of the values are rounded to zero.
        Fix: a dtype with more range (bfloat16, float32), or a larger std.
    spec: 1 error in 1 tensor
    """
    subject = held(what)
    if subject is not None:
        if recipes is not None or dtype is not None:
            raise SpecError(
                f"{subject.source} holds its recipes and dtype; leave them out, or give the spec alone"
            )
        return lint_subject(subject)
    model: Any = find_spec(what) if isinstance(what, str | os.PathLike) else what
    if not isinstance(model, Spec | Mapping):
        raise SpecError(
            "lint needs a spec, names and shapes, a plan, a receipt or their file; got "
            f"{type(model).__name__}. For a torch.nn.Module there is pyinit.torch.lint"
        )
    return lint_subject(of_blueprint(draw_up(model, recipes, 0, dtype)))


def held(what: Any) -> Subject | None:
    """Return the subject of what is decided already, or None where recipes are still to be asked for."""
    if isinstance(what, CheckpointPlan | Receipt):
        what = what.blueprint
    if isinstance(what, Blueprint):
        return of_blueprint(what)
    if is_receipt(what):
        return of_receipt(what, "receipt")
    if not isinstance(what, str | os.PathLike):
        return None
    path = Path(what)
    if path.is_dir() and (path / "init.json").is_file():
        path = path / "init.json"
    if not path.name.endswith(".json") or not path.is_file():
        return None
    text = path.read_bytes()
    if b'"pyinit_plan"' in text[:1000]:
        return of_blueprint(CheckpointPlan.from_json(text).blueprint)
    if b'"stream_version"' not in text:
        return None
    content = parsed(text, str(path), SpecError)
    if not is_receipt(content):
        return None
    assert isinstance(content, Mapping)
    beside = path.parent / "config.json"
    config = parsed(beside.read_bytes(), str(beside), SpecError) if beside.is_file() else None
    return of_receipt(content, str(path), config if isinstance(config, Mapping) else None)
