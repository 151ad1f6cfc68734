"""CUDA devices, their driver and compiler."""

from __future__ import annotations

from collections.abc import Iterator

from ...cuda.report import described
from .finding import FAILS, FINE, NOTE, Finding

__all__ = ["devices"]


def devices() -> Iterator[Finding]:
    """Yield what was found about CUDA devices."""
    lines = described()
    if lines["cuda"].startswith("none: "):
        advice = "Without a device pyinit fills on the CPU; the bits are the same."
        yield Finding("cuda", NOTE, lines["cuda"].removeprefix("none: "), advice)
        return
    for topic, line in lines.items():
        if line.startswith("none: "):
            advice = "pip install 'pyinit-nn[cuda]'"
            yield Finding(topic, FAILS, line.removeprefix("none: "), advice)
        else:
            yield Finding(topic, FINE, line)
