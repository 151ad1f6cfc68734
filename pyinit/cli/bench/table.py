"""The run as text: ratios beside their targets, then the rate that each contender reached."""

from __future__ import annotations

import statistics

from ...text import aligned
from .record import Record


def ratios(record: Record) -> list[str]:
    """Return the table of ratios: median, extremes over the rounds, target and whether it is met."""
    rows = [["case", "memory", "against", "isa", "ratio", "min - max", "target", "met"]]
    for ratio in record.ratios():
        met = {True: "yes", False: "NO", None: ""}[ratio.met]
        target = "" if ratio.target is None else ratio.show(ratio.target)
        extremes = f"{ratio.show(min(ratio.rounds))} - {ratio.show(max(ratio.rounds))}"
        name = [ratio.race, ratio.memory, ratio.against, ratio.isa]
        rows.append([*name, ratio.show(ratio.median), extremes, target, met])
    return aligned(rows, {4, 5, 6}, rule=True)


def rates(record: Record) -> list[str]:
    """Return the table of rates at each contender's median."""
    rows = [["case", "memory", "contender", "seconds", "rate"]]
    for race in record.races:
        for sample in race.samples:
            middle = statistics.median(sample.seconds)
            name = f"{sample.contender} {sample.detail}".strip()
            unit = {"B/s": "GB/s", "flop/s": "Gflop/s"}.get(sample.rate_unit, "Gelem/s")
            rows.append([race.name, race.memory, name, f"{middle:.3g}", f"{sample.rate / 1e9:.3f} {unit}"])
    return aligned(rows, {3, 4}, rule=True)


def cycles(record: Record) -> list[str]:
    """Return the table of cycles an element, and of each processor's model."""
    processors = list(dict.fromkeys(name for fill in record.cycles for name in fill.model))
    rows = [["fill", "isa", "cycles", "quartiles", *processors]]
    for fill in record.cycles:
        half = "{:.2f} - {:.2f}".format(*fill.middle_half)
        figures = [fill.model.get(name) for name in processors]
        models = ["" if pair is None else f"{pair[0]:.2f} / {pair[1]:.2f}" for pair in figures]
        rows.append([fill.fill, fill.isa, f"{fill.median:.2f}", half, *models])
    return aligned(rows, set(range(2, len(rows[0]))), rule=True)


def render(record: Record) -> str:
    """Return the whole report as text."""
    machine = record.machine
    absent = [name for name, version in machine["peers"].items() if version is None]
    present = [f"{name} {version}" for name, version in machine["peers"].items() if version]
    lines = [
        f"pyinit {machine['pyinit']} ({machine['isa']}, {record.threads} threads) on {machine['processor']}",
        f"{record.elements} elements; peers: {', '.join(present)}",
    ]
    if absent:
        lines.append(f"absent: {', '.join(absent)}")
    if record.races:
        lines += [
            "",
            "Seconds of the peer over seconds of pyinit, median of the rounds:",
            "",
            *ratios(record),
        ]
        lines += ["", "Rates at the median:", "", *rates(record)]
    if record.cycles:
        title = "Cycles an element, float32, one thread, output in the cache (zeros: beyond a normal's)"
        if any(fill.model for fill in record.cycles):
            title += "; by a processor's model: ports alone / with waiting"
        lines += ["", f"{title}:", "", *cycles(record)]
    for race in record.races:
        if "peak_mib" in race.notes:
            peak = race.notes["peak_mib"]
            lines += [
                "",
                f"{race.name}: peak memory {peak:.1f} MiB above the imported interpreter (at most 256)",
            ]
    return "\n".join(lines) + "\n"
