"""Verdicts on a network and its layers, from what they are and what a run has shown."""

from __future__ import annotations

from collections.abc import Sequence

from ..measure.facts import LayerFacts
from ..measure.measure import Measured
from .evidence import evidence_of
from .remedy import Probed, remedy
from .sentences import NETWORK, Wording, verdicts
from .verdict import Verdict

__all__ = ["judged", "layer_names"]


def judged(
    facts: tuple[LayerFacts, ...], measured: Measured, names: Sequence[str], wording: Wording = NETWORK
) -> tuple[tuple[Verdict, ...], Verdict]:
    """Return a verdict on each layer, and one on the network."""
    probed = Probed(facts, measured, names)
    return verdicts(evidence_of(facts, measured), names, lambda found: remedy(probed, found), wording)


def layer_names(count: int) -> list[str]:
    """Return the names of a network's layers, as their parameters' names begin."""
    return [f"layers.{at}" for at in range(count)]
