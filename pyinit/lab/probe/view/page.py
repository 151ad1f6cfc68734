"""Reports as one HTML page: its picture and style are inside, it loads nothing."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

from ....linalg.statistics import Moments
from ....text import percent, short
from ..record import LayerReport, Record
from .picture import plot

__all__ = ["page"]

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto;
  max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 0.3rem; }
img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child, .word { text-align: left; }
.ill { color: #b00020; font-weight: 600; }
.band { color: #666; font-size: 12px; }
"""
_HEAD = (
    "layer", "shape", "activation", "recipe", "z mean", "z rms", "theory", "activation rms", "flat", "dead",
    "gradient rms", "weight rms", "weight gradient rms",
)  # fmt: skip


def page(reports: Sequence[Record]) -> str:
    """Return the page of one report, or of several side by side."""
    picture = io.BytesIO()
    plot(reports).savefig(picture, format="png", dpi=110)
    encoded = base64.b64encode(picture.getvalue()).decode("ascii")
    title = "Probe: " + ", ".join(report.title or "network" for report in reports)
    description = "; ".join(f"{report.title or 'network'}: {report.verdict.kind}" for report in reports)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<img alt="Histograms of every layer, mean squares by depth, heat maps. {escape(description)}" '
        f'src="data:image/png;base64,{encoded}">',
        *(_section(report) for report in reports),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _section(report: Record) -> str:
    head = f"{report.rows} rows, input mean {short(report.inputs.mean)}, rms {_rms(report.inputs)}, "
    head += f"seed {report.seed}, offset {report.offset}" if report.seed is not None else "given weights"
    if report.loss is not None:
        head += f", loss {short(report.loss)}"
    verdict = f'<span class="{_class(report.verdict.kind)}">{escape(report.verdict.kind)}</span>'
    lines = [
        f"<h2>{escape(report.title or 'network')}</h2><p>{escape(head)}</p>",
        f"<p>{verdict}: {escape(report.verdict.reason)} {escape(report.verdict.fix)}</p>",
        '<div class="wide"><table><thead><tr>',
        *(f"<th>{name}</th>" for name in _HEAD),
        '<th class="word">verdict</th></tr></thead><tbody>',
        *(_row(layer) for layer in report.layers),
        "</tbody></table></div>",
    ]
    return "\n".join(lines)


def _row(layer: LayerReport) -> str:
    found = layer.moments
    z, theory = found["pre-activation"], layer.predictions.get("pre-activation")
    predicted = ""
    if theory is not None:
        predicted = short(theory.second_moment**0.5)
        if theory.low is not None and theory.high is not None:
            low, high = short(theory.low**0.5), short(theory.high**0.5)
            predicted += f' <span class="band">{low} to {high}</span>'
    marks = [
        name
        for name in (layer.norm and f"{layer.norm} norm", layer.branch and f"skip, branch {layer.branch:.3g}")
        if name
    ]
    activation = ", ".join([layer.activation, *marks])
    cells = [
        escape(layer.name),
        f"{layer.inputs} × {layer.units}",
        escape(activation),
        escape(layer.recipe),
        short(z.mean),
        _rms(z),
        predicted,
        _rms(found["activation"]),
        percent(z.saturated),
        percent(found["activation"].dead),
        _rms(found.get("gradient")),
        _rms(found["weight"]),
        _rms(found.get("weight gradient")),
    ]
    words = f'<span class="{_class(layer.verdict.kind)}">{escape(layer.verdict.kind)}</span>'
    if layer.verdict.kind != "healthy":
        words += f": {escape(layer.verdict.reason)}"
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + f'<td class="word">{words}</td></tr>'


def _class(kind: str) -> str:
    return "well" if kind == "healthy" else "ill"


def _rms(moments: Moments | None) -> str:
    return "" if moments is None else short(moments.second_moment**0.5)
