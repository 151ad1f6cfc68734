"""What a probe returns: numbers, predictions and verdicts, layer by layer; printed, plotted, written."""

from __future__ import annotations

from dataclasses import dataclass, fields
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

from ...errors import FormatError
from ...linalg.statistics import Moments
from ...stream.arguments import brief
from ...stream.strict_json import JsonObject, finite, restored
from .prediction.prediction import Prediction
from .record import LayerReport, Record
from .verdict.verdict import Verdict
from .view.page import page
from .view.picture import plot
from .view.table import table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Report"]

_FORMAT = 1


@dataclass(frozen=True, eq=False, repr=False)
class Report(Record, JsonObject):
    """What a network does before it has learned anything, layer by layer; `print` shows a table.

    Parameters
    ----------
    title : str
        What it is called in tables and plots.
    rows : int
        Rows that went through.
    seed, offset : int
        The key; the seed is None where none decides the weights, as of a module of torch.
    inputs : Moments
        Of the data.
    layers : tuple of LayerReport
    verdict : Verdict
        On the network.
    loss : float or None
        Of the targets, where there were any.

    Examples
    --------
    >>> import pyinit as pi
    >>> report = pi.probe(pi.mlp([8, 16, 16, 1], "tanh"), pi.data.abalone().inputs, key=0)
    >>> report.verdict.kind
    'healthy'
    >>> pi.Report.from_json(report.to_json()) == report
    True
    """

    _json_name: ClassVar[str] = "a report"

    def __eq__(self, other: object) -> bool:
        # by what is written: a loss that is NaN is not equal to itself
        return self.to_dict() == other.to_dict() if isinstance(other, Report) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return table(self)

    def __repr__(self) -> str:
        title = f"{self.title!r}: " if self.title else ""
        return f"Report({title}{len(self.layers)} layers, {self.rows} rows; {self.verdict.kind})"

    def plot(self, path: str | PathLike[str] | None = None) -> Figure:
        """Draw histograms layer by layer, rms by depth beside theory, and a heat map; needs matplotlib.

        Parameters
        ----------
        path : str or path, optional
            Where to save the picture; its ending says the format (png, svg, pdf).

        Returns
        -------
        matplotlib.figure.Figure
        """
        return plot([self], path)

    def to_html(self) -> str:
        """Return the report as one HTML page that needs nothing else; needs matplotlib for its picture."""
        return page([self])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dict of JSON values; infinities and NaN become strings."""
        content: dict[str, Any] = {"report": _FORMAT}
        content |= {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        return dict(finite(content))

    @classmethod
    def _read(cls, content: dict[str, Any]) -> Report:
        version = content.pop("report", None)
        if version != _FORMAT:
            raise FormatError(
                f'a report needs "report": {_FORMAT}; got {brief(version)}. Read what to_json wrote.'
            )
        content["inputs"] = Moments.from_dict(content["inputs"])
        content["verdict"] = Verdict.from_dict(content["verdict"])
        content["loss"] = restored(content["loss"])
        content["layers"] = tuple(_layer(layer) for layer in content["layers"])
        report = cls(**content)
        # a value of another type raises an error now, not when somebody prints the report
        str(report)
        return report


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Verdict):
        return value.to_dict()
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


def _layer(content: Any) -> LayerReport:
    values = dict(content)
    values["moments"] = {kind: Moments.from_dict(item) for kind, item in values["moments"].items()}
    values["predictions"] = {
        kind: Prediction(**{name: restored(value) for name, value in item.items()})
        for kind, item in values["predictions"].items()
    }
    values["verdict"] = Verdict.from_dict(values["verdict"])
    return LayerReport(**values)
