"""What a network does before it has learned anything: activations and gradients, layer by layer."""

from __future__ import annotations

from ..moments import Histogram, LinearAxis, LogAxis, Moments
from .prediction import Prediction
from .record import LayerReport
from .report import Report
from .run import probe
from .verdict import Remedy, Verdict

__all__ = [
    "Histogram",
    "LayerReport",
    "LinearAxis",
    "LogAxis",
    "Moments",
    "Prediction",
    "Remedy",
    "Report",
    "Verdict",
    "probe",
]
