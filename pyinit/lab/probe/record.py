"""What a probe found, as data; tables, pictures and pages are made of it."""

from __future__ import annotations

from dataclasses import dataclass

from ...linalg.statistics import Moments
from .prediction.prediction import Prediction
from .verdict.verdict import Verdict

__all__ = ["LayerReport", "Record"]


@dataclass(frozen=True)
class LayerReport:
    """What a probe found of one layer.

    Parameters
    ----------
    name : str
        "layers.3", as its parameters' names begin.
    inputs, units : int
        Its weight has shape (inputs, units).
    activation, recipe, bias : str
        As they print; bias is empty for none.
    norm : str or None
        Normalization of z: "batch", "layer", or what a module of torch has.
    branch : float or None
        What the layer's product is multiplied by before it is added to the skip; None for no skip.
    moments : dict of str to Moments
        Measured, by kind: "pre-activation" is what enters phi (z, or z normalized), "activation" is phi of
        it, "gradient" is with respect to what enters phi (all of it, the skip's part too, where that is z),
        "weight" and "weight gradient".
    predictions : dict of str to Prediction
        By kind; empty where theory cannot follow the activation.
    verdict : Verdict
    """

    name: str
    inputs: int
    units: int
    activation: str
    recipe: str
    bias: str
    norm: str | None
    branch: float | None
    moments: dict[str, Moments]
    predictions: dict[str, Prediction]
    verdict: Verdict


@dataclass(frozen=True, eq=False, repr=False)
class Record:
    """The fields of a `Report`."""

    title: str
    rows: int
    seed: int | None
    offset: int
    inputs: Moments
    layers: tuple[LayerReport, ...]
    verdict: Verdict
    loss: float | None = None
